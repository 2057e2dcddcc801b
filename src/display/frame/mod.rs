//! The guest's picture as plain data: what `ui` and a console window read, without knowing where it comes from.
//!
//! A [`FrameSlot`] always holds the newest picture. Whoever shows it takes a [`Viewer`], which remembers what that
//! viewer has not yet seen, so a page and a thumbnail do not steal each other's news. There are two ways to read:
//!
//! * [`Viewer::take`] hands out damaged rectangles as packed RGBA, for textures and thumbnails ([`Want::Pixels`]).
//! * [`Viewer::take_damage`] hands out only rectangles and the [`SharedMap`] ([`Want::Damage`]). A presenter that can
//!   lend that memory to the window system reads no pixel at all.
//!
//! The picture always lies in a map: QEMU's own, or a file of ours if pixels come inline. It is only copied to RGBA
//! while somebody wants pixels.

mod figures;
mod follow;
mod rect;
mod slot;
#[cfg(test)]
mod tests;
mod viewer;

use std::sync::Arc;

pub use self::figures::{Figures, Reading};
pub use self::follow::{Follow, Following};
pub use self::rect::{Damage, MAX_DAMAGE_RECTS, Rect, Size};
pub use self::slot::FrameSlot;
pub(in crate::display) use self::slot::{CopyWork, News, Task};
pub use self::viewer::{Change, Painted, Painter, Patch, Viewer, Want};
pub use super::map::{BadPicture, Layout, MAX_BYTES, MAX_SIDE, SharedMap};
pub use super::pixel::PixelFormat;

/// Called upon news, at most about 60 times a second, from a thread of the screen. It must return at once.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// What the connection to the guest's screen is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ScreenStatus {
    /// The first answer is still due.
    #[default]
    Connecting,
    /// A picture is there and kept up to date.
    Live,
    /// Connected, but the guest shows nothing: its display is off, or no picture came yet.
    Blank,
    /// Nobody looks; the last picture is kept.
    Hidden,
    /// The connection is gone for good. `why` is a sentence for the user.
    Lost { why: String },
}

/// The guest's mouse pointer, when the guest leaves drawing it to us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    pub width: u32,
    pub height: u32,
    /// The pixel of the picture that points.
    pub hot_x: u32,
    pub hot_y: u32,
    /// Packed RGBA, straight alpha, top row first.
    pub rgba: Arc<[u8]>,
    pub visible: bool,
    /// Where the guest last put it, in guest pixels.
    pub x: i32,
    pub y: i32,
    /// Grows with each new shape, so that a texture is made only then.
    pub shape: u64,
}

/// The lights of the guest's keyboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leds {
    pub scroll_lock: bool,
    pub num_lock: bool,
    pub caps_lock: bool,
}

/// Everything about the screen but its pixels. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ScreenInfo {
    pub status: ScreenStatus,
    /// Zero by zero before the first picture.
    pub size: Size,
    pub cursor: Cursor,
    /// True if the guest takes absolute positions, so the pointer needs no capture.
    pub absolute_pointer: bool,
    /// False once another program has taken the controls: the picture goes on, input is dropped.
    pub takes_input: bool,
    /// `None` until the machine told.
    pub leds: Option<Leds>,
    /// Whether the machine's graphics card can tell the guest of another size; `None` until it was asked to.
    pub resizable: Option<bool>,
    /// Graphical outputs of the machine, at least 1.
    pub heads: u32,
    /// Grows with each change of picture or info.
    pub generation: u64,
}

impl Default for ScreenInfo {
    fn default() -> Self {
        Self {
            status: ScreenStatus::default(),
            size: Size::default(),
            cursor: Cursor::default(),
            absolute_pointer: true,
            takes_input: true,
            leds: None,
            resizable: None,
            heads: 1,
            generation: 0,
        }
    }
}
