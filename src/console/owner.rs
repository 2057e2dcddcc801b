//! The line to whoever owns the library: asks for the display, hears how the machine is, and comes back when the
//! owner does. Losing it never costs the picture.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::engine::client::Client;
use crate::engine::message::{Command, Event, RequestId};
use crate::engine::parcel;
use crate::model::{
    Answer, Clip, ConsoleWindow, DisplayPath, Failure, JobReport, MachineId, MachineReport,
    Settings,
};

use super::sharing::ShareNews;

/// Between two attempts to find an owner again.
const RETRY: Duration = Duration::from_secs(2);
/// Requests that wait for an owner that does not read. A person clicks far less.
const CAPACITY: usize = 32;
/// How long closing the window waits for the last request to be sent.
const FAREWELL: Duration = Duration::from_millis(300);

/// What the owner says about our machine.
#[derive(Debug)]
pub enum OwnerNews {
    Report(Box<MachineReport>),
    /// The machine's folder is gone.
    Removed,
    Display(Result<(DisplayPath, OwnedFd), Failure>),
    /// The settings of the app: which key releases the keyboard, which language is spoken.
    Settings(Box<Settings>),
    /// Long work on the machine.
    Job(Box<JobReport>),
    /// Of the clipboards.
    Share(ShareNews),
    /// A request failed.
    Failed(Failure),
    Lost,
    Back,
}

/// News that wait for the window. A report replaces the one before it, of the machine or of a job; the rest are answers
/// to requests.
#[derive(Debug, Default)]
struct Inbox {
    news: Vec<OwnerNews>,
}

impl Inbox {
    /// Returns true if the window has to be woken.
    fn put(&mut self, news: OwnerNews) -> bool {
        let wake = self.news.is_empty();
        self.news.retain(|old| match (old, &news) {
            (OwnerNews::Report(_), OwnerNews::Report(_)) => false,
            (OwnerNews::Job(old), OwnerNews::Job(new)) => old.id != new.id,
            _ => true,
        });
        self.news.push(news);
        wake
    }
}

#[derive(Default)]
struct Link {
    /// Sends; the reading thread has the other handle. `None` while there is no owner.
    client: Option<Client>,
    /// Which answer is the display's.
    display: Option<RequestId>,
    /// Which is that of our clipboard, and of the guest's.
    offered: Option<RequestId>,
    taken: Option<RequestId>,
}

struct Shared {
    machine: MachineId,
    /// What the window shows.
    shown: Mutex<ConsoleWindow>,
    control: PathBuf,
    link: Mutex<Link>,
    inbox: Mutex<Inbox>,
    wake: Box<dyn Fn() + Send + Sync>,
}

/// The connection to the owner and its two threads. Dropping it says that the console closed.
pub struct Owner {
    shared: Arc<Shared>,
    /// `None` once closing.
    asks: Option<Sender<Command>>,
    /// Disconnected when the reading thread shall end.
    stop: Option<Sender<()>>,
    sent: Receiver<()>,
    threads: Vec<JoinHandle<()>>,
}

impl Owner {
    /// Announces a console that shows `head` and asks for the display. `wake` is called when there is news to [`Self::take`].
    pub fn start(
        machine: MachineId,
        head: u32,
        control: PathBuf,
        client: Client,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            machine,
            shown: Mutex::new(ConsoleWindow { head, used: false }),
            control,
            link: Mutex::default(),
            inbox: Mutex::default(),
            wake: Box::new(wake),
        });
        let (asks, waiting) = bounded(CAPACITY);
        let (stop, stopped) = bounded(0);
        let (all_sent, sent) = bounded(0); // Nothing is ever sent: its end is the message.
        shared.adopt(&client)?;
        let reading = Arc::clone(&shared);
        let reader = std::thread::Builder::new()
            .name("console-owner".to_owned())
            .spawn(move || reading.read(client, &stopped))?;
        let sending = Arc::clone(&shared);
        let sender = std::thread::Builder::new()
            .name("console-ask".to_owned())
            .spawn(move || {
                for command in waiting {
                    sending.send(command);
                }
                drop(all_sent);
            })?;
        let owner = Self {
            shared,
            asks: Some(asks),
            stop: Some(stop),
            sent,
            threads: vec![sender, reader],
        };
        owner.ask(Command::OpenDisplay { machine });
        Ok(owner)
    }

    /// Sends a request without waiting. False if too many wait already.
    pub fn ask(&self, command: Command) -> bool {
        self.asks
            .as_ref()
            .is_some_and(|asks| asks.try_send(command).is_ok())
    }

    /// Tells what the window shows, if that is news.
    pub fn show(&self, window: ConsoleWindow) {
        let before = std::mem::replace(&mut *lock(&self.shared.shown), window);
        if before != window {
            self.ask(self.shared.announce());
        }
    }

    /// What came since the last call.
    pub fn take(&self) -> Vec<OwnerNews> {
        std::mem::take(&mut lock(&self.shared.inbox).news)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.ask(Command::ConsoleShown {
            machine: self.shared.machine,
            shown: None,
        });
        self.asks = None;
        self.sent.recv_timeout(FAREWELL).ok(); // It never brings a value: over or overdue, both end here.
        self.stop = None;
        if let Some(client) = &lock(&self.shared.link).client {
            client.close();
        }
        for thread in self.threads.drain(..) {
            thread.join().ok(); // A panic was already reported by the panic hook.
        }
    }
}

