//! Requests about what is inside a machine's disks, now and at its snapshots.

use std::sync::Arc;

use super::Supervisor;
use crate::engine::hub::Asker;
use crate::engine::jobs::Cancelled;
use crate::engine::message::Command;
use crate::engine::timeline::inside::{self, Present};
use crate::model::{Action, Answer, MachineId};

impl Supervisor {
    /// Looks into disks with a job, while nothing else works on their layers.
    pub(super) fn look_inside(&mut self, asker: Asker, command: Command) {
        let Some(machine) = command.machine() else {
            return;
        };
        if self.waits_for_work(asker, &command) {
            return;
        }
        if let Command::DiskFromSnapshot { into, .. } = command
            && !self.permitted(asker, into, Action::Edit)
        {
            return;
        }
        let Some(record) = self.free_for(asker, machine, Action::Rewind) else {
            return;
        };
        let name = &record.name;
        let title = match &command {
            Command::Compare { .. } => format!("Comparing {name}"),
            Command::TakeFile { .. } => format!("Copying a file out of {name}"),
            Command::DiskFromSnapshot { .. } => format!("Copying a disk of {name}"),
            _ => format!("Looking into the disks of {name}"),
        };
        let present = Present {
            machine: record,
            runs: self.slots.get(&machine).is_some_and(super::Slot::runs),
        };
        let (library, sender) = (Arc::clone(&self.library), self.sender.clone());
        let looks = only_looks(&command);
        let job = self.run_job(Some(machine), title, asker, move |job| match command {
            Command::Compare { from, to, .. } => {
                inside::compare(&library, &present, from, to, job).map(Answer::Difference)
            }
            Command::ListDisks { point, .. } => {
                inside::disks(&library, &present, point, job).map(Answer::Disks)
            }
            Command::ListFiles { point, place, .. } => {
                inside::files(&library, &present, point, &place, job).map(Answer::Folder)
            }
            Command::TakeFile {
                point,
                place,
                target,
                ..
            } => inside::take_file(&library, &present, point, &place, &target, job)
                .map(Answer::Copied),
            Command::DiskFromSnapshot {
                snapshot,
                disk,
                into,
                ..
            } => {
                let disk = (snapshot, disk.as_str());
                inside::make_disk(&library, &sender, machine, disk, into, job).map(Answer::Disk)
            }
            _ => Ok(Answer::Done),
        });
        if let Some(job) = job.filter(|_| looks) {
            self.looking.insert((machine, asker.listener), job);
        }
    }

    /// Whatever else works on the machine goes on.
    pub(super) fn stop_looking(&mut self, asker: Asker, machine: MachineId) {
        let waited = self.waiting.extract_if(.., |(waiting, command)| {
            let is_it = only_looks(command) && command.machine() == Some(machine);
            is_it && waiting.listener == asker.listener
        });
        let waited: Vec<Asker> = waited.map(|(asker, _)| asker).collect();
        for waiting in waited {
            self.hub.answer(waiting, Err(Cancelled.into()), None);
        }
        match self.looking.remove(&(machine, asker.listener)) {
            Some(job) => self.cancel_job(asker, job),
            None => self.hub.answer(asker, Ok(Answer::Done), None),
        }
    }
}

/// Whether nothing is left of it when it is cut off.
fn only_looks(command: &Command) -> bool {
    matches!(
        command,
        Command::Compare { .. } | Command::ListDisks { .. } | Command::ListFiles { .. }
    )
}
