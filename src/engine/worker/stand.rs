//! Standing still: the guest is stopped while new layers are put on its disks, and whatever has to see them as they are.

use super::Worker;
use crate::engine::timeline::{self, Overlays};
use crate::library::{Intent, IntentId};
use crate::model::{Failure, LayerRef, SnapshotId, State};
use crate::qemu::pivot::{self, NewTop};
use crate::step;

/// New layers that QEMU has open, and does not use yet.
pub(super) struct Opened {
    overlays: Overlays,
    tops: Vec<NewTop>,
    /// What the present comes from once they are on, if that is made.
    snapshot: Option<SnapshotId>,
}

impl Worker {
    /// Makes new layers for `tops` and opens them. The guest notices nothing.
    pub(super) fn open_layers(
        &self,
        tops: &[LayerRef],
        snapshot: Option<SnapshotId>,
        what: &str,
    ) -> Result<Opened, Failure> {
        let work = Intent {
            resumes: self.live.state == State::Running,
            snapshot,
            ..Intent::default()
        };
        let overlays = Overlays::make(&self.post.library, self.post.id, tops, work)?;
        let tops = self.new_tops(&overlays.pairs);
        if let Err(error) = pivot::open(&self.qmp, &tops) {
            self.settle(&overlays);
            return Err(Failure::new(what, error.to_string()));
        }
        step::at("layers opened");
        Ok(Opened {
            overlays,
            tops,
            snapshot,
        })
    }

    /// They are not needed after all.
    pub(super) fn close_layers(&self, opened: &Opened) {
        pivot::close(&self.qmp, &opened.tops);
        self.settle(&opened.overlays);
    }

    /// Puts the layers on and does something while the guest is stopped. `then` is told of it as soon as it counts: the
    /// record names the layers. The guest runs on afterwards, if it ran, also after an error.
    pub(super) fn stand_still<T, U>(
        &mut self,
        opened: &Opened,
        what: &str,
        stopped: impl FnOnce(&mut Self) -> Result<T, Failure>,
        then: impl FnOnce(T) -> U,
    ) -> Result<U, Failure> {
        let noted = self
            .note_standing(what)
            .inspect_err(|_| self.close_layers(opened))?;
        let result = self.stand_on(opened, what, stopped, then);
        self.forget_standing(noted);
        self.settle(&opened.overlays);
        result
    }

    /// Notes that the guest, if it runs, is to run on: whoever comes after a kill can't tell it from one that was paused.
    pub(super) fn note_standing(&self, what: &str) -> Result<Option<IntentId>, Failure> {
        let runs = self.live.state == State::Running;
        let noted = runs.then(|| self.post.note_resuming()).transpose();
        noted.map_err(|error| error.failure(what))
    }

    /// It runs on, or may not.
    pub(super) fn forget_standing(&self, noted: Option<IntentId>) {
        if self.unnamed.is_empty()
            && let Some(intent) = noted
        {
            timeline::settle(&self.post.library, self.post.id, intent);
        }
    }

    fn stand_on<T, U>(
        &mut self,
        opened: &Opened,
        what: &str,
        stopped: impl FnOnce(&mut Self) -> Result<T, Failure>,
        then: impl FnOnce(T) -> U,
    ) -> Result<U, Failure> {
        let failed = |error: &dyn std::error::Error| Failure::new(what, error.to_string());
        let ran = self.live.state == State::Running;
        let Opened {
            overlays,
            tops,
            snapshot,
        } = opened;
        self.simple("stop")
            .inspect_err(|_| pivot::close(&self.qmp, tops))?;
        step::at("guest stopped");
        let written = pivot::written(&self.qmp).unwrap_or_default();
        if let Err(error) = pivot::put_on(&self.qmp, tops) {
            pivot::close(&self.qmp, tops);
            let resumed = if ran { self.simple("cont") } else { Ok(()) };
            return Err(resumed.err().unwrap_or_else(|| failed(&error)));
        }
        step::at("layers put on");
        self.note_written(&written, &overlays.pairs);
        let done = stopped(self);
        step::at("moment taken");
        // The new layers are on: the record must name them before the guest writes.
        self.above(&overlays.pairs, snapshot.filter(|_| done.is_ok()))?;
        step::at("present recorded");
        let done = done.map(then);
        let resumed = if ran { self.let_run() } else { Ok(()) };
        step::at("guest runs on");
        if let Err(failure) = resumed {
            self.live.trouble = Some(failure); // What was done counts all the same.
        }
        done
    }
}
