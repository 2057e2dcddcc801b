//! New, empty layers on top of chains.

use std::path::Path;

use uuid::Uuid;

use crate::library::{Intent, IntentId, Library};
use crate::model::{Failure, ImageFormat, LayerId, LayerRef, MachineId, Overlay};
use crate::step;
use crate::storage::{Backing, ImageKind, NewLayer, read_header, write_layer};

/// Overlays whose files are there; a record has to name them, else [`Self::settle`] removes them again.
#[derive(Debug)]
pub struct Overlays {
    machine: MachineId,
    pub pairs: Vec<Overlay>,
    intent: IntentId,
}

impl Overlays {
    /// Makes an empty layer of `machine`'s on each of `tops`. `work` says what else they are made for.
    ///
    /// # Errors
    /// Nothing is left behind.
    pub fn make(
        library: &Library,
        machine: MachineId,
        tops: &[LayerRef],
        work: Intent,
    ) -> Result<Self, Failure> {
        let what = "The disks could not be frozen";
        let pairs: Vec<Overlay> = tops
            .iter()
            .map(|below| Overlay {
                below: *below,
                new: LayerRef {
                    machine,
                    layer: LayerId(Uuid::new_v4()),
                },
            })
            .collect();
        let work = Intent {
            overlays: pairs.clone(),
            ..work
        };
        let intent = library
            .begin_intent(machine, &work)
            .map_err(|error| error.failure(what))?;
        let overlays = Self {
            machine,
            pairs,
            intent,
        };
        let written = overlays
            .pairs
            .iter()
            .try_for_each(|overlay| {
                write_overlay(library, *overlay, &library.layer_file(overlay.new))
            })
            .map_err(|why| Failure::new(what, why));
        if written.is_err() {
            overlays.settle(library);
        }
        step::at("overlays made");
        written.map(|()| overlays)
    }

    /// The work is over: what no record names goes.
    pub fn settle(&self, library: &Library) {
        settle(library, self.machine, self.intent);
    }
}

/// Work is over, whatever came of it.
pub fn settle(library: &Library, machine: MachineId, intent: IntentId) {
    if let Err(error) = library.end_intent(machine, intent) {
        eprintln!("orangery: {machine}: {error}"); // Space, not safety; the next owner tries again.
    }
}

/// Writes an empty layer as the new file `to`, which lies where the overlay's machine has its layers, or will.
pub fn write_overlay(library: &Library, overlay: Overlay, to: &Path) -> Result<(), String> {
    let below = library.layer_file(overlay.below);
    let header = read_header(&below).map_err(|error| error.to_string())?;
    let (ImageKind::Qcow2(_), Some(size)) = (header.kind, header.virtual_size) else {
        return Err(format!("{} is not a layer", below.display()));
    };
    let layer = NewLayer {
        size,
        backing: Some(Backing {
            path: relative(overlay),
            format: ImageFormat::Qcow2,
        }),
        content: &[],
    };
    write_layer(to, &layer).map_err(|error| error.to_string())
}

/// Where the lower layer lies, seen from the upper one's folder.
pub(super) fn relative(overlay: Overlay) -> String {
    let file = format!("{}.qcow2", overlay.below.layer);
    if overlay.below.machine == overlay.new.machine {
        return file;
    }
    let folder = Path::new("../..").join(overlay.below.machine.to_string());
    folder.join("disks").join(file).display().to_string()
}
