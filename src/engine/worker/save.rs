//! Saving: the running guest goes to disk, and QEMU ends.
//!
//! Most of the memory is copied → stop → the rest of it and the device state to disk → the snapshot's
//! record → the machine's record names it → QEMU ends. Until the machine's record is written the
//! guest can always go on; after a crash in between the next owner lets it go on, and removes files that nothing names.

use std::fs::File;
use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::act::END_PATIENCE;
use super::{Flow, PATIENCE, Worker};
use crate::engine::hub::Asker;
use crate::engine::jobs::Job;
use crate::engine::picture::kept_png;
use crate::engine::timeline::{self, Taking};
use crate::library::{Intent, PICTURE};
use crate::model::{Action, Answer, Failure, SavedState, SnapshotId, SnapshotKind, State};
use crate::qemu::memory_store::{Draft, Saved, Writer};
use crate::step;

impl Worker {
    pub(super) fn save(&mut self, job: Job, asker: Asker) -> Flow {
        if !self.permitted(Action::Save, asker) {
            return Flow::Go;
        }
        let was_running = self.live.state != State::Paused;
        let library = Arc::clone(&self.post.library);
        let work = Intent {
            resumes: was_running,
            ..Intent::default()
        };
        let intent = match library.begin_intent(self.post.id, &work) {
            Ok(intent) => intent,
            Err(error) => {
                let failure = error.failure(format!("{} was not saved", self.post.name));
                job.end(Err(failure.clone()));
                self.post.answer(asker, Err(failure));
                return Flow::Go;
            }
        };
        let flow = self.save_noted(job, was_running, asker);
        timeline::settle(&library, self.post.id, intent);
        flow
    }

    fn save_noted(&mut self, mut job: Job, was_running: bool, asker: Asker) -> Flow {
        self.live.trouble = None;
        self.enter(State::Saving);
        let id = SnapshotId(Uuid::new_v4());
        match self.write_all(id, &mut job) {
            Ok(()) => {
                step::at("state named");
                let flow = if self.ask_to_end(END_PATIENCE) {
                    self.rest(State::Saved, None)
                } else {
                    self.stuck()
                };
                job.end(Ok(()));
                self.post.answer(asker, Ok(Answer::Done));
                flow
            }
            Err(failure) => {
                let resumed = if was_running { self.let_run() } else { Ok(()) };
                self.live.trouble = Some(resumed.err().unwrap_or_else(|| failure.clone()));
                self.post.library.delete_snapshot(self.post.id, id).ok(); // Leftovers at worst.
                let flow = self.look();
                job.end(Err(failure.clone()));
                self.post.answer(asker, Err(failure));
                flow
            }
        }
    }

    /// Everything up to the point where the machine is saved.
    fn write_all(&mut self, id: SnapshotId, job: &mut Job) -> Result<(), Failure> {
        let what = format!("{} was not saved", self.post.name);
        self.check_obstacles(&what)?;
        let (stored, screen) = self.write_memory(id, job, &what)?;
        step::at("memory saved");
        job.commit();
        let taking = Taking {
            id,
            ..Taking::new(SnapshotKind::Saved, String::new(), String::new())
        };
        let mut record = self.record_now(&taking, &[]);
        record.memory = Some(timeline::as_recorded(&stored));
        let library = &self.post.library;
        let picture = kept_png(screen);
        record.picture = picture.is_some().then(|| PICTURE.to_owned());
        library
            .write_snapshot(&record)
            .map_err(|error| error.failure(&what))?;
        if let Some(png) = picture {
            library.write_picture(record.machine, id, &png).ok(); // Who looks for it finds none then.
        }
        step::at("state recorded");
        let saved = SavedState {
            snapshot: id,
            when: record.when,
        };
        self.post.record(move |machine| machine.saved = Some(saved))
    }

    /// The guest runs until most of its memory is on disk, and is stopped then.
    /// Gives what was on its screen, too.
    fn write_memory(
        &self,
        id: SnapshotId,
        job: &mut Job,
        what: &str,
    ) -> Result<(Saved, Option<File>), Failure> {
        let failed = |error: &dyn std::error::Error| {
            Failure::new(what, error.to_string()).fix("The machine goes on")
        };
        let memory = self
            .process
            .memory()
            .map_err(|error| Failure::new(what, error.to_string()))?;
        let folder = self
            .post
            .library
            .make_memory_dir(id)
            .map_err(|error| error.failure(what))?;
        let mut draft =
            Draft::begin(&folder, self.machine.memory, None).map_err(|error| failed(&error))?;
        if let Some(memory) = &memory {
            draft
                .copy_live(memory, &mut job.teller("Copying memory"))
                .map_err(|error| failed(&error))?;
        }
        let writer = Writer::of(&self.qmp, memory.as_ref()).map_err(|error| failed(&error))?;
        job.progress("Stopping the guest", 0, 0)?;
        self.qmp
            .call_raw("stop", json!({}), PATIENCE)
            .map_err(|error| self.failure("it was not saved", &error))?;
        step::at("guest stopped");
        let screen = self.dump_screen().ok(); // It is saved without one, too.
        let taken = draft
            .stop(&writer, &mut job.teller("Writing memory"))
            .map_err(|error| failed(&error))?;
        let saved = taken
            .pack(&mut job.teller("Packing memory"))
            .map_err(|error| failed(&error))?;
        Ok((saved, screen))
    }
}
