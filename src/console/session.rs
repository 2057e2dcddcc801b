//! The machine behind the window: its screen, its state, and what there is to say about both.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::desktop::new_recording;
use crate::display::frame::{Follow, Following, ScreenInfo, ScreenStatus, Size, Wake, Want};
use crate::display::record::{self, RecordError, Recorder, Recording};
use crate::display::{Input, Screen};
use crate::engine::message::Command;
use crate::language::{self, Language, later, told, tr};
use crate::model::{
    Action, Change, ConsoleWindow, DisplayPath, Failure, JobReport, JobState, MachineId,
    MachineReport, Recorded, ScreenSettings, Settings, SoundState, Standing, State,
};

use super::bar::Message;
use super::guest_picture::{GuestPicture, News};
use super::owner::{Owner, OwnerNews};
use super::sharing::ShareNews;

mod cards;
mod heads;

pub const NO_ENGINE: &str = later("Orangery's engine is gone; the picture goes on");
const NEVER_ENGINE: &str = later("This window shows a screen only; no engine is behind it");
/// Between two requests for a display that failed.
const REOPEN: Duration = Duration::from_secs(1);
/// How long a message stays.
const MESSAGE: Duration = Duration::from_secs(6);

pub struct Session {
    pub name: String,
    machine: Option<MachineId>,
    owner: Option<Owner>,
    engine_gone: bool,
    report: Option<Box<MachineReport>>,
    removed: bool,
    /// The engine refused something since the window last looked.
    pub refused: bool,
    /// What the person chose about the app itself.
    pub settings: Settings,
    /// How screens were shown last, until the window took it over.
    first_look: Option<ScreenSettings>,
    settings_known: bool,
    follow: Follow,
    recorder: Option<Recorder>,
    /// The window is in sight.
    seen: bool,
    /// Which of the machine's screens is shown, counted from 0.
    head: u32,
    /// The guest shows nothing on that screen.
    unused: bool,
    screen: Option<Screen>,
    pub picture: Option<GuestPicture>,
    pub info: ScreenInfo,
    /// A request for a display is on its way.
    asked: bool,
    reopen: Option<Instant>,
    message: Option<(Message, Instant)>,
    /// Long work on the machine: typing, saving.
    pub job: Option<Box<JobReport>>,
    wake: Wake,
    /// Of the clipboards, for the window.
    pub share_news: Vec<ShareNews>,
}

impl Session {
    /// `owner` comes with the machine's id; without one there has to be a screen.
    pub fn new(
        name: String,
        head: u32,
        owner: Option<(MachineId, Owner)>,
        screen: Option<Screen>,
        wake: Wake,
    ) -> Self {
        let (machine, owner) = owner.unzip();
        let mut session = Self {
            name,
            machine,
            asked: owner.is_some(),
            owner,
            engine_gone: false,
            report: None,
            removed: false,
            refused: false,
            settings: Settings::default(),
            first_look: None,
            settings_known: false,
            follow: Follow::default(),
            recorder: None,
            seen: true,
            head,
            unused: false,
            screen: None,
            picture: None,
            info: ScreenInfo::default(),
            reopen: None,
            message: None,
            job: None,
            wake,
            share_news: Vec::new(),
        };
        if let Some(screen) = screen {
            session.show(screen);
        }
        session
    }

    fn show(&mut self, screen: Screen) {
        self.picture = Some(GuestPicture::new(screen.slot().watch(Want::Damage)));
        self.info = screen.slot().info();
        if self.head > 0 {
            screen.show_head(self.head);
        }
        if let Some(report) = &self.report {
            screen.set_desktop(report.desktop());
        }
        self.follow = Follow::default();
        self.unused = false;
        if let Some(recorder) = &self.recorder {
            recorder.follow(screen.slot());
        }
        self.screen = Some(screen);
    }

