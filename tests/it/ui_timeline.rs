//! The timeline as a person uses it: by name, by mouse, by keyboard; with one snapshot, a dozen and two hundred.

use egui::accesskit::Role;
use egui::{Event as Input, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orangery::engine::message::{Command, Event};
use orangery::model::*;
use orangery::ui::Ask;
use orangery::ui::toasts::{Offer, Toast};
use uuid::Uuid;

use crate::ui_fixture::{NOW, Window, computer, harness, id, load, report, show, thumbnail};
use crate::ui_library::{act, press, press_with, row, take};

pub fn snapshot_id(number: u128) -> SnapshotId {
    SnapshotId(Uuid::from_u128(number << 96 | number))
}

/// A snapshot of `minutes` ago.
pub fn snapshot(number: u128, parent: u128, minutes: u64, kind: SnapshotKind) -> SnapshotReport {
    SnapshotReport {
        id: snapshot_id(number),
        parent: (parent > 0).then(|| snapshot_id(parent)),
        name: String::new(),
        note: String::new(),
        time: Timestamp(NOW.0 - minutes * 60),
        kind,
        with_memory: !number.is_multiple_of(3),
        disk: None,
        writing: false,
        bytes: ByteSize::mib(20 + (number as u64 * 37) % 400),
        shared: ByteSize::mib(1200),
        picture: !number.is_multiple_of(3),
        depth: 2,
        trouble: None,
    }
}

/// The only one there is.
pub fn one() -> Timeline {
    let mut only = snapshot(1, 0, 3, SnapshotKind::Manual);
    only.name = "Fresh install".to_owned();
    only.note = "Everything updated, nothing changed yet.".to_owned();
    Timeline {
        snapshots: vec![only],
        present: Some(snapshot_id(1)),
        depth: 2,
        bytes: ByteSize::mib(3),
        total: ByteSize::mib(1800),
    }
}

pub const LONG: &str =
    "Debian certificates and a name that is longer than there is room for on a line";

/// A dozen with two branches, and one that is damaged.
pub fn dozen() -> Timeline {
    use SnapshotKind as K;
    let mut snapshots = vec![
        snapshot(1, 0, 9000, K::Manual),
        snapshot(2, 1, 8000, K::Manual),
        snapshot(3, 2, 7900, K::BeforeChange),
        snapshot(4, 3, 6000, K::Kept),
        snapshot(5, 2, 5000, K::Manual),
        snapshot(6, 5, 3000, K::BeforeShutDown),
        snapshot(7, 6, 2000, K::Kept),
        snapshot(8, 5, 1500, K::Manual),
        snapshot(9, 8, 300, K::Timed),
        snapshot(10, 9, 120, K::Timed),
        snapshot(11, 10, 60, K::Manual),
        snapshot(12, 11, 12, K::Timed),
    ];
    for (place, name) in [
        (0, "Fresh install"),
        (1, "Before the upgrade"),
        (4, "Upgraded to Debian 13"),
        (7, "Debian web server runs"),
        (10, LONG),
    ] {
        snapshots[place].name = name.to_owned();
    }
    snapshots[5].trouble = Some("the memory file is shorter than it was".to_owned());
    snapshots[11].writing = true;
    snapshots[11].with_memory = true;
    Timeline {
        snapshots,
        present: Some(snapshot_id(12)),
        depth: 9,
        bytes: ByteSize::mib(140),
        total: ByteSize::gib(19),
    }
}

/// Two hundred: long runs of checkpoints, a branch now and then.
pub fn many() -> Timeline {
    let mut snapshots = Vec::new();
    let mut parent = 0;
    for number in 1..=200_u128 {
        let kind = match number % 40 {
            1 | 2 => SnapshotKind::Manual,
            27 => SnapshotKind::Kept,
            33 => SnapshotKind::BeforeReset,
            _ => SnapshotKind::Timed,
        };
        let minutes = (201 - number as u64) * 5;
        let mut new = snapshot(number, parent, minutes, kind);
        if number % 40 == 1 {
            new.name = format!("Milestone {}", number / 40 + 1);
        }
        snapshots.push(new);
        parent = match kind {
            SnapshotKind::Kept => number - 15,
            _ => number,
        };
    }
    Timeline {
        snapshots,
        present: Some(snapshot_id(200)),
        depth: 12,
        bytes: ByteSize::mib(9),
        total: ByteSize::gib(41),
    }
}

/// The page of a running machine with such a timeline.
pub fn window(timeline: Timeline) -> Window {
    let machine = id(1);
    let mut running = report(1, "Debian web server", State::Running);
    if let Some(machine) = &mut running.machine {
        machine.checkpoints = Checkpoints::experiment();
    }
    Window::new([
        Event::Computer(Box::new(computer())),
        Event::Load(load()),
        show(running),
        show(report(2, "FreeBSD router", State::Off)),
        thumbnail(1),
        Event::Timeline {
            machine,
            timeline: Box::new(timeline.clone()),
        },
        Event::Timeline {
            machine: id(2),
            timeline: Box::new(timeline),
        },
    ])
}

/// Pictures as they would have been read: a screen with a window and some lines of text, another for each.
pub fn picture(number: u128) -> egui::ColorImage {
    let (width, height) = (640_usize, 400_usize);
    let hue = |shift: u128| ((number * 47 + shift * 85) % 160 + 40) as u8;
    let (ground, text) = ([hue(0), hue(1), hue(2)], [210, 220, 205]);
    let mut rgb = Vec::with_capacity(width * height * 3);
    let left = 40 + (number as usize * 23) % 160;
    for y in 0..height {
        for x in 0..width {
            let window = (left..left + 400).contains(&x) && (60..340).contains(&y);
            let bar = window && y < 84;
            let end = left + 60 + (y / 18 * 71 + number as usize * 13) % 300;
            let line = window && y > 96 && y % 18 < 8 && (left + 16..end).contains(&x);
            let fade = (y / 5) as u8;
            rgb.extend(match (line, bar, window) {
                (true, ..) => text,
                (_, true, _) => [70, 74, 82],
                (_, _, true) => [22, 24, 28],
                _ => ground.map(|part| part.saturating_sub(fade)),
            });
        }
    }
    egui::ColorImage::from_rgb([width, height], &rgb)
}

/// The open timeline of a running machine; its newest line has the keyboard.
pub fn open(timeline: Timeline) -> Harness<'static, Window> {
    let mut harness = harness(window(timeline));
    harness.run_ok();
    press_with(&mut harness, Modifiers::COMMAND, Key::H);
    let first = lines(&harness).remove(1);
    row(&harness, &first).click();
    harness.run_ok();
    take(&mut harness);
    harness
}

