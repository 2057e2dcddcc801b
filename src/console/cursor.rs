//! The guest's pointer as the window's own, so that there are never two.

use winit::event_loop::ActiveEventLoop;
use winit::window::{CursorIcon, CustomCursor, Window};

use crate::display::frame::Cursor;

use super::view::Placement;

/// Larger pointers are shown smaller; window systems refuse or cut them otherwise.
const MAX_SIDE: u32 = 256;

/// What the window's pointer should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// The desktop's arrow.
    Arrow,
    Hidden,
    /// The guest draws its pointer into the picture, or none: a dot only says where ours is.
    Dot,
    /// The guest's shape, at this size.
    Guest {
        shape: u64,
        width: u32,
        height: u32,
    },
}

/// Remembers what the pointer looks like, so that it is set only when it changes.
#[derive(Debug, Default)]
pub struct PointerLook {
    now: Option<Look>,
}

impl PointerLook {
    /// Over the bar or beside the picture.
    pub fn arrow(&mut self, window: &Window) {
        if self.now.replace(Look::Arrow) != Some(Look::Arrow) {
            window.set_cursor(CursorIcon::Default);
            window.set_cursor_visible(true);
        }
    }

    /// While the guest has the pointer captured and draws its own.
    pub fn hide(&mut self, window: &Window) {
        if self.now.replace(Look::Hidden) != Some(Look::Hidden) {
            window.set_cursor_visible(false);
        }
    }

    fn dot(&mut self, window: &Window, event_loop: &ActiveEventLoop) {
        if self.now == Some(Look::Dot) {
            return;
        }
        let middle = DOT_SIDE / 2;
        match CustomCursor::from_rgba(dot(), DOT_SIDE, DOT_SIDE, middle, middle) {
            Ok(source) => {
                window.set_cursor(event_loop.create_custom_cursor(source));
                window.set_cursor_visible(true);
                self.now = Some(Look::Dot);
            }
            Err(_) => self.arrow(window), // A shape the window system cannot show.
        }
    }

    /// Over the picture of a guest with an absolute pointer. `elsewhere` says that the guest may show its pointer on
    /// another screen: then ours must not vanish here.
    pub fn guest(
        &mut self,
        window: &Window,
        event_loop: &ActiveEventLoop,
        cursor: &Cursor,
        placement: &Placement,
        elsewhere: bool,
    ) {
        if !cursor.visible && elsewhere
            || cursor.rgba.is_empty()
            || cursor.width == 0
            || cursor.height == 0
        {
            return self.dot(window, event_loop); // The guest did not say what it draws.
        }
        if !cursor.visible {
            return self.hide(window);
        }
        let (width, height) = shown_size(cursor, placement);
        let shape = cursor.shape;
        let look = Look::Guest {
            shape,
            width,
            height,
        };
        if self.now == Some(look) {
            return;
        }
        let rgba = scale(cursor, width, height);
        let hot = |at: u32, from: u32, to: u32| (at * to / from.max(1)).min(to.saturating_sub(1));
        let (hot_x, hot_y) = (
            hot(cursor.hot_x.min(cursor.width), cursor.width, width),
            hot(cursor.hot_y.min(cursor.height), cursor.height, height),
        );
        let [w, h, x, y] = [width, height, hot_x, hot_y].map(|value| value as u16); // At most MAX_SIDE.
        match CustomCursor::from_rgba(rgba, w, h, x, y) {
            Ok(source) => {
                window.set_cursor(event_loop.create_custom_cursor(source));
                window.set_cursor_visible(true);
                self.now = Some(look);
            }
            Err(_) => self.arrow(window), // A shape the window system cannot show.
        }
    }
}

const DOT_SIDE: u16 = 5;

/// White with a black edge, to be seen on anything.
fn dot() -> Vec<u8> {
    let side = 0..DOT_SIDE;
    let edge = |at: u16| at == 0 || at == DOT_SIDE - 1;
    let pixel = |x: u16, y: u16| match (edge(x), edge(y)) {
        (true, true) => [0; 4],
        (true, false) | (false, true) => [0, 0, 0, 255],
        (false, false) => [255; 4],
    };
    let rows = side.clone().map(|y| side.clone().map(move |x| pixel(x, y)));
    rows.flatten().flatten().collect()
}

/// The pointer grows and shrinks with the picture, within reason.
fn shown_size(cursor: &Cursor, placement: &Placement) -> (u32, u32) {
    let zoom = f64::from(placement.shown.width) / f64::from(placement.guest.width.max(1));
    let side = f64::from(cursor.width.max(cursor.height));
    let zoom = zoom.clamp(0.25, 8.0).min(f64::from(MAX_SIDE) / side);
    let scaled = |length: u32| ((f64::from(length) * zoom).round() as u32).clamp(1, MAX_SIDE);
    (scaled(cursor.width), scaled(cursor.height))
}

/// Nearest pixels: pointers are small and sharp.
fn scale(cursor: &Cursor, width: u32, height: u32) -> Vec<u8> {
    let mut scaled = Vec::with_capacity((width * height * 4) as usize);
    for y in 0..height {
        let from_y = (2 * y + 1) * cursor.height / (2 * height);
        for x in 0..width {
            let from_x = (2 * x + 1) * cursor.width / (2 * width);
            let at = (from_y as usize * cursor.width as usize + from_x as usize) * 4;
            scaled.extend_from_slice(cursor.rgba.get(at..at + 4).unwrap_or(&[0; 4]));
        }
    }
    scaled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::frame::{Rect, Size};

    fn cursor(width: u32, height: u32) -> Cursor {
        let rgba: Vec<u8> = (0..width * height)
            .flat_map(|i| [i as u8, 0, 0, 255])
            .collect();
        Cursor {
            width,
            height,
            rgba: rgba.into(),
            visible: true,
            ..Cursor::default()
        }
    }

    fn placement(zoom: u8) -> Placement {
        let (area, guest) = (Rect::new(0, 0, 1000, 1000), Size::new(100, 100));
        Placement::new(area, guest, crate::model::Zoom::Times(zoom), (0.0, 0.0))
    }

    #[test]
    fn the_dot_is_light_in_the_middle_and_dark_at_the_edge() {
        let dot = dot();
        assert_eq!(dot.len(), 5 * 5 * 4);
        assert_eq!(dot[(2 * 5 + 2) * 4..][..4], [255; 4]);
        assert_eq!(dot[2 * 4..][..4], [0, 0, 0, 255]);
        assert_eq!(dot[..4], [0; 4]);
    }

    #[test]
    fn the_pointer_scales_with_the_picture_but_never_beyond_what_can_be_shown() {
        assert_eq!(shown_size(&cursor(64, 32), &placement(1)), (64, 32));
        assert_eq!(shown_size(&cursor(64, 32), &placement(2)), (128, 64));
        assert_eq!(shown_size(&cursor(512, 256), &placement(2)), (256, 128));
        let pixels = scale(&cursor(2, 1), 4, 2);
        let reds: Vec<u8> = pixels.chunks(4).map(|pixel| pixel[0]).collect();
        assert_eq!(reds, [0, 0, 1, 1, 0, 0, 1, 1]);
    }
}
