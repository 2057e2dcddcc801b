//! Where a device sits, in QEMU's words: its `bus` and its place there.

use super::{CommandLineError, Launch};
use crate::model::{Address, Board, Device, DeviceKind, Machine};

pub(super) type Properties = Vec<(&'static str, String)>;

/// The q35 has no floppy controller of its own.
pub(super) const FLOPPY_CONTROLLER: &str = "fdc";

/// The board's root PCI bus.
pub(super) fn root_bus(machine: &Machine) -> &'static str {
    match machine.board() {
        Board::Q35 => "pcie.0",
        Board::I440fx => "pci.0",
    }
}

/// `id`, `bus` and `addr` of a device in a PCI slot.
pub(super) fn on_pci(launch: &Launch<'_>, device: &Device) -> Result<Properties, CommandLineError> {
    match device.address {
        Address::Pci { slot } if fits(launch, device) => Ok(vec![
            ("id", device.id.clone()),
            ("bus", root_bus(launch.machine).to_owned()),
            ("addr", format!("{slot:#x}")),
        ]),
        _ => Err(wrong_address(device)),
    }
}

/// `id`, `bus` and place of a device on SATA, IDE, SCSI, USB or in a floppy drive.
pub(super) fn in_drive(
    launch: &Launch<'_>,
    device: &Device,
) -> Result<Properties, CommandLineError> {
    if !fits(launch, device) {
        return Err(wrong_address(device));
    }
    let controller = |wanted: fn(&DeviceKind) -> bool| {
        let mut devices = launch.machine.devices.iter();
        let found = devices.find(|device| wanted(&device.kind));
        found
            .map(|found| format!("{}.0", found.id))
            .ok_or_else(|| wrong_address(device))
    };
    let mut properties = vec![("id", device.id.clone())];
    match device.address {
        Address::Sata { port } => properties.push(("bus", format!("ide.{port}"))),
        Address::Ide { channel, place } => {
            properties.push(("bus", format!("ide.{channel}")));
            properties.push(("unit", place.to_string()));
        }
        Address::Scsi { target } => {
            let bus = controller(|kind| matches!(kind, DeviceKind::ScsiController))?;
            properties.push(("bus", bus));
            properties.push(("scsi-id", target.to_string()));
        }
        Address::Usb { port } => {
            let bus = controller(|kind| matches!(kind, DeviceKind::UsbController))?;
            properties.push(("bus", bus));
            properties.push(("port", port.to_string()));
        }
        Address::Floppy { unit } => {
            let bus = match launch.machine.board() {
                Board::Q35 => format!("{FLOPPY_CONTROLLER}.0"),
                Board::I440fx => "floppy-bus.0".to_owned(),
            };
            properties.push(("bus", bus));
            properties.push(("unit", unit.to_string()));
        }
        Address::Pci { .. } | Address::Board => return Err(wrong_address(device)),
    }
    Ok(properties)
}

fn fits(launch: &Launch<'_>, device: &Device) -> bool {
    launch.machine.fits(&device.kind, device.address)
}

fn wrong_address(device: &Device) -> CommandLineError {
    CommandLineError::WrongAddress {
        device: device.id.clone(),
    }
}
