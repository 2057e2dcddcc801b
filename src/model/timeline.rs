//! A machine's timeline: its snapshots as a tree, the present, and which checkpoints are kept for how long.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{ByteSize, SnapshotId, Timestamp};

/// What made a snapshot.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotKind {
    /// Save: the next start goes on from here, then it is deleted. Not part of the timeline.
    Saved,
    /// The user asked for it.
    #[default]
    Manual,
    /// The present, kept when it was left for another point.
    Kept,
    /// A checkpoint by the clock.
    Timed,
    BeforeShutDown,
    BeforeReset,
    /// Before the machine's hardware was changed.
    BeforeChange,
    /// Before this computer went to sleep.
    BeforeSuspend,
}

impl SnapshotKind {
    /// The kinds that a timeline shows.
    pub const SHOWN: [Self; 7] = [
        Self::Manual,
        Self::Kept,
        Self::Timed,
        Self::BeforeShutDown,
        Self::BeforeReset,
        Self::BeforeChange,
        Self::BeforeSuspend,
    ];

    /// Made by a rule: it goes by a rule, too.
    pub fn is_automatic(self) -> bool {
        match self {
            Self::Saved | Self::Manual | Self::Kept => false,
            Self::Timed
            | Self::BeforeShutDown
            | Self::BeforeReset
            | Self::BeforeChange
            | Self::BeforeSuspend => true,
        }
    }

    /// The word that scripts read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Saved => "saved",
            Self::Manual => "manual",
            Self::Kept => "kept",
            Self::Timed => "timed",
            Self::BeforeShutDown => "before-shut-down",
            Self::BeforeReset => "before-reset",
            Self::BeforeChange => "before-change",
            Self::BeforeSuspend => "before-suspend",
        }
    }

    /// What a snapshot without a name is called.
    pub fn label(self) -> &'static str {
        match self {
            Self::Saved => "Saved state",
            Self::Manual => "Snapshot",
            Self::Kept => "Kept when leaving",
            Self::Timed => "Checkpoint",
            Self::BeforeShutDown => "Before shutting down",
            Self::BeforeReset => "Before the reset",
            Self::BeforeChange => "Before a change to the hardware",
            Self::BeforeSuspend => "Before this computer slept",
        }
    }
}

/// What of a machine a snapshot is to keep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotScope {
    /// One disk alone, by its device id, without memory and hardware; `None` is all of the machine.
    #[serde(default)]
    pub disk: Option<String>,
    /// Disks that lie outside the library are copied into it first. The machine must be off.
    #[serde(default)]
    pub move_in: bool,
}

/// A snapshot as screens and scripts see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotReport {
    pub id: SnapshotId,
    /// What the machine had come from when it was taken; `None` for a first one.
    pub parent: Option<SnapshotId>,
    /// Empty where nobody gave one.
    pub name: String,
    pub note: String,
    pub time: Timestamp,
    pub kind: SnapshotKind,
    /// The guest ran: rewinding goes on in that very moment.
    pub with_memory: bool,
    /// It keeps this disk alone.
    #[serde(default)]
    pub disk: Option<String>,
    /// Its memory is still being written in the background.
    pub writing: bool,
    /// What comes back when it alone is deleted.
    pub bytes: ByteSize,
    /// What it needs besides, and others need as well.
    pub shared: ByteSize,
    /// There is a picture of the screen, `screen.png` in its folder.
    pub picture: bool,
    /// Layers of its deepest disk.
    pub depth: u32,
    /// Why it can't be used.
    pub trouble: Option<String>,
}

impl SnapshotReport {
    /// The name, or what made it.
    pub fn title(&self) -> &str {
        match self.name.as_str() {
            "" => self.kind.label(),
            name => name,
        }
    }
}

/// A machine's life as a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// Oldest first.
    pub snapshots: Vec<SnapshotReport>,
    /// What the present came from; `None` where it came from none.
    pub present: Option<SnapshotId>,
    /// Layers of the present's deepest disk.
    pub depth: u32,
    /// What the present alone holds on disk.
    pub bytes: ByteSize,
    /// Everything of the machine on disk.
    pub total: ByteSize,
}

impl Timeline {
    pub fn snapshot(&self, id: SnapshotId) -> Option<&SnapshotReport> {
        self.snapshots.iter().find(|snapshot| snapshot.id == id)
    }

    /// Finds one by its whole name, its id, or the beginning of its id if only one begins so.
    ///
    /// # Errors
    /// The reason, with what can be chosen from.
    pub fn find(&self, wanted: &str) -> Result<&SnapshotReport, String> {
        let named: Vec<_> = self
            .snapshots
            .iter()
            .filter(|snapshot| !snapshot.name.is_empty() && snapshot.name == wanted)
            .collect();
        let by_id = self.snapshots.iter().filter(|snapshot| {
            wanted.len() >= 4 && snapshot.id.to_string().starts_with(&wanted.to_lowercase())
        });
        let found: Vec<_> = match named[..] {
            [] => by_id.collect(),
            _ => named,
        };
        match found[..] {
            [one] => Ok(one),
            [] => Err(format!("There is no snapshot “{wanted}”")),
            _ => Err(format!(
                "{} snapshots are called “{wanted}”; use the id",
                found.len()
            )),
        }
    }

