//! Finds the texts of the program in its source: what is given to the language layer, and what other rooms say.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Rooms whose capitalised texts are all words for people.
const SPEAKING_ROOMS: &[&str] = &["src/ui/", "src/console/", "src/model/", "src/app/"];
/// Files of other rooms that say sentences without [`OTHERS`].
const SPEAKING_FILES: &[&str] = &[
    "src/qemu/doctor/",
    "src/qemu/explain.rs",
    "src/qemu/kvm/mod.rs",
    "src/qemu/firmware.rs",
    "src/engine/facts.rs",
    "src/engine/timeline/wording.rs",
    "src/display/frame/follow.rs",
    "src/model/time.rs",
];
/// What is given to these is a text.
const LAYER: &[&str] = &["tr", "fill", "later"];
/// All that stands in the parentheses of these is a text that comes to the screen through `told`.
const OTHERS: &[&str] = &[
    "Failure::new",
    "events::not_responding",
    ".end_waiting",
    ".fix",
    "#[error",
    "new_job",
    "run_job",
    ".progress",
    ".step",
];

/// A text, its plural, and where it was found first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text {
    pub one: String,
    pub many: Option<String>,
    pub place: String,
}

/// One part of a source file.
enum Token {
    Code(char),
    Literal(String, usize),
}

/// All texts, each once.
pub fn of_the_program() -> BTreeSet<Text> {
    let mut found: Vec<Text> = Vec::new();
    for path in sources(Path::new("src")) {
        let name = path.display().to_string();
        let source = std::fs::read_to_string(&path).unwrap();
        let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
        found.extend(texts_of(&name, source));
    }
    found.sort_by(|a, b| (&a.one, b.many.is_some()).cmp(&(&b.one, a.many.is_some())));
    found.dedup_by(|later, first| later.one == first.one);
    found.into_iter().collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") && name != "fake.rs" {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn texts_of(path: &str, source: &str) -> Vec<Text> {
    let tokens = tokens(source);
    let speaking = |places: &[&str]| places.iter().any(|place| path.starts_with(place));
    let mut texts = Vec::new();
    // The names of the calls whose parentheses are open; their first literals for `count`.
    let mut open: Vec<(String, Vec<String>)> = Vec::new();
    let mut code = String::new();
    for token in &tokens {
        match token {
            Token::Code('(') => {
                open.push((callee(&code), Vec::new()));
                code.push('(');
            }
            Token::Code(')') => {
                if let Some((callee, literals)) = open.pop()
                    && callee == "count"
                    && let [one, many, ..] = literals.as_slice()
                {
                    texts.push((one.clone(), Some(many.clone()), 0));
                }
                code.push(')');
            }
            Token::Code(c) => code.push(*c),
            Token::Literal(text, line) => {
                let direct = open
                    .last()
                    .map(|(callee, _)| callee.clone())
                    .unwrap_or_default();
                let first = code.trim_end().ends_with('(');
                let in_layer = LAYER.contains(&direct.as_str()) && first;
                let told = !path.starts_with("src/cli")
                    && open
                        .iter()
                        .any(|(callee, _)| OTHERS.contains(&callee.as_str()));
                let says = speaking(SPEAKING_ROOMS) && is_words(text)
                    || speaking(SPEAKING_FILES)
                        && (is_words(text) || text.matches(' ').count() > 1);
                if let Some((callee, literals)) = open.last_mut()
                    && callee == "count"
                {
                    literals.push(text.clone());
                } else if in_layer || (told || says) && has_letters(text) {
                    texts.push((text.clone(), None, *line));
                }
                code.push('"');
            }
        }
    }
    texts
        .into_iter()
        .map(|(one, many, line)| Text {
            one: if many.is_some() { one } else { normal(&one) },
            many,
            place: format!("{path}:{line}"),
        })
        .collect()
}

/// What is called by the parenthesis that follows `code`: `tr`, `Failure::new`, `.fix`.
fn callee(code: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || "_:#[".contains(c);
    let start = code.char_indices().rev().find(|(_, c)| !is_part(*c));
    let start = start.map_or(0, |(at, c)| if c == '.' { at } else { at + c.len_utf8() });
    let path = &code[start..];
    let path = path.strip_prefix("language::").unwrap_or(path);
    path.to_owned()
}

