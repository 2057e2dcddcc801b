//! Clones and templates of real machines.

use std::fs;

use serde_json::Value;

use super::fork::{goes_on, with_ballast};
use super::{House, wait_for};

fn devices(house: &House, name: &str) -> Vec<Value> {
    let text = house.json(&["show", name]);
    text["machine"]["devices"].as_array().unwrap().clone()
}

fn device(house: &House, name: &str, id: &str) -> Value {
    let devices = devices(house, name);
    let found = devices.iter().find(|device| device["id"] == id);
    found.unwrap()["kind"].clone()
}

/// The machines whose layers the disk rests on, base first.
fn chain(house: &House, name: &str) -> Vec<String> {
    let disk = device(house, name, "disk0");
    let layers = disk["Disk"]["source"]["Layers"].as_array().unwrap().clone();
    layers
        .iter()
        .map(|layer| layer["machine"].as_str().unwrap().to_owned())
        .collect()
}

fn id(house: &House, name: &str) -> String {
    house.row(name)["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_clone_has_the_disks_of_a_running_machine_and_an_identity_of_its_own() {
    let house = with_ballast();
    let then = house.card("web");
    house.done(&["clone", "web", "--called", "linked"]);
    house.done(&["clone", "web", "--full", "--called", "full"]);
    goes_on(&house, "web", &then);
    let (web, linked, full) = (id(&house, "web"), id(&house, "linked"), id(&house, "full"));
    assert_eq!(chain(&house, "full"), [full]);
    assert!(chain(&house, "linked").contains(&web));
    assert_eq!(chain(&house, "linked").last(), Some(&linked));
    let mac = |name| device(&house, name, "nic0")["Nic"]["mac"].clone();
    assert_ne!(mac("linked"), mac("web"));
    assert_ne!(mac("full"), mac("linked"));
    for name in ["linked", "full"] {
        assert_eq!(house.state(name), "off");
        house.done(&["start", name]);
        let booted = house.card_when(name, "a boot", |card| card.boot_nonce != then.boot_nonce);
        assert_eq!(booted.disk_boots, then.disk_boots + 1, "{name}");
        house.done(&["power-off", name]);
    }
    // The base can't go while one rests on it; the full clone needs nothing.
    house.done(&["power-off", "web"]);
    house.done(&["delete", "web"]);
    let why = house.refused(&["trash", "--empty", "--yes"]);
    assert!(why.contains("linked"), "{why}");
    house.done(&["delete", "linked"]);
    house.done(&["trash", "--empty", "--yes"]);
    wait_for("the folders to be gone", 20, || {
        let left = fs::read_dir(house.library().join("machines"))
            .unwrap()
            .count();
        (left == 1).then_some(()).ok_or(left)
    });
    house.done(&["start", "full"]);
    house.card("full");
}

#[test]
fn a_clone_of_a_snapshot_has_what_was_then() {
    let house = House::with_card();
    let first = house.card_when("Card", "writes", |card| card.disk_writes > 2);
    house.done(&["power-off", "Card"]);
    house.done(&["snapshot", "take", "Card", "then"]);
    house.done(&["start", "Card"]);
    house.card_when("Card", "another boot", |card| {
        card.boot_nonce != first.boot_nonce
    });
    house.done(&["clone", "Card", "--at", "then", "--called", "old"]);
    house.done(&[
        "clone", "Card", "--at", "then", "--full", "--called", "old copy",
    ]);
    for name in ["old", "old copy"] {
        house.done(&["start", name]);
        assert_eq!(house.card(name).disk_boots, first.disk_boots + 1, "{name}");
        house.done(&["power-off", name]);
    }
}

#[test]
fn machines_of_a_template_go_on_from_its_moment() {
    let house = with_ballast();
    let then = house.card("web");
    house.done(&["template", "warm", "web", "--called", "ready"]);
    house.done(&["power-off", "web"]);
    house.done(&["template", "start", "ready", "--count", "2"]);
    house.done(&["template", "start", "Ready", "--called", "third"]);
    for name in ["web-2", "web-3", "third"] {
        goes_on(&house, name, &then);
    }
    let why = house.refused(&["snapshot", "delete", "web", "ready", "--yes"]);
    assert!(why.contains("template “ready”"), "{why}");
    let why = house.refused(&["template", "start", "other"]);
    assert!(why.contains("no template “other”"), "{why}");
    house.done(&["template", "remove", "ready"]);
    house.done(&["snapshot", "delete", "web", "ready", "--yes"]);
    // They need nothing of it in memory any more, and its layers stay.
    goes_on(&house, "third", &then);
    house.done(&["power-off", "third"]);
    house.done(&["start", "third"]);
    house.card("third");
}
