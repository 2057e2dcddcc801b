//! Looks at files that a machine could be made from.

use std::path::PathBuf;

use super::Supervisor;
use crate::engine::hub::Asker;
use crate::model::Failure;

impl Supervisor {
    pub(super) fn recognise(&mut self, asker: Asker, _path: PathBuf) {
        let failure = Failure::new("That was not done", "It is being built");
        self.hub.answer(asker, Err(failure), None);
    }
}
