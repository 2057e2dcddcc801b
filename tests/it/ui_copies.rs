//! Machines that are made of others, in the window: the line and frame of a try, the family, the dialog, templates.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orangery::engine::message::Command;
use orangery::model::*;
use orangery::ui::view::Leaving;
use orangery::ui::{Ask, LeaveStep};
use uuid::Uuid;

use crate::ui_fixture::{Window, check_shown, id, report, with};
use crate::ui_library::{act, press_with, row, take};

/// A machine that was made of the first.
pub fn copy(number: u128, name: &str, disposable: bool) -> MachineReport {
    let mut report = report(number, name, State::Running);
    let machine = report.machine.as_mut().unwrap();
    machine.descent = Some(Descent {
        from: id(1),
        name: "web".to_owned(),
        birth: Birth::Fork,
        at: None,
        when: machine.created,
        unborn: false,
    });
    machine.disposable = disposable;
    for device in &mut machine.devices {
        match &mut device.kind {
            DeviceKind::Nic(nic) => nic.link = false,
            DeviceKind::Disk(disk) => {
                disk.source = DiskSource::Layers(vec![LayerRef {
                    machine: id(1),
                    layer: LayerId(Uuid::from_u128(7)),
                }]);
            }
            _ => {}
        }
    }
    report
}

fn show(harness: &mut Harness<'_, Window>, name: &str) {
    row(harness, name).click();
    harness.run_ok();
    take(harness);
}

fn click(harness: &mut Harness<'_, Window>, word: &str) {
    harness
        .get_by_role_and_label(Role::Button, word)
        .click_accesskit();
    harness.run_ok();
}

#[test]
fn of_a_try_nothing_is_kept_and_the_page_says_so_with_the_ways_out() {
    let mut harness = with([
        report(1, "web", State::Running),
        copy(2, "playground", true),
    ]);
    show(&mut harness, "web");
    assert!(harness.query_by_label("Nothing is kept").is_none());
    show(&mut harness, "playground");
    harness.get_by_label("Nothing is kept");
    for (word, action) in [
        ("Keep as a machine", Action::Keep),
        ("Keep this moment", Action::KeepMoment),
        ("Throw away", Action::Discard),
    ] {
        click(&mut harness, word);
        assert_eq!(take(&mut harness), [Ask::Engine(act(2, action))]);
    }
}

#[test]
fn a_try_whose_guest_has_ended_is_asked_about_once() {
    let mut ended = copy(2, "playground", true);
    ended.state = State::Off;
    let mut harness = with([report(1, "web", State::Running), ended]);
    for (word, action) in [
        ("Keep as a machine", Action::Keep),
        ("Keep this moment", Action::KeepMoment),
        ("Throw away", Action::Discard),
    ] {
        harness.run_ok();
        harness.get_by_label("playground has ended");
        harness.get_by_label("A snapshot in the timeline of web; the copy itself goes");
        let buttons = harness.get_all_by_role_and_label(Role::Button, word);
        buttons.last().unwrap().click_accesskit();
        harness.run_ok();
        assert_eq!(take(&mut harness), [Ask::Engine(act(2, action))]);
        assert!(harness.query_by_label("playground has ended").is_none());
        harness.state_mut().shell = orangery::ui::shell::Shell::default();
    }
    harness.run_ok();
    click(&mut harness, "Decide later");
    assert!(harness.query_by_label("playground has ended").is_none());
    show(&mut harness, "playground");
    harness
        .get_by_label("It has ended. Unless it is kept it is gone with all that was done in it.");
}

/// A window of its own asks there.
#[test]
fn a_try_that_has_ended_in_its_own_window_is_not_asked_about_again() {
    let mut ended = copy(2, "playground", true);
    ended.state = State::Off;
    ended.consoles = vec![ConsoleWindow {
        head: 0,
        used: true,
    }];
    let mut harness = with([report(1, "web", State::Running), ended.clone()]);
    harness.run_ok();
    assert!(harness.query_by_label("playground has ended").is_none());
    ended.consoles.clear();
    ended.generation += 1;
    harness.state_mut().events = vec![crate::ui_fixture::show(ended)];
    harness.run_ok();
    assert!(harness.query_by_label("playground has ended").is_none());
}

/// One that was just thrown away is off for a moment before it is gone.
#[test]
fn a_try_that_has_ended_in_this_second_is_not_asked_about_yet() {
    let mut ended = copy(2, "playground", true);
    ended.state = State::Off;
    ended.since = crate::ui_fixture::NOW;
    let mut harness = with([report(1, "web", State::Running), ended]);
    harness.run_steps(3);
    assert!(harness.query_by_label("playground has ended").is_none());
    harness.state_mut().view.now.0 += 1;
    harness.run_steps(3);
    harness.get_by_label("playground has ended");
}

