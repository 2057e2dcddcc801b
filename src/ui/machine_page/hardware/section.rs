//! The parts of the hardware page: their names, pictures and one-line summaries.

use super::words;
use crate::language::{count, fill, tr};
use crate::model::{Cdrom, DeviceKind, Effect, Floppy, Machine, NicNetwork, Part};
use crate::ui::hardware_help::{self, Help};
use crate::ui::icon::Icon;

/// A part of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::ui::machine_page) enum Section {
    #[default]
    Machine,
    Processors,
    Memory,
    Firmware,
    Boot,
    Disks,
    Drives,
    Network,
    Display,
    Sharing,
    Sound,
    Usb,
    Other,
    Clock,
    Expert,
}

impl Section {
    pub(super) const ALL: [Self; 15] = [
        Self::Machine,
        Self::Processors,
        Self::Memory,
        Self::Firmware,
        Self::Boot,
        Self::Disks,
        Self::Drives,
        Self::Network,
        Self::Display,
        Self::Sharing,
        Self::Sound,
        Self::Usb,
        Self::Other,
        Self::Clock,
        Self::Expert,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Machine => tr("Machine"),
            Self::Processors => tr("Processors"),
            Self::Memory => tr("Memory"),
            Self::Firmware => tr("Firmware & board"),
            Self::Boot => tr("Boot order"),
            Self::Disks => tr("Disks"),
            Self::Drives => tr("CD & floppy drives"),
            Self::Network => tr("Network"),
            Self::Display => tr("Display"),
            Self::Sharing => tr("Sharing"),
            Self::Sound => tr("Sound"),
            Self::Usb => tr("USB & input"),
            Self::Other => tr("Other devices"),
            Self::Clock => tr("Clock"),
            Self::Expert => tr("Expert"),
        }
    }

    pub(super) fn icon(self) -> Icon {
        match self {
            Self::Machine => Icon::Tag,
            Self::Processors => Icon::Cpu,
            Self::Memory => Icon::MemoryStick,
            Self::Firmware => Icon::CircuitBoard,
            Self::Boot => Icon::ListOrdered,
            Self::Disks => Icon::HardDrive,
            Self::Drives => Icon::Disc3,
            Self::Network => Icon::Network,
            Self::Display => Icon::Monitor,
            Self::Sharing => Icon::Clipboard,
            Self::Sound => Icon::Volume2,
            Self::Usb => Icon::Usb,
            Self::Other => Icon::Puzzle,
            Self::Clock => Icon::Clock,
            Self::Expert => Icon::Terminal,
        }
    }

    pub(super) fn help(self) -> &'static Help {
        match self {
            Self::Machine => &hardware_help::MACHINE,
            Self::Processors => &hardware_help::PROCESSORS,
            Self::Memory => &hardware_help::MEMORY,
            Self::Firmware => &hardware_help::FIRMWARE,
            Self::Boot => &hardware_help::BOOT,
            Self::Disks => &hardware_help::DISKS,
            Self::Drives => &hardware_help::DRIVES,
            Self::Network => &hardware_help::NETWORK,
            Self::Display => &hardware_help::DISPLAY,
            Self::Sharing => &hardware_help::SHARING,
            Self::Sound => &hardware_help::SOUND,
            Self::Usb => &hardware_help::USB,
            Self::Other => &hardware_help::OTHER,
            Self::Clock => &hardware_help::CLOCK,
            Self::Expert => &hardware_help::EXPERT,
        }
    }

    /// Where a complaint about `part` is shown.
    pub(super) fn of(part: &Part, machine: &Machine) -> Self {
        match part {
            Part::Processors => Self::Processors,
            Part::Memory => Self::Memory,
            Part::Firmware | Part::Board => Self::Firmware,
            Part::Boot => Self::Boot,
            Part::Arguments => Self::Expert,
            Part::Notes | Part::Tags => Self::Machine,
            Part::Devices => Self::Other,
            Part::Device(id) => machine
                .device(id)
                .map_or(Self::Other, |device| Self::of_kind(&device.kind)),
        }
    }

    fn of_kind(kind: &DeviceKind) -> Self {
        match kind {
            DeviceKind::Disk(_) => Self::Disks,
            DeviceKind::Cdrom(_) | DeviceKind::Floppy(_) => Self::Drives,
            DeviceKind::Nic(_) => Self::Network,
            DeviceKind::Display(_) => Self::Display,
            DeviceKind::Sound(_) => Self::Sound,
            DeviceKind::Keyboard
            | DeviceKind::Tablet
            | DeviceKind::Touchscreen
            | DeviceKind::UsbController
            | DeviceKind::OldUsbController => Self::Usb,
            DeviceKind::ScsiController
            | DeviceKind::Watchdog(_)
            | DeviceKind::Rng
            | DeviceKind::Balloon
            | DeviceKind::GenerationId
            | DeviceKind::Serial
            | DeviceKind::Tpm => Self::Other,
        }
    }

    /// When the part's edits reach a running guest; `None` where each says so for itself.
    pub(super) fn effect(self) -> Option<Effect> {
        match self {
            Self::Machine | Self::Sharing => Some(Effect::AtOnce),
            Self::Disks | Self::Drives | Self::Network => None,
            Self::Processors
            | Self::Memory
            | Self::Firmware
            | Self::Boot
            | Self::Display
            | Self::Sound
            | Self::Usb
            | Self::Other
            | Self::Clock
            | Self::Expert => Some(Effect::NextStart),
        }
    }

    /// What the part is like, in one line.
    pub(super) fn summary(self, machine: &Machine) -> String {
        match self {
            Self::Machine => machine.name.clone(),
            Self::Processors => match &machine.cpu.model {
                Some(model) => format!("{}, {model}", machine.cpu.count),
                None => machine.cpu.count.to_string(),
            },
            Self::Memory => machine.memory.to_string(),
            Self::Firmware => {
                let board = words::board(machine.board());
                format!("{}, {board}", tr(machine.firmware.kind.label()))
            }
            Self::Boot => boot_summary(machine),
            Self::Disks => disks_summary(machine),
            Self::Drives => drives_summary(machine),
            Self::Network => network_summary(machine),
            Self::Display => found(machine, |kind| match kind {
                DeviceKind::Display(display) => Some(format!(
                    "{}, {} × {}",
                    display.model.label(),
                    display.width,
                    display.height
                )),
                _ => None,
            }),
            Self::Sharing => tr(machine.sharing.label()).to_owned(),
            Self::Sound => found(machine, |kind| match kind {
                DeviceKind::Sound(sound) => Some(tr(sound.model.label()).to_owned()),
                _ => None,
            }),
            Self::Usb => found(machine, |kind| match kind {
                DeviceKind::UsbController => Some(tr("USB 3").to_owned()),
                DeviceKind::OldUsbController => Some(tr("USB 1.1").to_owned()),
                _ => None,
            }),
            Self::Other => other_summary(machine),
            Self::Clock => words::clock(machine.clock).to_owned(),
            Self::Expert => match machine.arguments.len() {
                0 => tr("No arguments of your own").to_owned(),
                number => count(number as u64, "{count} argument", "{count} arguments"),
            },
        }
    }
}

