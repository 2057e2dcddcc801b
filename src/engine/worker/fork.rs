//! Forking a running machine: others go on from its very moment.
//!
//! ```text
//!  the guest runs   its memory is copied; meanwhile new layers are opened, folders made, and QEMUs started on the copy
//!                   that is being filled
//!  it is stopped    the layers put on, the devices' state and what was written to memory since; its record
//!  it runs on       the others load the state; once all have, all run
//! ```
//!
//! This machine keeps its QEMU, its connections and its memory. Until its record is written, and they load the state, the
//! others are unborn.

use std::fs::File;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::company::Company::Alone;
use super::stand::Opened;
use super::{Flow, Worker};
use crate::engine::hub::Asker;
use crate::engine::jobs::Job;
use crate::engine::load::available_memory;
use crate::engine::offspring::{self, Parent};
use crate::engine::supervisor::Message;
use crate::engine::timeline::{self, Taking};
use crate::engine::together::Together;
use crate::library::{Library, free_space};
use crate::model::{Action, Answer, ByteSize, Failure, Fork, Machine, MachineId};
use crate::qemu::memory_store::{Freezing, Moment, Writer};
use crate::qemu::ram::GuestRam;
use crate::step;

/// What a fork needs of its own at first, by measurement with half as much again, bytes.
const EACH: u64 = 64 << 20;
/// What must stay free on the disk, bytes.
const SPARE: u64 = 64 << 20;

/// What a newborn machine's start goes on from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// None: it boots.
    pub moment: Option<Arc<Moment>>,
    /// The moment is now: its guest knows what time it is.
    pub is_now: bool,
    /// Told once, when its guest runs or never will.
    pub told: Sender<(MachineId, Result<(), Failure>)>,
}

/// Forks that are asked for.
pub struct Forking {
    pub fork: Fork,
    pub names: Vec<String>,
}

/// Those whose guests will run, and where each says so.
pub struct Births {
    pub machines: Vec<MachineId>,
    pub told: Receiver<(MachineId, Result<(), Failure>)>,
}

impl Births {
    /// Waits until all guests run, or are known not to.
    pub fn wait(self) -> Result<Vec<MachineId>, Failure> {
        let mut result = Ok(());
        for _ in &self.machines {
            let (_, told) = self.told.recv().unwrap_or_else(|_closed| {
                let failure = Failure::new("A fork did not begin", "Orangery is ending");
                (MachineId(uuid::Uuid::nil()), Err(failure))
            });
            result = result.and(told);
        }
        result.map(|()| self.machines)
    }
}

impl Worker {
    pub(super) fn fork(&mut self, forking: Forking, mut job: Job, asker: Asker) -> Flow {
        let action = if forking.fork.disposable {
            Action::Try
        } else {
            Action::Fork
        };
        if !self.permitted(action, asker) {
            job.end(Ok(()));
            return Flow::Go;
        }
        match self.fork_now(forking, &mut job) {
            Ok(births) => {
                let supervisor = self.post.supervisor.clone();
                offspring_runs(births, job, supervisor, asker);
            }
            Err(failure) => {
                job.end(Err(failure.clone()));
                self.post.answer(asker, Err(failure));
            }
        }
        self.look()
    }

