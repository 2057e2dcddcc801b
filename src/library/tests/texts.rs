//! The text of records: exact both ways, and refusals that name line and reason.

use serde_json::{Value, json};

use super::super::text::{line_of, read, write};
use super::{BYTES_LOOKED_AT, Chance};

#[test]
fn every_tree_reads_back_as_it_was_written() {
    let mut chance = Chance::new();
    for round in 0..3000 {
        let tree = chance.tree(5);
        let text = write("A test.\nTwo lines.", &tree);
        assert_eq!(read(&text).as_ref(), Ok(&tree), "round {round}:\n{text}");
    }
}

#[test]
fn what_ron_itself_writes_of_a_tree_is_read() {
    let mut chance = Chance::new();
    for _ in 0..500 {
        let tree = Value::Object(chance.map(3));
        let text = ron::ser::to_string_pretty(&tree, ron::ser::PrettyConfig::default()).unwrap();
        if !text.contains("()") {
            assert_eq!(read(&text), Ok(tree), "{text}");
        }
    }
}

#[test]
fn a_record_looks_like_this() {
    let tree = json!({
        "name": "Debian “12”", "version": 1, "saved": null, "mac": [82, 84, 0], "empty": {},
        "devices": [{"kind": "Rng", "id": "rng0"}], "notes": "a\n\"b\"\u{202e}", "share": 0.5,
    });
    let expected = r#"// A machine.
{
    "version": 1,
    "name": "Debian “12”",
    "devices": [
        {
            "id": "rng0",
            "kind": "Rng",
        },
    ],
    "empty": {},
    "mac": [82, 84, 0],
    "notes": "a\n\"b\"\u{202e}",
    "saved": None,
    "share": 0.5,
}
"#;
    assert_eq!(write("A machine.", &tree), expected);
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    assert_eq!(read(text).unwrap_err().to_string(), expected, "{text}");
}

#[test]
fn what_would_not_survive_is_refused_with_its_line() {
    refused("", "line 1, column 1: the text ends too early");
    refused(
        "{\n \"a\": 1,\n \"a\": 2}",
        "line 3, column 2: the key “a” is there twice",
    );
    refused(
        "{\"a\": Venus(1)}",
        "line 1, column 7: “Venus” must stand in quotation marks",
    );
    refused(
        "{\"a\": Some(1)}",
        "line 1, column 7: “Some” must stand in quotation marks",
    );
    refused(
        "(a: 1)",
        "line 1, column 1: write maps with { } and lists with [ ], not with ( )",
    );
    refused(
        "{\"a\": 99999999999999999999}",
        "line 1, column 7: “99999999999999999999” is not a number that can be kept",
    );
    refused(
        "{\"a\": 1e999}",
        "line 1, column 7: “1e999” is not a number that can be kept",
    );
    refused(
        "{\"a\": inf}",
        "line 1, column 7: “inf” must stand in quotation marks",
    );
    refused("{\"a\": \"b}", "line 1, column 7: a string does not end");
    refused(
        "{a: 1}",
        "line 1, column 2: a key in quotation marks or } was expected",
    );
    refused(
        "{\"a\" 1}",
        "line 1, column 6: a : was expected after the key",
    );
    refused(
        "{\"a\": 1 \"b\": 2}",
        "line 1, column 9: a , or } was expected",
    );
    refused(
        "{} {}",
        "line 1, column 4: something follows after the end of the record",
    );
    refused(
        "/* */ {}",
        "line 1, column 1: only comments that start with // can be used",
    );
    refused(
        "{\"a\": }",
        "line 1, column 7: a value was expected, not “}”",
    );
    refused(
        r#"{"a": "\q"}"#,
        "line 1, column 8: Unknown escape character",
    );
    let deep = "[".repeat(100_000);
    refused(&deep, "line 1, column 50: nested deeper than 48 levels");
}

#[test]
fn a_mebibyte_on_one_line_is_looked_at_once() {
    let list = format!("[{}]", "1,".repeat(500_000));
    let (tree, looked) = BYTES_LOOKED_AT.of(|| read(&list).unwrap());
    assert_eq!(tree.as_array().unwrap().len(), 500_000);
    assert_eq!(looked, list.len());
    let keys: String = (0..80_000).map(|key| format!("\"{key}\":0,")).collect();
    let map = format!("{{{keys}}}");
    let (tree, looked) = BYTES_LOOKED_AT.of(|| read(&map).unwrap());
    assert_eq!(tree.as_object().unwrap().len(), 80_000);
    assert_eq!(looked, map.len());
}

#[test]
fn damaged_text_is_refused_or_read_but_never_panics() {
    let mut chance = Chance::new();
    let tree = chance.tree(5);
    let text = write(
        "Zeile „eins“",
        &json!({"ä": tree, "b": [1, "\\", 2.5], "c": "\u{202e}"}),
    );
    for _ in 0..20_000 {
        let mut bytes = text.clone().into_bytes();
        for _ in 0..=chance.below(3) {
            if bytes.is_empty() {
                break;
            }
            let at = chance.below(bytes.len() as u64) as usize;
            match chance.below(3) {
                0 => bytes[at] = *chance.pick(b"{}[]\",:/\\0e.-(#\n"),
                1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let damaged = String::from_utf8_lossy(&bytes);
        if let Ok(tree) = read(&damaged) {
            assert_eq!(read(&write("", &tree)), Ok(tree), "{damaged}");
        }
    }
}

#[test]
fn a_value_is_found_in_the_text() {
    let text = "// x\n{\n  \"a\": [1,\n    {\"b\": 2}],\n \"c\": 3 }";
    let path = |parts: &[&str]| {
        parts
            .iter()
            .map(|part| (*part).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(line_of(text, &path(&["a", "1", "b"])), Some(4));
    assert_eq!(line_of(text, &path(&["c"])), Some(5));
    assert_eq!(line_of(text, &path(&["d"])), None);
}
