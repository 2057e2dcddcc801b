//! Forks and tries of real machines: the test card checks its memory and counts what its disk took.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use orangery::qemu::qmp::Client;
use rustix::process::Signal;
use serde_json::json;

use super::{House, is_alive, kill, rounds, wait_for};
use crate::card::{Ballast, CardReport};

const PATIENCE: Duration = Duration::from_secs(20);

/// A running card whose memory is checked over and over.
pub(super) fn with_ballast() -> House {
    let house = House::new();
    house.done(&["create", "web", "--test-card", "--ballast", "24M"]);
    house.done(&["start", "web"]);
    house.card_when("web", "checked memory", |card| card.ballast_checks > 0);
    house
}

/// Its memory is right now, and was looked at since `then`.
#[track_caller]
pub(super) fn goes_on(house: &House, name: &str, then: &CardReport) -> CardReport {
    let now = house.card_when(name, "memory that was checked again", |card| {
        card.ballast_checks > then.ballast_checks
    });
    assert_eq!(now.ballast, Ballast::Right, "{now:?}");
    assert!(!now.exception, "{now:?}");
    assert_eq!(now.boot_nonce, then.boot_nonce, "{name} was booted anew");
    assert!(now.uptime_ms >= then.uptime_ms);
    now
}

/// Whether somebody is about to tell its guest the time: whoever does holds the agent's channel for a while.
fn is_told_the_time(house: &House, name: &str) -> bool {
    let path = house.launch(name).join("s/mon1");
    let (monitor, _events) = Client::connect(&path, PATIENCE).unwrap();
    let channels = monitor.call_raw("query-chardev", json!({}), PATIENCE);
    let channels = channels.unwrap();
    let channels = channels.as_array().unwrap().iter();
    let mut agents = channels.filter(|channel| channel["label"] == "guest-agent-socket");
    let agent = agents.next().unwrap()["filename"].as_str().unwrap();
    !agent.starts_with("disconnected:")
}

fn names(house: &House) -> Vec<String> {
    let list = house.json(&["list", "--all"]);
    let rows = list.as_array().unwrap().iter();
    rows.map(|row| row["name"].as_str().unwrap().to_owned())
        .collect()
}

/// How many layers the card's disk has.
fn depth(house: &House, name: &str) -> usize {
    let text = house.json(&["show", name]);
    let devices = text["machine"]["devices"].as_array().unwrap();
    let disk = devices
        .iter()
        .find(|device| device["id"] == "disk0")
        .unwrap();
    disk["kind"]["Disk"]["source"]["Layers"]
        .as_array()
        .unwrap()
        .len()
}

