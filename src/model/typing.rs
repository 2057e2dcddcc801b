//! Text that is typed into a guest, key by key.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What to type, and how.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typing {
    pub text: String,
    /// The layout that the guest has, as X11 names it (`de`); empty for the machine's.
    pub layout: String,
    /// For guests that lose keys: a quarter of the usual speed.
    #[serde(default)]
    pub slow: bool,
    /// Presses Enter at the end.
    #[serde(default)]
    pub enter: bool,
    /// Caps lock is on in the guest: it is off while the text is typed.
    #[serde(default)]
    pub caps_lock: bool,
}

impl Typing {
    /// The longest text that is typed in one go, in characters.
    pub const MAX_TEXT: usize = 16 * 1024;

    /// `text` at the usual speed, with the machine's layout.
    pub fn new(text: String) -> Self {
        Self {
            text,
            layout: String::new(),
            slow: false,
            enter: false,
            caps_lock: false,
        }
    }
}

/// The text may be a password: it appears in no log.
impl fmt::Debug for Typing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typing")
            .field("characters", &self.text.chars().count())
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_in_no_debug_text() {
        let shown = format!("{:?}", Typing::new("hunter2".to_owned()));
        assert!(!shown.contains("hunter2") && shown.contains('7'), "{shown}");
    }
}
