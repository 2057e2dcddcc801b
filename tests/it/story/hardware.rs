//! Hardware edited from the command line: at once where the guest runs, with the next start otherwise.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use orangery::qemu::qmp::Client;
use serde_json::{Value, json};

use super::{House, files_below, wait_for};

const SOON: Duration = Duration::from_secs(10);

/// QEMU's second monitor, which is free for others.
pub fn monitor(house: &House, name: &str) -> Client {
    let manifest = fs::read(house.launch(name).join("launch.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let socket = manifest["sockets"]["monitor2"].as_str().unwrap();
    Client::connect(Path::new(socket), SOON).unwrap().0
}

pub fn query(client: &Client, command: &str) -> Value {
    client.call_raw(command, json!({}), SOON).unwrap()
}

/// What QEMU says of a drive.
pub fn drive(client: &Client, id: &str) -> Value {
    let all = query(client, "query-block");
    let mut all = all.as_array().unwrap().iter();
    all.find(|drive| drive["qdev"] == id).unwrap().clone()
}

fn file(house: &House, name: &str, size: u64) -> String {
    let path = house.path().join(name);
    fs::File::create(&path).unwrap().set_len(size).unwrap();
    path.display().to_string()
}

fn machine(house: &House) -> Value {
    house.json(&["show", "Card"])["machine"].clone()
}

fn pending(house: &House) -> bool {
    house.json(&["show", "Card"])["pending"].as_bool().unwrap()
}

#[test]
fn media_and_cables_change_at_once_and_stay_through_a_save() {
    let house = House::with_card();
    let (one, two) = (
        file(&house, "one.iso", 1 << 20),
        file(&house, "two.iso", 3 << 20),
    );
    house.done(&["insert", "Card", &one]);
    {
        let qmp = monitor(&house, "Card");
        let cd = drive(&qmp, "cd0");
        assert_eq!(cd["inserted"]["image"]["virtual-size"], 1 << 20);
        assert_eq!(cd["tray_open"], false);
        assert_eq!(cd["inserted"]["ro"], true);
        assert!(!pending(&house));

        house.done(&["set", "Card", &format!("cd={two}")]);
        assert_eq!(
            drive(&qmp, "cd0")["inserted"]["image"]["virtual-size"],
            3 << 20
        );
        assert_eq!(
            query(&qmp, "query-fdsets").as_array().unwrap().len(),
            1,
            "one file is in use"
        );
        house.done(&["device", "set", "Card", "nic0", "link=down"]);
        assert!(!pending(&house));
    }
    house.done(&["save", "Card"]);
    house.done(&["start", "Card"]);
    {
        let qmp = monitor(&house, "Card");
        assert_eq!(
            drive(&qmp, "cd0")["inserted"]["image"]["virtual-size"],
            3 << 20
        );
        // The cable can't be asked for; that it is out at the start is seen by a Debian.
        assert!(!pending(&house));
        house.done(&["eject", "Card"]);
        assert!(drive(&qmp, "cd0").get("inserted").is_none());
        let nodes = query(&qmp, "query-named-block-nodes");
        assert!(!nodes.to_string().contains("two.iso"), "{nodes}");
    }
    let shown = machine(&house).to_string();
    assert!(!shown.contains("two.iso"), "{shown}");

    let gone = house.path().join("gone.iso").display().to_string();
    let complaint = house.refused(&["insert", "Card", &gone]);
    assert!(complaint.contains("No such file"), "{complaint}");
    let complaint = house.refused(&["insert", "Card", house.path().to_str().unwrap()]);
    assert!(complaint.contains("is not a file"), "{complaint}");
    assert!(!machine(&house).to_string().contains("gone.iso"));
}

#[test]
fn a_later_owner_knows_what_was_changed_while_the_guest_ran() {
    let house = House::with_card();
    let iso = file(&house, "one.iso", 1 << 20);
    house.done(&["insert", "Card", &iso]);
    house.done(&["device", "set", "Card", "nic0", "link=down"]);
    house.kill_agent();
    assert!(!pending(&house));
    house.done(&["eject", "Card"]);
    house.done(&["device", "set", "Card", "nic0", "link=up"]);
    assert!(!pending(&house));
    house.done(&["device", "set", "Card", "nic0", "model=e1000"]);
    assert!(pending(&house));
    house.kill_agent();
    assert!(pending(&house));
    house.done(&["drop-pending", "Card"]);
    assert!(!pending(&house));
}

#[test]
fn a_floppy_is_changed_while_the_guest_runs_and_must_be_writable() {
    let house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    house.done(&["device", "add", "Card", "floppy"]);
    house.done(&["start", "Card"]);
    let image = file(&house, "a.img", 1_474_560);
    house.done(&["insert", "Card", &image, "--drive", "floppy0"]);
    let qmp = monitor(&house, "Card");
    let floppy = drive(&qmp, "floppy0");
    assert_eq!(floppy["inserted"]["ro"], false, "{floppy}");
    let fixed = file(&house, "fixed.img", 1_474_560);
    let mut access = fs::metadata(&fixed).unwrap().permissions();
    access.set_readonly(true);
    fs::set_permissions(&fixed, access).unwrap();
    let complaint = house.refused(&["insert", "Card", &fixed, "--drive", "floppy0"]);
    assert!(complaint.contains("must be writable"), "{complaint}");
    house.done(&["eject", "Card", "--drive", "floppy0"]);
    assert!(drive(&qmp, "floppy0").get("inserted").is_none());
    house.done(&["insert", "Card", &image, "--drive", "floppy0"]);
    drop(qmp);
    house.done(&["save", "Card"]);
    house.done(&["start", "Card"]);
    let qmp = monitor(&house, "Card");
    assert!(drive(&qmp, "floppy0").get("inserted").is_some());
    let complaint = house.refused(&["insert", "Card", &image, "--drive", "nic0"]);
    assert!(
        complaint.contains("no drive for CDs or floppies"),
        "{complaint}"
    );
}

#[test]
fn disks_are_added_detached_attached_and_deleted() {
    let house = House::with_card();
    let disks = || house.json(&["disk", "list", "Card"]);
    let files = || {
        let folder = fs::read_dir(house.machine("Card").join("disks")).unwrap();
        folder.count()
    };
    house.done(&["disk", "add", "Card", "--size", "8M", "--bus", "scsi"]);
    assert!(pending(&house));
    assert_eq!(files(), 2);
    let text = house.done(&["device", "list", "Card"]);
    assert!(text.contains("scsi0") && text.contains("disk1"), "{text}");
    let complaint = house.refused(&["disk", "add", "Card", "--size", "8M", "--bus", "ide"]);
    assert!(complaint.contains("This board has no IDE"), "{complaint}");
    assert_eq!(files(), 2);

    // What waits is dropped, and the disk is not lost.
    house.done(&["drop-pending", "Card"]);
    assert!(!pending(&house));
    let all = disks();
    assert_eq!(all[1]["device"], Value::Null, "{all}");
    let id = all[1]["id"].as_str().unwrap()[..8].to_owned();
    house.done(&["disk", "attach", "Card", &id, "--bus", "virtio"]);
    house.done(&["power-off", "Card"]);
    house.done(&["start", "Card"]);
    let qmp = monitor(&house, "Card");
    let sizes = query(&qmp, "query-block").to_string();
    assert!(
        sizes.contains(&format!("\"virtual-size\":{}", 8 << 20)),
        "{sizes}"
    );

    // The running guest still has it.
    house.done(&["device", "remove", "Card", "disk1"]);
    let complaint = house.refused(&["disk", "delete", "Card", &id, "--yes"]);
    assert!(complaint.contains("still has it"), "{complaint}");
    assert_eq!(files(), 2);
    drop(qmp);
    house.done(&["power-off", "Card"]);
    let complaint = house.refused(&["disk", "delete", "Card", &id]);
    assert!(complaint.contains("Add --yes"), "{complaint}");
    house.done(&["disk", "delete", "Card", &id, "--yes"]);
    assert_eq!(files(), 1);
    assert_eq!(disks().as_array().unwrap().len(), 1);
    house.done(&["start", "Card"]);
}

#[test]
fn images_become_further_disks_where_they_lie_or_as_a_copy() {
    let house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    let raw = file(&house, "raw.img", 1 << 20);
    house.done(&["disk", "add", "Card", "--in-place", &raw, "--bus", "sata"]);
    house.done(&["disk", "add", "Card", "--copy", &raw, "--bus", "nvme"]);
    let complaint = house.refused(&["disk", "add", "Card", "--in-place", &raw]);
    assert!(complaint.contains("plugged in twice"), "{complaint}");
    let complaint = house.refused(&["disk", "add", "Card", "--copy", "none.img"]);
    assert!(complaint.contains("none.img"), "{complaint}");
    assert_eq!(
        fs::read_dir(house.machine("Card").join("disks"))
            .unwrap()
            .count(),
        2
    );
    house.done(&["start", "Card"]);
    let qmp = monitor(&house, "Card");
    let found = query(&qmp, "query-block").to_string();
    assert_eq!(
        found.matches("\"virtual-size\":1048576").count(),
        2,
        "{found}"
    );
    drop(qmp);
    // Not every part can be saved; who keeps it is told, and the guest goes on.
    let complaint = house.refused(&["save", "Card"]);
    assert!(complaint.contains("nvme"), "{complaint}");
    assert_eq!(house.state("Card"), "running");
}

#[test]
fn a_copy_that_a_killed_owner_left_is_swept_by_the_next() {
    let house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    let image = house.path().join("large.img");
    let mut large = fs::File::create(&image).unwrap();
    for _ in 0..512 {
        large.write_all(&[0x5a; 1 << 20]).unwrap();
    }
    let disks = house.machine("Card").join("disks");
    let partials = || {
        let mut files = files_below(&disks).unwrap();
        files.retain(|path| path.extension() == Some("partial".as_ref()));
        files
    };
    let mut add = house
        .command(&["disk", "add", "Card", "--copy", image.to_str().unwrap()])
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_for("the copy to begin", 60, || {
        (partials().len() == 1).then_some(()).ok_or("no file")
    });
    house.kill_agent();
    add.wait().unwrap();
    let left = partials();
    assert_eq!(left.len(), 1, "the copy was quicker than the kill");
    let trash = house.orangery(&["trash"]); // Needs an owner, so there is a new one.
    let told = String::from_utf8(trash.stderr).unwrap();
    assert!(told.contains("while it made 1 of them"), "{told}");
    assert_eq!(partials(), Vec::<std::path::PathBuf>::new());
    let log = house.path().join("home/.local/state/orangery/log");
    let log = fs::read_to_string(log).unwrap();
    let line = format!("Removed unfinished work: {}", left[0].display());
    assert!(log.contains(&line), "{log}");
    house.done(&["start", "Card"]);
}
