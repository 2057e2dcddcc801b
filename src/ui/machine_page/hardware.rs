//! The hardware tab: edits are collected, checked as they are typed, and applied together.

use std::path::PathBuf;

use egui::{RichText, Ui};

use super::MachinePage;
use crate::engine::message::Command;
use crate::model::{
    Action, ByteSize, Change, DeviceKind, Effect, FirmwareKind, Machine, MachineReport, check_name,
};
use crate::ui::actions;
use crate::ui::icon::Icon;
use crate::ui::kit::{self, Field};
use crate::ui::theme::{self, palette};
use crate::ui::view::View;
use crate::ui::{Ask, FilePick};

/// What was typed and not yet applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HardwareForm {
    name: String,
    cpus: u32,
    memory: String,
    firmware: FirmwareKind,
    /// Empty for an empty drive.
    pub(super) medium: String,
    notes: String,
    /// The machine as it was when the form was filled.
    base: Box<Machine>,
}

impl HardwareForm {
    fn new(machine: &Machine) -> Self {
        Self {
            name: machine.name.clone(),
            cpus: machine.cpu.count,
            memory: machine.memory.to_string(),
            firmware: machine.firmware.kind,
            medium: medium(machine).map_or_else(String::new, |path| path.display().to_string()),
            notes: machine.notes.clone(),
            base: Box::new(machine.clone()),
        }
    }

    /// What applying would change.
    fn changes(&self) -> Vec<Change> {
        let base = &self.base;
        let mut changes = Vec::new();
        if self.name != base.name {
            changes.push(Change::Name(self.name.clone()));
        }
        if self.cpus != base.cpu.count {
            changes.push(Change::Cpus(self.cpus));
        }
        // An unchanged text is no change: it may be rounded.
        if self.memory != base.memory.to_string()
            && let Ok(memory) = self.memory.parse::<ByteSize>()
            && memory != base.memory
        {
            changes.push(Change::Memory(memory));
        }
        if self.firmware != base.firmware.kind {
            changes.push(Change::Firmware(self.firmware));
        }
        let medium_now = medium(base).map_or_else(String::new, |path| path.display().to_string());
        if self.medium.trim() != medium_now {
            let path = self.medium.trim();
            changes.push(Change::Medium(
                (!path.is_empty()).then(|| PathBuf::from(path)),
            ));
        }
        if self.notes != base.notes {
            changes.push(Change::Notes(self.notes.clone()));
        }
        changes
    }
}

fn medium(machine: &Machine) -> Option<&PathBuf> {
    machine
        .devices
        .iter()
        .find_map(|device| match &device.kind {
            DeviceKind::Cdrom(drive) => drive.medium.as_ref(),
            _ => None,
        })
}

/// What is wrong with a typed amount of memory.
fn memory_complaint(text: &str) -> Option<String> {
    match text.parse::<ByteSize>() {
        Err(error) => Some(error.to_string()),
        Ok(size) if size < ByteSize::mib(16) => Some("A machine needs 16 MiB at least".to_owned()),
        Ok(size) if size > ByteSize::gib(4096) => Some("That is more than 4 TiB".to_owned()),
        Ok(_) => None,
    }
}

fn medium_complaint(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && !text.starts_with('/'))
        .then(|| "Write the whole path, starting with “/”".to_owned())
}

pub(super) fn hardware_ui(
    ui: &mut Ui,
    page: &mut MachinePage,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    let Some(machine) = &report.machine else {
        ui.label(RichText::new("The file can't be read").color(palette(ui).dim));
        return;
    };
    let form = match &mut page.hardware {
        // What is applied arrives as a new report; then the form starts over from it.
        Some(form) if *form.base == *machine || !form.changes().is_empty() => form,
        other => other.insert(HardwareForm::new(machine)),
    };
    if changed_elsewhere(form, machine) {
        page.hardware = Some(HardwareForm::new(machine));
        return;
    }
    let allowed = actions::verdict(report, Action::Edit, view.handed_over);
    let name_complaint = check_name(
        &form.name,
        view.names().into_iter().filter(|name| *name != report.name),
    )
    .err()
    .map(|error| error.to_string());
    let complaints = Complaints {
        name: name_complaint,
        memory: memory_complaint(&form.memory),
        medium: medium_complaint(&form.medium),
    };
    if let Err(reason) = &allowed {
        kit::callout(ui, kit::Tone::Info, reason, |_| {});
        ui.add_space(6.0);
    }
    ui.add_enabled_ui(allowed.is_ok(), |ui| {
        form_ui(ui, form, &complaints, view, machine, asks);
    });
    ui.add_space(theme::GAP);
    apply_ui(ui, page, &complaints, allowed.is_ok(), report, asks);
}

/// Whether the file says by now what the form asks for, or something else altogether.
fn changed_elsewhere(form: &HardwareForm, machine: &Machine) -> bool {
    *form.base != *machine && {
        let mut fresh = form.clone();
        *fresh.base = machine.clone();
        fresh.changes().is_empty()
    }
}

