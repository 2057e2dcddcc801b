//! A machine's part in what several machines do at one moment.

use super::{Flow, Worker};
use crate::engine::jobs::Job;
use crate::engine::timeline::{self, Taking};
use crate::engine::together::{Meeting, Member};
use crate::library::SnapshotRecord;
use crate::model::{Action, Failure, SnapshotId, Standing, permit};
use crate::qemu::memory_store::{Draft, MemoryError};
use crate::qemu::ram::GuestRam;

/// What a machine is to do with others.
pub struct Part {
    /// Keep this moment; the job tells of it.
    pub keep: Option<(Taking, Job)>,
    /// Then end at a snapshot, to be started from there; the job tells of it.
    pub leave: Option<(SnapshotId, Job)>,
    pub member: Member,
}

impl Part {
    /// It can't be done.
    pub fn refuse(self, why: Failure) {
        let Self {
            keep,
            leave,
            member,
        } = self;
        member.fail(why.clone());
        let jobs = keep.into_iter().map(|(_, job)| job);
        for job in jobs.chain(leave.into_iter().map(|(_, job)| job)) {
            job.end(Err(why.clone()));
        }
    }
}

/// Whom a snapshot is taken with.
#[derive(Clone, Copy)]
pub(super) enum Company<'a> {
    Alone,
    With {
        member: &'a Member,
        /// It does not go on: it leaves for another moment, as the others do.
        leaves: bool,
    },
}

impl Company<'_> {
    pub fn meet(self, meeting: Meeting) -> Result<(), Failure> {
        match self {
            Self::Alone => Ok(()),
            Self::With { member, .. } => member.meet(meeting),
        }
    }

    pub fn leaves(self) -> bool {
        matches!(self, Self::With { leaves: true, .. })
    }

    /// Copies memory; in company again once all have, for what was written while this one waited.
    pub fn copy_live(
        self,
        draft: &mut Draft,
        memory: Option<&GuestRam>,
        job: &mut Job,
    ) -> Result<(), MemoryError> {
        let step = "Copying memory";
        let mut copy = |job: &mut Job| match memory {
            Some(memory) => draft.copy_live(memory, &mut job.teller(step)),
            None => Ok(()),
        };
        copy(job)?;
        if let Self::With { member, .. } = self
            && member.meet(Meeting::Copied).is_ok()
        {
            copy(job)?;
        }
        Ok(()) // Broken off, the next meeting says so.
    }
}

impl Worker {
    /// Does its part. Whether the whole came about is for who gave the parts to see.
    pub(super) fn do_part(&mut self, part: Part) -> Flow {
        let standing = Standing {
            state: self.live.state,
            trashed: false,
            disposable: self.machine.disposable,
        };
        let action = Action::Snapshot; // The same rule as for going back.
        let denied = permit(standing, action).err().map(|denied| {
            let name = &self.post.name;
            let what = format!("{name}: “{}” is not possible now", action.name());
            Failure::new(what, denied.to_string())
        });
        let leave = part.leave.as_ref().map(|(to, _)| *to);
        let then =
            leave.map(|to| timeline::find(&self.post.library, self.post.id, to, &self.post.name));
        let then = match (denied, then.transpose()) {
            (None, Ok(then)) => then,
            (Some(why), _) | (None, Err(why)) => {
                part.refuse(why);
                return Flow::Go;
            }
        };
        match (self.keep_part(part), then) {
            (Ok((member, Some(job))), Some(then)) => {
                member.end();
                self.leave_part(&then, job)
            }
            (Ok((member, _)), _) => {
                member.end();
                self.look()
            }
            (Err(()), _) => self.look(),
        }
    }

    /// Everything up to where all leave, or go on. `Err` if it was refused, and said so.
    fn keep_part(&mut self, part: Part) -> Result<(Member, Option<Job>), ()> {
        let Part {
            keep,
            leave,
            member,
        } = part;
        let (met, keep) = match keep {
            None => (member.meet(Meeting::Ready), None),
            Some((taking, mut job)) => {
                let company = Company::With {
                    member: &member,
                    leaves: leave.is_some(),
                };
                match self.take(&taking, &mut job, company) {
                    Ok(taken) => {
                        self.complete(taken, job, |_told_by_the_job| {});
                        // Else it goes on already, as all do.
                        (member.has_met(Meeting::Taken), None)
                    }
                    Err(why) => (Err(why), Some((taking, job))),
                }
            }
        };
        match met {
            Ok(()) => Ok((member, leave.map(|(_, job)| job))),
            Err(why) => {
                let part = Part {
                    keep,
                    leave,
                    member,
                };
                part.refuse(why);
                Err(())
            }
        }
    }

    fn leave_part(&mut self, then: &SnapshotRecord, mut job: Job) -> Flow {
        job.commit();
        match self.go_back(then) {
            Ok(state) => {
                let flow = self.rest(state, None);
                job.end(Ok(()));
                flow
            }
            Err((failure, flow)) => {
                job.end(Err(failure));
                flow
            }
        }
    }
}