/// The first that `describe` knows.
fn found(machine: &Machine, describe: impl Fn(&DeviceKind) -> Option<String>) -> String {
    let mut kinds = machine.devices.iter().map(|device| &device.kind);
    kinds
        .find_map(describe)
        .unwrap_or_else(|| tr("None").to_owned())
}

fn boot_summary(machine: &Machine) -> String {
    let first = machine.boot.0.first();
    match first.and_then(|id| machine.device(id)) {
        Some(device) => fill(
            "{device} first",
            &[("device", &words::kind_word(&device.kind))],
        ),
        None => tr("Left to the firmware").to_owned(),
    }
}

fn disks_summary(machine: &Machine) -> String {
    let sizes: Vec<String> = machine.disks().map(|disk| disk.size.to_string()).collect();
    match sizes.len() {
        0 => tr("None").to_owned(),
        1..=3 => sizes.join(", "),
        number => count(number as u64, "{count} disk", "{count} disks"),
    }
}

fn drives_summary(machine: &Machine) -> String {
    let mut drives = 0;
    let mut names = Vec::new();
    for device in &machine.devices {
        let (DeviceKind::Cdrom(Cdrom { medium }) | DeviceKind::Floppy(Floppy { medium })) =
            &device.kind
        else {
            continue;
        };
        drives += 1;
        names.extend(medium.as_ref().map(|path| words::file_name(path)));
    }
    match (drives, names.is_empty()) {
        (0, _) => tr("None").to_owned(),
        (_, false) => names.join(", "),
        (1, true) => tr("Empty").to_owned(),
        (_, true) => tr("All empty").to_owned(),
    }
}

fn network_summary(machine: &Machine) -> String {
    let cards: Vec<_> = machine
        .devices
        .iter()
        .filter_map(|device| match &device.kind {
            DeviceKind::Nic(nic) => Some(nic),
            _ => None,
        })
        .collect();
    match &cards[..] {
        [] => tr("None").to_owned(),
        [card] => match card.network {
            NicNetwork::None => fill("{model}, no network", &[("model", &card.model.label())]),
            NicNetwork::User | NicNetwork::Switch(_) | NicNetwork::Bridge(_) => {
                card.model.label().to_owned()
            }
        },
        cards => count(cards.len() as u64, "{count} card", "{count} cards"),
    }
}

fn other_summary(machine: &Machine) -> String {
    let words: Vec<String> = machine
        .devices
        .iter()
        .filter(|device| Section::of_kind(&device.kind) == Section::Other)
        .map(|device| words::kind_word(&device.kind))
        .collect();
    match words.len() {
        0 => tr("None").to_owned(),
        1 | 2 => words.join(", "),
        number => count(number as u64, "{count} device", "{count} devices"),
    }
}
