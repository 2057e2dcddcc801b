//! Owners and QEMUs that are killed, stopped or race each other: machines outlive them all.

use std::fs;
use std::time::{Duration, Instant, UNIX_EPOCH};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::time::{DISK, monitor, reads, reads_in, with_disk, write};
use super::{House, is_alive, kill, rounds, soak, wait_for};

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn three_running_machines_outlive_every_owner_that_is_killed() {
    let house = House::new();
    let names = ["One", "Two", "Three"];
    names.iter().for_each(|name| house.start_card(name));
    let pids = names.map(|name| house.pid(name));
    let mut frames = names.map(|name| {
        let card = house.card(name);
        (card.boot_nonce, card.frame)
    });
    for round in 0..rounds(3, 20) {
        let killed = house.kill_agent();
        if round % 2 == 0 {
            assert_eq!(
                names.map(|name| house.state(name)),
                ["running"; 3],
                "read without an owner"
            );
        }
        house.done(&["trash"]); // Needs an owner, so there is a new one.
        assert_ne!(house.agent_pid(), Some(killed));
        for (name, (nonce, frame)) in names.iter().zip(&mut frames) {
            let card = house.card_when(name, "later frames", |card| card.frame > *frame);
            assert_eq!(card.boot_nonce, *nonce, "{name} booted again");
            *frame = card.frame;
        }
        assert_eq!(names.map(|name| house.pid(name)), pids);
        assert_eq!(names.map(|name| house.state(name)), ["running"; 3]);
    }
    house.done(&["shutdown", "Two", "--timeout", "30"]);
    assert_eq!(house.state("Two"), "off");
}

#[test]
fn an_owner_killed_at_any_moment_of_a_start_leaves_a_machine_that_runs_or_can() {
    let house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    for round in 0..rounds(6, 60) {
        house.done(&["trash"]);
        let mut start = house.command(&["start", "Card"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(2 + 9 * round as u64 % 80));
        if let Some(agent) = house.agent_pid() {
            kill(agent, Signal::KILL);
            wait_for("the owner to be gone", 10, || {
                (!is_alive(agent)).then_some(()).ok_or(agent)
            });
        }
        start.wait().unwrap();
        house.done(&["trash"]);
        if house.state("Card") != "running" {
            let state = house.state("Card");
            let command = if state == "paused" { "resume" } else { "start" };
            let output = house.orangery(&[command, "Card"]);
            let err = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "round {round}, {state}: {err}");
        }
        house.card("Card");
        house.done(&["power-off", "Card"]);
        wait_for("no QEMU to be left", 10, || {
            let agent = house.agent_pid();
            let left: Vec<u32> = house
                .processes()
                .into_iter()
                .filter(|pid| Some(*pid) != agent)
                .collect();
            if left.is_empty() { Ok(()) } else { Err(left) }
        });
    }
}

