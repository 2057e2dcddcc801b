//! Looking at a machine's timeline, on a thread of its own, once for all who ask meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::commands::busy;
use super::{Message, Supervisor};
use crate::engine::hub::Asker;
use crate::engine::message::Event;
use crate::engine::timeline;
use crate::model::{Answer, Failure, MachineId, Timeline};

/// Machines whose timelines were asked for.
pub(super) type Timelines = BTreeMap<MachineId, Look>;

/// Someone looks at a machine's snapshots on a thread of its own.
#[derive(Default)]
pub(super) struct Look {
    looking: bool,
    /// Something changed since the look under way began.
    again: bool,
    /// Answered by the next look.
    askers: Vec<Asker>,
    seen: Option<Box<Timeline>>,
}

impl Supervisor {
    pub(super) fn show_timeline(&mut self, asker: Asker, machine: MachineId) {
        if self
            .slots
            .get(&machine)
            .is_none_or(|slot| slot.machine.is_none())
        {
            let failure = Failure::new("There is no timeline", "The machine can't be read");
            return self.hub.answer(asker, Err(failure), None);
        }
        self.timelines
            .entry(machine)
            .or_default()
            .askers
            .push(asker);
        self.look_at_timeline(machine);
    }

    /// Those who asked for it once are told what it holds now.
    ///
    /// Where checkpoints are taken, someone looks anyway: old ones are let go then.
    pub(super) fn timeline_changed(&mut self, machine: MachineId) {
        let record = self
            .slots
            .get(&machine)
            .and_then(|slot| slot.machine.as_ref());
        if record.is_some_and(|record| !record.checkpoints.is_off()) {
            self.timelines.entry(machine).or_default();
        }
        if self.timelines.contains_key(&machine) {
            self.look_at_timeline(machine);
        }
        self.labs_changed();
    }

    fn look_at_timeline(&mut self, machine: MachineId) {
        let record = self
            .slots
            .get(&machine)
            .and_then(|slot| slot.machine.clone());
        let (Some(record), Some(look)) = (record, self.timelines.get_mut(&machine)) else {
            return;
        };
        if look.looking {
            look.again = true;
            return;
        }
        look.again = false;
        let askers = std::mem::take(&mut look.askers);
        let (library, sender) = (Arc::clone(&self.library), self.sender.clone());
        let refused = askers.clone();
        let thread = std::thread::Builder::new().name("timeline".to_owned());
        let looking = thread.spawn(move || {
            let timeline = Box::new(timeline::timeline(&library, &record));
            let seen = Message::TimelineSeen {
                machine,
                timeline,
                askers,
            };
            sender.send(seen).ok(); // A supervisor that is gone does not take it.
        });
        match looking {
            Ok(_thread) => look.looking = true,
            Err(_) => {
                for asker in refused {
                    self.hub.answer(asker, Err(busy()), None);
                }
            }
        }
    }

    pub(super) fn timeline_seen(
        &mut self,
        machine: MachineId,
        timeline: Box<Timeline>,
        askers: Vec<Asker>,
    ) {
        let Some(look) = self.timelines.get_mut(&machine) else {
            return;
        };
        look.looking = false;
        let again = look.again || !look.askers.is_empty();
        let is_news = look.seen.as_ref() != Some(&timeline);
        if is_news {
            look.seen = Some(timeline.clone());
        }
        if is_news || !askers.is_empty() {
            self.hub.publish(&Event::Timeline {
                machine,
                timeline: timeline.clone(),
            });
        }
        for asker in askers {
            let answer = Answer::Timeline((*timeline).clone());
            self.hub.answer(asker, Ok(answer), None);
        }
        if again {
            self.look_at_timeline(machine);
        } else if is_news {
            self.thin(machine, &timeline);
        }
    }
}