struct Complaints {
    name: Option<String>,
    memory: Option<String>,
    medium: Option<String>,
}

impl Complaints {
    fn none(&self) -> bool {
        self.name.is_none() && self.memory.is_none() && self.medium.is_none()
    }
}

fn form_ui(
    ui: &mut Ui,
    form: &mut HardwareForm,
    complaints: &Complaints,
    view: &View,
    machine: &Machine,
    asks: &mut Vec<Ask>,
) {
    let HardwareForm {
        name,
        cpus,
        memory,
        firmware,
        medium,
        notes,
        base: _,
    } = form;
    kit::columns(
        ui,
        |ui| {
            kit::card(ui, "Machine", |ui| {
                let spec = Field {
                    label: "Name",
                    hint: "Debian",
                    complaint: complaints.name.as_deref(),
                };
                kit::text_field(ui, &spec, name);
                size_ui(ui, cpus, memory, complaints, view);
                kit::field(ui, "Firmware", None, |ui, _| {
                    let choices = FirmwareKind::ALL.map(|kind| (kind, kind.label()));
                    kit::segmented(ui, firmware, &choices);
                });
            });
        },
        |ui| {
            kit::card(ui, "CD drive", |ui| {
                medium_ui(ui, medium, complaints, machine, asks)
            });
            ui.add_space(6.0);
            kit::card(ui, "Notes", |ui| notes_ui(ui, notes));
        },
    );
}

fn size_ui(ui: &mut Ui, cpus: &mut u32, memory: &mut String, complaints: &Complaints, view: &View) {
    ui.horizontal_top(|ui| {
        let half = (ui.available_width() - 8.0) / 2.0;
        ui.vertical(|ui| {
            ui.set_width(half);
            kit::number_field(ui, "Processors", cpus, 1..=255);
        });
        ui.vertical(|ui| {
            ui.set_width(half);
            let spec = Field {
                label: "Memory",
                hint: "4 GiB",
                complaint: complaints.memory.as_deref(),
            };
            kit::text_field(ui, &spec, memory);
        });
    });
    if let Some(computer) = &view.computer
        && *cpus > computer.cpus
    {
        let text = format!(
            "This computer has {} processors; more make it slower",
            computer.cpus
        );
        ui.label(RichText::new(text).size(13.0).color(palette(ui).warn));
    }
}

fn medium_ui(
    ui: &mut Ui,
    medium: &mut String,
    complaints: &Complaints,
    machine: &Machine,
    asks: &mut Vec<Ask>,
) {
    let spec = Field {
        label: "ISO image in the drive",
        hint: "Empty",
        complaint: complaints.medium.as_deref(),
    };
    let (_, browse) = kit::browse_field(ui, &spec, medium);
    if browse {
        asks.push(Ask::Pick(FilePick::Medium(machine.id)));
    }
    if kit::secondary(ui, !medium.is_empty(), Some(Icon::Disc), "Take it out").clicked() {
        medium.clear();
    }
}

fn notes_ui(ui: &mut Ui, notes: &mut String) {
    let response = ui.add(
        egui::TextEdit::multiline(notes)
            .desired_width(f32::INFINITY)
            .desired_rows(4)
            .char_limit(10_000)
            .hint_text("What this machine is for"),
    );
    let value = notes.clone();
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::text_edit(true, &value, &value, "");
        info.label = Some("Notes".to_owned());
        info
    });
}

fn apply_ui(
    ui: &mut Ui,
    page: &mut MachinePage,
    complaints: &Complaints,
    allowed: bool,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    let Some(form) = &page.hardware else { return };
    let changes = form.changes();
    let ready = allowed && complaints.none() && !changes.is_empty();
    let mut revert = false;
    ui.horizontal(|ui| {
        if kit::primary(ui, ready, Some(Icon::Check), "Apply").clicked() {
            asks.push(Ask::Engine(Command::Change {
                machine: report.id,
                changes: changes.clone(),
            }));
        }
        revert = kit::secondary(ui, !changes.is_empty(), Some(Icon::Undo2), "Revert").clicked();
        if let Some(text) = when_it_counts(report, &changes) {
            ui.label(RichText::new(text).color(palette(ui).dim));
        }
    });
    if revert {
        page.hardware = None;
    }
}

/// When the changes reach the guest.
fn when_it_counts(report: &MachineReport, changes: &[Change]) -> Option<&'static str> {
    let machine = report.machine.as_ref()?;
    let waits = changes
        .iter()
        .any(|change| change.effect(machine) == Effect::NextStart);
    if !report.state.has_process() {
        None
    } else if waits {
        Some("Takes effect at the next start")
    } else if report.pending() {
        Some("Earlier changes take effect at the next start")
    } else {
        None
    }
}