    fn fork_now(&mut self, forking: Forking, job: &mut Job) -> Result<Births, Failure> {
        let what = format!("{} was not forked", self.post.name);
        timeline::check_in_library(&self.machine)?;
        self.check_obstacles(&what)?;
        let ram = self.ram_to_share(&what)?;
        self.check_room(&ram, forking.names.len(), &what)?;
        let moment = Moment::begin(self.machine.memory)
            .map_err(|error| Failure::new(&what, error.to_string()))?;
        let (tell, told) = bounded(forking.names.len());
        let origin = Origin {
            moment: Some(Arc::clone(&moment)),
            is_now: true,
            told: tell,
        };
        let parent = Parent {
            hardware: self.machine.clone(),
            name: self.post.name.clone(),
            at: None,
        };
        let newborns = offspring::newborns(&parent, &forking.fork, forking.names, true);
        let machines = newborns.iter().map(|newborn| newborn.id).collect();
        // A guest that runs already would take the processors from those that are still to be started.
        let (_, gates) = Together::new(newborns.len());
        let mut freezing = Freezing::of(Arc::clone(&moment));
        let post = &self.post;
        let bear = || -> Result<(), Failure> {
            for (newborn, gate) in newborns.iter().zip(gates) {
                let machine = offspring::bear(&post.library, &parent.hardware, newborn)?;
                post.tell(Message::Born {
                    machine: Box::new(machine),
                    origin: origin.clone(),
                    gate,
                });
            }
            Ok(())
        };
        let copy = || {
            let copied = freezing.copy_live(&ram, &mut job.teller("Copying memory"));
            copied.map_err(|error| Failure::new(&what, error.to_string()))
        };
        let open = || self.open_layers(&self.machine.tops(), None, &what);
        let opened = all_at_once(bear, copy, open, &what).map_err(|(failure, opened)| {
            opened.inspect(|opened| self.close_layers(opened));
            failure
        });
        step::at("newborns made");
        job.commit();
        let frozen = opened.and_then(|opened| {
            let told = |state| moment.settle(Ok(state));
            self.freeze_moment(&opened, freezing, &ram, job, told)
        });
        match frozen {
            Ok(()) => Ok(Births { machines, told }),
            Err(failure) => {
                moment.settle(Err(failure.clone()));
                Err(failure)
            }
        }
    }

    /// The memory, if others can share it.
    fn ram_to_share(&self, what: &str) -> Result<GuestRam, Failure> {
        let ram = self.process.memory();
        let ram = ram.map_err(|error| Failure::new(what, error.to_string()))?;
        ram.ok_or_else(|| {
            Failure::new(what, "Nobody may look into its memory while it runs")
                .fix("Save the machine and start it again, or allow forks under Hardware → Memory")
        })
    }

    /// Refuses beforehand what this computer can't hold.
    fn check_room(&self, ram: &GuestRam, count: usize, what: &str) -> Result<(), Failure> {
        let used = ram
            .used()
            .map_err(|error| Failure::new(what, error.to_string()))?;
        let need = room_for(used, count);
        check_room(&self.post.library, need, what)
    }

    /// What the guest waits for. It runs on afterwards, if it ran, also after an error.
    fn freeze_moment(
        &mut self,
        opened: &Opened,
        freezing: Freezing,
        ram: &GuestRam,
        job: &mut Job,
        then: impl FnOnce(File),
    ) -> Result<(), Failure> {
        let what = format!("{} was not forked", self.post.name);
        let qmp = Arc::clone(&self.qmp);
        let writer = Writer::of(&qmp, Some(ram)).map_err(|error| {
            self.close_layers(opened);
            Failure::new(&what, error.to_string())
        })?;
        let freeze = |_: &mut Self| {
            let frozen = freezing.stop(&writer, &mut job.teller("Freezing the moment"));
            frozen.map_err(|error| Failure::new(&what, error.to_string()))
        };
        self.stand_still(opened, &what, freeze, then)
    }

    /// Freezes the disks as they are; gives the hardware of then.
    pub(super) fn freeze_disks(&mut self) -> Result<Machine, Failure> {
        let what = format!("{} was not cloned", self.post.name);
        timeline::check_in_library(&self.machine)?;
        let then = self.machine.clone();
        let opened = self.open_layers(&then.tops(), None, &what)?;
        self.stand_still(&opened, &what, |_stopped| Ok(()), |()| ())?;
        Ok(then)
    }
}

