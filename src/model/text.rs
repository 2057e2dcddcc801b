//! Strings from outside, made harmless where they are shown.

/// `text` with everything that could move a cursor, hide or reorder other text replaced.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() || is_deceptive(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// Bidirectional controls, line separators and characters without a shape.
fn is_deceptive(c: char) -> bool {
    matches!(
        c,
        '\u{061c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_from_outside_can_not_play_with_what_shows_them() {
        assert_eq!(
            clean("a\u{1b}[31mb\u{202e}c\nd\u{200b}e"),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}d\u{fffd}e"
        );
        assert_eq!(clean("Größe 日本"), "Größe 日本");
    }
}
