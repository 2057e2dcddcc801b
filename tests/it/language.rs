//! Every text that a person reads goes through the language layer, and every language has all of them.

mod marked;
mod texts;

use std::collections::BTreeSet;

use texts::Text;

/// The catalogues, by their files.
const CATALOGUES: &[&str] = &["assets/languages/de.po"];

/// Capitalised texts of `ui`, `console` and `model` that nobody reads as words.
const NOT_WORDS: &[&str] = &[
    "MiB",
    "GiB",
    "Downloads",
    "Debian",
    "D-Bus",
    "RFB",
    "Btrfs",
    "ReFS",
    "SquashFS",
    "BitLocker",
    "English",
    "Deutsch",
    "Orangery",
    "QEMU's log",
    "Orangery {0}",
    "Pictures",
    "Pictures/Orangery",
    "^Orangery$",
    "Typing",
];

/// The texts of the program, without those that are no words.
fn all() -> BTreeSet<Text> {
    let mut all = texts::of_the_program();
    all.retain(|text| !NOT_WORDS.contains(&text.one.as_str()));
    all
}

/// Reads a catalogue's keys that are translated.
fn keys(path: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let parsed = polib::po_file::parse_from_reader(text.as_bytes()).unwrap();
    let translated = parsed.messages().filter(|message| message.is_translated());
    translated
        .map(|message| message.msgid().to_owned())
        .collect()
}

/// `ORANGERY_WRITE_POT=file cargo test --test it texts_are_collected` writes what the German catalogue lacks.
#[test]
fn texts_are_collected_wherever_they_stand() {
    let all = all();
    let has = |one: &str| all.iter().any(|text| text.one == one);
    for text in [
        "Power off",
        "Cut the power; the guest may lose what it has not written",
        "{name} is in the trash",
        "Drop or choose a file",
        "Press {key} to release the keyboard",
        "“{0}” could not be read: {source}",
        "That was not done",
        "Right Ctrl",
        "Not responding",
    ] {
        assert!(has(text), "“{text}” was not found");
    }
    let plural = all.iter().find(|text| text.one == "{count} machine");
    assert_eq!(plural.unwrap().many.as_deref(), Some("{count} machines"));
    if let Some(path) = std::env::var_os("ORANGERY_WRITE_POT") {
        let known = keys(CATALOGUES[0]);
        let missing = all.iter().filter(|text| !known.contains(&text.one));
        std::fs::File::create(&path)
            .and_then(|mut file| {
                std::io::Write::write_all(&mut file, texts::template(missing).as_bytes())
            })
            .unwrap();
        println!("wrote {}", std::path::Path::new(&path).display());
    }
}

#[test]
fn every_language_has_every_text() {
    for path in CATALOGUES {
        let known = keys(path);
        let missing: Vec<String> = all()
            .into_iter()
            .filter(|text| !known.contains(&text.one))
            .map(|text| format!("{}: {:?}", text.place, text.one))
            .collect();
        assert!(
            missing.is_empty(),
            "{path} lacks {} texts:\n  {}",
            missing.len(),
            missing.join("\n  ")
        );
    }
}

/// A catalogue that names a place which the text has not would show it unfilled.
#[test]
fn translations_fill_the_same_places() {
    for path in CATALOGUES {
        let text = std::fs::read_to_string(path).unwrap();
        let parsed = polib::po_file::parse_from_reader(text.as_bytes()).unwrap();
        for message in parsed.messages().filter(|message| message.is_translated()) {
            let mut forms: Vec<&str> = Vec::new();
            match message.msgstr_plural() {
                Ok(plural) => forms.extend(plural.iter().map(String::as_str)),
                Err(_) => forms.extend(message.msgstr().ok()),
            }
            let wanted = texts::places(message.msgid());
            for form in forms {
                for place in texts::places(form) {
                    let fits = wanted.contains(&place) || place == "count";
                    assert!(fits, "{path}: {form:?} has {{{place}}}");
                }
            }
        }
    }
}
