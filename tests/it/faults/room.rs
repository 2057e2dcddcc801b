//! Copies that this computer has no room for are refused beforehand, with numbers, and nothing is left of them.

use std::fs;
use std::process::Command;

use super::steps::{fill, on_small_disk};
use crate::story::House;

fn names(house: &House) -> Vec<String> {
    let list = house.json(&["list", "--all"]);
    let rows = list.as_array().unwrap().iter();
    rows.map(|row| row["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Has this computer seem to have so much memory available, for who starts from now on in this namespace.
#[expect(clippy::disallowed_methods, reason = "the test is in a namespace")]
fn pretend(house: &House, available_mib: u64) {
    let real = fs::read_to_string("/proc/meminfo").unwrap();
    let lines = real.lines().map(|line| match line.split_once(':') {
        Some(("MemAvailable", _)) => format!("MemAvailable: {} kB\n", available_mib << 10),
        _ => format!("{line}\n"),
    });
    let file = house.path().join(format!("meminfo-{available_mib}"));
    super::put(&file, lines.collect::<String>().as_bytes());
    let mut mount = Command::new("mount");
    let mounted = mount.arg("--bind").arg(&file).arg("/proc/meminfo").status();
    assert!(mounted.unwrap().success());
}

#[test]
fn copies_without_room_are_refused_with_numbers_and_leave_nothing() {
    if !on_small_disk(
        "faults::room::copies_without_room_are_refused_with_numbers_and_leave_nothing",
    ) {
        return;
    }
    let house = House::new();
    house.done(&["create", "Card", "--test-card", "--memory", "64M"]);
    house.done(&["start", "Card"]);
    house.done(&["snapshot", "take", "Card", "then"]);
    let before = house.card("Card");
    // Little is left on the disk.
    let filler = house.path().join("filler");
    fill(&filler);
    let length = fs::metadata(&filler).unwrap().len();
    let file = fs::OpenOptions::new().write(true).open(&filler).unwrap();
    file.set_len(length - (24 << 20)).unwrap();
    drop(file);
    for args in [
        &["fork", "Card"][..],
        &["try", "Card"],
        &["fork", "Card", "--at", "then"],
    ] {
        let complaint = house.refused(args);
        assert!(
            complaint.contains("was not forked: The disk has 2")
                && complaint.contains("MiB left\nMake room"),
            "{complaint}"
        );
    }
    let complaint = house.refused(&["clone", "Card", "--full"]);
    assert!(
        complaint.contains("was not made: the copy needs ") && complaint.contains("are free"),
        "{complaint}"
    );
    fs::remove_file(&filler).unwrap();
    assert_eq!(names(&house), ["Card"]);
    // Little memory is available.
    for args in [
        &["fork", "Card", "--count", "2"][..],
        &["try", "Card", "--at", "then"],
    ] {
        pretend(&house, if args[0] == "try" { 40 } else { 100 });
        let complaint = house.refused(args);
        assert!(
            complaint.contains("was not forked: It takes ")
                && complaint.contains("MiB of memory, and ")
                && complaint.contains(" are available on this computer\nShut another"),
            "{complaint}"
        );
    }
    assert_eq!(names(&house), ["Card"]);
    pretend(&house, 4000);
    house.done(&["fork", "Card"]);
    house.done(&["try", "Card", "--at", "then"]);
    assert_eq!(house.state("Card-2"), "running");
    let now = house.card("Card");
    assert!(now.boot_nonce == before.boot_nonce && now.frame > before.frame);
}
