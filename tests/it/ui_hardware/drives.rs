//! Boot order, disks and drives: what a person's clicks ask for.

use super::*;

#[test]
fn the_boot_order_is_changed_by_keyboard_alone() {
    let mut page = Page::off();
    page.click("Boot order");
    let down = page.0.get_by_label("Move cd0 down");
    down.focus();
    page.0.run_ok();
    page.0.key_press(egui::Key::Space);
    page.0.run_ok();
    let order = |ids: &[&str]| {
        let ids = ids.iter().map(|&id| id.to_owned()).collect();
        [Change::Boot(BootOrder(ids))]
    };
    assert_eq!(page.apply(), order(&["disk0", "cd0"]));
    page.click("Boot from nic0");
    page.click("Don't boot from cd0");
    assert_eq!(page.apply(), order(&["disk0", "nic0"]));
}

#[test]
fn the_boot_order_is_changed_by_dragging() {
    let mut page = Page::off();
    page.click("Boot order");
    let grip = page.0.get_by_label("Drag cd0").rect().center();
    let below = page.0.get_by_label("Drag disk0").rect().center();
    page.0.drag_at(grip);
    page.0.run_ok();
    page.0.hover_at(grip + (below - grip) * 0.5);
    page.0.run_ok();
    page.0.hover_at(below);
    page.0.run_ok();
    page.0.drop_at(below);
    page.0.run_ok();
    let order = ["disk0", "cd0"].map(str::to_owned).to_vec();
    assert_eq!(page.apply(), [Change::Boot(BootOrder(order))]);
}

#[test]
fn a_disk_is_changed_in_every_way() {
    let mut page = Page::off();
    page.click("Disks");
    page.pick("Cache", "Direct");
    page.click("Give back freed space");
    page.click("Read-only");
    page.write("Serial number", "AB-1");
    let DeviceKind::Disk(disk) = device("disk0") else {
        panic!("no disk");
    };
    let edited = Disk {
        cache: DiskCache::Direct,
        discard: false,
        read_only: true,
        serial: Some("AB-1".to_owned()),
        ..disk
    };
    assert_eq!(page.apply(), [set("disk0", DeviceKind::Disk(edited))]);
    page.pick("Plugged into", "SATA");
    page.refuses("SATA and IDE disks can't be read-only; choose another bus");
    page.write("Serial number", "a serial number that is too long");
    page.refuses("A serial number has 1 to 20 plain characters");
}

#[test]
fn a_bus_brings_its_controller_along() {
    let mut page = Page::off();
    page.click("Disks");
    page.pick("Plugged into", "SCSI");
    page.refuses("A SCSI disk needs a SCSI controller");
    page.click("Add a SCSI controller");
    let changes = page.apply();
    let mut reached = machine();
    for change in changes {
        apply(&mut reached, change);
    }
    assert!(reached.has(|kind| matches!(kind, DeviceKind::ScsiController)));
    assert!(reached.disks().all(|disk| disk.bus == DiskBus::Scsi));
}

#[test]
fn a_disk_is_detached_attached_and_deleted_in_three_steps() {
    let mut page = Page::off();
    page.click("Disks");
    page.click("Detach disk0");
    assert_eq!(page.apply(), [Change::Remove("disk0".to_owned())]);
    page.click("Revert");
    page.click("Attach");
    let disk = Disk::new(layered(LAYER), ByteSize::gib(8));
    assert_eq!(page.apply(), [added(DeviceKind::Disk(disk))]);
    page.click("Revert");
    page.click("Delete for good…");
    assert_eq!(page.asks(), []);
    assert!(page.shows(&format!("{LAYER}.qcow2 with 8 GiB")));
    page.click("Cancel");
    assert_eq!(page.asks(), []);
    page.click("Delete for good…");
    page.click("Delete for good");
    let expected = Ask::Engine(Command::DeleteDisk {
        machine: id(1),
        disk: LAYER,
    });
    assert_eq!(page.asks(), [expected]);
}

