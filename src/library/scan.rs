//! Lists a library's machines; one that can't be read never hides the others.

use std::path::{Path, PathBuf};

use super::machines::{last_good, read_machine};
use super::{Library, LibraryError, files};
use crate::model::{Failure, Machine, MachineId};

/// One folder of `machines/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Machine(Box<Loaded>),
    Broken(Broken),
}

/// A machine that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    pub machine: Machine,
    /// Each names a key of the file.
    pub warnings: Vec<String>,
    pub folder: PathBuf,
    /// The file is of a newer version: it is shown, and saving is refused.
    pub newer: bool,
}

/// A folder whose machine can't be used as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub folder: PathBuf,
    /// If the folder is named like a machine's.
    pub id: Option<MachineId>,
    pub failure: Failure,
    /// A previous version of the file that can be read.
    pub last_good: Option<PathBuf>,
}

impl Entry {
    pub fn folder(&self) -> &Path {
        match self {
            Self::Machine(loaded) => &loaded.folder,
            Self::Broken(broken) => &broken.folder,
        }
    }

    pub fn id(&self) -> Option<MachineId> {
        match self {
            Self::Machine(loaded) => Some(loaded.machine.id),
            Self::Broken(broken) => broken.id,
        }
    }
}

/// The machine that a folder's name says it holds.
pub(super) fn id_of_folder(name: &str) -> Option<MachineId> {
    let id: MachineId = name.parse().ok()?;
    (id.to_string() == name).then_some(id)
}

impl Library {
    /// Every machine of the library, in the order of their folders' names.
    ///
    /// Fails only if the folder `machines` can't be listed.
    pub fn scan(&self) -> Result<Vec<Entry>, LibraryError> {
        let names = self.folder_names()?;
        Ok(names.iter().filter_map(|name| self.look(name)).collect())
    }

    /// What one folder of `machines/` holds; `None` for a stranger's, which is none of our
    /// business. A large library is read by several threads, each looking at some of the folders.
    pub fn look(&self, name: &str) -> Option<Entry> {
        let folder = self.machines_dir().join(name);
        let id = id_of_folder(name);
        if id.is_none() && std::fs::symlink_metadata(folder.join("machine.ron")).is_err() {
            return None;
        }
        Some(self.entry(&folder, id))
    }

    /// Names in `machines/` that don't start with a dot, sorted.
    pub fn folder_names(&self) -> Result<Vec<String>, LibraryError> {
        let path = self.machines_dir();
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(LibraryError::Read { path, source }),
        };
        let mut names = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name();
            match name.to_str() {
                Some(name) if !name.starts_with('.') => names.push(name.to_owned()),
                Some(_) | None => {}
            }
        }
        names.sort();
        Ok(names)
    }

    fn entry(&self, folder: &Path, id: Option<MachineId>) -> Entry {
        let path = folder.join("machine.ron");
        let read = files::check_folder(folder).and_then(|()| read_machine(&path));
        match read {
            Ok(document) if id == Some(document.value.id) => Entry::Machine(Box::new(Loaded {
                newer: document.newer.is_some(),
                warnings: document
                    .newer
                    .iter()
                    .map(|version| newer_warning(*version))
                    .chain(document.warnings)
                    .collect(),
                machine: document.value,
                folder: folder.to_owned(),
            })),
            Ok(document) => Entry::Broken(Broken {
                folder: folder.to_owned(),
                id,
                failure: self.wrong_place(folder, document.value.id),
                last_good: None,
            }),
            Err(error) => {
                let folder_is_real = files::check_folder(folder).is_ok();
                Entry::Broken(Broken {
                    failure: broken_failure(folder, &error),
                    last_good: folder_is_real.then(|| last_good(&path, id)).flatten(),
                    folder: folder.to_owned(),
                    id,
                })
            }
        }
    }

    /// A folder holds a machine whose id is not the folder's name: usually a copy.
    fn wrong_place(&self, folder: &Path, claimed: MachineId) -> Failure {
        let name = shown_name(folder);
        let what = format!("“{name}” can't be used as it is");
        if std::fs::symlink_metadata(self.machine_dir(claimed)).is_ok() {
            Failure::new(
                what,
                format!(
                    "two folders claim the id {claimed}, “{claimed}” and “{name}”: \
                     which is the original?"
                ),
            )
            .fix("Keep the original under the name of its id, and move the copy out of the library")
        } else {
            Failure::new(what, format!("the machine in it has the id {claimed}"))
                .fix(format!("Rename the folder to “{claimed}”"))
        }
    }
}

fn newer_warning(version: u64) -> String {
    format!(
        "A newer Orangery wrote this machine (file version {version}): it can't be changed here"
    )
}

/// A folder's name without what could deceive.
fn shown_name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.chars().take(80).flat_map(char::escape_debug).collect()
}

fn broken_failure(folder: &Path, error: &LibraryError) -> Failure {
    let what = format!("The machine in “{}” can't be read", shown_name(folder));
    error.failure(what)
}
