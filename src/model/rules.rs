//! The rules that a machine's hardware must follow, checked as it is edited and before it is saved.

use super::{
    Board, ByteSize, Device, DeviceKind, Disk, DiskBus, Display, DisplayModel, FirmwareKind,
    Machine, NicNetwork, SizeError,
};

/// The most processors that a board takes without further options.
const MAX_CPUS: u32 = 255;

/// Less does not get through firmware.
const MIN_MEMORY: ByteSize = ByteSize::mib(16);
const MAX_MEMORY: ByteSize = ByteSize::gib(4096);

/// Notes are read with the list: keep them small, in bytes.
const MAX_NOTES: usize = 64 * 1024;
const MAX_TAGS: usize = 64;
const MAX_TAG: usize = 64;

/// The most devices, as the library's reader allows.
const MAX_DEVICES: usize = 64;

/// The longest serial number that every bus takes.
const MAX_SERIAL: usize = 20;

const MAX_ARGUMENTS: usize = 256;
const MAX_ARGUMENT: usize = 4096;

/// What a complaint is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Processors,
    Memory,
    Firmware,
    Board,
    Boot,
    Arguments,
    Notes,
    Tags,
    /// A device, by its id.
    Device(String),
    /// The devices together.
    Devices,
}

/// Why hardware can't be so, as a sentence for its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    pub part: Part,
    pub text: String,
}

fn complaint(part: Part, text: impl Into<String>) -> Complaint {
    Complaint {
        part,
        text: text.into(),
    }
}

/// Everything that keeps `machine` from being used as it is. Names are checked elsewhere.
pub fn complaints(machine: &Machine) -> Vec<Complaint> {
    let mut found = Vec::new();
    let mut check = |part: Part, result: Result<(), String>| {
        if let Err(text) = result {
            found.push(complaint(part, text));
        }
    };
    check(Part::Processors, processors(machine));
    check(Part::Memory, check_memory(machine.memory));
    check(Part::Firmware, firmware(machine));
    check(Part::Boot, boot(machine));
    check(Part::Arguments, arguments(&machine.arguments));
    check(Part::Notes, notes(&machine.notes));
    check(Part::Tags, tags(&machine.tags));
    check(Part::Devices, single(machine));
    for device in &machine.devices {
        check(Part::Device(device.id.clone()), one_device(machine, device));
    }
    found
}

/// Whether a machine can have so many processors.
pub fn check_cpus(count: u32) -> Result<(), String> {
    if (1..=MAX_CPUS).contains(&count) {
        Ok(())
    } else {
        Err(format!(
            "A machine has 1 to {MAX_CPUS} processors, not {count}"
        ))
    }
}

fn processors(machine: &Machine) -> Result<(), String> {
    check_cpus(machine.cpu.count)?;
    let count = machine.cpu.count;
    if let Some(topology) = machine.cpu.topology
        && topology.count() != Some(count)
    {
        return Err(format!(
            "{} sockets × {} cores × {} threads are not {count} processors",
            topology.sockets, topology.cores, topology.threads
        ));
    }
    match &machine.cpu.model {
        Some(model) if !is_word(model) => Err("This is no name of a processor".to_owned()),
        _ => Ok(()),
    }
}

/// A name as QEMU has them: letters, digits, and a few signs between.
fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte))
}

/// Whether a machine can have so much memory.
pub fn check_memory(size: ByteSize) -> Result<(), String> {
    if size < MIN_MEMORY {
        return Err(format!(
            "A machine needs at least {MIN_MEMORY} of memory, not {size}"
        ));
    }
    if size > MAX_MEMORY {
        return Err(format!("More than {MAX_MEMORY} of memory can't be had"));
    }
    if !size.0.is_multiple_of(ByteSize::mib(1).0) {
        return Err("Memory comes in whole mebibytes".to_owned());
    }
    Ok(())
}

/// Reads a typed amount of memory that a machine can have.
pub fn read_memory(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse().map_err(|error: SizeError| error.to_string())?;
    check_memory(size).map(|()| size)
}

fn firmware(machine: &Machine) -> Result<(), String> {
    match (machine.firmware.kind, machine.board()) {
        (FirmwareKind::Secure, Board::I440fx) => Err("Secure Boot needs the q35 board".to_owned()),
        _ => Ok(()),
    }
}

