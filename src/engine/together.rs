//! Where threads wait for one another, so that several machines do something at one moment: all stop, all are taken, all
//! go on.
//!
//! ```text
//!  web   copy ──┐ ready ┐ stop ──┐ stopped ┐ take ──┐ taken ┐ go on
//!  db    copy ──┤       ├ stop ──┤         ├ take ──┤       ├ go on
//!  mail  copy ──┘       ┘ stop ──┘         ┘ take ──┘       ┘ go on
//! ```
//!
//! One that fails, dies or waits too long breaks it off for all: nobody waits for ever.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::Failure;

/// Where all meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// Most of the memory is copied, while the guests run.
    Copied,
    /// All that can be done before the stop, or before a guest is let go, is done.
    Ready,
    /// No guest runs.
    Stopped,
    /// All that a guest would change is kept.
    Taken,
}

const MEETINGS: usize = 4;

/// How long one that arrived waits for the others while guests stand still. Each of their steps has a deadline of its own;
/// this is for what nobody thought of.
const STILL_PATIENCE: Duration = Duration::from_secs(90);

#[derive(Debug)]
struct State {
    arrived: [usize; MEETINGS],
    broken: Option<Failure>,
}

/// What several threads do together.
#[derive(Debug)]
pub struct Together {
    members: usize,
    state: Mutex<State>,
    news: Condvar,
}

impl Together {
    /// For so many members; each has to be given away.
    pub fn new(members: usize) -> (Arc<Self>, Vec<Member>) {
        let together = Arc::new(Self {
            members,
            state: Mutex::new(State {
                arrived: [0; MEETINGS],
                broken: None,
            }),
            news: Condvar::new(),
        });
        let member = || Member {
            together: Arc::clone(&together),
            has_ended: false,
        };
        let all = std::iter::repeat_with(member).take(members).collect();
        (together, all)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody waits any more; the first reason counts.
    pub fn break_off(&self, why: Failure) {
        self.state().broken.get_or_insert(why);
        self.news.notify_all();
    }

    /// Why it was broken off, if it was.
    pub fn broken(&self) -> Option<Failure> {
        self.state().broken.clone()
    }
}

/// One who meets the others. Dropped before [`Self::end`], it breaks all off.
#[derive(Debug)]
pub struct Member {
    together: Arc<Together>,
    has_ended: bool,
}

impl Member {
    /// Waits until all are here, for ever where guests run meanwhile.
    ///
    /// # Errors
    /// Why there will be no meeting.
    pub fn meet(&self, meeting: Meeting) -> Result<(), Failure> {
        let deadline = match meeting {
            Meeting::Copied | Meeting::Ready => None,
            Meeting::Stopped | Meeting::Taken => Some(Instant::now() + STILL_PATIENCE),
        };
        let together = &self.together;
        let mut state = together.state();
        // Who comes after it was broken off finds nobody, also as the last.
        if let Some(why) = &state.broken {
            return Err(why.clone());
        }
        state.arrived[meeting as usize] += 1;
        together.news.notify_all();
        loop {
            // All who came in time go on together, whatever happens to one of them afterwards.
            if state.arrived[meeting as usize] >= together.members {
                return Ok(());
            }
            if let Some(why) = &state.broken {
                return Err(why.clone());
            }
            let patience = deadline.map_or(STILL_PATIENCE, |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            if patience.is_zero() {
                let why = Failure::new(
                    "Not taken together",
                    "One machine took too long to stand still",
                );
                state.broken = Some(why.clone());
                together.news.notify_all();
                return Err(why);
            }
            let waited = together.news.wait_timeout(state, patience);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether all were there.
    ///
    /// # Errors
    /// Why they were not.
    pub fn has_met(&self, meeting: Meeting) -> Result<(), Failure> {
        let state = self.together.state();
        if state.arrived[meeting as usize] >= self.together.members {
            return Ok(());
        }
        let unknown = || Failure::new("Not done together", "The others are not there yet");
        Err(state.broken.clone().unwrap_or_else(unknown))
    }

    /// It could not do its part: nobody waits any more.
    pub fn fail(mut self, why: Failure) {
        self.has_ended = true;
        self.together.break_off(why);
    }

    /// Its part is done.
    pub fn end(mut self) {
        self.has_ended = true;
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if !self.has_ended {
            let why = "One machine could not do its part";
            self.together
                .break_off(Failure::new("Not done together", why));
        }
    }
}

/// Does `go` together with the others, if there are any; without them, if they can't.
pub fn let_go<E>(gate: Option<Member>, go: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
    let Some(gate) = gate else { return go() };
    gate.meet(Meeting::Ready).ok(); // What keeps the others from it is told by them.
    go()?;
    gate.end();
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const ALL: [Meeting; MEETINGS] = [
        Meeting::Copied,
        Meeting::Ready,
        Meeting::Stopped,
        Meeting::Taken,
    ];

    #[test]
    fn nobody_is_past_a_meeting_before_all_are_there() {
        for _ in 0..50 {
            let (together, members) = Together::new(3);
            let arrived: [AtomicUsize; MEETINGS] = Default::default();
            std::thread::scope(|scope| {
                for member in members {
                    scope.spawn(|| {
                        let member = member;
                        for meeting in ALL {
                            arrived[meeting as usize].fetch_add(1, Ordering::SeqCst);
                            member.meet(meeting).unwrap();
                            assert_eq!(arrived[meeting as usize].load(Ordering::SeqCst), 3);
                        }
                        member.end();
                    });
                }
            });
            assert_eq!(together.broken(), None);
        }
    }

    #[test]
    fn one_that_dies_lets_all_go_and_the_first_reason_counts() {
        let (together, mut members) = Together::new(3);
        let (first, second, third) = (members.remove(0), members.remove(0), members.remove(0));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(move || first.meet(Meeting::Stopped));
            second.fail(Failure::new("db", "its disk is full"));
            drop(third);
            assert_eq!(waiting.join().unwrap().unwrap_err().why, "its disk is full");
        });
        assert_eq!(together.broken().unwrap().what, "db");
    }

    #[test]
    fn a_member_that_is_lost_breaks_it_off() {
        let (together, members) = Together::new(2);
        drop(members);
        assert!(together.broken().is_some());
    }
}
