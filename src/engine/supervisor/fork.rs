//! Machines that are made of others: forks, tries, and what becomes of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;

use super::timeline::DiskWork;
use super::{Message, Slot, Supervisor, record};
use crate::engine::clock;
use crate::engine::hub::Asker;
use crate::engine::jobs::Job;
use crate::engine::message::Command;
use crate::engine::offspring::{self, Parent};
use crate::engine::timeline::{self, Overlays, Taking};
use crate::engine::together::{Member, Together};
use crate::engine::worker::{Births, Forking, Live, Order, Origin, check_room, room_for};
use crate::library::{Intent, Library, SnapshotRecord};
use crate::model::{
    Action, Answer, Failure, Fork, Machine, MachineId, Relayering, SnapshotId, SnapshotKind, State,
    check_name,
};
use crate::qemu::memory_store::Moment;

/// How long a moment of a snapshot stays in memory for the next fork of it.
const MOMENT_STAYS: Duration = Duration::from_secs(15 * 60);

/// Moments of snapshots that forks went on from.
#[derive(Clone, Default)]
pub struct Moments(Arc<Mutex<Vec<Known>>>);

/// A moment that was wanted, and when it was the last time.
type Known = (SnapshotId, Arc<Moment>, Instant);

impl Moments {
    /// The moment of a snapshot, and whether another one fills it or has.
    fn of(&self, snapshot: &SnapshotRecord) -> Result<(Arc<Moment>, bool), Failure> {
        let what = "The snapshot's memory can't be had";
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        known.retain(|(_, _, used)| now.duration_since(*used) < MOMENT_STAYS);
        if let Some((_, moment, used)) = known.iter_mut().find(|(id, ..)| *id == snapshot.id) {
            *used = now;
            return Ok((Arc::clone(moment), true));
        }
        let failed = |error: &dyn std::error::Error| Failure::new(what, error.to_string());
        let moment = Moment::begin(snapshot.hardware.memory).map_err(|error| failed(&error))?;
        known.push((snapshot.id, Arc::clone(&moment), now));
        Ok((moment, false))
    }

    fn forget(&self, snapshot: SnapshotId) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(id, ..)| *id != snapshot);
    }
}

impl Supervisor {
    /// Makes machines that go on from this one.
    pub(super) fn fork(&mut self, asker: Asker, machine: MachineId, fork: Fork) {
        let command = Command::Fork {
            machine,
            fork: fork.clone(),
        };
        if self.facts.is_none() {
            self.waiting.push((asker, command));
            return;
        }
        if self.waits_for_work(asker, &command) {
            return;
        }
        let action = if fork.disposable {
            Action::Try
        } else {
            Action::Fork
        };
        let Some(record) = self.free_for(asker, machine, action) else {
            return;
        };
        let names = match self.names_for(&record, &fork) {
            Ok(names) => names,
            Err(failure) => return self.hub.answer(asker, Err(failure), None),
        };
        let title = match names.as_slice() {
            [name] => format!("Making {name} of {}", record.name),
            names => format!("Making {} forks of {}", names.len(), record.name),
        };
        let runs = self.slots.get(&machine).is_some_and(Slot::runs);
        if runs && fork.at.is_none() {
            let job = Box::new(self.new_job(Some(machine), title));
            self.reserved.insert(job.id(), names.clone());
            let forking = Box::new(Forking { fork, names });
            let order = |asker| Order::Fork {
                forking,
                job,
                asker,
            };
            return self.pass(asker, machine, action, order);
        }
        let (library, sender) = (Arc::clone(&self.library), self.sender.clone());
        let moments = self.moments.clone();
        let reserved = names.clone();
        let job = self.run_job_later(Some(machine), title, move |job| {
            let making = Making {
                library: &library,
                sender: &sender,
                moments: &moments,
            };
            let result = making.fork(&record, &fork, names, job);
            let ended = result.as_ref().map(drop).map_err(Clone::clone);
            let answer = result.map(Answer::Forked);
            sender.send(Message::Answer(asker, answer, None)).ok(); // The engine is ending.
            ended
        });
        if let Some(job) = job {
            self.reserved.insert(job, reserved);
        }
        if !runs {
            self.take_disks(machine, job);
        }
    }

