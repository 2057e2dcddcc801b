//! Machine files, disks and ISOs that are broken, hostile, missing or in use.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::{edit, put, raw_disk};
use crate::story::House;

/// What to put in place of a machine's file.
fn hostile(good: &str) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("cut", good.as_bytes()[..good.len() / 2].to_vec()),
        ("empty", Vec::new()),
        (
            "noise",
            (0..70_000_u32)
                .flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes())
                .collect(),
        ),
        ("deep", "[".repeat(200_000).into_bytes()),
        ("deep map", "{\"a\":".repeat(100_000).into_bytes()),
        (
            "wrong id",
            good.replacen("\"id\": \"", "\"id\": \"0000", 1)
                .into_bytes(),
        ),
        (
            "no processors",
            good.replace("\"count\": 1", "\"count\": \"many\"")
                .into_bytes(),
        ),
        (
            "huge number",
            good.replace("\"count\": 1", "\"count\": 99999999999999999999999")
                .into_bytes(),
        ),
        ("not text", [good.as_bytes(), b"\xff\xfe\x00"].concat()),
    ]
}

#[test]
fn broken_machine_files_are_shown_kept_and_hide_no_other() {
    let house = House::new();
    for name in ["Good", "Bad"] {
        house.done(&["create", name, "--test-card"]);
    }
    let folder = house.machine("Bad");
    let id = folder.file_name().unwrap().to_str().unwrap().to_owned();
    let file = folder.join("machine.ron");
    let good = fs::read_to_string(&file).unwrap();
    for (what, bytes) in hostile(&good) {
        if house.agent_pid().is_some() {
            house.kill_agent();
        }
        put(&file, &bytes);
        let before = Instant::now();
        let list = house.json(&["list"]);
        assert!(
            before.elapsed() < Duration::from_secs(2),
            "{what}: {:?}",
            before.elapsed()
        );
        let states: Vec<_> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (&row["name"], &row["state"]))
            .collect();
        assert!(
            states.contains(&(&"Good".into(), &"off".into())),
            "{what}: {list}"
        );
        let bad = list
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["state"] == "broken")
            .unwrap_or_else(|| panic!("{what}: {list}"));
        assert_eq!(bad["path"].as_str(), folder.to_str(), "{what}");
        assert!(
            bad["error"].as_str().unwrap().len() > 10 && bad["memory_mib"].is_null(),
            "{what}: {bad}"
        );
        // An owner does not touch it either, whatever is asked of it.
        for task in ["start", "delete", "save"] {
            let complaint = house.refused(&[task, &id]);
            assert!(
                complaint.contains("The machine's file can't be read"),
                "{what}: {complaint}"
            );
        }
        house.done(&["set", "Good", "notes=touched"]);
        assert!(
            fs::read(&file).unwrap() == bytes,
            "{what}: the file was changed"
        );
        assert!(house.done(&["list"]).contains("Good"), "{what}");
    }
    house.kill_agent();
    put(&file, good.as_bytes());
    assert_eq!(house.state("Bad"), "off");
}

#[test]
fn a_machine_file_that_is_no_file_is_not_followed_or_waited_for() {
    let house = House::new();
    for name in ["Good", "Bad"] {
        house.done(&["create", name, "--test-card"]);
    }
    let file = house.machine("Bad").join("machine.ron");
    let keep = house.path().join("keep.ron");
    fs::rename(&file, &keep).unwrap();
    house.kill_agent();
    type Plant<'a> = (&'a str, &'a dyn Fn(&Path));
    let plants: [Plant<'_>; 4] = [
        ("a pipe", &|path| {
            mknodat(CWD, path, FileType::Fifo, Mode::RUSR, 0).unwrap()
        }),
        ("a folder", &|path| fs::create_dir(path).unwrap()),
        ("a link", &|path| symlink(&keep, path).unwrap()),
        ("8 GiB", &|path| {
            fs::File::create(path).unwrap().set_len(8 << 30).unwrap()
        }),
    ];
    for (what, plant) in plants {
        plant(&file);
        let before = Instant::now();
        assert_eq!(house.state("Good"), "off", "{what}");
        let list = house.json(&["list"]);
        assert!(list.to_string().contains("\"broken\""), "{what}: {list}");
        house.done(&["set", "Good", "notes=x"]);
        assert!(
            before.elapsed() < Duration::from_secs(5),
            "{what}: {:?}",
            before.elapsed()
        );
        house.kill_agent();
        fs::remove_dir(&file)
            .or_else(|_| fs::remove_file(&file))
            .unwrap();
    }
}

