//! The hardware page as a person uses it: each part added, changed and removed gives exactly the
//! commands that it should.

use std::path::PathBuf;

use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orangery::engine::message::{Command, Event};
use orangery::model::*;
use orangery::ui::{Ask, FilePick};
use uuid::Uuid;

use crate::ui_fixture::{self as fixture, Window, harness, id, report, show};

const LAYER: LayerId = LayerId(Uuid::from_u128(0xd15c));

fn layered(layer: LayerId) -> DiskSource {
    DiskSource::Layers(vec![LayerRef {
        machine: id(1),
        layer,
    }])
}

/// A machine whose hardware follows all rules, with a disk of the library and one detached.
pub fn machine() -> Machine {
    let mut machine = fixture::machine(1, "Debian");
    machine.boot = BootOrder(vec!["cd0".to_owned(), "disk0".to_owned()]);
    machine.tags = vec!["lab".to_owned()];
    for device in &mut machine.devices {
        if let DeviceKind::Disk(disk) = &mut device.kind {
            disk.source = layered(LayerId(Uuid::from_u128(1)));
        }
    }
    machine
        .detached
        .push(Disk::new(layered(LAYER), ByteSize::gib(8)));
    machine
}

struct Page(Harness<'static, Window>);

impl Page {
    fn of(state: State, machine: Machine) -> Self {
        Self::with_report(MachineReport {
            machine: Some(machine),
            ..report(1, "Debian", state)
        })
    }

    fn with_report(report: MachineReport) -> Self {
        let computer = Event::Computer(Box::new(fixture::computer()));
        let mut page = Self(harness(Window::new([computer, show(report)])));
        page.click("Hardware");
        page
    }

    fn off() -> Self {
        Self::of(State::Off, machine())
    }

    fn running() -> Self {
        Self::of(State::Running, machine())
    }

    /// Clicks the first control with this name.
    #[track_caller]
    fn click(&mut self, label: &str) {
        self.click_nth(label, 0);
    }

    #[track_caller]
    fn click_nth(&mut self, label: &str, nth: usize) {
        let roles = [
            Role::Button,
            Role::Tab,
            Role::RadioButton,
            Role::CheckBox,
            Role::ComboBox,
        ];
        let node = self
            .0
            .get_all_by_label(label)
            .filter(|node| roles.contains(&node.accesskit_node().role()))
            .nth(nth)
            .unwrap_or_else(|| panic!("no control called {label:?}"));
        node.scroll_to_me();
        node.click_accesskit();
        self.0.run_ok();
    }

    /// Chooses from a list that opens.
    #[track_caller]
    fn pick(&mut self, list: &str, choice: &str) {
        self.pick_nth(list, 0, choice);
    }

    #[track_caller]
    fn pick_nth(&mut self, list: &str, nth: usize, choice: &str) {
        let lists = self.0.get_all_by_label(list);
        lists
            .filter(|node| node.accesskit_node().role() == Role::ComboBox)
            .nth(nth)
            .unwrap_or_else(|| panic!("no list called {list:?}"))
            .click_accesskit();
        self.0.run_ok();
        self.click(choice);
    }

    /// Types over what stands in a field.
    #[track_caller]
    fn write(&mut self, field: &str, text: &str) {
        self.field(field).focus();
        self.0.run_ok();
        self.0
            .key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
        self.0.run_ok();
        self.field(field).type_text(text);
        self.0.run_ok();
    }

    #[track_caller]
    fn field<'a>(&'a self, field: &'a str) -> egui_kittest::Node<'a> {
        let roles = [Role::TextInput, Role::MultilineTextInput];
        self.0
            .get_all_by_label(field)
            .find(|node| roles.contains(&node.accesskit_node().role()))
            .unwrap_or_else(|| panic!("no field called {field:?}"))
    }

    /// What was asked of the engine or the window since the last look.
    fn asks(&mut self) -> Vec<Ask> {
        let asks = std::mem::take(&mut self.0.state_mut().asks);
        asks.into_iter()
            .filter(|ask| !matches!(ask, Ask::CommandLine(_)))
            .collect()
    }

    /// Applies and returns the changes.
    #[track_caller]
    fn apply(&mut self) -> Vec<Change> {
        self.click("Apply");
        let asks = self.asks();
        match &asks[..] {
            [Ask::Engine(Command::Change { machine, changes })] if *machine == id(1) => {
                changes.clone()
            }
            _ => panic!("{asks:?}"),
        }
    }

    /// Apply is off, and `text` says why where it is wrong and beside the button.
    #[track_caller]
    fn refuses(&mut self, text: &str) {
        let apply = self.0.get_by_label("Apply");
        assert!(apply.accesskit_node().is_disabled(), "Apply is on");
        let found = self.0.query_all_by_label_contains(text).count();
        assert!(found >= 2, "{text:?} is said {found} times");
    }

    fn shows(&self, text: &str) -> bool {
        self.0.query_by_label_contains(text).is_some()
    }

    fn tell(&mut self, report: MachineReport) {
        self.0.state_mut().events.push(show(report));
        self.0.run_ok();
    }
}

fn device(id: &str) -> DeviceKind {
    machine().device(id).unwrap().kind.clone()
}

fn set(id: &str, kind: DeviceKind) -> Change {
    Change::Set {
        id: id.to_owned(),
        kind,
    }
}

/// Adding what `new_device` gives on the machine as it is.
fn added(kind: DeviceKind) -> Change {
    Change::Add(machine().new_device(kind).unwrap())
}

#[test]
fn nothing_is_applied_before_something_is_edited() {
    let mut page = Page::off();
    assert!(page.0.get_by_label("Apply").accesskit_node().is_disabled());
    assert!(page.shows("Nothing to apply"));
    page.write("Name", "Build box");
    page.click("Revert");
    assert!(page.shows("Nothing to apply"));
    assert_eq!(page.asks(), []);
}

#[test]
fn name_notes_tags_and_picture_are_edited_together() {
    let mut page = Page::running();
    page.write("Name", "Build box");
    page.write("Notes", "For the compiler");
    page.click("Remove the tag lab");
    page.write("New tag", "work");
    page.0.key_press(egui::Key::Enter);
    page.0.run_ok();
    page.click("Rocket");
    assert!(page.shows("Takes effect at once"));
    let expected = [
        Change::Name("Build box".to_owned()),
        Change::Notes("For the compiler".to_owned()),
        Change::Tags(vec!["work".to_owned()]),
        Change::Icon("rocket".to_owned()),
    ];
    assert_eq!(page.apply(), expected);
}

#[test]
fn a_name_that_is_taken_or_impossible_is_refused() {
    let mut page = Page::off();
    page.tell(report(2, "Router", State::Off));
    page.write("Name", "router");
    page.refuses("There is already a machine called “Router”");
}

#[test]
fn processors_are_counted_arranged_and_of_a_model() {
    let mut page = Page::off();
    page.click("Processors");
    page.write("Number", "6");
    page.pick("Model", "Haswell");
    page.click("Arrange them by hand");
    page.write("Sockets", "2");
    let cpu = Cpu {
        count: 12,
        model: Some("Haswell".to_owned()),
        topology: Some(Topology {
            sockets: 2,
            cores: 6,
            threads: 1,
        }),
    };
    assert!(page.shows("2 × 6 × 1 are 12 processors"));
    assert!(page.shows("This computer has 8 processors; more make the machine slower"));
    assert_eq!(page.apply(), [Change::Cpu(cpu)]);
    page.write("Number", "999");
    page.refuses("A machine has 1 to 255 processors, not 999");
    page.write("Number", "four");
    page.refuses("“four” is not a number");
}

#[test]
fn memory_has_an_amount_a_balloon_and_a_place() {
    let mut page = Page::off();
    page.click("Memory");
    page.write("Amount", "8G");
    page.click("Balloon");
    page.click("Private");
    let expected = [
        Change::Memory(ByteSize::gib(8)),
        Change::MemoryBacking(MemoryBacking::Private),
        added(DeviceKind::Balloon),
    ];
    assert_eq!(page.apply(), expected);
    page.write("Amount", "9 apples");
    page.refuses("“9 apples” is not a size");
    page.write("Amount", "1M");
    page.refuses("A machine needs at least 16 MiB of memory, not 1 MiB");
}

#[test]
fn firmware_board_and_clock_are_chosen_and_refused_where_they_clash() {
    let mut page = Page::off();
    page.click("Firmware & board");
    page.click("BIOS");
    page.click("i440fx");
    assert!(page.shows("An installed system often does not start"));
    page.click("Clock");
    page.click("Local time");
    let mut moved = machine();
    apply(&mut moved, Change::Board(Board::I440fx));
    let changes = page.apply();
    let expected = [
        Change::Firmware(FirmwareKind::Bios),
        Change::Clock(Clock::Local),
        Change::Board(Board::I440fx),
    ];
    assert_eq!(changes, expected);
    page.click("Firmware & board");
    page.click("UEFI with Secure Boot");
    page.refuses("Secure Boot needs the q35 board");
}

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

#[test]
fn network_cards_are_added_changed_and_removed() {
    let mut page = Page::off();
    page.click("Network");
    page.pick("Model", "Realtek RTL8139");
    page.write("Address (MAC)", "52-54-00-aa-bb-cc");
    page.click("No network");
    page.click("Cable plugged in");
    let nic = Nic {
        model: NicModel::Rtl8139,
        mac: Mac([0x52, 0x54, 0, 0xaa, 0xbb, 0xcc]),
        network: NicNetwork::None,
        link: false,
    };
    assert_eq!(page.apply(), [set("nic0", DeviceKind::Nic(nic))]);
    page.write("Address (MAC)", "53:54:00:aa:bb:cc");
    page.refuses("An address whose first number is odd belongs to a group, not to a card");
    page.click("New address");
    let changes = page.apply();
    let [
        Change::Set {
            id,
            kind: DeviceKind::Nic(nic),
        },
    ] = &changes[..]
    else {
        panic!("{changes:?}");
    };
    assert_eq!(
        (id.as_str(), &nic.mac.0[..3]),
        ("nic0", &[0x52, 0x54, 0][..])
    );
    page.click("Revert");
    page.click("Add a network card");
    page.click("Remove nic0");
    let changes = page.apply();
    let [Change::Remove(gone), Change::Add(new)] = &changes[..] else {
        panic!("{changes:?}");
    };
    assert_eq!((gone.as_str(), new.id.as_str()), ("nic0", "nic1"));
}

#[test]
fn a_running_guests_cable_is_pulled_at_once_and_nothing_else() {
    let mut page = Page::running();
    page.click("Network");
    page.pick("Model", "Intel e1000");
    page.click("Cable plugged in");
    let DeviceKind::Nic(nic) = device("nic0") else {
        panic!("no card");
    };
    let unplugged = Nic {
        link: false,
        ..nic.clone()
    };
    let expected = Ask::Engine(Command::Change {
        machine: id(1),
        changes: vec![set("nic0", DeviceKind::Nic(unplugged.clone()))],
    });
    assert_eq!(page.asks(), [expected]);
    let mut record = machine();
    apply(&mut record, set("nic0", DeviceKind::Nic(unplugged.clone())));
    page.tell(MachineReport {
        generation: 2,
        machine: Some(record),
        ..report(1, "Debian", State::Running)
    });
    let model = NicModel::E1000;
    let rest = Nic { model, ..unplugged };
    assert_eq!(page.apply(), [set("nic0", DeviceKind::Nic(rest))]);
}

#[test]
fn the_display_has_a_model_a_size_screens_and_memory() {
    let mut page = Page::off();
    page.click("Display");
    page.pick("Resolution at the start", "1920 × 1080");
    page.write("Screens", "2");
    let display = Display {
        heads: 2,
        ..Display::new(1920, 1080)
    };
    assert_eq!(
        page.apply(),
        [set("display0", DeviceKind::Display(display))]
    );
    page.write("Screens", "17");
    page.refuses("A card has 1 to 16 screens");
    page.write("Width", "5");
    page.refuses("A screen has 320 to 7680 pixels each way");
    page.click("Revert");
    page.click("Standard VGA");
    page.pick("Memory of the card", "64 MiB");
    let display = Display {
        model: DisplayModel::Vga,
        memory: Some(ByteSize::mib(64)),
        ..Display::new(1280, 800)
    };
    assert_eq!(
        page.apply(),
        [set("display0", DeviceKind::Display(display))]
    );
    page.click("None");
    assert_eq!(page.apply(), [Change::Remove("display0".to_owned())]);
}

#[test]
fn sound_usb_and_the_small_devices_come_and_go() {
    let mut page = Page::off();
    page.click("Sound");
    page.click("Intel AC’97");
    assert!(page.shows("nothing is played on this computer yet"));
    page.click("USB & input");
    page.click("USB 3");
    page.click("Tablet");
    page.click("Other devices");
    for word in ["Serial port", "Random numbers", "Watchdog", "Generation id"] {
        page.click(word);
    }
    page.pick("When the guest hangs", "Power off");
    page.click("SCSI controller");
    let mut expected = machine();
    let model = SoundModel::Ac97;
    let action = WatchdogAction::PowerOff;
    for kind in [
        DeviceKind::Sound(Sound { model }),
        DeviceKind::UsbController,
        DeviceKind::Tablet,
        DeviceKind::Serial,
        DeviceKind::Rng,
        DeviceKind::Watchdog(Watchdog { action }),
        DeviceKind::GenerationId,
        DeviceKind::ScsiController,
    ] {
        let device = expected.new_device(kind).unwrap();
        apply(&mut expected, Change::Add(device));
    }
    assert_eq!(page.apply(), changes_between(&machine(), &expected));

    let mut page = Page::of(State::Off, expected);
    page.click("Other devices");
    page.click("Watchdog");
    page.click("Sound");
    page.click("None");
    let gone = ["sound0", "watchdog0"].map(|id| Change::Remove(id.to_owned()));
    assert_eq!(page.apply(), gone);
}

#[test]
fn arguments_are_written_as_for_a_shell_and_refused_where_they_are_none() {
    let mut page = Page::off();
    page.click("Expert");
    assert!(page.shows("Wrong arguments keep the machine from starting"));
    page.write("Arguments for QEMU", "-device pvpanic -name 'my box'");
    let words = ["-device", "pvpanic", "-name", "my box"];
    let words = words.map(str::to_owned).to_vec();
    assert_eq!(page.apply(), [Change::Arguments(words)]);
    page.write("Arguments for QEMU", "-name 'my box");
    page.refuses("A quote is not closed");
    page.write("Arguments for QEMU", "pvpanic");
    page.refuses("The first argument starts with “-”, not “pvpanic”");
}

#[test]
fn the_exact_command_line_is_asked_for_shown_and_copied() {
    let mut page = Page::off();
    page.click("Expert");
    let asked = page.0.state().asks.clone();
    assert_eq!(asked, [Ask::CommandLine(id(1))]);
    let line = ["qemu-system-x86_64", "-name", "it's"].map(str::to_owned);
    let lines = &mut page.0.state_mut().view.command_lines;
    lines.insert(id(1), line.to_vec());
    page.0.run_ok();
    page.0
        .get_by_label("Copy the command line")
        .click_accesskit();
    page.0.step();
    let copied = page.0.output().platform_output.commands.clone();
    let expected = "qemu-system-x86_64 -name 'it'\\''s'".to_owned();
    assert!(
        copied.contains(&egui::OutputCommand::CopyText(expected)),
        "{copied:?}"
    );
}

fn pending() -> MachineReport {
    let mut record = machine();
    apply(&mut record, Change::Cpus(4));
    let balloon = record.new_device(DeviceKind::Balloon).unwrap();
    apply(&mut record, Change::Add(balloon));
    MachineReport {
        machine: Some(record),
        running: Some(Box::new(machine())),
        ..report(1, "Debian", State::Running)
    }
}

#[test]
fn what_waits_for_the_next_start_is_listed_and_dropped() {
    let mut page = Page::with_report(pending());
    assert!(page.shows("Processors 2 → 4"));
    assert!(page.shows("New: Balloon"));
    page.click("Drop these changes");
    let expected = Ask::Engine(Command::DropPending { machine: id(1) });
    assert_eq!(page.asks(), [expected]);
    page.tell(MachineReport {
        generation: 2,
        running: None,
        machine: Some(machine()),
        ..pending()
    });
    assert!(!page.shows("Drop these changes"));
    assert!(page.shows("Nothing to apply"));
}

#[test]
fn the_header_leads_to_what_waits() {
    let mut harness = harness(Window::new([show(pending())]));
    harness.run_ok();
    harness.get_by_label("changes wait").click();
    harness.run_ok();
    harness.get_by_label("Drop these changes");
}

#[test]
fn edits_are_kept_when_another_client_changes_the_machine() {
    let mut page = Page::off();
    page.click("Memory");
    page.write("Amount", "8G");
    let mut record = machine();
    apply(&mut record, Change::Cpus(3));
    page.tell(MachineReport {
        generation: 2,
        machine: Some(record),
        ..report(1, "Debian", State::Off)
    });
    assert!(page.shows("The machine was changed elsewhere meanwhile; your edits are kept"));
    assert_eq!(page.apply(), [Change::Memory(ByteSize::gib(8))]);
}

#[test]
fn edits_wait_while_another_machine_is_looked_at() {
    let mut page = Page::off();
    page.tell(report(2, "Router", State::Off));
    page.click("Memory");
    page.write("Amount", "8G");
    for name in ["Router", "Debian"] {
        let rows = page.0.get_all_by_role(Role::ListItem);
        rows.filter(|row| row.accesskit_node().label().as_deref() == Some(name))
            .for_each(|row| row.click());
        page.0.run_ok();
    }
    page.click("Hardware");
    assert_eq!(page.apply(), [Change::Memory(ByteSize::gib(8))]);
}

#[test]
fn a_long_list_of_models_is_searched() {
    let mut page = Page::off();
    let mut computer = fixture::computer();
    let model = |number: u32| format!("Model-{number}");
    computer.cpu_models = (0..40).map(model).collect();
    let events = &mut page.0.state_mut().events;
    events.push(Event::Computer(Box::new(computer)));
    page.0.run_ok();
    page.click("Processors");
    page.click("Model");
    page.write("Search", "37");
    assert!(!page.shows("Model-36"));
    page.click("Model-37");
    let cpu = Cpu {
        model: Some("Model-37".to_owned()),
        ..Cpu::of(2)
    };
    assert_eq!(page.apply(), [Change::Cpu(cpu)]);
}

#[test]
fn a_saved_machine_can_be_looked_at_but_not_changed() {
    let mut page = Page::of(State::Saved, machine());
    assert!(page.shows("The machine is saved; start it to go on"));
    page.click("Other devices");
    let switch = page.0.get_by_label("Serial port");
    assert!(switch.accesskit_node().is_disabled());
    page.click("Serial port");
    assert!(page.shows("Nothing to apply"));
}

#[test]
fn every_part_has_help() {
    let mut page = Page::off();
    page.click("Help on Machine");
    assert!(page.shows("the guest never sees them"));
    assert!(page.shows("https://www.qemu.org/docs/master/"));
}

const PARTS: [&str; 14] = [
    "Machine",
    "Processors",
    "Memory",
    "Firmware & board",
    "Boot order",
    "Disks",
    "CD & floppy drives",
    "Network",
    "Display",
    "Sound",
    "USB & input",
    "Other devices",
    "Clock",
    "Expert",
];

#[test]
fn nothing_reaches_over_the_edge_of_a_small_window_and_all_has_a_name() {
    for size in [[1024.0, 640.0], [1280.0, 800.0]] {
        let mut page = Page::with_report(pending());
        page.0.set_size(size.into());
        page.0.run_ok();
        for part in PARTS {
            let folded = size[0] < 1200.0;
            page.click(part);
            page.0.check_accessibility();
            for node in page.0.root().children_recursive() {
                let node = node.accesskit_node();
                let Some(bounds) = node.bounding_box() else {
                    continue; // not drawn
                };
                let (label, right) = (node.label(), bounds.x1);
                assert!(
                    right <= f64::from(size[0]) + 0.5,
                    "{part}: {label:?} ends at {right}"
                );
            }
            if folded {
                page.click(part);
            }
        }
    }
}

/// What is shown without having gone through the translation: names of users, models and units.
const UNTRANSLATED: [&str; 14] = [
    "Debian",
    "debian-12.iso",
    "lab",
    "q35",
    "i440fx",
    "KVM",
    "GiB",
    "52:54:00",
    "/home/ada",
    ".qcow2",
    "•",
    "×",
    "Haswell",
    "Ctrl",
];

#[test]
fn all_texts_of_the_page_go_through_the_translation() {
    orangery::language::choose(orangery::language::Language::Marked);
    let computer = Event::Computer(Box::new(fixture::computer()));
    let window = Window::new([computer, show(pending())]);
    let harness = Harness::builder()
        .with_size([1280.0, 800.0])
        .allow_missing_glyphs()
        .with_context_setup(orangery::ui::theme::install)
        .build_ui_state(|ui, window: &mut Window| window.ui(ui), window);
    let mut page = Page(harness);
    let mut bare = std::collections::BTreeSet::new();
    page.click("⟦Hardware⟧");
    for part in PARTS {
        page.click(&format!("⟦{part}⟧"));
        for node in page.0.root().children_recursive() {
            let node = node.accesskit_node();
            // The page is right of the library and below the header.
            let on_page = node
                .bounding_box()
                .is_some_and(|bounds| bounds.x0 > 300.0 && bounds.y0 > 150.0 && bounds.y1 < 750.0);
            let Some(label) = node.label().filter(|_| on_page) else {
                continue;
            };
            let known = UNTRANSLATED.iter().any(|known| label.contains(known));
            let letters = label.chars().any(char::is_alphabetic);
            if letters && !known && !label.contains('⟦') {
                bare.insert(label);
            }
        }
    }
    orangery::language::choose(orangery::language::Language::English);
    assert!(bare.is_empty(), "{bare:?}");
}
