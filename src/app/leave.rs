//! Closing the window while machines run: keep them, save them or shut them down, then close.

use super::App;
use super::answers::Purpose;
use crate::engine::message::Command;
use crate::model::{Action, ClosePolicy, Failure, MachineId, State, permit};
use crate::ui::view::{Leaving, Parting};
use crate::ui::{LeaveStep, parting};

impl App {
    /// The user wants the window closed; returns whether it may close now.
    pub(super) fn close_requested(&mut self) -> bool {
        let ended = |id: &MachineId| self.view.machine(*id).is_some_and(parting::has_ended);
        let has_ended = self.view.tries().iter().any(ended);
        let nothing_runs = self.view.running().is_empty();
        if self.leave_now || self.view.handed_over {
            return true;
        }
        if self.view.leaving.is_none() {
            let policy = match nothing_runs {
                true => ClosePolicy::KeepRunning,
                false => self.view.settings.close,
            };
            // What was said once and for all was not said of copies that would be lost by it.
            let loses =
                has_ended || (policy == ClosePolicy::ShutDownAll && !self.view.tries().is_empty());
            match policy {
                _ if loses => self.ask_how_to_leave(),
                ClosePolicy::Ask => self.ask_how_to_leave(),
                policy => self.leave_by(policy),
            }
        }
        self.leave_now
    }

    fn ask_how_to_leave(&mut self) {
        self.view.leaving = Some(Leaving {
            asking: true,
            ..Leaving::default()
        });
    }

    pub(super) fn leave_step(&mut self, step: LeaveStep) {
        match step {
            LeaveStep::Cancel => self.view.leaving = None,
            LeaveStep::By {
                policy,
                remember,
                partings,
            } => {
                if remember {
                    // At once, for whatever else is saved before the answer comes.
                    self.view.settings.close = policy;
                    self.send(Command::SaveSettings(self.view.settings.clone()));
                }
                self.part(policy, &partings);
            }
            LeaveStep::Force => {
                for machine in self.still_running() {
                    self.act(machine, Action::PowerOff);
                }
            }
        }
    }

    /// Keeps copies, or throws them away; all else comes when that is done.
    fn part(&mut self, policy: ClosePolicy, partings: &[(MachineId, Action)]) {
        let waits = |(machine, action): &(MachineId, Action)| Parting {
            machine: *machine,
            action: *action,
            answered: false,
        };
        self.view.leaving = Some(Leaving {
            partings: partings.iter().map(waits).collect(),
            policy,
            ..Leaving::default()
        });
        for (machine, action) in partings.iter().copied() {
            self.send_for(Command::Act { machine, action }, Purpose::Part(machine));
        }
        self.go_on_leaving();
    }

    /// A copy is kept or thrown away, or why not: then the window stays.
    pub(super) fn parted(&mut self, machine: MachineId, result: Result<(), Failure>) {
        if let Err(failure) = result {
            self.view.leaving = None;
            return self.view.fail(failure);
        }
        let partings = self.view.leaving.iter_mut();
        for parting in partings.flat_map(|leaving| &mut leaving.partings) {
            parting.answered |= parting.machine == machine;
        }
    }

    /// Goes on with closing once all that comes first is done.
    fn go_on_leaving(&mut self) {
        let Some(leaving) = self.view.leaving.as_mut().filter(|leaving| !leaving.asking) else {
            return;
        };
        if leaving.partings.is_empty() && leaving.policy == ClosePolicy::Ask {
            return; // It waits for machines by now.
        }
        let mut partings = std::mem::take(&mut leaving.partings);
        let policy = leaving.policy;
        partings.retain(|parting| !self.is_parted(parting));
        let is_done = partings.is_empty();
        if let Some(leaving) = &mut self.view.leaving {
            leaving.partings = partings;
        }
        if is_done {
            self.leave_by(policy);
        }
    }

    /// Those that do not stay have to be gone: the next owner must not find them.
    fn is_parted(&self, parting: &Parting) -> bool {
        let report = self.view.machine(parting.machine);
        let is_gone = report.is_none_or(|report| report.trashed().is_some());
        parting.answered && (parting.action == Action::Keep || is_gone)
    }

    fn leave_by(&mut self, policy: ClosePolicy) {
        let running = self.view.running();
        let mut resuming = Vec::new();
        match policy {
            ClosePolicy::Ask | ClosePolicy::KeepRunning if self.view.jobs.is_empty() => {
                self.leave_now = true;
                return;
            }
            // What is being done comes to its end first, in sight: the machines run on.
            ClosePolicy::Ask | ClosePolicy::KeepRunning => {
                self.view.leaving = Some(Leaving::default());
                return;
            }
            ClosePolicy::SaveAll => {
                for machine in &running {
                    self.act_if_allowed(*machine, Action::Save);
                }
            }
            ClosePolicy::ShutDownAll => {
                let paused = |id: &MachineId| self.state_is(*id, State::Paused);
                (resuming, _) = running.iter().copied().partition(paused);
                for machine in &running {
                    let first = match resuming.contains(machine) {
                        true => Action::Resume,
                        false => Action::ShutDown,
                    };
                    self.act(*machine, first);
                }
            }
        }
        self.view.leaving = Some(Leaving {
            waiting_for: running,
            resuming,
            ..Leaving::default()
        });
    }

    /// Looks whether what closing waits for is done.
    pub(super) fn follow_leaving(&mut self) {
        self.go_on_leaving();
        self.shut_down_resumed();
        let still = self.still_running();
        let now = self.view.now;
        let overdue = still.iter().any(|machine| {
            self.view.machine(*machine).is_some_and(|report| {
                report.state == State::NotResponding
                    || report.force_after.is_some_and(|at| at <= now)
            })
        });
        let waits = |leaving: &&mut Leaving| !leaving.asking && leaving.partings.is_empty();
        if let Some(leaving) = self.view.leaving.as_mut().filter(waits) {
            self.leave_now |= still.is_empty() && self.view.jobs.is_empty();
            leaving.waiting_for = still;
            leaving.overdue = overdue;
        }
    }

    /// Presses the power buttons of those that go on again.
    fn shut_down_resumed(&mut self) {
        let resuming = self.view.leaving.iter_mut();
        let resuming: Vec<MachineId> = resuming
            .flat_map(|leaving| std::mem::take(&mut leaving.resuming))
            .collect();
        let paused = |id: &MachineId| self.state_is(*id, State::Paused);
        let (resuming, running): (Vec<_>, Vec<_>) = resuming.into_iter().partition(paused);
        for machine in running {
            self.act_if_allowed(machine, Action::ShutDown);
        }
        if let Some(leaving) = &mut self.view.leaving {
            leaving.resuming = resuming;
        }
    }

    fn state_is(&self, machine: MachineId, state: State) -> bool {
        self.view
            .machine(machine)
            .is_some_and(|report| report.state == state)
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
