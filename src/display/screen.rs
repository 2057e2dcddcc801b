//! One guest's screen: starts the threads, takes input, and takes everything down when dropped.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::dbus::{self, Offer};
use super::frame::{FrameSlot, Wake, Want};
use super::input::{Input, InputQueue};
use super::picture::Picture;
use super::{DisplayError, pace, rfb};

/// How long the other side may take to greet, or to show a screen again.
pub(super) const ANSWER_DEADLINE: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 10 });
/// How long a screen that is closed waits for the last key releases to be sent.
const FAREWELL: Duration = Duration::from_millis(200);

/// A guest's screen. It connects in the background: see [`super::frame::ScreenInfo::status`].
///
/// Dropping it lifts held keys, closes the connection and joins all threads; that takes at most about 200 ms, and
/// only if the machine does not read.
pub struct Screen {
    slot: Arc<FrameSlot>,
    queue: Arc<InputQueue>,
    socket: UnixStream,
    threads: Vec<JoinHandle<()>>,
    head: AtomicU32,
    /// Disconnects when the sending thread has ended.
    sender_ended: Receiver<()>,
}

impl Screen {
    /// The screen of a QEMU that got the other end of `stream` by `add_client protocol=@dbus-display`.
    pub fn dbus(stream: UnixStream, wake: Wake) -> Result<Self, DisplayError> {
        Self::dbus_with(stream, wake, Offer::default())
    }

    /// As [`Self::dbus`], with a choice of how pixels come.
    pub fn dbus_with(stream: UnixStream, wake: Wake, offer: Offer) -> Result<Self, DisplayError> {
        Self::start(stream, wake, |screen, stream, ended| {
            let link = dbus::Link {
                slot: Arc::clone(&screen.slot),
                queue: Arc::clone(&screen.queue),
                offer,
            };
            screen.spawn("screen-control", move || {
                if let Err(error) = dbus::run(stream, &link) {
                    link.slot.lose(error.to_string());
                }
                drop(ended);
            })
        })
    }

    /// The screen behind a connected RFB (VNC) socket without a password.
    pub fn rfb(stream: UnixStream, wake: Wake) -> Result<Self, DisplayError> {
        Self::start(stream, wake, |screen, stream, ended| {
            let (writer, shared) = (stream.try_clone()?, Arc::new(rfb::Shared::default()));
            let (slot, queue) = (Arc::clone(&screen.slot), Arc::clone(&screen.queue));
            let state = Arc::clone(&shared);
            screen.spawn("screen-read", move || {
                if let Err(error) = rfb::read(stream, &slot, &queue, &state) {
                    slot.lose(error.to_string());
                }
                state.end();
            })?;
            let (slot, queue) = (Arc::clone(&screen.slot), Arc::clone(&screen.queue));
            screen.spawn("screen-write", move || {
                rfb::write(writer, &slot, &queue, &shared);
                drop(ended);
            })
        })
    }

    fn start(
        stream: UnixStream,
        wake: Wake,
        connect: impl FnOnce(&mut Self, UnixStream, Sender<()>) -> io::Result<()>,
    ) -> Result<Self, DisplayError> {
        let failed = |error: io::Error| DisplayError::Start {
            reason: error.to_string(),
        };
        let (ended, sender_ended) = bounded(0); // Nothing is ever sent: its end is the message.
        let mut screen = Self {
            slot: Arc::new(FrameSlot::default()),
            queue: Arc::new(InputQueue::default()),
            socket: stream.try_clone().map_err(failed)?,
            threads: Vec::new(),
            head: AtomicU32::new(0),
            sender_ended,
        };
        screen.start_pacing(wake).map_err(failed)?;
        screen.queue.show(Some(0));
        connect(&mut screen, stream, ended).map_err(failed)?;
        Ok(screen)
    }

    /// The pacing thread also watches over the greeting's deadline and over resizes that wait.
    fn start_pacing(&mut self, wake: Wake) -> io::Result<()> {
        let (slot, queue) = (Arc::clone(&self.slot), Arc::clone(&self.queue));
        let socket = self.socket.try_clone()?;
        slot.expect_answer(Instant::now() + ANSWER_DEADLINE);
        let alarm = move || {
            if let Some(at) = queue.release_due() {
                slot.set_alarm(at);
            }
            match slot.answer_due() {
                Some(by) if by <= Instant::now() => {
                    let seconds = ANSWER_DEADLINE.as_secs();
                    slot.lose(format!(
                        "The machine's screen did not answer within {seconds} seconds. If the machine works, open the screen again."
                    ));
                    socket.shutdown(Shutdown::Both).ok(); // Ends the threads that wait for it.
                }
                Some(by) => slot.set_alarm(by),
                None => {}
            }
        };
        let thread = pace::start(Arc::clone(&self.slot), wake, alarm)?;
        self.threads.push(thread);
        Ok(())
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)?;
        self.threads.push(thread);
        Ok(())
    }

    /// Picture, pointer and status.
    pub fn slot(&self) -> &Arc<FrameSlot> {
        &self.slot
    }

    /// Waits for a picture and copies it, for a thumbnail: open, take one, drop. `None` if none came within `within`.
    pub fn wait_picture(&self, within: Duration) -> Option<Picture> {
        let mut viewer = self.slot.watch(Want::Pixels);
        let start = Instant::now();
        loop {
            if let Some(picture) = Picture::of(&mut viewer) {
                return Some(picture);
            }
            if start.elapsed() >= within {
                return None;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Sends input without ever waiting. If the machine does not read, motion and presses are dropped, but never the
    /// release of a key that was sent as pressed.
    pub fn send(&self, input: Input) {
        let wanted = self.queue.wants_controls();
        if let Some(at) = self.queue.send(input) {
            self.slot.set_alarm(at);
        }
        if !wanted && self.queue.wants_controls() {
            self.slot.edit_info(|_| {}); // Whoever shows it has to ask for them.
        }
    }

    /// Somebody else controls the machine, and this screen has something to do that takes that: input, or to be shown
    /// again. The picture goes on meanwhile.
    pub fn wants_controls(&self) -> bool {
        self.queue.wants_controls()
    }

    /// Takes the controls over by another connection to the same machine, as in [`Self::dbus`].
    pub fn take_controls(&self, stream: UnixStream) {
        self.queue.give_controls(stream);
    }

    /// Tells which heads make the guest's desktop, side by side from left to right, for its absolute pointer. With
    /// fewer than two, each head is a desktop of its own.
    pub fn set_desktop(&self, heads: Vec<u32>) {
        self.queue.set_desktop(heads);
    }

    /// A hidden screen costs the machine nothing: it stops drawing for us. Showing it again takes a few milliseconds.
    pub fn set_visible(&self, visible: bool) {
        let head = self.head.load(Ordering::Relaxed);
        self.queue.show(visible.then_some(head));
    }

    /// Shows another graphical output, counted from 0; see [`super::frame::ScreenInfo::heads`]. D-Bus only.
    pub fn show_head(&self, head: u32) {
        self.head.store(head, Ordering::Relaxed);
        self.queue.show(Some(head));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.queue.close();
        self.sender_ended.recv_timeout(FAREWELL).ok(); // It never brings a value: over or overdue, both end here.
        self.socket.shutdown(Shutdown::Both).ok(); // Already closed is as good.
        self.slot.close();
        for thread in self.threads.drain(..) {
            thread.join().ok(); // A panic was already reported by the panic hook.
        }
    }
}
