//! Versioned records: what this version does not know survives.

use serde_json::{Value, json};

use super::super::document::{Document, read, render};
use super::super::machines::MACHINE;
use super::super::text;
use super::{Chance, layer, machine, machine_id};
use crate::model::*;

fn read_machine(text: &str) -> Document<Machine> {
    read(&MACHINE, text).unwrap()
}

/// Adds unknown keys to every map of `tree`, except where the key tells an enum's variant.
fn sprinkle(chance: &mut Chance, tree: &mut Value, added: &mut u32) {
    match tree {
        Value::Object(map) => {
            let is_variant = map.len() == 1;
            for (_, value) in map.iter_mut() {
                sprinkle(chance, value, added);
            }
            if !is_variant && chance.below(3) == 0 {
                map.insert(format!("future-{}", chance.below(99)), chance.tree(3));
                *added += 1;
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| sprinkle(chance, item, added)),
        _ => {}
    }
}

#[test]
fn a_thousand_machines_with_unknown_keys_survive_saving() {
    let mut chance = Chance::new();
    let mut added = 0;
    for round in 0..1000 {
        let known = random_machine(&mut chance, round);
        let plain = render(&MACHINE, &known, None).unwrap();
        let mut tree = text::read(&plain).unwrap();
        sprinkle(&mut chance, &mut tree, &mut added);
        for number in 0..chance.below(3) {
            let devices = tree["devices"].as_array_mut().unwrap();
            let place = chance.below(devices.len() as u64 + 1) as usize;
            let kind = json!({"Hologram": chance.tree(2)});
            devices.insert(place, json!({"id": format!("holo{number}"), "kind": kind}));
        }
        let before = read_machine(&text::write("By hand.", &tree));
        assert_eq!(before.value, known);
        let again = render(&MACHINE, &before.value, Some(&before)).unwrap();
        assert_eq!(text::read(&again), Ok(tree), "round {round}");
        // An edit changes what was edited and nothing else.
        let mut edited = before.value.clone();
        edited.notes = "edited".to_owned();
        let text = render(&MACHINE, &edited, Some(&before)).unwrap();
        let mut expected = text::read(&again).unwrap();
        expected["notes"] = json!("edited");
        assert_eq!(text::read(&text), Ok(expected), "round {round}");
    }
    assert!(added > 1000, "{added}");
}

fn random_machine(chance: &mut Chance, number: u32) -> Machine {
    let mut machine = machine(number);
    machine.name = chance.text();
    machine.notes = chance.text();
    machine.memory = ByteSize(chance.next());
    machine.tags = (0..chance.below(4)).map(|_| chance.text()).collect();
    machine.trashed = (chance.below(2) == 0).then(|| Timestamp(chance.next()));
    let extra = chance.below(4);
    for place in 0..extra {
        let id = machine.free_device_id("disk");
        let chain =
            (0..=chance.below(3)).map(|n| layer(machine_id(number), (place * 9 + n) as u32));
        let disk = Disk {
            bus: *chance.pick(&DiskBus::ALL),
            read_only: chance.below(2) == 0,
            serial: (chance.below(2) == 0).then(|| chance.text()),
            ..Disk::new(DiskSource::Layers(chain.collect()), ByteSize(chance.next()))
        };
        let kinds = [DeviceKind::Disk(disk), DeviceKind::Keyboard];
        machine.devices.push(Device {
            id,
            kind: chance.pick(&kinds).clone(),
            address: Address::Board,
        });
    }
    machine
}

#[test]
fn unknown_keys_stay_with_their_device_when_others_come_and_go() {
    let mut tree = text::read(&render(&MACHINE, &machine(1), None).unwrap()).unwrap();
    tree["devices"][1]["kind"]["Nic"]["rate"] = json!(10);
    let before = read_machine(&text::write("", &tree));
    assert_eq!(
        before.warnings,
        ["The key “devices/1/kind/Nic/rate” is not known to this version; it is kept"]
    );
    let mut edited = before.value.clone();
    edited.devices.remove(0);
    edited.devices.push(Device {
        id: "tablet0".to_owned(),
        kind: DeviceKind::Tablet,
        address: Address::Board,
    });
    let after = text::read(&render(&MACHINE, &edited, Some(&before)).unwrap()).unwrap();
    assert_eq!(after["devices"][0]["kind"]["Nic"]["rate"], json!(10));
    // A device that is gone takes its keys along.
    edited.devices.remove(0);
    let after = render(&MACHINE, &edited, Some(&before)).unwrap();
    assert!(!after.contains("rate"), "{after}");
}

#[test]
fn unknown_keys_stay_with_their_layer_when_the_chain_grows() {
    let mut tree = text::read(&render(&MACHINE, &machine(1), None).unwrap()).unwrap();
    tree["devices"][0]["kind"]["Disk"]["source"]["Layers"][0]["hash"] = json!("abc");
    let before = read_machine(&text::write("", &tree));
    let mut edited = before.value.clone();
    let DeviceKind::Disk(disk) = &mut edited.devices[0].kind else {
        panic!("the first device is the disk");
    };
    let DiskSource::Layers(chain) = &mut disk.source else {
        panic!("it has layers");
    };
    chain.push(layer(machine_id(1), 77));
    let after = text::read(&render(&MACHINE, &edited, Some(&before)).unwrap()).unwrap();
    let layers = &after["devices"][0]["kind"]["Disk"]["source"]["Layers"];
    assert_eq!(layers[0]["hash"], json!("abc"));
    assert_eq!(layers.as_array().unwrap().len(), 2);
}

#[test]
fn a_device_of_an_unknown_kind_is_kept_and_named() {
    let mut tree = text::read(&render(&MACHINE, &machine(1), None).unwrap()).unwrap();
    let devices = tree["devices"].as_array_mut().unwrap();
    devices.insert(
        1,
        json!({"id": "gpu0", "kind": {"Venus": {"blob": 256}}, "address": "Board"}),
    );
    let before = read_machine(&text::write("", &tree));
    assert_eq!(before.value, machine(1));
    assert_eq!(
        before.warnings,
        [
            "The device “devices/gpu0” is of a kind that this version does not know \
             (unknown variant `Venus`); it is kept, but the machine starts without it"
        ]
    );
    let mut edited = before.value.clone();
    edited.devices[0].id = "gpu0".to_owned();
    let error = render(&MACHINE, &edited, Some(&before)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("“devices”: the id \"gpu0\" already belongs"),
        "{error}"
    );
}

#[test]
fn a_newer_file_is_shown_and_not_rewritten() {
    let text = render(&MACHINE, &machine(1), None).unwrap();
    let newer = text.replacen("\"version\": 1", "\"version\": 7", 1);
    let document = read_machine(&newer);
    assert_eq!(document.newer, Some(7));
    let error = render(&MACHINE, &machine(1), Some(&document)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "file version 7 is newer than 1, the newest that this Orangery knows"
    );
}
