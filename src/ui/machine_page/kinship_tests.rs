//! How families are laid out.

use super::*;
use uuid::Uuid;

fn id(number: u128) -> MachineId {
    MachineId(Uuid::from_u128(number))
}

/// The family of machines "a", "b", …: what each was made of, at which moment, and whose disks it rests on.
fn family(members: &[(u128, u128, u128, &[u128])]) -> Family {
    let mut family = Family::default();
    for (number, parent, at, rests_on) in members {
        let parent = (*parent > 0).then(|| Parent {
            id: id(*parent),
            name: "old".to_owned(),
            at: (*at > 0).then(|| SnapshotId(Uuid::from_u128(*at))),
        });
        let kin = Kin {
            name: format!("m{number:02}"),
            parent,
            rests_on: rests_on.iter().map(|base| id(*base)).collect(),
        };
        family.members.insert(id(*number), kin);
    }
    family.bury();
    family
}

/// The lines as text: a dot for a line that goes on, `=` for what rests, `-` for what does not.
#[track_caller]
fn check(family: &Family, shown: u128, unfolded: &[Branch], expected: &[&str]) {
    let unfolded = unfolded.iter().copied().collect();
    let lines = family.lines(id(shown), &unfolded);
    let text = lines.iter().map(|line| {
        let rails = line.rails.iter().map(|on| if *on { "|" } else { " " });
        let rails: String = rails.collect();
        let node = match &line.node {
            Node::Machine(id) => format!("m{}", id.0.as_u128()),
            Node::Gone(name) => format!("gone {name}"),
            Node::Snapshot(_, at) => format!("moment {}", at.0.as_u128()),
            Node::Folded(count, _) => format!("and {count}"),
        };
        let arm = if line.rests { "=" } else { "-" };
        format!("{rails}{arm}{node}")
    });
    assert_eq!(text.collect::<Vec<_>>(), expected);
}

#[test]
fn a_machine_without_relatives_has_no_drawing() {
    check(&family(&[(1, 0, 0, &[])]), 1, &[], &[]);
}

#[test]
fn copies_hang_on_what_they_were_made_of_and_on_the_moment_they_go_on_from() {
    let family = family(&[
        (1, 0, 0, &[]),
        (2, 1, 0, &[1]),
        (3, 2, 0, &[1, 2]),
        (4, 1, 9, &[1]),
        (5, 1, 0, &[]),
    ]);
    let expected = ["-m1", " =moment 9", " |=m4", " =m2", " |=m3", " -m5"];
    check(&family, 3, &[], &expected);
}

#[test]
fn what_a_copy_was_made_of_is_named_when_it_is_gone() {
    check(&family(&[(2, 1, 0, &[])]), 2, &[], &["-gone old", " -m2"]);
}

#[test]
fn many_copies_are_folded_but_not_the_way_to_the_one_that_is_shown() {
    let bases: &[u128] = &[1];
    let mut members = vec![(1, 0, 0, &[] as &[u128])];
    members.extend((2..22).map(|number| (number, 1, 0, bases)));
    let family = family(&members);
    let folded = [
        "-m1", " =m2", " =m3", " =m4", " =m5", " =m6", " =m19", " -and 14",
    ];
    check(&family, 19, &[], &folded);
    let unfolded = family.lines(id(19), &BTreeSet::from([Branch::Machine(id(1))]));
    assert_eq!(unfolded.len(), 21);
}

#[test]
fn files_that_say_that_two_were_made_of_each_other_end_the_drawing() {
    check(&family(&[(1, 2, 0, &[]), (2, 1, 0, &[])]), 1, &[], &[]);
}
