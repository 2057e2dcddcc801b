//! Whole messages over a local socket: one JSON value per packet, at most one descriptor with it.
//!
//! The socket is `AF_UNIX`/`SOCK_SEQPACKET` (unix(7)): packets keep their borders and the kernel
//! tells who is at the other end.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::fs::MemfdFlags;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
    sockopt,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest packet, in bytes: below the kernel's default socket buffer of 208 KiB.
pub const MAX_PACKET: usize = 128 * 1024;

/// The largest message. One that does not fit a packet comes as a file in memory beside it.
const MAX_MESSAGE: u64 = 16 << 20;

/// The packet that says so; no JSON begins like it.
const SPILLED: &[u8] = b"+";

/// Waiting connections; more than one person can cause.
const BACKLOG: i32 = 16;

/// One end of a connection.
#[derive(Debug)]
pub struct Wire {
    socket: OwnedFd,
}

impl Wire {
    /// Connects to the socket at `path`.
    pub fn connect(path: &Path) -> io::Result<Self> {
        let socket = socket()?;
        rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
        Ok(Self { socket })
    }

    /// A connected pair, for tests and for handing one end on.
    #[cfg(test)]
    pub fn pair() -> io::Result<(Self, Self)> {
        let (left, right) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok((Self { socket: left }, Self { socket: right }))
    }

    /// Sends `message`, with `fd` beside it.
    ///
    /// Fails with `InvalidInput` when the message is larger than 16 MiB.
    pub fn send<T: Serialize>(&self, message: &T, fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let bytes = serde_json::to_vec(message)?;
        if bytes.len() <= MAX_PACKET {
            return self.send_packet(&bytes, &Vec::from_iter(fd));
        }
        if bytes.len() as u64 > MAX_MESSAGE {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("a message of {} bytes is too large to send", bytes.len()),
            ));
        }
        let spill = rustix::fs::memfd_create("orangery-message", MemfdFlags::CLOEXEC)?;
        let spill = File::from(spill);
        spill.write_all_at(&bytes, 0)?;
        let fds: Vec<BorrowedFd<'_>> = std::iter::once(spill.as_fd()).chain(fd).collect();
        self.send_packet(SPILLED, &fds)
    }

    fn send_packet(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(fds));
        }
        rustix::net::sendmsg(
            &self.socket,
            &[IoSlice::new(bytes)],
            &mut ancillary,
            SendFlags::NOSIGNAL,
        )?;
        Ok(())
    }

    /// Waits for the next message. `Ok(None)` is the end of the connection.
    ///
    /// Fails with `InvalidData` on what is not a message, `WouldBlock` after the time set by
    /// [`Self::set_patience`].
    pub fn receive<T: DeserializeOwned>(&self) -> io::Result<Option<(T, Option<OwnedFd>)>> {
        let mut bytes = vec![0; MAX_PACKET];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::net::recvmsg(
            &self.socket,
            &mut [IoSliceMut::new(&mut bytes)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        let mut fds: Vec<OwnedFd> = Vec::new(); // At most 4; what is not wanted closes here.
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                fds.extend(received);
            }
        }
        if received.bytes == 0 {
            return Ok(None);
        }
        let nonsense = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        if received.flags.contains(ReturnFlags::TRUNC) {
            return Err(nonsense("a message is longer than allowed"));
        }
        bytes.truncate(received.bytes);
        let mut fds = fds.into_iter();
        if bytes == SPILLED {
            let spill = fds.next().ok_or_else(|| nonsense("a message is missing"))?;
            bytes = read_spill(&File::from(spill))?;
        }
        let message = serde_json::from_slice(&bytes)?;
        Ok(Some((message, fds.next())))
    }

    /// How long [`Self::receive`] and [`Self::send`] wait; `None` is for ever.
    pub fn set_patience(&self, patience: Option<Duration>) -> io::Result<()> {
        sockopt::set_socket_timeout(&self.socket, sockopt::Timeout::Recv, patience)?;
        sockopt::set_socket_timeout(&self.socket, sockopt::Timeout::Send, patience)?;
        Ok(())
    }

    /// A second handle to the same end, so that one thread reads while another writes.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            socket: self.socket.try_clone()?,
        })
    }

    /// Ends the connection in both directions; a waiting `receive` returns.
    pub fn shut_down(&self) {
        rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both).ok(); // Already gone.
    }

    /// Whether the other end runs as the same user as we do.
    pub fn is_same_user(&self) -> bool {
        sockopt::socket_peercred(&self.socket)
            .is_ok_and(|peer| peer.uid == rustix::process::getuid())
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A socket that takes connections.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
}

impl Listener {
    /// Listens at `path`, whose folder only this user may enter. What lay there is removed: the
    /// caller holds the library's lock, so no live owner can be behind it.
    pub fn bind(path: &Path) -> io::Result<Self> {
        match rustix::fs::unlink(path) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        let socket = socket()?;
        rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
        rustix::net::listen(&socket, BACKLOG)?;
        Ok(Self { socket })
    }

    /// Waits for the next connection.
    pub fn accept(&self) -> io::Result<Wire> {
        let socket = rustix::net::accept_with(&self.socket, SocketFlags::CLOEXEC)?;
        Ok(Wire { socket })
    }

    /// Makes a waiting [`Self::accept`] return with an error.
    pub fn shut_down(&self) {
        rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both).ok(); // Already gone.
    }
}

/// The content of a message's file. Positioned reads: a pipe in its place fails instead of blocking.
fn read_spill(spill: &File) -> io::Result<Vec<u8>> {
    let length = spill.metadata()?.len();
    if length > MAX_MESSAGE {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a message is longer than allowed",
        ));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    spill.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

fn socket() -> rustix::io::Result<OwnedFd> {
    rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _, Write as _};

    use super::*;

    #[test]
    fn a_message_arrives_whole_with_its_descriptor() {
        let (left, right) = Wire::pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"screen").unwrap();
        left.send(&"hello", Some(file.as_fd())).unwrap();
        let (text, fd): (String, _) = right.receive().unwrap().unwrap();
        assert_eq!(text, "hello");
        let mut copy = std::fs::File::from(fd.unwrap());
        copy.rewind().unwrap();
        let mut content = String::new();
        copy.read_to_string(&mut content).unwrap();
        assert_eq!(content, "screen");
    }

    #[test]
    fn a_message_larger_than_a_packet_arrives_all_the_same() {
        let (left, right) = Wire::pair().unwrap();
        let long = "x".repeat(MAX_PACKET * 3);
        let file = tempfile::tempfile().unwrap();
        left.send(&long, Some(file.as_fd())).unwrap();
        let (text, fd): (String, _) = right.receive().unwrap().unwrap();
        assert!(text == long && fd.is_some());
    }

    #[test]
    fn the_end_nonsense_and_too_much_are_told_apart() {
        let (left, right) = Wire::pair().unwrap();
        let long = "x".repeat(17 << 20);
        assert_eq!(
            left.send(&long, None).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
        rustix::net::send(&left.socket, b"{nonsense", SendFlags::empty()).unwrap();
        let error = right.receive::<String>().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        drop(left);
        assert!(right.receive::<String>().unwrap().is_none());
    }

    #[test]
    fn waiting_has_an_end() {
        let (_left, right) = Wire::pair().unwrap();
        right.set_patience(Some(Duration::from_millis(20))).unwrap();
        let error = right.receive::<String>().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
