//! Three machines kept and taken back together. That none ran between the moment at which all stood still and the one at
//! which all were taken is told by their QEMUs, on the second monitor.

use std::time::Duration;

use crossbeam_channel::Receiver;
use orangery::qemu::qmp::{Client, QmpEvent};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{House, is_alive, kill, rounds, wait_for};

const NAMES: [&str; 3] = ["web", "db", "mail"];
const PATIENCE: Duration = Duration::from_secs(20);

/// A lab of three test cards, which run.
fn lab() -> House {
    let house = House::new();
    for name in NAMES {
        house.done(&["create", name, "--test-card"]);
    }
    house.done(&["lab", "create", "shop", "web", "db", "mail"]);
    house.done(&["lab", "start", "shop"]);
    for name in NAMES {
        house.card(name);
    }
    house
}

/// What a QEMU tells by itself, to someone beside the owner.
pub(super) struct Ear {
    _monitor: Client,
    events: Receiver<QmpEvent>,
}

impl Ear {
    pub(super) fn of(house: &House, name: &str) -> Self {
        let path = house.launch(name).join("s/mon1");
        let (monitor, events) = Client::connect(&path, PATIENCE).unwrap();
        Self {
            _monitor: monitor,
            events,
        }
    }

    /// When it stopped, and when it went on, in microseconds since 1970.
    #[track_caller]
    pub(super) fn stood(&self) -> (u64, u64) {
        let all: Vec<QmpEvent> = self.events.try_iter().collect();
        let when = |name: &str| {
            let found: Vec<u64> = all
                .iter()
                .filter(|event| event.name == name)
                .map(|event| event.timestamp)
                .collect();
            assert_eq!(found.len(), 1, "{name} in {all:?}");
            found[0]
        };
        (when("STOP"), when("RESUME"))
    }
}

fn moments(house: &House) -> Vec<Value> {
    let list = house.json(&["lab", "snapshots", "shop"]);
    list.as_array().unwrap().clone()
}

fn snapshots(house: &House, name: &str) -> Vec<Value> {
    let list = house.json(&["timeline", name]);
    list.as_array().unwrap().clone()
}

/// Layers of the machine's deepest disk.
fn layers(house: &House, name: &str) -> usize {
    let files = std::fs::read_dir(house.machine(name).join("disks")).unwrap();
    files.count()
}

#[test]
fn a_lab_is_kept_at_one_moment_and_goes_back_to_it_together() {
    let house = lab();
    let ears = NAMES.map(|name| Ear::of(&house, name));
    let kept = house.json(&["lab", "snapshot", "shop", "clean"]);
    let stood = ears.map(|ear| ear.stood());
    let all_stopped = stood.iter().map(|(stop, _)| *stop).max().unwrap();
    let first_on = stood.iter().map(|(_, on)| *on).min().unwrap();
    println!(
        "all stood still for {} µs: {stood:?}",
        first_on - all_stopped
    );
    assert!(all_stopped < first_on, "{stood:?}");
    let list = moments(&house);
    assert_eq!(
        (&list[0]["id"], &list[0]["whole"]),
        (&kept["id"], &json!(true))
    );

    // The cards count frames; what each has now it has not at the moment that is gone back to.
    let before = NAMES.map(|name| house.card(name));
    for (name, before) in NAMES.iter().zip(&before) {
        house.card_when(name, "more", |card| {
            card.uptime_ms > before.uptime_ms + 3000
        });
    }
    house.done(&["power-off", "db"]); // Off now, it ran then.
    let told = house.done(&["lab", "rewind", "shop", "clean"]);
    assert_eq!(told, "shop is back at “clean”\n");
    let after = NAMES.map(|name| house.card(name));
    for ((name, before), after) in NAMES.iter().zip(&before).zip(&after) {
        assert_eq!(
            before.boot_nonce, after.boot_nonce,
            "{name} was booted anew"
        );
    }
    // The counters of all stand where they stood: they run on from there, all since the same moment.
    let gone_on: Vec<i64> = before
        .iter()
        .zip(&after)
        .map(|(before, after)| i64::from(after.uptime_ms) - i64::from(before.uptime_ms))
        .collect();
    println!("uptimes against those right after the moment: {gone_on:?} ms");
    assert!(gone_on.iter().all(|gone_on| *gone_on < 3000), "{gone_on:?}");
    // The present was kept as a moment of its own: two that ran, one that was off.
    let list = moments(&house);
    assert_eq!(list.len(), 2, "{list:?}");
    assert_eq!(
        (&list[1]["kind"], &list[1]["whole"]),
        (&json!("kept"), &json!(true))
    );
    let with_memory = list[1]["machines"].as_array().unwrap().iter();
    let with_memory: Vec<bool> = with_memory
        .map(|member| member["with_memory"].as_bool().unwrap())
        .collect();
    assert_eq!(
        with_memory.iter().filter(|with| **with).count(),
        2,
        "{list:?}"
    );
    then_all_is_deleted(&house, &list[1]);
}