#[test]
fn unknown_fields_survive_what_we_change() {
    let house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    edit(
        &house,
        "Card",
        "    \"cpu\": {",
        "    \"future\": [1, {\"two\": None}],\n    \"cpu\": {",
    );
    house.done(&["set", "Card", "cpus=3", "name=Renamed"]);
    let text = fs::read_to_string(house.machine("Renamed").join("machine.ron")).unwrap();
    let packed: String = text.split_whitespace().collect();
    assert!(packed.contains("\"future\":[1,{\"two\":None,},]"), "{text}");
}

#[test]
fn a_disk_that_is_away_makes_a_machine_unavailable_until_it_is_back() {
    let house = House::new();
    let disk = raw_disk(&house, "disk.img");
    house.done(&["create", "Away", "--disk", "disk.img", "--memory", "64M"]);
    let record = house.machine("Away").join("machine.ron");
    let before = fs::read(&record).unwrap();
    fs::rename(&disk, house.path().join("elsewhere")).unwrap();
    for owner in [true, false] {
        assert_eq!(house.state("Away"), "unavailable", "with an owner: {owner}");
        let error = house.error("Away");
        assert!(
            error.starts_with(&format!(
                "Away is unavailable: Its disk {} can't be reached: No such file",
                disk.display()
            )),
            "{error}"
        );
        if owner {
            let complaint = house.refused(&["start", "Away"]);
            assert!(
                complaint.contains("A disk of the machine is missing; see its page"),
                "{complaint}"
            );
            house.kill_agent();
        }
    }
    fs::rename(house.path().join("elsewhere"), &disk).unwrap();
    assert_eq!(house.state("Away"), "off");
    assert!(
        fs::read(&record).unwrap() == before,
        "nothing was rewritten"
    );
    house.done(&["start", "Away"]);
    assert_eq!(house.state("Away"), "running");
    // In the trash it has no need of its disk, which may be on its way out.
    house.done(&["power-off", "Away"]);
    house.done(&["delete", "Away"]);
    fs::rename(&disk, house.path().join("elsewhere")).unwrap();
    let list = house.done(&["list", "--all"]);
    assert!(
        list.contains("in trash") && !list.contains("unavailable"),
        "{list}"
    );
    house.done(&["restore", "Away"]);
    assert_eq!(house.state("Away"), "unavailable");
}

#[test]
fn a_disk_in_use_names_the_machine_that_has_it() {
    let house = House::new();
    let disk = raw_disk(&house, "shared.img");
    fs::hard_link(&disk, house.path().join("same.img")).unwrap();
    for (name, path) in [
        ("First", "shared.img"),
        ("Second", "shared.img"),
        ("Third", "same.img"),
    ] {
        house.done(&["create", name, "--disk", path, "--memory", "64M"]);
    }
    house.done(&["start", "First"]);
    let complaint = house.refused(&["start", "Second"]);
    let expected = format!(
        "Second did not start: The disk {} is in use by the machine “First”\nShut that machine down first",
        disk.display()
    );
    assert!(complaint.starts_with(&expected), "{complaint}");
    let complaint = house.refused(&["start", "Third"]); // Another path to the same file.
    assert!(complaint.contains("same.img is in use by"), "{complaint}");
    assert_eq!(
        [house.state("First"), house.state("Second")],
        ["running", "off"]
    );
    house.done(&["power-off", "First"]);
    house.done(&["start", "Second"]);
}

/// Another program, another library and another QEMU find the same lock.
#[test]
fn a_disk_that_another_program_has_open_is_not_started() {
    let house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    let layer = fs::read_dir(house.machine("Card").join("disks")).unwrap();
    let layer = layer.flatten().next().unwrap().path();
    let mut holder = open_for_writing(&layer);
    let complaint = house.refused(&["start", "Card"]);
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(
        complaint.starts_with("Card did not start: ")
            && complaint.contains(&format!("is in use by qemu-io (process {})", holder.id())),
        "{complaint}"
    );
    house.done(&["start", "Card"]);
    // The other way round as well: while it runs, nobody else writes to it.
    let mut late = open_for_writing(&layer);
    let said = std::io::read_to_string(late.stderr.take().unwrap()).unwrap();
    assert!(
        !late.wait().unwrap().success() && said.contains("lock"),
        "{said}"
    );
}

