//! What snapshots are called on the page.

use crate::language::{fill, told, tr};
use crate::model::{SnapshotKind, SnapshotReport};
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

/// Icon and word for what made it.
pub fn kind(snapshot: &SnapshotReport) -> (Icon, &'static str) {
    let group = Group::of(snapshot.kind).unwrap_or(Group::ByHand);
    (group.icon(), tr(group.word()))
}

/// The name, or what made it and when.
pub fn title(view: &View, snapshot: &SnapshotReport) -> String {
    if !snapshot.name.is_empty() {
        return snapshot.name.clone();
    }
    let what = told(snapshot.kind.label());
    let time = view.zone.moment(snapshot.time, view.now);
    fill("{what}, {time}", &[("what", &what), ("time", &time)])
}
