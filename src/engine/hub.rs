//! Who listens to the engine, and how news and answers reach them.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use crossbeam_channel::{Sender, TrySendError};

use super::chronicle::Chronicle;
use super::message::{Event, RequestId};
use crate::model::{Answer, Failure};

/// Names a listener while it is connected. The window of this process is [`WINDOW`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u64);

/// The window or agent that runs the engine in its own process.
pub const WINDOW: ListenerId = ListenerId(0);

/// Whom to answer, and to which request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    pub listener: ListenerId,
    pub request: RequestId,
}

impl Asker {
    /// For what is begun unasked: no request has this number.
    pub const NOBODY: Self = Self {
        listener: WINDOW,
        request: RequestId(0),
    };
}

/// One packet for a listener.
#[derive(Debug)]
pub struct Delivery {
    pub event: Event,
    pub fd: Option<OwnedFd>,
}

/// One who listens.
pub struct Listener {
    pub outbox: Sender<Delivery>,
    /// All events, or only answers to its own requests.
    pub events: bool,
    /// Called after each delivery.
    pub wake: Box<dyn Fn() + Send>,
}

/// All listeners.
#[derive(Default)]
pub struct Hub {
    listeners: BTreeMap<ListenerId, (Listener, Lag)>,
    /// All that is told passes here, so this is where it is written down.
    pub chronicle: Chronicle,
}

/// Whether a listener missed something and needs everything again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lag {
    UpToDate,
    Behind,
}

impl Hub {
    /// One that writes the app's log to `log`.
    pub fn writing(log: Option<&std::path::Path>) -> Self {
        Self {
            chronicle: Chronicle::open(log),
            ..Self::default()
        }
    }

    pub fn join(&mut self, id: ListenerId, listener: Listener) {
        self.listeners.insert(id, (listener, Lag::UpToDate));
    }

    pub fn leave(&mut self, id: ListenerId) {
        self.listeners.remove(&id);
    }

    /// Listeners beside the process's own.
    pub fn clients(&self) -> usize {
        self.listeners.keys().filter(|id| **id != WINDOW).count()
    }

    /// Tells everyone who wants events. Never blocks: who is full misses it and gets the whole
    /// state again later, see [`Self::take_behind`].
    pub fn publish(&mut self, event: &Event) {
        self.chronicle.event(event);
        for (listener, lag) in self.listeners.values_mut() {
            if listener.events && *lag == Lag::UpToDate {
                deliver(listener, lag, event.clone());
            }
        }
    }

    /// Tells everyone who wants events what may be missed, and wakes only those it is urgent for.
    pub fn whisper(&self, event: &Event, urgent: impl Fn(ListenerId) -> bool) {
        for (id, (listener, lag)) in &self.listeners {
            if !listener.events || *lag == Lag::Behind {
                continue;
            }
            let delivery = Delivery {
                event: event.clone(),
                fd: None,
            };
            if listener.outbox.try_send(delivery).is_ok() && urgent(*id) {
                (listener.wake)();
            }
        }
    }

    /// Tells one listener.
    pub fn tell(&mut self, id: ListenerId, event: Event) {
        if let Some((listener, lag)) = self.listeners.get_mut(&id) {
            deliver(listener, lag, event);
        }
    }

    /// Answers a request. A listener that does not even take its answers is let go.
    pub fn answer(&mut self, asker: Asker, result: Result<Answer, Failure>, fd: Option<OwnedFd>) {
        if let Err(failure) = &result {
            self.chronicle.failure(failure);
        }
        let Some((listener, lag)) = self.listeners.get_mut(&asker.listener) else {
            return; // It left; nobody waits.
        };
        let event = Event::Answer {
            request: asker.request,
            result,
        };
        match listener.outbox.try_send(Delivery { event, fd }) {
            Ok(()) => (listener.wake)(),
            // The window stays: it is told everything again once it has room.
            Err(_) if asker.listener == WINDOW => *lag = Lag::Behind,
            Err(_) => self.leave(asker.listener),
        }
    }

    /// The listeners that missed something and have room again.
    pub fn take_behind(&mut self) -> Vec<ListenerId> {
        self.listeners
            .iter_mut()
            .filter(|(_, (listener, lag))| *lag == Lag::Behind && listener.outbox.is_empty())
            .map(|(id, (_, lag))| {
                *lag = Lag::UpToDate;
                *id
            })
            .collect()
    }

    /// Whether someone missed something.
    pub fn someone_is_behind(&self) -> bool {
        self.listeners.values().any(|(_, lag)| *lag == Lag::Behind)
    }
}

fn deliver(listener: &Listener, lag: &mut Lag, event: Event) {
    match listener.outbox.try_send(Delivery { event, fd: None }) {
        Ok(()) => (listener.wake)(),
        Err(TrySendError::Full(_)) => *lag = Lag::Behind,
        Err(TrySendError::Disconnected(_)) => {} // Its thread is about to say that it left.
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::bounded;

    use super::*;
    use crate::model::{HostLoad, MachineId};

    fn listener(events: bool, room: usize) -> (Listener, crossbeam_channel::Receiver<Delivery>) {
        let (outbox, inbox) = bounded(room);
        let wake = Box::new(|| {});
        (
            Listener {
                outbox,
                events,
                wake,
            },
            inbox,
        )
    }

    #[test]
    fn a_listener_that_is_full_is_told_everything_again_later() {
        let mut hub = Hub::default();
        let (slow, inbox) = listener(true, 1);
        hub.join(ListenerId(1), slow);
        hub.publish(&Event::Load(HostLoad::default()));
        hub.publish(&Event::Gone(MachineId(uuid::Uuid::nil())));
        assert!(hub.someone_is_behind());
        assert_eq!(hub.take_behind(), []);
        inbox.recv().unwrap();
        assert_eq!(hub.take_behind(), [ListenerId(1)]);
        assert!(!hub.someone_is_behind());
    }

    #[test]
    fn a_whisper_wakes_nobody_and_makes_nobody_fall_behind() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicU32, Ordering};

        let mut hub = Hub::default();
        let woken = Arc::new(AtomicU32::new(0));
        let (mut window, inbox) = listener(true, 1);
        let counter = Arc::clone(&woken);
        window.wake = Box::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        hub.join(ListenerId(1), window);
        let event = Event::Sample {
            machine: MachineId(uuid::Uuid::nil()),
            sample: crate::model::Sample::default(),
        };
        hub.whisper(&event, |_| false);
        assert_eq!((inbox.len(), woken.load(Ordering::Relaxed)), (1, 0));
        hub.whisper(&event, |_| true);
        assert!(!hub.someone_is_behind(), "a full listener misses a sample");
        assert_eq!(woken.load(Ordering::Relaxed), 0);
        inbox.recv().unwrap();
        hub.whisper(&event, |id| id == ListenerId(1));
        assert_eq!((inbox.len(), woken.load(Ordering::Relaxed)), (1, 1));
    }

    #[test]
    fn answers_go_only_to_who_asked() {
        let mut hub = Hub::default();
        let (first, first_inbox) = listener(false, 4);
        let (second, second_inbox) = listener(false, 4);
        hub.join(ListenerId(1), first);
        hub.join(ListenerId(2), second);
        hub.publish(&Event::Raise);
        let asker = Asker {
            listener: ListenerId(2),
            request: RequestId(7),
        };
        hub.answer(asker, Ok(Answer::Done), None);
        assert!(first_inbox.is_empty());
        assert_eq!(second_inbox.len(), 1);
    }
}
