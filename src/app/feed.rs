//! The live screen of the machine whose page is open: asked for, watched, let go.

use std::sync::Arc;
use std::time::Instant;

use egui::Context;

use super::backend::Backend;
use crate::engine::screen::{Figures, Follow, FrameSlot, Input, Recorder, Screen, Size};
use crate::model::{MachineId, ScreenSettings, Timestamp, Zoom};
use crate::ui::guest_picture::GuestPicture;
use crate::ui::view::LiveScreen;

/// How long to wait before a screen that failed or was lost is asked for again, in seconds.
const RETRY: u64 = 3;

/// At most one screen is watched at a time.
#[derive(Default)]
pub struct Feed {
    watched: Option<Watched>,
    /// Asked for and not yet answered, or failed at that time.
    asked: Option<(MachineId, Timestamp)>,
}

struct Watched {
    screen: Arc<Screen>,
    picture: GuestPicture,
    figures: Figures,
    /// Figures or the length of a recording are shown, which change by the clock alone.
    counts: bool,
    follow: Follow,
    told_room: Option<(u32, u32)>,
    recorder: Option<Recorder>,
}

/// What the app does next for the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Nothing,
    Open(MachineId),
}

impl Feed {
    /// Makes the watched screen the wanted one.
    pub fn follow(
        &mut self,
        wanted: Option<MachineId>,
        backend: &dyn Backend,
        now: Timestamp,
    ) -> Next {
        if let Some(watched) = &self.watched {
            let lost = matches!(
                watched.picture.status(),
                crate::ui::guest_picture::ScreenStatus::Lost { .. }
            );
            let machine = watched.picture.machine();
            if wanted != Some(machine) || lost {
                self.watched = None;
                backend.close_screen(machine);
                self.asked = lost.then_some((machine, now));
            }
        }
        let lacks = |watched: &Watched| watched.screen.wants_controls();
        let lacks_controls = self.watched.as_ref().is_some_and(lacks);
        if self.watched.is_some() && !lacks_controls {
            self.asked = None;
        }
        let Some(machine) = wanted.filter(|_| self.watched.is_none() || lacks_controls) else {
            return Next::Nothing;
        };
        if !lacks_controls && let Some(screen) = backend.screen(machine) {
            let viewer = screen.slot().watch(crate::ui::guest_picture::PIXELS);
            let picture = GuestPicture::new(machine, viewer);
            self.watched = Some(Watched {
                screen,
                picture,
                figures: Figures::new(Instant::now()),
                counts: false,
                follow: Follow::default(),
                told_room: None,
                recorder: None,
            });
            self.asked = None;
            return Next::Nothing;
        }
        match self.asked {
            Some((asked, when)) if asked == machine && when.0 + RETRY > now.0 => Next::Nothing,
            _ => {
                self.asked = Some((machine, now));
                Next::Open(machine)
            }
        }
    }

    /// Whether a retry is due by the clock alone.
    pub fn waits(&self) -> bool {
        self.watched.is_none() && self.asked.is_some()
    }

    /// The newest picture.
    pub fn update(&mut self, ctx: &Context, look: &ScreenSettings) -> Option<LiveScreen> {
        let sharp = match look.zoom {
            Zoom::Fit | Zoom::Stretch => !look.smooth,
            Zoom::Whole | Zoom::Times(_) => true,
        };
        let now = Instant::now();
        let Watched {
            picture,
            figures,
            counts,
            follow,
            told_room,
            recorder,
            ..
        } = self.watched.as_mut()?;
        if !look.follow {
            (*follow, *told_room) = (Follow::default(), None);
        }
        recorder.take_if(|recorder| recorder.has_ended());
        *counts = look.figures || recorder.is_some();
        let live = picture.update(ctx, sharp, || figures.shown(now))?;
        let info = picture.info();
        Some(LiveScreen {
            told_room: *told_room,
            following: follow.state(info.size, info.resizable, now),
            figures: look.figures.then(|| figures.read(now, picture.updates())),
            recording: recorder.as_ref().map(Recorder::progress),
            ..live
        })
    }

    /// Tells the screen which of the machine's screens make the guest's desktop.
    pub fn set_desktop(&self, heads: Vec<u32>) {
        if let Some(watched) = &self.watched {
            watched.screen.set_desktop(heads);
        }
    }

    /// Whether figures are shown, which change each second.
    pub fn counts(&self) -> bool {
        self.watched.as_ref().is_some_and(|watched| watched.counts)
    }

    /// Begins to record the watched screen as `record` does, or ends it.
    pub fn record<E>(
        &mut self,
        machine: MachineId,
        record: impl FnOnce(&Arc<FrameSlot>) -> Result<Recorder, E>,
    ) -> Result<(), E> {
        let watched = self.watched.as_mut();
        let Some(watched) = watched.filter(|watched| watched.picture.machine() == machine) else {
            return Ok(());
        };
        if watched.recorder.take().is_none() {
            watched.recorder = Some(record(watched.screen.slot())?);
        }
        Ok(())
    }

    /// Waits until a recording is complete on disk.
    pub fn finish(&mut self) {
        if let Some(recorder) = self
            .watched
            .as_mut()
            .and_then(|watched| watched.recorder.take())
        {
            recorder.stop();
        }
    }

    /// A key press went to the guest.
    pub fn key_sent(&mut self, at: Instant) {
        if let Some(watched) = &mut self.watched {
            watched.figures.key_sent(at);
        }
    }

    /// Asks the guest for a size.
    pub fn wish(&mut self, machine: MachineId, room: (u32, u32)) {
        let watched = self.watched.as_mut();
        let Some(watched) = watched.filter(|watched| watched.picture.machine() == machine) else {
            return;
        };
        watched.told_room = Some(room);
        let size = Size::new(room.0, room.1);
        let guest = watched.picture.info().size;
        if let Some(Size { width, height }) = watched.follow.wish(size, guest, Instant::now()) {
            let (w, h) = (width, height);
            watched.screen.send(Input::Resize { w, h });
        }
    }

    /// The way to the guest's keyboard and pointer.
    pub fn screen(&self, machine: MachineId) -> Option<Arc<Screen>> {
        self.watched
            .as_ref()
            .filter(|watched| watched.picture.machine() == machine)
            .map(|watched| Arc::clone(&watched.screen))
    }
}
