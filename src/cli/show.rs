//! What `list`, `show` and `trash` print.

use std::path::Path;

use serde::Serialize;

use super::text::{Lean, clean, table};
use crate::model::{
    ByteSize, Device, DeviceKind, DiskSource, Failure, Machine, MachineId, MachineReport,
    MemoryBacking, NicNetwork, SoundSettings, SoundState, State, Timestamp, TrashReport,
};

/// A value as it is printed with `--json`: indented, and a line break at the end.
pub fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| Failure::new("Nothing was printed", error.to_string()))
}

/// One entry of `list --json`.
#[derive(Debug, Serialize)]
struct Row<'a> {
    id: MachineId,
    name: &'a str,
    state: &'static str,
    /// Seconds since 1970.
    since: Timestamp,
    memory_mib: Option<u64>,
    cpus: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accelerator: Option<&'static str>,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trashed: Option<Timestamp>,
    /// A try: nothing of it is kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disposable: bool,
}

impl<'a> Row<'a> {
    fn new(report: &'a MachineReport) -> Self {
        let machine = report.machine.as_ref();
        Self {
            id: report.id,
            name: &report.name,
            state: report.state.word(),
            since: report.since,
            memory_mib: machine.map(|machine| machine.memory.as_mib()),
            cpus: machine.map(|machine| machine.cpu.count),
            pid: report.pid,
            accelerator: report.accelerator.map(|accelerator| accelerator.word()),
            path: report.path.to_string_lossy().into_owned(),
            error: report.trouble.as_ref().map(ToString::to_string),
            trashed: report.trashed(),
            disposable: report.is_disposable(),
        }
    }
}

/// `list --json`.
pub fn list_json(reports: &[MachineReport]) -> Result<String, Failure> {
    json(&reports.iter().map(Row::new).collect::<Vec<_>>())
}

/// `list`: a table, and below it what is wrong with which machine.
pub fn list_text(reports: &[MachineReport], now: Timestamp) -> String {
    if reports.is_empty() {
        return "No machines yet. Make one: orangery create NAME --iso FILE, \
                or orangery create NAME --test-card\n"
            .to_owned();
    }
    let mut rows =
        vec![["NAME", "ID", "STATE", "SINCE", "CPUS", "MEMORY", "PID"].map(str::to_owned)];
    rows.extend(reports.iter().map(|report| list_row(report, now)));
    let mut out = table(
        [
            Lean::Left,
            Lean::Left,
            Lean::Left,
            Lean::Left,
            Lean::Right,
            Lean::Right,
            Lean::Right,
        ],
        &rows,
    );
    let troubles: Vec<String> = reports.iter().filter_map(trouble_line).collect();
    if !troubles.is_empty() {
        out.push('\n');
        out.extend(troubles);
    }
    out
}

fn list_row(report: &MachineReport, now: Timestamp) -> [String; 7] {
    let machine = report.machine.as_ref();
    let dash = || "-".to_owned();
    let (state, since) = match report.trashed() {
        Some(when) => ("in trash", when),
        None => (report.state.word(), report.since),
    };
    let mark = if report.is_disposable() {
        ", a try"
    } else {
        ""
    };
    [
        clean(&report.name),
        report.id.short(),
        format!("{state}{mark}"),
        since.ago(now),
        machine.map_or_else(dash, |machine| machine.cpu.count.to_string()),
        machine.map_or_else(dash, |machine| machine.memory.to_string()),
        report.pid.map_or_else(dash, |pid| pid.to_string()),
    ]
}

fn trouble_line(report: &MachineReport) -> Option<String> {
    let trouble = report.trouble.as_ref()?;
    let text = clean(&trouble.to_string());
    Some(match report.state {
        State::Broken => format!("{}: {text}\n", clean(&report.path.to_string_lossy())),
        _ => format!("{}: {text}\n", clean(&report.name)),
    })
}