    /// Shows another of the machine's outputs.
    pub fn show_head(&mut self, head: u32) {
        if let Some(screen) = &self.screen {
            self.head = head;
            self.follow = Follow::default();
            self.unused = false;
            screen.show_head(head);
        }
    }

    /// Asks the guest for a size, unless it was asked for that already.
    pub fn wish(&mut self, size: Size) {
        let guest = if self.unused {
            Size::new(1, 1) // Whatever size its note has.
        } else {
            self.info.size
        };
        let wish = self.follow.wish(size, guest, Instant::now());
        if let Some(Size { width, height }) = wish.filter(|_| self.is_live()) {
            let (w, h) = (width, height);
            self.send(Input::Resize { w, h });
        }
    }

    /// The window has the guest's size again, or shall not be followed.
    pub fn wish_nothing(&mut self) {
        self.follow = Follow::default();
    }

    pub fn following(&self) -> Following {
        let (guest, resizable) = (self.info.size, self.info.resizable);
        self.follow.state(guest, resizable, Instant::now())
    }

    /// How many changes of its picture the machine has told of.
    pub fn updates(&self) -> u64 {
        let screen = self.screen.as_ref();
        screen.map_or(0, |screen| screen.slot().updates())
    }

    /// The choices of the last window, once.
    pub fn take_first_look(&mut self) -> Option<ScreenSettings> {
        self.first_look.take()
    }

    /// Keeps the choices for the next window.
    pub fn keep_look(&mut self, look: ScreenSettings) {
        self.settings.screen = look;
        if let (Some(owner), true) = (&self.owner, self.settings_known) {
            // If the engine is too busy, they count for this window only.
            owner.ask(Command::SaveSettings(self.settings.clone()));
        }
    }

    /// Takes what the screen has that is new.
    pub fn refresh(&mut self) -> Option<News> {
        let screen = self.screen.as_ref()?;
        self.info = screen.slot().info();
        let news = self.picture.as_mut().and_then(GuestPicture::refresh);
        if news.as_ref().is_some_and(|news| news.whole) {
            self.look_for_placeholder();
        }
        if let Some(owner) = &self.owner {
            let used = self.is_live() && !self.unused;
            let head = self.head;
            owner.show(ConsoleWindow { head, used });
        }
        if matches!(self.info.status, ScreenStatus::Lost { .. }) {
            self.screen = None; // The picture stays.
            self.reopen = Some(Instant::now() + REOPEN);
        }
        news
    }

    /// Takes what the owner says. True if anything shown may have changed.
    pub fn hear(&mut self) -> bool {
        let news = self.owner.as_ref().map(Owner::take).unwrap_or_default();
        let any = !news.is_empty();
        for news in news {
            self.hear_one(news);
        }
        self.reopen_if_due();
        any
    }

    fn hear_one(&mut self, news: OwnerNews) {
        match news {
            OwnerNews::Report(report) => {
                let newer = |old: &MachineReport| old.generation <= report.generation;
                if self.report.as_deref().is_none_or(newer) {
                    self.name.clone_from(&report.name);
                    if report.state.has_screen() && !self.state().is_some_and(State::has_screen) {
                        self.reopen = None; // It has just started: no need to wait.
                    }
                    if let Some(screen) = &self.screen {
                        screen.set_desktop(report.desktop());
                    }
                    self.report = Some(report);
                }
            }
            OwnerNews::Removed => self.removed = true,
            OwnerNews::Job(job) => {
                let other = |shown: &JobReport| shown.id != job.id;
                if job.state == JobState::Running {
                    self.job = Some(job);
                } else if !self.job.as_deref().is_some_and(other) {
                    self.job = None;
                }
            }
            OwnerNews::Share(news) => self.share_news.push(news),
            OwnerNews::Display(answer) => {
                self.asked = false;
                if let Err(failure) = answer.and_then(|(path, fd)| self.open(path, fd.into())) {
                    if self.state().is_some_and(State::has_screen) {
                        self.say(Message::Trouble(told_failure(&failure)));
                    }
                    self.reopen = Some(Instant::now() + REOPEN);
                }
            }
            OwnerNews::Settings(settings) => {
                language::choose(Language::wanted(settings.language.locale()));
                if !std::mem::replace(&mut self.settings_known, true) {
                    self.first_look = Some(settings.screen);
                }
                self.settings = *settings;
            }
            OwnerNews::Failed(failure) => {
                self.refused = true;
                self.say(Message::Trouble(told_failure(&failure)));
            }
            OwnerNews::Lost => {
                self.engine_gone = true;
                self.asked = false;
                self.job = None;
            }
            OwnerNews::Back => {
                self.engine_gone = false;
                self.report = None; // The new owner counts generations anew.
                self.say(Message::Done(tr("Orangery's engine is back").to_owned()));
            }
        }
    }

