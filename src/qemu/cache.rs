//! Small answers about this computer that are costly to get, kept in files. Losing one costs a moment.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Answers are short; more than this is nonsense.
const MAX_ANSWER: u64 = 16 * 1024;

/// What was remembered in `file`, if anything that can be read.
pub(super) fn recall<T: DeserializeOwned>(file: &Path) -> Option<T> {
    let mut text = Vec::new();
    File::open(file)
        .ok()?
        .take(MAX_ANSWER)
        .read_to_end(&mut text)
        .ok()?;
    serde_json::from_slice(&text).ok()
}

/// Remembers `answer` in `file`; who reads meanwhile finds the old one or the new one whole.
pub(super) fn remember(file: &Path, answer: &impl Serialize) -> io::Result<()> {
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)?
        .write_all(&serde_json::to_vec(answer)?)?;
    std::fs::rename(partial, file)
}
