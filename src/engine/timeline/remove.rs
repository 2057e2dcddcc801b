//! Deleting snapshots, and merging the layers that nothing needs apart any more.
//!
//! A layer is *loose* when no chain ends in it and exactly one layer rests on it. The two are merged, whichever way is less
//! to write: the upper one gets what it lacks of the lower one, or the lower one everything of the upper one. What is read
//! through any chain stays the same at any moment; records then drop the layer that is not needed, and its file goes when
//! none names it any more. So work may be cut off anywhere: what is left is loose still, and merged the next time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crossbeam_channel::{Sender, bounded};

use super::headers;
use super::overlays::{relative, settle};
use super::wording;
use crate::engine::jobs::Job;
use crate::engine::supervisor::{Message, record};
use crate::library::{Intent, Library, SnapshotRecord, allocated};
use crate::model::{
    DiskCache, Failure, LayerRef, Machine, MachineId, Overlay, Relayering, SnapshotId, SnapshotKind,
};
use crate::qemu::merge::{self, Base, Daemon, Frozen, Merge, MergeError};
use crate::qemu::qmp::Client;
use crate::step;

/// A QEMU that has a machine's present open.
pub struct Live {
    pub monitor: Arc<Client>,
    /// What it runs.
    pub machine: Machine,
}

/// Deletes snapshots of a machine for good, then merges the layers that nothing needs apart any more. Cut off, it is
/// gone on with by the next owner.
pub fn delete(
    library: &Library,
    sender: &Sender<Message>,
    machine: MachineId,
    doomed: &[SnapshotId],
    live: &mut Option<Live>,
    job: &mut Job,
) -> Result<(), Failure> {
    job.progress("Looking for who needs them", 0, 0)?;
    let what = "The snapshots were not deleted";
    let present = library
        .machine(machine)
        .map_err(|error| error.failure(what))?;
    check_free(&present, &whole_records(library, machine), doomed)?;
    let intent = Intent {
        deleting: doomed.to_vec(),
        ..Intent::default()
    };
    let intent = library
        .begin_intent(machine, &intent)
        .map_err(|error| error.failure(what))?;
    job.commit();
    delete_noted(library, sender, machine, doomed)?;
    job.uncommit();
    let result = merge_loose(library, sender, machine, live, job);
    // What was merely too much to do now is not begun again unasked.
    settle(library, machine, intent);
    result
}

/// Those that came after deleted snapshots come after what was before them.
pub(super) fn delete_noted(
    library: &Library,
    sender: &Sender<Message>,
    machine: MachineId,
    doomed: &[SnapshotId],
) -> Result<(), Failure> {
    let what = "The snapshots were not deleted";
    let present = library
        .machine(machine)
        .map_err(|error| error.failure(what))?;
    let records = whole_records(library, machine);
    let parents: BTreeMap<SnapshotId, Option<SnapshotId>> = records
        .iter()
        .map(|record| (record.id, record.parent))
        .collect();
    let heir = |mut parent: Option<SnapshotId>| {
        let mut steps = parents.len();
        while let Some(id) = parent.filter(|id| doomed.contains(id) && steps > 0) {
            parent = parents.get(&id).copied().flatten();
            steps -= 1;
        }
        parent
    };
    for record in &records {
        let parent = heir(record.parent);
        if parent != record.parent && !doomed.contains(&record.id) {
            let moved = SnapshotRecord {
                parent,
                ..record.clone()
            };
            library
                .write_snapshot(&moved)
                .map_err(|error| error.failure(what))?;
        }
    }
    step::at("children have another parent");
    let point = heir(present.point);
    if point != present.point {
        record(sender, machine, move |record| {
            record.point = point;
            Ok(())
        })?;
    }
    step::at("present has another parent");
    let layers: BTreeSet<LayerRef> = records
        .iter()
        .filter(|record| doomed.contains(&record.id))
        .flat_map(|record| record.hardware.layers())
        .collect();
    for id in doomed {
        library
            .delete_snapshot(machine, *id)
            .map_err(|error| error.failure(what))?;
    }
    let layers: Vec<LayerRef> = layers.into_iter().collect();
    library
        .remove_layers(machine, &layers)
        .map_err(|error| error.failure("The snapshots' disks were not removed"))?;
    step::at("unneeded layers removed");
    Ok(())
}

