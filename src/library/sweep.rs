//! Removes what saves left behind whose owner was killed before a machine's file named them.

use std::collections::BTreeSet;
use std::path::Path;

use uuid::Uuid;

use super::trash::remove_tree;
use super::{Entry, Library, LibraryError, Loaded, SnapshotKind};
use crate::model::SnapshotId;

impl Library {
    /// Removes saved states that no machine goes on from, and memory without a snapshot. Nobody was told that they
    /// are there. What is in doubt stays: files that can't be read, machines of a newer version.
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
        let Ok(memories) = std::fs::read_dir(self.dir().join("memory")) else {
            return Ok(()); // None was ever made.
        };
        for memory in memories.flatten() {
            let name = memory.file_name().to_string_lossy().into_owned();
            let whole = name.strip_suffix(".partial").unwrap_or(&name);
            let Ok(id) = whole.parse::<Uuid>() else {
                continue; // Not ours.
            };
            if whole != name || !kept.contains(&SnapshotId(id)) {
                remove_tree(&memory.path());
            }
        }
        Ok(())
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