    /// Names for those that are to be made.
    pub(super) fn names_for(&self, record: &Machine, fork: &Fork) -> Result<Vec<String>, Failure> {
        let what = "No fork was made";
        if fork.count == 0 || fork.count > Fork::MOST {
            let why = format!("1 to {} can be made at once", Fork::MOST);
            return Err(Failure::new(what, why));
        }
        let mut taken: Vec<String> = self.names().map(|(_, name)| name.to_owned()).collect();
        taken.extend(self.reserved.values().flatten().cloned());
        let wanted = fork.name.trim();
        if !wanted.is_empty() && fork.count == 1 {
            check_name(wanted, taken.iter().map(String::as_str))
                .map_err(|error| Failure::new(what, error.to_string()))?;
            return Ok(vec![wanted.to_owned()]);
        }
        let stem = if wanted.is_empty() {
            &record.name
        } else {
            wanted
        };
        let names = crate::model::numbered_names(stem, fork.count, &taken);
        for name in &names {
            check_name(name, []).map_err(|error| Failure::new(what, error.to_string()))?;
        }
        Ok(names)
    }

    /// A machine that was made of another one is there.
    pub(super) fn born(&mut self, machine: Machine, origin: Origin, gate: Member) {
        let id = machine.id;
        let folder = self.library.machine_dir(id);
        let live = Live::resting(State::Off, clock::now(), None);
        let name = machine.name.clone();
        let mut slot = Slot::resting(name, Some(machine), folder, live);
        slot.gate = Some(gate);
        self.slots.insert(id, slot);
        match self.facts.clone() {
            Some(facts) => self.launch(Asker::NOBODY, id, facts, Some(origin)),
            None => self.publish(id), // Who waits is told when the other end goes.
        }
    }

    /// Why a machine must not start: what it rests on is still written to.
    pub(super) fn rests_on_what_is_written(&self, machine: MachineId) -> Option<Failure> {
        let record = self.slots.get(&machine)?.machine.as_ref()?;
        let what = || format!("{} did not start", record.name);
        if record.is_unborn() {
            return Some(Failure::new(what(), "It was never finished").fix("Delete it"));
        }
        let others = self.slots.iter().filter(|(id, _)| **id != machine);
        let mut others = others.filter_map(|(_, slot)| slot.machine.as_ref());
        let mut below: Vec<_> = record.layers().into_iter().collect();
        below.retain(|layer| layer.machine != machine);
        if below.is_empty() {
            return None;
        }
        let writer = others.find(|other| other.tops().iter().any(|top| below.contains(top)))?;
        let why = format!("“{}” still writes to a disk that it rests on", writer.name);
        Some(Failure::new(what(), why))
    }

    /// Keeps a machine that was to go.
    pub(super) fn keep(&mut self, asker: Asker, machine: MachineId) {
        if !self.permitted(asker, machine, Action::Keep) {
            return;
        }
        let busy = |slot: &Slot| {
            // Its moment is being kept elsewhere, and then it goes.
            slot.job.is_some() || slot.machine.as_ref().is_some_and(Machine::is_unborn)
        };
        let result = match self.slots.get(&machine).is_some_and(busy) {
            true => Err(super::commands::busy()),
            false => self.change_record(machine, |record| record.disposable = false),
        };
        self.publish(machine);
        self.hub.answer(asker, result.map(|()| Answer::Done), None);
    }

    /// Puts the moment of a machine that was to go into the timeline of the one that it came from.
    pub(super) fn keep_moment(&mut self, asker: Asker, machine: MachineId) {
        let Some(record) = self.free_for(asker, machine, Action::KeepMoment) else {
            return;
        };
        let title = format!("Keeping the moment of {}", record.name);
        let name = record.name.clone();
        let taking = Box::new(Taking::new(SnapshotKind::Manual, name, String::new()));
        if !self.slots.get(&machine).is_some_and(Slot::runs) {
            let work = self.keeping_rest(record, *taking);
            self.run_job(Some(machine), title, asker, work);
            return;
        }
        let job = Box::new(self.new_job(Some(machine), title));
        let order = |asker| Order::KeepMoment { taking, job, asker };
        self.pass(asker, machine, Action::KeepMoment, order);
    }

    /// The same for one whose guest has ended: what its disks have by now.
    fn keeping_rest(
        &self,
        record: Machine,
        taking: Taking,
    ) -> impl FnOnce(&mut Job) -> Result<Answer, Failure> + Send + use<> {
        let (library, sender) = (Arc::clone(&self.library), self.sender.clone());
        let (snapshot, freezing) = (taking.id, self.freezing(&record, taking));
        move |job| {
            let descent = record.descent.as_ref().ok_or_else(|| {
                Failure::new("The moment was not kept", "It came from no machine")
            })?;
            freezing(job)?;
            offspring::hand_over(&library, &sender, record.id, snapshot, descent)?;
            let kept = Message::TimelineChanged(descent.from);
            sender.send(kept).ok(); // The engine is ending.
            sender.send(Message::Spent(record.id)).ok();
            Ok(Answer::Snapshot(snapshot))
        }
    }

