//! The app between engine and screens, with an engine that only answers what a test says.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use orangery::app::{App, Backend, Waker};
use orangery::engine::message::{Command, Event, RequestId};
use orangery::engine::screen::Screen;
use orangery::model::*;

use crate::ui_fixture::{failure, id, report, show};

#[derive(Default)]
struct Script {
    sent: Vec<Command>,
    events: Vec<Event>,
    busy: bool,
}

#[derive(Clone, Default)]
struct Fake(Rc<RefCell<Script>>);

impl Backend for Fake {
    fn send(&self, command: Command) -> Result<RequestId, Failure> {
        let mut script = self.0.borrow_mut();
        if script.busy {
            return Err(Failure::new("That was not done", "Orangery is busy"));
        }
        script.sent.push(command);
        Ok(RequestId(script.sent.len() as u64))
    }

    fn drain(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.borrow_mut().events)
    }

    fn screen(&self, _: MachineId) -> Option<Arc<Screen>> {
        None
    }

    fn close_screen(&self, _: MachineId) {}
}

impl Fake {
    fn tell(&self, event: Event) {
        self.0.borrow_mut().events.push(event);
    }

    /// Answers the last command of this kind.
    #[track_caller]
    fn answer(&self, is: fn(&Command) -> bool, result: Result<Answer, Failure>) {
        let number = self
            .0
            .borrow()
            .sent
            .iter()
            .rposition(is)
            .expect("never sent");
        let request = RequestId(number as u64 + 1);
        self.tell(Event::Answer { request, result });
    }

    fn sent(&self, is: fn(&Command) -> bool) -> usize {
        self.0
            .borrow()
            .sent
            .iter()
            .filter(|command| is(command))
            .count()
    }
}

fn open(machines: &[MachineReport]) -> (Harness<'static, Option<App>>, Fake) {
    let fake = Fake::default();
    for machine in machines {
        fake.tell(show(machine.clone()));
    }
    let backend = fake.clone();
    let mut harness = Harness::builder()
        .with_size([1280.0, 800.0])
        .build_ui_state(
            move |ui, app: &mut Option<App>| {
                let app = app.get_or_insert_with(|| {
                    App::new(ui.ctx(), Box::new(backend.clone()), &Waker::default())
                });
                app.update(ui.ctx());
                app.draw(ui);
            },
            None,
        );
    harness.run_ok();
    (harness, fake)
}

fn is_act(command: &Command, wanted: Action) -> bool {
    matches!(command, Command::Act { action, .. } if *action == wanted)
}

#[test]
fn a_failure_is_shown_with_cause_fix_and_details() {
    let (mut harness, fake) = open(&[report(1, "Debian", State::Off)]);
    harness.get_by_label("Start").click();
    harness.run_ok();
    fake.answer(|command| is_act(command, Action::Start), Err(failure()));
    harness.run_ok();
    harness.get_by_label("Debian did not start");
    harness.get_by_label("Its disk is used by the machine “Build box”");
    harness.get_by_label("Details").click();
    harness.run_ok();
    harness.get_by_label_contains("Failed to get \"write\" lock");
    harness.get_by_label("Dismiss").click();
    harness.run_ok();
    assert!(harness.query_by_label("Debian did not start").is_none());
}

#[test]
fn moving_to_the_trash_can_be_undone() {
    let (mut harness, fake) = open(&[report(1, "Debian", State::Off)]);
    harness.get_by_label("More actions").click();
    harness.run_ok();
    harness.get_by_label("Move to trash").click();
    harness.run_ok();
    fake.answer(|command| is_act(command, Action::Delete), Ok(Answer::Done));
    harness.run_ok();
    harness.get_by_label("Undo").click();
    harness.run_ok();
    assert_eq!(fake.sent(|command| is_act(command, Action::Restore)), 1);
}

