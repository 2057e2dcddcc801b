//! Taking a snapshot of a running machine, and leaving the present for one.
//!
//! ```text
//!  the guest runs   new layers made and opened, most of the memory copied
//!  it is stopped    layers put on, screen, devices, the rest of the memory; the snapshot's record, the machine's record
//!  it runs on       memory packed, picture encoded, the snapshot's record says that it is whole
//! ```
//!
//! Until the machine's record is written the guest can always go on as it was: what the new layers hold is nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use super::act::END_PATIENCE;
use super::company::Company::{self, Alone};
use super::{Flow, PATIENCE, Worker};
use crate::engine::hub::Asker;
use crate::engine::jobs::Job;
use crate::engine::picture::read_ppm;
use crate::engine::supervisor::Message;
use crate::engine::timeline::{self, Overlays, RunWith, Taken, Taking};
use crate::engine::together::Meeting;
use crate::library::{Intent, SnapshotRecord};
use crate::model::{
    Action, Answer, Disk, Failure, LayerRef, Overlay, Relayering, SnapshotId, SnapshotKind, State,
};
use crate::qemu::command_line::layer_node;
use crate::qemu::memory_store::{self, Base, Draft, Writer};
use crate::qemu::pivot::{self, NewTop, Written};
use crate::qemu::process::end_tpm;
use crate::qemu::ram::GuestRam;
use crate::step;

/// Going back to a snapshot while the machine runs.
pub struct Leaving {
    pub to: SnapshotId,
    /// How the present is kept, if it is, and the job that tells of it.
    pub keep: Option<(Taking, Job)>,
}

impl Worker {
    /// Keeps this moment. Answers once it is whole.
    pub(super) fn snapshot(&mut self, taking: Taking, mut job: Job, asker: Asker) -> Flow {
        if !self.permitted(Action::Snapshot, asker) {
            job.end(Ok(()));
            return Flow::Go;
        }
        if taking.kind == SnapshotKind::Timed && !self.has_news() {
            job.end(Ok(()));
            self.post.answer(asker, Ok(Answer::Unchanged));
            return Flow::Go;
        }
        if taking.disk.is_some() {
            let result = self.take_disk(&taking);
            job.end(result.clone());
            let answer = result.map(|()| Answer::Snapshot(taking.id));
            self.post.tell(Message::TimelineChanged(self.post.id));
            self.post.answer(asker, answer);
            return self.look();
        }
        match self.take(&taking, &mut job, Alone) {
            Ok(taken) => {
                let supervisor = self.post.supervisor.clone();
                self.complete(taken, job, move |result| {
                    let answer = result.map(|()| Answer::Snapshot(taking.id));
                    supervisor.send(Message::Answer(asker, answer, None)).ok(); // The engine is ending.
                });
            }
            Err(failure) => {
                job.end(Err(failure.clone()));
                self.post.answer(asker, Err(failure));
            }
        }
        self.look()
    }

    /// Whether something was written or shown since this was asked the last time.
    fn has_news(&mut self) -> bool {
        let look = || -> Option<(blake3::Hash, u64)> {
            let screen = read_ppm(self.dump_screen().ok()?).ok()?;
            let written = pivot::written(&self.qmp).ok()?;
            let writes = written.values().map(|written| written.requests).sum();
            Some((blake3::hash(&screen.rgba), writes))
        };
        let seen = look();
        let is_news = seen.is_none() || self.seen_at_checkpoint != seen;
        self.seen_at_checkpoint = seen;
        is_news
    }

    pub(super) fn complete(
        &self,
        taken: Taken,
        job: Job,
        then: impl FnOnce(Result<(), Failure>) + Send + 'static,
    ) {
        let (library, supervisor) = (Arc::clone(&self.post.library), self.post.supervisor.clone());
        timeline::complete(library, supervisor, taken, job, then);
    }

    /// Everything that the guest waits for, and what comes before. It runs on afterwards, if it ran, also after an error;
    /// it stands still only where it is to leave with others.
    pub(super) fn take(
        &mut self,
        taking: &Taking,
        job: &mut Job,
        company: Company<'_>,
    ) -> Result<Taken, Failure> {
        let what = format!("{}: no snapshot", self.post.name);
        timeline::check_in_library(&self.machine)?;
        self.check_obstacles(&what)?;
        self.name_layers()?;
        let library = Arc::clone(&self.post.library);
        let memory = self
            .process
            .memory()
            .map_err(|error| Failure::new(&what, error.to_string()))?;
        job.progress("Making new layers", 0, 0)?;
        let ran = self.live.state == State::Running;
        let work = Intent {
            resumes: ran,
            snapshot: Some(taking.id),
            ..Intent::default()
        };
        let overlays = Overlays::make(&library, self.post.id, &self.machine.tops(), work)?;
        let noted = self
            .note_standing(&what)
            .inspect_err(|_| self.settle(&overlays))?;
        let result = self.take_with(taking, &overlays.pairs, memory, job, company);
        self.forget_standing(noted);
        match result {
            Ok((record, memory, screen)) => Ok(Taken {
                record,
                memory,
                screen,
                overlays,
            }),
            Err(failure) => {
                self.settle(&overlays);
                Err(failure)
            }
        }
    }

