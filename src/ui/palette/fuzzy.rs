//! How well a few letters fit a text. The matchers on crates.io are copyleft or unkept, and this
//! is all that is needed of them.

/// A text made ready to be searched: small letters, spaces at most between words.
pub fn letters(text: &str) -> Vec<char> {
    let mut letters = Vec::new();
    for word in text.split_whitespace() {
        if !letters.is_empty() {
            letters.push(' ');
        }
        letters.extend(word.chars().flat_map(char::to_lowercase));
    }
    letters
}

/// `None` unless all letters of the query stand in the text in this order. Letters at the start of
/// words and letters in a row count more, long texts a little less.
pub fn score(query: &[char], text: &[char]) -> Option<i32> {
    let mut best = None;
    // The first letter decides: try each of its places, and take the rest as early as it comes.
    let first = query.first().copied();
    let starts = text
        .iter()
        .enumerate()
        .filter(|(_, letter)| first.is_none_or(|first| first == **letter))
        .map(|(place, _)| place);
    for start in starts.take(8) {
        if let Some(score) = score_from(query, text, start) {
            best = best.max(Some(score));
        }
        if query.is_empty() {
            break;
        }
    }
    best
}

fn score_from(query: &[char], text: &[char], start: usize) -> Option<i32> {
    let mut score = -(text.len().min(100) as i32) / 8;
    if query.is_empty() {
        return Some(0);
    }
    let mut at = start;
    let mut last = None;
    for wanted in query {
        if *wanted == ' ' {
            continue; // Only parts words.
        }
        let found = at + text.get(at..)?.iter().position(|letter| letter == wanted)?;
        let begins = found == 0 || !text[found - 1].is_alphanumeric();
        let follows = last.is_some_and(|last| last + 1 == found);
        score += match (begins, follows) {
            (true, _) => 10,
            (_, true) => 8,
            _ => 1,
        };
        last = Some(found);
        at = found + 1;
    }
    if start == 0 {
        score += 4;
    }
    Some(score)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, better: &str, worse: &str) {
        let score = |text| score(&letters(query), &letters(text)).unwrap_or(i32::MIN);
        assert!(
            score(better) > score(worse),
            "{query}: {better} {} and {worse} {}",
            score(better),
            score(worse)
        );
    }

    #[test]
    fn starts_of_words_and_letters_in_a_row_win() {
        check("nm", "New machine", "Save the machine");
        check("shut", "Shut down Web", "Search the unit");
        check("set", "Settings", "Discard saved state");
        check("web 2", "Open web-2", "Open web-10");
        check("sd", "Shut down", "Discard saved state");
        check("x", "Fix", "Nothing");
    }

    #[test]
    fn everything_fits_nothing() {
        assert_eq!(score(&[], &letters("Start")), Some(0));
        assert_eq!(score(&letters("zz"), &letters("Start")), None);
    }
}
