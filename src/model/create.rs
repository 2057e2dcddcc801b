//! What a new machine is made from, and which names are allowed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::flavor::{fitted, fitted_cpus};
use super::{ByteSize, Era, FirmwareKind, Flavor, Recognised};

/// What a new machine starts with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// An installer ISO and an empty disk.
    Iso(PathBuf),
    /// A disk image, used where it lies: raw or qcow2.
    Disk(PathBuf),
    /// A copy of a disk image of any format that Orangery knows, in the library.
    Copy(PathBuf),
    /// An empty disk.
    Empty,
    /// The built-in tiny guest, filling `ballast` bytes of memory with noise it checks again.
    TestCard { ballast: ByteSize },
}

/// Everything that "New machine" asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMachine {
    pub name: String,
    pub source: Source,
    pub cpus: u32,
    pub memory: ByteSize,
    /// Size of the new empty disk; ignored for a disk image and the test card.
    pub disk_size: ByteSize,
    pub firmware: FirmwareKind,
    /// Which parts suit the system.
    #[serde(default)]
    pub era: Era,
    /// To try things out: checkpoints are taken by themselves.
    #[serde(default)]
    pub experiment: bool,
}

impl NewMachine {
    /// What a machine is called that has no file to take its name from.
    pub const NO_NAME: &str = "Machine";

    /// Sensible hardware for `source` on a computer with `host_cpus` processors and
    /// `host_memory` bytes.
    pub fn suggest(source: Source, host_cpus: u32, host_memory: ByteSize) -> Self {
        let name = match &source {
            Source::Iso(path) | Source::Disk(path) | Source::Copy(path) => path
                .file_stem()
                .map(|stem| tidy_name(&stem.to_string_lossy()))
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| Self::NO_NAME.to_owned()),
            Source::Empty => Self::NO_NAME.to_owned(),
            Source::TestCard { .. } => "Test card".to_owned(),
        };
        let (cpus, memory) = match &source {
            Source::TestCard { ballast } => (1, ByteSize::mib(128 + ballast.as_mib())),
            Source::Iso(_) | Source::Disk(_) | Source::Copy(_) | Source::Empty => {
                Flavor::Medium.size(host_cpus, host_memory)
            }
        };
        Self {
            name,
            source,
            cpus,
            memory,
            disk_size: ByteSize::gib(32),
            firmware: FirmwareKind::Bios,
            era: Era::default(),
            experiment: false,
        }
    }

    /// The same, suited to what the source was found to be.
    #[must_use]
    pub fn suited(mut self, found: &Recognised, host_cpus: u32, host_memory: ByteSize) -> Self {
        if let Some(system) = &found.system {
            self.name = tidy_name(&system.name);
            self.cpus = fitted_cpus(system.cpus, host_cpus);
            self.memory = fitted(system.memory, host_memory);
            self.disk_size = system.disk;
            self.firmware = system.firmware;
            self.era = system.era;
        }
        if let Some(firmware) = found.firmware {
            self.firmware = firmware;
        }
        self
    }
}

/// A file's stem as a machine name: separators become spaces, odd characters go.
fn tidy_name(stem: &str) -> String {
    let spaced: String = stem
        .chars()
        .map(|c| if c == '_' || c == '-' { ' ' } else { c })
        .filter(|c| !c.is_control() && !is_bidi(*c) && *c != '/')
        .collect();
    let name: String = spaced
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(60)
        .collect();
    name.trim().to_owned()
}

/// Why a name can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("A machine needs a name")]
    Empty,
    #[error("The name is longer than 80 characters")]
    TooLong,
    #[error("The name contains a character that can't be shown")]
    Unprintable,
    #[error("The name may not contain “/” or start with “-” or “.”")]
    Awkward,
    #[error("The name looks like a machine id; take another one")]
    LooksLikeId,
    #[error("There is already a machine called “{name}”")]
    Taken { name: String },
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Checks a machine name against the rules and the names already `taken`, ignoring case.
pub fn check_name<'a>(
    name: &str,
    taken: impl IntoIterator<Item = &'a str>,
) -> Result<(), NameError> {
    if name.trim().is_empty() {
        return Err(NameError::Empty);
    }
    if name.chars().count() > 80 {
        return Err(NameError::TooLong);
    }
    if name.chars().any(|c| c.is_control() || is_bidi(c)) {
        return Err(NameError::Unprintable);
    }
    if name.contains('/') || name.starts_with(['-', '.']) || name != name.trim() {
        return Err(NameError::Awkward);
    }
    if name.parse::<uuid::Uuid>().is_ok() {
        return Err(NameError::LooksLikeId);
    }
    let lower = name.to_lowercase();
    match taken
        .into_iter()
        .find(|other| other.to_lowercase() == lower)
    {
        Some(other) => Err(NameError::Taken {
            name: other.to_owned(),
        }),
        None => Ok(()),
    }
}

