//! The question asked when the window closes while machines run, and the wait after it.

use egui::{RichText, Ui};

use super::icon::Icon;
use super::kit;
use super::settings_page::close_word;
use super::theme::palette;
use super::view::{Leaving, View};
use super::{Ask, LeaveStep};
use crate::language::{count, fill, later, tr};
use crate::model::ClosePolicy;

/// What the question remembers between frames.
#[derive(Default)]
pub struct CloseDialog {
    remember: bool,
}

impl CloseDialog {
    pub fn ui(&mut self, ui: &Ui, view: &View, asks: &mut Vec<Ask>) {
        match &view.leaving {
            Some(leaving) if leaving.asking => self.question_ui(ui, view, asks),
            Some(leaving) => waiting_ui(ui, view, leaving, asks),
            None => {}
        }
    }

    fn question_ui(&mut self, ui: &Ui, view: &View, asks: &mut Vec<Ask>) {
        let running = view.running();
        let (title, text) = match running.as_slice() {
            [one] => (
                fill("{name} is running", &[("name", &view.name(*one))]),
                tr("It can run on without the window. Open Orangery again to see it."),
            ),
            several => (
                count(
                    several.len() as u64,
                    "{count} machine is running",
                    "{count} machines are running",
                ),
                tr("They can run on without the window. Open Orangery again to see them."),
            ),
        };
        let ((), dismissed) = kit::modal(ui, "close", 520.0, &title, |ui| {
            ui.add(egui::Label::new(RichText::new(text).color(palette(ui).dim)).wrap());
            ui.add_space(6.0);
            for way in &WAYS {
                if way_ui(ui, way) {
                    asks.push(Ask::Leave(LeaveStep::By {
                        policy: way.policy,
                        remember: self.remember,
                    }));
                }
            }
            ui.add_space(6.0);
            ui.horizontal(|ui| {
                kit::check(ui, &mut self.remember, tr("Don't ask again"));
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if kit::secondary(ui, true, None, tr("Cancel")).clicked() {
                        asks.push(Ask::Leave(LeaveStep::Cancel));
                    }
                });
            });
        });
        if dismissed {
            asks.push(Ask::Leave(LeaveStep::Cancel));
        }
    }
}

/// One way to close the window.
struct Way {
    policy: ClosePolicy,
    icon: Icon,
    explain: &'static str,
}

const WAYS: [Way; 3] = [
    Way {
        policy: ClosePolicy::KeepRunning,
        icon: Icon::Play,
        explain: later("Close the window only"),
    },
    Way {
        policy: ClosePolicy::SaveAll,
        icon: Icon::Save,
        explain: later("Write their memory to disk; they continue later"),
    },
    Way {
        policy: ClosePolicy::ShutDownAll,
        icon: Icon::Power,
        explain: later("Ask each guest to shut down"),
    },
];

fn way_ui(ui: &mut Ui, way: &Way) -> bool {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 14.0;
        let best = way.policy == ClosePolicy::KeepRunning;
        let clicked = kit::sized(ui, best, 156.0, way.icon, tr(close_word(way.policy))).clicked();
        ui.label(RichText::new(tr(way.explain)).color(palette(ui).dim));
        clicked
    })
    .inner
}

fn waiting_ui(ui: &Ui, view: &View, leaving: &Leaving, asks: &mut Vec<Ask>) {
    let title = if leaving.overdue {
        tr("Some guests did not shut down")
    } else {
        tr("Closing when the machines are done")
    };
    let ((), dismissed) = kit::modal(ui, "leaving", 440.0, title, |ui| {
        for id in &leaving.waiting_for {
            ui.horizontal(|ui| {
                if let Some(report) = view.machine(*id) {
                    ui.add(egui::Label::new(RichText::new(&report.name)).truncate());
                    kit::state_word(ui, report.state);
                }
            });
        }
        ui.add_space(8.0);
        kit::footer(ui, |ui| {
            if leaving.overdue {
                let cut = kit::danger(ui, true, Some(Icon::PlugZap), tr("Power off and close"));
                if cut.clicked() {
                    asks.push(Ask::Leave(LeaveStep::Force));
                }
            }
            if kit::secondary(ui, true, None, tr("Stay")).clicked() {
                asks.push(Ask::Leave(LeaveStep::Cancel));
            }
        });
    });
    if dismissed {
        asks.push(Ask::Leave(LeaveStep::Cancel));
    }
}
