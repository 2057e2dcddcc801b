//! The hardware of a new machine. Pure: ids and random bytes are given.

use crate::model::{
    Board, Cdrom, Change, Cpu, DeviceKind, Disk, DiskBus, DiskSource, Display, DisplayModel, Era,
    FirmwareKind, Mac, Machine, MachineId, NewMachine, Nic, NicModel, Origin, Sound, SoundModel,
    Source, Timestamp, apply,
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
    let origin = origin(&spec.source);
    let mut machine = Machine::new(id, &spec.name, &machine_type, origin);
    machine.cpu = Cpu::of(spec.cpus);
    machine.memory = spec.memory;
    machine.firmware.kind = spec.firmware;
    machine.created = created;
    if spec.era == Era::Ide {
        apply(&mut machine, Change::Board(Board::I440fx));
    }
    let medium = match &spec.source {
        Source::Iso(path) => Some(path.clone()),
        Source::Disk(_) | Source::Copy(_) | Source::Empty | Source::TestCard { .. } => None,
    };
    let disk = disk.map(|source| {
        DeviceKind::Disk(Disk {
            bus: disk_bus(spec.era),
            ..Disk::new(source, disk_size)
        })
    });
    let before = before_disk(spec.era);
    let after = after_disk(spec.era, Mac::local(mac));
    let cdrom = DeviceKind::Cdrom(Cdrom { medium });
    let sound = DeviceKind::Sound(Sound {
        model: sound_model(spec),
    });
    // Windows asks for one where it asks for Secure Boot.
    let windows = spec.era == Era::Sata && spec.firmware == FirmwareKind::Secure;
    let tpm = windows.then_some(DeviceKind::Tpm);
    let last = [cdrom, sound].into_iter().chain(tpm);
    for kind in before.into_iter().chain(disk).chain(after).chain(last) {
        // A new board has room for all of them.
        if let Some(device) = machine.new_device(kind) {
            apply(&mut machine, Change::Add(device));
        }
    }
    machine
}

fn origin(source: &Source) -> Origin {
    match source {
        Source::Iso(path) => Origin::Iso(path.clone()),
        Source::Disk(path) | Source::Copy(path) => Origin::Disk(path.clone()),
        Source::Empty => Origin::Empty,
        Source::TestCard { .. } => Origin::TestCard,
    }
}

fn disk_bus(era: Era) -> DiskBus {
    match era {
        Era::Virtio => DiskBus::Virtio,
        Era::Sata => DiskBus::Sata,
        Era::Ide => DiskBus::Ide,
    }
}

/// What the guest's system has a driver for. The test card drives AC’97.
fn sound_model(spec: &NewMachine) -> SoundModel {
    match (&spec.source, spec.era) {
        (Source::TestCard { .. }, _) | (_, Era::Ide) => SoundModel::Ac97,
        (_, Era::Virtio | Era::Sata) => SoundModel::Hda,
    }
}

/// What the guest's screen, keyboard and pointer are.
fn before_disk(era: Era) -> Vec<DeviceKind> {
    let mut display = Display::new(SCREEN.0, SCREEN.1);
    if era != Era::Virtio {
        display.model = DisplayModel::Vga;
    }
    let display = DeviceKind::Display(display);
    match era {
        Era::Virtio => vec![
            display,
            DeviceKind::Keyboard,
            DeviceKind::Tablet,
            DeviceKind::UsbController,
        ],
        // The USB tablet: it needs no driver of virtio's.
        Era::Sata => vec![display, DeviceKind::Tablet, DeviceKind::UsbController],
        Era::Ide => vec![display, DeviceKind::Tablet, DeviceKind::OldUsbController],
    }
}

fn after_disk(era: Era, mac: Mac) -> Vec<DeviceKind> {
    let nic = |model| {
        DeviceKind::Nic(Nic {
            model,
            ..Nic::new(mac)
        })
    };
    match era {
        Era::Virtio => vec![
            nic(NicModel::Virtio),
            DeviceKind::Rng,
            DeviceKind::Balloon,
            DeviceKind::Serial,
            DeviceKind::GenerationId,
        ],
        Era::Sata => vec![
            nic(NicModel::E1000e),
            DeviceKind::Serial,
            DeviceKind::GenerationId,
        ],
        Era::Ide => vec![nic(NicModel::Pcnet), DeviceKind::Serial],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, ByteSize, complaints};

    fn made(era: Era) -> Machine {
        made_with(era, FirmwareKind::Bios)
    }

    fn made_with(era: Era, firmware: FirmwareKind) -> Machine {
        let spec = NewMachine {
            name: "Debian".to_owned(),
            source: Source::Iso("/tmp/a.iso".into()),
            cpus: 2,
            memory: ByteSize::gib(1),
            disk_size: ByteSize::gib(8),
            firmware,
            era,
            experiment: false,
        };
        let parts = Parts {
            id: MachineId(uuid::Uuid::from_u128(7)),
            machine_type: "pc-q35-10.0".to_owned(),
            mac: [1, 2, 3],
            disk: Some(DiskSource::Layers(Vec::new())),
            disk_size: ByteSize::gib(8),
            created: Timestamp(1),
        };
        machine(&spec, parts)
    }

    #[test]
    fn what_starts_windows_11_has_the_tpm_that_it_asks_for() {
        let tpm = |machine: Machine| machine.has(|kind| matches!(kind, DeviceKind::Tpm));
        assert!(tpm(made_with(Era::Sata, FirmwareKind::Secure)));
        assert!(!tpm(made_with(Era::Sata, FirmwareKind::Uefi)));
        assert!(!tpm(made_with(Era::Virtio, FirmwareKind::Secure)));
    }

    #[test]
    fn each_era_gets_the_parts_that_it_has_drivers_for() {
        for (era, board, bus, model) in [
            (Era::Virtio, Board::Q35, DiskBus::Virtio, NicModel::Virtio),
            (Era::Sata, Board::Q35, DiskBus::Sata, NicModel::E1000e),
            (Era::Ide, Board::I440fx, DiskBus::Ide, NicModel::Pcnet),
        ] {
            let machine = made(era);
            assert_eq!(machine.board(), board, "{era:?}");
            assert_eq!(machine.disks().next().unwrap().bus, bus, "{era:?}");
            let nic =
                |kind: &DeviceKind| matches!(kind, DeviceKind::Nic(nic) if nic.model == model);
            assert!(machine.has(nic), "{era:?}");
            let virtio = |kind: &DeviceKind| {
                matches!(
                    kind,
                    DeviceKind::Rng | DeviceKind::Balloon | DeviceKind::Keyboard
                ) || matches!(kind, DeviceKind::Display(card) if card.model == DisplayModel::Virtio)
            };
            assert_eq!(machine.has(virtio), era == Era::Virtio, "{era:?}");
            // The medium is in, and every part has a place of its own.
            let medium = |kind: &DeviceKind| matches!(kind, DeviceKind::Cdrom(drive) if drive.medium.is_some());
            assert!(machine.has(medium), "{era:?}");
            assert_eq!(complaints(&machine), [], "{era:?}");
            let addresses = machine.devices.iter().map(|device| device.address);
            let mut places: Vec<_> = addresses.filter(|place| *place != Address::Board).collect();
            let count = places.len();
            places.dedup();
            assert_eq!(places.len(), count, "{era:?}");
        }
    }
}
