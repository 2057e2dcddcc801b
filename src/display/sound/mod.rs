//! A machine's sound on its way: what the guest plays, mixed for this computer, and what it may hear.
//!
//! ```text
//!  QEMU ──Write──▶ sound-out ──▶ Mixer ──fill()──▶ whoever plays it
//!  QEMU ◀──Read─── sound-in ◀─── Mixer ◀──hear()── whoever listens, if it is allowed
//! ```
//!
//! This knows nothing of sound cards. QEMU never waits for them: whatever is not taken in time is dropped.

mod pcm;
mod stream;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use self::pcm::{Announced, Frame, Pcm};
use self::stream::{Ear, Voice};
use crate::model::SoundSettings;

/// Frames a second on this computer's side.
pub const RATE: u32 = 48_000;
/// Streams that are kept in each direction; QEMU has one for a card. More are not heard.
const MAX_STREAMS: usize = 16;

/// What there is to do for whoever plays and listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The guest plays, be it heard or not.
    pub sounding: bool,
    /// Something is to be heard.
    pub playing: bool,
    /// The guest records and may hear the microphone.
    pub listening: bool,
    /// The machine is gone.
    pub over: bool,
}

#[derive(Default)]
struct State {
    voices: BTreeMap<u64, Voice>,
    ears: BTreeMap<u64, Ear>,
    settings: SoundSettings,
    over: bool,
}

impl State {
    fn is_heard(&self) -> bool {
        !self.settings.muted && self.settings.volume > 0
    }

    fn forget(&mut self) {
        self.voices.values_mut().for_each(Voice::forget);
    }

    fn wanted(&self) -> Wanted {
        let records = self.ears.values().any(Ear::records);
        Wanted {
            sounding: self.voices.values().any(|voice| voice.enabled),
            playing: self.is_heard() && self.voices.values().any(Voice::sounds),
            listening: records && self.settings.microphone,
            over: self.over,
        }
    }
}

/// All streams of one machine.
#[derive(Default)]
pub struct Mixer {
    state: Mutex<State>,
    changed: Condvar,
}

impl Mixer {
    pub fn new(settings: SoundSettings) -> Arc<Self> {
        let mixer = Self::default();
        mixer.edit(|state| state.settings = settings);
        Arc::new(mixer)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something and wakes who waits, if there is something else to do now.
    fn edit<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let before = state.wanted();
        let result = change(&mut state);
        if state.wanted() != before {
            self.changed.notify_all();
        }
        result
    }

    /// Volume, mute and permission, from now on.
    pub fn set(&self, settings: SoundSettings) {
        self.edit(|state| {
            let was_heard = state.is_heard();
            state.settings = settings;
            if state.is_heard() != was_heard {
                state.forget(); // What was not heard is not heard later.
            }
        });
    }

    /// Forgets what waits to be played: nobody will.
    pub fn forget(&self) {
        self.edit(State::forget);
    }

    /// Every stream ends: QEMU is gone, or the machine is left to another owner.
    pub fn end(&self) {
        self.edit(|state| {
            state.voices.clear();
            state.ears.clear();
            state.over = true;
        });
    }

    pub fn wanted(&self) -> Wanted {
        self.lock().wanted()
    }

    /// Waits until something else is wanted than `known`, at most for `patience`.
    pub fn wait(&self, known: Wanted, patience: Option<Duration>) -> Wanted {
        let state = self.lock();
        let same = |state: &mut State| state.wanted() == known;
        let state = match patience {
            None => self.changed.wait_while(state, same),
            Some(patience) => self
                .changed
                .wait_timeout_while(state, patience, same)
                .map(|(state, _)| state)
                .map_err(|poison| PoisonError::new(poison.into_inner().0)),
        };
        state.unwrap_or_else(PoisonError::into_inner).wanted()
    }

    /// Fills `out` with the next frames of all streams, as loud as was chosen.
    pub fn fill(&self, out: &mut [Frame]) {
        out.fill([0.0; 2]);
        self.edit(|state| {
            for voice in state.voices.values_mut() {
                voice.mix_into(out);
            }
            let loud = if state.is_heard() {
                f32::from(state.settings.volume.min(100)) / 100.0
            } else {
                0.0
            };
            for side in out.as_flattened_mut() {
                *side = (*side * loud).clamp(-1.0, 1.0);
            }
        });
    }

    /// Takes what the microphone heard.
    pub fn hear(&self, frames: &[Frame]) {
        let mut state = self.lock();
        if state.settings.microphone {
            for ear in state.ears.values_mut().filter(|ear| ear.records()) {
                ear.hear(frames);
            }
        }
    }

    /// The guest opened a stream to play on.
    pub(in crate::display) fn add_voice(&self, id: u64, pcm: Pcm) {
        self.edit(|state| {
            if state.voices.len() < MAX_STREAMS || state.voices.contains_key(&id) {
                state.voices.insert(id, Voice::new(pcm));
            }
        });
    }

    pub(in crate::display) fn remove_voice(&self, id: u64) {
        self.edit(|state| state.voices.remove(&id));
    }

    pub(in crate::display) fn edit_voice(&self, id: u64, change: impl FnOnce(&mut Voice)) {
        self.edit(|state| state.voices.get_mut(&id).map(change));
    }

