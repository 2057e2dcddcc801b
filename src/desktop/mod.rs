//! The host's desktop: what its window system keeps from a window unless asked, its browser, its sound server.

mod appearance;
mod key_grab;
mod link;
pub mod sound;

pub use self::appearance::{Appearance, follow};
pub use self::key_grab::{GrabError, KeyGrab};
pub use self::link::open_link;
