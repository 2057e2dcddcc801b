//! What `orangery set` understands: KEY=VALUE becomes a change, or an error that names the key.

use std::path::PathBuf;
use std::str::FromStr;

use super::parts::choice;
use crate::model::{
    Board, BootOrder, ByteSize, Change, Clock, Cpu, FirmwareKind, MemoryBacking, Share, Topology,
    check_name,
};

/// The keys, for `--help`.
pub const KEYS_HELP: &str = "\
Keys:
  name=NAME
  cpus=N                            1 to 255
  cpu=MODEL                         a model that QEMU knows; cpu= is the best there is
  topology=SxCxT                    sockets, cores in each, threads of each: 1x4x2
  memory=SIZE                       512M, 4G
  board=q35|i440fx                  i440fx for systems that know nothing newer
  firmware=bios|uefi|secure
  medium=FILE, cd=FILE              an ISO for the CD drive; medium= takes it out
  memory-backing=forkable|private   private memory can't be forked or shared
  boot=DEVICE,DEVICE                what the firmware tries, in order: disk0,cd0
  clock=utc|local                   what the guest's clock shows; Windows expects local
  arguments=TEXT                    more arguments for QEMU, quoted as in a shell; nobody checks
                                    them, and a wrong one keeps the machine from starting
  tags=WORD,WORD                    tags= removes them
  notes=TEXT
  icon=WORD                         the machine's picture in the list
  volume=N                          how loud it is here, 0 to 100
  mute=on|off
  microphone=allow|off              whether the guest hears this computer's microphone
  keyboard=LAYOUT                   the guest's keyboard, for typing: us, de, …; empty: as here
  share-to-guest=off|ask|on         the clipboard: ask is when you paste; on is always
  share-from-guest=off|ask|on       what is copied in the guest

Disks, cards and drives: orangery device --help

Example:
  orangery set Debian cpus=4 memory=8G cd=";

const KEYS: &str = "name, cpus, cpu, topology, memory, board, firmware, medium (or cd), memory-backing, boot, \
                    clock, arguments, tags, notes, icon, volume, mute, microphone, keyboard, share-to-guest and \
                    share-from-guest";

/// What one KEY=VALUE asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assignment {
    Change(Change),
    /// `None` is the best model there is.
    Model(Option<String>),
    Topology(Topology),
}

impl From<Change> for Assignment {
    fn from(change: Change) -> Self {
        Self::Change(change)
    }
}

/// What `assignments` change on a machine whose processors are `cpu`.
pub fn changes(assignments: Vec<Assignment>, mut cpu: Cpu) -> Vec<Change> {
    let whole = assignments
        .iter()
        .any(|one| matches!(one, Assignment::Model(_) | Assignment::Topology(_)));
    let mut changes = Vec::new();
    let (mut count, mut arranged) = (None, None);
    for assignment in assignments {
        match assignment {
            Assignment::Change(Change::Cpus(cpus)) if whole => count = Some(cpus),
            Assignment::Change(change) => changes.push(change),
            Assignment::Model(model) => cpu.model = model,
            Assignment::Topology(topology) => arranged = Some(topology),
        }
    }
    if let Some(count) = count {
        cpu.count = count;
        cpu.topology = None;
    }
    if let Some(topology) = arranged {
        // A count that was given too is compared by the rules.
        cpu.count = count.or(topology.count()).unwrap_or(cpu.count);
        cpu.topology = Some(topology);
    }
    if whole {
        changes.push(Change::Cpu(cpu));
    }
    changes
}

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
pub fn assignment(text: &str) -> Result<Assignment, SetError> {
    let (key, value) = text.split_once('=').ok_or(SetError::NoEquals)?;
    let key = key.trim().to_ascii_lowercase();
    match key.as_str() {
        "cpu" => Ok(Assignment::Model(
            (!matches!(value, "" | "best")).then(|| value.to_owned()),
        )),
        "topology" => topology(value).map(Assignment::Topology),
        _ => change(&key, value).map(Assignment::Change),
    }
}

fn change(key: &str, value: &str) -> Result<Change, SetError> {
    match key {
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
        "board" => choice(value, &Board::ALL, |board| board.word())
            .map(Change::Board)
            .map_err(|why| bad("board", why)),
        "clock" => match value {
            "utc" => Ok(Change::Clock(Clock::Utc)),
            "local" => Ok(Change::Clock(Clock::Local)),
            _ => Err(bad("clock", "write utc or local")),
        },
        "boot" => Ok(Change::Boot(BootOrder(list(value)))),
        "arguments" => shell_words::split(value)
            .map(Change::Arguments)
            .map_err(|_open| bad("arguments", "a quote is not closed")),
        "icon" => Ok(Change::Icon(value.to_owned())),
        "volume" => match value.trim_end_matches('%').parse::<u8>() {
            Ok(volume @ 0..=100) => Ok(Change::Volume(volume)),
            Ok(_) | Err(_) => Err(bad("volume", "write a whole number from 0 to 100")),
        },
        "mute" => match value {
            "on" => Ok(Change::Muted(true)),
            "off" => Ok(Change::Muted(false)),
            _ => Err(bad("mute", "write on or off")),
        },
        "microphone" => match value {
            "allow" => Ok(Change::Microphone(true)),
            "off" => Ok(Change::Microphone(false)),
            _ => Err(bad("microphone", "write allow or off")),
        },
        "keyboard" if value.len() > 32 => Err(bad("keyboard", "write a layout such as us or de")),
        "keyboard" => Ok(Change::Keyboard(value.to_owned())),
        "share-to-guest" => choice(value, &Share::ALL, |share| share.word())
            .map(Change::ShareToGuest)
            .map_err(|why| bad("share-to-guest", why)),
        "share-from-guest" => choice(value, &Share::ALL, |share| share.word())
            .map(Change::ShareFromGuest)
            .map_err(|why| bad("share-from-guest", why)),
        "tags" => tags(value).map(Change::Tags),
        "notes" if value.len() > MAX_NOTES => Err(bad("notes", "write less than 64 KiB")),
        "notes" => Ok(Change::Notes(value.to_owned())),
        other => Err(SetError::UnknownKey {
            key: other.chars().take(40).collect(),
        }),
    }
}