    /// Ends a machine of which nothing is kept.
    pub(super) fn discard(&mut self, asker: Asker, machine: MachineId) {
        if !self.permitted(asker, machine, Action::Discard) {
            return;
        }
        let runs = self.slots.get_mut(&machine).is_some_and(|slot| {
            slot.spent = true;
            slot.has_worker()
        });
        if runs {
            let action = Action::PowerOff;
            return self.pass(asker, machine, action, |asker| Order::Act { action, asker });
        }
        self.remove_copies(vec![machine], asker);
    }

    /// What was to be kept of a copy is kept elsewhere.
    pub(super) fn spent(&mut self, machine: MachineId) {
        match self.slots.get(&machine) {
            // It may have ended meanwhile, and could not go while it was needed.
            Some(slot) if !slot.has_worker() => self.remove_copies(vec![machine], Asker::NOBODY),
            Some(_) | None => self.discard(Asker::NOBODY, machine),
        }
    }

    /// A copy whose guest has ended goes, unless it is kept. A window asks its user first; without one nobody could be
    /// asked.
    pub(super) fn let_go_of_copy(&mut self, machine: MachineId) {
        let goes = self.slots.get(&machine).is_some_and(|slot| {
            let asks = self.window || !slot.consoles.is_empty();
            let record = slot.machine.as_ref().filter(|_| !slot.has_worker());
            record.is_some_and(|record| {
                let ended = record.disposable && slot.live.state == State::Off;
                record.is_unborn() || (ended && (slot.spent || !asks))
            })
        });
        if goes && !self.leaving {
            self.remove_copies(vec![machine], Asker::NOBODY);
        }
    }

    /// Removes machines that nobody is to keep.
    pub(super) fn remove_copies(&mut self, machines: Vec<MachineId>, asker: Asker) {
        for machine in &machines {
            let marked = self.change_record(*machine, |record| {
                record.trashed = Some(clock::now());
                if let Some(descent) = &mut record.descent {
                    descent.unborn = true; // The next owner goes on if this one can't.
                }
            });
            if let Err(failure) = marked {
                return self.hub.answer(asker, Err(failure), None);
            }
            self.publish(*machine);
        }
        let (library, sender) = (Arc::clone(&self.library), self.sender.clone());
        let title = "Throwing copies away".to_owned();
        self.run_job(None, title, asker, move |job| {
            job.commit();
            let emptied = library
                .empty_trash(&machines)
                .map_err(|error| error.failure("A copy was not removed"))?;
            for machine in emptied.removed {
                sender.send(Message::Removed(machine)).ok(); // The engine is ending.
            }
            Ok(Answer::Done)
        });
    }

    /// Layers that were frozen for a copy alone are merged again.
    pub(super) fn unburdened(&mut self, machine: MachineId) {
        let slot = self.slots.get(&machine);
        let rests = slot.is_some_and(|slot| {
            let is_deep = slot
                .machine
                .as_ref()
                .is_some_and(|record| record.depth() > 1);
            is_deep && slot.trashed().is_none() && !slot.adopting
        });
        if rests && self.is_worked_on(machine) {
            self.loose.insert(machine);
        } else if rests {
            let name = slot.map_or_else(String::new, |slot| slot.name.clone());
            let title = format!("Merging layers of {name}");
            self.run_disk_work(machine, title, DiskWork::Delete(Vec::new()), None);
        }
    }
}

/// What forks of machines without QEMU, or of snapshots, are made with.
pub(super) struct Making<'a> {
    pub(super) library: &'a Library,
    pub(super) sender: &'a crossbeam_channel::Sender<Message>,
    pub(super) moments: &'a Moments,
}

