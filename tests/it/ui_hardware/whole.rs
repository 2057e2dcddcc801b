//! The page as a whole: what waits, what others change, help, small windows, translation.

use super::*;

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
    harness.get_by_label_contains("changes wait").click();
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
    page.click("More in QEMU's documentation");
    let link = "https://www.qemu.org/docs/master/system/introduction.html";
    assert_eq!(page.asks(), [Ask::OpenLink(link)]);
}

pub const PARTS: [&str; 14] = [
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

#[test]
fn a_longer_word_on_a_button_takes_its_room_from_the_field_beside_it() {
    use orangery::language::{Language, choose, fill, tr};
    choose(Language::German);
    let mut page = Page::off();
    page.click(tr("CD & floppy drives"));
    let browse = page.0.get_by_label(tr("Browse…")).rect();
    let remove = fill("Remove {device}", &[("device", &"cd0")]);
    let edge = page.0.get_by_label(&remove).rect().right();
    choose(Language::English);
    assert!(
        (browse.right() - edge).abs() < 2.5,
        "{browse:?}, not at {edge}"
    );
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
