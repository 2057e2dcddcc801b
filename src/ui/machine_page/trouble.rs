//! What is wrong with a machine and what can be done about it, above everything else.

use egui::{RichText, ScrollArea, Ui};

use super::MachinePage;
use crate::language::{fill, told, tr};
use crate::model::{Action, Failure, MachineReport, State};
use crate::ui::Ask;
use crate::ui::actions::{self, Shape};
use crate::ui::icon::Icon;
use crate::ui::kit::{self, Tone};
use crate::ui::theme::{self, palette};
use crate::ui::view::View;

/// How long "keep waiting" silences the offer, in seconds.
const PATIENCE: u64 = 60;

pub(super) fn trouble_ui(
    ui: &mut Ui,
    page: &mut MachinePage,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    let shown = match report.state {
        State::Stopping => stopping_ui(ui, page, view, report, asks),
        State::NotResponding => not_responding_ui(ui, page, view, report, asks),
        State::Broken => {
            broken_ui(ui, view, report, asks);
            true
        }
        State::Crashed => {
            crashed_ui(ui, view, report, asks);
            true
        }
        State::Saved => {
            saved_ui(ui, view, report, asks);
            true
        }
        State::Unavailable => {
            let fallback = Failure::new(
                "A disk is missing",
                "a file of this machine is not where it was",
            );
            failure_ui(
                ui,
                report.trouble.as_ref().unwrap_or(&fallback),
                Tone::Error,
            );
            true
        }
        State::Off | State::Starting | State::Running | State::Paused | State::Saving => {
            if let Some(failure) = &report.trouble {
                failure_ui(ui, failure, Tone::Warning);
            }
            report.trouble.is_some()
        }
    };
    if shown {
        ui.add_space(theme::GAP - ui.spacing().item_spacing.y);
    }
}

/// What happened, why, what to do, and the raw log one click away.
fn failure_ui(ui: &mut Ui, failure: &Failure, tone: Tone) {
    kit::callout(ui, tone, &told(&failure.what), |ui| {
        failure_text_ui(ui, failure)
    });
}

fn failure_text_ui(ui: &mut Ui, failure: &Failure) {
    let p = palette(ui);
    ui.add(
        egui::Label::new(RichText::new(kit::sentence(&told(&failure.why))).color(p.text)).wrap(),
    );
    if let Some(fix) = &failure.fix {
        ui.add(egui::Label::new(RichText::new(told(fix)).color(p.dim)).wrap());
    }
    if let Some(details) = &failure.details {
        egui::CollapsingHeader::new(tr("Raw log")).show(ui, |ui| {
            ScrollArea::vertical().max_height(220.0).show(ui, |ui| {
                let text = RichText::new(details).monospace().size(theme::SMALL);
                ui.add(egui::Label::new(text).wrap().selectable(true));
            });
        });
    }
}

/// The countdown, and after it the offer to force; returns whether something was shown.
fn stopping_ui(
    ui: &mut Ui,
    page: &mut MachinePage,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) -> bool {
    let Some(at) = report.force_after else {
        return false;
    };
    let patient = page
        .waiting_since
        .is_some_and(|since| since.0 + PATIENCE > view.now.0);
    if at > view.now || patient {
        kit::callout(
            ui,
            Tone::Info,
            tr("The guest was asked to shut down"),
            |ui| {
                let text = if at > view.now {
                    let time = view.now.span_to(at);
                    fill(
                        "It has {time} to finish by itself",
                        &[("time", &told(&time))],
                    )
                } else {
                    tr("Still waiting for it to finish").to_owned()
                };
                ui.label(RichText::new(text).color(palette(ui).text));
            },
        );
        return true;
    }
    kit::callout(ui, Tone::Warning, tr("The guest did not shut down"), |ui| {
        let text = tr(
            "It may be busy, or it ignores the power button. Cutting the power can lose what it has not written.",
        );
        ui.add(egui::Label::new(RichText::new(text).color(palette(ui).text)).wrap());
        wait_or_cut_ui(ui, page, view, report, asks);
    });
    true
}

fn not_responding_ui(
    ui: &mut Ui,
    page: &mut MachinePage,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) -> bool {
    let fallback = Failure::new(
        "QEMU does not answer",
        "it may be waiting for a slow disk or network, or it hangs",
    );
    let failure = report.trouble.as_ref().unwrap_or(&fallback);
    kit::callout(ui, Tone::Error, &told(&failure.what), |ui| {
        failure_text_ui(ui, failure);
        let patient = page
            .waiting_since
            .is_some_and(|since| since.0 + PATIENCE > view.now.0);
        if patient {
            ui.label(RichText::new(tr("Waiting for an answer")).color(palette(ui).dim));
        } else {
            wait_or_cut_ui(ui, page, view, report, asks);
        }
    });
    true
}

fn wait_or_cut_ui(
    ui: &mut Ui,
    page: &mut MachinePage,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    ui.horizontal(|ui| {
        ui.push_id("trouble", |ui| {
            let cut = Action::PowerOff;
            if kit::danger(
                ui,
                !view.handed_over,
                Some(actions::look(cut).icon),
                tr(cut.name()),
            )
            .clicked()
            {
                asks.push(actions::ask(report, cut));
            }
            if kit::secondary(ui, true, Some(Icon::Hourglass), tr("Keep waiting")).clicked() {
                page.waiting_since = Some(view.now);
            }
        });
    });
}

fn broken_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
    let fallback = Failure::new(
        "The machine's file can't be read",
        "it is damaged or from a newer Orangery",
    );
    let failure = report.trouble.as_ref().unwrap_or(&fallback);
    kit::callout(ui, Tone::Error, &told(&failure.what), |ui| {
        failure_text_ui(ui, failure);
        let hint = tr(
            "Nothing was changed. Earlier generations of the file lie beside it; the disks are untouched.",
        );
        ui.add(egui::Label::new(RichText::new(hint).color(palette(ui).dim)).wrap());
        kit::copy_line(
            ui,
            &report.path.display().to_string(),
            tr("the folder's path"),
        );
        let shape = Shape::Secondary;
        actions::button(ui, report, Action::Repair, shape, view.handed_over, asks);
    });
}

fn crashed_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
    let fallback = Failure::new("The machine crashed", "QEMU ended without being asked to");
    let failure = report.trouble.as_ref().unwrap_or(&fallback);
    kit::callout(ui, Tone::Error, &told(&failure.what), |ui| {
        failure_text_ui(ui, failure);
        ui.push_id("again", |ui| {
            let shape = Shape::Secondary;
            actions::button(ui, report, Action::Start, shape, view.handed_over, asks);
        });
    });
}

fn saved_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
    kit::callout(ui, Tone::Info, tr("The machine sleeps on disk"), |ui| {
        let text = tr(
            "Continue goes on where it stopped. Discarding the saved state starts it from its disk, as after a power cut.",
        );
        ui.add(egui::Label::new(RichText::new(text).color(palette(ui).text)).wrap());
        let shape = Shape::Secondary;
        actions::button(
            ui,
            report,
            Action::DiscardSaved,
            shape,
            view.handed_over,
            asks,
        );
    });
}
