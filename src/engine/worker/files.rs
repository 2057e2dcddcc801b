//! Which files a machine's QEMU opens, and the command line that names them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::confine::Network;
use crate::engine::facts::Facts;
use crate::library::Library;
use crate::model::{
    DeviceKind, DiskSource, DisplayPath, Failure, FirmwareKind, LayerRef, Machine, MemoryBacking,
    NicNetwork,
};
use crate::qemu::command_line::{self, Launch, MEMORY_NUMBER};
use crate::qemu::memory::MemoryFile;
use crate::qemu::process::{Rights, Sockets};

/// The files of a launch.
pub struct Files {
    pub sockets: Sockets,
    pub layers: BTreeMap<LayerRef, PathBuf>,
}

/// Where every layer that the machine names lies.
pub fn layers(machine: &Machine, library: &Library) -> BTreeMap<LayerRef, PathBuf> {
    let disks = machine
        .devices
        .iter()
        .filter_map(|device| match &device.kind {
            DeviceKind::Disk(disk) => match &disk.source {
                DiskSource::Layers(chain) => Some(chain),
                DiskSource::InPlace(_) => None,
            },
            _ => None,
        });
    disks
        .flatten()
        .chain(&machine.firmware.variables)
        .map(|layer| (*layer, library.layer_file(*layer)))
        .collect()
}

/// What QEMU may touch for this machine.
pub fn rights(machine: &Machine, library: &Library) -> Rights {
    let mut rights = Rights {
        network: Network::Deny,
        ..Rights::default()
    };
    // Not the folder itself: its records say what the next start may touch.
    let own = library.machine_dir(machine.id);
    rights.writes.push(own.join("disks"));
    for path in layers(machine, library).into_values() {
        rights.reads.push(path); // Foreign ones; our own are writable anyway.
    }
    for device in &machine.devices {
        match &device.kind {
            DeviceKind::Disk(disk) => {
                if let DiskSource::InPlace(image) = &disk.source {
                    let paths = if disk.read_only {
                        &mut rights.reads
                    } else {
                        &mut rights.writes
                    };
                    paths.push(image.path.clone());
                }
            }
            DeviceKind::Cdrom(cdrom) => rights.reads.extend(cdrom.medium.clone()),
            // Guests write to floppies.
            DeviceKind::Floppy(floppy) => rights.writes.extend(floppy.medium.clone()),
            DeviceKind::Tpm => {
                rights.tpm = machine.tpm.map(|tpm| library.tpm_dir(machine.id, tpm));
            }
            DeviceKind::Nic(nic) if nic.network == NicNetwork::User => {
                rights.network = Network::Outgoing;
            }
            _ => {}
        }
    }
    rights
}

/// QEMU's arguments for one launch.
pub fn arguments(
    machine: &Machine,
    facts: &Facts,
    files: &Files,
    memory: Option<MemoryFile>,
    display: DisplayPath,
    incoming: bool,
) -> Result<Vec<String>, Failure> {
    let cpu_model = command_line::resolve_cpu(machine, facts.accelerator());
    let firmware = facts.firmware(machine.firmware.kind)?;
    let launch = Launch {
        machine,
        accelerator: facts.accelerator(),
        cpu_model: &cpu_model,
        memory,
        firmware: firmware.as_ref(),
        layers: &files.layers,
        sockets: &files.sockets,
        display: facts.display(display),
        dbus_sound: facts.dbus_sound(),
        incoming,
        generation: uuid::Uuid::new_v4(),
    };
    command_line::command_line(&launch)
        .map_err(|error| Failure::new(format!("{} did not start", machine.name), error.to_string()))
}

/// The command line of the next start, program first.
pub fn preview(
    machine: &Machine,
    library: &Library,
    facts: &Facts,
    folder: &Path,
    display: DisplayPath,
) -> Result<Vec<String>, Failure> {
    let mut machine = machine.clone();
    if machine.firmware.kind != FirmwareKind::Bios && machine.firmware.variables.is_empty() {
        // They are made at the first start; this is how they will look.
        machine.firmware.variables.push(LayerRef {
            machine: machine.id,
            layer: crate::model::LayerId(uuid::Uuid::nil()),
        });
    }
    let files = Files {
        sockets: Sockets::within(folder),
        layers: layers(&machine, library),
    };
    let memory = (machine.memory_backing == MemoryBacking::Forkable).then_some(MemoryFile {
        number: MEMORY_NUMBER,
        size: machine.memory,
        frozen: false,
    });
    let mut line = vec![facts.qemu()?.path.display().to_string()];
    line.extend(arguments(
        &machine,
        facts,
        &files,
        memory,
        display,
        machine.saved.is_some(),
    )?);
    Ok(line)
}

/// Every disk file that the machine opens.
pub fn disk_files(machine: &Machine, library: &Library) -> Vec<PathBuf> {
    let in_place = machine
        .devices
        .iter()
        .filter_map(|device| match &device.kind {
            DeviceKind::Disk(disk) => match &disk.source {
                DiskSource::InPlace(image) => Some(image.path.clone()),
                DiskSource::Layers(_) => None,
            },
            _ => None,
        });
    in_place
        .chain(layers(machine, library).into_values())
        .collect()
}

/// The file that the guest's writes to a disk go to.
pub fn written_file(source: &DiskSource, library: &Library) -> Option<PathBuf> {
    match source {
        DiskSource::InPlace(image) => Some(image.path.clone()),
        DiskSource::Layers(chain) => chain.last().map(|layer| library.layer_file(*layer)),
    }
}
