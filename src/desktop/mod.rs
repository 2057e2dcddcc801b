//! The host's desktop: what its window system keeps from a window unless asked, its browser, its sound server.

mod appearance;
mod key_grab;
mod link;
mod picture_clipboard;
mod shortcut_inhibit;
pub mod sound;

pub use self::appearance::{Appearance, follow};
pub use self::key_grab::{GrabError, Heard, KeyGrab};
pub use self::link::{open_folder_of, open_link};
pub use self::picture_clipboard::{CopyError, PictureClipboard};
pub use self::shortcut_inhibit::{InhibitError, ShortcutInhibit};
