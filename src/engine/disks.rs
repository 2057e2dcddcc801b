//! Disks of machines that are there already: made and plugged in, or removed for good.

use std::path::PathBuf;

use crossbeam_channel::{Sender, bounded};
use uuid::Uuid;

use super::edit;
use super::jobs::Job;
use super::making::{can_be_copied, copy_disk, disk_size, in_place, write_disk};
use super::supervisor::{Message, record};
use crate::library::Library;
use crate::model::{
    ByteSize, Change, DeviceKind, Disk, DiskBus, DiskContent, DiskSource, Failure, InPlaceImage,
    LayerId, LayerRef, Machine, MachineId, NewDisk, apply, detached, no_room,
};

fn refuse(why: impl Into<String>) -> Failure {
    Failure::new("The disk was not added", why)
}

/// Checks what needs no work: that there is room, and that the file can be used.
pub fn check(machine: &Machine, new: &NewDisk) -> Result<(), Failure> {
    match &new.content {
        DiskContent::Empty(size) => disk_size(*size).map_err(refuse)?,
        DiskContent::InPlace(path) => {
            in_place(path)?;
        }
        DiskContent::Copy(path) => can_be_copied(path)?,
    }
    let nowhere = DiskSource::Layers(vec![LayerRef {
        machine: machine.id,
        layer: LayerId(Uuid::nil()),
    }]);
    let disk = on_bus(new.bus, nowhere, ByteSize::mib(1));
    plugged(machine, &disk).map(|_fits| ())
}

fn on_bus(bus: DiskBus, source: DiskSource, size: ByteSize) -> Disk {
    Disk {
        bus,
        ..Disk::new(source, size)
    }
}

/// Makes the disk and plugs it in, with the controller that it needs. Nothing is left behind when it fails or is
/// cancelled.
pub fn add(
    library: &Library,
    sender: &Sender<Message>,
    machine: MachineId,
    new: &NewDisk,
    job: &mut Job,
) -> Result<(), Failure> {
    job.progress("Making the disk", 0, 0)?;
    let (source, size, made) = make(library, machine, &new.content, job)?;
    let disk = on_bus(new.bus, source, size);
    let result = job
        .progress("Writing the machine's file", 0, 0)
        .map_err(Failure::from)
        .and_then(|()| {
            job.commit();
            record(sender, machine, move |record| {
                *record = plugged(record, &disk)?;
                Ok(())
            })
        });
    if result.is_err()
        && let Some(path) = made
    {
        std::fs::remove_file(path).ok(); // Nothing names it.
    }
    result
}

/// The disk's bytes, what the guest sees of them, and the file that was made for it.
fn make(
    library: &Library,
    machine: MachineId,
    content: &DiskContent,
    job: &mut Job,
) -> Result<(DiskSource, ByteSize, Option<PathBuf>), Failure> {
    let layer = LayerRef {
        machine,
        layer: LayerId(Uuid::new_v4()),
    };
    let path = library.layer_file(layer);
    let size = match content {
        DiskContent::InPlace(path) => {
            let (image, size) = in_place(path)?;
            return Ok((DiskSource::InPlace(image), size, None));
        }
        DiskContent::Copy(image) => copy_disk(refuse, image, &path, job)?,
        DiskContent::Empty(size) => {
            write_disk(refuse, &path, *size, &[])?;
            *size
        }
    };
    Ok((DiskSource::Layers(vec![layer]), size, Some(path)))
}

/// Copies the disks that lie outside the library into it, or `only` one of them, and has the machine go on in the copies;
/// the files stay as they are. Gives the machine as it is then. Nothing is left behind when it fails or is cancelled.
pub fn move_in(
    library: &Library,
    sender: &Sender<Message>,
    machine: &Machine,
    only: Option<&str>,
    job: &mut Job,
) -> Result<Machine, Failure> {
    let what = format!("{}: its disk was not copied into the library", machine.name);
    let failed = |why: String| Failure::new(&what, why);
    let mut wanted = machine.disks_in_place();
    wanted.retain(|disk| only.is_none_or(|only| only == *disk));
    if wanted.is_empty() {
        return Ok(machine.clone());
    }
    let mut copies = Vec::new();
    let copied = wanted.into_iter().try_for_each(|id| {
        let Some((disk, image)) = in_place_disk(machine, id) else {
            return Ok(());
        };
        let layer = LayerRef {
            machine: machine.id,
            layer: LayerId(Uuid::new_v4()),
        };
        let size = copy_disk(failed, &image.path, &library.layer_file(layer), job)?;
        copies.push((id.to_owned(), disk.source.clone(), layer, size));
        Ok(())
    });
    let files: Vec<PathBuf> = copies
        .iter()
        .map(|(_, _, layer, _)| library.layer_file(*layer))
        .collect();
    job.commit();
    let moved = copied.and_then(|()| {
        record(sender, machine.id, move |record| {
            for (id, from, layer, size) in copies {
                let device = record.devices.iter_mut().find(|device| device.id == id);
                match device.map(|device| &mut device.kind) {
                    Some(DeviceKind::Disk(disk)) if disk.source == from => {
                        disk.source = DiskSource::Layers(vec![layer]);
                        disk.size = size;
                    }
                    _ => return Err(Failure::new(what.as_str(), "It was changed meanwhile")),
                }
            }
            Ok(())
        })
    });
    if let Err(failure) = moved {
        for file in files {
            std::fs::remove_file(file).ok(); // Nothing names it.
        }
        return Err(failure);
    }
    job.uncommit();
    library
        .machine(machine.id)
        .map_err(|error| error.failure(format!("{}: no snapshot", machine.name)))
}

