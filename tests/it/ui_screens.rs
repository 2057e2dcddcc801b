//! The screens as a person uses them: found by label, clicked, typed into.

use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orangery::engine::message::{Command, Event};
use orangery::model::*;
use orangery::ui::actions::Errand;
use orangery::ui::view::{Leaving, View};
use orangery::ui::{Ask, LeaveStep};

use crate::ui_fixture::{self as fixture, Window, harness, id, report, show, with};

/// Clicks the one control with this name.
#[track_caller]
fn click(harness: &mut Harness<'_, Window>, label: &str) {
    let roles = [
        Role::Button,
        Role::Tab,
        Role::ListItem,
        Role::RadioButton,
        Role::CheckBox,
    ];
    harness
        .get_all_by_label(label)
        .find(|node| roles.contains(&node.accesskit_node().role()))
        .unwrap_or_else(|| panic!("no control called {label:?}"))
        .click();
    harness.run_ok();
}

fn errand(harness: &mut Harness<'_, Window>, errand: Errand) {
    let window = harness.state_mut();
    window.shell.run_errand(&window.view, errand);
    harness.run_ok();
}

fn asks(harness: &Harness<'_, Window>) -> Vec<Ask> {
    harness.state().asks.clone()
}

fn act(number: u128, action: Action) -> Ask {
    Ask::Engine(Command::Act {
        machine: id(number),
        action,
    })
}

#[test]
fn clicking_start_asks_for_exactly_one_start() {
    let mut harness = with([report(1, "Debian", State::Off)]);
    click(&mut harness, "Start");
    assert_eq!(asks(&harness), [act(1, Action::Start)]);
}

#[test]
fn a_refused_action_is_grey_and_says_why() {
    let mut harness = with([report(1, "Debian", State::Broken)]);
    let start = harness.get_by_label("Start");
    assert!(start.accesskit_node().is_disabled());
    start.hover();
    harness.run_ok();
    harness.run_steps(60);
    assert!(
        harness
            .query_by_label_contains("can't be read; see the error")
            .is_some()
    );
    click(&mut harness, "Start");
    assert_eq!(asks(&harness), []);
}

#[test]
fn every_action_is_reachable_by_a_control() {
    let mut missing: Vec<Action> = Action::ALL.to_vec();
    for (state, disposable) in State::ALL
        .map(|state| (state, false))
        .into_iter()
        .chain([(State::Running, true)])
    {
        let mut shown = report(1, "Debian", state);
        if let Some(machine) = &mut shown.machine {
            machine.disposable = disposable;
        }
        let mut harness = with([shown]);
        for menu in ["More actions", "Trash"] {
            click(&mut harness, menu);
            missing.retain(|action| harness.query_all_by_label(action.name()).next().is_none());
        }
    }
    let mut harness = harness(Window::new([trash_event()]));
    errand(&mut harness, Errand::ShowTrash);
    missing.retain(|action| harness.query_all_by_label(action.name()).next().is_none());
    assert_eq!(missing, []);
}

#[test]
fn a_saved_machine_continues_and_can_drop_its_state() {
    let mut harness = with([report(1, "Debian", State::Saved)]);
    click(&mut harness, "Continue");
    click(&mut harness, "Discard saved state");
    harness.get_by_label("Discard the saved state of Debian?");
    let yes = harness.get_all_by_label("Discard saved state").last();
    yes.unwrap().click();
    harness.run_ok();
    let expected = [act(1, Action::Start), act(1, Action::DiscardSaved)];
    assert_eq!(asks(&harness), expected);
}

#[test]
fn a_taken_name_is_refused_as_it_is_typed() {
    let mut harness = with([report(1, "Debian", State::Off)]);
    click(&mut harness, "New machine");
    click(&mut harness, "Empty disk");
    let name = harness.get_by_label("Name");
    name.focus();
    harness.run_ok();
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
    harness.get_by_label("Name").type_text("debian");
    harness.run_ok();
    harness.get_by_label("There is already a machine called “Debian”");
    let create = harness.get_by_label("Create & start");
    assert!(create.accesskit_node().is_disabled());
}

