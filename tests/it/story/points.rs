//! What going back to a point brings back, and what it tells the guest: pauses, one disk alone, disks from elsewhere,
//! firmware and TPM.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::debian::{Shell, debian_in};
use super::time::{entries, reads, with_disk, write};
use super::{House, rounds, soak, wait_for};
use crate::guests::alone;

#[test]
fn a_machine_that_was_paused_then_is_paused_again() {
    let house = House::with_card();
    house.card("Card");
    house.done(&["pause", "Card"]);
    let still = house.picture("Card");
    house.done(&["snapshot", "take", "Card", "still"]);
    assert_eq!(house.state("Card"), "paused");
    house.done(&["resume", "Card"]);
    house.card_when("Card", "another frame", |_| house.picture("Card") != still);
    house.done(&["snapshot", "take", "Card", "running"]);
    house.done(&["snapshot", "rewind", "Card", "still"]);
    assert_eq!(house.state("Card"), "paused");
    assert_eq!(house.picture("Card"), still, "the very picture");
    house.done(&["resume", "Card"]);
    house.card_when("Card", "another frame", |_| house.picture("Card") != still);
    house.done(&["snapshot", "rewind", "Card", "running"]);
    assert_eq!(house.state("Card"), "running");
}

#[test]
fn one_disk_is_kept_alone_and_comes_back_alone() {
    let house = with_disk();
    let first = house.card("Card").disk_boots;
    write(&house, 0, 1);
    house.done(&["snapshot", "take", "Card", "data", "--disk", "disk1"]);
    assert_eq!(house.state("Card"), "running");
    write(&house, 0, 2);
    reads(&house, &[(0, 2)]);
    let list = entries(&house);
    assert_eq!(
        (&list[0]["disk"], &list[0]["with_memory"]),
        (&json!("disk1"), &json!(false))
    );
    // The guest boots, as after a power cut: its other disk counts on.
    house.done(&["snapshot", "rewind", "Card", "data"]);
    assert_eq!(house.state("Card"), "running");
    reads(&house, &[(0, 1)]);
    let boots = |card: &crate::card::CardReport| card.disk_boots == first + 1;
    house.card_when("Card", "the next boot", boots);
    let kept = entries(&house)[1]["id"].as_str().unwrap().to_owned();
    house.done(&["snapshot", "rewind", "Card", &kept, "--drop-present"]);
    reads(&house, &[(0, 2)]);

    house.done(&["power-off", "Card"]);
    house.done(&["snapshot", "take", "Card", "off", "--disk", "disk1"]);
    house.done(&["set", "Card", "memory=192M"]);
    house.done(&["snapshot", "rewind", "Card", "data", "--start"]);
    reads(&house, &[(0, 1)]);
    assert_eq!(house.row("Card")["memory_mib"], json!(192));
    house.done(&["snapshot", "verify", "Card"]);
    house.done(&["snapshot", "delete", "Card", "data", &kept, "--yes"]);
    reads(&house, &[(0, 1)]);
    house.done(&["snapshot", "rewind", "Card", "off", "--drop-present"]);
    reads(&house, &[(0, 2)]);
    let complaint = house.refused(&["snapshot", "take", "Card", "--disk", "nic0"]);
    assert!(complaint.contains("It has no disk “nic0”"), "{complaint}");
}