/// A snapshot that something goes on from, or that is not whole yet, stays.
fn check_free(
    present: &Machine,
    records: &[SnapshotRecord],
    doomed: &[SnapshotId],
) -> Result<(), Failure> {
    let what = "The snapshots were not deleted";
    if let Some(saved) = present.saved
        && doomed.contains(&saved.snapshot)
    {
        return Err(
            Failure::new(what, "The next start goes on from one of them")
                .fix("Start the machine first, or discard the saved state"),
        );
    }
    let is_writing = |record: &&SnapshotRecord| record.writing && doomed.contains(&record.id);
    match records.iter().find(is_writing) {
        None => Ok(()),
        Some(writing) => {
            let name = wording::title(writing);
            let why = format!("“{name}” is still being written");
            Err(Failure::new(what, why).fix("Try again in a moment"))
        }
    }
}

/// The snapshots of a machine that can be read, saved states too.
pub(super) fn whole_records(library: &Library, machine: MachineId) -> Vec<SnapshotRecord> {
    let entries = library.snapshots(machine).into_iter();
    entries.filter_map(|entry| entry.record.ok()).collect()
}

/// A loose layer and the one that rests on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pair {
    lower: LayerRef,
    upper: LayerRef,
}

/// The loose layers of `chains` that are `owner`'s, as are those that rest on them.
fn loose(chains: &[Vec<LayerRef>], owner: MachineId) -> Vec<Pair> {
    let mut above: BTreeMap<LayerRef, BTreeSet<LayerRef>> = BTreeMap::new();
    let mut ends: BTreeSet<LayerRef> = BTreeSet::new();
    for chain in chains {
        ends.extend(chain.last());
        for pair in chain.windows(2) {
            above.entry(pair[0]).or_default().insert(pair[1]);
        }
    }
    above
        .into_iter()
        .filter(|(lower, uppers)| !ends.contains(lower) && uppers.len() == 1)
        .filter_map(|(lower, uppers)| {
            let upper = uppers.into_iter().next()?;
            (lower.machine == owner && upper.machine == owner).then_some(Pair { lower, upper })
        })
        .collect()
}

/// Merges all loose layers of a machine.
pub fn merge_loose(
    library: &Library,
    sender: &Sender<Message>,
    machine: MachineId,
    live: &mut Option<Live>,
    job: &mut Job,
) -> Result<(), Failure> {
    let what = "The disks' layers were not merged";
    let of_others = library
        .named_by_others(machine)
        .map_err(|error| error.failure(what))?;
    loop {
        let present = library
            .machine(machine)
            .map_err(|error| error.failure(what))?;
        let records = whole_records(library, machine);
        let machines =
            std::iter::once(&present).chain(records.iter().map(|record| &record.hardware));
        let chains: Vec<Vec<LayerRef>> = machines
            .flat_map(|machine| {
                machine
                    .chains()
                    .map(|(_, chain)| chain.to_vec())
                    .collect::<Vec<_>>()
            })
            .collect();
        // A saved state goes on only over disks that look as they did.
        let still: BTreeSet<LayerRef> = records
            .iter()
            .filter(|record| record.kind == SnapshotKind::Saved || record.writing)
            .flat_map(|record| record.hardware.layers())
            .collect();
        let pairs = loose(&chains, machine);
        let free = |layer: LayerRef| !still.contains(&layer) && !of_others.contains(&layer.layer);
        let mut free_pairs = pairs
            .into_iter()
            .filter(|pair| free(pair.lower) && free(pair.upper));
        let planned = free_pairs.find_map(|pair| plan(library, &chains, pair, live.as_ref()));
        let Some(plan) = planned else {
            headers::mend(library, machine, live.as_ref());
            return Ok(());
        };
        carry_out(library, &plan, live.as_ref(), job).map_err(|error| match error {
            MergeError::Cancelled => Failure::new(
                "Merging was stopped",
                "The disks are whole; the space comes back when snapshots are deleted the next time",
            ),
            error => wording::not_merged(&present, &records, plan.written, error.to_string()),
        })?;
        let relayering = Relayering::Without(plan.dropped);
        relayer(library, sender, machine, relayering, &[plan.dropped])?;
        if let Some(live) = live {
            live.machine.relayer(relayering);
        }
    }
}

