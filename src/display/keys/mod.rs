//! Keys: evdev codes, QEMU's numbers and names, X11 keysyms, chords and text.

mod combination;
mod layout;
mod paste;
mod table;
mod text;

pub use self::combination::{CombinationError, HostKeys, Offered, offered, read, written};
pub use self::layout::Layout;
pub use self::paste::{Fate, PasteKeys};
use self::table::{ALIASES, KEYS, Key};
pub use self::text::{UntypableChar, type_text};

/// A key by its Linux input event code (`KEY_*` in linux/input-event-codes.h): the key's place, not its letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyCode(pub u16);

impl KeyCode {
    pub const ESC: Self = Self(1);
    pub const TAB: Self = Self(15);
    pub const ENTER: Self = Self(28);
    pub const LEFT_CTRL: Self = Self(29);
    pub const LEFT_SHIFT: Self = Self(42);
    pub const LEFT_ALT: Self = Self(56);
    pub const CAPS_LOCK: Self = Self(58);
    pub const RIGHT_ALT: Self = Self(100);
    pub const DELETE: Self = Self(111);

    /// QEMU's number of the key, or `None` for a key no PC keyboard has.
    pub fn qnum(self) -> Option<u8> {
        self.entry().map(|key| key.qnum)
    }

    /// QEMU's name (QKeyCode), for QMP's `send-key`.
    pub fn qcode(self) -> Option<&'static str> {
        let key = self.entry()?;
        key.in_qemu.then_some(key.name)
    }

    /// QEMU's name of the key or ours; [`Self::from_name`] knows it.
    pub fn name(self) -> Option<&'static str> {
        self.entry().map(|key| key.name)
    }

    /// X11 keysym of the unshifted key on a US keyboard.
    pub fn keysym(self) -> Option<u32> {
        self.entry().map(|key| key.keysym)
    }

    /// The key with this name: QEMU's, or one of our aliases such as `enter`, `delete`, `super`. Case does not matter.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let known = KEYS.iter().find(|key| key.name == name);
        let alias = || ALIASES.iter().find(|(alias, _)| *alias == name);
        let code = known
            .map(|key| key.code)
            .or_else(|| alias().map(|found| found.1));
        code.map(Self).or_else(|| single_character(&name))
    }

    fn entry(self) -> Option<&'static Key> {
        let at = KEYS.binary_search_by_key(&self.0, |key| key.code).ok()?;
        KEYS.get(at)
    }
}

/// `;` or `[` as a name: the key that types it without shift.
fn single_character(name: &str) -> Option<KeyCode> {
    let mut chars = name.chars();
    let (character, None) = (chars.next()?, chars.next()) else {
        return None;
    };
    let chords = Layout::find(Layout::DEFAULT)?.chords(character)?;
    match chords.as_slice() {
        [chord] if chord.len() == 1 => chord.first().copied(),
        _ => None,
    }
}

/// A name that no key has.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no key called \"{name}\"; {}", hint(nearest))]
pub struct UnknownKey {
    pub name: String,
    /// Up to three names that look like it, the likeliest first.
    pub nearest: Vec<&'static str>,
}

fn hint(nearest: &[&str]) -> String {
    if nearest.is_empty() {
        return "keys are joined by \"-\", for example ctrl-alt-delete".to_owned();
    }
    format!("did you mean {}?", nearest.join(" or "))
}

/// Reads `ctrl-alt-delete` (or with `+`): keys to press in this order and release in the opposite one.
pub fn parse_chord(chord: &str) -> Result<Vec<KeyCode>, UnknownKey> {
    let names = chord.trim().split(['-', '+']);
    names.map(|name| key_named(name.trim())).collect()
}

fn key_named(name: &str) -> Result<KeyCode, UnknownKey> {
    KeyCode::from_name(name).ok_or_else(|| UnknownKey {
        name: name.to_owned(),
        nearest: nearest(&name.to_ascii_lowercase()),
    })
}

/// No key's name is longer; longer input is not compared.
const LONGEST_NAME: usize = 24;

