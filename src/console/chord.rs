//! The keys that the "Send keys" menu presses for the person.

use crate::display::Input;
use crate::display::keys::{KeyCode, parse_chord};
use crate::language::tr;

/// The menu: what it says and the chord behind it. `None` is a line between groups.
pub fn menu() -> impl Iterator<Item = Option<(String, String)>> {
    let named = |label: &str, chord: &str| Some((label.to_owned(), chord.to_owned()));
    let first = [
        named("Ctrl+Alt+Delete", "ctrl-alt-delete"),
        named("Ctrl+Alt+Backspace", "ctrl-alt-backspace"),
        named(tr("Super"), "super"),
        named(tr("Print screen"), "print"),
        None,
    ];
    let consoles = (1..=12).map(|n| Some((format!("Ctrl+Alt+F{n}"), format!("ctrl-alt-f{n}"))));
    first.into_iter().chain(consoles)
}

/// Presses the keys in order and lets them go in the opposite one. An unknown chord is nothing.
pub fn presses(chord: &str) -> Vec<Input> {
    let keys = parse_chord(chord).unwrap_or_default();
    let key = |down: bool| move |code: KeyCode| Input::Key { code, down };
    let down = keys.clone().into_iter().map(key(true));
    let up = keys.into_iter().rev().map(key(false));
    down.chain(up).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_of_the_menu_presses_and_releases_keys() {
        for (label, chord) in menu().flatten() {
            let keys = parse_chord(&chord).unwrap_or_else(|error| panic!("{label}: {error}"));
            assert_eq!(presses(&chord).len(), keys.len() * 2);
        }
        let delete = presses("ctrl-alt-delete");
        assert_eq!(
            delete[0],
            Input::Key {
                code: KeyCode::LEFT_CTRL,
                down: true
            }
        );
        assert_eq!(
            delete[5],
            Input::Key {
                code: KeyCode::LEFT_CTRL,
                down: false
            }
        );
        assert_eq!(presses("no-such-key"), []);
    }
}
