//! How well a few letters fit a text. The matchers on crates.io are copyleft or unkept, and they find some letters of
//! anything in anything; nothing is better than noise.

/// From how many letters on a word may lack some.
const LOOSE: usize = 4;
/// A lack of more letters in a row is another word.
const MAX_GAP: usize = 2;

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

/// `None` unless every word of the query is found: best as a word or its start, then as the starts of several words
/// ("nm" of "New machine"), as a part of a word, and last as a word with few letters left out. Long texts count a
/// little less.
pub fn score(query: &[char], text: &[char]) -> Option<i32> {
    let words: Vec<&[char]> = text
        .split(|letter| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let mut score = -(text.len().min(100) as i32) / 8;
    let mut wanted = query
        .split(|letter| !letter.is_alphanumeric())
        .filter(|wanted| !wanted.is_empty())
        .peekable();
    if wanted.peek().is_none() {
        return query.is_empty().then_some(0);
    }
    for wanted in wanted {
        score += starts(wanted, &words)
            .or_else(|| inside(wanted, &words))
            .or_else(|| loose(wanted, &words))?;
    }
    Some(score)
}

/// All letters, in order, at the starts of words: each word gives as many as it likes, or none.
fn starts(wanted: &[char], words: &[&[char]]) -> Option<i32> {
    // What the first letters are worth, so far.
    let mut best: Vec<Option<i32>> = vec![None; wanted.len() + 1];
    best[0] = Some(0);
    for (place, word) in words.iter().enumerate() {
        // From the end, so that no word gives twice.
        for from in (0..wanted.len()).rev() {
            let Some(so_far) = best[from] else { continue };
            let common = wanted[from..].iter().zip(*word);
            let common = common.take_while(|(a, b)| a == b).count();
            for taken in 1..=common {
                let whole = if taken == word.len() { 5 } else { 0 };
                let first = if place == 0 { 4 } else { 0 };
                let worth = so_far + 10 + 8 * (taken as i32 - 1) + whole + first;
                let known = &mut best[from + taken];
                *known = (*known).max(Some(worth));
            }
        }
    }
    best[wanted.len()]
}

/// In a row, somewhere in a word.
fn inside(wanted: &[char], words: &[&[char]]) -> Option<i32> {
    let has = |word: &&[char]| word.windows(wanted.len()).any(|part| part == wanted);
    words.iter().any(has).then_some(5 * wanted.len() as i32)
}

/// From the start of a word on, a third of the letters at most left out.
fn loose(wanted: &[char], words: &[&[char]]) -> Option<i32> {
    if wanted.len() < LOOSE {
        return None;
    }
    let missing = |word: &&[char]| {
        let (first, rest) = wanted.split_first()?;
        let (start, mut word) = word.split_first()?;
        let mut missing = 0;
        for letter in rest {
            let gap = word.iter().position(|other| other == letter)?;
            missing += gap;
            if gap > MAX_GAP || missing > wanted.len() / 3 {
                return None;
            }
            word = word.get(gap + 1..)?;
        }
        (first == start).then_some(missing)
    };
    let missing = words.iter().filter_map(missing).min()?;
    Some(3 * wanted.len() as i32 - 2 * missing as i32)
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
    fn words_come_before_starts_before_parts_before_what_lacks_letters() {
        check("nm", "New machine", "Save the machine");
        check("shut", "Shut down Web", "Search the unit");
        check("set", "Settings", "Discard saved state");
        check("web 2", "Open web-2", "Open web-10");
        check("sd", "Shut down", "Discard saved state");
        check("x", "Fix", "Nothing");
        check("start", "Start: Debian", "Restart: Debian");
        check("web", "Go to Web", "Go to Webserver");
        check("start: web", "Start: Web", "Start: Mail");
        check("reset", "Reset: Debian", "Preset: Debian");
        check("setings", "Settings", "Save: tings");
        check("machine new", "New machine", "Machine");
    }

    #[test]
    fn letters_that_lie_far_apart_are_no_match() {
        let noise = [
            "Search the unit of everything",
            "Selected: Cut off the power",
            "Save: Accurate",
            "Discard saved state: Cure",
            "Theme: as the desktop",
        ];
        for text in noise {
            assert_eq!(score(&letters("secure"), &letters(text)), None, "{text}");
        }
        check("secure", "Secure boot", "Search the unit");
    }

    #[test]
    fn everything_fits_nothing() {
        assert_eq!(score(&[], &letters("Start")), Some(0));
        assert_eq!(score(&letters("zz"), &letters("Start")), None);
        assert_eq!(score(&letters("…"), &letters("Start")), None);
    }
}
