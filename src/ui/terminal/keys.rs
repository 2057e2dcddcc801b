//! What keys, the wheel and the pointer mean to a program in a terminal, in bytes.
//!
//! As xterm has it ("XTerm Control Sequences", <https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>).

use egui::{Key, Modifiers};

use crate::terminal::{Modes, Mouse};

/// What a pressed key sends; `None` for keys that come as text, or mean nothing to a terminal.
pub fn key(key: Key, held: Modifiers, modes: Modes) -> Option<Vec<u8>> {
    if let Some(byte) = control(key, held) {
        let mut bytes = if held.alt { vec![0x1b] } else { Vec::new() };
        bytes.push(byte);
        if key == Key::Enter && modes.new_line {
            bytes.push(b'\n');
        }
        return Some(bytes);
    }
    if key == Key::Tab {
        return held.shift.then(|| b"\x1b[Z".to_vec());
    }
    let number = 1 + u8::from(held.shift) + 2 * u8::from(held.alt) + 4 * u8::from(held.ctrl);
    let text = match named(key)? {
        Named::Letter(letter) if number > 1 => format!("\x1b[1;{number}{letter}"),
        Named::Letter(letter) if modes.application_cursor => format!("\x1bO{letter}"),
        Named::Letter(letter) => format!("\x1b[{letter}"),
        Named::Function(letter) if number > 1 => format!("\x1b[1;{number}{letter}"),
        Named::Function(letter) => format!("\x1bO{letter}"),
        Named::Number(code) if number > 1 => format!("\x1b[{code};{number}~"),
        Named::Number(code) => format!("\x1b[{code}~"),
    };
    Some(text.into_bytes())
}

/// Keys that are one byte.
fn control(key: Key, held: Modifiers) -> Option<u8> {
    match key {
        Key::Enter => return Some(b'\r'),
        Key::Escape => return Some(0x1b),
        Key::Backspace => return Some(if held.ctrl { 0x08 } else { 0x7f }),
        Key::Tab if !held.shift => return Some(b'\t'),
        _ if !held.ctrl => return None,
        _ => {}
    }
    Some(match key {
        Key::Space | Key::Num2 => 0x00,
        Key::OpenBracket | Key::Num3 => 0x1b,
        Key::Backslash | Key::Num4 => 0x1c,
        Key::CloseBracket | Key::Num5 => 0x1d,
        Key::Num6 => 0x1e,
        Key::Minus | Key::Slash | Key::Num7 => 0x1f,
        Key::Num8 => 0x7f,
        letter => match letter.name().as_bytes() {
            [byte @ b'A'..=b'Z'] => byte & 0x1f,
            _ => return None,
        },
    })
}

enum Named {
    /// Follows the mode of the cursor keys.
    Letter(char),
    Function(char),
    Number(u8),
}

fn named(key: Key) -> Option<Named> {
    Some(match key {
        Key::ArrowUp => Named::Letter('A'),
        Key::ArrowDown => Named::Letter('B'),
        Key::ArrowRight => Named::Letter('C'),
        Key::ArrowLeft => Named::Letter('D'),
        Key::Home => Named::Letter('H'),
        Key::End => Named::Letter('F'),
        Key::Insert => Named::Number(2),
        Key::Delete => Named::Number(3),
        Key::PageUp => Named::Number(5),
        Key::PageDown => Named::Number(6),
        Key::F1 => Named::Function('P'),
        Key::F2 => Named::Function('Q'),
        Key::F3 => Named::Function('R'),
        Key::F4 => Named::Function('S'),
        Key::F5 => Named::Number(15),
        Key::F6 => Named::Number(17),
        Key::F7 => Named::Number(18),
        Key::F8 => Named::Number(19),
        Key::F9 => Named::Number(20),
        Key::F10 => Named::Number(21),
        Key::F11 => Named::Number(23),
        Key::F12 => Named::Number(24),
        _ => return None,
    })
}

/// What typed text sends.
pub fn text(text: &str, held: Modifiers) -> Vec<u8> {
    let mut bytes = if held.alt { vec![0x1b] } else { Vec::new() };
    bytes.extend(text.as_bytes());
    bytes
}

/// What pasted text sends: lines end as Enter does, and nothing in it can end the brackets.
pub fn paste(text: &str, modes: Modes) -> Vec<u8> {
    let text = text.replace("\r\n", "\r").replace('\n', "\r");
    if !modes.bracketed_paste {
        return text.into_bytes();
    }
    let text = text.replace('\x1b', "");
    format!("\x1b[200~{text}\x1b[201~").into_bytes()
}

/// What happened to the mouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Press,
    Release,
    Move,
}

/// Buttons as xterm numbers them; the wheel has two.
pub const LEFT: u8 = 0;
pub const MIDDLE: u8 = 1;
pub const RIGHT: u8 = 2;
pub const NO_BUTTON: u8 = 3;
pub const WHEEL_UP: u8 = 64;
pub const WHEEL_DOWN: u8 = 65;

