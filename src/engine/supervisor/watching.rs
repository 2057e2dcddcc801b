//! Which running machines are measured, and how often.

use super::Supervisor;
use crate::engine::hub::Asker;
use crate::model::{Failure, MachineId};

impl Supervisor {
    pub(super) fn watch(&mut self, asker: Asker, _machine: Option<MachineId>) {
        let failure = Failure::new("That was not done", "It is being built");
        self.hub.answer(asker, Err(failure), None);
    }
}
