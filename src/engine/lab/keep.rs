//! Keeping a moment of a lab: all of its machines or none.
//!
//! The set is written into the lab's file before anything is taken, and is whole once every member's snapshot is. So an
//! owner that is killed leaves nothing to tidy: a set that did not become whole is shown as such, it can't be gone back
//! to as a whole, and what was taken of it is an ordinary snapshot of its machine.

use super::Desk;
use super::crew::{Crew, Duty};
use crate::engine::jobs::Job;
use crate::engine::supervisor::Message;
use crate::engine::timeline::{self, RunWith, Taking};
use crate::model::{Answer, Failure, Machine, MachineId, SetId, SetMember, SnapshotId};

/// A machine that rests.
pub struct Rests {
    pub machine: Machine,
    pub taking: Taking,
    pub with: RunWith,
    /// The snapshot that it rests at, gone back to and not started since.
    pub is_at: Option<SnapshotId>,
}

/// A moment that is to be kept.
pub struct Keeping {
    pub desk: Desk,
    pub set: SetId,
    pub crew: Crew,
    pub rests: Vec<Rests>,
}

impl Keeping {
    /// Takes all, or nothing.
    pub fn run(mut self, job: &mut Job) -> Result<Answer, Failure> {
        let mut made: Vec<SetMember> = Vec::new();
        let off = self.take_resting(&mut made);
        if let Err(why) = &off {
            self.crew.break_off(why.clone());
        }
        let taken = self.crew.wait(Duty::Keep, job);
        let result = off.and(taken).and_then(|()| {
            job.commit();
            self.keep_saved(&mut made)
        });
        match result {
            Ok(()) => {
                let taken = self.crew.hands.iter().filter_map(|hand| {
                    let (machine, snapshot) = (hand.machine, hand.snapshot?);
                    Some(SetMember { machine, snapshot })
                });
                made.extend(taken);
                self.desk.set_members(self.set, made)?;
                self.tell();
                Ok(Answer::Set(self.set))
            }
            Err(why) => {
                job.commit();
                self.undo(&made, job);
                self.tell();
                Err(self.desk.failure("kept", why))
            }
        }
    }

    /// Those that are off. They don't start meanwhile.
    fn take_resting(&self, made: &mut Vec<SetMember>) -> Result<(), Failure> {
        for one in &self.rests {
            let machine = &one.machine;
            if machine.saved.is_some() {
                continue; // Last: that can't be taken back.
            }
            let Desk {
                library, sender, ..
            } = &self.desk;
            timeline::take_resting(library, sender, machine, &one.taking, one.with.clone())?;
            made.push(SetMember {
                machine: machine.id,
                snapshot: one.taking.id,
            });
        }
        Ok(())
    }

    /// Those that are saved: their saved state is what is kept.
    fn keep_saved(&self, made: &mut Vec<SetMember>) -> Result<(), Failure> {
        let Desk {
            library, sender, ..
        } = &self.desk;
        for one in &self.rests {
            let machine = &one.machine;
            let Some(saved) = machine.saved else { continue };
            let snapshot = match one.is_at {
                Some(snapshot) => snapshot,
                None => timeline::keep_saved(library, sender, machine, saved, &one.taking)?,
            };
            made.push(SetMember {
                machine: machine.id,
                snapshot,
            });
        }
        Ok(())
    }

    fn undo(&self, made: &[SetMember], job: &mut Job) {
        let Desk {
            library, sender, ..
        } = &self.desk;
        let is_own = |member: &&SetMember| {
            let mut rests = self.rests.iter();
            rests.any(|one| one.taking.id == member.snapshot && one.machine.saved.is_none())
        };
        for SetMember { machine, snapshot } in made.iter().filter(is_own) {
            let undone = timeline::unmake(library, sender, *machine, *snapshot, &mut None, job);
            report(*machine, undone);
        }
        for hand in &self.crew.hands {
            if let Some(snapshot) = hand.snapshot {
                let (machine, mut live) = (hand.machine, hand.live());
                let undone = timeline::unmake(library, sender, machine, snapshot, &mut live, job);
                report(machine, undone);
            }
        }
        if let Err(failure) = self.desk.forget(self.set) {
            eprintln!("orangery: {}: {failure}", self.desk.lab); // It is shown as not whole.
        }
    }

    /// The timelines are others than before.
    fn tell(&self) {
        let running = self.crew.hands.iter().map(|hand| hand.machine);
        let resting = self.rests.iter().map(|one| one.machine.id);
        for machine in running.chain(resting) {
            let changed = Message::TimelineChanged(machine);
            self.desk.sender.send(changed).ok(); // The engine is ending.
        }
    }
}

/// The failure that led to taking back is told; what stays is an ordinary snapshot.
pub(super) fn report(machine: MachineId, undone: Result<(), Failure>) {
    if let Err(failure) = undone {
        eprintln!("orangery: {machine}: {failure}");
    }
}
