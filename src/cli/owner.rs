//! A connection to the owner of the library that remembers what it told about each machine.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::tasks::Reply;
use crate::engine::client::{Client, ClientError};
use crate::engine::message::{Command, Event};
use crate::model::{Failure, MachineId, MachineReport};

/// How long the owner may take to tell about every machine.
const TELL_ALL: Duration = Duration::from_secs(20);

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The engine said no.
    #[error("{0}")]
    Refused(Failure),
    /// The connection broke: the owner ended, or let the library go to another process.
    #[error("{0}")]
    Lost(#[from] ClientError),
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Refused(failure) => failure,
            Trouble::Lost(error) => error.into(),
        }
    }
}

/// The owner at the other end of a connection that gets all events.
#[derive(Debug)]
pub struct Owner {
    client: Client,
    /// The newest report of each machine.
    known: BTreeMap<MachineId, MachineReport>,
}

impl Owner {
    pub fn new(client: Client) -> Self {
        Self {
            client,
            known: BTreeMap::new(),
        }
    }

    /// Every machine as it stands now.
    ///
    /// The owner tells all of them right after the hello and each change since, all before the
    /// answer to a request that is sent now.
    pub fn reports(&mut self) -> Result<Vec<MachineReport>, Trouble> {
        match self.ask(Command::ShowTrash, Some(TELL_ALL), |_| {})? {
            Reply::Answer(..) => Ok(self.known.values().cloned().collect()),
            Reply::Late => Err(Trouble::Refused(silent(self.client.owner_pid))),
        }
    }

    /// Sends `command` and does not wait.
    pub fn order(&mut self, command: Command) -> Result<(), Trouble> {
        self.client.send(command)?;
        Ok(())
    }

    /// Sends `command` and waits at most `patience` for its answer. Each other event is shown
    /// to `seen`.
    pub fn ask(
        &mut self,
        command: Command,
        patience: Option<Duration>,
        mut seen: impl FnMut(&Event),
    ) -> Result<Reply, Trouble> {
        let wanted = self.client.send(command)?;
        let deadline = patience.map(|patience| Instant::now() + patience);
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Ok(Reply::Late);
            }
            let Some((event, fd)) = self.client.receive(left)? else {
                continue;
            };
            seen(&event);
            match event {
                Event::Answer { request, result } if request == wanted => {
                    return result
                        .map(|answer| Reply::Answer(answer, fd))
                        .map_err(Trouble::Refused);
                }
                Event::Machine(report) => {
                    self.known.insert(report.id, *report);
                }
                Event::Machines(reports) => {
                    let reports = reports.into_iter().map(|report| (report.id, report));
                    self.known.extend(reports);
                }
                Event::Gone(id) => {
                    self.known.remove(&id);
                }
                Event::Notice(failure) => super::complain(&failure, false),
                _ => {} // Of no interest to one command.
            }
        }
    }
}

fn silent(pid: u32) -> Failure {
    Failure::new(
        "The machines can't be listed",
        format!("The process that owns the library ({pid}) does not answer"),
    )
    .fix(format!(
        "Wait and try again, or end it: kill {pid}; running machines are not touched"
    ))
}

#[cfg(test)]
pub mod tests;
