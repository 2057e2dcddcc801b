//! The machines of a lab that run, while each does its part.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::engine::jobs::Job;
use crate::engine::supervisor::Message;
use crate::engine::timeline::{Live, Taking};
use crate::engine::together::{Member, Together};
use crate::engine::worker::{Order, Part};
use crate::model::{Failure, JobId, JobReport, JobState, MachineId, SnapshotId};

/// News that wait to be looked at: each job tells ten times a second at most.
const NEWS_LEN: usize = 256;

/// How often it is looked whether the whole was cancelled.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What one of a machine's two jobs is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    Keep,
    Leave,
}

impl Duty {
    fn of(job: JobId) -> Self {
        match job.0 % 2 {
            0 => Self::Keep,
            _ => Self::Leave,
        }
    }
}

/// One machine that runs.
pub struct Hand {
    pub machine: MachineId,
    /// The snapshot that it makes, if it makes one.
    pub snapshot: Option<SnapshotId>,
    /// Its monitor, once its part is done; to take back what was made.
    lent: Receiver<Live>,
}

impl Hand {
    /// The machine's QEMU, if it still has one. Asked for once.
    pub fn live(&self) -> Option<Live> {
        self.lent.recv().ok()
    }
}

/// See the module's text.
pub struct Crew {
    together: Arc<Together>,
    news: Receiver<Message>,
    inbox: Sender<Message>,
    members: Vec<Member>,
    switches: Vec<Arc<AtomicBool>>,
    reports: BTreeMap<JobId, JobReport>,
    pub hands: Vec<Hand>,
}

impl Crew {
    /// For so many machines; its `part` is asked for once for each.
    pub fn new(machines: usize) -> Self {
        let (together, members) = Together::new(machines);
        let (inbox, news) = bounded(NEWS_LEN);
        Self {
            together,
            news,
            inbox,
            members,
            switches: Vec::new(),
            reports: BTreeMap::new(),
            hands: Vec::new(),
        }
    }

    /// The orders for a machine's worker, one after the other.
    pub fn orders(
        &mut self,
        machine: MachineId,
        keep: Option<Taking>,
        leave: Option<SnapshotId>,
    ) -> Vec<Order> {
        let Some(member) = self.members.pop() else {
            return Vec::new(); // More machines than were said.
        };
        let number = self.hands.len() as u64 * 2;
        let snapshot = keep.as_ref().map(|taking| taking.id);
        let keep = keep.map(|taking| (taking, self.job(JobId(number), machine)));
        let leave = leave.map(|to| (to, self.job(JobId(number + 1), machine)));
        let part = Part {
            keep,
            leave,
            member,
        };
        let (lend, lent) = bounded(1);
        self.hands.push(Hand {
            machine,
            snapshot,
            lent,
        });
        vec![Order::Together(Box::new(part)), Order::LendMonitor(lend)]
    }

    fn job(&mut self, id: JobId, machine: MachineId) -> Job {
        let job = Job::new(id, Some(machine), String::new(), self.inbox.clone());
        self.switches.push(job.cancel_switch());
        self.reports.insert(id, job.report());
        job
    }

    /// Nobody goes on with it.
    pub fn break_off(&self, why: Failure) {
        self.together.break_off(why);
        for switch in &self.switches {
            switch.store(true, Ordering::Relaxed);
        }
    }

    /// Waits until all have done their `duty`, and tells `job` how far they are. One that fails, and a cancel, breaks off
    /// for all; they are waited for nevertheless.
    ///
    /// # Errors
    /// The first reason.
    pub fn wait(&mut self, duty: Duty, job: &mut Job) -> Result<(), Failure> {
        loop {
            let mut reports = self.reports.values();
            let waits = |report: &JobReport| {
                Duty::of(report.id) == duty && report.state == JobState::Running
            };
            if !reports.any(waits) {
                break;
            }
            match self.news.recv_timeout(LOOK_EVERY) {
                Ok(Message::Job(report)) => self.see(report),
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break, // We hold one end ourselves.
            }
            let (step, done, of) = self.progress(duty);
            if let Err(cancelled) = job.progress(&step, done, of) {
                self.break_off(cancelled.into());
            }
        }
        match self.together.broken() {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    fn see(&mut self, report: JobReport) {
        match &report.state {
            JobState::Failed(why) => self.break_off(why.clone()),
            JobState::Cancelled => self.break_off(crate::engine::Cancelled.into()),
            JobState::Running | JobState::Done => {}
        }
        self.reports.insert(report.id, report);
    }

    /// The step of who is behind, and the sum of those that are at it.
    fn progress(&self, duty: Duty) -> (String, u64, u64) {
        let running = || {
            let all = self.reports.values();
            all.filter(|one| Duty::of(one.id) == duty && one.state == JobState::Running)
        };
        let Some(step) = running().map(|one| &one.step).find(|step| !step.is_empty()) else {
            return (String::new(), 0, 0);
        };
        let at_it = || running().filter(|one| one.step == *step);
        let done = at_it().map(|one| one.done).sum();
        (step.clone(), done, at_it().map(|one| one.of).sum())
    }
}
