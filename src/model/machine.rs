//! One virtual machine as its file describes it: what the next start will use.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Board, BootOrder, ByteSize, Checkpoints, Clock, Cpu, Descent, Device, DeviceKind, Disk,
    Firmware, LayerRef, MemoryBacking, Sharing, SoundSettings, Timestamp, WarmTemplate,
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

/// Identifies the state of a TPM in a machine's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TpmId(pub Uuid);

impl fmt::Display for TpmId {
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
    /// A snapshot in this machine's folder: one of kind `saved`, or the point of the timeline that was gone back to.
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
    #[serde(default)]
    pub clock: Clock,
    /// Arguments for QEMU that an expert wrote; they come last.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Disks of the library that are not plugged in. They keep their files.
    #[serde(default)]
    pub detached: Vec<Disk>,
    pub origin: Origin,
    pub created: Timestamp,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub notes: String,
    /// The word of a picture for the list; empty for the usual one.
    #[serde(default)]
    pub icon: String,
    /// The keyboard layout that the guest has, as X11 names it; empty for the desktop's own.
    #[serde(default)]
    pub keyboard: String,
    #[serde(default)]
    pub sharing: Sharing,
    #[serde(default)]
    pub saved: Option<SavedState>,
    /// The snapshot that the present came from.
    #[serde(default)]
    pub point: Option<SnapshotId>,
    /// What its TPM keeps; `None` before the first start with one. It stays while the TPM is taken out. In a snapshot's
    /// record it is a copy that nothing writes to.
    #[serde(default)]
    pub tpm: Option<TpmId>,
    #[serde(default)]
    pub checkpoints: Checkpoints,
    #[serde(default)]
    pub sound: SoundSettings,
    /// The machine that it was made of.
    #[serde(default)]
    pub descent: Option<Descent>,
    /// Nothing is kept: it goes when its guest ends.
    #[serde(default)]
    pub disposable: bool,
    /// Moments of it that new machines go on from.
    #[serde(default)]
    pub templates: Vec<WarmTemplate>,
    /// When it was moved to the trash.
    #[serde(default)]
    pub trashed: Option<Timestamp>,
}

impl Machine {
    /// A machine with nothing plugged in: 1 processor, 512 MiB, BIOS.
    pub fn new(id: MachineId, name: &str, machine_type: &str, origin: Origin) -> Self {
        Self {
            id,
            name: name.to_owned(),
            arch: "x86_64".to_owned(),
            machine_type: machine_type.to_owned(),
            cpu: Cpu::of(1),
            memory: ByteSize::mib(512),
            memory_backing: MemoryBacking::default(),
            firmware: Firmware::default(),
            devices: Vec::new(),
            boot: BootOrder::default(),
            clock: Clock::default(),
            arguments: Vec::new(),
            detached: Vec::new(),
            origin,
            created: Timestamp::default(),
            tags: Vec::new(),
            notes: String::new(),
            icon: String::new(),
            keyboard: String::new(),
            sharing: Sharing::default(),
            saved: None,
            point: None,
            tpm: None,
            checkpoints: Checkpoints::default(),
            sound: SoundSettings::default(),
            descent: None,
            disposable: false,
            templates: Vec::new(),
            trashed: None,
        }
    }

    pub fn board(&self) -> Board {
        Board::of(&self.machine_type)
    }

    pub fn device(&self, id: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.id == id)
    }

    /// How many screens its graphics cards have.
    pub fn heads(&self) -> u32 {
        let heads = |device: &Device| match &device.kind {
            DeviceKind::Display(display) => display.heads,
            _ => 0,
        };
        self.devices.iter().map(heads).sum()
    }

    /// Whether a device of this kind is there: `has(|kind| matches!(kind, DeviceKind::Rng))`.
    pub fn has(&self, wanted: impl Fn(&DeviceKind) -> bool) -> bool {
        self.devices.iter().any(|device| wanted(&device.kind))
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
            && self.clock == other.clock
            && self.arguments == other.arguments
    }

    /// Takes over everything that [`Self::same_hardware`] compares, and the firmware's variables.
    ///
    /// Disks that `other` does not have become detached, so that nothing is lost.
    pub fn take_hardware(&mut self, other: &Self) {
        let dropped = self.disks().filter(|disk| !disk.layers().is_empty());
        let dropped: Vec<Disk> = dropped
            .filter(|disk| other.disks().all(|kept| kept.source != disk.source))
            .cloned()
            .collect();
        self.detached.extend(dropped);
        self.detached
            .retain(|disk| other.disks().all(|kept| kept.source != disk.source));
        if self.firmware.kind != other.firmware.kind {
            self.firmware = other.firmware.clone();
        }
        self.take_parts(other);
    }

    /// Takes over everything that [`Self::same_hardware`] compares but the firmware.
    pub(super) fn take_parts(&mut self, other: &Self) {
        let Self {
            machine_type,
            cpu,
            memory,
            memory_backing,
            devices,
            boot,
            clock,
            arguments,
            ..
        } = other.clone();
        self.machine_type = machine_type;
        self.cpu = cpu;
        self.memory = memory;
        self.memory_backing = memory_backing;
        self.devices = devices;
        self.boot = boot;
        self.clock = clock;
        self.arguments = arguments;
    }

    /// A device id that is not taken: `disk0`, `disk1`, …
    pub fn free_device_id(&self, stem: &str) -> String {
        (0..)
            .map(|number: u32| format!("{stem}{number}"))
            .find(|id| self.device(id).is_none())
            .unwrap_or_else(|| stem.to_owned())
    }

    /// The disks that are plugged in.
    pub fn disks(&self) -> impl Iterator<Item = &Disk> {
        self.devices.iter().filter_map(|device| match &device.kind {
            DeviceKind::Disk(disk) => Some(disk),
            _ => None,
        })
    }

    /// Disks and drives, in order: what a machine can boot from beside its network cards.
    pub fn drives(&self) -> impl Iterator<Item = &Device> {
        self.devices.iter().filter(|device| {
            matches!(
                device.kind,
                DeviceKind::Disk(_) | DeviceKind::Cdrom(_) | DeviceKind::Floppy(_)
            )
        })
    }

    /// It is not whole yet, or nothing of it is to be kept: it must not be started. See [`Descent::unborn`].
    pub fn is_unborn(&self) -> bool {
        self.descent.as_ref().is_some_and(|descent| descent.unborn)
    }

    /// Every chain of layers that the machine names, with the place where it does.
    pub fn chains(&self) -> impl Iterator<Item = (String, &[LayerRef])> {
        let firmware = (
            "firmware/variables".to_owned(),
            self.firmware.variables.as_slice(),
        );
        let plugged = self.devices.iter().filter_map(|device| match &device.kind {
            DeviceKind::Disk(disk) => Some((format!("devices/{}", device.id), disk.layers())),
            _ => None,
        });
        let detached = (0..)
            .zip(&self.detached)
            .map(|(place, disk): (u32, _)| (format!("detached/{place}"), disk.layers()));
        std::iter::once(firmware)
            .chain(plugged)
            .chain(detached)
            .filter(|(_, layers)| !layers.is_empty())
    }
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
