//! Opening files that may not be what they seem, their sizes, and free space.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use rustix::fs::{self, FileType, Mode, OFlags};
use serde::{Deserialize, Serialize};

use super::LibraryError;
use crate::model::ByteSize;

/// The most that is read of a record; a machine file has about 4 KiB.
pub const RECORD_LIMIT: u64 = 1 << 20;

/// What a thing that should have been a plain file is.
pub fn describe(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a plain file",
        FileType::Directory => "a folder",
        FileType::Symlink => "a link",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "something unknown",
    }
}

fn read_error(path: &Path, source: impl Into<io::Error>) -> LibraryError {
    LibraryError::Read {
        path: path.to_owned(),
        source: source.into(),
    }
}

/// Opens a plain file for reading: never waits for a pipe, never follows a link at `path` itself.
pub fn open_plain(path: &Path) -> Result<File, LibraryError> {
    #[cfg(test)]
    super::tests::FILES_OPENED.add(1);
    let found = fs::lstat(path).map_err(|error| read_error(path, error))?;
    refuse_odd(path, FileType::from_raw_mode(found.st_mode))?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = fs::open(path, flags, Mode::empty()).map_err(|error| read_error(path, error))?;
    let opened = fs::fstat(&file).map_err(|error| read_error(path, error))?;
    refuse_odd(path, FileType::from_raw_mode(opened.st_mode))?;
    Ok(File::from(file))
}

fn refuse_odd(path: &Path, kind: FileType) -> Result<(), LibraryError> {
    if kind == FileType::RegularFile {
        return Ok(());
    }
    Err(LibraryError::NotAFile {
        path: path.to_owned(),
        found: describe(kind),
    })
}

/// Reads a plain file of at most [`RECORD_LIMIT`] bytes as text.
pub fn read_record(path: &Path) -> Result<String, LibraryError> {
    let file = open_plain(path)?;
    let mut bytes = Vec::new();
    file.take(RECORD_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| read_error(path, error))?;
    if bytes.len() as u64 > RECORD_LIMIT {
        let size = std::fs::symlink_metadata(path).map_or(RECORD_LIMIT + 1, |data| data.len());
        return Err(LibraryError::TooBig {
            path: path.to_owned(),
            size,
            limit: RECORD_LIMIT,
        });
    }
    String::from_utf8(bytes).map_err(|error| LibraryError::Damaged {
        path: path.to_owned(),
        problem: format!(
            "it is not text (byte {} is not UTF-8)",
            error.utf8_error().valid_up_to()
        ),
    })
}

/// Checks that `path` itself is a folder and not a link to one.
pub fn check_folder(path: &Path) -> Result<(), LibraryError> {
    let found = fs::lstat(path).map_err(|error| read_error(path, error))?;
    match FileType::from_raw_mode(found.st_mode) {
        FileType::Directory => Ok(()),
        other => Err(LibraryError::NotAFolder {
            path: path.to_owned(),
            found: describe(other),
        }),
    }
}

/// Makes a folder that only the user can look into; an existing folder is fine.
pub fn make_folder(path: &Path) -> Result<(), LibraryError> {
    match fs::mkdir(path, Mode::RWXU) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::EXIST) => check_folder(path),
        Err(error) => Err(LibraryError::Write {
            path: path.to_owned(),
            source: error.into(),
        }),
    }
}

/// Makes sure that names made, renamed or removed in `folder` survive a power cut.
pub fn sync_folder(folder: &Path) -> Result<(), LibraryError> {
    let written = |error: rustix::io::Errno| LibraryError::Write {
        path: folder.to_owned(),
        source: error.into(),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = fs::open(folder, flags, Mode::empty()).map_err(written)?;
    fs::fsync(&opened).map_err(written)
}

/// Writes a file in place of another, without the care that a record needs: what is cut off is only missing.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), LibraryError> {
    let written = |source: io::Error| LibraryError::Write {
        path: path.to_owned(),
        source,
    };
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(written(error)),
        Ok(()) | Err(_) => {}
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file =
        fs::open(path, flags, Mode::RUSR | Mode::WUSR).map_err(|error| written(error.into()))?;
    File::from(file).write_all(bytes).map_err(written)
}

/// Bytes that `path` takes on disk, with everything below it; links count as themselves.
///
/// Looks at most 8 levels deep and at 100,000 entries; what can't be read counts nothing.
pub fn allocated(path: &Path) -> ByteSize {
    let mut left = 100_000;
    ByteSize(allocated_below(path, 8, &mut left))
}

fn allocated_below(path: &Path, depth: u32, left: &mut u32) -> u64 {
    let Ok(found) = fs::lstat(path) else {
        return 0;
    };
    let own = u64::try_from(found.st_blocks).unwrap_or(0) * 512;
    if FileType::from_raw_mode(found.st_mode) != FileType::Directory || depth == 0 {
        return own;
    }
    let Ok(entries) = std::fs::read_dir(path) else {
        return own;
    };
    let mut sum = own;
    for entry in entries.flatten() {
        if *left == 0 {
            break;
        }
        *left -= 1;
        sum += allocated_below(&entry.path(), depth - 1, left);
    }
    sum
}

/// What a disk used in place looked like when the library last let go of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    pub size: ByteSize,
    /// Nanoseconds since 1970 of the last change, as the file system says.
    pub modified_ns: u64,
}

impl Sighting {
    /// Looks at the file now; a link to it is followed.
    pub fn take(path: &Path) -> Result<Self, LibraryError> {
        let found = fs::stat(path).map_err(|error| read_error(path, error))?;
        let seconds = u64::try_from(found.st_mtime).unwrap_or(0);
        let size = match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => u64::try_from(found.st_size).unwrap_or(0),
            // The length of a device is not in its inode.
            _ => 0,
        };
        Ok(Self {
            size: ByteSize(size),
            modified_ns: seconds
                .saturating_mul(1_000_000_000)
                .saturating_add(u64::from(found.st_mtime_nsec as u32)),
        })
    }

    /// What changed from `self` to `now`; `None` if it is the same.
    pub fn difference(&self, now: &Self) -> Option<String> {
        if self.size != now.size {
            return Some(format!("it was {} and is {} now", self.size, now.size));
        }
        (self.modified_ns != now.modified_ns).then(|| "something else wrote to it".to_owned())
    }
}

/// A file system's room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    pub total: ByteSize,
    /// What an ordinary user may still fill.
    pub free: ByteSize,
}

/// The room on the file system that holds `path`, or its nearest existing parent.
pub fn free_space(path: &Path) -> Result<Space, LibraryError> {
    let existing = path
        .ancestors()
        .find(|place| place.exists())
        .unwrap_or(Path::new("/"));
    let found = fs::statvfs(existing).map_err(|error| read_error(existing, error))?;
    Ok(Space {
        total: ByteSize(found.f_blocks.saturating_mul(found.f_frsize)),
        free: ByteSize(found.f_bavail.saturating_mul(found.f_frsize)),
    })
}
