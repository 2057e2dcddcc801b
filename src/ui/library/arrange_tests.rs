//! Many random libraries, searches and orders: nothing is lost, doubled or misplaced.

use uuid::Uuid;

use super::*;
use crate::engine::message::Event;
use crate::model::{Device, DeviceKind, Mac, Machine, Nic, Origin, Timestamp};
use crate::ui::library::selection::{Click, Selection};

/// xorshift64*, so that a failure comes again.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % limit
    }
}

const TAGS: [&str; 4] = ["Web", "db", "test", "Überwacht"];

fn id(number: u64) -> MachineId {
    let long = u128::from(number) << 96 | 0x1234_4234_8234_0000_0000_0000;
    MachineId(Uuid::from_u128(long))
}

fn report(chance: &mut Chance, number: u64) -> MachineReport {
    let state = State::ALL[chance.below(11) as usize];
    let name = format!("Machine {}", chance.below(50));
    let mut machine = Machine::new(id(number), &name, "pc-q35-10.0", Origin::Empty);
    machine.created = Timestamp(chance.below(1000));
    for tag in TAGS {
        if chance.below(3) == 0 {
            machine.tags.push(tag.to_owned());
        }
    }
    MachineReport {
        since: Timestamp(chance.below(1000)),
        machine: (state != State::Broken).then_some(machine),
        ..MachineReport::new(id(number), &name, state)
    }
}

fn view(reports: Vec<MachineReport>) -> View {
    let mut view = View::default();
    view.apply(Event::Machines(reports), &egui::Context::default());
    view
}

fn arranged(view: &View, search: &str, filter: &Filter, list: &ListSettings) -> Arranged {
    let mut arranged = Arranged::default();
    assert!(arranged.follow(view, &mut Texts::default(), search, filter, list));
    arranged
}

fn machines(arranged: &Arranged) -> Vec<MachineId> {
    arranged
        .lines
        .iter()
        .filter_map(|line| line.machine())
        .collect()
}

#[test]
fn every_order_and_grouping_shows_each_machine_where_it_belongs() {
    let mut chance = Chance(7);
    for _ in 0..60 {
        let count = chance.below(40);
        let view = view(
            (0..count)
                .map(|number| report(&mut chance, number))
                .collect(),
        );
        for sort in [SortBy::Name, SortBy::State, SortBy::Recent, SortBy::Created] {
            for group in [GroupBy::Nothing, GroupBy::State, GroupBy::Tag] {
                check_arrangement(&view, sort, group, count as usize);
            }
        }
    }
}

#[track_caller]
fn check_arrangement(view: &View, sort: SortBy, group: GroupBy, count: usize) {
    let mut list = ListSettings {
        sort,
        group,
        folded: Vec::new(),
    };
    let all = arranged(view, "", &Filter::default(), &list);
    let shown = machines(&all);
    let distinct: BTreeSet<MachineId> = shown.iter().copied().collect();
    assert_eq!(distinct.len(), count);
    assert_eq!(all.matching, count);
    let find = |id: &MachineId| view.machine(*id).unwrap();
    for pair in all.lines.windows(2) {
        let (
            Line::Machine { id: one, group },
            Line::Machine {
                id: next,
                group: same,
            },
        ) = (pair[0], pair[1])
        else {
            continue;
        };
        assert_eq!(group, same, "a heading parts two groups");
        let (one, next) = (find(&one), find(&next));
        let fits = match sort {
            SortBy::Name => one.name.to_lowercase() <= next.name.to_lowercase(),
            SortBy::State => rank(one.state) <= rank(next.state),
            SortBy::Recent => one.since >= next.since,
            SortBy::Created => {
                let created = |report: &MachineReport| report.machine.as_ref().map(|m| m.created);
                created(one) >= created(next)
            }
        };
        assert!(fits, "{} before {}", one.name, next.name);
    }
    for line in &all.lines {
        if let Line::Machine { id, group: place } = line {
            let key = all.groups.get(*place).map(|group| group.key.as_str());
            let tags = tags_of(find(id));
            match group {
                GroupBy::Nothing => assert_eq!(key, None),
                GroupBy::State => {
                    assert_eq!(key.unwrap(), format!("state:{}", find(id).state.word()));
                }
                GroupBy::Tag if tags.is_empty() => assert_eq!(key, Some("tag:")),
                GroupBy::Tag => {
                    assert!(tags.iter().any(|tag| key.unwrap() == format!("tag:{tag}")));
                }
            }
        }
    }
    list.folded = all.groups.iter().map(|group| group.key.clone()).collect();
    let folded = arranged(view, "", &Filter::default(), &list);
    let expected = if group == GroupBy::Nothing { count } else { 0 };
    assert_eq!(machines(&folded).len(), expected);
    assert_eq!(folded.groups.len(), all.groups.len(), "headings stay");
}

#[test]
fn lines_in_sight_are_found_by_height() {
    let mut chance = Chance(3);
    let view = view((0..40).map(|number| report(&mut chance, number)).collect());
    let list = ListSettings {
        group: GroupBy::State,
        ..ListSettings::default()
    };
    let all = arranged(&view, "", &Filter::default(), &list);
    for upper in 0..all.height as i32 {
        let (upper, lower) = (upper as f32, upper as f32 + 300.0);
        let found = all.between(upper, lower);
        for place in 0..all.lines.len() {
            let (top, bottom) = all.span(place).unwrap();
            if bottom > upper && top < lower {
                assert!(found.contains(&place), "{place} at {upper}");
            }
        }
        assert!(found.len() < 15);
    }
}

