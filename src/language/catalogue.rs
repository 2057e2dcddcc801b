//! One language's texts, read from a gettext catalogue that is part of the program.

use std::borrow::Cow;
use std::collections::HashMap;

/// How deep sentences stand in each other.
const DEPTH: u8 = 2;

/// A text with fewer fixed letters fits nearly everything, and says nothing that could be translated.
const FEW_LETTERS: usize = 4;

/// See the module's text.
pub(super) struct Catalogue {
    texts: HashMap<String, String>,
    plurals: HashMap<String, Vec<String>>,
    /// Texts with places, split at them: fixed parts and names of places in turn.
    patterns: Vec<Pattern>,
}

/// `{name} did not start` as its fixed parts `["", " did not start"]` and places `["name"]`.
struct Pattern {
    parts: Vec<String>,
    names: Vec<String>,
    translation: String,
}

impl Catalogue {
    /// Reads a catalogue of ours; a test holds that it is whole.
    pub(super) fn read(text: &str) -> Self {
        let mut catalogue = Self {
            texts: HashMap::new(),
            plurals: HashMap::new(),
            patterns: Vec::new(),
        };
        let Ok(parsed) = polib::po_file::parse_from_reader(text.as_bytes()) else {
            return catalogue; // English is better than nothing.
        };
        for message in parsed.messages().filter(|message| message.is_translated()) {
            let english = message.msgid().to_owned();
            if let Ok(forms) = message.msgstr_plural() {
                catalogue.plurals.insert(english, forms.clone());
            } else if let Ok(translation) = message.msgstr() {
                let pattern = Pattern::new(&english, translation);
                if !pattern.names.is_empty() && pattern.letters() >= FEW_LETTERS {
                    catalogue.patterns.push(pattern);
                }
                catalogue.texts.insert(english, translation.to_owned());
            }
        }
        // The one with the most fixed text fits best.
        let fixed = |pattern: &Pattern| pattern.parts.iter().map(String::len).sum::<usize>();
        catalogue
            .patterns
            .sort_by_key(|pattern| std::cmp::Reverse(fixed(pattern)));
        catalogue
    }

    pub(super) fn find(&self, english: &str) -> Option<&str> {
        self.texts.get(english).map(String::as_str)
    }

    /// German has two forms, as English has.
    pub(super) fn find_plural(&self, one: &str, number: u64) -> Option<&str> {
        let form = usize::from(number != 1);
        self.plurals.get(one)?.get(form).map(String::as_str)
    }

    /// The translation of a sentence that may have been made from a text with places.
    pub(super) fn told<'a>(&self, sentence: &'a str) -> Cow<'a, str> {
        self.told_within(sentence, DEPTH)
    }

    /// What stands in a place may be a sentence itself: an error inside an error.
    fn told_within<'a>(&self, sentence: &'a str, depth: u8) -> Cow<'a, str> {
        if let Some(found) = self.find(sentence) {
            return Cow::Owned(found.to_owned());
        }
        if depth == 0 {
            return Cow::Borrowed(sentence);
        }
        let found = self.patterns.iter().find_map(|pattern| {
            let values = pattern.values(sentence)?;
            let values: Vec<(&str, Cow<'_, str>)> = pattern
                .names
                .iter()
                .map(String::as_str)
                .zip(
                    values
                        .into_iter()
                        .map(|value| self.told_within(value, depth - 1)),
                )
                .collect();
            let values: Vec<(&str, &dyn std::fmt::Display)> = values
                .iter()
                .map(|(name, value)| (*name, value as &dyn std::fmt::Display))
                .collect();
            Some(super::filled(&pattern.translation, &values))
        });
        found.map_or(Cow::Borrowed(sentence), Cow::Owned)
    }
}

impl Pattern {
    fn new(english: &str, translation: &str) -> Self {
        let (mut parts, mut names) = (Vec::new(), Vec::new());
        let mut rest = english;
        while let Some((before, after)) = rest.split_once('{')
            && let Some((name, after)) = after.split_once('}')
        {
            parts.push(before.to_owned());
            names.push(name.to_owned());
            rest = after;
        }
        parts.push(rest.to_owned());
        Self {
            parts,
            names,
            translation: translation.to_owned(),
        }
    }

    /// Letters that are always the same.
    fn letters(&self) -> usize {
        let all = self.parts.iter().flat_map(|part| part.chars());
        all.filter(|c| c.is_alphabetic()).count()
    }

    /// What stands in the places, if `sentence` was made from this text.
    fn values<'a>(&self, sentence: &'a str) -> Option<Vec<&'a str>> {
        let (first, rest) = self.parts.split_first()?;
        let (last, middle) = rest.split_last()?;
        let inner = sentence.strip_prefix(first.as_str())?;
        let mut inner = inner.strip_suffix(last.as_str())?;
        let mut values = Vec::new();
        for part in middle {
            let (value, after) = inner.split_once(part.as_str())?;
            values.push(value);
            inner = after;
        }
        values.push(inner);
        Some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CATALOGUE: &str = r#"
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n"

msgid "“{0}” could not be read: {source}"
msgstr "{source}, darum wurde „{0}“ nicht gelesen"

msgid "the file is gone"
msgstr "die Datei ist weg"

msgid "{what}: {why}"
msgstr "FALSCH"
"#;

    #[test]
    fn a_sentence_is_found_by_its_fixed_parts_and_one_inside_another_too() {
        let catalogue = Catalogue::read(CATALOGUE);
        assert_eq!(
            catalogue.told("“/a” could not be read: the file is gone"),
            "die Datei ist weg, darum wurde „/a“ nicht gelesen"
        );
        assert_eq!(catalogue.told("one: two"), "one: two");
    }
}