    fn open(&mut self, path: DisplayPath, stream: UnixStream) -> Result<(), Failure> {
        self.reopen = None;
        if let Some(screen) = &self.screen {
            screen.take_controls(stream); // It is alive, so that is what it lacked.
            return Ok(());
        }
        let wake = Arc::clone(&self.wake);
        let screen = match path {
            DisplayPath::Dbus => Screen::dbus(stream, wake),
            DisplayPath::Rfb => Screen::rfb(stream, wake),
        };
        let screen =
            screen.map_err(|error| Failure::new("The screen was not opened", error.to_string()))?;
        self.show(screen);
        Ok(())
    }

    /// There is no picture; or there is, and what the person does needs controls that another window has, or a new
    /// owner that listens to the machine's sound.
    fn lacks_screen(&self) -> bool {
        self.screen.as_ref().is_none_or(Screen::wants_controls)
    }

    /// Asks for a display if the machine has a screen that we have not, or not whole.
    pub fn reopen_if_due(&mut self) {
        let lacks = self.lacks_screen();
        let wanted = lacks && !self.asked && !self.engine_gone;
        let has_screen = self.state().is_some_and(State::has_screen);
        let due = self.reopen.is_none_or(|at| at <= Instant::now());
        if wanted && has_screen && due {
            self.reopen_now();
        }
    }

    pub fn reopen_now(&mut self) {
        if let (Some(owner), Some(machine)) = (&self.owner, self.machine) {
            self.asked = owner.ask(Command::OpenDisplay { machine });
            self.reopen = Some(Instant::now() + REOPEN);
        }
    }

    /// Asks the engine to act on the machine.
    pub fn act(&mut self, action: Action) {
        self.ask(|machine| Command::Act { machine, action });
    }

    /// Silences the machine, or ends that.
    pub fn mute(&mut self, muted: bool) {
        self.ask(|machine| Command::Change {
            machine,
            changes: vec![Change::Muted(muted)],
        });
    }

    /// Asks the engine something about the machine.
    pub fn ask(&mut self, command: impl FnOnce(MachineId) -> Command) {
        let (Some(owner), Some(machine)) = (&self.owner, self.machine) else {
            return;
        };
        if !owner.ask(command(machine)) {
            let text = tr("Orangery's engine does not answer; wait and try again");
            self.say(Message::Trouble(text.to_owned()));
        }
    }

    /// Whether the machine is muted; `None` where there is nothing to mute.
    pub fn muted(&self) -> Option<bool> {
        let report = self.report.as_ref()?;
        let can = matches!(
            report.sound.state,
            SoundState::Silent | SoundState::Playing | SoundState::NoDevice(_)
        );
        let machine = report.machine.as_ref().filter(|_| can)?;
        Some(machine.sound.muted)
    }

    pub fn microphone_on(&self) -> bool {
        let report = self.report.as_ref();
        report.is_some_and(|report| report.sound.microphone_on)
    }

    pub fn send(&self, input: Input) {
        if let Some(screen) = &self.screen {
            screen.send(input);
        }
    }