    pub(super) fn check_obstacles(&self, what: &str) -> Result<(), Failure> {
        let obstacles = memory_store::obstacles(&self.qmp)
            .map_err(|error| Failure::new(what, error.to_string()))?;
        if obstacles.is_empty() {
            return Ok(());
        }
        Err(Failure::new(what, obstacles.join("; "))
            .fix("Take that part out of the machine, or shut it down first"))
    }

    fn take_with(
        &mut self,
        taking: &Taking,
        overlays: &[Overlay],
        memory: Option<GuestRam>,
        job: &mut Job,
        company: Company<'_>,
    ) -> Result<(SnapshotRecord, memory_store::Taken, Option<File>), Failure> {
        let what = &format!("{}: no snapshot", self.post.name);
        let failed = |error: &dyn std::error::Error| Failure::new(what, error.to_string());
        let mut draft = self.begin_draft(taking.id, what)?;
        company
            .copy_live(&mut draft, memory.as_ref(), job)
            .map_err(|error| failed(&error))?;
        step::at("memory copied");
        let tops = self.new_tops(overlays);
        pivot::open(&self.qmp, &tops).map_err(|error| failed(&error))?;
        step::at("layers opened");
        let ran = self.live.state == State::Running;
        let qmp = Arc::clone(&self.qmp);
        let writer = Writer::of(&qmp, memory.as_ref())
            .inspect_err(|_| pivot::close(&self.qmp, &tops))
            .map_err(|error| failed(&error))?;
        self.stop_with(company, ran)
            .inspect_err(|_| pivot::close(&self.qmp, &tops))?;
        step::at("guest stopped");
        let screen = self.dump_screen().ok(); // A snapshot without a picture is one, too.
        let (overlays, idle) = self.put_on(overlays, tops, what)?;
        let mut record = self.record_now(taking, &idle);
        let taken = draft
            .stop(&writer, &mut job.teller("Writing memory"))
            .map_err(|error| failed(&error));
        // The new layers are on the disks: the record must name them before the guest writes, with a snapshot or without.
        let kept = taken.and_then(|taken| {
            record.hardware.tpm = timeline::keep_tpm(&self.post.library, &self.machine, what)?;
            record.writing = true;
            record.paused = !ran;
            self.post
                .library
                .write_snapshot(&record)
                .map_err(|error| error.failure(what))?;
            Ok(taken)
        });
        step::at("snapshot recorded");
        if let Err(failure) = self.above(&overlays, kept.is_ok().then_some(taking.id)) {
            drop(kept);
            let library = &self.post.library;
            library.delete_snapshot(self.post.id, taking.id).ok(); // The failure is told.
            return Err(failure);
        }
        step::at("present recorded");
        let met = kept.as_ref().map(|_taken| company.meet(Meeting::Taken));
        let stays = company.leaves() && matches!(met, Ok(Ok(())));
        let resumed = if ran && !stays {
            self.let_run()
        } else {
            Ok(())
        };
        step::at("guest runs on");
        let taken = kept?;
        if let Err(failure) = resumed {
            self.live.trouble = Some(failure); // The moment is kept all the same.
        }
        Ok((record, taken, screen))
    }

    /// Has the guest that is stopped go on above the layers that it wrote to. Gives what was put on, and the idle tops.
    fn put_on(
        &mut self,
        overlays: &[Overlay],
        tops: Vec<NewTop>,
        what: &str,
    ) -> Result<(Vec<Overlay>, Vec<LayerRef>), Failure> {
        // Stopped, the guest asks for nothing more: this stays true behind the new tops.
        let written = pivot::written(&self.qmp).unwrap_or_default();
        let idle = self.idle_tops(&written);
        let (unneeded, tops): (Vec<NewTop>, Vec<NewTop>) = tops
            .into_iter()
            .partition(|top| idle.iter().any(|idle| idle.layer == top.below));
        pivot::close(&self.qmp, &unneeded);
        let mut overlays = overlays.to_vec();
        overlays.retain(|overlay| !idle.contains(&overlay.below));
        if let Err(error) = pivot::put_on(&self.qmp, &tops) {
            pivot::close(&self.qmp, &tops);
            let ran = self.live.state == State::Running;
            let resumed = if ran { self.simple("cont") } else { Ok(()) };
            return Err(resumed
                .err()
                .unwrap_or_else(|| Failure::new(what, error.to_string())));
        }
        step::at("layers put on");
        self.note_written(&written, &overlays);
        Ok((overlays, idle))
    }

