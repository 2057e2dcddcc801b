//! What the window knows of the program itself: where its files are, its log, its shortcuts.

use std::collections::BTreeMap;

use super::shortcuts::Shortcuts;
use crate::model::{MachineId, Whereabouts};

/// See the module's text.
#[derive(Default)]
pub struct Program {
    pub whereabouts: Whereabouts,
    /// The newest lines of the app's log, oldest first, once they were asked for.
    pub log: Vec<String>,
    /// What QEMU wrote last, of machines whose log was asked for.
    pub qemu_logs: BTreeMap<MachineId, String>,
    /// A report of a problem that is shown before it goes anywhere.
    pub report: Option<String>,
    pub shortcuts: Shortcuts,
}