    /// A screen that is recorded goes on while nobody sees it.
    pub fn set_visible(&mut self, visible: bool) {
        self.seen = visible;
        self.show_if_wanted();
    }

    fn show_if_wanted(&self) {
        if let Some(screen) = &self.screen {
            screen.set_visible(self.seen || self.recorder.is_some());
        }
    }

    /// Begins to record the screen into the person's videos, or ends that. `done` is called from another thread.
    pub fn record(
        &mut self,
        on: bool,
        done: impl FnOnce(Result<(PathBuf, Recording), RecordError>) + Send + 'static,
    ) -> std::io::Result<()> {
        self.recorder = None;
        if let Some(screen) = self.screen.as_ref().filter(|_| on) {
            let name = self.label();
            let open = move || new_recording(&name);
            self.recorder = Some(Recorder::start(screen.slot(), open, record::LIMIT, done)?);
        }
        self.show_if_wanted();
        Ok(())
    }

    /// Waits until a recording is complete on disk.
    pub fn finish_recording(&mut self) {
        if let Some(recorder) = self.recorder.take() {
            recorder.stop();
        }
    }

    /// How far a recording has come, while there is one.
    pub fn recording(&self) -> Option<Recorded> {
        let recorder = self.recorder.as_ref();
        let recorder = recorder.filter(|recorder| !recorder.has_ended());
        recorder.map(Recorder::progress)
    }

    pub fn state(&self) -> Option<State> {
        self.report.as_ref().map(|report| report.state)
    }

    pub fn report(&self) -> Option<&MachineReport> {
        self.report.as_deref()
    }

    /// The machine's folder is gone.
    pub fn is_removed(&self) -> bool {
        self.removed
    }

    pub fn standing(&self) -> Option<Standing> {
        self.report.as_ref().map(|report| report.standing())
    }

    /// Why the engine can't be asked.
    pub fn no_engine(&self) -> Option<&'static str> {
        match &self.owner {
            None => Some(tr(NEVER_ENGINE)),
            Some(_) => self.engine_gone.then(|| tr(NO_ENGINE)),
        }
    }

    /// A picture is there and kept up to date.
    pub fn is_live(&self) -> bool {
        self.screen.is_some()
            && self
                .picture
                .as_ref()
                .is_some_and(|picture| !picture.size().is_empty())
    }

    /// Shows `message` for a while.
    pub fn say(&mut self, message: Message) {
        self.message = Some((message, Instant::now() + MESSAGE));
    }

    /// The message of the moment, if any, and a lasting one otherwise.
    pub fn message(&mut self) -> Option<Message> {
        if self
            .message
            .as_ref()
            .is_some_and(|(_, until)| *until <= Instant::now())
        {
            self.message = None;
        }
        let lasting = || {
            self.engine_gone
                .then(|| Message::Trouble(tr(NO_ENGINE).to_owned()))
        };
        self.message
            .as_ref()
            .map(|(message, _)| message.clone())
            .or_else(lasting)
    }

    /// True once a timed message is over: the bar has to be drawn again.
    pub fn message_ended(&self) -> bool {
        self.message
            .as_ref()
            .is_some_and(|(_, until)| *until <= Instant::now())
    }

    /// When to look again without news.
    pub fn due(&self) -> Option<Instant> {
        let message = self.message.as_ref().map(|(_, until)| *until);
        let has_screen = self.state().is_some_and(State::has_screen);
        let waits = self.lacks_screen() && !self.asked && !self.engine_gone && has_screen;
        let follow = self.follow.due(Instant::now());
        // The length that is shown grows.
        let recording = self.recording();
        let recording = recording.map(|_| Instant::now() + Duration::from_secs(1));
        [message, follow, recording, self.reopen.filter(|_| waits)]
            .into_iter()
            .flatten()
            .min()
    }
}

/// A failure in the spoken language, on one line.
pub fn told_failure(failure: &Failure) -> String {
    format!("{}: {}", told(&failure.what), told(&failure.why))
}
