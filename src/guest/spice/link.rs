//! The socket to a guest's agent and its two threads: one reads and understands, one sends.
//!
//! An agent that does not read holds up what is sent to it, never us: nobody but the sending thread waits for it.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::files::FileSender;
use super::message::MAX_CHUNK;
use super::session::{News, Session, TakeError};
use crate::model::{AgentState, Clip, DesktopAgent};

/// After a connection that failed or made no sense.
const CONNECT_AGAIN: Duration = Duration::from_secs(2);

/// A guest that changes its clipboard more often than this waits.
const CHANGE_EVERY: Duration = Duration::from_millis(50);

/// Chunks that go out in one write.
const CHUNKS: usize = 32;

/// A piece of a file.
pub(super) const PIECE: usize = 64 * 1024;

/// How often a waiting file looks whether it was cancelled.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long an agent may leave everything unread before the connection is begun anew.
const STUCK: Duration = Duration::from_secs(60);

type TakeReply = Box<dyn FnOnce(Result<Clip, TakeError>) + Send>;
type OfferReply = Box<dyn FnOnce(bool) + Send>;

/// The connection to one guest's agent. Dropping it closes it.
pub struct Agent {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    socket: PathBuf,
    /// Called when [`Agent::report`] changed.
    changed: Box<dyn Fn() + Send + Sync>,
    inner: Mutex<Inner>,
    /// Something was put, sent, or came.
    pub(super) moved: Condvar,
}

#[derive(Default)]
pub(super) struct Inner {
    pub(super) session: Session,
    /// The guest has its end open, as QEMU tells.
    open: bool,
    link: Option<UnixStream>,
    /// Something was sent on it.
    used: bool,
    /// Since when the sending thread waits for the agent to read.
    sending: Option<Instant>,
    /// Messages of this session's count that are sent.
    pub(super) sent: u64,
    take: Option<TakeReply>,
    /// Whom to tell when so many messages are sent.
    receipts: VecDeque<(u64, OfferReply)>,
    broken: Option<String>,
    stop: bool,
}

