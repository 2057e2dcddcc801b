//! A lab's page: what it shows of machines and moments, what it asks for, and what it refuses with a reason.

use egui::Modifiers;
use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orangery::engine::message::{Command, Event, LabCommand};
use orangery::model::*;
use orangery::ui::Ask;
use uuid::Uuid;

use crate::ui_fixture::{NOW, Window, harness, id, report, show, thumbnail};

pub const LAB: LabId = LabId(Uuid::from_u128(0x1ab));

pub fn set_id(number: u128) -> SetId {
    SetId(Uuid::from_u128(0x5e7 + number))
}

fn snapshot(set: u128, machine: u128) -> SnapshotId {
    SnapshotId(Uuid::from_u128(set << 64 | machine))
}

/// A lab of four machines, the last of which came later; the newest of three moments is not whole.
pub fn shop() -> LabReport {
    let moment = |number: u128, name: &str, kind, ago| SnapshotSet {
        id: set_id(number),
        name: name.to_owned(),
        note: String::new(),
        time: Timestamp(NOW.0 - ago),
        kind,
        members: (1..=3)
            .map(|machine| SetMember {
                machine: id(machine),
                snapshot: snapshot(number, machine),
            })
            .collect(),
    };
    let mut sets = vec![
        moment(1, "Fresh", SnapshotKind::Manual, 90_000),
        moment(2, "", SnapshotKind::Kept, 4000),
        moment(3, "Before the upgrade", SnapshotKind::Manual, 200),
    ];
    sets[0].note = "All three installed, nothing in the shop yet".to_owned();
    let how = |set: &SnapshotSet| SetReport {
        id: set.id,
        members: set
            .members
            .iter()
            .map(|member| MemberReport {
                machine: member.machine,
                snapshot: member.snapshot,
                with_memory: member.machine != id(3),
                picture: false,
                lack: (set.id == set_id(3) && member.machine == id(2)).then_some(Lack::NoSnapshot),
            })
            .collect(),
    };
    LabReport {
        sets: sets.iter().map(how).collect(),
        lab: Lab {
            id: LAB,
            name: "Web shop".to_owned(),
            machines: (1..=4).map(id).collect(),
            created: Timestamp(NOW.0 - 100_000),
            note: String::new(),
            sets,
        },
        trouble: None,
    }
}

/// The window with that lab.
pub fn window() -> Window {
    Window::new([
        show(report(1, "Frontend", State::Running)),
        show(report(2, "Database", State::Running)),
        show(report(3, "Mail", State::Off)),
        show(report(
            4,
            "Load balancer with a rather long name",
            State::Paused,
        )),
        show(report(5, "Something else", State::Off)),
        thumbnail(1),
        thumbnail(2),
        thumbnail(4),
        Event::Labs(vec![shop()]),
    ])
}

fn open() -> Harness<'static, Window> {
    let mut harness = harness(window());
    harness.run_ok();
    harness.get_by_label("Web shop").click();
    harness.run_ok();
    harness
}

/// Marks two machines in the list.
pub fn mark(harness: &mut Harness<'_, Window>, names: [&str; 2]) {
    for (place, name) in names.into_iter().enumerate() {
        let row = harness
            .get_by(|node| node.role() == Role::ListItem && node.label().as_deref() == Some(name));
        row.click_modifiers(match place {
            0 => Modifiers::NONE,
            _ => Modifiers::COMMAND,
        });
        harness.run_ok();
    }
}

