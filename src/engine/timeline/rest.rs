//! Taking snapshots of machines that rest, and going back.

use crossbeam_channel::Sender;

use super::{Overlays, RunWith, Taking, check_in_library, find, idle_tops, keep_tpm, record_of};
use crate::engine::supervisor::{Message, record};
use crate::library::{Library, SnapshotRecord};
use crate::model::{Failure, LayerRef, Machine, SavedState, SnapshotId, SnapshotKind};
use crate::storage::is_untouched;

/// Freezes the disks of a machine that is off. When this returns, the snapshot is on disk.
pub fn take_resting(
    library: &Library,
    sender: &Sender<Message>,
    machine: &Machine,
    taking: &Taking,
    with: RunWith,
) -> Result<(), Failure> {
    check_in_library(machine)?;
    let what = || format!("{}: no snapshot", machine.name);
    let idle = idle_tops(library, machine);
    let mut taken = record_of(library, machine, &idle, taking, with);
    let mut busy = machine.tops();
    busy.retain(|top| !idle.contains(top));
    taken.hardware.tpm = keep_tpm(library, machine, &what())?;
    let overlays = Overlays::make(library, machine.id, &busy, &[], false)?;
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
        ..before.clone()
    };
    kept.hardware.tpm = keep_tpm(library, machine, &what())?;
    let overlays = Overlays::make(library, machine.id, &machine.tops(), &[], false)?;
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

/// The present goes on above what was frozen.
fn go_on_above(
    sender: &Sender<Message>,
    machine: &Machine,
    overlays: &Overlays,
    point: SnapshotId,
) -> Result<(), Failure> {
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
    if let Some(taking) = keep.filter(|_| has_changed(library, machine)) {
        match machine.saved {
            Some(saved) => {
                keep_saved(library, sender, machine, saved, &taking)?;
            }
            None => take_resting(library, sender, machine, &taking, with)?,
        }
    }
    let what = || format!("{}: not gone back", machine.name);
    let machine = library
        .machine(machine.id)
        .map_err(|error| error.failure(what()))?;
    go_back(library, sender, &machine, &then)
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
    let unneeded: Vec<LayerRef> = machine
        .tops()
        .into_iter()
        .filter(|layer| layer.machine == machine.id)
        .collect();
    let tpm = keep_tpm(
        library,
        &then.hardware,
        &format!("{}: not gone back", machine.name),
    )?;
    let overlays = Overlays::make(library, machine.id, &then.hardware.tops(), &unneeded, false)?;
    let pairs = overlays.pairs.clone();
    let (hardware, point, when) = (then.hardware.clone(), then.id, then.when);
    let has_memory = then.memory.is_some();
    let left = machine.saved;
    let result = record(sender, machine.id, move |record| {
        record.go_back(&hardware, &pairs, tpm);
        record.point = Some(point);
        record.saved = has_memory.then_some(SavedState {
            snapshot: point,
            when,
        });
        Ok(())
    });
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
