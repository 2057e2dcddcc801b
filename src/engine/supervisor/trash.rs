//! The trash as the supervisor knows it. Looking reads every record of the library, so a thread
//! of its own looks, once for all who ask meanwhile.

use std::sync::Arc;

use super::{Message, Supervisor};
use crate::engine::hub::Asker;
use crate::engine::message::Event;
use crate::model::{Answer, MachineId, TrashReport};

/// What is known, and who waits for news of it.
#[derive(Default)]
pub(super) struct Trash {
    /// What the last look saw.
    seen: Option<TrashReport>,
    looking: bool,
    /// Something changed since the look under way began.
    again: bool,
    /// Answered by the look under way, and by the one after it.
    askers: Vec<Asker>,
    next_askers: Vec<Asker>,
}

impl Trash {
    pub(super) fn seen(&self) -> Option<&TrashReport> {
        self.seen.as_ref()
    }

    pub(super) fn is_looking(&self) -> bool {
        self.looking
    }
}

impl Supervisor {
    /// A machine's folder is gone.
    pub(super) fn removed(&mut self, machine: MachineId) {
        self.timelines.remove(&machine);
        let gone = self.slots.remove(&machine);
        let descent = gone.and_then(|slot| slot.machine?.descent);
        if let Some(descent) = descent {
            self.unburdened(descent.from);
        }
        self.labs_changed();
        self.hub.publish(&Event::Gone(machine));
        self.look_at_trash();
    }

    /// Answers with what lies in the trash now.
    pub(super) fn show_trash(&mut self, asker: Asker) {
        if self.trash.looking {
            self.trash.next_askers.push(asker);
        } else {
            self.trash.askers.push(asker);
        }
        self.look_at_trash();
    }

    /// Has someone look what lies in the trash, and tells everyone.
    pub(super) fn look_at_trash(&mut self) {
        if self.trash.looking {
            self.trash.again = true;
            return;
        }
        if self.slots.values().all(|slot| slot.trashed().is_none()) {
            self.trash_seen(TrashReport::default());
            return;
        }
        let (library, sender) = (Arc::clone(&self.library), self.sender.clone());
        // It ends with its message; a supervisor that is gone does not take it.
        let looking = std::thread::Builder::new()
            .name("trash".to_owned())
            .spawn(move || {
                let report = library.trash().unwrap_or_default(); // An unreadable library was already told.
                sender.send(Message::TrashSeen(report)).ok();
            });
        match looking {
            Ok(_thread) => self.trash.looking = true,
            Err(_) => self.trash_seen(TrashReport::default()),
        }
    }

    pub(super) fn trash_seen(&mut self, report: TrashReport) {
        self.trash.looking = false;
        for asker in std::mem::take(&mut self.trash.askers) {
            let answer = Answer::Trash(report.clone());
            self.hub.answer(asker, Ok(answer), None);
        }
        if self.trash.seen.as_ref() != Some(&report) {
            self.hub.publish(&Event::Trash(report.clone()));
            self.trash.seen = Some(report);
        }
        self.trash.askers = std::mem::take(&mut self.trash.next_askers);
        if std::mem::take(&mut self.trash.again) || !self.trash.askers.is_empty() {
            self.look_at_trash();
        }
    }
}
