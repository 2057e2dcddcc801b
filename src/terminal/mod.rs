//! The guest's serial console: an emulator fed from a socket, beside whoever paints it.
//!
//! A thread reads the socket and feeds the emulator in small pieces, so that a window that wants a picture never waits
//! long; it wakes the window at most sixty times a second, and only while someone looks. A guest that says more than
//! a screen can show is read no faster than `PACE`: the owner of the socket skips what is too much.

mod emulator;
mod filter;
mod picture;

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};

pub use emulator::{Emulator, Grain, SCROLLBACK, ScrollBy, Spot};
pub use filter::Filter;
pub use picture::{Cell, Cursor, CursorShape, Found, Ink, Letter, Modes, Mouse, Picture, Style};

/// Between two wakes of the window.
const FRAME: Duration = Duration::from_millis(16);
/// What is read in one [`FRAME`] at most, bytes: 30 MB/s, more than an emulated port can say.
const PACE: usize = 512 * 1024;
/// The emulator is held for so much at a time, bytes: some guests' sequences are slow.
const PIECE: usize = 1024;
/// Typed bytes that are not sent yet: a paste of a large file.
const MAX_TYPED: usize = 4 * 1024 * 1024;
/// The size before a window says its own.
const FIRST_SIZE: (usize, usize) = (80, 24);

/// What is called when there is something new to see.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// A serial console. Dropping it closes the connection.
pub struct Terminal {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    emulator: Mutex<Emulator>,
    typed: Mutex<VecDeque<u8>>,
    /// Windows that wait for the emulator.
    waiting: AtomicUsize,
    /// Bytes that came in all.
    heard: AtomicU64,
    visible: AtomicBool,
    ended: AtomicBool,
    closing: AtomicBool,
    signal: OwnedFd,
    wake: Wake,
}

impl Terminal {
    /// Goes on from a connected socket whose first `history` bytes were said before.
    pub fn start(stream: UnixStream, history: u64, wake: Wake) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let (columns, rows) = FIRST_SIZE;
        let shared = Arc::new(Shared {
            emulator: Mutex::new(Emulator::new(columns, rows)),
            typed: Mutex::default(),
            waiting: AtomicUsize::new(0),
            heard: AtomicU64::new(0),
            visible: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            signal: rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            wake,
        });
        let reader = Reader {
            shared: Arc::clone(&shared),
            stream,
            history,
            read: 0,
            frame: Instant::now(),
            news: false,
        };
        let thread = std::thread::Builder::new()
            .name("terminal".to_owned())
            .spawn(move || reader.run())?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// The emulator, for a moment.
    pub fn emulator(&self) -> MutexGuard<'_, Emulator> {
        self.shared.waiting.fetch_add(1, Ordering::AcqRel);
        let emulator = lock(&self.shared.emulator);
        self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
        emulator
    }

    /// Sends bytes to the guest without waiting; `false` if too much waits already.
    pub fn send(&self, bytes: &[u8]) -> bool {
        {
            let mut typed = lock(&self.shared.typed);
            if typed.len() + bytes.len() > MAX_TYPED {
                return false;
            }
            typed.extend(bytes);
        }
        self.shared.signal();
        true
    }

    /// Whether someone looks: a hidden terminal goes on, and wakes nobody.
    pub fn set_visible(&self, visible: bool) {
        self.shared.visible.store(visible, Ordering::Relaxed);
    }

    /// Whether the guest ever said something.
    pub fn has_heard(&self) -> bool {
        self.shared.heard.load(Ordering::Relaxed) > 0
    }

    /// The connection is over: what was said stays to be read.
    pub fn has_ended(&self) -> bool {
        self.shared.ended.load(Ordering::Relaxed)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        self.shared.signal();
        if let Some(thread) = self.thread.take() {
            thread.join().ok(); // A panic was already reported by the panic hook.
        }
    }
}

impl Shared {
    fn signal(&self) {
        rustix::io::write(&self.signal, &1_u64.to_ne_bytes()).ok(); // Full means that it wakes anyway.
    }
}

/// The thread's side.
struct Reader {
    shared: Arc<Shared>,
    stream: UnixStream,
    /// So many of the next bytes were said before.
    history: u64,
    /// Bytes read since `frame` began.
    read: usize,
    frame: Instant,
    /// The window does not know yet.
    news: bool,
}

impl Reader {
    fn run(mut self) {
        let mut block = vec![0; 32 * 1024];
        while !self.shared.closing.load(Ordering::Relaxed) {
            if self.wait().is_err() {
                break;
            }
            rustix::io::read(&self.shared.signal, &mut [0; 8]).ok(); // Not set is as good.
            self.show_what_is_held();
            let told = self.tell();
            if told.and_then(|()| self.hear(&mut block)).is_err() {
                break;
            }
            self.next_frame();
        }
        self.shared.ended.store(true, Ordering::Relaxed);
        (self.shared.wake)();
    }

