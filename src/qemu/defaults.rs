//! The hardware of a new machine. Pure: ids and random bytes are given.

use std::path::PathBuf;

use crate::model::{
    Address, BootOrder, Cdrom, Cpu, Device, DeviceKind, Disk, DiskBus, DiskSource, Display,
    DisplayModel, Firmware, Mac, Machine, MachineId, MemoryBacking, NewMachine, Nic, NicModel,
    NicNetwork, Origin, Source, Timestamp,
};

/// The first resolution of a new machine's screen, pixels.
const SCREEN: (u32, u32) = (1280, 800);

/// What a new machine is made of beside what the user asked for.
#[derive(Clone, Debug)]
pub struct Parts {
    pub id: MachineId,
    /// The newest versioned machine type: [`crate::qemu::binary::Capabilities::machine_type`].
    pub machine_type: String,
    /// Random; the rest of the MAC says that it is QEMU's and given locally.
    pub mac: [u8; 3],
    /// The disk's bytes; `None` makes a machine without a disk.
    pub disk: Option<DiskSource>,
    /// What the guest sees of the disk.
    pub disk_size: crate::model::ByteSize,
    pub created: Timestamp,
}

/// The machine that `spec` asks for.
///
/// The disk comes first in the boot order, then the CD: an empty disk falls through to the
/// installer, and after the installation the disk boots.
pub fn machine(spec: &NewMachine, parts: Parts) -> Machine {
    let Parts {
        id,
        machine_type,
        mac,
        disk,
        disk_size,
        created,
    } = parts;
    let medium = match &spec.source {
        Source::Iso(path) => Some(path.clone()),
        Source::Disk(_) | Source::Empty | Source::TestCard { .. } => None,
    };
    let mut devices = board(mac);
    if let Some(source) = disk {
        devices.push(device("disk0", disk_kind(source, disk_size), pci(6)));
    }
    devices.push(cdrom(medium));
    let order = ["disk0", "cd0"];
    let boot = order
        .into_iter()
        .filter(|id| devices.iter().any(|device| device.id == *id))
        .map(str::to_owned)
        .collect();
    Machine {
        id,
        name: spec.name.clone(),
        arch: "x86_64".to_owned(),
        machine_type,
        cpu: Cpu {
            count: spec.cpus,
            model: None,
        },
        memory: spec.memory,
        memory_backing: MemoryBacking::Forkable,
        firmware: Firmware {
            kind: spec.firmware,
            variables: Vec::new(),
        },
        devices,
        boot: BootOrder(boot),
        origin: origin(&spec.source),
        created,
        tags: Vec::new(),
        notes: String::new(),
        saved: None,
        trashed: None,
    }
}

fn origin(source: &Source) -> Origin {
    match source {
        Source::Iso(path) => Origin::Iso(path.clone()),
        Source::Disk(path) => Origin::Disk(path.clone()),
        Source::Empty => Origin::Empty,
        Source::TestCard { .. } => Origin::TestCard,
    }
}

fn pci(slot: u8) -> Address {
    Address::Pci { slot }
}

fn device(id: &str, kind: DeviceKind, address: Address) -> Device {
    Device {
        id: id.to_owned(),
        kind,
        address,
    }
}

/// Everything but the drives.
fn board(mac: [u8; 3]) -> Vec<Device> {
    let display = DeviceKind::Display(Display {
        model: DisplayModel::Virtio,
        width: SCREEN.0,
        height: SCREEN.1,
    });
    let nic = DeviceKind::Nic(Nic {
        model: NicModel::Virtio,
        mac: Mac([0x52, 0x54, 0x00, mac[0], mac[1], mac[2]]),
        network: NicNetwork::User,
    });
    vec![
        device("display0", display, pci(2)),
        device("keyboard0", DeviceKind::Keyboard, pci(3)),
        device("tablet0", DeviceKind::Tablet, pci(4)),
        device("usb0", DeviceKind::UsbController, pci(5)),
        device("nic0", nic, pci(7)),
        device("rng0", DeviceKind::Rng, pci(8)),
        device("balloon0", DeviceKind::Balloon, pci(9)),
        device("serial0", DeviceKind::Serial, Address::Board),
        device("generation0", DeviceKind::GenerationId, Address::Board),
    ]
}

fn disk_kind(source: DiskSource, size: crate::model::ByteSize) -> DeviceKind {
    DeviceKind::Disk(Disk {
        bus: DiskBus::Virtio,
        source,
        size,
        read_only: false,
    })
}

fn cdrom(medium: Option<PathBuf>) -> Device {
    let kind = DeviceKind::Cdrom(Cdrom { medium });
    device("cd0", kind, Address::Sata { port: 0 })
}
