//! What the TPMs of machines keep: `tpm/<id>/` in a machine's folder, written by its emulator.
//!
//! The machine's record names the state that its TPM writes to; a snapshot's record names a copy that nothing writes to.
//! What no record names is gone at the next start of an owner.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::trash::{is_there, remove_tree_at, search};
use super::{Library, LibraryError, Newcomer, files, save};
use crate::model::{MachineId, TpmId};
use crate::step;

/// What the emulator keeps: keys and counters; its memory, when it was told to write it; and names under which it begins a
/// file.
const STATE: [&str; 4] = [
    "tpm2-00.permall",
    "tpm2-00.volatilestate",
    "TMP2-00.permall",
    "TMP2-00.volatilestate",
];
/// The first two of them are states; others were cut off.
const WHOLE: usize = 2;
/// Held by the emulator while it runs.
const LOCK: &str = ".lock";
/// Larger than any state, which has some tens of KiB, bytes.
const MAX_STATE: u64 = 4 << 20;

/// Whether the emulator or we make files of this name.
pub(super) fn is_ours(name: &str) -> bool {
    STATE.contains(&name) || name == LOCK
}

impl Library {
    /// A place for the state of a TPM that was never used.
    pub fn make_tpm(&self, machine: MachineId) -> Result<TpmId, LibraryError> {
        self.must_own()?;
        let parent = self.machine_dir(machine).join("tpm");
        let tpm = TpmId(Uuid::new_v4());
        files::make_folder(&parent)?;
        files::make_folder(&self.tpm_dir(machine, tpm))?;
        files::sync_folder(&parent)?;
        files::sync_folder(&self.machine_dir(machine))?;
        Ok(tpm)
    }

    /// A copy of what a TPM keeps, whole on disk. Nothing may write to it meanwhile.
    pub fn copy_tpm(&self, machine: MachineId, tpm: TpmId) -> Result<TpmId, LibraryError> {
        self.copy_tpm_between(machine, tpm, machine)
    }

    /// The same into the folder of another machine.
    pub fn copy_tpm_between(
        &self,
        from: MachineId,
        tpm: TpmId,
        to: MachineId,
    ) -> Result<TpmId, LibraryError> {
        let state = self.read_tpm(from, tpm)?;
        let copy = self.make_tpm(to)?;
        let folder = self.tpm_dir(to, copy);
        write_state(&state, &folder).inspect_err(|_| drop(self.remove_tpm(to, copy)))?;
        Ok(copy)
    }

    /// The same into the folder of a machine that is being made.
    pub fn copy_tpm_to(
        &self,
        machine: MachineId,
        tpm: TpmId,
        newcomer: &Newcomer<'_>,
    ) -> Result<TpmId, LibraryError> {
        let state = self.read_tpm(machine, tpm)?;
        let copy = TpmId(Uuid::new_v4());
        let parent = newcomer.folder().join("tpm");
        let folder = parent.join(copy.to_string());
        files::make_folder(&parent)?;
        files::make_folder(&folder)?;
        write_state(&state, &folder)?;
        files::sync_folder(&parent)?;
        Ok(copy)
    }

    /// Whether two states are the same, bit by bit.
    pub fn same_tpm(
        &self,
        machine: MachineId,
        one: Option<TpmId>,
        other: Option<TpmId>,
    ) -> Result<bool, LibraryError> {
        match (one, other) {
            (Some(one), Some(other)) => {
                Ok(self.read_tpm(machine, one)? == self.read_tpm(machine, other)?)
            }
            (one, other) => Ok(one == other),
        }
    }

    /// Whether a state is there and can be read.
    pub fn check_tpm(&self, machine: MachineId, tpm: TpmId) -> Result<(), LibraryError> {
        self.read_tpm(machine, tpm).map(drop)
    }

    /// The files of a state by their names.
    fn read_tpm(
        &self,
        machine: MachineId,
        tpm: TpmId,
    ) -> Result<Vec<(&'static str, Vec<u8>)>, LibraryError> {
        let folder = self.tpm_dir(machine, tpm);
        files::check_folder(&folder)?;
        let mut state = Vec::new();
        for name in &STATE[..WHOLE] {
            let path = folder.join(name);
            if !is_there(&path) {
                continue;
            }
            let mut bytes = Vec::new();
            files::open_plain(&path)?
                .take(MAX_STATE + 1)
                .read_to_end(&mut bytes)
                .map_err(|source| LibraryError::Read {
                    path: path.clone(),
                    source,
                })?;
            if bytes.len() as u64 > MAX_STATE {
                let problem = "it is larger than any TPM's state".to_owned();
                return Err(LibraryError::Damaged { path, problem });
            }
            state.push((*name, bytes));
        }
        Ok(state)
    }

    /// Removes a state that no record of the machine names any more; gives what is not ours and stayed.
    pub fn remove_tpm(&self, machine: MachineId, tpm: TpmId) -> Vec<PathBuf> {
        let records = records(&self.machine_dir(machine));
        match search(&records) {
            Some(named) if !named.contains(&tpm.0) => {
                remove_tree_at(&self.tpm_dir(machine, tpm), &["tpm", &tpm.to_string()])
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// Removes the states in a machine's folder that none of its records names; gives what is gone.
    pub(super) fn sweep_tpms(&self, folder: &Path) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(folder.join("tpm")) else {
            return Vec::new();
        };
        let mut records = records(folder);
        // A damaged record may be restored from an earlier one.
        let before = save::previous(&folder.join("machine.ron"));
        records.extend(before.into_iter().filter(|path| is_there(path)));
        let Some(named) = search(&records) else {
            return Vec::new();
        };
        let is_unnamed = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.parse().is_ok_and(|id: Uuid| !named.contains(&id)))
        };
        let states = entries.flatten().map(|entry| entry.path());
        states
            .filter(is_unnamed)
            .filter(|state| {
                let name = state.file_name().unwrap_or_default().to_string_lossy();
                remove_tree_at(state, &["tpm", &name]).is_empty()
            })
            .collect()
    }
}

fn write_state(state: &[(&str, Vec<u8>)], folder: &Path) -> Result<(), LibraryError> {
    for (name, bytes) in state {
        let path = folder.join(name);
        let new = || step::write(&path).and_then(|()| File::create_new(&path));
        let written = new().and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        written.map_err(|source| LibraryError::Write { path, source })?;
    }
    files::sync_folder(folder)
}

/// A machine's record and those of its snapshots.
fn records(folder: &Path) -> Vec<PathBuf> {
    let mut records = vec![folder.join("machine.ron")];
    if let Ok(snapshots) = std::fs::read_dir(folder.join("snapshots")) {
        let texts = snapshots
            .flatten()
            .map(|entry| entry.path().join("snapshot.ron"));
        records.extend(texts.filter(|path| is_there(path)));
    }
    records
}
