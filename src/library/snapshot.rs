//! Snapshot records: what a point in a machine's life needs to be gone back to.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::document::{self, Format};
use super::machines::at;
use super::{Library, LibraryError, Sighting, files, save};
use crate::model::{
    Accelerator, ByteSize, LayerRef, Machine, MachineId, Relayering, SavedState, SetId, SnapshotId,
    SnapshotKind, Timestamp,
};
use crate::step;

const SNAPSHOT: Format = Format {
    version: 1,
    comment: "A point in a machine's life, as Orangery kept it. Never change it by hand.",
    devices: &["hardware", "devices"],
};

/// What the picture of its screen is called, beside a snapshot's record.
pub const PICTURE: &str = "screen.png";

/// A disk's chain at that time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskPoint {
    /// The id of the device.
    pub id: String,
    /// Base first; all of them are frozen while the snapshot exists.
    pub chain: Vec<LayerRef>,
    /// For a disk used in place: how it looked. If it looks different, the memory no longer fits.
    #[serde(default)]
    pub sighting: Option<Sighting>,
}

/// A large file of the snapshot, as it was when it was whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Bytes of content that were checked: for pages, those that are allocated.
    pub bytes: ByteSize,
    /// BLAKE3 over those bytes, 64 hex digits.
    pub blake3: String,
}

/// Where guest memory went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemoryForm {
    /// In `pages`, a file as long as guest memory, with holes: what an older Orangery saved.
    Pages,
    /// Compressed, in `pages.packed`.
    Packed,
    /// Inside `device.state`.
    InState,
}

/// What lies in the snapshot's memory folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryStore {
    pub form: MemoryForm,
    /// Guest memory.
    pub ram: ByteSize,
    /// QEMU's stream, before it was compressed.
    pub state: StoredFile,
    /// `None` in the form `in-state`.
    #[serde(default)]
    pub pages: Option<StoredFile>,
    /// What it takes on disk, without what it rests on. 0: an older Orangery did not say.
    #[serde(default)]
    pub stored: ByteSize,
    /// The snapshot whose memory has what this one lacks.
    #[serde(default)]
    pub base: Option<SnapshotId>,
}

/// Everything in `snapshot.ron`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRecord {
    pub id: SnapshotId,
    pub machine: MachineId,
    pub kind: SnapshotKind,
    /// What the machine had come from.
    #[serde(default)]
    pub parent: Option<SnapshotId>,
    /// Empty where nobody gave one.
    #[serde(default)]
    pub name: String,
    /// Its memory is still being written: until then it does not count.
    #[serde(default)]
    pub writing: bool,
    pub when: Timestamp,
    pub disks: Vec<DiskPoint>,
    pub accelerator: Accelerator,
    /// The CPU model as QEMU resolved it.
    pub cpu_model: String,
    pub machine_type: String,
    pub qemu_version: String,
    /// It keeps this disk alone, by its device id; `hardware` has nothing else then.
    #[serde(default)]
    pub disk: Option<String>,
    /// The machine was paused then: it is again, when it goes on from here.
    #[serde(default)]
    pub paused: bool,
    /// `None` if the machine was off.
    #[serde(default)]
    pub memory: Option<MemoryStore>,
    /// The whole machine at that time.
    pub hardware: Machine,
    #[serde(default)]
    pub note: String,
    /// A file in the snapshot's folder.
    #[serde(default)]
    pub picture: Option<String>,
    /// The moment of several machines that it is part of.
    #[serde(default)]
    pub set: Option<SetId>,
}

impl SnapshotRecord {
    /// Says whether one of its chains is another one then.
    pub fn relayer(&mut self, relayering: Relayering) -> bool {
        let mut changed = self.hardware.relayer(relayering);
        for point in &mut self.disks {
            changed |= relayering.apply(&mut point.chain);
        }
        changed
    }
}

/// A folder of `snapshots/`.
#[derive(Debug)]
pub struct SnapshotEntry {
    pub id: SnapshotId,
    pub record: Result<SnapshotRecord, LibraryError>,
}

