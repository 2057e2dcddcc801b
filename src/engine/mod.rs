//! Runs commands on background threads and reports what happened.
//!
//! The engine never draws and never touches egui: it is handed a `wake` function and calls it
//! after each event, so that whoever listens can come and collect. Exactly one process owns a
//! library: a window, or an agent without one; everyone else is a [`client`].

pub mod agent;
mod chronicle;
pub mod client;
pub mod clock;
mod control;
mod disks;
mod edit;
mod facts;
mod hub;
mod jobs;
mod lab;
mod launches;
mod load;
mod making;
pub mod message;
pub mod offline;
mod offspring;
pub mod parcel;
pub mod picture;
mod redact;
pub mod relay;
mod report;
pub mod screen;
mod sound;
mod supervisor;
mod timeline;
mod together;
mod wire;
mod worker;

use std::collections::BTreeMap;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::display::{DisplayError, Screen};
use crate::library::{Library, Opened, Places};
use crate::model::{Answer, Clip, ComputerReport, DisplayPath, Failure, MachineId};
use client::{Client, ClientError};
use control::Control;
use hub::{Delivery, Listener, WINDOW};
pub use jobs::Cancelled;
pub use message::{Command, Event, RequestId};
use supervisor::{Charge, Message, Supervisor};

/// Messages waiting for the supervisor: workers, jobs and clients share it and wait when full.
const INBOX_LEN: usize = 1024;

/// Events waiting for the window. More than a library of a thousand machines says at once; a
/// window that still falls behind gets everything again.
const EVENTS_LEN: usize = 4096;

/// How long an agent may take to let the library go.
const HAND_OVER: Duration = Duration::from_secs(20);

/// The engine has more to do than it can queue.
#[derive(Debug, thiserror::Error)]
#[error("Orangery is still busy with earlier requests, try again")]
pub struct Busy;

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another window has the library; here is the way to it.
    #[error("a window is open already")]
    WindowIsOpen(Box<Client>),
    #[error("{0}")]
    Failed(Failure),
}

impl From<Failure> for OpenError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// The screens that are open in this process.
type Screens = Arc<Mutex<BTreeMap<MachineId, Arc<Screen>>>>;

/// The owner of a library. Dropping it lets the library go; machines run on.
pub struct Engine {
    inbox: Sender<Message>,
    deliveries: Receiver<Delivery>,
    next_request: AtomicU64,
    screens: Screens,
    /// What was fetched from guests' clipboards.
    clips: Mutex<BTreeMap<MachineId, Clip>>,
    /// Connections to serial ports that were not taken yet, with the length of their history.
    serials: Mutex<BTreeMap<MachineId, (UnixStream, u64)>>,
    wake: Arc<dyn Fn() + Send + Sync>,
    supervisor: Option<JoinHandle<()>>,
}

