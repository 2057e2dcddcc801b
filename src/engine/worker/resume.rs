//! What a start goes on from: a saved state, a snapshot's memory, or only its disks.

use std::collections::BTreeSet;

use super::Post;
use super::files::written_file;
use crate::engine::facts::Facts;
use crate::engine::timeline::Overlays;
use crate::library::{Intent, Library, Sighting, SnapshotRecord};
use crate::model::{DeviceKind, Failure, LayerRef, Machine, SavedState, SnapshotKind};
use crate::storage::is_untouched;

/// The memory to go on from.
pub(super) type Saved = Option<(SavedState, SnapshotRecord)>;

/// The hardware to start, and the memory that goes on in it. What was saved goes on in the hardware it had.
pub(super) fn prepare(
    post: &Post,
    machine: Machine,
    facts: &Facts,
) -> Result<(Machine, Saved), Failure> {
    let Some(saved) = machine.saved else {
        return Ok((above_frozen(post, machine)?, None));
    };
    let record = post
        .library
        .snapshot(post.id, saved.snapshot)
        .map_err(|error| {
            error.failure(format!("{} can't go on from its saved state", post.name))
        })?;
    check_accelerator(&post.name, &record, facts)?;
    let hardware = if record.kind == SnapshotKind::Saved {
        check_disks(&post.name, &record, &post.library)?;
        Machine {
            tpm: machine.tpm,
            ..record.hardware.clone()
        }
    } else {
        on_fresh_layers(&post.name, &record, &machine, &post.library)?
    };
    Ok((hardware, Some((saved, record))))
}

/// A snapshot's hardware on the present's disks: new layers on what it froze, and nothing written to them.
fn on_fresh_layers(
    name: &str,
    record: &SnapshotRecord,
    machine: &Machine,
    library: &Library,
) -> Result<Machine, Failure> {
    let changed = |what: String| {
        Failure::new(
            format!("{name} can't go on from the snapshot's memory"),
            what,
        )
        .fix("Discard the saved state to boot from the disks, or go back to the snapshot again")
    };
    let hardware = record
        .hardware
        .on_chains_of(machine)
        .ok_or_else(|| changed("The disks are others than when it was gone back to".to_owned()))?;
    for layer in hardware.tops() {
        let path = library.layer_file(layer);
        match is_untouched(&path) {
            Ok(true) => {}
            Ok(false) => {
                return Err(changed(format!("{} was written to since", path.display())));
            }
            Err(error) => return Err(changed(format!("{}: {error}", path.display()))),
        }
    }
    Ok(hardware)
}

/// Nothing writes to what a snapshot has: a disk whose top one froze gets a new layer first.
fn above_frozen(post: &Post, mut machine: Machine) -> Result<Machine, Failure> {
    let snapshots = post.library.snapshots(post.id);
    let records = snapshots
        .iter()
        .filter_map(|entry| entry.record.as_ref().ok());
    let named: BTreeSet<LayerRef> = records
        .filter(|record| record.kind != SnapshotKind::Saved)
        .flat_map(|record| record.hardware.layers())
        .collect();
    let mut frozen = machine.tops();
    frozen.retain(|layer| named.contains(layer));
    if frozen.is_empty() {
        return Ok(machine);
    }
    let overlays = Overlays::make(&post.library, post.id, &frozen, Intent::default())?;
    let pairs = overlays.pairs.clone();
    let result = post.record(move |record| record.grow(&pairs));
    overlays.settle(&post.library);
    result?;
    machine.grow(&overlays.pairs);
    Ok(machine)
}

/// A state saved under one accelerator can't go on under another.
fn check_accelerator(name: &str, record: &SnapshotRecord, facts: &Facts) -> Result<(), Failure> {
    if record.accelerator == facts.accelerator() {
        return Ok(());
    }
    Err(Failure::new(
        format!("{name} can't go on from its saved state"),
        format!(
            "It was saved with {} and this computer now uses {}",
            record.accelerator.word(),
            facts.accelerator().word()
        ),
    )
    .fix("Discard the saved state to boot from the disk"))
}

/// Memory goes on only over disks that nobody touched meanwhile.
fn check_disks(name: &str, record: &SnapshotRecord, library: &Library) -> Result<(), Failure> {
    for device in &record.hardware.devices {
        let DeviceKind::Disk(disk) = &device.kind else {
            continue;
        };
        let point = record.disks.iter().find(|point| point.id == device.id);
        let then = point.and_then(|point| point.sighting.as_ref());
        let now = written_file(&disk.source, library).and_then(|path| Sighting::take(&path).ok());
        let difference = match (then, now) {
            (Some(then), Some(now)) => then.difference(&now),
            (None, _) => Some("how it looked is not known".to_owned()),
            (_, None) => Some("it is not there".to_owned()),
        };
        if let Some(difference) = difference {
            return Err(Failure::new(
                format!("{name} can't go on from its saved state"),
                format!("The disk {} changed since: {difference}", device.id),
            )
            .fix("Discard the saved state to boot from the disk"));
        }
    }
    Ok(())
}