/// How a pair is merged.
struct Plan {
    merge: Merge,
    /// A chain that has both, up to what has to be open, base first.
    chain: Vec<LayerRef>,
    written: LayerRef,
    /// What no record needs to name afterwards.
    dropped: LayerRef,
    /// The QEMU that runs has them open.
    in_qemu: bool,
}

/// `None` if that has to wait until the machine is off.
fn plan(
    library: &Library,
    chains: &[Vec<LayerRef>],
    pair: Pair,
    live: Option<&Live>,
) -> Option<Plan> {
    let both = |chain: &&Vec<LayerRef>| chain.contains(&pair.upper);
    let live_chain = live.and_then(|live| {
        let mut chains = live.machine.chains();
        chains.find(|(_, chain)| chain.contains(&pair.upper))
    });
    let is_on = |chain: &[LayerRef]| chain.windows(2).any(|two| two == [pair.lower, pair.upper]);
    let chain = match &live_chain {
        Some((_, chain)) => chain.to_vec(),
        None => chains.iter().find(|chain| is_on(chain))?.clone(),
    };
    if !is_on(&chain) {
        return None;
    }
    let at = chain.iter().position(|layer| *layer == pair.upper)?;
    let size = |layer: LayerRef| allocated(&library.layer_file(layer)).0;
    // A merge that was cut off among the records leaves chains in which the upper layer rests on another one: the lower
    // one is none of theirs, and must not be all that has what the upper one had.
    let everywhere = chains.iter().filter(both).all(|chain| is_on(chain));
    let down = everywhere && size(pair.upper) < size(pair.lower);
    let in_qemu = live_chain.is_some();
    // `block-commit` below the top has crashed a running QEMU 10.0.2: there, layers are merged upwards only.
    if in_qemu && size(pair.lower) > 4 * size(pair.upper) + (64 << 20) {
        return None; // It would copy a whole disk for a little.
    }
    if down && !in_qemu {
        return Some(Plan {
            merge: Merge::Down {
                from: pair.upper.layer,
                base: pair.lower.layer,
            },
            chain: chain[..=at].to_vec(),
            written: pair.lower,
            dropped: pair.upper,
            in_qemu,
        });
    }
    let base = at.checked_sub(2).map(|below| Base {
        layer: chain[below].layer,
        name: relative(Overlay {
            below: chain[below],
            new: pair.upper,
        }),
    });
    Some(Plan {
        merge: Merge::Up {
            into: pair.upper.layer,
            base,
        },
        chain: chain[..=at].to_vec(),
        written: pair.upper,
        dropped: pair.lower,
        in_qemu,
    })
}

fn carry_out(
    library: &Library,
    plan: &Plan,
    live: Option<&Live>,
    job: &mut Job,
) -> Result<(), MergeError> {
    if let (Some(live), true) = (live, plan.in_qemu) {
        let Some(frozen) = frozen(library, live, plan.written) else {
            merge::run(
                &live.monitor,
                &plan.merge,
                &mut job.teller("Merging layers"),
            )?;
            // What it was merged from may go only then.
            return merge::flush(&live.monitor, plan.written.layer);
        };
        merge::set_writable(&live.monitor, &frozen, true)?;
        step::at("layer may be written");
        let result = merge::run(
            &live.monitor,
            &plan.merge,
            &mut job.teller("Merging layers"),
        );
        let below = match (&plan.merge, &result) {
            (Merge::Up { base, .. }, Ok(())) => base.as_ref().map(|base| base.layer),
            _ => frozen.below,
        };
        step::at("layers merged");
        merge::set_writable(&live.monitor, &Frozen { below, ..frozen }, false)?;
        step::at("layer is frozen again");
        return result;
    }
    let layers: Vec<_> = plan
        .chain
        .iter()
        .map(|layer| (layer.layer, library.layer_file(*layer)))
        .collect();
    for layer in &plan.chain[plan.chain.len().saturating_sub(2)..] {
        super::verify::check_layer(library, *layer, job).map_err(|why| match why {
            Some(why) => MergeError::Failed { why },
            None => MergeError::Cancelled,
        })?;
    }
    let daemon = Daemon::open(&layers, &[plan.written.layer])?;
    step::at("layer may be written");
    merge::run(
        daemon.client(),
        &plan.merge,
        &mut job.teller("Merging layers"),
    )?;
    step::at("layers merged");
    Ok(())
}

