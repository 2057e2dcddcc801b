//! Saving small files so that neither a crash nor a full disk can lose them.
//!
//! A new file beside the old one, fsync, the old one kept under a second name, rename, fsync of
//! the folder. At no moment is there no readable newest file.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use uuid::Uuid;

use super::LibraryError;
use super::files::{RECORD_LIMIT, describe};
use crate::step;

/// How many previous versions of a file are kept: `machine.ron.1` is the youngest.
pub const GENERATIONS: u32 = 3;

const TEMP_SUFFIX: &str = ".new";

/// Writes `bytes` to `path`, keeping previous versions. When this returns, a power cut no longer
/// loses the new version; when it fails, the old one is still there.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), LibraryError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(LibraryError::Unsavable {
            problem: format!("“{}” is not a file name", path.display()),
        });
    };
    let failed = |source: io::Error| LibraryError::Write {
        path: path.to_owned(),
        source,
    };
    // What would not be read again must not replace what is.
    if bytes.len() as u64 > RECORD_LIMIT {
        return Err(LibraryError::TooBig {
            path: path.to_owned(),
            size: bytes.len() as u64,
            limit: RECORD_LIMIT,
        });
    }
    refuse_odd_target(path)?;
    step::write(path).map_err(failed)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = fs::open(parent, flags, Mode::empty()).map_err(|error| failed(error.into()))?;
    let name = name.to_owned();
    let temp = temp_name(&name);
    let done = write_synced(&folder, &temp, bytes)
        .and_then(|()| keep_previous(&folder, &name))
        .and_then(|()| Ok(fs::renameat(&folder, &temp, &folder, &name)?))
        .and_then(|()| Ok(fs::fsync(&folder)?));
    if done.is_err() {
        // The error that counts is the first one.
        fs::unlinkat(&folder, &temp, AtFlags::empty()).ok();
    }
    done.map_err(failed)
}

fn refuse_odd_target(path: &Path) -> Result<(), LibraryError> {
    let Ok(found) = fs::lstat(path) else {
        return Ok(());
    };
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => Ok(()),
        other => Err(LibraryError::NotAFile {
            path: path.to_owned(),
            found: describe(other),
        }),
    }
}

/// `.machine.ron.1f2e3d4c.new`
fn temp_name(name: &OsString) -> OsString {
    let mut temp = OsString::from(".");
    temp.push(name);
    temp.push(format!(
        ".{}{TEMP_SUFFIX}",
        &Uuid::new_v4().simple().to_string()[..8]
    ));
    temp
}

/// Whether `name` is a temporary file that a killed save left behind.
pub fn is_temp(name: &str) -> bool {
    name.strip_suffix(TEMP_SUFFIX)
        .and_then(|rest| rest.rsplit_once('.'))
        .is_some_and(|(stem, tag)| {
            stem.starts_with('.')
                && stem.ends_with(".ron")
                && tag.len() == 8
                && tag.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

fn write_synced(folder: &impl AsFd, name: &OsString, bytes: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = std::fs::File::from(fs::openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?);
    file.write_all(bytes)?;
    file.sync_all()
}

fn generation(name: &OsString, number: u32) -> OsString {
    let mut numbered = name.clone();
    numbered.push(format!(".{number}"));
    numbered
}

/// Moves the older versions one on and gives the newest a second name; it keeps its first.
fn keep_previous(folder: &OwnedFd, name: &OsString) -> io::Result<()> {
    for number in (1..GENERATIONS).rev() {
        let from = generation(name, number);
        match fs::renameat(folder, &from, folder, generation(name, number + 1)) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let first = generation(name, 1);
    match fs::linkat(folder, name, folder, &first, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        // File systems without hard links: FAT, some network folders.
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::MLINK | Errno::NOSYS) => {
            copy_previous(folder, name, &first)
        }
        Err(error) => Err(error.into()),
    }
}

fn copy_previous(folder: &OwnedFd, name: &OsString, first: &OsString) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut bytes = Vec::new();
    let file = std::fs::File::from(fs::openat(folder, name, flags, Mode::empty())?);
    io::Read::read_to_end(&mut io::Read::take(file, RECORD_LIMIT), &mut bytes)?;
    let temp = temp_name(name);
    write_synced(folder, &temp, &bytes)?;
    Ok(fs::renameat(folder, &temp, folder, first)?)
}

/// The previous versions of `path` that may exist, youngest first.
pub fn previous(path: &Path) -> Vec<PathBuf> {
    let Some(name) = path.file_name() else {
        return Vec::new();
    };
    let name = name.to_owned();
    (1..=GENERATIONS)
        .map(|number| path.with_file_name(generation(&name, number)))
        .collect()
}

/// Removes temporary files that killed saves left in `folder`. Only for who may write there.
pub fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_str().is_some_and(is_temp);
        if ours && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            // A leftover that stays is harmless.
            std::fs::remove_file(entry.path()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn three_previous_versions_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("machine.ron");
        for version in 1..=6 {
            write(&path, format!("version {version}").as_bytes()).unwrap();
        }
        assert_eq!(contents(&path), "version 6");
        let old: Vec<String> = previous(&path).iter().map(|path| contents(path)).collect();
        assert_eq!(old, ["version 5", "version 4", "version 3"]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_link_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        std::fs::File::create(&victim).unwrap();
        let path = folder.path().join("machine.ron");
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        let error = write(&path, b"x").unwrap_err().to_string();
        assert!(error.ends_with("is a link, not a plain file"), "{error}");
        assert_eq!(contents(&victim), "");
        let inside = folder.path().join("folder");
        std::os::unix::fs::symlink(folder.path(), &inside).unwrap();
        assert!(write(&inside.join("new.ron"), b"x").is_err());
    }

    #[test]
    fn leftovers_of_killed_saves_are_swept_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            ".machine.ron.0a1b2c3d.new",
            ".machine.ron.new",
            "notes.new",
            "machine.ron",
        ] {
            std::fs::File::create(folder.path().join(name)).unwrap();
        }
        sweep(folder.path());
        assert!(!folder.path().join(".machine.ron.0a1b2c3d.new").exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }
}
