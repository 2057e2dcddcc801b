//! The question asked when the window closes while machines run, and the wait after it.

use egui::{RichText, Ui};

use super::icon::Icon;
use super::kit;
use super::theme::palette;
use super::view::{Leaving, View};
use super::{Ask, LeaveStep};
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
        let title = match running.len() {
            1 => format!("{} is running", view.name(running[0])),
            count => format!("{count} machines are running"),
        };
        let ((), dismissed) = kit::modal(ui, "close", 480.0, &title, |ui| {
            let p = palette(ui);
            let text = "They can run on without the window. Open Orangery again to see them.";
            ui.add(egui::Label::new(RichText::new(text).color(p.dim)).wrap());
            ui.add_space(6.0);
            for (policy, icon, word, explain) in [
                (
                    ClosePolicy::KeepRunning,
                    Icon::Play,
                    "Keep running",
                    "Close the window only",
                ),
                (
                    ClosePolicy::SaveAll,
                    Icon::Save,
                    "Save all",
                    "Write their memory to disk and stop; they continue later",
                ),
                (
                    ClosePolicy::ShutDownAll,
                    Icon::Power,
                    "Shut down all",
                    "Ask each guest to shut down",
                ),
            ] {
                ui.horizontal(|ui| {
                    let best = policy == ClosePolicy::KeepRunning;
                    let width = 170.0;
                    let left = ui.cursor().left();
                    let button = if best {
                        kit::primary(ui, true, Some(icon), word)
                    } else {
                        kit::secondary(ui, true, Some(icon), word)
                    };
                    ui.add_space((left + width - ui.cursor().left()).max(0.0));
                    ui.label(RichText::new(explain).color(p.dim));
                    if button.clicked() {
                        let remember = self.remember;
                        asks.push(Ask::Leave(LeaveStep::By { policy, remember }));
                    }
                });
            }
            ui.add_space(6.0);
            ui.horizontal(|ui| {
                ui.checkbox(&mut self.remember, "Don't ask again");
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if kit::secondary(ui, true, None, "Cancel").clicked() {
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

fn waiting_ui(ui: &Ui, view: &View, leaving: &Leaving, asks: &mut Vec<Ask>) {
    let title = if leaving.overdue {
        "Some guests did not shut down"
    } else {
        "Closing when the machines are done"
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
                let cut = kit::danger(ui, true, Some(Icon::PlugZap), "Power off and close");
                if cut.clicked() {
                    asks.push(Ask::Leave(LeaveStep::Force));
                }
            }
            if kit::secondary(ui, true, None, "Stay").clicked() {
                asks.push(Ask::Leave(LeaveStep::Cancel));
            }
        });
    });
    if dismissed {
        asks.push(Ask::Leave(LeaveStep::Cancel));
    }
}
