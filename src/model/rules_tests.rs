//! Tests of the rules, of edits and of addresses.

use super::*;
use crate::model::{
    Address, Board, Change, Cpu, DiskSource, LayerId, LayerRef, Mac, MachineId, Nic, Origin,
    Topology, apply, changes_between,
};

fn machine() -> Machine {
    let id = MachineId(uuid::Uuid::nil());
    let mut machine = Machine::new(id, "Test", "pc-q35-10.0", Origin::Empty);
    for kind in [
        DeviceKind::Disk(disk(1)),
        DeviceKind::Cdrom(Default::default()),
        DeviceKind::Nic(Nic::new(Mac::local([1, 2, 3]))),
        DeviceKind::Display(Display::new(1280, 800)),
    ] {
        let device = machine.new_device(kind).unwrap();
        apply(&mut machine, Change::Add(device));
    }
    machine
}

fn disk(number: u128) -> Disk {
    let layer = LayerRef {
        machine: MachineId(uuid::Uuid::nil()),
        layer: LayerId(uuid::Uuid::from_u128(number)),
    };
    Disk::new(DiskSource::Layers(vec![layer]), ByteSize::gib(1))
}

/// Changes the machine and compares what is wrong with it then.
#[track_caller]
fn check(change: Change, expected: &[&str]) {
    let mut machine = machine();
    apply(&mut machine, change);
    let found: Vec<String> = complaints(&machine).into_iter().map(|it| it.text).collect();
    assert_eq!(found, expected);
}

fn set(id: &str, kind: DeviceKind) -> Change {
    Change::Set {
        id: id.to_owned(),
        kind,
    }
}

#[test]
fn what_no_machine_can_have_is_refused_with_the_limit() {
    check(Change::Cpus(4), &[]);
    check(
        Change::Cpus(0),
        &["A machine has 1 to 255 processors, not 0"],
    );
    let topology = Some(Topology {
        sockets: 2,
        cores: 2,
        threads: 1,
    });
    let cpu = Cpu {
        topology,
        ..Cpu::of(3)
    };
    check(
        Change::Cpu(cpu),
        &["2 sockets × 2 cores × 1 threads are not 3 processors"],
    );
    check(
        Change::Memory(ByteSize::mib(1)),
        &["A machine needs at least 16 MiB of memory, not 1 MiB"],
    );
    check(Change::Remove("disk0".to_owned()), &[]);
    let on = |bus| set("disk0", DeviceKind::Disk(Disk { bus, ..disk(1) }));
    check(on(DiskBus::Sata), &[]);
    check(on(DiskBus::Ide), &["This board has no IDE; choose SATA"]);
    check(on(DiskBus::Scsi), &["A SCSI disk needs a SCSI controller"]);
    let display = Display {
        memory: Some(ByteSize::mib(16)),
        ..Display::new(100, 100)
    };
    check(
        set("display0", DeviceKind::Display(display)),
        &["A screen has 320 to 7680 pixels each way"],
    );
    check(
        Change::Arguments(vec!["device".to_owned()]),
        &["The first argument starts with “-”, not “device”"],
    );
}

#[test]
fn another_board_finds_a_place_for_every_device() {
    let mut machine = machine();
    let sata = Disk {
        bus: DiskBus::Sata,
        ..disk(2)
    };
    let device = machine.new_device(DeviceKind::Disk(sata)).unwrap();
    assert_eq!(device.address, Address::Sata { port: 1 });
    apply(&mut machine, Change::Add(device));
    let q35 = machine.clone();
    apply(&mut machine, Change::Board(Board::I440fx));
    assert_eq!(machine.machine_type, "pc-i440fx-10.0");
    assert_eq!(complaints(&machine), []);
    let address = machine.device("disk1").unwrap().address;
    assert_eq!(
        address,
        Address::Ide {
            channel: 0,
            place: 1
        }
    );
    apply(&mut machine, Change::Board(Board::Q35));
    assert_eq!(machine, q35);
}

#[test]
fn a_removed_disk_keeps_its_file_and_can_be_plugged_in_again() {
    let mut machine = machine();
    apply(&mut machine, Change::Remove("disk0".to_owned()));
    assert_eq!(machine.detached, [disk(1)]);
    assert_eq!(machine.boot.0, ["cd0"]);
    let device = machine.new_device(DeviceKind::Disk(disk(1))).unwrap();
    apply(&mut machine, Change::Add(device));
    assert_eq!(machine.detached, []);
    assert_eq!(machine.boot.0, ["cd0", "disk0"]);
}

#[test]
fn the_changes_between_two_machines_make_one_of_the_other() {
    let old = machine();
    let mut new = old.clone();
    for change in [
        Change::Cpus(3),
        Change::Board(Board::I440fx),
        Change::Remove("cd0".to_owned()),
        Change::Notes("n".to_owned()),
        Change::Boot(super::super::BootOrder(vec!["nic0".to_owned()])),
    ] {
        apply(&mut new, change);
    }
    let device = new.new_device(DeviceKind::Rng).unwrap();
    apply(&mut new, Change::Add(device));
    let mut reached = old.clone();
    for change in changes_between(&old, &new) {
        apply(&mut reached, change);
    }
    assert_eq!(reached, new);
    assert_eq!(changes_between(&old, &old), []);
}

#[test]
fn dropping_pending_changes_loses_no_disk() {
    let running = machine();
    let mut record = running.clone();
    let device = record.new_device(DeviceKind::Disk(disk(7))).unwrap();
    apply(&mut record, Change::Add(device));
    apply(&mut record, Change::Remove("disk0".to_owned()));
    record.take_hardware(&running);
    assert!(record.same_hardware(&running));
    assert_eq!(record.detached, [disk(7)]);
}
