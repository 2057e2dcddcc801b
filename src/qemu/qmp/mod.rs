//! Talks to a running QEMU: the QEMU Machine Protocol over a unix socket.
//!
//! Types of commands and replies come from the crate `qapi`; the transport is ours, because
//! QEMU is hostile once a guest took it over. One thread reads lines: an event goes into a bounded
//! queue, a reply to whoever waits for its number. Each request has a time limit; a reply that
//! comes later is thrown away by its number, so the stream stays in step. Unknown events and
//! unknown fields are kept as raw JSON.
//!
//! Protocol: <https://www.qemu.org/docs/master/interop/qmp-spec.html>

mod connect;
mod reader;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io::{self, IoSlice, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use serde_json::{Value, json};

use super::binary::Version;

/// Events that may wait for the machine's thread; see [`reader`] for what happens beyond.
const WAITING_EVENTS: usize = 256;
/// The greeting answers this number, which no request has.
const GREETING: u64 = 0;

/// Something that QEMU told unasked.
#[derive(Clone, Debug, PartialEq)]
pub struct QmpEvent {
    /// `SHUTDOWN`, `STOP`, `BLOCK_IO_ERROR`, …; may be one we don't know.
    pub name: String,
    /// The event's data; `Null` if it has none.
    pub data: Value,
    /// Microseconds since 1970 by QEMU's clock; 0 if it gave none.
    pub timestamp: u64,
}

/// Why QEMU could not be talked to or did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QmpError {
    #[error("QEMU's monitor {} could not be reached: {why}", path.display())]
    Connect {
        path: PathBuf,
        /// Nothing listens there: QEMU is gone or not yet up.
        nobody: bool,
        why: String,
    },
    #[error("QEMU did not answer “{command}” within {} ms", within.as_millis())]
    Timeout { command: String, within: Duration },
    #[error("The connection to QEMU's monitor is closed: {why}")]
    Closed { why: String },
    #[error("QEMU's monitor sent something that is not its protocol: {what}")]
    Garbled { what: String },
    #[error("QEMU refused “{command}”: {desc}")]
    Refused {
        command: String,
        /// `GenericError`, `CommandNotFound`, `DeviceNotFound`, …
        class: String,
        desc: String,
    },
}

type Reply = Result<Value, QmpError>;

/// What the reader thread and the callers share.
#[derive(Debug, Default)]
struct Waiting {
    /// Bounded by the number of calling threads: each waits for one reply.
    replies: HashMap<u64, Sender<Reply>>,
    /// Why there will be no more replies.
    closed: Option<QmpError>,
}

#[derive(Debug, Default)]
struct Shared(Mutex<Waiting>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands `reply` to whoever waits for `id`; nobody is fine, it came too late.
    fn answer(&self, id: u64, reply: Reply) {
        if let Some(sender) = self.lock().replies.remove(&id) {
            // The waiting side may have given up a moment ago.
            sender.try_send(reply).ok();
        }
    }

    /// Fails everything that waits and will ever wait.
    fn close(&self, why: &QmpError) {
        let mut waiting = self.lock();
        let reason = waiting.closed.get_or_insert_with(|| why.clone()).clone();
        let replies = std::mem::take(&mut waiting.replies);
        drop(waiting);
        replies.into_values().for_each(|sender| {
            sender.try_send(Err(reason.clone())).ok();
        });
    }
}

/// Connects to a socket of QEMU's, which may hang: `within` is for all of it.
pub fn connect_socket(path: &Path, within: Duration) -> Result<UnixStream, QmpError> {
    connect::connect(path, Instant::now() + within)
}

/// A connection to one monitor. Requests may come from several threads.
#[derive(Debug)]
pub struct Client {
    shared: Arc<Shared>,
    writer: Mutex<Writer>,
    version: Version,
}

#[derive(Debug)]
struct Writer {
    stream: UnixStream,
    next_id: u64,
}

impl Client {
    /// Connects, waits for the greeting and negotiates capabilities, all `within`. The receiver
    /// gets events, and closes when the connection does.
    ///
    /// A monitor serves one client: a second one connects and never gets a greeting, which ends in
    /// [`QmpError::Timeout`] for `greeting`.
    pub fn connect(path: &Path, within: Duration) -> Result<(Self, Receiver<QmpEvent>), QmpError> {
        let deadline = Instant::now() + within;
        let stream = connect::connect(path, deadline)?;
        Self::over(stream, deadline.saturating_duration_since(Instant::now()))
    }

