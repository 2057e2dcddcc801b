//! Verbs for all marked machines: each for those that it is allowed for, saying why the others
//! are left out.

use std::collections::BTreeSet;

use egui::{Frame, Margin, RichText, Ui, vec2};

use super::LibraryList;
use crate::engine::message::Command;
use crate::language::{count, fill, later, told, tr};
use crate::model::{Action, Denied, MachineId, MachineReport, permit};
use crate::ui::actions;
use crate::ui::icon::{self, Icon};
use crate::ui::theme::{self, palette};
use crate::ui::view::View;
use crate::ui::{Ask, kit};

/// What can be asked of several machines at once.
pub const BULK: [Action; 5] = [
    Action::Start,
    Action::ShutDown,
    Action::Save,
    Action::Snapshot,
    Action::Delete,
];

/// For how many machines an action is allowed, and why not for the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    pub action: Action,
    pub allowed: usize,
    pub all: usize,
    refused: Vec<(Denied, usize)>,
}

/// The shares of what is marked, counted when something changes.
#[derive(Default)]
pub struct Tally {
    made_from: Option<(u64, BTreeSet<MachineId>)>,
    shares: Vec<Share>,
}

/// The share of `action` among these machines.
pub fn share(machines: &[&MachineReport], action: Action) -> Share {
    let mut refused: Vec<(Denied, usize)> = Vec::new();
    let mut allowed = 0;
    for report in machines {
        match permit(report.standing(), action) {
            Ok(()) => allowed += 1,
            Err(denied) => match refused.iter_mut().find(|(known, _)| *known == denied) {
                Some((_, count)) => *count += 1,
                None => refused.push((denied, 1)),
            },
        }
    }
    Share {
        action,
        allowed,
        all: machines.len(),
        refused,
    }
}

impl Share {
    /// "Start 3 of 5".
    pub fn word(&self) -> String {
        let action = tr(self.action.name());
        if self.allowed == self.all {
            return fill(
                "{action} {count}",
                &[("action", &action), ("count", &self.all)],
            );
        }
        fill(
            "{action} {count} of {all}",
            &[
                ("action", &action),
                ("count", &self.allowed),
                ("all", &self.all),
            ],
        )
    }

    /// Why some are left out, a line for each reason.
    pub fn reasons(&self) -> String {
        let line = |(denied, count): &(Denied, usize)| {
            let why = denied.to_string();
            fill("{count}: {why}", &[("count", count), ("why", &told(&why))])
        };
        self.refused.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// One request for each machine that the action is allowed for.
pub fn bulk_asks(view: &View, machines: &[&MachineReport], action: Action) -> Option<Ask> {
    let commands: Vec<Command> = machines
        .iter()
        .filter(|report| actions::verdict(report, action, view.handed_over).is_ok())
        .map(|report| Command::Act {
            machine: report.id,
            action,
        })
        .collect();
    (!commands.is_empty()).then_some(Ask::Many(commands))
}

/// The icon of labs, and the words for making one of what is marked.
pub const LAB_ICON: Icon = Icon::Boxes;
pub const MAKE_LAB: &str = later("Make a lab of these…");
const ABOUT_LAB: &str = later("Start, keep and take back these machines together");

/// Asks for a lab of these machines.
pub fn new_lab(machines: &[&MachineReport]) -> Ask {
    Ask::NewLab(machines.iter().map(|report| report.id).collect())
}

fn icon_of(action: Action) -> Icon {
    actions::look(action).icon
}

impl LibraryList {
    /// The bar below the list while something is marked.
    pub(super) fn bulk_ui(&mut self, ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
        if self.selection.marks.is_empty() {
            return;
        }
        self.tally.follow(view, &self.selection.marks);
        let p = palette(ui);
        ui.add_space(6.0);
        Frame::NONE
            .fill(p.card)
            .corner_radius(10)
            .stroke(egui::Stroke::new(1.0, p.edge(p.accent)))
            .inner_margin(Margin::same(8))
            .show(ui, |ui| {
                self.bar_head_ui(ui);
                ui.horizontal_wrapped(|ui| {
                    ui.spacing_mut().item_spacing = vec2(6.0, 6.0);
                    ui.spacing_mut().button_padding = vec2(8.0, 3.0);
                    ui.spacing_mut().interact_size.y = 28.0;
                    for share in &self.tally.shares {
                        if button_ui(ui, share, view.handed_over) {
                            asks.extend(bulk_asks(view, &self.marked(view), share.action));
                        }
                    }
                    let tags = small_button(ui, !view.handed_over, Icon::Tags, tr("Tags…"));
                    if tags.clicked() {
                        asks.push(Ask::EditTags(
                            self.selection.marks.iter().copied().collect(),
                        ));
                    }
                    let lab = small_button(ui, !view.handed_over, LAB_ICON, tr(MAKE_LAB));
                    if lab.on_hover_text(tr(ABOUT_LAB)).clicked() {
                        let marked = self.marked(view);
                        asks.push(new_lab(&marked));
                    }
                });
            });
    }

    fn bar_head_ui(&mut self, ui: &mut Ui) {
        let p = palette(ui);
        ui.horizontal(|ui| {
            ui.set_height(22.0);
            let text = count(
                self.selection.marks.len() as u64,
                "{count} machine selected",
                "{count} machines selected",
            );
            ui.label(
                RichText::new(text)
                    .font(theme::semibold(13.0))
                    .color(p.text),
            );
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.spacing_mut().button_padding = vec2(4.0, 2.0);
                ui.spacing_mut().interact_size.y = 22.0;
                let cross = egui::Button::new(icon::text(Icon::X, 15.0).color(p.dim))
                    .frame_when_inactive(false);
                let word = tr("Select nothing");
                if kit::name(ui.add(cross), word).on_hover_text(word).clicked() {
                    self.selection.clear();
                }
            });
        });
    }
}

