//! A machine's virtual parts: the board, its processors, and what is plugged in where.

use serde::{Deserialize, Serialize};

use super::{Cdrom, Disk, Display, Floppy, LayerRef, Nic, Sound, Watchdog};

/// The processors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cpu {
    /// Virtual processors, 1 to 255.
    pub count: u32,
    /// A QEMU CPU model, or `None` for the best this computer can give.
    pub model: Option<String>,
    /// How they are arranged; `None` is one socket with a core for each.
    #[serde(default)]
    pub topology: Option<Topology>,
}

impl Cpu {
    /// `count` processors of the best model, in one socket.
    pub fn of(count: u32) -> Self {
        Self {
            count,
            model: None,
            topology: None,
        }
    }

    /// Sockets, cores in each, threads of each.
    pub fn arranged(&self) -> Topology {
        self.topology.unwrap_or(Topology {
            sockets: 1,
            cores: self.count,
            threads: 1,
        })
    }
}

/// How processors are arranged. Some systems license or limit sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    pub sockets: u32,
    /// In each socket.
    pub cores: u32,
    /// Of each core.
    pub threads: u32,
}

impl Topology {
    /// All processors together; `None` where that is no number.
    pub fn count(self) -> Option<u32> {
        self.sockets
            .checked_mul(self.cores)?
            .checked_mul(self.threads)
    }
}

/// The mainboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Board {
    /// PCI Express and SATA, of 2009.
    #[default]
    Q35,
    /// PCI and IDE, of 1996: for systems that know nothing newer.
    I440fx,
}

impl Board {
    pub const ALL: [Self; 2] = [Self::Q35, Self::I440fx];

    /// The word in QEMU's names of machine types, `pc-q35-10.0`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Q35 => "q35",
            Self::I440fx => "i440fx",
        }
    }

    /// The board of a versioned machine type.
    pub fn of(machine_type: &str) -> Self {
        if machine_type.contains("i440fx") {
            Self::I440fx
        } else {
            Self::Q35
        }
    }
}

/// What the guest's hardware clock shows at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// Universal time, as Linux and the BSDs expect.
    #[default]
    Utc,
    /// This computer's local time, as DOS and Windows expect.
    Local,
}

/// Where guest memory lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemoryBacking {
    /// In a memory file that Orangery made: the machine can be forked and shares folders.
    #[default]
    Forkable,
    /// In QEMU's own memory.
    Private,
}

/// What runs first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirmwareKind {
    #[default]
    Bios,
    Uefi,
    /// UEFI with Secure Boot.
    Secure,
}

impl FirmwareKind {
    pub const ALL: [Self; 3] = [Self::Bios, Self::Uefi, Self::Secure];

    pub fn label(self) -> &'static str {
        match self {
            Self::Bios => "BIOS",
            Self::Uefi => "UEFI",
            Self::Secure => "UEFI with Secure Boot",
        }
    }
}

/// The firmware and, for UEFI, where it keeps its variables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firmware {
    pub kind: FirmwareKind,
    /// The chain of variable layers, base first; empty for BIOS and before the first start.
    #[serde(default)]
    pub variables: Vec<LayerRef>,
}

/// Where a device sits, given once and kept: adding one never renumbers another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Address {
    /// A slot of the root PCI bus, 1 to 30.
    Pci { slot: u8 },
    /// A port of the board's SATA controller, 0 to 5.
    Sata { port: u8 },
    /// Place 0 or 1 on channel 0 or 1 of the i440fx's IDE controller.
    Ide { channel: u8, place: u8 },
    /// A target of the SCSI controller, 0 to 15.
    Scsi { target: u8 },
    /// A port of the USB controller, 3 to 8; the first two have tablet and keyboard.
    Usb { port: u8 },
    /// Drive 0 or 1 of the floppy controller.
    Floppy { unit: u8 },
    /// Nowhere on a bus.
    Board,
}

/// What a device is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceKind {
    Disk(Disk),
    Cdrom(Cdrom),
    Floppy(Floppy),
    Nic(Nic),
    Display(Display),
    Keyboard,
    /// An absolute pointer, so that the mouse need not be captured. Without it the USB controller has none either.
    Tablet,
    /// Takes the fingers of a touchscreen of this computer, several at a time.
    Touchscreen,
    /// xHCI, with a USB tablet and keyboard for guests without virtio drivers.
    UsbController,
    /// USB 1.1, for systems older than xHCI; also with a tablet and a keyboard.
    OldUsbController,
    /// What SCSI disks are plugged into, of the virtio kind.
    ScsiController,
    Sound(Sound),
    Watchdog(Watchdog),
    Rng,
    Balloon,
    /// Tells the guest that it was forked or rewound.
    GenerationId,
    /// ttyS0, reached through a socket.
    Serial,
    /// A TPM 2.0: keeps keys that belong to this machine. Its state is the machine's `tpm`.
    Tpm,
}

/// One part of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Stable, and QEMU's id of the device: `disk0`, `nic0`. ASCII letters, digits and dashes.
    pub id: String,
    pub kind: DeviceKind,
    pub address: Address,
}

/// Device ids in the order the firmware tries them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootOrder(pub Vec<String>);
