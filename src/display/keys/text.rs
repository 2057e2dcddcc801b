//! Typing text into a guest with a US keyboard layout.

use super::KeyCode;

/// A character that a US keyboard cannot type.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the character \"{character}\" (number {position}) cannot be typed on a US keyboard; use the guest's clipboard for it"
)]
pub struct UntypableChar {
    pub character: char,
    /// Counted from 1.
    pub position: usize,
}

/// Keys of a US keyboard in rows: first code, then what the keys type without and with shift.
const ROWS: &[(u16, &str, &str)] = &[
    (2, "1234567890-=", "!@#$%^&*()_+"),
    (16, "qwertyuiop[]", "QWERTYUIOP{}"),
    (30, "asdfghjkl;'`", "ASDFGHJKL:\"~"),
    (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    (57, " ", ""),
    (28, "\n", ""),
    (15, "\t", ""),
];

/// The chords that type `text`, one for each character. Assumes a US layout in the guest and caps lock off.
pub fn type_text(text: &str) -> Result<Vec<Vec<KeyCode>>, UntypableChar> {
    let text = text.replace("\r\n", "\n");
    let chord = |(at, character)| {
        chord_for(character).ok_or(UntypableChar {
            character,
            position: at + 1,
        })
    };
    text.chars().enumerate().map(chord).collect()
}

/// The keys for one character, shift first.
pub(super) fn chord_for(character: char) -> Option<Vec<KeyCode>> {
    ROWS.iter().find_map(|(first, plain, shifted)| {
        let place = |row: &str| row.chars().position(|typed| typed == character);
        let code = |place: usize| Some(KeyCode(first + u16::try_from(place).ok()?));
        if let Some(place) = place(plain) {
            return Some(vec![code(place)?]);
        }
        Some(vec![KeyCode::LEFT_SHIFT, code(place(shifted)?)?])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_ascii_can_be_typed() {
        let text: String = (' '..='~').chain(['\n', '\t']).collect();
        assert_eq!(type_text(&text).unwrap().len(), 97);
        assert_eq!(type_text("a\r\nb").unwrap().len(), 3);
    }

    #[test]
    fn shifted_characters_hold_shift_and_lie_on_the_right_key() {
        let check = |character: char, name: &str| {
            let key = KeyCode::from_name(name).unwrap();
            let chord = chord_for(character).unwrap();
            assert_eq!(chord, [KeyCode::LEFT_SHIFT, key], "{character}");
        };
        check('Q', "q");
        check('|', "backslash");
        check('?', "slash");
        check('~', "grave_accent");
        check('"', "apostrophe");
        check('+', "equal");
        check('{', "bracket_left");
    }

    #[test]
    fn a_character_that_cannot_be_typed_is_named_with_its_place() {
        let error = type_text("grün").unwrap_err();
        assert_eq!(
            error,
            UntypableChar {
                character: 'ü',
                position: 3
            }
        );
        assert!(error.to_string().contains("\"ü\" (number 3)"));
    }
}
