//! Taking snapshots of machines that rest, and going back.

use crossbeam_channel::Sender;

use super::overlays::settle;
use super::{
    Overlays, RunWith, Taking, check_in_library, find, idle_tops, keep_tpm, part, record_of,
};
use crate::engine::supervisor::{Message, record};
use crate::library::{Intent, Library, SnapshotRecord};
use crate::model::{Failure, LayerRef, Machine, SavedState, SnapshotId, SnapshotKind};
use crate::step;
use crate::storage::is_untouched;

/// Freezes the disks of a machine that is off. When this returns, the snapshot is on disk.
pub fn take_resting(
    library: &Library,
    sender: &Sender<Message>,
    machine: &Machine,
    taking: &Taking,
    with: RunWith,
) -> Result<(), Failure> {
    let frozen = part(machine, taking)?;
    check_in_library(&frozen)?;
    let what = || format!("{}: no snapshot", machine.name);
    let idle = idle_tops(library, &frozen);
    let mut taken = record_of(library, &frozen, &idle, taking, with);
    let mut busy = frozen.tops();
    busy.retain(|top| !idle.contains(top));
    taken.hardware.tpm = keep_tpm(library, &frozen, &what())?;
    let overlays = Overlays::make(library, machine.id, &busy, for_snapshot(taking.id))?;
    let result = library
        .write_snapshot(&taken)
        .map_err(|error| error.failure(what()))
        .and_then(|()| go_on_above(sender, machine, &overlays, taking.id));
    if result.is_err() {
        library.delete_snapshot(machine.id, taking.id).ok(); // The failure that led here is told.
    }
    overlays.settle(library);
    result
}

/// Keeps a saved state as a snapshot: it is one already, only under another name. The next start still goes on from it.
pub fn keep_saved(
    library: &Library,
    sender: &Sender<Message>,
    machine: &Machine,
    saved: SavedState,
    taking: &Taking,
) -> Result<SnapshotId, Failure> {
    check_in_library(machine)?;
    let what = || format!("{}: no snapshot", machine.name);
    if taking.disk.is_some() {
        return Err(Failure::new(
            what(),
            "The machine is saved: its memory goes with all of its disks",
        )
        .fix("Take a snapshot of all of it, or start it first"));
    }
    let before = library
        .snapshot(machine.id, saved.snapshot)
        .map_err(|error| error.failure(what()))?;
    if before.kind != SnapshotKind::Saved {
        return Err(Failure::new(
            what(),
            "Nothing has happened since the snapshot that it goes on from",
        ));
    }
    let mut kept = SnapshotRecord {
        kind: taking.kind,
        parent: machine.point,
        name: taking.name.clone(),
        note: taking.note.clone(),
        set: taking.set,
        ..before.clone()
    };
    kept.hardware.tpm = keep_tpm(library, machine, &what())?;
    let overlays = Overlays::make(library, machine.id, &machine.tops(), for_snapshot(kept.id))?;
    let result = library
        .write_snapshot(&kept)
        .map_err(|error| error.failure(what()))
        .and_then(|()| go_on_above(sender, machine, &overlays, kept.id));
    if result.is_err() {
        library.write_snapshot(&before).ok(); // The failure that led here is told.
    }
    overlays.settle(library);
    result.map(|()| kept.id)
}

fn for_snapshot(snapshot: SnapshotId) -> Intent {
    Intent {
        snapshot: Some(snapshot),
        ..Intent::default()
    }
}

/// The present goes on above what was frozen.
fn go_on_above(
    sender: &Sender<Message>,
    machine: &Machine,
    overlays: &Overlays,
    point: SnapshotId,
) -> Result<(), Failure> {
    step::at("snapshot recorded");
    let pairs = overlays.pairs.clone();
    record(sender, machine.id, move |record| {
        record.grow(&pairs);
        record.point = Some(point);
        Ok(())
    })
}

/// Goes back with a machine that has no QEMU. The present is kept if `keep` says how and something happened in it.
pub fn leave_resting(
    library: &Library,
    sender: &Sender<Message>,
    machine: &Machine,
    to: SnapshotId,
    keep: Option<Taking>,
    with: RunWith,
) -> Result<(), Failure> {
    let then = find(library, machine.id, to, &machine.name)?;
    let kept = keep
        .as_ref()
        .filter(|_| has_changed(library, machine))
        .map(|taking| machine.saved.map_or(taking.id, |saved| saved.snapshot));
    let what = || format!("{}: not gone back", machine.name);
    let intent = library
        .begin_intent(machine.id, &leaving(to, kept))
        .map_err(|error| error.failure(what()))?;
    let leave = || {
        if let Some(taking) = keep {
            keep_resting(library, sender, machine, &taking, with)?;
        }
        step::at("present kept");
        let machine = library
            .machine(machine.id)
            .map_err(|error| error.failure(what()))?;
        go_back(library, sender, &machine, &then)
    };
    let result = leave();
    settle(library, machine.id, intent);
    result
}

