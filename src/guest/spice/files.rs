//! Files on their way into the guest: sent piece by piece, from a thread of their own.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::link::{Inner, LOOK_EVERY, PIECE, Shared};
use super::message::FileStatus;
use super::session::FileState;

/// Messages that may wait before a file adds another piece: the clipboard must not wait long behind a file.
const FILE_AHEAD: usize = 2;

/// How long an agent may take for the next piece of a file, or to say that it has it all.
const FILE_PATIENCE: Duration = Duration::from_secs(60);

/// Why a file did not arrive in the guest.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("No agent in the guest: install spice-vdagent")]
    NoAgent,
    #[error(
        "The agent in the guest takes no files: that is switched off there, or it knows no folder for downloads"
    )]
    Disabled,
    #[error("Nobody is logged in to the guest's desktop, or its agent does not run there")]
    NoSession,
    #[error("The guest's screen is locked; unlock it")]
    Locked,
    #[error("The guest has not the room for it")]
    NoSpace,
    #[error("The guest stopped it")]
    Stopped,
    #[error("The guest could not write it")]
    Guest,
    #[error("The guest takes nothing any more")]
    TooSlow,
    #[error("It became shorter while it was read")]
    Shrunk,
    #[error("It can't be read: {0}")]
    Read(io::Error),
    /// The caller stopped it.
    #[error("It was cancelled")]
    Cancelled,
}

/// Sends files to the guest.
pub struct FileSender(Arc<Shared>);

impl FileSender {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Sends a file of `size` bytes and waits until the guest has it. `progress` is told how much is sent and breaks
    /// it off by returning false; it is also asked while nothing moves.
    pub fn send(
        &self,
        name: &str,
        size: u64,
        from: &mut dyn Read,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), SendError> {
        let id = self.0.lock().session.begin_file(name, size);
        let id = id.ok_or(SendError::NoAgent)?;
        self.0.moved.notify_all();
        let result = self.send_pieces(id, size, from, progress);
        self.0.lock().session.end_file(id, result.is_err());
        self.0.moved.notify_all();
        result
    }

    fn send_pieces(
        &self,
        id: u32,
        size: u64,
        from: &mut dyn Read,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), SendError> {
        let may_send = |inner: &Inner| match inner.session.file(id) {
            FileState::Ended(status) => Some(Err(error_of(status))),
            FileState::Sending if inner.session.waiting() < FILE_AHEAD => Some(Ok(())),
            FileState::Sending | FileState::Asked => None,
        };
        let arrived = |inner: &Inner| match inner.session.file(id) {
            FileState::Ended(FileStatus::Success) => Some(Ok(())),
            FileState::Ended(status) => Some(Err(error_of(status))),
            FileState::Sending | FileState::Asked => None,
        };
        let mut sent = 0;
        loop {
            self.wait(&may_send, &mut || progress(sent))?;
            let left = usize::try_from(size - sent).unwrap_or(usize::MAX);
            let mut piece = vec![0; left.min(PIECE)];
            from.read_exact(&mut piece)
                .map_err(|error| match error.kind() {
                    io::ErrorKind::UnexpectedEof => SendError::Shrunk,
                    _ => SendError::Read(error),
                })?;
            sent += piece.len() as u64;
            self.0.lock().session.send_file(id, piece); // An empty file is one empty piece.
            self.0.moved.notify_all();
            if sent == size {
                return self.wait(&arrived, &mut || progress(sent));
            }
        }
    }

    /// Waits for an outcome, as long as anything moves.
    fn wait(
        &self,
        outcome: &dyn Fn(&Inner) -> Option<Result<(), SendError>>,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<(), SendError> {
        let mut before = None;
        let mut deadline = Instant::now();
        loop {
            let inner = self.0.lock();
            if let Some(result) = outcome(&inner) {
                return result;
            }
            if before.replace(inner.sent) != Some(inner.sent) {
                deadline = Instant::now() + FILE_PATIENCE;
            } else if Instant::now() >= deadline {
                return Err(SendError::TooSlow);
            }
            drop(self.0.moved.wait_timeout(inner, LOOK_EVERY));
            if !go_on() {
                return Err(SendError::Cancelled);
            }
        }
    }
}

fn error_of(status: FileStatus) -> SendError {
    match status {
        FileStatus::Cancelled => SendError::Stopped,
        FileStatus::NoSpace(_) => SendError::NoSpace,
        FileStatus::Locked => SendError::Locked,
        FileStatus::NoSession => SendError::NoSession,
        FileStatus::Disabled => SendError::Disabled,
        FileStatus::Error | FileStatus::Success | FileStatus::CanSend | FileStatus::Unknown(_) => {
            SendError::Guest
        }
    }
}
