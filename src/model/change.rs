//! Edits of a machine: what can be asked for, when it takes effect, and how it is made.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    Board, BootOrder, ByteSize, Cdrom, Clock, Cpu, Device, DeviceKind, Disk, FirmwareKind, LayerId,
    Machine, MemoryBacking, Share, Topology,
};

/// One edit of a machine, as `orangery set` and the hardware page send it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    Name(String),
    Notes(String),
    Tags(Vec<String>),
    Icon(String),
    /// How loud it is heard, in per cent.
    Volume(u8),
    Muted(bool),
    /// Whether the guest may hear the microphone.
    Microphone(bool),
    /// The layout that text is typed with; empty for the desktop's own.
    Keyboard(String),
    /// Our clipboard and dropped files on their way to the guest.
    ShareToGuest(Share),
    /// The guest's clipboard on its way to us.
    ShareFromGuest(Share),
    /// How many processors; they are arranged as one socket.
    Cpus(u32),
    /// All of the processors at once.
    Cpu(Cpu),
    Memory(ByteSize),
    MemoryBacking(MemoryBacking),
    Firmware(FirmwareKind),
    /// Moves every device to an address that the other board has.
    Board(Board),
    Clock(Clock),
    Boot(BootOrder),
    /// Arguments for QEMU beyond what Orangery gives it.
    Arguments(Vec<String>),
    /// Puts an ISO into the first CD drive, adding one if there is none, or takes it out.
    Medium(Option<PathBuf>),
    /// Plugs in a device, from [`Machine::new_device`]. A disk's layers must be a detached disk's.
    Add(Device),
    /// Changes what a device is like; its id stays, and its address if it fits.
    Set {
        id: String,
        kind: DeviceKind,
    },
    /// Takes a device out. A disk of the library becomes detached; its file stays.
    Remove(String),
}

/// When a change reaches the guest of a running machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    AtOnce,
    NextStart,
}

impl Change {
    /// Whether a guest finds another machine afterwards. A disc in a drive is no other machine.
    pub fn concerns_hardware(&self) -> bool {
        match self {
            Self::Name(_)
            | Self::Notes(_)
            | Self::Tags(_)
            | Self::Icon(_)
            | Self::Keyboard(_)
            | Self::Volume(_)
            | Self::Muted(_)
            | Self::Microphone(_)
            | Self::ShareToGuest(_)
            | Self::ShareFromGuest(_)
            | Self::Medium(_) => false,
            Self::Cpus(_)
            | Self::Cpu(_)
            | Self::Memory(_)
            | Self::MemoryBacking(_)
            | Self::Firmware(_)
            | Self::Board(_)
            | Self::Clock(_)
            | Self::Boot(_)
            | Self::Arguments(_)
            | Self::Add(_)
            | Self::Set { .. }
            | Self::Remove(_) => true,
        }
    }

    /// When the change takes effect on `machine`, which runs.
    pub fn effect(&self, machine: &Machine) -> Effect {
        match self {
            Self::Name(_)
            | Self::Notes(_)
            | Self::Tags(_)
            | Self::Icon(_)
            | Self::Keyboard(_)
            | Self::Volume(_)
            | Self::Muted(_)
            | Self::Microphone(_)
            | Self::ShareToGuest(_)
            | Self::ShareFromGuest(_) => Effect::AtOnce,
            Self::Medium(_) if machine.has(|kind| matches!(kind, DeviceKind::Cdrom(_))) => {
                Effect::AtOnce
            }
            Self::Set { id, kind } => match machine.device(id) {
                Some(device) if only_live_parts_differ(&device.kind, kind) => Effect::AtOnce,
                _ => Effect::NextStart,
            },
            Self::Cpus(_)
            | Self::Cpu(_)
            | Self::Memory(_)
            | Self::MemoryBacking(_)
            | Self::Firmware(_)
            | Self::Board(_)
            | Self::Clock(_)
            | Self::Boot(_)
            | Self::Arguments(_)
            | Self::Medium(_)
            | Self::Add(_)
            | Self::Remove(_) => Effect::NextStart,
        }
    }
}

/// Whether the two differ only in what can be changed while the guest runs.
fn only_live_parts_differ(one: &DeviceKind, other: &DeviceKind) -> bool {
    let mut reached = one.clone();
    take_live_parts(&mut reached, other);
    reached == *other
}

