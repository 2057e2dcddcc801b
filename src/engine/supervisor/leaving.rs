//! The beginning and the end of an owner: settling in, ending when idle, letting the library go.

use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::{Message, Next, Slot, Supervisor};
use crate::engine::hub::{Asker, WINDOW};
use crate::engine::message::Event;
use crate::model::Failure;

/// An agent with nothing to do ends after this long.
pub(super) const AGENT_IDLE: Duration = Duration::from_secs(30);

/// How long a new owner looks at what runs before it serves anyone.
const SETTLE: Duration = Duration::from_secs(3);

/// Messages that wait for that; more than clients can send in the time.
const MAX_LATER: usize = 4096;

/// How long saves and other jobs may take when the library changes hands.
const LET_GO: Duration = Duration::from_secs(150);

impl Supervisor {
    /// An agent ends when nothing runs, nobody is connected and no job is under way.
    pub(super) fn end_if_idle(&mut self, now: Instant) -> Next {
        let busy = self.window
            || self.hub.clients() > 0
            || self.slots.values().any(Slot::has_worker)
            || self.jobs_running()
            || self.trash.is_looking();
        if busy {
            self.idle_since = None;
            return Next::Go;
        }
        let since = *self.idle_since.get_or_insert(now);
        if now.duration_since(since) >= AGENT_IDLE {
            Next::End
        } else {
            Next::Go
        }
    }

    /// Waits until adopted machines were looked at, so that nobody is told guesses. What clients ask meanwhile is
    /// given back.
    pub(super) fn settle(&mut self, inbox: &Receiver<Message>) -> Vec<Message> {
        let deadline = Instant::now() + SETTLE;
        let mut later = Vec::new(); // As long as the inbox at most.
        while self.slots.values().any(|slot| slot.adopting) && later.len() < MAX_LATER {
            match inbox.recv_deadline(deadline) {
                Ok(
                    message @ (Message::Joined(..) | Message::Left(_) | Message::Request { .. }),
                ) => {
                    later.push(message);
                }
                Ok(message) => {
                    self.handle(message);
                }
                Err(_) => break, // One does not answer; the others need not wait for it.
            }
        }
        later
    }

    /// Lets the library go: workers end, machines run on. Saves and other jobs come to their end first.
    pub(super) fn let_go(mut self, inbox: &Receiver<Message>) {
        self.control = None; // No new clients.
        self.leaving = true;
        self.give_up_waiting();
        for slot in self.slots.values_mut() {
            slot.release_worker();
        }
        let deadline = Instant::now() + LET_GO;
        // Workers may still wait for a record to be written; they get it until all have ended.
        while self.slots.values().any(Slot::has_worker) || self.jobs_running() {
            match inbox.recv_deadline(deadline) {
                Ok(Message::Joined(..)) => {}
                Ok(Message::Request { listener, id, .. }) => {
                    let asker = Asker {
                        listener,
                        request: id,
                    };
                    let failure = Failure::new("That was not done", "The library changes hands")
                        .fix("Try again in a moment");
                    self.hub.answer(asker, Err(failure), None);
                }
                Ok(message) => {
                    self.handle(message);
                }
                Err(_) => break, // Stuck; the process ends and the next owner adopts.
            }
        }
        self.hub.tell(WINDOW, Event::HandedOver);
    }
}