/// `wanted`, or `wanted-2`, `wanted-3`, … until no machine has the name.
pub fn free_name(wanted: &str, taken: &[&str]) -> String {
    let lower = wanted.to_lowercase();
    if !taken.iter().any(|other| other.to_lowercase() == lower) {
        return wanted.to_owned();
    }
    numbered_names(wanted, 1, taken).concat()
}

/// `count` names that are free, numbered from 2 on: forks of `web` and of `web-2` are `web-3` and `web-4`.
pub fn numbered_names(stem: &str, count: u32, taken: &[impl AsRef<str>]) -> Vec<String> {
    let (before, number) = stem.rsplit_once('-').unwrap_or((stem, ""));
    let is_numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let stem = if is_numbered { before } else { stem };
    let lower = taken.iter().map(|name| name.as_ref().to_lowercase());
    let taken: Vec<String> = lower.collect();
    let names = (2_u32..).map(|number| format!("{stem}-{number}"));
    names
        .filter(|name| !taken.contains(&name.to_lowercase()))
        .take(count as usize)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FileKind, System};

    #[test]
    fn names_are_unique_without_regard_to_case() {
        assert_eq!(
            check_name("debian", ["Debian"]),
            Err(NameError::Taken {
                name: "Debian".to_owned()
            })
        );
        assert_eq!(free_name("Test card", &["test CARD"]), "Test card-2");
        let taken = ["Web", "WEB-2", "web-4"];
        assert_eq!(
            numbered_names("web-2", 3, &taken),
            ["web-3", "web-5", "web-6"]
        );
    }

    #[test]
    fn names_that_could_deceive_are_refused() {
        for (name, error) in [
            ("", NameError::Empty),
            ("a\u{202e}b", NameError::Unprintable),
            ("a\nb", NameError::Unprintable),
            ("../x", NameError::Awkward),
            ("-rf", NameError::Awkward),
            (
                "c0ffee00-1234-4234-8234-123456789abc",
                NameError::LooksLikeId,
            ),
        ] {
            assert_eq!(check_name(name, []), Err(error), "{name:?}");
        }
        assert_eq!(check_name("Ubuntu 26.04 (test)", ["Debian"]), Ok(()));
    }

    #[test]
    fn a_file_name_becomes_a_machine_name() {
        let iso = Source::Iso(PathBuf::from("/tmp/debian-12_netinst-amd64.iso"));
        let suggestion = NewMachine::suggest(iso, 8, ByteSize::gib(32));
        assert_eq!(suggestion.name, "debian 12 netinst amd64");
        assert_eq!(suggestion.cpus, 2);
        assert_eq!(suggestion.memory, ByteSize::gib(4));
    }

    #[test]
    fn a_recognised_system_gets_what_it_wants_and_no_more_than_there_is() {
        let found = Recognised {
            path: PathBuf::from("/tmp/x.iso"),
            kind: FileKind::Iso { bootable: true },
            size: ByteSize::gib(5),
            system: Some(System {
                name: "Windows 11".to_owned(),
                cpus: 4,
                memory: ByteSize::gib(8),
                disk: ByteSize::gib(64),
                firmware: FirmwareKind::Secure,
                era: Era::Sata,
                note: None,
            }),
            firmware: None,
        };
        let suggest = |found: &Recognised, cpus, memory| {
            let source = Source::Iso(PathBuf::from("/tmp/x.iso"));
            NewMachine::suggest(source, cpus, memory).suited(found, cpus, memory)
        };
        let wide = suggest(&found, 16, ByteSize::gib(64));
        assert_eq!((wide.name.as_str(), wide.cpus), ("Windows 11", 4));
        assert_eq!((wide.memory, wide.era), (ByteSize::gib(8), Era::Sata));
        assert_eq!(wide.disk_size, ByteSize::gib(64));
        assert_eq!(wide.firmware, FirmwareKind::Secure);
        let narrow = suggest(&found, 2, ByteSize::gib(8));
        assert_eq!((narrow.cpus, narrow.memory), (1, ByteSize::gib(4)));
        let nameless = Recognised {
            system: None,
            firmware: Some(FirmwareKind::Uefi),
            ..found
        };
        let general = suggest(&nameless, 16, ByteSize::gib(64));
        assert_eq!((general.name.as_str(), general.cpus), ("x", 2));
        assert_eq!(general.firmware, FirmwareKind::Uefi);
    }
}
