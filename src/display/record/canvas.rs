//! The picture that is recorded: one size from the first frame to the last, with the guest's pointer in it.

use crate::display::frame::{Cursor, Patch, Rect, Size, Viewer};
use crate::display::picture::Picture;

/// A part of the picture that has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub rect: Rect,
    /// `rect.w * rect.h` pixels, packed RGB.
    pub rgb: Vec<u8>,
}

/// Keeps the size of the first picture. Others are shown in its middle, made smaller where they must.
#[derive(Debug, Default)]
pub struct Canvas {
    size: Size,
    /// Packed RGB without the pointer.
    rgb: Vec<u8>,
    cursor: Cursor,
}

impl Canvas {
    pub fn size(&self) -> Size {
        self.size
    }

    /// Takes what is new; `None` if nothing is, or nothing was ever shown.
    pub fn look(&mut self, viewer: &mut Viewer) -> Option<Frame> {
        let cursor = viewer.slot().info().cursor;
        let mut dirty = self.take_pixels(viewer);
        if self.size.is_empty() {
            return None;
        }
        if cursor != self.cursor {
            let places = [self.cursor_rect(), self.place(&cursor)];
            self.cursor = cursor;
            dirty = places
                .into_iter()
                .flatten()
                .chain(dirty)
                .reduce(Rect::union);
        }
        dirty.map(|rect| self.frame(rect))
    }

    fn take_pixels(&mut self, viewer: &mut Viewer) -> Option<Rect> {
        let mut dirty: Option<Rect> = None;
        let mut other_size = false;
        viewer.take(|patch| {
            if self.size.is_empty() {
                self.size = patch.size;
                self.rgb = vec![0; bytes(patch.size.rect())];
            }
            if patch.size == self.size {
                self.paint(&patch);
                dirty = Some(dirty.map_or(patch.rect, |old| old.union(patch.rect)));
            } else {
                other_size = true;
            }
        })?;
        if other_size {
            self.fit(&Picture::of(viewer)?)?;
            dirty = Some(self.size.rect());
        }
        dirty
    }

    fn paint(&mut self, patch: &Patch<'_>) {
        let width = patch.rect.w as usize;
        let from = patch.rgba.chunks_exact((width * 4).max(1));
        for (row, y) in from.zip(patch.rect.y..) {
            let at = self.offset(patch.rect.x, y);
            copy_row(row, &mut self.rgb[at..at + width * 3]);
        }
    }

    /// A picture of another size in the middle of a black canvas. `None` if it cannot be scaled.
    fn fit(&mut self, picture: &Picture) -> Option<()> {
        let (w, h) = picture.fit(self.size.width, self.size.height);
        let scaled;
        let shown = if (w, h) == (picture.width, picture.height) {
            picture
        } else {
            scaled = picture.scale_to(w, h).ok()?;
            &scaled
        };
        self.rgb.fill(0);
        let (left, top) = ((self.size.width - w) / 2, (self.size.height - h) / 2);
        for (row, y) in shown.rgba.chunks_exact((w as usize * 4).max(1)).zip(top..) {
            let at = self.offset(left, y);
            copy_row(row, &mut self.rgb[at..at + w as usize * 3]);
        }
        Some(())
    }

    fn frame(&self, rect: Rect) -> Frame {
        let mut rgb = Vec::with_capacity(bytes(rect));
        for y in rect.y..rect.bottom() {
            let at = self.offset(rect.x, y);
            rgb.extend_from_slice(&self.rgb[at..at + rect.w as usize * 3]);
        }
        let mut frame = Frame { rect, rgb };
        self.draw_pointer(&mut frame);
        frame
    }

    /// Blends the pointer over the part of it that lies in `frame`.
    fn draw_pointer(&self, frame: &mut Frame) {
        let (cursor, Some(place)) = (&self.cursor, self.cursor_rect()) else {
            return;
        };
        let (left, top) = corner(cursor);
        for y in place.y.max(frame.rect.y)..place.bottom().min(frame.rect.bottom()) {
            for x in place.x.max(frame.rect.x)..place.right().min(frame.rect.right()) {
                // Not negative: `place` is the cursor cut to the canvas.
                let from_x = (i64::from(x) - left) as usize;
                let from_y = (i64::from(y) - top) as usize;
                let from = (from_y * cursor.width as usize + from_x) * 4;
                let to = ((y - frame.rect.y) as usize * frame.rect.w as usize
                    + (x - frame.rect.x) as usize)
                    * 3;
                if let (Some(&[r, g, b, a]), Some(pixel)) = (
                    cursor
                        .rgba
                        .get(from..from + 4)
                        .and_then(|at| at.first_chunk()),
                    frame.rgb.get_mut(to..to + 3),
                ) {
                    for (under, over) in pixel.iter_mut().zip([r, g, b]) {
                        *under = blend(*under, over, a);
                    }
                }
            }
        }
    }

    fn cursor_rect(&self) -> Option<Rect> {
        self.place(&self.cursor)
    }

    /// Where the pointer covers the canvas, if it does.
    fn place(&self, cursor: &Cursor) -> Option<Rect> {
        let (left, top) = corner(cursor);
        let (w, h) = (cursor.width.into(), cursor.height.into());
        Rect::clipped(left, top, w, h, self.size).filter(|_| cursor.visible)
    }

    fn offset(&self, x: u32, y: u32) -> usize {
        (y as usize * self.size.width as usize + x as usize) * 3
    }
}

/// The pointer's top left corner, in guest pixels.
fn corner(cursor: &Cursor) -> (i64, i64) {
    (
        i64::from(cursor.x) - i64::from(cursor.hot_x),
        i64::from(cursor.y) - i64::from(cursor.hot_y),
    )
}

fn bytes(rect: Rect) -> usize {
    rect.w as usize * rect.h as usize * 3
}

fn copy_row(rgba: &[u8], rgb: &mut [u8]) {
    for (from, to) in rgba.chunks_exact(4).zip(rgb.chunks_exact_mut(3)) {
        to.copy_from_slice(&from[..3]);
    }
}

fn blend(under: u8, over: u8, alpha: u8) -> u8 {
    let (under, over, alpha) = (u32::from(under), u32::from(over), u32::from(alpha));
    u8::try_from((over * alpha + under * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
}
