//! The text of a record: a small, lossless part of RON.
//!
//! Records are maps, lists, strings, numbers, booleans and `None`, in RON's syntax. Reading goes
//! through the `ron` crate, after a walk over the text that refuses what would not survive being
//! written again: in ron 0.12 a bare name such as `Venus(…)` loses its name, the last of two equal
//! keys wins silently, and a number that is too large turns into another one. The same walk finds
//! the line of a value.

use std::collections::BTreeSet;

use serde_json::Value;

/// Deepest nesting that is read.
const DEPTH_LIMIT: usize = 48;
/// Keys that come first in their map, for people.
const FIRST_KEYS: [&str; 4] = ["version", "id", "name", "kind"];

/// Why a text is not a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct TextError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub problem: String,
}

/// Reads a record's tree.
pub fn read(text: &str) -> Result<Value, TextError> {
    walk(text, &mut |_, _| {})?;
    ron::from_str(text).map_err(|error| TextError {
        line: error.span.start.line,
        column: error.span.start.col,
        problem: error.code.to_string(),
    })
}

/// The line of the value at `path`: keys, and numbers for places in a list.
pub fn line_of(text: &str, path: &[String]) -> Option<usize> {
    let mut found = None;
    let mut looking = |at: &[String], line: usize| {
        if at == path {
            found = Some(line);
        }
    };
    walk(text, &mut looking).ok()?;
    found
}

fn walk(text: &str, visit: &mut dyn FnMut(&[String], usize)) -> Result<(), TextError> {
    let mut walker = Walker {
        text,
        at: 0,
        line: 1,
        path: Vec::new(),
        visit,
    };
    walker.value()?;
    walker.space()?;
    match walker.peek() {
        None => Ok(()),
        Some(_) => Err(walker.error("something follows after the end of the record")),
    }
}

struct Walker<'a> {
    text: &'a str,
    /// Byte offset.
    at: usize,
    /// The line of `at`, from 1.
    line: usize,
    path: Vec<String>,
    visit: &'a mut dyn FnMut(&[String], usize),
}

impl Walker<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn advance(&mut self, bytes: usize) {
        #[cfg(test)]
        super::tests::BYTES_LOOKED_AT.add(bytes);
        let passed = &self.text.as_bytes()[self.at..self.at + bytes];
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.at += bytes;
    }

    fn error(&self, problem: impl Into<String>) -> TextError {
        let before = &self.text[..self.at];
        #[cfg(test)]
        super::tests::BYTES_LOOKED_AT.add(before.len());
        let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
        TextError {
            line: self.line,
            column,
            problem: problem.into(),
        }
    }

    /// Skips white space and comments.
    fn space(&mut self) -> Result<(), TextError> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            let blank = rest.len() - trimmed.len();
            let comment = if trimmed.starts_with("//") {
                trimmed.find('\n').unwrap_or(trimmed.len())
            } else if trimmed.starts_with("/*") {
                return Err(self.error("only comments that start with // can be used"));
            } else {
                0
            };
            self.advance(blank + comment);
            if comment == 0 {
                return Ok(());
            }
        }
    }

    fn eat(&mut self, wanted: char) -> Result<bool, TextError> {
        self.space()?;
        let found = self.peek() == Some(wanted);
        if found {
            self.advance(wanted.len_utf8());
        }
        Ok(found)
    }

    fn value(&mut self) -> Result<(), TextError> {
        if self.path.len() > DEPTH_LIMIT {
            return Err(self.error(format!("nested deeper than {DEPTH_LIMIT} levels")));
        }
        self.space()?;
        let line = if self.path.is_empty() { 1 } else { self.line };
        (self.visit)(&self.path, line);
        match self.peek() {
            Some('{') => self.map(),
            Some('[') => self.list(),
            Some('"') => self.string().map(drop),
            Some(c) if c.is_ascii_digit() || matches!(c, '+' | '-' | '.') => self.number(),
            Some(c) if c.is_alphabetic() || c == '_' => self.name(),
            Some('(') => Err(self.error("write maps with { } and lists with [ ], not with ( )")),
            Some(c) => Err(self.error(format!("a value was expected, not “{}”", c.escape_debug()))),
            None => Err(self.error("the text ends too early")),
        }
    }

    fn map(&mut self) -> Result<(), TextError> {
        self.advance(1);
        let mut seen = BTreeSet::new();
        while !self.eat('}')? {
            if self.peek() != Some('"') {
                return Err(self.error("a key in quotation marks or } was expected"));
            }
            let (start, line) = (self.at, self.line);
            let raw = self.string()?;
            let key = plain(&raw);
            if !seen.insert(key.clone()) {
                (self.at, self.line) = (start, line);
                return Err(self.error(format!("the key “{}” is there twice", key.escape_debug())));
            }
            if !self.eat(':')? {
                return Err(self.error("a : was expected after the key"));
            }
            self.path.push(key);
            self.value()?;
            self.path.pop();
            self.separator('}')?;
        }
        Ok(())
    }

    fn list(&mut self) -> Result<(), TextError> {
        self.advance(1);
        let mut index = 0_usize;
        while !self.eat(']')? {
            self.path.push(index.to_string());
            self.value()?;
            self.path.pop();
            index += 1;
            self.separator(']')?;
        }
        Ok(())
    }

    fn separator(&mut self, end: char) -> Result<(), TextError> {
        if self.eat(',')? || self.peek() == Some(end) {
            return Ok(());
        }
        match self.peek() {
            Some(_) => Err(self.error(format!("a , or {end} was expected"))),
            None => Err(self.error("the text ends too early")),
        }
    }

    /// Skips a string and gives it with its quotation marks.
    fn string(&mut self) -> Result<String, TextError> {
        let start = self.at;
        let mut escaped = false;
        for (offset, c) in self.rest().char_indices().skip(1) {
            if !escaped && c == '"' {
                self.advance(offset + 1);
                return Ok(self.text[start..self.at].to_owned());
            }
            escaped = !escaped && c == '\\';
        }
        Err(self.error("a string does not end"))
    }

    fn number(&mut self) -> Result<(), TextError> {
        let rest = self.rest();
        let length = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_')))
            .unwrap_or(rest.len());
        let word = &rest[..length];
        let whole = word.parse::<u64>().is_ok() || word.parse::<i64>().is_ok();
        let real = word.contains(['.', 'e', 'E']) && word.parse().is_ok_and(f64::is_finite);
        if !whole && !real {
            let shown: String = word.chars().take(40).collect();
            return Err(self.error(format!("“{shown}” is not a number that can be kept")));
        }
        self.advance(length);
        Ok(())
    }

    fn name(&mut self) -> Result<(), TextError> {
        let rest = self.rest();
        let length = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        let word = &rest[..length];
        if !matches!(word, "true" | "false" | "None") {
            let shown: String = word.chars().take(40).collect();
            return Err(self.error(format!("“{shown}” must stand in quotation marks")));
        }
        self.advance(length);
        Ok(())
    }
}