/// `show --json`: the whole report with the machine, and the fields of `list --json`.
pub fn show_json(report: &MachineReport) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct Whole<'a> {
        #[serde(flatten)]
        report: &'a MachineReport,
        memory_mib: Option<u64>,
        cpus: Option<u32>,
        /// Changes wait for the next start.
        pending: bool,
        /// A window of its own shows a screen.
        console_open: bool,
        error: Option<String>,
        trashed: Option<Timestamp>,
    }
    let row = Row::new(report);
    json(&Whole {
        report,
        pending: report.pending(),
        console_open: report.console_open(),
        memory_mib: row.memory_mib,
        cpus: row.cpus,
        error: row.error,
        trashed: row.trashed,
    })
}

/// `show`: one line for each fact.
pub fn show_text(report: &MachineReport, now: Timestamp) -> String {
    let mut lines = Lines::default();
    lines.add("Name", &report.name);
    lines.add("Id", report.id);
    lines.add(
        "State",
        format!("{}, for {}", report.state, report.since.span_to(now)),
    );
    if let Some(when) = report.trashed() {
        lines.add("In the trash", format!("since {}", when.ago(now)));
    }
    if report.is_disposable() {
        lines.add("Kept", "nothing: it is a try");
    }
    if let Some(pid) = report.pid {
        lines.add("Process", pid);
    }
    if let Some(accelerator) = report.accelerator {
        lines.add("Accelerator", accelerator.word());
    }
    if let Some(machine) = &report.machine {
        sound_lines(report, machine, &mut lines);
        machine_lines(machine, &mut lines, now);
    }
    lines.add("Folder", report.path.to_string_lossy());
    if report.pending() {
        lines.add("Pending", "Changes take effect at the next start");
    }
    if let Some(trouble) = &report.trouble {
        lines.add("Trouble", trouble);
        if let Some(fix) = &trouble.fix {
            lines.add("Fix", fix);
        }
    }
    lines.finish()
}

fn sound_lines(report: &MachineReport, machine: &Machine, lines: &mut Lines) {
    let state = match &report.sound.state {
        SoundState::Off | SoundState::NoCard => return, // The devices tell which card there is.
        SoundState::NoWay => "not in this start of QEMU",
        SoundState::Unavailable(why) | SoundState::NoDevice(why) => why,
        SoundState::Silent => "silent",
        SoundState::Playing => "playing",
    };
    let SoundSettings {
        volume,
        muted,
        microphone,
    } = machine.sound;
    let muted = if muted { ", muted" } else { "" };
    lines.add("Heard", format!("{state}, volume {volume} %{muted}"));
    let microphone = match (report.sound.microphone_on, microphone) {
        (true, _) => "on: the guest records",
        (false, true) => "allowed",
        (false, false) => "off",
    };
    lines.add("Microphone", microphone);
}

fn machine_lines(machine: &Machine, lines: &mut Lines, now: Timestamp) {
    lines.add(
        "Processors",
        match &machine.cpu.model {
            Some(model) => format!("{}, {model}", machine.cpu.count),
            None => machine.cpu.count.to_string(),
        },
    );
    lines.add(
        "Memory",
        match machine.memory_backing {
            MemoryBacking::Forkable => machine.memory.to_string(),
            MemoryBacking::Private => format!("{}, private", machine.memory),
        },
    );
    lines.add("Firmware", machine.firmware.kind.label());
    lines.add(
        "Board",
        format!("{} {}", machine.arch, machine.machine_type),
    );
    for device in &machine.devices {
        if let Some((title, text)) = device_line(device) {
            lines.add(title, format!("{}: {text}", device.id));
        }
    }
    if let Some(saved) = &machine.saved {
        lines.add("Saved", saved.when.ago(now));
    }
    lines.add("Created", machine.created.ago(now));
    if !machine.tags.is_empty() {
        lines.add("Tags", machine.tags.join(", "));
    }
    if !machine.notes.is_empty() {
        lines.add("Notes", &machine.notes);
    }
}

