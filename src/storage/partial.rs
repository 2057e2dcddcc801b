//! A file that grows under a `.partial` name and gets its own once it is whole.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{self, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

/// A file that is not whole yet. Dropping it removes it.
pub(super) struct Partial {
    pub path: PathBuf,
    file: File,
    kept: bool,
}

impl Partial {
    /// A new file beside `target`; one that exists is refused, as an existing `target` is.
    pub fn begin(target: &Path) -> io::Result<Self> {
        // Renaming would refuse it too, but only after all the work.
        if target.symlink_metadata().is_ok() {
            return Err(Errno::EXIST.into());
        }
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let path = target.with_file_name(name);
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::open(&path, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(Self {
            path,
            file: File::from(file),
            kept: false,
        })
    }

    pub fn length(&self) -> u64 {
        self.file.metadata().map_or(0, |found| found.len())
    }

    /// Makes it durable under its own name. Something that got there meanwhile stays.
    pub fn finish(mut self, target: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        let flags = RenameFlags::NOREPLACE;
        match fs::renameat_with(fs::CWD, &self.path, fs::CWD, target, flags) {
            // File systems that can't: a file of ours takes the name first.
            Err(Errno::INVAL | Errno::NOSYS) => {
                File::create_new(target)?;
                std::fs::rename(&self.path, target)?;
            }
            other => other?,
        }
        self.kept = true;
        File::open(target.parent().unwrap_or(Path::new("/")))?.sync_all()
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.kept {
            std::fs::remove_file(&self.path).ok(); // The error that counts is the first one.
        }
    }
}