#[track_caller]
fn add_disk(page: &mut Page) -> NewDisk {
    page.click("Add the disk");
    match &page.asks()[..] {
        [Ask::Engine(Command::AddDisk { machine, disk })] if *machine == id(1) => disk.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn disks_are_added_empty_copied_or_in_place() {
    let mut page = Page::off();
    page.click("Disks");
    page.click("Add a disk…");
    page.write("Size", "many");
    let add = page.0.get_by_label("Add the disk");
    assert!(add.accesskit_node().is_disabled());
    page.write("Size", "12G");
    page.pick_nth("Plugged into", 1, "NVMe");
    let content = DiskContent::Empty(ByteSize::gib(12));
    let bus = DiskBus::Nvme;
    assert_eq!(add_disk(&mut page), NewDisk { bus, content });

    page.click("Add a disk…");
    page.click("From an image");
    page.click("Browse…");
    let pick = FilePick::DiskImage(id(1));
    assert_eq!(page.asks(), [Ask::Pick(pick)]);
    let path = PathBuf::from("/home/ada/old.vmdk");
    let window = page.0.state_mut();
    window.shell.picked(&window.view, pick, &path);
    page.0.run_ok();
    let bus = DiskBus::Virtio;
    let content = DiskContent::Copy(path.clone());
    assert_eq!(add_disk(&mut page), NewDisk { bus, content });

    page.click("Add a disk…");
    page.click("From an image");
    page.write("Image", "/home/ada/old.vmdk");
    page.click("Use it where it lies");
    let content = DiskContent::InPlace(path);
    assert_eq!(add_disk(&mut page), NewDisk { bus, content });
}

#[test]
fn drives_of_a_machine_that_is_off_wait_for_apply() {
    let mut page = Page::off();
    page.click("CD & floppy drives");
    page.click("Take it out");
    page.click("Add a floppy drive");
    let empty = DeviceKind::Cdrom(Cdrom::default());
    let floppy = DeviceKind::Floppy(Floppy::default());
    let expected = [set("cd0", empty), added(floppy)];
    assert_eq!(page.apply(), expected);
    page.write("Floppy image in the drive", "dos.img");
    page.refuses("Write the whole path, starting with “/”");
    page.write("Floppy image in the drive", "/home/ada/dos.img");
    let medium = Some(PathBuf::from("/home/ada/dos.img"));
    let changes = page.apply();
    let floppy = DeviceKind::Floppy(Floppy { medium });
    assert!(changes.contains(&added(floppy)), "{changes:?}");
    page.click("Revert");
    page.click("Remove cd0");
    assert_eq!(page.apply(), [Change::Remove("cd0".to_owned())]);
}

fn insert(medium: Option<&str>, force: bool) -> Ask {
    Ask::Engine(Command::Insert {
        machine: id(1),
        drive: "cd0".to_owned(),
        medium: medium.map(PathBuf::from),
        force,
    })
}

#[test]
fn a_running_guests_cd_is_changed_at_once() {
    let mut page = Page::running();
    page.click("CD & floppy drives");
    page.write("ISO image in the drive", "/home/ada/tools.iso");
    page.click("Insert");
    assert_eq!(page.asks(), [insert(Some("/home/ada/tools.iso"), false)]);
    page.click("By force");
    page.click("Eject");
    assert_eq!(page.asks(), [insert(None, true)]);
    page.click("Browse…");
    let pick = FilePick::Medium(id(1));
    assert_eq!(page.asks(), [Ask::Pick(pick)]);
    let window = page.0.state_mut();
    let path = PathBuf::from("/home/ada/other.iso");
    window.shell.picked(&window.view, pick, &path);
    page.0.run_ok();
    assert_eq!(page.asks(), [insert(Some("/home/ada/other.iso"), false)]);
    assert!(page.shows("Nothing to apply"));
}
