//! One stream of a guest's: what it played and nobody took yet, or what it may record.
//!
//! Between the guest's clock and the sound card's stands a queue: playing begins once it holds a little, the oldest is
//! dropped when it holds too much, and silence is played when it runs dry.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::RATE;
use super::pcm::{Frame, Pcm};

/// The most that waits to be played: 200 ms.
pub const MAX_QUEUED: usize = RATE as usize / 5;
/// What waits before playing begins, also after it ran dry: 80 ms.
const HEAD_START: usize = RATE as usize * 80 / 1000;
/// A guest that was not asked for so long has stood still; it does not record the time in between.
const MAX_OWED: Duration = Duration::from_millis(500);
/// The most that is answered to one reading: no card asks for more.
const MAX_READ: usize = 256 * 1024;

/// Changes the rate of frames that come bit by bit, in straight lines from one to the next.
struct Resampler {
    /// Frames of the source for each one given out.
    step: f64,
    /// Where the next one lies: 0 is `last`, 1 the frame after it.
    at: f64,
    last: Frame,
}

impl Resampler {
    fn new(from: u32, to: u32) -> Self {
        Self {
            step: f64::from(from) / f64::from(to),
            at: 1.0,
            last: [0.0; 2],
        }
    }

    fn push(&mut self, next: Frame, mut give: impl FnMut(Frame)) {
        while self.at < 1.0 {
            let part = self.at as f32;
            give([0, 1].map(|side| self.last[side] + (next[side] - self.last[side]) * part));
            self.at += self.step;
        }
        self.at -= 1.0;
        self.last = next;
    }
}

/// What a guest plays.
pub struct Voice {
    pcm: Pcm,
    resampler: Resampler,
    queue: VecDeque<Frame>,
    /// The queue was filled since it last ran dry.
    begun: bool,
    pub enabled: bool,
    /// What the guest's own mixer says, 0 to 1 for each side.
    pub gain: Frame,
}

impl Voice {
    pub fn new(pcm: Pcm) -> Self {
        Self {
            pcm,
            resampler: Resampler::new(pcm.rate(), RATE),
            queue: VecDeque::new(),
            begun: false,
            enabled: false,
            gain: [1.0; 2],
        }
    }

    /// Takes what the guest played.
    pub fn write(&mut self, bytes: &[u8]) {
        // Of more than fits, the end counts.
        let width = self.pcm.frame_bytes();
        let most = self.pcm.rate() as usize / 5 * width;
        let whole = bytes.len() / width * width;
        let bytes = &bytes[whole.saturating_sub(most)..whole];
        let Self {
            resampler, queue, ..
        } = self;
        for frame in self.pcm.decode(bytes) {
            resampler.push(frame, |frame| queue.push_back(frame));
        }
        let excess = queue.len().saturating_sub(MAX_QUEUED);
        queue.drain(..excess);
    }

    /// Adds what is next to `out`.
    pub fn mix_into(&mut self, out: &mut [Frame]) {
        // The end of a sound that is over is played however short it is.
        self.begun |= self.queue.len() >= HEAD_START || !self.enabled;
        if !self.begun {
            return;
        }
        for place in out {
            let Some(frame) = self.queue.pop_front() else {
                self.begun = false;
                return;
            };
            for side in 0..2 {
                place[side] += frame[side] * self.gain[side];
            }
        }
    }

    /// Drops what waits.
    pub fn forget(&mut self) {
        self.queue.clear();
        self.begun = false;
    }

    /// Something is played, or may come any moment.
    pub fn sounds(&self) -> bool {
        self.enabled || !self.queue.is_empty()
    }

    #[cfg(test)]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }
}

/// What a guest records.
pub struct Ear {
    pcm: Pcm,
    resampler: Resampler,
    heard: VecDeque<Frame>,
    /// Since when it records, as far as it was answered.
    since: Option<Instant>,
}

impl Ear {
    pub fn new(pcm: Pcm) -> Self {
        Self {
            pcm,
            resampler: Resampler::new(RATE, pcm.rate()),
            heard: VecDeque::new(),
            since: None,
        }
    }

    pub fn enable(&mut self, enabled: bool, now: Instant) {
        self.since = enabled.then_some(now);
        self.heard.clear();
    }

    pub fn records(&self) -> bool {
        self.since.is_some()
    }

    /// Takes what the microphone heard.
    pub fn hear(&mut self, frames: &[Frame]) {
        let Self {
            resampler, heard, ..
        } = self;
        for frame in frames {
            resampler.push(*frame, |frame| heard.push_back(frame));
        }
        let most = self.pcm.rate() as usize / 5;
        let excess = heard.len().saturating_sub(most);
        heard.drain(..excess);
    }

