//! Writes a file that the user named: whole, or not at all.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use crate::model::Failure;

/// Refuses early what can't become a file, before anything is asked of the guest.
pub fn check_target(path: &Path) -> Result<(), Failure> {
    if path.is_dir() {
        return Err(refused(path, "It is a folder").fix("Give the name of a file"));
    }
    match path.parent() {
        Some(folder) if !folder.is_dir() => Err(refused(
            path,
            &format!("There is no folder {}", folder.display()),
        )),
        _ => Ok(()),
    }
}

/// Puts `bytes` at `path`, in place of what is there.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    write(&part, path, bytes).map_err(|error| {
        std::fs::remove_file(&part).ok(); // Best effort; the error below matters more.
        refused(path, &error.to_string())
    })
}

fn write(part: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(part, path)
}

fn refused(path: &Path, why: &str) -> Failure {
    Failure::new(format!("{} was not written", path.display()), why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("screen.png");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn folders_are_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let error = check_target(folder.path()).unwrap_err();
        assert_eq!(error.why, "It is a folder");
        let error = check_target(&folder.path().join("no/x.png")).unwrap_err();
        assert!(error.why.starts_with("There is no folder"));
        assert!(check_target(&folder.path().join("x.png")).is_ok());
    }
}
