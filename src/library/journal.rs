//! The app's own log: its newest lines in memory and in a file that stays small.

use std::collections::VecDeque;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::model::Timestamp;

/// Lines that are kept in memory.
const MAX_LINES: usize = 1000;
/// Longer lines are cut, in characters.
const MAX_LINE: usize = 600;
/// A file that grew beyond this becomes `log.1`, in place of the one before, bytes.
const MAX_FILE: u64 = 512 * 1024;
/// How much of an earlier file is read back, bytes.
const READ_BACK: u64 = 64 * 1024;

/// See the module's text. Losing the file never stops the app: the lines in memory go on.
#[derive(Debug, Default)]
pub struct Journal {
    lines: VecDeque<String>,
    path: Option<PathBuf>,
    file: Option<File>,
}

impl Journal {
    /// Goes on with the log at `path`; only in memory where that can't be written.
    pub fn open(path: &Path) -> Self {
        let mut journal = Self {
            path: Some(path.to_owned()),
            ..Self::default()
        };
        journal.file = open_file(path).ok();
        if let Some(file) = &mut journal.file {
            for line in read_back(file).unwrap_or_default().lines() {
                journal.keep(cut(line));
            }
        }
        journal
    }

    /// Writes one line.
    pub fn note(&mut self, now: Timestamp, text: &str) {
        let line = cut(&format!("{} {text}", now.utc()));
        if let Some(file) = &mut self.file
            && writeln!(file, "{line}").is_err()
        {
            self.file = None; // A full disk; not worth a message each time.
        }
        self.keep(line);
        self.rotate();
    }

    /// The newest lines, oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    fn keep(&mut self, line: String) {
        if self.lines.len() >= MAX_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    fn rotate(&mut self) {
        let (Some(file), Some(path)) = (&self.file, &self.path) else {
            return;
        };
        if file.metadata().is_ok_and(|data| data.len() > MAX_FILE) {
            let old = path.with_extension("1");
            self.file = std::fs::rename(path, old)
                .and_then(|()| open_file(path))
                .ok();
        }
    }
}

/// Opens the log for appending, ours alone; never through a link.
fn open_file(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(i32::try_from(flags).unwrap_or_default())
        .open(path)
}

fn read_back(file: &mut File) -> io::Result<String> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(READ_BACK)))?;
    let mut bytes = Vec::new();
    file.take(READ_BACK).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // The first line may have been cut in two.
    match text.split_once('\n') {
        Some((_, rest)) if length > READ_BACK => Ok(rest.to_owned()),
        _ => Ok(text),
    }
}

/// One line of bounded length, without characters that would confuse a terminal.
fn cut(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_LINE)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_log_goes_on_where_it_ended_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/log");
        Journal::open(&path).note(Timestamp(0), "one\nline\u{1b}[31m");
        let mut journal = Journal::open(&path);
        journal.note(Timestamp(1), "two");
        let lines: Vec<&str> = journal.lines().collect();
        assert_eq!(
            lines,
            [
                "1970-01-01 00:00:00 one line [31m",
                "1970-01-01 00:00:01 two"
            ]
        );
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_log_stays_small_on_disk_and_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut journal = Journal::open(&path);
        let long = "x".repeat(5000);
        for _ in 0..3000 {
            journal.note(Timestamp(0), &long);
        }
        assert_eq!(journal.lines().count(), MAX_LINES);
        assert!(journal.lines().all(|line| line.len() <= MAX_LINE));
        let size = |path: &Path| std::fs::metadata(path).unwrap().len();
        assert!(size(&path) <= MAX_FILE + MAX_LINE as u64);
        assert!(size(&path.with_extension("1")) <= MAX_FILE + 2 * MAX_LINE as u64);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_planted_link_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("precious");
        std::fs::File::create(&target).unwrap();
        std::os::unix::fs::symlink(&target, folder.path().join("log")).unwrap();
        let mut journal = Journal::open(&folder.path().join("log"));
        journal.note(Timestamp(0), "text");
        assert_eq!(std::fs::metadata(&target).unwrap().len(), 0);
        assert_eq!(journal.lines().count(), 1);
    }
}