/// The lines of the tree that are laid out, from the top; machines are no part of it.
fn lines(harness: &Harness<'_, Window>) -> Vec<String> {
    let mut lines: Vec<(i32, String)> = harness
        .get_all_by_role(Role::ListItem)
        .filter(|node| node.rect().left() > 290.0)
        .map(|node| {
            let name = node.accesskit_node().label().unwrap();
            (node.rect().top() as i32, name)
        })
        .collect();
    lines.sort();
    lines.into_iter().map(|(_, name)| name).collect()
}

#[track_caller]
fn click(harness: &mut Harness<'_, Window>, name: &str) {
    let widgets = [Role::Button, Role::CheckBox, Role::Tab];
    let found = harness
        .get_by(|node| node.label().as_deref() == Some(name) && widgets.contains(&node.role()));
    found.click_accesskit();
    harness.run_ok();
}

/// What was asked of the engine.
fn commands(harness: &mut Harness<'_, Window>) -> Vec<Command> {
    let engine = |ask| match ask {
        Ask::Engine(command) => Some(command),
        _ => None,
    };
    take(harness).into_iter().filter_map(engine).collect()
}

#[test]
fn one_key_takes_a_snapshot_also_while_a_line_of_the_tree_has_the_keyboard() {
    let mut harness = open(dozen());
    press_with(&mut harness, Modifiers::COMMAND, Key::B);
    assert_eq!(commands(&mut harness), [act(1, Action::Snapshot)]);
    click(&mut harness, "Named…");
    harness.event(Input::Text("Works".to_owned()));
    press(&mut harness, Key::Enter);
    let machine = id(1);
    let (name, note) = ("Works".to_owned(), String::new());
    let expected = Command::TakeSnapshot {
        machine,
        name,
        note,
        scope: SnapshotScope::default(),
    };
    assert_eq!(commands(&mut harness), [expected]);
}

