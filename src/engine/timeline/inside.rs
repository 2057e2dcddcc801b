//! What is inside the disks of a point of a machine's life: compared, listed, copied out, made a new disk of.

use std::ops::ControlFlow;
use std::path::Path;

use crossbeam_channel::Sender;
use uuid::Uuid;

use crate::engine::jobs::{Cancelled, Job};
use crate::engine::making::copy_source;
use crate::engine::supervisor::{Message, record};
use crate::library::Library;
use crate::model::{
    ByteSize, Device, DeviceKind, Difference, Disk, DiskContents, DiskPlace, DiskSource, Failure,
    FileChange, Folder, ImageFormat, LayerId, LayerRef, Machine, MachineId, SnapshotId,
};
use crate::storage::difference::{self, DifferenceError, DiskChain, LayerFile, Stage};

/// Bytes of all changes that are told: an answer to another process has 16 MiB at most.
const MOST_TOLD: usize = 8 << 20;
/// What a change takes besides its name, as JSON.
const OF_A_CHANGE: usize = 100;

/// A machine whose disks are looked into.
#[derive(Clone, Debug)]
pub struct Present {
    pub machine: Machine,
    /// Its guest writes meanwhile.
    pub runs: bool,
}

/// What differs between two points; without `to` between a snapshot and the present.
pub fn compare(
    library: &Library,
    present: &Present,
    from: SnapshotId,
    to: Option<SnapshotId>,
    job: &mut Job,
) -> Result<Difference, Failure> {
    let what = "The points were not compared";
    let mut before = chains(library, present, Some(from), what)?;
    let mut after = chains(library, present, to, what)?;
    // Of a point that keeps one disk alone, the others are not known: they were neither added nor removed.
    for point in [Some(from), to].into_iter().flatten() {
        let record = library.snapshot(present.machine.id, point);
        if let Some(only) = record.map_err(|error| error.failure(what))?.disk {
            before.retain(|disk| disk.device == only);
            after.retain(|disk| disk.device == only);
        }
    }
    let mut difference = difference::compare(&before, &after, &mut telling(job))
        .map_err(|error| failed(what, error))?;
    shorten(&mut difference, MOST_TOLD);
    Ok(difference)
}

/// Leaves out the last changes where the names of all take more than `room` bytes; they stay counted.
fn shorten(difference: &mut Difference, mut room: usize) {
    let disks = difference.disks.iter_mut();
    for partition in disks.flat_map(|disk| &mut disk.partitions) {
        let mut fits = |change: &FileChange| {
            let left = room.checked_sub(change.path.len() + OF_A_CHANGE);
            room = left.unwrap_or(0);
            left.is_some()
        };
        let told = partition.changes.iter().take_while(|one| fits(one)).count();
        partition.more += (partition.changes.len() - told) as u64;
        partition.changes.truncate(told);
    }
}