    fn wait(&self) -> rustix::io::Result<()> {
        let mut wanted = PollFlags::IN;
        wanted.set(PollFlags::OUT, !lock(&self.shared.typed).is_empty());
        let mut polled = [
            PollFd::new(&self.shared.signal, PollFlags::IN),
            PollFd::from_borrowed_fd(self.stream.as_fd(), wanted),
        ];
        let held = lock(&self.shared.emulator).held_until();
        let news = self.news.then(|| self.frame + FRAME);
        let until = held.into_iter().chain(news).min();
        let patience = until.map(|until| {
            let left = until.saturating_duration_since(Instant::now());
            Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            }
        });
        match rustix::event::poll(&mut polled, patience.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    fn show_what_is_held(&mut self) {
        let mut emulator = lock(&self.shared.emulator);
        if emulator
            .held_until()
            .is_some_and(|until| until <= Instant::now())
        {
            emulator.let_go();
            self.news = true;
        }
    }

    fn tell(&mut self) -> io::Result<()> {
        let mut typed = lock(&self.shared.typed);
        let (first, second) = typed.as_slices();
        let slices = [IoSlice::new(first), IoSlice::new(second)];
        if typed.is_empty() {
            return Ok(());
        }
        match self.stream.write_vectored(&slices) {
            Ok(count) => drop(typed.drain(..count)),
            Err(error) if may_wait(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn hear(&mut self, block: &mut [u8]) -> io::Result<()> {
        let count = match self.stream.read(block) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if may_wait(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut said = &block[..count];
        while !said.is_empty() {
            let old = usize::try_from(self.history).unwrap_or(usize::MAX);
            let most = if old > 0 { PIECE.min(old) } else { PIECE };
            let (piece, rest) = said.split_at(most.min(said.len()));
            let answers = {
                let mut emulator = lock(&self.shared.emulator);
                emulator.hear(piece, old > 0);
                emulator.take_answers()
            };
            lock(&self.shared.typed).extend(answers); // A few KiB a piece, and only what the emulator allows.
            self.history -= if old > 0 { piece.len() as u64 } else { 0 };
            said = rest;
            if self.shared.waiting.load(Ordering::Acquire) > 0 {
                std::thread::sleep(Duration::from_micros(100)); // The window first.
            }
        }
        self.shared.heard.fetch_add(count as u64, Ordering::Relaxed);
        self.read += count;
        self.news = true;
        Ok(())
    }

    /// Wakes the window once a frame, and rests if this frame's share is read.
    fn next_frame(&mut self) {
        let age = self.frame.elapsed();
        if age < FRAME && self.read >= PACE {
            std::thread::sleep(FRAME - age);
        }
        if self.frame.elapsed() >= FRAME {
            self.frame = Instant::now();
            self.read = 0;
            if std::mem::take(&mut self.news) && self.shared.visible.load(Ordering::Relaxed) {
                (self.shared.wake)();
            }
        }
    }
}

fn may_wait(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner) // A panic was reported; go on with what there is.
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connected(history: u64) -> (Terminal, UnixStream, Arc<AtomicUsize>) {
        let (ours, guest) = UnixStream::pair().unwrap();
        guest
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let wakes = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&wakes);
        let wake: Wake = Arc::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let terminal = Terminal::start(ours, history, wake).unwrap();
        (terminal, guest, wakes)
    }

    #[track_caller]
    fn shows(terminal: &Terminal, wanted: &str) {
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if terminal.emulator().picture().text().contains(wanted) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("{}", terminal.emulator().picture().text());
    }

    fn hear(guest: &mut UnixStream, length: usize) -> String {
        let mut bytes = vec![0; length];
        guest.read_exact(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_is_typed_reaches_the_guest_and_what_it_says_is_shown() {
        let (terminal, mut guest, _) = connected(0);
        assert!(!terminal.has_heard());
        assert!(terminal.send(b"root\r"));
        assert_eq!(hear(&mut guest, 5), "root\r");
        guest.write_all(b"Password: ").unwrap();
        shows(&terminal, "Password:");
        assert!(terminal.has_heard() && !terminal.has_ended());
        drop(guest);
        let until = Instant::now() + Duration::from_secs(20);
        while !terminal.has_ended() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(terminal.has_ended());
        shows(&terminal, "Password:");
    }

    #[test]
    fn only_new_questions_are_answered() {
        let (terminal, mut guest, _) = connected(6);
        guest.write_all(b"\x1b[6n! \x1b[6n").unwrap();
        shows(&terminal, "!");
        assert_eq!(hear(&mut guest, 6), "\x1b[1;3R");
    }

    #[test]
    fn a_hidden_terminal_wakes_nobody_and_a_flood_wakes_once_a_frame() {
        let (terminal, mut guest, wakes) = connected(0);
        guest.write_all(b"hidden").unwrap();
        shows(&terminal, "hidden");
        std::thread::sleep(FRAME * 3);
        assert_eq!(wakes.load(Ordering::Relaxed), 0);
        terminal.set_visible(true);
        let begun = Instant::now();
        let lines = "y\r\n".repeat(10_000);
        for _ in 0..40 {
            guest.write_all(lines.as_bytes()).unwrap();
        }
        guest.write_all(b"over").unwrap();
        shows(&terminal, "over");
        let frames = begun.elapsed().as_millis() / FRAME.as_millis() + 2;
        let woken = wakes.load(Ordering::Relaxed) as u128;
        assert!(
            (1..=frames).contains(&woken),
            "{woken} wakes in {frames} frames"
        );
        assert_eq!(terminal.emulator().picture().history, SCROLLBACK);
    }

    #[test]
    fn too_much_to_type_is_refused_and_not_kept() {
        let (terminal, _guest, _) = connected(0);
        let block = vec![b'x'; 1024 * 1024];
        let taken = (0..20).take_while(|_| terminal.send(&block)).count();
        assert!((3..20).contains(&taken), "{taken} MiB");
    }
}
