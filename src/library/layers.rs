//! Layers that a machine gives up: who else names them, and removing those that nobody does.

use std::collections::BTreeSet;

use super::{Library, LibraryError, files};
use crate::model::{LayerId, LayerRef, MachineId};

impl Library {
    /// Who names `layer` beside the present record of `machine`: other machines, and snapshots of its own.
    pub fn layer_holders(
        &self,
        layer: LayerId,
        machine: MachineId,
    ) -> Result<Vec<String>, LibraryError> {
        let entries = self.scan()?;
        let references = self.references(&entries, Some(machine));
        let others = references.holders(layer.0, &BTreeSet::from([machine]));
        let mut holders: Vec<String> = others.iter().map(|name| format!("“{name}”")).collect();
        if references.holders(layer.0, &BTreeSet::new()).len() > others.len() {
            holders.push("A snapshot of the machine".to_owned());
        }
        Ok(holders)
    }

    /// The layers that records of other machines name.
    ///
    /// # Errors
    /// When one of them can't be read: it may name any.
    pub fn named_by_others(&self, machine: MachineId) -> Result<BTreeSet<LayerId>, LibraryError> {
        let mut entries = self.scan()?;
        entries.retain(|entry| entry.id() != Some(machine));
        let references = self.references(&entries, None);
        references.all().map_err(|folder| LibraryError::Damaged {
            path: self.machines_dir().join(folder),
            problem: "it can't be told which layers it needs".to_owned(),
        })
    }

    /// Removes the files of those layers in `machine`'s folder that no record names any more; others stay.
    pub fn remove_layers(
        &self,
        machine: MachineId,
        layers: &[LayerRef],
    ) -> Result<(), LibraryError> {
        self.must_own()?;
        let entries = self.scan()?;
        let references = self.references(&entries, None);
        let is_unneeded = |layer: &&LayerRef| {
            layer.machine == machine
                && references
                    .holders(layer.layer.0, &BTreeSet::new())
                    .is_empty()
        };
        for layer in layers.iter().filter(is_unneeded) {
            let path = self.layer_file(*layer);
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(LibraryError::Write { path, source });
                }
                Ok(()) | Err(_) => {}
            }
        }
        files::sync_folder(&self.machine_dir(machine).join("disks"))
    }
}
