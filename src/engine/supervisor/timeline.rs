//! Requests about a machine's timeline.

use super::Supervisor;
use crate::engine::hub::Asker;
use crate::engine::message::Command;
use crate::model::Failure;

impl Supervisor {
    pub(super) fn timeline(&mut self, asker: Asker, _command: Command) {
        self.hub
            .answer(asker, Err(Failure::new("Under way", "…")), None);
    }
}
