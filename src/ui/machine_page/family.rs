//! Whose copy a machine is, who are copies of it, and what rests on what; and the line over a copy of which nothing is
//! kept.

use egui::{Rect, RichText, Stroke, StrokeKind, Ui};

use super::family_graph;
use super::kinship::Kinship;
use crate::engine::message::Command;
use crate::language::{count, told, tr};
use crate::model::{Action, Birth, Change, DeviceKind, Machine, MachineId, MachineReport};
use crate::ui::actions::{self, Shape};
use crate::ui::icon::Icon;
use crate::ui::kit::{self, Tone};
use crate::ui::theme::{self, palette};
use crate::ui::view::View;
use crate::ui::{Ask, parting};

/// Names in one line; the rest is a number.
const MOST_NAMES: usize = 12;

/// How thick the frame around a copy of which nothing is kept is, points.
const FRAME: f32 = 3.0;

/// Says that nothing is kept, with the ways to keep it.
pub(super) fn nothing_kept_ui(
    ui: &mut Ui,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    if !report.is_disposable() {
        return;
    }
    ui.add_space(8.0);
    kit::callout(ui, Tone::Warning, tr("Nothing is kept"), |ui| {
        let text = match parting::has_ended(report) {
            true => tr("It has ended. Unless it is kept it is gone with all that was done in it."),
            false => tr(
                "Once its guest ends you are asked what becomes of it; unless it is kept it is gone with all that was done in it.",
            ),
        };
        ui.add(egui::Label::new(RichText::new(text).color(palette(ui).text)).wrap());
        ui.horizontal_wrapped(|ui| {
            let shapes = [
                (Action::Keep, Shape::Primary),
                (Action::KeepMoment, Shape::Secondary),
                (Action::Discard, Shape::Danger),
            ];
            for (action, shape) in shapes {
                actions::button(ui, report, action, shape, view.handed_over, asks);
            }
        });
    });
    ui.add_space(8.0);
}

/// How much of such a copy's page its frame takes at each side.
pub(super) fn frame_width(report: &MachineReport) -> f32 {
    if report.is_disposable() { FRAME } else { 0.0 }
}

/// The frame around such a copy's page.
pub(super) fn frame_ui(ui: &Ui, room: Rect, report: &MachineReport) {
    if report.is_disposable() {
        let line = Stroke::new(FRAME, palette(ui).warn);
        ui.painter()
            .rect_stroke(room, 0.0, line, StrokeKind::Inside);
    }
}

/// The card: a drawing, and the same in words. Nothing for a machine without relatives.
pub(super) fn family_ui(
    ui: &mut Ui,
    kinship: &mut Kinship,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    kinship.follow(view, report);
    let Some(machine) = &report.machine else {
        return;
    };
    if kinship.lines.is_empty() && machine.descent.is_none() {
        return;
    }
    kit::card(ui, tr("Family"), |ui| {
        family_graph::graph_ui(ui, kinship, view, report, asks);
        descent_ui(ui, view, machine, asks);
        relatives_ui(ui, view, tr("Made of it"), &kinship.children, asks);
        relatives_ui(ui, view, tr("Needs the disks of"), &kinship.needs, asks);
        let word = tr("Its disks are needed by");
        relatives_ui(ui, view, word, &kinship.needed_by, asks);
        if !kinship.needed_by.is_empty() {
            let text = tr("What they need of its disks stays, also when this machine is deleted.");
            ui.add(egui::Label::new(RichText::new(text).color(palette(ui).dim)).wrap());
        }
        if machine.descent.is_some() {
            shared_ui(ui, view, report, machine, asks);
        }
    });
    ui.add_space(theme::GAP - 8.0);
}

fn descent_ui(ui: &mut Ui, view: &View, machine: &Machine, asks: &mut Vec<Ask>) {
    let Some(descent) = &machine.descent else {
        return;
    };
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(tr(descent.birth.label())).color(palette(ui).dim));
        match view.machine(descent.from) {
            Some(parent) => relative_ui(ui, parent, asks),
            None => {
                ui.label(&descent.name);
            }
        }
        let ago = descent.when.ago(view.now);
        ui.label(RichText::new(told(&ago)).color(palette(ui).dim));
    });
}

fn relatives_ui(
    ui: &mut Ui,
    view: &View,
    word: &str,
    relatives: &[MachineId],
    asks: &mut Vec<Ask>,
) {
    if relatives.is_empty() {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(word).color(palette(ui).dim));
        let shown = relatives.iter().take(MOST_NAMES);
        for relative in shown.filter_map(|id| view.machine(*id)) {
            relative_ui(ui, relative, asks);
        }
        if let Some(more) = relatives.len().checked_sub(MOST_NAMES + 1) {
            let more = more as u64 + 1;
            let text = count(more, "and {count} more", "and {count} more");
            ui.label(RichText::new(text).color(palette(ui).dim));
        }
    });
}

/// A name that leads to the machine.
fn relative_ui(ui: &mut Ui, relative: &MachineReport, asks: &mut Vec<Ask>) {
    let text = RichText::new(&relative.name)
        .color(palette(ui).accent_text)
        .underline();
    let link = egui::Label::new(text).sense(egui::Sense::click());
    let link = kit::name(ui.add(link), &relative.name)
        .on_hover_cursor(egui::CursorIcon::PointingHand)
        .on_hover_text(told(relative.state.label()));
    if link.clicked() {
        asks.push(Ask::Select(relative.id));
    }
}

/// What a fork has in common with the other, and the switch that parts them from the network.
fn shared_ui(
    ui: &mut Ui,
    view: &View,
    report: &MachineReport,
    machine: &Machine,
    asks: &mut Vec<Ask>,
) {
    let is_fork = machine
        .descent
        .as_ref()
        .is_some_and(|descent| descent.birth != Birth::FullClone);
    if !is_fork {
        return;
    }
    let text = tr(
        "Both have the same host keys, machine id, open sessions and passwords. Seen from outside they are one computer, so a copy begins with its network cables out.",
    );
    ui.add(egui::Label::new(RichText::new(text).color(palette(ui).dim)).wrap());
    let unplugged: Vec<&str> = machine
        .devices
        .iter()
        .filter(|device| matches!(&device.kind, DeviceKind::Nic(nic) if !nic.link))
        .map(|device| device.id.as_str())
        .collect();
    if unplugged.is_empty() {
        return;
    }
    let verdict = actions::verdict(report, Action::Edit, view.handed_over);
    let word = count(
        unplugged.len() as u64,
        "Plug in its network cable",
        "Plug in its {count} network cables",
    );
    let button = kit::secondary(ui, verdict.is_ok(), Some(Icon::Cable), &word);
    if button.clicked() {
        let changes = machine.devices.iter().filter_map(|device| {
            let DeviceKind::Nic(nic) = &device.kind else {
                return None;
            };
            let mut nic = nic.clone();
            nic.link = true;
            Some(Change::Set {
                id: device.id.clone(),
                kind: DeviceKind::Nic(nic),
            })
        });
        asks.push(Ask::Engine(Command::Change {
            machine: report.id,
            changes: changes.collect(),
        }));
    }
    if let Err(reason) = verdict {
        button.on_disabled_hover_text(told(&reason).as_ref());
    }
}