#[test]
fn a_disk_from_elsewhere_is_copied_in_and_the_snapshot_taken() {
    let house = House::new();
    let path = house.path().join("data.img");
    let bytes: Vec<u8> = (0..2 << 20).map(|at: u32| (at / 512) as u8).collect();
    #[expect(clippy::disallowed_methods, reason = "a file of a test")]
    std::fs::write(&path, &bytes).unwrap();
    house.done(&["create", "Placed", "--disk", "data.img", "--memory", "64M"]);
    let complaint = house.refused(&["snapshot", "take", "Placed", "first"]);
    assert!(complaint.contains("--move-in"), "{complaint}");
    house.done(&["start", "Placed"]);
    let complaint = house.refused(&["snapshot", "take", "Placed", "first", "--move-in"]);
    assert!(
        complaint.contains("Shut the machine down first"),
        "{complaint}"
    );
    house.done(&["power-off", "Placed"]);
    house.done(&["snapshot", "take", "Placed", "first", "--move-in"]);
    assert!(std::fs::read(&path).unwrap() == bytes, "the file stays");
    std::fs::remove_file(&path).unwrap();
    let disks = house.done(&["disk", "list", "Placed"]);
    assert!(!disks.contains("data.img"), "{disks}");
    assert!(content(&house, "Placed", Some("disk0")) == bytes);
    house.done(&["start", "Placed"]);
    house.done(&["snapshot", "take", "Placed", "second", "--move-in"]);
    house.done(&["snapshot", "rewind", "Placed", "first"]);
    house.done(&["snapshot", "verify", "Placed"]);
}

/// The topmost layer of a disk, or of the firmware's variables.
fn top(house: &House, name: &str, disk: Option<&str>) -> PathBuf {
    let machine = house.json(&["show", name])["machine"].clone();
    let chain = match disk {
        None => machine["firmware"]["variables"].clone(),
        Some(disk) => {
            let mut devices = machine["devices"].as_array().unwrap().iter();
            let device = devices.find(|device| device["id"] == disk).unwrap();
            device["kind"]["Disk"]["source"]["Layers"].clone()
        }
    };
    let top = chain.as_array().unwrap().last().unwrap()["layer"].clone();
    let file = format!("{}.qcow2", top.as_str().unwrap());
    house.machine(name).join("disks").join(file)
}

/// What a guest reads of a disk of a machine that is off, or of its firmware's variables.
fn content(house: &House, name: &str, disk: Option<&str>) -> Vec<u8> {
    let target = house.path().join("raw");
    #[expect(clippy::disallowed_methods, reason = "a stranger's tool")]
    let converted = std::process::Command::new("qemu-img")
        .args(["convert", "-U", "-f", "qcow2", "-O", "raw"])
        .args([&top(house, name, disk), &target])
        .status()
        .unwrap();
    assert!(converted.success());
    std::fs::read(&target).unwrap()
}

/// What the TPM of a machine that is off keeps.
fn tpm(house: &House) -> Vec<u8> {
    let id = house.json(&["show", "Secure"])["machine"]["tpm"].clone();
    let folder = house
        .machine("Secure")
        .join("tpm")
        .join(id.as_str().unwrap());
    let files = super::files_below(&folder).unwrap();
    let permanent = |file: &PathBuf| file.to_string_lossy().ends_with(".permall");
    let file = files.into_iter().find(permanent);
    std::fs::read(folder.join(file.unwrap())).unwrap()
}

/// Waits until the firmware has written more than `before` holds; the machine is paused then, and everything on disk.
#[track_caller]
fn firmware_wrote(house: &House, before: &[u8]) -> Vec<u8> {
    wait_for("the firmware to write its variables", 120, || {
        house.done(&["pause", "Secure"]);
        let now = content(house, "Secure", None);
        if now != before {
            return Ok(now);
        }
        house.done(&["resume", "Secure"]);
        std::thread::sleep(Duration::from_millis(500));
        Err(())
    })
}

