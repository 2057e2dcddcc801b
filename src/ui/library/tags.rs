//! The dialog for the tags of one machine or several.

use std::collections::{BTreeMap, BTreeSet};

use egui::{RichText, Ui};

use super::arrange::tags_of;
use crate::engine::message::Command;
use crate::language::{count, fill, tr};
use crate::model::{Action, Change, MachineId};
use crate::ui::icon::Icon;
use crate::ui::kit::{self, Field};
use crate::ui::theme::palette;
use crate::ui::view::View;
use crate::ui::{Ask, actions};

/// As the model's rules have it.
const MAX_TAG: usize = 64;

pub struct TagsDialog {
    /// Those whose tags can be changed now.
    machines: Vec<MachineId>,
    left_out: usize,
    /// How many of the machines have each tag; 0 for tags of other machines and new ones.
    known: BTreeMap<String, usize>,
    /// What is to become of tags: on all of the machines, or on none.
    wanted: BTreeMap<String, bool>,
    new: String,
    begun: bool,
}

impl TagsDialog {
    pub fn new(view: &View, machines: Vec<MachineId>) -> Self {
        let asked = machines.len();
        let may = |id: &MachineId| {
            view.machine(*id).is_some_and(|report| {
                actions::verdict(report, Action::Edit, view.handed_over).is_ok()
            })
        };
        let machines: Vec<MachineId> = machines.into_iter().filter(may).collect();
        let chosen: BTreeSet<MachineId> = machines.iter().copied().collect();
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        for report in view.machines() {
            for tag in tags_of(report) {
                let count = known.entry(tag.clone()).or_default();
                *count += usize::from(chosen.contains(&report.id));
            }
        }
        Self {
            left_out: asked - machines.len(),
            machines,
            known,
            wanted: BTreeMap::new(),
            new: String::new(),
            begun: false,
        }
    }

    /// Returns whether the dialog stays open.
    pub fn ui(&mut self, ui: &Ui, view: &View, asks: &mut Vec<Ask>) -> bool {
        let title = match self.machines.as_slice() {
            [one] => fill("Tags of {name}", &[("name", &view.name(*one))]),
            many => count(
                many.len() as u64,
                "Tags of {count} machine",
                "Tags of {count} machines",
            ),
        };
        let (done, dismissed) = kit::modal(ui, "tags", 420.0, &title, |ui| {
            if self.left_out > 0 {
                let text = count(
                    self.left_out as u64,
                    "{count} machine can't be changed now and is left out",
                    "{count} machines can't be changed now and are left out",
                );
                ui.label(RichText::new(text).size(13.0).color(palette(ui).dim));
            }
            self.list_ui(ui);
            self.new_ui(ui);
            ui.add_space(10.0);
            self.footer_ui(ui, view, asks)
        });
        !(done || dismissed)
    }

    fn list_ui(&mut self, ui: &mut Ui) {
        let of = self.machines.len();
        let height = ui.ctx().content_rect().height() * 0.4;
        egui::ScrollArea::vertical()
            .max_height(height)
            .show(ui, |ui| {
                ui.set_width(ui.available_width());
                for (tag, has) in &self.known {
                    let wanted = self.wanted.get(tag).copied();
                    let mut on = wanted.unwrap_or(*has == of && of > 0);
                    let some = wanted.is_none() && *has > 0 && *has < of;
                    let mut text = tag.clone();
                    if some {
                        let part = fill("{found} of {all}", &[("found", has), ("all", &of)]);
                        text = format!("{tag} · {part}");
                    }
                    let check = egui::Checkbox::new(&mut on, text).indeterminate(some);
                    if ui.add(check).clicked() {
                        self.wanted.insert(tag.clone(), on);
                    }
                }
            });
    }

    fn new_ui(&mut self, ui: &mut Ui) {
        let complaint = self.complaint();
        let spec = Field {
            label: tr("New tag"),
            hint: tr("web, test, customer"),
            complaint,
        };
        let response = kit::text_field(ui, &spec, &mut self.new);
        if !std::mem::replace(&mut self.begun, true) {
            response.request_focus();
        }
        let enter = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        if enter && self.add() {
            response.request_focus();
        }
    }

    fn complaint(&self) -> Option<&'static str> {
        let tag = self.new.trim();
        if tag.contains(',') || tag.chars().any(char::is_control) {
            Some(tr("A tag is a word without commas"))
        } else if tag.chars().count() > MAX_TAG {
            Some(tr("A tag has 64 characters at most"))
        } else {
            None
        }
    }

    /// Takes what was typed as a tag of all; says whether it did.
    fn add(&mut self) -> bool {
        let tag = self.new.trim().to_owned();
        if tag.is_empty() || self.complaint().is_some() {
            return false;
        }
        self.known.entry(tag.clone()).or_default();
        self.wanted.insert(tag, true);
        self.new.clear();
        true
    }

    /// Returns whether the dialog is done.
    fn footer_ui(&mut self, ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) -> bool {
        let enabled = !self.machines.is_empty() && self.complaint().is_none();
        kit::footer(ui, |ui| {
            if kit::primary(ui, enabled, Some(Icon::Check), tr("Save tags")).clicked() {
                self.add(); // What was typed and not confirmed is meant too.
                let commands = self.commands(view);
                if !commands.is_empty() {
                    asks.push(Ask::Many(commands));
                }
                return true;
            }
            kit::secondary(ui, true, None, tr("Cancel")).clicked()
        })
    }

    /// A change for each machine whose tags become others.
    fn commands(&self, view: &View) -> Vec<Command> {
        let mut commands = Vec::new();
        for machine in &self.machines {
            let Some(report) = view.machine(*machine) else {
                continue;
            };
            let old = tags_of(report);
            let mut tags = old.to_vec();
            for (tag, on) in &self.wanted {
                match (on, tags.contains(tag)) {
                    (true, false) => tags.push(tag.clone()),
                    (false, true) => tags.retain(|other| other != tag),
                    _ => {}
                }
            }
            if tags != old {
                commands.push(Command::Change {
                    machine: *machine,
                    changes: vec![Change::Tags(tags)],
                });
            }
        }
        commands
    }
}
