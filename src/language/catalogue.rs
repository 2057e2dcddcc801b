//! One language's texts, read from a gettext catalogue that is part of the program.

use std::borrow::Cow;
use std::collections::HashMap;

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
                if english.contains('{') {
                    catalogue.patterns.push(Pattern::new(&english, translation));
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
        if let Some(found) = self.find(sentence) {
            return Cow::Owned(found.to_owned());
        }
        let found = self.patterns.iter().find_map(|pattern| {
            let values = pattern.values(sentence)?;
            let values: Vec<(&str, Cow<'_, str>)> = pattern
                .names
                .iter()
                .map(String::as_str)
                .zip(values.into_iter().map(|value| self.told_inside(value)))
                .collect();
            let values: Vec<(&str, &dyn std::fmt::Display)> = values
                .iter()
                .map(|(name, value)| (*name, value as &dyn std::fmt::Display))
                .collect();
            Some(super::filled(&pattern.translation, &values))
        });
        found.map_or(Cow::Borrowed(sentence), Cow::Owned)
    }

    /// A value may be a sentence itself: an error inside an error. One level is enough.
    fn told_inside<'a>(&self, value: &'a str) -> Cow<'a, str> {
        self.find(value)
            .map_or(Cow::Borrowed(value), |found| Cow::Owned(found.to_owned()))
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
