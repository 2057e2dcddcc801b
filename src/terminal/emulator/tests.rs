//! What a guest says, and what is seen, selected, found and answered.

use super::*;

fn terminal(said: &str) -> Emulator {
    let mut emulator = Emulator::new(40, 6);
    emulator.hear(said.as_bytes(), false);
    emulator
}

fn spot(row: usize, column: usize, right: bool) -> Spot {
    Spot { row, column, right }
}

#[test]
fn colours_and_styles_come_as_the_guest_says() {
    let said =
        "\x1b[31ma\x1b[1;38;5;208mb\x1b[0;48;2;1;2;3mc\x1b[0;7md\x1b[0;3;4;9me\x1b[0;2mf\x1b[0mg";
    let picture = terminal(said).picture();
    let style = |column: usize| picture.cells[column].style;
    assert_eq!(style(0).ink, Ink::Index(1));
    assert_eq!((style(1).ink, style(1).bold), (Ink::Index(208), true));
    assert_eq!(style(2).ground, Ink::Rgb(1, 2, 3));
    assert_eq!((style(3).ink, style(3).ground), (Ink::Ground, Ink::Text));
    let e = style(4);
    assert!(e.italic && e.underline && e.strike && !e.bold);
    assert!(style(5).dim);
    assert_eq!((style(6).ink, style(6).ground), (Ink::Text, Ink::Ground));
}

#[test]
fn wide_characters_take_two_cells_and_marks_none() {
    let picture = terminal("日e\u{301}x").picture();
    assert_eq!(picture.row_text(0), "日e\u{301}x");
    assert!(picture.cells[0].wide);
    assert_eq!(picture.cells[1].text, Letter::Half);
    assert_eq!(picture.cells[2].text, Letter::Marked("e\u{301}".into()));
    assert_eq!(picture.cells[3].text, Letter::One('x'));
    assert_eq!(picture.cursor.unwrap().column, 4);
}

#[test]
fn text_is_selected_by_letters_words_and_lines() {
    let mut emulator = terminal("one /var/log/syslog three\r\nfour\r\n");
    assert_eq!(emulator.selected(), None);
    emulator.select(Grain::Letters, spot(0, 1, false));
    emulator.select_to(spot(1, 1, true));
    assert_eq!(emulator.selected().unwrap(), "ne /var/log/syslog three\nfo");
    emulator.select(Grain::Words, spot(0, 8, false));
    assert_eq!(emulator.selected().unwrap(), "/var/log/syslog");
    assert!(emulator.picture().cells[8].style.selected);
    emulator.select(Grain::Lines, spot(1, 0, false));
    assert_eq!(emulator.selected().unwrap(), "four");
    emulator.select_all();
    assert!(emulator.selected().unwrap().starts_with("one /var"));
    emulator.select_nothing();
    assert!(!emulator.picture().has_selection);
}

#[test]
fn a_line_that_was_wrapped_is_copied_as_one() {
    let mut emulator = terminal(&"0123456789".repeat(6));
    emulator.select_all();
    assert_eq!(emulator.selected().unwrap(), "0123456789".repeat(6));
}

#[test]
fn searching_finds_older_and_newer_lines_and_goes_round() {
    let mut emulator = Emulator::new(40, 6);
    for line in 0..100 {
        emulator.hear(format!("line {line} [ok]\r\n").as_bytes(), false);
    }
    emulator.hear(b"Error: 42\r\n", false);
    emulator.look_for("line 3");
    assert!(emulator.find(true));
    let picture = emulator.picture();
    let row = (0..6).find(|row| picture.row_text(*row) == "line 39 [ok]");
    let first = &picture.row(row.unwrap())[0];
    assert_eq!(first.style.found, Found::Here);
    assert!(emulator.find(true));
    assert!(emulator.picture().text().contains("line 38 [ok]"));
    assert!(emulator.find(false));
    assert!(emulator.picture().text().contains("line 39 [ok]"));
    assert!(emulator.find(false), "round to the oldest");
    assert!(emulator.picture().text().contains("line 3 [ok]"));
    emulator.look_for("error");
    assert!(emulator.find(true), "small letters find capitals");
    emulator.look_for("ERROR");
    assert!(!emulator.find(true), "capitals find only capitals");
    emulator.look_for("9 [ok]");
    assert!(emulator.find(true), "signs are just signs");
    emulator.look_for("");
    let picture = emulator.picture();
    assert!(
        picture
            .cells
            .iter()
            .all(|cell| cell.style.found == Found::No)
    );
}

