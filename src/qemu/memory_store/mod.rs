//! A guest's memory on disk: written from a stopped machine, read into a new one.
//!
//! A saved memory is a folder of three files. `device.state` is QEMU's migration stream; `pages`
//! holds the guest's RAM at its own offsets, with holes where it is zero; `memory.json` says what
//! belongs to it, with checksums, and is written last: without it there is no saved memory.
//!
//! RAM is copied by us straight out of the memory file (QEMU's capability `x-ignore-shared`
//! leaves it out of the stream), which is several times faster than QEMU. Where the capability is
//! missing or memory is private, the stream holds the RAM as well and there is no `pages`.

mod pages;
mod stream;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::qmp::{Client, QmpError};
use crate::model::ByteSize;

pub use stream::obstacles;

const STATE: &str = "device.state";
const PAGES: &str = "pages";
const INDEX: &str = "memory.json";
const VERSION: u32 = 1;
const MAX_INDEX: u64 = 64 * 1024;
/// What must stay free on the file system beside the memory, bytes.
const SPARE: u64 = 64 << 20;

/// Told `done` of `of` bytes now and then; breaking cancels.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>;

/// What lies in a saved memory's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    pub version: u32,
    /// The machine's memory.
    pub ram_size: ByteSize,
    /// `None`: the RAM is in the stream.
    pub pages: Option<Content>,
    pub state: Content,
}

/// A file's checked content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Bytes that were written; holes do not count.
    pub bytes: u64,
    /// BLAKE3, as 64 hex digits.
    pub hash: String,
}

/// Why memory was not saved or restored.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    #[error(transparent)]
    Qmp(#[from] QmpError),
    #[error("QEMU could not write or read the machine's state: {why}")]
    Stream { why: String },
    #[error("{} could not be used: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("The memory needs {need} and the disk has {free} left")]
    NoSpace { need: ByteSize, free: ByteSize },
    #[error("The saved memory is damaged: {what}")]
    Damaged { what: String },
    #[error("The saved memory was made by a newer Orangery (format {version})")]
    Newer { version: u32 },
    #[error("Cancelled")]
    Cancelled,
}

/// Attaches a path to an I/O error.
fn at(path: &Path) -> impl Fn(io::Error) -> MemoryError {
    let path = path.to_owned();
    move |source| MemoryError::Io {
        path: path.clone(),
        source,
    }
}

/// Writes the memory of a machine whose guest was stopped into the new folder `folder`.
///
/// `ram` is the machine's memory file, `None` for private memory. Afterwards QEMU holds its disks
/// no longer: quit it, or `cont` to go on. After an error, too, `cont` brings the machine
/// back, and nothing is left on disk.
pub fn save(
    client: &Client,
    ram: Option<&File>,
    ram_size: ByteSize,
    folder: &Path,
    progress: Progress<'_>,
) -> Result<Saved, MemoryError> {
    let partial = partial_folder(folder);
    check_space(ram, ram_size, folder)?;
    remove_partial(&partial)?;
    DirBuilder::new()
        .mode(0o700)
        .create(&partial)
        .map_err(at(&partial))?;
    let saved = write(client, ram, ram_size, &partial, progress)
        .and_then(|saved| publish(&partial, folder).map(|()| saved));
    if saved.is_err() {
        // The error that led here is the one to tell.
        remove_partial(&partial).ok();
    }
    saved
}

fn partial_folder(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

/// Removes what an interrupted save left: exactly our files, then the empty folder.
fn remove_partial(partial: &Path) -> Result<(), MemoryError> {
    let gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    };
    for name in [INDEX, PAGES, STATE] {
        gone(std::fs::remove_file(partial.join(name))).map_err(at(partial))?;
    }
    gone(std::fs::remove_dir(partial)).map_err(at(partial))
}

