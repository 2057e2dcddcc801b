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

/// A disk with two partitions; in one of them files changed.
pub fn difference() -> Difference {
    let change = |path: &str, change, before: Option<u64>, after: Option<u64>| FileChange {
        path: path.to_owned(),
        kind: FileSort::File,
        change,
        before: before.map(ByteSize),
        after: after.map(ByteSize),
    };
    let partition = |number, label: &str, file_system| PartitionDifference {
        partition: Partition {
            number,
            label: label.to_owned(),
            start: u64::from(number) << 20,
            size: ByteSize::gib(16),
            file_system,
        },
        notes: Vec::new(),
        changes: Vec::new(),
        more: 0,
        added: 0,
        changed: 0,
        removed: 0,
    };
    let root = PartitionDifference {
        changes: vec![
            change("etc/fresh", ChangeKind::Added, None, Some(9)),
            change("etc/hosts", ChangeKind::Changed, Some(3), Some(9)),
            change("var/gone", ChangeKind::Removed, Some(4096), None),
        ],
        more: 1,
        added: 2,
        changed: 1,
        removed: 1,
        ..partition(1, "root", FileSystem::Ext)
    };
    let swap = PartitionDifference {
        notes: vec![DifferenceNote::Same],
        ..partition(2, "", FileSystem::Swap)
    };
    Difference {
        disks: vec![DiskDifference {
            device: "disk0".to_owned(),
            before: Some(ByteSize::gib(32)),
            after: Some(ByteSize::gib(32)),
            bytes: ByteSize::mib(3),
            partitions: vec![root, swap],
            ..DiskDifference::default()
        }],
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
fn a_snapshot_is_compared_with_the_present_file_by_file() {
    let (mut harness, fake) = open(&[report(1, "Debian", State::Off)]);
    harness.get_by_label("Timeline").click();
    fake.tell(told(one()));
    harness.run_ok();
    harness.get_by_label("Compare with now…").click();
    harness.run_ok();
    harness.get_by_label("What changed since “Fresh install”");
    harness.get_by_label("Looking at the disks");
    let is_compare = |command: &Command| {
        let (from, to) = match command {
            Command::Compare { from, to, .. } => (*from, *to),
            _ => return false,
        };
        from == snapshot_id(1) && to.is_none()
    };
    assert_eq!(fake.sent(is_compare), 1);
    fake.answer(is_compare, Ok(Answer::Difference(difference())));
    harness.run_ok();
    harness.get_by_label("disk0: 3 MiB differ");
    harness.get_by_label("Partition 1, ext4, 16 GiB, root: 2 added, 1 changed, 1 removed");
    harness.get_by_label("No block differs");
    for path in ["etc/fresh", "etc/hosts", "var/gone"] {
        harness.get_by_label(path);
    }
    // What was added can be saved as it is, what is gone as it was, the rest both ways.
    let mut offered = Vec::new();
    for path in ["etc/fresh", "etc/hosts", "var/gone"] {
        for when in ["became", "was"] {
            let word = format!("Save a copy of {path} as it {when}…");
            offered.push(harness.query_by_label(&word).is_some());
        }
    }
    assert_eq!(offered, [true, false, true, true, false, true]);
    harness.get_by_label("Close").click();
    harness.run_ok();
    assert!(harness.query_by_label("etc/hosts").is_none());
    // Asked again it is not shown what was so then.
    harness.get_by_label("Compare with now…").click();
    harness.run_ok();
    harness.get_by_label("Looking at the disks");
    let failure = Failure::new("The points were not compared", "it is gone");
    fake.answer(is_compare, Err(failure));
    harness.run_ok();
    harness.get_by_label("The points were not compared");
    let app = harness.state().as_ref().unwrap();
    assert!(app.view.toasts.is_empty(), "the dialog says it");
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
        let wanted = app.shell.wanted_pictures(&app.view);
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
