//! Saving: the running guest goes to disk, and QEMU ends.
//!
//! stop → memory and device state to disk → the snapshot's record → the machine's record names
//! it → QEMU ends. Until the machine's record is written the guest can always go on; a crash in
//! between leaves a paused QEMU and at most files that nothing names.

use std::ops::ControlFlow;

use serde_json::json;
use uuid::Uuid;

use super::act::END_PATIENCE;
use super::{Flow, PATIENCE, Worker, files};
use crate::engine::clock;
use crate::engine::hub::Asker;
use crate::engine::jobs::Job;
use crate::library::{DiskPoint, MemoryForm, MemoryStore, Sighting, SnapshotRecord, StoredFile};
use crate::model::{
    Action, Answer, ByteSize, DeviceKind, DiskSource, Failure, SavedState, SnapshotId,
    SnapshotKind, State,
};
use crate::qemu::memory_store::{self, Content, Saved};

impl Worker {
    pub(super) fn save(&mut self, mut job: Job, asker: Asker) -> Flow {
        if !self.permitted(Action::Save, asker) {
            return Flow::Go;
        }
        let was_running = self.live.state != State::Paused;
        self.live.trouble = None;
        self.enter(State::Saving);
        let id = SnapshotId(Uuid::new_v4());
        match self.write_all(id, &mut job) {
            Ok(()) => {
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
        let obstacles = memory_store::obstacles(&self.qmp)
            .map_err(|error| self.failure("it was not saved", &error))?;
        if !obstacles.is_empty() {
            return Err(Failure::new(&what, obstacles.join("; "))
                .fix("Take that part out of the machine, or shut it down instead"));
        }
        job.progress("Stopping the guest", 0, 0)?;
        self.qmp
            .call_raw("stop", json!({}), PATIENCE)
            .map_err(|error| self.failure("it was not saved", &error))?;
        let memory = self
            .process
            .memory()
            .map_err(|error| Failure::new(&what, error.to_string()))?;
        let folder = self
            .post
            .library
            .make_memory_dir(id)
            .map_err(|error| error.failure(&what))?;
        let stored = memory_store::save(
            &self.qmp,
            memory.as_ref(),
            self.machine.memory,
            &folder,
            &mut |done, of| match job.progress("Writing memory", done, of) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_cancelled) => ControlFlow::Break(()),
            },
        )
        .map_err(|error| Failure::new(&what, error.to_string()).fix("The machine goes on"))?;
        job.commit();
        let record = self.snapshot_record(id, stored);
        self.post
            .library
            .write_snapshot(&record)
            .map_err(|error| error.failure(&what))?;
        let saved = SavedState {
            snapshot: id,
            when: record.when,
        };
        self.post.record(move |machine| machine.saved = Some(saved))
    }

    /// The disks as they are now that QEMU has let them go.
    fn disk_points(&self) -> Vec<DiskPoint> {
        let disks = self.machine.devices.iter();
        disks
            .filter_map(|device| match &device.kind {
                DeviceKind::Disk(disk) => Some((device.id.clone(), &disk.source)),
                _ => None,
            })
            .map(|(id, source)| DiskPoint {
                id,
                chain: match source {
                    DiskSource::Layers(chain) => chain.clone(),
                    DiskSource::InPlace(_) => Vec::new(),
                },
                sighting: files::written_file(source, &self.post.library)
                    .and_then(|path| Sighting::take(&path).ok()),
            })
            .collect()
    }

    fn snapshot_record(&self, id: SnapshotId, stored: Saved) -> SnapshotRecord {
        let manifest = self.process.manifest();
        let disks = self.disk_points();
        SnapshotRecord {
            id,
            machine: self.post.id,
            kind: SnapshotKind::Saved,
            parent: self.machine.point,
            name: String::new(),
            writing: false,
            when: clock::now(),
            disks,
            accelerator: manifest.accelerator,
            cpu_model: manifest.cpu_model.clone(),
            machine_type: manifest.machine_type.clone(),
            qemu_version: manifest.qemu_version.clone(),
            memory: Some(as_recorded(&stored)),
            hardware: self.machine.clone(),
            note: String::new(),
            picture: None,
        }
    }
}

/// What was stored, as the snapshot's record says it.
fn as_recorded(saved: &Saved) -> MemoryStore {
    let file = |content: &Content| StoredFile {
        bytes: ByteSize(content.bytes),
        blake3: content.hash.clone(),
    };
    MemoryStore {
        form: match saved.pages {
            Some(_) => MemoryForm::Pages,
            None => MemoryForm::InState,
        },
        ram: saved.ram_size,
        state: file(&saved.state),
        pages: saved.pages.as_ref().map(file),
    }
}
