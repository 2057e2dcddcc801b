//! What a first run by hand tripped over.

use egui::vec2;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use orangery::app::App;
use orangery::engine::message::{Command, Event};
use orangery::model::*;
use orangery::ui::toasts::{Offer, Toast, Toasts};

use crate::ui_app::{Fake, is_act, open};
use crate::ui_copies::copy;
use crate::ui_fixture::{Window, failure, id, report, show, with};

fn steps(harness: &mut Harness<'_, Option<App>>, count: u32) {
    for _ in 0..count {
        harness.step();
    }
}

#[test]
fn a_machine_being_made_takes_no_more_room_with_every_frame() {
    let (mut harness, fake) = open(&[report(1, "Debian", State::Off)]);
    fake.tell(Event::Job(JobReport {
        id: JobId(7),
        machine: None,
        title: "Creating Work".to_owned(),
        step: "Copying the disk".to_owned(),
        done: 1,
        of: 4,
        can_cancel: true,
        state: JobState::Running,
    }));
    steps(&mut harness, 12);
    let place = |name: &str| harness.get_by_label(name).rect();
    let (trash, stop) = (place("Trash"), place("Cancel: Creating Work"));
    assert!(
        stop.top() - trash.bottom() < 40.0,
        "{stop:?} is far below {trash:?}"
    );
    assert!(trash.top() > 500.0, "{trash:?} was pushed up");
}

/// A window in which the copies that were asked for have been made.
fn copied(
    press: &str,
    made: &[MachineReport],
    is: fn(&Command) -> bool,
) -> (Harness<'static, Option<App>>, Fake) {
    let (mut harness, fake) = open(&[report(1, "web", State::Running)]);
    harness.get_by_label(press).click();
    harness.run_ok();
    for machine in made {
        fake.tell(show(machine.clone()));
    }
    let ids = made.iter().map(|machine| machine.id).collect();
    fake.answer(is, Ok(Answer::Forked(ids)));
    harness.run_ok();
    (harness, fake)
}

#[test]
fn who_tries_something_is_in_the_copy_and_not_in_the_machine() {
    let copy = copy(2, "web-2", true);
    let is_try = |command: &Command| is_act(command, Action::Try);
    let (harness, _) = copied("Try", &[copy], is_try);
    harness.get_by_label("Nothing is kept");
    harness.get_by_label("Throw away");
}

#[test]
fn a_fork_is_one_click_away() {
    let copy = report(2, "copy", State::Running);
    let is_fork = |command: &Command| is_act(command, Action::Fork);
    let (mut harness, fake) = copied("Fork", &[copy], is_fork);
    harness.get_by_label("web was forked");
    harness.get_by_label("Show it").click();
    harness.run_ok();
    assert!(harness.query_by_label("web was forked").is_none());
    harness.get_by_label("Pause").click();
    harness.run_ok();
    let paused = Command::Act {
        machine: id(2),
        action: Action::Pause,
    };
    assert!(fake.all_sent().contains(&paused), "its page is open");
}

#[test]
fn a_hint_goes_by_itself_and_a_failure_stays() {
    let mut toasts = Toasts::default();
    toasts.push(Toast::failure(failure()));
    let hint = Failure::new("The file chooser did not open", "there is none");
    toasts.push(Toast::hint(hint, Timestamp(100)));
    assert!(toasts.expire());
    toasts.tick(Timestamp(119));
    assert!(toasts.expire());
    toasts.tick(Timestamp(120));
    assert!(!toasts.expire() && !toasts.is_empty());
}

#[test]
fn an_offer_is_taken_once() {
    let mut harness = with([report(1, "Debian", State::Running)]);
    let view = &mut harness.state_mut().view;
    let toast = Toast::done("Gone".to_owned(), String::new(), view.now);
    let offer = Offer::RestoreAll(vec![id(1)]);
    view.toasts.push(toast.offer(offer));
    harness.run_ok();
    harness.get_by_label("Restore all").click();
    harness.run_ok();
    let restore = Command::Act {
        machine: id(1),
        action: Action::Restore,
    };
    let asks = &harness.state().asks;
    assert!(asks.contains(&orangery::ui::Ask::Many(vec![restore])));
}

/// The page of a running machine in a window of this width.
fn page(name: &str, width: f32) -> Harness<'static, Window> {
    let mut harness = with([report(1, name, State::Running)]);
    harness.set_size(vec2(width, 640.0));
    harness.run_ok();
    harness
}

#[test]
fn a_long_name_takes_the_room_of_buttons_that_are_in_the_menu_too() {
    let name = "Build box for the shop";
    let narrow = page(name, 1024.0);
    assert!(narrow.query_by_label("Screenshot").is_none());
    narrow.get_by_label("Pause");
    narrow.get_by_label("More actions");
    narrow.get_by_label("Send keys"); // It is nowhere else.
    let short = page("web", 1024.0);
    short.get_by_label("Screenshot");
    // Where there is room, what Orangery is for has a word beside its icon.
    let width = |harness: &Harness<'_, Window>| harness.get_by_label("Fork").rect().width();
    assert!(width(&short) < 40.0);
    assert!(width(&page("web", 1400.0)) > 60.0);
}

#[test]
fn what_was_typed_into_a_dialog_is_not_lost_to_a_click_beside_it() {
    let beside = egui::pos2(5.0, 400.0);
    let click = |harness: &mut Harness<'_, Window>| {
        harness.hover_at(beside);
        harness.drag_at(beside);
        harness.drop_at(beside);
        harness.run_ok();
    };
    let mut harness = with([]);
    let open = |harness: &mut Harness<'_, Window>| {
        harness.get_by_label("New machine").click();
        harness.run_ok();
        harness.get_by_label("Create & start");
    };
    open(&mut harness);
    click(&mut harness);
    assert!(harness.query_by_label("Create & start").is_none());
    open(&mut harness);
    harness.event(egui::Event::Text("/srv/x".to_owned()));
    harness.run_ok();
    click(&mut harness);
    harness.get_by_label("Create & start");
    harness.key_press(egui::Key::Escape);
    harness.run_ok();
    assert!(harness.query_by_label("Create & start").is_none());
}
