//! What a file was found to be that a machine could be made from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ByteSize, FirmwareKind};

/// What a file is, and what suits a machine made from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recognised {
    pub path: PathBuf,
    pub kind: FileKind,
    /// Bytes of the file.
    pub size: ByteSize,
    /// The system on it, where the file tells.
    pub system: Option<System>,
    /// The firmware that it starts by, where the file tells.
    #[serde(default)]
    pub firmware: Option<FirmwareKind>,
}

impl Recognised {
    /// Whether a machine can be made from it.
    pub fn usable(&self) -> bool {
        !matches!(self.kind, FileKind::Unusable { .. })
    }
}

/// How a file can be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileKind {
    /// An ISO image; one that is not bootable is a medium for a machine that is there already.
    Iso { bootable: bool },
    /// A disk that can be used where it lies or copied.
    Disk { format: String, size: ByteSize },
    /// A disk that must be copied into the library first.
    Foreign {
        format: String,
        size: Option<ByteSize>,
    },
    /// A file that can't be used, and why.
    Unusable { why: String },
}

/// An operating system and what it wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// "Debian 12".
    pub name: String,
    pub cpus: u32,
    pub memory: ByteSize,
    pub disk: ByteSize,
    pub firmware: FirmwareKind,
    /// The parts that it has drivers for.
    pub era: Era,
    /// What to know before installing it here, in one sentence.
    #[serde(default)]
    pub note: Option<String>,
}

/// Which hardware a system knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Era {
    /// virtio.
    #[default]
    Virtio,
    /// PCI Express, SATA, USB 3, but no virtio: Windows since 8.
    Sata,
    /// PCI and IDE: DOS, Windows up to XP, systems of the 1990s.
    Ide,
}

impl Era {
    pub const ALL: [Self; 3] = [Self::Virtio, Self::Sata, Self::Ide];

    /// Its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Virtio => "Modern",
            Self::Sata => "Without virtio drivers",
            Self::Ide => "Old",
        }
    }

    /// The parts that it means, and for whom.
    pub fn explain(self) -> &'static str {
        match self {
            Self::Virtio => {
                "Virtio disk and network on PCI Express: the fastest, for Linux and BSD"
            }
            Self::Sata => {
                "SATA disk and an Intel network card on PCI Express: for Windows since Vista"
            }
            Self::Ide => {
                "IDE disk and a PCnet network card on PCI: for DOS, Windows up to XP and systems \
                 of the 1990s"
            }
        }
    }

    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Virtio => "modern",
            Self::Sata => "sata",
            Self::Ide => "old",
        }
    }
}
