//! A menu, a sign or the card over the guest's picture, as a surface of its own.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;

use rustix::fs::{MemfdFlags, memfd_create};
use wayland_client::protocol::wl_buffer::WlBuffer;
use wayland_client::protocol::wl_shm::Format;

use crate::display::frame::Rect;

use super::super::super::raster::Canvas;
use super::compositor::{Layer, Tools};
use super::grid::{Grid, signed};

pub struct Sheet {
    layer: Layer,
    /// Window pixels, and the buffer with them. Each picture has a file of its own, as the compositor may still read
    /// the last one.
    shown: Option<(Rect, WlBuffer)>,
}

impl Sheet {
    pub fn new(tools: &Tools) -> Self {
        Self {
            layer: Layer::new(tools),
            shown: None,
        }
    }

    /// True if this is what it shows, as far as the place goes.
    pub fn shows(&self, rect: Rect) -> bool {
        self.shown.as_ref().is_some_and(|(shown, _)| *shown == rect)
    }

    /// Shows a part of the canvas at its place in the window. The surface reaches to whole logical pixels and is
    /// transparent there.
    pub fn show(
        &mut self,
        tools: &Tools,
        grid: Grid,
        rect: Rect,
        canvas: &Canvas,
    ) -> io::Result<()> {
        let around = grid.around(rect);
        let pixels = pixels(around, rect, canvas);
        let mut file = File::from(memfd_create("orangery-sheet", MemfdFlags::CLOEXEC)?);
        file.write_all(&pixels)?;
        let length = i32::try_from(pixels.len()).map_err(io::Error::other)?;
        let pool = tools
            .shm
            .create_pool(file.as_fd(), length, &tools.handle, ());
        let (w, h) = (signed(around.w), signed(around.h));
        let buffer = pool.create_buffer(0, w, h, w * 4, Format::Argb8888, &tools.handle, ());
        pool.destroy(); // The buffer keeps it.
        let surface = &self.layer.surface;
        surface.attach(Some(&buffer), 0, 0);
        surface.damage_buffer(0, 0, w, h);
        self.layer.put(grid.logical(around), None);
        self.layer.surface.commit();
        if let Some((_, old)) = self.shown.replace((rect, buffer)) {
            old.destroy();
        }
        Ok(())
    }

    pub fn hide(&mut self) {
        self.layer.hide();
        if let Some((_, old)) = self.shown.take() {
            old.destroy();
        }
    }
}

/// The pixels of `around`, opaque within `rect`: words of blue, green, red and alpha.
fn pixels(around: Rect, rect: Rect, canvas: &Canvas) -> Vec<u8> {
    let (before, after) = (rect.x - around.x, around.right() - rect.right());
    let clear = |count: u32| std::iter::repeat_n(0, count as usize);
    let mut words = Vec::with_capacity(usize::try_from(around.area()).unwrap_or(0));
    for y in around.y..around.bottom() {
        let within = y >= rect.y && y < rect.bottom();
        match canvas.row(y, rect.x, rect.w).filter(|_| within) {
            Some(row) => {
                words.extend(clear(before));
                words.extend(row.iter().map(|pixel| pixel | 0xff00_0000));
                words.extend(clear(after));
            }
            None => words.extend(clear(around.w)),
        }
    }
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::frame::Size;

    #[test]
    fn only_the_rectangle_itself_can_be_seen() {
        let mut canvas = Canvas::default();
        canvas.resize(Size::new(6, 4));
        canvas.fill(Rect::new(0, 0, 6, 4), 0x12_3456);
        let bytes = pixels(Rect::new(0, 0, 5, 5), Rect::new(1, 1, 3, 2), &canvas);
        let (words, rest) = bytes.as_chunks::<4>();
        assert!(rest.is_empty() && words.len() == 25);
        for (at, word) in words.iter().enumerate() {
            let (x, y) = (at % 5, at / 5);
            let within = (1..4).contains(&x) && (1..3).contains(&y);
            let wanted = if within {
                [0x56, 0x34, 0x12, 255]
            } else {
                [0; 4]
            };
            assert_eq!(*word, wanted, "{x}, {y}");
        }
    }
}
