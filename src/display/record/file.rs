//! An animated PNG while it grows: PNG specification, third edition, W3C 2025, section 4.9 "APNG".

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::time::{Duration, Instant};

use super::canvas::Frame;
use super::{End, RecordError, Recording};
use crate::display::frame::Size;

/// Where the animation control chunk begins: after the signature (8 bytes) and IHDR (25 bytes).
const CONTROL_AT: u64 = 33;
/// A frame is shown for a 16-bit number of milliseconds. Longer ones are told in parts.
const LONGEST: Duration = Duration::from_secs(60);

/// The chunk with which a PNG ends.
const LAST_CHUNK: [u8; 12] = *b"\0\0\0\0IEND\xae\x42\x60\x82";

/// The file, and the frame whose end is not known yet.
pub struct Animation {
    writer: png::Writer<File>,
    /// The same open file: what stands at its beginning is known only at its end.
    file: File,
    last: Frame,
    since: Instant,
    begun: Instant,
    frames: u32,
}

impl Animation {
    /// Writes the head of an animation of `size`, and shows `first`, the whole picture, from `now` on.
    pub fn begin(file: File, size: Size, first: Frame, now: Instant) -> Result<Self, RecordError> {
        let mut encoder = png::Encoder::new(file.try_clone()?, size.width, size.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        encoder.set_animated(u32::MAX, 0)?;
        Ok(Self {
            writer: encoder.write_header()?,
            file,
            last: first,
            since: now,
            begun: now,
            frames: 0,
        })
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> io::Result<u64> {
        (&self.file).stream_position()
    }

    /// Shows `frame` from `now` on.
    pub fn add(&mut self, frame: Frame, now: Instant) -> Result<(), RecordError> {
        self.write_last(now)?;
        (self.last, self.since) = (frame, now);
        Ok(())
    }

    /// Writes the last frame, now that its length is known.
    fn write_last(&mut self, until: Instant) -> Result<(), RecordError> {
        let mut left = until.duration_since(self.since);
        loop {
            let part = left.min(LONGEST);
            self.write_frame(part)?;
            left -= part;
            if left.is_zero() {
                return Ok(());
            }
            // It stands still: one pixel of it, once more, for the rest of the time.
            self.last.rect.w = 1;
            self.last.rect.h = 1;
            self.last.rgb.truncate(3);
        }
    }

    fn write_frame(&mut self, length: Duration) -> Result<(), RecordError> {
        let millis = u16::try_from(length.as_millis()).unwrap_or(u16::MAX);
        let rect = self.last.rect;
        if self.frames > 0 {
            // The position first would be refused while the size is still that of the last frame.
            self.writer.reset_frame_position()?;
            self.writer.set_frame_dimension(rect.w, rect.h)?;
            self.writer.set_frame_position(rect.x, rect.y)?;
        }
        self.writer.set_frame_delay(millis.max(1), 1000)?;
        self.writer.write_image_data(&self.last.rgb)?;
        self.frames += 1;
        Ok(())
    }

    /// Writes the end and makes the file complete on disk.
    pub fn finish(mut self, end: End, now: Instant) -> Result<Recording, RecordError> {
        self.write_last(now)?;
        let Self {
            writer,
            mut file,
            begun,
            frames,
            ..
        } = self;
        drop(writer); // It writes the last chunk and keeps an error to itself.
        let bytes = file.stream_position()?;
        let mut tail = [0; LAST_CHUNK.len()];
        file.seek(SeekFrom::End(-(LAST_CHUNK.len() as i64)))?;
        file.read_exact(&mut tail)?;
        if tail != LAST_CHUNK {
            return Err(io::Error::from(io::ErrorKind::WriteZero).into());
        }
        file.seek(SeekFrom::Start(CONTROL_AT))?;
        file.write_all(&control_chunk(frames))?;
        file.sync_all()?;
        Ok(Recording {
            bytes,
            frames,
            length: now.duration_since(begun),
            end,
        })
    }
}

/// The animation control chunk: so many frames, played for ever.
fn control_chunk(frames: u32) -> [u8; 20] {
    let mut chunk = *b"\0\0\0\x08acTL\0\0\0\0\0\0\0\0\0\0\0\0";
    chunk[8..12].copy_from_slice(&frames.to_be_bytes());
    let check = crc32fast::hash(&chunk[4..16]); // Of the chunk's type and data.
    chunk[16..].copy_from_slice(&check.to_be_bytes());
    chunk
}
