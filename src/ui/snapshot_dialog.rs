//! The dialog for a snapshot's name and note: of one to be taken, or of one that is there.

use std::path::Path;

use egui::{Key, Modifiers, TextEdit, Ui};

use super::icon::Icon;
use super::kit::{self, Field, Tone};
use super::view::View;
use super::{Ask, actions};
use crate::engine::message::Command;
use crate::language::{fill, later, tr};
use crate::model::{
    Action, ByteSize, DeviceKind, DiskSource, MachineId, MachineReport, SnapshotId, SnapshotScope,
    State,
};

/// Longer names and notes are cut while they are written.
pub const MAX_NAME: usize = 120;
pub const MAX_NOTE: usize = 4000;

/// What it is for, in a tooltip.
pub const TAKE: &str = later("Take a snapshot with a name and a note");

/// What has been typed so far.
pub struct SnapshotDialog {
    machine: MachineId,
    /// `None` for one that is to be taken.
    snapshot: Option<SnapshotId>,
    name: String,
    note: String,
    /// This disk alone; `None` is all of the machine.
    disk: Option<String>,
    focused: bool,
}

impl SnapshotDialog {
    /// For a snapshot that is to be taken.
    pub fn take(machine: MachineId) -> Self {
        Self {
            machine,
            snapshot: None,
            name: String::new(),
            note: String::new(),
            disk: None,
            focused: false,
        }
    }

    /// For one that is there; what it is called already stands in the fields.
    pub fn edit(view: &View, machine: MachineId, snapshot: SnapshotId) -> Self {
        let timeline = view.timelines.get(&machine);
        let known = timeline.and_then(|timeline| timeline.snapshot(snapshot));
        let known = known.map(|known| (known.name.clone(), known.note.clone()));
        let (name, note) = known.unwrap_or_default();
        Self {
            snapshot: Some(snapshot),
            name,
            note,
            ..Self::take(machine)
        }
    }

    /// The dialog; returns whether it stays open.
    pub fn ui(&mut self, ui: &Ui, view: &View, asks: &mut Vec<Ask>) -> bool {
        let Some(report) = view.machine(self.machine) else {
            return false;
        };
        let title = match self.snapshot {
            None => fill("A snapshot of {name}", &[("name", &report.name)]),
            Some(_) => tr("Name the snapshot").to_owned(),
        };
        let outside = self.outside(report);
        // What takes one may have changed since the dialog was opened.
        let verdict = match self.snapshot {
            None => actions::verdict(report, Action::Snapshot, view.handed_over)
                .and_then(|()| can_move_in(report, &outside)),
            Some(_) => Ok(()),
        };
        let ((yes, no), dismissed) = kit::modal(ui, "snapshot", 460.0, &title, |ui| {
            ui.spacing_mut().item_spacing.y = 12.0;
            let focus = !std::mem::replace(&mut self.focused, true);
            fields_ui(ui, &mut self.name, &mut self.note, focus);
            if self.snapshot.is_none() {
                scope_ui(ui, report, &mut self.disk);
            }
            outside_ui(ui, &outside);
            if let Err(why) = &verdict {
                kit::complaint(ui, why);
            }
            kit::footer(ui, |ui| {
                let (icon, word) = match self.snapshot {
                    None if outside.is_empty() => (Icon::Bookmark, tr(Action::Snapshot.name())),
                    None => (Icon::Bookmark, tr("Copy the disk and take the snapshot")),
                    Some(_) => (Icon::Check, tr("Save")),
                };
                let yes = kit::primary(ui, verdict.is_ok(), Some(icon), word).clicked();
                (yes, kit::secondary(ui, true, None, tr("Cancel")).clicked())
            })
        });
        let entered = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
        if no || dismissed {
            return false;
        }
        let done = (yes || entered) && verdict.is_ok();
        if done {
            asks.push(Ask::Engine(self.command(!outside.is_empty())));
        }
        !done
    }

