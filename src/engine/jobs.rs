//! Long work on threads of its own, with progress and cancel.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::supervisor::Message;
use crate::model::{Failure, JobId, JobReport, JobState, MachineId};

/// Progress is told at most this often.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// The user asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

impl From<Cancelled> for Failure {
    fn from(_: Cancelled) -> Self {
        Self::new("Cancelled", "You stopped it; nothing was kept")
    }
}

/// A running job, held by the thread that does the work.
pub struct Job {
    report: JobReport,
    cancel: Arc<AtomicBool>,
    inbox: Sender<Message>,
    told: Option<Instant>,
}

/// A job whose work was never begun, or panicked, must not seem to run for ever.
impl Drop for Job {
    fn drop(&mut self) {
        if self.report.state == JobState::Running {
            self.report.can_cancel = false;
            self.report.state = JobState::Failed(Failure::new(
                format!("{} was cut off", self.report.title),
                "Orangery could not carry it out",
            ));
            self.tell();
        }
    }
}

impl Job {
    pub fn new(
        id: JobId,
        machine: Option<MachineId>,
        title: String,
        inbox: Sender<Message>,
    ) -> Self {
        let report = JobReport {
            id,
            machine,
            title,
            step: String::new(),
            done: 0,
            of: 0,
            can_cancel: true,
            state: JobState::Running,
        };
        Self {
            report,
            cancel: Arc::new(AtomicBool::new(false)),
            inbox,
            told: None,
        }
    }

    pub fn id(&self) -> JobId {
        self.report.id
    }

    /// The switch that ends the job at its next [`Self::progress`].
    pub fn cancel_switch(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancel)
    }

    pub fn report(&self) -> JobReport {
        self.report.clone()
    }

    /// Tells how far the work is; also the point where a cancel takes effect.
    pub fn progress(&mut self, step: &str, done: u64, of: u64) -> Result<(), Cancelled> {
        if self.report.can_cancel && self.cancel.load(Ordering::Relaxed) {
            return Err(Cancelled);
        }
        let news = self.report.step != step;
        self.report.step.clear();
        self.report.step.push_str(step);
        self.report.done = done;
        self.report.of = of;
        if news || self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            self.tell();
        }
        Ok(())
    }

    /// The same for work that asks whether to go on.
    pub fn go_on(&mut self, step: &str, done: u64, of: u64) -> ControlFlow<()> {
        match self.progress(step, done, of) {
            Ok(()) => ControlFlow::Continue(()),
            Err(Cancelled) => ControlFlow::Break(()),
        }
    }

    /// [`Self::go_on`] of one step.
    pub fn teller(&mut self, step: &'static str) -> impl FnMut(u64, u64) -> ControlFlow<()> {
        move |done, of| self.go_on(step, done, of)
    }

    /// From here on the job can't be cancelled.
    pub fn commit(&mut self) {
        self.report.can_cancel = false;
        self.tell();
    }

    /// What follows can be cancelled again.
    pub fn uncommit(&mut self) {
        self.report.can_cancel = true;
        self.tell();
    }

    /// Says how it ended.
    pub fn end(mut self, result: Result<(), Failure>) {
        self.report.can_cancel = false;
        self.report.state = match result {
            Ok(()) => JobState::Done,
            Err(_) if self.cancel.load(Ordering::Relaxed) => JobState::Cancelled,
            Err(failure) => JobState::Failed(failure),
        };
        self.tell();
    }

    fn tell(&mut self) {
        self.told = Some(Instant::now());
        self.inbox.send(Message::Job(self.report.clone())).ok(); // The engine is ending.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_where_a_cancel_takes_effect() {
        let (inbox, messages) = crossbeam_channel::bounded(16);
        let mut job = Job::new(JobId(1), None, "Testing".to_owned(), inbox);
        assert_eq!(job.progress("one", 1, 2), Ok(()));
        job.cancel_switch().store(true, Ordering::Relaxed);
        assert_eq!(job.progress("two", 2, 2), Err(Cancelled));
        job.end(Err(Cancelled.into()));
        let last = messages.try_iter().last();
        assert!(matches!(
            last,
            Some(Message::Job(JobReport {
                state: JobState::Cancelled,
                ..
            }))
        ));
    }
}