    /// Stops the guest, and waits until all stand still. After an error it runs, if it ran.
    fn stop_with(&self, company: Company<'_>, ran: bool) -> Result<(), Failure> {
        company.meet(Meeting::Ready)?;
        self.simple("stop")?;
        company.meet(Meeting::Stopped).map_err(|failure| {
            let resumed = if ran { self.simple("cont") } else { Ok(()) };
            resumed.err().unwrap_or(failure)
        })
    }

    /// The tops that nothing was written to since they were put on. Where QEMU does not tell, none are.
    fn idle_tops(&self, written: &BTreeMap<String, Written>) -> Vec<LayerRef> {
        let mut idle = timeline::idle_tops(&self.post.library, &self.machine);
        idle.retain(|top| {
            let node = layer_node(top.layer);
            let then = self.written_when_put_on.get(&node).copied().unwrap_or(0);
            let now = written.get(&node);
            now.is_some_and(|now| now.highest == 0 && now.requests == then)
        });
        idle
    }

    /// Remembers what was written before the new tops, by their nodes.
    pub(super) fn note_written(
        &mut self,
        written: &BTreeMap<String, Written>,
        overlays: &[Overlay],
    ) {
        for overlay in overlays {
            let requests = written.get(&layer_node(overlay.below.layer));
            let requests = requests.map_or(0, |written| written.requests);
            let new = layer_node(overlay.new.layer);
            self.written_when_put_on.insert(new, requests);
        }
    }

    fn begin_draft(&self, id: SnapshotId, what: &str) -> Result<Draft, Failure> {
        let library = &self.post.library;
        let folder = library
            .make_memory_dir(id)
            .map_err(|error| error.failure(what))?;
        let places = |snapshot| library.memory_dir(snapshot);
        let point = library
            .machine(self.post.id)
            .ok()
            .and_then(|machine| machine.point);
        // Without a base the memory is a full one.
        let base = point.and_then(|point| {
            Base::after(point, self.machine.memory, &places)
                .ok()
                .flatten()
        });
        Draft::begin(&folder, self.machine.memory, base)
            .map_err(|error| Failure::new(what, error.to_string()))
    }

    pub(super) fn new_tops(&self, overlays: &[Overlay]) -> Vec<NewTop> {
        let disk_of = |layer: LayerRef| {
            let is_top = |disk: &&Disk| disk.layers().last() == Some(&layer);
            self.machine.disks().find(is_top).cloned()
        };
        overlays
            .iter()
            .map(|overlay| NewTop {
                below: overlay.below.layer,
                new: overlay.new.layer,
                path: self.post.library.layer_file(overlay.new),
                disk: disk_of(overlay.below),
            })
            .collect()
    }

    /// The record of this moment; its memory is still to come.
    pub(super) fn record_now(&self, taking: &Taking, idle: &[LayerRef]) -> SnapshotRecord {
        let manifest = self.process.manifest();
        let with = RunWith {
            accelerator: manifest.accelerator,
            cpu_model: manifest.cpu_model.clone(),
            qemu_version: manifest.qemu_version.clone(),
        };
        let mut machine = self.machine.clone();
        // Where it came from is told by the present, not by what was launched.
        let present = self.post.library.machine(self.post.id).ok();
        machine.point = present.and_then(|present| present.point);
        let machine = timeline::part(&machine, taking).unwrap_or(machine); // It was looked for before.
        timeline::record_of(&self.post.library, &machine, idle, taking, with)
    }

    /// The machine goes on in its new layers, in all that is written about it.
    pub(super) fn above(
        &mut self,
        overlays: &[Overlay],
        point: Option<SnapshotId>,
    ) -> Result<(), Failure> {
        let pairs = overlays.to_vec();
        let recorded = self.post.record(move |record| {
            record.grow(&pairs);
            record.point = point.or(record.point);
        });
        if let Err(failure) = recorded {
            self.unnamed = overlays.to_vec();
            let fix = "The guest waits until that can be written: make room, then resume";
            return Err(failure.fix(fix));
        }
        self.machine.grow(overlays);
        let added = overlays.iter().map(|overlay| overlay.new);
        let layers = added.map(|layer| (layer, self.post.library.layer_file(layer)));
        self.tell_hardware(layers.collect());
        Ok(())
    }

