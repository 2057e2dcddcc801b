//! The end of taking a snapshot, while the guest runs on: its memory is packed, then its record says that it is whole.
//!
//! A snapshot whose record says that it is still being written does not count: whoever finds one later completes it from
//! what was taken, or lets it go.

use std::collections::BTreeSet;
use std::fs::File;
use std::ops::ControlFlow;
use std::sync::Arc;

use crossbeam_channel::Sender;
use rustix::process::setpriority_process;

use super::remove::delete_noted;
use super::{Live, Overlays, as_recorded, find, go_back, merge_loose};
use crate::engine::jobs::Job;
use crate::engine::picture::kept_png;
use crate::engine::supervisor::{Message, record};
use crate::library::{Intent, Library, LibraryError, PICTURE, SnapshotRecord};
use crate::model::{Failure, LayerRef, MachineId, Overlay, SnapshotId, SnapshotKind};
use crate::qemu::memory_store::{self, Saved};
use crate::step;

/// How nice the packing threads are (setpriority(2)): the guest comes first.
const NICE: i32 = 10;

/// A snapshot that was taken and is not whole yet.
#[derive(Debug)]
pub struct Taken {
    pub record: SnapshotRecord,
    pub memory: memory_store::Taken,
    /// A PPM of the screen.
    pub screen: Option<File>,
    pub overlays: Overlays,
}

/// Completes a snapshot on a thread of its own, then calls `then`.
pub fn complete(
    library: Arc<Library>,
    supervisor: Sender<Message>,
    taken: Taken,
    mut job: Job,
    then: impl FnOnce(Result<(), Failure>) + Send + 'static,
) {
    let work = move || {
        setpriority_process(None, NICE).ok(); // Refused, it only competes.
        let (machine, id) = (taken.record.machine, taken.record.id);
        let Taken {
            record,
            memory,
            screen,
            overlays,
        } = taken;
        let result = make_whole(&library, record, memory, screen, &supervisor, &mut job);
        // One that could not even be let go is the next owner's.
        let is_left = library
            .snapshot(machine, id)
            .is_ok_and(|record| record.writing);
        if !is_left {
            overlays.settle(&library);
        }
        supervisor.send(Message::TimelineChanged(machine)).ok(); // The engine is ending.
        then(result.clone());
        job.end(result);
    };
    let thread = std::thread::Builder::new().name("snapshot".to_owned());
    thread.spawn(work).ok(); // Without a thread the next owner completes it; the job tells that it was cut off.
}

fn make_whole(
    library: &Library,
    mut record: SnapshotRecord,
    memory: memory_store::Taken,
    screen: Option<File>,
    supervisor: &Sender<Message>,
    job: &mut Job,
) -> Result<(), Failure> {
    let (machine, id, parent) = (record.machine, record.id, record.parent);
    let layers = record.hardware.layers();
    let name = record.hardware.name.clone();
    let what = || format!("{name}: no snapshot");
    let picture = kept_png(screen);
    let packed = memory.pack(&mut job.teller("Packing memory"));
    let result = packed
        .map_err(|error| Failure::new(what(), error.to_string()).fix("The machine goes on"))
        .and_then(|saved| {
            if let Some(png) = picture
                && library.write_picture(machine, id, &png).is_ok()
            {
                record.picture = Some(PICTURE.to_owned());
            }
            write_whole(library, record, &saved).map_err(|error| error.failure(what()))
        });
    step::at("snapshot whole");
    if result.is_err() && is_on_present(library, machine, &layers) {
        give_up(library, supervisor, machine, id, parent);
    }
    result
}

/// Whether the present has all of these layers. Else it was left for another, and the snapshot alone has some: it must not
/// be let go, and the next owner tries again to complete it.
fn is_on_present(library: &Library, machine: MachineId, layers: &BTreeSet<LayerRef>) -> bool {
    let present = library.machine(machine);
    present.is_ok_and(|present| layers.is_subset(&present.layers()))
}

/// Has the record say that the snapshot is whole.
fn write_whole(
    library: &Library,
    record: SnapshotRecord,
    saved: &Saved,
) -> Result<(), LibraryError> {
    library.write_snapshot(&SnapshotRecord {
        memory: Some(as_recorded(saved)),
        writing: false,
        ..record
    })
}