/// Words between commas.
fn list(value: &str) -> Vec<String> {
    let words = value.split(',').map(str::trim);
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Reads sockets, cores and threads: `1x4x2`.
fn topology(value: &str) -> Result<Topology, SetError> {
    let numbers: Vec<Option<u32>> = value.split('x').map(|part| part.parse().ok()).collect();
    match numbers.as_slice() {
        [Some(sockets), Some(cores), Some(threads)] => Ok(Topology {
            sockets: *sockets,
            cores: *cores,
            threads: *threads,
        }),
        _ => Err(bad(
            "topology",
            "write sockets, cores in each and threads of each: 1x4x2",
        )),
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
pub fn doubled(changes: &[Assignment]) -> Option<&'static str> {
    changes.iter().enumerate().find_map(|(at, change)| {
        let again = changes[..at]
            .iter()
            .any(|earlier| key(earlier) == key(change));
        again.then_some(key(change))
    })
}

fn key(assignment: &Assignment) -> &'static str {
    let change = match assignment {
        Assignment::Model(_) => return "cpu",
        Assignment::Topology(_) => return "topology",
        Assignment::Change(change) => change,
    };
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
        Change::Volume(_) => "volume",
        Change::Muted(_) => "mute",
        Change::Microphone(_) => "microphone",
        Change::Keyboard(_) => "keyboard",
        Change::ShareToGuest(_) => "share-to-guest",
        Change::ShareFromGuest(_) => "share-from-guest",
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
        assert_eq!(assignment(text), Ok(change.into()));
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
        check("board=i440fx", Change::Board(Board::I440fx));
        check("clock=local", Change::Clock(Clock::Local));
        check("volume=40", Change::Volume(40));
        check("mute=on", Change::Muted(true));
        check("microphone=allow", Change::Microphone(true));
        check("icon=server", Change::Icon("server".to_owned()));
        check("keyboard=de", Change::Keyboard("de".to_owned()));
        let order = ["cd0", "disk0"].map(str::to_owned).to_vec();
        check("boot=cd0, disk0,", Change::Boot(BootOrder(order)));
        let words = ["-device", "edu", "-name", "a b"].map(str::to_owned);
        check(
            "arguments=-device edu -name 'a b'",
            Change::Arguments(words.to_vec()),
        );
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
            ("board=pc", "board: write q35 or i440fx"),
            ("clock=mean", "clock: write utc or local"),
            ("volume=101", "volume: write a whole number from 0 to 100"),
            ("mute=yes", "mute: write on or off"),
            ("microphone=on", "microphone: write allow or off"),
            ("topology=2x2", "topology: write sockets, cores"),
            ("arguments='", "arguments: a quote is not closed"),
        ] {
            let error = assignment(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn a_key_given_twice_is_found() {
        let doubled = |changes: [Change; 2]| super::doubled(&changes.map(Assignment::from));
        assert_eq!(doubled([Change::Cpus(1), Change::Cpus(2)]), Some("cpus"));
        assert_eq!(doubled([Change::Cpus(1), Change::Medium(None)]), None);
    }

    #[test]
    fn model_and_topology_keep_what_is_not_named() {
        let changes = |words: &[&str]| {
            let read = words.iter().map(|word| assignment(word).unwrap());
            let mut changes = super::changes(read.collect(), Cpu::of(2));
            changes.pop().unwrap()
        };
        let model = Some("Haswell".to_owned());
        let haswell = Cpu {
            model,
            ..Cpu::of(2)
        };
        assert_eq!(changes(&["cpu=Haswell"]), Change::Cpu(haswell.clone()));
        let Change::Cpu(cpu) = changes(&["topology=2x4x2", "cpu=Haswell"]) else {
            panic!();
        };
        assert_eq!((cpu.count, cpu.model), (16, haswell.model));
        let Change::Cpu(cpu) = changes(&["cpus=3", "topology=2x4x2"]) else {
            panic!();
        };
        assert_eq!(cpu.count, 3); // For the rules to refuse.
        assert_eq!(changes(&["cpus=3"]), Change::Cpus(3));
    }
}
