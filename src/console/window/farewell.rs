//! Closing the window of a copy of which nothing is kept, and what is shown once its guest has ended.

use winit::event_loop::ActiveEventLoop;

use super::Console;
use crate::display::Input;
use crate::model::Action;

/// How far saying goodbye is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Farewell {
    #[default]
    Unasked,
    /// The window was to be closed.
    Asked,
    /// The engine was asked for that; the window closes when it is done.
    Parting(Action),
}

impl Console {
    /// The machine is a copy of which nothing is kept, and there is somebody who could do something about it.
    fn is_try(&self) -> bool {
        let session = &self.session;
        let standing = session.standing();
        let is_one = standing.is_some_and(|now| now.disposable && !now.trashed);
        is_one && session.no_engine().is_none() && !session.is_removed()
    }

    /// Whether the question is in the window.
    pub(super) fn asks_farewell(&self) -> bool {
        let runs = self.session.state().is_some_and(|now| now.has_process());
        let wanted = match self.farewell {
            Farewell::Unasked => !runs,
            Farewell::Asked => true,
            Farewell::Parting(_) => false,
        };
        wanted && self.is_try()
    }

    /// The person wants the window closed. Asked a second time it goes, and the machine runs on.
    pub(super) fn close_requested(&mut self, event_loop: &ActiveEventLoop) {
        if self.farewell != Farewell::Unasked || self.asks_farewell() || !self.is_try() {
            return event_loop.exit();
        }
        self.farewell = Farewell::Asked;
        self.session.send(Input::ReleaseAll);
        self.keyboard.capture(false);
        self.release_pointer();
        self.redraw();
    }

    pub(super) fn part(&mut self, action: Action) {
        self.farewell = Farewell::Parting(action);
        self.session.act(action);
        self.redraw();
    }

    pub(super) fn stay(&mut self) {
        self.farewell = Farewell::Unasked;
        self.redraw();
    }

    /// Closes the window once what was asked for is done; stays where that failed.
    pub(super) fn follow_farewell(&mut self, event_loop: &ActiveEventLoop) {
        let refused = std::mem::take(&mut self.session.refused);
        let Farewell::Parting(action) = self.farewell else {
            return;
        };
        let is_done = match action {
            Action::Keep => !self.is_try(),
            _ => self.session.is_removed(),
        };
        if is_done {
            event_loop.exit();
        } else if refused {
            self.stay();
        }
    }

    fn redraw(&mut self) {
        self.on_stage(|stage| {
            stage.overlay.ask();
            stage.repaint_all();
        });
    }
}
