//! Removes what work left behind whose owner was killed: saves that no machine's file names, copies of disks that never
//! became whole, folders of machines that were being made or removed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::{Entry, Library, LibraryError, Loaded, files};
use crate::model::{SnapshotId, SnapshotKind};

impl Library {
    /// Removes saved states that no machine goes on from, and memory without a snapshot. Nobody was told that they
    /// are there. What is in doubt stays: files that can't be read, machines of a newer version. So do memories that others
    /// rest on, and those of snapshots that were taken and not packed yet.
    pub fn sweep_saves(&self) -> Result<(), LibraryError> {
        self.must_own()?;
        if !self.dir().join("memory").exists() {
            return Ok(()); // Nothing was ever saved.
        }
        let mut kept = BTreeSet::new();
        for entry in self.scan()? {
            let Some(here) = snapshot_folders(&entry.folder().join("snapshots")) else {
                return Ok(());
            };
            for id in here {
                match &entry {
                    Entry::Machine(loaded) if self.is_unnamed(loaded, id) => {
                        self.delete_snapshot(loaded.machine.id, id)?;
                    }
                    Entry::Machine(_) | Entry::Broken(_) => drop(kept.insert(id)),
                }
            }
        }
        self.sweep_memories(&kept);
        Ok(())
    }

    /// Removes disks that were still being copied, and what making or removing a machine left; gives what is gone. For
    /// a new owner, before it begins work of its own.
    pub fn sweep_work(&self) -> Result<Vec<PathBuf>, LibraryError> {
        self.must_own()?;
        let mut gone = Vec::new();
        let machines = self.machines_dir();
        let folders = std::fs::read_dir(&machines);
        let folders = folders.map_err(|source| LibraryError::Read {
            path: machines.clone(),
            source,
        })?;
        for folder in folders.flatten() {
            let is_machine = folder
                .file_name()
                .to_str()
                .is_some_and(|name| name.parse::<Uuid>().is_ok());
            if is_machine && files::check_folder(&folder.path()).is_ok() {
                gone.extend(remove_partial_layers(&folder.path().join("disks")));
                gone.extend(self.sweep_tpms(&folder.path()));
            }
        }
        for leftover in self.leftovers() {
            if self.remove_leftover(&leftover)?.is_empty() {
                gone.push(leftover.folder);
            }
        }
        Ok(gone)
    }

    fn is_unnamed(&self, loaded: &Loaded, id: SnapshotId) -> bool {
        let named = loaded.machine.saved.map(|saved| saved.snapshot) == Some(id);
        if named || loaded.newer {
            return false;
        }
        let machine = loaded.machine.id;
        let file = self.snapshot_dir(machine, id).join("snapshot.ron");
        let never_written = std::fs::symlink_metadata(file)
            .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
        never_written
            || self
                .snapshot(machine, id)
                .is_ok_and(|record| record.kind == SnapshotKind::Saved)
    }
}

/// A copy gets its layer's own name once it is whole.
fn remove_partial_layers(disks: &Path) -> Vec<PathBuf> {
    let is_partial = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        let layer = name.and_then(|name| name.strip_suffix(".qcow2.partial"));
        layer.is_some_and(|layer| layer.parse::<Uuid>().is_ok())
    };
    match std::fs::read_dir(disks) {
        Ok(entries) if files::check_folder(disks).is_ok() => entries
            .flatten()
            .map(|entry| entry.path())
            .filter(is_partial)
            .filter(|path| std::fs::remove_file(path).is_ok())
            .collect(),
        Ok(_) | Err(_) => Vec::new(), // Not ours, or none.
    }
}

/// `None` if the folder is there and can't be read.
fn snapshot_folders(folder: &Path) -> Option<Vec<SnapshotId>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => Some(
            entries
                .flatten()
                .filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(SnapshotId))
                .collect(),
        ),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(Vec::new()),
        Err(_) => None,
    }
}