    /// The same over a connected socket.
    pub fn over(
        stream: UnixStream,
        within: Duration,
    ) -> Result<(Self, Receiver<QmpEvent>), QmpError> {
        let closed = |error: io::Error| QmpError::Closed {
            why: error.to_string(),
        };
        let shared = Arc::new(Shared::default());
        let (greeting, greeted) = bounded(1);
        shared.lock().replies.insert(GREETING, greeting);
        let (sender, events) = bounded(WAITING_EVENTS);
        let incoming = stream.try_clone().map_err(closed)?;
        reader::start(incoming, Arc::clone(&shared), sender).map_err(closed)?;
        let mut client = Self {
            shared,
            writer: Mutex::new(Writer { stream, next_id: 1 }),
            version: Version {
                major: 0,
                minor: 0,
                micro: 0,
            },
        };
        let deadline = Instant::now() + within;
        let greeting = client.wait(GREETING, "greeting", &greeted, deadline, within)?;
        client.version = connect::version(&greeting)?;
        let left = deadline.saturating_duration_since(Instant::now());
        client.call_raw("qmp_capabilities", json!({}), left)?;
        Ok((client, events))
    }

    /// As the greeting gave it.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Sends a typed command and waits for its typed reply.
    pub fn call<C: qapi::Command>(&self, command: &C, within: Duration) -> Result<C::Ok, QmpError> {
        let garbled = |error: serde_json::Error| QmpError::Garbled {
            what: format!("{}: {error}", C::NAME),
        };
        let arguments = serde_json::to_value(command).map_err(garbled)?;
        let reply = self.call_raw(C::NAME, arguments, within)?;
        serde_json::from_value(reply).map_err(garbled)
    }

    /// Sends a command by name. `arguments` is an object.
    pub fn call_raw(
        &self,
        command: &str,
        arguments: Value,
        within: Duration,
    ) -> Result<Value, QmpError> {
        self.exchange(command, arguments, None, within)
    }

    /// Sends a command along with an open file (SCM_RIGHTS), for `getfd` and `add-fd`.
    pub fn call_with_fd(
        &self,
        command: &str,
        arguments: Value,
        file: BorrowedFd<'_>,
        within: Duration,
    ) -> Result<Value, QmpError> {
        self.exchange(command, arguments, Some(file), within)
    }

    fn exchange(
        &self,
        command: &str,
        arguments: Value,
        file: Option<BorrowedFd<'_>>,
        within: Duration,
    ) -> Result<Value, QmpError> {
        let deadline = Instant::now() + within;
        let (sender, receiver) = bounded(1);
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let id = writer.next_id;
        writer.next_id += 1;
        {
            let mut waiting = self.shared.lock();
            if let Some(reason) = &waiting.closed {
                return Err(reason.clone());
            }
            waiting.replies.insert(id, sender);
        }
        let mut line = json!({"execute": command, "arguments": arguments, "id": id}).to_string();
        line.push_str("\r\n");
        let sent = writer.send(line.as_bytes(), file, within);
        drop(writer);
        if let Err(error) = sent {
            let why = QmpError::Closed {
                why: format!("“{command}” could not be sent: {error}"),
            };
            // Half a line may have gone out: nothing after it can be understood.
            self.shared.close(&why);
            self.hang_up();
            return Err(why);
        }
        let reply = self.wait(id, command, &receiver, deadline, within)?;
        take_return(command, reply)
    }

    fn wait(
        &self,
        id: u64,
        command: &str,
        receiver: &Receiver<Reply>,
        deadline: Instant,
        within: Duration,
    ) -> Result<Value, QmpError> {
        match receiver.recv_deadline(deadline) {
            Ok(reply) => reply,
            Err(RecvTimeoutError::Timeout) => {
                self.shared.lock().replies.remove(&id);
                Err(QmpError::Timeout {
                    command: command.to_owned(),
                    within,
                })
            }
            Err(RecvTimeoutError::Disconnected) => Err(QmpError::Closed {
                why: "the reader ended".to_owned(),
            }),
        }
    }

    fn hang_up(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // Fails only if it is closed already.
        writer.stream.shutdown(Shutdown::Both).ok();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The reader thread sees the end and stops by itself.
        self.hang_up();
    }
}

impl Writer {
    fn send(
        &mut self,
        line: &[u8],
        file: Option<BorrowedFd<'_>>,
        within: Duration,
    ) -> io::Result<()> {
        // Zero would mean no limit.
        let within = within.max(Duration::from_millis(1));
        self.stream.set_write_timeout(Some(within))?;
        let Some(file) = file else {
            return self.stream.write_all(line);
        };
        let files = [file];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !ancillary.push(SendAncillaryMessage::ScmRights(&files)) {
            return Err(io::Error::other("no room for a file descriptor"));
        }
        let sent = rustix::net::sendmsg(
            self.stream.as_fd(),
            &[IoSlice::new(line)],
            &mut ancillary,
            SendFlags::NOSIGNAL,
        )?;
        self.stream.write_all(&line[sent..])
    }
}

/// The `return` of a reply, or its `error`.
fn take_return(command: &str, mut reply: Value) -> Result<Value, QmpError> {
    if let Some(error) = reply.get("error") {
        let text = |key: &str| {
            let text = error.get(key).and_then(Value::as_str).unwrap_or_default();
            text.chars().take(4096).collect()
        };
        return Err(QmpError::Refused {
            command: command.to_owned(),
            class: text("class"),
            desc: text("desc"),
        });
    }
    Ok(reply.get_mut("return").map_or(Value::Null, Value::take))
}
