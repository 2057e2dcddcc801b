//! Which memories rest on others, and removing those that nobody needs.
//!
//! A memory's folder stays while a snapshot has its id or another memory's index names it. An index
//! that can't be read may name any.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::trash::{is_there, remove_tree, search};
use super::{Library, files};
use crate::model::SnapshotId;

/// What `qemu::memory_store` makes in a memory's folder.
pub(super) const FILES: [&str; 9] = [
    "device.state",
    "device.state.zst",
    "draft.json",
    "memory.json",
    "pages",
    "pages.packed",
    "pages.raw",
    "pages.table",
    "taken.json",
];
/// Those that say what a memory rests on: a draft's, one's that was taken, a whole one's.
const INDEXES: [&str; 3] = ["draft.json", TAKEN, WHOLE];
const TAKEN: &str = "taken.json";
/// Written last: where it is, only the folder's name is missing.
const WHOLE: &str = "memory.json";
/// Ends the name of a memory that is being made.
const PARTIAL: &str = ".partial";

/// A folder in `memory/`.
struct Folder {
    id: SnapshotId,
    path: PathBuf,
    is_whole: bool,
    /// What it rests on; `None` if that can't be read.
    names: Option<BTreeSet<Uuid>>,
}

impl Folder {
    fn may_name(&self, id: SnapshotId) -> bool {
        self.names
            .as_ref()
            .is_none_or(|names| names.contains(&id.0))
    }
}

impl Library {
    /// Removes a snapshot's memory that was made or is being made, unless another one rests on it; then what it rested
    /// on and nobody needs any more. Gives the files that were not ours and stayed.
    pub(super) fn remove_memory(&self, snapshot: SnapshotId) -> Vec<PathBuf> {
        let mut stayed = Vec::new();
        let mut going = BTreeSet::from([snapshot]);
        while let Some(id) = going.pop_first() {
            let Some(folders) = self.memories() else {
                break; // In doubt; a sweep comes by.
            };
            let (its, others): (Vec<Folder>, Vec<Folder>) =
                folders.into_iter().partition(|folder| folder.id == id);
            if others.iter().any(|other| other.may_name(id)) || self.is_snapshot(id) {
                continue;
            }
            for folder in its {
                stayed.extend(remove_tree(&folder.path));
                going.extend(folder.names.into_iter().flatten().map(SnapshotId));
            }
        }
        stayed
    }

    /// Removes all memories but those of the snapshots `kept` and what they rest on.
    pub(super) fn sweep_memories(&self, kept: &BTreeSet<SnapshotId>) {
        let Some(folders) = self.memories() else {
            return;
        };
        // What was being made when its owner died is of use only if it can still be packed.
        let is_kept = |folder: &Folder| {
            let can_be_packed = || {
                [TAKEN, WHOLE]
                    .iter()
                    .any(|name| is_there(&folder.path.join(name)))
            };
            let is_complete = folder.is_whole || can_be_packed();
            kept.contains(&folder.id) && is_complete
        };
        let (mut needed, mut rest): (Vec<Folder>, Vec<Folder>) =
            folders.into_iter().partition(is_kept);
        // Those that a needed one rests on are needed.
        let mut looked_at = 0;
        while let Some(folder) = needed.get(looked_at) {
            if folder.names.is_none() {
                return; // In doubt.
            }
            let (bases, others) = rest
                .into_iter()
                .partition(|other| other.is_whole && folder.may_name(other.id));
            needed.extend::<Vec<Folder>>(bases);
            rest = others;
            looked_at += 1;
        }
        for folder in rest {
            remove_tree(&folder.path);
        }
    }

    /// Whether a machine has a snapshot of this id; also if that can't be seen.
    fn is_snapshot(&self, id: SnapshotId) -> bool {
        let Ok(machines) = std::fs::read_dir(self.machines_dir()) else {
            return true;
        };
        machines.flatten().any(|machine| {
            let folder = machine.path().join("snapshots").join(id.to_string());
            match std::fs::symlink_metadata(folder.join("snapshot.ron")) {
                Ok(_) => true,
                Err(error) => !matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ),
            }
        })
    }

    /// All memories; `None` if they can't be seen.
    fn memories(&self) -> Option<Vec<Folder>> {
        let entries = match std::fs::read_dir(self.dir().join("memory")) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Some(Vec::new()),
            Err(_) => return None,
        };
        let mut folders = Vec::new();
        for entry in entries {
            let entry = entry.ok()?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let whole = name.strip_suffix(PARTIAL).unwrap_or(&name);
            let Ok(id) = whole.parse().map(SnapshotId) else {
                continue; // Not ours.
            };
            let path = entry.path();
            if files::check_folder(&path).is_err() {
                continue; // Nor this.
            }
            folders.push(Folder {
                id,
                is_whole: whole == name,
                names: named_in(&path),
                path,
            });
        }
        Some(folders)
    }
}

/// The ids in a memory's indexes; `None` if one of them can't be read.
fn named_in(folder: &Path) -> Option<BTreeSet<Uuid>> {
    let indexes: Vec<PathBuf> = INDEXES
        .iter()
        .map(|name| folder.join(name))
        .filter(|path| is_there(path))
        .collect();
    search(&indexes)
}
