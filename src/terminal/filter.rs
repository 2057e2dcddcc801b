//! Takes out of what a guest says what an emulator should not see: it is hostile and endless.
//!
//! Control strings (ECMA-48 5.6: OSC, DCS, SOS, PM, APC, and `ESC k`) are swallowed whole. They set titles and colours,
//! read and write the clipboard (OSC 52), and the emulator would keep them in memory until they end, which may be
//! never. Marks that stand on a letter are let through four at a time, since a cell keeps all it is given.

use unicode_width::UnicodeWidthChar as _;

/// Marks on one letter; the languages that stack them need two or three.
const MAX_MARKS: u8 = 4;

const BEL: u8 = 0x07;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const ESC: u8 = 0x1b;

/// Where in a sequence the stream is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After ESC, which is held back.
    Escape,
    /// After ESC and an intermediate byte.
    Intermediate,
    /// After `ESC [`.
    Control,
    /// In a string that nobody sees. An OSC ends at the latest with its line: noise on the line must not silence it.
    Swallow { line: bool },
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct Filter {
    state: State,
    /// Bytes of a character that is not whole yet.
    partial: Vec<u8>,
    /// Marks that may still follow the letter just printed.
    marks_left: u8,
    /// The last character was a mark: repeating it would pile them up.
    after_mark: bool,
}

impl Filter {
    /// Adds what may pass of `bytes` to `out`.
    pub fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            match self.state {
                State::Text => self.text(byte, out),
                State::Escape => self.escape(byte, out),
                State::Intermediate | State::Control => self.sequence(byte, out),
                State::Swallow { line } => self.swallow(byte, line),
            }
        }
    }

    fn text(&mut self, byte: u8, out: &mut Vec<u8>) {
        if byte >= 0x80 {
            return self.not_ascii(byte, out);
        }
        out.append(&mut self.partial); // Cut short: shown as a replacement character.
        match byte {
            ESC => {
                self.state = State::Escape;
                self.marks_left = 0;
            }
            b' '..=b'~' => {
                out.push(byte);
                self.marks_left = MAX_MARKS;
                self.after_mark = false;
            }
            _ => {
                out.push(byte);
                self.marks_left = 0;
            }
        }
    }

    /// UTF-8, byte by byte.
    fn not_ascii(&mut self, byte: u8, out: &mut Vec<u8>) {
        if byte >= 0xc0 {
            out.append(&mut self.partial);
        }
        self.partial.push(byte);
        match std::str::from_utf8(&self.partial) {
            Ok(text) => {
                let width = text.chars().next().and_then(|c| c.width());
                self.character(width, out);
            }
            Err(error) if error.error_len().is_none() => {} // More is to come.
            Err(_) => {
                out.append(&mut self.partial);
                self.marks_left = 0;
            }
        }
    }

    fn character(&mut self, width: Option<usize>, out: &mut Vec<u8>) {
        match width {
            Some(0) if self.marks_left == 0 => return self.partial.clear(),
            Some(0) => {
                self.marks_left -= 1;
                self.after_mark = true;
            }
            Some(_) => {
                self.marks_left = MAX_MARKS;
                self.after_mark = false;
            }
            None => self.marks_left = 0,
        }
        out.append(&mut self.partial);
    }

    fn escape(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.state = match byte {
            b']' => State::Swallow { line: true },
            b'P' | b'X' | b'^' | b'_' | b'k' => State::Swallow { line: false },
            ESC => return, // Begins again.
            CAN | SUB => State::Text,
            b'[' => State::Control,
            b' '..=b'/' => State::Intermediate,
            0..=0x1f => {
                out.push(byte); // Acts at once, in the middle of the sequence.
                return;
            }
            _ => State::Text,
        };
        if !matches!(self.state, State::Swallow { .. }) {
            out.extend([ESC, byte]);
        }
    }

    fn sequence(&mut self, byte: u8, out: &mut Vec<u8>) {
        let last = if self.state == State::Control {
            b'@'..=b'~'
        } else {
            b'0'..=b'~'
        };
        match byte {
            ESC => self.state = State::Escape,
            CAN | SUB => {
                out.push(byte);
                self.state = State::Text;
            }
            _ if last.contains(&byte) => {
                let repeat = self.state == State::Control && byte == b'b';
                out.push(if repeat && self.after_mark { CAN } else { byte });
                self.state = State::Text;
            }
            _ => out.push(byte),
        }
    }

    fn swallow(&mut self, byte: u8, line: bool) {
        self.state = match byte {
            BEL | CAN | SUB => State::Text,
            b'\n' if line => State::Text,
            ESC => State::Escape, // `ESC \` ends the string; any other begins anew.
            _ => self.state,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What passes of `text`, whole and byte by byte.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut whole = Vec::new();
        Filter::default().pass(text.as_bytes(), &mut whole);
        assert_eq!(String::from_utf8_lossy(&whole), expected, "{text:?}");
        let (mut filter, mut single) = (Filter::default(), Vec::new());
        for byte in text.bytes() {
            filter.pass(&[byte], &mut single);
        }
        assert_eq!(single, whole, "{text:?} byte by byte");
    }

    #[test]
    fn titles_the_clipboard_and_other_strings_never_reach_the_emulator() {
        check("a\x1b]0;a title\x07b", "ab");
        check("a\x1b]52;c;c2VjcmV0\x1b\\b", "a\x1b\\b");
        check("a\x1bP$q\"p\x1b\\b", "a\x1b\\b");
        check(
            "a\x1b_G\x1b\\\x1bXs\x1b\\\x1bktitle\x1b\\b",
            "a\x1b\\\x1b\\\x1b\\b",
        );
        check("\x1b]0;never ends\nlogin: ", "login: ");
    }

    #[test]
    fn what_a_terminal_is_for_passes_as_it_is() {
        for text in [
            "plain\r\n\tand\x08 so",
            "\x1b[1;31mred\x1b[0m \x1b[?1049h\x1b(0qqq\x1b(B\x1b7\x1b8\x1bM",
            "grün, 日本語, 🙂, e\u{301}",
            "\x1b[3\x1b[4mtwo",
            "ab\x1b[5b",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn marks_do_not_pile_up_on_a_letter() {
        let marks = |count: usize| "\u{301}".repeat(count);
        check(&format!("e{}f", marks(3)), &format!("e{}f", marks(3)));
        check(&format!("e{}f", marks(100)), &format!("e{}f", marks(4)));
        check(&format!("e\r{}", marks(2)), "e\r");
        check(&format!("e\x1b[m{}", marks(2)), "e\x1b[m");
        check("e\u{301}\x1b[65535b", "e\u{301}\x1b[65535\x18");
    }

    #[test]
    fn an_endless_string_takes_no_memory() {
        let (mut filter, mut out) = (Filter::default(), Vec::new());
        filter.pass(b"\x1b]0;", &mut out);
        for _ in 0..1000 {
            filter.pass(&[b'x'; 4096], &mut out);
        }
        assert!(out.is_empty() && filter.partial.is_empty());
        filter.pass(&[0xff; 4096], &mut out);
        assert!(out.is_empty(), "still in the string");
        filter.pass(b"\x07", &mut out);
        filter.pass(&[0xff; 64], &mut out);
        assert_eq!((out.len(), filter.partial.len()), (64, 0));
    }
}
