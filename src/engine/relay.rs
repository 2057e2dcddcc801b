//! What a window does between this computer's clipboard and a guest's. Pure: it is told what happens and says what to
//! do; the window's own clipboard, keys and clock are not here.
//!
//! ```text
//!  paste key ─▶ read ours ─▶ offer it to the guest ─▶ a moment ─▶ let the key go
//!  the guest copies ─▶ take it, or ask first ─▶ write ours
//! ```

use std::time::{Duration, Instant};

use super::message::Command;
use super::parcel::Parcel;
use crate::model::{
    Answer, Clip, ClipKind, Failure, GuestClip, MachineId, MachineReport, Share, Sharing,
};

/// Pasting waits no longer for the clipboard; then the key goes without it.
const PATIENCE: Duration = Duration::from_secs(2);

/// From the moment the guest's agent was told until its programs see the new clipboard.
const SETTLE: Duration = Duration::from_millis(120);

/// What the window has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Do {
    /// Read this computer's clipboard; the answer goes to [`Relay::ours`].
    Read,
    /// Write it.
    Write(Clip),
    Engine(Command),
    /// Let the keys go that were held back.
    LetKeysGo,
    /// Ask the user whether to take what was copied in the guest.
    Ask(ClipKind),
    /// The question no longer stands.
    Unask,
    /// The guest has our clipboard now, as was asked for by the menu.
    Given,
    Tell(Failure),
}

/// Why this computer's clipboard is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Keys wait for it.
    Paste,
    /// The user chose it in a menu.
    Menu,
    /// It goes to the guest whenever the window has the keyboard.
    Follow,
}

/// How far pasting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Reading(Why),
    Offering(Why),
    /// Until then the guest looks at what it was told.
    Settling(Instant),
}

/// The guest that the window shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Guest {
    machine: MachineId,
    sharing: Sharing,
    ready: bool,
    offers: Option<GuestClip>,
}

/// See the module's text.
#[derive(Default)]
pub struct Relay {
    focused: bool,
    guest: Option<Guest>,
    step: Option<(Step, Instant)>,
    /// What went over last, in either direction: it does not go back.
    last: Option<blake3::Hash>,
    asked: bool,
}

impl Relay {
    /// The guest whose screen the window shows.
    pub fn see(&mut self, report: Option<&MachineReport>, now: Instant) -> Vec<Do> {
        let guest = report.and_then(|report| {
            let agent = report.agent.as_ref()?;
            Some(Guest {
                machine: report.id,
                sharing: report.machine.as_ref()?.sharing,
                ready: agent.state.is_ready(),
                offers: agent.offers,
            })
        });
        if guest == self.guest {
            return Vec::new();
        }
        let before = std::mem::replace(&mut self.guest, guest);
        let same = |guest: &Guest| Some(guest.machine) == before.map(|guest| guest.machine);
        let mut todo = Vec::new();
        if guest.is_none_or(|guest| !same(&guest)) {
            todo.extend(self.break_off());
            self.last = None;
        }
        let Some(guest) = guest else {
            return todo;
        };
        let before = before.filter(|before| before.machine == guest.machine);
        let copied = guest
            .offers
            .filter(|_| before.is_some_and(|before| before.offers != guest.offers));
        if before.is_none_or(|before| before.offers != guest.offers) && self.asked {
            self.asked = false;
            todo.push(Do::Unask);
        }
        if let Some(copied) = copied.filter(|_| self.focused) {
            match guest.sharing.from_guest {
                Share::Off => {}
                Share::Ask => {
                    self.asked = true;
                    todo.push(Do::Ask(copied.kind));
                }
                Share::On => todo.extend(self.take()),
            }
        }
        let became_ready = guest.ready && before.is_none_or(|before| !before.ready);
        if became_ready {
            todo.extend(self.follow(now));
        }
        todo
    }

    /// The window got the keyboard of this computer, or lost it.
    pub fn focus(&mut self, focused: bool, now: Instant) -> Vec<Do> {
        if focused == self.focused {
            return Vec::new();
        }
        self.focused = focused;
        if focused {
            self.follow(now)
        } else {
            self.break_off()
        }
    }

    /// Whether keys that paste have to be held back.
    pub fn wants_paste(&self) -> bool {
        let wants = |guest: &Guest| guest.ready && guest.sharing.to_guest != Share::Off;
        self.focused && self.guest.as_ref().is_some_and(wants)
    }

    /// Keys that paste are held back.
    pub fn paste(&mut self, now: Instant) -> Vec<Do> {
        if !self.wants_paste() {
            return vec![Do::LetKeysGo];
        }
        self.read(Why::Paste, now)
    }

    /// The user wants the guest to have our clipboard.
    pub fn give(&mut self, now: Instant) -> Vec<Do> {
        self.read(Why::Menu, now)
    }