    /// The guest must not run on layers that no record names.
    pub(super) fn name_layers(&mut self) -> Result<(), Failure> {
        match std::mem::take(&mut self.unnamed)[..] {
            [] => Ok(()),
            ref overlays => self.above(overlays, None),
        }
    }

    /// The work that layers were made for is over. Those that QEMU has on and no record names stay all the same.
    pub(super) fn settle(&self, overlays: &Overlays) {
        if self.unnamed.is_empty() {
            overlays.settle(&self.post.library);
        }
    }

    /// Tells everyone, and a later owner, what QEMU runs now. It has opened these layers besides.
    fn tell_hardware(&mut self, layers: Vec<(LayerRef, PathBuf)>) {
        self.live.hardware = Some(Box::new(self.machine.clone()));
        if let Err(error) = self.process.add_layers(self.machine.clone(), layers) {
            eprintln!("orangery: {}: {error}", self.post.id); // A later owner reads it from the record.
        }
        self.publish();
    }

    /// QEMU's chains are shorter than before.
    pub(super) fn relayer(&mut self, relayering: Relayering) {
        if self.machine.relayer(relayering) {
            self.tell_hardware(Vec::new());
        }
    }

    /// Leaves the present for a snapshot; the supervisor starts the machine again.
    pub(super) fn leave(&mut self, leaving: Leaving, mut job: Job, asker: Asker) -> Flow {
        if !self.permitted(Action::Rewind, asker) {
            job.end(Ok(()));
            return Flow::Go;
        }
        match self.leave_for(leaving, &mut job) {
            Ok(state) => {
                let flow = self.rest(state, None);
                job.end(Ok(()));
                let machine = self.post.id;
                self.post.tell(Message::StartAgain { machine, asker });
                flow
            }
            Err((failure, flow)) => {
                job.end(Err(failure.clone()));
                self.post.answer(asker, Err(failure));
                flow
            }
        }
    }

    fn leave_for(&mut self, leaving: Leaving, job: &mut Job) -> Result<State, (Failure, Flow)> {
        let library = Arc::clone(&self.post.library);
        let then = timeline::find(&library, self.post.id, leaving.to, &self.post.name)
            .map_err(|failure| (failure, Flow::Go))?;
        if let Some((taking, mut keeping)) = leaving.keep {
            match self.take(&taking, &mut keeping, Alone) {
                Ok(taken) => self.complete(taken, keeping, |_told_by_the_job| {}),
                Err(failure) => {
                    keeping.end(Err(failure.clone()));
                    return Err((failure, self.look()));
                }
            }
        }
        step::at("present kept");
        job.commit();
        self.go_back(&then)
    }

    /// Ends QEMU; the present begins again at `then`.
    pub(super) fn go_back(&mut self, then: &SnapshotRecord) -> Result<State, (Failure, Flow)> {
        let library = Arc::clone(&self.post.library);
        let what = format!("{}: not gone back", self.post.name);
        // A present that was kept came from that snapshot.
        let intent = library
            .machine(self.post.id)
            .map(|present| timeline::leaving(then.id, present.point))
            .and_then(|work| library.begin_intent(self.post.id, &work))
            .map_err(|error| (error.failure(&what), Flow::Go))?;
        if !self.ask_to_end(END_PATIENCE) {
            self.process.kill().ok(); // Fails only when it is gone.
            if !self.process.wait(PATIENCE).unwrap_or(false) {
                timeline::settle(&library, self.post.id, intent);
                let stuck = self.stuck();
                let failure = Failure::new(what, "QEMU does not end; a disk may hang");
                return Err((failure, stuck));
            }
        }
        step::at("QEMU ended");
        end_tpm(self.process.folder());
        let supervisor = &self.post.supervisor;
        let result = library
            .machine(self.post.id)
            .map_err(|error| error.failure(&what))
            .and_then(|machine| timeline::go_back(&library, supervisor, &machine, then));
        timeline::settle(&library, self.post.id, intent);
        match result {
            Ok(()) if then.memory.is_some() => Ok(State::Saved),
            Ok(()) => Ok(State::Off),
            Err(failure) => {
                let flow = self.rest(State::Off, Some(failure.clone()));
                Err((failure, flow))
            }
        }
    }
}
