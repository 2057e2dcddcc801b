//! The picture in the window: taking what is new, laying out, painting, and keeping a copy.

use std::path::PathBuf;
use std::time::Instant;

use crate::desktop::CopyError;
use crate::display::frame::{Following, Size};
use crate::display::keys;
use crate::display::record::{End, RecordError, Recording};
use crate::language::{fill, later, told, tr};
use crate::model::ScreenSettings;

use super::super::bar::{BarView, Message, Request};
use super::super::guest_picture::GuestPicture;
use super::super::screenshot;
use super::super::session::Session;
use super::super::stage::{Drawn, Stage};
use super::{Console, Event};

impl Console {
    pub(super) fn guest_size(&self) -> Size {
        let picture = self.session.picture.as_ref();
        picture.map(GuestPicture::size).unwrap_or_default()
    }

    pub(super) fn lay_out(&mut self) {
        let (guest, look) = (self.guest_size(), self.pointer.at);
        self.on_stage(|stage| stage.lay_out(guest, look));
        self.ask_for_size();
    }

    /// The guest follows the window, unless the window has just followed the guest.
    fn ask_for_size(&mut self) {
        let Some(stage) = &self.stage else {
            return;
        };
        match stage.wished() {
            _ if self.session.is_unused() => self.session.wish(stage.room()),
            Some(size) if stage.look.follow => self.session.wish(size),
            Some(_) | None => self.session.wish_nothing(),
        }
    }

    /// Says once that the guest does not follow.
    pub(super) fn tell_following(&mut self) {
        let following = self.session.following();
        if std::mem::replace(&mut self.following, following) == following {
            return;
        }
        let told = matches!(following, Following::Keeps | Following::Unable);
        if told && !self.session.is_unused() {
            let text = following_text(following, self.guest_size());
            self.session.say(Message::Trouble(text));
        }
        self.on_stage(|stage| stage.overlay.ask());
    }

    /// Takes what is new on the screen.
    pub(super) fn take_picture(&mut self) {
        let state = |session: &Session| {
            let status = session.info.status.clone();
            (status, session.is_live(), session.is_unused())
        };
        let before = state(&self.session);
        let news = self.session.refresh();
        let changed = before != state(&self.session);
        let (guest, used) = (self.guest_size(), !self.session.is_unused());
        self.on_stage(|stage| {
            if let Some(news) = &news {
                stage.add(news);
            }
            if used {
                stage.follow(guest);
            }
            if changed {
                stage.overlay.ask();
                stage.repaint_all();
            }
        });
        self.lay_out();
    }

    /// Takes the person's choices over.
    pub(super) fn choose(&mut self, look: ScreenSettings) {
        self.on_stage(|stage| stage.choose(look));
        self.lay_out();
    }

    pub(super) fn draw_overlay(&mut self) -> Vec<Request> {
        let (hint, now, guest) = (self.hint(), Instant::now(), self.guest_size());
        let captured = self.keyboard.is_captured() && self.takes_input();
        let farewell = self.asks_farewell();
        let Self {
            stage,
            session,
            figures,
            following,
            sharing,
            told_length,
            ..
        } = self;
        let Some(stage) = stage else {
            return Vec::new();
        };
        let counts = stage.look.figures && figures.due() <= now;
        let recorded = session
            .recording()
            .map(|recorded| recorded.length.as_secs());
        let longer = std::mem::replace(told_length, recorded) != recorded;
        if session.message_ended() || counts || longer {
            stage.overlay.ask();
        }
        stage.draw_overlay(|stage| Drawn {
            bar: BarView {
                name: session.label(),
                standing: session.standing(),
                look: stage.look,
                badge: stage.badge(),
                following: following_text(*following, guest),
                full_screen: stage.full_screen,
                monitors: stage.monitors(),
                heads: session.heads(),
                head: session.head(),
                free_heads: session.heads_without_window(),
                way: stage.way(),
                share: sharing.view(session),
                live: session.is_live(),
                message: session.message().unwrap_or(Message::Hint(hint)),
                muted: session.muted(),
                microphone_on: session.microphone_on(),
                recording: session.recording(),
                no_engine: session.no_engine(),
                job: session.job.as_deref().cloned(),
                keys: keys::offered(&session.settings),
            },
            card: session.card(),
            farewell,
            release: captured.then(|| tr(session.settings.release_key.label())),
            figures: stage
                .look
                .figures
                .then(|| figures.read(now, session.updates())),
        })
    }

