//! Snapshots that are taken by themselves, and let go by themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::{Message, Slot, Supervisor};
use crate::desktop::sleep::{self, Delay};
use crate::engine::clock;
use crate::engine::hub::Asker;
use crate::engine::message::Command;
use crate::engine::timeline::Taking;
use crate::engine::worker::Order;
use crate::model::{
    Change, JobId, JobState, MachineId, SnapshotId, SnapshotKind, State, Timeline, outlived,
};

/// What the clock wants of which machine.
#[derive(Default)]
pub(super) struct Clockwork {
    due: BTreeMap<MachineId, Instant>,
    /// Machines that wait for the checkpoint before a change; then the change is made.
    before_change: BTreeSet<MachineId>,
    /// Somebody tells when this computer is about to sleep.
    hears_of_sleep: bool,
    /// Sleep waits for these jobs.
    sleep: Option<(Delay, BTreeSet<JobId>)>,
}

impl Clockwork {
    /// A job is over; the last one that sleep waited for lets it go on.
    pub(super) fn ended(&mut self, job: JobId) {
        let is_last = self.sleep.as_mut().is_some_and(|(_, jobs)| {
            jobs.remove(&job);
            jobs.is_empty()
        });
        if is_last {
            self.sleep = None;
        }
    }
}

impl Supervisor {
    /// When the next checkpoint is due, if one ever is.
    pub(super) fn next_checkpoint(&self) -> Option<Instant> {
        self.clockwork.due.values().min().copied()
    }

    /// Takes the checkpoints that are due, of machines that run.
    pub(super) fn take_due_checkpoints(&mut self, now: Instant) {
        self.hear_of_sleep();
        let wanted: BTreeMap<MachineId, Duration> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.runs() && slot.live.state == State::Running)
            .filter_map(|(id, slot)| Some((*id, slot.machine.as_ref()?.checkpoints.every)))
            .filter(|(_, minutes)| *minutes > 0)
            .map(|(id, minutes)| (id, Duration::from_secs(u64::from(minutes) * 60)))
            .collect();
        self.clockwork.due.retain(|id, _| wanted.contains_key(id));
        for (machine, every) in wanted {
            let due = *self.clockwork.due.entry(machine).or_insert(now + every);
            if now >= due {
                self.clockwork.due.insert(machine, now + every);
                self.take_checkpoint(machine, SnapshotKind::Timed);
            } else if due > now + every {
                self.clockwork.due.insert(machine, now + every); // It is to be more often now.
            }
        }
    }

    /// Takes a checkpoint of a machine that runs, if its settings want one of this kind. Gives the job; the worker does
    /// nothing if nothing happened since the last.
    pub(super) fn take_checkpoint(
        &mut self,
        machine: MachineId,
        kind: SnapshotKind,
    ) -> Option<JobId> {
        let slot = self.slots.get(&machine)?;
        if !slot.wants_checkpoint(kind) || self.is_worked_on(machine) || !slot.runs() {
            return None;
        }
        let title = format!("Taking a checkpoint of {}", slot.name);
        let job = Box::new(self.new_job(Some(machine), title));
        let id = job.id();
        let taking = Box::new(Taking::new(kind, String::new(), String::new()));
        let asker = Asker::NOBODY;
        let slot = self.slots.get(&machine)?;
        let taken = slot.order(Order::Snapshot { taking, job, asker });
        taken.then_some(id)
    }

    /// Hears when this computer is about to sleep, once a machine that runs wants a checkpoint then.
    fn hear_of_sleep(&mut self) {
        let wants = |slot: &Slot| {
            let record = slot.machine.as_ref().filter(|_| slot.runs());
            record.is_some_and(|record| record.checkpoints.before_suspend)
        };
        if self.clockwork.hears_of_sleep || !self.slots.values().any(wants) {
            return;
        }
        let sender = self.sender.clone();
        let heard = sleep::watch(move |delay| {
            sender.send(Message::Sleeping(delay)).ok(); // The engine is ending, and sleep goes on.
        });
        self.clockwork.hears_of_sleep = heard.is_ok();
    }

    /// Sleep goes on once the checkpoints are taken, or when logind has waited long enough.
    pub(super) fn about_to_sleep(&mut self, delay: Delay) {
        let machines: Vec<MachineId> = self.slots.keys().copied().collect();
        let take = |machine| self.take_checkpoint(machine, SnapshotKind::BeforeSuspend);
        let jobs: BTreeSet<JobId> = machines.into_iter().filter_map(take).collect();
        self.clockwork.sleep = (!jobs.is_empty()).then_some((delay, jobs));
    }

    /// Whether a job works on the machine.
    pub(super) fn is_worked_on(&self, machine: MachineId) -> bool {
        let mut jobs = self.jobs.values().map(|(report, _)| report);
        self.labs.work_on(machine)
            || jobs.any(|job| job.machine == Some(machine) && job.state == JobState::Running)
    }

    /// Before hardware is changed. `true` if the change has to wait: it is asked for again once the machine is frozen.
    pub(super) fn checkpoint_before(&mut self, asker: Asker, command: &Command) -> bool {
        let Command::Change { machine, changes } = command else {
            return false;
        };
        let machine = *machine;
        let is_hardware = |change: &Change| change.concerns_hardware();
        if self.clockwork.before_change.remove(&machine) || !changes.iter().any(is_hardware) {
            return false;
        }
        let kind = SnapshotKind::BeforeChange;
        let Some(slot) = self.slots.get(&machine) else {
            return false;
        };
        if slot.runs() {
            self.take_checkpoint(machine, kind); // The worker takes it before the change.
            return false;
        }
        if !slot.wants_checkpoint(kind) {
            return false;
        }
        if self.waits_for_work(asker, command) {
            return true;
        }
        self.clockwork.before_change.insert(machine);
        self.waiting.push((asker, command.clone()));
        self.freeze(machine, Taking::new(kind, String::new(), String::new()));
        true
    }

    /// Lets checkpoints go that have outlived their use, once their timeline was looked at.
    pub(super) fn thin(&mut self, machine: MachineId, timeline: &Timeline) {
        let Some(slot) = self.slots.get(&machine) else {
            return;
        };
        let Some(record) = &slot.machine else { return };
        if record.checkpoints.is_off() || self.is_worked_on(machine) || self.leaving {
            return;
        }
        let mut gone: Vec<SnapshotId> = outlived(timeline, record.checkpoints.budget, clock::now());
        gone.retain(|id| record.saved.is_none_or(|saved| saved.snapshot != *id));
        if !gone.is_empty() {
            self.thin_out(machine, gone);
        }
    }
}
