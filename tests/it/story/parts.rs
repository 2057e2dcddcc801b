//! Every part of a machine, plugged in by the command line and seen by a Debian: three boots, each with other hardware,
//! compared with a table.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;

use super::debian::{Shell, debian_in};
use super::{House, hardware, soak, wait_for};
use crate::guests::alone;

/// `0000:00:02.0=1af4:1050` for each PCI device.
const PCI: &str = "for d in /sys/bus/pci/devices/*; do printf '%s=%s:%s ' ${d##*/} \
                   $(cut -c3- $d/vendor) $(cut -c3- $d/device); done";
const DISKS: &str = "lsblk -dnPo NAME,SERIAL,RO,TRAN | tr '\\n' ' '";
/// What the disk with the serial numbers `slow` and `sata-disk` says of its cache.
const CACHE: &str =
    "cat /sys/block/$(basename $(readlink /dev/disk/by-id/*-slow))/queue/write_cache";
const SATA_CACHE: &str =
    "cat /sys/block/$(basename $(readlink /dev/disk/by-id/*sata-disk))/queue/write_cache";
const USB: &str = "cat /sys/bus/usb/devices/*/product | tr '\\n' ' '";
const CPUS: &str = "lscpu -p=CPU,CORE,SOCKET | grep -v '#' | tr '\\n' ' '";
const CPU: &str = "grep -m1 'model name' /proc/cpuinfo";
/// Of its 512 MiB the kernel keeps some.
const MEMORY: &str = "m=$(grep MemTotal /proc/meminfo | tr -dc 0-9); \
                      [ $m -gt 440000 -a $m -lt 524288 ] && echo fits || echo $m";
const ACPI: &str = "ls /sys/bus/acpi/devices | tr '\\n' ' '";
const HEADS: &str = "ls -d /sys/class/drm/card0-* | wc -l";
const INPUT: &str = "grep -h Name /proc/bus/input/devices | tr '\\n' ' '";
const FLOPPY: &str = "modprobe floppy; head -c 6 /dev/fd0";
const BOARD: &str = "cat /sys/class/dmi/id/product_name";
const MACS: &str = "cat /sys/class/net/eth*/address | tr '\\n' ' '";

