//! Each device of a machine as QEMU's `-device`, at its own address.

use super::places::{FLOPPY_CONTROLLER, Properties, in_drive, on_pci};
use super::{CommandLineError, Launch, Line, blocks, escape, socket, sound, text};
use crate::model::{
    Address, Board, Cdrom, Device, DeviceKind, Disk, DiskBus, DiskCache, Display, DisplayModel,
    Nic, NicModel, NicNetwork,
};

pub(super) fn add(launch: &Launch<'_>, line: &mut Line) -> Result<(), CommandLineError> {
    let machine = launch.machine;
    // What others are plugged into comes first, wherever it stands in the machine's file.
    let (busses, others): (Vec<&Device>, Vec<&Device>) =
        machine.devices.iter().partition(|device| {
            matches!(
                device.kind,
                DeviceKind::UsbController
                    | DeviceKind::OldUsbController
                    | DeviceKind::ScsiController
            )
        });
    let has_floppy = machine.has(|kind| matches!(kind, DeviceKind::Floppy(_)));
    if has_floppy && machine.board() == Board::Q35 {
        line.device("isa-fdc", &[("id", FLOPPY_CONTROLLER.to_owned())]);
    }
    for device in busses.into_iter().chain(others) {
        one(launch, device, line)?;
    }
    Ok(())
}

fn one(launch: &Launch<'_>, device: &Device, line: &mut Line) -> Result<(), CommandLineError> {
    let id = device.id.as_str();
    let pci = || on_pci(launch, device);
    match &device.kind {
        DeviceKind::Disk(disk) => add_disk(launch, device, disk, line),
        DeviceKind::Cdrom(cdrom) => add_cdrom(launch, device, cdrom, line),
        DeviceKind::Floppy(floppy) => {
            let mut properties = in_drive(launch, device)?;
            if let Some(node) = blocks::floppy(id, floppy, line)? {
                properties.push(("drive", node));
            }
            floppy_boot_index(launch, device, line);
            plain(line, "floppy", properties)
        }
        DeviceKind::Nic(nic) => add_nic(launch, device, nic, line),
        DeviceKind::Display(display) => add_display(pci()?, display, line),
        DeviceKind::Keyboard => plain(line, "virtio-keyboard-pci", pci()?),
        DeviceKind::Tablet => plain(line, "virtio-tablet-pci", pci()?),
        DeviceKind::Touchscreen => plain(line, "virtio-multitouch-pci", pci()?),
        DeviceKind::UsbController => {
            let mut properties = pci()?;
            properties.push(("p2", "8".to_owned()));
            properties.push(("p3", "8".to_owned()));
            plain(line, "qemu-xhci", properties)?;
            usb_input(launch, id, line)
        }
        DeviceKind::OldUsbController => {
            plain(line, "piix3-usb-uhci", pci()?)?;
            usb_input(launch, id, line)
        }
        DeviceKind::ScsiController => plain(line, "virtio-scsi-pci", pci()?),
        DeviceKind::Sound(sound) => sound::add(launch, device, *sound, line),
        DeviceKind::Watchdog(_) => plain(line, "i6300esb", pci()?),
        DeviceKind::Rng => {
            line.option("-object", format!("rng-builtin,id={id}-source"));
            let mut properties = pci()?;
            properties.push(("rng", format!("{id}-source")));
            plain(line, "virtio-rng-pci", properties)
        }
        DeviceKind::Balloon => {
            let mut properties = pci()?;
            properties.push(("deflate-on-oom", "on".to_owned()));
            plain(line, "virtio-balloon-pci", properties)
        }
        DeviceKind::GenerationId => {
            let guid = ("guid", launch.generation.to_string());
            plain(line, "vmgenid", vec![("id", id.to_owned()), guid])
        }
        DeviceKind::Serial => {
            let chardev = format!("{id}-socket");
            socket(&chardev, &launch.sockets.serial, line)?;
            let properties = vec![("id", id.to_owned()), ("chardev", chardev)];
            plain(line, "isa-serial", properties)
        }
        DeviceKind::Tpm => add_tpm(launch, id, line),
    }
}

/// The other way round than our other sockets: QEMU connects.
fn add_tpm(launch: &Launch<'_>, id: &str, line: &mut Line) -> Result<(), CommandLineError> {
    let (chardev, backend) = (format!("{id}-socket"), format!("{id}-emulator"));
    let path = escape(text(&launch.sockets.tpm)?);
    line.option("-chardev", format!("socket,id={chardev},path={path}"));
    let emulator = format!("emulator,id={backend},chardev={chardev}");
    line.option("-tpmdev", emulator);
    let model = match launch.machine.board() {
        Board::Q35 => "tpm-crb",
        Board::I440fx => "tpm-tis",
    };
    let properties = vec![("id", id.to_owned()), ("tpmdev", backend)];
    plain(line, model, properties)
}

fn plain(line: &mut Line, kind: &str, properties: Properties) -> Result<(), CommandLineError> {
    line.device(kind, &properties);
    Ok(())
}

/// `bootindex`, counted from 1, if the device is in the boot order.
fn boot_index(launch: &Launch<'_>, device: &Device) -> Option<(&'static str, String)> {
    let order = &launch.machine.boot.0;
    let place = order.iter().position(|id| *id == device.id)?;
    Some(("bootindex", (place + 1).to_string()))
}

