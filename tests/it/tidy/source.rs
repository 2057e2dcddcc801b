//! Just enough Rust reading for the tidy tests: code without comments and strings, imports as paths, functions.

use super::repository::{files_below, text_of};
use std::path::Path;

/// One source file of the program, tests left out.
pub struct Source {
    /// From the root of the repository.
    pub path: String,
    /// The first part of its module path; `main` and `lib` for those two files.
    pub room: String,
    /// How many `super` lead from the file's own module to the crate.
    depth: usize,
    /// Comments, strings and `#[cfg(test)]` items blanked out; lines stay in place.
    code: String,
}

impl Source {
    /// All of `src` but the test files.
    pub fn of_the_program() -> Vec<Self> {
        files_below(Path::new("src"))
            .into_iter()
            .filter(|path| path.ends_with(".rs") && !is_test_file(path))
            .map(|path| Self::new(&path, &text_of(&path)))
            .collect()
    }

    fn new(path: &str, text: &str) -> Self {
        let module: Vec<&str> = path
            .trim_start_matches("src/")
            .trim_end_matches(".rs")
            .split('/')
            .filter(|part| *part != "mod")
            .collect();
        Self {
            path: path.to_owned(),
            room: module[0].to_owned(),
            depth: module.len(),
            code: without_tests(&blank(text)),
        }
    }

    /// Paths such as `engine::message` into other rooms, with their lines.
    pub fn rooms_used(&self) -> Vec<(usize, String)> {
        let mut used = Vec::new();
        let from_the_crate = "super::".repeat(self.depth);
        // Longer chains of `super` would leave the crate, so a match at this depth ends there.
        for start in ["crate::", "orangery::", &from_the_crate] {
            for at in words(&self.code, start) {
                let line = self.line_at(at);
                for path in expand(&self.code[at + start.len()..]) {
                    if path != self.room
                        && !path.starts_with(&format!("{}::", self.room))
                        && is_room(&path)
                    {
                        used.push((line, path));
                    }
                }
            }
        }
        used
    }

