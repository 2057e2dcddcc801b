//! A machine's life, told by the test card.

use std::path::Path;
use std::time::Duration;

use super::{House, wait_for};
use crate::card::{self, Accelerator, Disk};

#[test]
fn what_is_typed_arrives_and_each_boot_is_counted_on_the_disk() {
    let house = House::with_card();
    let first = house.card("Card");
    assert!(first.virtio_screen && first.virtio_keyboard, "{first:?}");
    assert_eq!((first.disk, first.disk_boots), (Disk::Works, 1));
    let accelerator = house.row("Card")["accelerator"].clone();
    let seen = match first.accelerator {
        Accelerator::Tcg => "tcg",
        _ => "kvm",
    };
    assert_eq!(accelerator, seen);

    let text = "Hello, orangery! 0123 ~{}|\"?";
    house.done(&["type", "Card", text]);
    house.done(&["key", "Card", "enter", "shift-a"]);
    let hash = card::text_hash(&format!("{text}\nA"));
    let typed = house.card_when("Card", "the typed text", |card| card.text_hash == hash);
    assert_eq!(typed.boot_nonce, first.boot_nonce);
    assert!(typed.keys >= 30, "{typed:?}");

    house.done(&["power-off", "Card"]);
    assert_eq!(house.state("Card"), "off");
    house.done(&["start", "Card"]);
    let second = house.card_when("Card", "its second boot", |card| card.disk_boots == 2);
    assert_ne!(second.boot_nonce, first.boot_nonce);
    assert_eq!(second.keys, 0);
}

#[test]
fn a_paused_machine_stands_still_and_goes_on_where_it_was() {
    let house = House::with_card();
    house.card("Card");
    house.done(&["pause", "Card"]);
    assert_eq!(house.state("Card"), "paused");
    let still = house.card("Card");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(house.card("Card"), still);
    let complaint = house.refused(&["shutdown", "Card", "--timeout", "5"]);
    assert_eq!(
        complaint,
        "Card: “Shut down” is not possible now: The machine is paused; resume it first\n"
    );
    house.done(&["resume", "Card"]);
    assert_eq!(house.state("Card"), "running");
    let later = house.card_when("Card", "later frames", |card| card.frame > still.frame);
    assert_eq!(later.boot_nonce, still.boot_nonce);
}

#[test]
fn reset_boots_again_in_the_same_process() {
    let house = House::with_card();
    let before = house.card("Card");
    let pid = house.pid("Card");
    house.done(&["reset", "Card"]);
    let after = house.card_when("Card", "another boot", |card| card.disk_boots == 2);
    assert_ne!(after.boot_nonce, before.boot_nonce);
    assert_eq!(house.pid("Card"), pid);
}

#[test]
fn the_power_button_shuts_the_guest_down() {
    let house = House::with_card();
    house.card("Card");
    let pid = house.pid("Card");
    assert_eq!(
        house.done(&["shutdown", "Card", "--timeout", "30"]),
        "Card is off\n"
    );
    assert_eq!(house.state("Card"), "off");
    assert!(!super::is_alive(pid));
    let process = format!("/proc/{pid}");
    wait_for("its QEMU to leave no zombie", 10, || {
        (!Path::new(&process).exists()).then_some(()).ok_or(pid)
    });
    assert!(
        house
            .refused(&["shutdown", "Card"])
            .contains("The machine is off")
    );
    assert!(
        !house.runtime().join("m").exists()
            || house
                .runtime()
                .join("m")
                .read_dir()
                .unwrap()
                .next()
                .is_none()
    );
}

#[test]
fn a_guest_that_ignores_its_power_button_is_still_on_or_forced() {
    let house = House::new();
    // Nothing on the disk: the BIOS waits for ever and knows no power button.
    house.done(&[
        "create",
        "Deaf",
        "--memory",
        "64M",
        "--disk-size",
        "1M",
        "--start",
    ]);
    house.wait_state("Deaf", "running");
    let complaint = house.refused(&["shutdown", "Deaf", "--timeout", "1"]);
    assert!(
        complaint.starts_with("Deaf is still on: The guest did not shut down within 1 seconds\n"),
        "{complaint}"
    );
    assert!(complaint.contains("orangery power-off Deaf"), "{complaint}");
    assert_eq!(house.state("Deaf"), "stopping");
    house.done(&["shutdown", "Deaf", "--timeout", "1", "--force"]);
    assert_eq!(house.state("Deaf"), "off");
}

#[test]
fn hardware_changes_come_at_once_when_off_and_at_the_next_start_when_running() {
    let house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    assert_eq!(
        house.done(&["set", "Card", "cpus=2", "memory=192M"]),
        "Card is changed\n"
    );
    house.done(&["start", "Card"]);
    assert!(arguments_of(&house).contains("-smp\0cpus=2,"));
    let line = house.done(&["set", "Card", "cpus=1", "memory=128M", "notes=two\nlines"]);
    assert!(line.contains("next start"), "{line}");
    let shown = house.json(&["show", "Card"]);
    assert_eq!(shown["pending"], true);
    assert_eq!(
        (shown["cpus"].as_u64(), shown["memory_mib"].as_u64()),
        (Some(1), Some(128))
    );
    assert!(
        house
            .done(&["show", "Card"])
            .contains("Changes take effect at the next start")
    );
    assert!(arguments_of(&house).contains("-smp\0cpus=2,"));
    house.done(&["power-off", "Card"]);
    house.done(&["start", "Card"]);
    assert_eq!(house.json(&["show", "Card"])["pending"], false);
    assert!(arguments_of(&house).contains("-smp\0cpus=1,"));
}

#[test]
fn pending_changes_are_known_to_the_next_owner() {
    let house = House::with_card();
    house.done(&["set", "Card", "cpus=2"]);
    house.kill_agent();
    house.done(&["stats", "Card"]); // Starts an owner.
    assert_eq!(house.json(&["show", "Card"])["pending"], true);
}

fn arguments_of(house: &House) -> String {
    super::arguments(house.pid("Card")).unwrap()
}

#[test]
fn the_pointer_is_seen_after_the_guest_has_a_tablet() {
    let house = House::with_card();
    let card = house.card_when("Card", "a tablet", |card| card.tablet);
    assert!(!card.pointer_seen, "nobody moved it: {card:?}");
}

#[test]
fn a_machine_of_four_starts_and_stops_many_times_without_leaving_anything() {
    let house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    for round in 1..=super::rounds(4, 40) {
        house.done(&["start", "Card"]);
        let boots = u32::try_from(round).unwrap();
        house.card_when("Card", "this boot", |card| card.disk_boots == boots);
        house.done(&["power-off", "Card"]);
    }
    let agent = house.agent_pid().unwrap();
    wait_for("QEMUs to be gone", 10, || {
        let left = house.processes();
        (left == [agent]).then_some(()).ok_or(left)
    });
    let open = std::fs::read_dir(format!("/proc/{agent}/fd"))
        .unwrap()
        .count();
    assert!(open < 40, "{open} files are open in the owner");
}
