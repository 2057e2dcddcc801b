//! Going back to a moment of a lab: all keep their present at one moment, all end, and those that ran at that moment are
//! let go together.

use super::crew::{Crew, Duty};
use super::keep::{Rests, report};
use super::{Desk, Hands};
use crate::engine::hub::Asker;
use crate::engine::jobs::Job;
use crate::engine::supervisor::Message;
use crate::engine::timeline;
use crate::engine::together::Together;
use crate::model::{Answer, Failure, MachineId, SetId, SetMember, SnapshotId};

/// A machine that is to run then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    pub machine: MachineId,
    pub name: String,
}

/// A moment that is to be gone back to.
pub struct Rewinding {
    pub desk: Desk,
    pub hands: Hands,
    pub crew: Crew,
    /// Machines without QEMU, and where they go.
    pub rests: Vec<(Rests, SnapshotId)>,
    /// The present as a set of its own, if it is to be kept.
    pub keep: Option<SetId>,
    /// Those that ran at that moment.
    pub starts: Vec<Start>,
    /// All that go back and don't run then.
    pub stays: Vec<MachineId>,
}

impl Rewinding {
    pub fn run(mut self, job: &mut Job) -> Result<Answer, Failure> {
        let mut kept = Vec::new();
        let resting = self.keep_resting(&mut kept);
        if let Err(why) = &resting {
            self.crew.break_off(why.clone());
        }
        let left = self.crew.wait(Duty::Leave, job);
        job.commit();
        if let Err(why) = resting.and(left) {
            self.crew.wait(Duty::Keep, job).ok(); // Each of them is told by `why`.
            self.undo(&kept, job);
            return Err(self.desk.failure("gone back with", why));
        }
        let resting = self.go_back_resting();
        let started = self.start(job);
        let present = self.crew.wait(Duty::Keep, job);
        self.note_present(kept, present.is_ok());
        let what = |why| self.desk.failure("gone back with as a whole", why);
        resting.and(started).map_err(what)?;
        present.map_err(|why| self.desk.failure("kept as it was", why))?;
        Ok(Answer::Done)
    }

    /// The present of those that rest, if something happened in it.
    fn keep_resting(&self, kept: &mut Vec<SetMember>) -> Result<(), Failure> {
        if self.keep.is_none() {
            return Ok(());
        }
        let Desk {
            library, sender, ..
        } = &self.desk;
        for (one, _) in &self.rests {
            let with = one.with.clone();
            let machine = &one.machine;
            let snapshot = timeline::keep_resting(library, sender, machine, &one.taking, with)?;
            kept.extend(snapshot.map(|snapshot| SetMember {
                machine: machine.id,
                snapshot,
            }));
        }
        Ok(())
    }

    fn go_back_resting(&self) -> Result<(), Failure> {
        let Desk {
            library, sender, ..
        } = &self.desk;
        let back = |(one, to): &(Rests, SnapshotId)| {
            let present = library
                .machine(one.machine.id)
                .map_err(|error| error.failure(format!("{}: not gone back", one.machine.name)))?;
            timeline::leave_resting(library, sender, &present, *to, None, one.with.clone())
        };
        // One that can't does not keep the others.
        let results: Vec<Result<(), Failure>> = self.rests.iter().map(back).collect();
        results.into_iter().collect()
    }

    /// Those that ran at that moment run on from it, all at once; the others rest.
    fn start(&mut self, job: &mut Job) -> Result<(), Failure> {
        for machine in &self.stays {
            let (machine, asker) = (*machine, Asker::NOBODY);
            self.hands.tell(Message::Rested { machine, asker });
        }
        let (_, gates) = Together::new(self.starts.len());
        let mut waiting = Vec::new();
        for (Start { machine, .. }, gate) in self.starts.iter().zip(gates) {
            let asker = self.hands.asker();
            waiting.push(asker.request);
            self.hands.tell(Message::StartTogether {
                machine: *machine,
                asker,
                gate,
            });
        }
        let of = waiting.len() as u64;
        let mut result = Ok(());
        while !waiting.is_empty() {
            let done = of - waiting.len() as u64;
            let next = self.hands.next(job, ("Restoring memory", done, of))?;
            let Some((request, answer)) = next else {
                continue;
            };
            waiting.retain(|wanted| *wanted != request);
            result = result.and(answer.map(drop));
        }
        result
    }

    /// Says in the lab's file what was kept of the present.
    fn note_present(&self, mut kept: Vec<SetMember>, is_whole: bool) {
        let Some(set) = self.keep else { return };
        let taken = self.crew.hands.iter().filter_map(|hand| {
            let (machine, snapshot) = (hand.machine, hand.snapshot?);
            Some(SetMember { machine, snapshot })
        });
        kept.extend(taken);
        let lab = self.desk.library.lab(self.desk.lab);
        let same = lab.is_ok_and(|lab| {
            let mut others = lab.sets.iter().filter(|one| one.id != set);
            others.any(|other| kept.iter().all(|member| other.members.contains(member)))
        });
        // Where nothing happened since a moment that the lab has, there is nothing to keep twice.
        let noted = match same && is_whole || kept.is_empty() {
            true => self.desk.forget(set),
            false => self.desk.set_members(set, kept),
        };
        if let Err(failure) = noted {
            eprintln!("orangery: {}: {failure}", self.desk.lab); // Its file says what was to be kept.
        }
        self.tell();
    }

    fn undo(&self, kept: &[SetMember], job: &mut Job) {
        let Some(set) = self.keep else { return };
        let Desk {
            library, sender, ..
        } = &self.desk;
        for (one, _) in &self.rests {
            let (machine, snapshot) = (one.machine.id, one.taking.id);
            if kept.iter().any(|member| member.snapshot == snapshot) {
                let undone = timeline::unmake(library, sender, machine, snapshot, &mut None, job);
                report(machine, undone);
            }
        }
        // What was kept of one that ended already stays, in its own timeline.
        let mut all_gone = true;
        for hand in &self.crew.hands {
            let Some(snapshot) = hand.snapshot else {
                continue;
            };
            let present = library.machine(hand.machine).ok();
            if present.is_some_and(|machine| machine.point == Some(snapshot)) {
                let mut live = hand.live();
                let machine = hand.machine;
                let undone = timeline::unmake(library, sender, machine, snapshot, &mut live, job);
                report(machine, undone);
            } else if library.snapshot(hand.machine, snapshot).is_ok() {
                all_gone = false;
            }
        }
        if all_gone && let Err(failure) = self.desk.forget(set) {
            eprintln!("orangery: {}: {failure}", self.desk.lab); // It is shown as not whole.
        }
        self.tell();
    }

    fn tell(&self) {
        let running = self.crew.hands.iter().map(|hand| hand.machine);
        let resting = self.rests.iter().map(|(one, _)| one.machine.id);
        for machine in running.chain(resting) {
            self.hands.tell(Message::TimelineChanged(machine));
        }
    }
}
