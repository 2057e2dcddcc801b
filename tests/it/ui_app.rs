//! The app between engine and screens, with an engine that only answers what a test says.

use std::cell::RefCell;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;

use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orangery::app::{App, Backend, Waker};
use orangery::engine::message::{Command, Event, RequestId};
use orangery::engine::screen::Screen;
use orangery::model::*;

use crate::ui_fixture::{failure, id, report, show};
use crate::ui_leaving::press_close;

#[derive(Default)]
pub struct Script {
    sent: Vec<Command>,
    events: Vec<Event>,
    busy: bool,
    serial: Option<(UnixStream, u64)>,
}

#[derive(Clone, Default)]
pub struct Fake(Rc<RefCell<Script>>);

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

    fn take_clip(&self, _: MachineId) -> Option<Clip> {
        None
    }

    fn close_screen(&self, _: MachineId) {}

    fn take_serial(&self, _: MachineId) -> Option<(UnixStream, u64)> {
        self.0.borrow_mut().serial.take()
    }
}

impl Fake {
    pub fn tell(&self, event: Event) {
        self.0.borrow_mut().events.push(event);
    }

    /// Answers the last command of this kind.
    #[track_caller]
    pub fn answer(&self, is: fn(&Command) -> bool, result: Result<Answer, Failure>) {
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

    pub fn all_sent(&self) -> Vec<Command> {
        self.0.borrow().sent.clone()
    }

    pub fn sent(&self, is: fn(&Command) -> bool) -> usize {
        self.all_sent().iter().filter(|command| is(command)).count()
    }
}

pub fn open(machines: &[MachineReport]) -> (Harness<'static, Option<App>>, Fake) {
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

pub fn is_act(command: &Command, wanted: Action) -> bool {
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
fn what_a_machines_page_says_is_no_toast_too() {
    let (mut harness, fake) = open(&[report(1, "Debian", State::Running)]);
    harness.get_by_label("Shut down").click();
    harness.run_ok();
    fake.answer(|command| is_act(command, Action::ShutDown), Err(failure()));
    let mut report = report(1, "Debian", State::Running);
    (report.generation, report.trouble) = (2, Some(failure()));
    fake.tell(show(report));
    harness.run_ok();
    harness.get_by_label("Debian did not start"); // Once only.
}

#[test]
fn only_graphs_in_sight_are_fed() {
    let watched = |fake: &Fake| -> Vec<Option<MachineId>> {
        let script = fake.0.borrow();
        let watch = |command: &Command| match command {
            Command::Watch(machine) => Some(*machine),
            _ => None,
        };
        script.sent.iter().filter_map(watch).collect()
    };
    let (mut harness, fake) = open(&[
        report(1, "Debian", State::Running),
        report(2, "Fedora", State::Off),
    ]);
    assert_eq!(watched(&fake), [Some(id(1))]);
    // Another tab hides them, and turning back shows them again.
    harness.get_by_label("Log").click();
    harness.run_ok();
    assert_eq!(watched(&fake), [Some(id(1)), None]);
    harness.get_by_label("Overview").click();
    harness.run_ok();
    assert_eq!(watched(&fake).last(), Some(&Some(id(1))));
    // So does a page of another machine that does not run, and a hidden window.
    harness.get_by_label("Fedora").click();
    harness.run_ok();
    assert_eq!(watched(&fake).last(), Some(&None));
    harness.get_by_label("Debian").click();
    harness.run_ok();
    assert_eq!(watched(&fake).last(), Some(&Some(id(1))));
    let viewport = |harness: &mut Harness<'_, _>, minimized| {
        let viewports = &mut harness.input_mut().viewports;
        viewports
            .get_mut(&egui::ViewportId::ROOT)
            .unwrap()
            .minimized = Some(minimized);
    };
    viewport(&mut harness, true);
    harness.run_ok();
    assert_eq!(watched(&fake).last(), Some(&None));
    assert_eq!(watched(&fake).len(), 6, "each change is told once");
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
fn a_bulk_delete_is_one_message_that_brings_all_back() {
    let reports = [1, 2, 3].map(|number| report(number, &format!("m{number}"), State::Off));
    let (mut harness, fake) = open(&reports);
    let row = |harness: &Harness<'static, Option<App>>, name: &str, modifiers| {
        harness
            .get_all_by_label(name)
            .find(|node| node.accesskit_node().role() == egui::accesskit::Role::ListItem)
            .unwrap()
            .click_modifiers(modifiers);
    };
    row(&harness, "m1", egui::Modifiers::NONE);
    harness.run_ok();
    row(&harness, "m3", egui::Modifiers::SHIFT);
    harness.run_ok();
    harness.get_by_label("Move to trash 3").click();
    harness.run_ok();
    let is_delete = |command: &Command| is_act(command, Action::Delete);
    assert_eq!(fake.sent(is_delete), 3);
    for number in 1..=3 {
        let is_it = [is_delete_of::<1>, is_delete_of::<2>, is_delete_of::<3>][number - 1];
        fake.answer(is_it, Ok(Answer::Done));
    }
    harness.run_ok();
    harness.get_by_label("3 machines are in the trash");
    harness.get_by_label("Restore all").click();
    harness.run_ok();
    assert_eq!(fake.sent(|command| is_act(command, Action::Restore)), 3);
}

fn is_delete_of<const NUMBER: u128>(command: &Command) -> bool {
    is_act(command, Action::Delete) && command.machine() == Some(id(NUMBER))
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
    harness.get_by_label("Looking at the file…");
    // Faster than the look: it is made as soon as the file is known.
    harness.get_by_label("Create & start").click();
    harness.run_ok();
    let is_create = |command: &Command| matches!(command, Command::Create { .. });
    assert_eq!(fake.sent(is_create), 0);
    fake.answer(
        |command| matches!(command, Command::Recognise { .. }),
        Ok(Answer::Recognised(installer(file))),
    );
    harness.run_ok();
    assert_eq!(fake.sent(is_create), 1);
    assert!(harness.query_by_label("Create & start").is_none());
    fake.answer(
        |command| matches!(command, Command::Create { .. }),
        Err(Failure::new("The machine was not made", "the file is gone")),
    );
    harness.run_ok();
    harness.get_by_label("The machine was not made");
    assert_eq!(
        harness.get_by_label("Name").value().as_deref(),
        Some("Debian 12")
    );
}

fn installer(path: &std::path::Path) -> Recognised {
    Recognised {
        path: path.to_owned(),
        kind: FileKind::Iso { bootable: true },
        size: ByteSize::mib(650),
        system: Some(System {
            name: "Debian 12".to_owned(),
            cpus: 2,
            memory: ByteSize::gib(4),
            disk: ByteSize::gib(32),
            firmware: FirmwareKind::Bios,
            era: Era::Virtio,
            note: None,
        }),
        firmware: None,
    }
}

#[test]
fn a_cancelled_creation_asks_for_nothing_more() {
    let (mut harness, fake) = open(&[]);
    let app = harness.state_mut().as_mut().unwrap();
    let file = std::path::Path::new("/tmp/debian.iso");
    app.shell.dropped(&app.view, file);
    harness.run_ok();
    fake.answer(
        |command| matches!(command, Command::Recognise { .. }),
        Ok(Answer::Recognised(installer(file))),
    );
    harness.run_ok();
    harness.get_by_label("Create & start").click();
    harness.run_ok();
    let job = JobReport {
        id: JobId(1),
        machine: None,
        title: "Creating Debian 12".to_owned(),
        step: "Copying the disk".to_owned(),
        done: 42,
        of: 100,
        can_cancel: true,
        state: JobState::Running,
    };
    fake.tell(Event::Job(job.clone()));
    harness.run_ok();
    harness.get_by_label("Copying the disk, 42 %");
    harness.get_by_label("Cancel: Creating Debian 12").click();
    harness.run_ok();
    let cancels = fake.sent(|command| *command == Command::CancelJob(JobId(1)));
    assert_eq!(cancels, 1);
    fake.tell(Event::Job(JobReport {
        state: JobState::Cancelled,
        ..job
    }));
    fake.answer(
        |command| matches!(command, Command::Create { .. }),
        Err(orangery::engine::Cancelled.into()),
    );
    harness.run_ok();
    assert!(harness.query_by_label("Create & start").is_none());
    assert!(harness.query_by_label("Copying the disk, 42 %").is_none());
    assert!(harness.query_by_label("Dismiss").is_none());
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
pub fn closes(harness: &Harness<'_, Option<App>>) -> bool {
    let commands = &harness.output().viewport_output[&egui::ViewportId::ROOT].commands;
    assert!(
        !(commands.contains(&egui::ViewportCommand::Close)
            && commands.contains(&egui::ViewportCommand::CancelClose))
    );
    commands.contains(&egui::ViewportCommand::Close)
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

#[test]
fn a_console_is_asked_for_once_it_is_looked_at_and_kept_for_later() {
    let is_open = |command: &Command| matches!(command, Command::OpenSerial { history: true, .. });
    let (mut harness, fake) = open(&[report(1, "Debian", State::Running)]);
    assert_eq!(fake.sent(is_open), 0);
    harness.get_by_label("Terminal").click();
    harness.run_ok();
    harness.run_ok();
    assert_eq!(fake.sent(is_open), 1);
    let (ours, mut guest) = UnixStream::pair().unwrap();
    fake.0.borrow_mut().serial = Some((ours, 0));
    harness.run_ok();
    std::io::Write::write_all(&mut guest, b"login: ").unwrap();
    let text = |harness: &Harness<'_, Option<App>>| {
        let node = harness.query_by_role(egui::accesskit::Role::Terminal)?;
        node.accesskit_node().value()
    };
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while text(&harness).is_none_or(|text| !text.contains("login:")) {
        assert!(std::time::Instant::now() < until, "{:?}", text(&harness));
        std::thread::sleep(std::time::Duration::from_millis(5));
        harness.step();
    }
    harness.get_by_label("Overview").click();
    harness.run_ok();
    harness.get_by_label("Terminal").click();
    harness.run_ok();
    assert!(text(&harness).unwrap().contains("login:"));
    assert_eq!(fake.sent(is_open), 1);
}

#[test]
fn an_order_chosen_just_before_the_window_closes_is_saved() {
    let (mut harness, fake) = open(&[report(1, "Debian", State::Off)]);
    let app = harness.state_mut().as_mut().unwrap();
    let by_state = |list: &mut ListSettings| list.group = GroupBy::State;
    app.shell.library.arrange_by(by_state);
    press_close(&mut harness);
    let script = fake.0.borrow();
    let saved = script.sent.iter().find_map(|command| match command {
        Command::SaveSettings(settings) => Some(settings.list.group),
        _ => None,
    });
    assert_eq!(saved, Some(GroupBy::State));
}
