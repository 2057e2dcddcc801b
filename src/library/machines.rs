//! Reading and saving one machine's file.

use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use super::document::{self, Document, DocumentError, Format};
use super::{Library, LibraryError, files, save};
use crate::model::{LayerRef, Machine, MachineId};

pub(super) const MACHINE: Format = Format {
    version: 1,
    comment: "A machine of Orangery: what its next start uses.\n\
              Keys that this version does not know are kept. Change it only while Orangery is closed.",
    devices: &["devices"],
};

/// The most parts a machine may have, and the most layers a disk.
const DEVICE_LIMIT: usize = 64;
const CHAIN_LIMIT: usize = 256;

/// A record's error as the library's.
pub(super) fn at(path: &Path, error: DocumentError) -> LibraryError {
    let path = path.to_owned();
    match error {
        DocumentError::Newer { found, known } => LibraryError::Newer { path, found, known },
        DocumentError::Unwritable { problem } => LibraryError::Unsavable {
            problem: format!("“{}” can't be saved: {problem}", path.display()),
        },
        other => LibraryError::Damaged {
            path,
            problem: other.to_string(),
        },
    }
}

/// Reads and checks a machine file.
pub(super) fn read_machine(path: &Path) -> Result<Document<Machine>, LibraryError> {
    let text = files::read_record(path)?;
    let document = document::read::<Machine>(&MACHINE, &text).map_err(|error| at(path, error))?;
    check(&document.value).map_err(|problem| LibraryError::Damaged {
        path: path.to_owned(),
        problem,
    })?;
    Ok(document)
}

/// The youngest previous version of `path` that is a machine with this id.
pub(super) fn last_good(path: &Path, id: Option<MachineId>) -> Option<PathBuf> {
    save::previous(path).into_iter().find(|old| {
        read_machine(old).is_ok_and(|document| id.is_none_or(|id| document.value.id == id))
    })
}

/// What a file can say and a machine can't be.
fn check(machine: &Machine) -> Result<(), String> {
    if machine.devices.len() > DEVICE_LIMIT {
        return Err(format!(
            "key “devices”: {} devices; {DEVICE_LIMIT} is the most",
            machine.devices.len()
        ));
    }
    if !(1..=255).contains(&machine.cpu.count) {
        return Err(format!(
            "key “cpu/count”: {} processors; 1 to 255 are possible",
            machine.cpu.count
        ));
    }
    for (place, device) in machine.devices.iter().enumerate() {
        let id = &device.id;
        let plain = id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !plain || id.len() > 40 || !id.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(format!(
                "key “devices/{place}/id”: “{}” is not a device id; use letters, digits and dashes",
                id.escape_debug()
            ));
        }
        if machine.devices[..place].iter().any(|other| other.id == *id) {
            return Err(format!("key “devices/{place}/id”: “{id}” is there twice"));
        }
    }
    for (key, chain) in machine.chains() {
        check_chain(&key, chain)?;
    }
    Ok(())
}

fn check_chain(key: &str, chain: &[LayerRef]) -> Result<(), String> {
    if chain.len() > CHAIN_LIMIT {
        return Err(format!(
            "key “{key}”: {} layers; {CHAIN_LIMIT} is the most",
            chain.len()
        ));
    }
    for (place, layer) in chain.iter().enumerate() {
        if chain[..place].contains(layer) {
            return Err(format!(
                "key “{key}”: the layer {} is there twice",
                layer.layer
            ));
        }
    }
    Ok(())
}

impl Library {
    /// Reads one machine.
    pub fn machine(&self, id: MachineId) -> Result<Machine, LibraryError> {
        Ok(self.read_own(id)?.value)
    }

    fn read_own(&self, id: MachineId) -> Result<Document<Machine>, LibraryError> {
        let folder = self.machine_dir(id);
        if std::fs::symlink_metadata(&folder).is_err() {
            return Err(LibraryError::NoMachine { id });
        }
        files::check_folder(&folder)?;
        let path = self.machine_file(id);
        let document = read_machine(&path)?;
        if document.value.id != id {
            return Err(LibraryError::Damaged {
                path,
                problem: format!("key “id”: it says {}", document.value.id),
            });
        }
        Ok(document)
    }

    /// Saves a machine that is already in the library. When this returns, the change is on disk.
    ///
    /// Keys of the file that this version does not know stay. A file that can't be read, or that a
    /// newer Orangery wrote, is refused and left alone.
    pub fn save(&self, machine: &Machine) -> Result<(), LibraryError> {
        self.must_own()?;
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.read_own(machine.id)?;
        self.replace(machine, &before)
    }

    /// Changes a machine as it is on disk now and saves it; other threads' changes are not lost.
    /// Gives the machine as it is then.
    pub fn update(
        &self,
        id: MachineId,
        change: impl FnOnce(&mut Machine),
    ) -> Result<Machine, LibraryError> {
        self.must_own()?;
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.read_own(id)?;
        let mut machine = before.value.clone();
        change(&mut machine);
        machine.id = id;
        if machine != before.value {
            self.replace(&machine, &before)?;
        }
        Ok(machine)
    }

    fn replace(&self, machine: &Machine, before: &Document<Machine>) -> Result<(), LibraryError> {
        let path = self.machine_file(machine.id);
        let text = render_machine(&path, machine, Some(before))?;
        save::write(&path, text.as_bytes())
    }

    /// Puts the last good copy in a broken file's place; the broken one stays beside it as
    /// `machine.ron.broken-N`.
    pub fn restore_last_good(&self, id: MachineId) -> Result<Machine, LibraryError> {
        self.must_own()?;
        let path = self.machine_file(id);
        files::check_folder(&self.machine_dir(id))?;
        let Some(good) = last_good(&path, Some(id)) else {
            return Err(LibraryError::Damaged {
                path,
                problem: "there is no good copy of it".to_owned(),
            });
        };
        let machine = read_machine(&good)?.value;
        let text = files::read_record(&good)?;
        if std::fs::symlink_metadata(&path).is_ok() {
            set_broken_aside(&path)?;
        }
        save::write(&path, text.as_bytes())?;
        Ok(machine)
    }
}

/// The text of a machine file.
pub(super) fn render_machine(
    path: &Path,
    machine: &Machine,
    before: Option<&Document<Machine>>,
) -> Result<String, LibraryError> {
    check(machine).map_err(|problem| LibraryError::Unsavable {
        problem: format!("“{}” can't be saved: {problem}", path.display()),
    })?;
    document::render(&MACHINE, machine, before).map_err(|error| at(path, error))
}

/// Renames a broken file to the first free `….broken-N`.
pub(super) fn set_broken_aside(path: &Path) -> Result<PathBuf, LibraryError> {
    let failed = |source: std::io::Error| LibraryError::Write {
        path: path.to_owned(),
        source,
    };
    let name = path.file_name().unwrap_or_default().to_owned();
    for number in 1..1000 {
        let mut aside = name.clone();
        aside.push(format!(".broken-{number}"));
        let aside = path.with_file_name(aside);
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(rustix::fs::CWD, path, rustix::fs::CWD, &aside, flags) {
            Ok(()) => return Ok(aside),
            Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(failed(error.into())),
        }
    }
    Err(failed(std::io::Error::other(
        "a thousand broken copies lie beside it",
    )))
}