#[test]
fn enter_creates_and_escape_leaves_the_dialog() {
    let mut harness = with([]);
    errand(&mut harness, Errand::NewMachine);
    click(&mut harness, "Test card");
    harness.key_press(egui::Key::Enter);
    harness.run_ok();
    assert!(matches!(
        asks(&harness)[..],
        [Ask::Engine(Command::Create { start: true, .. })]
    ));
    errand(&mut harness, Errand::NewMachine);
    harness.key_press(egui::Key::Escape);
    harness.run_ok();
    assert!(harness.query_by_label("Create & start").is_none());
}

#[test]
fn an_empty_library_offers_three_ways_in() {
    let mut harness = with([]);
    harness.get_by_label("Drop or choose a file");
    harness.get_by_label("No file yet?");
    click(&mut harness, "Start the test card");
    let [Ask::Engine(Command::Create { spec, start: true })] = &asks(&harness)[..] else {
        panic!("{:?}", asks(&harness));
    };
    assert!(matches!(spec.source, Source::TestCard { .. }));
}

#[test]
fn closing_asks_once_and_remembers_if_told_to() {
    let mut window = Window::new([show(report(1, "Debian", State::Running))]);
    window.view.leaving = Some(Leaving {
        asking: true,
        ..Leaving::default()
    });
    let mut harness = harness(window);
    harness.run_ok();
    harness.get_by_label("Debian is running");
    click(&mut harness, "Don't ask again");
    click(&mut harness, "Save all");
    let step = LeaveStep::By {
        policy: ClosePolicy::SaveAll,
        remember: true,
        partings: Vec::new(),
    };
    assert_eq!(asks(&harness), [Ask::Leave(step)]);
}

fn trash_event() -> Event {
    Event::Trash(TrashReport {
        machines: vec![TrashedMachine {
            id: id(9),
            name: "Fedora".to_owned(),
            since: Timestamp(fixture::NOW.0 - 7200),
            size: ByteSize::gib(3),
            kept_for: Vec::new(),
        }],
    })
}

#[test]
fn the_trash_shows_its_size_and_is_emptied_only_after_a_question() {
    let mut harness = harness(Window::new([trash_event()]));
    errand(&mut harness, Errand::ShowTrash);
    harness.get_by_label("1 machine, 3 GiB on disk");
    harness.get_by_label("3 GiB, deleted 2 h ago");
    click(&mut harness, "Empty the trash…");
    assert_eq!(asks(&harness), []);
    click(&mut harness, "Empty the trash");
    click(&mut harness, "Restore");
    let expected = [Ask::Engine(Command::EmptyTrash), act(9, Action::Restore)];
    assert_eq!(asks(&harness), expected);
}

#[test]
fn each_finding_of_the_doctor_has_its_fix() {
    let mut harness = harness(Window::new([Event::Computer(
        Box::new(fixture::computer()),
    )]));
    errand(&mut harness, Errand::ShowComputer);
    harness.get_by_label("QEMU has no D-Bus display");
    harness.get_by_label("sudo apt install qemu-system-modules-opengl");
    click(&mut harness, "Check again");
    assert_eq!(asks(&harness), [Ask::Engine(Command::Examine)]);
}

#[test]
fn of_a_thousand_machines_only_the_rows_in_sight_are_drawn() {
    let many = (1..=1000).map(|n| report(n, &format!("Machine {n:04}"), State::Off));
    let harness = with(many);
    let rows = harness.query_all_by_role(Role::ListItem).count();
    assert!((5..40).contains(&rows), "{rows} rows");
    assert!(harness.state().shell.library.in_sight.len() < 40);
}

#[test]
fn a_broken_machine_shows_its_error_and_its_folder() {
    let mut broken = report(1, "Debian", State::Broken);
    broken.trouble = Some(Failure::new(
        "machine.ron can't be read",
        "line 3: expected “)”",
    ));
    let harness = with([broken.clone()]);
    harness.get_by_label("machine.ron can't be read");
    harness.get_by_label("Line 3: expected “)”");
    harness.get_by_label(&broken.path.display().to_string());
}

