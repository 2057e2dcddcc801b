//! What the subcommands that look inside disks ask and print.

use super::*;
use crate::cli::fake::{self, Fake};
use crate::cli::tasks::Reply;
use crate::model::{FileSystem, SnapshotKind, SnapshotReport, State};

const ID: &str = "12340000-1234-4234-8234-123456789abc";

fn partition(number: u32, start: u64) -> Partition {
    Partition {
        number,
        label: "system".to_owned(),
        start,
        size: ByteSize::mib(16),
        file_system: FileSystem::Ext,
    }
}

fn change(path: &str, change: ChangeKind, before: Option<u64>, after: Option<u64>) -> FileChange {
    FileChange {
        path: path.to_owned(),
        kind: FileSort::File,
        change,
        before: before.map(ByteSize),
        after: after.map(ByteSize),
    }
}

fn difference() -> Difference {
    let touched = PartitionDifference {
        partition: partition(1, 1 << 20),
        notes: vec![DifferenceNote::JournalApplied],
        changes: vec![
            change("etc/new", ChangeKind::Added, None, Some(9)),
            change("etc/hosts", ChangeKind::Changed, Some(3), Some(4096)),
            change("gone\u{1b}[31m", ChangeKind::Removed, Some(4), None),
        ],
        more: 4,
        added: 5,
        changed: 1,
        removed: 1,
    };
    Difference {
        disks: vec![DiskDifference {
            device: "disk0".to_owned(),
            before: Some(ByteSize::mib(32)),
            after: Some(ByteSize::mib(32)),
            bytes: ByteSize::mib(2),
            notes: vec![DifferenceNote::Moving],
            partitions: vec![touched],
            ..DiskDifference::default()
        }],
    }
}

#[test]
fn a_difference_is_told_by_signs_and_is_no_longer_than_wanted() {
    assert_eq!(
        diff_text(&difference(), 2),
        "disk0: 2 MiB of 32 MiB differ\n  \
         (The machine runs: the present changes while it is read)\n  \
         disk0/1 (ext4, 16 MiB, “system”): 5 added, 1 changed, 1 removed\n    \
         (Changes waiting in the journal were applied while reading)\n    \
         + etc/new  9 bytes\n    \
         ~ etc/hosts  3 bytes → 4 KiB\n    \
         and 5 more\n"
    );
    let whole = diff_text(&difference(), usize::MAX);
    assert!(!whole.contains('\u{1b}'), "{whole:?}");
    assert!(whole.contains("    - gone"), "{whole}");
    assert!(whole.ends_with("    and 4 more\n"), "{whole}");
}

#[test]
fn a_place_is_a_disk_a_partition_and_a_path() {
    let typed = |text| {
        let typed = Typed::new(text);
        (typed.disk, typed.partition, typed.path)
    };
    assert_eq!(typed(""), (None, None, ""));
    assert_eq!(typed("/disk0/"), (Some("disk0"), None, ""));
    assert_eq!(typed("disk0/1"), (Some("disk0"), Some("1"), ""));
    let whole = (Some("disk0"), Some("1"), "etc/ssh");
    assert_eq!(typed("disk0/1/etc/ssh/"), whole);
}

fn fake(answers: Vec<Answer>) -> Fake {
    let mut fake = Fake {
        reports: vec![fake::report("web", ID, State::Off)],
        ..Fake::default()
    };
    fake.timeline.snapshots.push(SnapshotReport {
        id: SnapshotId(ID.parse().unwrap()),
        parent: None,
        name: "one".to_owned(),
        note: String::new(),
        time: Timestamp(1),
        kind: SnapshotKind::Manual,
        with_memory: false,
        disk: None,
        writing: false,
        bytes: ByteSize(0),
        shared: ByteSize(0),
        picture: false,
        depth: 1,
        trouble: None,
    });
    let answers = answers.into_iter();
    fake.replies = answers
        .map(|answer| Ok(Reply::Answer(answer, None)))
        .collect();
    fake
}

fn get(fake: &mut Fake, path: &str, to: Option<PathBuf>) -> Result<Done, Failure> {
    let get = Get {
        target: Target {
            name: "web".to_owned(),
        },
        snapshot: "one".to_owned(),
        path: path.to_owned(),
        to,
    };
    let mut session = Session {
        backend: fake,
        cwd: "/nowhere".into(),
        now: fake::NOW,
        json: false,
    };
    session.get(&get)
}

fn disks() -> Answer {
    Answer::Disks(vec![DiskContents {
        device: "disk0".to_owned(),
        partitions: vec![partition(1, 1 << 20)],
        trouble: None,
    }])
}

#[test]
fn a_file_goes_into_a_folder_by_its_own_name_and_replaces_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("hosts");
    let mut asked = fake(vec![disks(), Answer::Copied(ByteSize(3))]);
    let done = get(
        &mut asked,
        "disk0/1/etc/hosts",
        Some(folder.path().to_owned()),
    );
    assert_eq!(done.unwrap().text, format!("{} (3 bytes)\n", to.display()));
    let Some((Command::TakeFile { place, target, .. }, None)) = asked.asked.last() else {
        panic!("{:?}", asked.asked);
    };
    assert_eq!(
        (place.partition, place.path.as_str()),
        (1 << 20, "etc/hosts")
    );
    assert_eq!(target, &to);
    file::replace(&to, b"mine").unwrap();
    let mut asked = fake(vec![disks()]);
    let refused = get(&mut asked, "disk0/1/etc/hosts", Some(to)).unwrap_err();
    assert!(refused.why.ends_with("is there already"), "{refused}");
    assert_eq!(asked.asked, []);
}

#[test]
fn a_place_that_is_not_there_is_refused_with_what_is() {
    for (path, why) in [
        (
            "etc/hosts",
            "Its path begins with a disk and a partition: disk0/1/etc/fstab",
        ),
        ("disk9/1/etc", "It had disk0"),
        ("disk0/7/etc", "It has 1"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let refused = get(
            &mut fake(vec![disks()]),
            path,
            Some(folder.path().to_owned()),
        );
        assert_eq!(refused.unwrap_err().why, why, "{path}");
    }
}