impl Tally {
    fn follow(&mut self, view: &View, marks: &BTreeSet<MachineId>) {
        let same = self
            .made_from
            .as_ref()
            .is_some_and(|(generation, known)| *generation == view.generation() && known == marks);
        if !same {
            let machines: Vec<&MachineReport> =
                marks.iter().filter_map(|id| view.machine(*id)).collect();
            self.shares = BULK.map(|action| share(&machines, action)).into();
            self.made_from = Some((view.generation(), marks.clone()));
        }
    }
}

/// Returns whether it was clicked.
fn button_ui(ui: &mut Ui, share: &Share, handed_over: bool) -> bool {
    let enabled = share.allowed > 0 && !handed_over;
    let response = small_button(ui, enabled, icon_of(share.action), &share.word());
    tooltip(response, share, handed_over).clicked()
}

fn tooltip(response: egui::Response, share: &Share, handed_over: bool) -> egui::Response {
    let mut text = share.reasons();
    if handed_over {
        text = tr("Another Orangery process has the library now").to_owned();
    } else if text.is_empty() {
        text = tr(share.action.explain()).to_owned();
    }
    response
        .on_hover_text(text.as_str())
        .on_disabled_hover_text(text.as_str())
}

fn small_button(ui: &mut Ui, enabled: bool, glyph: Icon, word: &str) -> egui::Response {
    let button = egui::Button::new((icon::text(glyph, 14.0), RichText::new(word).size(13.0)));
    kit::name(ui.add_enabled(enabled, button), word)
}

/// The same verbs in the menu of a marked row.
pub fn menu_ui(ui: &mut Ui, view: &View, machines: &[&MachineReport], asks: &mut Vec<Ask>) {
    for action in BULK {
        let share = share(machines, action);
        let enabled = share.allowed > 0 && !view.handed_over;
        let item = kit::menu_item(ui, enabled, Some(icon_of(action)), &share.word(), None);
        if tooltip(item, &share, view.handed_over).clicked() {
            asks.extend(bulk_asks(view, machines, action));
            ui.close();
        }
    }
    let enabled = !view.handed_over;
    if kit::menu_item(ui, enabled, Some(Icon::Tags), tr("Tags…"), None).clicked() {
        asks.push(Ask::EditTags(
            machines.iter().map(|report| report.id).collect(),
        ));
        ui.close();
    }
    let item = kit::menu_item(ui, enabled, Some(LAB_ICON), tr(MAKE_LAB), None);
    if item.on_hover_text(tr(ABOUT_LAB)).clicked() {
        asks.push(new_lab(machines));
        ui.close();
    }
}