/// Chooses what becomes of a copy in the list of that name.
fn choose(harness: &mut Harness<'_, Window>, list: &str, word: &str) {
    harness
        .get_by_role_and_label(Role::ComboBox, list)
        .click_accesskit();
    harness.run_ok();
    let lines = harness.get_all_by_role_and_label(Role::Button, word);
    lines.last().unwrap().click_accesskit();
    harness.run_ok();
}

fn leaving(reports: impl IntoIterator<Item = MachineReport>) -> Harness<'static, Window> {
    let mut harness = with(reports);
    harness.run_ok();
    take(&mut harness);
    harness.state_mut().view.leaving = Some(Leaving {
        asking: true,
        ..Leaving::default()
    });
    harness.run_ok();
    harness
}

#[test]
fn closing_names_the_copies_of_which_nothing_is_kept_and_shuts_none_down_unasked() {
    let mut harness = leaving([
        report(1, "web", State::Running),
        copy(2, "playground", true),
        copy(3, "sandbox", true),
    ]);
    harness.get_by_label("Nothing is kept of 2 copies");
    click(&mut harness, "Shut down all");
    assert_eq!(take(&mut harness), []);
    harness.get_by_label("Say first what becomes of the copies");
    choose(&mut harness, "All of them", "Throw away");
    choose(&mut harness, "What becomes of sandbox", "Keep as a machine");
    assert!(
        harness
            .query_by_label("Say first what becomes of the copies")
            .is_none()
    );
    click(&mut harness, "Shut down all");
    let step = LeaveStep::By {
        policy: ClosePolicy::ShutDownAll,
        remember: false,
        partings: vec![(id(2), Action::Discard), (id(3), Action::Keep)],
    };
    assert_eq!(take(&mut harness), [Ask::Leave(step)]);
}

#[test]
fn copies_may_run_on_or_be_saved_with_the_others() {
    let mut harness = leaving([
        report(1, "web", State::Running),
        copy(2, "playground", true),
    ]);
    for (word, policy) in [
        ("Keep running", ClosePolicy::KeepRunning),
        ("Save all", ClosePolicy::SaveAll),
    ] {
        click(&mut harness, word);
        let step = LeaveStep::By {
            policy,
            remember: false,
            partings: Vec::new(),
        };
        assert_eq!(take(&mut harness), [Ask::Leave(step)]);
    }
}

#[test]
fn of_a_copy_that_has_ended_it_is_said_before_the_window_closes() {
    let mut ended = copy(2, "playground", true);
    ended.state = State::Off;
    let mut harness = leaving([report(1, "web", State::Off), ended]);
    harness.get_by_label("Copies have ended");
    assert!(harness.query_by_label("Keep running").is_none());
    click(&mut harness, "Close");
    assert_eq!(take(&mut harness), []);
    choose(
        &mut harness,
        "What becomes of playground",
        "Keep this moment",
    );
    click(&mut harness, "Close");
    let step = LeaveStep::By {
        policy: ClosePolicy::KeepRunning,
        remember: false,
        partings: vec![(id(2), Action::KeepMoment)],
    };
    assert_eq!(take(&mut harness), [Ask::Leave(step)]);
}

#[test]
fn one_key_forks_and_one_tries() {
    let mut harness = with([report(1, "web", State::Running)]);
    show(&mut harness, "web");
    press_with(&mut harness, Modifiers::COMMAND, Key::G);
    assert_eq!(take(&mut harness), [Ask::Engine(act(1, Action::Fork))]);
    press_with(&mut harness, Modifiers::COMMAND | Modifiers::SHIFT, Key::G);
    assert_eq!(take(&mut harness), [Ask::Engine(act(1, Action::Try))]);
}

#[test]
fn a_family_is_shown_from_both_sides_and_a_fork_is_plugged_in_there() {
    let mut harness = with([report(1, "web", State::Off), copy(2, "web-2", false)]);
    show(&mut harness, "web-2");
    harness.get_by_label("Fork of");
    harness.get_by_label("Needs the disks of");
    click(&mut harness, "Plug in its network cable");
    let asks = take(&mut harness);
    let [Ask::Engine(Command::Change { machine, changes })] = &asks[..] else {
        panic!("{asks:?}");
    };
    assert_eq!(*machine, id(2));
    assert!(matches!(
        &changes[..],
        [Change::Set { id, kind: DeviceKind::Nic(nic) }] if id == "nic0" && nic.link
    ));
    show(&mut harness, "web");
    harness.get_by_label("Made of it");
    harness.get_by_label("Its disks are needed by");
    harness.get_by_label("What they need of its disks stays, also when this machine is deleted.");
}