/// Gives `kind` those parts of `wanted` that a running guest can be given: media and cables. Says whether that changed
/// anything.
pub fn take_live_parts(kind: &mut DeviceKind, wanted: &DeviceKind) -> bool {
    let before = kind.clone();
    match (&mut *kind, wanted) {
        (DeviceKind::Cdrom(drive), DeviceKind::Cdrom(wanted)) => {
            drive.medium.clone_from(&wanted.medium);
        }
        (DeviceKind::Floppy(drive), DeviceKind::Floppy(wanted)) => {
            drive.medium.clone_from(&wanted.medium);
        }
        (DeviceKind::Nic(nic), DeviceKind::Nic(wanted)) => nic.link = wanted.link,
        _ => {}
    }
    *kind != before
}

/// Makes `change` on `machine`, whatever the rules say; ask [`super::complaints`] afterwards.
pub fn apply(machine: &mut Machine, change: Change) {
    match change {
        Change::Name(name) => machine.name = name,
        Change::Notes(notes) => machine.notes = notes,
        Change::Tags(tags) => machine.tags = tags,
        Change::Icon(icon) => machine.icon = icon,
        Change::Volume(volume) => machine.sound.volume = volume.min(100),
        Change::Muted(muted) => machine.sound.muted = muted,
        Change::Microphone(allowed) => machine.sound.microphone = allowed,
        Change::Keyboard(layout) => machine.keyboard = layout,
        Change::ShareToGuest(share) => machine.sharing.to_guest = share,
        Change::ShareFromGuest(share) => machine.sharing.from_guest = share,
        Change::Cpus(count) => {
            machine.cpu.count = count;
            machine.cpu.topology = None;
        }
        Change::Cpu(cpu) => machine.cpu = cpu,
        Change::Memory(size) => machine.memory = size,
        Change::MemoryBacking(backing) => machine.memory_backing = backing,
        Change::Firmware(kind) => {
            if machine.firmware.kind != kind {
                machine.firmware.kind = kind;
                // Variables of one firmware mean nothing to another; the old layer stays on disk.
                machine.firmware.variables.clear();
            }
        }
        Change::Board(board) => machine.move_to(board),
        Change::Clock(clock) => machine.clock = clock,
        Change::Boot(order) => machine.boot = order,
        Change::Arguments(arguments) => machine.arguments = arguments,
        Change::Medium(medium) => insert(machine, medium),
        Change::Add(device) => add(machine, device),
        Change::Set { id, kind } => set(machine, &id, kind),
        Change::Remove(id) => remove(machine, &id),
    }
}

/// Puts a medium into the first CD drive, adding one if there is none.
fn insert(machine: &mut Machine, medium: Option<PathBuf>) {
    let mut drives = machine.devices.iter_mut();
    let drive = drives.find_map(|device| match &mut device.kind {
        DeviceKind::Cdrom(drive) => Some(drive),
        _ => None,
    });
    if let Some(drive) = drive {
        drive.medium = medium;
    } else if medium.is_some()
        && let Some(device) = machine.new_device(DeviceKind::Cdrom(Cdrom { medium }))
    {
        add(machine, device);
    }
}

fn add(machine: &mut Machine, device: Device) {
    if let DeviceKind::Disk(disk) = &device.kind {
        machine.detached.retain(|other| other.source != disk.source);
    }
    if matches!(device.kind, DeviceKind::Disk(_) | DeviceKind::Cdrom(_)) {
        machine.boot.0.push(device.id.clone());
    }
    machine.devices.push(device);
}

fn set(machine: &mut Machine, id: &str, kind: DeviceKind) {
    let Some(place) = machine.devices.iter().position(|device| device.id == id) else {
        return;
    };
    let fits = machine.fits(&kind, machine.devices[place].address);
    if !fits && let Some(address) = machine.free_address(&kind) {
        machine.devices[place].address = address;
    }
    machine.devices[place].kind = kind;
}

fn remove(machine: &mut Machine, id: &str) {
    let Some(place) = machine.devices.iter().position(|device| device.id == id) else {
        return;
    };
    let device = machine.devices.remove(place);
    machine.boot.0.retain(|other| other != id);
    match device.kind {
        DeviceKind::Disk(disk) if !disk.layers().is_empty() => machine.detached.push(disk),
        _ => {}
    }
}

