//! Notices the keys that paste, and holds them back until the guest's clipboard has what is to be pasted.

use super::KeyCode;

const RIGHT_CTRL: KeyCode = KeyCode(97);
const RIGHT_SHIFT: KeyCode = KeyCode(54);
const RIGHT_ALT: KeyCode = KeyCode(100);
const V: KeyCode = KeyCode(47);
const INSERT: KeyCode = KeyCode(110);

/// Keys that may be held back. More than anyone types meanwhile; then they go.
const MAX_HELD: usize = 64;

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// To the guest.
    Pass,
    /// Kept for [`PasteKeys::let_go`].
    Held,
    /// Kept, and the first of its kind: this one pastes.
    Paste,
}

/// Sees every key on its way to the guest.
#[derive(Debug, Default)]
pub struct PasteKeys {
    /// Pasting changes nothing otherwise: there is nothing to hold keys back for.
    pub wanted: bool,
    down: Vec<KeyCode>,
    held: Option<Vec<(KeyCode, bool)>>,
}

impl PasteKeys {
    /// A key that goes down (again, when it repeats) or up.
    pub fn key(&mut self, code: KeyCode, down: bool) -> Fate {
        let modifiers = [
            KeyCode::LEFT_CTRL,
            RIGHT_CTRL,
            KeyCode::LEFT_SHIFT,
            RIGHT_SHIFT,
            KeyCode::LEFT_ALT,
            RIGHT_ALT,
        ];
        if modifiers.contains(&code) {
            self.down.retain(|key| *key != code);
            if down {
                self.down.push(code);
            }
        }
        if let Some(held) = &mut self.held {
            if held.len() < MAX_HELD {
                held.push((code, down));
            }
            return Fate::Held;
        }
        if self.wanted && down && self.pastes(code) {
            self.held = Some(vec![(code, true)]);
            return Fate::Paste;
        }
        Fate::Pass
    }

    /// Ctrl+V, with Shift too as terminals have it, and Shift+Insert.
    fn pastes(&self, code: KeyCode) -> bool {
        let any = |keys: [KeyCode; 2]| keys.iter().any(|key| self.down.contains(key));
        let ctrl = any([KeyCode::LEFT_CTRL, RIGHT_CTRL]);
        let shift = any([KeyCode::LEFT_SHIFT, RIGHT_SHIFT]);
        let alt = any([KeyCode::LEFT_ALT, RIGHT_ALT]);
        match code {
            V => ctrl && !alt,
            INSERT => shift && !ctrl && !alt,
            _ => false,
        }
    }

    /// The keys that were held back, to be sent now.
    pub fn let_go(&mut self) -> Vec<(KeyCode, bool)> {
        self.held.take().unwrap_or_default()
    }

    /// All keys are up in the guest.
    pub fn forget(&mut self) {
        self.down.clear();
        self.held = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> PasteKeys {
        PasteKeys {
            wanted: true,
            ..PasteKeys::default()
        }
    }

    #[test]
    fn ctrl_v_and_what_follows_wait_in_order() {
        let mut keys = ready();
        assert_eq!(keys.key(KeyCode::LEFT_CTRL, true), Fate::Pass);
        assert_eq!(keys.key(V, true), Fate::Paste);
        assert_eq!(keys.key(V, false), Fate::Held);
        assert_eq!(keys.key(KeyCode::LEFT_CTRL, false), Fate::Held);
        let expected = [(V, true), (V, false), (KeyCode::LEFT_CTRL, false)];
        assert_eq!(keys.let_go(), expected);
        assert_eq!(keys.key(V, true), Fate::Pass, "control is up by now");
    }

    #[test]
    fn only_the_keys_that_paste_are_held_and_only_if_wanted() {
        for (held, key, fate) in [
            (vec![RIGHT_CTRL, RIGHT_SHIFT], V, Fate::Paste),
            (vec![RIGHT_SHIFT], INSERT, Fate::Paste),
            (vec![KeyCode::LEFT_CTRL], INSERT, Fate::Pass), // Copies.
            (vec![KeyCode::LEFT_CTRL, KeyCode::LEFT_ALT], V, Fate::Pass),
            (vec![], V, Fate::Pass),
        ] {
            let mut keys = ready();
            for modifier in &held {
                keys.key(*modifier, true);
            }
            assert_eq!(keys.key(key, true), fate, "{held:?} {key:?}");
        }
        let mut keys = PasteKeys::default();
        keys.key(KeyCode::LEFT_CTRL, true);
        assert_eq!(keys.key(V, true), Fate::Pass);
    }
}