impl Shared {
    /// Makes `client` the one that requests go to.
    fn adopt(&self, client: &Client) -> io::Result<()> {
        let sender = client.try_clone()?;
        *lock(&self.link) = Link {
            client: Some(sender),
            ..Link::default()
        };
        self.send(self.announce());
        Ok(())
    }

    fn announce(&self) -> Command {
        Command::ConsoleShown {
            machine: self.machine,
            shown: Some(*lock(&self.shown)),
        }
    }

    /// Sends, or drops the request if there is no owner: the reading thread says so.
    fn send(&self, command: Command) {
        let mut link = lock(&self.link);
        let kind = command.clone();
        let Some(client) = &mut link.client else {
            return;
        };
        let Ok(id) = client.send(command) else {
            return;
        };
        match kind {
            Command::OpenDisplay { .. } => link.display = Some(id),
            Command::OfferClipboard { .. } => link.offered = Some(id),
            Command::TakeClipboard { .. } => link.taken = Some(id),
            _ => {}
        }
    }

    /// Reads until told to stop, over as many owners as come.
    fn read(&self, client: Client, stop: &Receiver<()>) {
        let mut client = client;
        loop {
            while let Ok(event) = client.receive(None) {
                if let Some((event, fd)) = event {
                    self.hear(event, fd);
                }
            }
            lock(&self.link).client = None;
            self.tell(OwnerNews::Lost);
            client = loop {
                match stop.recv_timeout(RETRY) {
                    Err(crossbeam_channel::RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(crossbeam_channel::RecvTimeoutError::Disconnected) => return,
                }
                if let Ok(client) = Client::connect(&self.control, true)
                    && self.adopt(&client).is_ok()
                {
                    break client;
                }
            };
            self.tell(OwnerNews::Back);
        }
    }

    fn hear(&self, event: Event, fd: Option<OwnedFd>) {
        match event {
            Event::Machine(report) if report.id == self.machine => {
                self.tell(OwnerNews::Report(report));
            }
            Event::Machines(reports) => {
                let ours = reports.into_iter().find(|report| report.id == self.machine);
                if let Some(report) = ours {
                    self.tell(OwnerNews::Report(Box::new(report)));
                }
            }
            Event::Gone(id) if id == self.machine => self.tell(OwnerNews::Removed),
            Event::Answer { request, result } => {
                if let Some(news) = self.answer(request, result, fd) {
                    self.tell(news);
                }
            }
            Event::Job(job) if job.machine == Some(self.machine) => {
                self.tell(OwnerNews::Job(Box::new(job)));
            }
            Event::Settings(settings) => self.tell(OwnerNews::Settings(Box::new(settings))),
            _ => {} // Other machines and their jobs are the main window's.
        }
    }

    fn answer(
        &self,
        request: RequestId,
        result: Result<Answer, Failure>,
        fd: Option<OwnedFd>,
    ) -> Option<OwnerNews> {
        let (display, offered, taken) = {
            let link = lock(&self.link);
            let is = |id: Option<RequestId>| id == Some(request);
            (is(link.display), is(link.offered), is(link.taken))
        };
        if offered {
            return Some(OwnerNews::Share(ShareNews::Offered(result)));
        }
        if taken {
            return Some(OwnerNews::Share(ShareNews::Taken(clip(result, fd))));
        }
        match result {
            Ok(Answer::Display { path, .. }) => Some(OwnerNews::Display(match fd {
                Some(fd) => Ok((path, fd)),
                None => Err(Failure::new(
                    "The screen was not opened",
                    "the engine sent no connection along",
                )),
            })),
            Ok(_) => None,
            Err(failure) if display => Some(OwnerNews::Display(Err(failure))),
            Err(failure) => Some(OwnerNews::Failed(failure)),
        }
    }

    fn tell(&self, news: OwnerNews) {
        let wake = lock(&self.inbox).put(news);
        if wake {
            (self.wake)();
        }
    }
}

/// What came of the guest's clipboard.
fn clip(answer: Result<Answer, Failure>, fd: Option<OwnedFd>) -> Result<Clip, Failure> {
    let what = "The guest's clipboard was not taken over";
    match (answer?, fd) {
        (Answer::Clipboard { kind, .. }, Some(fd)) => {
            parcel::clip(kind, fd.as_fd()).map_err(|error| Failure::new(what, error.to_string()))
        }
        _ => Err(Failure::new(what, "It got lost")),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner) // Whole values only, so go on.
}
