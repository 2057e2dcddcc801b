//! The app between the engine and the timeline: what is asked for, what is said, which pictures are read.

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use orangery::engine::message::{Command, Event, RequestId};
use orangery::model::*;
use orangery::ui::album::{PictureSize, Wish};

use crate::ui_app::{is_act, open};
use crate::ui_fixture::{id, report, show};
use crate::ui_timeline::{self, dozen, one, snapshot_id};

fn told(timeline: Timeline) -> Event {
    Event::Timeline {
        machine: id(1),
        timeline: Box::new(timeline),
    }
}

#[test]
fn a_timeline_is_asked_for_when_it_is_looked_at_and_told_from_then_on() {
    let is_show = |command: &Command| matches!(command, Command::ShowTimeline { .. });
    let (mut harness, fake) = open(&[report(1, "Debian", State::Running)]);
    assert_eq!(fake.sent(is_show), 0);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::H);
    harness.run_ok();
    harness.run_ok();
    assert_eq!(fake.sent(is_show), 1);
    fake.answer(is_show, Ok(Answer::Timeline(one())));
    harness.run_ok();
    harness.get_by_label("Everything updated, nothing changed yet.");
    fake.tell(told(dozen()));
    harness.run_ok();
    harness.get_by_label("The disks of this machine rest on 9 layers");
    assert_eq!(fake.sent(is_show), 1);
    harness.get_by_label("Overview").click();
    harness.run_ok();
    harness.get_by_label("Timeline").click();
    harness.run_ok();
    assert_eq!(fake.sent(is_show), 2, "something may have been missed");
    fake.answer(is_show, Err(Failure::new("It can't be read", "it is gone")));
    harness.run_ok();
    let app = harness.state().as_ref().unwrap();
    assert!(app.view.toasts.is_empty(), "the page says it");
}

#[test]
fn a_snapshot_taken_by_one_key_is_told_and_can_be_named() {
    let (mut harness, fake) = open(&[report(1, "Debian", State::Running)]);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::B);
    harness.run_ok();
    let is_snapshot = |command: &Command| is_act(command, Action::Snapshot);
    fake.answer(is_snapshot, Ok(Answer::Snapshot(snapshot_id(7))));
    harness.run_ok();
    harness.get_by_label("Snapshot of Debian taken");
    harness.get_by_label("Name it…").click();
    harness.run_ok();
    harness.event(egui::Event::Text("Works".to_owned()));
    harness.run_ok();
    harness.key_press(Key::Enter);
    harness.run_ok();
    let expected = Command::EditSnapshot {
        machine: id(1),
        snapshot: snapshot_id(7),
        name: "Works".to_owned(),
        note: String::new(),
    };
    assert!(fake.all_sent().contains(&expected));
}

#[test]
fn snapshots_of_several_machines_are_told_as_one() {
    let both = [
        report(1, "Debian", State::Running),
        report(2, "Alpine", State::Off),
    ];
    let (mut harness, fake) = open(&both);
    // The open machine counts as the first of them.
    let other = harness.get_by_role_and_label(egui::accesskit::Role::ListItem, "Debian");
    other.click_modifiers(Modifiers::COMMAND);
    harness.run_ok();
    harness.get_by_label("Take a snapshot 2").click();
    harness.run_ok();
    let sent = fake.all_sent();
    for (place, command) in (1..).zip(&sent) {
        if is_act(command, Action::Snapshot) {
            fake.tell(Event::Answer {
                request: RequestId(place),
                result: Ok(Answer::Snapshot(snapshot_id(1))),
            });
        }
    }
    harness.run_ok();
    harness.get_by_label("Snapshots of 2 machines taken");
}

#[test]
fn what_the_page_does_not_show_by_itself_is_told() {
    let (mut harness, fake) = open(&[report(1, "Debian", State::Off)]);
    harness.get_by_label("Timeline").click();
    fake.tell(told(one()));
    harness.run_ok();
    harness.get_by_label("Check that it is whole").click();
    harness.run_ok();
    let is_verify = |command: &Command| matches!(command, Command::VerifySnapshots { .. });
    fake.answer(is_verify, Ok(Answer::Done));
    harness.run_ok();
    harness.get_by_label("The snapshot of Debian is whole");
    harness.get_by_label("Go back…").click_accesskit();
    harness.run_ok();
    harness.key_press(Key::Enter);
    harness.run_ok();
    let is_rewind = |command: &Command| matches!(command, Command::Rewind { keep: true, .. });
    fake.answer(is_rewind, Ok(Answer::Done));
    harness.run_ok();
    harness.get_by_label_contains("It is as it was at “Fresh install”");
}

#[test]
fn pictures_come_from_the_machines_folder_and_broken_ones_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let mut timeline = dozen();
    timeline.snapshots.retain(|snapshot| snapshot.picture);
    for (place, snapshot) in timeline.snapshots.iter().enumerate() {
        let home = folder
            .path()
            .join("snapshots")
            .join(snapshot.id.to_string());
        std::fs::create_dir_all(&home).unwrap();
        let file = home.join("screen.png");
        match place {
            0 => {
                let mut file = std::fs::File::create(file).unwrap();
                std::io::Write::write_all(&mut file, b"\x89PNG\r\n\x1a\nnot one").unwrap();
            }
            1 => {} // Gone.
            _ => image::RgbaImage::from_pixel(2000, 1000, image::Rgba([9, 99, 9, 255]))
                .save(file)
                .unwrap(),
        }
    }
    let mut debian = report(1, "Debian", State::Off);
    debian.path = folder.path().to_owned();
    let (mut harness, fake) = open(&[]);
    fake.tell(show(debian));
    fake.tell(told(timeline.clone()));
    harness.run_ok();
    harness.get_by_label("Timeline").click();
    harness.run_ok();
    let newest = timeline.snapshots.last().unwrap().id;
    let wish = |size, snapshot| Wish {
        size,
        machine: id(1),
        snapshot,
    };
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        harness.step();
        let app = harness.state_mut().as_mut().unwrap();
        let wanted = app.shell.wanted_pictures(&app.view).to_vec();
        assert_eq!(wanted.first(), Some(&wish(PictureSize::Large, newest)));
        if app.view.pictures.follow(&wanted).is_empty() {
            break;
        }
        assert!(std::time::Instant::now() < until, "still not read");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let pictures = &harness.state().as_ref().unwrap().view.pictures;
    let size = |size, snapshot| {
        let texture = pictures.get(wish(size, snapshot))?;
        Some(texture.size())
    };
    assert_eq!(size(PictureSize::Large, newest), Some([1024, 512]));
    assert_eq!(size(PictureSize::Small, newest), Some([192, 96]));
    for broken in &timeline.snapshots[..2] {
        assert_eq!(size(PictureSize::Small, broken.id), None);
    }
}

#[test]
#[ignore = "measures; checks nothing"]
fn frames_of_two_hundred() {
    let mut harness = ui_timeline::open(ui_timeline::many());
    crate::ui_library::press(&mut harness, Key::ArrowRight);
    for what in ["still", "scrolled"] {
        let begun = std::time::Instant::now();
        for step in 0..100 {
            if what == "scrolled" {
                let key = if step < 50 {
                    Key::ArrowDown
                } else {
                    Key::ArrowUp
                };
                harness.key_press(key);
            }
            harness.step();
        }
        println!("{what}: {:?} a frame", begun.elapsed() / 100);
    }
}
