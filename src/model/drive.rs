//! Disks and drives: what they are plugged into, and where their bytes are.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ByteSize, MachineId};

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
    /// The q35's SATA controller.
    Sata,
    Nvme,
    Usb,
    Scsi,
    /// The i440fx's IDE controller.
    Ide,
}

impl DiskBus {
    pub const ALL: [Self; 6] = [
        Self::Virtio,
        Self::Sata,
        Self::Nvme,
        Self::Usb,
        Self::Scsi,
        Self::Ide,
    ];

    /// The word that scripts write.
    pub fn word(self) -> &'static str {
        match self {
            Self::Virtio => "virtio",
            Self::Sata => "sata",
            Self::Nvme => "nvme",
            Self::Usb => "usb",
            Self::Scsi => "scsi",
            Self::Ide => "ide",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Virtio => "virtio",
            Self::Sata => "SATA",
            Self::Nvme => "NVMe",
            Self::Usb => "USB",
            Self::Scsi => "SCSI",
            Self::Ide => "IDE",
        }
    }
}

/// When what the guest writes reaches this computer's disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskCache {
    /// When the guest asks for it; this computer caches meanwhile.
    #[default]
    Writeback,
    /// Around this computer's cache, when the guest asks for it.
    Direct,
    /// At each write.
    Writethrough,
    /// Some time later, whatever the guest asks: fast, and lost when this computer loses power.
    Unsafe,
}

impl DiskCache {
    pub const ALL: [Self; 4] = [
        Self::Writeback,
        Self::Direct,
        Self::Writethrough,
        Self::Unsafe,
    ];

    /// The word that scripts write.
    pub fn word(self) -> &'static str {
        match self {
            Self::Writeback => "writeback",
            Self::Direct => "direct",
            Self::Writethrough => "writethrough",
            Self::Unsafe => "unsafe",
        }
    }
}

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    pub bus: DiskBus,
    pub source: DiskSource,
    /// What the guest sees.
    pub size: ByteSize,
    pub read_only: bool,
    #[serde(default)]
    pub cache: DiskCache,
    /// Space that the guest frees is given back to this computer.
    #[serde(default = "yes")]
    pub discard: bool,
    /// What the guest reads as the disk's serial number: printable ASCII, 20 characters at most.
    #[serde(default)]
    pub serial: Option<String>,
}

fn yes() -> bool {
    true
}

impl Disk {
    /// A virtio disk that is written to.
    pub fn new(source: DiskSource, size: ByteSize) -> Self {
        Self {
            bus: DiskBus::Virtio,
            source,
            size,
            read_only: false,
            cache: DiskCache::Writeback,
            discard: true,
            serial: None,
        }
    }

    /// The disk's layers in the library; none for a disk in place.
    pub fn layers(&self) -> &[LayerRef] {
        match &self.source {
            DiskSource::Layers(layers) => layers,
            DiskSource::InPlace(_) => &[],
        }
    }
}

/// A CD drive and what lies in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cdrom {
    /// An ISO image, always opened raw and read-only; `None` is an empty drive.
    pub medium: Option<PathBuf>,
}

/// A floppy drive and what lies in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floppy {
    /// A raw image of a floppy; `None` is an empty drive.
    pub medium: Option<PathBuf>,
}