/// For a floppy drive it is a property of the controller, which on the i440fx is the board's own.
fn floppy_boot_index(launch: &Launch<'_>, device: &Device, line: &mut Line) {
    let drive = match device.address {
        Address::Floppy { unit: 0 } => "bootindexA",
        _ => "bootindexB",
    };
    if let Some((_, index)) = boot_index(launch, device) {
        line.option("-global", format!("isa-fdc.{drive}={index}"));
    }
}

/// Errors of the host's disk pause the guest, which loses nothing and can go on.
fn stop_on_error() -> Properties {
    vec![("werror", "stop".to_owned()), ("rerror", "stop".to_owned())]
}

fn add_disk(
    launch: &Launch<'_>,
    device: &Device,
    disk: &Disk,
    line: &mut Line,
) -> Result<(), CommandLineError> {
    let node = blocks::disk(launch, &device.id, disk, line)?;
    let (kind, mut properties) = match disk.bus {
        DiskBus::Virtio => ("virtio-blk-pci", on_pci(launch, device)?),
        DiskBus::Nvme => ("nvme", on_pci(launch, device)?),
        DiskBus::Sata | DiskBus::Ide => ("ide-hd", in_drive(launch, device)?),
        DiskBus::Scsi => ("scsi-hd", in_drive(launch, device)?),
        DiskBus::Usb => ("usb-storage", in_drive(launch, device)?),
    };
    properties.push(("drive", node));
    match (&disk.serial, disk.bus) {
        (Some(serial), _) => properties.push(("serial", serial.clone())),
        // It does not start without one.
        (None, DiskBus::Nvme) => properties.push(("serial", device.id.clone())),
        (None, _) => {}
    }
    if disk.cache == DiskCache::Writethrough {
        properties.push(("write-cache", "off".to_owned()));
    }
    if disk.bus != DiskBus::Nvme {
        properties.extend(stop_on_error());
    }
    properties.extend(boot_index(launch, device));
    plain(line, kind, properties)
}

fn add_cdrom(
    launch: &Launch<'_>,
    device: &Device,
    cdrom: &Cdrom,
    line: &mut Line,
) -> Result<(), CommandLineError> {
    let mut properties = in_drive(launch, device)?;
    if let Some(node) = blocks::medium(&device.id, cdrom, line)? {
        properties.push(("drive", node));
    }
    properties.extend(boot_index(launch, device));
    plain(line, "ide-cd", properties)
}

fn add_nic(
    launch: &Launch<'_>,
    device: &Device,
    nic: &Nic,
    line: &mut Line,
) -> Result<(), CommandLineError> {
    let mut properties = on_pci(launch, device)?;
    properties.push(("mac", nic.mac.to_string()));
    match &nic.network {
        NicNetwork::User => {
            let netdev = format!("{}-net", device.id);
            line.option("-netdev", format!("user,id={netdev}"));
            properties.push(("netdev", netdev));
        }
        NicNetwork::None => {}
        NicNetwork::Switch(_) | NicNetwork::Bridge(_) => {
            return Err(CommandLineError::NoNetwork {
                device: device.id.clone(),
            });
        }
    }
    match boot_index(launch, device) {
        Some(index) => properties.push(index),
        // Without its boot ROM the firmware does not wait for a network.
        None => properties.push(("romfile", String::new())),
    }
    let kind = match nic.model {
        NicModel::Virtio => "virtio-net-pci",
        NicModel::E1000e => "e1000e",
        NicModel::E1000 => "e1000",
        NicModel::Rtl8139 => "rtl8139",
        NicModel::Pcnet => "pcnet",
    };
    plain(line, kind, properties)
}

fn add_display(
    mut properties: Properties,
    display: &Display,
    line: &mut Line,
) -> Result<(), CommandLineError> {
    let kind = match display.model {
        DisplayModel::Virtio => "virtio-vga",
        DisplayModel::Vga => "VGA",
        DisplayModel::Cirrus => "cirrus-vga",
    };
    if display.model != DisplayModel::Cirrus {
        properties.push(("xres", display.width.to_string()));
        properties.push(("yres", display.height.to_string()));
    }
    if display.heads > 1 {
        properties.push(("max_outputs", display.heads.to_string()));
    }
    if let Some(memory) = display.memory {
        properties.push(("vgamem_mb", memory.as_mib().to_string()));
    }
    plain(line, kind, properties)
}

/// A tablet and a keyboard on a USB controller: what UEFI and Windows understand without drivers.
/// QEMU sends pointer events to the tablet whose driver in the guest woke up last.
fn usb_input(launch: &Launch<'_>, id: &str, line: &mut Line) -> Result<(), CommandLineError> {
    let has_tablet = launch
        .machine
        .has(|kind| matches!(kind, DeviceKind::Tablet));
    for (port, kind, name) in [("1", "usb-tablet", "tablet"), ("2", "usb-kbd", "keyboard")] {
        if name == "tablet" && !has_tablet {
            continue;
        }
        let properties = vec![
            ("id", format!("{id}-{name}")),
            ("bus", format!("{id}.0")),
            ("port", port.to_owned()),
        ];
        plain(line, kind, properties)?;
    }
    Ok(())
}
