//! What a running machine did in the last five minutes, as rates that can be drawn.

use std::collections::{BTreeMap, VecDeque};

use crate::model::{ByteSize, Sample, Traffic};

/// How far back graphs go, in milliseconds.
pub const SPAN_MS: u64 = 5 * 60 * 1000;

/// Points of one machine. One a second fills the time; an engine gone wild must not fill memory.
const MAX_POINTS: usize = 400;

/// Between samples further apart nothing is known, in milliseconds: rows are measured every 5 seconds.
pub const GAP_MS: u64 = 12_000;

/// Network cards of one machine that are drawn.
const MAX_NICS: usize = 16;

/// One moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// Milliseconds since the machine's QEMU started.
    pub at_ms: u64,
    /// In shares of one processor.
    pub cpu: f32,
    /// The same for each; empty where that is not known.
    pub cpus: Vec<f32>,
    pub resident: ByteSize,
    pub guest_used: Option<ByteSize>,
    pub disk: Option<Rates>,
    pub nics: BTreeMap<String, Rates>,
}

/// Bytes a second in both directions, as the guest sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Read, or received.
    pub from: f64,
    /// Written, or sent.
    pub to: f64,
}

/// The last minutes of one machine.
#[derive(Debug, Default)]
pub struct History {
    points: VecDeque<Point>,
    last: Option<Sample>,
}

impl History {
    /// Takes in a measurement. One from before the last belongs to an earlier life of the machine's.
    pub fn add(&mut self, mut sample: Sample) {
        if self
            .last
            .as_ref()
            .is_some_and(|last| sample.at_ms <= last.at_ms)
        {
            self.points.clear();
            self.last = None;
        }
        while sample.nics.len() > MAX_NICS {
            sample.nics.pop_last();
        }
        let point = point(self.last.as_ref(), &sample);
        let oldest = sample.at_ms.saturating_sub(SPAN_MS);
        self.points.push_back(point);
        while self.points.len() > MAX_POINTS
            || self
                .points
                .front()
                .is_some_and(|first| first.at_ms < oldest)
        {
            self.points.pop_front();
        }
        self.last = Some(sample);
    }

    /// Oldest first.
    pub fn points(&self) -> impl DoubleEndedIterator<Item = &Point> + ExactSizeIterator {
        self.points.iter()
    }

    pub fn newest(&self) -> Option<&Point> {
        self.points.back()
    }

    /// Why a network card's bytes are not known.
    pub fn uncounted(&self, nic: &str) -> Option<&str> {
        let last = self.last.as_ref()?;
        last.uncounted.get(nic).map(String::as_str)
    }
}

fn point(last: Option<&Sample>, sample: &Sample) -> Point {
    let span = last.map_or(u64::MAX, |last| sample.at_ms.saturating_sub(last.at_ms));
    let last = last.filter(|_| span > 0 && span <= GAP_MS);
    let rates = |then: Option<&Traffic>, now: &Traffic| rates(then?, now, span);
    let sane = |share: f32| {
        if share.is_finite() {
            share.max(0.0)
        } else {
            0.0
        }
    };
    Point {
        at_ms: sample.at_ms,
        cpu: sane(sample.cpu),
        cpus: sample.cpus.iter().copied().map(sane).collect(),
        resident: sample.resident,
        guest_used: sample.guest_used,
        disk: sample
            .disk
            .as_ref()
            .and_then(|now| rates(last?.disk.as_ref(), now)),
        nics: sample
            .nics
            .iter()
            .filter_map(|(id, now)| Some((id.clone(), rates(last?.nics.get(id), now)?)))
            .collect(),
    }
}

/// `None` where a counter began anew.
fn rates(then: &Traffic, now: &Traffic, span_ms: u64) -> Option<Rates> {
    let rate = |then: u64, now: u64| {
        let bytes = now.checked_sub(then)?;
        Some(bytes as f64 * 1000.0 / span_ms as f64)
    };
    Some(Rates {
        from: rate(then.from, now.from)?,
        to: rate(then.to, now.to)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at_ms: u64, read: u64, received: u64) -> Sample {
        Sample {
            at_ms,
            cpu: 0.5,
            disk: Some(Traffic { from: read, to: 0 }),
            nics: BTreeMap::from([(
                "nic0".to_owned(),
                Traffic {
                    from: received,
                    to: 1,
                },
            )]),
            ..Sample::default()
        }
    }

    #[test]
    fn counters_become_bytes_a_second() {
        let mut history = History::default();
        history.add(sample(1000, 0, 0));
        history.add(sample(3000, 4096, 100));
        let newest = history.newest().unwrap();
        assert_eq!(newest.disk.map(|rates| rates.from), Some(2048.0));
        assert_eq!(newest.nics["nic0"].from, 50.0);
        assert_eq!(history.points().next().and_then(|first| first.disk), None);
    }

    #[test]
    fn a_counter_that_began_anew_and_a_long_pause_make_no_rate() {
        let mut history = History::default();
        history.add(sample(1000, 4096, 100));
        history.add(sample(2000, 100, 100));
        assert_eq!(history.newest().unwrap().disk, None);
        assert_eq!(history.newest().unwrap().nics["nic0"].from, 0.0);
        history.add(sample(2000 + GAP_MS + 1, 8192, 100));
        assert_eq!(history.newest().unwrap().disk, None);
    }

    #[test]
    fn it_goes_five_minutes_back_whatever_the_pace() {
        let mut history = History::default();
        for second in 0..1000 {
            history.add(sample(1000 + second * 1000, 0, 0));
        }
        assert_eq!(history.points().len(), 301);
        for number in 0..5000 {
            history.add(sample(2_000_000 + number, 0, 0));
        }
        assert_eq!(history.points().len(), MAX_POINTS);
    }

    #[test]
    fn a_machine_that_was_started_again_has_no_past() {
        let mut history = History::default();
        history.add(sample(500_000, 0, 0));
        history.add(sample(1000, 0, 0));
        assert_eq!(history.points().len(), 1);
    }

    #[test]
    fn nonsense_is_not_drawn() {
        let mut history = History::default();
        let mut wild = sample(1, 0, 0);
        wild.cpu = f32::NAN;
        wild.cpus = vec![f32::INFINITY, -1.0];
        history.add(wild);
        let point = history.newest().unwrap();
        assert_eq!((point.cpu, point.cpus.as_slice()), (0.0, &[0.0, 0.0][..]));
    }
}
