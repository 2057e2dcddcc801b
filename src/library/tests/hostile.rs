//! Damaged and hostile machine folders: each is shown with its reason, none hides the others.

use std::os::unix::fs::symlink;
use std::path::Path;

use super::super::{Broken, Entry, Library};
use super::{create, machine, machine_id, owner, put};
use crate::model::Machine;

/// A library with machine 1 in order, and what `damage` did to the folder of machine 2.
#[track_caller]
fn broken_by(damage: impl FnOnce(&Path)) -> Broken {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    create(&library, &machine(1));
    create(&library, &machine(2));
    let folder = library.machine_dir(machine_id(2));
    damage(&folder);
    let before = bytes_of(&folder);
    let entries = library.scan().unwrap();
    assert_eq!(entries.len(), 2);
    assert!(matches!(&entries[0], Entry::Machine(loaded) if loaded.machine == machine(1)));
    // Saving over it is refused and leaves it as it is.
    assert!(library.save(&machine(2)).is_err());
    assert_eq!(bytes_of(&folder), before);
    match &entries[1] {
        Entry::Broken(broken) => broken.clone(),
        Entry::Machine(loaded) => panic!("not broken: {:?}", loaded.warnings),
    }
}

fn bytes_of(folder: &Path) -> Option<Vec<u8>> {
    let path = folder.join("machine.ron");
    let plain = std::fs::symlink_metadata(&path).is_ok_and(|data| data.is_file());
    plain.then(|| std::fs::read(&path).unwrap())
}

#[track_caller]
fn check(damage: impl FnOnce(&Path), expected: &str) {
    let broken = broken_by(damage);
    assert_eq!(broken.id, Some(machine_id(2)));
    assert!(
        broken.failure.why.contains(expected),
        "{:?} lacks {expected:?}",
        broken.failure.why
    );
    assert!(broken.failure.fix.is_some(), "{:?}", broken.failure);
}

/// Changes the machine's text.
fn edit(folder: &Path, from: &str, to: &str) {
    let path = folder.join("machine.ron");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    put(&path, text.replacen(from, to, 1).as_bytes());
}

#[test]
fn damaged_texts_are_shown_with_line_and_key() {
    check(
        |folder| put(&folder.join("machine.ron"), b""),
        "line 1, column 1: the text ends too early",
    );
    check(
        |folder| put(&folder.join("machine.ron"), b"\xff\xfe{"),
        "it is not text (byte 0 is not UTF-8)",
    );
    check(
        |folder| put(&folder.join("machine.ron"), &b"[".repeat(500_000)),
        "nested deeper than 48 levels",
    );
    check(
        |folder| put(&folder.join("machine.ron"), &b" ".repeat(2 << 20)),
        "is 2097152 bytes long; 1048576 is the most",
    );
    check(
        |folder| put(&folder.join("machine.ron"), &vec![0; 4096]),
        "a value was expected, not “\\0”",
    );
    check(
        |folder| edit(folder, "\"version\": 1,", ""),
        "the key “version” with a number is missing",
    );
    check(
        |folder| edit(folder, "\"count\": 2", "\"count\": \"two\""),
        "line 22, key “cpu/count”: invalid type: string \"two\", expected u32",
    );
    check(
        |folder| edit(folder, "\"count\": 2", "\"count\": 4096"),
        "key “cpu/count”: 4096 processors; 1 to 255 are possible",
    );
    check(
        |folder| edit(folder, "\"arch\": \"x86_64\",", ""),
        "key “the whole file”: missing field `arch`",
    );
    check(
        |folder| edit(folder, "\"Forkable\"", "\"Floating\""),
        "key “memory_backing”: unknown variant `Floating`",
    );
    check(
        |folder| edit(folder, "\"read_only\": false", "\"read_only\": 3"),
        "key “devices/0/kind/Disk/read_only”: invalid type: integer `3`, expected a boolean",
    );
    check(
        |folder| edit(folder, "\"nic0\"", "\"disk0\""),
        "key “devices/1/id”: “disk0” is there twice",
    );
    check(
        |folder| edit(folder, "\"nic0\"", "\"x,file=/etc/passwd\""),
        "key “devices/1/id”: “x,file=/etc/passwd” is not a device id",
    );
    check(
        |folder| {
            edit(
                folder,
                "\"version\": 1,",
                "\"version\": 9, \"cpu\": 1, \"x\":",
            )
        },
        "line ",
    );
}