#[test]
fn a_guest_that_ignores_its_power_button_can_be_cut_off_or_waited_for() {
    let mut stopping = report(1, "Debian", State::Stopping);
    stopping.force_after = Some(Timestamp(fixture::NOW.0 + 20));
    let mut harness = with([stopping.clone()]);
    harness.get_by_label("It has 20 s to finish by itself");
    assert!(harness.query_by_label("Keep waiting").is_none());
    stopping.generation += 1;
    stopping.force_after = Some(Timestamp(fixture::NOW.0 - 1));
    harness.state_mut().events.push(show(stopping));
    harness.run_ok();
    click(&mut harness, "Power off");
    assert_eq!(asks(&harness), [act(1, Action::PowerOff)]);
    click(&mut harness, "Keep waiting");
    assert!(harness.query_by_label("Keep waiting").is_none());
}

#[test]
fn a_machine_is_renamed_in_place() {
    let mut harness = with([report(1, "Debian", State::Off)]);
    click(&mut harness, "Rename");
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
    harness.get_by_label("New name").type_text("Build box");
    harness.run_ok();
    harness.key_press(egui::Key::Enter);
    harness.run_ok();
    let expected = Ask::Engine(Command::Change {
        machine: id(1),
        changes: vec![Change::Name("Build box".to_owned())],
    });
    assert_eq!(asks(&harness), [expected]);
    assert!(harness.query_by_label("New name").is_none());
}

#[test]
fn keys_that_the_desktop_would_catch_are_sent_from_a_menu() {
    let mut harness = with([report(1, "Debian", State::Running)]);
    click(&mut harness, "Send keys");
    click(&mut harness, "Ctrl+Alt+Del");
    let keys = ["ctrl", "alt", "delete"].map(str::to_owned).to_vec();
    let expected = Ask::Engine(Command::PressKeys {
        machine: id(1),
        keys,
    });
    assert_eq!(asks(&harness), [expected]);
}

#[test]
fn a_job_shows_its_progress_and_can_be_cancelled() {
    let mut harness = harness(Window::new([Event::Job(JobReport {
        id: JobId(7),
        machine: None,
        title: "Creating Debian".to_owned(),
        step: "Making the disk".to_owned(),
        done: 1,
        of: 4,
        can_cancel: true,
        state: JobState::Running,
    })]));
    click(&mut harness, "1 job");
    harness.get_by_label("Making the disk");
    click(&mut harness, "Cancel");
    assert_eq!(asks(&harness), [Ask::Engine(Command::CancelJob(JobId(7)))]);
}

#[test]
fn a_shortcut_does_what_its_button_does() {
    let mut harness = with([report(1, "Debian", State::Paused)]);
    let shift = egui::Modifiers::COMMAND | egui::Modifiers::SHIFT;
    harness.key_press_modifiers(shift, egui::Key::P);
    harness.run_ok();
    assert_eq!(asks(&harness), [act(1, Action::Resume)]);
}

#[test]
fn nothing_can_be_asked_once_the_library_is_handed_over() {
    let harness = harness(Window::new([
        show(report(1, "Debian", State::Off)),
        Event::HandedOver,
    ]));
    for label in ["Start", "New machine"] {
        assert!(
            harness.get_by_label(label).accesskit_node().is_disabled(),
            "{label}"
        );
    }
}

#[test]
fn every_widget_of_every_page_has_a_name() {
    for state in State::ALL {
        let mut harness = with([report(1, "Debian", state)]);
        for tab in ["Screen", "Terminal", "Hardware", "Log", "Overview"] {
            click(&mut harness, tab);
            harness.check_accessibility();
        }
    }
    for page in Errand::ALL {
        let mut harness = with([report(1, "Debian", State::Off)]);
        errand(&mut harness, page);
        harness.check_accessibility();
    }
}

#[test]
fn an_older_report_never_replaces_a_newer_one() {
    let ctx = egui::Context::default();
    let mut view = View::default();
    let mut newer = report(1, "Debian", State::Running);
    newer.generation = 5;
    view.apply(show(newer), &ctx);
    view.apply(show(report(1, "Debian", State::Off)), &ctx);
    assert_eq!(
        view.machine(id(1)).map(|report| report.state),
        Some(State::Running)
    );
}