/// A capital or a quotation mark at the start, and small letters after it.
fn is_words(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_uppercase() || c == '“')
        && chars.any(char::is_lowercase)
        && !text.contains("::")
}

/// As many as the layer needs to tell one text from another.
fn has_letters(text: &str) -> bool {
    let mut fixed = String::new();
    let mut depth = 0;
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            c if depth == 0 && c.is_alphabetic() => fixed.push(c),
            _ => {}
        }
    }
    fixed.chars().count() >= 4 || text.chars().count() < 4 && !fixed.is_empty()
}

/// As the catalogue has it: places without a name are numbered, formats are left out.
fn normal(text: &str) -> String {
    let mut out = String::new();
    let (mut rest, mut number) = (text, 0);
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((place, after)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            continue;
        };
        let name = place.split(':').next().unwrap_or_default();
        if name.is_empty() {
            write!(out, "{{{number}}}").unwrap();
            number += 1;
        } else {
            write!(out, "{{{name}}}").unwrap();
        }
        rest = after;
    }
    out + rest
}

/// The names of a text's places.
pub fn places(text: &str) -> BTreeSet<String> {
    text.split('{')
        .skip(1)
        .filter_map(|part| Some(part.split_once('}')?.0.to_owned()))
        .collect()
}

fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '"' => {
                let (text, length) = plain(rest);
                tokens.push(Token::Literal(text, line));
                length
            }
            'r' if rest.starts_with("r\"") || rest.starts_with("r#\"") => {
                let close = if rest.starts_with("r#") { "\"#" } else { "\"" };
                let start = close.len() + 1;
                let end = rest[start..].find(close).unwrap_or(rest.len() - start);
                tokens.push(Token::Literal(rest[start..start + end].to_owned(), line));
                (start + end + close.len()).min(rest.len())
            }
            '\'' if rest.starts_with("'\\") => rest[3..].find('\'').map_or(1, |at| at + 4),
            '\'' if rest.chars().nth(2) == Some('\'') => {
                2 + rest.chars().nth(1).map_or(0, char::len_utf8)
            }
            c => {
                tokens.push(Token::Code(c));
                c.len_utf8()
            }
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// A literal in quotes: its value, and its length in the source.
fn plain(source: &str) -> (String, usize) {
    let mut value = String::new();
    let mut chars = source.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, at + 1),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                // The line goes on with the next one's first letter.
                Some('\n') => while chars.next_if(|(_, c)| c.is_whitespace()).is_some() {},
                Some(c) => value.push(c),
                None => {}
            },
            c => value.push(c),
        }
    }
    (value, source.len())
}

/// A template for translators, as gettext has it.
pub fn template<'a>(texts: impl Iterator<Item = &'a Text>) -> String {
    let quoted = |text: &str| {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{}\"", text.replace('\n', "\\n").replace('\t', "\\t"))
    };
    let mut out = String::new();
    for text in texts {
        writeln!(out, "#: {}", text.place).unwrap();
        writeln!(out, "msgid {}", quoted(&text.one)).unwrap();
        match &text.many {
            Some(many) => {
                writeln!(out, "msgid_plural {}", quoted(many)).unwrap();
                writeln!(out, "msgstr[0] \"\"\nmsgstr[1] \"\"\n").unwrap();
            }
            None => writeln!(out, "msgstr \"\"\n").unwrap(),
        }
    }
    out
}

#[test]
fn texts_are_read_as_rust_reads_them() {
    let source = "let a = tr(\"One \\\"two\\\"\"); // tr(\"no\")\n\
        fill(\n    \"{name} is \\\n     off\", &[(\"name\", &x)]);\n\
        count(n, \"{count} a\", \"{count} as\");\n\
        Failure::new(format!(\"{} moved {x:?}\", name), \"why not\").fix(\"do it\")\n\
        let c = '\"'; let no = \"no text\";";
    let texts = texts_of("src/engine/x.rs", source);
    let ones: Vec<&str> = texts.iter().map(|text| text.one.as_str()).collect();
    assert_eq!(
        ones,
        [
            "One \"two\"",
            "{name} is off",
            "{count} a",
            "{0} moved {x}",
            "why not",
            "do it"
        ]
    );
    assert_eq!(texts[2].many.as_deref(), Some("{count} as"));
}
