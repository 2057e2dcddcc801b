//! How a timeline stands on the page: one line for each point, newest first, beside rails that show what came from what.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::words::Group;
use crate::model::{SnapshotId, SnapshotReport, Timeline, Timestamp};

/// Fewer checkpoints in a row stand for themselves.
const RUN: usize = 4;
/// Heights of lines, in points.
pub const LINE: f32 = 64.0;
pub const HEADING: f32 = 34.0;

/// Something that a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    Now,
    Snapshot(SnapshotId),
    /// Checkpoints that follow each other, by the oldest of them.
    Run(SnapshotId),
}

/// The rails beside one line, as numbers of lanes from the left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rails {
    pub lane: usize,
    /// A rail comes from the line above, and goes on below.
    pub up: bool,
    pub down: bool,
    /// Rails that pass by.
    pub through: Vec<usize>,
    /// Rails of branches that began here.
    pub joins: Vec<usize>,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub point: Point,
    pub rails: Rails,
    /// From the top of the first line, in points.
    pub top: f32,
    pub height: f32,
}

impl Line {
    pub fn bottom(&self) -> f32 {
        self.top + self.height
    }
}

/// Checkpoints that follow each other and that nobody gave a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub id: SnapshotId,
    /// Places in the timeline, newest first.
    pub members: Vec<usize>,
    pub unfolded: bool,
}

/// What is left out and unfolded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    pub hidden: BTreeSet<Group>,
    pub unfolded: BTreeSet<SnapshotId>,
}

/// A timeline, ready to be drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arranged {
    pub lines: Vec<Line>,
    pub runs: Vec<Run>,
    /// How many rails stand side by side at most.
    pub lanes: usize,
    pub height: f32,
    /// Places in the timeline of all that is shown, oldest first, with their lanes.
    pub by_time: Vec<(usize, usize)>,
}

impl Arranged {
    pub fn new(timeline: &Timeline, shown: &Shown) -> Self {
        let family = Family::of(timeline, &shown.hidden);
        let mut arranged = Self {
            runs: family.runs(timeline, &shown.unfolded),
            ..Self::default()
        };
        let order = family.order(timeline, &arranged.runs);
        arranged.lay(timeline, &family, &order);
        arranged.by_time.sort_by_key(|(place, _)| {
            let snapshot = &timeline.snapshots[*place];
            (snapshot.time, *place)
        });
        arranged
    }

    /// The line of `point`; a folded checkpoint's is that of its run.
    pub fn place_of(&self, timeline: &Timeline, point: Point) -> Option<usize> {
        let at = |wanted: Point| self.lines.iter().position(|line| line.point == wanted);
        at(point).or_else(|| {
            let Point::Snapshot(id) = point else {
                return None;
            };
            let member = |place: &usize| timeline.snapshots[*place].id == id;
            let run = self
                .runs
                .iter()
                .find(|run| run.members.iter().any(member))?;
            at(Point::Run(run.id))
        })
    }

    pub fn run(&self, id: SnapshotId) -> Option<&Run> {
        self.runs.iter().find(|run| run.id == id)
    }

    /// The lines between two heights.
    pub fn between(&self, top: f32, bottom: f32) -> std::ops::Range<usize> {
        let first = self.lines.partition_point(|line| line.bottom() < top);
        let end = self.lines.partition_point(|line| line.top < bottom);
        first..end.max(first)
    }

    /// The snapshots that a line stands for.
    pub fn snapshots_of(&self, timeline: &Timeline, point: Point) -> Vec<SnapshotId> {
        match point {
            Point::Now => Vec::new(),
            Point::Snapshot(id) => vec![id],
            Point::Run(id) => self.run(id).map_or_else(Vec::new, |run| {
                let members = run.members.iter();
                members.map(|place| timeline.snapshots[*place].id).collect()
            }),
        }
    }