    pub(super) fn present(&mut self) {
        let dim = self.session.card().is_some() || self.asks_farewell();
        let Some(stage) = &mut self.stage else {
            return;
        };
        let way = stage.way();
        let result = stage.present(self.session.picture.as_mut(), dim);
        if stage.way() != way {
            stage.overlay.ask();
        }
        match result {
            Ok(true) => self.figures.shown(Instant::now()),
            Ok(false) => {}
            Err(error) => {
                let why = told(&error.to_string()).into_owned();
                let text = fill("The picture can't be shown: {why}", &[("why", &why)]);
                self.say(Message::Trouble(text));
            }
        }
    }

    /// A compositor asks for no pictures of a window that nobody sees.
    pub(super) fn watch_sight(&mut self) {
        let unseen = self.stage.as_ref().is_some_and(Stage::is_unseen);
        if std::mem::replace(&mut self.unseen, unseen) != unseen {
            self.session.set_visible(!unseen);
        }
    }

    pub(super) fn full_screen(&mut self, on: bool, monitor: Option<usize>) {
        self.on_stage(|stage| stage.set_full_screen(on, monitor));
        self.lay_out();
    }

    pub(super) fn record(&mut self, on: bool) {
        let proxy = self.proxy.clone();
        let done = move |ended: Result<(PathBuf, Recording), RecordError>| {
            let ended = ended.map(|(path, recording)| (path, recording.end));
            let ended = ended.map_err(|error| error.to_string());
            proxy.send_event(Event::Recorded(ended)).ok(); // The loop has ended.
        };
        if let Err(error) = self.session.record(on, done) {
            self.recorded(Err(error.to_string()));
        }
    }

    pub(super) fn recorded(&mut self, ended: Result<(PathBuf, End), String>) {
        let message = match ended {
            Ok((path, end)) => {
                let text = match end {
                    End::Stopped => later("The recording is kept as {path}"),
                    End::Full => later("The recording ended at its largest size, as {path}"),
                };
                Message::Done(fill(text, &[("path", &path.display())]))
            }
            Err(why) => {
                let text = "The recording was not kept: {why}";
                Message::Trouble(fill(text, &[("why", &told(&why))]))
            }
        };
        self.say(message);
    }

    pub(super) fn screenshot(&mut self) {
        if self
            .saving
            .as_ref()
            .is_some_and(|saving| !saving.is_finished())
        {
            return;
        }
        let still = match self.session.picture.as_mut().map(GuestPicture::still) {
            Some(Ok(still)) if still.width > 0 => still,
            Some(Err(error)) => {
                return self.say(Message::Trouble(told(&error.to_string()).into_owned()));
            }
            Some(Ok(_)) | None => {
                return self.say(Message::Trouble(tr("There is no picture yet").to_owned()));
            }
        };
        let (name, proxy) = (self.session.label(), self.proxy.clone());
        let copier = self.sharing.copier();
        let save = move || {
            let copied = copier.map_or(Err(CopyError::Silent), |copier| {
                copier.copy(still.width, still.height, still.rgba.clone())
            });
            let kept = screenshot::keep(&still, &name).map_err(|error| error.to_string());
            let copied = copied.map_err(|error| error.to_string());
            proxy.send_event(Event::Kept { kept, copied }).ok(); // The loop has ended.
        };
        let named = std::thread::Builder::new().name("console-screenshot".to_owned());
        match named.spawn(save) {
            Ok(thread) => self.saving = Some(thread),
            Err(error) => {
                let text = fill("No screenshot: {error}", &[("error", &error)]);
                self.say(Message::Trouble(text));
            }
        }
    }
}

fn following_text(following: Following, guest: Size) -> String {
    let size = format!("{} × {}", guest.width, guest.height);
    fill(following.label(), &[("size", &size)])
}

/// What to say of a screenshot: where it is, and whether it can be pasted.
pub(super) fn kept_message(
    kept: Result<std::path::PathBuf, String>,
    copied: Result<(), String>,
) -> Message {
    match (kept, copied) {
        (Ok(path), Ok(())) => {
            let path = path.display();
            let text = "Screenshot copied, and kept as {path}";
            Message::Done(fill(text, &[("path", &path)]))
        }
        (Ok(path), Err(why)) => {
            let (path, why) = (path.display(), told(&why));
            let text = "Screenshot kept as {path}. {why}";
            Message::Done(fill(text, &[("path", &path), ("why", &why)]))
        }
        (Err(why), _) => Message::Trouble(told(&why).into_owned()),
    }
}