/// Back to the moment that was kept, at which db was off; then nothing is left but that one's snapshots.
fn then_all_is_deleted(house: &House, kept: &Value) {
    let id = kept["id"].as_str().unwrap().to_owned();
    house.done(&["lab", "rewind", "shop", &id, "--drop-present"]);
    assert_eq!(
        NAMES.map(|name| house.state(name)),
        ["running", "off", "running"]
    );
    assert_eq!(moments(house).len(), 2);
    for name in NAMES {
        house.done(&["snapshot", "verify", name]);
    }
    house.done(&["lab", "delete-snapshot", "shop", "clean", "--yes"]);
    assert_eq!(moments(house).len(), 1);
    house.done(&["lab", "delete", "shop"]);
    assert_eq!(snapshots(house, "web").len(), 1, "its snapshots stay");
}

#[test]
fn one_that_dies_while_the_set_is_taken_leaves_nothing_half() {
    let house = lab();
    let before = NAMES.map(|name| layers(&house, name));
    let mut refused = 0;
    for round in 0..rounds(1, 40) {
        let pid = house.pid("db");
        let mut taking = house
            .command(&["lab", "snapshot", "shop", &format!("r{round}")])
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(131 * (round as u64 % 11) + 200));
        kill(pid, Signal::KILL);
        let taken = taking.wait().unwrap().success();
        house.wait_state("db", "crashed");
        let names: Vec<usize> = NAMES
            .iter()
            .map(|name| {
                let called = json!(format!("r{round}"));
                let list = snapshots(&house, name);
                list.iter().filter(|entry| entry["name"] == called).count()
            })
            .collect();
        let called = |one: &Value| one["name"] == json!(format!("r{round}"));
        let sets: Vec<Value> = moments(&house).into_iter().filter(called).collect();
        if taken {
            assert_eq!((names, sets.len()), (vec![1, 1, 1], 1), "round {round}");
            assert_eq!(sets[0]["whole"], true, "{sets:?}");
            let id = sets[0]["id"].as_str().unwrap();
            house.done(&["lab", "delete-snapshot", "shop", id, "--yes"]);
        } else {
            refused += 1;
            assert_eq!(
                (names, sets.len()),
                (vec![0, 0, 0], 0),
                "round {round}: half a set"
            );
        }
        assert_eq!(house.state("web"), "running");
        house.done(&["start", "db"]);
        house.card("db");
    }
    println!("{refused} sets were taken back");
    for (name, before) in NAMES.iter().zip(before) {
        assert!(
            layers(&house, name) <= before + 1,
            "{name} has layers that nobody needs"
        );
    }
    house.done(&["lab", "snapshot", "shop", "whole"]);
    house.done(&["lab", "rewind", "shop", "whole"]);
}