#[test]
fn going_back_says_what_happens_and_keeps_the_present_unless_told_otherwise() {
    let mut harness = open(dozen());
    let rewind = |number, keep, start| Command::Rewind {
        machine: id(1),
        snapshot: snapshot_id(number),
        keep,
        start,
    };
    press(&mut harness, Key::Enter);
    harness.get_by_label("Go back to “Checkpoint, 14:01”?");
    harness.get_by_label("The guest goes on in that very moment, with its memory and its screen");
    assert_eq!(take(&mut harness), [], "it is asked first");
    press(&mut harness, Key::Enter);
    assert_eq!(commands(&mut harness), [rewind(12, true, false)]);
    press(&mut harness, Key::Enter);
    click(&mut harness, "Keep the present as a branch");
    harness.get_by_label_contains("140 MiB on its disks, and all that the guest has in memory");
    press(&mut harness, Key::Enter);
    assert_eq!(commands(&mut harness), [rewind(12, false, false)]);
    press(&mut harness, Key::Enter);
    press(&mut harness, Key::Escape);
    assert_eq!(take(&mut harness), []);
    assert!(harness.query_by_label_contains("Go back to").is_none());
}

#[test]
fn a_machine_that_is_off_starts_where_there_is_memory_to_go_on_with() {
    let mut harness = open(dozen());
    for (number, start) in [(12, true), (9, false)] {
        let mut off = report(1, "Debian web server", State::Off);
        off.generation = number as u64;
        harness.state_mut().events.push(show(off));
        harness.run_ok();
        if number == 9 {
            let name = "Checkpoint, 09:13";
            row(&harness, name).click();
            harness.run_ok();
        }
        press(&mut harness, Key::Enter);
        press(&mut harness, Key::Enter);
        let expected = Command::Rewind {
            machine: id(1),
            snapshot: snapshot_id(number),
            keep: true,
            start,
        };
        assert_eq!(commands(&mut harness), [expected]);
    }
}

#[test]
fn a_damaged_snapshot_says_why_and_can_only_be_deleted() {
    let mut timeline = one();
    timeline.snapshots[0].trouble = Some("the memory file is too short".to_owned());
    let mut harness = open(timeline);
    harness.get_by_label("It can't be used");
    harness.get_by_label("The memory file is too short");
    let back = harness.get_by_role_and_label(Role::Button, "Go back…");
    assert!(back.accesskit_node().is_disabled());
    press(&mut harness, Key::Enter);
    assert!(harness.query_by_label_contains("Go back to").is_none());
    press(&mut harness, Key::Delete);
    for_good(&mut harness);
    let delete = Command::DeleteSnapshots {
        machine: id(1),
        snapshots: vec![snapshot_id(1)],
    };
    assert_eq!(commands(&mut harness), [delete]);
}

fn for_good(harness: &mut Harness<'_, Window>) {
    harness.get_by_label("Delete for good").click();
    harness.run_ok();
}

