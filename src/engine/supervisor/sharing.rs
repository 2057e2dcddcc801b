//! Requests for the agent in a guest's desktop: only what the user lets go over does.

use super::Supervisor;
use super::commands::busy;
use crate::engine::hub::Asker;
use crate::engine::message::Command;
use crate::engine::worker::{Order, ToAgent};
use crate::model::{Action, Failure, MachineId, Share, Sharing, permit};

/// Files in one go; each is a step of the job.
const MAX_FILES: usize = 1000;

impl Supervisor {
    pub(super) fn share(&mut self, asker: Asker, command: Command) {
        let Some(machine) = command.machine() else {
            return;
        };
        let what = match self.shared(machine, command) {
            Ok(what) => what,
            Err(failure) => return self.hub.answer(asker, Err(failure), None),
        };
        let passed = self
            .slots
            .get(&machine)
            .is_some_and(|slot| slot.order(Order::ToAgent { what, asker }));
        if !passed {
            self.hub.answer(asker, Err(busy()), None);
        }
    }

    /// What the machine's agent is to do, unless that is not allowed.
    fn shared(&mut self, machine: MachineId, command: Command) -> Result<ToAgent, Failure> {
        let slot = self
            .slots
            .get(&machine)
            .ok_or_else(|| Failure::new("No such machine", "It may have been deleted meanwhile"))?;
        let name = slot.name.clone();
        permit(slot.standing(), Action::SendKeys).map_err(|denied| {
            Failure::new(format!("Nothing goes over to {name}"), denied.to_string())
        })?;
        let record = slot.machine.as_ref();
        let Sharing {
            to_guest,
            from_guest,
        } = record.map(|machine| machine.sharing).unwrap_or_default();
        let off = |what: &str| {
            Failure::new(what, format!("Sharing in this direction is off for {name}"))
                .fix("Turn it on with the clipboard button at its screen, or in its hardware")
        };
        match command {
            Command::OfferClipboard { kind, content, .. } if to_guest != Share::Off => {
                Ok(ToAgent::Offer { kind, content })
            }
            Command::OfferClipboard { .. } => Err(off("The guest did not get the clipboard")),
            Command::TakeClipboard { .. } if from_guest != Share::Off => Ok(ToAgent::Take),
            Command::TakeClipboard { .. } => Err(off("The guest's clipboard was not taken over")),
            Command::SendFiles { files, .. } if to_guest != Share::Off => {
                if files.is_empty() || files.len() > MAX_FILES {
                    return Err(Failure::new(
                        "No file was sent",
                        format!("Between 1 and {MAX_FILES} files go over at a time"),
                    ));
                }
                let job = self.new_job(Some(machine), format!("Sending files to {name}"));
                let job = Box::new(job);
                Ok(ToAgent::Send { files, job })
            }
            Command::SendFiles { .. } => Err(off("No file was sent")),
            _ => Err(Failure::new(
                "That was not done",
                "It is no matter of the agent",
            )),
        }
    }
}
