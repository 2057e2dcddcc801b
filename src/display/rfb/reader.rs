//! The reading thread: greets, then turns server messages into pixels and facts.

use std::io::{BufReader, Read};
use std::os::unix::net::UnixStream;

use super::handshake::{array, fill, greet};
use super::hextile::{Hextile, TILE};
use super::{
    DESKTOP_SIZE, EXTENDED_DESKTOP_SIZE, EXTENDED_KEYS, HEXTILE, LED_STATE, POINTER_TYPE, Phase,
    RAW, RICH_CURSOR, Shared, protocol,
};
use crate::display::DisplayError;
use crate::display::frame::{FrameSlot, Leds, Rect, ScreenStatus, Size};
use crate::display::input::InputQueue;
use crate::display::map::{Layout, check_size};
use crate::display::pixel::PixelFormat;

const READ_BUFFER: usize = 64 << 10;
/// Raw rectangles are painted in bands of about this size, so the buffer stays small however large the picture.
const BAND_BYTES: u32 = 1 << 20;
/// Largest pointer shape we take, in pixels a side.
const MAX_CURSOR: u32 = 512;
/// Longest clipboard text we skip; more is not a clipboard.
const MAX_CUT_TEXT: u32 = 64 << 20;
const POINTER_ABSOLUTE: u32 = 1;

/// Reads until the server or the screen closes the socket.
pub(in crate::display) fn read(
    stream: UnixStream,
    slot: &FrameSlot,
    queue: &InputQueue,
    shared: &Shared,
) -> Result<(), DisplayError> {
    let mut writer = stream.try_clone().map_err(|error| DisplayError::Start {
        reason: error.to_string(),
    })?;
    let mut from = BufReader::with_capacity(READ_BUFFER, stream);
    let size = greet(&mut from, &mut writer)?;
    slot.set_status(ScreenStatus::Blank);
    shared.edit(|state| (state.phase, state.size) = (Phase::Open, size));
    let mut reader = Reader {
        from,
        slot,
        queue,
        shared,
        size,
        band: Vec::new(),
    };
    loop {
        reader.message()?;
    }
}

struct Reader<'a, R> {
    from: R,
    slot: &'a FrameSlot,
    queue: &'a InputQueue,
    shared: &'a Shared,
    size: Size,
    band: Vec<u8>,
}