fn in_place_disk<'a>(machine: &'a Machine, id: &str) -> Option<(&'a Disk, &'a InPlaceImage)> {
    match &machine.device(id)?.kind {
        DeviceKind::Disk(disk) => match &disk.source {
            DiskSource::InPlace(image) => Some((disk, image)),
            DiskSource::Layers(_) => None,
        },
        _ => None,
    }
}

/// The machine with the disk plugged in. A SCSI disk brings its controller along.
fn plugged(machine: &Machine, disk: &Disk) -> Result<Machine, Failure> {
    let mut before = machine.clone();
    if !disk.layers().is_empty() {
        before.detached.push(disk.clone()); // Of the library, and nowhere plugged in yet.
    }
    let mut after = before.clone();
    let mut kinds = Vec::new();
    if disk.bus == DiskBus::Scsi && !machine.has(|kind| matches!(kind, DeviceKind::ScsiController))
    {
        kinds.push(DeviceKind::ScsiController);
    }
    if disk.bus == DiskBus::Usb && !machine.has(|kind| matches!(kind, DeviceKind::UsbController)) {
        return Err(refuse("A USB disk needs the USB 3 controller")
            .fix("Give the machine a USB 3 controller first"));
    }
    kinds.push(DeviceKind::Disk(disk.clone()));
    let mut changes = Vec::new();
    for kind in kinds {
        let full = no_room(&kind, machine.board());
        let device = after.new_device(kind).ok_or_else(|| refuse(full))?;
        apply(&mut after, Change::Add(device.clone()));
        changes.push(Change::Add(device));
    }
    edit::changed(&before, &changes)
}

/// Removes a detached disk for good: the record first, then the files that nothing names any more.
pub fn delete(
    library: &Library,
    sender: &Sender<Message>,
    machine: MachineId,
    top: LayerId,
    job: &mut Job,
) -> Result<(), Failure> {
    let what = "The disk was not deleted";
    job.progress("Looking for who needs it", 0, 0)?;
    let holders = library
        .layer_holders(top, machine)
        .map_err(|error| error.failure(what))?;
    if let Some(holder) = holders.first() {
        return Err(Failure::new(what, format!("{holder} still rests on it"))
            .fix("Delete that first, or make it independent"));
    }
    job.commit();
    let (told, chain) = bounded(1);
    record(sender, machine, move |record| {
        let gone = || Failure::new(what, "It is no longer detached from the machine");
        let disk = detached(record, top).ok_or_else(gone)?.clone();
        told.send(disk.layers().to_vec()).ok(); // Taken below.
        record.detached.retain(|other| other.source != disk.source);
        Ok(())
    })?;
    let chain: Vec<LayerRef> = chain.try_recv().unwrap_or_default();
    library
        .remove_layers(machine, &chain)
        .map_err(|error| error.failure("The disk's files were not removed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Origin;

    fn machine() -> Machine {
        let id = MachineId(Uuid::nil());
        Machine::new(id, "Test", "pc-q35-10.0", Origin::Empty)
    }

    fn disk(bus: DiskBus) -> Disk {
        let layer = LayerRef {
            machine: MachineId(Uuid::nil()),
            layer: LayerId(Uuid::from_u128(1)),
        };
        on_bus(bus, DiskSource::Layers(vec![layer]), ByteSize::mib(8))
    }

    #[test]
    fn a_scsi_disk_brings_its_controller_along_once() {
        let one = plugged(&machine(), &disk(DiskBus::Scsi)).unwrap();
        let ids: Vec<&str> = one.devices.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(ids, ["scsi0", "disk0"]);
        assert_eq!((one.detached.len(), one.boot.0.len()), (0, 1));
        let other = DiskSource::Layers(vec![LayerRef {
            machine: one.id,
            layer: LayerId(Uuid::from_u128(2)),
        }]);
        let two = plugged(&one, &on_bus(DiskBus::Scsi, other, ByteSize::mib(8))).unwrap();
        assert_eq!(two.devices.len(), 3);
    }

    #[test]
    fn a_disk_that_fits_nowhere_is_refused_before_it_is_made() {
        let refused = |bus, size| {
            let content = DiskContent::Empty(size);
            check(&machine(), &NewDisk { bus, content }).unwrap_err()
        };
        let failure = refused(DiskBus::Usb, ByteSize::gib(1));
        assert_eq!(failure.why, "A USB disk needs the USB 3 controller");
        assert!(failure.fix.is_some());
        let failure = refused(DiskBus::Ide, ByteSize::gib(1));
        assert_eq!(failure.why, "This board has no IDE; choose SATA");
        let failure = refused(DiskBus::Virtio, ByteSize(0));
        assert!(failure.why.starts_with("A disk has 1 MiB to"), "{failure}");
    }
}
