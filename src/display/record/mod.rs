//! Records a screen as an animated PNG: lossless, in colours as shown, with only what changed in each frame.
//!
//! A thread of its own is one more viewer of the screen's slot, so recording costs the guest, the window and the
//! presenter nothing but the copy of the damage. It takes at most [`RATE`] pictures a second and rests as long as it
//! worked, so that it never needs more than half a processor.

mod canvas;
mod file;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use self::canvas::Canvas;
use self::file::Animation;
use super::frame::{FrameSlot, Viewer, Want};
use crate::model::{ByteSize, Recorded};

/// Most pictures a second.
pub const RATE: u32 = 15;

/// What a recording may grow to, in bytes, unless told otherwise: about half an hour of desktop work.
pub const LIMIT: u64 = 256 << 20;

/// Why a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// [`Recorder::stop`] was called, or the recorder dropped.
    Stopped,
    /// The file has reached its limit.
    Full,
}

/// A finished recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Size of the file, bytes.
    pub bytes: u64,
    pub frames: u32,
    pub length: Duration,
    pub end: End,
}

/// Why there is no recording, or only a part of one. Each text is a sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("nothing was shown while it ran")]
    NothingShown,
    #[error("the file could not be written: {0}")]
    Write(#[from] io::Error),
    #[error("the picture could not be packed: {0}")]
    Pack(String),
}

impl From<png::EncodingError> for RecordError {
    fn from(error: png::EncodingError) -> Self {
        match error {
            png::EncodingError::IoError(error) => Self::Write(error),
            other => Self::Pack(other.to_string()),
        }
    }
}

/// A recording under way. Dropping it ends it as [`Self::stop`] does, without waiting.
#[derive(Debug)]
pub struct Recorder {
    orders: Sender<Order>,
    bytes: Arc<AtomicU64>,
    begun: Instant,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Order {
    Follow(Arc<FrameSlot>),
    Stop,
}

impl Recorder {
    /// Begins to record what `slot` shows, until `limit` bytes. `open` makes an empty file, open for reading and
    /// writing, and names it; it is called in the recording thread.
    ///
    /// `done` is called there with what came of it: the file is complete and on disk then, or gone.
    pub fn start(
        slot: &Arc<FrameSlot>,
        open: impl FnOnce() -> io::Result<(PathBuf, File)> + Send + 'static,
        limit: u64,
        done: impl FnOnce(Result<(PathBuf, Recording), RecordError>) + Send + 'static,
    ) -> io::Result<Self> {
        let (orders, taken) = bounded(4); // A screen is replaced now and then, not in bursts.
        let bytes = Arc::new(AtomicU64::new(0));
        let viewer = slot.watch(Want::Pixels);
        let work = Work {
            orders: taken,
            bytes: Arc::clone(&bytes),
            limit,
        };
        let thread = std::thread::Builder::new()
            .name("screen-record".to_owned())
            .spawn(move || done(work.run_into(viewer, open)))?;
        Ok(Self {
            orders,
            bytes,
            begun: Instant::now(),
            thread: Some(thread),
        })
    }

    /// Goes on with another screen of the same machine: the last one was lost and opened again.
    pub fn follow(&self, slot: &Arc<FrameSlot>) {
        self.orders.try_send(Order::Follow(Arc::clone(slot))).ok(); // It has ended by itself.
    }

    pub fn progress(&self) -> Recorded {
        Recorded {
            length: self.begun.elapsed(),
            size: ByteSize(self.bytes.load(Ordering::Relaxed)),
        }
    }

    /// It has ended by itself: full, or the file could not be written.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends the recording and waits until the file is complete.
    pub fn stop(mut self) {
        self.end();
        if let Some(thread) = self.thread.take() {
            thread.join().ok(); // A panic was already reported by the panic hook.
        }
    }

    fn end(&self) {
        self.orders.try_send(Order::Stop).ok(); // It has ended by itself, or ends with the channel.
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the thread has.
struct Work {
    orders: Receiver<Order>,
    bytes: Arc<AtomicU64>,
    limit: u64,
}

impl Work {
    /// What was begun and failed is removed: nothing can play it.
    fn run_into(
        self,
        viewer: Viewer,
        open: impl FnOnce() -> io::Result<(PathBuf, File)>,
    ) -> Result<(PathBuf, Recording), RecordError> {
        let (path, file) = open()?;
        match self.run(viewer, file) {
            Ok(recording) => Ok((path, recording)),
            Err(error) => {
                std::fs::remove_file(&path).ok(); // Somebody else has removed it.
                Err(error)
            }
        }
    }

    fn run(self, mut viewer: Viewer, file: File) -> Result<Recording, RecordError> {
        let mut tape = Tape::new(file);
        loop {
            let began = Instant::now();
            let bytes = tape.look(&mut viewer, began)?;
            self.bytes.store(bytes, Ordering::Relaxed);
            if bytes >= self.limit {
                return tape.finish(End::Full, Instant::now());
            }
            let rest = (Duration::from_secs(1) / RATE).max(began.elapsed() * 2);
            match self.orders.recv_deadline(began + rest) {
                Ok(Order::Follow(slot)) => viewer = slot.watch(Want::Pixels),
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    // What came since the last look is the end that the person saw.
                    tape.look(&mut viewer, Instant::now())?;
                    return tape.finish(End::Stopped, Instant::now());
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

/// A recording without a thread or a clock. The file is begun with the first picture.
struct Tape {
    canvas: Canvas,
    animation: Option<Animation>,
    file: Option<File>,
}

impl Tape {
    fn new(file: File) -> Self {
        Self {
            canvas: Canvas::default(),
            animation: None,
            file: Some(file),
        }
    }

    /// Takes what is new at `now`; gives the bytes written so far.
    fn look(&mut self, viewer: &mut Viewer, now: Instant) -> Result<u64, RecordError> {
        if let Some(frame) = self.canvas.look(viewer) {
            if let Some(animation) = &mut self.animation {
                animation.add(frame, now)?;
            } else if let Some(file) = self.file.take() {
                self.animation = Some(Animation::begin(file, self.canvas.size(), frame, now)?);
            }
        }
        let written = self.animation.as_ref().map(Animation::bytes);
        Ok(written.transpose()?.unwrap_or(0))
    }

    fn finish(self, end: End, now: Instant) -> Result<Recording, RecordError> {
        let animation = self.animation.ok_or(RecordError::NothingShown)?;
        animation.finish(end, now)
    }
}

#[cfg(test)]
mod tests;
