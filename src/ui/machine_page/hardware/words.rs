//! Hardware and changes of it in plain words.

use std::path::Path;

use crate::language::{fill, tr};
use crate::model::{
    Board, BootOrder, Change, Clock, Cpu, DeviceKind, Disk, DiskCache, DiskSource, Display,
    Machine, MemoryBacking, Nic, NicNetwork,
};

pub(super) fn board(board: Board) -> &'static str {
    match board {
        Board::Q35 => "q35",
        Board::I440fx => "i440fx",
    }
}

pub(super) fn clock(clock: Clock) -> &'static str {
    match clock {
        Clock::Utc => tr("Universal time"),
        Clock::Local => tr("Local time"),
    }
}

pub(super) fn backing(backing: MemoryBacking) -> &'static str {
    match backing {
        MemoryBacking::Forkable => tr("Forkable"),
        MemoryBacking::Private => tr("Private"),
    }
}

pub(super) fn cache(cache: DiskCache) -> &'static str {
    match cache {
        DiskCache::Writeback => tr("Write back"),
        DiskCache::Direct => tr("Direct"),
        DiskCache::Writethrough => tr("Write through"),
        DiskCache::Unsafe => tr("Unsafe"),
    }
}

pub(super) fn network(network: &NicNetwork) -> String {
    match network {
        NicNetwork::User => tr("User network").to_owned(),
        NicNetwork::None => tr("No network").to_owned(),
        NicNetwork::Switch(name) => fill("Switch {name}", &[("name", name)]),
        NicNetwork::Bridge(name) => fill("Bridge {name}", &[("name", name)]),
    }
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// What a device is called.
pub(super) fn kind_word(kind: &DeviceKind) -> String {
    let word = match kind {
        DeviceKind::Disk(disk) => return fill("Disk {size}", &[("size", &disk.size)]),
        DeviceKind::Cdrom(_) => tr("CD drive"),
        DeviceKind::Floppy(_) => tr("Floppy drive"),
        DeviceKind::Nic(_) => tr("Network card"),
        DeviceKind::Display(_) => tr("Graphics card"),
        DeviceKind::Keyboard => tr("virtio keyboard"),
        DeviceKind::Tablet => tr("virtio tablet"),
        DeviceKind::Touchscreen => tr("Touchscreen"),
        DeviceKind::UsbController => tr("USB 3 controller"),
        DeviceKind::OldUsbController => tr("USB 1.1 controller"),
        DeviceKind::ScsiController => tr("SCSI controller"),
        DeviceKind::Sound(_) => tr("Sound card"),
        DeviceKind::Watchdog(_) => tr("Watchdog"),
        DeviceKind::Rng => tr("Random numbers"),
        DeviceKind::Balloon => tr("Balloon"),
        DeviceKind::GenerationId => tr("Generation id"),
        DeviceKind::Serial => tr("Serial port"),
        DeviceKind::Tpm => tr("TPM 2.0"),
    };
    word.to_owned()
}

/// "Memory 2 GiB → 4 GiB".
fn step(what: &str, old: &str, new: &str) -> String {
    format!("{what} {old} → {new}")
}

/// `None` where nothing changed.
fn differs(what: &str, old: &str, new: &str) -> Option<String> {
    (old != new).then(|| step(what, old, new))
}

fn on_off(on: bool) -> &'static str {
    if on { tr("on") } else { tr("off") }
}

