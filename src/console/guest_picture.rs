//! The guest's pixels for a presenter that copies: read where they lie, as 0RGB words.

use std::sync::Arc;

use crate::display::frame::{
    BadPicture, Damage, Painter, PixelFormat, Rect, SharedMap, Size, Viewer,
};
use crate::display::picture::Picture;

/// What is new in the picture, in guest pixels.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Size or memory are new: everything has to be painted.
    pub whole: bool,
    pub damage: Damage,
}

/// The newest picture of one screen. It stays readable when the screen is gone.
#[derive(Debug)]
pub struct GuestPicture {
    viewer: Viewer,
    map: Option<SharedMap>,
    size: Size,
    /// The whole picture as 0RGB, only while it is shown scaled.
    shadow: Vec<u32>,
    /// Parts that `shadow` lacks.
    stale: Damage,
    scratch: Vec<u8>,
}

/// Pixels to be painted on, `stride` a row.
#[derive(Debug)]
pub struct Target<'a> {
    pub pixels: &'a mut [u32],
    pub stride: usize,
}

impl GuestPicture {
    pub fn new(viewer: Viewer) -> Self {
        Self {
            viewer,
            map: None,
            size: Size::default(),
            shadow: Vec::new(),
            stale: Damage::default(),
            scratch: Vec::new(),
        }
    }

    /// Zero by zero before the first picture.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Where the picture lies; `None` before the first.
    pub fn map(&self) -> Option<&SharedMap> {
        self.map.as_ref()
    }

    /// Lets `painter` show the damage by himself, as long as he can.
    pub fn paint_by<P: Painter + 'static>(&self, painter: &Arc<P>) {
        self.viewer.paint_by(Arc::<P>::clone(painter));
    }

    /// Takes what is new since the last call.
    pub fn refresh(&mut self) -> Option<News> {
        let change = self.viewer.take_damage()?;
        self.size = change.size;
        self.map = Some(change.map);
        if change.whole {
            self.shadow = Vec::new();
            self.stale.clear();
        }
        for &rect in change.damage.rects() {
            self.stale.add(rect);
        }
        Some(News {
            whole: change.whole,
            damage: change.damage,
        })
    }

    /// Copies `rect` of the picture to `x`, `y` of `target`.
    pub fn copy(
        &mut self,
        rect: Rect,
        target: &mut Target<'_>,
        (x, y): (usize, usize),
    ) -> Result<(), BadPicture> {
        let Some(map) = &self.map else {
            return Ok(());
        };
        let format = map.layout.format;
        map.read(rect, &mut self.scratch, |band, bytes, stride| {
            for (line, bytes) in (band.y - rect.y..).zip(bytes.chunks(stride)) {
                let start = (y + line as usize) * target.stride + x;
                let end = start + rect.w as usize;
                if let Some(into) = target.pixels.get_mut(start..end) {
                    decode(bytes, format, into);
                }
            }
        })
    }

    /// The whole picture, up to date, for scaling. Empty without one.
    pub fn whole(&mut self) -> Result<&[u32], BadPicture> {
        let mut stale = self.stale.take();
        if self.shadow.is_empty() {
            self.shadow = vec![0; usize::try_from(self.size.area()).unwrap_or(0)];
            stale.clear();
            stale.add(self.size.rect());
        }
        let mut shadow = std::mem::take(&mut self.shadow);
        let mut target = Target {
            pixels: &mut shadow,
            stride: self.size.width as usize,
        };
        let mut result = Ok(());
        for &rect in stale.rects() {
            result = self.copy(rect, &mut target, (rect.x as usize, rect.y as usize));
            if result.is_err() {
                break;
            }
        }
        self.shadow = shadow;
        result.map(|()| self.shadow.as_slice())
    }

    /// Frees the copy that only scaling needs.
    pub fn forget_whole(&mut self) {
        self.shadow = Vec::new();
        self.stale.clear();
    }

    /// True if this is QEMU's note that the guest shows nothing on this screen.
    pub fn is_placeholder(&mut self) -> bool {
        let width = self.size.width;
        is_note(self.size, |y, h| {
            let mut pixels = vec![0; width as usize * h as usize];
            let mut target = Target {
                pixels: &mut pixels,
                stride: width as usize,
            };
            let copied = self.copy(Rect::new(0, y, width, h), &mut target, (0, 0));
            copied.is_ok() && pixels.iter().all(|pixel| *pixel == 0)
        })
    }

    /// A still picture of now.
    pub fn still(&mut self) -> Result<Picture, BadPicture> {
        let Size { width, height } = self.size;
        let mut pixels = vec![0; usize::try_from(self.size.area()).unwrap_or(0)];
        let mut target = Target {
            pixels: &mut pixels,
            stride: width as usize,
        };
        self.copy(self.size.rect(), &mut target, (0, 0))?;
        let rgba = |pixel: u32| [(pixel >> 16) as u8, (pixel >> 8) as u8, pixel as u8, 255];
        Ok(Picture {
            width,
            height,
            rgba: pixels.into_iter().flat_map(rgba).collect(),
        })
    }
}

/// Makes 0RGB words of a row.
fn decode(bytes: &[u8], format: PixelFormat, into: &mut [u32]) {
    if format == PixelFormat::BGRX {
        let (words, _) = bytes.as_chunks::<4>();
        for (word, pixel) in words.iter().zip(into) {
            *pixel = u32::from_le_bytes(*word) & 0xff_ffff;
        }
        return;
    }
    let width = format.bytes as usize;
    let mut rgba = [0; 4];
    for (bytes, pixel) in bytes.chunks_exact(width).zip(into) {
        format.convert_row(bytes, &mut rgba);
        *pixel = u32::from_be_bytes([0, rgba[0], rgba[1], rgba[2]]);
    }
}

/// A line of text in the middle of black, as `qemu_create_placeholder_surface` of ui/console.c draws it. `black` tells
/// it of rows: from where on, and how many.
fn is_note(size: Size, mut black: impl FnMut(u32, u32) -> bool) -> bool {
    const LINE: u32 = 16;
    if size.height < 2 * LINE {
        return false;
    }
    let top = (size.height / LINE - 1) / 2 * LINE;
    let bottom = top + LINE;
    !black(top, LINE) && black(0, top) && black(bottom, size.height - bottom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_of_text_in_the_middle_of_black_is_a_note() {
        let note = |white: &[u32]| {
            is_note(Size::new(640, 480), |y, h| {
                !white.iter().any(|row| (y..y + h).contains(row))
            })
        };
        assert!(note(&[225, 230, 239]));
        assert!(!note(&[]), "a guest may be black");
        assert!(!note(&[230, 0]) && !note(&[230, 479]));
        assert!(!note(&[240]) && !note(&[223]), "another line");
        assert!(!is_note(Size::new(640, 20), |_, _| false));
    }
}
