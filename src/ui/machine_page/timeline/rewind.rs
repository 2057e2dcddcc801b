//! The question before a machine goes back: what will happen, and whether the present is kept.

use egui::{Key, Modifiers, RichText, Ui};

use super::{details, words};
use crate::engine::message::Command;
use crate::language::{fill, tr};
use crate::model::{MachineReport, SnapshotId, SnapshotReport, State, Timeline};
use crate::ui::Ask;
use crate::ui::icon::{self, Icon};
use crate::ui::kit;
use crate::ui::theme::palette;
use crate::ui::view::View;

/// The open question.
pub struct RewindDialog {
    snapshot: SnapshotId,
    keep: bool,
    /// Start a machine that does not run.
    start: bool,
}

impl RewindDialog {
    pub fn new(snapshot: &SnapshotReport) -> Self {
        Self {
            snapshot: snapshot.id,
            keep: true,
            start: snapshot.with_memory,
        }
    }

    /// The dialog; returns whether it stays open.
    pub fn ui(
        &mut self,
        ui: &Ui,
        view: &View,
        report: &MachineReport,
        timeline: &Timeline,
        asks: &mut Vec<Ask>,
    ) -> bool {
        let Some(snapshot) = timeline.snapshot(self.snapshot) else {
            return false;
        };
        let name = words::title(view, snapshot);
        let title = fill("Go back to “{name}”?", &[("name", &name)]);
        let verdict = details::rewind_verdict(view, report, snapshot);
        let ((yes, no), dismissed) = kit::modal(ui, "rewind", 500.0, &title, |ui| {
            ui.spacing_mut().item_spacing.y = 8.0;
            for (glyph, text) in consequences(report, snapshot) {
                consequence_ui(ui, glyph, text);
            }
            ui.add_space(4.0);
            if !report.state.has_process() {
                kit::check(ui, &mut self.start, tr("Start the machine then"));
            }
            kit::check(ui, &mut self.keep, tr("Keep the present as a branch"));
            if self.keep {
                kit::hint(
                    ui,
                    tr(
                        "It stays in the timeline, and you can come back to it like to any other point",
                    ),
                );
            } else {
                kit::warning(ui, &lost(view, report, timeline));
            }
            if let Err(why) = &verdict {
                kit::complaint(ui, why);
            }
            ui.add_space(4.0);
            kit::footer(ui, |ui| {
                let word = tr("Go back");
                let free = verdict.is_ok();
                let yes = match self.keep {
                    true => kit::primary(ui, free, Some(Icon::History), word),
                    false => kit::danger(ui, free, Some(Icon::History), word),
                };
                let no = kit::secondary(ui, true, None, tr("Cancel")).clicked();
                (yes.clicked(), no)
            })
        });
        if no || dismissed {
            return false;
        }
        let entered = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
        let done = (yes || entered) && verdict.is_ok();
        if done {
            asks.push(Ask::Engine(Command::Rewind {
                machine: report.id,
                snapshot: self.snapshot,
                keep: self.keep,
                start: self.start && !report.state.has_process(),
            }));
        }
        !done
    }
}

/// What happens, in the order in which it happens.
fn consequences(report: &MachineReport, snapshot: &SnapshotReport) -> Vec<(Icon, &'static str)> {
    let mut all = Vec::new();
    let runs = report.state.has_process();
    let alone = snapshot.disk.is_some();
    all.push(match (snapshot.with_memory, runs) {
        _ if alone && runs => (
            Icon::Power,
            tr("The machine boots with this disk as it was then. What runs now ends at once"),
        ),
        _ if alone => (Icon::HardDrive, tr("This disk is as it was then")),
        (true, _) => (
            Icon::FastForward,
            tr("The guest goes on in that very moment, with its memory and its screen"),
        ),
        (false, true) => (
            Icon::Power,
            tr("The machine boots from there: it was off then. What runs now ends at once"),
        ),
        (false, false) => (
            Icon::Power,
            tr("The disks are as they were: the machine was off then"),
        ),
    });
    if report.state == State::Saved {
        all.push((
            Icon::Moon,
            tr("The saved state that waits now is part of the present"),
        ));
    }
    all.push(match alone {
        true => (
            Icon::Cpu,
            tr("Its other disks and its hardware stay as they are"),
        ),
        false => (
            Icon::Cpu,
            tr("The machine's hardware is what it was then; its name, tags and notes stay"),
        ),
    });
    if snapshot.with_memory || runs {
        all.push((
            Icon::Network,
            tr("Network connections of the guest end; it connects again by itself"),
        ));
    }
    all
}

fn consequence_ui(ui: &mut Ui, glyph: Icon, text: &str) {
    let p = palette(ui);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 10.0;
        icon::show(ui, glyph, 17.0, p.accent_text);
        ui.add(egui::Label::new(RichText::new(text).color(p.text)).wrap());
    });
}

/// What is gone for good if the present is not kept.
fn lost(view: &View, report: &MachineReport, timeline: &Timeline) -> String {
    let point = timeline.present.and_then(|id| timeline.snapshot(id));
    let size = timeline.bytes;
    let disk = match point {
        Some(point) => {
            let title = words::title(view, point);
            let values: [(&str, &dyn std::fmt::Display); 2] = [("size", &size), ("title", &title)];
            fill(
                "What changed since “{title}” is lost for good: {size} on its disks",
                &values,
            )
        }
        None => fill(
            "What is on its disks now is lost for good: {size}",
            &[("size", &size)],
        ),
    };
    if report.state.has_process() {
        return fill(
            "{lost}, and all that the guest has in memory",
            &[("lost", &disk)],
        );
    }
    disk
}
