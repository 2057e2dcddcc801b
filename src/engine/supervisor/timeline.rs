//! Requests about a machine's timeline.

use std::sync::Arc;

use crossbeam_channel::{Sender, bounded};

use super::commands::busy;
use super::{Message, Supervisor};
use crate::engine::disks;
use crate::engine::hub::Asker;
use crate::engine::jobs::Job;
use crate::engine::message::Command;
use crate::engine::timeline::{self, RunWith, Taking};
use crate::engine::worker::{Leaving, Order};
use crate::model::{
    Accelerator, Action, Answer, Checkpoints, Failure, JobId, Machine, MachineId, Relayering,
    SnapshotId, SnapshotKind,
};
use crate::qemu::command_line::resolve_cpu;

/// The most that a snapshot's name and note have, in characters.
const MOST_NAME: usize = 80;
const MOST_NOTE: usize = 2000;

pub(super) enum DiskWork {
    Delete(Vec<SnapshotId>),
    Flatten,
}

impl Supervisor {
    pub(super) fn timeline(&mut self, asker: Asker, command: Command) {
        let needs_files = !matches!(
            command,
            Command::ShowTimeline { .. } | Command::SetCheckpoints { .. }
        );
        if needs_files && self.waits_for_work(asker, &command) {
            return;
        }
        match command {
            Command::TakeSnapshot {
                machine,
                name,
                note,
                scope,
            } => {
                let taking = Taking {
                    disk: scope.disk,
                    ..Taking::new(SnapshotKind::Manual, name, note)
                };
                self.take_snapshot(asker, machine, taking, scope.move_in);
            }
            Command::Rewind {
                machine,
                snapshot,
                keep,
                start,
            } => self.rewind(asker, machine, snapshot, (keep, start)),
            Command::EditSnapshot {
                machine,
                snapshot,
                name,
                note,
            } => self.edit_snapshot(asker, machine, snapshot, (name, note)),
            Command::DeleteSnapshots { machine, snapshots } => {
                self.on_disks(asker, machine, DiskWork::Delete(snapshots));
            }
            Command::Flatten { machine } => self.on_disks(asker, machine, DiskWork::Flatten),
            Command::VerifySnapshots { machine, snapshot } => {
                self.verify_snapshots(asker, machine, snapshot);
            }
            Command::ShowTimeline { machine } => self.show_timeline(asker, machine),
            Command::SetCheckpoints {
                machine,
                checkpoints,
            } => self.set_checkpoints(asker, machine, checkpoints),
            _ => {}
        }
    }

    /// A machine without QEMU is frozen by a job, one with QEMU by its worker.
    fn take_snapshot(&mut self, asker: Asker, machine: MachineId, taking: Taking, move_in: bool) {
        if let Err(failure) = check_words(&taking.name, &taking.note) {
            return self.hub.answer(asker, Err(failure), None);
        }
        let Some(record) = self.free_for(asker, machine, Action::Snapshot) else {
            return;
        };
        let title = format!("Taking a snapshot of {}", record.name);
        if move_in && !record.disks_in_place().is_empty() {
            return self.move_in_and_take(asker, &record, taking, title);
        }
        if self.slots.get(&machine).is_some_and(super::Slot::runs) {
            let job = Box::new(self.new_job(Some(machine), title));
            let order = |asker| Order::Snapshot {
                taking: Box::new(taking),
                job,
                asker,
            };
            return self.pass(asker, machine, Action::Snapshot, order);
        }
        let work = self.freezing(&record, taking);
        self.run_job(Some(machine), title, asker, work);
    }