    /// What the guest records next: as much as time has passed, at most `size` bytes, silence where nothing was heard.
    pub fn read(&mut self, size: u64, now: Instant) -> Vec<u8> {
        let Some(since) = &mut self.since else {
            return Vec::new();
        };
        *since = (*since).max(now.checked_sub(MAX_OWED).unwrap_or(now));
        let rate = f64::from(self.pcm.rate());
        let owed = (now.duration_since(*since).as_secs_f64() * rate) as usize;
        let size = usize::try_from(size).unwrap_or(MAX_READ).min(MAX_READ);
        let frames = owed.min(size / self.pcm.frame_bytes());
        *since += Duration::from_secs_f64(frames as f64 / rate);
        let mut bytes = Vec::with_capacity(frames * self.pcm.frame_bytes());
        for _ in 0..frames {
            self.pcm
                .encode(self.heard.pop_front().unwrap_or_default(), &mut bytes);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::super::pcm::tests::announced;
    use super::*;

    fn voice(rate: u32) -> Voice {
        let mut voice = Voice::new(Pcm::new(announced(16, rate)).unwrap());
        voice.enabled = true;
        voice
    }

    fn frames(count: usize, value: i16) -> Vec<u8> {
        value.to_le_bytes().repeat(2 * count)
    }

    fn take(voice: &mut Voice, count: usize) -> Vec<f32> {
        let mut out = vec![[0.0; 2]; count];
        voice.mix_into(&mut out);
        out.iter().map(|frame| frame[0]).collect()
    }

    #[test]
    fn playing_begins_after_a_head_start_and_again_after_running_dry() {
        let mut voice = voice(RATE);
        voice.write(&frames(HEAD_START / 2, 16_384));
        assert_eq!(take(&mut voice, 10), [0.0; 10]);
        voice.write(&frames(HEAD_START, 16_384));
        assert_eq!(take(&mut voice, 10)[9], 0.5);
        let rest = take(&mut voice, 2 * HEAD_START);
        assert_eq!(rest.last(), Some(&0.0)); // It ran dry: silence.
        voice.write(&frames(100, 16_384));
        assert_eq!(take(&mut voice, 10), [0.0; 10]);
        voice.enabled = false; // Nothing more will come: the rest is played.
        assert_eq!(take(&mut voice, 10)[9], 0.5);
    }

    #[test]
    fn the_oldest_is_dropped_and_a_giant_write_costs_no_more_than_a_full_queue() {
        let mut voice = voice(RATE);
        for value in 0..100 {
            voice.write(&frames(480, value * 100));
            assert!(voice.queued() <= MAX_QUEUED);
        }
        let first = take(&mut voice, 1)[0];
        let expected = 7900.0 / 32_768.0..=8000.0 / 32_768.0; // One frame waits for its neighbour.
        assert!(expected.contains(&first), "{first}");
        voice.write(&frames(10_000_000, 1));
        assert_eq!(voice.queued(), MAX_QUEUED);
    }

    #[test]
    fn another_rate_keeps_the_pitch_and_the_length() {
        let mut voice = voice(44_100);
        let wave = |number: usize| {
            let turn = number as f64 * 441.0 / 44_100.0 * std::f64::consts::TAU;
            (turn.sin() * 16_000.0) as i16
        };
        let mut out = Vec::new();
        for start in (0..44_100).step_by(441) {
            let bytes = (start..start + 441).flat_map(|number| {
                let [low, high] = wave(number).to_le_bytes();
                [low, high, low, high]
            });
            voice.write(&bytes.collect::<Vec<u8>>());
            voice.begun = true;
            let count = voice.queued();
            out.extend(take(&mut voice, count));
        }
        assert!(out.len().abs_diff(RATE as usize) < 10, "{}", out.len());
        let rising = out
            .windows(2)
            .filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0);
        assert!(rising.count().abs_diff(441) <= 1);
    }

    #[test]
    fn recording_takes_time_and_a_storm_of_readings_gets_no_more_than_that() {
        let start = Instant::now();
        let mut ear = Ear::new(Pcm::new(announced(16, 48_000)).unwrap());
        assert!(ear.read(u64::MAX, start).is_empty());
        ear.enable(true, start);
        ear.hear(&[[0.5; 2]; 100]);
        let later = start + Duration::from_millis(10);
        let mut bytes = Vec::new();
        for _ in 0..1000 {
            bytes.extend(ear.read(u64::MAX, later));
        }
        assert!(bytes.len().abs_diff(480 * 4) <= 4, "{} bytes", bytes.len());
        assert_eq!(i16::from_le_bytes([bytes[40], bytes[41]]), 16_384);
        assert_eq!(bytes[1000..], vec![0; bytes.len() - 1000]); // Nothing more was heard.
        let hour = start + Duration::from_secs(3600);
        let most = (0.5 * 48_000.0) as usize * 4;
        assert!(ear.read(u64::MAX, hour).len() <= most);
        assert_eq!(ear.read(3, hour + Duration::from_secs(1)), Vec::<u8>::new());
    }
}
