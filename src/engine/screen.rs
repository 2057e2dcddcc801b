//! A guest's screen as a window gets it from the engine.

pub use crate::display::frame::{Figures, Follow, Size};
pub use crate::display::keys::{Fate, HostKeys, KeyCode, PasteKeys};
pub use crate::display::{Button, Input, Screen};