impl Making<'_> {
    fn fork(
        &self,
        machine: &Machine,
        fork: &Fork,
        names: Vec<String>,
        job: &mut Job,
    ) -> Result<Vec<MachineId>, Failure> {
        timeline::check_in_library(machine)?;
        if let Some(at) = fork.at {
            return self.of_snapshot(machine, at, fork, names, job);
        }
        job.progress("Making new layers", 0, 0)?;
        match self.freeze_present(machine)? {
            (_, Some(at)) => self.of_snapshot(machine, at, fork, names, job),
            (hardware, None) => {
                job.commit();
                let parent = Parent {
                    hardware,
                    name: machine.name.clone(),
                    at: None,
                };
                self.boot(&parent, fork, names)
            }
        }
    }

    /// Freezes the disks of a machine without QEMU; gives its hardware, and the snapshot that has its memory if it is
    /// saved: what was saved goes on in both, and so it becomes a snapshot.
    pub(super) fn freeze_present(
        &self,
        machine: &Machine,
    ) -> Result<(Machine, Option<SnapshotId>), Failure> {
        if let Some(saved) = machine.saved {
            let record = self.library.snapshot(machine.id, saved.snapshot);
            let record = record.map_err(|error| error.failure("The saved state can't be read"))?;
            let taking = Taking::new(SnapshotKind::Kept, String::new(), String::new());
            let at = match record.kind {
                SnapshotKind::Saved => {
                    timeline::keep_saved(self.library, self.sender, machine, saved, &taking)?
                }
                _ => saved.snapshot,
            };
            return Ok((record.hardware, Some(at)));
        }
        let idle = timeline::idle_tops(self.library, machine);
        let mut frozen = machine.clone();
        for top in &idle {
            frozen.relayer(Relayering::Before(*top));
        }
        let mut busy = machine.tops();
        busy.retain(|top| !idle.contains(top));
        let overlays = Overlays::make(self.library, machine.id, &busy, Intent::default())?;
        let pairs = overlays.pairs.clone();
        let result = record(self.sender, machine.id, move |record| {
            record.grow(&pairs);
            Ok(())
        });
        overlays.settle(self.library);
        result.map(|()| (frozen, None))
    }

    /// Makes machines that go on from a snapshot, in its very moment if it has one.
    fn of_snapshot(
        &self,
        machine: &Machine,
        at: SnapshotId,
        fork: &Fork,
        names: Vec<String>,
        job: &mut Job,
    ) -> Result<Vec<MachineId>, Failure> {
        let snapshot = timeline::find(self.library, machine.id, at, &machine.name)?;
        timeline::check_whole(&snapshot, &machine.name)?;
        timeline::check_in_library(&snapshot.hardware)?;
        let parent = Parent {
            hardware: snapshot.hardware.clone(),
            name: machine.name.clone(),
            at: Some(at),
        };
        if snapshot.memory.is_none() {
            job.commit();
            return self.boot(&parent, fork, names);
        }
        let (moment, is_whole) = self.moments.of(&snapshot)?;
        let pages = snapshot.memory.as_ref().and_then(|it| it.pages.as_ref());
        let used = pages.filter(|_| !is_whole).map_or(0, |pages| pages.bytes.0);
        let what = format!("{} was not forked", machine.name);
        let room = check_room(self.library, room_for(used, names.len()), &what);
        if !is_whole && room.is_err() {
            self.moments.forget(at);
        }
        room?;
        let (tell, told) = bounded(names.len());
        let origin = Origin {
            moment: Some(Arc::clone(&moment)),
            is_now: false,
            told: tell,
        };
        // QEMUs start while the memory is being read.
        let machines = self.bear(&parent, fork, names, &origin)?;
        drop(origin);
        if !is_whole {
            let folder = self.library.memory_dir(at);
            let places = |id| self.library.memory_dir(id);
            let filled = moment.fill(&folder, &places, &mut job.teller("Reading memory"));
            if filled.is_err() {
                self.moments.forget(at);
            }
            moment.settle(filled.map_err(|error| {
                Failure::new("The snapshot's memory can't be read", error.to_string())
            }));
        }
        job.commit();
        Births { machines, told }.wait()
    }

    /// Makes machines that boot from disks which are frozen already.
    fn boot(
        &self,
        parent: &Parent,
        fork: &Fork,
        names: Vec<String>,
    ) -> Result<Vec<MachineId>, Failure> {
        let (tell, told) = bounded(names.len());
        let origin = Origin {
            moment: None,
            is_now: true,
            told: tell,
        };
        let machines = self.bear(parent, fork, names, &origin)?;
        drop(origin);
        Births { machines, told }.wait()
    }

    fn bear(
        &self,
        parent: &Parent,
        fork: &Fork,
        names: Vec<String>,
        origin: &Origin,
    ) -> Result<Vec<MachineId>, Failure> {
        let newborns = offspring::newborns(parent, fork, names, origin.moment.is_some());
        let (_, gates) = Together::new(newborns.len());
        let mut machines = Vec::new();
        for (newborn, gate) in newborns.into_iter().zip(gates) {
            let machine = offspring::bear(self.library, &parent.hardware, &newborn)?;
            machines.push(machine.id);
            let born = Message::Born {
                machine: Box::new(machine),
                origin: origin.clone(),
                gate,
            };
            self.sender.send(born).ok(); // The engine is ending; the next owner tidies up.
        }
        Ok(machines)
    }
}