#[test]
fn marked_snapshots_are_deleted_together_and_what_comes_back_is_said_before() {
    let mut harness = open(dozen());
    let before: Vec<String> = lines(&harness);
    press_with(&mut harness, Modifiers::SHIFT, Key::ArrowDown);
    let third = before[3].clone();
    row(&harness, &third).click_modifiers(Modifiers::COMMAND);
    harness.run_ok();
    harness.get_by_label("3 snapshots selected");
    press(&mut harness, Key::Delete);
    harness.get_by_label("Delete 3 snapshots?");
    let sizes = dozen();
    let sizes = sizes.snapshots[9..].iter().map(|snapshot| snapshot.bytes.0);
    let text = format!("{} come back on disk", ByteSize(sizes.sum()));
    harness.get_by_label_contains(&text);
    harness.get_by_label_contains("it is merged into them");
    // Not by the key that opens, renames and goes back.
    press(&mut harness, Key::Enter);
    assert_eq!(commands(&mut harness), []);
    for_good(&mut harness);
    let delete = |numbers: std::ops::RangeInclusive<u128>| Command::DeleteSnapshots {
        machine: id(1),
        snapshots: numbers.map(snapshot_id).collect(),
    };
    assert_eq!(commands(&mut harness), [delete(10..=12)]);
    press_with(&mut harness, Modifiers::COMMAND, Key::A);
    press(&mut harness, Key::Delete);
    for_good(&mut harness);
    assert_eq!(commands(&mut harness), [delete(1..=12)]);
    press(&mut harness, Key::Escape);
    assert!(harness.query_by_label_contains("selected").is_none());
}

#[test]
fn kinds_can_be_left_out_and_shown_again() {
    let mut harness = open(dozen());
    click(&mut harness, "By hand");
    click(&mut harness, "Automatic");
    let kept = lines(&harness);
    assert_eq!(kept.len(), 3, "{kept:?}");
    assert!(kept[1].starts_with("Kept when leaving, "), "{kept:?}");
    click(&mut harness, "Kept");
    harness.get_by_label("Nothing of this kind");
    click(&mut harness, "Show all");
    assert!(lines(&harness).len() > 5);
}

#[test]
fn of_two_hundred_only_lines_in_sight_are_laid_out_and_runs_unfold_by_keyboard() {
    let mut harness = open(many());
    let folded = lines(&harness);
    assert_eq!(folded[1], "13 checkpoints, 13:08 to 14:08");
    press(&mut harness, Key::ArrowLeft); // The click unfolded it.
    press(&mut harness, Key::ArrowRight);
    let unfolded = lines(&harness);
    assert_eq!(unfolded[2], "Checkpoint, 14:08");
    assert!(unfolded.len() < 14, "{} lines", unfolded.len());
    press(&mut harness, Key::End);
    let last = lines(&harness);
    assert_eq!(last.last().unwrap(), "Milestone 1");
    press(&mut harness, Key::Home);
    press(&mut harness, Key::ArrowDown);
    press(&mut harness, Key::ArrowLeft);
    assert_eq!(lines(&harness)[..2], folded[..2]);
}

#[test]
fn dragging_and_arrow_keys_look_through_time() {
    let mut harness = open(dozen());
    let looked_at = |harness: &Harness<'_, Window>| {
        let strip = harness.get_by_role_and_label(Role::Slider, "Look through time");
        let node = strip.accesskit_node();
        (node.numeric_value().unwrap() as usize, strip.rect())
    };
    let (place, rect) = looked_at(&harness);
    assert_eq!(place, 11);
    harness.drag_at(rect.center());
    harness.run_ok();
    assert_eq!(looked_at(&harness).0, 6);
    harness.hover_at(rect.left_center() + egui::vec2(4.0, 0.0));
    harness.run_ok();
    assert_eq!(looked_at(&harness).0, 0);
    harness.get_by_role_and_label(Role::Button, "Go back…");
    harness.drop_at(rect.left_center() + egui::vec2(4.0, 0.0));
    harness.run_ok();
    assert!(lines(&harness).contains(&"Fresh install".to_owned()));
    press(&mut harness, Key::ArrowRight);
    press(&mut harness, Key::ArrowRight);
    assert_eq!(looked_at(&harness).0, 2);
    press(&mut harness, Key::End);
    assert_eq!(looked_at(&harness).0, 12, "now");
}

