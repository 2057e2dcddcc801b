//! The serial consoles that were looked at: asked for, kept for a while, let go.

use std::sync::Arc;

use super::backend::{Backend, Waker};
use crate::model::{MachineId, MachineReport, Timestamp};
use crate::terminal::Terminal;

/// How long to wait before a console that failed or was lost is asked for again, in seconds.
const RETRY: u64 = 2;
/// Consoles that go on in the background; each has up to ten thousand lines. Older ones come back with what the
/// engine remembers.
const MAX_KEPT: usize = 4;

/// At most one console is in sight at a time.
pub struct Lines {
    waker: Waker,
    /// The one that was looked at last is the last.
    kept: Vec<(MachineId, Arc<Terminal>)>,
    /// Asked for and not yet there.
    asked: Option<(MachineId, Timestamp)>,
}

impl Lines {
    pub fn new(waker: Waker) -> Self {
        Self {
            waker,
            kept: Vec::new(),
            asked: None,
        }
    }

    /// Brings the wanted console into sight; `true` if it has to be asked for.
    pub fn follow(
        &mut self,
        wanted: Option<&MachineReport>,
        backend: &dyn Backend,
        now: Timestamp,
    ) -> bool {
        for (machine, terminal) in &self.kept {
            terminal.set_visible(wanted.is_some_and(|report| report.id == *machine));
        }
        let Some(report) = wanted else {
            return false;
        };
        if let Some((stream, history)) = backend.take_serial(report.id) {
            let started = Terminal::start(stream, history, self.waker.function());
            if let Ok(terminal) = started {
                terminal.set_visible(true);
                self.keep(report.id, terminal);
            }
        }
        let live = self
            .kept
            .iter()
            .any(|(machine, terminal)| *machine == report.id && !terminal.has_ended());
        if live || !report.state.has_screen() {
            return false;
        }
        let waits = |(asked, when): (MachineId, Timestamp)| {
            asked == report.id && when.0 + RETRY > now.0 && when.0 <= now.0
        };
        if self.asked.is_some_and(waits) {
            return false;
        }
        self.asked = Some((report.id, now));
        true
    }

    fn keep(&mut self, machine: MachineId, terminal: Terminal) {
        self.asked = None;
        self.kept.retain(|(known, _)| *known != machine);
        if self.kept.len() >= MAX_KEPT {
            self.kept.remove(0);
        }
        self.kept.push((machine, Arc::new(terminal)));
    }

    /// A machine's console, if it was opened.
    pub fn get(&self, machine: MachineId) -> Option<Arc<Terminal>> {
        let found = self.kept.iter().find(|(known, _)| *known == machine);
        found.map(|(_, terminal)| Arc::clone(terminal))
    }

    /// Whether a retry is due by the clock alone.
    pub fn waits(&self, wanted: Option<MachineId>) -> bool {
        wanted.is_some()
            && self
                .asked
                .is_some_and(|(machine, _)| wanted == Some(machine))
    }
}
