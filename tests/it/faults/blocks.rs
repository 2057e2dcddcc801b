//! Disks that fail under a QEMU: its own `blkdebug` (docs/devel/blkdebug) stands between a layer's file and its format, and
//! has one access fail, or every one. What the guest wrote and was told to be on disk is there afterwards, whatever failed.
//!
//! A normal run picks some by chance, `ORANGERY_SEED` repeats them; with `ORANGERY_SOAK=1` all of them come, or those
//! that `ORANGERY_STEP` is a part of.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::put;
use crate::story::{House, soak, time};

/// What fails, and where.
struct Fault {
    /// The disk with the layers, by its device.
    disk: &'static str,
    /// Its topmost layer alone, or the one below. A program that only merges has the fault in all below.
    at_the_top: bool,
    /// An access of the format's, by blkdebug's name.
    event: &'static str,
    errno: u32,
    once: bool,
}

impl Fault {
    const fn at_the_top(event: &'static str, errno: u32, once: bool) -> Self {
        let disk = time::DISK;
        Self {
            disk,
            at_the_top: true,
            event,
            errno,
            once,
        }
    }

    const fn below(event: &'static str, errno: u32) -> Self {
        Self {
            at_the_top: false,
            ..Self::at_the_top(event, errno, true)
        }
    }
}

/// What came of the order under a fault.
#[derive(PartialEq, Eq)]
enum Came {
    Done,
    /// Refused, with a word of the complaint.
    Refused(&'static str),
}

struct Case {
    name: &'static str,
    runs: bool,
    fault: Fault,
    args: &'static [&'static str],
    came: Came,
    /// The snapshots that are there afterwards.
    left: &'static [&'static str],
}

const EIO: u32 = 5;
const ENOSPC: u32 = 28;
const ALL: &[&str] = &["one", "two", "three"];
const TAKE: &[&str] = &["snapshot", "take", "Card", "new"];
const REWIND: &[&str] = &["snapshot", "rewind", "Card", "one"];
const DELETE_LAST: &[&str] = &["snapshot", "delete", "Card", "three", "--yes"];
const DELETE: &[&str] = &["snapshot", "delete", "Card", "one", "two", "--yes"];
const FLATTEN: &[&str] = &["snapshot", "flatten", "Card"];

const CASES: &[Case] = &[
    Case {
        name: "the tables of the layer that is to be frozen can't be written",
        runs: true,
        fault: Fault::at_the_top("l2_update", EIO, false),
        args: TAKE,
        came: Came::Refused("rror"),
        left: ALL,
    },
    Case {
        name: "the same, the first time only",
        runs: true,
        fault: Fault::at_the_top("l2_update", EIO, true),
        args: TAKE,
        came: Came::Done,
        left: &["one", "two", "three", "new"],
    },
    Case {
        name: "the same when the present is left",
        runs: true,
        fault: Fault::at_the_top("l2_update", EIO, false),
        args: REWIND,
        came: Came::Refused("rror"),
        left: ALL,
    },
    Case {
        name: "a merge can't write to the layer that the guest writes to",
        runs: true,
        fault: Fault::at_the_top("write_aio", EIO, true),
        args: DELETE_LAST,
        came: Came::Refused("Input/output error"),
        left: &["one", "two"],
    },
    Case {
        name: "a merge finds the disk full",
        runs: true,
        fault: Fault::at_the_top("write_aio", ENOSPC, true),
        args: DELETE_LAST,
        came: Came::Refused("No space left on device"),
        left: &["one", "two"],
    },
    Case {
        name: "a merge can't read what it merges",
        runs: true,
        fault: Fault::below("read_aio", EIO),
        args: DELETE_LAST,
        came: Came::Refused("Input/output error"),
        left: &["one", "two"],
    },
    Case {
        name: "flattening can't write",
        runs: true,
        fault: Fault::at_the_top("write_aio", EIO, true),
        args: FLATTEN,
        came: Came::Refused("Input/output error"),
        left: ALL,
    },
    Case {
        name: "flattening can't read",
        runs: true,
        fault: Fault::below("read_aio", EIO),
        args: FLATTEN,
        came: Came::Refused("Input/output error"),
        left: ALL,
    },
    Case {
        name: "a merge can't write, off",
        runs: false,
        fault: Fault::below("write_aio", EIO),
        args: DELETE,
        came: Came::Refused("Input/output error"),
        left: &["three"],
    },
    Case {
        name: "a merge can't read, off",
        runs: false,
        fault: Fault::below("read_aio", EIO),
        args: DELETE,
        came: Came::Refused("Input/output error"),
        left: &["three"],
    },
    Case {
        name: "flattening finds the disk full, off",
        runs: false,
        fault: Fault::at_the_top("write_aio", ENOSPC, true),
        args: FLATTEN,
        came: Came::Refused("No space left on device"),
        left: ALL,
    },
];