fn boot(machine: &Machine) -> Result<(), String> {
    let order = &machine.boot.0;
    for (place, id) in order.iter().enumerate() {
        if machine.device(id).is_none() {
            return Err(format!("There is no device “{id}” to boot from"));
        }
        if order[..place].contains(id) {
            return Err(format!("“{id}” stands twice in the boot order"));
        }
    }
    Ok(())
}

/// Whether QEMU could be given these arguments at all; what they mean is the expert's.
pub fn arguments(arguments: &[String]) -> Result<(), String> {
    if arguments.len() > MAX_ARGUMENTS {
        return Err(format!("More than {MAX_ARGUMENTS} arguments"));
    }
    for argument in arguments {
        if argument.len() > MAX_ARGUMENT {
            return Err(format!(
                "An argument is longer than {MAX_ARGUMENT} characters"
            ));
        }
        if argument.contains(['\0', '\n', '\r']) {
            return Err("An argument contains a line break".to_owned());
        }
    }
    match arguments.first() {
        Some(first) if !first.starts_with('-') => {
            Err(format!("The first argument starts with “-”, not “{first}”"))
        }
        _ => Ok(()),
    }
}

fn notes(notes: &str) -> Result<(), String> {
    if notes.len() > MAX_NOTES {
        Err("The notes are longer than 64 KiB".to_owned())
    } else {
        Ok(())
    }
}

fn tags(tags: &[String]) -> Result<(), String> {
    if tags.len() > MAX_TAGS {
        return Err(format!("A machine has {MAX_TAGS} tags at most"));
    }
    for tag in tags {
        if tag.trim().is_empty() || tag.contains(',') || tag.chars().any(char::is_control) {
            return Err("A tag is a word without commas".to_owned());
        }
        if tag.chars().count() > MAX_TAG {
            return Err(format!("A tag has {MAX_TAG} characters at most"));
        }
    }
    Ok(())
}

/// Parts of which a machine has one at most, and how many devices fit.
fn single(machine: &Machine) -> Result<(), String> {
    if machine.devices.len() > MAX_DEVICES {
        return Err(format!("A machine has {MAX_DEVICES} devices at most"));
    }
    let count = |wanted: fn(&DeviceKind) -> bool| {
        let devices = machine.devices.iter();
        devices.filter(|device| wanted(&device.kind)).count()
    };
    type Wanted = fn(&DeviceKind) -> bool;
    let kinds: [(Wanted, &str); 9] = [
        (
            |kind| matches!(kind, DeviceKind::Display(_)),
            "graphics card",
        ),
        (|kind| matches!(kind, DeviceKind::Balloon), "balloon"),
        (|kind| matches!(kind, DeviceKind::Watchdog(_)), "watchdog"),
        (
            |kind| matches!(kind, DeviceKind::GenerationId),
            "generation id",
        ),
        (|kind| matches!(kind, DeviceKind::Serial), "serial port"),
        (|kind| matches!(kind, DeviceKind::Tpm), "TPM"),
        (
            |kind| matches!(kind, DeviceKind::ScsiController),
            "SCSI controller",
        ),
        (
            |kind| {
                matches!(
                    kind,
                    DeviceKind::UsbController | DeviceKind::OldUsbController
                )
            },
            "USB controller",
        ),
        (|kind| matches!(kind, DeviceKind::Sound(_)), "sound card"),
    ];
    match kinds.iter().find(|(wanted, _)| count(*wanted) > 1) {
        Some((_, name)) => Err(format!("A machine has one {name} at most")),
        None => Ok(()),
    }
}

fn one_device(machine: &Machine, device: &Device) -> Result<(), String> {
    let twins = |same: fn(&Device, &Device) -> bool| {
        machine
            .devices
            .iter()
            .filter(|other| same(other, device))
            .count()
            > 1
    };
    let word = device
        .id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if device.id.is_empty() || device.id.len() > 24 || !word {
        return Err("A device's id is a word of letters, digits and dashes".to_owned());
    }
    if twins(|one, other| one.id == other.id) {
        return Err(format!("Two devices are called “{}”", device.id));
    }
    kind(machine, device)?;
    if !machine.fits(&device.kind, device.address) {
        return Err(no_room(&device.kind, machine.board()));
    }
    if device.address != super::Address::Board && twins(|one, other| one.address == other.address) {
        return Err("Another device sits in its place".to_owned());
    }
    Ok(())
}

