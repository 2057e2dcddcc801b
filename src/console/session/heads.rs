//! The machine's several screens: which one this window shows, and whether the guest uses it.

use std::time::{Duration, Instant};

use super::Session;
use crate::console::guest_picture::GuestPicture;
use crate::display::frame::Follow;
use crate::display::{Input, Screen};
use crate::language::fill;

/// How long a window that closes waits for what it still has to tell the guest, and how often it looks.
const FAREWELL: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(5);

impl Session {
    pub fn head(&self) -> u32 {
        self.head
    }

    /// How many screens the machine has.
    pub fn heads(&self) -> u32 {
        let known = self.report.as_ref().map_or(0, |report| report.heads());
        known.max(self.info.heads)
    }

    /// The screens that no window of its own shows.
    pub fn heads_without_window(&self) -> Vec<u32> {
        let report = self.report.as_ref();
        report.map_or_else(Vec::new, |report| report.heads_without_window())
    }

    /// The machine's name, and which screen this is if it has several.
    pub fn label(&self) -> String {
        if self.heads() < 2 && self.head == 0 {
            return self.name.clone();
        }
        let number = self.head + 1;
        fill(
            "{name} – screen {number}",
            &[("name", &self.name), ("number", &number)],
        )
    }

    /// The guest shows nothing on this screen, so that it has to be told of it.
    pub fn is_unused(&self) -> bool {
        self.unused
    }

    /// Tells the guest that this screen is gone, so that nothing stays on it that nobody sees. Waits a moment for the
    /// controls if another window has them.
    pub fn unplug(&mut self) {
        if self.head == 0 || !self.is_live() {
            return;
        }
        self.send(Input::Unplug);
        let until = Instant::now() + FAREWELL;
        while Instant::now() < until && self.screen.as_ref().is_some_and(Screen::wants_controls) {
            self.hear();
            std::thread::sleep(LOOK);
        }
    }

    /// A new picture of a further screen tells whether the guest uses it. The first is always there; while it is black,
    /// the guest begins.
    pub(super) fn look_for_placeholder(&mut self) {
        let picture = self.picture.as_mut().filter(|_| self.head > 0);
        let unused = picture.is_some_and(GuestPicture::is_placeholder);
        if std::mem::replace(&mut self.unused, unused) != unused {
            self.follow = Follow::default();
        }
    }
}