    /// From the present, or from `of`, back to the first, nearest first.
    pub fn ancestors(&self, of: Option<SnapshotId>) -> Vec<SnapshotId> {
        let parents: BTreeMap<SnapshotId, Option<SnapshotId>> = self
            .snapshots
            .iter()
            .map(|snapshot| (snapshot.id, snapshot.parent))
            .collect();
        let mut line = Vec::new();
        let mut seen = BTreeSet::new();
        let mut next = of.map_or(self.present, |of| parents.get(&of).copied().flatten());
        while let Some(id) = next.filter(|id| parents.contains_key(id) && seen.insert(*id)) {
            line.push(id);
            next = parents[&id];
        }
        line
    }

    pub fn children(&self, of: Option<SnapshotId>) -> impl Iterator<Item = &SnapshotReport> {
        self.snapshots
            .iter()
            .filter(move |snapshot| snapshot.parent == of)
    }
}

/// When checkpoints are taken by themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoints {
    /// Every so many minutes, if screen or disk changed since the last; 0 is never.
    #[serde(default)]
    pub every: u32,
    #[serde(default)]
    pub before_shut_down: bool,
    #[serde(default)]
    pub before_reset: bool,
    #[serde(default)]
    pub before_change: bool,
    #[serde(default)]
    pub before_suspend: bool,
    /// What all checkpoints together may take on disk; 0 is no limit.
    #[serde(default)]
    pub budget: ByteSize,
}

impl Checkpoints {
    /// Minutes that may be chosen.
    pub const MINUTES: [u32; 6] = [1, 5, 10, 15, 30, 60];

    /// For a machine to experiment with.
    pub fn experiment() -> Self {
        Self {
            every: 5,
            before_shut_down: true,
            before_reset: true,
            before_change: true,
            before_suspend: true,
            budget: ByteSize::gib(10),
        }
    }

    pub fn is_off(&self) -> bool {
        let Self {
            every,
            before_shut_down,
            before_reset,
            before_change,
            before_suspend,
            budget: _,
        } = self;
        *every == 0 && !before_shut_down && !before_reset && !before_change && !before_suspend
    }

    /// Whether one of `kind` is wanted.
    pub fn wants(&self, kind: SnapshotKind) -> bool {
        match kind {
            SnapshotKind::Saved | SnapshotKind::Manual | SnapshotKind::Kept => false,
            SnapshotKind::Timed => self.every > 0,
            SnapshotKind::BeforeShutDown => self.before_shut_down,
            SnapshotKind::BeforeReset => self.before_reset,
            SnapshotKind::BeforeChange => self.before_change,
            SnapshotKind::BeforeSuspend => self.before_suspend,
        }
    }
}

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// Checkpoints that may follow one another in a branch: each is a layer of its disks.
const MOST_IN_BRANCH: usize = 16;

/// The one whose neighbours, newest first, are closest together for its age; the newest and the oldest stay.
fn least_missed(branch: &[&SnapshotReport], now: Timestamp) -> Option<SnapshotId> {
    let gaps = branch.windows(3).map(|three| {
        let gap = three[0].time.0.saturating_sub(three[2].time.0);
        let age = now.0.saturating_sub(three[1].time.0) + 1;
        (gap.saturating_mul(1000) / age, three[1].id)
    });
    gaps.min().map(|(_, id)| id)
}

