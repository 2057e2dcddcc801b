//! Two points of a machine compared, files out of the past, and a disk of a snapshot: through the program's own commands.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use orangery::confine;
use orangery::storage::{ConvertError, copy_chain};

use super::House;
use crate::difference::images::{debugfs, ext4, put, tool};

const BEFORE: &str = "before.raw";
const AFTER: &str = "after.raw";

/// The files of the machine's disk, base first: one before the snapshot, one more after.
fn layers(house: &House, known: &[PathBuf]) -> Vec<PathBuf> {
    let files = fs::read_dir(house.machine("Box").join("disks")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let new = files.filter(|path| path.extension().is_some_and(|it| it == "qcow2"));
    let new = new.filter(|path| !known.contains(path));
    known.iter().cloned().chain(new).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A machine whose disk has a file system, with the snapshot "before", and files that changed since.
fn changed(house: &House) -> Option<Vec<PathBuf>> {
    let folder = house.path();
    ext4(folder, BEFORE, "metadata_csum")?;
    house.done(&["create", "Box", "--disk", BEFORE, "--copy"]);
    let base = layers(house, &[]);
    house.done(&["snapshot", "take", "Box", "before"]);
    let chain = layers(house, &base);
    assert_eq!(chain.len(), 2);
    fs::copy(folder.join(BEFORE), folder.join(AFTER)).unwrap();
    put(&folder.join("new"), b"new hosts");
    let commands = "rm var/gone\nrm etc/hosts\nwrite new etc/hosts\nwrite new etc/fresh\n";
    debugfs(folder, AFTER, commands)?;
    // As a guest would have written it, and more: everything is in the top layer then.
    let top = text(&chain[1]);
    let words = ["convert", "-n", "-f", "raw", "-O", "qcow2", AFTER, top];
    tool(folder, "qemu-img", &words)?;
    Some(chain)
}

#[test]
fn what_changed_since_a_snapshot_is_told_and_its_files_and_disks_come_back() {
    let house = House::new();
    let Some(chain) = changed(&house) else {
        return;
    };
    let told = house.json(&["snapshot", "diff", "Box", "before"]);
    let partition = &told["disks"][0]["partitions"][0];
    let changes = partition["changes"].as_array().unwrap().iter();
    let changes: Vec<(&str, &str)> = changes
        .map(|change| {
            let word = |key: &str| change[key].as_str().unwrap();
            (word("path"), word("change"))
        })
        .collect();
    assert_eq!(
        changes,
        [
            ("etc/fresh", "Added"),
            ("etc/hosts", "Changed"),
            ("var/gone", "Removed"),
        ]
    );
    let said = house.done(&["snapshot", "diff", "Box", "before", "now"]);
    for line in [
        "    + etc/fresh  9 bytes",
        "    ~ etc/hosts  3 bytes → 9 bytes",
        "    - var/gone  4 bytes",
    ] {
        assert!(said.lines().any(|told| told == line), "{said}");
    }
    files_come_back(&house);
    a_disk_comes_back(&house, &chain);
}

fn files_come_back(house: &House) {
    let listed = house.done(&["snapshot", "files", "Box", "before"]);
    assert_eq!(listed, "disk0/0  ext4, 16 MiB, “system”\n");
    let listed = house.done(&["snapshot", "files", "Box", "before", "disk0/0/etc"]);
    let names: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.rsplit("  ").next())
        .collect();
    assert_eq!(names, ["hosts", "keep"]);
    let read = |name: &str| fs::read(house.path().join(name)).unwrap();
    house.done(&["snapshot", "get", "Box", "before", "disk0/0/etc/hosts"]);
    assert_eq!(read("hosts"), b"one");
    house.done(&["snapshot", "get", "Box", "now", "disk0/0/etc/hosts", "now"]);
    assert_eq!(read("now"), b"new hosts");
    let refused = house.refused(&["snapshot", "get", "Box", "before", "disk0/0/etc"]);
    assert!(refused.contains("“etc” is no file"), "{refused}");
    let refused = house.refused(&["snapshot", "get", "Box", "now", "disk0/0/var/gone"]);
    assert!(refused.contains("“var/gone” is not there"), "{refused}");
    assert!(!house.path().join("etc").exists() && !house.path().join("gone").exists());
}

fn a_disk_comes_back(house: &House, chain: &[PathBuf]) {
    house.done(&["create", "Other", "--disk-size", "1M"]);
    let words = [
        "snapshot", "disk", "Box", "before", "disk0", "--into", "Other",
    ];
    let made = house.json(&words);
    let disk = format!("{}.qcow2", made["disk"].as_str().unwrap());
    let copy = house.machine("Other").join("disks").join(disk);
    // It rests on nothing, and reads as the disk did then.
    for (image, raw) in [(&copy, BEFORE), (&chain[1], AFTER)] {
        let words = ["compare", "-f", "qcow2", "-F", "raw", text(image), raw];
        tool(house.path(), "qemu-img", &words).unwrap();
    }
    house.done(&[
        "disk",
        "attach",
        "Other",
        &made["disk"].as_str().unwrap()[..8],
    ]);
    // Stopped on the way it leaves nothing.
    confine::set_own_program(env!("CARGO_BIN_EXE_orangery"));
    let folder = house.path().join("stopped");
    fs::create_dir(&folder).unwrap();
    let mut looks = 0;
    let mut stop = |_done, _of| {
        looks += 1;
        match looks {
            1 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    };
    let stopped = copy_chain(chain, &folder.join("copy.qcow2"), &mut stop);
    assert!(
        matches!(stopped, Err(ConvertError::Cancelled)),
        "{stopped:?}"
    );
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}