/// Why a device has no place on the board.
pub fn no_room(kind: &DeviceKind, board: Board) -> String {
    match (kind, board) {
        (DeviceKind::Disk(disk), Board::I440fx) if disk.bus == DiskBus::Sata => {
            "This board has no SATA; choose IDE".to_owned()
        }
        (DeviceKind::Disk(disk), Board::Q35) if disk.bus == DiskBus::Ide => {
            "This board has no IDE; choose SATA".to_owned()
        }
        (DeviceKind::Disk(disk), _) => {
            format!("All places for {} disks are taken", disk.bus.label())
        }
        (DeviceKind::Cdrom(_), _) => "All places for CD drives are taken".to_owned(),
        (DeviceKind::Floppy(_), _) => "A machine has two floppy drives at most".to_owned(),
        _ => "All slots of the board are taken".to_owned(),
    }
}

fn kind(machine: &Machine, device: &Device) -> Result<(), String> {
    match &device.kind {
        DeviceKind::Disk(disk) => disk_rules(machine, disk),
        DeviceKind::Nic(nic) => {
            nic.mac.check().map_err(|error| error.to_string())?;
            let same = machine.devices.iter().filter(|other| match &other.kind {
                DeviceKind::Nic(other) => other.mac == nic.mac,
                _ => false,
            });
            if same.count() > 1 {
                return Err("Another network card has the same address".to_owned());
            }
            match &nic.network {
                NicNetwork::User | NicNetwork::None => Ok(()),
                NicNetwork::Switch(_) | NicNetwork::Bridge(_) => {
                    Err("Orangery has only user networking so far".to_owned())
                }
            }
        }
        DeviceKind::Display(display) => display_rules(display),
        DeviceKind::Cdrom(_)
        | DeviceKind::Floppy(_)
        | DeviceKind::Keyboard
        | DeviceKind::Tablet
        | DeviceKind::Touchscreen
        | DeviceKind::UsbController
        | DeviceKind::OldUsbController
        | DeviceKind::ScsiController
        | DeviceKind::Sound(_)
        | DeviceKind::Watchdog(_)
        | DeviceKind::Rng
        | DeviceKind::Balloon
        | DeviceKind::GenerationId
        | DeviceKind::Serial
        | DeviceKind::Tpm => Ok(()),
    }
}

fn disk_rules(machine: &Machine, disk: &Disk) -> Result<(), String> {
    if let Some(serial) = &disk.serial {
        let plain = serial.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if serial.trim().is_empty() || serial.len() > MAX_SERIAL || !plain {
            return Err(format!(
                "A serial number has 1 to {MAX_SERIAL} plain characters"
            ));
        }
    }
    if machine
        .disks()
        .filter(|other| other.source == disk.source)
        .count()
        > 1
    {
        return Err("The same disk is plugged in twice".to_owned());
    }
    match disk.bus {
        DiskBus::Usb if !machine.has(|kind| matches!(kind, DeviceKind::UsbController)) => {
            Err("A USB disk needs the USB 3 controller".to_owned())
        }
        DiskBus::Scsi if !machine.has(|kind| matches!(kind, DeviceKind::ScsiController)) => {
            Err("A SCSI disk needs a SCSI controller".to_owned())
        }
        DiskBus::Sata | DiskBus::Ide if disk.read_only => {
            Err("SATA and IDE disks can't be read-only; choose another bus".to_owned())
        }
        DiskBus::Virtio
        | DiskBus::Sata
        | DiskBus::Nvme
        | DiskBus::Usb
        | DiskBus::Scsi
        | DiskBus::Ide => Ok(()),
    }
}

fn display_rules(display: &Display) -> Result<(), String> {
    let sides = 320..=7680;
    if !sides.contains(&display.width) || !sides.contains(&display.height) {
        return Err("A screen has 320 to 7680 pixels each way".to_owned());
    }
    if !(1..=16).contains(&display.heads) {
        return Err("A card has 1 to 16 screens".to_owned());
    }
    let virtio = display.model == DisplayModel::Virtio;
    if display.heads > 1 && !virtio {
        return Err("Only the virtio card has more than one screen".to_owned());
    }
    match display.memory {
        None => Ok(()),
        Some(_) if virtio => Err("The virtio card uses the machine's memory".to_owned()),
        Some(size) => {
            let mib = size.as_mib();
            let range = match display.model {
                DisplayModel::Cirrus => 4..=16,
                DisplayModel::Virtio | DisplayModel::Vga => 4..=512,
            };
            if range.contains(&mib) && size.0.is_power_of_two() {
                Ok(())
            } else {
                Err(format!("A card's memory is 4, 8, 16 … {} MiB", range.end()))
            }
        }
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
