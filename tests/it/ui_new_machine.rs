//! The dialog that makes a machine, as a person uses it, with an engine that finds what a test says.

use std::path::{Path, PathBuf};

use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orangery::engine::message::{Command, Event};
use orangery::model::*;
use orangery::ui::Ask;

use crate::ui_fixture::{Window, computer, harness, report, show};

type Dialog = Harness<'static, Window>;

/// Clicks the last control with this name: the dialog's.
#[track_caller]
fn click(harness: &mut Dialog, label: &str) {
    let roles = [Role::Button, Role::RadioButton];
    let found = harness
        .get_all_by_label(label)
        .rfind(|node| roles.contains(&node.accesskit_node().role()));
    found
        .unwrap_or_else(|| panic!("no control called {label:?}"))
        .click();
    harness.run_ok();
}

fn is_disabled(harness: &Dialog, label: &str) -> bool {
    harness.get_by_label(label).accesskit_node().is_disabled()
}

fn value(harness: &Dialog, label: &str) -> String {
    harness.get_by_label(label).value().unwrap_or_default()
}

#[track_caller]
fn type_over(harness: &mut Dialog, label: &str, text: &str) {
    harness.get_by_label(label).focus();
    harness.run_ok();
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
    harness.get_by_label(label).type_text(text);
    harness.run_ok();
}

fn drop_file(harness: &mut Dialog, path: &str) {
    let window = harness.state_mut();
    window.shell.dropped(&window.view, Path::new(path));
    harness.run_ok();
}

/// The engine's answer to the last look; fails the test where none was asked for.
#[track_caller]
fn answer(harness: &mut Dialog, kind: FileKind, system: Option<System>) {
    let window = harness.state_mut();
    let path = window.asks.iter().rev().find_map(|ask| match ask {
        Ask::Engine(Command::Recognise { path }) => Some(path.clone()),
        _ => None,
    });
    let path = path.expect("nothing was asked to be looked at");
    let found = Recognised {
        path: path.clone(),
        kind,
        size: ByteSize::mib(650),
        system,
        firmware: None,
    };
    window.shell.looked(&window.view, &path, Ok(found));
    harness.run_ok();
}

fn on_a_computer() -> Dialog {
    with_library([report(1, "Debian 12", State::Off)])
}

fn with_library<const COUNT: usize>(reports: [MachineReport; COUNT]) -> Dialog {
    let mut window = Window::new(reports.map(show));
    window.events.push(Event::Computer(Box::new(computer())));
    let mut dialog = harness(window);
    dialog.run_ok();
    dialog
}

/// What the dialog asked to be made.
#[track_caller]
fn made(harness: &Dialog) -> (NewMachine, bool) {
    let mut made = harness.state().asks.iter().filter_map(|ask| match ask {
        Ask::Engine(Command::Create { spec, start }) => Some((spec.clone(), *start)),
        _ => None,
    });
    let first = made.next().expect("nothing is made");
    assert_eq!(made.next(), None);
    first
}

fn system(name: &str) -> System {
    System {
        name: name.to_owned(),
        cpus: 2,
        memory: ByteSize::gib(4),
        disk: ByteSize::gib(64),
        firmware: FirmwareKind::Uefi,
        era: Era::Sata,
        note: Some("It wants more than this".to_owned()),
    }
}

const ISO: FileKind = FileKind::Iso { bootable: true };

#[test]
fn a_dropped_installer_becomes_a_machine_in_two_steps() {
    let mut harness = on_a_computer();
    drop_file(&mut harness, "/tmp/some.img");
    answer(
        &mut harness,
        ISO,
        Some(System {
            note: None,
            ..system("Debian 12")
        }),
    );
    click(&mut harness, "Create & start");
    let (spec, start) = made(&harness);
    assert!(start);
    // The name is taken.
    assert_eq!(spec.name, "Debian 12-2");
    assert_eq!(spec.source, Source::Iso(PathBuf::from("/tmp/some.img")));
    assert_eq!((spec.firmware, spec.era), (FirmwareKind::Uefi, Era::Sata));
    assert_eq!(spec.disk_size, ByteSize::gib(64));
    assert!(
        harness.query_by_label("Create & start").is_none(),
        "still open"
    );
}