    /// The guest opened a stream to record from.
    pub(in crate::display) fn add_ear(&self, id: u64, pcm: Pcm) {
        self.edit(|state| {
            if state.ears.len() < MAX_STREAMS || state.ears.contains_key(&id) {
                state.ears.insert(id, Ear::new(pcm));
            }
        });
    }

    pub(in crate::display) fn remove_ear(&self, id: u64) {
        self.edit(|state| state.ears.remove(&id));
    }

    pub(in crate::display) fn enable_ear(&self, id: u64, enabled: bool) {
        self.edit(|state| {
            if let Some(ear) = state.ears.get_mut(&id) {
                ear.enable(enabled, Instant::now());
            }
        });
    }

    pub(in crate::display) fn read_ear(&self, id: u64, size: u64) -> Vec<u8> {
        let mut state = self.lock();
        let ear = state.ears.get_mut(&id);
        ear.map(|ear| ear.read(size, Instant::now()))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::pcm::tests::announced;
    use super::*;

    fn play(voice: &mut Voice) {
        voice.enabled = true;
        voice.write(&8192_i16.to_le_bytes().repeat(2 * 9000));
    }

    fn playing(ids: impl IntoIterator<Item = u64>) -> Arc<Mixer> {
        let mixer = Mixer::new(SoundSettings::default());
        for id in ids {
            mixer.add_voice(id, Pcm::new(announced(16, RATE)).unwrap());
            mixer.edit_voice(id, play);
        }
        mixer
    }

    fn level(mixer: &Mixer) -> Frame {
        let mut out = [[9.0; 2]; 8];
        mixer.fill(&mut out);
        out[7]
    }

    #[test]
    fn streams_add_up_and_volume_and_mute_act_at_once() {
        let mixer = playing([1, 2]);
        assert_eq!(level(&mixer), [0.5; 2]);
        let half = SoundSettings {
            volume: 50,
            ..SoundSettings::default()
        };
        mixer.set(half);
        assert_eq!(level(&mixer), [0.25; 2]);
        mixer.edit_voice(2, |voice| voice.gain = [0.0, 1.0]);
        assert_eq!(level(&mixer), [0.125, 0.25]);
        mixer.set(SoundSettings {
            muted: true,
            ..half
        });
        assert_eq!(level(&mixer), [0.0; 2]);
        assert!(!mixer.wanted().playing && mixer.wanted().sounding);
        mixer.set(SoundSettings {
            volume: 255,
            ..half
        });
        assert_eq!(level(&mixer), [0.0; 2]); // What was muted is gone.
        for id in [1, 2] {
            mixer.edit_voice(id, play);
        }
        mixer.edit_voice(2, |voice| voice.gain = [1.0; 2]);
        assert_eq!(level(&mixer), [0.5; 2]);
    }

    #[test]
    fn what_is_too_loud_together_is_cut_off() {
        assert_eq!(level(&playing(0..12)), [1.0; 2]);
    }

    #[test]
    fn thousands_of_streams_cost_no_more_than_a_few() {
        let mixer = playing(0..10_000);
        assert_eq!(mixer.lock().voices.len(), MAX_STREAMS);
        for id in 0..10_000 {
            mixer.add_ear(id, Pcm::new(announced(16, RATE)).unwrap());
        }
        assert_eq!(mixer.lock().ears.len(), MAX_STREAMS);
        mixer.edit_voice(9_999, |_| panic!("there is no such stream"));
        assert!(mixer.read_ear(9_999, 100).is_empty());
    }

    #[test]
    fn nobody_listens_unless_the_guest_records_and_may() {
        let mixer = Mixer::new(SoundSettings::default());
        assert_eq!(mixer.wanted(), Wanted::default());
        mixer.add_ear(7, Pcm::new(announced(16, RATE)).unwrap());
        mixer.enable_ear(7, true);
        mixer.hear(&[[0.9; 2]; 480]);
        assert!(!mixer.wanted().listening);
        std::thread::sleep(Duration::from_millis(20));
        let silence = mixer.read_ear(7, 4000);
        assert!(!silence.is_empty() && silence.iter().all(|byte| *byte == 0));
        mixer.set(SoundSettings {
            microphone: true,
            ..SoundSettings::default()
        });
        assert!(mixer.wanted().listening);
        mixer.hear(&[[0.9; 2]; 480]);
        std::thread::sleep(Duration::from_millis(20));
        assert!(mixer.read_ear(7, 4000).iter().any(|byte| *byte != 0));
        mixer.enable_ear(7, false);
        assert!(!mixer.wanted().listening);
    }

    #[test]
    fn a_sound_that_is_over_is_played_to_its_end_and_then_nothing_is_wanted() {
        let mixer = playing([1]);
        mixer.edit_voice(1, |voice| voice.enabled = false);
        assert!(mixer.wanted().playing);
        mixer.fill(&mut vec![[0.0; 2]; 9001]);
        let known = Wanted {
            playing: true,
            ..Wanted::default()
        };
        assert!(!mixer.wait(known, None).playing);
        mixer.end();
        assert!(mixer.wait(Wanted::default(), None).over);
    }
}