    /// The lines that name a path such as `std::fs`, also inside a braced import, or a word.
    pub fn lines_with(&self, name: &str) -> Vec<usize> {
        let mut lines: Vec<usize> = words(&self.code, name)
            .into_iter()
            .filter(|at| {
                !self.code[at + name.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
            })
            .map(|at| self.line_at(at))
            .collect();
        if let Some((root, rest)) = name.split_once("::") {
            for at in words(&self.code, &format!("{root}::")) {
                let paths = expand(&self.code[at + root.len() + 2..]);
                if paths
                    .iter()
                    .any(|path| path == rest || path.starts_with(&format!("{rest}::")))
                {
                    lines.push(self.line_at(at));
                }
            }
        }
        lines.sort_unstable();
        lines.dedup();
        lines
    }

    fn line_at(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Items of the crate's root, such as `orangery::VERSION`, are no room.
fn is_room(path: &str) -> bool {
    let first = path.split("::").next().unwrap_or_default();
    first.starts_with(|c: char| c.is_ascii_lowercase())
}

/// Where `word` stands and is not the end of a longer word.
fn words(code: &str, word: &str) -> Vec<usize> {
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(|at| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
        .collect()
}

/// The paths of an import tree: `a::{b, c::D}` is `a::b` and `a::c::D`. Stops where the tree ends.
fn expand(text: &str) -> Vec<String> {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
        .unwrap_or(text.len());
    let head = &text[..end];
    if !text[end..].starts_with('{') {
        return vec![head.trim_end_matches(':').to_owned()];
    }
    branches(&text[end + 1..])
        .into_iter()
        .flat_map(|branch| expand(branch.trim()))
        .map(|tail| format!("{head}{tail}"))
        .collect()
}

/// The parts between commas, up to the closing brace of the opened one.
fn branches(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&text[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// Empties the items marked `#[cfg(test)]` at the margin, which rustfmt ends with `}` or `;` there.
fn without_tests(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut in_tests = false;
    for line in code.lines() {
        in_tests |= line.starts_with("#[cfg(test)]");
        if !in_tests {
            kept.push_str(line);
        }
        kept.push('\n');
        let ends =
            line.starts_with('}') || (!line.starts_with([' ', '#']) && line.ends_with([';', '}']));
        in_tests &= !ends;
    }
    kept
}

/// The functions of a file and their lines, from `fn` to the closing brace.
pub fn functions(text: &str) -> Vec<(String, usize)> {
    let code = blank(text);
    let mut found = Vec::new();
    for at in words(&code, "fn ") {
        let rest = &code[at..];
        let name: String = rest[3..]
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        let Some(body) = rest
            .find(['{', ';'])
            .filter(|body| rest[*body..].starts_with('{'))
        else {
            continue; // declared without a body, or a type
        };
        let mut depth = 0;
        let end = rest[body..].char_indices().find_map(|(offset, c)| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            (depth == 0).then_some(body + offset)
        });
        if let (false, Some(end)) = (name.is_empty(), end) {
            found.push((name, rest[..end].matches('\n').count() + 1));
        }
    }
    found
}

/// The text with comments and the insides of strings replaced by spaces, so that only code is left. Lines stay.
pub fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let length = match bytes[at] {
            b'/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            b'/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            b'"' => string_length(rest),
            b'r' if !code.ends_with(|c: char| c.is_alphanumeric() || c == '_') => {
                raw_string_length(rest)
            }
            b'\'' => char_length(rest),
            _ => 0,
        };
        if length == 0 {
            let c = rest.chars().next().unwrap_or(' ');
            code.push(c);
            at += c.len_utf8();
        } else {
            code.extend(
                rest[..length]
                    .chars()
                    .map(|c| if c == '\n' { '\n' } else { ' ' }),
            );
            at += length;
        }
    }
    code
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Of `r"…"` and `r#"…"#`; 0 for other words that begin with r.
fn raw_string_length(text: &str) -> usize {
    let hashes = text[1..].bytes().take_while(|byte| *byte == b'#').count();
    let open = 1 + hashes;
    if !text[open..].starts_with('"') {
        return 0;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    text[open + 1..]
        .find(&close)
        .map_or(text.len(), |end| open + 1 + end + close.len())
}

/// Of a character literal; 0 for a lifetime.
fn char_length(text: &str) -> usize {
    let mut inside = text[1..].char_indices();
    match inside.next() {
        Some((_, '\\')) => text[3..].find('\'').map_or(0, |end| end + 4),
        Some(_) => inside
            .next()
            .filter(|(_, c)| *c == '\'')
            .map_or(0, |(at, _)| at + 2),
        None => 0,
    }
}

#[test]
fn comments_strings_and_tests_are_no_code() {
    let text = "use crate::{a::B, c};\n// crate::d\nlet s = \"crate::e\"; let q = '\"'; let l: &'static str = r#\"crate::f\"#;\n\
                #[cfg(test)]\nmod tests {\n    use crate::g;\n}\nfn f() { crate::h::i() }\n";
    let used: Vec<String> = Source::new("src/room/file.rs", text)
        .rooms_used()
        .into_iter()
        .map(|(_, path)| path)
        .collect();
    assert_eq!(used, ["a::B", "c", "h::i"]);
}

#[test]
fn braced_imports_are_seen_through() {
    let source = Source::new(
        "src/model/x.rs",
        "use std::{\n    fmt,\n    time::{Duration, Instant},\n};\nlet megui = 1;\n",
    );
    assert_eq!(source.lines_with("std::time::Instant"), [1]);
    assert!(source.lines_with("std::fs").is_empty());
    assert!(source.lines_with("egui").is_empty());
}

#[test]
fn the_way_over_super_is_seen() {
    let inner = Source::new(
        "src/engine/worker.rs",
        "use super::super::ui::Screen;\nuse super::message;\n",
    );
    assert_eq!(inner.rooms_used(), [(1, "ui::Screen".to_owned())]);
    let outer = Source::new("src/engine/mod.rs", "use super::ui;\n");
    assert_eq!(outer.rooms_used(), [(1, "ui".to_owned())]);
}

#[test]
fn functions_are_measured_to_their_closing_brace() {
    assert_eq!(
        functions("fn a() {\n    \"}\"\n}\ntrait T { fn b(); }\nfn c() {}\n"),
        [("a".to_owned(), 3), ("c".to_owned(), 1)]
    );
}
