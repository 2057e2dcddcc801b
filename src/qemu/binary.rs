//! Finding QEMU and what it can do.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::cache;
use crate::confine::{Bubblewrap, Jail, JailError, Outcome, Program, find_program, run_jailed};

/// The oldest QEMU that we support: Ubuntu 24.04 has it.
pub const FLOOR: Version = Version {
    major: 8,
    minor: 2,
    micro: 0,
};
const NAME: &str = "qemu-system-x86_64";
/// `-machine help` takes 50 ms on an idle computer.
const HELP_DEADLINE: Duration = Duration::from_secs(15);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub micro: u32,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.micro)
    }
}

/// A QEMU that runs and is new enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Qemu {
    pub path: PathBuf,
    pub version: Version,
    pub capabilities: Capabilities,
}

/// What this build of QEMU offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// The newest versioned q35, `pc-q35-10.0`.
    pub machine_type: Option<String>,
    pub kvm: bool,
    pub tcg: bool,
    pub dbus_display: bool,
    /// Names of the sound drivers.
    pub audio: Vec<String>,
}

/// Why there is no QEMU to use.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    #[error("QEMU is not installed: {NAME} was not found")]
    NotFound,
    #[error("QEMU {found} is too old; Orangery needs {FLOOR} or newer")]
    TooOld { path: PathBuf, found: Version },
    #[error("{} does not answer like QEMU: {why}", path.display())]
    NotQemu { path: PathBuf, why: String },
    #[error(transparent)]
    Run(#[from] JailError),
}

/// Where distributions keep QEMU's modules: `-display help` changes with them, not with the program.
const MODULES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/qemu",
    "/usr/lib64/qemu",
    "/usr/lib/qemu",
];

/// What tells whether a program is still the one that was asked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    path: PathBuf,
    modified: Option<SystemTime>,
    size: u64,
    modules: Vec<Option<SystemTime>>,
}

impl Identity {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let data = std::fs::metadata(path)?;
        let changed = |folder| std::fs::metadata(folder).ok()?.modified().ok();
        Ok(Self {
            path: path.to_owned(),
            modified: data.modified().ok(),
            size: data.len(),
            modules: MODULES.into_iter().map(changed).collect(),
        })
    }
}

/// The last answer; asking takes five runs of QEMU.
static KNOWN: Mutex<Option<(Identity, Qemu)>> = Mutex::new(None);

/// The QEMU to use: `ORANGERY_QEMU`, or the first on the search path. Asked once and remembered, in the program and
/// in `file`, until the program or its modules change. Blocks for up to half a second the first time.
pub fn find(file: Option<&Path>) -> Result<Qemu, BinaryError> {
    let path = std::env::var_os("ORANGERY_QEMU")
        .map(PathBuf::from)
        .or_else(|| find_program(NAME))
        .ok_or(BinaryError::NotFound)?;
    let identity = Identity::of(&path).map_err(|_gone| BinaryError::NotFound)?;
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let remembered = known.clone().or_else(|| cache::recall(file?));
    let qemu = match remembered {
        Some((of, qemu)) if of == identity => qemu,
        _ => {
            let qemu = examine(&path)?;
            if let Some(file) = file {
                // Not remembered means asked again, nothing worse.
                cache::remember(file, &(&identity, &qemu)).ok();
            }
            qemu
        }
    };
    *known = Some((identity, qemu.clone()));
    Ok(qemu)
}

/// Asks one program what it is.
pub fn examine(path: &Path) -> Result<Qemu, BinaryError> {
    let text = ask(path, &["--version"])?;
    let version = parse_version(&text).ok_or_else(|| BinaryError::NotQemu {
        path: path.to_owned(),
        why: text.lines().next().unwrap_or_default().to_owned(),
    })?;
    if version < FLOOR {
        return Err(BinaryError::TooOld {
            path: path.to_owned(),
            found: version,
        });
    }
    let accelerators = ask(path, &["-accel", "help"])?;
    let displays = ask(path, &["-display", "help"])?;
    let audio = ask(path, &["-audiodev", "help"])?;
    Ok(Qemu {
        path: path.to_owned(),
        version,
        capabilities: Capabilities {
            machine_type: newest_q35(&ask(path, &["-machine", "help"])?),
            kvm: words(&accelerators).any(|word| word == "kvm"),
            tcg: words(&accelerators).any(|word| word == "tcg"),
            dbus_display: words(&displays).any(|word| word == "dbus"),
            audio: words(&audio).map(str::to_owned).collect(),
        },
    })
}

fn ask(path: &Path, args: &[&str]) -> Result<String, BinaryError> {
    let mut jail = Jail::new(Program::new(path).args(args));
    jail.deadline = HELP_DEADLINE;
    jail.bubblewrap = Bubblewrap::Never;
    let finished = run_jailed(jail, &mut |_| ControlFlow::Continue(()))?;
    if finished.outcome != Outcome::Success {
        let complaint = String::from_utf8_lossy(&finished.stderr);
        return Err(BinaryError::NotQemu {
            path: path.to_owned(),
            why: complaint.lines().next().unwrap_or("it failed").to_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
}

/// "QEMU emulator version 10.0.2 (Debian …)"
fn parse_version(text: &str) -> Option<Version> {
    let (_, rest) = text.split_once("QEMU emulator version ")?;
    let digits = rest
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .next()?;
    let mut parts = digits.split('.').map(|part| part.parse().ok());
    Some(Version {
        major: parts.next()??,
        minor: parts.next()??,
        micro: parts.next().flatten().unwrap_or(0),
    })
}

/// Distributions add types of their own (`pc-q35-noble`): only numbered ones are the same everywhere.
fn newest_q35(help: &str) -> Option<String> {
    let numbered = |line: &str| {
        let name = line.split_whitespace().next()?;
        let (major, minor) = name.strip_prefix("pc-q35-")?.split_once('.')?;
        let number = (major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?);
        Some((number, name.to_owned()))
    };
    help.lines()
        .filter_map(numbered)
        .max()
        .map(|(_, name)| name)
}

/// Lines of a help text that are a single word.
fn words(help: &str) -> impl Iterator<Item = &str> {
    help.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_distributions_print() {
        let version = |text| parse_version(text).map(|version| version.to_string());
        let debian = "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright";
        assert_eq!(version(debian).as_deref(), Some("10.0.2"));
        assert_eq!(
            version("QEMU emulator version 9.2").as_deref(),
            Some("9.2.0")
        );
        assert_eq!(version("GNU bash, version 5.2"), None);
        assert!(parse_version("QEMU emulator version 7.2.9").unwrap() < FLOOR);
    }

    #[test]
    fn the_newest_numbered_machine_type_is_taken() {
        let help = "q35   Standard PC (alias of pc-q35-10.0)\npc-q35-9.2  x\npc-q35-10.0  x\n\
                    pc-q35-noble  Ubuntu\npc-q35-4.0.1  x\npc-i440fx-10.0 x\n";
        assert_eq!(newest_q35(help).as_deref(), Some("pc-q35-10.0"));
        assert_eq!(newest_q35("none  empty machine\n"), None);
    }
}