/// Stands for a program of QEMU's and starts it with its nodes changed.
const WRAPPER: &str = r#"#!/usr/bin/python3
import json, os, sys
LAYERS, RULE = json.loads('LAYERS'), json.loads('RULE')
args, nodes, out = sys.argv[1:], {}, []
for place, word in enumerate(args):
    if place and args[place - 1] in ("-blockdev", "--blockdev") and word.startswith("{"):
        node = json.loads(word)
        name = node["node-name"]
        layer = os.path.basename(node.get("filename", "")).split(".")[0]
        if node["driver"] == "file" and layer in LAYERS:
            debug = {"driver": "blkdebug", "node-name": "d" + name[1:], "image": name, "inject-error": [RULE]}
            nodes[name] = debug["node-name"]
            out += [word, args[place - 1], json.dumps(debug)]
            continue
        if node.get("file") in nodes:
            node["file"] = nodes[node["file"]]
            word = json.dumps(node)
    out.append(word)
os.execv("REAL", ["REAL"] + out)
"#;

/// A card with a second disk and three snapshots, and wrapped QEMUs.
struct Bench {
    house: House,
}

impl Bench {
    fn new() -> Self {
        let mut house = House::new();
        let bin = house.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let path = std::env::var("PATH").unwrap();
        house.set("PATH", format!("{}:{path}", bin.display()));
        house.set("ORANGERY_QEMU", bin.join("qemu-system-x86_64"));
        let bench = Self { house };
        bench.disarm();
        let house = &bench.house;
        house.done(&["create", "Card", "--test-card", "--memory", "64M"]);
        house.done(&["disk", "add", "Card", "--size", "64M"]);
        house.done(&["start", "Card"]);
        for (block, name) in (0..).zip(ALL) {
            time::write(house, block, block as u8 + 1);
            time::write(house, 4, block as u8 + 11);
            house.done(&["snapshot", "take", "Card", name]);
        }
        time::write(house, 3, 4);
        house.done(&["power-off", "Card"]);
        bench
    }

    fn disarm(&self) {
        self.wrap(&[], &json!({}));
    }

    fn arm(&self, fault: &Fault, runs: bool) {
        let mut layers = self.layers(fault.disk);
        let top = layers.pop().unwrap();
        let layers = match fault.at_the_top {
            true => vec![top],
            false if runs => layers.split_off(layers.len() - 1),
            false => layers,
        };
        let is_read = fault.event.starts_with("read");
        let rule = json!({
            "event": fault.event,
            "iotype": if is_read { "read" } else { "write" },
            "errno": fault.errno,
            "once": fault.once,
            "immediately": false,
        });
        self.wrap(&layers, &rule);
    }

    fn wrap(&self, layers: &[String], rule: &Value) {
        for name in ["qemu-system-x86_64", "qemu-storage-daemon"] {
            let real = orangery::confine::find_program(name).unwrap();
            let text = WRAPPER
                .replace("LAYERS')", &format!("{}')", json!(layers)))
                .replace("RULE')", &format!("{rule}')"))
                .replace("REAL", real.to_str().unwrap());
            // Never half there: one may be starting.
            let (new, path) = (self.bin("half"), self.bin(name));
            put(&new, text.as_bytes());
            fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
            fs::rename(new, path).unwrap();
        }
    }

    fn bin(&self, name: &str) -> PathBuf {
        self.house.path().join("bin").join(name)
    }