/// Lets a snapshot go that never became whole. The layers stay: the present rests on them.
pub(super) fn give_up(
    library: &Library,
    supervisor: &Sender<Message>,
    machine: MachineId,
    id: SnapshotId,
    parent: Option<SnapshotId>,
) {
    let forgotten = record(supervisor, machine, move |record| {
        if record.point == Some(id) {
            record.point = parent;
        }
        Ok(())
    });
    // The failure that led here is told; what stays is found again by the next owner.
    if forgotten.is_ok() && library.delete_snapshot(machine, id).is_ok() {
        memory_store::remove_draft(&library.memory_dir(id)).ok();
    }
}

/// Completes what an owner left that was killed, or lets it go.
pub fn complete_left(
    library: &Library,
    supervisor: &Sender<Message>,
    machine: MachineId,
    job: &mut Job,
) -> Result<(), Failure> {
    let left = library.snapshots(machine).into_iter();
    for record in left.filter_map(|entry| entry.record.ok().filter(|record| record.writing)) {
        let (id, parent) = (record.id, record.parent);
        if let Ok(saved) = memory_store::read(&library.memory_dir(id)) {
            // It was packed, and only the record does not say so.
            let written = write_whole(library, record, &saved);
            written.map_err(|error| error.failure("A snapshot was not completed"))?;
            continue;
        }
        let opened = memory_store::Taken::reopen(
            &library.memory_dir(id),
            &|id| library.memory_dir(id),
            &mut |_, _| ControlFlow::Continue(()),
        );
        match opened {
            Ok(memory) => {
                make_whole(library, record, memory, None, supervisor, job)?;
            }
            Err(_damaged) if is_on_present(library, machine, &record.hardware.layers()) => {
                give_up(library, supervisor, machine, id, parent);
            }
            Err(_damaged) => {
                // Its disks are whole.
                let record = SnapshotRecord {
                    writing: false,
                    ..record
                };
                let written = library.write_snapshot(&record);
                written.map_err(|error| error.failure("A snapshot was not completed"))?;
            }
        }
    }
    for intent in library.left_intents(machine) {
        go_on_above_left(library, supervisor, machine, &intent)?;
    }
    Ok(())
}

/// Has the present go on above a snapshot that came to its record, and only the machine's record does not say so.
fn go_on_above_left(
    library: &Library,
    supervisor: &Sender<Message>,
    machine: MachineId,
    intent: &Intent,
) -> Result<(), Failure> {
    let Some(id) = intent.snapshot else {
        return Ok(());
    };
    let Some(snapshot) = library.snapshot(machine, id).ok().filter(is_whole) else {
        return Ok(()); // It never came to it.
    };
    let present = library
        .machine(machine)
        .map_err(|error| error.failure("A snapshot was not completed"))?;
    let (tops, frozen) = (present.tops(), snapshot.hardware.layers());
    let is_here = |overlay: &Overlay| tops.contains(&overlay.below) || tops.contains(&overlay.new);
    if present.point != snapshot.parent || !intent.overlays.iter().all(is_here) {
        return Ok(());
    }
    let mut overlays = intent.overlays.clone();
    overlays.retain(|overlay| frozen.contains(&overlay.below));
    record(supervisor, machine, move |record| {
        record.grow(&overlays);
        record.point = Some(id);
        Ok(())
    })
}

fn is_whole(record: &SnapshotRecord) -> bool {
    record.kind != SnapshotKind::Saved && !record.writing
}

/// Goes on with what the last owner left of a machine that has no QEMU, or whose QEMU is `live`; before the layers that
/// nobody came to name go.
pub fn go_on_left(
    library: &Library,
    supervisor: &Sender<Message>,
    machine: MachineId,
    live: &mut Option<Live>,
    job: &mut Job,
) -> Result<(), Failure> {
    for intent in library.left_intents(machine) {
        if let (Some(to), None) = (intent.rewind, &live) {
            let is_kept = |kept| {
                library
                    .snapshot(machine, kept)
                    .is_ok_and(|it| is_whole(&it))
            };
            let present = library
                .machine(machine)
                .map_err(|error| error.failure("The machine was not gone back with"))?;
            if intent.kept.is_none_or(is_kept) && present.point != Some(to) {
                let then = find(library, machine, to, &present.name)?;
                go_back(library, supervisor, &present, &then)?;
            }
        }
        if !intent.deleting.is_empty() {
            delete_noted(library, supervisor, machine, &intent.deleting)?;
            merge_loose(library, supervisor, machine, live, job)?;
        }
    }
    Ok(())
}