#[test]
fn a_flood_leaves_ten_thousand_lines_and_no_more() {
    let mut emulator = Emulator::new(40, 6);
    let flood = "y\r\n".repeat(1000);
    for _ in 0..30 {
        emulator.hear(flood.as_bytes(), false);
    }
    let picture = emulator.picture();
    assert_eq!((picture.history, picture.scrolled), (SCROLLBACK, 0));
    emulator.scroll(ScrollBy::Top);
    assert_eq!(emulator.picture().scrolled, SCROLLBACK);
    emulator.scroll(ScrollBy::Bottom);
    emulator.scroll(ScrollBy::PageUp);
    assert_eq!(emulator.picture().scrolled, 6);
    emulator.clear();
    let picture = emulator.picture();
    assert_eq!((picture.history, picture.text()), (0, String::new()));
}

#[test]
fn questions_are_answered_once_and_not_without_end() {
    let mut emulator = terminal("");
    emulator.hear(b"ab\x1b[6n", false);
    assert_eq!(emulator.take_answers(), b"\x1b[1;3R");
    emulator.hear(b"\x1b[18t", false);
    assert_eq!(emulator.take_answers(), b"\x1b[8;6;40t");
    emulator.hear(b"\x1b[6n\x1b[c", true);
    assert_eq!(emulator.take_answers(), b"", "it was said before");
    emulator.hear("\x1b[6n".repeat(10_000).as_bytes(), false);
    let answers = emulator.take_answers();
    assert!(!answers.is_empty() && answers.len() <= MAX_ANSWERS);
    emulator.hear(b"\x1b]52;c;?\x07\x1b]11;?\x07\x1bP$q\"p\x1b\\", false);
    assert_eq!(
        emulator.take_answers(),
        b"",
        "neither clipboard nor colours"
    );
}

#[test]
fn another_size_wraps_lines_anew_and_nonsense_is_bounded() {
    let mut emulator = terminal("0123456789012345678901234567890123456789");
    emulator.resize(20, 6);
    assert_eq!(emulator.picture().row_text(0), "01234567890123456789");
    emulator.select_all();
    assert_eq!(emulator.selected().unwrap(), "0123456789".repeat(4));
    emulator.resize(0, 0);
    emulator.resize(usize::MAX, usize::MAX);
    let picture = emulator.picture();
    assert_eq!((picture.columns, picture.rows), (MAX_COLUMNS, MAX_ROWS));
    assert_eq!(picture.cells.len(), MAX_COLUMNS * MAX_ROWS);
}

#[test]
fn random_bytes_of_a_hostile_guest_do_no_harm() {
    let mut seed = 7_u64;
    let mut emulator = Emulator::new(17, 5);
    for round in 0..400 {
        let bytes: Vec<u8> = (0..97)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let byte = (seed >> 33) as u8;
                if byte & 3 == 0 {
                    b"\x1b[;?0123456789hlJKHmbr"[byte as usize % 22]
                } else {
                    byte
                }
            })
            .collect();
        emulator.hear(&bytes, false);
        if round % 7 == 0 {
            emulator.resize(2 + round % 90, 1 + round % 40);
            emulator.select(Grain::Words, spot(round % 50, round % 99, true));
            emulator.select_to(spot(round % 11, round % 13, false));
            emulator.selected();
            emulator.look_for("a");
            emulator.find(round % 2 == 0);
        }
        let picture = emulator.picture();
        assert_eq!(picture.cells.len(), picture.columns * picture.rows);
    }
}