/// A program that has opened a qcow2 file for writing, or failed to.
#[expect(clippy::disallowed_methods, reason = "a stranger's tool")]
fn open_for_writing(layer: &Path) -> std::process::Child {
    use std::io::Read as _;
    use std::process::Stdio;
    let mut child = std::process::Command::new("qemu-io")
        .args(["-f", "qcow2"])
        .arg(layer)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It asks for commands once the file is open, and ends where it can't be.
    let _ = child.stdout.as_mut().unwrap().read(&mut [0]).unwrap();
    child
}

#[test]
fn what_a_library_keeps_is_not_written_to_as_another_machines_disk() {
    let house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    house.done(&["create", "Other", "--memory", "64M", "--disk-size", "1M"]);
    let layers = fs::read_dir(house.machine("Card").join("disks")).unwrap();
    let layer = layers.flatten().next().unwrap().path();
    house.done(&["snapshot", "take", "Card", "one"]);
    let before = fs::read(&layer).unwrap();
    std::os::unix::fs::symlink(&layer, house.path().join("link.qcow2")).unwrap();
    for path in [layer.to_str().unwrap(), "link.qcow2"] {
        let medium = format!("medium={path}");
        let ways: [&[&str]; 3] = [
            &["create", "Thief", "--disk", path],
            &["disk", "add", "Other", "--in-place", path],
            &["device", "add", "Other", "floppy", &medium],
        ];
        for args in ways {
            let complaint = house.refused(args);
            assert!(
                complaint.contains("part of a library"),
                "{args:?}: {complaint}"
            );
        }
    }
    // A copy is another matter.
    house.done(&[
        "create",
        "Copy",
        "--disk",
        layer.to_str().unwrap(),
        "--copy",
    ]);
    house.done(&["start", "Card"]);
    assert!(
        fs::read(&layer).unwrap() == before,
        "what a snapshot has was written to"
    );
}

#[test]
fn a_missing_iso_is_named() {
    let house = House::new();
    let iso = raw_disk(&house, "gone.iso");
    house.done(&[
        "create",
        "Guest",
        "--iso",
        "gone.iso",
        "--memory",
        "64M",
        "--disk-size",
        "1M",
    ]);
    fs::remove_file(&iso).unwrap();
    let complaint = house.refused(&["start", "Guest"]);
    assert!(
        complaint.starts_with(&format!(
            "Guest did not start: The file {} does not exist\n",
            iso.display()
        )),
        "{complaint}"
    );
    assert_eq!(house.state("Guest"), "off");
    house.done(&["set", "Guest", "cd="]);
    house.done(&["start", "Guest"]);

    let complaint = house.refused(&["create", "Other", "--iso", "nowhere.iso"]);
    assert!(
        complaint.starts_with("The machine was not made: ") && complaint.contains("nowhere.iso"),
        "{complaint}"
    );
}

#[test]
fn images_that_name_other_files_are_not_used_as_disks() {
    let house = House::new();
    let mut header = vec![0_u8; 65536];
    header[..8].copy_from_slice(b"QFI\xfb\0\0\0\x03");
    header[8..16].copy_from_slice(&200_u64.to_be_bytes()); // The backing file's name stands here.
    header[16..20].copy_from_slice(&11_u32.to_be_bytes());
    header[20..24].copy_from_slice(&16_u32.to_be_bytes());
    header[24..32].copy_from_slice(&(1_u64 << 20).to_be_bytes());
    header[200..211].copy_from_slice(b"/etc/passwd");
    put(&house.path().join("evil.qcow2"), &header);
    put(
        &house.path().join("evil.vmdk"),
        b"# Disk DescriptorFile\nversion=1\nRW 10 FLAT \"/etc/passwd\" 0\n",
    );
    for file in ["evil.qcow2", "evil.vmdk"] {
        let complaint = house.refused(&["create", "Evil", "--disk", file]);
        assert!(
            complaint.contains(&format!("{file} can't be used as a disk")),
            "{complaint}"
        );
    }
    assert_eq!(house.json(&["list"]).as_array().unwrap().len(), 0);
}