    /// The user wants what was copied in the guest.
    pub fn take(&mut self) -> Vec<Do> {
        let unask = std::mem::take(&mut self.asked).then_some(Do::Unask);
        let take = self.guest.map(|guest| {
            Do::Engine(Command::TakeClipboard {
                machine: guest.machine,
            })
        });
        unask.into_iter().chain(take).collect()
    }

    fn follow(&mut self, now: Instant) -> Vec<Do> {
        let wanted = self
            .guest
            .is_some_and(|guest| guest.ready && guest.sharing.to_guest == Share::On);
        if self.focused && wanted && self.step.is_none() {
            self.read(Why::Follow, now)
        } else {
            Vec::new()
        }
    }

    fn read(&mut self, why: Why, now: Instant) -> Vec<Do> {
        let begun = self.step.replace((Step::Reading(why), now + PATIENCE));
        match begun {
            Some((Step::Reading(_), _)) => Vec::new(), // One reading serves both.
            _ => vec![Do::Read],
        }
    }

    /// This computer's clipboard, or why it could not be read; `None` if it is empty.
    pub fn ours(&mut self, read: Result<Option<Clip>, String>) -> Vec<Do> {
        let Some((Step::Reading(why), until)) = self.step else {
            return Vec::new(); // It took too long; the key has gone.
        };
        self.step = None;
        let Some(guest) = self.guest else {
            return vec![Do::LetKeysGo];
        };
        let clip = match read {
            Ok(Some(clip)) => clip,
            Ok(None) => return self.without(why, "This computer's clipboard is empty"),
            Err(error) => return self.without(why, &error),
        };
        let hash = blake3::hash(&clip.bytes);
        if why == Why::Follow && self.last == Some(hash) {
            return Vec::new();
        }
        let content = match Parcel::of(&clip.bytes) {
            Ok(content) => content,
            Err(error) => return self.without(why, &error.to_string()),
        };
        self.last = Some(hash);
        self.step = Some((Step::Offering(why), until));
        vec![Do::Engine(Command::OfferClipboard {
            machine: guest.machine,
            kind: clip.kind,
            content,
        })]
    }

    /// This computer's clipboard takes no more requests: what waited for it goes on.
    pub fn busy(&mut self) -> Vec<Do> {
        self.ours(Err("This computer's clipboard does not answer".to_owned()))
    }

    /// Whether what was copied in the guest came into this computer's clipboard.
    pub fn written(&self, written: Result<(), String>) -> Vec<Do> {
        let told = |why| {
            Do::Tell(Failure::new(
                "The guest's clipboard was not taken over",
                why,
            ))
        };
        written.err().map(told).into_iter().collect()
    }

    /// Nothing goes over: a paste goes on with what the guest has.
    fn without(&self, why: Why, reason: &str) -> Vec<Do> {
        let told = (why == Why::Menu).then(|| {
            Do::Tell(Failure::new(
                "The guest did not get the clipboard",
                reason.to_owned(),
            ))
        });
        std::iter::once(Do::LetKeysGo).chain(told).collect()
    }

    /// The engine's answer to [`Command::OfferClipboard`].
    pub fn offered(&mut self, answer: Result<Answer, Failure>, now: Instant) -> Vec<Do> {
        let why = match self.step {
            Some((Step::Offering(why), _)) => why,
            // Nothing waits for it any more.
            _ => return answer.err().map(Do::Tell).into_iter().collect(),
        };
        self.step = None;
        match (answer, why) {
            (Err(failure), Why::Follow) => {
                drop(failure); // Nobody asked; the state says why.
                Vec::new()
            }
            (Err(failure), _) => vec![Do::LetKeysGo, Do::Tell(failure)],
            (Ok(_), Why::Menu) => vec![Do::Given],
            (Ok(_), Why::Follow) => Vec::new(),
            (Ok(Answer::Unchanged), Why::Paste) => vec![Do::LetKeysGo],
            (Ok(_), Why::Paste) => {
                let until = now + SETTLE;
                self.step = Some((Step::Settling(until), until));
                Vec::new()
            }
        }
    }

    /// The engine's answer to [`Command::TakeClipboard`].
    pub fn taken(&mut self, clip: Result<Clip, Failure>) -> Vec<Do> {
        match clip {
            Ok(clip) => {
                self.last = Some(blake3::hash(&clip.bytes));
                vec![Do::Write(clip)]
            }
            Err(failure) => vec![Do::Tell(failure)],
        }
    }

    /// When [`Self::tick`] has something to do.
    pub fn due(&self) -> Option<Instant> {
        self.step.map(|(_, until)| until)
    }

    pub fn tick(&mut self, now: Instant) -> Vec<Do> {
        match self.step {
            Some((_, until)) if until <= now => self.break_off(),
            _ => Vec::new(),
        }
    }

    /// Whatever waits goes on without the clipboard.
    fn break_off(&mut self) -> Vec<Do> {
        let waits = self.step.take().is_some();
        waits.then_some(Do::LetKeysGo).into_iter().collect()
    }
}

#[cfg(test)]
mod tests;
