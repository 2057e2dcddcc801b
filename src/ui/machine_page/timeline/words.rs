//! What snapshots are called on the page.

use crate::language::{fill, told, tr};
use crate::model::{MachineReport, SetMember, SnapshotId, SnapshotKind, SnapshotReport};
use crate::ui::icon::Icon;
use crate::ui::view::View;

/// Kinds as a person tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    ByHand,
    Kept,
    Automatic,
}

impl Group {
    /// `None` for what is not part of a timeline.
    pub fn of(kind: SnapshotKind) -> Option<Self> {
        match kind {
            SnapshotKind::Saved => None,
            SnapshotKind::Manual => Some(Self::ByHand),
            SnapshotKind::Kept => Some(Self::Kept),
            SnapshotKind::Timed
            | SnapshotKind::BeforeShutDown
            | SnapshotKind::BeforeReset
            | SnapshotKind::BeforeChange
            | SnapshotKind::BeforeSuspend => Some(Self::Automatic),
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::ByHand => "By hand",
            Self::Kept => "Kept",
            Self::Automatic => "Automatic",
        }
    }

    pub fn explain(self) -> &'static str {
        match self {
            Self::ByHand => "Snapshots that you took",
            Self::Kept => "The present, kept each time it was left for another point",
            Self::Automatic => "Checkpoints that were taken by themselves",
        }
    }

    pub fn icon(self) -> Icon {
        match self {
            Self::ByHand => Icon::Bookmark,
            Self::Kept => Icon::GitBranch,
            Self::Automatic => Icon::Timer,
        }
    }
}

/// The lab with a moment that a snapshot is a machine's part of.
pub fn lab(view: &View, snapshot: SnapshotId) -> Option<&str> {
    let is_part = |member: &SetMember| member.snapshot == snapshot;
    let mut labs = view.labs.iter().map(|report| &report.lab);
    let lab = labs.find(|lab| lab.sets.iter().any(|set| set.members.iter().any(is_part)))?;
    Some(&lab.name)
}

/// "part of a moment of the lab “shop”".
pub fn lab_text(name: &str) -> String {
    fill("part of a moment of the lab “{name}”", &[("name", &name)])
}

/// Whether new machines can begin at it.
pub fn is_template(report: &MachineReport, snapshot: SnapshotId) -> bool {
    let record = report.machine.as_ref();
    let mut templates = record.into_iter().flat_map(|record| &record.templates);
    templates.any(|template| template.snapshot == snapshot)
}

/// Icon and word for what made it.
pub fn kind(snapshot: &SnapshotReport) -> (Icon, &'static str) {
    let group = Group::of(snapshot.kind).unwrap_or(Group::ByHand);
    (group.icon(), tr(group.word()))
}

/// That it keeps one disk and nothing else.
pub fn alone(disk: &str) -> String {
    fill("only {disk}", &[("disk", &disk)])
}

/// Whether another one of the timeline would be called the same: taken by the same in the same minute.
fn has_twin(view: &View, snapshot: &SnapshotReport) -> bool {
    let minute = |one: &SnapshotReport| (one.kind, one.time.0 / 60);
    let is_twin = |other: &SnapshotReport| {
        other.id != snapshot.id && other.name.is_empty() && minute(other) == minute(snapshot)
    };
    let mut timelines = view.timelines.values();
    let own = timelines.find(|timeline| timeline.snapshot(snapshot.id).is_some());
    own.is_some_and(|timeline| timeline.snapshots.iter().any(is_twin))
}

/// The name, or what made it and when.
pub fn title(view: &View, snapshot: &SnapshotReport) -> String {
    if !snapshot.name.is_empty() {
        return snapshot.name.clone();
    }
    let what = told(snapshot.kind.label());
    let time = match has_twin(view, snapshot) {
        true => view.zone.second(snapshot.time, view.now),
        false => view.zone.moment(snapshot.time, view.now),
    };
    fill("{what}, {time}", &[("what", &what), ("time", &time)])
}
