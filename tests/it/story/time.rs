//! Time with a running machine: its disk is written through QEMU's second monitor, as a guest would.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use orangery::qemu::qmp::Client;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{House, is_alive, kill, rounds, wait_for};

const BLOCK: u64 = 64 << 10;
/// Of the test card's disk, which has 16 MiB; its first blocks are its own.
const FIRST: u64 = 32;

/// Has the guest's disk written or read, past its own system.
fn disk(house: &House, name: &str, commands: &[String]) {
    let monitor = house.launch(name).join("s/mon1");
    let (client, _events) = Client::connect(&monitor, Duration::from_secs(20)).unwrap();
    for command in commands {
        let line = format!("qemu-io -d /machine/peripheral/disk0/virtio-backend \"{command}\"");
        let arguments = json!({ "command-line": line });
        let said = client
            .call_raw("human-monitor-command", arguments, Duration::from_secs(20))
            .unwrap();
        // It says how fast it was on QEMU's own output, and here only what went wrong.
        assert_eq!(said, json!(""), "{command}");
    }
}

fn write(house: &House, block: u64, value: u8) {
    let at = (FIRST + block) * BLOCK;
    disk(house, "Card", &[format!("write -P {value} {at} {BLOCK}")]);
}

#[track_caller]
fn reads(house: &House, blocks: &[(u64, u8)]) {
    let commands: Vec<String> = blocks
        .iter()
        .map(|(block, value)| format!("read -P {value} {} {BLOCK}", (FIRST + block) * BLOCK))
        .collect();
    disk(house, "Card", &commands);
}

fn entries(house: &House) -> Vec<Value> {
    house.json(&["timeline", "Card"]).as_array().unwrap().clone()
}

fn layers(house: &House) -> Vec<PathBuf> {
    let files = fs::read_dir(house.machine("Card").join("disks")).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

/// The picture that was kept with a snapshot.
fn kept_picture(house: &House, id: &str) -> Vec<u8> {
    let folder = house.machine("Card").join("snapshots").join(id);
    image::open(folder.join("screen.png")).unwrap().to_rgba8().into_raw()
}

#[test]
fn a_running_machine_goes_back_to_the_very_moment_and_its_disk_too() {
    let house = House::with_card();
    house.card("Card");
    write(&house, 0, 1);
    house.done(&["snapshot", "take", "Card", "one"]);
    write(&house, 0, 2);
    write(&house, 1, 3);
    house.done(&["snapshot", "take", "Card", "two", "--note", "later"]);
    write(&house, 2, 4);
    let frame = house.card("Card").frame;
    house.done(&["snapshot", "rewind", "Card", "one"]);
    assert_eq!(house.state("Card"), "running");
    reads(&house, &[(0, 1), (1, 0), (2, 0)]);
    assert!(house.card("Card").frame < frame + 1_000_000);
    let list = entries(&house);
    let kinds: Vec<&str> = list.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["manual", "manual", "kept"]);
    assert_eq!(list[0]["id"], list[1]["parent"]);
    assert_eq!(list[1]["id"], list[2]["parent"]);
    assert!(list.iter().all(|entry| entry["with_memory"] == true));
    // On to the present that was left, which has what was written last.
    let kept = list[2]["id"].as_str().unwrap().to_owned();
    house.done(&["snapshot", "rewind", "Card", &kept, "--drop-present"]);
    reads(&house, &[(0, 2), (1, 3), (2, 4)]);
    house.done(&["snapshot", "verify", "Card"]);
    assert_eq!(entries(&house).len(), 3);
}

#[test]
fn the_screen_after_going_back_is_the_picture_that_was_kept() {
    let house = House::with_card();
    house.card("Card");
    house.done(&["pause", "Card"]);
    let taken = house.json(&["snapshot", "take", "Card", "still"]);
    house.done(&["resume", "Card"]);
    std::thread::sleep(Duration::from_millis(500));
    house.done(&["pause", "Card"]);
    house.done(&["snapshot", "rewind", "Card", "still"]);
    // It goes on at once; what was on the screen in that moment is what was kept.
    let kept = kept_picture(&house, taken["id"].as_str().unwrap());
    let (now, ..) = house.picture("Card");
    assert_eq!(kept.len(), now.len());
    let same = kept.iter().zip(&now).filter(|(a, b)| a == b).count();
    assert!(same * 10 > kept.len() * 7, "{same} of {} bytes are the same", kept.len());
}