/// The edits that make `new` of `old`, in an order in which they can be applied.
///
/// The disks that `new` has and `old` has not must be detached in `old`, or in place.
pub fn changes_between(old: &Machine, new: &Machine) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut push = |differs: bool, change: &dyn Fn() -> Change| {
        if differs {
            changes.push(change());
        }
    };
    push(old.name != new.name, &|| Change::Name(new.name.clone()));
    push(old.notes != new.notes, &|| Change::Notes(new.notes.clone()));
    push(old.tags != new.tags, &|| Change::Tags(new.tags.clone()));
    push(old.icon != new.icon, &|| Change::Icon(new.icon.clone()));
    let (heard, wanted) = (old.sound, new.sound);
    push(heard.volume != wanted.volume, &|| {
        Change::Volume(wanted.volume)
    });
    push(heard.muted != wanted.muted, &|| Change::Muted(wanted.muted));
    push(heard.microphone != wanted.microphone, &|| {
        Change::Microphone(wanted.microphone)
    });
    push(old.keyboard != new.keyboard, &|| {
        Change::Keyboard(new.keyboard.clone())
    });
    push(old.sharing.to_guest != new.sharing.to_guest, &|| {
        Change::ShareToGuest(new.sharing.to_guest)
    });
    push(old.sharing.from_guest != new.sharing.from_guest, &|| {
        Change::ShareFromGuest(new.sharing.from_guest)
    });
    push(old.cpu != new.cpu, &|| Change::Cpu(new.cpu.clone()));
    push(old.memory != new.memory, &|| Change::Memory(new.memory));
    push(old.memory_backing != new.memory_backing, &|| {
        Change::MemoryBacking(new.memory_backing)
    });
    push(old.firmware.kind != new.firmware.kind, &|| {
        Change::Firmware(new.firmware.kind)
    });
    push(old.clock != new.clock, &|| Change::Clock(new.clock));
    push(old.arguments != new.arguments, &|| {
        Change::Arguments(new.arguments.clone())
    });
    push(old.board() != new.board(), &|| Change::Board(new.board()));
    changes.extend(device_changes(old, new));
    let mut reached = old.clone();
    for change in &changes {
        apply(&mut reached, change.clone());
    }
    if reached.boot != new.boot {
        changes.push(Change::Boot(new.boot.clone()));
    }
    changes
}

fn device_changes(old: &Machine, new: &Machine) -> Vec<Change> {
    let gone = old
        .devices
        .iter()
        .filter(|device| new.device(&device.id).is_none());
    let gone = gone.map(|device| Change::Remove(device.id.clone()));
    let rest = new
        .devices
        .iter()
        .filter_map(|device| match old.device(&device.id) {
            None => Some(Change::Add(device.clone())),
            Some(known) if known.kind != device.kind => Some(Change::Set {
                id: device.id.clone(),
                kind: device.kind.clone(),
            }),
            Some(_) => None,
        });
    gone.chain(rest).collect()
}

/// A new disk for a machine that is there already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewDisk {
    /// What it is plugged into; everything else can be changed later.
    pub bus: super::DiskBus,
    pub content: DiskContent,
}

/// What a new disk starts with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiskContent {
    /// Nothing, so large.
    Empty(ByteSize),
    /// A copy of an image of any format, in the library.
    Copy(PathBuf),
    /// An image used where it lies.
    InPlace(PathBuf),
}

/// Names a detached disk: its topmost layer.
pub fn detached(machine: &Machine, top: LayerId) -> Option<&Disk> {
    let is_top = |disk: &&Disk| disk.layers().last().is_some_and(|layer| layer.layer == top);
    machine.detached.iter().find(is_top)
}

/// A topology for `count` processors that keeps as much of `old` as it can.
pub fn fit_topology(old: Topology, count: u32) -> Topology {
    let threads = if count.is_multiple_of(old.threads.max(1)) {
        old.threads.max(1)
    } else {
        1
    };
    let cores = count / threads;
    let sockets = if cores.is_multiple_of(old.sockets.max(1)) {
        old.sockets.max(1)
    } else {
        1
    };
    Topology {
        sockets,
        cores: cores / sockets,
        threads,
    }
}
