//! Making a machine's folder so that it is either whole or not there.

use std::path::{Path, PathBuf};

use rustix::fs::{self, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::lock::Locked;
use super::machines::render_machine;
use super::trash::remove_tree;
use super::{Library, LibraryError, files, save};
use crate::model::{ByteSize, LayerId, Machine, MachineId};
use crate::step;

/// A machine that was never finished.
pub const NEW_PREFIX: &str = ".new-";
/// A machine whose removal was not finished.
pub(super) const GONE_PREFIX: &str = ".gone-";

/// A machine's folder while it is being filled. Dropping it removes it.
#[derive(Debug)]
pub struct Newcomer<'a> {
    library: &'a Library,
    id: MachineId,
    folder: PathBuf,
    /// Tells a living newcomer from a leftover.
    _lock: Locked,
    finished: bool,
}

/// What a cancelled or killed creation or removal left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    pub folder: PathBuf,
    /// What it takes on disk.
    pub size: ByteSize,
}

impl Newcomer<'_> {
    pub fn id(&self) -> MachineId {
        self.id
    }

    /// The temporary folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a new layer's file goes; its name stays, its folder is renamed with the machine's.
    pub fn layer_file(&self, layer: LayerId) -> PathBuf {
        self.folder.join("disks").join(format!("{layer}.qcow2"))
    }

    /// Writes the machine's file and gives the folder its name. The files in it must be synced.
    pub fn finish(mut self, machine: &Machine) -> Result<(), LibraryError> {
        if machine.id != self.id {
            return Err(LibraryError::Unsavable {
                problem: format!(
                    "the folder was begun for {}, not for {}",
                    self.id, machine.id
                ),
            });
        }
        let path = self.folder.join("machine.ron");
        let text = render_machine(&path, machine, None)?;
        save::write(&path, text.as_bytes())?;
        files::sync_folder(&self.folder.join("disks"))?;
        files::sync_folder(&self.folder)?;
        let target = self.library.machine_dir(self.id);
        rename_new(&self.folder, &target, self.id)?;
        self.finished = true;
        step::at("newcomer named");
        files::sync_folder(&self.library.machines_dir())
    }
}

fn rename_new(from: &Path, to: &Path, id: MachineId) -> Result<(), LibraryError> {
    match fs::renameat_with(fs::CWD, from, fs::CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::EXIST | Errno::NOTEMPTY) => Err(LibraryError::MachineExists { id }),
        Err(error) => Err(LibraryError::Write {
            path: to.to_owned(),
            source: error.into(),
        }),
    }
}

impl Drop for Newcomer<'_> {
    fn drop(&mut self) {
        if !self.finished {
            remove_tree(&self.folder);
        }
    }
}

impl Library {
    /// Begins a new machine: a folder under a temporary name, with an empty `disks` in it.
    pub fn begin(&self, id: MachineId) -> Result<Newcomer<'_>, LibraryError> {
        self.must_own()?;
        if std::fs::symlink_metadata(self.machine_dir(id)).is_ok() {
            return Err(LibraryError::MachineExists { id });
        }
        let folder = self.machines_dir().join(format!("{NEW_PREFIX}{id}"));
        let failed = |error: Errno| LibraryError::Write {
            path: folder.clone(),
            source: error.into(),
        };
        fs::mkdir(&folder, Mode::RWXU).map_err(failed)?;
        let lock = lock_folder(&folder).map_err(failed)?;
        let newcomer = Newcomer {
            library: self,
            id,
            folder: folder.clone(),
            _lock: lock,
            finished: false,
        };
        files::make_folder(&folder.join("disks"))?;
        step::at("newcomer begun");
        Ok(newcomer)
    }

    /// What cancelled or killed work left in `machines/` and nobody works on.
    pub fn leftovers(&self) -> Vec<Leftover> {
        let Ok(entries) = std::fs::read_dir(self.machines_dir()) else {
            return Vec::new();
        };
        let mut found: Vec<Leftover> = entries
            .flatten()
            .filter(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                name.starts_with(NEW_PREFIX) || name.starts_with(GONE_PREFIX)
            })
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .filter(|entry| is_idle(&entry.path()))
            .map(|entry| Leftover {
                size: files::allocated(&entry.path()),
                folder: entry.path(),
            })
            .collect();
        found.sort_by(|a, b| a.folder.cmp(&b.folder));
        found
    }

    /// Removes a leftover; files in it that are not ours stay, with their folder. Gives what stayed.
    pub fn remove_leftover(&self, leftover: &Leftover) -> Result<Vec<PathBuf>, LibraryError> {
        self.must_own()?;
        let in_place = leftover.folder.parent() == Some(self.machines_dir().as_path());
        let known = self.leftovers();
        if !in_place || !known.iter().any(|other| other.folder == leftover.folder) {
            return Err(LibraryError::Unsavable {
                problem: format!("“{}” is not a leftover", leftover.folder.display()),
            });
        }
        Ok(remove_tree(&leftover.folder))
    }
}

fn lock_folder(folder: &Path) -> Result<Locked, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = fs::open(folder, flags, Mode::empty())?;
    Locked::take(folder.into(), FlockOperation::NonBlockingLockExclusive)
}

fn is_idle(folder: &Path) -> bool {
    lock_folder(folder).is_ok()
}
