//! Combinations of keys: the ones every "Send keys" menu offers, the user's own, and how they are written.

use std::collections::BTreeSet;

use super::{KeyCode, UnknownKey, parse_chord};
use crate::model::{OwnCombination, Settings};

/// More fingers than anyone has.
const MAX_KEYS: usize = 10;

/// What the menus offer before the text consoles: a label in English, and the keys.
const USUAL: &[(&str, &str)] = &[
    ("Ctrl+Alt+Del", "ctrl-alt-delete"),
    ("Ctrl+Alt+Backspace", "ctrl-alt-backspace"),
    ("Ctrl+Shift+Esc", "ctrl-shift-esc"),
    ("Alt+Tab", "alt-tab"),
    ("Alt+F4", "alt-f4"),
    ("Super", "super"),
    ("Super+L", "super-l"),
    ("Print screen", "print"),
    ("Alt+Print screen", "alt-print"),
    ("Pause/Break", "pause"),
    ("Menu", "compose"),
];

/// The text consoles of Linux: Ctrl+Alt+F1 and so on.
const CONSOLES: u8 = 12;

/// A combination that the menus offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// In English, or as the user wrote it.
    pub label: String,
    /// Pressed in this order, let go in the opposite one.
    pub keys: Vec<KeyCode>,
}

impl Offered {
    /// The names of the keys, which [`parse_chord`] understands.
    pub fn names(&self) -> Vec<String> {
        let names = self.keys.iter().filter_map(|key| key.name());
        names.map(str::to_owned).collect()
    }
}

/// The menu in groups that a line parts: the user's own, the usual ones, the text consoles. No group is empty; what
/// can't be read in the settings is left out.
pub fn offered(settings: &Settings) -> Vec<Vec<Offered>> {
    let usual = USUAL.iter().map(|(label, keys)| item(label, keys));
    let consoles =
        (1..=CONSOLES).map(|n| item(&format!("Ctrl+Alt+F{n}"), &format!("ctrl-alt-f{n}")));
    let own = settings
        .combinations
        .iter()
        .map(|own| item(label(own), &own.keys));
    let groups = [
        own.flatten().collect(),
        usual.flatten().collect(),
        consoles.flatten().collect(),
    ];
    groups
        .into_iter()
        .filter(|group: &Vec<Offered>| !group.is_empty())
        .collect()
}

fn item(label: &str, keys: &str) -> Option<Offered> {
    let label = label.to_owned();
    let keys = read(keys).ok()?;
    Some(Offered { label, keys })
}

/// What the user calls it, else its keys.
fn label(own: &OwnCombination) -> &str {
    let name = own.name.trim();
    if name.is_empty() { &own.keys } else { name }
}

/// Why keys are no combination.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CombinationError {
    #[error(transparent)]
    Unknown(#[from] UnknownKey),
    #[error("at most {MAX_KEYS} keys can be held together")]
    TooMany,
    #[error("a key is there twice")]
    Twice,
}

/// Reads `Ctrl+Alt+F2`.
pub fn read(text: &str) -> Result<Vec<KeyCode>, CombinationError> {
    if text.len() > 300 {
        return Err(CombinationError::TooMany);
    }
    let keys = parse_chord(text)?;
    if keys.len() > MAX_KEYS {
        return Err(CombinationError::TooMany);
    }
    if keys.iter().collect::<BTreeSet<_>>().len() < keys.len() {
        return Err(CombinationError::Twice);
    }
    Ok(keys)
}

/// As people write it, modifiers first: `Ctrl+Alt+F2`. [`read`] understands it.
pub fn written(keys: &[KeyCode]) -> String {
    let mut keys = keys.to_vec();
    keys.sort_by_key(|key| {
        MODIFIERS
            .iter()
            .position(|(code, _)| code == key)
            .unwrap_or(MODIFIERS.len())
    });
    let words: Vec<String> = keys.iter().filter_map(|key| word(*key)).collect();
    words.join("+")
}

/// Keys that are held while another is pressed, and how they are written.
const MODIFIERS: &[(KeyCode, &str)] = &[
    (KeyCode::LEFT_CTRL, "Ctrl"),
    (KeyCode(97), "Ctrl_R"),
    (KeyCode::LEFT_SHIFT, "Shift"),
    (KeyCode(54), "Shift_R"),
    (KeyCode::LEFT_ALT, "Alt"),
    (KeyCode::RIGHT_ALT, "AltGr"),
    (KeyCode(125), "Super"),
    (KeyCode(126), "Super_R"),
];

fn word(key: KeyCode) -> Option<String> {
    if let Some((_, word)) = MODIFIERS.iter().find(|(code, _)| *code == key) {
        return Some((*word).to_owned());
    }
    let name = match key {
        KeyCode::ENTER => "enter",
        KeyCode(57) => "space",
        _ => key.name()?,
    };
    let (first, rest) = name.split_at_checked(1)?;
    Some(first.to_ascii_uppercase() + rest)
}