#[test]
fn what_the_file_needs_is_said() {
    let mut harness = on_a_computer();
    drop_file(&mut harness, "/tmp/win.iso");
    harness.get_by_label("Looking at the file…");
    answer(&mut harness, ISO, Some(system("Windows 11")));
    harness.get_by_label("Windows 11");
    harness.get_by_label("It wants more than this");
    drop_file(&mut harness, "/tmp/data.iso");
    answer(&mut harness, FileKind::Iso { bootable: false }, None);
    harness.get_by_label_contains("does not start by itself");
}

#[test]
fn a_disk_is_copied_unless_the_user_wants_it_used_where_it_lies() {
    let disk = FileKind::Disk {
        format: "qcow2".to_owned(),
        size: ByteSize::gib(20),
    };
    let path = PathBuf::from("/tmp/a.qcow2");
    let mut harness = on_a_computer();
    drop_file(&mut harness, "/tmp/a.qcow2");
    answer(&mut harness, disk.clone(), None);
    assert!(harness.query_by_label("Disk size").is_none());
    harness.get_by_label_contains("The file stays as it is");
    harness.key_press(egui::Key::Enter);
    harness.run_ok();
    assert_eq!(made(&harness).0.source, Source::Copy(path.clone()));

    let mut harness = on_a_computer();
    drop_file(&mut harness, "/tmp/a.qcow2");
    answer(&mut harness, disk, None);
    click(&mut harness, "Use it where it lies");
    harness.get_by_label_contains("The machine writes to the file");
    click(&mut harness, "Create");
    assert_eq!(made(&harness), {
        let (spec, _) = made(&harness);
        let source = Source::Disk(path);
        (NewMachine { source, ..spec }, false)
    });
}

#[test]
fn other_formats_are_always_copied_and_it_says_so() {
    let mut harness = on_a_computer();
    drop_file(&mut harness, "/tmp/a.vmdk");
    let foreign = FileKind::Foreign {
        format: "VMware (VMDK)".to_owned(),
        size: Some(ByteSize::gib(900)),
    };
    answer(&mut harness, foreign, None);
    harness.get_by_label("Disk of 900 GiB, VMware (VMDK)");
    harness.get_by_label_contains("converted to qcow2");
    assert!(harness.query_by_label("Use it where it lies").is_none());
    harness.get_by_label_contains("can grow to 900 GiB, and 412 GiB are free");
    click(&mut harness, "Create & start");
    assert_eq!(
        made(&harness).0.source,
        Source::Copy(PathBuf::from("/tmp/a.vmdk"))
    );
}

#[test]
fn what_is_no_image_is_refused_with_the_reason() {
    let mut harness = on_a_computer();
    drop_file(&mut harness, "/tmp/letter.txt");
    let why = "It is neither a disk nor an installer".to_owned();
    answer(&mut harness, FileKind::Unusable { why }, None);
    harness.get_by_label("It is neither a disk nor an installer");
    assert!(is_disabled(&harness, "Create & start"));
    assert!(is_disabled(&harness, "Create"));
    // Another file mends it.
    drop_file(&mut harness, "/tmp/a.iso");
    answer(&mut harness, ISO, None);
    assert!(!is_disabled(&harness, "Create"));
    harness.get_by_label("The system on it is not known");
}

#[test]
fn a_wish_faster_than_the_look_comes_true_unless_the_file_is_no_image() {
    let mut harness = on_a_computer();
    drop_file(&mut harness, "/tmp/a.iso");
    click(&mut harness, "Create & start");
    assert!(is_disabled(&harness, "Create & start"));
    let why = "It is a folder; choose the image in it".to_owned();
    answer(&mut harness, FileKind::Unusable { why }, None);
    harness.get_by_label("It is a folder; choose the image in it");
    drop_file(&mut harness, "/tmp/b.iso");
    click(&mut harness, "Create & start");
    answer(&mut harness, ISO, Some(system("Debian 13")));
    let (spec, start) = made(&harness);
    assert!(start && spec.name == "Debian 13", "{spec:?}");
}

