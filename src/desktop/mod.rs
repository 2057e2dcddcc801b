//! The host's desktop: what its window system keeps from a window unless asked.

mod appearance;
mod keepsake;
mod key_grab;
mod link;

pub use self::appearance::{Appearance, follow};
pub use self::key_grab::{GrabError, KeyGrab};
pub use self::link::open_link;
pub use self::keepsake::{KeepError, Place, create as create_keepsake};