/// What is noted while the present is left, before a QEMU ends: whoever finds it goes on, if what was to be kept is.
pub fn leaving(to: SnapshotId, kept: Option<SnapshotId>) -> Intent {
    Intent {
        rewind: Some(to),
        kept,
        ..Intent::default()
    }
}

fn no_disk(machine: &Machine, disk: &str) -> Failure {
    Failure::new(
        format!("{}: not gone back", machine.name),
        format!("The snapshot keeps the disk “{disk}” alone, and the machine has no such disk now"),
    )
    .fix("Make a new disk of it instead")
}

/// Keeps the present of a machine that has no QEMU, if something happened in it. Gives the snapshot that has it then.
pub fn keep_resting(
    library: &Library,
    sender: &Sender<Message>,
    machine: &Machine,
    taking: &Taking,
    with: RunWith,
) -> Result<Option<SnapshotId>, Failure> {
    if !has_changed(library, machine) {
        return Ok(machine.point);
    }
    match machine.saved {
        Some(saved) => keep_saved(library, sender, machine, saved, taking).map(Some),
        None => {
            take_resting(library, sender, machine, taking, with)?;
            Ok(Some(taking.id))
        }
    }
}

/// Whether something happened since the snapshot that the present came from.
fn has_changed(library: &Library, machine: &Machine) -> bool {
    let point = machine
        .point
        .and_then(|id| library.snapshot(machine.id, id).ok());
    let Some(point) = point else { return true };
    if machine
        .saved
        .is_some_and(|saved| saved.snapshot != point.id)
    {
        return true;
    }
    let waits = machine.saved.is_some();
    let same_tpm = library
        .same_tpm(machine.id, point.hardware.tpm, machine.tpm)
        .unwrap_or(false);
    let untouched = |layer: &LayerRef| is_untouched(&library.layer_file(*layer)).unwrap_or(false);
    let same = point.hardware.on_chains_of(machine);
    let same = same.is_some_and(|hardware| hardware.same_hardware(machine));
    !(same && same_tpm && waits == point.memory.is_some() && machine.tops().iter().all(untouched))
}

/// Makes the present of a machine without QEMU begin again at `then`. Its next start goes on from the memory, if there is
/// some. Layers of the present that no snapshot has are gone.
pub fn go_back(
    library: &Library,
    sender: &Sender<Message>,
    machine: &Machine,
    then: &SnapshotRecord,
) -> Result<(), Failure> {
    let given_up = match &then.disk {
        Some(disk) => machine
            .only_disk(disk)
            .ok_or_else(|| no_disk(machine, disk))?,
        None => machine.clone(),
    };
    let unneeded: Vec<LayerRef> = given_up
        .tops()
        .into_iter()
        .filter(|layer| layer.machine == machine.id)
        .collect();
    let tpm = keep_tpm(
        library,
        &then.hardware,
        &format!("{}: not gone back", machine.name),
    )?;
    let work = Intent {
        unneeded,
        ..Intent::default()
    };
    let overlays = Overlays::make(library, machine.id, &then.hardware.tops(), work)?;
    let pairs = overlays.pairs.clone();
    let (hardware, point, when) = (then.hardware.clone(), then.id, then.when);
    let disk = then.disk.clone();
    let has_memory = then.memory.is_some();
    let left = machine.saved;
    let result = record(sender, machine.id, move |record| {
        match &disk {
            None => record.go_back(&hardware, &pairs, tpm),
            Some(disk) if record.disk_back(&hardware, disk, &pairs) => {}
            Some(disk) => return Err(no_disk(record, disk)),
        }
        record.point = Some(point);
        record.saved = has_memory.then_some(SavedState {
            snapshot: point,
            when,
        });
        Ok(())
    });
    step::at("gone back");
    overlays.settle(library);
    // Of the two states the record names one.
    for state in machine.tpm.into_iter().chain(tpm) {
        library.remove_tpm(machine.id, state);
    }
    if let (Ok(()), Some(saved)) = (&result, left)
        && saved.snapshot != then.id
        && let Err(error) = library.forget_saved(machine.id, saved)
    {
        eprintln!("orangery: {}: {error}", machine.id); // Space, not safety.
    }
    result
}
