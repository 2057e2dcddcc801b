//! Inline pixels on their way from QEMU's socket into our file, through one small buffer: a message of 8 MB is never
//! held as a whole. Everything else is read as ever.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use async_trait::async_trait;
use zbus::Message;
use zbus::connection::socket::{ReadHalf, Socket, Split};
use zbus::message::Type;

use super::listener::{Call, parse};
use super::wire::Wire;
use crate::display::frame::{FrameSlot, Layout, PixelFormat, Rect, SharedMap};

/// Shorter bodies are not worth the trouble.
const MIN_BODY: u32 = 64 << 10;
/// The longest message that D-Bus allows, in bytes ("Message Format" in its specification).
const MAX_MESSAGE: u32 = 128 << 20;
/// Bytes read at once: they are still in the processor's cache when they are written.
const CHUNK: usize = 256 << 10;
/// Length of a header's fixed part, the length of its fields included.
const HEAD: usize = 16;

/// A [`Wire`] whose pixels go into the picture of `slot`.
pub(super) struct PixelWire {
    pub wire: Wire,
    pub slot: Arc<FrameSlot>,
    pub served: Arc<Served>,
}

/// How many calls were served, for whom order matters: what came before pixels has to be done before them.
#[derive(Debug, Default)]
pub(super) struct Served {
    count: AtomicU64,
    waiting: Mutex<Option<Waker>>,
}

impl Served {
    /// One more call was served.
    pub fn tell(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waker) = waiting.take() {
            waker.wake();
        }
    }

    async fn reach(&self, count: u64) {
        std::future::poll_fn(|context| {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if self.count.load(Ordering::Acquire) >= count {
                return Poll::Ready(());
            }
            *waiting = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Socket for PixelWire {
    type ReadHalf = PixelReader;
    type WriteHalf = Wire;

    fn split(self) -> Split<PixelReader, Wire> {
        let reader = PixelReader {
            wire: self.wire.clone(),
            slot: self.slot,
            served: self.served,
            calls: 0,
            buffer: Vec::new(),
        };
        Split::new(reader, self.wire)
    }
}

#[derive(Debug)]
pub(super) struct PixelReader {
    wire: Wire,
    slot: Arc<FrameSlot>,
    served: Arc<Served>,
    /// Calls handed on so far.
    calls: u64,
    buffer: Vec<u8>,
}

#[async_trait]
impl ReadHalf for PixelReader {
    /// Pixels that were put into the picture are missing in the message that comes of them.
    async fn receive_message(
        &mut self,
        seq: u64,
        bytes: &mut Vec<u8>,
        fds: &mut Vec<OwnedFd>,
    ) -> zbus::Result<Message> {
        self.fill(bytes, HEAD, fds).await?;
        let message = match self.receive_pixels(seq, bytes, fds).await? {
            Some(message) => {
                bytes.clear();
                message
            }
            None => self.wire.receive_message(seq, bytes, fds).await?,
        };
        self.calls += u64::from(message.message_type() == Type::MethodCall);
        Ok(message)
    }

    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        self.wire.recvmsg(buffer).await
    }

    fn can_pass_unix_fd(&self) -> bool {
        true
    }
}

impl PixelReader {
    /// Reads until `bytes` holds at least `length`.
    async fn fill(
        &mut self,
        bytes: &mut Vec<u8>,
        length: usize,
        fds: &mut Vec<OwnedFd>,
    ) -> io::Result<()> {
        let mut at = bytes.len();
        bytes.resize(length.max(at), 0);
        while at < length {
            let (read, new) = self.wire.recvmsg(&mut bytes[at..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            fds.extend(new);
            at += read;
        }
        Ok(())
    }

    /// The message if it was one of pixels that can lie in our file as they are. Otherwise what was read of it is in
    /// `bytes`.
    async fn receive_pixels(
        &mut self,
        seq: u64,
        bytes: &mut Vec<u8>,
        fds: &mut Vec<OwnedFd>,
    ) -> zbus::Result<Option<Message>> {
        let body = word(bytes, 4);
        let header = (HEAD as u64 + u64::from(word(bytes, 12))).next_multiple_of(8);
        let long = (MIN_BODY..MAX_MESSAGE).contains(&body) && header < u64::from(MIN_BODY);
        let header = header as usize; // Small, or not used.
        if bytes[0] != b'l' || !long || bytes.len() > header {
            return Ok(None);
        }
        self.fill(bytes, header, fds).await?;
        let head = self.cut(seq, bytes, header, None).await?;
        // The numbers before the pixels, the pixels' length included.
        let numbers = match head.header().member().map(|member| member.as_str()) {
            Some("Scanout") => 5 * 4,
            Some("Update") => 7 * 4,
            _ => return Ok(None),
        };
        self.fill(bytes, header + numbers, fds).await?;
        let length = word(bytes, header + numbers - 4);
        if numbers as u32 + length != body {
            return Ok(None);
        }
        let message = self
            .cut(seq, bytes, header, Some(header + numbers - 4))
            .await?;
        self.served.reach(self.calls).await;
        let Some((map, rect, layout)) = self.place(&message) else {
            return Ok(None);
        };
        if u64::from(length) < layout.bytes() {
            return Ok(None);
        }
        self.stream(&map, rect, layout, length as usize).await?;
        Ok(Some(message))
    }

    /// What was read so far as a message that ends there. `length_at` is where the length of its pixels stands.
    async fn cut(
        &mut self,
        seq: u64,
        bytes: &[u8],
        header: usize,
        length_at: Option<usize>,
    ) -> zbus::Result<Message> {
        let mut cut = bytes.to_vec();
        let body = (bytes.len() - header) as u32;
        cut[4..8].copy_from_slice(&body.to_le_bytes());
        if let Some(at) = length_at {
            cut[at..at + 4].fill(0);
        }
        self.wire
            .receive_message(seq, &mut cut, &mut Vec::new())
            .await
    }

    /// Where the pixels of a call belong; `None` if they have to be looked at first.
    fn place(&self, message: &Message) -> Option<(SharedMap, Rect, Layout)> {
        let (x, y, layout) = match parse(&message.header(), message) {
            Ok(Call::Scanout(layout)) => {
                self.slot.set_inline(layout.size).ok()?;
                (0, 0, layout)
            }
            Ok(Call::Update(x, y, layout)) => {
                (u32::try_from(x).ok()?, u32::try_from(y).ok()?, layout)
            }
            _ => return None,
        };
        let map = self.slot.inline_map()?;
        let rect = Rect::new(x, y, layout.size.width, layout.size.height);
        let fits = rect.fits(map.layout.size) && layout.format == PixelFormat::BGRX;
        fits.then_some((map, rect, layout))
    }

    async fn stream(
        &mut self,
        map: &SharedMap,
        rect: Rect,
        layout: Layout,
        length: usize,
    ) -> io::Result<()> {
        self.buffer.resize(CHUNK, 0);
        let mut at = 0;
        let mut written = Ok(());
        while at < length {
            let part = CHUNK.min(length - at);
            let (read, _) = self.wire.recvmsg(&mut self.buffer[..part]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            // Read on in any case: QEMU keeps what we do not take.
            written = written.and_then(|()| map.write_from(rect, layout, at, &self.buffer[..read]));
            at += read;
        }
        match written {
            Ok(()) => self.slot.inline_damage(rect),
            Err(error) => self.slot.lose(error.to_string()),
        }
        Ok(())
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    u32::from_le_bytes(word.unwrap_or_default())
}