fn nearest(name: &str) -> Vec<&'static str> {
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Vec::new();
    }
    let known = KEYS.iter().map(|key| key.name);
    let names = known.chain(ALIASES.iter().map(|(alias, _)| *alias));
    let mut near: Vec<(usize, &str)> = names
        .map(|known| (distance(name, known), known))
        .filter(|(distance, known)| *distance <= 2 && *distance < known.len())
        .collect();
    near.sort_unstable();
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Levenshtein distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.bytes().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use qapi::Enum;

    use super::*;

    #[test]
    fn every_key_code_of_qemu_is_a_key_and_comes_back_by_name() {
        let mut seen = 0;
        for name in qapi::qmp::QKeyCode::NAMES {
            if *name == "unmapped" {
                continue;
            }
            let key = KeyCode::from_name(name).unwrap_or_else(|| panic!("{name}"));
            let back = key.qcode().unwrap_or_else(|| panic!("{name}"));
            assert!(
                back == *name || matches!(*name, "asterisk" | "sysrq"),
                "{name} is {back}"
            );
            seen += 1;
        }
        assert!(seen > 130, "{seen}");
    }

    #[test]
    fn every_name_we_claim_for_qemu_is_in_its_list() {
        let theirs: HashSet<&str> = qapi::qmp::QKeyCode::NAMES.iter().copied().collect();
        for key in KEYS.iter().filter(|key| key.in_qemu) {
            assert!(theirs.contains(key.name), "{}", key.name);
        }
    }

    #[test]
    fn the_table_is_sorted_and_has_no_number_twice() {
        assert!(KEYS.windows(2).all(|pair| pair[0].code < pair[1].code));
        let numbers: HashSet<u8> = KEYS.iter().map(|key| key.qnum).collect();
        assert_eq!(numbers.len(), KEYS.len());
        assert!(KEYS.iter().all(|key| key.keysym != 0));
        let names: HashSet<&str> = KEYS.iter().map(|key| key.name).collect();
        assert!(ALIASES.iter().all(|(alias, _)| !names.contains(alias)));
    }

    #[test]
    fn japanese_and_korean_keys_have_qemus_numbers() {
        for (name, qnum) in [
            ("henkan", 0x79),
            ("muhenkan", 0x7b),
            ("katakanahiragana", 0x70),
            ("yen", 0x7d),
            ("ro", 0x73),
            ("hangul", 0x72),
            ("hanja", 0x71),
            ("zenkaku_hankaku", 0x76),
            ("delete", 0xd3),
            ("enter", 0x1c),
            ("super", 0xdb),
        ] {
            assert_eq!(
                KeyCode::from_name(name).and_then(KeyCode::qnum),
                Some(qnum),
                "{name}"
            );
        }
        assert_eq!(KeyCode(0x1d2).qnum(), None);
    }

    #[test]
    fn chords_read_as_people_write_them() {
        let keys = |chord| parse_chord(chord).map_err(|error| error.to_string());
        let reset = vec![KeyCode::LEFT_CTRL, KeyCode::LEFT_ALT, KeyCode::DELETE];
        assert_eq!(keys("ctrl-alt-delete"), Ok(reset.clone()));
        assert_eq!(keys("Ctrl + Alt + Del"), Ok(reset));
        assert_eq!(keys("a"), Ok(vec![KeyCode(30)]));
        assert_eq!(keys("ctrl-;"), Ok(vec![KeyCode::LEFT_CTRL, KeyCode(39)]));
    }

    #[test]
    fn an_unknown_key_names_its_neighbours() {
        let error = parse_chord("ctrl-alt-delte").unwrap_err();
        assert_eq!(error.nearest.first(), Some(&"delete"));
        let text = error.to_string();
        assert!(
            text.starts_with("there is no key called \"delte\"; did you mean delete"),
            "{text}"
        );
        assert_eq!(parse_chord("").unwrap_err().nearest, [""; 0]);
        assert!(parse_chord(&"x".repeat(100_000)).is_err());
    }
}