impl<R: Read> Reader<'_, R> {
    fn message(&mut self) -> Result<(), DisplayError> {
        let [kind] = array(&mut self.from)?;
        match kind {
            0 => self.update(),
            1 => self.colour_map(),
            2 => Ok(()), // Bell.
            3 => self.cut_text(),
            _ => Err(protocol(format!(
                "it sent a message of unknown kind {kind}"
            ))),
        }
    }

    fn update(&mut self) -> Result<(), DisplayError> {
        let [_, high, low] = array(&mut self.from)?;
        if !self.shared.get().hidden {
            self.queue.refresh(false); // The next one is prepared while this one is read.
        }
        for _ in 0..u16::from_be_bytes([high, low]) {
            self.rectangle()?;
        }
        self.slot.finish_paint();
        Ok(())
    }

    fn rectangle(&mut self) -> Result<(), DisplayError> {
        let head: [u8; 12] = array(&mut self.from)?;
        let field = |at: usize| u32::from(u16::from_be_bytes([head[at], head[at + 1]]));
        let rect = Rect::new(field(0), field(2), field(4), field(6));
        let encoding = i32::from_be_bytes([head[8], head[9], head[10], head[11]]);
        match encoding {
            RAW | HEXTILE => self.pixels(rect, encoding),
            DESKTOP_SIZE => self.resize(Size::new(rect.w, rect.h)),
            EXTENDED_DESKTOP_SIZE => self.extended_size(rect),
            RICH_CURSOR => self.cursor(rect),
            POINTER_TYPE => {
                let absolute = rect.x == POINTER_ABSOLUTE;
                self.shared.edit(|state| state.relative_pointer = !absolute);
                self.slot.edit_info(|info| info.absolute_pointer = absolute);
                Ok(())
            }
            EXTENDED_KEYS => {
                self.shared.edit(|state| state.extended_keys = true);
                Ok(())
            }
            LED_STATE => self.leds(),
            _ => Err(protocol(format!(
                "it used the encoding {encoding}, which was not offered"
            ))),
        }
    }

    fn pixels(&mut self, rect: Rect, encoding: i32) -> Result<(), DisplayError> {
        if !rect.fits(self.size) {
            let Size { width, height } = self.size;
            let Rect { x, y, w, h } = rect;
            let text = format!(
                "{w} x {h} pixels at {x}, {y} lie outside its picture of {width} x {height}"
            );
            return Err(protocol(text));
        }
        if rect.is_empty() {
            return Ok(());
        }
        self.slot
            .set_inline(self.size)
            .map_err(|bad| protocol(bad.to_string()))?;
        let row = rect.w * 4;
        let step = if encoding == HEXTILE {
            TILE
        } else {
            (BAND_BYTES / row).max(1)
        };
        let mut hextile = Hextile::default();
        let mut top = 0;
        while top < rect.h {
            let rows = step.min(rect.h - top);
            self.band.resize(row as usize * rows as usize, 0);
            if encoding == HEXTILE {
                hextile.row(&mut self.from, (rect.w, rows), &mut self.band)?;
            } else {
                fill(&mut self.from, &mut self.band)?;
            }
            self.paint(rect.x, rect.y + top, Size::new(rect.w, rows));
            top += rows;
        }
        Ok(())
    }

    fn paint(&self, x: u32, y: u32, size: Size) {
        let layout = Layout {
            size,
            stride: size.width * 4,
            format: PixelFormat::BGRX,
        };
        // Both are below 65,536.
        self.slot
            .paint(x.cast_signed(), y.cast_signed(), layout, &self.band);
    }

    fn resize(&mut self, size: Size) -> Result<(), DisplayError> {
        check_size(size).map_err(|bad| protocol(bad.to_string()))?;
        if size != self.size {
            self.size = size;
            self.shared.edit(|state| state.size = size);
            self.queue.refresh(true);
        }
        Ok(())
    }

    /// Also the answer to our own wish: `x` tells who asked (1 is us), `y` whether it failed.
    fn extended_size(&mut self, rect: Rect) -> Result<(), DisplayError> {
        let [count, ..] = array::<4>(&mut self.from)?;
        for number in 0..count {
            let screen: [u8; 16] = array(&mut self.from)?;
            let word = |at: usize| {
                u32::from_be_bytes([screen[at], screen[at + 1], screen[at + 2], screen[at + 3]])
            };
            if number == 0 {
                self.shared
                    .edit(|state| state.screen = Some((word(0), word(12))));
            }
        }
        let refused = rect.x == 1 && rect.y != 0;
        if refused {
            Ok(())
        } else {
            self.resize(Size::new(rect.w, rect.h))
        }
    }

    fn cursor(&mut self, rect: Rect) -> Result<(), DisplayError> {
        if rect.w.max(rect.h) > MAX_CURSOR {
            return Err(protocol(format!(
                "its pointer has {} x {} pixels",
                rect.w, rect.h
            )));
        }
        let mut bgrx = vec![0; (rect.w * rect.h * 4) as usize];
        fill(&mut self.from, &mut bgrx)?;
        let mask_row = rect.w.div_ceil(8) as usize;
        let mut mask = vec![0; mask_row * rect.h as usize];
        fill(&mut self.from, &mut mask)?;
        let mut rgba = vec![0; bgrx.len()];
        PixelFormat::BGRX.convert_row(&bgrx, &mut rgba);
        let width = (rect.w as usize).max(1);
        for (at, pixel) in rgba.chunks_exact_mut(4).enumerate() {
            let (x, y) = (at % width, at / width);
            if mask[y * mask_row + x / 8] & (0x80 >> (x % 8)) == 0 {
                pixel.fill(0);
            }
        }
        self.slot.edit_cursor(|cursor| {
            (cursor.width, cursor.height) = (rect.w, rect.h);
            cursor.hot_x = rect.x.min(rect.w.saturating_sub(1));
            cursor.hot_y = rect.y.min(rect.h.saturating_sub(1));
            cursor.visible = !rect.is_empty();
            cursor.rgba = rgba.into();
            cursor.shape += 1;
        });
        Ok(())
    }

    fn leds(&mut self) -> Result<(), DisplayError> {
        let [bits] = array(&mut self.from)?;
        let leds = Leds {
            scroll_lock: bits & 1 != 0,
            num_lock: bits & 2 != 0,
            caps_lock: bits & 4 != 0,
        };
        self.slot.edit_info(|info| info.leds = Some(leds));
        Ok(())
    }

    /// We asked for true colour, so a colour map has no meaning; it is skipped.
    fn colour_map(&mut self) -> Result<(), DisplayError> {
        let head: [u8; 5] = array(&mut self.from)?;
        let colours = u16::from_be_bytes([head[3], head[4]]);
        self.skip(u64::from(colours) * 6)
    }

    /// The clipboard goes through the guest's agent, so this is skipped.
    fn cut_text(&mut self) -> Result<(), DisplayError> {
        let [_, _, _, a, b, c, d] = array(&mut self.from)?;
        let length = i32::from_be_bytes([a, b, c, d]).unsigned_abs();
        if length > MAX_CUT_TEXT {
            return Err(protocol(format!("it sent a clipboard of {length} bytes")));
        }
        self.skip(length.into())
    }

    fn skip(&mut self, bytes: u64) -> Result<(), DisplayError> {
        let copied = std::io::copy(&mut (&mut self.from).take(bytes), &mut std::io::sink());
        if copied.is_ok_and(|copied| copied == bytes) {
            return Ok(());
        }
        Err(DisplayError::Closed)
    }
}
