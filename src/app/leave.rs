//! Closing the window while machines run: keep them, save them or shut them down, then close.

use super::App;
use crate::engine::message::Command;
use crate::model::{Action, ClosePolicy, MachineId, State, permit};
use crate::ui::LeaveStep;
use crate::ui::view::Leaving;

impl App {
    /// The user wants the window closed; returns whether it may close now.
    pub(super) fn close_requested(&mut self) -> bool {
        if self.leave_now || self.view.handed_over || self.view.running().is_empty() {
            return true;
        }
        if self.view.leaving.is_none() {
            match self.view.settings.close {
                ClosePolicy::Ask => {
                    self.view.leaving = Some(Leaving {
                        asking: true,
                        ..Leaving::default()
                    });
                }
                policy => self.leave_by(policy),
            }
        }
        self.leave_now
    }

    pub(super) fn leave_step(&mut self, step: LeaveStep) {
        match step {
            LeaveStep::Cancel => self.view.leaving = None,
            LeaveStep::By { policy, remember } => {
                if remember {
                    // At once, for whatever else is saved before the answer comes.
                    self.view.settings.close = policy;
                    self.send(Command::SaveSettings(self.view.settings.clone()));
                }
                self.leave_by(policy);
            }
            LeaveStep::Force => {
                for machine in self.still_running() {
                    self.act(machine, Action::PowerOff);
                }
            }
        }
    }

    fn leave_by(&mut self, policy: ClosePolicy) {
        let running = self.view.running();
        match policy {
            ClosePolicy::Ask | ClosePolicy::KeepRunning => {
                self.leave_now = true;
                return;
            }
            ClosePolicy::SaveAll => {
                for machine in &running {
                    self.act_if_allowed(*machine, Action::Save);
                }
            }
            ClosePolicy::ShutDownAll => {
                for machine in &running {
                    // A paused guest can't hear its power button.
                    self.act_if_allowed(*machine, Action::Resume);
                    self.act(*machine, Action::ShutDown);
                }
            }
        }
        self.view.leaving = Some(Leaving {
            asking: false,
            waiting_for: running,
            overdue: false,
        });
    }

    /// Looks whether what closing waits for is done.
    pub(super) fn follow_leaving(&mut self) {
        let still = self.still_running();
        let now = self.view.now;
        let overdue = still.iter().any(|machine| {
            self.view.machine(*machine).is_some_and(|report| {
                report.state == State::NotResponding
                    || report.force_after.is_some_and(|at| at <= now)
            })
        });
        if let Some(leaving) = self.view.leaving.as_mut().filter(|leaving| !leaving.asking) {
            self.leave_now |= still.is_empty();
            leaving.waiting_for = still;
            leaving.overdue = overdue;
        }
    }

    fn still_running(&self) -> Vec<MachineId> {
        let waiting = self
            .view
            .leaving
            .as_ref()
            .map(|leaving| &leaving.waiting_for);
        waiting
            .into_iter()
            .flatten()
            .copied()
            .filter(|machine| {
                self.view
                    .machine(*machine)
                    .is_some_and(|report| report.state.has_process())
            })
            .collect()
    }

    fn act(&mut self, machine: MachineId, action: Action) {
        self.send(Command::Act { machine, action });
    }

    fn act_if_allowed(&mut self, machine: MachineId, action: Action) {
        let allowed = self
            .view
            .machine(machine)
            .is_some_and(|report| permit(report.standing(), action).is_ok());
        if allowed {
            self.act(machine, action);
        }
    }
}
