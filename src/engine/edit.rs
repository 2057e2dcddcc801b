//! Applies edits to a machine's record, with the checks that need no QEMU.

use std::path::Path;

use crate::model::{Address, ByteSize, Cdrom, Change, Device, DeviceKind, Failure, Machine};

/// The most processors that q35 takes without further options.
const MAX_CPUS: u32 = 255;

/// Less does not get through firmware.
const MIN_MEMORY: ByteSize = ByteSize::mib(16);

/// Notes are read with the list: keep them small, in bytes.
const MAX_NOTES: usize = 64 * 1024;

/// Whether a change makes sense at all.
pub fn check(change: &Change) -> Result<(), Failure> {
    let why = match change {
        Change::Cpus(count) => cpus(*count).err(),
        Change::Memory(size) => memory(*size).err(),
        Change::Notes(notes) if notes.len() > MAX_NOTES => {
            Some("The notes are longer than 64 KiB".to_owned())
        }
        Change::Medium(Some(path)) => medium(path).err(),
        Change::Name(_)
        | Change::Firmware(_)
        | Change::Notes(_)
        | Change::Tags(_)
        | Change::MemoryBacking(_)
        | Change::Medium(None) => None,
    };
    match why {
        None => Ok(()),
        Some(why) => Err(Failure::new("The machine was not changed", why)),
    }
}

/// Whether a machine can have so many processors.
pub fn cpus(count: u32) -> Result<(), String> {
    if (1..=MAX_CPUS).contains(&count) {
        Ok(())
    } else {
        Err(format!(
            "A machine has 1 to {MAX_CPUS} processors, not {count}"
        ))
    }
}

/// Whether a machine can have so much memory.
pub fn memory(size: ByteSize) -> Result<(), String> {
    if size < MIN_MEMORY {
        return Err(format!(
            "A machine needs at least {MIN_MEMORY} of memory, not {size}"
        ));
    }
    if !size.0.is_multiple_of(ByteSize::mib(1).0) {
        return Err("Memory comes in whole mebibytes".to_owned());
    }
    Ok(())
}

/// Whether a file can lie in a CD drive.
pub fn medium(path: &Path) -> Result<(), String> {
    let found = std::fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if found.is_file() {
        Ok(())
    } else {
        Err(format!("{} is not a file", path.display()))
    }
}

/// Makes the change. Only what [`check`] let through comes here.
pub fn apply(machine: &mut Machine, change: Change) {
    match change {
        Change::Name(name) => machine.name = name,
        Change::Cpus(count) => machine.cpu.count = count,
        Change::Memory(size) => machine.memory = size,
        Change::Firmware(kind) => {
            if machine.firmware.kind != kind {
                machine.firmware.kind = kind;
                // Variables of one firmware mean nothing to another; the old layer stays on disk.
                machine.firmware.variables.clear();
            }
        }
        Change::Notes(notes) => machine.notes = notes,
        Change::Tags(tags) => machine.tags = tags,
        Change::MemoryBacking(backing) => machine.memory_backing = backing,
        Change::Medium(medium) => insert(machine, medium),
    }
}

/// Puts a medium into the first CD drive, adding one if there is none.
fn insert(machine: &mut Machine, medium: Option<std::path::PathBuf>) {
    let drive = machine
        .devices
        .iter_mut()
        .find_map(|device| match &mut device.kind {
            DeviceKind::Cdrom(drive) => Some(drive),
            _ => None,
        });
    if let Some(drive) = drive {
        drive.medium = medium;
        return;
    }
    if let (Some(port), Some(_)) = (machine.free_sata_port(), &medium) {
        let id = machine.free_device_id("cd");
        machine.boot.0.push(id.clone());
        machine.devices.push(Device {
            id,
            kind: DeviceKind::Cdrom(Cdrom { medium }),
            address: Address::Sata { port },
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_machine_can_have_is_refused_with_the_limit() {
        let refused = |change| check(&change).unwrap_err().why;
        assert_eq!(
            refused(Change::Cpus(0)),
            "A machine has 1 to 255 processors, not 0"
        );
        assert_eq!(
            refused(Change::Memory(ByteSize::mib(1))),
            "A machine needs at least 16 MiB of memory, not 1 MiB"
        );
        assert!(refused(Change::Medium(Some("/nowhere.iso".into()))).contains("/nowhere.iso"));
    }
}
