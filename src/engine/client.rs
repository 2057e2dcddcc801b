//! Talks to whoever owns the library: what the command line and console windows use.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::message::{Command, Event, RequestId};
use super::parcel::Parcel;
use super::wire::Wire;
use crate::model::{Answer, Failure};

/// Grows when [`Command`] or [`Event`] change in a way an older peer can't read.
pub const PROTOCOL: u32 = 4;

/// How long the owner may take to say who it is.
const WELCOME_PATIENCE: Duration = Duration::from_secs(5);

/// What a client says. `Hello` and `Yield` keep their form in all versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ask {
    /// The first packet.
    Hello {
        protocol: u32,
        pid: u32,
        /// Whether the client wants all events, or only the answers to its own requests.
        events: bool,
    },
    /// Let the library go: what a client of another version says.
    Yield,
    Request {
        id: RequestId,
        command: Command,
    },
}

/// What the owner says. `Welcome` keeps its form in all versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Say {
    Welcome {
        protocol: u32,
        pid: u32,
        /// A window, as opposed to an agent.
        window: bool,
    },
    Event(Event),
}

/// A connection to the owner.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
    next: u64,
    /// The owner is a window.
    pub owner_is_window: bool,
    pub owner_pid: u32,
}

/// Why there is no connection to an owner.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("no one owns the library")]
    NoOwner,
    #[error("the owner (process {pid}) speaks protocol {protocol}, this program {PROTOCOL}")]
    OtherVersion {
        pid: u32,
        protocol: u32,
        window: bool,
    },
    #[error("the connection to the owner failed: {source}")]
    Io { source: io::Error },
    #[error("the owner went away")]
    Gone,
}

impl From<io::Error> for ClientError {
    fn from(source: io::Error) -> Self {
        Self::Io { source }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::new("Orangery's engine could not be reached", error.to_string())
            .fix("Try again; if it stays so, end the process that holds the library")
    }
}

impl Client {
    /// Connects to the owner at the `control` socket and says hello.
    ///
    /// An owner of another version is told apart; [`Self::ask_to_yield`] has it let the library go.
    pub fn connect(control: &Path, events: bool) -> Result<Self, ClientError> {
        let (wire, pid, protocol, window) = Self::greet(control, events)?;
        if protocol != PROTOCOL {
            return Err(ClientError::OtherVersion {
                pid,
                protocol,
                window,
            });
        }
        wire.set_patience(None)?;
        Ok(Self {
            wire,
            next: 1,
            owner_is_window: window,
            owner_pid: pid,
        })
    }

    /// Has an agent of another version let the library go; machines run on.
    pub fn ask_to_yield(control: &Path) -> Result<(), ClientError> {
        let (wire, ..) = Self::greet(control, false)?;
        wire.send(&Ask::Yield, None)?;
        // A connection that is closed with news unread is reset, and the request may be lost.
        while let Ok(Some(_)) = wire.receive::<Say>() {}
        Ok(())
    }

    /// Who owns the library: the connection, its process, its protocol, and whether it is a window.
    fn greet(control: &Path, events: bool) -> Result<(Wire, u32, u32, bool), ClientError> {
        let wire = match Wire::connect(control) {
            Ok(wire) => wire,
            Err(error) => {
                return Err(match error.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                        ClientError::NoOwner
                    }
                    _ => error.into(),
                });
            }
        };
        wire.set_patience(Some(WELCOME_PATIENCE))?;
        let hello = Ask::Hello {
            protocol: PROTOCOL,
            pid: std::process::id(),
            events,
        };
        let greeted = wire.send(&hello, None).and_then(|()| wire.receive::<Say>());
        let Some((say, _)) = greeted.or_else(none_if_closing)? else {
            return Err(ClientError::NoOwner);
        };
        let Say::Welcome {
            protocol,
            pid,
            window,
        } = say
        else {
            return Err(ClientError::Gone);
        };
        Ok((wire, pid, protocol, window))
    }

    /// A second handle to the same connection, so that one thread sends while another waits in [`Self::receive`].
    /// Only one of the two may send: both count their requests alone.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            wire: self.wire.try_clone()?,
            next: self.next,
            owner_is_window: self.owner_is_window,
            owner_pid: self.owner_pid,
        })
    }

    /// Ends the connection for all its handles; a waiting [`Self::receive`] returns.
    pub fn close(&self) {
        self.wire.shut_down();
    }

    /// Sends `command`; the answer comes as an [`Event::Answer`] with the returned number.
    pub fn send(&mut self, command: Command) -> Result<RequestId, ClientError> {
        let id = RequestId(self.next);
        self.next += 1;
        let parcel = command.parcel().cloned();
        let fd = parcel.as_ref().and_then(Parcel::fd);
        self.wire.send(&Ask::Request { id, command }, fd)?;
        Ok(id)
    }

    /// Waits for the next event, at most `patience`; `Ok(None)` when none came in time.
    pub fn receive(
        &self,
        patience: Option<Duration>,
    ) -> Result<Option<(Event, Option<OwnedFd>)>, ClientError> {
        // A timeout of zero would mean "for ever" to the kernel.
        self.wire
            .set_patience(patience.map(|time| time.max(Duration::from_millis(1))))?;
        match self.wire.receive::<Say>() {
            Ok(Some((Say::Event(event), fd))) => Ok(Some((event, fd))),
            Ok(Some((Say::Welcome { .. }, _))) => Ok(None),
            Ok(None) => Err(ClientError::Gone),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends `command` and waits for its answer, at most `patience`. Other events go to `seen`.
    pub fn call(
        &mut self,
        command: Command,
        patience: Option<Duration>,
        mut seen: impl FnMut(&Event),
    ) -> Result<(Answer, Option<OwnedFd>), Failure> {
        let wanted = self.send(command)?;
        let deadline = patience.map(|patience| Instant::now() + patience);
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Err(Failure::new("No answer", "It took longer than allowed")
                    .fix("Look at the machine's state, then try again"));
            }
            match self.receive(left)? {
                Some((Event::Answer { request, result }, fd)) if request == wanted => {
                    return result.map(|answer| (answer, fd));
                }
                Some((event, _)) => seen(&event),
                None => {}
            }
        }
    }
}

/// An owner that ends just now closes connections that it has not taken yet.
fn none_if_closing<T>(error: io::Error) -> io::Result<Option<T>> {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Ok(None),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::wire::Listener;

    #[test]
    fn an_owner_that_ends_while_it_is_called_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        let listener = Listener::bind(&path).unwrap();
        let calling = path.clone();
        let client = std::thread::Builder::new()
            .spawn(move || Client::connect(&calling, false).err())
            .unwrap();
        std::thread::sleep(Duration::from_millis(100));
        drop(listener);
        let error = client.join().unwrap();
        assert!(matches!(error, Some(ClientError::NoOwner)), "{error:?}");
    }
}
