//! A guest's screen as a window gets it from the engine.

pub use crate::display::frame::{Figures, Follow, FrameSlot, Size};
pub use crate::display::keys::{Fate, HostKeys, KeyCode, PasteKeys};
pub use crate::display::record::{End, LIMIT as RECORDING_LIMIT, RecordError, Recorder, Recording};
pub use crate::display::{Button, Input, Screen};
