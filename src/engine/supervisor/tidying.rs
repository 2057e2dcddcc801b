//! What an earlier owner was killed at while it made machines of others, or removed them: it is tidied up and listed.

use std::path::{Path, PathBuf};

use super::Supervisor;
use crate::engine::hub::Asker;
use crate::engine::offspring;
use crate::library::NEW_PREFIX;
use crate::model::{Failure, MachineId, State};

impl Supervisor {
    /// Ends what an earlier owner was killed at while it handed a moment over.
    pub(super) fn settle_hand_overs(&mut self) {
        let machines: Vec<MachineId> = self.slots.keys().copied().collect();
        for machine in machines {
            for intent in self.library.left_intents(machine) {
                if let Some(own) = offspring::spent(&self.library, machine, &intent)
                    && let Err(failure) = self.try_record(own, offspring::give_up)
                {
                    self.hub.chronicle.failure(&failure);
                }
                offspring::settle_hand_over(&self.library, machine, &intent);
            }
        }
    }

    /// Says what the work left that an earlier owner was killed at, and that is gone.
    pub(super) fn swept(&mut self, gone: &[PathBuf]) {
        self.hub.chronicle.swept(gone);
        let count = gone.iter().filter(|path| is_unfinished(path)).count();
        if count > 0 {
            self.notice(Failure::new(
                "Unfinished machines or copies of disks were tidied up",
                format!("Orangery had ended while it made {count} of them"),
            ));
        }
    }

    /// Removes copies that an earlier owner was killed at, and says which.
    pub(super) fn tidy_copies(&mut self) {
        let (mut left, mut tries, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for (id, slot) in self.slots.iter().filter(|(_, slot)| !slot.has_worker()) {
            let Some(record) = &slot.machine else {
                continue;
            };
            let is_try = record.disposable && slot.live.state != State::Saved;
            if !record.is_unborn() && (record.trashed.is_some() || !is_try) {
                continue;
            }
            left.push(*id);
            if record.trashed.is_none() {
                let names = if record.is_unborn() {
                    &mut others
                } else {
                    &mut tries
                };
                names.push(format!("“{}”", slot.name));
            }
        }
        if !tries.is_empty() {
            self.notice(Failure::new(
                "Copies of which nothing was to be kept were tidied up",
                format!("{} had ended when Orangery was not there", tries.join(", ")),
            ));
        }
        if !others.is_empty() {
            self.notice(Failure::new(
                "Copies that were being made or removed were tidied up",
                format!("Orangery had ended meanwhile: {}", others.join(", ")),
            ));
        }
        if !left.is_empty() {
            self.remove_copies(left, Asker::NOBODY);
        }
    }
}

/// Whether the file or folder was being made, not removed.
fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(NEW_PREFIX) || name.ends_with(".partial")
}
