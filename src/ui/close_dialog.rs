//! The question asked when the window closes while machines run, and the wait after it.

use egui::{RichText, Ui};

use super::icon::Icon;
use super::parting::{self, Partings};
use super::settings_page::close_word;
use super::theme::palette;
use super::view::{Leaving, View};
use super::{Ask, LeaveStep};
use super::{footer, kit};
use crate::language::{count, fill, later, tr};
use crate::model::ClosePolicy;

/// What the question remembers between frames.
#[derive(Default)]
pub struct CloseDialog {
    remember: bool,
    partings: Partings,
}

impl CloseDialog {
    pub fn ui(&mut self, ui: &Ui, view: &View, asks: &mut Vec<Ask>) {
        match &view.leaving {
            Some(leaving) if leaving.asking => self.question_ui(ui, view, asks),
            Some(leaving) => waiting_ui(ui, view, leaving, asks),
            None => self.partings.clear(),
        }
    }

    fn question_ui(&mut self, ui: &Ui, view: &View, asks: &mut Vec<Ask>) {
        let running = view.running();
        let (title, text) = match running.as_slice() {
            [] => (tr("Copies have ended").to_owned(), ""),
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
            if !text.is_empty() {
                ui.add(egui::Label::new(RichText::new(text).color(palette(ui).dim)).wrap());
            }
            ui.add_space(6.0);
            self.partings.ui(ui, view);
            if !view.jobs.is_empty() {
                kit::hint(ui, tr("What is being done now comes to its end first."));
            }
            ui.add_space(6.0);
            let ways = if running.is_empty() {
                &CLOSE[..]
            } else {
                &WAYS
            };
            for way in ways {
                let ends = way.policy == ClosePolicy::ShutDownAll;
                if way_ui(ui, way, self.partings.lack(view, ends)) {
                    asks.push(Ask::Leave(LeaveStep::By {
                        policy: way.policy,
                        remember: self.remember,
                        partings: self.partings.said(view),
                    }));
                }
            }
            ui.add_space(6.0);
            ui.horizontal(|ui| {
                if !running.is_empty() {
                    kit::check(ui, &mut self.remember, tr("Don't ask again"));
                }
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
    word: &'static str,
    icon: Icon,
    explain: &'static str,
}

const WAYS: [Way; 3] = [
    Way {
        policy: ClosePolicy::KeepRunning,
        word: close_word(ClosePolicy::KeepRunning),
        icon: Icon::Play,
        explain: later("Close the window only"),
    },
    Way {
        policy: ClosePolicy::SaveAll,
        word: close_word(ClosePolicy::SaveAll),
        icon: Icon::Save,
        explain: later("Write their memory to disk; they continue later"),
    },
    Way {
        policy: ClosePolicy::ShutDownAll,
        word: close_word(ClosePolicy::ShutDownAll),
        icon: Icon::Power,
        explain: later("Ask each guest to shut down"),
    },
];

/// Where nothing runs any more.
const CLOSE: [Way; 1] = [Way {
    policy: ClosePolicy::KeepRunning,
    word: later("Close"),
    icon: Icon::Check,
    explain: later("Close the window"),
}];

/// `lacks`: something is to be said first.
fn way_ui(ui: &mut Ui, way: &Way, lacks: bool) -> bool {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 14.0;
        let best = way.policy == ClosePolicy::KeepRunning;
        let button = ui.add_enabled_ui(!lacks, |ui| {
            kit::sized(ui, best && !lacks, 156.0, way.icon, tr(way.word))
        });
        if lacks {
            parting::say_first_ui(ui);
        } else {
            ui.label(RichText::new(tr(way.explain)).color(palette(ui).dim));
        }
        button.inner.clicked()
    })
    .inner
}

fn waiting_ui(ui: &Ui, view: &View, leaving: &Leaving, asks: &mut Vec<Ask>) {
    let title = if leaving.overdue {
        tr("Some guests did not shut down")
    } else if leaving.waiting_for.is_empty() && leaving.partings.is_empty() {
        tr("Closing when the work is done")
    } else {
        tr("Closing when the machines are done")
    };
    let ((), dismissed) = kit::modal(ui, "leaving", 440.0, title, |ui| {
        let parted = leaving.partings.iter().map(|parting| parting.machine);
        let machines = parted.chain(leaving.waiting_for.iter().copied());
        let reports: Vec<_> = machines.filter_map(|id| view.machine(id)).collect();
        for report in &reports {
            ui.horizontal(|ui| {
                ui.add(egui::Label::new(RichText::new(&report.name)).truncate());
                kit::state_word(ui, report.state);
            });
            if let Some(job) = view.job_of(report) {
                kit::progress(ui, job, ui.available_width());
            }
        }
        let is_shown = |id| reports.iter().any(|report| report.job == Some(id));
        for job in view.jobs.values().filter(|job| !is_shown(job.id)) {
            footer::job_ui(ui, job, asks);
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
