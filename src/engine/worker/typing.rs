//! A text on its way into the guest: one chord at a time, between the worker's other work.

use std::time::{Duration, Instant};

use super::Worker;
use crate::display::keys::{self, KeyCode, Layout};
use crate::engine::hub::Asker;
use crate::engine::jobs::Job;
use crate::model::{Answer, Failure, State, Typing};

/// How much longer everything takes where the guest loses keys.
const SLOWER: u32 = 4;

/// What is being typed, and who waits for it.
pub(super) struct UnderWay {
    chords: Vec<Vec<KeyCode>>,
    /// As many are typed.
    done: usize,
    pace: Duration,
    next: Instant,
    /// Caps lock was switched off and comes on again.
    caps_lock: bool,
    job: Job,
    asker: Asker,
}

impl UnderWay {
    fn end(self, result: Result<(), Failure>) -> (Asker, Result<Answer, Failure>) {
        self.job.end(result.clone());
        (self.asker, result.map(|()| Answer::Done))
    }
}

impl Worker {
    /// Begins to type, or says why not; nothing is typed of a text that can't be typed whole.
    pub(super) fn type_text(&mut self, typing: &Typing, job: Job, asker: Asker) {
        let chords = self.chords_of(typing);
        let chords = match chords {
            Ok(chords) => chords,
            Err(failure) => {
                job.end(Err(failure.clone()));
                return self.post.answer(asker, Err(failure));
            }
        };
        let slower = if typing.slow { SLOWER } else { 1 };
        let pace = self.pace() * slower;
        if typing.caps_lock {
            self.strike(&[KeyCode::CAPS_LOCK], pace).ok(); // A monitor that is gone fails below.
        }
        self.typing = Some(UnderWay {
            chords,
            done: 0,
            pace,
            next: Instant::now() + pace,
            caps_lock: typing.caps_lock,
            job,
            asker,
        });
    }

    fn chords_of(&self, typing: &Typing) -> Result<Vec<Vec<KeyCode>>, Failure> {
        let refuse = |why: String| Failure::new("The text was not typed", why);
        if self.typing.is_some() {
            let why = format!("Another text is being typed into {}", self.post.name);
            return Err(refuse(why).fix("Wait for it, or cancel it in the list of jobs"));
        }
        if self.live.state != State::Running {
            let why = format!("{} is not running", self.post.name);
            return Err(refuse(why).fix("Resume it first"));
        }
        let usual = Layout::of_environment();
        let wanted = [typing.layout.as_str(), usual.id];
        let wanted = wanted.into_iter().find(|id| !id.is_empty());
        let layout = wanted.and_then(Layout::find).ok_or_else(|| {
            let known: Vec<&str> = Layout::all().iter().map(|layout| layout.id).collect();
            refuse(format!("There is no keyboard layout “{}”", typing.layout))
                .fix(format!("Use one of {}", known.join(", ")))
        })?;
        let mut chords = keys::type_text(layout, &typing.text)
            .map_err(|error| refuse(error.to_string()).fix("Use the guest's clipboard for it"))?;
        if typing.enter {
            chords.push(vec![KeyCode::ENTER]);
        }
        Ok(chords)
    }

    /// When the next key is due.
    pub(super) fn typing_due(&self) -> Option<Instant> {
        self.typing.as_ref().map(|typing| typing.next)
    }

    /// Types one chord if its time has come.
    pub(super) fn type_if_due(&mut self) {
        let running = self.live.state == State::Running;
        let Some(typing) = self.typing.as_mut() else {
            return;
        };
        if Instant::now() < typing.next {
            return;
        }
        let (done, of) = (typing.done, typing.chords.len());
        if typing.job.progress("", done as u64, of as u64).is_err() {
            return self.end_typing("You stopped it");
        }
        if !running {
            return self.end_typing("The machine does not run any more");
        }
        let Some(chord) = typing.chords.get(done).cloned() else {
            return self.typed_all();
        };
        let pace = typing.pace;
        typing.done += 1;
        let struck = self.strike(&chord, pace);
        if let Some(typing) = self.typing.as_mut() {
            typing.next = Instant::now() + pace;
        }
        if let Err(failure) = struck {
            self.end_typing(&failure.why);
        }
    }

    fn typed_all(&mut self) {
        if let Some(typing) = self.typing.take() {
            self.restore_caps_lock(&typing);
            let (asker, answer) = typing.end(Ok(()));
            self.post.answer(asker, answer);
        }
    }

    /// Ends what is being typed, if anything is.
    pub(super) fn end_typing(&mut self, why: &str) {
        if let Some(typing) = self.typing.take() {
            self.restore_caps_lock(&typing);
            let (done, of) = (typing.done, typing.chords.len());
            let why = format!("{why}; {done} of {of} keystrokes reached the guest");
            let failure = Failure::new("The text was not typed to its end", why);
            let (asker, answer) = typing.end(Err(failure));
            self.post.answer(asker, answer);
        }
    }

    fn restore_caps_lock(&self, typing: &UnderWay) {
        if typing.caps_lock {
            self.strike(&[KeyCode::CAPS_LOCK], typing.pace).ok(); // Nobody to type for then.
        }
    }
}