    fn lay(&mut self, timeline: &Timeline, family: &Family, order: &[usize]) {
        let folded: BTreeMap<usize, (SnapshotId, usize)> = self.folded();
        let headings: BTreeMap<usize, SnapshotId> = self
            .runs
            .iter()
            .filter(|run| run.unfolded)
            .map(|run| (run.members[0], run.id))
            .collect();
        let mut lanes = Lanes::default();
        let present = family.present;
        lanes.expect(0, present);
        let now = Rails {
            down: present.is_some(),
            ..Rails::default()
        };
        self.push(Point::Now, now, LINE);
        for place in order {
            if let Some(id) = headings.get(place) {
                let rails = lanes.passing(*place);
                self.push(Point::Run(*id), rails, HEADING);
            }
            let run = folded.get(place);
            let oldest = run.map_or(*place, |(_, oldest)| *oldest);
            let parent = family.parents[oldest];
            let rails = lanes.step(*place, parent);
            let lane = rails.lane;
            match run {
                Some((id, _)) => {
                    let members = self.run(*id).map(|run| run.members.clone());
                    let members = members.unwrap_or_default().into_iter();
                    self.by_time.extend(members.map(|member| (member, lane)));
                    self.push(Point::Run(*id), rails, LINE);
                }
                None => {
                    self.by_time.push((*place, lane));
                    let id = timeline.snapshots[*place].id;
                    self.push(Point::Snapshot(id), rails, LINE);
                }
            }
        }
        self.lanes = lanes.expected.len();
    }

    /// Of each folded run by its newest member: its id, and its oldest member.
    fn folded(&self) -> BTreeMap<usize, (SnapshotId, usize)> {
        let runs = self.runs.iter().filter(|run| !run.unfolded);
        let ends = |run: &Run| Some((*run.members.first()?, (run.id, *run.members.last()?)));
        runs.filter_map(ends).collect()
    }

    fn push(&mut self, point: Point, rails: Rails, height: f32) {
        self.lines.push(Line {
            point,
            rails,
            top: self.height,
            height,
        });
        self.height += height;
    }
}

/// Which rails are under way, and which snapshot each leads down to.
#[derive(Default)]
struct Lanes {
    expected: Vec<Option<usize>>,
}

impl Lanes {
    fn expect(&mut self, lane: usize, snapshot: Option<usize>) {
        if self.expected.len() <= lane {
            self.expected.resize(lane + 1, None);
        }
        self.expected[lane] = snapshot;
    }

    fn under_way(&self) -> impl Iterator<Item = usize> {
        let lanes = self.expected.iter().enumerate();
        lanes.filter_map(|(lane, to)| to.is_some().then_some(lane))
    }

    /// The rails beside a heading above `place`.
    fn passing(&self, place: usize) -> Rails {
        let own = self.expected.iter().position(|to| *to == Some(place));
        Rails {
            lane: own.unwrap_or_default(),
            through: self.under_way().collect(),
            ..Rails::default()
        }
    }

    fn step(&mut self, place: usize, parent: Option<usize>) -> Rails {
        let leads = |lane: &usize| self.expected[*lane] == Some(place);
        let mut here: Vec<usize> = self.under_way().filter(leads).collect();
        let up = !here.is_empty();
        let free = || self.expected.iter().position(Option::is_none);
        let lane = match here.first() {
            Some(_) => here.remove(0),
            None => free().unwrap_or(self.expected.len()),
        };
        for joined in &here {
            self.expected[*joined] = None;
        }
        self.expect(lane, None);
        let through = self.under_way().collect();
        self.expect(lane, parent);
        Rails {
            lane,
            up,
            down: parent.is_some(),
            through,
            joins: here,
        }
    }
}

/// Who came from whom, among what is shown.
struct Family {
    visible: Vec<bool>,
    /// The nearest that is shown.
    parents: Vec<Option<usize>>,
    children: Vec<usize>,
    present: Option<usize>,
}

