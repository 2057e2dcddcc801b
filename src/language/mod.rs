//! The language of the window: every text that a person reads goes through here.
//!
//! English is what stands in the code; another language is a gettext catalogue in
//! `assets/languages` with the English text as its key. `{name}` in a text is filled in.
//!
//! - [`tr`] for a fixed text, [`fill`] for one with values, [`count`] for one that depends on a number.
//! - [`told`] for what other rooms say in English: failures, refusals, steps of jobs. It finds the
//!   text that the sentence was made from by its fixed parts. Places without a name have their number as key:
//!   `"{} of {}"` in the code is `"{0} of {1}"` in the catalogue.
//!
//! The language is chosen for each thread: only the thread that draws speaks it.

mod catalogue;

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::Display;
use std::sync::OnceLock;

use catalogue::Catalogue;

/// A language that the window speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    English,
    German,
    /// Marks every text that went through here, so that a test finds those that did not.
    Marked,
}

thread_local! {
    static SPOKEN: Cell<Language> = const { Cell::new(Language::English) };
}

/// Speaks `language` on this thread from now on.
pub fn choose(language: Language) {
    SPOKEN.set(language);
}

/// The language that this thread speaks.
pub fn spoken() -> Language {
    SPOKEN.get()
}

impl Language {
    /// The first language of ours among locale names such as `de_DE.UTF-8`; English if there is none.
    pub fn of_locales<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        // The first name that is set decides (locale(7)): LC_ALL, LC_MESSAGES, LANG.
        match names.into_iter().find(|name| !name.is_empty()) {
            Some(name) if name.starts_with("de") => Self::German,
            _ => Self::English,
        }
    }

    /// The language of `locale`, or, without one, what the environment says.
    pub fn wanted(locale: Option<&str>) -> Self {
        let said = ["LC_ALL", "LC_MESSAGES", "LANG"].map(|name| std::env::var(name).ok());
        let said = said.iter().flatten().map(String::as_str);
        Self::of_locales(locale.into_iter().chain(said))
    }

    fn catalogue(self) -> Option<&'static Catalogue> {
        static GERMAN: OnceLock<Catalogue> = OnceLock::new();
        match self {
            Self::English | Self::Marked => None,
            Self::German => Some(
                GERMAN
                    .get_or_init(|| Catalogue::read(include_str!("../../assets/languages/de.po"))),
            ),
        }
    }
}

/// `text` in the spoken language.
pub fn tr(text: &'static str) -> &'static str {
    match spoken() {
        Language::English => text,
        Language::Marked => marked(text),
        language => language
            .catalogue()
            .and_then(|catalogue| catalogue.find(text))
            .unwrap_or(text),
    }
}

/// `text` in the spoken language, with each `{name}` replaced by its value.
pub fn fill(text: &'static str, values: &[(&str, &dyn Display)]) -> String {
    filled(tr(text), values)
}

/// `one` or `many` as `number` asks for, with `{count}` replaced by it.
pub fn count(number: u64, one: &'static str, many: &'static str) -> String {
    let text = match spoken() {
        Language::English if number == 1 => one,
        Language::English => many,
        Language::Marked => marked(if number == 1 { one } else { many }),
        language => language
            .catalogue()
            .and_then(|catalogue| catalogue.find_plural(one, number))
            .unwrap_or(if number == 1 { one } else { many }),
    };
    filled(text, &[("count", &number)])
}

/// Marks a text that is shown later through [`tr`] or [`fill`], so that it is found with the others.
pub const fn later(text: &'static str) -> &'static str {
    text
}

/// What another room said in English, in the spoken language.
pub fn told(text: &str) -> Cow<'_, str> {
    match spoken() {
        Language::English => Cow::Borrowed(text),
        Language::Marked => Cow::Owned(format!("⟦{text}⟧")),
        language => match language.catalogue() {
            Some(catalogue) => catalogue.told(text),
            None => Cow::Borrowed(text),
        },
    }
}

fn filled(text: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            continue;
        };
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => out.push_str(&value.to_string()),
            None => {
                out.push('{');
                out.push_str(name);
                out.push('}');
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Kept for ever: there are as many as texts in the code.
fn marked(text: &'static str) -> &'static str {
    use std::collections::BTreeMap;
    use std::sync::{Mutex, PoisonError};
    static MARKED: Mutex<BTreeMap<&str, &str>> = Mutex::new(BTreeMap::new());
    let mut known = MARKED.lock().unwrap_or_else(PoisonError::into_inner);
    known
        .entry(text)
        .or_insert_with(|| Box::leak(format!("⟦{text}⟧").into_boxed_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fill_their_places_in_any_language() {
        let name = "Web {x}";
        assert_eq!(
            fill("{name} is in the trash", &[("name", &name)]),
            "Web {x} is in the trash"
        );
        assert_eq!(count(1, "{count} machine", "{count} machines"), "1 machine");
        assert_eq!(
            count(0, "{count} machine", "{count} machines"),
            "0 machines"
        );
        choose(Language::German);
        assert_eq!(
            fill("{name} is in the trash", &[("name", &name)]),
            "Web {x} ist im Papierkorb"
        );
        assert_eq!(
            count(2, "{count} machine", "{count} machines"),
            "2 Maschinen"
        );
        assert_eq!(told("Debian did not start"), "Debian ist nicht gestartet");
        assert_eq!(told("nobody knows this"), "nobody knows this");
    }

    #[test]
    fn the_desktops_language_decides() {
        assert_eq!(Language::of_locales(["", "de_AT.UTF-8"]), Language::German);
        assert_eq!(Language::of_locales(["C", "de_AT"]), Language::English);
        assert_eq!(Language::of_locales([]), Language::English);
    }
}
