//! Devices, media and disks from their words to what is asked and printed, over a fake backend.

use super::tests::{MAIL, WEB, parse, run, text, with_library};
use crate::engine::Command;
use crate::model::{
    ByteSize, Cdrom, Change, DeviceKind, DiskBus, DiskContent, MachineId, NewDisk, Nic, NicModel,
};

fn id(text: &str) -> MachineId {
    text.parse().unwrap()
}

/// What the words ask of the engine.
#[track_caller]
fn asked(words: &[&str]) -> Command {
    let mut fake = with_library();
    fake.yes = Some(true);
    run(&mut fake, words).unwrap();
    assert_eq!(fake.asked.len(), 1, "{words:?}");
    fake.asked.remove(0).0
}

#[track_caller]
fn changes(words: &[&str]) -> Vec<Change> {
    match asked(words) {
        Command::Change { changes, .. } => changes,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(words: &[&str]) -> String {
    let mut fake = with_library();
    let failure = run(&mut fake, words).unwrap_err();
    assert!(fake.asked.is_empty(), "{words:?}");
    format!("{failure} {}", failure.fix.clone().unwrap_or_default())
}

#[test]
fn devices_are_added_set_and_removed() {
    let [Change::Add(device)] = &changes(&["device", "add", "web", "nic", "model=pcnet"])[..]
    else {
        panic!();
    };
    assert_eq!(device.id, "nic1");
    let DeviceKind::Nic(Nic { model, mac, .. }) = &device.kind else {
        panic!("{device:?}");
    };
    assert_eq!((*model, mac.check()), (NicModel::Pcnet, Ok(())));

    let medium = Some("/home/ann/x.iso".into());
    let kind = DeviceKind::Cdrom(Cdrom { medium });
    let cd = "cd0".to_owned();
    assert_eq!(
        changes(&["device", "set", "web", "cd0", "medium=x.iso"]),
        [Change::Set { id: cd, kind }]
    );
    assert_eq!(
        changes(&["device", "remove", "web", "rng0"]),
        [Change::Remove("rng0".to_owned())]
    );
}

#[test]
fn a_change_says_when_it_takes_effect() {
    let said = |words: &[&str]| text(&mut with_library(), words);
    assert_eq!(
        said(&["device", "set", "web", "nic0", "link=down"]),
        "web is changed\n"
    );
    let later = "web is changed; what it can't take while it runs comes with the next start\n";
    assert_eq!(said(&["device", "remove", "web", "rng0"]), later);
}

#[test]
fn what_is_not_there_names_what_is() {
    let why = refused(&["device", "set", "web", "nic7", "link=up"]);
    assert!(
        why.contains("no device “nic7” It has disk0, cd0, nic0, rng0"),
        "{why}"
    );
    let why = refused(&["device", "set", "web", "rng0", "model=x"]);
    assert!(why.contains("a rng has no “model”"), "{why}");
    let why = refused(&["disk", "attach", "web", "c0ff"]);
    assert!(why.contains("no detached disk “c0ff”"), "{why}");
    for words in [
        &["device", "add", "web", "modem"][..],
        &["device", "add", "web", "disk"],
        &["disk", "add", "web"],
        &["disk", "add", "web", "--size", "1G", "--copy", "x"],
        &["disk", "add", "web", "--size", "1G", "--bus", "isa"],
        &["insert", "web"],
    ] {
        assert_eq!(parse(words).unwrap_err().exit_code(), 2, "{words:?}");
    }
}

#[test]
fn media_go_into_the_first_drive_or_the_named_one() {
    let command = |medium: Option<&str>, force| Command::Insert {
        machine: id(WEB),
        drive: "cd0".to_owned(),
        medium: medium.map(Into::into),
        force,
    };
    let inserted = command(Some("/home/ann/x.iso"), false);
    assert_eq!(asked(&["insert", "web", "x.iso"]), inserted);
    let ejected = command(None, true);
    assert_eq!(
        asked(&["eject", "web", "--drive", "cd0", "--force"]),
        ejected
    );
}

#[test]
fn disks_are_added_attached_and_deleted() {
    let content = DiskContent::Empty(ByteSize::gib(8));
    let bus = DiskBus::Scsi;
    let machine = id(MAIL);
    assert_eq!(
        asked(&["disk", "add", "abcd", "--size", "8G", "--bus", "scsi"]),
        Command::AddDisk {
            machine,
            disk: NewDisk { bus, content },
        }
    );
    let content = DiskContent::Copy("/home/ann/x.vdi".into());
    let bus = DiskBus::Virtio;
    assert_eq!(
        asked(&["disk", "add", "abcd", "--copy", "x.vdi"]),
        Command::AddDisk {
            machine,
            disk: NewDisk { bus, content },
        }
    );

    let mut fake = with_library();
    let machine = fake.reports[0].machine.as_mut().unwrap();
    crate::model::apply(machine, Change::Remove("disk0".to_owned()));
    let list = text(&mut fake, &["disk", "list", "web"]);
    assert!(
        list.contains("detached") && list.contains("32 GiB"),
        "{list}"
    );
    run(
        &mut fake,
        &["disk", "attach", "web", "c0ffee", "--bus", "scsi"],
    )
    .unwrap();
    let Command::Change { changes, .. } = &fake.asked[0].0 else {
        panic!();
    };
    let kinds: Vec<_> = changes
        .iter()
        .map(|it| matches!(it, Change::Add(_)))
        .collect();
    assert_eq!(kinds, [true, true], "the controller and the disk");
    let failure = run(&mut fake, &["disk", "delete", "web", "c0ffee"]).unwrap_err();
    assert_eq!(failure.fix.as_deref(), Some("Add --yes"));
    run(&mut fake, &["disk", "delete", "web", "c0ffee", "--yes"]).unwrap();
    assert!(matches!(fake.asked[1].0, Command::DeleteDisk { .. }));
    assert_eq!(
        asked(&["drop-pending", "web"]),
        Command::DropPending { machine: id(WEB) }
    );
}
