//! The live screen of the machine whose page is open: asked for, watched, let go.

use std::sync::Arc;

use egui::Context;

use super::backend::Backend;
use crate::engine::screen::Screen;
use crate::model::{MachineId, Timestamp};
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
        let Some(machine) = wanted.filter(|_| self.watched.is_none()) else {
            return Next::Nothing;
        };
        if let Some(screen) = backend.screen(machine) {
            let viewer = screen.slot().watch(crate::ui::guest_picture::PIXELS);
            let picture = GuestPicture::new(machine, viewer);
            self.watched = Some(Watched { screen, picture });
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
    pub fn update(&mut self, ctx: &Context, sharp: bool) -> Option<LiveScreen> {
        self.watched.as_mut()?.picture.update(ctx, sharp)
    }

    /// The way to the guest's keyboard and pointer.
    pub fn screen(&self, machine: MachineId) -> Option<Arc<Screen>> {
        self.watched
            .as_ref()
            .filter(|watched| watched.picture.machine() == machine)
            .map(|watched| Arc::clone(&watched.screen))
    }
}