/// The disks of a point and their partitions.
pub fn disks(
    library: &Library,
    present: &Present,
    point: Option<SnapshotId>,
    job: &mut Job,
) -> Result<Vec<DiskContents>, Failure> {
    let what = "The disks were not looked into";
    let chains = chains(library, present, point, what)?.into_iter();
    let contents = chains.map(|disk| {
        let (partitions, trouble) = match difference::partitions(&disk, &mut telling(job)) {
            Ok(partitions) => (partitions, None),
            Err(DifferenceError::Cancelled) => return Err(Cancelled.into()),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        Ok(DiskContents {
            device: disk.device,
            partitions,
            trouble,
        })
    });
    contents.collect()
}

/// What is in a folder inside a disk.
pub fn files(
    library: &Library,
    present: &Present,
    point: Option<SnapshotId>,
    place: &DiskPlace,
    job: &mut Job,
) -> Result<Folder, Failure> {
    let what = "The folder was not read";
    let disk = chain(library, present, point, &place.disk, what)?;
    difference::list(&disk, place.partition, &place.path, &mut telling(job))
        .map_err(|error| failed(what, error))
}

/// Copies a file from inside a disk to `target`, which must not exist; returns its length.
pub fn take_file(
    library: &Library,
    present: &Present,
    point: Option<SnapshotId>,
    place: &DiskPlace,
    target: &Path,
    job: &mut Job,
) -> Result<ByteSize, Failure> {
    let what = "The file was not copied";
    let disk = chain(library, present, point, &place.disk, what)?;
    let (partition, path) = (place.partition, place.path.as_str());
    difference::take_file(&disk, partition, path, target, &mut telling(job))
        .map_err(|error| failed(what, error))
}

/// Copies the disk `device` of a snapshot whole: a detached disk of the machine `into`. Nothing is left behind when it
/// fails or is cancelled.
pub fn make_disk(
    library: &Library,
    sender: &Sender<Message>,
    machine: MachineId,
    (snapshot, device): (SnapshotId, &str),
    into: MachineId,
    job: &mut Job,
) -> Result<LayerId, Failure> {
    let what = "The disk was not copied";
    let then = library
        .snapshot(machine, snapshot)
        .map_err(|error| error.failure(what))?
        .hardware;
    let disk = disk(&then, device).ok_or_else(|| no_disk(what, device))?;
    let layer = LayerRef {
        machine: into,
        layer: LayerId(Uuid::new_v4()),
    };
    let path = library.layer_file(layer);
    let failed = |why| Failure::new(what, why);
    let size = copy_source(failed, library, &disk.source, &path, job)?;
    job.commit();
    let copy = Disk {
        bus: disk.bus,
        ..Disk::new(DiskSource::Layers(vec![layer]), size)
    };
    let recorded = record(sender, into, move |record| {
        record.detached.push(copy);
        Ok(())
    });
    if recorded.is_err() {
        std::fs::remove_file(&path).ok(); // Nothing names it.
    }
    recorded.map(|()| layer.layer)
}

/// Tells the job how far the reader is, in the words of what it does.
fn telling(job: &mut Job) -> impl FnMut(Option<Stage>) -> ControlFlow<()> {
    let mut last = ("Looking at the disks", 0, 0);
    move |stage| {
        last = match stage {
            Some(Stage::Blocks { done, total }) => ("Comparing the disks", done, total),
            Some(Stage::Files { .. }) => ("Comparing the files", 0, 0),
            Some(Stage::Copy { done, total }) => ("Copying the file", done, total),
            None => last,
        };
        let (step, done, of) = last;
        job.go_on(step, done, of)
    }
}

/// The plugged disks of a point, by what its record says.
fn chains(
    library: &Library,
    present: &Present,
    point: Option<SnapshotId>,
    what: &str,
) -> Result<Vec<DiskChain>, Failure> {
    let then = match point {
        None => None,
        Some(id) => {
            let record = library.snapshot(present.machine.id, id);
            Some(record.map_err(|error| error.failure(what))?.hardware)
        }
    };
    let machine = then.as_ref().unwrap_or(&present.machine);
    let of = |device: &Device| match &device.kind {
        DeviceKind::Disk(disk) => Some(DiskChain {
            device: device.id.clone(),
            layers: layers(library, disk),
            moving: present.runs && then.is_none() && !disk.read_only,
        }),
        _ => None,
    };
    Ok(machine.devices.iter().filter_map(of).collect())
}

fn layers(library: &Library, disk: &Disk) -> Vec<LayerFile> {
    let layer = |layer: &LayerRef| LayerFile {
        path: library.layer_file(*layer),
        format: ImageFormat::Qcow2,
    };
    match &disk.source {
        DiskSource::Layers(chain) => chain.iter().map(layer).collect(),
        DiskSource::InPlace(image) => vec![LayerFile {
            path: image.path.clone(),
            format: image.format,
        }],
    }
}

fn chain(
    library: &Library,
    present: &Present,
    point: Option<SnapshotId>,
    device: &str,
    what: &str,
) -> Result<DiskChain, Failure> {
    let chains = chains(library, present, point, what)?;
    let found = chains.into_iter().find(|disk| disk.device == device);
    found.ok_or_else(|| no_disk(what, device))
}

fn disk<'a>(machine: &'a Machine, device: &str) -> Option<&'a Disk> {
    match &machine.device(device)?.kind {
        DeviceKind::Disk(disk) => Some(disk),
        _ => None,
    }
}

fn no_disk(what: &str, device: &str) -> Failure {
    Failure::new(what, format!("There was no disk “{device}” then"))
}

fn failed(what: &str, error: DifferenceError) -> Failure {
    match error {
        DifferenceError::Cancelled => Cancelled.into(),
        error => Failure::new(what, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        ChangeKind, DiskDifference, FileSort, FileSystem, Partition, PartitionDifference,
    };

    #[test]
    fn changes_that_do_not_fit_into_an_answer_stay_counted() {
        let change = FileChange {
            path: "x".repeat(900),
            kind: FileSort::File,
            change: ChangeKind::Added,
            before: None,
            after: None,
        };
        let partition = PartitionDifference {
            partition: Partition {
                number: 1,
                label: String::new(),
                start: 0,
                size: ByteSize::mib(1),
                file_system: FileSystem::Ext,
            },
            notes: Vec::new(),
            changes: vec![change; 3],
            more: 1,
            added: 4,
            changed: 0,
            removed: 0,
        };
        let mut difference = Difference {
            disks: vec![DiskDifference {
                partitions: vec![partition.clone(), partition],
                ..DiskDifference::default()
            }],
        };
        shorten(&mut difference, 4500);
        let told: Vec<_> = difference.disks[0]
            .partitions
            .iter()
            .map(|partition| (partition.changes.len(), partition.more, partition.added))
            .collect();
        assert_eq!(told, [(3, 1, 4), (1, 3, 4)]);
    }
}