/// Combinations that stay with the desktop while a guest has the keyboard.
///
/// The keys of a combination but its last are held; the last one down decides. The left and the right of a modifier
/// count as the same.
#[derive(Debug, Default)]
pub struct HostKeys {
    /// Sorted, without sides, the deciding key last.
    combinations: Vec<(BTreeSet<KeyCode>, KeyCode)>,
    written: Vec<String>,
    held: BTreeSet<KeyCode>,
}

impl HostKeys {
    /// From now on these, as the settings have them; what can't be read is left out.
    pub fn set(&mut self, written: &[String]) {
        if self.written == written {
            return;
        }
        self.written = written.to_vec();
        let read = written.iter().filter_map(|text| read(text).ok());
        self.combinations = read
            .filter_map(|keys| {
                let (last, held) = keys.split_last()?;
                Some((
                    held.iter().copied().map(sideless).collect(),
                    sideless(*last),
                ))
            })
            .collect();
    }

    /// All keys of a combination but its last are held: the next one may be the desktop's.
    pub fn begun(&self) -> bool {
        let mut combinations = self.combinations.iter();
        combinations.any(|(held, _)| !held.is_empty() && *held == self.held)
    }

    /// Notes a key; says whether its press completes a combination of the desktop.
    pub fn press(&mut self, code: KeyCode, down: bool) -> bool {
        let key = sideless(code);
        if !down {
            self.held.remove(&key);
            return false;
        }
        let complete = self.combinations.iter().any(|(held, last)| {
            *last == key && {
                let mut now = self.held.clone();
                now.remove(&key);
                now == *held
            }
        });
        self.held.insert(key);
        complete
    }

    /// No key is held any more, or it is not known which.
    pub fn forget(&mut self) {
        self.held.clear();
    }
}

fn sideless(key: KeyCode) -> KeyCode {
    match key {
        KeyCode(97) => KeyCode::LEFT_CTRL,
        KeyCode(54) => KeyCode::LEFT_SHIFT,
        KeyCode(126) => KeyCode(125),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_of_the_menu_has_keys_and_the_users_come_first() {
        let mut settings = Settings::default();
        let groups = offered(&settings);
        assert_eq!(groups.len(), 2);
        assert_eq!((groups[0].len(), groups[1].len()), (USUAL.len(), 12));
        assert_eq!(groups[0][0].names(), ["ctrl", "alt", "delete"]);
        let own = |name: &str, keys: &str| OwnCombination {
            name: name.to_owned(),
            keys: keys.to_owned(),
        };
        settings.combinations = vec![
            own("Lock", "Ctrl+Alt+L"),
            own(" ", "Super+E"),
            own("x", "Nokey"),
        ];
        let groups = offered(&settings);
        let labels: Vec<&str> = groups[0].iter().map(|item| item.label.as_str()).collect();
        assert_eq!(labels, ["Lock", "Super+E"]);
    }

    #[test]
    fn what_is_written_can_be_read_again_for_every_key() {
        for code in 0..256 {
            let key = KeyCode(code);
            if key.qnum().is_some() {
                assert_eq!(read(&written(&[key])).as_deref(), Ok(&[key][..]), "{code}");
            }
        }
        let keys = [KeyCode(60), KeyCode::LEFT_ALT, KeyCode::LEFT_CTRL];
        assert_eq!(written(&keys), "Ctrl+Alt+F2");
        assert_eq!(
            read("a+b+c+d+e+f+g+h+i+j+k"),
            Err(CombinationError::TooMany)
        );
        assert_eq!(read("Ctrl+control"), Err(CombinationError::Twice));
        let unknown = read("Ctrl+Foo").unwrap_err().to_string();
        assert!(unknown.contains("no key called \"Foo\""), "{unknown}");
    }

    #[test]
    fn a_combination_of_the_desktop_is_met_exactly_and_on_either_side() {
        let mut host = HostKeys::default();
        host.set(&[
            "Alt+Tab".to_owned(),
            "Super".to_owned(),
            "rubbish".to_owned(),
        ]);
        let (tab, alt, right_super) = (KeyCode::TAB, KeyCode::LEFT_ALT, KeyCode(126));
        assert!(!host.press(tab, true), "Tab alone is the guest's");
        host.press(tab, false);
        assert!(!host.press(alt, true));
        assert!(host.begun());
        assert!(host.press(tab, true));
        host.press(tab, false);
        host.press(KeyCode::LEFT_CTRL, true);
        assert!(!host.begun());
        assert!(!host.press(tab, true), "Ctrl+Alt+Tab is another one");
        host.forget();
        assert!(host.press(right_super, true));
        assert!(host.press(right_super, true), "also while it repeats");
    }
}