/// The checkpoints that may go: all of the last hour stay, one of each hour of the last day, one of each day of the last
/// week, and 16 in a branch; of what is left the oldest go until `budget` is met. The newest always stays.
///
/// Snapshots that a person made are never among them.
pub fn outlived(timeline: &Timeline, budget: ByteSize, now: Timestamp) -> Vec<SnapshotId> {
    let mut automatic: Vec<&SnapshotReport> = timeline
        .snapshots
        .iter()
        .filter(|snapshot| snapshot.kind.is_automatic() && !snapshot.writing)
        .collect();
    automatic.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.time));
    let mut gone = Vec::new();
    let mut kept = Vec::new();
    let mut slots = BTreeSet::new();
    for (place, snapshot) in automatic.into_iter().enumerate() {
        let age = now.0.saturating_sub(snapshot.time.0);
        let stays = match age {
            0..HOUR => true,
            HOUR..DAY => slots.insert((HOUR, snapshot.time.0 / HOUR)),
            DAY.. if age < 7 * DAY => slots.insert((DAY, snapshot.time.0 / DAY)),
            _ => false,
        };
        if stays || place == 0 {
            kept.push(snapshot);
        } else {
            gone.push(snapshot.id);
        }
    }
    let line: BTreeSet<SnapshotId> = timeline.ancestors(None).into_iter().collect();
    loop {
        let in_line = |snapshot: &&SnapshotReport| line.contains(&snapshot.id);
        let branch: Vec<&SnapshotReport> = kept.iter().copied().filter(in_line).collect();
        if branch.len() <= MOST_IN_BRANCH {
            break;
        }
        let Some(least) = least_missed(&branch, now) else {
            break;
        };
        kept.retain(|snapshot| snapshot.id != least);
        gone.push(least);
    }
    let mut used: u64 = kept.iter().map(|snapshot| snapshot.bytes.0).sum();
    while budget.0 > 0 && used > budget.0 && kept.len() > 1 {
        if let Some(oldest) = kept.pop() {
            used -= oldest.bytes.0;
            gone.push(oldest.id);
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(number: u128) -> SnapshotId {
        SnapshotId(Uuid::from_u128(number << 96 | number))
    }

    fn report(number: u128, parent: Option<u128>, time: u64, kind: SnapshotKind) -> SnapshotReport {
        SnapshotReport {
            id: id(number),
            parent: parent.map(id),
            name: String::new(),
            note: String::new(),
            time: Timestamp(time),
            kind,
            with_memory: false,
            disk: None,
            writing: false,
            bytes: ByteSize::mib(10),
            shared: ByteSize(0),
            picture: false,
            depth: 1,
            trouble: None,
        }
    }

    fn checkpoints(times: impl Iterator<Item = u64>) -> Timeline {
        let snapshots = (1..).zip(times);
        let timed = |(number, time)| report(number, None, time, SnapshotKind::Timed);
        Timeline {
            snapshots: snapshots.map(timed).collect(),
            ..Timeline::default()
        }
    }

    #[test]
    fn checkpoints_get_sparse_with_age() {
        let now = Timestamp(100 * DAY);
        // One each five minutes for ten days.
        let timeline = checkpoints((0..10 * 288).map(|place| now.0 - place * 300).rev());
        let gone = outlived(&timeline, ByteSize(0), now);
        let kept = timeline.snapshots.len() - gone.len();
        assert!((12 + 23 + 6..=12 + 25 + 8).contains(&kept), "{kept} stay");
        let again = Timeline {
            snapshots: timeline
                .snapshots
                .iter()
                .filter(|snapshot| !gone.contains(&snapshot.id))
                .cloned()
                .collect(),
            ..Timeline::default()
        };
        assert_eq!(outlived(&again, ByteSize(0), now), []);
    }

    #[test]
    fn a_branch_has_sixteen_of_them_sparse_with_age() {
        let now = Timestamp(100 * DAY);
        let mut timeline = checkpoints((0..60).rev().map(|place| now.0 - place * 60));
        for place in 1..60 {
            timeline.snapshots[place].parent = Some(timeline.snapshots[place - 1].id);
        }
        timeline.present = timeline.snapshots.last().map(|last| last.id);
        let gone = outlived(&timeline, ByteSize(0), now);
        assert_eq!(gone.len(), 60 - 16);
        let kept = timeline
            .snapshots
            .iter()
            .filter(|one| !gone.contains(&one.id));
        let ages: Vec<u64> = kept.map(|one| (now.0 - one.time.0) / 60).rev().collect();
        assert_eq!((ages[0], ages[15]), (0, 59));
        assert!(ages[1] <= 2 && ages[15] - ages[14] >= 4, "{ages:?}");
    }

    #[test]
    fn the_oldest_go_for_the_budget_and_what_people_made_stays() {
        let now = Timestamp(1000);
        let mut timeline = checkpoints((0..10).map(|place| 900 + place));
        timeline
            .snapshots
            .push(report(99, None, 1, SnapshotKind::Manual));
        timeline
            .snapshots
            .push(report(98, None, 2, SnapshotKind::Kept));
        let gone = outlived(&timeline, ByteSize::mib(75), now);
        assert_eq!(gone, [id(1), id(2), id(3)]);
        let gone = outlived(&timeline, ByteSize(1), now);
        assert_eq!(gone.len(), 9, "the newest stays: {gone:?}");
    }

    #[test]
    fn a_snapshot_is_found_by_name_or_the_beginning_of_its_id() {
        let mut timeline = checkpoints(0..3);
        timeline.snapshots[0].name = "clean".to_owned();
        timeline.snapshots[1].name = "twice".to_owned();
        timeline.snapshots[2].name = "twice".to_owned();
        assert_eq!(timeline.find("clean").unwrap().id, id(1));
        assert_eq!(timeline.find("00000002").unwrap().id, id(2));
        assert!(timeline.find("twice").unwrap_err().contains("use the id"));
        assert!(timeline.find("000").is_err() && timeline.find("").is_err());
    }

    #[test]
    fn ancestors_end_also_where_parents_go_round() {
        let kind = SnapshotKind::Manual;
        let mut timeline = Timeline {
            snapshots: vec![
                report(1, None, 1, kind),
                report(2, Some(1), 2, kind),
                report(3, Some(2), 3, kind),
            ],
            present: Some(id(3)),
            ..Timeline::default()
        };
        assert_eq!(timeline.ancestors(None), [id(3), id(2), id(1)]);
        assert_eq!(timeline.ancestors(Some(id(2))), [id(1)]);
        timeline.snapshots[0].parent = Some(id(3));
        assert_eq!(timeline.ancestors(None).len(), 3);
        assert_eq!(timeline.children(Some(id(1))).count(), 1);
    }
}