/// The layer as QEMU has it open; `None` for one that the guest writes to.
pub(super) fn frozen(library: &Library, live: &Live, layer: LayerRef) -> Option<Frozen> {
    let machine = &live.machine;
    let disks = machine.disks().map(|disk| (disk.layers(), disk.cache));
    let variables = (machine.firmware.variables.as_slice(), DiskCache::default());
    let mut chains = disks.chain(std::iter::once(variables));
    let (at, chain, cache) = chains.find_map(|(chain, cache)| {
        let at = chain.iter().position(|other| *other == layer)?;
        Some((at, chain, cache))
    })?;
    (at + 1 < chain.len()).then(|| Frozen {
        layer: layer.layer,
        path: library.layer_file(layer),
        below: at.checked_sub(1).map(|below| chain[below].layer),
        cache,
    })
}

/// Makes chains shorter in all that is written about a machine, then removes what no record names any more.
fn relayer(
    library: &Library,
    sender: &Sender<Message>,
    machine: MachineId,
    relayering: Relayering,
    unneeded: &[LayerRef],
) -> Result<(), Failure> {
    let what = "A merged layer is still named";
    let intent = Intent {
        unneeded: unneeded.to_vec(),
        ..Intent::default()
    };
    let intent = library
        .begin_intent(machine, &intent)
        .map_err(|error| error.failure(what))?;
    let (reply, told) = bounded(1);
    let message = Message::Relayered {
        machine,
        relayering,
        reply,
    };
    sender.send(message).ok(); // The engine is ending, and so does the wait.
    told.recv().ok();
    step::at("merge told");
    record(sender, machine, move |record| {
        record.relayer(relayering);
        Ok(())
    })?;
    step::at("merge recorded for the present");
    for mut record in whole_records(library, machine) {
        if record.relayer(relayering) {
            library
                .write_snapshot(&record)
                .map_err(|error| error.failure(what))?;
        }
    }
    step::at("merge recorded");
    library
        .end_intent(machine, intent)
        .map_err(|error| error.failure("A merged layer's file is still there"))
}

/// Makes each of the present's disks one layer that rests on nothing.
pub fn flatten(
    library: &Library,
    sender: &Sender<Message>,
    machine: MachineId,
    live: &mut Option<Live>,
    job: &mut Job,
) -> Result<(), Failure> {
    let what = "The disks were not flattened";
    let present = library
        .machine(machine)
        .map_err(|error| error.failure(what))?;
    if present.saved.is_some() {
        return Err(Failure::new(
            what,
            "The next start goes on from memory that fits its layers",
        )
        .fix("Start the machine first, or discard the saved state"));
    }
    let chains: Vec<Vec<LayerRef>> = present
        .chains()
        .map(|(_, chain)| chain.to_vec())
        .filter(|chain| chain.len() > 1)
        .collect();
    for chain in chains {
        let Some((top, below)) = chain.split_last() else {
            continue;
        };
        let plan = Plan {
            merge: Merge::Up {
                into: top.layer,
                base: None,
            },
            written: *top,
            dropped: *top,
            in_qemu: live
                .as_ref()
                .is_some_and(|live| live.machine.layers().contains(top)),
            chain: chain.clone(),
        };
        carry_out(library, &plan, live.as_ref(), job).map_err(|error| match error {
            MergeError::Cancelled => crate::engine::Cancelled.into(),
            error => Failure::new(what, "Its layers could not be written together")
                .fix("Nothing is lost: make room if the disk is full, and try again")
                .details(error.to_string()),
        })?;
        let relayering = Relayering::Alone(*top);
        relayer(library, sender, machine, relayering, below)?;
        if let Some(live) = live {
            live.machine.relayer(relayering);
        }
    }
    headers::mend(library, machine, live.as_ref());
    Ok(())
}