#[test]
fn eight_starts_at_once_find_one_owner_and_start_one_qemu() {
    let house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    house.kill_agent();
    let starts: Vec<_> = (0..8)
        .map(|_| {
            house
                .command(&["start", "Card"])
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut succeeded = 0;
    for start in starts {
        let output = start.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            succeeded += 1;
        } else {
            assert!(
                err.contains("already running") || err.contains("still starting"),
                "{err}"
            );
        }
    }
    assert_eq!(succeeded, 1);
    let mut both = [house.agent_pid().unwrap(), house.pid("Card")];
    both.sort_unstable();
    wait_for("losers to end", 10, || {
        let mut left = house.processes();
        left.sort_unstable();
        (left == both).then_some(()).ok_or(left)
    });
}

#[test]
fn an_owner_ends_by_itself_when_nothing_runs_and_not_before() {
    if !soak() {
        eprintln!("skipped: takes 70 s, with ORANGERY_SOAK=1");
        return;
    }
    let house = House::with_card();
    std::thread::sleep(Duration::from_secs(35));
    let agent = house.agent_pid().unwrap();
    house.done(&["power-off", "Card"]);
    let since = Instant::now();
    wait_for("the owner to end", 40, || {
        house.agent_pid().map_or(Ok(()), Err)
    });
    assert!(
        since.elapsed() > Duration::from_secs(28),
        "{:?}",
        since.elapsed()
    );
    assert!(!is_alive(agent));
    assert_eq!(house.processes(), Vec::<u32>::new());
}

#[test]
fn a_killed_qemu_is_a_crash_and_the_machine_starts_again() {
    let house = House::with_card();
    let first = house.card("Card");
    kill(house.pid("Card"), Signal::KILL);
    house.wait_state("Card", "crashed");
    let error = house.error("Card");
    assert_eq!(error, "Card crashed: QEMU was killed from outside");
    assert!(
        house.done(&["show", "Card"]).contains("Fix"),
        "a way on is shown"
    );
    assert!(
        house
            .refused(&["pause", "Card"])
            .contains("The machine crashed; start it again")
    );
    house.done(&["start", "Card"]);
    let again = house.card_when("Card", "a second boot", |card| card.disk_boots == 2);
    assert_ne!(again.boot_nonce, first.boot_nonce);
    assert!(house.row("Card")["error"].is_null());
}

#[test]
fn a_qemu_that_died_while_nobody_looked_is_a_crash_for_the_next_owner() {
    let house = House::with_card();
    let qemu = house.pid("Card");
    house.kill_agent();
    kill(qemu, Signal::KILL);
    house.wait_state("Card", "crashed");
    assert!(house.error("Card").starts_with("Card crashed: "));
    assert_eq!(house.agent_pid(), None, "looking started an owner");
    house.done(&["trash"]);
    assert_eq!(house.state("Card"), "crashed");
    house.done(&["start", "Card"]);
    assert_eq!(house.state("Card"), "running");
}

#[test]
fn a_stopped_qemu_is_not_responding_until_it_goes_on() {
    let house = House::with_card();
    let before = house.card("Card");
    let qemu = house.pid("Card");
    kill(qemu, Signal::STOP);
    let since = Instant::now();
    house.wait_state("Card", "not-responding");
    assert!(
        since.elapsed() < Duration::from_secs(20),
        "{:?}",
        since.elapsed()
    );
    assert!(house.error("Card").starts_with("Card does not respond: "));
    let complaint = house.refused(&["pause", "Card"]);
    assert!(
        complaint.contains("QEMU does not answer; wait, or power off"),
        "{complaint}"
    );
    kill(qemu, Signal::CONT);
    house.wait_state("Card", "running");
    assert!(house.row("Card")["error"].is_null());
    let after = house.card_when("Card", "later frames", |card| card.frame > before.frame);
    assert_eq!(after.boot_nonce, before.boot_nonce);

    kill(qemu, Signal::STOP);
    house.done(&["power-off", "Card"]);
    assert!(!is_alive(qemu));
    assert_eq!(house.state("Card"), "off");
}

#[test]
fn the_next_owner_waits_for_a_stopped_qemu_and_can_cut_its_power() {
    let house = House::with_card();
    let before = house.card("Card");
    let qemu = house.pid("Card");
    kill(qemu, Signal::STOP);
    house.kill_agent();
    house.done(&["trash"]);
    house.wait_state("Card", "not-responding");
    kill(qemu, Signal::CONT);
    house.wait_state("Card", "running");
    assert_eq!(house.card("Card").boot_nonce, before.boot_nonce);

    kill(qemu, Signal::STOP);
    house.kill_agent();
    house.done(&["trash"]);
    house.wait_state("Card", "not-responding");
    house.done(&["power-off", "Card"]);
    assert!(!is_alive(qemu));
    assert_eq!(house.state("Card"), "off");
    house.done(&["start", "Card"]);
}

#[test]
fn a_merge_that_its_owner_left_behind_holds_nobody_up() {
    let house = with_disk();
    write(&house, 1, 0x11);
    write(&house, 500, 0x15);
    house.done(&["snapshot", "take", "Card", "below"]);
    write(&house, 2, 0x22);
    // As an owner's that was killed: it goes on, slower than anyone waits.
    let ask = |command, arguments| {
        let qemu = monitor(&house, "Card");
        qemu.call_raw(command, arguments, PATIENCE).unwrap()
    };
    let disks = ask("query-blockstats", json!({}));
    let mut disks = disks.as_array().unwrap().iter();
    let is_it = |disk: &&Value| disk["qdev"].as_str().is_some_and(|at| at.contains(DISK));
    let top = &disks.find(is_it).unwrap()["node-name"];
    let merge = json!({ "device": top, "job-id": "merge-left", "speed": 1, "auto-dismiss": false });
    ask("block-stream", merge);
    house.kill_agent();
    house.done(&["fork", "Card"]);
    assert_eq!(ask("query-jobs", json!({})), json!([]));
    let blocks = [(1, 0x11), (2, 0x22), (500, 0x15)];
    reads_in(&house, "Card-2", &blocks);
    house.done(&["snapshot", "delete", "Card", "below", "--yes"]);
    reads(&house, &blocks);
}

/// Nothing is recorded when a guest ends; its disks tell.
#[test]
fn a_later_owner_knows_since_when_a_machine_is_off() {
    let house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    let created = house.row("Card")["since"].as_u64().unwrap();
    let disks = fs::read_dir(house.machine("Card").join("disks")).unwrap();
    let disk = disks.flatten().next().unwrap().path();
    let ended = created + 500;
    house.kill_agent();
    let file = fs::File::options().write(true).open(disk).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(ended))
        .unwrap();
    assert_eq!(house.row("Card")["since"], ended);
}
