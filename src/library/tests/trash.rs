//! The trash: nothing that anyone rests on goes, nothing that is not ours goes.

use std::os::unix::fs::symlink;

use super::{create, layer, machine, machine_id, owner, put};
use crate::library::Library;
use crate::model::*;

fn with_layer_file(library: &Library, machine: &Machine, number: u32) -> std::path::PathBuf {
    create(library, machine);
    let path = library.layer_file(layer(machine.id, number));
    put(&path, &[7; 8192]);
    path
}

fn trashed(number: u32) -> Machine {
    Machine {
        trashed: Some(Timestamp(1)),
        ..machine(number)
    }
}

/// Machine `number`, resting on the layer of `base`.
fn fork(number: u32, base: u32) -> Machine {
    let mut fork = machine(number);
    if let DeviceKind::Disk(disk) = &mut fork.devices[0].kind {
        disk.source = DiskSource::Layers(vec![
            layer(machine_id(base), base),
            layer(machine_id(number), number),
        ]);
    }
    fork
}

#[test]
fn emptying_removes_a_machine_and_its_memory() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    with_layer_file(&library, &trashed(1), 1);
    with_layer_file(&library, &machine(2), 2);
    let report = library.trash().unwrap();
    assert_eq!(report.machines.len(), 1);
    assert!(report.size() >= ByteSize(8192));
    let emptied = library
        .empty_trash(&[machine_id(1), machine_id(2)])
        .unwrap();
    assert_eq!(emptied.removed, [machine_id(1)]);
    assert!(emptied.freed >= ByteSize(8192));
    assert!(emptied.strangers.is_empty() && emptied.kept.is_empty());
    let left: Vec<_> = std::fs::read_dir(library.machines_dir())
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(left.len(), 1);
    assert!(library.layer_file(layer(machine_id(2), 2)).exists());
}

#[test]
fn what_another_machine_rests_on_stays() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    let base = with_layer_file(&library, &trashed(1), 1);
    with_layer_file(&library, &fork(2, 1), 2);
    assert_eq!(library.trash().unwrap().machines[0].kept_for, ["Machine 2"]);
    let emptied = library.empty_trash(&[machine_id(1)]).unwrap();
    assert_eq!(emptied.kept[&machine_id(1)], ["Machine 2"]);
    assert!(base.exists());
    // Both in the trash: both go.
    let mut both = fork(2, 1);
    both.trashed = Some(Timestamp(2));
    library.save(&both).unwrap();
    let emptied = library
        .empty_trash(&[machine_id(1), machine_id(2)])
        .unwrap();
    assert_eq!(emptied.removed.len(), 2);
}

#[test]
fn a_broken_record_still_holds_what_its_text_names() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    let base = with_layer_file(&library, &trashed(1), 1);
    with_layer_file(&library, &fork(2, 1), 2);
    let path = library.machine_file(machine_id(2));
    let text = std::fs::read_to_string(&path).unwrap();
    put(&path, text.replace("\"version\"", "version").as_bytes());
    let emptied = library.empty_trash(&[machine_id(1)]).unwrap();
    assert_eq!(emptied.kept[&machine_id(1)], [machine_id(2).to_string()]);
    // One that can't even be searched may name anything.
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let emptied = library.empty_trash(&[machine_id(1)]).unwrap();
    assert_eq!(emptied.kept.len(), 1);
    assert!(base.exists());
}

#[test]
fn strangers_and_links_are_named_and_stay() {
    let dir = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    put(
        &outside
            .path()
            .join("00000000-0000-4000-8000-000000000000.qcow2"),
        b"dear",
    );
    let library = owner(dir.path());
    with_layer_file(&library, &trashed(1), 1);
    let folder = library.machine_dir(machine_id(1));
    put(&folder.join("disks/install.iso"), b"iso");
    symlink(outside.path(), folder.join("snapshots")).unwrap();
    let emptied = library.empty_trash(&[machine_id(1)]).unwrap();
    let gone = library
        .machines_dir()
        .join(format!(".gone-{}", machine_id(1)));
    let mut strangers = emptied.strangers;
    strangers.sort();
    assert_eq!(
        strangers,
        [gone.join("disks/install.iso"), gone.join("snapshots")]
    );
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
    assert_eq!(library.scan().unwrap(), []);
    assert_eq!(library.leftovers().len(), 1);
}

#[test]
fn a_detached_disk_is_removed_when_nobody_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    let path = with_layer_file(&library, &machine(1), 1);
    let given_up = layer(machine_id(1), 1);
    // Its own record does not count, but a fork does.
    let holders = library.layer_holders(given_up.layer, machine_id(1));
    assert_eq!(holders.unwrap(), [""; 0]);
    create(&library, &fork(2, 1));
    let holders = library.layer_holders(given_up.layer, machine_id(1));
    assert_eq!(holders.unwrap(), [format!("“{}”", machine(2).name)]);

    // The files stay as long as any record names them, detached disks included.
    let mut one = machine(1);
    let device = one.devices.remove(0);
    let DeviceKind::Disk(disk) = device.kind else {
        panic!();
    };
    one.boot.0.clear();
    one.detached.push(disk);
    library.save(&one).unwrap();
    let mut two = machine(2);
    two.devices.clear();
    two.boot.0.clear();
    library.save(&two).unwrap();
    library.remove_layers(machine_id(1), &[given_up]).unwrap();
    assert!(path.exists());
    one.detached.clear();
    library.save(&one).unwrap();
    library.remove_layers(machine_id(2), &[given_up]).unwrap();
    assert!(path.exists(), "it lies in another machine's folder");
    library.remove_layers(machine_id(1), &[given_up]).unwrap();
    assert!(!path.exists());
    library.remove_layers(machine_id(1), &[given_up]).unwrap();
}

#[test]
fn a_machine_stays_as_long_as_a_detached_disk_rests_on_it() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    with_layer_file(&library, &trashed(1), 1);
    let mut two = fork(2, 1);
    let device = two.devices.remove(0);
    let DeviceKind::Disk(disk) = device.kind else {
        panic!();
    };
    two.boot.0.clear();
    two.detached.push(disk);
    create(&library, &two);
    let emptied = library.empty_trash(&[machine_id(1)]).unwrap();
    assert!(emptied.removed.is_empty());
    assert_eq!(emptied.kept[&machine_id(1)], [machine(2).name]);
}
