//! Typing text into a guest, by its keyboard layout.

use super::{KeyCode, Layout};

/// A character that a layout cannot type. Nothing was typed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the character {} (number {position}) can't be typed with the layout “{}”{}", self.shown(), layout.name, hint(others))]
pub struct UntypableChar {
    pub character: char,
    /// Counted from 1.
    pub position: usize,
    pub layout: &'static Layout,
    /// Up to three layouts that could type the whole text.
    pub others: Vec<&'static Layout>,
}

fn hint(others: &[&Layout]) -> String {
    if others.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = others.iter().map(|layout| layout.name).collect();
    format!("; it can with {}", names.join(", "))
}

impl UntypableChar {
    /// The character between marks; those that are not seen, or join the one before them, by their number.
    pub fn shown(&self) -> String {
        let code = u32::from(self.character);
        let invisible = self.character.is_control() || self.character.is_whitespace();
        if invisible || matches!(code, 0x300..=0x36f | 0x200b..=0x200f | 0x202a..=0x202e | 0xfeff) {
            format!("U+{code:04X}")
        } else {
            format!("“{}”", self.character)
        }
    }
}

/// The chords that type `text` with `layout`: one for most characters, two where it takes a dead key. Assumes that
/// caps lock is off.
pub fn type_text(layout: &'static Layout, text: &str) -> Result<Vec<Vec<KeyCode>>, UntypableChar> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut chords = Vec::new();
    for (at, character) in text.chars().enumerate() {
        let Some(more) = layout.chords(character) else {
            return Err(UntypableChar {
                character,
                position: at + 1,
                layout,
                others: layouts_for(&text),
            });
        };
        chords.extend(more);
    }
    Ok(chords)
}

fn layouts_for(text: &str) -> Vec<&'static Layout> {
    let can = |layout: &&Layout| text.chars().all(|c| layout.chords(c).is_some());
    let able = Layout::all().iter().filter(can);
    able.take(3).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(layout: &str, text: &str) -> Result<Vec<Vec<KeyCode>>, UntypableChar> {
        type_text(Layout::find(layout).unwrap(), text)
    }

    #[test]
    fn line_ends_of_all_systems_are_enter() {
        for text in ["a\r\nb", "a\rb", "a\nb"] {
            assert_eq!(typed("us", text).unwrap()[1], [KeyCode::ENTER], "{text:?}");
            assert_eq!(typed("us", text).unwrap().len(), 3, "{text:?}");
        }
    }

    #[test]
    fn a_character_that_cannot_be_typed_is_named_with_its_place_and_who_could() {
        let error = typed("us", "grün").unwrap_err();
        assert_eq!((error.character, error.position), ('ü', 3));
        let text = error.to_string();
        assert!(text.starts_with(
            "the character “ü” (number 3) can't be typed with the layout “English (US)”; it can with English (US, international), English (UK), German"
        ), "{text}");
        let error = typed("de", "ok 漢").unwrap_err();
        assert_eq!(error.position, 4);
        assert!(error.others.is_empty());
        let bell = typed("de", "\u{7}").unwrap_err().to_string();
        assert!(bell.contains("U+0007"), "{bell}");
    }

    #[test]
    fn a_german_sentence_takes_dead_keys_where_it_must() {
        assert_eq!(typed("de", "Größe €25 @ ê").unwrap().len(), 14);
    }
}