    /// Copies disks into the library first, which takes as long as it takes: the machine does not start meanwhile.
    fn move_in_and_take(&mut self, asker: Asker, record: &Machine, taking: Taking, title: String) {
        let machine = record.id;
        if self.state(machine).has_process() || record.saved.is_some() {
            let failure = Failure::new(
                format!("{}: no snapshot", record.name),
                "Its disk is copied into the library first, and nothing may write to it or rest on it meanwhile",
            )
            .fix("Shut the machine down first; start it before that if it is saved");
            return self.hub.answer(asker, Err(failure), None);
        }
        let (library, sender) = (Arc::clone(&self.library), self.sender.clone());
        let record = record.clone();
        let with = self.would_run_with(&record);
        let job = self.run_job_later(Some(machine), title, move |job| {
            let only = taking.disk.as_deref();
            let result = disks::move_in(&library, &sender, &record, only, job)
                .and_then(|record| {
                    job.commit();
                    timeline::take_resting(&library, &sender, &record, &taking, with)
                })
                .map(|()| Answer::Snapshot(taking.id));
            let ended = result.as_ref().map(|_answer| ()).map_err(Clone::clone);
            sender.send(Message::TimelineChanged(machine)).ok(); // The engine is ending.
            sender.send(Message::Answer(asker, result, None)).ok(); // The engine is ending.
            ended
        });
        self.take_disks(machine, job);
    }

    /// Takes a snapshot of a machine that rests, unasked. What waits goes on afterwards.
    pub(super) fn freeze(&mut self, machine: MachineId, taking: Taking) {
        let Some(record) = self
            .slots
            .get(&machine)
            .and_then(|slot| slot.machine.clone())
        else {
            return;
        };
        let work = self.freezing(&record, taking);
        let title = format!("Taking a checkpoint of {}", record.name);
        // The job tells what went wrong.
        let job = self.run_job_later(Some(machine), title, move |job| work(job).map(drop));
        self.take_disks(machine, job);
    }

    pub(super) fn freezing(
        &self,
        record: &Machine,
        taking: Taking,
    ) -> impl FnOnce(&mut Job) -> Result<Answer, Failure> + Send + use<> {
        let with = self.would_run_with(record);
        let (library, sender) = (Arc::clone(&self.library), self.sender.clone());
        let record = record.clone();
        move |job| {
            job.progress("Making new layers", 0, 0)?;
            job.commit();
            let id = match record.saved {
                Some(saved) => timeline::keep_saved(&library, &sender, &record, saved, &taking)?,
                None => {
                    timeline::take_resting(&library, &sender, &record, &taking, with)?;
                    taking.id
                }
            };
            sender.send(Message::TimelineChanged(record.id)).ok(); // The engine is ending.
            Ok(Answer::Snapshot(id))
        }
    }

    /// Deletes checkpoints that have outlived their use.
    pub(super) fn thin_out(&mut self, machine: MachineId, gone: Vec<SnapshotId>) {
        let Some(name) = self.slots.get(&machine).map(|slot| slot.name.clone()) else {
            return;
        };
        let title = format!("Letting {} old checkpoints of {name} go", gone.len());
        self.run_disk_work(machine, title, DiskWork::Delete(gone), None);
    }

    fn rewind(
        &mut self,
        asker: Asker,
        machine: MachineId,
        to: SnapshotId,
        (keep, start): (bool, bool),
    ) {
        let Some(record) = self.free_for(asker, machine, Action::Rewind) else {
            return;
        };
        let taking = keep.then(|| Taking::new(SnapshotKind::Kept, String::new(), String::new()));
        let title = format!("Going back with {}", record.name);
        if self.slots.get(&machine).is_some_and(super::Slot::runs) {
            let kept = format!("Keeping the present of {}", record.name);
            let keep = taking.map(|taking| (taking, self.new_job(Some(machine), kept)));
            let job = Box::new(self.new_job(Some(machine), title));
            let order = |asker| Order::Leave {
                leaving: Box::new(Leaving { to, keep }),
                job,
                asker,
            };
            return self.pass(asker, machine, Action::Rewind, order);
        }
        let with = self.would_run_with(&record);
        let (library, sender) = (Arc::clone(&self.library), self.sender.clone());
        let job = self.run_job_later(Some(machine), title, move |job| {
            job.commit();
            let result = timeline::leave_resting(&library, &sender, &record, to, taking, with);
            let changed = Message::TimelineChanged(machine);
            sender.send(changed).ok(); // The engine is ending.
            let message = match &result {
                Ok(()) if start => Message::StartAgain { machine, asker },
                Ok(()) => Message::Rested { machine, asker },
                Err(failure) => Message::Answer(asker, Err(failure.clone()), None),
            };
            sender.send(message).ok(); // The engine is ending.
            result
        });
        self.take_disks(machine, job);
    }

