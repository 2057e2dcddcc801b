//! A job that asks the owner as a client does, and waits for its answers.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::engine::hub::{Asker, Delivery, Hub, Listener, ListenerId};
use crate::engine::jobs::Job;
use crate::engine::message::{Command, Event, RequestId};
use crate::engine::supervisor::Message;
use crate::model::{Answer, Failure, JobId, Lab};

/// Answers that wait: one for each machine, twice.
const ANSWERS_LEN: usize = Lab::MOST * 2;

/// How often it is looked whether the job was cancelled.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// An answer, and to which request.
pub type Answered = (RequestId, Result<Answer, Failure>);

/// See the module's text. Dropped, it no longer listens.
pub struct Hands {
    listener: ListenerId,
    next: u64,
    answers: Receiver<Delivery>,
    sender: Sender<Message>,
}

impl Hands {
    /// Whether a job waits for the answer.
    pub fn are_behind(asker: Asker) -> bool {
        asker.listener.0 > u64::MAX / 2
    }

    /// Clients count from below.
    pub fn of(job: JobId, hub: &mut Hub, sender: Sender<Message>) -> Self {
        let listener = ListenerId(u64::MAX - job.0);
        let (outbox, answers) = bounded(ANSWERS_LEN);
        let wake = Box::new(|| {});
        let events = false;
        hub.join(
            listener,
            Listener {
                outbox,
                events,
                wake,
            },
        );
        Self {
            listener,
            next: 1,
            answers,
            sender,
        }
    }

    /// Whom to answer, once.
    pub fn asker(&mut self) -> Asker {
        let request = RequestId(self.next);
        self.next += 1;
        Asker {
            listener: self.listener,
            request,
        }
    }

    /// Asks for `command`; its answer comes to the request.
    pub fn ask(&mut self, command: Command) -> RequestId {
        let Asker { listener, request } = self.asker();
        let command = Box::new(command);
        self.tell(Message::Request {
            listener,
            id: request,
            command,
        });
        request
    }

    pub fn tell(&self, message: Message) {
        self.sender.send(message).ok(); // The engine is ending; no answer comes.
    }

    /// The next answer, `None` while there is none yet.
    ///
    /// # Errors
    /// The job was cancelled, or the engine is ending.
    pub fn next(&self, job: &mut Job, told: (&str, u64, u64)) -> Result<Option<Answered>, Failure> {
        let (step, done, of) = told;
        job.progress(step, done, of)?;
        match self.answers.recv_timeout(LOOK_EVERY) {
            Ok(Delivery {
                event: Event::Answer { request, result },
                ..
            }) => Ok(Some((request, result))),
            Ok(_) | Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                Err(Failure::new("That was not done", "Orangery is ending"))
            }
        }
    }
}

impl Drop for Hands {
    fn drop(&mut self) {
        self.tell(Message::Left(self.listener));
    }
}
