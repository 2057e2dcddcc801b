//! Tells the engine what is in sight, so that it measures and pictures only that.

use super::App;
use crate::engine::message::Command;

impl App {
    /// Has the machine measured whose graphs are in sight. A hidden window shows none.
    pub(super) fn follow_graphs(&mut self, ctx: &egui::Context) {
        let hidden = is_hidden(ctx);
        let wanted = self.shell.wants_graphs(&self.view).filter(|_| !hidden);
        if wanted != self.watched && self.backend.send(Command::Watch(wanted)).is_ok() {
            self.watched = wanted; // If the engine is too busy, the next frame tells it again.
        }
        if hidden && !self.in_sight.is_empty() {
            self.in_sight.clear();
            self.backend.send(Command::InSight(Vec::new())).ok(); // Costs a few pictures.
        }
    }

    /// After a frame was drawn: the rows that were in it.
    pub(super) fn tell_sight(&mut self) {
        let in_sight = self.shell.in_sight();
        if in_sight != self.in_sight {
            self.in_sight = in_sight;
            let rows = self.in_sight.clone();
            // If the engine is too busy for thumbnails, the next scroll tells it again.
            self.backend.send(Command::InSight(rows)).ok();
        }
    }

    /// Whether a row in sight has a line that grows.
    pub(super) fn sees_running(&self) -> bool {
        let running = |id| {
            self.view
                .machine(id)
                .is_some_and(|report| report.state.has_process())
        };
        self.in_sight.iter().any(|id| running(*id))
    }
}

/// Whether nobody can see the window.
pub(super) fn is_hidden(ctx: &egui::Context) -> bool {
    ctx.input(|input| input.viewport().visible() == Some(false))
}
