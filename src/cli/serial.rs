//! The serial console in the user's own terminal, or in a pipe.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags};
use rustix::termios::{OptionalActions, Termios};

use crate::terminal::Filter;

/// Ctrl+]: leaves, as in telnet and virsh.
const LEAVE: u8 = 0x1d;
/// Read at once.
const BLOCK: usize = 16 * 1024;

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The user left, or nobody reads the output any more.
    Left,
    /// The other end closed it.
    Closed,
}

/// A terminal whose keys go through one by one, until this is dropped.
pub struct Raw {
    before: Termios,
}

impl Raw {
    /// `None` if the input is not a terminal.
    pub fn begin() -> io::Result<Option<Self>> {
        let input = io::stdin();
        if !input.is_terminal() {
            return Ok(None);
        }
        let before = rustix::termios::tcgetattr(&input)?;
        let mut raw = before.clone();
        raw.make_raw();
        rustix::termios::tcsetattr(&input, OptionalActions::Drain, &raw)?;
        Ok(Some(Self { before }))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let now = OptionalActions::Drain;
        rustix::termios::tcsetattr(io::stdin(), now, &self.before).ok(); // Its window is closed.
    }
}

/// What is kept from one connection to the next.
#[derive(Default)]
pub struct Console {
    /// The input is over: only the guest speaks.
    input_ended: bool,
    /// Typed, and not yet taken.
    typed: Vec<u8>,
    filter: Filter,
}

impl Console {
    /// Connects the guest behind `stream` with this process's input and output until one of them ends.
    ///
    /// In a terminal (`raw`) Ctrl+] leaves, and what could harm the terminal itself is kept from it.
    pub fn run(&mut self, mut stream: UnixStream, raw: bool) -> io::Result<End> {
        let (input, shown) = (io::stdin(), io::stdout().is_terminal());
        stream.set_nonblocking(true)?;
        loop {
            let (typed, said) = self.wait(input.as_fd(), &stream)?;
            if typed && self.read_input(raw)? == Some(End::Left) {
                return Ok(End::Left);
            }
            self.send(&mut stream)?;
            if said {
                let mut block = [0; BLOCK];
                let count = match stream.read(&mut block) {
                    Ok(0) => return Ok(End::Closed),
                    Ok(count) => count,
                    Err(error) if may_wait(&error) => continue,
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                        return Ok(End::Closed);
                    }
                    Err(error) => return Err(error),
                };
                match self.write_output(&block[..count], shown) {
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                        return Ok(End::Left);
                    }
                    other => other?,
                }
            }
        }
    }

    /// Waits; returns whether there is something typed, and something said.
    fn wait(&self, input: BorrowedFd<'_>, stream: &UnixStream) -> io::Result<(bool, bool)> {
        let mut wanted = PollFlags::IN;
        wanted.set(PollFlags::OUT, !self.typed.is_empty());
        let mut polled = vec![PollFd::from_borrowed_fd(stream.as_fd(), wanted)];
        if !self.input_ended && self.typed.is_empty() {
            polled.push(PollFd::from_borrowed_fd(input, PollFlags::IN));
        }
        match rustix::event::poll(&mut polled, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready = |at: usize| {
            let news = PollFlags::IN | PollFlags::HUP | PollFlags::ERR;
            polled
                .get(at)
                .is_some_and(|it| it.revents().intersects(news))
        };
        Ok((ready(1), ready(0)))
    }

    fn read_input(&mut self, raw: bool) -> io::Result<Option<End>> {
        let mut block = [0; BLOCK];
        // Not through `stdin()`, which reads ahead.
        let count = match rustix::io::read(io::stdin(), &mut block) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        let typed = &block[..count];
        self.input_ended = count == 0;
        if raw && (count == 0 || typed.contains(&LEAVE)) {
            return Ok(Some(End::Left));
        }
        self.typed.extend_from_slice(typed);
        Ok(None)
    }

    fn send(&mut self, stream: &mut UnixStream) -> io::Result<()> {
        if self.typed.is_empty() {
            return Ok(());
        }
        match stream.write(&self.typed) {
            Ok(count) => drop(self.typed.drain(..count)),
            Err(error) if may_wait(&error) => {}
            // The end of what is said tells the same.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn write_output(&mut self, said: &[u8], shown: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if shown {
            let mut clean = Vec::new();
            self.filter.pass(said, &mut clean);
            out.write_all(&clean)?;
        } else {
            out.write_all(said)?;
        }
        out.flush()
    }
}

fn may_wait(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// Writes a log as it is, or so that it does a terminal no harm.
pub fn print_log(said: &[u8]) -> io::Result<()> {
    let shown = io::stdout().is_terminal();
    match Console::default().write_output(said, shown) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