impl Engine {
    /// Takes over the library at `places`, from an agent if one has it.
    ///
    /// `wake` is called after each event, from the engine's threads. `window` is whether a
    /// person looks on: an engine without a window ends when nothing is left to do.
    pub fn open(
        places: &Places,
        window: bool,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> Result<Self, OpenError> {
        let library = Arc::new(take_library(places, window)?);
        let runtime = runtime_folder(places, &library)?;
        let settings = crate::library::read_settings(&places.settings).settings;
        let (inbox, messages) = bounded(INBOX_LEN);
        let control = Control::start(&runtime.join("control"), window, inbox.clone())
            .map_err(|error| Failure::new("Orangery can't start", error.to_string()))?;
        let (outbox, deliveries) = bounded(EVENTS_LEN);
        let listener = Listener {
            outbox,
            events: true,
            wake: Box::new({
                let wake = Arc::clone(&wake);
                move || wake()
            }),
        };
        let screens = Screens::default();
        let charge = Charge {
            library,
            runtime,
            settings,
            places: places.clone(),
            control,
            sender: inbox.clone(),
            window,
            seen: Box::new({
                let screens = Arc::clone(&screens);
                move |machine| {
                    let screens = screens.lock().unwrap_or_else(PoisonError::into_inner);
                    screens
                        .get(&machine)
                        .map(|screen| Arc::clone(screen.slot()))
                }
            }),
        };
        let supervisor = std::thread::Builder::new()
            .name("supervisor".to_owned())
            .spawn(move || {
                let mut supervisor = Supervisor::new(charge);
                supervisor.join(WINDOW, listener);
                supervisor.run(&messages);
            })
            .map_err(|error| Failure::new("Orangery can't start", error.to_string()))?;
        Ok(Self {
            inbox,
            deliveries,
            next_request: AtomicU64::new(1),
            screens,
            clips: Mutex::default(),
            serials: Mutex::default(),
            wake,
            supervisor: Some(supervisor),
        })
    }

    /// Queues a command without ever blocking the caller, which is the thread that draws. Its
    /// answer comes as an [`Event::Answer`].
    pub fn send(&self, command: Command) -> Result<RequestId, Busy> {
        let id = RequestId(self.next_request.fetch_add(1, Ordering::Relaxed));
        let message = Message::Request {
            listener: WINDOW,
            id,
            command: Box::new(command),
        };
        self.inbox.try_send(message).map_err(|_full| Busy)?;
        Ok(id)
    }

    /// Everything that happened since the last call.
    pub fn drain(&self) -> Vec<Event> {
        self.deliveries
            .try_iter()
            .map(|delivery| self.receive(delivery))
            .collect()
    }

    /// Waits for the next event, at most `patience`.
    pub fn wait(&self, patience: Duration) -> Option<Event> {
        let delivery = self.deliveries.recv_timeout(patience).ok()?;
        Some(self.receive(delivery))
    }

    /// The screen of a machine, after [`Command::OpenDisplay`] was answered.
    pub fn screen(&self, machine: MachineId) -> Option<Arc<Screen>> {
        let screens = self.screens.lock().unwrap_or_else(PoisonError::into_inner);
        screens.get(&machine).cloned()
    }

    /// Stops listening to a machine's screen: a hidden one costs nothing.
    pub fn close_screen(&self, machine: MachineId) {
        let mut screens = self.screens.lock().unwrap_or_else(PoisonError::into_inner);
        screens.remove(&machine);
    }

    /// What a guest's clipboard holds, once after [`Command::TakeClipboard`] was answered.
    pub fn take_clip(&self, machine: MachineId) -> Option<Clip> {
        let mut clips = self.clips.lock().unwrap_or_else(PoisonError::into_inner);
        clips.remove(&machine)
    }

    /// The connection to a machine's serial port that [`Command::OpenSerial`] brought, and how many of its first bytes
    /// were said before. Gives it once.
    pub fn take_serial(&self, machine: MachineId) -> Option<(UnixStream, u64)> {
        let mut serials = self.serials.lock().unwrap_or_else(PoisonError::into_inner);
        serials.remove(&machine)
    }

    /// Whether the engine still owns the library.
    pub fn is_alive(&self) -> bool {
        self.supervisor
            .as_ref()
            .is_some_and(|supervisor| !supervisor.is_finished())
    }

    /// A connection to a machine's display: a new screen, or the controls for the one that is open.
    fn take_screen(
        &self,
        machine: MachineId,
        path: DisplayPath,
        stream: UnixStream,
    ) -> Result<(), DisplayError> {
        let mut screens = self.screens.lock().unwrap_or_else(PoisonError::into_inner);
        let alive = |screen: &&Arc<Screen>| !screen.slot().info().status.is_lost();
        if let Some(screen) = screens.get(&machine).filter(alive) {
            screen.take_controls(stream);
            return Ok(());
        }
        let wake = Arc::clone(&self.wake);
        let screen = match path {
            DisplayPath::Dbus => Screen::dbus(stream, wake)?,
            DisplayPath::Rfb => Screen::rfb(stream, wake)?,
        };
        screens.insert(machine, Arc::new(screen));
        Ok(())
    }

    /// Takes what comes with an event: a display socket becomes a screen.
    fn receive(&self, delivery: Delivery) -> Event {
        let Delivery { event, fd } = delivery;
        let (
            Event::Answer {
                result: Ok(answer), ..
            },
            Some(fd),
        ) = (&event, fd)
        else {
            return event;
        };
        match answer {
            Answer::Display { machine, path } => {
                if let Err(error) = self.take_screen(*machine, *path, UnixStream::from(fd)) {
                    let what = "The screen can't be shown";
                    return Event::Notice(Failure::new(what, error.to_string()));
                }
            }
            Answer::Serial { machine, history } => {
                let mut serials = self.serials.lock().unwrap_or_else(PoisonError::into_inner);
                serials.insert(*machine, (UnixStream::from(fd), *history));
            }
            Answer::Clipboard { machine, kind } => {
                let mut clips = self.clips.lock().unwrap_or_else(PoisonError::into_inner);
                if let Ok(clip) = parcel::clip(*kind, fd.as_fd()) {
                    clips.insert(*machine, clip);
                }
            }
            _ => {} // No other brings a descriptor.
        }
        event
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.inbox.send(Message::Stop).ok(); // It has ended already.
        if let Some(supervisor) = self.supervisor.take() {
            supervisor.join().ok(); // A panic was already reported by the panic hook.
        }
    }
}

/// Gets the library's lock, asking an agent to let it go.
fn take_library(places: &Places, window: bool) -> Result<Library, OpenError> {
    let deadline = Instant::now() + HAND_OVER;
    let mut asked = false;
    // Stays open until the library is ours: closing a socket with unread news in it makes the
    // kernel drop what we sent, and the request would be lost.
    let mut _asking: Option<Client> = None;
    loop {
        let opened = Library::open(&places.library)
            .map_err(|error| error.failure("The library can't be opened"))?;
        let holder = match opened {
            Opened::Owner(library) => return Ok(library),
            Opened::LockedBy(holder) => holder,
        };
        if !asked {
            match agent::connect(places, false) {
                Ok(client) if client.owner_is_window || !window => {
                    return Err(OpenError::WindowIsOpen(Box::new(client)));
                }
                Ok(mut client) => {
                    client.send(Command::HandOver).map_err(Failure::from)?;
                    _asking = Some(client);
                    asked = true;
                }
                Err(ClientError::OtherVersion { window: false, .. }) if window => {
                    Client::ask_to_yield(&agent::control(places)?).map_err(Failure::from)?;
                    asked = true;
                }
                Err(error @ ClientError::OtherVersion { .. }) => {
                    return Err(Failure::from(error)
                        .fix("Close the Orangery of the other version, then try again")
                        .into());
                }
                Err(_) => {} // Just starting or just ending: look again.
            }
        }
        if Instant::now() >= deadline {
            return Err(Failure::new(
                "The library can't be opened",
                format!("Another process has it and does not let it go ({holder})"),
            )
            .fix("End that process, then start Orangery again; running machines are not touched")
            .into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn runtime_folder(places: &Places, library: &Library) -> Result<PathBuf, Failure> {
    let id = library
        .id()
        .ok_or_else(|| Failure::new("Orangery can't start", "The library has no id"))?;
    places.runtime(id).map_err(|error| {
        Failure::new("Orangery can't start", error.to_string())
            .fix("Log in again, or set XDG_RUNTIME_DIR to a private folder of yours")
    })
}

/// Where the library, the settings and the sockets are: `library` is the option `--library`.
pub fn places(library: Option<&Path>) -> Result<Places, Failure> {
    Places::resolve(library, |name| std::env::var_os(name))
        .map_err(|error| Failure::new("Orangery can't start", error.to_string()))
}

/// Looks at this computer, KVM included.
pub fn examine(places: &Places) -> ComputerReport {
    facts::examine(places).0
}
