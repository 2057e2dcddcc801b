//! Closing the window while machines run: what is asked, what is waited for, what becomes of copies.

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use orangery::app::App;
use orangery::engine::message::{Command, Event};
use orangery::model::*;

use crate::ui_app::{closes, is_act, open};
use crate::ui_fixture::{failure, id, report, show};

/// Presses the window's close button.
pub fn press_close(harness: &mut Harness<'_, Option<App>>) {
    let viewport = harness.input_mut().viewports.entry(egui::ViewportId::ROOT);
    let events = &mut viewport.or_default().events;
    events.push(egui::ViewportEvent::Close);
    harness.step();
    let viewport = harness.input_mut().viewports.entry(egui::ViewportId::ROOT);
    viewport.or_default().events.clear();
}

fn closes_soon(harness: &mut Harness<'_, Option<App>>) -> bool {
    (0..5).any(|_| {
        harness.step();
        closes(harness)
    })
}

#[test]
fn closing_with_machines_running_asks_and_keeping_them_closes_at_once() {
    let (mut harness, fake) = open(&[report(1, "Debian", State::Running)]);
    press_close(&mut harness);
    let commands = &harness.output().viewport_output[&egui::ViewportId::ROOT].commands;
    assert!(commands.contains(&egui::ViewportCommand::CancelClose));
    harness.run_ok();
    harness.get_by_label("Debian is running");
    harness.get_by_label("Keep running").click();
    assert!(closes_soon(&mut harness));
    assert_eq!(fake.sent(|command| is_act(command, Action::PowerOff)), 0);
}

#[test]
fn saving_all_waits_until_all_are_saved_before_it_closes() {
    let (mut harness, fake) = open(&[report(1, "Debian", State::Running)]);
    harness.state_mut().as_mut().unwrap().view.leaving = Some(orangery::ui::view::Leaving {
        asking: true,
        ..Default::default()
    });
    harness.run_ok();
    harness.get_by_label("Save all").click();
    harness.run_ok();
    assert_eq!(fake.sent(|command| is_act(command, Action::Save)), 1);
    harness.get_by_label("Closing when the machines are done");
    let mut saved = report(1, "Debian", State::Saved);
    saved.generation = 2;
    fake.tell(show(saved));
    harness.step();
    let commands = &harness.output().viewport_output[&egui::ViewportId::ROOT].commands;
    assert!(
        commands.contains(&egui::ViewportCommand::Close),
        "{commands:?}"
    );
}

/// A copy of which nothing is kept.
fn try_of(number: u128, name: &str, state: State) -> MachineReport {
    let mut copy = report(number, name, state);
    copy.machine.as_mut().unwrap().disposable = true;
    copy
}

#[test]
fn a_paused_guest_goes_on_before_its_power_button_is_pressed() {
    let (mut harness, fake) = open(&[report(1, "Debian", State::Paused)]);
    press_close(&mut harness);
    harness.run_ok();
    harness.get_by_label("Shut down all").click();
    harness.run_ok();
    assert_eq!(fake.sent(|command| is_act(command, Action::Resume)), 1);
    assert_eq!(fake.sent(|command| is_act(command, Action::ShutDown)), 0);
    for generation in [2, 3] {
        let mut running = report(1, "Debian", State::Running);
        running.generation = generation;
        fake.tell(show(running));
        harness.run_ok();
        assert_eq!(fake.sent(|command| is_act(command, Action::ShutDown)), 1);
    }
}

#[test]
fn what_is_remembered_never_shuts_a_copy_down_unasked() {
    let (mut harness, fake) = open(&[try_of(1, "playground", State::Running)]);
    let settings = Settings {
        close: ClosePolicy::ShutDownAll,
        ..Settings::default()
    };
    fake.tell(Event::Settings(settings.clone()));
    harness.run_ok();
    press_close(&mut harness);
    harness.run_ok();
    harness.get_by_label("Nothing is kept of 1 copy");
    assert_eq!(fake.sent(|command| is_act(command, Action::ShutDown)), 0);
    // Saved it goes on later, so nothing is lost by what is remembered.
    harness.get_by_label("Cancel").click();
    harness.run_ok();
    fake.tell(Event::Settings(Settings {
        close: ClosePolicy::SaveAll,
        ..settings
    }));
    harness.run_ok();
    press_close(&mut harness);
    harness.run_ok();
    assert_eq!(fake.sent(|command| is_act(command, Action::Save)), 1);
}

