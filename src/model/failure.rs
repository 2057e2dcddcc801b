//! What went wrong, in words a user can act on.

use serde::{Deserialize, Serialize};

/// A failure as it is shown: what happened, why, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{what}: {why}")]
pub struct Failure {
    /// What could not be done: "Debian did not start".
    pub what: String,
    /// The cause in plain words.
    pub why: String,
    /// What the user can do now; a command or a step.
    pub fix: Option<String>,
    /// Raw text for those who want it: the end of QEMU's log, an error of the system.
    pub details: Option<String>,
}

impl Failure {
    pub fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
            fix: None,
            details: None,
        }
    }

    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    #[must_use]
    pub fn details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }
}
