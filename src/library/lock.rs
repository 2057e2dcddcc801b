//! A library folder, and who may write in it: exactly one process at a time.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::fs::{self, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::document::{self, Format};
use super::machines::at;
use super::{LibraryError, files, save};
use crate::model::{LayerRef, MachineId, SnapshotId, TpmId};

const LIBRARY: Format = Format {
    version: 1,
    comment: "The name of this Orangery library. Leave it as it is.",
    devices: &[],
};

/// What `library.ron` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LibraryRecord {
    id: Uuid,
}

/// Who holds a library's lock, for the message only: the truth is the lock itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    pub pid: Option<u32>,
    /// Clock ticks after the computer's start, from /proc/PID/stat.
    pub start_time: Option<u64>,
    pub host: Option<String>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "process {pid}")?,
            None => f.write_str("an unknown process")?,
        }
        match &self.host {
            Some(host) => write!(f, " on {host}"),
            None => Ok(()),
        }
    }
}

/// A file or folder with flock(2) on it until this is dropped.
///
/// It is unlocked, not only closed: a child process that another thread is just starting has a copy of every descriptor
/// until its exec, and what is closed here stays locked as long as that copy is open.
#[derive(Debug)]
pub(super) struct Locked(File);

impl Locked {
    pub(super) fn take(file: File, operation: FlockOperation) -> Result<Self, Errno> {
        fs::flock(&file, operation).map(|()| Self(file))
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        fs::flock(&self.0, FlockOperation::Unlock).ok(); // Closing does it, too, if later.
    }
}

/// What came of opening a library for writing.
#[derive(Debug)]
pub enum Opened {
    Owner(Library),
    LockedBy(Holder),
}

/// A library folder.
#[derive(Debug)]
pub struct Library {
    dir: PathBuf,
    id: Option<Uuid>,
    /// Holds the lock while the owner lives.
    lock: Option<Locked>,
    /// Held from reading a record to having replaced it.
    pub(super) saving: Mutex<()>,
}

impl Library {
    /// Opens `dir` as its owner, making the folder and its name at first use.
    pub fn open(dir: &Path) -> Result<Opened, LibraryError> {
        let mut builder = std::fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(dir);
        made.map_err(|source| LibraryError::Write {
            path: dir.to_owned(),
            source,
        })?;
        // The library folder may itself be reached through a link; from here on it is not.
        let dir = dir.canonicalize().map_err(|source| LibraryError::Read {
            path: dir.to_owned(),
            source,
        })?;
        let Some(lock) = take_lock(&dir)? else {
            return Ok(Opened::LockedBy(read_holder(&dir)));
        };
        save::sweep(&dir);
        let id = match read_id(&dir)? {
            Some(id) => id,
            None => make_id(&dir)?,
        };
        files::make_folder(&dir.join("machines"))?;
        files::sync_folder(&dir)?;
        let library = Self {
            dir,
            id: Some(id),
            lock: Some(lock),
            saving: Mutex::new(()),
        };
        library.sweep_machines();
        Ok(Opened::Owner(library))
    }

    /// Opens `dir` for looking only; a folder that is not there is an empty library.
    pub fn read_only(dir: &Path) -> Result<Self, LibraryError> {
        let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        let id = read_id(&dir)?;
        Ok(Self {
            dir,
            id,
            lock: None,
            saving: Mutex::new(()),
        })
    }

    /// Whether `dir` could be the library of the next start: it holds one, or is empty, or can be made. Says why not.
    pub fn may_be_at(dir: &Path) -> Result<(), String> {
        if !dir.is_absolute() {
            return Err("it is not a full path from /".to_owned());
        }
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return may_be_made(dir),
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                return Err("it is a file, not a folder".to_owned());
            }
            Err(error) => return Err(error.to_string()),
        };
        if entries.take(1).count() > 0 && !matches!(read_id(dir), Ok(Some(_))) {
            return Err("there are other things in it, and no library of Orangery".to_owned());
        }
        writable(dir)
    }

    /// Whether a library keeps this file: a layer that others may rest on, a memory, a record. Links are followed.
    pub fn keeps(path: &Path) -> bool {
        let Ok(path) = path.canonicalize() else {
            return false; // Not there.
        };
        path.ancestors().skip(2).any(|dir| {
            let inside = ["machines", "memory"].map(|name| path.starts_with(dir.join(name)));
            inside.contains(&true) && matches!(read_id(dir), Ok(Some(_)))
        })
    }

    /// Who holds the lock now, without taking it; `None` if nobody does.
    pub fn holder(dir: &Path) -> Result<Option<Holder>, LibraryError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let path = dir.join(".lock");
        let file = match fs::open(&path, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => {
                return Err(LibraryError::Read {
                    path,
                    source: error.into(),
                });
            }
        };
        match Locked::take(file.into(), FlockOperation::NonBlockingLockShared) {
            Ok(_unlocked_at_once) => Ok(None),
            Err(_) => Ok(Some(read_holder(dir))),
        }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `None` before the library's first use.
    pub fn id(&self) -> Option<Uuid> {
        self.id
    }

    pub(super) fn must_own(&self) -> Result<(), LibraryError> {
        match self.lock {
            Some(_) => Ok(()),
            None => Err(LibraryError::ReadOnly {
                path: self.dir.clone(),
            }),
        }
    }

    pub fn machines_dir(&self) -> PathBuf {
        self.dir.join("machines")
    }

    pub fn machine_dir(&self, id: MachineId) -> PathBuf {
        self.machines_dir().join(id.to_string())
    }

    pub fn machine_file(&self, id: MachineId) -> PathBuf {
        self.machine_dir(id).join("machine.ron")
    }

    /// The qcow2 file of a layer.
    pub fn layer_file(&self, layer: LayerRef) -> PathBuf {
        self.machine_dir(layer.machine)
            .join("disks")
            .join(format!("{}.qcow2", layer.layer))
    }

    /// The folder of a snapshot's memory: `device.state` and `pages`.
    pub fn memory_dir(&self, snapshot: SnapshotId) -> PathBuf {
        self.dir.join("memory").join(snapshot.to_string())
    }

    /// Where a TPM's state lies.
    pub fn tpm_dir(&self, machine: MachineId, tpm: TpmId) -> PathBuf {
        self.machine_dir(machine).join("tpm").join(tpm.to_string())
    }

    pub fn snapshot_dir(&self, machine: MachineId, snapshot: SnapshotId) -> PathBuf {
        self.machine_dir(machine)
            .join("snapshots")
            .join(snapshot.to_string())
    }

    fn sweep_machines(&self) {
        let Ok(entries) = std::fs::read_dir(self.machines_dir()) else {
            return;
        };
        for entry in entries.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                save::sweep(&entry.path());
                save::sweep(&entry.path().join("intents"));
                let snapshots = std::fs::read_dir(entry.path().join("snapshots"));
                for snapshot in snapshots.into_iter().flatten().flatten() {
                    save::sweep(&snapshot.path());
                }
            }
        }
    }
}

