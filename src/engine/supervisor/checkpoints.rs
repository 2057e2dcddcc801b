//! Snapshots that are taken by themselves, and let go by themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::{Slot, Supervisor};
use crate::engine::clock;
use crate::engine::hub::{Asker, WINDOW};
use crate::engine::message::{Command, RequestId};
use crate::engine::timeline::Taking;
use crate::engine::worker::Order;
use crate::model::{
    Action, Change, JobState, MachineId, SnapshotId, SnapshotKind, State, Timeline, outlived,
    permit,
};

/// What the clock wants of which machine.
#[derive(Default)]
pub(super) struct Clockwork {
    due: BTreeMap<MachineId, Instant>,
    /// Machines that wait for the checkpoint before a change; then the change is made.
    before_change: BTreeSet<MachineId>,
}

/// The answer goes to nobody.
fn unasked() -> Asker {
    Asker {
        listener: WINDOW,
        request: RequestId(0),
    }
}

impl Supervisor {
    /// When the next checkpoint is due, if one ever is.
    pub(super) fn next_checkpoint(&self) -> Option<Instant> {
        self.clockwork.due.values().min().copied()
    }

    /// Takes the checkpoints that are due, of machines that run.
    pub(super) fn take_due_checkpoints(&mut self, now: Instant) {
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

    /// Takes a checkpoint of a machine that runs, if its settings want one of this kind. Says whether one is taken; the
    /// worker does not if nothing happened since the last.
    pub(super) fn take_checkpoint(&mut self, machine: MachineId, kind: SnapshotKind) -> bool {
        let Some(slot) = self.slots.get(&machine) else {
            return false;
        };
        let wanted = slot.machine.as_ref().is_some_and(|record| {
            record.checkpoints.wants(kind) && record.disks_in_place().is_empty()
        });
        let able = permit(slot.standing(), Action::Snapshot).is_ok() && !self.is_worked_on(slot);
        if !wanted || !able || !slot.runs() {
            return false;
        }
        let title = format!("Taking a checkpoint of {}", slot.name);
        let job = Box::new(self.new_job(Some(machine), title));
        let taking = Box::new(Taking::new(kind, String::new(), String::new()));
        let asker = unasked();
        let slot = self.slots.get(&machine);
        slot.is_some_and(|slot| slot.order(Order::Snapshot { taking, job, asker }))
    }

    pub(super) fn is_worked_on(&self, slot: &Slot) -> bool {
        let job = slot.job.and_then(|job| self.jobs.get(&job));
        job.is_some_and(|(report, _)| report.state == JobState::Running)
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
        let wanted = slot.machine.as_ref().is_some_and(|record| {
            record.checkpoints.wants(kind) && record.disks_in_place().is_empty()
        });
        if !wanted || self.is_worked_on(slot) || permit(slot.standing(), Action::Snapshot).is_err()
        {
            return false;
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
        if record.checkpoints.is_off() || self.is_worked_on(slot) || self.leaving {
            return;
        }
        let mut gone: Vec<SnapshotId> = outlived(timeline, record.checkpoints.budget, clock::now());
        gone.retain(|id| record.saved.is_none_or(|saved| saved.snapshot != *id));
        if !gone.is_empty() {
            self.thin_out(machine, gone);
        }
    }
}