#[test]
fn a_snapshot_is_renamed_in_place_and_keeps_its_note() {
    let mut harness = open(one());
    press(&mut harness, Key::F2);
    let field = harness.get_by_role_and_label(Role::TextInput, "Name");
    assert!(field.accesskit_node().is_focused());
    harness.event(Input::Text(" 2".to_owned()));
    harness.run_ok();
    press(&mut harness, Key::Enter);
    let edit = |name: &str| Command::EditSnapshot {
        machine: id(1),
        snapshot: snapshot_id(1),
        name: name.to_owned(),
        note: "Everything updated, nothing changed yet.".to_owned(),
    };
    assert_eq!(commands(&mut harness), [edit("Fresh install 2")]);
    press(&mut harness, Key::F2);
    harness.event(Input::Text("x".to_owned()));
    press(&mut harness, Key::Escape);
    assert_eq!(take(&mut harness), []);
    let view = &mut harness.state_mut().view;
    let toast = Toast::done("Taken".to_owned(), String::new(), view.now);
    let offer = Offer::Name(id(1), snapshot_id(1));
    view.toasts.push(toast.offer(offer));
    harness.run_ok();
    click(&mut harness, "Name it…");
    harness.get_by_label("Name the snapshot");
    harness.event(Input::Text("!".to_owned()));
    press(&mut harness, Key::Enter);
    assert_eq!(commands(&mut harness), [edit("Fresh install!")]);
}

#[test]
fn deep_chains_offer_flattening_and_no_is_an_answer() {
    let mut harness = open(dozen());
    harness.get_by_label("The disks of this machine rest on 9 layers");
    click(&mut harness, "Flatten");
    assert_eq!(
        commands(&mut harness),
        [Command::Flatten { machine: id(1) }]
    );
    click(&mut harness, "Not now");
    assert!(harness.query_by_label("Flatten").is_none());
    assert!(open(one()).query_by_label("Flatten").is_none());
}

#[test]
fn checkpoints_are_chosen_in_a_dialog_that_says_what_they_cost() {
    let mut harness = open(many());
    click(&mut harness, "Checkpoints every 5 minutes");
    harness.get_by_label_contains("185 checkpoints take ");
    click(&mut harness, "Before it is reset");
    press(&mut harness, Key::Enter);
    let chosen = Checkpoints {
        before_reset: false,
        ..Checkpoints::experiment()
    };
    let expected = Command::SetCheckpoints {
        machine: id(1),
        checkpoints: chosen,
    };
    assert_eq!(commands(&mut harness), [expected]);
}

#[test]
fn an_empty_timeline_says_what_a_snapshot_is() {
    let mut harness = harness(window(Timeline::default()));
    harness.run_ok();
    click(&mut harness, "Timeline");
    harness.get_by_label("Nothing is kept yet");
    let all = harness.get_all_by_label("Take a snapshot");
    let lowest = all.max_by_key(|node| node.rect().top() as i32).unwrap();
    lowest.click();
    harness.run_ok();
    assert_eq!(commands(&mut harness), [act(1, Action::Snapshot)]);
}

#[test]
fn a_timeline_that_could_not_be_told_says_so_and_can_be_asked_for_again() {
    let mut window = window(one());
    window.events.truncate(5);
    let mut harness = harness(window);
    harness.run_ok();
    click(&mut harness, "Timeline");
    harness.get_by_label("Reading the timeline…");
    let failure = Failure::new("The timeline can't be read", "the folder is gone");
    let view = &mut harness.state_mut().view;
    view.unread_timelines.insert(id(1), failure);
    harness.run_ok();
    harness.get_by_label("The folder is gone");
    click(&mut harness, "Try again");
    let expected = Command::ShowTimeline { machine: id(1) };
    assert_eq!(commands(&mut harness), [expected]);
}
