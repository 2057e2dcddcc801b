//! One virtual machine as its file describes it: what the next start will use.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Address, BootOrder, ByteSize, Cpu, Device, DeviceKind, Firmware, FirmwareKind, MemoryBacking,
    Timestamp,
};

/// Identifies a machine for as long as its folder exists; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MachineId(pub Uuid);

impl MachineId {
    /// The first 8 hex digits, for short paths and for people.
    pub fn short(self) -> String {
        self.0.simple().to_string()[..8].to_owned()
    }
}

impl fmt::Display for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for MachineId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// Identifies a snapshot in a machine's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SnapshotId(pub Uuid);

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How the machine came to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    Iso(PathBuf),
    Disk(PathBuf),
    Empty,
    TestCard,
}

/// The memory the next start goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedState {
    /// The snapshot of kind `saved` in this machine's folder.
    pub snapshot: SnapshotId,
    pub when: Timestamp,
}

/// A machine in the library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub id: MachineId,
    pub name: String,
    /// `x86_64`.
    pub arch: String,
    /// A versioned machine type, `pc-q35-10.0`: saved states and guests depend on it.
    pub machine_type: String,
    pub cpu: Cpu,
    pub memory: ByteSize,
    #[serde(default)]
    pub memory_backing: MemoryBacking,
    pub firmware: Firmware,
    pub devices: Vec<Device>,
    #[serde(default)]
    pub boot: BootOrder,
    pub origin: Origin,
    pub created: Timestamp,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub notes: String,
    #[serde(default)]
    pub saved: Option<SavedState>,
    /// When it was moved to the trash.
    #[serde(default)]
    pub trashed: Option<Timestamp>,
}

impl Machine {
    pub fn device(&self, id: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.id == id)
    }

    /// Whether a guest started from either would find the same hardware and media. A firmware's variables are
    /// made at the first start and don't count.
    pub fn same_hardware(&self, other: &Self) -> bool {
        self.machine_type == other.machine_type
            && self.cpu == other.cpu
            && self.memory == other.memory
            && self.memory_backing == other.memory_backing
            && self.firmware.kind == other.firmware.kind
            && self.devices == other.devices
            && self.boot == other.boot
    }

    /// A device id that is not taken: `disk0`, `disk1`, …
    pub fn free_device_id(&self, stem: &str) -> String {
        (0..)
            .map(|number: u32| format!("{stem}{number}"))
            .find(|id| self.device(id).is_none())
            .unwrap_or_else(|| stem.to_owned())
    }

    /// The lowest PCI slot from 2 on that no device has; 0x1f is the board's own.
    pub fn free_pci_slot(&self) -> Option<u8> {
        (2..0x1f).find(|&slot| {
            !self
                .devices
                .iter()
                .any(|device| device.address == Address::Pci { slot })
        })
    }

    /// The lowest SATA port that no device has.
    pub fn free_sata_port(&self) -> Option<u8> {
        (0..6).find(|&port| {
            !self
                .devices
                .iter()
                .any(|device| device.address == Address::Sata { port })
        })
    }

    /// Ids of the disks and CD drives, in order.
    pub fn drives(&self) -> impl Iterator<Item = &Device> {
        self.devices
            .iter()
            .filter(|device| matches!(device.kind, DeviceKind::Disk(_) | DeviceKind::Cdrom(_)))
    }
}

/// One edit of a machine, as `orangery set` and the hardware page send it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    Name(String),
    Cpus(u32),
    Memory(ByteSize),
    Firmware(FirmwareKind),
    Notes(String),
    Tags(Vec<String>),
    MemoryBacking(MemoryBacking),
    /// Puts an ISO into the first CD drive, or takes it out.
    Medium(Option<PathBuf>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_id_is_the_start_of_the_long_one() {
        let id: MachineId = "c0ffee00-1234-4234-8234-123456789abc".parse().unwrap();
        assert_eq!(id.short(), "c0ffee00");
        assert!(id.to_string().starts_with(&id.short()));
    }
}
