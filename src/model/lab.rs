//! Labs: machines that are started, kept and taken back together.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Action, ByteSize, Failure, MachineId, NameError, SnapshotId, SnapshotKind, Timestamp,
    check_name,
};

/// Identifies a lab for as long as its file exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LabId(pub Uuid);

impl fmt::Display for LabId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for LabId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// Identifies snapshots of several machines that were taken at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SetId(pub Uuid);

impl fmt::Display for SetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One machine's part of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetMember {
    pub machine: MachineId,
    pub snapshot: SnapshotId,
}

/// One moment of a lab. It is written before the first snapshot is taken: it is whole once every member has its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotSet {
    pub id: SetId,
    /// Empty where nobody gave one.
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub note: String,
    pub time: Timestamp,
    #[serde(default)]
    pub kind: SnapshotKind,
    pub members: Vec<SetMember>,
}

impl SnapshotSet {
    /// The name, or what made it.
    pub fn title(&self) -> &str {
        match self.name.as_str() {
            "" if self.kind == SnapshotKind::Manual => "Kept moment",
            "" => self.kind.label(),
            name => name,
        }
    }

    /// What it has of a machine.
    pub fn of(&self, machine: MachineId) -> Option<SnapshotId> {
        let mut members = self.members.iter();
        let member = members.find(|member| member.machine == machine)?;
        Some(member.snapshot)
    }
}

/// A named, ordered set of machines. A machine may be in several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lab {
    pub id: LabId,
    pub name: String,
    /// In the order in which they are started. Some may be gone meanwhile.
    pub machines: Vec<MachineId>,
    pub created: Timestamp,
    #[serde(default)]
    pub note: String,
    /// Its moments, oldest first.
    #[serde(default)]
    pub sets: Vec<SnapshotSet>,
}

impl Lab {
    /// The most machines that one has.
    pub const MOST: usize = 64;

    /// What may be done with all machines of a lab at once.
    pub const ACTIONS: [Action; 6] = [
        Action::Start,
        Action::ShutDown,
        Action::PowerOff,
        Action::Pause,
        Action::Resume,
        Action::Save,
    ];

    pub fn set(&self, id: SetId) -> Option<&SnapshotSet> {
        self.sets.iter().find(|set| set.id == id)
    }
}

/// Why a set can't be gone back to, of one of its machines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lack {
    /// The machine's snapshot is not there: it was never taken, or was deleted.
    NoSnapshot,
    /// It is still being written.
    Writing,
    /// It can't be read.
    Damaged(String),
    /// The whole machine is not there any more.
    NoMachine,
}

/// A member of a set as screens and scripts see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberReport {
    pub machine: MachineId,
    pub snapshot: SnapshotId,
    /// The guest ran: going back goes on in that very moment.
    pub with_memory: bool,
    /// There is a picture of the screen, `screen.png` in its folder.
    pub picture: bool,
    pub lack: Option<Lack>,
}

/// How a set stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetReport {
    pub id: SetId,
    pub members: Vec<MemberReport>,
}

impl SetReport {
    /// Whether every machine can go back to it.
    pub fn is_whole(&self) -> bool {
        self.members.iter().all(|member| member.lack.is_none())
    }

    /// The members that a rewind needs and has not: machines that are gone stay away by themselves.
    pub fn lacking(&self) -> impl Iterator<Item = &MemberReport> {
        self.members
            .iter()
            .filter(|member| !matches!(member.lack, None | Some(Lack::NoMachine)))
    }
}

/// A lab as screens and scripts see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabReport {
    /// For a broken file a lab without machines, named like the file.
    pub lab: Lab,
    /// In the order of the lab's sets.
    pub sets: Vec<SetReport>,
    /// Why its file can't be used. It is not overwritten.
    pub trouble: Option<Failure>,
}

impl LabReport {
    /// A set with how it stands.
    pub fn set(&self, id: SetId) -> Option<(&SnapshotSet, &SetReport)> {
        let report = self.sets.iter().find(|report| report.id == id)?;
        Some((self.lab.set(id)?, report))
    }
}

/// Checks a lab's name against the rules and the names already `taken`, ignoring case.
///
/// # Errors
/// What is wrong with it, for people.
pub fn check_lab_name<'a>(
    name: &str,
    taken: impl IntoIterator<Item = &'a str>,
) -> Result<(), String> {
    check_name(name, taken).map_err(|error| match error {
        NameError::Empty => "A lab needs a name".to_owned(),
        NameError::Taken { name } => format!("There is already a lab called “{name}”"),
        NameError::TooLong
        | NameError::Unprintable
        | NameError::Awkward
        | NameError::LooksLikeId => error.to_string(),
    })
}

/// Refuses a start for which the computer clearly has no memory: machines that run have `running` together, those to be
/// started want `wanted`, and there is `most`, swap included.
///
/// # Errors
/// The reason, with the numbers.
pub fn admit(wanted: ByteSize, running: ByteSize, most: ByteSize) -> Result<(), String> {
    let sum = wanted.0.saturating_add(running.0);
    if sum <= most.0 {
        return Ok(());
    }
    let missing = ByteSize(sum - most.0);
    let beside = match running.0 {
        0 => String::new(),
        _ => format!(", those that run have {running}"),
    };
    Err(format!(
        "They need {wanted} of memory{beside}, and this computer has {most}, swap included: {missing} too little"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_can_not_fit_is_refused_with_the_numbers() {
        let gib = ByteSize::gib;
        assert_eq!(admit(gib(6), gib(2), gib(8)), Ok(()));
        let why = admit(gib(8), gib(3), gib(8)).unwrap_err();
        assert!(
            ["8 GiB", "have 3 GiB", "3 GiB too little"]
                .iter()
                .all(|part| why.contains(part)),
            "{why}"
        );
        assert!(
            !admit(gib(9), ByteSize(0), gib(8))
                .unwrap_err()
                .contains("that run")
        );
    }

    #[test]
    fn names_of_labs_are_their_own_and_unique_without_regard_to_case() {
        assert_eq!(check_lab_name("Web shop", ["other"]), Ok(()));
        let taken = check_lab_name("SHOP", ["shop"]).unwrap_err();
        assert_eq!(taken, "There is already a lab called “shop”");
        assert_eq!(check_lab_name(" ", []).unwrap_err(), "A lab needs a name");
    }

    #[test]
    fn a_set_lacks_what_is_missing_of_machines_that_are_still_there() {
        let member = |number: u128, lack| MemberReport {
            machine: MachineId(Uuid::from_u128(number)),
            snapshot: SnapshotId(Uuid::from_u128(number)),
            with_memory: true,
            picture: false,
            lack,
        };
        let report = SetReport {
            id: SetId(Uuid::nil()),
            members: vec![
                member(1, None),
                member(2, Some(Lack::NoMachine)),
                member(3, Some(Lack::NoSnapshot)),
            ],
        };
        assert!(!report.is_whole());
        let lacking: Vec<u128> = report
            .lacking()
            .map(|one| one.machine.0.as_u128())
            .collect();
        assert_eq!(lacking, [3]);
    }
}
