//! What becomes of the edits: apply, revert, and what waits for the next start.

use egui::{Frame, Label, Layout, Margin, RichText, Stroke, Ui, vec2};

use super::{HardwareForm, HardwareTab, words};
use crate::engine::message::Command;
use crate::language::{count, told, tr};
use crate::model::{Change, Effect, Machine, MachineReport, changes_between};
use crate::ui::Ask;
use crate::ui::icon::{self, Icon};
use crate::ui::kit::{self, Tone};
use crate::ui::theme::{self, palette};

/// More differences than this are counted, not listed.
const MAX_LISTED: usize = 8;

/// The bar at the bottom.
pub(super) fn apply_bar_ui(
    ui: &mut Ui,
    form: &mut HardwareForm,
    tab: &mut HardwareTab,
    allowed: &Result<(), String>,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    let p = palette(ui);
    let top = ui.max_rect().top();
    ui.painter()
        .hline(ui.max_rect().x_range(), top, Stroke::new(1.0, p.line));
    let changes = form.changes();
    let troubles = form.troubles();
    let why_not = match (allowed, troubles.first()) {
        (Err(reason), _) => Some(told(reason).into_owned()),
        (Ok(()), Some((section, text))) => Some(format!("{}: {text}", section.word())),
        (Ok(()), None) if changes.is_empty() => Some(tr("Nothing has been changed").to_owned()),
        (Ok(()), None) => None,
    };
    let row = |ui: &mut Ui| {
        let apply = kit::primary(ui, why_not.is_none(), Some(Icon::Check), tr("Apply"));
        match &why_not {
            None if apply.clicked() => {
                form.expect();
                asks.push(Ask::Engine(Command::Change {
                    machine: report.id,
                    changes: changes.clone(),
                }));
            }
            None => {}
            Some(why) => {
                apply.on_disabled_hover_text(why);
            }
        }
        let edited = form.edited();
        if kit::secondary(ui, edited, Some(Icon::Undo2), tr("Revert")).clicked() {
            form.revert();
        }
        ui.with_layout(Layout::left_to_right(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 8.0;
            match troubles.first().filter(|_| edited) {
                Some((section, text)) => {
                    let text = format!("{}: {text}", section.word());
                    if trouble_link(ui, &text) {
                        tab.show(*section);
                    }
                }
                None => outcome_ui(ui, &changes, &form.base, report),
            }
        });
    };
    Frame::NONE
        .inner_margin(Margin::symmetric(22, 10))
        .show(ui, |ui| {
            let size = vec2(ui.available_width(), theme::CONTROL);
            ui.allocate_ui_with_layout(size, Layout::right_to_left(egui::Align::Center), row);
        });
}

/// What is wrong, as a way to where it is.
fn trouble_link(ui: &mut Ui, text: &str) -> bool {
    let color = palette(ui).error;
    icon::show(ui, Icon::CircleAlert, 16.0, color);
    let label = Label::new(RichText::new(text).color(color)).truncate();
    let response = ui.add(label.sense(egui::Sense::click()));
    kit::name(response, text)
        .on_hover_cursor(egui::CursorIcon::PointingHand)
        .on_hover_text(text)
        .clicked()
}

/// What applying would do, and when.
fn outcome_ui(ui: &mut Ui, changes: &[Change], base: &Machine, report: &MachineReport) {
    let p = palette(ui);
    if changes.is_empty() {
        let text = RichText::new(tr("Nothing to apply")).color(p.dim);
        ui.add(Label::new(text).truncate());
        return;
    }
    let lines = lines_of(changes, base);
    let number = count(lines.len() as u64, "{count} change", "{count} changes");
    let number = RichText::new(number).font(theme::semibold(theme::BODY));
    let all = lines.join("\n");
    ui.label(number.color(p.text)).on_hover_text(&all);
    if let Some(when) = when(report, base, changes) {
        ui.label(RichText::new("·").color(p.dim));
        ui.add(Label::new(RichText::new(when).color(p.accent_text)).truncate())
            .on_hover_text(when);
    }
    ui.label(RichText::new("·").color(p.dim));
    let text = RichText::new(lines.join(", ")).color(p.dim);
    ui.add(Label::new(text).truncate()).on_hover_text(all);
}

/// When the changes reach the guest; `None` where none runs.
fn when(report: &MachineReport, base: &Machine, changes: &[Change]) -> Option<&'static str> {
    if !report.state.has_process() {
        return None;
    }
    let waits = |change: &Change| change.effect(base) == Effect::NextStart;
    if changes.iter().all(waits) {
        Some(tr("Takes effect at the next start"))
    } else if changes.iter().any(waits) {
        Some(tr("Takes effect partly at once, partly at the next start"))
    } else {
        Some(tr("Takes effect at once"))
    }
}

/// The changes in plain words; each is told against what the ones before it made.
fn lines_of(changes: &[Change], base: &Machine) -> Vec<String> {
    let mut reached = base.clone();
    let mut lines = Vec::new();
    for change in changes {
        for line in words::told_change(change, &reached) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        crate::model::apply(&mut reached, change.clone());
    }
    lines
}

/// What differs between what runs and what the next start will use.
pub(super) fn pending_ui(
    ui: &mut Ui,
    form: &mut HardwareForm,
    allowed: &Result<(), String>,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    let (Some(running), Some(machine)) = (&report.running, &report.machine) else {
        return;
    };
    let lines = lines_of(&changes_between(running, machine), running);
    let title = tr("These changes wait for the next start");
    kit::callout(ui, Tone::Info, title, |ui| {
        ui.spacing_mut().item_spacing.y = 3.0;
        for line in lines.iter().take(MAX_LISTED) {
            ui.add(Label::new(RichText::new(format!("•  {line}"))).wrap());
        }
        let more = lines.len().saturating_sub(MAX_LISTED);
        if more > 0 {
            kit::hint(
                ui,
                &count(more as u64, "and {count} more", "and {count} more"),
            );
        }
        ui.add_space(6.0);
        let why_not = allowed.as_ref().err().map(|reason| told(reason));
        let word = tr("Drop these changes");
        if kit::button_or_why(ui, Icon::Undo2, word, why_not.as_deref()) {
            form.expect();
            asks.push(Ask::Engine(Command::DropPending { machine: report.id }));
        }
    });
}
