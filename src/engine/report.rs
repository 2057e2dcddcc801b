//! A report of a problem: all that helps others to understand it, in one text with nothing private in it.

use std::fmt::Write as _;

use serde_json::Value;

use super::redact::Secrets;
use crate::model::{
    ComputerReport, DeviceKind, Mac, Machine, MachineReport, Settings, Whereabouts,
};

/// Lines of the app's log that go into a report.
const LOG_LINES: usize = 200;

/// What a report is made of.
pub struct Material<'a> {
    pub computer: Option<&'a ComputerReport>,
    pub settings: &'a Settings,
    pub whereabouts: &'a Whereabouts,
    /// The machine it is about, and what its QEMU wrote last.
    pub machine: Option<(&'a MachineReport, &'a str)>,
    pub log: &'a [String],
    /// Every machine, for their names.
    pub machines: Vec<&'a Machine>,
}

/// The whole text, as it may be shown to others.
pub fn text(material: &Material<'_>, mut secrets: Secrets) -> String {
    for machine in &material.machines {
        secrets.machines.push(machine.name.clone());
        secrets.words.extend(words_of(machine));
    }
    if let Some((report, _)) = material.machine {
        secrets.machines.push(report.name.clone());
    }
    let mut out = String::new();
    section(&mut out, "Orangery", &program());
    section(&mut out, "This computer", &computer(material.computer));
    section(&mut out, "Settings", &settings(material));
    if let Some((report, log)) = material.machine {
        section(&mut out, "The machine", &machine(report));
        section(&mut out, "The end of QEMU's log", log);
    }
    let skip = material.log.len().saturating_sub(LOG_LINES);
    let log = material.log[skip..].join("\n");
    section(&mut out, "The end of Orangery's log, in UTC", &log);
    secrets.redact(&out)
}

fn section(out: &mut String, title: &str, text: &str) {
    let text = text.trim_end();
    let text = if text.is_empty() { "(nothing)" } else { text };
    // Control characters could hide something from who reads it before it is sent.
    let clean = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    let text: String = text.chars().map(clean).collect();
    if !out.is_empty() {
        out.push('\n');
    }
    writeln!(out, "== {title} ==\n{text}").ok(); // Writing to a string does not fail.
}

fn program() -> String {
    let system = rustix::system::uname();
    format!(
        "Orangery {}\n{} {} {}",
        env!("CARGO_PKG_VERSION"),
        system.sysname().to_string_lossy(),
        system.release().to_string_lossy(),
        system.machine().to_string_lossy()
    )
}

fn computer(report: Option<&ComputerReport>) -> String {
    let Some(report) = report else {
        return "Not examined yet".to_owned();
    };
    let mut out = format!(
        "{} processors, {} of {} memory free, {} of disk free\nAccelerator {}: {}\n",
        report.cpus,
        report.memory_free,
        report.memory_total,
        report.disk_free,
        report.accelerator.choice.word(),
        report.accelerator.reason
    );
    for check in &report.checks {
        let level = match check.level {
            crate::model::CheckLevel::Good => "ok",
            crate::model::CheckLevel::Note => "note",
            crate::model::CheckLevel::Bad => "bad",
        };
        writeln!(out, "{level}: {}: {}", check.title, check.finding).ok(); // As above.
    }
    out
}

fn settings(material: &Material<'_>) -> String {
    let places = material.whereabouts;
    let mut settings = material.settings.clone();
    settings.list.folded.clear(); // Tags of the owner's.
    let settings = serde_json::to_string_pretty(&settings).unwrap_or_default();
    format!("Library in \"{}\"\n{settings}", places.library.display())
}

/// Notes and tags are the owner's; they are left out.
fn machine(report: &MachineReport) -> String {
    let mut out = format!("{}: {}\n", report.name, report.state.label());
    if let Some(trouble) = &report.trouble {
        writeln!(out, "{trouble}").ok(); // As above.
        writeln!(out, "{}", trouble.details.as_deref().unwrap_or_default()).ok(); // As above.
    }
    if let Some(machine) = &report.machine {
        let mut machine = machine.clone();
        machine.notes.clear();
        machine.tags.clear();
        let mut record = serde_json::to_value(&machine).unwrap_or_default();
        write_macs(&mut record);
        out.push_str(&serde_json::to_string_pretty(&record).unwrap_or_default());
    }
    out
}

/// Hardware addresses as text, so that they are found and taken out: a record has their bytes.
fn write_macs(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                match serde_json::from_value::<Mac>(field.clone()) {
                    Ok(mac) if name == "mac" => *field = Value::String(mac.to_string()),
                    _ => write_macs(field),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(write_macs),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn words_of(machine: &Machine) -> Vec<(String, &'static str)> {
    let serials = machine
        .devices
        .iter()
        .filter_map(|device| match &device.kind {
            DeviceKind::Disk(disk) => disk.serial.clone(),
            _ => None,
        });
    let serials = serials.map(|serial| (serial, "serial"));
    serials
        .chain(machine.tags.iter().map(|tag| (tag.clone(), "tag")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ByteSize, Disk, DiskSource, Failure, MachineId, Origin, State};

    fn ours(name: &str) -> Machine {
        let id = MachineId(uuid::Uuid::from_u128(7));
        let mut machine = Machine::new(id, name, "pc-q35-10.0", Origin::Empty);
        let mut disk = Disk::new(DiskSource::Layers(Vec::new()), ByteSize::gib(1));
        disk.serial = Some("SN0815".to_owned());
        machine.devices.push(crate::model::Device {
            id: "disk0".to_owned(),
            kind: DeviceKind::Disk(disk),
            address: crate::model::Address::Pci { slot: 2 },
        });
        machine.devices.push(crate::model::Device {
            id: "nic0".to_owned(),
            kind: DeviceKind::Nic(crate::model::Nic::new(Mac([0x52, 0x54, 0, 1, 2, 3]))),
            address: crate::model::Address::Pci { slot: 3 },
        });
        machine.notes = "the password is hunter2".to_owned();
        machine
    }

    #[test]
    fn a_report_tells_what_helps_and_nothing_private() {
        let machine = ours("Payroll");
        let report = MachineReport {
            machine: Some(machine.clone()),
            path: "/home/ada/.local/share/orangery/machines/7".into(),
            trouble: Some(Failure::new("Payroll crashed", "/home/ada/in.iso is gone")),
            ..MachineReport::new(machine.id, &machine.name, State::Crashed)
        };
        let log = ["2026-11-25 22:31:07 Asked for Payroll: Start".to_owned()];
        let material = Material {
            computer: None,
            settings: &Settings::default(),
            whereabouts: &Whereabouts::default(),
            machine: Some((&report, "qemu: \u{1b}[31mserial=SN0815, ada@lovelace")),
            log: &log,
            machines: vec![&machine],
        };
        let secrets = Secrets {
            home: Some("/home/ada".to_owned()),
            user: Some("ada".to_owned()),
            host: Some("lovelace".to_owned()),
            ..Secrets::default()
        };
        let text = text(&material, secrets);
        for private in [
            "Payroll", "ada", "lovelace", "SN0815", "hunter2", "in.iso", "\u{1b}",
        ] {
            assert!(!text.contains(private), "{private} in:\n{text}");
        }
        for part in [
            "== The machine ==",
            "machine-1 crashed: ~/path-1.iso is gone",
            "pc-q35-10.0",
            "serial-1, user@host",
            "\"mac\": \"mac-1\"",
            "Asked for machine-1: Start",
        ] {
            assert!(text.contains(part), "{part} not in:\n{text}");
        }
    }
}