#[track_caller]
fn asked(harness: &mut Harness<'_, Window>) -> LabCommand {
    match harness.state_mut().asks.pop() {
        Some(Ask::Engine(Command::Lab(command))) => command,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_labs_page_shows_its_machines_and_leads_to_them() {
    let mut harness = open();
    harness.get_by_label("4 machines, 3 running");
    harness.get_by_label("Start all").click();
    harness.run_ok();
    let lab = LAB;
    let action = Action::Start;
    assert_eq!(asked(&mut harness), LabCommand::Act { lab, action });
    harness.get_by_label("Take Mail out of the lab").click();
    harness.run_ok();
    let machines = vec![id(1), id(2), id(4)];
    assert_eq!(
        asked(&mut harness),
        LabCommand::SetMachines { lab, machines }
    );
    let tile = harness
        .get_by(|node| node.label().as_deref() == Some("Database") && node.role() == Role::Button);
    tile.click_accesskit();
    harness.run_ok();
    crate::ui_fixture::check_shown(&harness, 2);
}

#[test]
fn going_back_says_who_runs_who_rests_and_who_stays() {
    let mut harness = open();
    let back: Vec<_> = harness.get_all_by_label("Go back…").collect();
    assert_eq!(back.len(), 3);
    // The newest first, and it is not whole.
    assert!(back[0].accesskit_node().is_disabled());
    back[2].click_accesskit();
    harness.run_ok();
    harness.get_by_label("Go back to “Fresh”?");
    harness.get_by_label("Goes on in that very moment, all let go together: Frontend, Database");
    harness.get_by_label("Will be off, as it was then: Mail");
    harness.get_by_label(
        "Came into the lab later, and stays as it is: Load balancer with a rather long name",
    );
    harness.get_by_label("Go back").click();
    harness.run_ok();
    let (lab, set, keep) = (LAB, set_id(1), true);
    assert_eq!(asked(&mut harness), LabCommand::Rewind { lab, set, keep });
    harness.get_by_label_contains("Database has no snapshot of it");
}

#[test]
fn a_moment_is_kept_with_a_name_and_deleted_after_a_question() {
    let mut harness = open();
    harness.get_by_label("Keep this moment…").click();
    harness.run_ok();
    harness.get_by_label("Name").type_text("before");
    harness.run_ok();
    harness.get_by_label("Keep this moment").click();
    harness.run_ok();
    let lab = LAB;
    let (name, note) = ("before".to_owned(), String::new());
    assert_eq!(
        asked(&mut harness),
        LabCommand::Snapshot { lab, name, note }
    );
    let delete = harness.get_all_by_label("Delete this moment…").next();
    delete.unwrap().click();
    harness.run_ok();
    assert!(harness.state().asks.is_empty());
    harness.get_by_label("Delete for good").click();
    harness.run_ok();
    let set = set_id(3);
    assert_eq!(asked(&mut harness), LabCommand::DeleteSet { lab, set });
}

#[test]
fn a_lab_is_made_of_what_is_marked_and_its_name_is_its_own() {
    let mut harness = harness(window());
    harness.run_ok();
    mark(&mut harness, ["Frontend", "Mail"]);
    harness.get_by_label("Make a lab of these…").click();
    harness.run_ok();
    let machines = vec![id(1), id(3)];
    harness.get_by_label("A lab of 2 machines");
    harness.get_by_label("Frontend, Mail");
    harness.get_by_label("Name").type_text("WEB shop");
    harness.run_ok();
    harness.get_by_label("There is already a lab called “Web shop”");
    assert!(
        harness
            .get_by_label("Make the lab")
            .accesskit_node()
            .is_disabled()
    );
    harness.get_by_label("Name").type_text(" 2");
    harness.run_ok();
    harness.get_by_label("Make the lab").click();
    harness.run_ok();
    let name = "WEB shop 2".to_owned();
    assert_eq!(asked(&mut harness), LabCommand::Create { name, machines });
}

#[test]
fn a_lab_whose_machines_are_gone_or_whose_file_is_broken_says_so() {
    let mut gone = shop();
    gone.lab.sets.clear();
    gone.sets.clear();
    let mut window = Window::new([Event::Labs(vec![gone.clone()])]);
    window.shell.show_lab(LAB);
    let mut harness = harness(window);
    harness.run_ok();
    assert!(
        harness
            .get_by_label("Start all")
            .accesskit_node()
            .is_disabled()
    );
    assert_eq!(harness.get_all_by_label_contains("is missing").count(), 4);
    harness.get_by_label_contains("None yet.");
    gone.trouble = Some(Failure::new(
        "The lab can't be read",
        "line 3: expected `)`",
    ));
    let ctx = harness.ctx.clone();
    harness
        .state_mut()
        .view
        .apply(Event::Labs(vec![gone]), &ctx);
    harness.run_ok();
    harness.get_by_label("line 3: expected `)`");
    assert!(harness.query_by_label("Start all").is_none());
}

#[test]
fn escape_closes_a_menu_and_leaves_the_page_open() {
    let mut harness = open();
    let named = |harness: &Harness<'_, Window>| {
        let all = harness.query_all_by_label("Something else");
        all.count()
    };
    let before = named(&harness);
    let button = harness.get_by(|node| {
        node.role() == Role::Button && node.label().as_deref() == Some("Add a machine")
    });
    button.click();
    harness.run_ok();
    assert_eq!(named(&harness), before + 1);
    harness.key_press(egui::Key::Escape);
    harness.run_ok();
    assert_eq!(named(&harness), before);
    harness.get_by_label("Start all");
    harness.key_press(egui::Key::Escape);
    harness.run_ok();
    assert!(harness.query_by_label("Start all").is_none());
}

#[test]
fn a_moment_of_machines_that_left_says_what_stays_and_is_refused_when_none_is_left() {
    for (left, verdict) in [
        (
            vec![id(1), id(4)],
            "Is not in the lab any more, and stays as it is: Database, Mail",
        ),
        (vec![id(4)], "None of its machines is in the lab any more"),
    ] {
        let mut harness = open();
        let mut lab = shop();
        lab.lab.machines = left;
        harness.state_mut().events = vec![Event::Labs(vec![lab])];
        harness.run_ok();
        let back: Vec<_> = harness.get_all_by_label("Go back…").collect();
        back[2].click_accesskit();
        harness.run_ok();
        harness.get_by_label(verdict);
    }
}

#[test]
fn a_deleted_labs_page_gives_way_to_the_machines() {
    let mut harness = open();
    harness.state_mut().events = vec![Event::Labs(Vec::new())];
    harness.run_ok();
    let Window { shell, view, .. } = harness.state();
    assert!(shell.shown(view).is_some());
}

#[test]
fn a_machine_that_was_taken_out_of_a_lab_is_put_back_by_undo() {
    let machines = (1..=4).map(|number| report(number, &format!("m{number}"), State::Off));
    let (mut harness, fake) = crate::ui_app::open(&machines.collect::<Vec<_>>());
    fake.tell(Event::Labs(vec![shop()]));
    harness.run_ok();
    harness.get_by_label("Web shop").click();
    harness.run_ok();
    harness.get_by_label("Take m2 out of the lab").click();
    harness.run_ok();
    let sets = |command: &Command| {
        matches!(
            command,
            Command::Lab(LabCommand::SetMachines { lab: LAB, .. })
        )
    };
    fake.answer(sets, Ok(Answer::Done));
    let mut after = shop();
    after.lab.machines = vec![id(1), id(3), id(4)];
    fake.tell(Event::Labs(vec![after]));
    harness.run_ok();
    harness.get_by_label("m2 is out of Web shop");
    harness.get_by_label("Undo").click();
    harness.run_ok();
    let (lab, machines) = (LAB, (1..=4).map(id).collect());
    let back = Command::Lab(LabCommand::SetMachines { lab, machines });
    assert_eq!(fake.all_sent().last(), Some(&back));
}