/// What the mouse sends in a cell, counted from 0; `None` if the program does not want it.
pub fn mouse(
    act: Act,
    button: u8,
    (column, row): (usize, usize),
    held: Modifiers,
    modes: Modes,
) -> Option<Vec<u8>> {
    let wanted = match (act, modes.mouse) {
        (_, Mouse::Nothing) => false,
        (Act::Press | Act::Release, _) => true,
        (Act::Move, Mouse::Clicks) => false,
        (Act::Move, Mouse::Drags) => button != NO_BUTTON,
        (Act::Move, Mouse::Motion) => true,
    };
    if !wanted {
        return None;
    }
    let code = button
        + 4 * u8::from(held.shift)
        + 8 * u8::from(held.alt)
        + 16 * u8::from(held.ctrl)
        + if act == Act::Move { 32 } else { 0 };
    if modes.sgr_mouse {
        let end = if act == Act::Release { 'm' } else { 'M' };
        return Some(format!("\x1b[<{code};{};{}{end}", column + 1, row + 1).into_bytes());
    }
    let code = if act == Act::Release {
        code | NO_BUTTON
    } else {
        code
    };
    // Beyond column 223 the old form has no way to say where.
    let place = |at: usize| u8::try_from(at + 33).ok();
    Some(vec![
        0x1b,
        b'[',
        b'M',
        code + 32,
        place(column)?,
        place(row)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Modes = Modes {
        application_cursor: false,
        bracketed_paste: false,
        alternate_screen: false,
        alternate_scroll: false,
        mouse: Mouse::Nothing,
        sgr_mouse: false,
        new_line: false,
    };

    #[track_caller]
    fn check(pressed: Key, held: Modifiers, expected: &str) {
        let bytes = key(pressed, held, PLAIN).unwrap_or_default();
        assert_eq!(String::from_utf8(bytes).unwrap(), expected, "{pressed:?}");
    }

    #[test]
    fn keys_are_what_xterm_sends() {
        let none = Modifiers::NONE;
        check(Key::Enter, none, "\r");
        check(Key::Backspace, none, "\x7f");
        check(Key::Escape, none, "\x1b");
        check(Key::Tab, none, "\t");
        check(Key::Tab, Modifiers::SHIFT, "\x1b[Z");
        check(Key::ArrowUp, none, "\x1b[A");
        check(Key::ArrowLeft, Modifiers::CTRL, "\x1b[1;5D");
        check(Key::F1, none, "\x1bOP");
        check(Key::F4, Modifiers::SHIFT, "\x1b[1;2S");
        check(Key::F12, none, "\x1b[24~");
        check(Key::Delete, Modifiers::ALT, "\x1b[3;3~");
        check(Key::C, Modifiers::CTRL, "\x03");
        check(Key::C, Modifiers::CTRL | Modifiers::ALT, "\x1b\x03");
        check(Key::Space, Modifiers::CTRL, "\0");
        check(Key::Backslash, Modifiers::CTRL, "\x1c");
        check(Key::A, none, "");
        check(Key::A, Modifiers::ALT, "");
        let modes = Modes {
            application_cursor: true,
            new_line: true,
            ..PLAIN
        };
        assert_eq!(key(Key::ArrowUp, none, modes).unwrap(), b"\x1bOA");
        assert_eq!(key(Key::Home, none, modes).unwrap(), b"\x1bOH");
        assert_eq!(key(Key::Enter, none, modes).unwrap(), b"\r\n");
        assert_eq!(text("ä", none), "ä".as_bytes());
        assert_eq!(text("x", Modifiers::ALT), b"\x1bx");
    }

    #[test]
    fn pasted_text_can_not_break_out_of_its_brackets() {
        let modes = Modes {
            bracketed_paste: true,
            ..PLAIN
        };
        assert_eq!(paste("a\r\nb\nc", PLAIN), b"a\rb\rc");
        assert_eq!(
            paste("rm\x1b[201~\n", modes),
            b"\x1b[200~rm[201~\r\x1b[201~"
        );
    }

    #[test]
    fn the_mouse_is_told_only_to_who_asked() {
        let none = Modifiers::NONE;
        assert_eq!(mouse(Act::Press, LEFT, (1, 2), none, PLAIN), None);
        let clicks = Modes {
            mouse: Mouse::Clicks,
            sgr_mouse: true,
            ..PLAIN
        };
        assert_eq!(
            mouse(Act::Press, LEFT, (1, 2), none, clicks).unwrap(),
            b"\x1b[<0;2;3M"
        );
        assert_eq!(
            mouse(Act::Release, LEFT, (1, 2), none, clicks).unwrap(),
            b"\x1b[<0;2;3m"
        );
        assert_eq!(mouse(Act::Move, LEFT, (1, 2), none, clicks), None);
        let old = Modes {
            mouse: Mouse::Drags,
            ..PLAIN
        };
        assert_eq!(mouse(Act::Move, NO_BUTTON, (1, 2), none, old), None);
        assert_eq!(
            mouse(Act::Move, LEFT, (0, 0), none, old).unwrap(),
            b"\x1b[M@!!"
        );
        assert_eq!(
            mouse(Act::Press, WHEEL_UP, (0, 0), Modifiers::CTRL, old).unwrap(),
            b"\x1b[Mp!!"
        );
        assert_eq!(mouse(Act::Press, LEFT, (300, 0), none, old), None);
    }
}