/// Bears, copies and opens layers. After a failure of another the layers are given, too.
fn all_at_once<T>(
    bear: impl FnOnce() -> Result<(), Failure> + Send,
    copy: impl FnOnce() -> Result<(), Failure> + Send,
    open: impl FnOnce() -> Result<T, Failure>,
    what: &str,
) -> Result<T, (Failure, Option<T>)> {
    std::thread::scope(|scope| {
        let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let no_thread = |error: std::io::Error| (Failure::new(what, error.to_string()), None);
        let bearing = named("births")
            .spawn_scoped(scope, bear)
            .map_err(no_thread)?;
        let copying = named("copy").spawn_scoped(scope, copy).map_err(no_thread)?;
        let opened = open();
        let failed = |_panic| Err(Failure::new(what, "Orangery failed at making a copy"));
        let born = bearing.join().unwrap_or_else(failed);
        let copied = copying.join().unwrap_or_else(failed);
        match (born.and(copied), opened) {
            (Ok(()), Ok(opened)) => Ok(opened),
            (Err(failure), opened) => Err((failure, opened.ok())),
            (Ok(()), Err(failure)) => Err((failure, None)),
        }
    })
}

/// What `count` copies of a moment take of memory, if that has `used` bytes.
pub fn room_for(used: u64, count: usize) -> ByteSize {
    ByteSize(used.saturating_add(EACH.saturating_mul(count as u64)))
}

/// Refuses beforehand what this computer can't hold.
pub fn check_room(library: &Library, need: ByteSize, what: &str) -> Result<(), Failure> {
    let free = available_memory();
    if free < need {
        let why = format!("It takes {need} of memory, and {free} are available on this computer");
        return Err(Failure::new(what, why).fix("Shut another machine down first"));
    }
    let space = free_space(library.dir());
    if let Ok(space) = space
        && space.free < ByteSize(SPARE)
    {
        let why = format!("The disk has {} left", space.free);
        return Err(Failure::new(what, why).fix("Make room on the disk first"));
    }
    Ok(())
}

impl Worker {
    /// Keeps this moment in the timeline of the machine that this one came from.
    pub(super) fn keep_moment(&mut self, taking: Taking, mut job: Job, asker: Asker) -> Flow {
        if !self.permitted(Action::KeepMoment, asker) {
            job.end(Ok(()));
            return Flow::Go;
        }
        let present = self.post.library.machine(self.post.id).ok();
        let descent = present.and_then(|machine| machine.descent);
        let taken = descent
            .ok_or_else(|| Failure::new("The moment was not kept", "It came from no machine"))
            .and_then(|descent| Ok((descent, self.take(&taking, &mut job, Alone)?)));
        match taken {
            Ok((descent, taken)) => {
                let (library, own) = (Arc::clone(&self.post.library), self.post.id);
                let supervisor = self.post.supervisor.clone();
                let (id, from) = (taking.id, descent.from);
                self.complete(taken, job, move |whole| {
                    let moved = whole.and_then(|()| {
                        offspring::hand_over(&library, &supervisor, own, id, &descent)
                    });
                    if moved.is_ok() {
                        supervisor.send(Message::TimelineChanged(from)).ok(); // The engine is ending.
                        supervisor.send(Message::Spent(own)).ok();
                    }
                    let answer = moved.map(|()| Answer::Snapshot(id));
                    supervisor.send(Message::Answer(asker, answer, None)).ok();
                });
            }
            Err(failure) => {
                job.end(Err(failure.clone()));
                self.post.answer(asker, Err(failure));
            }
        }
        self.look()
    }
}

/// Answers once all guests run, or are known not to.
fn offspring_runs(births: Births, job: Job, supervisor: Sender<Message>, asker: Asker) {
    let wait = move || {
        let result = births.wait();
        job.end(result.as_ref().map(drop).map_err(Clone::clone));
        let answer = result.map(Answer::Forked);
        supervisor.send(Message::Answer(asker, answer, None)).ok(); // The engine is ending.
    };
    // Without a thread the job ends as cut off, and the machines run.
    drop(
        std::thread::Builder::new()
            .name("births".to_owned())
            .spawn(wait),
    );
}