    /// The machine was made to begin elsewhere and does not run.
    pub(super) fn rested(&mut self, asker: Asker, machine: MachineId) {
        self.see_rest(machine);
        self.publish(machine);
        self.hub.answer(asker, Ok(Answer::Done), None);
    }

    /// The same, and it goes on from there.
    pub(super) fn start_again(&mut self, asker: Asker, machine: MachineId) {
        self.see_rest(machine);
        self.start(asker, machine);
    }

    pub(super) fn see_rest(&mut self, machine: MachineId) {
        if let Some(slot) = self.slots.get_mut(&machine)
            && !slot.has_worker()
            && let Some(record) = &slot.machine
        {
            slot.live = super::records::resting(&self.library, record);
        }
    }

    /// Ends what an earlier owner was killed at, for all machines that can be ended at once.
    pub(super) fn finish_all_left(&mut self) {
        let ids: Vec<MachineId> = self.slots.keys().copied().collect();
        for machine in ids {
            if !self.library.has_intents(machine) {
                continue;
            }
            match self.slots.get_mut(&machine) {
                Some(slot) if slot.adopting => slot.unfinished = true,
                // It goes as a whole.
                Some(slot) if slot.machine.as_ref().is_some_and(Machine::is_unborn) => {}
                Some(_) | None => self.finish_left(machine),
            }
        }
    }

    pub(super) fn finish_left(&mut self, machine: MachineId) {
        let Some(slot) = self
            .slots
            .get(&machine)
            .filter(|slot| slot.machine.is_some())
        else {
            return;
        };
        let title = format!("Ending what was begun with {}", slot.name);
        let (lend, lent) = bounded(1);
        let runs = slot.runs() && slot.order(Order::LendMonitor(lend));
        let (library, sender) = (Arc::clone(&self.library), self.sender.clone());
        let job = self.run_job_later(Some(machine), title, move |job| {
            let mut live = if runs { lent.recv().ok() } else { None };
            let completed = timeline::complete_left(&library, &sender, machine, job)
                .and_then(|()| timeline::go_on_left(&library, &sender, machine, &mut live, job));
            let ended = library.end_intents(machine);
            sender.send(Message::TimelineChanged(machine)).ok(); // The engine is ending.
            completed?;
            ended.map_err(|error| error.failure("Unfinished work was not tidied up"))
        });
        self.take_disks(machine, job);
    }

    /// The machine does not start while the job runs.
    pub(super) fn take_disks(&mut self, machine: MachineId, job: Option<JobId>) {
        if let Some(slot) = self.slots.get_mut(&machine) {
            slot.disks_taken = job;
        }
    }

    /// Puts a request off while a job works on its machine's files; whether it did.
    pub(super) fn waits_for_work(&mut self, asker: Asker, command: &Command) -> bool {
        let waits = command
            .machine()
            .is_some_and(|machine| self.is_worked_on(machine));
        if waits {
            self.waiting.push((asker, command.clone()));
        }
        waits
    }

    /// The machine's record if `action` is allowed; else the asker is told.
    pub(super) fn free_for(
        &mut self,
        asker: Asker,
        machine: MachineId,
        action: Action,
    ) -> Option<Machine> {
        if !self.permitted(asker, machine, action) {
            return None;
        }
        let record = self.slots.get(&machine)?.machine.clone();
        if record.is_none() {
            self.hub.answer(asker, Err(busy()), None);
        }
        record
    }

    /// What a machine that rests would be run with.
    pub(super) fn would_run_with(&self, record: &Machine) -> RunWith {
        let facts = self.facts.as_ref();
        let accelerator = facts
            .map(|facts| facts.accelerator())
            .unwrap_or(Accelerator::Tcg);
        let version = facts.and_then(|facts| Some(facts.qemu().ok()?.version.to_string()));
        RunWith {
            accelerator,
            cpu_model: resolve_cpu(record, accelerator),
            qemu_version: version.unwrap_or_default(),
        }
    }

