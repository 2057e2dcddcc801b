//! A guest's screen as a window gets it from the engine.

pub use crate::display::keys::{Fate, KeyCode, PasteKeys};
pub use crate::display::{Button, Input, Screen};
