//! Keeps a picture of the guest in the person's pictures folder.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::display::picture::{Picture, PictureError};

/// Why there is no screenshot.
#[derive(Debug, thiserror::Error)]
pub enum ScreenshotError {
    #[error("The screenshot was not kept: no home folder is known. Set HOME and try again")]
    NoHome,
    #[error("The screenshot was not kept: {0}")]
    Png(#[from] PictureError),
    #[error("The screenshot was not kept in {}: {source}. Make room or check the folder's rights", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Writes `picture` to `Pictures/Orangery` in the home folder; returns where.
pub fn keep(picture: &Picture, name: &str) -> Result<PathBuf, ScreenshotError> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let folder = PathBuf::from(home.ok_or(ScreenshotError::NoHome)?).join("Pictures/Orangery");
    let png = picture.to_png()?;
    let stem = format!("{} {}", file_name(name), now());
    let failed = |path: &Path, source| ScreenshotError::Write {
        path: path.to_owned(),
        source,
    };
    std::fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
    let path = folder.join(format!("{stem}.png"));
    write(&folder, &path, &png).map_err(|error| failed(&path, error))?;
    Ok(path)
}

/// All or nothing: a temporary file, then a new name. An older picture of that name is replaced.
fn write(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("png.part");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}

/// A machine's name as part of a file name.
fn file_name(name: &str) -> String {
    let safe = |c: char| if c == '/' || c.is_control() { '-' } else { c };
    let name: String = name.chars().map(safe).take(60).collect();
    match name.trim_start_matches('.').trim() {
        "" => "Screen".to_owned(),
        name => name.to_owned(),
    }
}

/// `2026-11-20 15.04.05` in UTC, which sorts.
fn now() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let elapsed = since.unwrap_or_default();
    let (seconds, millis) = (elapsed.as_secs(), elapsed.subsec_millis());
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}.{minute:02}.{second:02}.{millis:03}")
}

/// Days since 1970 as a date of the Gregorian calendar.
fn civil(days: u64) -> (u64, u64, u64) {
    // Years start in March, so the leap day is the last.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let civil_month = if month < 10 { month + 3 } else { month - 9 };
    let civil_year = era * 400 + year + u64::from(civil_month <= 2);
    (civil_year, civil_month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(59), (1970, 3, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_777), (2026, 11, 20));
    }

    #[test]
    fn names_cannot_leave_the_folder() {
        assert_eq!(file_name("../../etc/x"), "-..-etc-x");
        assert_eq!(file_name("..."), "Screen");
        assert_eq!(file_name("Debian 12"), "Debian 12");
    }

    #[test]
    fn a_picture_is_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        for content in [&b"one"[..], b"three"] {
            write(folder.path(), &path, content).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), content);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
