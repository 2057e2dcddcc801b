//! Name, processors, memory, board, cards and small devices: what a person's clicks ask for.

use super::*;

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
    assert!(page.shows("Allow the microphone"));
    page.click("USB & input");
    page.click("USB 3");
    page.click("Tablet");
    page.click("Touchscreen");
    page.click("Other devices");
    for word in [
        "Serial port",
        "Random numbers",
        "TPM 2.0",
        "Watchdog",
        "Generation id",
    ] {
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
        DeviceKind::Touchscreen,
        DeviceKind::Serial,
        DeviceKind::Rng,
        DeviceKind::Tpm,
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
