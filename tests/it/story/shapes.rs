//! What scripts read: the shapes of all that is printed as JSON, and the trash.

use serde_json::Value;

use super::House;

#[track_caller]
fn check_keys(value: &Value, wanted: &[&str]) {
    for key in wanted {
        assert!(value.get(key).is_some(), "no {key} in {value}");
    }
}

#[test]
fn a_running_machine_is_printed_with_all_that_scripts_need() {
    let house = House::with_card();
    let list = house.json(&["list"]);
    let [row] = list.as_array().unwrap().as_slice() else {
        panic!("{list}");
    };
    check_keys(
        row,
        &[
            "id",
            "name",
            "state",
            "since",
            "memory_mib",
            "cpus",
            "pid",
            "accelerator",
            "path",
        ],
    );
    assert_eq!(row["memory_mib"], 128);
    let id = row["id"].as_str().unwrap();
    let shown = house.json(&["show", &id[..8]]);
    assert_eq!(shown["id"], id);
    check_keys(
        &shown,
        &[
            "machine",
            "pending",
            "job",
            "trouble",
            "console_open",
            "generation",
        ],
    );
    check_keys(
        &shown["machine"],
        &[
            "machine_type",
            "arch",
            "devices",
            "boot",
            "firmware",
            "saved",
        ],
    );
}

#[test]
fn measurements_and_the_command_line_are_printed_for_scripts() {
    let house = House::with_card();
    let stats = house.json(&["stats", "CARD"]);
    check_keys(
        &stats,
        &["id", "name", "at_ms", "cpu", "disk_read", "disk_written"],
    );
    assert!(stats["resident"].as_u64().unwrap() > 10 << 20, "{stats}");

    let line = house.json(&["command-line", "Card"]);
    let args: Vec<&str> = line
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        args[0].ends_with("qemu-system-x86_64") && args.contains(&"-sandbox"),
        "{args:?}"
    );
    assert!(
        !args
            .iter()
            .any(|arg| arg.contains("tcp:") || arg.contains("hostfwd")),
        "{args:?}"
    );
    assert!(
        house
            .done(&["command-line", "Card"])
            .contains(" -nodefaults ")
    );
}

#[test]
fn the_doctor_tells_which_accelerator_and_why() {
    let house = House::new();
    let report = house.json(&["doctor"]);
    assert_eq!(report["can_run"], true);
    let choice = report["accelerator"]["choice"].as_str().unwrap();
    assert!(choice == "kvm" || choice == "tcg", "{report}");
    assert!(report["accelerator"]["reason"].as_str().unwrap().len() > 10);
    for check in report["checks"].as_array().unwrap() {
        check_keys(check, &["id", "title", "level", "finding", "fix"]);
        let bad = check["level"] != "good";
        assert!(!bad || check["fix"].is_string(), "no way out: {check}");
    }
}

#[test]
fn a_deleted_machine_waits_in_the_trash_and_comes_back_under_a_free_name() {
    let house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    let folder = house.machine("Card");
    house.done(&["delete", "Card"]);
    assert_eq!(house.json(&["list"]), Value::Array(Vec::new()));
    assert!(house.row("Card")["trashed"].is_u64());
    let trash = house.json(&["trash"]);
    assert!(trash["size"].as_u64().unwrap() > 100_000, "{trash}");
    assert_eq!(trash["machines"][0]["name"], "Card");
    assert!(
        house
            .refused(&["start", "Card"])
            .contains("The machine is in the trash; restore it first")
    );

    house.done(&["create", "card", "--test-card"]); // The name is free meanwhile.
    house.done(&["restore", "Card"]);
    assert_eq!(house.machine("Card-2"), folder);
    assert_eq!(house.state("Card-2"), "off");

    house.done(&["delete", "Card-2"]);
    let complaint = house.refused(&["trash", "--empty"]);
    assert!(complaint.contains("Add --yes"), "{complaint}");
    house.done(&["trash", "--empty", "--yes"]);
    assert!(!folder.exists());
    assert_eq!(house.done(&["trash"]), "The trash is empty\n");
    assert_eq!(house.state("card"), "off");
}

#[test]
fn a_running_machine_is_not_deleted() {
    let house = House::with_card();
    assert!(
        house
            .refused(&["delete", "Card"])
            .contains("The machine is running; shut it down first")
    );
    assert_eq!(house.state("Card"), "running");
}
