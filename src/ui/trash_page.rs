//! The trash: what lies in it, how big it is, and the ways out.

use egui::{RichText, ScrollArea, Ui, vec2};

use super::icon::{self, Icon};
use super::kit::{self, Choice};
use super::theme::{self, palette};
use super::view::View;
use super::{Ask, page};
use crate::engine::message::Command;
use crate::language::{count, fill, told, tr};
use crate::model::{Action, MachineId, TrashedMachine};

/// What this page remembers between frames.
#[derive(Default)]
pub struct TrashPage {
    emptying: bool,
    deleting: Option<MachineId>,
}

impl TrashPage {
    /// Asks before a machine is removed for good.
    pub fn confirm_delete(&mut self, machine: MachineId) {
        self.deleting = Some(machine);
    }

    pub fn ui(&mut self, ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
        let free = !view.handed_over;
        let full = !view.trash.machines.is_empty();
        page::head_ui(ui, tr("Trash"), asks, |ui, _| {
            let word = tr("Empty the trash…");
            let empty = kit::danger(ui, full && free, Some(Icon::Trash2), word);
            let empty = empty.on_disabled_hover_text(tr("There is nothing in it"));
            if empty.clicked() {
                self.emptying = true;
            }
        });
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            page::body_ui(ui, |ui| {
                if full {
                    let number = view.trash.machines.len() as u64;
                    let machines = count(number, "{count} machine", "{count} machines");
                    let text = fill(
                        "{machines}, {size} on disk",
                        &[("machines", &machines), ("size", &view.trash.size())],
                    );
                    ui.label(RichText::new(text).color(palette(ui).dim));
                    for machine in &view.trash.machines {
                        self.machine_ui(ui, view, machine, asks);
                    }
                } else {
                    empty_ui(ui);
                }
            });
        });
    }

    fn machine_ui(
        &mut self,
        ui: &mut Ui,
        view: &View,
        machine: &TrashedMachine,
        asks: &mut Vec<Ask>,
    ) {
        let p = palette(ui);
        let free = !view.handed_over;
        ui.push_id(machine.id, |ui| {
            kit::card(ui, "", |ui| {
                ui.horizontal(|ui| {
                    ui.vertical(|ui| {
                        ui.set_width((ui.available_width() - 300.0).max(140.0));
                        ui.spacing_mut().item_spacing.y = 3.0;
                        let name = RichText::new(&machine.name).font(theme::semibold(theme::BODY));
                        ui.add(egui::Label::new(name.color(p.text)).truncate());
                        let ago = machine.since.ago(view.now);
                        let text = fill(
                            "{size}, deleted {ago}",
                            &[("size", &machine.size), ("ago", &told(&ago))],
                        );
                        ui.label(RichText::new(text).color(p.dim));
                        if !machine.kept_for.is_empty() {
                            let names = machine.kept_for.join(", ");
                            let text = fill("Kept for {names}", &[("names", &names)]);
                            ui.add(egui::Label::new(RichText::new(text).color(p.warn)).wrap());
                        }
                    });
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                        let word = tr(Action::DeleteForever.name());
                        if kit::danger(ui, free, Some(Icon::Trash2), word).clicked() {
                            self.deleting = Some(machine.id);
                        }
                        let word = tr(Action::Restore.name());
                        if kit::secondary(ui, free, Some(Icon::ArchiveRestore), word).clicked() {
                            asks.push(Ask::Engine(Command::Act {
                                machine: machine.id,
                                action: Action::Restore,
                            }));
                        }
                    });
                });
            });
        });
    }

    /// The questions, above whatever page is open.
    pub fn questions_ui(&mut self, ui: &Ui, view: &View, asks: &mut Vec<Ask>) {
        if self.emptying {
            let text = fill(
                "This frees up to {size}. The machines in the trash and their own disks are gone for good. What other machines still rest on is kept.",
                &[("size", &view.trash.size())],
            );
            match kit::confirm(ui, tr("Empty the trash?"), &text, tr("Empty the trash")) {
                Choice::Yes => {
                    asks.push(Ask::Engine(Command::EmptyTrash));
                    self.emptying = false;
                }
                Choice::No => self.emptying = false,
                Choice::Undecided => {}
            }
        }
        if let Some(machine) = self.deleting {
            let name = view.name(machine);
            let title = fill("Delete {name} for good?", &[("name", &name)]);
            let text = tr(
                "The machine, its snapshots and its own disks are removed from this computer. This can't be undone.",
            );
            match kit::confirm(ui, &title, text, tr("Delete for good")) {
                Choice::Yes => {
                    let action = Action::DeleteForever;
                    asks.push(Ask::Engine(Command::Act { machine, action }));
                    self.deleting = None;
                }
                Choice::No => self.deleting = None,
                Choice::Undecided => {}
            }
        }
    }
}

fn empty_ui(ui: &mut Ui) {
    let p = palette(ui);
    ui.add_space(80.0);
    ui.vertical_centered(|ui| {
        ui.allocate_ui(vec2(360.0, 120.0), |ui| {
            ui.vertical_centered(|ui| {
                icon::show(ui, Icon::Trash2, 40.0, p.dim);
                ui.label(RichText::new(tr("The trash is empty")).color(p.text));
                let text = tr("Deleted machines wait here until you empty it");
                ui.label(RichText::new(text).color(p.dim));
            });
        });
    });
}
