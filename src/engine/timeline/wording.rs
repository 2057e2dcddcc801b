//! What a layer is called in front of a person: a disk of a machine, at a snapshot. Its id stays in the details.

use crate::library::SnapshotRecord;
use crate::model::{DeviceKind, Failure, LayerRef, Machine};

/// What stands for a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// "disk0".
    disk: String,
    /// The snapshot whose disk it is; without one it is the present's, or lies below all that have a name.
    point: Option<String>,
}

/// A snapshot's name, or what made it.
pub(super) fn title(record: &SnapshotRecord) -> &str {
    match record.name.as_str() {
        "" => record.kind.label(),
        name => name,
    }
}

/// The disk of `machine` whose chain has `layer`, or ends in it.
fn disk_with(machine: &Machine, layer: LayerRef, at_the_end: bool) -> Option<String> {
    let has = |chain: &[LayerRef]| match at_the_end {
        true => chain.last() == Some(&layer),
        false => chain.contains(&layer),
    };
    if has(&machine.firmware.variables) {
        return Some("the firmware's settings".to_owned());
    }
    let mut devices = machine.devices.iter();
    let plugged =
        devices.find(|device| matches!(&device.kind, DeviceKind::Disk(disk) if has(disk.layers())));
    let detached = || machine.detached.iter().any(|disk| has(disk.layers()));
    match plugged {
        Some(device) => Some(device.id.clone()),
        None => detached().then(|| "a detached disk".to_owned()),
    }
}

/// The snapshot that ends in the layer, or the first one that rests on it.
fn place_of(present: &Machine, records: &[SnapshotRecord], layer: LayerRef) -> Place {
    let found = |at_the_end: bool| {
        records.iter().find_map(|record| {
            let disk = disk_with(&record.hardware, layer, at_the_end)?;
            Some(Place {
                disk,
                point: Some(title(record).to_owned()),
            })
        })
    };
    let of_present = || Place {
        disk: disk_with(present, layer, false).unwrap_or_else(|| "a disk of it".to_owned()),
        point: None,
    };
    found(true)
        .or_else(|| found(false))
        .unwrap_or_else(of_present)
}

/// That `layer` could not be merged; `said` is what a tool said, with its ids and paths.
pub(super) fn not_merged(
    present: &Machine,
    records: &[SnapshotRecord],
    layer: LayerRef,
    said: String,
) -> Failure {
    let Place { disk, point } = place_of(present, records, layer);
    let name = &present.name;
    let why = match point {
        Some(point) => {
            format!("{disk} of {name} at “{point}” could not be merged with what it rests on")
        }
        None => format!("{disk} of {name} could not be merged with what it rests on"),
    };
    Failure::new("The deleted snapshots still take room on the disk", why)
        .fix("Nothing is lost, and it is tried again: make room if the disk is full")
        .details(said)
}

/// That what a snapshot has on a disk is damaged.
pub(super) fn damaged_disk(record: &SnapshotRecord, layer: LayerRef) -> String {
    let disk = disk_with(&record.hardware, layer, false);
    let disk = disk.unwrap_or_else(|| "a disk of it".to_owned());
    format!("{disk} can't be read as it was written")
}
