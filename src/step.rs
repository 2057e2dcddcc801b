//! Named steps of work on disk, at which tests stop it or have it fail. In a release nothing is left of them.
//!
//! A test names a folder in `ORANGERY_STEPS`. Each step that is passed becomes a line of the file `passed` there. The file
//! `armed` holds three lines: a step's name, how often that is passed before, and what happens then: `wait`, or the number
//! of an error (errno(3)) that writing fails with. Work that waits renames `armed` to `reached`, and goes on when that is
//! gone.

#[cfg(not(debug_assertions))]
use std::{io, path::Path};

/// Work has come to this step. It may never come further.
#[cfg(not(debug_assertions))]
pub fn at(_name: &str) {}

/// The same before a file is written, which may fail.
#[cfg(not(debug_assertions))]
pub fn write(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(debug_assertions)]
pub use watched::{at, write};

#[cfg(debug_assertions)]
mod watched {
    use std::ffi::OsStr;
    use std::fs::{File, OpenOptions};
    use std::io::{self, Write as _};
    use std::path::{Path, PathBuf};
    use std::sync::{Mutex, OnceLock, PoisonError};
    use std::time::Duration;

    const LOOK_AGAIN: Duration = Duration::from_millis(2);

    /// Work has come to this step. It may never come further.
    pub fn at(name: &str) {
        if let Some(folder) = folder() {
            pass(folder, name).ok(); // Only writing is made to fail.
        }
    }

    /// The same before a file is written, which may fail.
    pub fn write(path: &Path) -> io::Result<()> {
        folder().map_or(Ok(()), |folder| pass(folder, &writing(path)))
    }

    fn folder() -> Option<&'static PathBuf> {
        static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
        let folder = FOLDER.get_or_init(|| std::env::var_os("ORANGERY_STEPS").map(PathBuf::from));
        folder.as_ref()
    }

    /// What writing a file is called: records by their names, what has an id for a name by its folder.
    fn writing(path: &Path) -> String {
        let text = |part: Option<&OsStr>| part.unwrap_or_default().display().to_string();
        let (stem, name) = (text(path.file_stem()), text(path.file_name()));
        match stem.parse::<uuid::Uuid>() {
            Ok(_) => format!("write in {}", text(path.parent().and_then(Path::file_name))),
            Err(_) => format!("write {name}"),
        }
    }

    fn pass(folder: &Path, name: &str) -> io::Result<()> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = folder.join("passed");
        let mut passed = OpenOptions::new().append(true).create(true).open(passed)?;
        passed.write_all(format!("{name}\n").as_bytes())?;
        let armed = folder.join("armed");
        let Ok(text) = std::fs::read_to_string(&armed) else {
            return Ok(());
        };
        let mut lines = text.lines();
        if lines.next() != Some(name) {
            return Ok(());
        }
        let before: u32 = lines.next().and_then(|n| n.parse().ok()).unwrap_or(0);
        let what = lines.next().unwrap_or_default();
        if before > 0 {
            let text = format!("{name}\n{}\n{what}\n", before - 1);
            return File::create(&armed)?.write_all(text.as_bytes());
        }
        let reached = folder.join("reached");
        std::fs::rename(&armed, &reached)?;
        drop(turn);
        match what.parse() {
            Ok(errno) => Err(io::Error::from_raw_os_error(errno)),
            Err(_) => {
                while reached.exists() {
                    std::thread::sleep(LOOK_AGAIN);
                }
                Ok(())
            }
        }
    }
}
