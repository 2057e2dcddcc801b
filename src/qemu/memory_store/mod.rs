//! A guest's memory on disk: taken from a machine, read into a new one.
//!
//! A memory is a folder. `device.state.zst` is QEMU's migration stream, compressed; `pages.packed`
//! (`blocks`) holds the guest's used pages, or of them those that differ from the memory that it
//! rests on (`chain`); `pages.table` (`table`) says which; `memory.json` says what belongs to
//! it, with checksums, and is written last: without it there is no memory.
//!
//! RAM is copied by us straight out of the memory file (QEMU's capability `x-ignore-shared`
//! leaves it out of the stream), most of it while the guest runs (`draft`). Where the capability is
//! missing or memory is private, the stream holds the RAM as well: then there is only
//! `device.state`, as it came.
//!
//! Format 1 had `device.state` and, at their own offsets, `pages`; it can still be read.

mod blocks;
mod chain;
mod crew;
mod draft;
mod forked;
mod moment;
mod pages;
mod scan;
mod stream;
mod table;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::qmp::{Client, QmpError};
use super::ram::{ForkedRam, GuestRam};
use crate::model::{ByteSize, SnapshotId};
use crate::step;

pub use chain::{Base, Places};
pub use draft::{Draft, Taken, remove_draft};
pub use moment::{Freezing, Moment};
pub use stream::obstacles;

const STATE: &str = "device.state";
const STATE_PACKED: &str = "device.state.zst";
/// Format 1.
const PAGES: &str = "pages";
const PACKED: &str = "pages.packed";
const TABLE: &str = "pages.table";
const INDEX: &str = "memory.json";
const VERSION: u32 = 2;
const MAX_INDEX: u64 = 64 * 1024;
/// More memory than any machine has, bytes; pages are numbered with 32 bits.
const MAX_RAM: u64 = 8 << 40;

/// Told `done` of `of` bytes now and then; breaking cancels.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>;

/// What lies in a memory's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    pub version: u32,
    /// The machine's memory.
    pub ram_size: ByteSize,
    /// The memory that has the pages which this one lacks; `None` for a full one.
    #[serde(default)]
    pub base: Option<Rest>,
    /// `None`: the RAM is in the stream. Of packed pages, `bytes` is their length in the file, without the list of
    /// blocks, which is what the hash is of.
    pub pages: Option<Content>,
    /// QEMU's stream, unpacked.
    pub state: Content,
    /// Since format 2, if the RAM is not in the stream.
    #[serde(default)]
    pub packed: Option<Pages>,
    /// Since format 2: the BLAKE3 of all this with an empty seal, as JSON without blanks.
    #[serde(default)]
    seal: String,
}

/// What a memory rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    pub id: SnapshotId,
    /// The hash of its table: it is the very one.
    pub table: String,
}

/// More of packed pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pages {
    pub table: Content,
    /// Of the pages' hashes.
    pub seed: u64,
    /// Which one after the last full memory; see `chain`.
    pub number: u32,
    /// Bytes of the compressed state.
    pub state: u64,
}

/// A file's checked content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Bytes that were written; holes do not count.
    pub bytes: u64,
    /// BLAKE3, as 64 hex digits.
    pub hash: String,
}

impl Content {
    fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.len() as u64,
            hash: blake3::hash(bytes).to_hex().to_string(),
        }
    }
}

impl Saved {
    fn seal(&self) -> io::Result<String> {
        let mut open = self.clone();
        open.seal.clear();
        let text = serde_json::to_vec(&open)?;
        Ok(blake3::hash(&text).to_hex().to_string())
    }

    /// Writes the index `path`, which must be new.
    fn write(&mut self, path: &Path) -> io::Result<File> {
        self.seal = self.seal()?;
        let mut file = create(path)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        Ok(file)
    }

    /// What it takes on disk, without what it rests on.
    pub fn stored(&self) -> ByteSize {
        let pages = self.pages.as_ref().map_or(0, |pages| pages.bytes);
        let rest = match &self.packed {
            Some(packed) => packed.table.bytes.saturating_add(packed.state),
            None => self.state.bytes,
        };
        ByteSize(pages.saturating_add(rest))
    }
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

fn damaged(what: &str) -> MemoryError {
    MemoryError::Damaged {
        what: what.to_owned(),
    }
}

/// How the devices' state is written.
enum Way<'a> {
    /// With the RAM in it.
    Stream,
    /// Without.
    Apart,
    Forked(&'a ForkedRam),
}

impl<'a> Way<'a> {
    fn of(client: &Client, ram: Option<&'a GuestRam>) -> Result<Self, QmpError> {
        Ok(match ram {
            Some(GuestRam::Forked(forked)) => Self::Forked(forked),
            Some(GuestRam::Shared(_)) if stream::can_skip_shared(client)? => Self::Apart,
            Some(GuestRam::Shared(_)) | None => Self::Stream,
        })
    }

    fn prepare(&self, client: &Client) -> Result<(), QmpError> {
        match self {
            Self::Stream => stream::prepare_writing(client, false),
            Self::Apart => stream::prepare_writing(client, true),
            Self::Forked(_) => Ok(()),
        }
    }
}

/// A QEMU that is ready to write its devices' state once its guest stands: what it has to be told before is told.
pub struct Writer<'a> {
    client: &'a Client,
    ram: Option<&'a GuestRam>,
    way: Way<'a>,
}

