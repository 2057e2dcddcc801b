//! Tests of the rules, of edits and of addresses.

use super::*;
use crate::model::{
    Address, Board, Change, Cpu, DiskSource, LayerId, LayerRef, Mac, MachineId, Nic, Origin,
    Topology, apply, changes_between, take_live_parts,
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

fn add(kind: DeviceKind) -> Change {
    Change::Add(machine().new_device(kind).unwrap())
}

#[test]
fn devices_that_no_machine_can_have_are_refused() {
    let serial = |serial: &str| {
        let serial = Some(serial.to_owned());
        set("disk0", DeviceKind::Disk(Disk { serial, ..disk(1) }))
    };
    check(serial("WD-1234"), &[]);
    let wrong = "A serial number has 1 to 20 plain characters";
    check(serial("123456789012345678901"), &[wrong]);
    check(serial("ö"), &[wrong]);
    check(
        add(DeviceKind::Disk(disk(1))),
        &["The same disk is plugged in twice"; 2],
    );
    let read_only = Disk {
        bus: DiskBus::Sata,
        read_only: true,
        ..disk(1)
    };
    check(
        set("disk0", DeviceKind::Disk(read_only)),
        &["SATA and IDE disks can't be read-only; choose another bus"],
    );
    let usb = Disk {
        bus: DiskBus::Usb,
        ..disk(3)
    };
    check(
        add(DeviceKind::Disk(usb)),
        &["A USB disk needs the USB 3 controller"],
    );
    let twin = Nic::new(Mac::local([1, 2, 3]));
    check(
        add(DeviceKind::Nic(twin.clone())),
        &["Another network card has the same address"; 2],
    );
    let mac = Mac([1, 0, 0, 0, 0, 0]);
    check(
        set(
            "nic0",
            DeviceKind::Nic(Nic {
                mac,
                ..twin.clone()
            }),
        ),
        &["An address whose first number is odd belongs to a group, not to a card"],
    );
    let network = NicNetwork::Switch("lan".to_owned());
    check(
        set("nic0", DeviceKind::Nic(Nic { network, ..twin })),
        &["Orangery has only user networking so far"],
    );
    check(
        add(DeviceKind::Display(Display::new(640, 480))),
        &["A machine has one graphics card at most"],
    );
}

#[test]
fn screens_boards_and_boot_orders_have_their_limits() {
    let display = |change: &dyn Fn(&mut Display)| {
        let mut display = Display::new(1280, 800);
        change(&mut display);
        set("display0", DeviceKind::Display(display))
    };
    check(display(&|it| it.heads = 16), &[]);
    check(
        display(&|it| it.heads = 17),
        &["A card has 1 to 16 screens"],
    );
    check(
        display(&|it| (it.model, it.heads) = (DisplayModel::Vga, 2)),
        &["Only the virtio card has more than one screen"],
    );
    check(
        display(&|it| it.memory = Some(ByteSize::mib(16))),
        &["The virtio card uses the machine's memory"],
    );
    check(
        display(&|it| (it.model, it.memory) = (DisplayModel::Cirrus, Some(ByteSize::mib(32)))),
        &["A card's memory is 4, 8, 16 … 16 MiB"],
    );
    let order = |ids: &[&str]| {
        let ids = ids.iter().map(|id| (*id).to_owned());
        Change::Boot(super::super::BootOrder(ids.collect()))
    };
    check(order(&["nic0", "cd0", "disk0"]), &[]);
    check(
        order(&["disk7"]),
        &["There is no device “disk7” to boot from"],
    );
    check(
        order(&["cd0", "cd0"]),
        &["“cd0” stands twice in the boot order"],
    );
    let mut secure = machine();
    apply(&mut secure, Change::Firmware(FirmwareKind::Secure));
    apply(&mut secure, Change::Board(Board::I440fx));
    let found: Vec<String> = complaints(&secure).into_iter().map(|it| it.text).collect();
    assert_eq!(found, ["Secure Boot needs the q35 board"]);
}

#[test]
fn a_full_bus_says_so() {
    let mut full = machine();
    let sata = |number| {
        DeviceKind::Disk(Disk {
            bus: DiskBus::Sata,
            ..disk(number)
        })
    };
    for number in 10..15 {
        let device = full.new_device(sata(number)).unwrap();
        apply(&mut full, Change::Add(device));
    }
    assert_eq!(complaints(&full), []);
    assert_eq!(full.new_device(sata(20)), None);
    assert_eq!(
        no_room(&sata(20), Board::Q35),
        "All places for SATA disks are taken"
    );
}

#[test]
fn a_running_guest_is_given_media_and_cables_alone() {
    let mut nic = Nic::new(Mac::local([1, 2, 3]));
    let mut wanted = nic.clone();
    wanted.link = false;
    wanted.model = crate::model::NicModel::E1000;
    let mut kind = DeviceKind::Nic(nic.clone());
    assert!(take_live_parts(&mut kind, &DeviceKind::Nic(wanted.clone())));
    nic.link = false;
    assert_eq!(kind, DeviceKind::Nic(nic));
    assert!(!take_live_parts(&mut kind, &DeviceKind::Nic(wanted)));
    assert!(!take_live_parts(&mut kind, &DeviceKind::Rng));
}
