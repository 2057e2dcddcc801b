//! Each device of a machine as QEMU's `-device`, at its own address.

use super::{CommandLineError, Launch, Line, blocks, socket};
use crate::model::{
    Address, Cdrom, Device, DeviceKind, Disk, DiskBus, Display, DisplayModel, Nic, NicModel,
    NicNetwork,
};

/// The agents' channel sits where [`crate::model::Machine::free_pci_slot`] never puts anything.
pub(super) const AGENTS_SLOT: u8 = 1;

type Properties = Vec<(&'static str, String)>;

pub(super) fn add(launch: &Launch<'_>, line: &mut Line) -> Result<(), CommandLineError> {
    for device in &launch.machine.devices {
        one(launch, device, line)?;
    }
    Ok(())
}

fn one(launch: &Launch<'_>, device: &Device, line: &mut Line) -> Result<(), CommandLineError> {
    let id = device.id.as_str();
    match &device.kind {
        DeviceKind::Disk(disk) => add_disk(launch, device, disk, line),
        DeviceKind::Cdrom(cdrom) => add_cdrom(launch, device, cdrom, line),
        DeviceKind::Nic(nic) => add_nic(launch, device, nic, line),
        DeviceKind::Display(display) => {
            line.device(display_kind(display), &display_properties(device, display)?);
            Ok(())
        }
        DeviceKind::Keyboard => plain(line, "virtio-keyboard-pci", on_pci(device)?),
        DeviceKind::Tablet => plain(line, "virtio-tablet-pci", on_pci(device)?),
        DeviceKind::UsbController => add_usb(device, line),
        DeviceKind::Rng => {
            line.option("-object", format!("rng-builtin,id={id}-source"));
            let mut properties = on_pci(device)?;
            properties.push(("rng", format!("{id}-source")));
            plain(line, "virtio-rng-pci", properties)
        }
        DeviceKind::Balloon => {
            let mut properties = on_pci(device)?;
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
    }
}

fn plain(line: &mut Line, kind: &str, properties: Properties) -> Result<(), CommandLineError> {
    line.device(kind, &properties);
    Ok(())
}

/// `id`, `bus` and `addr` of a device in a PCI slot.
fn on_pci(device: &Device) -> Result<Properties, CommandLineError> {
    match device.address {
        Address::Pci {
            slot: slot @ 2..=30,
        } => Ok(vec![
            ("id", device.id.clone()),
            ("bus", "pcie.0".to_owned()),
            ("addr", format!("{slot:#x}")),
        ]),
        Address::Pci { .. } | Address::Sata { .. } | Address::Board => Err(wrong_address(device)),
    }
}

/// `id` and `bus` of a device at a SATA port.
fn on_sata(device: &Device) -> Result<Properties, CommandLineError> {
    match device.address {
        Address::Sata { port: port @ 0..=5 } => Ok(vec![
            ("id", device.id.clone()),
            ("bus", format!("ide.{port}")),
        ]),
        Address::Sata { .. } | Address::Pci { .. } | Address::Board => Err(wrong_address(device)),
    }
}

fn wrong_address(device: &Device) -> CommandLineError {
    CommandLineError::WrongAddress {
        device: device.id.clone(),
    }
}

/// `bootindex`, counted from 1, if the device is in the boot order.
fn boot_index(launch: &Launch<'_>, device: &Device) -> Option<(&'static str, String)> {
    let order = &launch.machine.boot.0;
    let place = order.iter().position(|id| *id == device.id)?;
    Some(("bootindex", (place + 1).to_string()))
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
        DiskBus::Virtio => ("virtio-blk-pci", on_pci(device)?),
        DiskBus::Sata => ("ide-hd", on_sata(device)?),
    };
    properties.push(("drive", node));
    properties.extend(stop_on_error());
    properties.extend(boot_index(launch, device));
    plain(line, kind, properties)
}

fn add_cdrom(
    launch: &Launch<'_>,
    device: &Device,
    cdrom: &Cdrom,
    line: &mut Line,
) -> Result<(), CommandLineError> {
    let mut properties = on_sata(device)?;
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
    let mut properties = on_pci(device)?;
    properties.push(("mac", nic.mac.to_string()));
    match nic.network {
        NicNetwork::User => {
            let netdev = format!("{}-net", device.id);
            line.option("-netdev", format!("user,id={netdev}"));
            properties.push(("netdev", netdev));
        }
        NicNetwork::None => {}
    }
    match boot_index(launch, device) {
        Some(index) => properties.push(index),
        // Without its boot ROM the firmware does not wait for a network.
        None => properties.push(("romfile", String::new())),
    }
    let kind = match nic.model {
        NicModel::Virtio => "virtio-net-pci",
        NicModel::E1000 => "e1000",
    };
    plain(line, kind, properties)
}

fn display_kind(display: &Display) -> &'static str {
    match display.model {
        DisplayModel::Virtio => "virtio-vga",
        DisplayModel::Vga => "VGA",
    }
}

fn display_properties(device: &Device, display: &Display) -> Result<Properties, CommandLineError> {
    let mut properties = on_pci(device)?;
    properties.push(("xres", display.width.to_string()));
    properties.push(("yres", display.height.to_string()));
    Ok(properties)
}

/// A controller with a tablet and a keyboard: what UEFI and Windows understand without drivers.
/// QEMU sends pointer events to the tablet whose driver in the guest woke up last.
fn add_usb(device: &Device, line: &mut Line) -> Result<(), CommandLineError> {
    let id = &device.id;
    let mut properties = on_pci(device)?;
    properties.push(("p2", "8".to_owned()));
    properties.push(("p3", "8".to_owned()));
    plain(line, "qemu-xhci", properties)?;
    for (port, kind, name) in [("1", "usb-tablet", "tablet"), ("2", "usb-kbd", "keyboard")] {
        let properties = vec![
            ("id", format!("{id}-{name}")),
            ("bus", format!("{id}.0")),
            ("port", port.to_owned()),
        ];
        plain(line, kind, properties)?;
    }
    Ok(())
}
