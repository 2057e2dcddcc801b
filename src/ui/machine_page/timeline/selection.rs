//! What is looked at in the timeline, and which snapshots are marked for a common verb.

use std::collections::BTreeSet;

use super::arrange::{Arranged, Point};
use crate::model::{SnapshotId, Timeline};

/// What is looked at, and what is marked.
#[derive(Debug, Default)]
pub struct Selection {
    pub point: Option<Point>,
    pub marks: BTreeSet<SnapshotId>,
    /// The other end of what Shift extends.
    anchor: Option<Point>,
}

impl Selection {
    /// Looks at `point`; nothing stays marked.
    pub fn look_at(&mut self, point: Point) {
        self.clear();
        self.point = Some(point);
    }

    /// Marks all lines between the one that was looked at and this.
    pub fn extend(&mut self, timeline: &Timeline, list: &Arranged, point: Point) {
        let anchor = self.anchor.or(self.point).unwrap_or(point);
        self.anchor = Some(anchor);
        self.point = Some(point);
        let place = |point| list.place_of(timeline, point);
        if let (Some(from), Some(to)) = (place(anchor), place(point)) {
            let lines = &list.lines[from.min(to)..=from.max(to)];
            let of = |point| list.snapshots_of(timeline, point);
            self.marks = lines.iter().flat_map(|line| of(line.point)).collect();
        }
    }

    /// Marks what a line stands for, or takes the marks away.
    pub fn toggle(&mut self, timeline: &Timeline, list: &Arranged, point: Point) {
        // What is looked at counts as chosen until something is marked.
        if self.marks.is_empty()
            && let Some(Point::Snapshot(looked_at)) = self.point.filter(|now| *now != point)
        {
            self.marks.insert(looked_at);
        }
        let snapshots = list.snapshots_of(timeline, point);
        if snapshots.iter().all(|id| self.marks.contains(id)) {
            self.marks.retain(|id| !snapshots.contains(id));
        } else {
            self.marks.extend(snapshots);
        }
        self.point = Some(point);
        self.anchor = Some(point);
    }

    pub fn mark_all(&mut self, timeline: &Timeline, list: &Arranged) {
        let all = list.by_time.iter();
        self.marks = all
            .map(|(place, _)| timeline.snapshots[*place].id)
            .collect();
    }

    /// Nothing is marked any more.
    pub fn clear(&mut self) {
        self.marks.clear();
        self.anchor = None;
    }

    /// Forgets what is gone; there is always something to look at.
    pub fn follow(&mut self, timeline: &Timeline, list: &Arranged) {
        let shown = |id: SnapshotId| list.place_of(timeline, Point::Snapshot(id)).is_some();
        self.marks.retain(|id| shown(*id));
        let there = |point: Point| list.place_of(timeline, point).is_some();
        if !self.point.is_some_and(there) {
            let newest = list.by_time.last();
            let newest = newest.map(|(place, _)| timeline.snapshots[*place].id);
            let first = timeline.present.filter(|id| shown(*id)).or(newest);
            self.point = Some(first.map_or(Point::Now, Point::Snapshot));
        }
    }

    /// What a common verb is about: the marks, or else what is looked at.
    pub fn meant(&self, timeline: &Timeline, list: &Arranged) -> Vec<SnapshotId> {
        if self.marks.is_empty() {
            let point = self.point.into_iter();
            return point
                .flat_map(|point| list.snapshots_of(timeline, point))
                .collect();
        }
        let marked = timeline.snapshots.iter().map(|snapshot| snapshot.id);
        marked.filter(|id| self.marks.contains(id)).collect()
    }
}
