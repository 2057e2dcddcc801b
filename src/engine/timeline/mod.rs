//! A machine's timeline: taking snapshots of what rests, going back, deleting, telling what there is.
//!
//! A snapshot's record names chains of layers; from then on they are frozen, and the present goes on in new layers on
//! top. The present is one save of the machine's record, so it is as before or as after, whatever is killed when; files
//! that no record came to name are known by an intent (`library/intents.rs`).

mod complete;
mod headers;
pub mod inside;
mod overlays;
mod remove;
mod report;
mod rest;
mod unmake;
mod verify;
mod wording;

#[cfg(test)]
mod tests;

pub use complete::{Taken, complete, complete_left, go_on_left};
pub use overlays::{Overlays, settle, write_overlay};
pub use remove::{Live, delete, flatten, merge_loose};
pub use report::timeline;
pub use rest::{go_back, keep_resting, keep_saved, leave_resting, leaving, take_resting};
pub use unmake::unmake;
pub use verify::verify;

use uuid::Uuid;

use crate::engine::clock;
use crate::library::{
    DiskPoint, Library, MemoryForm, MemoryStore, Sighting, SnapshotRecord, StoredFile,
};
use crate::model::{
    Accelerator, ByteSize, DeviceKind, DiskSource, Failure, LayerRef, Machine, MachineId,
    Relayering, SetId, SnapshotId, SnapshotKind, TpmId,
};
use crate::qemu::memory_store::{Content, Saved};
use crate::storage::is_untouched;

/// A snapshot to be taken.
#[derive(Clone, Debug)]
pub struct Taking {
    pub id: SnapshotId,
    pub kind: SnapshotKind,
    pub name: String,
    pub note: String,
    /// This disk alone, by its device id.
    pub disk: Option<String>,
    /// The moment of several machines that it is part of.
    pub set: Option<SetId>,
}

impl Taking {
    pub fn new(kind: SnapshotKind, name: String, note: String) -> Self {
        Self {
            id: SnapshotId(Uuid::new_v4()),
            kind,
            name,
            note,
            disk: None,
            set: None,
        }
    }
}

/// What of the machine the snapshot freezes: all of it, or one disk.
pub fn part(machine: &Machine, taking: &Taking) -> Result<Machine, Failure> {
    let Some(disk) = &taking.disk else {
        return Ok(machine.clone());
    };
    machine.only_disk(disk).ok_or_else(|| {
        Failure::new(
            format!("{}: no snapshot", machine.name),
            format!("It has no disk “{disk}”"),
        )
    })
}

/// A disk outside the library can be changed by others, and its snapshot would be worth nothing.
pub fn check_in_library(machine: &Machine) -> Result<(), Failure> {
    match machine.disks_in_place()[..] {
        [] => Ok(()),
        [disk, ..] => Err(Failure::new(
            format!("{}: no snapshot", machine.name),
            format!("Its disk {disk} lies outside the library, where others can change it"),
        )
        .fix("Shut the machine down and take the snapshot with a copy of the disk in the library: the dialog offers it, on the command line --move-in does it")),
    }
}

/// A snapshot that can be gone back to.
pub fn find(
    library: &Library,
    machine: MachineId,
    snapshot: SnapshotId,
    name: &str,
) -> Result<SnapshotRecord, Failure> {
    let what = || format!("{name}: not gone back");
    let record = library
        .snapshot(machine, snapshot)
        .map_err(|error| error.failure(what()))?;
    if record.writing {
        return Err(Failure::new(what(), "The snapshot is still being written")
            .fix("Try again in a moment"));
    }
    Ok(record)
}

/// A machine is not made of one disk.
pub fn check_whole(snapshot: &SnapshotRecord, name: &str) -> Result<(), Failure> {
    match &snapshot.disk {
        None => Ok(()),
        Some(disk) => Err(Failure::new(
            format!("{name} was not forked"),
            format!("The snapshot keeps the disk “{disk}” alone"),
        )
        .fix("Fork another snapshot, or make a new disk of this one")),
    }
}

/// What was stored, as the snapshot's record says it.
pub fn as_recorded(saved: &Saved) -> MemoryStore {
    let file = |content: &Content| StoredFile {
        bytes: ByteSize(content.bytes),
        blake3: content.hash.clone(),
    };
    MemoryStore {
        form: match saved.packed {
            Some(_) => MemoryForm::Packed,
            None => MemoryForm::InState,
        },
        ram: saved.ram_size,
        stored: saved.stored(),
        base: saved.base.as_ref().map(|base| base.id),
        state: file(&saved.state),
        pages: saved.pages.as_ref().map(file),
    }
}

/// What a machine was run with; for one that rests what it would be.
#[derive(Clone, Debug)]
pub struct RunWith {
    pub accelerator: Accelerator,
    pub cpu_model: String,
    pub qemu_version: String,
}

/// The tops that nothing was written to since they were made: what a guest reads is in the layers below, and a snapshot
/// needs no new ones. The guest must not run.
pub fn idle_tops(library: &Library, machine: &Machine) -> Vec<LayerRef> {
    let chains = machine.chains().map(|(_, chain)| chain);
    let tops = chains
        .filter(|chain| chain.len() > 1)
        .filter_map(<[LayerRef]>::last);
    let is_idle = |layer: &&LayerRef| is_untouched(&library.layer_file(**layer)).unwrap_or(false);
    tops.filter(is_idle).copied().collect()
}

/// A copy of what the TPM keeps, for a snapshot; `None` for a machine that never had one. The guest must not run.
pub fn keep_tpm(
    library: &Library,
    machine: &Machine,
    what: &str,
) -> Result<Option<TpmId>, Failure> {
    let copy = machine.tpm.map(|tpm| library.copy_tpm(machine.id, tpm));
    copy.transpose().map_err(|error| error.failure(what))
}

/// The record of `machine` as it is now, without memory. `idle` are tops that it does without.
pub fn record_of(
    library: &Library,
    machine: &Machine,
    idle: &[LayerRef],
    taking: &Taking,
    with: RunWith,
) -> SnapshotRecord {
    let mut frozen = machine.clone();
    for top in idle {
        frozen.relayer(Relayering::Before(*top));
    }
    let machine = &frozen;
    SnapshotRecord {
        id: taking.id,
        machine: machine.id,
        kind: taking.kind,
        parent: machine.point,
        name: taking.name.clone(),
        note: taking.note.clone(),
        writing: false,
        when: clock::now(),
        disks: disk_points(library, machine),
        accelerator: with.accelerator,
        cpu_model: with.cpu_model,
        machine_type: machine.machine_type.clone(),
        qemu_version: with.qemu_version,
        disk: taking.disk.clone(),
        paused: false,
        memory: None,
        hardware: machine.clone(),
        picture: None,
        set: taking.set,
    }
}

/// The plugged disks as they are now.
fn disk_points(library: &Library, machine: &Machine) -> Vec<DiskPoint> {
    let disks = machine.devices.iter();
    disks
        .filter_map(|device| match &device.kind {
            DeviceKind::Disk(disk) => Some((device.id.clone(), &disk.source)),
            _ => None,
        })
        .map(|(id, source)| {
            let (chain, written) = match source {
                DiskSource::Layers(chain) => {
                    let top = chain.last().map(|layer| library.layer_file(*layer));
                    (chain.clone(), top)
                }
                DiskSource::InPlace(image) => (Vec::new(), Some(image.path.clone())),
            };
            let sighting = written.and_then(|path| Sighting::take(&path).ok());
            DiskPoint {
                id,
                chain,
                sighting,
            }
        })
        .collect()
}