/// What `change` makes of `old`, one line for each thing that becomes different.
pub(super) fn told_change(change: &Change, old: &Machine) -> Vec<String> {
    let one = |line: String| vec![line];
    match change {
        Change::Name(name) => one(step(tr("Name"), &old.name, name)),
        Change::Notes(_) => one(tr("Notes").to_owned()),
        Change::Tags(_) => one(tr("Tags").to_owned()),
        Change::Icon(_) => one(tr("Picture in the list").to_owned()),
        Change::Volume(new) => {
            let percent = |volume: u8| format!("{volume} %");
            one(step(
                tr("Volume"),
                &percent(old.sound.volume),
                &percent(*new),
            ))
        }
        Change::Muted(new) => one(step(tr("Mute"), on_off(old.sound.muted), on_off(*new))),
        Change::Microphone(new) => one(step(
            tr("Microphone"),
            on_off(old.sound.microphone),
            on_off(*new),
        )),
        Change::Keyboard(_) => one(tr("Keyboard layout").to_owned()),
        Change::ShareToGuest(new) => one(step(
            tr("Clipboard to the guest"),
            tr(old.sharing.to_guest.to_guest_label()),
            tr(new.to_guest_label()),
        )),
        Change::ShareFromGuest(new) => one(step(
            tr("Clipboard from the guest"),
            tr(old.sharing.from_guest.from_guest_label()),
            tr(new.from_guest_label()),
        )),
        Change::Cpus(number) => {
            let (was, is) = (old.cpu.count.to_string(), number.to_string());
            one(step(tr("Processors"), &was, &is))
        }
        Change::Cpu(cpu) => cpu_lines(&old.cpu, cpu),
        Change::Memory(size) => {
            let (was, is) = (old.memory.to_string(), size.to_string());
            one(step(tr("Memory"), &was, &is))
        }
        Change::MemoryBacking(new) => one(step(
            tr("Memory"),
            backing(old.memory_backing),
            backing(*new),
        )),
        Change::Firmware(kind) => one(step(
            tr("Firmware"),
            tr(old.firmware.kind.label()),
            tr(kind.label()),
        )),
        Change::Board(new) => one(step(tr("Board"), board(old.board()), board(*new))),
        Change::Clock(new) => one(step(tr("Clock"), clock(old.clock), clock(*new))),
        Change::Boot(order) => one(fill("Boot order {order}", &[("order", &boot(order, old))])),
        Change::Arguments(_) => one(tr("Arguments for QEMU").to_owned()),
        Change::Medium(Some(path)) => one(fill("CD {file}", &[("file", &file_name(path))])),
        Change::Medium(None) => one(tr("No CD").to_owned()),
        Change::Add(device) => one(fill(
            "New: {device}",
            &[("device", &kind_word(&device.kind))],
        )),
        Change::Remove(id) => one(removed(old, id)),
        Change::Set { id, kind } => match old.device(id) {
            Some(device) => device_lines(&device.kind, kind),
            None => one(kind_word(kind)),
        },
    }
}

fn boot(order: &BootOrder, machine: &Machine) -> String {
    if order.0.is_empty() {
        return tr("left to the firmware").to_owned();
    }
    let name = |id: &String| match machine.device(id) {
        Some(device) => kind_word(&device.kind),
        None => id.clone(),
    };
    let names: Vec<String> = order.0.iter().map(name).collect();
    names.join(", ")
}

fn removed(old: &Machine, id: &str) -> String {
    match old.device(id).map(|device| &device.kind) {
        Some(kind @ DeviceKind::Disk(disk)) if matches!(disk.source, DiskSource::Layers(_)) => {
            fill("{device} detached", &[("device", &kind_word(kind))])
        }
        Some(kind) => fill("{device} removed", &[("device", &kind_word(kind))]),
        None => fill("{device} removed", &[("device", &id)]),
    }
}

