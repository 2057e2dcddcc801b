//! Intents: what work on a machine's chains has made or will give up, written before it begins.
//!
//! The work itself is one save of a record that names layers. Whoever finds an intent later only looks which of its
//! layers a record names: the others are not needed, whether the work had come to its end or never to its middle.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::document::{self, Document, Format};
use super::machines::at;
use super::{Library, LibraryError, files, save};
use crate::model::{LayerRef, MachineId, Overlay, SnapshotId};
use crate::step;

const INTENT: Format = Format {
    version: 1,
    comment: "Work that Orangery began on this machine's disks. It is gone when the work is done.",
    devices: &[],
};

/// An intent in a machine's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntentId(Uuid);

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Layers that are made for chains to go on in.
    pub overlays: Vec<Overlay>,
    /// Layers that may not be needed any more.
    pub unneeded: Vec<LayerRef>,
    /// The guest is stopped meanwhile, and runs on afterwards.
    pub resumes: bool,
    /// The snapshot that the layers are made for: once it has a record, the present goes on above it.
    #[serde(default)]
    pub snapshot: Option<SnapshotId>,
    /// Snapshots that go, and then the layers that nothing needs apart any more.
    #[serde(default)]
    pub deleting: Vec<SnapshotId>,
    /// The present is left for this snapshot, once QEMU has ended.
    #[serde(default)]
    pub rewind: Option<SnapshotId>,
    /// How the present is kept then.
    #[serde(default)]
    pub kept: Option<SnapshotId>,
    /// The copy that gives `handed` to this machine, and has nothing left to keep then.
    #[serde(default)]
    pub from: Option<MachineId>,
    #[serde(default)]
    pub handed: Option<SnapshotId>,
}

impl Library {
    fn intents(&self, machine: MachineId) -> PathBuf {
        self.machine_dir(machine).join("intents")
    }

    fn intent_file(&self, machine: MachineId, intent: IntentId) -> PathBuf {
        let name = format!("{}.ron", intent.0);
        self.intents(machine).join(name)
    }

    /// Notes what is about to be done.
    pub fn begin_intent(
        &self,
        machine: MachineId,
        intent: &Intent,
    ) -> Result<IntentId, LibraryError> {
        self.must_own()?;
        let folder = self.intents(machine);
        files::check_folder(&self.machine_dir(machine))?;
        files::make_folder(&folder)?;
        let id = IntentId(Uuid::new_v4());
        let path = self.intent_file(machine, id);
        let text = document::render(&INTENT, intent, None).map_err(|error| at(&path, error))?;
        save::write(&path, text.as_bytes())?;
        files::sync_folder(&self.machine_dir(machine))?;
        Ok(id)
    }

    /// Removes those of the intent's layers that no record names, then the intent.
    pub fn end_intent(&self, machine: MachineId, intent: IntentId) -> Result<(), LibraryError> {
        let Intent {
            overlays, unneeded, ..
        } = self.intent(machine, intent)?;
        let made = overlays.iter().map(|overlay| overlay.new);
        let mut layers: Vec<LayerRef> = made.chain(unneeded).collect();
        let named = self.machine(machine)?.layers();
        layers.retain(|layer| !named.contains(layer));
        if !layers.is_empty() {
            self.remove_layers(machine, &layers)?; // It reads the whole library.
            step::at("unneeded layers removed");
        }
        let path = self.intent_file(machine, intent);
        std::fs::remove_file(&path).map_err(|source| LibraryError::Write {
            path: path.clone(),
            source,
        })?;
        step::at("intent ended");
        files::sync_folder(&self.intents(machine))
    }

    /// Ends what work left whose owner was killed. Not while QEMU has the machine's disks open.
    pub fn end_intents(&self, machine: MachineId) -> Result<(), LibraryError> {
        for intent in self.open_intents(machine) {
            self.end_intent(machine, intent)?;
        }
        Ok(())
    }

    /// Work that was begun and has not ended.
    pub fn left_intents(&self, machine: MachineId) -> Vec<Intent> {
        let intents = self.open_intents(machine).into_iter();
        intents
            .filter_map(|intent| self.intent(machine, intent).ok())
            .collect()
    }

    /// Whether there is some.
    pub fn has_intents(&self, machine: MachineId) -> bool {
        !self.open_intents(machine).is_empty()
    }

    fn intent(&self, machine: MachineId, intent: IntentId) -> Result<Intent, LibraryError> {
        let path = self.intent_file(machine, intent);
        let text = files::read_record(&path)?;
        let document: Document<Intent> =
            document::read(&INTENT, &text).map_err(|error| at(&path, error))?;
        Ok(document.value)
    }

    fn open_intents(&self, machine: MachineId) -> Vec<IntentId> {
        let Ok(entries) = std::fs::read_dir(self.intents(machine)) else {
            return Vec::new(); // None was ever begun.
        };
        let id = |name: &str| name.strip_suffix(".ron")?.parse().ok().map(IntentId);
        entries
            .flatten()
            .filter_map(|entry| id(entry.file_name().to_str()?))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::tests::{create, layer, machine, owner, put};
    use crate::model::{ByteSize, Disk, DiskSource};

    #[test]
    fn only_the_layers_that_a_record_names_outlive_an_intent() {
        let mut machine = machine(1);
        let folder = tempfile::tempdir().unwrap();
        let library = owner(folder.path());
        create(&library, &machine);
        let (kept, gone) = (layer(machine.id, 7), layer(machine.id, 8));
        for layer in [kept, gone] {
            put(&library.layer_file(layer), b"qcow2");
        }
        let disk = Disk::new(DiskSource::Layers(vec![kept]), ByteSize::mib(1));
        machine.detached.push(disk);
        library.save(&machine).unwrap();
        let overlay = |new| Overlay {
            below: layer(machine.id, 6),
            new,
        };
        let intent = Intent {
            overlays: vec![overlay(kept)],
            unneeded: vec![gone],
            resumes: true,
            ..Intent::default()
        };
        library.begin_intent(machine.id, &intent).unwrap();
        assert_eq!(library.left_intents(machine.id), [intent]);
        library.end_intents(machine.id).unwrap();
        assert!(library.layer_file(kept).exists());
        assert!(!library.layer_file(gone).exists());
        assert!(!library.has_intents(machine.id));
    }
}
