//! The host's desktop: what its window system keeps from a window unless asked.

mod appearance;
mod key_grab;
mod link;

pub use self::appearance::{Appearance, follow};
pub use self::key_grab::{GrabError, KeyGrab};
pub use self::link::{open_folder_of, open_link};
