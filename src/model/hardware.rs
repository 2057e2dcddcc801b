//! A machine's virtual parts.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ByteSize, MachineId};

/// The processors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cpu {
    /// Virtual processors, 1 to 255.
    pub count: u32,
    /// A QEMU CPU model, or `None` for the best this computer can give.
    pub model: Option<String>,
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

/// Names one qcow2 layer for ever; the file is `disks/<id>.qcow2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LayerId(pub Uuid);

impl fmt::Display for LayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A layer of a chain and the machine in whose folder it was born.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LayerRef {
    pub machine: MachineId,
    pub layer: LayerId,
}

/// How an image's bytes are arranged. Read once by our own header reader, never probed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageFormat {
    Raw,
    Qcow2,
}

impl ImageFormat {
    /// QEMU's name of the block driver.
    pub fn driver(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        }
    }
}

/// A disk that stays where the user keeps it, outside the library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InPlaceImage {
    pub path: PathBuf,
    pub format: ImageFormat,
}

/// Where a disk's bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiskSource {
    /// A chain of layers in the library, base first; the last one is written.
    Layers(Vec<LayerRef>),
    InPlace(InPlaceImage),
}

/// What a disk is plugged into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskBus {
    #[default]
    Virtio,
    Sata,
}

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    pub bus: DiskBus,
    pub source: DiskSource,
    /// What the guest sees.
    pub size: ByteSize,
    pub read_only: bool,
}

/// A CD drive and what lies in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cdrom {
    /// An ISO image, always opened raw and read-only; `None` is an empty drive.
    pub medium: Option<PathBuf>,
}

/// A network card's address, given once and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NicModel {
    #[default]
    Virtio,
    E1000,
}

/// What a network card is plugged into.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NicNetwork {
    /// Outgoing connections through this computer, no root needed.
    #[default]
    User,
    /// The cable is out.
    None,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nic {
    pub model: NicModel,
    pub mac: Mac,
    pub network: NicNetwork,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DisplayModel {
    /// virtio-vga: reports damage at once, follows the window's size.
    #[default]
    Virtio,
    /// Standard VGA, for systems without a virtio driver that misbehave on it.
    Vga,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Display {
    pub model: DisplayModel,
    /// The first resolution, in pixels.
    pub width: u32,
    pub height: u32,
}

/// Where a device sits, given once and kept: adding one never renumbers another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Address {
    /// A slot of the root PCI bus, 1 to 30.
    Pci { slot: u8 },
    /// A port of the board's SATA controller, 0 to 5.
    Sata { port: u8 },
    /// Nowhere on a bus.
    Board,
}

/// What a device is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceKind {
    Disk(Disk),
    Cdrom(Cdrom),
    Nic(Nic),
    Display(Display),
    Keyboard,
    /// An absolute pointer, so that the mouse need not be captured.
    Tablet,
    /// xHCI, with a USB tablet and keyboard for guests without virtio drivers.
    UsbController,
    Rng,
    Balloon,
    /// Tells the guest that it was forked or rewound.
    GenerationId,
    /// ttyS0, reached through a socket.
    Serial,
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