impl<'a> Writer<'a> {
    /// `ram` is the machine's memory, `None` if nobody can read it from outside: then it goes through QEMU, as it does
    /// where QEMU can't leave it out.
    pub fn of(client: &'a Client, ram: Option<&'a GuestRam>) -> Result<Self, QmpError> {
        let way = Way::of(client, ram)?;
        way.prepare(client)?;
        Ok(Self { client, ram, way })
    }

    /// The memory, if it is not in the stream.
    fn apart(&self) -> Option<&'a GuestRam> {
        self.ram.filter(|_| !matches!(self.way, Way::Stream))
    }

    fn write(&self, state: &File, progress: Progress<'_>) -> Result<(), MemoryError> {
        match self.way {
            Way::Stream | Way::Apart => stream::write(self.client, state, progress),
            Way::Forked(ram) => forked::write(self.client, ram, state),
        }
    }
}

/// Writes the devices' state and copies the rest of the memory at once: QEMU itself writes the memory of a guest that
/// stands before it asks the devices (`qemu_savevm_state_complete_precopy`), so they leave it alone.
fn write_beside(
    state: impl FnOnce() -> Result<(), MemoryError> + Send,
    memory: impl FnOnce() -> Result<u64, MemoryError>,
) -> Result<(), MemoryError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("state".to_owned());
        let writing = thread.spawn_scoped(scope, state);
        let writing = writing.map_err(at(Path::new(STATE)))?;
        let copied = memory();
        let failed = |_panic| Err(damaged("Orangery failed at the devices' state"));
        writing.join().unwrap_or_else(failed)?;
        copied.map(drop)
    })
}

fn partial_folder(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

fn create(path: &Path) -> io::Result<File> {
    step::write(path)?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// What a memory's folder holds, without checking the content.
pub fn read(folder: &Path) -> Result<Saved, MemoryError> {
    read_index(&folder.join(INDEX))
}

fn read_index(path: &Path) -> Result<Saved, MemoryError> {
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_INDEX).read_to_end(&mut text))
        .map_err(at(path))?;
    let saved: Saved =
        serde_json::from_slice(&text).map_err(|error| damaged(&error.to_string()))?;
    if saved.version > VERSION {
        return Err(MemoryError::Newer {
            version: saved.version,
        });
    }
    if saved.version > 1 && saved.seal().map_err(at(path))? != saved.seal {
        return Err(damaged("its index is not what was written"));
    }
    if !saved.ram_size.0.is_multiple_of(scan::PAGE as u64) || saved.ram_size.0 > MAX_RAM {
        return Err(damaged("the memory has an odd size"));
    }
    Ok(saved)
}

/// Fills a fresh memory file from a memory and those that it rests on, and checks every byte. To be
/// done before or beside the start of QEMU, and finished before [`load`]. Nothing to do when the RAM
/// is in the stream.
pub fn fill(
    folder: &Path,
    saved: &Saved,
    places: Places<'_>,
    ram: &File,
    progress: Progress<'_>,
) -> Result<(), MemoryError> {
    let length = ram.metadata().map_err(at(folder))?.len();
    if saved.pages.is_some() && length != saved.ram_size.0 {
        return Err(damaged(&format!(
            "{} bytes of memory for a machine with {length}",
            saved.ram_size.0
        )));
    }
    unpack(folder, saved, places, Some(ram), progress)
}

fn unpack(
    folder: &Path,
    saved: &Saved,
    places: Places<'_>,
    ram: Option<&File>,
    progress: Progress<'_>,
) -> Result<(), MemoryError> {
    match (&saved.pages, &saved.packed) {
        (None, None) => Ok(()),
        (Some(content), None) => {
            pages::copy(&folder.join(PAGES), ram, saved.ram_size, content, progress)
        }
        (_, Some(_)) => chain::unpack(folder, places, ram, progress),
    }
}

/// Reads a memory and those that it rests on, as far as it needs them, and checks every byte.
pub fn verify(
    folder: &Path,
    places: Places<'_>,
    progress: Progress<'_>,
) -> Result<(), MemoryError> {
    let saved = read(folder)?;
    unpack(folder, &saved, places, None, progress)?;
    check_state(folder, &saved).map(drop)
}

/// The devices' state, ready to be read by QEMU.
fn check_state(folder: &Path, saved: &Saved) -> Result<File, MemoryError> {
    if saved.packed.is_some() {
        return stream::unpack(&folder.join(STATE_PACKED), &saved.state);
    }
    let path = folder.join(STATE);
    if stream::content(&path)? != saved.state {
        return Err(damaged("the devices' state is not what was written"));
    }
    File::open(&path).map_err(at(&path))
}

/// Lets a QEMU that was started for it (`incoming`) load the state. The guest stays stopped.
pub fn load(
    client: &Client,
    folder: &Path,
    saved: &Saved,
    progress: Progress<'_>,
) -> Result<(), MemoryError> {
    let state = check_state(folder, saved)?;
    stream::prepare(client, saved.pages.is_some())?;
    stream::read(client, &state, progress)
}