fn folders(house: &House) -> Vec<PathBuf> {
    let all = fs::read_dir(house.library().join("machines")).unwrap();
    all.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn forks_and_their_forks_go_on_from_the_very_moment_each_by_itself() {
    let house = with_ballast();
    let then = house.card("web");
    let pid = house.pid("web");
    house.done(&["fork", "web", "--count", "2"]);
    house.done(&["fork", "web-2", "--called", "grandchild"]);
    assert_eq!(names(&house), ["grandchild", "web", "web-2", "web-3"]);
    let told = ["web-2", "grandchild"].map(|name| is_told_the_time(&house, name));
    assert_eq!(told, [false; 2], "it is what time it was");
    for name in ["web", "web-2", "web-3", "grandchild"] {
        goes_on(&house, name, &then);
    }
    assert_eq!(house.pid("web"), pid, "the machine itself kept its QEMU");
    // Off the network until somebody plugs it in, with an address of its own from the next boot on.
    let fork = house.json(&["show", "web-2"]);
    let devices = fork["machine"]["devices"].as_array().unwrap();
    let nic = devices
        .iter()
        .find(|device| device["id"] == "nic0")
        .unwrap();
    assert_eq!(nic["kind"]["Nic"]["link"], false);
    assert_eq!(fork["machine"]["descent"]["name"], "web");
    // A fork is a machine: it is frozen and gone back with, saved, shut down and booted.
    house.done(&["snapshot", "take", "grandchild", "one"]);
    let later = goes_on(&house, "grandchild", &then);
    house.done(&["snapshot", "rewind", "grandchild", "one"]);
    goes_on(&house, "grandchild", &then);
    house.done(&["save", "web-3"]);
    house.done(&["start", "web-3"]);
    goes_on(&house, "web-3", &then);
    assert!(later.disk_writes >= then.disk_writes);
    house.done(&["power-off", "web-2"]);
    house.done(&["start", "web-2"]);
    let booted = house.card_when("web-2", "another boot", |card| {
        card.boot_nonce != then.boot_nonce
    });
    assert_eq!(booted.disk_boots, then.disk_boots + 1);
    // What others rest on stays, whoever asks.
    house.done(&["power-off", "web"]);
    house.done(&["delete", "web"]);
    let why = house.refused(&["trash", "--empty", "--yes"]);
    assert!(why.contains("still rests on"), "{why}");
    goes_on(&house, "web-3", &then);
}

#[test]
fn a_try_is_gone_with_all_that_it_had_unless_it_is_kept() {
    let house = with_ballast();
    let then = house.card("web");
    house.done(&["try", "web"]);
    house.done(&["try", "web", "--called", "good one"]);
    goes_on(&house, "web-2", &then);
    let why = house.refused(&["keep", "web"]);
    assert!(why.contains("kept anyway"), "{why}");
    house.done(&["keep", "good one"]);
    house.done(&["throw-away", "web-2"]);
    house.done(&["power-off", "good one"]);
    wait_for("the try to be gone", 20, || {
        let now = names(&house);
        (now == ["good one", "web"]).then_some(()).ok_or(now)
    });
    goes_on(&house, "web", &then);
    // Its moment goes into the timeline of the first, and is gone back to there.
    house.done(&["try", "web", "--called", "explored"]);
    goes_on(&house, "explored", &then);
    house.done(&["keep", "explored", "--as-snapshot"]);
    wait_for("the try to be gone", 20, || {
        let now = names(&house);
        (now == ["good one", "web"]).then_some(()).ok_or(now)
    });
    house.done(&["snapshot", "verify", "web"]);
    house.done(&["snapshot", "rewind", "web", "explored"]);
    goes_on(&house, "web", &then);
    house.done(&["snapshot", "delete", "web", "explored", "--yes"]);
    // Of a machine that is off, and of a snapshot.
    house.done(&["snapshot", "take", "web", "moment"]);
    house.done(&["power-off", "web"]);
    house.done(&["try", "web", "--called", "cold"]);
    house.card_when("cold", "a boot", |card| card.boot_nonce != then.boot_nonce);
    house.done(&["try", "web", "--at", "moment", "--called", "warm"]);
    house.done(&["try", "web", "--at", "moment", "--called", "warm too"]);
    assert!(is_told_the_time(&house, "warm"));
    goes_on(&house, "warm", &then);
    goes_on(&house, "warm too", &then);
    for name in ["cold", "warm", "warm too"] {
        house.done(&["power-off", name]);
    }
    house.done(&["delete", "good one"]);
    house.done(&["trash", "--empty", "--yes"]);
    wait_for("the folders to be gone", 20, || {
        let now = folders(&house);
        (now.len() == 1).then_some(()).ok_or(now)
    });
    // What was frozen for them alone was merged; two snapshots have layers of their own below.
    wait_for("the layers to be merged", 30, || {
        let now = depth(&house, "web");
        (now <= 3).then_some(()).ok_or(now)
    });
    house.done(&["start", "web"]);
    house.card("web");
}

/// The owner is killed while it forks: the machine runs on, and each fork runs or is not there.
#[test]
fn a_fork_that_was_cut_off_is_there_or_not() {
    let house = with_ballast();
    let then = house.card("web");
    for round in 0..rounds(4, 60) {
        let name = format!("f{round}");
        let before = names(&house);
        let mut forking = house
            .command(&["fork", "web", "--called", &name])
            .spawn()
            .unwrap();
        let step = if rounds(0, 1) == 1 { 17 } else { 130 };
        std::thread::sleep(Duration::from_millis(step * (round as u64 % 31)));
        house.kill_agent();
        forking.wait().unwrap();
        house.orangery(&["trash"]); // The next owner, who may have something to tell.
        goes_on(&house, "web", &then);
        wait_for("the fork to be whole or gone", 30, || {
            let now = names(&house);
            if now == before {
                return Ok(());
            }
            let state = house.state(&name);
            (state == "running").then_some(()).ok_or(state)
        });
        if names(&house) != before {
            goes_on(&house, &name, &then);
            house.done(&["power-off", &name]);
            house.done(&["delete", &name]);
            house.done(&["trash", "--empty", "--yes"]);
        }
        let intents = house.machine("web").join("intents");
        wait_for("unfinished work to end", 30, || {
            let left = fs::read_dir(&intents).map_or(0, Iterator::count);
            (left == 0).then_some(()).ok_or(left)
        });
    }
    house.done(&["power-off", "web"]);
    house.done(&["start", "web"]);
    let booted = house.card("web");
    assert!(booted.disk_writes >= then.disk_writes);
}

/// This computer's crash takes everything that ran: tries are tidied up, and that is told; forks are machines that are off.
#[test]
fn what_a_crash_leaves_of_tries_is_tidied_up() {
    let house = with_ballast();
    house.done(&["fork", "web", "--called", "kept"]);
    house.done(&["try", "web", "--called", "lost"]);
    let pids: Vec<u32> = ["web", "kept", "lost"].map(|name| house.pid(name)).into();
    house.kill_agent();
    for pid in pids {
        kill(pid, Signal::KILL);
        wait_for("QEMU to be gone", 20, || {
            (!is_alive(pid)).then_some(()).ok_or(pid)
        });
    }
    let started = house.orangery(&["start", "kept"]);
    let told = String::from_utf8_lossy(&started.stderr);
    assert!(
        started.status.success() && told.contains("tidied up: “lost” had ended"),
        "{told}"
    );
    house.done(&["start", "web"]);
    wait_for("the try to be gone", 30, || {
        let now = names(&house);
        (now == ["kept", "web"]).then_some(()).ok_or(now)
    });
    let boots = house.card("kept").disk_boots;
    assert_eq!(boots, house.card("web").disk_boots);
}
