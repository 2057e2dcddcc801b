//! One machine's sound: QEMU's channel, the mixer and this computer's device joined.
//!
//! A thread of its own opens the device when the guest plays and closes it when it is silent for a while, so that a
//! quiet machine costs nothing and lets the sound card sleep. The same for the microphone, which is closed at once.

use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::desktop::sound::{SoundError, Stream};
use crate::display::sound::{Mixer, Wanted};
use crate::display::{DisplayError, SoundLink};
use crate::model::{SoundReport, SoundSettings, SoundState};

/// How long a silent device is kept: between two sounds of a song or a game.
const LINGER: Duration = Duration::from_secs(2);
/// How often an open device is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The longest pause between two attempts to open a device.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// The sound of a machine that runs. Dropping it ends that: QEMU plays on to nobody.
pub struct Sound {
    mixer: Arc<Mixer>,
    report: Arc<Mutex<SoundReport>>,
    news: Receiver<()>,
    link: Option<SoundLink>,
}

impl Sound {
    /// None, and why.
    pub fn absent(state: SoundState) -> Self {
        let report = SoundReport {
            state,
            microphone_on: false,
        };
        Self {
            mixer: Arc::default(),
            report: Arc::new(Mutex::new(report)),
            news: crossbeam_channel::never(),
            link: None,
        }
    }

    /// Listens to the QEMU at the other end of `stream`, which was given it as a D-Bus display. Waits for its consent,
    /// some milliseconds or at most 5 s.
    pub fn open(
        name: &str,
        stream: UnixStream,
        settings: SoundSettings,
    ) -> Result<Self, DisplayError> {
        let mixer = Mixer::new(settings);
        let link = SoundLink::open(stream, &mixer)?;
        let mut sound = Self::absent(SoundState::Silent);
        let (news_out, news) = bounded(1); // One is enough to look again.
        let keeper = Keeper {
            name: name.to_owned(),
            mixer: Arc::clone(&mixer),
            report: Arc::clone(&sound.report),
            news: news_out,
            out: Side::new(LINGER),
            microphone: Side::new(Duration::ZERO),
        };
        let thread = std::thread::Builder::new().name("sound".to_owned());
        let started = thread.spawn(move || keeper.run());
        started.map_err(|error| DisplayError::Start {
            reason: error.to_string(),
        })?;
        (sound.mixer, sound.link, sound.news) = (mixer, Some(link), news);
        Ok(sound)
    }

    pub fn set(&self, settings: SoundSettings) {
        self.mixer.set(settings);
    }

    pub fn report(&self) -> SoundReport {
        let report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.clone()
    }

    /// Gets something whenever the report is another one.
    pub fn news(&self) -> &Receiver<()> {
        &self.news
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        self.link = None;
        self.mixer.end(); // The thread ends by itself: a sound server that hangs holds no machine up.
    }
}

/// Opens and closes the device.
struct Keeper {
    name: String,
    mixer: Arc<Mixer>,
    report: Arc<Mutex<SoundReport>>,
    news: Sender<()>,
    out: Side,
    microphone: Side,
}

impl Keeper {
    fn run(mut self) {
        let mut known = Wanted::default();
        loop {
            let now = Instant::now();
            let due = [self.out.due(now), self.microphone.due(now)];
            let wanted = self.mixer.wait(known, due.into_iter().flatten().min());
            if wanted.over {
                return;
            }
            known = wanted;
            self.keep(wanted);
            self.tell(wanted);
        }
    }

    fn keep(&mut self, wanted: Wanted) {
        let Self {
            name,
            mixer,
            out,
            microphone,
            ..
        } = self;
        out.keep(wanted.playing, || {
            let source = Arc::clone(mixer);
            Stream::play(name, Box::new(move |frames| source.fill(frames)))
        });
        if out.why.is_some() {
            mixer.forget();
        }
        microphone.keep(wanted.listening, || {
            let sink = Arc::clone(mixer);
            Stream::listen(name, Box::new(move |frames| sink.hear(frames)))
        });
    }

    fn tell(&self, wanted: Wanted) {
        let state = match &self.out.why {
            Some(why) => SoundState::NoDevice(why.clone()),
            None if wanted.sounding || self.out.stream.is_some() => SoundState::Playing,
            None => SoundState::Silent,
        };
        let new = SoundReport {
            state,
            microphone_on: self.microphone.stream.is_some(),
        };
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        if *report != new {
            *report = new;
            self.news.try_send(()).ok(); // Full: it will look anyway.
        }
    }
}

/// A device in one direction.
struct Side {
    /// How long it stays open for nothing.
    linger: Duration,
    stream: Option<Stream>,
    /// Since when it is open for nothing.
    idle: Option<Instant>,
    failures: u32,
    next_try: Option<Instant>,
    why: Option<String>,
}

impl Side {
    fn new(linger: Duration) -> Self {
        Self {
            linger,
            stream: None,
            idle: None,
            failures: 0,
            next_try: None,
            why: None,
        }
    }

    /// Has it open while it is `wanted` and a little longer, and tries again ever more rarely where that fails.
    fn keep(&mut self, wanted: bool, open: impl FnOnce() -> Result<Stream, SoundError>) {
        let now = Instant::now();
        if self.stream.as_ref().is_some_and(Stream::is_lost) {
            self.stream = None;
        }
        if !wanted {
            let idle = *self.idle.get_or_insert(now);
            let nothing = self.stream.is_none() && self.why.is_none();
            if nothing || now.duration_since(idle) >= self.linger {
                *self = Self::new(self.linger);
            }
            return;
        }
        self.idle = None;
        if self.stream.is_some() || self.next_try.is_some_and(|at| now < at) {
            return;
        }
        match open() {
            Ok(stream) => {
                *self = Self {
                    stream: Some(stream),
                    ..Self::new(self.linger)
                };
            }
            Err(error) => {
                let pause = Duration::from_secs(1 << self.failures.min(5)).min(MAX_PAUSE);
                self.failures += 1;
                self.next_try = Some(Instant::now() + pause);
                self.why = Some(error.to_string());
            }
        }
    }

    /// How soon it must be looked at.
    fn due(&self, now: Instant) -> Option<Duration> {
        let again = self.next_try.map(|at| at.saturating_duration_since(now));
        match self.idle {
            Some(idle) => Some(self.linger.saturating_sub(now.duration_since(idle))),
            None => again.or(self.stream.as_ref().map(|_| LOOK_EVERY)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_device_is_tried_ever_more_rarely_and_forgotten_with_the_sound() {
        let mut side = Side::new(Duration::ZERO);
        let mut tries = 0;
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            side.next_try = None; // As if the pause were over.
            for _ in 0..3 {
                side.keep(true, || {
                    tries += 1;
                    Err(SoundError::NoServer)
                });
            }
            let due = side.due(Instant::now()).unwrap();
            let pause = Duration::from_secs(pause);
            assert!(
                due <= pause && due + Duration::from_millis(500) > pause,
                "{due:?}"
            );
        }
        assert_eq!(tries, 7);
        assert!(side.why.is_some());
        side.keep(false, || panic!("nothing is wanted"));
        assert!(side.why.is_none() && side.due(Instant::now()).is_none());
    }
}