    /// Work on a machine's layers, through its QEMU if it has one.
    fn on_disks(&mut self, asker: Asker, machine: MachineId, work: DiskWork) {
        let Some(record) = self.free_for(asker, machine, Action::Rewind) else {
            return;
        };
        if let DiskWork::Delete(doomed) = &work
            && let Some(template) = record
                .templates
                .iter()
                .find(|template| doomed.contains(&template.snapshot))
        {
            let why = format!("New machines begin at the template “{}”", template.name);
            let failure = Failure::new("The snapshot was not deleted", why)
                .fix("End that first: on the timeline, or with `orangery template remove`");
            return self.hub.answer(asker, Err(failure), None);
        }
        let title = match &work {
            DiskWork::Delete(snapshots) => {
                format!("Deleting {} snapshots of {}", snapshots.len(), record.name)
            }
            DiskWork::Flatten => format!("Flattening the disks of {}", record.name),
        };
        self.run_disk_work(machine, title, work, Some(asker));
    }

    pub(super) fn run_disk_work(
        &mut self,
        machine: MachineId,
        title: String,
        work: DiskWork,
        asker: Option<Asker>,
    ) {
        let (lend, lent) = bounded(1);
        let slot = self.slots.get(&machine);
        let runs = slot.is_some_and(|slot| slot.runs() && slot.order(Order::LendMonitor(lend)));
        let (library, sender) = (Arc::clone(&self.library), self.sender.clone());
        let job = self.run_job_later(Some(machine), title, move |job| {
            let mut live = if runs { lent.recv().ok() } else { None };
            let result = match work {
                DiskWork::Delete(doomed) => {
                    timeline::delete(&library, &sender, machine, &doomed, &mut live, job)
                }
                DiskWork::Flatten => timeline::flatten(&library, &sender, machine, &mut live, job),
            };
            sender.send(Message::TimelineChanged(machine)).ok(); // The engine is ending.
            if let Some(asker) = asker {
                let answer = result.clone().map(|()| Answer::Done);
                sender.send(Message::Answer(asker, answer, None)).ok(); // The engine is ending.
            }
            result
        });
        if !runs {
            self.take_disks(machine, job);
        }
    }

    fn verify_snapshots(&mut self, asker: Asker, machine: MachineId, snapshot: Option<SnapshotId>) {
        let Some(record) = self.free_for(asker, machine, Action::Rewind) else {
            return;
        };
        let library = Arc::clone(&self.library);
        let title = format!("Verifying the snapshots of {}", record.name);
        self.run_job(Some(machine), title, asker, move |job| {
            timeline::verify(&library, machine, snapshot, job)?;
            Ok(Answer::Done)
        });
    }

    fn edit_snapshot(
        &mut self,
        asker: Asker,
        machine: MachineId,
        snapshot: SnapshotId,
        (name, note): (String, String),
    ) {
        let what = "The snapshot was not renamed";
        let result = check_words(&name, &note).and_then(|()| {
            let library = &self.library;
            let mut record = library
                .snapshot(machine, snapshot)
                .map_err(|error| error.failure(what))?;
            if record.writing {
                return Err(
                    Failure::new(what, "It is still being written").fix("Try again in a moment")
                );
            }
            (record.name, record.note) = (name, note);
            library
                .write_snapshot(&record)
                .map_err(|error| error.failure(what))
        });
        self.timeline_changed(machine);
        self.hub.answer(asker, result.map(|()| Answer::Done), None);
    }

    fn set_checkpoints(&mut self, asker: Asker, machine: MachineId, checkpoints: Checkpoints) {
        let result = self.change_record(machine, |record| record.checkpoints = checkpoints);
        self.publish(machine);
        self.hub.answer(asker, result.map(|()| Answer::Done), None);
    }

    /// Tells the worker of layers that were merged. Without one the reply is dropped.
    pub(super) fn relayered(&self, machine: MachineId, relayering: Relayering, reply: Sender<()>) {
        if let Some(slot) = self.slots.get(&machine) {
            slot.order(Order::Relayered { relayering, reply });
        }
    }
}

pub(super) fn check_words(name: &str, note: &str) -> Result<(), Failure> {
    let what = "The snapshot's name or note can't be kept";
    if name.chars().count() > MOST_NAME || note.chars().count() > MOST_NOTE {
        let why = format!("A name has {MOST_NAME} characters at most, a note {MOST_NOTE}");
        return Err(Failure::new(what, why));
    }
    if name.chars().any(char::is_control) {
        return Err(Failure::new(what, "A name is one line of text"));
    }
    Ok(())
}