#[test]
fn a_created_machine_is_shown_at_once() {
    let (mut harness, fake) = open(&[report(1, "Alpine", State::Off)]);
    harness.state_mut().as_mut().unwrap().shell.run_errand(
        &Default::default(),
        orangery::ui::actions::Errand::NewMachine,
    );
    harness.run_ok();
    harness.get_by_label("Test card").click();
    harness.run_ok();
    harness.get_by_label("Create & start").click();
    harness.run_ok();
    fake.tell(show(report(2, "Test card", State::Running)));
    fake.answer(
        |command| matches!(command, Command::Create { .. }),
        Ok(Answer::Created(id(2))),
    );
    harness.run_ok();
    let app = harness.state().as_ref().unwrap();
    assert_eq!(
        app.shell.shown(&app.view).map(|report| report.id),
        Some(id(2))
    );
    let opened = fake.sent(|command| matches!(command, Command::OpenDisplay { .. }));
    assert_eq!(opened, 1, "the live screen is asked for once");
}

#[test]
fn what_could_not_be_made_can_be_corrected_without_typing_it_again() {
    let (mut harness, fake) = open(&[]);
    let app = harness.state_mut().as_mut().unwrap();
    let file = std::path::Path::new("/tmp/gone.iso");
    app.shell.dropped(&app.view, file);
    harness.run_ok();
    harness.get_by_label("Create & start").click();
    harness.run_ok();
    assert!(harness.query_by_label("Create & start").is_none());
    fake.answer(
        |command| matches!(command, Command::Create { .. }),
        Err(Failure::new("The machine was not made", "the file is gone")),
    );
    harness.run_ok();
    harness.get_by_label("The machine was not made");
    assert_eq!(
        harness.get_by_label("Name").value().as_deref(),
        Some("gone")
    );
}

#[test]
fn a_busy_engine_is_a_message_and_nothing_waits() {
    let (mut harness, fake) = open(&[report(1, "Debian", State::Off)]);
    fake.0.borrow_mut().busy = true;
    harness.get_by_label("Start").click();
    harness.run_ok();
    harness.get_by_label("That was not done");
}

#[test]
fn an_idle_window_asks_for_no_frame() {
    let (harness, _fake) = open(&[report(1, "Debian", State::Off)]);
    let root = &harness.output().viewport_output[&egui::ViewportId::ROOT];
    assert_eq!(root.repaint_delay, std::time::Duration::MAX);
}

/// Whether the last frame closed the window or kept it open.
fn closes(harness: &Harness<'_, Option<App>>) -> bool {
    let commands = &harness.output().viewport_output[&egui::ViewportId::ROOT].commands;
    assert!(
        !(commands.contains(&egui::ViewportCommand::Close)
            && commands.contains(&egui::ViewportCommand::CancelClose))
    );
    commands.contains(&egui::ViewportCommand::Close)
}

/// Presses the window's close button.
fn press_close(harness: &mut Harness<'_, Option<App>>) {
    let viewport = harness.input_mut().viewports.entry(egui::ViewportId::ROOT);
    let events = &mut viewport.or_default().events;
    events.push(egui::ViewportEvent::Close);
    harness.step();
    let viewport = harness.input_mut().viewports.entry(egui::ViewportId::ROOT);
    viewport.or_default().events.clear();
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
    let closed = (0..5).any(|_| {
        harness.step();
        closes(&harness)
    });
    assert!(closed);
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

#[test]
fn language_scale_and_release_key_change_without_a_new_start() {
    let (mut harness, fake) = open(&[report(1, "Debian", State::Off)]);
    let settings = Settings {
        language: LanguageChoice::German,
        scale: 125,
        ..Settings::default()
    };
    fake.tell(Event::Settings(settings));
    harness.run_ok();
    assert_eq!(
        orangery::language::spoken(),
        orangery::language::Language::German
    );
    assert!((harness.ctx.zoom_factor() - 1.25).abs() < 0.001);
    fake.tell(Event::Settings(Settings {
        language: LanguageChoice::English,
        ..Settings::default()
    }));
    harness.run_ok();
    assert_eq!(
        orangery::language::spoken(),
        orangery::language::Language::English
    );
}
