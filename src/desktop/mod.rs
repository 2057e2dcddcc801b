//! The host's desktop: what its window system keeps from a window unless asked.

mod appearance;
mod clipboard;
mod key_grab;
mod link;
mod pointer;

pub use self::appearance::{Appearance, follow};
pub use self::clipboard::{Clipboard, ClipboardNews};
pub use self::key_grab::{GrabError, KeyGrab};
pub use self::link::{open_folder_of, open_link};
pub use self::pointer::pointer_on_screen;