    /// The disks that are to be kept and lie outside the library, and how large they are.
    fn outside<'a>(&self, report: &'a MachineReport) -> Vec<(&'a Path, ByteSize)> {
        let Some(machine) = report.machine.as_ref().filter(|_| self.snapshot.is_none()) else {
            return Vec::new();
        };
        let mut ids = machine.disks_in_place();
        ids.retain(|id| self.disk.as_deref().is_none_or(|only| only == *id));
        let devices = ids.into_iter().filter_map(|id| machine.device(id));
        let outside = devices.filter_map(|device| match &device.kind {
            DeviceKind::Disk(disk) => match &disk.source {
                DiskSource::InPlace(image) => Some((image.path.as_path(), disk.size)),
                DiskSource::Layers(_) => None,
            },
            _ => None,
        });
        outside.collect()
    }

    fn command(&self, move_in: bool) -> Command {
        let (machine, name, note) = (
            self.machine,
            self.name.trim().to_owned(),
            self.note.trim().to_owned(),
        );
        match self.snapshot {
            None => Command::TakeSnapshot {
                machine,
                name,
                note,
                scope: SnapshotScope {
                    disk: self.disk.clone(),
                    move_in,
                },
            },
            Some(snapshot) => Command::EditSnapshot {
                machine,
                snapshot,
                name,
                note,
            },
        }
    }
}

/// All of the machine or one of its disks, where it has several.
fn scope_ui(ui: &mut Ui, report: &MachineReport, disk: &mut Option<String>) {
    let Some(machine) = &report.machine else {
        return;
    };
    let mut choices = vec![(None, tr("All of the machine").to_owned())];
    for device in &machine.devices {
        if let DeviceKind::Disk(one) = &device.kind
            && !one.read_only
        {
            let values: [(&str, &dyn std::fmt::Display); 2] =
                [("disk", &device.id), ("size", &one.size)];
            choices.push((
                Some(device.id.clone()),
                fill("Only {disk}, {size}", &values),
            ));
        }
    }
    if choices.len() < 3 {
        return;
    }
    kit::choice(ui, tr("What is kept"), disk, &choices);
    if disk.is_some() {
        kit::hint(
            ui,
            tr(
                "This disk as it is now, without memory. Going back to it brings this disk back and leaves everything else as it is",
            ),
        );
    }
}

/// What happens to disks that lie elsewhere.
fn outside_ui(ui: &mut Ui, outside: &[(&Path, ByteSize)]) {
    if outside.is_empty() {
        return;
    }
    let title = tr("Its disk lies outside the library, where others can change it");
    kit::callout(ui, Tone::Info, title, |ui| {
        for (path, size) in outside {
            kit::hint(ui, &format!("{}, {size}", path.display()));
        }
        kit::hint(
            ui,
            tr(
                "It is copied into the library first, which may take a while, and the machine goes on with the copy. The file stays where it is, as it is",
            ),
        );
    });
}

fn can_move_in(report: &MachineReport, outside: &[(&Path, ByteSize)]) -> Result<(), String> {
    if outside.is_empty() || matches!(report.state, State::Off | State::Crashed) {
        return Ok(());
    }
    Err(
        tr("Shut the machine down first: nothing may write to the disk while it is copied")
            .to_owned(),
    )
}

/// The fields for a name and a note; the first gets the keyboard if told to.
pub fn fields_ui(ui: &mut Ui, name: &mut String, note: &mut String, focus: bool) {
    let spec = Field {
        label: tr("Name"),
        hint: tr("Before the upgrade"),
        complaint: None,
    };
    let field = kit::text_field(ui, &spec, name);
    if focus {
        field.request_focus();
    }
    if let Some((end, _)) = name.char_indices().nth(MAX_NAME) {
        name.truncate(end);
    }
    kit::field(ui, tr("Note"), None, |ui, label| {
        let edit = TextEdit::multiline(note)
            .char_limit(MAX_NOTE)
            .desired_rows(3)
            .desired_width(f32::INFINITY)
            .margin(egui::Margin::symmetric(10, 7))
            // Enter alone ends the dialog, as from the name.
            .return_key(egui::KeyboardShortcut::new(Modifiers::SHIFT, Key::Enter));
        ui.add(edit).labelled_by(label);
    });
}
