//! Files inside the disks of a snapshot: found, filtered, and copied out.

use egui::Key;
use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orangery::app::App;
use orangery::engine::message::{Command, Event};
use orangery::model::*;

use crate::ui_app::{Fake, open};
use crate::ui_fixture::{id, report};
use crate::ui_timeline::{one, snapshot_id};

fn partition(number: u32, label: &str, file_system: FileSystem) -> Partition {
    Partition {
        number,
        label: label.to_owned(),
        start: u64::from(number) << 20,
        size: ByteSize::gib(16),
        file_system,
    }
}

pub fn disks() -> Vec<DiskContents> {
    vec![DiskContents {
        device: "disk0".to_owned(),
        partitions: vec![
            partition(1, "root", FileSystem::Ext),
            partition(2, "", FileSystem::Btrfs),
        ],
        trouble: None,
    }]
}

fn entry(name: &str, kind: FileSort) -> FolderEntry {
    FolderEntry {
        name: name.to_owned(),
        kind,
        size: ByteSize(3000),
        modified: Some(1_789_000_000),
    }
}

fn folder(names: &[(&str, FileSort)]) -> Folder {
    Folder {
        entries: names
            .iter()
            .map(|(name, kind)| entry(name, *kind))
            .collect(),
        more: 0,
        notes: vec![DifferenceNote::JournalApplied],
    }
}

pub fn place(path: &str) -> DiskPlace {
    DiskPlace {
        disk: "disk0".to_owned(),
        partition: 1 << 20,
        path: path.to_owned(),
    }
}

/// A folder with so many files.
pub fn folder_of(number: usize) -> Folder {
    let names = (1..=number).map(|file| format!("file {file:02}.txt"));
    let files = names.map(|name| entry(&name, FileSort::File));
    let folders = ["etc", "home", "var"].map(|name| entry(name, FileSort::Folder));
    Folder {
        entries: folders.into_iter().chain(files).collect(),
        ..Folder::default()
    }
}

/// The dialog over the timeline of a machine with one snapshot.
fn dialog() -> (Harness<'static, Option<App>>, Fake) {
    let (mut harness, fake) = open(&[report(1, "Debian", State::Off)]);
    harness.get_by_label("Timeline").click();
    let timeline = Box::new(one());
    fake.tell(Event::Timeline {
        machine: id(1),
        timeline,
    });
    harness.run_ok();
    harness.get_by_label("Browse files…").click();
    harness.run_ok();
    harness.get_by_label("Files of “Fresh install”");
    harness.get_by_label("Looking at the disks");
    (harness, fake)
}

/// The same once a partition was clicked whose folder is being read.
fn in_a_partition() -> (Harness<'static, Option<App>>, Fake) {
    let (mut harness, fake) = dialog();
    fake.answer(is_disks, Ok(Answer::Disks(disks())));
    harness.run_ok();
    harness
        .get_by_label("Partition 1, ext4, 16 GiB, root")
        .click();
    harness.run_ok();
    (harness, fake)
}

fn is_disks(command: &Command) -> bool {
    matches!(command, Command::ListDisks { point: Some(point), .. } if *point == snapshot_id(1))
}

fn is_files(command: &Command) -> bool {
    matches!(command, Command::ListFiles { point: Some(point), .. } if *point == snapshot_id(1))
}

fn is_stop(command: &Command) -> bool {
    matches!(command, Command::StopLooking { machine } if *machine == id(1))
}

fn asked_places(fake: &Fake) -> Vec<String> {
    let all = fake.all_sent().into_iter();
    let paths = all.filter_map(|command| match command {
        Command::ListFiles { place, .. } => Some(place.path),
        _ => None,
    });
    paths.collect()
}

#[test]
fn disks_lead_to_partitions_folders_and_files_each_read_when_it_is_opened() {
    let (mut harness, fake) = dialog();
    fake.answer(is_disks, Ok(Answer::Disks(disks())));
    harness.run_ok();
    harness.get_by_label("disk0");
    // What can't be read says so and leads nowhere.
    let unread = harness.get_by_label_contains("Partition 2, Btrfs");
    assert_ne!(unread.accesskit_node().role(), Role::Button);
    assert_eq!(fake.sent(is_files), 0);
    harness
        .get_by_label("Partition 1, ext4, 16 GiB, root")
        .click();
    harness.run_ok();
    assert_eq!(asked_places(&fake), [""]);
    let root = [("etc", FileSort::Folder), ("swapfile", FileSort::File)];
    fake.answer(is_files, Ok(Answer::Folder(folder(&root))));
    harness.run_ok();
    harness.get_by_label("Changes waiting in the journal were applied while reading");
    harness.get_by_label("Save a copy of swapfile…");
    assert!(harness.query_by_label("Save a copy of etc…").is_none());
    harness.get_by_label("etc").click();
    harness.run_ok();
    let files = [("hosts", FileSort::File), ("fstab", FileSort::File)];
    fake.answer(is_files, Ok(Answer::Folder(folder(&files))));
    harness.run_ok();
    let filter = |harness: &Harness<'_, Option<App>>, text: Option<&str>| {
        let field = harness.get_by_role_and_label(Role::TextInput, "Filter");
        match text {
            Some(text) => field.type_text(text),
            None => field.focus(),
        }
    };
    filter(&harness, None);
    harness.run_ok();
    filter(&harness, Some("HOS"));
    harness.run_ok();
    harness.get_by_label("hosts");
    assert!(harness.query_by_label("fstab").is_none());
    // The way back is known already.
    harness.get_by_label("disk0, Partition 1").click();
    harness.run_ok();
    harness.get_by_label("swapfile");
    assert_eq!(asked_places(&fake), ["", "etc"]);
    harness.get_by_label("etc").click();
    harness.run_ok();
    harness.get_by_label("fstab");
    harness.key_press(Key::Backspace);
    harness.run_ok();
    harness.key_press(Key::Backspace);
    harness.run_ok();
    harness.get_by_label("Partition 1, ext4, 16 GiB, root");
    assert_eq!(asked_places(&fake), ["", "etc"]);
    harness.get_by_label("Close").click();
    harness.run_ok();
    assert_eq!(fake.sent(is_stop), 0, "nothing was being read");
}

#[test]
fn what_is_being_read_ends_with_the_dialog() {
    let (mut harness, fake) = in_a_partition();
    harness.key_press(Key::Escape);
    harness.run_ok();
    assert_eq!(fake.sent(is_stop), 1);
    let app = harness.state().as_ref().unwrap();
    assert!(
        app.view
            .browsing
            .as_ref()
            .unwrap()
            .folder(&place(""))
            .is_none()
    );
}

#[test]
fn a_folder_that_can_not_be_read_says_why_and_is_tried_again() {
    let (mut harness, fake) = in_a_partition();
    let failure = Failure::new("The folder was not read", "it is damaged");
    fake.answer(is_files, Err(failure));
    harness.run_ok();
    harness.get_by_label("The folder was not read");
    harness.get_by_label("It is damaged");
    harness.get_by_label("Try again").click();
    harness.run_ok();
    assert_eq!(fake.sent(is_files), 2);
    fake.answer(is_files, Ok(Answer::Folder(Folder::default())));
    harness.run_ok();
    harness.get_by_label("The folder is empty");
    let app = harness.state().as_ref().unwrap();
    assert!(app.view.toasts.is_empty(), "the dialog says it");
}