/// The owner is killed: each machine is before or after, and what is not whole says so.
#[test]
fn a_set_whose_owner_was_killed_is_whole_or_says_what_is_missing() {
    let house = lab();
    for round in 0..rounds(1, 40) {
        let called = format!("k{round}");
        let mut taking = house
            .command(&["lab", "snapshot", "shop", &called])
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(277 * (round as u64 % 7) + 200));
        house.kill_agent();
        taking.wait().unwrap();
        // The next owner lets go who still stands.
        house.orangery(&["stats", NAMES[0]]);
        for name in NAMES {
            house.wait_state(name, "running");
        }
        house.done(&["lab", "pause", "shop"]); // The next owner, and it has ended what was begun.
        house.done(&["lab", "resume", "shop"]);
        let list = wait_for("all to be written or given up", 60, || {
            let list = moments(&house);
            let text = serde_json::to_string(&list).unwrap();
            match text.contains("still written") {
                true => Err(text),
                false => Ok(list),
            }
        });
        let called = json!(called);
        let own = |name: &str| {
            let mut list = snapshots(&house, name);
            list.retain(|entry| entry["name"] == called);
            list
        };
        let Some(set) = list.iter().find(|set| set["name"] == called) else {
            assert!(
                NAMES.iter().all(|name| own(name).is_empty()),
                "round {round}"
            );
            continue;
        };
        let there = NAMES.map(|name| own(name).len());
        let is_whole = set["whole"] == json!(true);
        println!("round {round}: {there:?}, whole: {is_whole}");
        assert_eq!(is_whole, there == [1, 1, 1], "{set}");
        let id = set["id"].as_str().unwrap();
        if is_whole {
            house.done(&["lab", "rewind", "shop", id, "--drop-present"]);
            continue;
        }
        let complaint = house.refused(&["lab", "rewind", "shop", id]);
        assert!(complaint.contains("is not whole"), "{complaint}");
        let shown = house.done(&["lab", "snapshots", "shop"]);
        assert!(shown.contains("has no snapshot of it"), "{shown}");
        // What was taken works by itself.
        if let Some(name) = NAMES.iter().find(|name| !own(name).is_empty()) {
            let id = own(name)[0]["id"].as_str().unwrap().to_owned();
            house.done(&["snapshot", "rewind", name, &id, "--drop-present"]);
        }
        house.done(&["lab", "delete-snapshot", "shop", id, "--yes"]);
    }
    for name in NAMES {
        assert!(is_alive(house.pid(name)));
        house.done(&["snapshot", "verify", name]);
    }
}

#[test]
fn what_a_lab_can_not_do_is_said_before_anything_is_done() {
    let house = House::new();
    for name in ["web", "db"] {
        house.done(&["create", name, "--test-card"]);
    }
    house.done(&["lab", "create", "shop", "web", "db"]);
    let complaint = house.refused(&["lab", "create", "SHOP", "web"]);
    assert!(complaint.contains("already a lab called"), "{complaint}");
    // Off, it is kept and gone back with as well.
    house.done(&["lab", "snapshot", "shop", "new"]);
    house.done(&["set", "db", "memory=2T"]);
    let complaint = house.refused(&["lab", "start", "shop"]);
    assert!(
        complaint.contains("TiB") && complaint.contains("too little"),
        "{complaint}"
    );
    assert_eq!(house.state("web"), "off");
    house.done(&["lab", "rewind", "shop", "new"]);
    assert_eq!(house.row("db")["memory_mib"], json!(128));
    // One that is in the trash is missing, and keeps nobody from anything.
    house.done(&["delete", "db"]);
    let shown = house.json(&["lab", "show", "shop"]);
    assert_eq!(shown["machines"][1]["name"], Value::Null, "{shown}");
    house.done(&["lab", "start", "shop"]);
    assert_eq!(house.state("web"), "running");
    house.done(&["lab", "rename", "shop", "store"]);
    house.done(&["lab", "save", "store"]);
    assert_eq!(house.state("web"), "saved");
    house.done(&["lab", "snapshot", "store", "saved"]);
    house.done(&["lab", "start", "store"]);
    house.done(&["lab", "power-off", "store"]);
    house.done(&["lab", "rewind", "store", "saved"]);
    assert_eq!(house.state("web"), "running");
    let text = house.done(&["lab", "list"]);
    assert!(
        text.contains("store") && text.contains("(missing)"),
        "{text}"
    );
}