/// Refuses before writing when the disk can't take it.
fn check_space(ram: Option<&File>, ram_size: ByteSize, folder: &Path) -> Result<(), MemoryError> {
    let parent = folder.parent().unwrap_or(folder);
    let used = match ram {
        Some(ram) => ram.metadata().map_err(at(folder))?.blocks() * 512,
        None => ram_size.0,
    };
    let stat = rustix::fs::statvfs(parent).map_err(|errno| at(parent)(errno.into()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free < used.saturating_add(SPARE) {
        return Err(MemoryError::NoSpace {
            need: ByteSize(used.saturating_add(SPARE)),
            free: ByteSize(free),
        });
    }
    Ok(())
}

fn write(
    client: &Client,
    ram: Option<&File>,
    ram_size: ByteSize,
    partial: &Path,
    progress: Progress<'_>,
) -> Result<Saved, MemoryError> {
    let state_path = partial.join(STATE);
    let state = create(&state_path).map_err(at(&state_path))?;
    let skip_ram = ram.is_some() && stream::can_skip_shared(client)?;
    stream::write(client, &state, skip_ram, progress)?;
    let pages = match ram {
        Some(ram) if skip_ram => {
            let path = partial.join(PAGES);
            let file = create(&path).map_err(at(&path))?;
            let content = pages::copy_out(ram, &file, ram_size, &path, progress)?;
            file.sync_all().map_err(at(&path))?;
            Some(content)
        }
        Some(_) | None => None,
    };
    state.sync_all().map_err(at(&state_path))?;
    let saved = Saved {
        version: VERSION,
        ram_size,
        pages,
        state: stream::content(&state_path)?,
    };
    write_index(partial, &saved).map_err(at(partial))?;
    Ok(saved)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn write_index(partial: &Path, saved: &Saved) -> io::Result<()> {
    let mut file = create(&partial.join(INDEX))?;
    file.write_all(&serde_json::to_vec_pretty(saved)?)?;
    file.sync_all()?;
    File::open(partial)?.sync_all()
}

fn publish(partial: &Path, folder: &Path) -> Result<(), MemoryError> {
    std::fs::rename(partial, folder).map_err(at(folder))?;
    let parent = folder.parent().unwrap_or(folder);
    File::open(parent)
        .and_then(|parent| parent.sync_all())
        .map_err(at(parent))
}

/// What a saved memory's folder holds, without checking the content.
pub fn read(folder: &Path) -> Result<Saved, MemoryError> {
    let path = folder.join(INDEX);
    let mut text = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(MAX_INDEX).read_to_end(&mut text))
        .map_err(at(&path))?;
    let saved: Saved = serde_json::from_slice(&text).map_err(|error| MemoryError::Damaged {
        what: error.to_string(),
    })?;
    if saved.version > VERSION {
        return Err(MemoryError::Newer {
            version: saved.version,
        });
    }
    Ok(saved)
}

/// Fills a fresh memory file from a saved memory and checks every byte. To be done before or
/// beside the start of QEMU, and finished before [`load`]. Nothing to do when the RAM is in the
/// stream.
pub fn fill(
    folder: &Path,
    saved: &Saved,
    ram: &File,
    progress: Progress<'_>,
) -> Result<(), MemoryError> {
    match &saved.pages {
        Some(content) => {
            pages::copy_in(&folder.join(PAGES), ram, saved.ram_size, content, progress)
        }
        None => Ok(()),
    }
}

/// Lets a QEMU that was started for it (`incoming`) load the state. The guest stays stopped.
pub fn load(
    client: &Client,
    folder: &Path,
    saved: &Saved,
    progress: Progress<'_>,
) -> Result<(), MemoryError> {
    let path = folder.join(STATE);
    if stream::content(&path)? != saved.state {
        return Err(MemoryError::Damaged {
            what: "the devices' state is not what was written".to_owned(),
        });
    }
    let state = File::open(&path).map_err(at(&path))?;
    stream::read(client, &state, saved.pages.is_some(), progress)
}