fn cpu_lines(old: &Cpu, new: &Cpu) -> Vec<String> {
    let model = |cpu: &Cpu| match &cpu.model {
        Some(model) => model.clone(),
        None => tr("best of this computer").to_owned(),
    };
    let arranged = |cpu: &Cpu| {
        let topology = cpu.arranged();
        format!(
            "{} × {} × {}",
            topology.sockets, topology.cores, topology.threads
        )
    };
    let rearranged = match (old.topology, new.topology) {
        (None, None) => None,
        (Some(_), None) => Some(tr("One socket for all processors").to_owned()),
        (_, Some(_)) if arranged(old) == arranged(new) && old.topology.is_none() => {
            Some(tr("Arranged by hand").to_owned())
        }
        (_, Some(_)) => differs(tr("Arrangement"), &arranged(old), &arranged(new)),
    };
    [
        differs(
            tr("Processors"),
            &old.count.to_string(),
            &new.count.to_string(),
        ),
        differs(tr("Processor model"), &model(old), &model(new)),
        rearranged,
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn device_lines(old: &DeviceKind, new: &DeviceKind) -> Vec<String> {
    let lines = match (old, new) {
        (DeviceKind::Disk(old), DeviceKind::Disk(new)) => disk_lines(old, new),
        (DeviceKind::Nic(old), DeviceKind::Nic(new)) => nic_lines(old, new),
        (DeviceKind::Display(old), DeviceKind::Display(new)) => display_lines(old, new),
        (DeviceKind::Sound(old), DeviceKind::Sound(new)) => {
            vec![differs(
                tr("Sound card"),
                tr(old.model.label()),
                tr(new.model.label()),
            )]
        }
        (DeviceKind::Watchdog(old), DeviceKind::Watchdog(new)) => vec![differs(
            tr("Watchdog"),
            tr(old.action.label()),
            tr(new.action.label()),
        )],
        (DeviceKind::Cdrom(old), DeviceKind::Cdrom(new)) => vec![differs(
            tr("CD drive"),
            &medium(old.medium.as_deref()),
            &medium(new.medium.as_deref()),
        )],
        (DeviceKind::Floppy(old), DeviceKind::Floppy(new)) => vec![differs(
            tr("Floppy drive"),
            &medium(old.medium.as_deref()),
            &medium(new.medium.as_deref()),
        )],
        (old, new) => vec![Some(format!("{} → {}", kind_word(old), kind_word(new)))],
    };
    lines.into_iter().flatten().collect()
}

fn medium(path: Option<&Path>) -> String {
    path.map_or_else(|| tr("empty").to_owned(), file_name)
}

fn disk_lines(old: &Disk, new: &Disk) -> Vec<Option<String>> {
    let name = fill("Disk {size}", &[("size", &new.size)]);
    let what = |word: &str| format!("{name}, {word}");
    let serial = |disk: &Disk| disk.serial.clone().unwrap_or_else(|| tr("none").to_owned());
    vec![
        differs(&what(tr("bus")), old.bus.label(), new.bus.label()),
        differs(&what(tr("cache")), cache(old.cache), cache(new.cache)),
        differs(
            &what(tr("read-only")),
            on_off(old.read_only),
            on_off(new.read_only),
        ),
        differs(
            &what(tr("give back freed space")),
            on_off(old.discard),
            on_off(new.discard),
        ),
        differs(&what(tr("serial number")), &serial(old), &serial(new)),
    ]
}

fn nic_lines(old: &Nic, new: &Nic) -> Vec<Option<String>> {
    let cable = |nic: &Nic| if nic.link { tr("in") } else { tr("out") };
    vec![
        differs(tr("Network card"), old.model.label(), new.model.label()),
        differs(
            tr("Network card, address"),
            &old.mac.to_string(),
            &new.mac.to_string(),
        ),
        differs(
            tr("Network card, network"),
            &network(&old.network),
            &network(&new.network),
        ),
        differs(tr("Network card, cable"), cable(old), cable(new)),
    ]
}

fn display_lines(old: &Display, new: &Display) -> Vec<Option<String>> {
    let size = |display: &Display| format!("{} × {}", display.width, display.height);
    let memory = |display: &Display| {
        display
            .memory
            .map_or_else(|| tr("as usual").to_owned(), |size| size.to_string())
    };
    vec![
        differs(
            tr("Graphics card"),
            tr(old.model.label()),
            tr(new.model.label()),
        ),
        differs(tr("Resolution"), &size(old), &size(new)),
        differs(
            tr("Screens"),
            &old.heads.to_string(),
            &new.heads.to_string(),
        ),
        differs(tr("Graphics memory"), &memory(old), &memory(new)),
    ]
}