/// A firmware with Secure Boot: it counts its boots in its variables, and its TPM counts them too.
#[test]
fn firmware_and_tpm_are_as_they_were_then() {
    if !soak() {
        println!("skipped: only with ORANGERY_SOAK=1, for three boots of an emulated firmware");
        return;
    }
    for program in ["swtpm", "qemu-img"] {
        if orangery::confine::find_program(program).is_none() {
            eprintln!("skipped: there is no {program}");
            return;
        }
    }
    let house = House::new();
    let create = ["create", "Secure", "--firmware", "secure"];
    house.done(&[&create[..], &["--memory", "256M", "--cpus", "1"]].concat());
    house.done(&["device", "add", "Secure", "tpm"]);
    house.done(&["start", "Secure"]);
    let fresh = content(&house, "Secure", None);
    firmware_wrote(&house, &fresh);
    house.done(&["power-off", "Secure"]);
    house.done(&["snapshot", "take", "Secure", "one"]);
    let one = (content(&house, "Secure", None), tpm(&house));

    house.done(&["start", "Secure"]);
    let second = firmware_wrote(&house, &one.0);
    let screen = house.picture("Secure");
    house.done(&["snapshot", "take", "Secure", "two"]);
    house.done(&["power-off", "Secure"]);
    let two = (content(&house, "Secure", None), tpm(&house));
    assert!(two.0 != one.0 && two.1 != one.1, "nothing happened");

    house.done(&["snapshot", "rewind", "Secure", "one"]);
    assert_eq!(house.state("Secure"), "off");
    assert!((content(&house, "Secure", None), tpm(&house)) == one);
    house.done(&["snapshot", "rewind", "Secure", "two", "--start"]);
    assert_eq!(house.picture("Secure"), screen);
    assert!(content(&house, "Secure", None) == second);
    house.done(&["power-off", "Secure"]);
    assert!(tpm(&house) == two.1);
    house.done(&["snapshot", "verify", "Secure"]);
}

/// Seconds since 1970, in the guest and here.
fn clocks(shell: &mut Shell) -> (i64, i64) {
    let guest = shell.ask("date +%s").parse().unwrap();
    let here = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    (guest, i64::try_from(here.unwrap().as_secs()).unwrap())
}

/// Waits until the guest has heard from its cable and its agent, after a start from memory with a clock that is wrong.
#[track_caller]
pub fn knows_the_time_and_its_network(shell: &mut Shell, carrier_before: u32) {
    wait_for("the guest's clock to be right", 60, || {
        let (guest, here) = clocks(shell);
        ((guest - here).abs() <= 5).then_some(()).ok_or(guest)
    });
    wait_for("the cable to be out and in again", 30, || {
        let changes = carrier_changes(shell);
        let up = shell.ask("cat /sys/class/net/eth0/carrier");
        (changes >= carrier_before + 2 && up == "1")
            .then_some(())
            .ok_or((changes, up))
    });
}

pub fn carrier_changes(shell: &mut Shell) -> u32 {
    let changes = shell.ask("cat /sys/class/net/eth0/carrier_changes");
    changes.parse().unwrap()
}

#[test]
fn debian_is_right_again_after_an_old_snapshot() {
    if !soak() {
        println!(
            "skipped: only with ORANGERY_SOAK=1; the story of Debian has the same after a save"
        );
        return;
    }
    let _alone = alone();
    let house = House::new();
    if debian_in(&house).is_none() {
        return;
    }
    house.done(&["snapshot", "take", "Debian", "new", "--move-in"]);
    house.done(&["start", "Debian"]);
    let mut shell = Shell::of(&house, "Debian");
    shell.wait_for_login();
    shell.ask("date -s @1700000000");
    let before = carrier_changes(&mut shell);
    let address = "ip -4 -o addr show eth0 | wc -l";
    wait_for("an address", 60, || {
        let count = shell.ask(address);
        (count == "1").then_some(()).ok_or(count)
    });
    house.done(&["snapshot", "take", "Debian", "old"]);
    for _ in 0..rounds(1, 3) {
        house.done(&["snapshot", "rewind", "Debian", "old", "--drop-present"]);
        let mut shell = Shell::of(&house, "Debian");
        shell.wait_for_login();
        knows_the_time_and_its_network(&mut shell, before);
        wait_for("an address again", 60, || {
            let count = shell.ask(address);
            (count == "1").then_some(()).ok_or(count)
        });
    }
}