#[test]
fn a_family_is_drawn_and_a_click_leads_to_a_relative() {
    let mut base = report(1, "web", State::Off);
    let snapshot = SnapshotId(Uuid::from_u128(5));
    base.machine.as_mut().unwrap().templates = vec![WarmTemplate {
        name: "Desktop, ready".to_owned(),
        snapshot,
    }];
    let mut warm = copy(3, "warm", false);
    let descent = warm.machine.as_mut().unwrap().descent.as_mut();
    descent.unwrap().at = Some(snapshot);
    let mut harness = with([base, copy(2, "playground", true), warm]);
    show(&mut harness, "playground");
    harness.get_by_label("web, template, off");
    harness.get_by_label("at “Desktop, ready”");
    harness.get_by_label("warm, fork, running, made of web, rests on its disks");
    let own = "playground, this machine, try, running, made of web, rests on its disks";
    assert_ne!(
        harness.get_by_label(own).accesskit_node().role(),
        Role::Button
    );
    harness.get_by_label("made of it, and rests on its disks");
    assert!(
        harness
            .query_by_label("made of it, with disks of its own")
            .is_none()
    );
    click(&mut harness, "web, template, off");
    check_shown(&harness, 1);
    harness.get_by_label("web, this machine, template, off");
}

#[test]
fn of_twenty_copies_a_few_are_drawn_and_the_rest_unfolds() {
    let copies = (2..22).map(|number| copy(number, &format!("web-{number:02}"), false));
    let mut harness = with(std::iter::once(report(1, "web", State::Off)).chain(copies));
    show(&mut harness, "web");
    let drawn = |harness: &Harness<'_, Window>| {
        harness
            .query_all_by_label_contains("rests on its disks")
            .count()
            - 1 // The legend.
    };
    assert_eq!(drawn(&harness), 5);
    click(&mut harness, "and 15 more");
    assert!(drawn(&harness) > 5);
    assert!(
        harness
            .query_by_role_and_label(Role::Button, "and 15 more")
            .is_none()
    );
}

#[test]
fn a_dialog_makes_clones_and_several_forks() {
    let mut harness = with([report(1, "web", State::Running)]);
    show(&mut harness, "web");
    let open = |harness: &mut Harness<'_, Window>| {
        click(harness, "More actions");
        click(harness, "Clone…");
    };
    open(&mut harness);
    click(&mut harness, "Make the clone");
    let mut cloning = Cloning {
        at: None,
        name: String::new(),
        full: false,
        keep_variables: true,
        keep_tpm: false,
    };
    let command = |cloning: &Cloning| Command::Clone {
        machine: id(1),
        cloning: cloning.clone(),
    };
    assert_eq!(take(&mut harness), [Ask::Engine(command(&cloning))]);
    open(&mut harness);
    harness.get_by_label("Full clone").click_accesskit();
    harness.run_ok();
    harness
        .get_by_label("Copy the firmware's variables")
        .click_accesskit();
    harness.run_ok();
    click(&mut harness, "Make the clone");
    cloning.full = true;
    cloning.keep_variables = false;
    assert_eq!(take(&mut harness), [Ask::Engine(command(&cloning))]);
    open(&mut harness);
    harness.get_by_label("Forks").click_accesskit();
    harness.run_ok();
    click(&mut harness, "Make the forks");
    let fork = Fork {
        count: 2,
        ..Fork::once(false)
    };
    let machine = id(1);
    let fork = Command::Fork { machine, fork };
    assert_eq!(take(&mut harness), [Ask::Engine(fork)]);
}

#[test]
fn a_new_machine_goes_on_from_a_template_at_once() {
    let mut web = report(1, "web", State::Off);
    let snapshot = SnapshotId(Uuid::from_u128(5));
    web.machine.as_mut().unwrap().templates = vec![WarmTemplate {
        name: "Desktop, ready".to_owned(),
        snapshot,
    }];
    let mut harness = with([web]);
    click(&mut harness, "New machine");
    take(&mut harness);
    click(&mut harness, "Desktop, ready");
    let fork = Fork {
        at: Some(snapshot),
        ..Fork::once(false)
    };
    let machine = id(1);
    let fork = Command::Fork { machine, fork };
    assert_eq!(take(&mut harness), [Ask::Engine(fork)]);
    assert!(harness.query_by_label("What it starts from").is_none());
}
