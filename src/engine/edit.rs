//! Checks of edits that need a look at files: media, and disks that are plugged in.

use std::path::Path;

use super::making::{KEPT, in_place};
use crate::library::Library;
use crate::model::{Change, DeviceKind, Disk, DiskSource, Failure, Machine, complaints};

/// What `machine` becomes by `changes`, all of them or none.
///
/// Fails with the first rule that the result breaks, or file that can't be used.
pub fn changed(machine: &Machine, changes: &[Change]) -> Result<Machine, Failure> {
    let refuse = |why: String| Failure::new("The machine was not changed", why);
    let mut new = machine.clone();
    for change in changes {
        names_known_device(&new, change).map_err(refuse)?;
        crate::model::apply(&mut new, change.clone());
    }
    // What was wrong before may stay: an old file must not keep its name from being changed.
    let before = complaints(machine);
    let found = complaints(&new).into_iter().find(|it| !before.contains(it));
    if let Some(complaint) = found {
        return Err(refuse(complaint.text));
    }
    media(machine, &new).map_err(refuse)?;
    disks(machine, &new).map_err(refuse)?;
    Ok(new)
}

fn names_known_device(machine: &Machine, change: &Change) -> Result<(), String> {
    match change {
        Change::Set { id, .. } | Change::Remove(id) if machine.device(id).is_none() => {
            Err(format!("There is no device “{id}”"))
        }
        Change::Add(device) if machine.device(&device.id).is_some() => {
            Err(format!("There is a device “{}” already", device.id))
        }
        _ => Ok(()),
    }
}

/// Whether a file can lie in a drive.
pub fn medium(path: &Path) -> Result<(), String> {
    let found = std::fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if found.is_file() {
        Ok(())
    } else {
        Err(format!("{} is not a file", path.display()))
    }
}

/// Media that were not there before must be files.
fn media(old: &Machine, new: &Machine) -> Result<(), String> {
    for device in &new.devices {
        let (path, writable) = match &device.kind {
            DeviceKind::Cdrom(drive) => (&drive.medium, false),
            DeviceKind::Floppy(drive) => (&drive.medium, true),
            _ => continue,
        };
        let is_new = old
            .device(&device.id)
            .is_none_or(|known| known.kind != device.kind);
        if let Some(path) = path.as_deref().filter(|_| is_new) {
            medium(path)?;
            if writable && Library::keeps(path) {
                return Err(format!(
                    "{} can't be used as a floppy: {KEPT}",
                    path.display()
                ));
            }
        }
    }
    Ok(())
}

/// Disks that were not there before were detached, or lie in place and are what they are said to be.
fn disks(old: &Machine, new: &Machine) -> Result<(), String> {
    for disk in new.disks().chain(&new.detached) {
        let known = |other: &Disk| other.source == disk.source && other.size == disk.size;
        if old.disks().any(known) || old.detached.iter().any(known) {
            continue;
        }
        match &disk.source {
            DiskSource::Layers(_) => {
                return Err("A disk can only be plugged in again, or made anew".to_owned());
            }
            DiskSource::InPlace(image) => {
                let (found, size) = in_place(&image.path)
                    .map_err(|failure| format!("{}: {}", failure.what, failure.why))?;
                if found.format != image.format || size != disk.size {
                    return Err(format!("{} changed meanwhile", image.path.display()));
                }
            }
        }
    }
    Ok(())
}