/// The part, where the guest sees it, and what it sees there; a `!` before that means that it does not.
type Row = (&'static str, &'static str, &'static str);

const VIRTIO: &[Row] = &[
    ("board", BOARD, "Q35"),
    ("processors", CPUS, "0,0,0 1,1,1"),
    ("processor", CPU, "Nehalem"),
    ("memory", MEMORY, "fits"),
    ("display", PCI, "00:02.0=1af4:1050"),
    ("screens", HEADS, "2"),
    ("keyboard", INPUT, "QEMU Virtio Keyboard"),
    ("tablet", INPUT, "QEMU Virtio Tablet"),
    ("USB controller", PCI, "=1b36:000d"),
    ("USB tablet", USB, "QEMU USB Tablet"),
    ("network card", PCI, "=1af4:1000"),
    ("its address", MACS, "52:54:00:aa:bb:cc"),
    ("random numbers", PCI, "=1af4:1005"),
    ("balloon", PCI, "=1af4:1002"),
    ("agents", PCI, "00:01.0=1af4:1003"),
    ("generation id", ACPI, "QEMUVGID"),
    ("sound", PCI, "=8086:2415"),
    (
        "read-only disk",
        DISKS,
        r#"NAME="vdb" SERIAL="extra-1" RO="1""#,
    ),
    ("unsafe disk", DISKS, r#"NAME="vdc" SERIAL="fast" RO="0""#),
    ("writethrough disk", CACHE, "write through"),
    ("no watchdog", PCI, "!8086:25ab"),
];

const OTHERS: &[Row] = &[
    ("display", PCI, "00:02.0=1234:1111"),
    ("Intel e1000e", PCI, "=8086:10d3"),
    ("Intel e1000", PCI, "=8086:100e"),
    ("Realtek", PCI, "=10ec:8139"),
    ("PCnet", PCI, "=1022:2000"),
    ("NVMe disk", DISKS, r#"SERIAL="disk1" RO="0" TRAN="nvme""#),
    (
        "SATA disk",
        DISKS,
        r#"SERIAL="sata-disk" RO="0" TRAN="sata""#,
    ),
    ("its cache", SATA_CACHE, "write through"),
    ("SCSI controller", PCI, "=1af4:1004"),
    ("SCSI disk", DISKS, r#"SERIAL="scsi-disk" RO="1""#),
    ("USB disk", DISKS, r#"RO="0" TRAN="usb""#),
    ("sound", PCI, "=8086:2668"),
    ("watchdog", PCI, "=8086:25ab"),
    ("floppy", FLOPPY, "FLOPPY"),
    ("no generation id", ACPI, "!QEMUVGID"),
    ("no balloon", PCI, "!1af4:1002"),
    ("no random numbers", PCI, "!1af4:1005"),
    ("no virtio tablet", INPUT, "!Virtio Tablet"),
    ("no USB tablet", USB, "!Tablet"),
    ("processors", CPUS, "0,0,0"),
];

const OLD: &[Row] = &[
    ("board", BOARD, "i440FX"),
    ("IDE disk", DISKS, r#"SERIAL="ide-disk" RO="0" TRAN="ata""#),
    ("CD drive", DISKS, r#"NAME="sr0""#),
    ("display", PCI, "00:02.0=1013:00b8"),
    ("PCnet", PCI, "=1022:2000"),
    ("USB 1 controller", PCI, "=8086:7020"),
    ("USB tablet", USB, "QEMU USB Tablet"),
    ("floppy", FLOPPY, "FLOPPY"),
    ("agents", PCI, "00:1e.0=1af4:1003"),
    ("no virtio network card", PCI, "!1af4:1000"),
    ("no USB 3 controller", PCI, "!1b36:000d"),
];

const EDITS_ALL_VIRTIO: &[&str] = &[
    "set Debian cpu=Nehalem topology=2x1x1",
    "device set Debian display0 heads=2",
    "device set Debian nic0 mac=52:54:00:aa:bb:cc link=down",
    "device set Debian sound0 model=ac97",
    "disk add Debian --size 8M",
    "disk add Debian --size 8M",
    "disk add Debian --size 8M",
    "device set Debian disk1 read-only=on serial=extra-1",
    "device set Debian disk2 cache=unsafe serial=fast",
    "device set Debian disk3 cache=writethrough serial=slow discard=off",
];

const EDITS_ALL_OTHERS: &[&str] = &[
    "set Debian cpus=1",
    "device set Debian display0 model=vga heads=1",
    "device set Debian nic0 model=e1000e",
    "device add Debian nic model=e1000",
    "device add Debian nic model=rtl8139 network=none",
    "device add Debian nic model=pcnet",
    "device remove Debian generation0",
    "device remove Debian balloon0",
    "device remove Debian rng0",
    "device remove Debian tablet0",
    "device set Debian sound0 model=hda",
    "device add Debian watchdog action=pause",
    "device add Debian floppy medium=a.img",
    "device set Debian disk1 bus=nvme read-only=off serial=",
    "device set Debian disk2 bus=sata serial=sata-disk cache=writethrough",
    "disk add Debian --size 8M --bus scsi",
    "device set Debian disk4 serial=scsi-disk read-only=on",
    "device set Debian disk3 bus=usb serial=usb-disk",
];

const EDITS_AN_OLD_BOARD: &[&str] = &[
    "set Debian cpus=1",
    "device remove Debian nic0",
    "device add Debian nic model=pcnet",
    "device remove Debian usb0",
    "device add Debian old-usb",
    "device set Debian display0 model=cirrus",
    "device add Debian sound model=sb16",
    "device add Debian floppy medium=a.img",
    "set Debian board=i440fx",
    "device set Debian disk0 bus=ide serial=ide-disk",
    "set Debian boot=disk0,floppy0,nic0",
];

#[track_caller]
fn check(shell: &mut Shell, boot: &str, table: &[Row]) {
    let mut answers: BTreeMap<&str, String> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (part, place, expected) in table {
        let seen = answers.entry(place).or_insert_with(|| shell.ask(place));
        let (wanted, text) = match expected.strip_prefix('!') {
            Some(text) => (false, text),
            None => (true, *expected),
        };
        if seen.contains(text) != wanted {
            wrong.push(format!("{part}: {expected} in {seen}"));
        }
    }
    assert!(wrong.is_empty(), "{boot}:\n{}", wrong.join("\n"));
    eprintln!("{boot}: {} parts are as they should be", table.len());
}

/// A Debian that is off, with its disk in place.
fn debian(house: &House) -> bool {
    debian_in(house).is_some()
}

fn boot(house: &House) -> Shell {
    house.done(&["start", "Debian"]);
    let mut shell = Shell::of(house, "Debian");
    // On a computer that is very busy systemd gives up on the serial port; the screen's shell brings it back.
    for _ in 0..10 {
        if shell.answers(20) {
            return shell;
        }
        house.done(&["type", "Debian", "\nsystemctl start serial-getty@ttyS0\n"]);
    }
    panic!("no shell on the serial port");
}

fn write(house: &House, name: &str, content: &[u8]) {
    let mut file = fs::File::create(house.path().join(name)).unwrap();
    file.write_all(content).unwrap();
}

fn floppy(house: &House) {
    let mut image = b"FLOPPY".to_vec();
    image.resize(1_474_560, 0);
    write(house, "a.img", &image);
}

fn all(house: &House, lines: &[&str]) {
    for line in lines {
        house.done(
            &shell_words::split(line)
                .unwrap()
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        );
    }
}

#[test]
fn every_part_is_seen_by_a_debian_and_gone_when_it_is_taken_out() {
    let _alone = alone();
    let house = House::new();
    if !debian(&house) {
        return;
    }
    floppy(&house);
    all(&house, EDITS_ALL_VIRTIO);
    let mut shell = boot(&house);
    check(&mut shell, "all virtio", VIRTIO);
    cables(&house, &mut shell);
    compact_discs(&house, &mut shell);
    pending(&house, &mut shell);

    house.done(&["power-off", "Debian"]);
    all(&house, EDITS_ALL_OTHERS);
    let mut shell = boot(&house);
    check(&mut shell, "all others", OTHERS);
}

#[test]
fn a_debian_boots_on_an_old_board_and_keeps_the_disc_that_it_locked() {
    if !soak() {
        eprintln!("skipped: one more boot, with ORANGERY_SOAK=1");
        return;
    }
    let _alone = alone();
    let house = House::new();
    if !debian(&house) {
        return;
    }
    floppy(&house);
    all(&house, EDITS_AN_OLD_BOARD);
    let mut shell = boot(&house);
    check(&mut shell, "an old board", OLD);
    locked_drive(&house, &mut shell);
}

/// The first card starts with its cable out; it is put in and taken out while the guest runs.
fn cables(house: &House, shell: &mut Shell) {
    let carrier = "ip link set eth0 up; sleep 1; cat /sys/class/net/eth0/carrier";
    assert_eq!(shell.ask(carrier), "0", "at the start");
    house.done(&["device", "set", "Debian", "nic0", "link=up"]);
    assert_eq!(shell.ask(carrier), "1", "put in");
    house.done(&["device", "set", "Debian", "nic0", "link=down"]);
    assert_eq!(shell.ask(carrier), "0", "taken out");
    house.done(&["device", "set", "Debian", "nic0", "link=up"]);
}

fn compact_discs(house: &House, shell: &mut Shell) {
    for name in ["first", "second"] {
        let mut disc = name.as_bytes().to_vec();
        disc.resize(1 << 20, b'.');
        write(house, name, &disc);
    }
    house.done(&["insert", "Debian", "first"]);
    finds(shell, "first.");
    // One that is being read is locked for that time, and asking the guest for it is in vain.
    shell.ask("(exec 3</dev/sr0; sleep 2) >/dev/null 2>&1 & sleep 0.2");
    house.done(&["insert", "Debian", "second"]);
    finds(shell, "second");
    house.done(&["eject", "Debian"]);
    finds(shell, "No medium");
}

/// Linux looks for a new disc every other second.
#[track_caller]
fn finds(shell: &mut Shell, wanted: &str) {
    let look = "sleep 1; head -c 6 /dev/sr0 2>&1 | tr -d '\\n'";
    let mut found = String::new();
    for _ in 0..20 {
        found = shell.ask(look);
        if found.contains(wanted) {
            return;
        }
    }
    panic!("{wanted} was expected in the drive, and {found} found");
}

/// A disc that the guest holds stays, unless it is taken by force.
fn locked_drive(house: &House, shell: &mut Shell) {
    // Debian's udev gives its discs away when it is asked to.
    shell.ask(
        "systemctl stop systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udevd",
    );
    write(house, "first", &[b'.'; 1 << 20]);
    house.done(&["insert", "Debian", "first"]);
    shell.ask("/lib/udev/cdrom_id --lock-media /dev/sr0 | tail -1");
    wait_for("the guest to lock its drive", 30, || {
        let drive = hardware::drive(&hardware::monitor(house, "Debian"), "cd0");
        (drive["locked"] == true).then_some(()).ok_or(drive)
    });
    let complaint = house.refused(&["eject", "Debian"]);
    assert!(
        complaint.contains("The guest has locked “cd0”"),
        "{complaint}"
    );
    let shown = house.json(&["show", "Debian"]);
    assert!(shown["machine"].to_string().contains("/first"), "{shown}");
    house.done(&["eject", "Debian", "--force"]);
    assert!(
        !house
            .json(&["show", "Debian"])
            .to_string()
            .contains("/first")
    );
}

/// What can't be changed at once waits, the guest sees nothing of it, and it can be dropped.
fn pending(house: &House, shell: &mut Shell) {
    let said = house.done(&["device", "remove", "Debian", "rng0"]);
    assert!(said.contains("next start"), "{said}");
    assert_eq!(house.json(&["show", "Debian"])["pending"], true);
    assert!(shell.ask(PCI).contains("=1af4:1005"));
    house.done(&["drop-pending", "Debian"]);
    assert_eq!(house.json(&["show", "Debian"])["pending"], false);
}
