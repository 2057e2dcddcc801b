//! Saving and going on: nothing of the guest is lost, and nothing is left behind.

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use super::{House, files_below, is_alive, kill, rounds, wait_for};
use crate::card::{self, Ballast};

/// What saves left in the library.
fn leftovers(house: &House) -> Vec<PathBuf> {
    let mut left = Vec::new();
    for folder in ["memory"] {
        if let Ok(entries) = std::fs::read_dir(house.library().join(folder)) {
            left.extend(entries.flatten().map(|entry| entry.path()));
        }
    }
    left.extend(files_below(&house.machine("Card").join("snapshots")).unwrap_or_default());
    left
}

fn nothing_is_left(house: &House) {
    // The guest goes on first; the files go right after.
    wait_for("the saved state's files to go", 10, || {
        let left = leftovers(house);
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
}

#[test]
fn a_saved_guest_goes_on_as_if_nothing_had_happened() {
    let house = House::new();
    house.done(&["create", "Card", "--test-card", "--ballast", "48M"]);
    house.done(&["start", "Card"]);
    let mut before = house.card_when("Card", "a checked ballast", |card| card.ballast_checks > 0);
    house.done(&["type", "Card", "kept"]);
    before = house.card_when("Card", "four keys", |card| {
        card.keys == 4 && card.ballast_checks >= before.ballast_checks
    });
    for _round in 0..rounds(2, 20) {
        let qemu = house.pid("Card");
        assert_eq!(house.done(&["save", "Card"]), "Card is saved\n");
        assert!(!is_alive(qemu));
        assert_eq!(house.state("Card"), "saved");
        let files = leftovers(&house);
        let picture = files.iter().find(|file| file.ends_with("screen.png"));
        let picture = image::open(picture.expect("its last picture")).unwrap();
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let shown = card::decode_rgba(&picture.to_rgba8(), width, height);
        assert_eq!(shown.unwrap().text_hash, before.text_hash);
        assert!(
            house
                .refused(&["set", "Card", "cpus=2"])
                .contains("The machine is saved")
        );
        house.kill_agent();
        assert_eq!(house.state("Card"), "saved", "read without an owner");

        house.done(&["start", "Card"]);
        let checks = before.ballast_checks;
        let after = house.card_when("Card", "its ballast checked again", |card| {
            card.ballast_checks > checks || card.ballast == Ballast::Damaged
        });
        assert_eq!(
            (after.boot_nonce, after.text_hash),
            (before.boot_nonce, before.text_hash)
        );
        assert_eq!((after.ballast, after.disk_boots), (Ballast::Right, 1));
        assert!(after.frame > before.frame && after.uptime_ms >= before.uptime_ms);
        nothing_is_left(&house);
        before = after;
    }
    // It is a whole machine again: it takes keys and shuts down.
    house.done(&["type", "Card", "x"]);
    house.card_when("Card", "a fifth key", |card| card.keys == 5);
    house.done(&["shutdown", "Card", "--timeout", "30"]);
}

#[test]
fn a_paused_machine_is_saved_and_goes_on() {
    let house = House::with_card();
    house.card("Card");
    house.done(&["pause", "Card"]);
    let before = house.card("Card");
    house.done(&["save", "Card"]);
    house.done(&["resume", "Card"]);
    assert_eq!(house.state("Card"), "running");
    let after = house.card_when("Card", "later frames", |card| card.frame > before.frame);
    assert_eq!(after.boot_nonce, before.boot_nonce);
}

#[test]
fn a_discarded_state_is_gone_and_the_machine_boots() {
    let house = House::with_card();
    let before = house.card("Card");
    house.done(&["save", "Card"]);
    house.done(&["discard", "Card"]);
    assert_eq!(house.state("Card"), "off");
    assert_eq!(leftovers(&house), Vec::<PathBuf>::new());
    house.done(&["start", "Card"]);
    let after = house.card_when("Card", "a second boot", |card| card.disk_boots == 2);
    assert_ne!(after.boot_nonce, before.boot_nonce);
}

#[test]
fn a_saved_state_over_a_changed_disk_is_refused_and_kept() {
    let house = House::with_card();
    house.card("Card");
    house.done(&["save", "Card"]);
    let disk = files_below(&house.machine("Card").join("disks"))
        .unwrap()
        .remove(0);
    let file = std::fs::OpenOptions::new()
        .append(true)
        .open(&disk)
        .unwrap();
    file.set_len(file.metadata().unwrap().len() + 4096).unwrap();
    let complaint = house.refused(&["start", "Card"]);
    assert!(
        complaint
            .starts_with("Card can't go on from its saved state: The disk disk0 changed since: "),
        "{complaint}"
    );
    assert!(complaint.contains("Discard the saved state to boot from the disk"));
    assert_eq!(house.state("Card"), "saved");
    assert!(!leftovers(&house).is_empty());
    house.done(&["discard", "Card"]);
    house.done(&["start", "Card"]);
}

#[test]
fn a_damaged_memory_is_refused_and_the_machine_stays_saved() {
    let house = House::with_card();
    house.card("Card");
    house.done(&["save", "Card"]);
    let memory = house.library().join("memory");
    let state = files_below(&memory)
        .unwrap()
        .into_iter()
        .find(|path| path.ends_with("device.state.zst"))
        .unwrap();
    let mut bytes = std::fs::read(&state).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::io::Write::write_all(&mut std::fs::File::create(&state).unwrap(), &bytes).unwrap();
    let complaint = house.refused(&["start", "Card"]);
    assert!(
        complaint.starts_with("Card can't go on from its saved state: The saved memory is damaged"),
        "{complaint}"
    );
    assert_eq!(house.state("Card"), "saved");
    wait_for("QEMU to be gone", 10, || {
        let left = house.processes();
        (left.len() == 1).then_some(()).ok_or(left)
    });
}

#[test]
fn what_was_edited_while_it_ran_waits_for_the_next_boot_through_owners_and_saves() {
    let house = House::with_card();
    let before = house.card("Card");
    house.done(&["set", "Card", "cpus=2", "memory=192M"]);
    house.kill_agent();
    house.done(&["trash"]);
    assert_eq!(house.json(&["show", "Card"])["pending"], true);
    house.done(&["save", "Card"]);
    house.done(&["start", "Card"]);
    let after = house.card_when("Card", "later frames", |card| card.frame > before.frame);
    assert_eq!(after.boot_nonce, before.boot_nonce);
    let shown = house.json(&["show", "Card"]);
    assert_eq!(
        (shown["pending"].as_bool(), shown["memory_mib"].as_u64()),
        (Some(true), Some(192))
    );
    house.done(&["power-off", "Card"]);
    house.done(&["start", "Card"]);
    assert_eq!(house.json(&["show", "Card"])["pending"], false);
    house.card_when("Card", "a second boot", |card| card.disk_boots == 2);
}

#[test]
fn an_owner_killed_while_it_saves_loses_nothing_and_leaves_nothing() {
    let house = House::new();
    house.done(&["create", "Card", "--test-card", "--ballast", "64M"]);
    house.done(&["start", "Card"]);
    let first = house.card_when("Card", "a checked ballast", |card| card.ballast_checks > 0);
    for round in 0..rounds(6, 60) {
        let mut save = house
            .command(&["save", "Card"])
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(5 + 17 * round as u64 % 250));
        if let Some(agent) = house.agent_pid() {
            kill(agent, Signal::KILL);
            wait_for("the owner to be gone", 10, || {
                (!is_alive(agent)).then_some(()).ok_or(agent)
            });
        }
        save.wait().unwrap();
        house.done(&["trash"]);
        let state = wait_for("the machine to rest or run", 30, || {
            match house.state("Card").as_str() {
                "saving" => Err("saving"),
                other => Ok(other.to_owned()),
            }
        });
        match state.as_str() {
            "saved" => drop(house.done(&["start", "Card"])),
            "paused" => drop(house.done(&["resume", "Card"])),
            other => assert_eq!(other, "running", "round {round}"),
        }
        let frame = house.card("Card").frame;
        let card = house.card_when("Card", "later frames", |card| card.frame > frame);
        assert_eq!(card.boot_nonce, first.boot_nonce, "round {round}, {state}");
        assert_ne!(card.ballast, Ballast::Damaged);
        nothing_is_left(&house);
    }
}