/// The nearest folder above that is there has to let us make one in it.
fn may_be_made(dir: &Path) -> Result<(), String> {
    match dir.ancestors().skip(1).find(|above| above.exists()) {
        Some(above) if above.is_dir() => writable(above),
        Some(above) => Err(format!("“{}” is not a folder", above.display())),
        None => Err("there is no folder to make it in".to_owned()),
    }
}

fn writable(dir: &Path) -> Result<(), String> {
    let access = fs::Access::WRITE_OK | fs::Access::EXEC_OK;
    fs::access(dir, access).map_err(|_denied| format!("“{}” can't be written", dir.display()))
}

/// Takes the lock, or gives `None` if another process has it.
fn take_lock(dir: &Path) -> Result<Option<Locked>, LibraryError> {
    let path = dir.join(".lock");
    let failed = |source: std::io::Error| LibraryError::Write {
        path: path.clone(),
        source,
    };
    let flags =
        OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let mode = Mode::RUSR | Mode::WUSR;
    let file = fs::open(&path, flags, mode).map_err(|error| failed(error.into()))?;
    let mut locked = match Locked::take(file.into(), FlockOperation::NonBlockingLockExclusive) {
        Ok(locked) => locked,
        Err(Errno::WOULDBLOCK) => return Ok(None),
        Err(error) => return Err(failed(error.into())),
    };
    // Only for the message in the process that finds the lock taken: a full disk must not keep
    // the owner out.
    locked.0.set_len(0).map_err(failed)?;
    locked.0.write_all(own_holder_text().as_bytes()).ok();
    Ok(Some(locked))
}

fn own_holder_text() -> String {
    let pid = std::process::id();
    let start = start_time(pid).unwrap_or(0);
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    format!("{pid}\n{start}\n{host}\n")
}

/// When a process started, in clock ticks after the computer's start: proc(5), field 22.
fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is in parentheses and may hold anything.
    let (_, after) = stat.rsplit_once(") ")?;
    after.split_whitespace().nth(19)?.parse().ok()
}

fn read_holder(dir: &Path) -> Holder {
    let mut text = String::new();
    let read = files::open_plain(&dir.join(".lock"))
        .ok()
        .and_then(|file| file.take(512).read_to_string(&mut text).ok());
    if read.is_none() {
        return Holder::default();
    }
    let mut lines = text.lines();
    Holder {
        pid: lines.next().and_then(|line| line.parse().ok()),
        start_time: lines.next().and_then(|line| line.parse().ok()),
        host: lines
            .next()
            .map(|line| line.chars().filter(|c| !c.is_control()).take(64).collect()),
    }
}

fn read_id(dir: &Path) -> Result<Option<Uuid>, LibraryError> {
    let path = dir.join("library.ron");
    if std::fs::symlink_metadata(&path).is_err() {
        return Ok(None);
    }
    let copies = save::previous(&path);
    let first = read_id_file(&path);
    let copy = || copies.iter().find_map(|copy| read_id_file(copy).ok());
    first.or_else(|error| copy().ok_or(error)).map(Some)
}

fn read_id_file(path: &Path) -> Result<Uuid, LibraryError> {
    let text = files::read_record(path)?;
    let record = document::read::<LibraryRecord>(&LIBRARY, &text);
    let record = record.map_err(|error| at(path, error))?;
    Ok(record.value.id)
}

fn make_id(dir: &Path) -> Result<Uuid, LibraryError> {
    let id = Uuid::new_v4();
    let path = dir.join("library.ron");
    let text = document::render(&LIBRARY, &LibraryRecord { id }, None);
    let text = text.map_err(|error| at(&path, error))?;
    // Twice, so that there is a copy: without its id a library can't find what runs.
    save::write(&path, text.as_bytes())?;
    save::write(&path, text.as_bytes())?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_ends_with_its_owner_though_a_starting_child_still_has_its_descriptor() {
        let dir = tempfile::tempdir().unwrap();
        let Ok(Opened::Owner(library)) = Library::open(dir.path()) else {
            panic!("a new library is nobody's");
        };
        let childs = library.lock.as_ref().unwrap().0.try_clone().unwrap();
        assert!(Library::holder(dir.path()).unwrap().is_some());
        drop(library);
        assert_eq!(Library::holder(dir.path()).unwrap(), None);
        assert!(matches!(Library::open(dir.path()), Ok(Opened::Owner(_))));
        drop(childs);
    }
}