#[test]
fn snapshots_in_the_middle_go_while_the_machine_runs_and_their_space_comes_back() {
    let house = House::with_card();
    house.card("Card");
    for round in 0..6_u8 {
        write(&house, u64::from(round), round + 1);
        write(&house, 10, round + 100);
        house.done(&["snapshot", "take", "Card", &format!("s{round}")]);
    }
    assert_eq!(layers(&house).len(), 7);
    house.done(&["snapshot", "delete", "Card", "s1", "s2", "s3", "--yes"]);
    assert_eq!(layers(&house).len(), 4);
    let all: Vec<(u64, u8)> = (0..6).map(|block| (u64::from(block), block + 1)).collect();
    reads(&house, &all);
    write(&house, 6, 7);
    house.done(&["snapshot", "verify", "Card"]);
    // What is left reads right, running and off, also by what headers say.
    house.done(&["snapshot", "rewind", "Card", "s0"]);
    reads(&house, &[(0, 1), (1, 0), (10, 100)]);
    house.done(&["snapshot", "rewind", "Card", "s4"]);
    reads(&house, &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0), (10, 104)]);
    house.done(&["power-off", "Card"]);
    house.done(&["snapshot", "delete", "Card", "s0", "s4", "--yes"]);
    house.done(&["snapshot", "flatten", "Card"]);
    house.done(&["start", "Card"]);
    reads(&house, &[(0, 1), (4, 5), (5, 0), (10, 104)]);
    house.done(&["snapshot", "flatten", "Card"]);
    reads(&house, &[(0, 1), (4, 5), (5, 0), (10, 104)]);
    house.done(&["snapshot", "rewind", "Card", "s5"]);
    reads(&house, &[(5, 6), (10, 105)]);
}

/// The owner is killed at any moment of taking, going back and deleting; the machine is as before or as after, and what the
/// disk was told stays.
#[test]
fn whoever_is_killed_meanwhile_nothing_is_lost() {
    let house = House::with_card();
    house.card("Card");
    let mut last = 0;
    for round in 0..rounds(4, 60) {
        let value = (round % 250) as u8 + 1;
        write(&house, 20, value);
        last = value;
        let name = format!("k{round}");
        let mut taking = house.command(&["snapshot", "take", "Card", &name]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(37 * (round as u64 % 23)));
        if house.agent_pid().is_some() {
            house.kill_agent();
        }
        taking.wait().unwrap();
        // A new owner takes over; the guest runs, or is started again.
        house.done(&["snapshot", "checkpoints", "Card", "every=0"]);
        wait_for("the machine to run", 60, || match house.state("Card").as_str() {
            "running" => Ok(()),
            other => Err(other.to_owned()),
        });
        reads(&house, &[(20, value)]);
        wait_for("unfinished work to end", 60, || {
            let intents = house.machine("Card").join("intents");
            let left = fs::read_dir(&intents).map_or(0, Iterator::count);
            (left == 0).then_some(()).ok_or(left)
        });
        for entry in entries(&house) {
            assert_eq!(entry["writing"], false, "{entry}");
            assert_eq!(entry["trouble"], Value::Null, "{entry}");
        }
    }
    house.done(&["snapshot", "verify", "Card"]);
    house.done(&["power-off", "Card"]);
    house.done(&["start", "Card"]);
    reads(&house, &[(20, last)]);
}

/// Owner and QEMU die together: the disk has everything that was acknowledged.
#[test]
fn a_machine_that_dies_with_its_owner_while_it_is_frozen_keeps_what_was_written() {
    let house = House::with_card();
    house.card("Card");
    for round in 0..rounds(3, 60) {
        let value = (round % 250) as u8 + 1;
        write(&house, 21, value);
        write(&house, 22, value);
        disk(&house, "Card", &["flush".to_owned()]);
        let name = format!("d{round}");
        let pid = house.pid("Card");
        let mut taking = house.command(&["snapshot", "take", "Card", &name]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(41 * (round as u64 % 19)));
        house.kill_agent();
        kill(pid, Signal::KILL);
        wait_for("QEMU to be gone", 20, || (!is_alive(pid)).then_some(()).ok_or(pid));
        taking.wait().unwrap();
        house.done(&["start", "Card"]);
        reads(&house, &[(21, value), (22, value)]);
        for entry in entries(&house) {
            assert_eq!(entry["trouble"], Value::Null, "{entry}");
        }
    }
    house.done(&["snapshot", "verify", "Card"]);
}

#[test]
fn checkpoints_come_by_themselves_before_a_reset_and_a_change() {
    let house = House::with_card();
    house.card("Card");
    house.done(&["snapshot", "checkpoints", "Card", "reset=yes", "change=yes"]);
    write(&house, 0, 1);
    house.done(&["reset", "Card"]);
    house.done(&["power-off", "Card"]);
    house.done(&["set", "Card", "memory=192M"]);
    let list = entries(&house);
    let kinds: Vec<&str> = list.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["before-reset", "before-change"]);
    // The hardware of then comes back.
    let id = list[1]["id"].as_str().unwrap().to_owned();
    assert_eq!(house.row("Card")["memory"], json!(192 << 20));
    house.done(&["snapshot", "rewind", "Card", &id]);
    assert_eq!(house.row("Card")["memory"], json!(128 << 20));
}