/// The devices that a user chose; the rest of the board is of no interest here.
pub fn device_line(device: &Device) -> Option<(&'static str, String)> {
    match &device.kind {
        DeviceKind::Disk(disk) => {
            let bus = disk.bus.word();
            let place = match &disk.source {
                DiskSource::Layers(layers) if layers.len() > 1 => {
                    format!(", {} layers", layers.len())
                }
                DiskSource::Layers(_) => String::new(),
                DiskSource::InPlace(image) => format!(", {}", image.path.display()),
            };
            let access = if disk.read_only { ", read-only" } else { "" };
            Some(("Disk", format!("{}, {bus}{place}{access}", disk.size)))
        }
        DeviceKind::Cdrom(cdrom) => Some(("CD", medium_text(cdrom.medium.as_deref()))),
        DeviceKind::Floppy(floppy) => Some(("Floppy", medium_text(floppy.medium.as_deref()))),
        DeviceKind::Sound(sound) => Some(("Sound", sound.model.word().to_owned())),
        DeviceKind::Watchdog(watchdog) => Some(("Watchdog", watchdog.action.word().to_owned())),
        DeviceKind::Nic(nic) => {
            let network = match &nic.network {
                NicNetwork::User => "user networking",
                NicNetwork::None => "plugged into nothing",
                NicNetwork::Switch(name) | NicNetwork::Bridge(name) => name,
            };
            let link = if nic.link { "" } else { ", cable out" };
            let model = nic.model.word();
            Some(("Network", format!("{}, {model}, {network}{link}", nic.mac)))
        }
        DeviceKind::Tpm => Some(("TPM", "2.0".to_owned())),
        DeviceKind::Display(_)
        | DeviceKind::Keyboard
        | DeviceKind::Tablet
        | DeviceKind::Touchscreen
        | DeviceKind::UsbController
        | DeviceKind::OldUsbController
        | DeviceKind::ScsiController
        | DeviceKind::Rng
        | DeviceKind::Balloon
        | DeviceKind::GenerationId
        | DeviceKind::Serial => None,
    }
}

fn medium_text(medium: Option<&Path>) -> String {
    medium.map_or_else(|| "empty".to_owned(), |path| path.display().to_string())
}

/// Titles and values under each other.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<[String; 2]>);

impl Lines {
    /// Adds a fact; a value of several lines goes on under its first.
    pub(super) fn add(&mut self, title: &str, value: impl ToString) {
        let value = value.to_string();
        let mut title = title;
        for line in value.lines() {
            self.0.push([title.to_owned(), clean(line)]);
            title = "";
        }
    }

    pub(super) fn finish(self) -> String {
        table([Lean::Left, Lean::Left], &self.0)
    }
}

/// `trash`.
pub fn trash_text(trash: &TrashReport, now: Timestamp) -> String {
    if trash.machines.is_empty() {
        return "The trash is empty\n".to_owned();
    }
    let mut rows = vec![["NAME", "ID", "SINCE", "SIZE", ""].map(str::to_owned)];
    rows.extend(trash.machines.iter().map(|machine| {
        let kept = if machine.kept_for.is_empty() {
            String::new()
        } else {
            format!("kept for {}", clean(&machine.kept_for.join(", ")))
        };
        [
            clean(&machine.name),
            machine.id.short(),
            machine.since.ago(now),
            machine.size.to_string(),
            kept,
        ]
    }));
    let leans = [Lean::Left, Lean::Left, Lean::Left, Lean::Right, Lean::Left];
    let mut out = table(leans, &rows);
    out.push_str(&format!(
        "\n{} in the trash. Empty it: orangery trash --empty\n",
        trash.size()
    ));
    out
}

/// `trash --json`.
pub fn trash_json(trash: &TrashReport) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct Trash<'a> {
        size: ByteSize,
        #[serde(flatten)]
        trash: &'a TrashReport,
    }
    json(&Trash {
        size: trash.size(),
        trash,
    })
}
