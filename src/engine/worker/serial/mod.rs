//! A machine's serial port while it is owned: always read, logged, and shared by any number of watchers.
//!
//! ```text
//!            ┌──▶ log/serial.log
//!  QEMU ◀──▶ thread ──▶ ring of the newest bytes ──▶ each watcher, from its own place in the ring
//!    ▲                                                  │
//!    └────────── what they type, in the order it comes ─┘
//! ```
//!
//! Nobody is waited for: a watcher that does not read skips what the ring has forgotten, and while the guest takes no
//! input the watchers' sockets fill up. Without an owner QEMU throws away what the guest says (`server=on,wait=off`).

mod ring;

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::event::{EventfdFlags, PollFd, PollFlags};

use super::{PATIENCE, Post, Worker};
use crate::engine::hub::Asker;
use crate::engine::supervisor::Message;
use crate::library::{SerialLog, serial_tail};
use crate::model::{Answer, DeviceKind, Failure};
use crate::qemu::process::Process;
use crate::qemu::qmp;
use ring::Ring;

/// How much of what was said a new watcher is told, bytes.
const HISTORY: usize = 1024 * 1024;
/// Typed bytes that the guest has not taken yet. A person types less; a script waits.
const MAX_INPUT: usize = 64 * 1024;
/// Windows and scripts at one port; more is a mistake.
const MAX_WATCHERS: usize = 16;
/// Read at once, from QEMU and from watchers.
const BLOCK: usize = 32 * 1024;
/// How long the last words may take to reach the watchers at the end.
const FAREWELL: Duration = Duration::from_millis(200);
/// QEMU sends each byte by itself. So long some are gathered: without it a flood costs each of us a turn for each byte.
const GATHER: Duration = Duration::from_micros(500);
/// Ends an escape sequence that was cut in two (ECMA-48, CAN).
const CANCEL: u8 = 0x18;

/// The serial port of a machine that runs.
pub struct Line {
    /// `None` while it ends.
    watchers: Option<Sender<Joining>>,
    wake: OwnedFd,
    thread: Option<JoinHandle<()>>,
}

/// One who wants to listen.
struct Joining {
    stream: UnixStream,
    history: bool,
    /// How many of the first bytes are history.
    told: Sender<u64>,
}

impl Line {
    /// The serial port of what `process` runs, if it has one. A run that `goes_on` keeps its log.
    pub fn of(post: &Post, process: &Process, goes_on: bool) -> Option<Self> {
        let manifest = process.manifest();
        let hardware = manifest.hardware.as_ref()?;
        let is_serial = |kind: &DeviceKind| matches!(kind, DeviceKind::Serial);
        if !hardware.devices.iter().any(|it| is_serial(&it.kind)) {
            return None;
        }
        let folder = post.library.machine_dir(post.id);
        let name = format!("serial-{}", post.id.short());
        let started = qmp::connect_socket(&manifest.sockets.serial, PATIENCE)
            .map_err(io::Error::other)
            .and_then(|qemu| Self::start(name, qemu, &folder, goes_on));
        started
            .inspect_err(|error| eprintln!("orangery: {}: serial port: {error}", post.id))
            .ok() // The machine runs on without it.
    }

    fn start(name: String, qemu: UnixStream, folder: &Path, goes_on: bool) -> io::Result<Self> {
        let log = if goes_on {
            SerialLog::go_on(folder)
        } else {
            SerialLog::begin(folder)
        };
        let mut ring = Ring::new(HISTORY);
        if goes_on {
            ring.add(&serial_tail(folder).unwrap_or_default());
        }
        qemu.set_nonblocking(true)?;
        let wake = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let (watchers, joining) = bounded(MAX_WATCHERS);
        let port = Port {
            qemu: Some(qemu),
            log: log.ok(), // A full disk; the port works without.
            ring,
            input: VecDeque::new(),
            watchers: Vec::new(),
            joining,
            wake: wake.try_clone()?,
        };
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(move || port.run())?;
        Ok(Self {
            watchers: Some(watchers),
            wake,
            thread: Some(thread),
        })
    }

    /// A new connection to the port, and how many of its first bytes are history.
    fn watch(&self, history: bool) -> io::Result<(OwnedFd, u64)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (told, length) = bounded(1);
        let joining = Joining {
            stream: ours,
            history,
            told,
        };
        let gone = || io::Error::other("too many watch it already");
        let watchers = self.watchers.as_ref().ok_or_else(gone)?;
        watchers.try_send(joining).map_err(|_full| gone())?;
        self.wake();
        let length = length.recv_timeout(PATIENCE).map_err(|_late| gone())?;
        Ok((theirs.into(), length))
    }

    fn wake(&self) {
        rustix::io::write(&self.wake, &1_u64.to_ne_bytes()).ok(); // Full means that it wakes anyway.
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.watchers = None;
        self.wake();
        let until = Instant::now() + FAREWELL * 5;
        while self
            .thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
            && Instant::now() < until
        {
            std::thread::sleep(Duration::from_millis(2)); // The log's last lines are on their way.
        }
    }
}

impl Worker {
    /// Connects a new watcher to the serial port and sends its socket to `asker`.
    pub(super) fn open_serial(&self, asker: Asker, history: bool) {
        let what = format!("{}: the serial console can't be opened", self.post.name);
        let connected = match &self.serial {
            None => Err(Failure::new(what, "The running machine has no serial port")
                .fix("Add one on its hardware page, then shut it down and start it again")),
            Some(line) => line
                .watch(history)
                .map_err(|error| Failure::new(what, error.to_string())),
        };
        match connected {
            Ok((socket, history)) => {
                let machine = self.post.id;
                let answer = Answer::Serial { machine, history };
                self.post
                    .tell(Message::Answer(asker, Ok(answer), Some(socket)));
            }
            Err(failure) => self.post.answer(asker, Err(failure)),
        }
    }
}

