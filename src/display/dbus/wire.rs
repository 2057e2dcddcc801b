//! A socket that its own thread waits for: no reactor thread of an async runtime stands between QEMU and us, and what
//! is long is read in one go.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use async_trait::async_trait;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use zbus::connection::socket::{ReadHalf, Socket, Split, WriteHalf};

/// Files that come with one message. QEMU sends one.
const MAX_FDS: usize = 8;

/// Runs `work`, which talks through the [`Wire`], on this thread until it is done.
pub(super) fn run<T, F>(stream: UnixStream, work: impl FnOnce(Wire) -> F) -> io::Result<T>
where
    F: Future<Output = T>,
{
    stream.set_nonblocking(true)?;
    let thread = Arc::new(Thread {
        stream,
        bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        asleep: AtomicBool::new(false),
        woken: AtomicBool::new(false),
        waits: Mutex::default(),
    });
    let waker = Waker::from(Arc::clone(&thread));
    let mut context = Context::from_waker(&waker);
    let mut work = pin!(work(Wire(Arc::clone(&thread))));
    loop {
        thread.woken.store(false, Ordering::SeqCst);
        if let Poll::Ready(result) = work.as_mut().poll(&mut context) {
            return Ok(result);
        }
        thread.sleep()?;
    }
}

/// One end of a connection, for zbus.
#[derive(Clone, Debug)]
pub(super) struct Wire(Arc<Thread>);

/// What the thread that runs a future sleeps for.
#[derive(Debug)]
struct Thread {
    stream: UnixStream,
    /// Rung by other threads.
    bell: OwnedFd,
    asleep: AtomicBool,
    woken: AtomicBool,
    waits: Mutex<Waits>,
}

/// Who waits for the socket.
#[derive(Debug, Default)]
struct Waits {
    readable: Option<Waker>,
    writable: Option<Waker>,
}

impl Wake for Thread {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) {
            rustix::io::write(&self.bell, &1_u64.to_ne_bytes()).ok(); // Full is rung enough.
        }
    }
}

impl Thread {
    /// Sleeps until the socket can do what is waited for, or somebody woke us.
    fn sleep(&self) -> io::Result<()> {
        self.asleep.store(true, Ordering::SeqCst);
        let slept = if self.woken.load(Ordering::SeqCst) {
            Ok(()) // Before the bell would have rung.
        } else {
            self.wait()
        };
        self.asleep.store(false, Ordering::SeqCst);
        slept
    }

    fn wait(&self) -> io::Result<()> {
        let interest = {
            let waits = self.waits();
            let readable = waits.readable.as_ref().map(|_| PollFlags::IN);
            let writable = waits.writable.as_ref().map(|_| PollFlags::OUT);
            readable.into_iter().chain(writable).collect::<PollFlags>()
        };
        let mut fds = vec![PollFd::new(&self.bell, PollFlags::IN)];
        if !interest.is_empty() {
            fds.push(PollFd::new(&self.stream, interest)); // A closed one would wake us for nothing.
        }
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if !fds[0].revents().is_empty() {
            rustix::io::read(&self.bell, &mut [0; 8]).ok(); // Already read is as good.
        }
        let came = fds.get(1).map_or(PollFlags::empty(), PollFd::revents);
        let broken = came.intersects(PollFlags::HUP | PollFlags::ERR);
        let mut waits = self.waits();
        let reader = waits
            .readable
            .take_if(|_| broken || came.contains(PollFlags::IN));
        let writer = waits
            .writable
            .take_if(|_| broken || came.contains(PollFlags::OUT));
        drop(waits);
        reader.into_iter().chain(writer).for_each(Waker::wake);
        Ok(())
    }

    fn waits(&self) -> std::sync::MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that the socket could not do at once leaves who waits for it.
fn try_io<T>(
    mut call: impl FnMut() -> rustix::io::Result<T>,
    wait: impl FnOnce(),
) -> Poll<io::Result<T>> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                wait();
                return Poll::Pending;
            }
            other => return Poll::Ready(other.map_err(io::Error::from)),
        }
    }
}

impl Socket for Wire {
    type ReadHalf = Self;
    type WriteHalf = Self;

    fn split(self) -> Split<Self, Self> {
        Split::new(self.clone(), self)
    }
}

#[async_trait]
impl ReadHalf for Wire {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        let thread = &self.0;
        std::future::poll_fn(|context| {
            try_io(
                || receive(&thread.stream, buffer),
                || thread.waits().readable = Some(context.waker().clone()),
            )
        })
        .await
    }

    fn can_pass_unix_fd(&self) -> bool {
        true
    }
}

#[async_trait]
impl WriteHalf for Wire {
    async fn sendmsg(&mut self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        let thread = &self.0;
        std::future::poll_fn(|context| {
            try_io(
                || send(&thread.stream, bytes, fds),
                || thread.waits().writable = Some(context.waker().clone()),
            )
        })
        .await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.0.stream.shutdown(Shutdown::Both)
    }

    fn can_pass_unix_fd(&self) -> bool {
        true
    }
}

fn receive(stream: &UnixStream, buffer: &mut [u8]) -> rustix::io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg(stream, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let fds = control.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => fds.collect(),
        _ => Vec::new(),
    });
    Ok((message.bytes, fds.collect()))
}

fn send(stream: &UnixStream, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> rustix::io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(Errno::TOOBIG);
    }
    let parts = [IoSlice::new(bytes)];
    sendmsg(stream.as_fd(), &parts, &mut control, SendFlags::NOSIGNAL)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::time::Duration;

    use super::*;

    #[test]
    fn bytes_and_files_pass_and_another_thread_can_wake() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let (ring, rung) = std::sync::mpsc::channel::<Waker>();
        let peer = std::thread::spawn(move || {
            let waker = rung.recv().unwrap();
            std::thread::sleep(Duration::from_millis(20)); // It sleeps by then.
            waker.wake();
            let mut heard = [0; 3];
            theirs.read_exact(&mut heard).unwrap();
            theirs.write_all(&heard).unwrap();
        });
        let heard = run(ours, async |mut wire| {
            let mut asked = false;
            std::future::poll_fn(|context| {
                if std::mem::replace(&mut asked, true) {
                    return Poll::Ready(());
                }
                ring.send(context.waker().clone()).unwrap();
                Poll::Pending
            })
            .await;
            let file = tempfile::tempfile().unwrap();
            assert_eq!(wire.sendmsg(b"abc", &[file.as_fd()]).await.unwrap(), 3);
            let mut buffer = [0; 8];
            let (length, fds) = wire.recvmsg(&mut buffer).await.unwrap();
            assert!(fds.is_empty());
            let (end, _) = wire.recvmsg(&mut [0; 1]).await.unwrap();
            assert_eq!(end, 0, "the peer is gone");
            buffer[..length].to_vec()
        });
        assert_eq!(heard.unwrap(), b"abc");
        peer.join().unwrap();
    }
}