#[test]
fn a_wrong_newer_file_says_that_it_is_newer() {
    let damage = |folder: &Path| {
        edit(folder, "\"version\": 1,", "\"version\": 9,");
        edit(folder, "\"count\": 2", "\"count\": \"two\"");
    };
    check(
        damage,
        "was written by a newer Orangery (file version 9, this one knows 1)",
    );
}

#[test]
fn things_that_are_not_files_are_named() {
    let path = |folder: &Path| folder.join("machine.ron");
    let remove = |folder: &Path| std::fs::remove_file(path(folder)).unwrap();
    check(
        |folder| {
            remove(folder);
            symlink("/etc/passwd", path(folder)).unwrap();
        },
        "is a link, not a plain file",
    );
    check(
        |folder| {
            remove(folder);
            let mode = rustix::fs::Mode::RWXU;
            rustix::fs::mknodat(
                rustix::fs::CWD,
                path(folder),
                rustix::fs::FileType::Fifo,
                mode,
                0,
            )
            .unwrap();
        },
        "is a pipe, not a plain file",
    );
    check(
        |folder| {
            remove(folder);
            std::fs::create_dir(path(folder)).unwrap();
        },
        "is a folder, not a plain file",
    );
    check(
        |folder| {
            let moved = folder.with_file_name(".elsewhere");
            std::fs::rename(folder, &moved).unwrap();
            symlink(&moved, folder).unwrap();
        },
        "is a link, not a folder",
    );
}

#[test]
fn a_file_that_is_gone_is_a_broken_machine_too() {
    let broken = broken_by(|folder| std::fs::remove_file(folder.join("machine.ron")).unwrap());
    assert!(
        broken.failure.why.contains("No such file"),
        "{:?}",
        broken.failure
    );
}

#[test]
fn a_copied_folder_asks_which_is_the_original() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    create(&library, &machine(1));
    let id = machine_id(1);
    let copy = library.machines_dir().join(format!("{id} (copy)"));
    let text = std::fs::read(library.machine_file(id)).unwrap();
    put(&copy.join("machine.ron"), &text);
    let entries = library.scan().unwrap();
    assert!(matches!(&entries[0], Entry::Machine(_)));
    let Entry::Broken(broken) = &entries[1] else {
        panic!("the copy passes for a machine");
    };
    assert_eq!(broken.id, None);
    assert_eq!(
        broken.failure.why,
        format!("two folders claim the id {id}, “{id}” and “{id} (copy)”: which is the original?")
    );
    // Alone, it only has the wrong name.
    std::fs::rename(library.machine_dir(id), dir.path().join("away")).unwrap();
    let entries = library.scan().unwrap();
    let Entry::Broken(broken) = &entries[0] else {
        panic!("the copy passes for a machine");
    };
    assert_eq!(
        broken.failure.fix,
        Some(format!("Rename the folder to “{id}”"))
    );
}

#[test]
fn a_broken_machine_goes_back_to_its_last_good_copy_and_keeps_the_broken_one() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    create(&library, &machine(1));
    let newer = Machine {
        notes: "second".to_owned(),
        ..machine(1)
    };
    library.save(&newer).unwrap();
    let path = library.machine_file(machine_id(1));
    put(&path, b"{ \"version\": 1, \"na");
    let Some(Entry::Broken(broken)) = library.scan().unwrap().pop() else {
        panic!("the torn file passes for a machine");
    };
    assert_eq!(broken.last_good, Some(path.with_extension("ron.1")));
    assert_eq!(
        library.restore_last_good(machine_id(1)).unwrap(),
        machine(1)
    );
    assert_eq!(library.machine(machine_id(1)).unwrap(), machine(1));
    let kept = path.with_extension("ron.broken-1");
    assert_eq!(std::fs::read(kept).unwrap(), b"{ \"version\": 1, \"na");
}

#[test]
fn strangers_in_the_machines_folder_are_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    create(&library, &machine(1));
    std::fs::create_dir(library.machines_dir().join("lost+found")).unwrap();
    put(&library.machines_dir().join("notes.txt"), b"x");
    assert_eq!(library.scan().unwrap().len(), 1);
    let reader = Library::read_only(dir.path()).unwrap();
    assert_eq!(reader.scan().unwrap().len(), 1);
}
