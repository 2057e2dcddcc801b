//! Clones of machines, and moments that new machines go on from.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::fork::{Making, Moments};
use super::{Message, Slot, Supervisor};
use crate::engine::hub::Asker;
use crate::engine::jobs::Job;
use crate::engine::message::Command;
use crate::engine::offspring::{self, Parent};
use crate::engine::timeline;
use crate::engine::worker::Order;
use crate::library::Library;
use crate::model::{
    Action, Answer, Cloning, Failure, Fork, Machine, MachineId, SnapshotId, WarmTemplate,
    check_name,
};

impl Supervisor {
    /// What makes machines of others.
    pub(super) fn multiply(&mut self, asker: Asker, command: Command) {
        match command {
            Command::Clone { machine, cloning } => self.clone_machine(asker, machine, cloning),
            Command::SetTemplate {
                machine,
                snapshot,
                name,
            } => self.set_template(asker, machine, snapshot, name),
            Command::Fork { machine, fork } => self.fork(asker, machine, fork),
            _ => {} // Others do those.
        }
    }

    /// Makes a machine with the disks of this one.
    fn clone_machine(&mut self, asker: Asker, machine: MachineId, cloning: Cloning) {
        let command = Command::Clone {
            machine,
            cloning: cloning.clone(),
        };
        if self.waits_for_work(asker, &command) {
            return;
        }
        let Some(record) = self.free_for(asker, machine, Action::Clone) else {
            return;
        };
        let named = Fork {
            name: cloning.name.clone(),
            ..Fork::once(false)
        };
        let name = match self.names_for(&record, &named) {
            Ok(mut names) => names.swap_remove(0),
            Err(failure) => return self.hub.answer(asker, Err(failure), None),
        };
        let title = format!("Cloning {} as {name}", record.name);
        let slot = self.slots.get(&machine);
        let (lend, lent) = bounded(1);
        let wants_present = cloning.at.is_none();
        let runs = slot.is_some_and(Slot::runs);
        if runs && wants_present && !slot.is_some_and(|slot| slot.order(Order::FreezeDisks(lend))) {
            return self.hub.answer(asker, Err(super::commands::busy()), None);
        }
        let work = CloneWork {
            library: Arc::clone(&self.library),
            sender: self.sender.clone(),
            moments: self.moments.clone(),
            record,
            cloning,
            name: name.clone(),
            lent: runs.then_some(lent),
        };
        let job = self.run_job_later(Some(machine), title, move |job| work.run(job, asker));
        if let Some(job) = job {
            self.reserved.insert(job, vec![name]);
        }
        if !runs {
            self.take_disks(machine, job);
        }
    }

    /// Makes a snapshot a moment that new machines go on from, or ends that.
    fn set_template(
        &mut self,
        asker: Asker,
        machine: MachineId,
        snapshot: SnapshotId,
        name: Option<String>,
    ) {
        let what = "No template was made";
        let checked = match &name {
            None => Ok(()),
            Some(name) => {
                let all = self.slots.values().filter_map(|slot| slot.machine.as_ref());
                let taken = all.flat_map(|record| &record.templates);
                let taken: Vec<&str> = taken.map(|one| one.name.as_str()).collect();
                check_name(name, taken)
                    .map_err(|error| Failure::new(what, error.to_string()))
                    .and_then(|()| self.check_template(machine, snapshot, what))
            }
        };
        let result = checked.and_then(|()| {
            self.change_record(machine, |record| {
                record.templates.retain(|one| one.snapshot != snapshot);
                record
                    .templates
                    .extend(name.map(|name| WarmTemplate { name, snapshot }));
            })
        });
        self.publish(machine);
        self.hub.answer(asker, result.map(|()| Answer::Done), None);
    }

    /// Refuses a snapshot that nothing can go on from.
    fn check_template(
        &self,
        machine: MachineId,
        snapshot: SnapshotId,
        what: &str,
    ) -> Result<(), Failure> {
        let record = self.library.snapshot(machine, snapshot);
        let record = record.map_err(|error| error.failure(what))?;
        if record.writing {
            return Err(Failure::new(what, "The snapshot is still being written")
                .fix("Try again in a moment"));
        }
        if record.memory.is_none() {
            let why = "The snapshot has no memory: machines of it would boot";
            return Err(Failure::new(what, why).fix("Take one while the machine runs"));
        }
        Ok(())
    }
}

/// A clone being made, on a thread of its own.
struct CloneWork {
    library: Arc<Library>,
    sender: Sender<Message>,
    moments: Moments,
    record: Machine,
    cloning: Cloning,
    name: String,
    /// The frozen hardware comes here if the machine runs.
    lent: Option<Receiver<Result<Machine, Failure>>>,
}

impl CloneWork {
    fn run(&self, job: &mut Job, asker: Asker) -> Result<(), Failure> {
        let made = self.make(job);
        let result = made.as_ref().map(drop).map_err(Clone::clone);
        let message = match made {
            Ok(made) => Message::Made {
                machine: Box::new(made),
                start: false,
                asker,
            },
            Err(failure) => Message::Answer(asker, Err(failure), None),
        };
        self.sender.send(message).ok(); // The engine is ending.
        if self.cloning.full {
            self.sender.send(Message::Unburdened(self.record.id)).ok();
        }
        result
    }

    fn make(&self, job: &mut Job) -> Result<Machine, Failure> {
        job.progress("Freezing the disks", 0, 0)?;
        let (mut hardware, at) = self.frozen()?;
        if !self.cloning.keep_variables {
            hardware.firmware.variables.clear();
        }
        if !self.cloning.keep_tpm {
            hardware.tpm = None;
        }
        let parent = Parent {
            hardware,
            name: self.record.name.clone(),
            at,
        };
        let newborn = offspring::clone_of(&parent, &self.cloning, self.name.clone());
        if self.cloning.full {
            return offspring::copy(&self.library, &parent.hardware, &newborn, job);
        }
        timeline::check_in_library(&parent.hardware)?;
        offspring::bear(&self.library, &parent.hardware, &newborn)
    }

    /// The hardware whose disks nobody writes to, and the snapshot that it is of.
    fn frozen(&self) -> Result<(Machine, Option<SnapshotId>), Failure> {
        let record = &self.record;
        if let Some(at) = self.cloning.at {
            let then = timeline::find(&self.library, record.id, at, &record.name)?;
            timeline::check_whole(&then, &record.name)?;
            return Ok((then.hardware, Some(at)));
        }
        if let Some(lent) = &self.lent {
            let gone = || Failure::new("The machine was not cloned", "It ended meanwhile");
            return Ok((lent.recv().map_err(|_closed| gone())??, None));
        }
        let making = Making {
            library: &self.library,
            sender: &self.sender,
            moments: &self.moments,
        };
        making.freeze_present(record)
    }
}