impl Agent {
    /// Connects to the agent's socket of a running machine. `changed` is called from the connection's threads.
    pub fn start(socket: PathBuf, changed: impl Fn() + Send + Sync + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            socket,
            changed: Box::new(changed),
            inner: Mutex::default(),
            moved: Condvar::new(),
        });
        let agent = Self {
            shared: Arc::clone(&shared),
        };
        let sending = Arc::clone(&shared);
        for (name, work) in [
            (
                "agent-in",
                Box::new(move || shared.read()) as Box<dyn FnOnce() + Send>,
            ),
            ("agent-out", Box::new(move || sending.send())),
        ] {
            let thread = std::thread::Builder::new().name(name.to_owned());
            thread.spawn(work)?; // It ends with the agent.
        }
        Ok(agent)
    }

    /// Sends files, from threads of their own.
    pub fn files(&self) -> FileSender {
        FileSender::new(Arc::clone(&self.shared))
    }

    /// The guest opened or closed its end, as QEMU tells.
    pub fn port(&self, open: bool) {
        let mut inner = self.shared.lock();
        if open == inner.open {
            return;
        }
        inner.open = open;
        let news = if open && inner.link.is_some() {
            inner.session.open(Instant::now())
        } else {
            // What is on its way would reach the next one that opens it, in the middle of a message.
            if inner.used {
                inner.hang_up();
            }
            inner.session.close()
        };
        self.shared.tell(inner, news);
    }

    pub fn report(&self) -> DesktopAgent {
        let inner = self.shared.lock();
        DesktopAgent {
            state: match &inner.broken {
                Some(why) => AgentState::Broken(why.clone()),
                None => inner.session.state(),
            },
            offers: inner.session.offers(),
        }
    }

    /// Puts `clip` into the guest's clipboard. `done` is called once the agent was told, with whether that changed
    /// anything; not at all without an agent.
    pub fn offer(&self, clip: Clip, done: impl FnOnce(bool) + Send + 'static) -> bool {
        let mut inner = self.shared.lock();
        match inner.session.offer(clip) {
            None => return false,
            Some(false) => {
                drop(inner);
                done(false);
            }
            Some(true) => {
                let mark = inner.session.put_so_far();
                inner.receipts.push_back((mark, Box::new(done)));
                self.shared.moved.notify_all();
            }
        }
        true
    }

    /// Fetches what was copied in the guest. `done` is called exactly once.
    pub fn take(&self, done: impl FnOnce(Result<Clip, TakeError>) + Send + 'static) {
        let mut inner = self.shared.lock();
        match inner.session.take(Instant::now()) {
            Ok(()) => {
                inner.take = Some(Box::new(done));
                self.shared.moved.notify_all();
            }
            Err(error) => {
                drop(inner);
                done(Err(error));
            }
        }
    }

    /// What is due by the clock; call it every few seconds.
    pub fn tick(&self) {
        let mut inner = self.shared.lock();
        let now = Instant::now();
        let stuck = |since: Instant| now.saturating_duration_since(since) >= STUCK;
        if inner.sending.is_some_and(stuck) {
            inner.hang_up();
        }
        let news = inner.session.tick(now);
        if !news.is_empty() {
            self.shared.moved.notify_all();
            self.shared.tell(inner, news);
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let mut inner = self.shared.lock();
        inner.stop = true;
        inner.hang_up();
        let news = inner.session.close();
        self.shared.tell(inner, news);
        self.shared.moved.notify_all();
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner) // Whole values only, so go on.
    }

    /// Passes news on, without the lock.
    fn tell(&self, mut inner: MutexGuard<'_, Inner>, news: Vec<News>) {
        let mut replies = Vec::new();
        let mut changed = false;
        for news in news {
            match news {
                News::Changed => changed = true,
                News::Taken(result) => {
                    replies.extend(inner.take.take().map(|reply| (reply, result)))
                }
            }
        }
        let mut receipts = Vec::new();
        let gone = !inner.session.state().is_ready();
        let sent = inner.sent;
        while let Some((_, reply)) = inner
            .receipts
            .pop_front_if(|(mark, _)| gone || *mark <= sent)
        {
            receipts.push(reply);
        }
        drop(inner);
        self.moved.notify_all();
        for (reply, result) in replies {
            reply(result);
        }
        for reply in receipts {
            reply(!gone);
        }
        if changed {
            (self.changed)();
        }
    }

    fn read(&self) {
        while let Some(mut stream) = self.connect() {
            let why = self.listen(&mut stream);
            let mut inner = self.lock();
            inner.link = None;
            inner.broken = why.filter(|_| !inner.stop);
            let news = inner.session.close();
            let pause = if inner.broken.is_some() {
                CONNECT_AGAIN
            } else {
                LOOK_EVERY
            };
            self.tell(inner, news);
            self.pause(pause);
        }
    }

    /// Waits for something else than news: only the end cuts it short.
    fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut inner = self.lock();
        while !inner.stop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.moved.wait_timeout(inner, left);
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// `None` at the end.
    fn connect(&self) -> Option<UnixStream> {
        loop {
            if self.lock().stop {
                return None;
            }
            let connected = UnixStream::connect(&self.socket);
            let both = connected.and_then(|stream| Ok((stream.try_clone()?, stream)));
            let mut inner = self.lock();
            if inner.stop {
                return None; // It was dropped meanwhile and knew of no connection to close.
            }
            match both {
                Ok((link, stream)) => {
                    inner.link = Some(link);
                    inner.used = false;
                    inner.broken = None;
                    let mut news = vec![News::Changed];
                    if inner.open {
                        news = inner.session.open(Instant::now());
                    }
                    self.tell(inner, news);
                    return Some(stream);
                }
                Err(error) => {
                    inner.broken = Some(format!(
                        "The channel to the agent can't be reached: {error}"
                    ));
                    self.tell(inner, vec![News::Changed]);
                    self.pause(CONNECT_AGAIN);
                }
            }
        }
    }

    /// Until the connection ends; says what was wrong with it, if anything.
    fn listen(&self, stream: &mut UnixStream) -> Option<String> {
        let mut buffer = vec![0; PIECE];
        let mut told = Instant::now();
        loop {
            let length = match stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return None,
            };
            let mut inner = self.lock();
            match inner.session.receive(&buffer[..length], Instant::now()) {
                Ok(news) => {
                    let changed = news.contains(&News::Changed);
                    self.tell(inner, news);
                    if changed {
                        // Who reads slowly is written to slowly.
                        let next = told + CHANGE_EVERY;
                        std::thread::sleep(next.saturating_duration_since(Instant::now()));
                        told = Instant::now();
                    }
                }
                Err(nonsense) => {
                    return Some(format!(
                        "The agent in the guest speaks nonsense: {nonsense}"
                    ));
                }
            }
        }
    }

    fn send(&self) {
        let mut inner = self.lock();
        while !inner.stop {
            let next = match &inner.link {
                Some(link) => link.try_clone().ok(),
                None => None,
            };
            let next = next.and_then(|link| Some((link, inner.session.next()?)));
            let Some((mut link, message)) = next else {
                let waited = self.moved.wait(inner);
                inner = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            inner.used = true;
            inner.sending = Some(Instant::now());
            let number = inner.session.put_so_far() - inner.session.waiting() as u64;
            drop(inner);
            let written = self.write(&mut link, &message);
            inner = self.lock();
            inner.sending = None;
            inner.sent = number;
            if written.is_err() {
                inner.hang_up(); // The reading thread begins anew.
            }
            self.tell(inner, Vec::new());
            inner = self.lock();
        }
    }

    fn write(&self, link: &mut UnixStream, message: &super::message::Outgoing) -> io::Result<()> {
        let mut at = 0;
        while at < message.len() {
            let mut chunks = Vec::new();
            for _ in 0..CHUNKS {
                chunks.extend(message.chunk(at));
                at = message.len().min(at + MAX_CHUNK);
                if at == message.len() {
                    break;
                }
            }
            link.write_all(&chunks)?;
            self.lock().sending = Some(Instant::now());
        }
        Ok(())
    }
}

impl Inner {
    fn hang_up(&mut self) {
        if let Some(link) = self.link.take() {
            link.shutdown(Shutdown::Both).ok(); // It is gone already.
        }
    }
}

#[cfg(test)]
mod tests;