/// What a string with its quotation marks says.
fn plain(raw: &str) -> String {
    // Nearly all keys are as they stand; a reader for each would cost more than all the rest.
    match raw.contains('\\') {
        true => ron::from_str(raw).unwrap_or_else(|_| raw.to_owned()),
        false => raw.trim_matches('"').to_owned(),
    }
}

/// Writes a tree as text that starts with `comment`.
pub fn write(comment: &str, tree: &Value) -> String {
    let mut out = String::new();
    for line in comment.lines() {
        out.push_str("// ");
        out.push_str(line);
        out.push('\n');
    }
    write_value(&mut out, tree, 0);
    out.push('\n');
    out
}

fn indent(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push_str("    ");
    }
}

fn write_value(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => write_list(out, items, depth),
        Value::Object(map) => write_map(out, map, depth),
    }
}

fn write_list(out: &mut String, items: &[Value], depth: usize) {
    let flat = items.len() <= 8 && items.iter().all(|item| item.is_number());
    if flat {
        let words: Vec<String> = items.iter().map(ToString::to_string).collect();
        out.push_str(&format!("[{}]", words.join(", ")));
        return;
    }
    out.push_str("[\n");
    for item in items {
        indent(out, depth + 1);
        write_value(out, item, depth + 1);
        out.push_str(",\n");
    }
    indent(out, depth);
    out.push(']');
}

fn write_map(out: &mut String, map: &serde_json::Map<String, Value>, depth: usize) {
    if map.is_empty() {
        out.push_str("{}");
        return;
    }
    let rank = |key: &str| FIRST_KEYS.iter().position(|first| *first == key);
    let mut entries: Vec<(&String, &Value)> = map.iter().collect();
    entries.sort_by_key(|(key, _)| (rank(key).unwrap_or(FIRST_KEYS.len()), (*key).clone()));
    out.push_str("{\n");
    for (key, value) in entries {
        indent(out, depth + 1);
        write_string(out, key);
        out.push_str(": ");
        write_value(out, value, depth + 1);
        out.push_str(",\n");
    }
    indent(out, depth);
    out.push('}');
}

/// Characters that can't be seen or turn the line round are written as escapes.
fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}') =>
            {
                out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