#[test]
fn the_window_closes_once_a_copys_moment_is_kept_and_the_copy_gone() {
    for fails in [false, true] {
        let (mut harness, fake) = open(&[
            report(1, "web", State::Running),
            try_of(2, "playground", State::Running),
        ]);
        let app = harness.state_mut().as_mut().unwrap();
        app.view.leaving = Some(orangery::ui::view::Leaving {
            asking: true,
            ..Default::default()
        });
        harness.run_ok();
        harness.get_by_label("What becomes of playground").click();
        harness.run_ok();
        harness
            .get_all_by_label("Throw away")
            .last()
            .unwrap()
            .click();
        harness.run_ok();
        harness.get_by_label("Keep running").click();
        harness.run_ok();
        let is_discard = |command: &Command| is_act(command, Action::Discard);
        if fails {
            fake.answer(is_discard, Err(failure()));
            harness.run_ok();
            harness.get_by_label(&failure().what);
            assert!(!closes(&harness));
            assert_eq!(harness.state().as_ref().unwrap().view.leaving, None);
            continue;
        }
        harness.get_by_label("Closing when the machines are done");
        fake.answer(is_discard, Ok(Answer::Done));
        harness.run_ok();
        assert!(!closes(&harness));
        fake.tell(Event::Gone(id(2)));
        assert!(closes_soon(&mut harness));
        assert_eq!(fake.sent(|command| is_act(command, Action::PowerOff)), 0);
    }
}

#[test]
fn closing_waits_for_what_is_being_done_and_lets_it_be_cancelled() {
    for runs in [true, false] {
        let state = if runs { State::Running } else { State::Off };
        let (mut harness, fake) = open(&[report(1, "Debian", state)]);
        let job = JobReport {
            id: JobId(7),
            machine: Some(id(1)),
            title: "Cloning Debian".to_owned(),
            step: "Copying disks".to_owned(),
            done: 1,
            of: 4,
            can_cancel: true,
            state: JobState::Running,
        };
        fake.tell(Event::Job(job.clone()));
        harness.run_ok();
        press_close(&mut harness);
        harness.run_ok();
        if runs {
            harness.get_by_label("What is being done now comes to its end first.");
            harness.get_by_label("Keep running").click();
            harness.run_ok();
        }
        assert!(!closes(&harness));
        harness.get_by_label("Closing when the work is done");
        assert!(harness.get_all_by_label("Cloning Debian").count() > 0);
        harness.get_by_label("Cancel").click();
        harness.run_ok();
        let cancels = |command: &Command| matches!(command, Command::CancelJob(JobId(7)));
        assert_eq!(fake.sent(cancels), 1);
        let state = JobState::Cancelled;
        fake.tell(Event::Job(JobReport { state, ..job }));
        assert!(closes_soon(&mut harness));
    }
}

#[test]
fn after_a_copy_comes_the_machine_that_it_was_made_of_and_what_was_kept_is_told() {
    let mut copy = try_of(3, "playground", State::Running);
    copy.machine.as_mut().unwrap().descent = Some(Descent {
        from: id(2),
        name: "Debian".to_owned(),
        birth: Birth::Fork,
        at: None,
        when: Timestamp(0),
        unborn: false,
    });
    let (mut harness, fake) = open(&[
        report(1, "Alpine", State::Off),
        report(2, "Debian", State::Running),
        copy,
    ]);
    harness.state_mut().as_mut().unwrap().shell.select(id(3));
    harness.run_ok();
    harness.get_by_label("Keep this moment").click();
    harness.run_ok();
    let kept = |command: &Command| is_act(command, Action::KeepMoment);
    fake.tell(Event::Gone(id(3)));
    fake.answer(kept, Ok(Answer::Snapshot(SnapshotId(uuid::Uuid::nil()))));
    harness.run_ok();
    harness.get_by_label("A moment is in the timeline of Debian");
    harness.get_by_label("You can come back to “playground”");
    let app = harness.state().as_ref().unwrap();
    assert_eq!(app.shell.shown(&app.view).unwrap().id, id(2));
}
