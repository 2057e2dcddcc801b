//! Pause, resume, shut down, reset and power off.

use std::time::Duration;

use serde_json::json;

use super::{Flow, PATIENCE, Worker};
use crate::engine::clock;
use crate::engine::hub::Asker;
use crate::model::{Action, Answer, Failure, State, Timestamp};
use crate::qemu::qmp::QmpError;

/// How long a guest may take to shut down before the offer to force it, in seconds.
const SHUT_DOWN_SECONDS: u64 = 60;

/// After the offer this much longer, then the machine counts as running again, in seconds.
const GIVE_UP_SECONDS: u64 = 120;

/// How long QEMU may take to close its disks and end before it is killed.
const QUIT_PATIENCE: Duration = Duration::from_secs(10);

impl Worker {
    pub(super) fn act(&mut self, action: Action, asker: Asker) -> Flow {
        let result = match action {
            Action::Pause => self.simple("stop"),
            Action::Resume => self.simple("cont"),
            Action::Reset => {
                self.live.force_after = None;
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
            | Action::OpenConsole
            | Action::Screenshot
            | Action::SendKeys
            | Action::Edit
            | Action::Delete
            | Action::Restore
            | Action::DeleteForever => Err(Failure::new(
                format!("“{}” is not possible now", action.name()),
                "The machine is running",
            )),
        };
        self.look();
        self.post.answer(asker, result.map(|()| Answer::Done));
        Flow::Go
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

    /// Notices that the guest ignores the power button.
    pub(super) fn check_shut_down(&mut self) {
        let Some(force_after) = self.live.force_after else {
            return;
        };
        let now = clock::now();
        if now >= force_after && !self.waiting_for_off.is_empty() {
            let ignored = self.ignored();
            for asker in self.waiting_for_off.drain(..) {
                self.post.answer(asker, Err(ignored.clone()));
            }
        }
        if now.0 >= force_after.0 + GIVE_UP_SECONDS {
            self.live.force_after = None;
            self.live.trouble = Some(self.ignored());
            self.enter(State::Running);
        }
    }

    fn ignored(&self) -> Failure {
        Failure::new(
            format!("{} did not shut down", self.post.name),
            format!("The guest did not react to its power button for {SHUT_DOWN_SECONDS} s"),
        )
        .fix("Shut it down from inside, or power off; unsaved work in the guest is lost then")
    }

    /// Ends QEMU: politely, so that it closes its disks, then by force.
    pub(super) fn power_off(&mut self) -> Flow {
        self.end_qemu();
        self.rest(State::Off, None)
    }

    /// Ends QEMU and waits until it is gone.
    pub(super) fn end_qemu(&mut self) {
        let asked = self.qmp.call_raw("quit", json!({}), Duration::from_secs(2));
        let patience = match asked {
            Ok(_) | Err(QmpError::Closed { .. }) => QUIT_PATIENCE,
            Err(_) => Duration::ZERO, // It does not answer.
        };
        if self.process.wait(patience).unwrap_or(false) {
            return;
        }
        self.process.kill().ok(); // Fails only when it is gone.
        self.process.wait(QUIT_PATIENCE).ok(); // A process stuck in the kernel ends later.
    }
}