#[test]
fn what_was_chosen_by_hand_stays_when_the_file_is_known() {
    let mut harness = on_a_computer();
    drop_file(&mut harness, "/tmp/a.iso");
    type_over(&mut harness, "Name", "Mine");
    click(&mut harness, "L: 4 CPU, 8 GiB");
    answer(
        &mut harness,
        ISO,
        Some(System {
            note: None,
            ..system("Debian 13")
        }),
    );
    click(&mut harness, "Create");
    let (spec, _) = made(&harness);
    assert_eq!((spec.name.as_str(), spec.cpus), ("Mine", 4));
    assert_eq!(spec.memory, ByteSize::gib(8));
}

#[test]
fn a_size_of_its_own_is_checked_and_parts_are_under_more() {
    let mut harness = with_library([]);
    drop_file(&mut harness, "/tmp/a.iso");
    answer(&mut harness, ISO, None);
    assert!(harness.query_by_label("Memory").is_none());
    click(&mut harness, "Custom");
    type_over(&mut harness, "Memory", "1 MiB");
    assert!(is_disabled(&harness, "Create"));
    type_over(&mut harness, "Memory", "24 GiB");
    harness.get_by_label_contains("9 GiB of memory free");
    harness.get_by_label("BIOS · Modern hardware · user network");
    click(&mut harness, "More");
    click(&mut harness, "Old");
    harness.get_by_label_contains("for DOS");
    click(&mut harness, "UEFI");
    click(&mut harness, "Create");
    let (spec, _) = made(&harness);
    assert_eq!((spec.era, spec.firmware), (Era::Ide, FirmwareKind::Uefi));
    assert_eq!(spec.memory, ByteSize::gib(24));
}

#[test]
fn what_this_computer_lacks_is_said_with_the_way_to_get_it() {
    let mut computer = computer();
    computer.checks.push(Check {
        id: "firmware".to_owned(),
        title: "Firmware".to_owned(),
        level: CheckLevel::Note,
        finding: "No UEFI firmware; machines can use BIOS".to_owned(),
        fix: Some("Install it: sudo apt install ovmf".to_owned()),
    });
    let mut window = Window::new([]);
    window.events.push(Event::Computer(Box::new(computer)));
    let mut harness = harness(window);
    harness.run_ok();
    drop_file(&mut harness, "/tmp/win.iso");
    answer(&mut harness, ISO, Some(system("Windows 10")));
    harness.get_by_label("No UEFI firmware; machines can use BIOS");
    harness.get_by_label("Install it: sudo apt install ovmf");
    harness.get_by_label_contains("KVM does not work here");
}

#[test]
fn typing_a_path_asks_for_one_look_at_a_time() {
    let mut harness = on_a_computer();
    click(&mut harness, "New machine");
    for letter in ["/", "t", "m", "p"] {
        harness.get_by_label("File").type_text(letter);
        harness.run_ok();
    }
    let looks = |harness: &Dialog| {
        let asks = harness.state().asks.iter();
        asks.filter(|ask| matches!(ask, Ask::Engine(Command::Recognise { .. })))
            .count()
    };
    assert_eq!(looks(&harness), 1);
    let why = "It is a folder; choose the image in it".to_owned();
    // The answer to “/” is too old, so it asks for what stands there now.
    answer(&mut harness, FileKind::Unusable { why: why.clone() }, None);
    assert_eq!(looks(&harness), 2);
    assert!(harness.query_by_label(&why).is_none());
    answer(&mut harness, FileKind::Unusable { why: why.clone() }, None);
    harness.get_by_label(&why);
    assert_eq!(value(&harness, "File"), "/tmp");
}

#[test]
fn every_control_can_be_reached_by_keyboard() {
    let mut harness = on_a_computer();
    drop_file(&mut harness, "/tmp/a.qcow2");
    let disk = FileKind::Disk {
        format: "raw".to_owned(),
        size: ByteSize::gib(1),
    };
    answer(&mut harness, disk, None);
    click(&mut harness, "More");
    let mut seen = std::collections::HashSet::new();
    for _ in 0..60 {
        harness.key_press(egui::Key::Tab);
        harness.run_ok();
        let focus = harness.ctx.memory(|memory| memory.focused());
        seen.extend(focus);
    }
    // 3 sources, file, browse, 2 places, name, 4 sizes, more, 3 firmwares, 3 kinds of hardware, 3 buttons.
    assert!(seen.len() >= 22, "{}", seen.len());
}
