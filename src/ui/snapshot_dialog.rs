//! The dialog for a snapshot's name and note: of one to be taken, or of one that is there.

use egui::{Key, Modifiers, TextEdit, Ui};

use super::icon::Icon;
use super::kit::{self, Field};
use super::view::View;
use super::{Ask, actions};
use crate::engine::message::Command;
use crate::language::{fill, later, tr};
use crate::model::{Action, MachineId, SnapshotId};

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
        // What takes one may have changed since the dialog was opened.
        let verdict = match self.snapshot {
            None => actions::verdict(report, Action::Snapshot, view.handed_over),
            Some(_) => Ok(()),
        };
        let ((yes, no), dismissed) = kit::modal(ui, "snapshot", 460.0, &title, |ui| {
            ui.spacing_mut().item_spacing.y = 12.0;
            let focus = !std::mem::replace(&mut self.focused, true);
            fields_ui(ui, &mut self.name, &mut self.note, focus);
            if let Err(why) = &verdict {
                kit::complaint(ui, why);
            }
            kit::footer(ui, |ui| {
                let (icon, word) = match self.snapshot {
                    None => (Icon::Bookmark, tr(Action::Snapshot.name())),
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
            asks.push(Ask::Engine(self.command()));
        }
        !done
    }

    fn command(&self) -> Command {
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