impl Library {
    /// Ids of the snapshots that have a folder in a machine's.
    pub(super) fn snapshot_ids(&self, machine: MachineId) -> Vec<SnapshotId> {
        let Ok(entries) = std::fs::read_dir(self.machine_dir(machine).join("snapshots")) else {
            return Vec::new();
        };
        let mut ids: Vec<SnapshotId> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(SnapshotId))
            .collect();
        ids.sort();
        ids
    }

    /// All snapshots of a machine, broken ones with their error.
    pub fn snapshots(&self, machine: MachineId) -> Vec<SnapshotEntry> {
        self.snapshot_ids(machine)
            .into_iter()
            .map(|id| SnapshotEntry {
                id,
                record: self.snapshot(machine, id),
            })
            .collect()
    }

    fn snapshot_file(&self, machine: MachineId, snapshot: SnapshotId) -> PathBuf {
        self.snapshot_dir(machine, snapshot).join("snapshot.ron")
    }

    /// Reads one snapshot's record.
    pub fn snapshot(
        &self,
        machine: MachineId,
        snapshot: SnapshotId,
    ) -> Result<SnapshotRecord, LibraryError> {
        files::check_folder(&self.snapshot_dir(machine, snapshot))?;
        let path = self.snapshot_file(machine, snapshot);
        let text = files::read_record(&path)?;
        let document: document::Document<SnapshotRecord> =
            document::read(&SNAPSHOT, &text).map_err(|error| at(&path, error))?;
        let record = document.value;
        if record.id != snapshot || record.machine != machine {
            return Err(LibraryError::Damaged {
                path,
                problem: "key “id”: it belongs to another snapshot or machine".to_owned(),
            });
        }
        Ok(record)
    }

    /// Writes a snapshot's record; its memory and layers must be complete and synced before.
    pub fn write_snapshot(&self, record: &SnapshotRecord) -> Result<(), LibraryError> {
        self.must_own()?;
        let machine_folder = self.machine_dir(record.machine);
        files::check_folder(&machine_folder)?;
        let snapshots = machine_folder.join("snapshots");
        let folder = self.snapshot_dir(record.machine, record.id);
        files::make_folder(&snapshots)?;
        files::make_folder(&folder)?;
        let path = self.snapshot_file(record.machine, record.id);
        let before = match std::fs::symlink_metadata(&path) {
            Ok(_) => {
                let text = files::read_record(&path)?;
                Some(document::read(&SNAPSHOT, &text).map_err(|error| at(&path, error))?)
            }
            Err(_) => None,
        };
        let text = document::render(&SNAPSHOT, record, before.as_ref())
            .map_err(|error| at(&path, error))?;
        save::write(&path, text.as_bytes())?;
        files::sync_folder(&snapshots)?;
        files::sync_folder(&machine_folder)
    }

    /// Keeps a picture of the screen beside a snapshot's record.
    pub fn write_picture(
        &self,
        machine: MachineId,
        snapshot: SnapshotId,
        png: &[u8],
    ) -> Result<(), LibraryError> {
        self.must_own()?;
        let folder = self.snapshot_dir(machine, snapshot);
        files::check_folder(&folder)?;
        let path = folder.join(PICTURE);
        step::write(&path).map_err(|source| LibraryError::Write {
            path: path.clone(),
            source,
        })?;
        files::write_new(&path, png)
    }

    /// Gives a snapshot of `from` to the machine that `record` is for, which has its layers. Its memory and id stay.
    pub fn move_snapshot(
        &self,
        record: &SnapshotRecord,
        from: MachineId,
    ) -> Result<(), LibraryError> {
        let folder = self.snapshot_dir(from, record.id);
        let picture = std::fs::read(folder.join(PICTURE));
        // One record names the memory at any time: it is removed with what it belongs to.
        let path = self.snapshot_file(from, record.id);
        std::fs::remove_file(&path).map_err(|source| LibraryError::Write { path, source })?;
        files::sync_folder(&folder)?;
        step::at("snapshot's record is nobody's");
        self.write_snapshot(record)?;
        step::at("snapshot's record given");
        super::trash::remove_tree_at(&folder, &["snapshots", &record.id.to_string()]);
        match picture {
            Ok(picture) if record.picture.is_some() => {
                self.write_picture(record.machine, record.id, &picture)
            }
            Ok(_) | Err(_) => Ok(()), // A snapshot without a picture is one, too.
        }
    }

    /// Makes the folder for a snapshot's memory.
    pub fn make_memory_dir(&self, snapshot: SnapshotId) -> Result<PathBuf, LibraryError> {
        self.must_own()?;
        let memory = self.dir().join("memory");
        let folder = self.memory_dir(snapshot);
        files::make_folder(&memory)?;
        files::make_folder(&folder)?;
        files::sync_folder(&memory)?;
        Ok(folder)
    }

    /// Deletes a saved state that no machine goes on from any more; a snapshot that was gone back to stays.
    pub fn forget_saved(&self, machine: MachineId, saved: SavedState) -> Result<(), LibraryError> {
        let record = self.snapshot(machine, saved.snapshot);
        match record {
            Ok(record) if record.kind != SnapshotKind::Saved => Ok(()),
            Ok(_) | Err(_) => self.delete_snapshot(machine, saved.snapshot).map(drop),
        }
    }

    /// Deletes a snapshot's record, then its memory, unless another one rests on it. Gives the files that were not ours
    /// and stayed.
    ///
    /// The machine's own record must no longer name the snapshot. Layers are not touched.
    pub fn delete_snapshot(
        &self,
        machine: MachineId,
        snapshot: SnapshotId,
    ) -> Result<Vec<PathBuf>, LibraryError> {
        self.must_own()?;
        let named = self.machine(machine).is_ok_and(|machine| {
            machine
                .saved
                .is_some_and(|saved| saved.snapshot == snapshot)
        });
        if named {
            return Err(LibraryError::Unsavable {
                problem: "the machine's next start goes on from this snapshot".to_owned(),
            });
        }
        // Without its record the snapshot does not exist; only then may the large files go.
        let record = self.snapshot(machine, snapshot);
        let tpm = record.ok().and_then(|record| record.hardware.tpm);
        let folder = self.snapshot_dir(machine, snapshot);
        let path = self.snapshot_file(machine, snapshot);
        match std::fs::remove_file(&path) {
            Ok(()) => files::sync_folder(&folder)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(LibraryError::Write { path, source }),
        }
        step::at("snapshot's record removed");
        let place = ["snapshots", &snapshot.to_string()];
        let mut stayed = super::trash::remove_tree_at(&folder, &place);
        stayed.extend(self.remove_memory(snapshot));
        step::at("snapshot's memory removed");
        stayed.extend(tpm.map_or_else(Vec::new, |tpm| self.remove_tpm(machine, tpm)));
        Ok(stayed)
    }
}
