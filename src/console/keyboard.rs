//! Who gets the keys, the guest or the bar: the release key, tapped alone, changes it.
//!
//! ```text
//!  guest ◀──tap Right Ctrl, or click the picture──▶ bar
//! ```
//! Which key that is stands in the settings. Held with another key, it is an ordinary key of the guest.

use crate::display::Input;
use crate::display::keys::KeyCode;
use crate::model::ReleaseKey;

/// Where the release key stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tap {
    #[default]
    Up,
    /// Down, and nothing else happened: the guest does not know yet.
    Waiting,
    /// Down, and the guest was told.
    Sent,
    /// Down while the bar has the keys, and something else happened.
    Spoilt,
}

/// What a key leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Send these, in order.
    Guest(Vec<Input>),
    /// The bar's: let egui have it.
    Bar,
    /// The keys changed hands; see [`Keyboard::is_captured`].
    Toggled,
}

#[derive(Debug)]
pub struct Keyboard {
    captured: bool,
    tap: Tap,
    release: ReleaseKey,
}

impl Default for Keyboard {
    fn default() -> Self {
        Self {
            captured: true,
            tap: Tap::Up,
            release: ReleaseKey::default(),
        }
    }
}

impl Keyboard {
    /// True while the guest gets the keys.
    pub fn is_captured(&self) -> bool {
        self.captured
    }

    /// Which key changes hands.
    pub fn release_by(&mut self, key: ReleaseKey) {
        if key != self.release {
            self.release = key;
            self.tap = Tap::Up;
        }
    }

    pub fn capture(&mut self, captured: bool) {
        self.captured = captured;
        self.tap = Tap::Up;
    }

    /// The window lost the keyboard: whatever was held is up.
    pub fn forget(&mut self) {
        self.tap = Tap::Up;
    }

    /// A key went down (again, when it repeats) or up.
    pub fn key(&mut self, code: KeyCode, down: bool) -> Outcome {
        if code == KeyCode(self.release.evdev()) {
            return self.release_key(down);
        }
        if !self.captured {
            if self.tap == Tap::Waiting && down {
                self.tap = Tap::Spoilt;
            }
            return Outcome::Bar;
        }
        let mut inputs = if down { self.interrupt() } else { Vec::new() };
        inputs.push(Input::Key { code, down });
        Outcome::Guest(inputs)
    }

    /// Something else happens while the release key may be held: the guest has to know of it first.
    pub fn interrupt(&mut self) -> Vec<Input> {
        match (self.tap, self.captured) {
            (Tap::Waiting, true) => {
                self.tap = Tap::Sent;
                vec![self.sent(true)]
            }
            (Tap::Waiting, false) => {
                self.tap = Tap::Spoilt;
                Vec::new()
            }
            (Tap::Up | Tap::Sent | Tap::Spoilt, _) => Vec::new(),
        }
    }

    fn release_key(&mut self, down: bool) -> Outcome {
        let nothing = Outcome::Guest(Vec::new());
        match (down, self.tap) {
            (true, Tap::Up) => {
                self.tap = Tap::Waiting;
                nothing
            }
            (true, Tap::Sent) => Outcome::Guest(vec![self.sent(true)]),
            (true, Tap::Waiting | Tap::Spoilt) | (false, Tap::Up) => nothing,
            (false, Tap::Waiting) => {
                self.capture(!self.captured);
                Outcome::Toggled
            }
            (false, Tap::Sent) => {
                self.tap = Tap::Up;
                Outcome::Guest(vec![self.sent(false)])
            }
            (false, Tap::Spoilt) => {
                self.tap = Tap::Up;
                nothing
            }
        }
    }

    /// The release key as a key of the guest.
    fn sent(&self, down: bool) -> Input {
        let code = KeyCode(self.release.evdev());
        Input::Key { code, down }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT_CTRL: KeyCode = KeyCode(97);
    const C: KeyCode = KeyCode(46);

    fn sent(code: KeyCode, down: bool) -> Input {
        Input::Key { code, down }
    }

    #[test]
    fn a_tap_of_right_ctrl_changes_hands_and_the_guest_never_sees_it() {
        let mut keyboard = Keyboard::default();
        assert_eq!(keyboard.key(RIGHT_CTRL, true), Outcome::Guest(vec![]));
        assert_eq!(keyboard.key(RIGHT_CTRL, true), Outcome::Guest(vec![]));
        assert_eq!(keyboard.key(RIGHT_CTRL, false), Outcome::Toggled);
        assert!(!keyboard.is_captured());
        assert_eq!(keyboard.key(C, true), Outcome::Bar);
        keyboard.key(RIGHT_CTRL, true);
        assert_eq!(keyboard.key(RIGHT_CTRL, false), Outcome::Toggled);
        assert!(keyboard.is_captured());
    }

    #[test]
    fn right_ctrl_held_with_another_key_is_the_guests() {
        let mut keyboard = Keyboard::default();
        keyboard.key(RIGHT_CTRL, true);
        let both = vec![sent(RIGHT_CTRL, true), sent(C, true)];
        assert_eq!(keyboard.key(C, true), Outcome::Guest(both));
        assert_eq!(keyboard.key(C, true), Outcome::Guest(vec![sent(C, true)]));
        assert_eq!(keyboard.key(C, false), Outcome::Guest(vec![sent(C, false)]));
        let up = Outcome::Guest(vec![sent(RIGHT_CTRL, false)]);
        assert_eq!(keyboard.key(RIGHT_CTRL, false), up);
        assert!(keyboard.is_captured());
    }

    #[test]
    fn right_ctrl_with_a_bar_key_or_a_click_is_no_tap() {
        let mut keyboard = Keyboard::default();
        keyboard.capture(false);
        keyboard.key(RIGHT_CTRL, true);
        assert_eq!(keyboard.key(C, true), Outcome::Bar);
        assert_eq!(keyboard.key(RIGHT_CTRL, false), Outcome::Guest(vec![]));
        assert!(!keyboard.is_captured());
        keyboard.capture(true);
        keyboard.key(RIGHT_CTRL, true);
        assert_eq!(keyboard.interrupt(), [sent(RIGHT_CTRL, true)]);
        keyboard.forget();
        assert_eq!(keyboard.key(RIGHT_CTRL, false), Outcome::Guest(vec![]));
    }

    #[test]
    fn another_key_can_change_hands() {
        let mut keyboard = Keyboard::default();
        keyboard.release_by(ReleaseKey::Menu);
        let sends = Outcome::Guest(vec![sent(RIGHT_CTRL, true)]);
        assert_eq!(keyboard.key(RIGHT_CTRL, true), sends);
        let menu = KeyCode(127);
        keyboard.key(menu, true);
        assert_eq!(keyboard.key(menu, false), Outcome::Toggled);
    }
}
