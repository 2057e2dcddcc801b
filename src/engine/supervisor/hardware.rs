//! Requests about a machine's hardware: media, pending changes, disks.

use super::Supervisor;
use crate::engine::hub::Asker;
use crate::engine::message::Command;
use crate::model::Failure;

impl Supervisor {
    pub(super) fn hardware(&mut self, asker: Asker, _command: Command) {
        let failure = Failure::new("That was not done", "It is being built");
        self.hub.answer(asker, Err(failure), None);
    }
}