/// A watcher's connection.
struct Watcher {
    stream: UnixStream,
    /// The place in the ring up to which it was told.
    told: u64,
    /// It missed something.
    skipped: bool,
}

/// The thread's side.
struct Port {
    /// `None` once QEMU closed it.
    qemu: Option<UnixStream>,
    log: Option<SerialLog>,
    ring: Ring,
    input: VecDeque<u8>,
    watchers: Vec<Watcher>,
    joining: Receiver<Joining>,
    wake: OwnedFd,
}

impl Port {
    fn run(mut self) {
        let mut block = vec![0; BLOCK];
        loop {
            if self.wait().is_err() {
                return;
            }
            rustix::io::read(&self.wake, &mut [0; 8]).ok(); // Not set is as good.
            loop {
                match self.joining.try_recv() {
                    Ok(joining) => self.join(joining),
                    Err(crossbeam_channel::TryRecvError::Empty) => break,
                    Err(crossbeam_channel::TryRecvError::Disconnected) => {
                        return self.say_farewell(&mut block);
                    }
                }
            }
            let heard = self.hear_guest(&mut block);
            self.hear_watchers(&mut block);
            self.tell_guest();
            let Self { ring, watchers, .. } = &mut self;
            watchers.retain_mut(|watcher| watcher.tell(ring).is_ok());
            if heard {
                std::thread::sleep(GATHER);
            }
        }
    }

    /// Sleeps until there is something to do.
    fn wait(&self) -> rustix::io::Result<()> {
        let mut polled = vec![PollFd::new(&self.wake, PollFlags::IN)];
        if let Some(qemu) = &self.qemu {
            let mut wanted = PollFlags::IN;
            wanted.set(PollFlags::OUT, !self.input.is_empty());
            polled.push(PollFd::from_borrowed_fd(qemu.as_fd(), wanted));
        }
        for watcher in &self.watchers {
            let mut wanted = PollFlags::empty();
            wanted.set(PollFlags::IN, self.input.len() < MAX_INPUT);
            wanted.set(PollFlags::OUT, watcher.told < self.ring.end());
            // One that hung up would wake us for nothing as long as we take no input.
            if !wanted.is_empty() {
                polled.push(PollFd::from_borrowed_fd(watcher.stream.as_fd(), wanted));
            }
        }
        match rustix::event::poll(&mut polled, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    fn join(&mut self, joining: Joining) {
        if self.watchers.len() >= MAX_WATCHERS {
            return; // Its `told` closes unanswered.
        }
        let told = if joining.history {
            self.ring.first_line()
        } else {
            self.ring.end()
        };
        joining.told.try_send(self.ring.end() - told).ok(); // It has gone again.
        self.watchers.push(Watcher {
            stream: joining.stream,
            told,
            skipped: false,
        });
    }

    /// Takes what the guest said; returns whether there was something.
    fn hear_guest(&mut self, block: &mut [u8]) -> bool {
        let Some(qemu) = &mut self.qemu else {
            return false;
        };
        match read_some(qemu, block) {
            Ok(0) => false,
            Ok(count) => {
                let said = &block[..count];
                self.ring.add(said);
                if self.log.as_mut().is_some_and(|log| log.add(said).is_err()) {
                    self.log = None; // A full disk; the port works without.
                }
                true
            }
            Err(_) => {
                self.qemu = None; // QEMU ended; the worker is about to know.
                false
            }
        }
    }

    fn hear_watchers(&mut self, block: &mut [u8]) {
        let Self {
            watchers, input, ..
        } = self;
        watchers.retain_mut(|watcher| {
            let room = MAX_INPUT.saturating_sub(input.len()).min(block.len());
            if room == 0 {
                return true;
            }
            match read_some(&mut watcher.stream, &mut block[..room]) {
                Ok(count) => {
                    input.extend(&block[..count]);
                    true
                }
                Err(_) => false,
            }
        });
    }

    fn tell_guest(&mut self) {
        let Some(qemu) = &mut self.qemu else {
            self.input.clear();
            return;
        };
        let (first, second) = self.input.as_slices();
        let slices = [IoSlice::new(first), IoSlice::new(second)];
        match qemu.write_vectored(&slices) {
            Ok(count) => drop(self.input.drain(..count)),
            Err(error) if may_wait(&error) => {}
            Err(_) => self.qemu = None,
        }
    }

    /// The last words: what QEMU still has, to the log and to who reads.
    fn say_farewell(&mut self, block: &mut [u8]) {
        let until = Instant::now() + FAREWELL * 5;
        while Instant::now() < until && self.hear_guest(block) {}
        let Self { ring, watchers, .. } = self;
        while Instant::now() < until {
            watchers.retain_mut(|watcher| watcher.tell(ring).is_ok() && watcher.told < ring.end());
            if watchers.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Watcher {
    /// Tells what it has room for. Fails when it has gone.
    fn tell(&mut self, ring: &Ring) -> io::Result<()> {
        if self.told < ring.start() {
            self.told = ring.start();
            self.skipped = true;
        }
        if self.told == ring.end() {
            return Ok(());
        }
        if self.skipped {
            match self.stream.write(&[CANCEL]) {
                Ok(_) => self.skipped = false,
                Err(error) if may_wait(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        match self.stream.write_vectored(&ring.from(self.told)) {
            Ok(count) => self.told += count as u64,
            Err(error) if may_wait(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn may_wait(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// Reads without waiting; the end of the stream is an error.
fn read_some(stream: &mut UnixStream, block: &mut [u8]) -> io::Result<usize> {
    match stream.read(block) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(count) => Ok(count),
        Err(error) if may_wait(&error) => Ok(0),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
