//! What a guest said on its serial port, in files of its machine that stay small.
//!
//! `log/serial.log` and, older, `log/serial.log.1` are of the run that goes on or was last; the end of the run before
//! is `log/serial-before.log`. Raw bytes, and not for others: a guest may say secrets there.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// A file that grew to this becomes the older one, bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// How much of a run is ever read back, bytes.
const MAX_TAIL: u64 = 1024 * 1024;

/// The log of a machine that runs. Losing the file never stops the machine.
#[derive(Debug)]
pub struct SerialLog {
    folder: PathBuf,
    file: File,
    length: u64,
}

impl SerialLog {
    /// Begins the log of a new run in the machine's folder; the end of the last run is kept.
    pub fn begin(machine: &Path) -> io::Result<Self> {
        let folder = log_folder(machine);
        make_private(&folder)?;
        let last = tail(machine)?;
        if !last.is_empty() {
            let before = folder.join("serial-before.log");
            remove(&before)?;
            let mut file = options().write(true).create_new(true).open(&before)?;
            file.write_all(&last)?;
        }
        remove(&older(&folder))?;
        remove(&newest(&folder))?;
        Self::go_on(machine)
    }

    /// Goes on with the log of a run that another owner began.
    pub fn go_on(machine: &Path) -> io::Result<Self> {
        let folder = log_folder(machine);
        make_private(&folder)?;
        let file = open(&folder)?;
        let length = file.metadata()?.len();
        Ok(Self {
            folder,
            file,
            length,
        })
    }

    /// Adds what the guest said.
    pub fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        if self.length >= MAX_FILE {
            fs::rename(newest(&self.folder), older(&self.folder))?;
            self.file = open(&self.folder)?;
            self.length = 0;
        }
        Ok(())
    }
}

/// The end of what the guest said in the run that goes on or was last, at most 1 MiB.
pub fn tail(machine: &Path) -> io::Result<Vec<u8>> {
    let folder = log_folder(machine);
    let new = end_of(&newest(&folder), MAX_TAIL)?;
    let mut bytes = end_of(&older(&folder), MAX_TAIL - new.len() as u64)?;
    bytes.extend(new);
    Ok(bytes)
}

fn log_folder(machine: &Path) -> PathBuf {
    machine.join("log")
}

fn newest(folder: &Path) -> PathBuf {
    folder.join("serial.log")
}

fn older(folder: &Path) -> PathBuf {
    folder.join("serial.log.1")
}

fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Ours alone; never through a link, and never waiting for the other end of a pipe.
fn options() -> OpenOptions {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let mut options = OpenOptions::new();
    options
        .mode(0o600)
        .custom_flags(i32::try_from(flags).unwrap_or_default());
    options
}

fn open(folder: &Path) -> io::Result<File> {
    options().append(true).create(true).open(newest(folder))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The last `most` bytes of a file; nothing where there is none.
fn end_of(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut file = match options().read(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_log_goes_on_over_owners_and_the_run_before_is_kept() {
        let machine = tempfile::tempdir().unwrap();
        let machine = machine.path();
        SerialLog::begin(machine).unwrap().add(b"one ").unwrap();
        SerialLog::go_on(machine).unwrap().add(b"two").unwrap();
        assert_eq!(tail(machine).unwrap(), b"one two");
        let mut second = SerialLog::begin(machine).unwrap();
        assert_eq!(tail(machine).unwrap(), b"");
        second.add(b"three").unwrap();
        assert_eq!(tail(machine).unwrap(), b"three");
        let log = machine.join("log");
        assert_eq!(fs::read(log.join("serial-before.log")).unwrap(), b"one two");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&log), 0o700);
        assert_eq!(mode(&log.join("serial.log")), 0o600);
    }

    #[test]
    fn a_log_stays_small_however_much_the_guest_says() {
        let machine = tempfile::tempdir().unwrap();
        let machine = machine.path();
        let mut log = SerialLog::begin(machine).unwrap();
        let block = vec![b'y'; 64 * 1024];
        for _ in 0..100 {
            log.add(&block).unwrap();
        }
        log.add(b"the end").unwrap();
        let size: u64 = fs::read_dir(machine.join("log"))
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum();
        assert!(size <= 2 * MAX_FILE + block.len() as u64, "{size}");
        let tail = tail(machine).unwrap();
        assert_eq!(tail.len() as u64, MAX_TAIL);
        assert!(tail.ends_with(b"the end"));
    }

    #[test]
    fn a_link_in_the_logs_place_is_not_followed() {
        let machine = tempfile::tempdir().unwrap();
        let target = machine.path().join("diary");
        let mut diary = File::create(&target).unwrap();
        diary.write_all(b"mine").unwrap();
        fs::create_dir(machine.path().join("log")).unwrap();
        std::os::unix::fs::symlink(&target, machine.path().join("log/serial.log")).unwrap();
        assert!(SerialLog::go_on(machine.path()).is_err());
        assert_eq!(fs::read(&target).unwrap(), b"mine");
    }
}
