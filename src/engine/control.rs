//! The owner's `control` socket: takes clients and turns their packets into requests.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::client::{Ask, PROTOCOL, Say};
use super::hub::{Delivery, Listener, ListenerId};
use super::message::Command;
use super::parcel::Parcel;
use super::supervisor::Message;
use super::wire::{self, Wire};

/// Clients at a time; each costs two threads.
const MAX_CLIENTS: usize = 64;

/// Packets waiting for one client. A client that does not read falls behind, not us.
const OUTBOX_LEN: usize = 4096;

/// How long a client may take to say hello or to take a packet.
const PATIENCE: Duration = Duration::from_secs(5);

/// The running server. Dropping it closes the socket and ends its thread.
pub struct Control {
    listener: Arc<wire::Listener>,
    path: PathBuf,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Control {
    /// Listens at `path` and passes what clients ask to `inbox`.
    pub fn start(path: &Path, window: bool, inbox: Sender<Message>) -> io::Result<Self> {
        let listener = Arc::new(wire::Listener::bind(path)?);
        let closed = Arc::new(AtomicBool::new(false));
        let server = Server {
            inbox,
            window,
            next: AtomicU64::new(1),
            clients: Arc::new(AtomicUsize::new(0)),
            closed: Arc::clone(&closed),
        };
        let accepting = Arc::clone(&listener);
        let thread = std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || server.accept(&accepting))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            closed,
            thread: Some(thread),
        })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        rustix::fs::unlink(&self.path).ok(); // So that the next client sees no owner at once.
        self.closed.store(true, Ordering::Relaxed);
        self.listener.shut_down();
        if let Some(thread) = self.thread.take() {
            thread.join().ok(); // A panic was already reported by the panic hook.
        }
    }
}

/// After a failed accept: descriptors may be free again then.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

struct Server {
    inbox: Sender<Message>,
    window: bool,
    next: AtomicU64,
    clients: Arc<AtomicUsize>,
    closed: Arc<AtomicBool>,
}

impl Server {
    fn accept(&self, listener: &wire::Listener) {
        while !self.closed.load(Ordering::Relaxed) {
            let Ok(wire) = listener.accept() else {
                std::thread::sleep(ACCEPT_AGAIN); // Out of descriptors, or closed.
                continue;
            };
            if self.clients.load(Ordering::Relaxed) >= MAX_CLIENTS || !wire.is_same_user() {
                continue; // Dropping the connection is the answer.
            }
            let id = ListenerId(self.next.fetch_add(1, Ordering::Relaxed));
            let session = Session {
                id,
                inbox: self.inbox.clone(),
                window: self.window,
                _count: Count::new(&self.clients),
            };
            // The thread ends with its connection, which ends when either side closes it.
            std::thread::Builder::new()
                .name(format!("client-{}", id.0))
                .spawn(move || session.run(&wire))
                .ok(); // Without a thread the client sees the connection close.
        }
    }
}

/// Counts live sessions.
struct Count(Arc<AtomicUsize>);

impl Count {
    fn new(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(counter))
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One client.
struct Session {
    id: ListenerId,
    inbox: Sender<Message>,
    window: bool,
    _count: Count,
}

impl Session {
    fn run(&self, wire: &Wire) {
        if let Some(events) = self.greet(wire) {
            let (outbox, packets) = bounded(OUTBOX_LEN);
            let Some(writer) = spawn_writer(self.id, wire, packets) else {
                return;
            };
            let listener = Listener {
                outbox,
                events,
                wake: Box::new(|| {}),
            };
            if self.inbox.send(Message::Joined(self.id, listener)).is_ok() {
                self.listen(wire);
                self.inbox.send(Message::Left(self.id)).ok(); // The engine is ending.
            }
            wire.shut_down();
            writer.join().ok(); // A panic was already reported by the panic hook.
        }
    }

    /// Says who we are. Returns whether the client wants events; `None` ends the session.
    fn greet(&self, wire: &Wire) -> Option<bool> {
        wire.set_patience(Some(PATIENCE)).ok()?;
        let (ask, _) = wire.receive::<Ask>().ok()??;
        let Ask::Hello {
            protocol, events, ..
        } = ask
        else {
            return None;
        };
        let welcome = Say::Welcome {
            protocol: PROTOCOL,
            pid: std::process::id(),
            window: self.window,
        };
        wire.send(&welcome, None).ok()?;
        if protocol != PROTOCOL {
            self.yield_if_asked(wire);
            return None;
        }
        wire.set_patience(None).ok()?;
        Some(events)
    }

    /// A client of another version may ask for the library.
    fn yield_if_asked(&self, wire: &Wire) {
        if let Ok(Some((Ask::Yield, _))) = wire.receive::<Ask>() {
            self.inbox.send(Message::Yield).ok(); // The engine is ending anyway.
        }
    }

    fn listen(&self, wire: &Wire) {
        while let Ok(Some((ask, fd))) = wire.receive::<Ask>() {
            let parcel = fd.map(Parcel::from).unwrap_or_default();
            let message = match ask {
                Ask::Request { id, command } => Message::Request {
                    listener: self.id,
                    id,
                    command: Box::new(command.with_parcel(parcel)),
                },
                Ask::Yield => Message::Request {
                    listener: self.id,
                    id: super::RequestId(0),
                    command: Box::new(Command::HandOver),
                },
                Ask::Hello { .. } => return,
            };
            if self.inbox.send(message).is_err() {
                return;
            }
        }
    }
}

/// Sends packets until the hub or the connection is gone.
fn spawn_writer(
    id: ListenerId,
    wire: &Wire,
    packets: Receiver<Delivery>,
) -> Option<JoinHandle<()>> {
    let wire = wire.try_clone().ok()?;
    std::thread::Builder::new()
        .name(format!("client-{}-out", id.0))
        .spawn(move || {
            for Delivery { event, fd } in packets {
                let fd = fd.as_ref().map(std::os::fd::AsFd::as_fd);
                if wire.send(&Say::Event(event), fd).is_err() {
                    break;
                }
            }
            wire.shut_down();
        })
        .ok()
}