    /// The layers of a disk of the present, base first.
    fn layers(&self, disk: &str) -> Vec<String> {
        let text = self.house.json(&["show", "Card"]);
        let devices = text["machine"]["devices"].as_array().unwrap();
        let device = devices.iter().find(|device| device["id"] == disk).unwrap();
        let layers = device["kind"]["Disk"]["source"]["Layers"].as_array();
        let id = |layer: &Value| layer["layer"].as_str().unwrap().to_owned();
        layers.unwrap().iter().map(id).collect()
    }

    fn snapshots(&self) -> Vec<String> {
        let list = time::entries(&self.house);
        let name = |entry: &Value| entry["name"].as_str().unwrap().to_owned();
        list.iter().map(name).collect()
    }

    /// Everything that was written.
    fn is_right(&self) {
        time::reads(&self.house, &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 13)]);
    }

    fn play(&self, case: &Case) {
        let house = &self.house;
        let name = case.name;
        println!("{name}");
        self.arm(&case.fault, case.runs);
        if case.runs {
            house.done(&["start", "Card"]);
        }
        if case.fault.event == "l2_update" {
            time::write_behind(house, 5, 60);
        }
        match &case.came {
            Came::Done => drop(house.done(case.args)),
            Came::Refused(word) => {
                let complaint = house.refused(&[&["--verbose"], case.args].concat());
                println!("  {}", complaint.trim().replace('\n', " / "));
                assert!(complaint.contains(word), "{name}: {complaint}");
            }
        }
        assert_eq!(self.snapshots(), case.left, "{name}");
        if case.runs {
            assert_eq!(house.state("Card"), "running", "{name}");
            self.is_right();
            if case.came == Came::Done {
                time::reads(house, &[(5, 60)]);
            }
        }
        // The disk works again; one that always failed is still open.
        self.disarm();
        if !case.fault.once {
            house.done(&["power-off", "Card"]);
            house.done(&["start", "Card"]);
        }
        house.done(&["snapshot", "take", "Card", "later"]);
        house.done(&["snapshot", "delete", "Card", "later", "--yes"]);
        house.done(FLATTEN);
        house.done(&["snapshot", "verify", "Card"]);
        for step in [["power-off", "Card"], ["start", "Card"]] {
            if case.runs || step[0] == "start" {
                house.done(&step);
            }
        }
        self.is_right();
    }
}

#[test]
fn a_disk_that_fails_while_layers_are_worked_on_loses_nothing() {
    let seed: Option<u64> = std::env::var("ORANGERY_SEED")
        .ok()
        .map(|seed| seed.parse().unwrap());
    let seed = seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0 >> 1);
    println!("ORANGERY_SEED={seed}");
    let chosen = seed as usize % CASES.len();
    let only = std::env::var("ORANGERY_STEP").unwrap_or_default();
    for (place, case) in CASES.iter().enumerate() {
        let is_asked_for = !only.is_empty() && case.name.contains(&only);
        if is_asked_for || only.is_empty() && (soak() || place == chosen) {
            Bench::new().play(case);
        }
    }
}

/// The guest's own write fails: it stands still, is told nothing, and goes on once the disk works again.
#[test]
fn a_guest_whose_disk_fails_waits_and_the_machine_says_why() {
    let bench = Bench::new();
    let house = &bench.house;
    let fault = Fault {
        disk: "disk0",
        ..Fault::at_the_top("write_aio", EIO, true)
    };
    bench.arm(&fault, true);
    house.done(&["start", "Card"]);
    house.wait_state("Card", "paused");
    let error = house.error("Card");
    assert!(error.contains("disk0") && error.contains("rror"), "{error}");
    bench.disarm();
    house.done(&["resume", "Card"]);
    let card = house.card_when("Card", "writes", |card| card.disk_writes > 0);
    assert!(!card.exception, "{card:?}");
    house.done(&["power-off", "Card"]);
    house.done(&["start", "Card"]);
    let booted = house.card_when("Card", "another boot", |now| {
        now.boot_nonce != card.boot_nonce
    });
    assert!(booted.disk_boots > card.disk_boots, "{booted:?}");
}
