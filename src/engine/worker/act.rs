//! Pause, resume, shut down, reset and power off.

use std::time::Duration;

use serde_json::json;

use super::{Flow, PATIENCE, Worker};
use crate::engine::clock;
use crate::engine::hub::Asker;
use crate::model::{Action, Answer, Failure, Standing, State, Timestamp, permit};
use crate::qemu::qmp::QmpError;

/// How long a guest may take to shut down before the offer to force it, in seconds.
const SHUT_DOWN_SECONDS: u64 = 60;

/// After the offer this much longer, then the machine counts as running again, in seconds.
const GIVE_UP_SECONDS: u64 = 120;

/// How long QEMU may take to end when the power is cut, before it is killed.
const QUIT_PATIENCE: Duration = Duration::from_secs(10);

/// How long QEMU may take to close its disks after the guest shut down or was saved. It is never killed then.
pub(super) const END_PATIENCE: Duration = Duration::from_secs(60);

impl Worker {
    /// Whether `action` is allowed now: the state may have changed since the supervisor asked.
    pub(super) fn permitted(&self, action: Action, asker: Asker) -> bool {
        let standing = Standing {
            state: self.live.state,
            trashed: false,
            disposable: self.machine.disposable,
        };
        match permit(standing, action) {
            Ok(()) => true,
            Err(denied) => {
                let what = format!(
                    "{}: “{}” is not possible now",
                    self.post.name,
                    action.name()
                );
                self.post
                    .answer(asker, Err(Failure::new(what, denied.to_string())));
                false
            }
        }
    }

    pub(super) fn act(&mut self, action: Action, asker: Asker) -> Flow {
        if !self.permitted(action, asker) {
            return Flow::Go;
        }
        let result = match action {
            Action::Pause => {
                self.end_waiting("It was paused meanwhile");
                self.simple("stop")
            }
            Action::Resume => self.let_run(),
            Action::Reset => {
                self.end_waiting("It was reset meanwhile");
                self.simple("system_reset")
            }
            Action::ShutDown => {
                if let Err(failure) = self.press_power_button() {
                    self.post.answer(asker, Err(failure));
                } else {
                    self.waiting_for_off.push(asker); // Answered when it is off.
                }
                return Flow::Go;
            }
            Action::PowerOff => {
                self.waiting_for_off.push(asker);
                return self.power_off();
            }
            Action::Start
            | Action::Save
            | Action::DiscardSaved
            | Action::Snapshot
            | Action::Rewind
            | Action::Fork
            | Action::Try
            | Action::Clone
            | Action::Keep
            | Action::KeepMoment
            | Action::Discard
            | Action::OpenConsole
            | Action::Screenshot
            | Action::SendKeys
            | Action::Edit
            | Action::Delete
            | Action::Restore
            | Action::DeleteForever
            | Action::Repair => Err(Failure::new(
                format!("“{}” is not possible now", action.name()),
                "The machine is running",
            )),
        };
        let flow = self.look();
        self.post.answer(asker, result.map(|()| Answer::Done));
        flow
    }

    /// Lets the guest go on. A saved state must not be named from here on: the disks move away from it.
    pub(super) fn let_run(&mut self) -> Result<(), Failure> {
        self.name_layers()?;
        let named = self.post.library.machine(self.post.id);
        if named.is_ok_and(|machine| machine.saved.is_some()) {
            self.post.record(|machine| machine.saved = None)?;
        }
        self.simple("cont")
    }

    /// The power button no longer counts.
    fn end_waiting(&mut self, why: &str) {
        self.live.force_after = None;
        let failure = Failure::new(format!("{} did not shut down", self.post.name), why);
        for asker in self.waiting_for_off.drain(..) {
            self.post.answer(asker, Err(failure.clone()));
        }
    }

    /// A QMP command without arguments or result.
    pub(super) fn simple(&self, command: &str) -> Result<(), Failure> {
        self.qmp
            .call_raw(command, json!({}), PATIENCE)
            .map(|_nothing| ())
            .map_err(|error| self.failure("QEMU did not do it", &error))
    }

    /// A QMP error in the machine's name.
    pub(super) fn failure(&self, what: &str, error: &QmpError) -> Failure {
        Failure::new(format!("{}: {what}", self.post.name), error.to_string())
    }

    fn press_power_button(&mut self) -> Result<(), Failure> {
        self.simple("system_powerdown")?;
        self.live.force_after = Some(Timestamp(clock::now().0 + SHUT_DOWN_SECONDS));
        self.live.trouble = None;
        self.enter(State::Stopping);
        Ok(())
    }

    /// Notices that the guest ignores the power button. The offer to force it comes first, on the machine's page.
    pub(super) fn check_shut_down(&mut self) {
        let Some(force_after) = self.live.force_after else {
            return;
        };
        if clock::now().0 < force_after.0 + GIVE_UP_SECONDS || self.live.state != State::Stopping {
            return;
        }
        let failure = Failure::new(
            format!("{} did not shut down", self.post.name),
            "The guest did not react to its power button",
        );
        self.end_waiting(&failure.why);
        self.live.trouble =
            Some(failure.fix(
                "Shut it down from inside, or power off; unsaved work in the guest is lost then",
            ));
        self.enter(State::Running);
    }

    /// Cuts the power.
    pub(super) fn power_off(&mut self) -> Flow {
        if self.ask_to_end(QUIT_PATIENCE) {
            return self.rest(State::Off, None);
        }
        self.process.kill().ok(); // Fails only when it is gone.
        if self.process.wait(QUIT_PATIENCE).unwrap_or(false) {
            self.rest(State::Off, None)
        } else {
            self.stuck() // In the kernel; its disks are not free yet.
        }
    }

    /// Has QEMU close its disks and end, and waits for that; whether it did.
    pub(super) fn ask_to_end(&mut self, patience: Duration) -> bool {
        match self
            .qmp
            .call_raw("quit", json!({}), patience.min(END_PATIENCE))
        {
            Ok(_) | Err(QmpError::Closed { .. }) => {}
            Err(_) if patience <= QUIT_PATIENCE => return self.process.has_ended(),
            Err(_) => {} // Busy with its disks, maybe; it has been asked.
        }
        self.process.wait(patience).unwrap_or(false)
    }
}
