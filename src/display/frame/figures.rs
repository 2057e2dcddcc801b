//! Frame and latency figures of one window: how often the guest changes its picture, how often the window shows it,
//! and how long a key takes to become a pixel.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Rates are counted over this long.
const SPAN: Duration = Duration::from_secs(1);
/// The median of this many keys is told.
const KEYS: usize = 15;
/// A picture that comes later has nothing to do with the key.
const MAX_DELAY: Duration = Duration::from_millis(500);

/// What there is to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// New pictures of the guest shown, per second.
    pub shown: f64,
    /// Changes of the picture that the guest's machine told of, per second.
    pub updates: f64,
    /// From sending a key to showing the next change, the median of the last keys. An estimate: a guest that changes
    /// its picture all the time makes it too small.
    pub key_to_pixel: Option<Duration>,
}

/// Counts for one window.
#[derive(Debug)]
struct Counts {
    since: Instant,
    shown: u32,
    /// The machine's count at `since`.
    updates: u64,
    key_sent: Option<Instant>,
    delays: VecDeque<Duration>,
    last: Reading,
}

/// Cloning shares the counts: several threads may show pictures.
#[derive(Clone, Debug)]
pub struct Figures(Arc<Mutex<Counts>>);

impl Figures {
    pub fn new(now: Instant) -> Self {
        Self(Arc::new(Mutex::new(Counts {
            since: now,
            shown: 0,
            updates: 0,
            key_sent: None,
            delays: VecDeque::new(),
            last: Reading::default(),
        })))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A key press went to the guest.
    pub fn key_sent(&self, now: Instant) {
        self.counts().key_sent = Some(now);
    }

    /// The window showed something new of the guest.
    pub fn shown(&self, now: Instant) {
        let mut counts = self.counts();
        counts.shown += 1;
        if let Some(sent) = counts.key_sent.take() {
            let delay = now.duration_since(sent);
            if delay <= MAX_DELAY {
                counts.delays.truncate(KEYS - 1);
                counts.delays.push_front(delay);
            }
        }
    }

    /// When [`Self::read`] has something new.
    pub fn due(&self) -> Instant {
        self.counts().since + SPAN
    }

    /// The figures of the last whole second. `updates` is the machine's count of changes.
    pub fn read(&self, now: Instant, updates: u64) -> Reading {
        let mut counts = self.counts();
        let passed = now.duration_since(counts.since);
        if passed >= SPAN {
            let rate = |count: f64| count / passed.as_secs_f64();
            counts.last = Reading {
                shown: rate(f64::from(counts.shown)),
                updates: rate(updates.saturating_sub(counts.updates) as f64),
                key_to_pixel: counts.median(),
            };
            (counts.since, counts.shown, counts.updates) = (now, 0, updates);
        }
        counts.last
    }
}

impl Counts {
    fn median(&self) -> Option<Duration> {
        let mut delays: Vec<Duration> = self.delays.iter().copied().collect();
        delays.sort();
        delays.get(delays.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_second_and_a_slow_picture_is_not_the_keys() {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let figures = Figures::new(start);
        for (key, picture) in [(0, 10), (100, 130), (200, 220), (300, 900)] {
            figures.key_sent(at(key));
            figures.shown(at(picture));
        }
        assert_eq!(figures.read(at(950), 5), Reading::default());
        let reading = figures.read(at(2_000), 120);
        assert_eq!((reading.shown, reading.updates), (2.0, 60.0));
        assert_eq!(reading.key_to_pixel, Some(Duration::from_millis(20)));
        let still = figures.read(at(3_000), 120);
        assert_eq!((still.shown, still.updates), (0.0, 0.0));
        assert_eq!(still.key_to_pixel, reading.key_to_pixel);
    }
}
