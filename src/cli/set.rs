//! What `orangery set` understands: KEY=VALUE becomes a change, or an error that names the key.

use std::path::PathBuf;
use std::str::FromStr;

use crate::model::{ByteSize, Change, FirmwareKind, MemoryBacking, check_name};

/// The keys, for `--help`.
pub const KEYS_HELP: &str = "\
Keys:
  name=NAME
  cpus=N                            1 to 255
  memory=SIZE                       512M, 4G
  firmware=bios|uefi|secure
  medium=FILE, cd=FILE              an ISO for the CD drive; medium= takes it out
  memory-backing=forkable|private   private memory can't be forked or shared
  tags=WORD,WORD                    tags= removes them
  notes=TEXT

Example:
  orangery set Debian cpus=4 memory=8G cd=";

const KEYS: &str = "name, cpus, memory, firmware, medium (or cd), memory-backing, tags and notes";

/// Why KEY=VALUE is no change. Each one names the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    #[error("write KEY=VALUE, for example cpus=4; the keys are {KEYS}")]
    NoEquals,
    #[error("there is no “{key}”; the keys are {KEYS}")]
    UnknownKey { key: String },
    #[error("{key}: {why}")]
    BadValue { key: &'static str, why: String },
}

/// Longest text of notes, in bytes: it must fit into one packet to the engine.
const MAX_NOTES: usize = 64 * 1024;
const MAX_TAGS: usize = 64;

/// Reads one KEY=VALUE.
pub fn assignment(text: &str) -> Result<Change, SetError> {
    let (key, value) = text.split_once('=').ok_or(SetError::NoEquals)?;
    match key.trim().to_ascii_lowercase().as_str() {
        "name" => {
            check_name(value, []).map_err(|error| bad("name", error))?;
            Ok(Change::Name(value.to_owned()))
        }
        "cpus" => match value.parse::<u32>() {
            Ok(count @ 1..=255) => Ok(Change::Cpus(count)),
            Ok(_) | Err(_) => Err(bad("cpus", "write a whole number from 1 to 255")),
        },
        "memory" => ByteSize::from_str(value)
            .map(Change::Memory)
            .map_err(|error| bad("memory", error)),
        "firmware" => firmware(value)
            .map(Change::Firmware)
            .map_err(|why| bad("firmware", why)),
        "medium" | "cd" => Ok(Change::Medium(
            (!value.is_empty()).then(|| PathBuf::from(value)),
        )),
        "memory-backing" => match value {
            "forkable" => Ok(Change::MemoryBacking(MemoryBacking::Forkable)),
            "private" => Ok(Change::MemoryBacking(MemoryBacking::Private)),
            _ => Err(bad("memory-backing", "write forkable or private")),
        },
        "tags" => tags(value).map(Change::Tags),
        "notes" if value.len() > MAX_NOTES => Err(bad("notes", "write less than 64 KiB")),
        "notes" => Ok(Change::Notes(value.to_owned())),
        other => Err(SetError::UnknownKey {
            key: other.chars().take(40).collect(),
        }),
    }
}

/// Reads `bios`, `uefi` or `secure`.
pub fn firmware(text: &str) -> Result<FirmwareKind, String> {
    match text {
        "bios" => Ok(FirmwareKind::Bios),
        "uefi" => Ok(FirmwareKind::Uefi),
        "secure" => Ok(FirmwareKind::Secure),
        _ => Err("write bios, uefi or secure".to_owned()),
    }
}

/// The key that is given more than once, if there is one.
pub fn doubled(changes: &[Change]) -> Option<&'static str> {
    changes.iter().enumerate().find_map(|(at, change)| {
        let again = changes[..at]
            .iter()
            .any(|earlier| key(earlier) == key(change));
        again.then_some(key(change))
    })
}

fn key(change: &Change) -> &'static str {
    match change {
        Change::Name(_) => "name",
        Change::Cpus(_) => "cpus",
        Change::Memory(_) => "memory",
        Change::Firmware(_) => "firmware",
        Change::Notes(_) => "notes",
        Change::Tags(_) => "tags",
        Change::MemoryBacking(_) => "memory-backing",
        Change::Medium(_) => "medium",
        Change::Icon(_) => "icon",
        Change::Cpu(_) => "cpu",
        Change::Board(_) => "board",
        Change::Clock(_) => "clock",
        Change::Boot(_) => "boot",
        Change::Arguments(_) => "arguments",
        Change::Add(_) | Change::Set { .. } | Change::Remove(_) => "device",
    }
}

fn bad(key: &'static str, why: impl ToString) -> SetError {
    SetError::BadValue {
        key,
        why: why.to_string(),
    }
}

fn tags(value: &str) -> Result<Vec<String>, SetError> {
    let mut tags: Vec<String> = Vec::new();
    for tag in value
        .split(',')
        .map(str::trim)
        .filter(|tag| !tag.is_empty())
    {
        if tag.chars().count() > 40 || tag.chars().any(char::is_control) {
            return Err(bad("tags", "a tag is a word of at most 40 characters"));
        }
        if !tags.iter().any(|earlier| earlier == tag) {
            tags.push(tag.to_owned());
        }
    }
    if tags.len() > MAX_TAGS {
        return Err(bad("tags", format!("at most {MAX_TAGS} tags")));
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, change: Change) {
        assert_eq!(assignment(text), Ok(change));
    }

    #[test]
    fn each_key_becomes_its_change() {
        check("name=Web server", Change::Name("Web server".to_owned()));
        check("cpus=4", Change::Cpus(4));
        check("memory=1.5G", Change::Memory(ByteSize::mib(1536)));
        check("firmware=secure", Change::Firmware(FirmwareKind::Secure));
        check("cd=a=b.iso", Change::Medium(Some(PathBuf::from("a=b.iso"))));
        check("medium=", Change::Medium(None));
        check(
            "memory-backing=private",
            Change::MemoryBacking(MemoryBacking::Private),
        );
        check(
            "tags=web, prod,web,",
            Change::Tags(vec!["web".to_owned(), "prod".to_owned()]),
        );
        check("notes=", Change::Notes(String::new()));
    }

    #[test]
    fn errors_name_the_key() {
        for (text, words) in [
            ("cpus=0", "cpus: write a whole number"),
            ("cpus=", "cpus: write"),
            ("memory=lots", "memory: “lots” is not a size"),
            ("firmware=coreboot", "firmware: write bios, uefi or secure"),
            ("memory-backing=x", "memory-backing: write forkable"),
            ("name=../x", "name: The name may not"),
            (
                "colour=red",
                "there is no “colour”; the keys are name, cpus",
            ),
            ("cpus", "write KEY=VALUE"),
        ] {
            let error = assignment(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn a_key_given_twice_is_found() {
        assert_eq!(doubled(&[Change::Cpus(1), Change::Cpus(2)]), Some("cpus"));
        assert_eq!(doubled(&[Change::Cpus(1), Change::Medium(None)]), None);
    }
}
