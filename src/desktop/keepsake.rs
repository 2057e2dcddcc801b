//! Files that the person keeps: in the folder that their desktop has for such things, under a name that is free.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::model::Timestamp;

/// Where a file goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Pictures,
    Videos,
    Downloads,
}

/// Why there is no file. The text is a sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    #[error("no home folder is known; set HOME and try again")]
    NoHome,
    #[error("{}: {source}; make room or check the folder's rights", folder.display())]
    Create { folder: PathBuf, source: io::Error },
    #[error(transparent)]
    Write(io::Error),
}

/// Has `write` fill a new file and returns where it is. What was begun and failed is removed.
pub fn keep(
    place: Place,
    name: &str,
    ending: &str,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<PathBuf, KeepError> {
    let (path, mut file) = create(place, name, ending)?;
    write(&mut file).map_err(|error| {
        std::fs::remove_file(&path).ok(); // Less than a file is worth nothing.
        KeepError::Write(error)
    })?;
    Ok(path)
}

/// A new file for a recording of `name`, open for reading and writing, and where it is.
pub fn new_recording(name: &str) -> io::Result<(PathBuf, File)> {
    create(Place::Videos, name, "apng").map_err(io::Error::other)
}

/// Where a file called `name` can be made in such a folder: by that name, or with a number where it is taken. None
/// where there is no home folder.
pub fn free_path(place: Place, name: &str) -> Option<PathBuf> {
    free_in(&place.folder()?, name)
}

fn free_in(folder: &Path, name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(safe(name));
    let stem = path.file_stem().unwrap_or_default().display();
    let ending = path.extension().map(|ending| ending.display());
    let numbered = (2..=9999_u32).map(|number| match &ending {
        Some(ending) => format!("{stem} {number}.{ending}"),
        None => format!("{stem} {number}"),
    });
    std::iter::once(safe(name))
        .chain(numbered)
        .map(|name| folder.join(name))
        .find(|path| !path.exists())
}

/// Makes an empty file, open for reading and writing, that replaces none: `NAME 2026-11-20 15.04.05.ENDING`, with the
/// time in UTC. Pictures and videos lie in a folder `Orangery` of their own.
fn create(place: Place, name: &str, ending: &str) -> Result<(PathBuf, File), KeepError> {
    let folder = place.folder().ok_or(KeepError::NoHome)?;
    let stem = format!("{} {}", safe(name), now());
    let made = std::fs::create_dir_all(&folder).and_then(|()| free_file(&folder, &stem, ending));
    made.map_err(|source| KeepError::Create { folder, source })
}

impl Place {
    fn folder(self) -> Option<PathBuf> {
        let home = PathBuf::from(set("HOME")?);
        let (key, usual) = match self {
            Self::Pictures => ("XDG_PICTURES_DIR", "Pictures"),
            Self::Videos => ("XDG_VIDEOS_DIR", "Videos"),
            Self::Downloads => ("XDG_DOWNLOAD_DIR", "Downloads"),
        };
        let folder = set(key)
            .map(PathBuf::from)
            .or_else(|| chosen(&user_folders(&home), key, &home))
            .unwrap_or_else(|| home.join(usual));
        Some(match self {
            Self::Pictures | Self::Videos => folder.join("Orangery"),
            Self::Downloads if folder.is_dir() => folder,
            Self::Downloads => home,
        })
    }
}

/// The desktop's list of folders, as text: xdg-user-dirs, user-dirs.dirs(5).
fn user_folders(home: &Path) -> String {
    let config = set("XDG_CONFIG_HOME").map_or_else(|| home.join(".config"), PathBuf::from);
    std::fs::read_to_string(config.join("user-dirs.dirs")).unwrap_or_default() // Most homes have none.
}

/// The folder that such a list has for `key`, written as `KEY="$HOME/…"` or `KEY="/…"`.
fn chosen(list: &str, key: &str, home: &Path) -> Option<PathBuf> {
    let line = |line: &str| {
        let value = line
            .trim()
            .strip_prefix(key)?
            .trim_start()
            .strip_prefix('=')?;
        let value = value.trim().trim_matches('"');
        match value.strip_prefix("$HOME") {
            Some(rest) => Some(home.join(rest.trim_start_matches('/'))),
            None => value.starts_with('/').then(|| PathBuf::from(value)),
        }
    };
    list.lines().find_map(line)
}

fn free_file(folder: &Path, stem: &str, ending: &str) -> io::Result<(PathBuf, File)> {
    for number in 1..=9999_u32 {
        let file = match number {
            1 => format!("{stem}.{ending}"),
            _ => format!("{stem} {number}.{ending}"),
        };
        let path = folder.join(file);
        let mut new = OpenOptions::new();
        match new.read(true).write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("there are 9999 of them already"))
}

/// A machine's name as part of a file name: it leaves no folder and hides no file.
fn safe(name: &str) -> String {
    let safe = |c: char| if c == '/' || c.is_control() { '-' } else { c };
    let name: String = name.chars().map(safe).take(60).collect();
    match name.trim_start_matches('.').trim() {
        "" => "Screen".to_owned(),
        name => name.to_owned(),
    }
}

fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = Timestamp(since.unwrap_or_default().as_secs());
    now.utc().replace(':', ".")
}

fn set(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_replaces_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let free = |name: &str| {
            let path = free_in(folder.path(), name).unwrap();
            File::create(&path).unwrap();
            path.file_name().unwrap().display().to_string()
        };
        assert_eq!(free("notes.txt"), "notes.txt");
        assert_eq!(free("notes.txt"), "notes 2.txt");
        assert_eq!(free("notes.txt"), "notes 3.txt");
        assert_eq!(free("fstab"), "fstab");
        assert_eq!(free("fstab"), "fstab 2");
        assert_eq!(free("../../.profile"), "-..-.profile");
    }

    #[test]
    fn names_cannot_leave_the_folder() {
        assert_eq!(safe("../../etc/x"), "-..-etc-x");
        assert_eq!(safe("..."), "Screen");
        assert_eq!(safe("Debian 12"), "Debian 12");
        assert_eq!(safe(&"x".repeat(300)).len(), 60);
    }

    #[test]
    fn a_file_never_replaces_another() {
        let folder = tempfile::tempdir().unwrap();
        let (first, _) = free_file(folder.path(), "Debian", "png").unwrap();
        let (second, _) = free_file(folder.path(), "Debian", "png").unwrap();
        assert_eq!(first, folder.path().join("Debian.png"));
        assert_eq!(second, folder.path().join("Debian 2.png"));
    }

    #[test]
    fn the_desktops_own_folders_are_found() {
        let list = "# written by xdg-user-dirs\nXDG_PICTURES_DIR=\"$HOME/Bilder\"\nXDG_VIDEOS_DIR=\"/data/video\"\nXDG_DOWNLOAD_DIR=\"x\"\n";
        let home = Path::new("/home/ada");
        let found = |key| chosen(list, key, home);
        assert_eq!(found("XDG_PICTURES_DIR"), Some(home.join("Bilder")));
        assert_eq!(found("XDG_VIDEOS_DIR"), Some(PathBuf::from("/data/video")));
        assert_eq!(found("XDG_DOWNLOAD_DIR"), None, "a relative one is none");
        assert_eq!(found("XDG_MUSIC_DIR"), None);
    }
}
