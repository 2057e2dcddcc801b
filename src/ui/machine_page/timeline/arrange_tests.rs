//! Tests of how a timeline is laid out in lines and rails.

use uuid::Uuid;

use super::*;
use crate::model::{ByteSize, SnapshotKind};

fn id(number: u128) -> SnapshotId {
    SnapshotId(Uuid::from_u128(number))
}

/// Snapshots by number, parent (0 for none) and kind, each a second younger than the one before.
fn timeline(snapshots: &[(u128, u128, SnapshotKind)], present: u128) -> Timeline {
    let report =
        |(second, (number, parent, kind)): (u64, &(u128, u128, SnapshotKind))| SnapshotReport {
            id: id(*number),
            parent: (*parent > 0).then(|| id(*parent)),
            name: String::new(),
            note: String::new(),
            time: Timestamp(second),
            kind: *kind,
            with_memory: true,
            disk: None,
            writing: false,
            bytes: ByteSize::mib(1),
            shared: ByteSize(0),
            picture: false,
            depth: 1,
            trouble: None,
        };
    Timeline {
        snapshots: (1..).zip(snapshots).map(report).collect(),
        present: (present > 0).then(|| id(present)),
        ..Timeline::default()
    }
}

const M: SnapshotKind = SnapshotKind::Manual;
const K: SnapshotKind = SnapshotKind::Kept;
const T: SnapshotKind = SnapshotKind::Timed;

/// Each line as its number (0 for now, negative for a run) and its lane.
fn drawn(timeline: &Timeline, shown: &Shown) -> Vec<(i128, usize)> {
    let number = |point: Point| match point {
        Point::Now => 0,
        Point::Snapshot(id) => id.0.as_u128() as i128,
        Point::Run(id) => -(id.0.as_u128() as i128),
    };
    let arranged = Arranged::new(timeline, shown);
    let lines = arranged.lines.iter();
    lines
        .map(|line| (number(line.point), line.rails.lane))
        .collect()
}

#[test]
fn the_present_and_what_it_came_from_stand_in_the_first_lane() {
    // 1 - 2 - 4 - now, and 3 and 5 branch off 1 and 2.
    let tree = timeline(&[(1, 0, M), (2, 1, M), (3, 1, K), (4, 2, M), (5, 2, K)], 4);
    let expected = [(0, 0), (5, 1), (4, 0), (3, 2), (2, 0), (1, 0)];
    assert_eq!(drawn(&tree, &Shown::default()), expected);
    let arranged = Arranged::new(&tree, &Shown::default());
    let rails: Vec<&Rails> = arranged.lines.iter().map(|line| &line.rails).collect();
    assert!(rails[0].down && !rails[0].up);
    assert!(!rails[1].up, "a tip begins");
    assert_eq!(rails[1].through, [0]);
    assert_eq!((&rails[4].joins, &rails[4].through), (&vec![1], &vec![2]));
    assert_eq!(rails[5].joins, [2]);
    assert!(rails[5].up && !rails[5].down);
    assert_eq!(arranged.lanes, 3);
    let order: Vec<usize> = arranged.by_time.iter().map(|(place, _)| *place).collect();
    assert_eq!(order, [0, 1, 2, 3, 4]);
}

#[test]
fn checkpoints_in_a_row_fold_and_unfold_and_others_stand_alone() {
    let mut all = vec![(1, 0, M)];
    all.extend((2..=9).map(|number| (number, number - 1, T)));
    let tree = timeline(&all, 9);
    assert_eq!(drawn(&tree, &Shown::default()), [(0, 0), (-2, 0), (1, 0)]);
    let mut shown = Shown::default();
    shown.unfolded.insert(id(2));
    let unfolded = drawn(&tree, &shown);
    assert_eq!(unfolded.len(), 1 + 1 + 8 + 1);
    assert_eq!(unfolded[1..3], [(-2, 0), (9, 0)]);
    let arranged = Arranged::new(&tree, &Shown::default());
    assert_eq!(arranged.place_of(&tree, Point::Snapshot(id(5))), Some(1));
    assert_eq!(arranged.snapshots_of(&tree, Point::Run(id(2))).len(), 8);
    // One with a name, a branch, and the present in the middle end a run.
    let mut named = tree.clone();
    named.snapshots[5].name = "here".to_owned();
    let expected = [(0, 0), (9, 0), (8, 0), (7, 0), (6, 0), (-2, 0), (1, 0)];
    assert_eq!(drawn(&named, &Shown::default()), expected);
    let inside = timeline(&all, 6);
    let expected = [(0, 0), (9, 1), (8, 1), (7, 1), (-2, 0), (1, 0)];
    assert_eq!(drawn(&inside, &Shown::default()), expected);
}

#[test]
fn what_is_left_out_leaves_its_children_with_the_next_that_is_shown() {
    let tree = timeline(&[(1, 0, M), (2, 1, T), (3, 2, M), (4, 2, K)], 3);
    let mut shown = Shown::default();
    shown.hidden.insert(Group::Automatic);
    assert_eq!(drawn(&tree, &shown), [(0, 0), (4, 1), (3, 0), (1, 0)]);
    shown.hidden.insert(Group::ByHand);
    assert_eq!(drawn(&tree, &shown), [(0, 0), (4, 0)]);
    let saved = timeline(&[(1, 0, SnapshotKind::Saved)], 1);
    assert_eq!(drawn(&saved, &Shown::default()), [(0, 0)]);
}

#[test]
fn a_clock_that_went_back_does_not_put_a_child_below_its_parent() {
    let mut tree = timeline(&[(1, 0, M), (2, 1, M), (3, 2, M)], 3);
    tree.snapshots[2].time = Timestamp(0);
    assert_eq!(
        drawn(&tree, &Shown::default()),
        [(0, 0), (3, 0), (2, 0), (1, 0)]
    );
}

#[test]
fn parents_that_go_round_or_are_missing_lose_nothing() {
    for kind in [M, T] {
        let all: Vec<_> = (1..=6)
            .map(|number| (number, number % 6 + 1, kind))
            .collect();
        let ring = timeline(&all, 3);
        let mut shown = Shown::default();
        shown.unfolded.extend((1..=6).map(id));
        let arranged = Arranged::new(&ring, &shown);
        let snapshots = arranged.by_time.len();
        assert_eq!(snapshots, 6, "{kind:?}");
    }
    let own = timeline(&[(1, 1, M), (2, 9, M)], 7);
    assert_eq!(drawn(&own, &Shown::default()).len(), 3);
}

#[test]
fn lines_are_found_by_their_height() {
    let all: Vec<_> = (1..=50).map(|number| (number, number - 1, M)).collect();
    let arranged = Arranged::new(&timeline(&all, 50), &Shown::default());
    assert_eq!(arranged.height, 51.0 * LINE);
    assert_eq!(arranged.between(0.0, 1.0), 0..1);
    let few = arranged.between(10.0 * LINE + 1.0, 13.0 * LINE - 1.0);
    assert_eq!(few, 10..13);
    assert!(arranged.between(-50.0, -1.0).is_empty());
    assert_eq!(arranged.between(0.0, 1e9), 0..51);
}
