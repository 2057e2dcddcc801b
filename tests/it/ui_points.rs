//! The timeline by its menus and from the keyboard alone; the snapshot dialog's choices.

use egui::accesskit::Role;
use egui::{Key, Modifiers, PointerButton};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orangery::engine::message::{Command, Event};
use orangery::model::*;
use orangery::ui::Ask;
use uuid::Uuid;

use crate::ui_fixture::{Window, harness, id, report, show};
use crate::ui_library::{act, press, press_with, row, take};
use crate::ui_timeline::{dozen, open, snapshot_id, window};

fn menu_of<'a>(harness: &mut Harness<'a, Window>, line: &str) {
    let at = row(harness, line).rect().center();
    harness.hover_at(at);
    for pressed in [true, false] {
        harness.event(egui::Event::PointerButton {
            pos: at,
            button: PointerButton::Secondary,
            pressed,
            modifiers: Modifiers::NONE,
        });
    }
    harness.run_ok();
}

fn choose(harness: &mut Harness<'_, Window>, word: &str) {
    let nodes = harness
        .get_all_by(|node| node.role() == Role::Button && node.label().as_deref() == Some(word));
    // The menu is drawn last, above the rest.
    nodes.last().unwrap().click_accesskit();
    harness.run_ok();
}

#[test]
fn the_timeline_has_the_keyboard_as_soon_as_it_is_asked_for() {
    let mut harness = harness(window(dozen()));
    harness.run_ok();
    press_with(&mut harness, Modifiers::COMMAND, Key::H);
    press(&mut harness, Key::ArrowDown);
    press(&mut harness, Key::Enter);
    harness.get_by_label_contains("Go back to “Debian certificates");
    take(&mut harness);
}

#[test]
fn a_line_has_a_menu_with_what_can_be_done_with_it() {
    let mut harness = open(dozen());
    menu_of(&mut harness, "Debian web server runs");
    choose(&mut harness, "Compare with now…");
    let compare = Command::Compare {
        machine: id(1),
        from: snapshot_id(8),
        to: None,
    };
    assert_eq!(take(&mut harness), [Ask::Engine(compare)]);
    // One that waits for other work is taken back; that work goes on.
    press(&mut harness, Key::Escape);
    let machine = id(1);
    let cancel = Command::StopLooking { machine };
    assert_eq!(take(&mut harness), [Ask::Engine(cancel)]);

    menu_of(&mut harness, "Debian web server runs");
    choose(&mut harness, "Go back…");
    harness.get_by_label("Go back to “Debian web server runs”?");
    press(&mut harness, Key::Escape);
    menu_of(&mut harness, "Debian web server runs");
    choose(&mut harness, "Name and note");
    let field = harness.get_by_role_and_label(Role::TextInput, "Name");
    assert!(field.accesskit_node().is_focused());
    press(&mut harness, Key::Escape);
    menu_of(&mut harness, "Now");
    choose(&mut harness, "Take a snapshot");
    assert_eq!(take(&mut harness), [Ask::Engine(act(1, Action::Snapshot))]);
}

/// A machine with two disks, one of them elsewhere.
pub fn with_disk_elsewhere(state: State) -> Window {
    let mut report = report(1, "Debian web server", state);
    if let Some(machine) = &mut report.machine {
        let layer = LayerRef {
            machine: machine.id,
            layer: LayerId(Uuid::from_u128(7)),
        };
        let image = InPlaceImage {
            path: "/data/photos.qcow2".into(),
            format: ImageFormat::Qcow2,
        };
        machine.devices.clear();
        for (name, source) in [
            ("disk0", DiskSource::Layers(vec![layer])),
            ("disk1", DiskSource::InPlace(image)),
        ] {
            machine.devices.push(Device {
                id: name.to_owned(),
                kind: DeviceKind::Disk(Disk::new(source, ByteSize::gib(8))),
                address: Address::Board,
            });
        }
    }
    Window::new([
        show(report),
        Event::Timeline {
            machine: id(1),
            timeline: Box::default(),
        },
    ])
}

fn taken(disk: Option<&str>, move_in: bool) -> Ask {
    Ask::Engine(Command::TakeSnapshot {
        machine: id(1),
        name: String::new(),
        note: String::new(),
        scope: SnapshotScope {
            disk: disk.map(str::to_owned),
            move_in,
        },
    })
}

#[test]
fn a_disk_elsewhere_is_offered_to_be_copied_in_and_one_disk_to_be_kept_alone() {
    let mut harness = harness(with_disk_elsewhere(State::Off));
    harness.run_ok();
    press_with(&mut harness, Modifiers::COMMAND, Key::B);
    harness.get_by_label("Its disk lies outside the library, where others can change it");
    harness.get_by_label("/data/photos.qcow2, 8 GiB");
    choose(&mut harness, "Copy the disk and take the snapshot");
    assert_eq!(take(&mut harness), [taken(None, true)]);

    press_with(&mut harness, Modifiers::COMMAND, Key::B);
    harness.get_by_role(Role::ComboBox).click_accesskit();
    harness.run_ok();
    choose(&mut harness, "Only disk0, 8 GiB");
    assert!(
        harness
            .query_by_label_contains("outside the library")
            .is_none()
    );
    press(&mut harness, Key::Enter);
    assert_eq!(take(&mut harness), [taken(Some("disk0"), false)]);
}

#[test]
fn a_disk_elsewhere_is_not_copied_while_the_guest_writes_to_it() {
    let mut harness = harness(with_disk_elsewhere(State::Running));
    harness.run_ok();
    press_with(&mut harness, Modifiers::COMMAND, Key::B);
    harness.get_by_label_contains("Shut the machine down first");
    press(&mut harness, Key::Enter);
    assert_eq!(take(&mut harness), []);
}
