//! What the supervisor knows of one machine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::engine::hub::ListenerId;
use crate::engine::together::Member;
use crate::engine::worker::{Handle, Level, Live, Order};
use crate::model::{
    Action, ConsoleWindow, JobId, Machine, MachineId, MachineReport, SnapshotKind, Standing, State,
    Timestamp, permit,
};

/// One machine in the library, running or not.
pub struct Slot {
    /// The machine's name, or its folder's when the file is broken.
    pub name: String,
    pub folder: PathBuf,
    pub machine: Option<Machine>,
    pub live: Live,
    pub generation: u64,
    pub job: Option<JobId>,
    /// Windows of their own that show its screens, by who they are.
    pub consoles: BTreeMap<ListenerId, ConsoleWindow>,
    pub worker: Option<Handle>,
    /// How closely the worker of that number was told to look.
    pub looked_at: Option<(u64, Level)>,
    /// The job that has its disks: it does not start meanwhile.
    pub disks_taken: Option<JobId>,
    /// Work on its timeline was cut off, and is to be ended once the machine was looked at.
    pub unfinished: bool,
    /// Found running, and its worker has not looked yet; requests wait that long.
    pub adopting: bool,
    /// Its next guest is let go with others.
    pub gate: Option<Member>,
    /// A copy of which nothing is kept, and its user has said that it goes.
    pub spent: bool,
}

impl Slot {
    /// A machine that does not run; `machine` is `None` for a folder that can't be read.
    pub fn resting(name: String, machine: Option<Machine>, folder: PathBuf, live: Live) -> Self {
        Self {
            name,
            folder,
            machine,
            live,
            generation: 0,
            job: None,
            consoles: BTreeMap::new(),
            worker: None,
            looked_at: None,
            disks_taken: None,
            unfinished: false,
            adopting: false,
            gate: None,
            spent: false,
        }
    }

    pub fn report(&self, id: MachineId) -> MachineReport {
        MachineReport {
            generation: self.generation,
            id,
            name: self.name.clone(),
            state: self.live.state,
            since: self.live.since,
            machine: self.machine.clone(),
            path: self.folder.clone(),
            pid: self.live.pid,
            accelerator: self.live.accelerator,
            trouble: self.live.trouble.clone(),
            force_after: self.live.force_after,
            running: self.pending(),
            consoles: self.consoles.values().copied().collect(),
            sound: self.live.sound.clone(),
            agent: self.live.agent.clone(),
            job: self.job,
        }
    }

    /// When it was moved to the trash.
    pub fn trashed(&self) -> Option<Timestamp> {
        self.machine.as_ref().and_then(|machine| machine.trashed)
    }

    pub fn standing(&self) -> Standing {
        Standing {
            state: self.live.state,
            trashed: self.trashed().is_some(),
            disposable: self
                .machine
                .as_ref()
                .is_some_and(|machine| machine.disposable),
        }
    }

    /// What runs, if the machine was changed since its QEMU was started.
    pub fn pending(&self) -> Option<Box<Machine>> {
        match (&self.live.hardware, &self.machine) {
            (Some(running), Some(next)) if !running.same_hardware(next) => Some(running.clone()),
            _ => None,
        }
    }

    pub fn has_worker(&self) -> bool {
        self.worker.is_some()
    }

    /// Whether there is a QEMU, and a worker that has it.
    pub fn runs(&self) -> bool {
        self.worker.is_some() && self.live.state.has_process()
    }

    /// Whether its settings want a checkpoint of this kind, and one can be taken now.
    pub fn wants_checkpoint(&self, kind: SnapshotKind) -> bool {
        let record = self.machine.as_ref();
        record.is_some_and(|record| {
            record.checkpoints.wants(kind) && record.disks_in_place().is_empty()
        }) && permit(self.standing(), Action::Snapshot).is_ok()
    }

    pub fn worker_number(&self) -> Option<u64> {
        self.worker.as_ref().map(|worker| worker.number)
    }

    /// Has the worker leave QEMU to the next owner and end.
    pub fn release_worker(&mut self) {
        if let Some(worker) = &mut self.worker {
            worker.release();
        }
    }

    /// Passes an order to the worker. Returns whether there is one that takes it.
    pub fn order(&self, order: Order) -> bool {
        self.worker
            .as_ref()
            .is_some_and(|worker| worker.order(order))
    }

    /// Waits for the worker's thread, which has said that it ends.
    pub fn join_worker(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.join();
        }
    }

    /// Whether a picture of the screen would show something new.
    pub fn wants_thumbnail(&self) -> bool {
        self.has_worker() && matches!(self.live.state, State::Running | State::Stopping)
    }
}