impl Family {
    fn of(timeline: &Timeline, hidden: &BTreeSet<Group>) -> Self {
        let snapshots = &timeline.snapshots;
        let places: BTreeMap<SnapshotId, usize> = snapshots
            .iter()
            .enumerate()
            .map(|(place, snapshot)| (snapshot.id, place))
            .collect();
        let is_shown = |snapshot: &SnapshotReport| {
            Group::of(snapshot.kind).is_some_and(|group| !hidden.contains(&group))
        };
        let visible: Vec<bool> = snapshots.iter().map(is_shown).collect();
        let nearest = |from: Option<SnapshotId>| {
            let mut next = from;
            // A file may say that parents go round.
            for _ in 0..=snapshots.len() {
                let place = *places.get(&next?)?;
                if visible[place] {
                    return Some(place);
                }
                next = snapshots[place].parent;
            }
            None
        };
        let parents: Vec<Option<usize>> = snapshots
            .iter()
            .enumerate()
            .map(|(place, snapshot)| nearest(snapshot.parent).filter(|parent| *parent != place))
            .collect();
        let present = nearest(timeline.present);
        let mut children = vec![0; snapshots.len()];
        for (place, parent) in parents.iter().enumerate() {
            if let Some(parent) = parent.filter(|_| visible[place]) {
                children[parent] += 1;
            }
        }
        Self {
            visible,
            parents,
            children,
            present,
        }
        .without_rings(snapshots)
    }

    /// Parents that go round are cut where the newest of the ring stands.
    fn without_rings(mut self, snapshots: &[SnapshotReport]) -> Self {
        let mut sound = vec![false; snapshots.len()];
        for place in 0..snapshots.len() {
            let mut seen = BTreeSet::new();
            let mut next = Some(place);
            while let Some(at) = next.filter(|at| !sound[*at]) {
                if !seen.insert(at) {
                    if let Some(parent) = self.parents[at].take() {
                        self.children[parent] = self.children[parent].saturating_sub(1);
                    }
                    break;
                }
                next = self.parents[at];
            }
            for at in seen {
                sound[at] = true;
            }
        }
        self
    }

    fn runs(&self, timeline: &Timeline, unfolded: &BTreeSet<SnapshotId>) -> Vec<Run> {
        let plain = |place: usize| {
            let snapshot = &timeline.snapshots[place];
            self.visible[place]
                && snapshot.kind.is_automatic()
                && snapshot.name.is_empty()
                && snapshot.note.is_empty()
                && snapshot.trouble.is_none()
        };
        // The next older one of the same run.
        let follows = |place: usize| {
            let parent = self.parents[place]?;
            let alone = self.children[parent] == 1 && self.present != Some(parent);
            (alone && plain(place) && plain(parent)).then_some(parent)
        };
        let continued: BTreeSet<usize> = (0..self.visible.len()).filter_map(follows).collect();
        let heads = (0..self.visible.len()).filter(|place| plain(*place));
        let runs = heads
            .filter(|place| !continued.contains(place))
            .map(|head| {
                let members = std::iter::successors(Some(head), |place| follows(*place));
                members.take(self.visible.len()).collect::<Vec<usize>>()
            });
        runs.filter(|members| members.len() >= RUN)
            .map(|members| {
                let oldest = members[members.len() - 1];
                let id = timeline.snapshots[oldest].id;
                Run {
                    id,
                    members,
                    unfolded: unfolded.contains(&id),
                }
            })
            .collect()
    }

    /// What has a line, newest first, none before all that came from it. A folded run stands for its newest.
    fn order(&self, timeline: &Timeline, runs: &[Run]) -> Vec<usize> {
        let mut parents = self.parents.clone();
        let mut hidden = BTreeSet::new();
        for run in runs.iter().filter(|run| !run.unfolded) {
            if let (Some(newest), Some(oldest)) = (run.members.first(), run.members.last()) {
                parents[*newest] = self.parents[*oldest];
                hidden.extend(run.members.iter().skip(1).copied());
            }
        }
        let has_line = |place: &usize| self.visible[*place] && !hidden.contains(place);
        let mut waits = vec![0; parents.len()];
        for place in (0..parents.len()).filter(has_line) {
            if let Some(parent) = parents[place] {
                waits[parent] += 1;
            }
        }
        let age = |place: usize| -> (Timestamp, usize) { (timeline.snapshots[place].time, place) };
        let tips = (0..parents.len()).filter(has_line);
        let mut ready: BinaryHeap<(Timestamp, usize)> =
            tips.filter(|place| waits[*place] == 0).map(age).collect();
        let mut order = Vec::new();
        while let Some((_, place)) = ready.pop() {
            order.push(place);
            if let Some(parent) = parents[place] {
                waits[parent] -= 1;
                if waits[parent] == 0 {
                    ready.push(age(parent));
                }
            }
        }
        order
    }
}

#[cfg(test)]
#[path = "arrange_tests.rs"]
mod tests;