#[test]
fn a_search_finds_what_has_all_of_its_words() {
    let mut web = report(&mut Chance(1), 0xc0ff_ee00);
    "Web server".clone_into(&mut web.name);
    web.state = State::Running;
    let mut machine = Machine::new(
        web.id,
        "Web server",
        "pc-q35-10.0",
        Origin::Iso("/home/ada/debian-12.iso".into()),
    );
    machine.tags = vec!["Kunde".to_owned()];
    machine.notes = "Renew the certificate\nin May".to_owned();
    machine.devices.push(Device {
        id: "nic0".to_owned(),
        kind: DeviceKind::Nic(Nic::new(Mac([0x52, 0x54, 0, 1, 2, 0xab]))),
        address: crate::model::Address::Pci { slot: 3 },
    });
    web.machine = Some(machine);
    let view = view(vec![web, report(&mut Chance(2), 2)]);
    let find = |search: &str| {
        let found = arranged(&view, search, &Filter::default(), &ListSettings::default());
        found.place_of(id(0xc0ff_ee00)).is_some()
    };
    for hit in [
        "",
        "web",
        "SERVER",
        "running web",
        "kunde",
        "certificate may",
        "debian-12",
        "52:54:00:01:02:ab",
        "c0ffee00",
    ] {
        assert!(find(hit), "{hit}");
    }
    for miss in ["webx", "web off", "ffee", "serverrunning"] {
        assert!(!find(miss), "{miss}");
    }
    crate::language::choose(Language::Marked);
    assert!(find("⟦running⟧") && find("running"), "either language");
    crate::language::choose(Language::English);
}

#[test]
fn filters_let_through_any_of_their_states_and_any_of_their_tags() {
    let mut chance = Chance(5);
    let view = view((0..200).map(|number| report(&mut chance, number)).collect());
    let filter = Filter {
        states: BTreeSet::from([State::Off, State::Running]),
        tags: BTreeSet::from(["db".to_owned(), "Web".to_owned()]),
    };
    let some = arranged(&view, "", &filter, &ListSettings::default());
    let expected: Vec<MachineId> = view
        .machines()
        .filter(|report| matches!(report.state, State::Off | State::Running))
        .filter(|report| {
            tags_of(report)
                .iter()
                .any(|tag| tag == "db" || tag == "Web")
        })
        .map(|report| report.id)
        .collect();
    assert!(!expected.is_empty() && expected.len() < 200);
    assert_eq!(machines(&some), expected);
    assert_eq!(
        some.states.values().sum::<usize>(),
        200,
        "counts are of all machines"
    );
}

#[test]
fn the_list_is_arranged_again_only_when_something_changed() {
    let mut view = view(
        (0..9)
            .map(|number| report(&mut Chance(9), number))
            .collect(),
    );
    let (mut list, mut texts) = (Arranged::default(), Texts::default());
    let (filter, settings) = (Filter::default(), ListSettings::default());
    let mut follow =
        |view: &View, search| list.follow(view, &mut texts, search, &filter, &settings);
    assert!(follow(&view, ""));
    assert!(!follow(&view, ""));
    assert!(follow(&view, "m"));
    let news = Event::Machine(Box::new(report(&mut Chance(8), 3)));
    view.apply(news, &egui::Context::default());
    assert!(follow(&view, "m"));
}

#[test]
fn shift_marks_a_range_and_ctrl_one_more() {
    let view = view(
        (0..20)
            .map(|number| report(&mut Chance(4), number))
            .collect(),
    );
    let list = arranged(&view, "", &Filter::default(), &ListSettings::default());
    let order = machines(&list);
    let mut chosen = Selection::default();
    let shown = Some(order[0]);
    assert!(chosen.click(&list, 3, Click::Open, shown));
    assert!(!chosen.click(&list, 6, Click::Extend, shown));
    assert_eq!(chosen.marks, order[3..=6].iter().copied().collect());
    chosen.click(&list, 2, Click::Extend, shown);
    assert_eq!(chosen.marks, order[2..=3].iter().copied().collect());
    chosen.click(&list, 9, Click::Toggle, shown);
    assert_eq!(chosen.marks.len(), 3);
    chosen.click(&list, 9, Click::Toggle, shown);
    assert_eq!(chosen.marks.len(), 2);
    chosen.clear();
    chosen.click(&list, 5, Click::Toggle, shown);
    assert_eq!(
        chosen.marks,
        BTreeSet::from([order[0], order[5]]),
        "the open one counts"
    );
    chosen.clear();
    chosen.move_to(&list, 10, false);
    chosen.move_to(&list, 11, true);
    chosen.move_to(&list, 12, true);
    assert_eq!(chosen.marks, order[10..=12].iter().copied().collect());
    chosen.move_to(&list, 9, true);
    assert_eq!(chosen.marks, order[9..=10].iter().copied().collect());
    chosen.mark_all(&list);
    assert_eq!(chosen.marks.len(), 20);
}
