//! The test card as guest: a virtio screen in shared memory, and input seen from inside the machine.

use std::os::fd::AsRawFd as _;
use std::time::Duration;

use orangery::display::frame::{ScreenStatus, Size, Viewer, Want};
use orangery::display::keys::{KeyCode, Layout, type_text};
use orangery::display::picture::Picture;
use orangery::display::{Button, Input, Offer, Screen};

use super::machine::{Machine, assert_same, press, settled_size, status, wait};
use crate::card::{self, CardReport};

const A: KeyCode = KeyCode(30);
const TEXT: &str = "Orangery {~} \"10-4\"\n";

fn start() -> Option<Machine> {
    let drive = concat!(
        "file=",
        env!("ORANGERY_TEST_CARD"),
        ",format=raw,if=virtio,snapshot=on"
    );
    let devices = [
        "-device",
        "virtio-vga",
        "-device",
        "virtio-tablet-pci",
        "-device",
        "virtio-keyboard-pci",
        "-drive",
        drive,
    ];
    Machine::start_with("q35", "the test card", &devices)
}

/// The card as this viewer sees it now; `None` while it does not show.
fn report(viewer: &mut Viewer) -> Option<CardReport> {
    let picture = Picture::of(viewer)?;
    card::decode_rgba(
        &picture.rgba,
        picture.width as usize,
        picture.height as usize,
    )
    .ok()
}

fn wait_card(what: &str, viewer: &mut Viewer, mut until: impl FnMut(&CardReport) -> bool) {
    wait(what, || report(viewer).is_some_and(|card| until(&card)));
}

fn type_in(screen: &Screen, viewer: &mut Viewer) {
    for chord in type_text(Layout::find("us").unwrap(), TEXT).unwrap() {
        let mut before = 0;
        wait_card("the card", viewer, |card| {
            before = card.keys;
            true
        });
        for &code in &chord {
            screen.send(Input::Key { code, down: true });
        }
        for &code in chord.iter().rev() {
            screen.send(Input::Key { code, down: false });
        }
        let after = before.wrapping_add(chord.len() as u16);
        wait_card("a key", viewer, |card| card.keys == after);
    }
    wait_card("the text", viewer, |card| {
        card.text_hash == card::text_hash(TEXT)
    });
}

#[test]
fn a_virtio_guest_is_shown_from_shared_memory_and_feels_keys_pointer_and_size() {
    let Some(mut machine) = start() else {
        return;
    };
    let screen = machine.dbus(Offer::SharedMemory);
    let mut page = screen.slot().watch(Want::Pixels);
    wait_card("the card", &mut page, |card| {
        card.virtio_screen && card.virtio_keyboard
    });
    let map = screen.slot().watch(Want::Damage).take_damage().unwrap().map;
    let link = format!("/proc/self/fd/{}", map.fd.as_raw_fd());
    let file = std::fs::read_link(link).unwrap();
    assert!(!file.to_string_lossy().contains("orangery"), "{file:?}");
    type_in(&screen, &mut page);

    wait("an absolute pointer", || {
        screen.slot().info().absolute_pointer
    });
    screen.send(Input::PointerAbs { x: 300, y: 200 });
    wait_card("the pointer", &mut page, |card| {
        card.pointer_x.abs_diff(300) <= 1 && card.pointer_y.abs_diff(200) <= 1
    });
    screen.send(Input::Wheel { dx: 0, dy: 2 });
    screen.send(Input::Button {
        button: Button::Right,
        down: true,
    });
    wait_card("wheel and button", &mut page, |card| {
        (card.wheel, card.buttons) == (2, 2)
    });
    screen.send(Input::ReleaseAll);
    wait_card("a lifted button", &mut page, |card| card.buttons == 0);
    let cursor = screen.slot().info().cursor;
    assert!(cursor.width > 0 && cursor.rgba.chunks(4).any(|pixel| pixel[3] == 255));

    // A width at which QEMU fills the rows of a screendump up.
    screen.send(Input::Resize { w: 998, h: 776 });
    wait("the new size", || {
        screen.slot().info().size == Size::new(998, 776)
    });
    wait_card("the card in its new size", &mut page, |_| true);
    compare_all(&mut machine, &screen, page);
}

/// A paused machine looks the same over D-Bus, RFB and in a screendump, pixel for pixel.
fn compare_all(machine: &mut Machine, screen: &Screen, mut page: Viewer) {
    machine.qmp("stop", "{}");
    let dump = machine.screendump();
    std::thread::sleep(Duration::from_millis(100)); // The last damage is copied within 16 ms.
    let shown = Picture::of(&mut page).unwrap();
    assert_same("shared memory against a screendump", &shown.rgba, &dump);
    assert!(screen.slot().info().takes_input);
    let rfb = machine.rfb();
    let mut rfb_page = rfb.slot().watch(Want::Pixels);
    let from_rfb = settled_size(&mut rfb_page, Size::new(dump.width, dump.height));
    assert_same("RFB against a screendump", &from_rfb.rgba, &dump);
}

#[test]
fn rfb_types_and_points_into_a_virtio_guest() {
    let Some(machine) = start() else {
        return;
    };
    let screen = machine.rfb();
    let mut page = screen.slot().watch(Want::Pixels);
    wait_card("the card", &mut page, |card| {
        card.virtio_screen && card.virtio_keyboard
    });
    type_in(&screen, &mut page);
    wait("an absolute pointer", || {
        screen.slot().info().absolute_pointer
    });
    screen.send(Input::PointerAbs { x: 300, y: 200 });
    screen.send(Input::Wheel { dx: 0, dy: -1 });
    wait_card("pointer and wheel", &mut page, |card| {
        card.pointer_x.abs_diff(300) <= 1 && card.pointer_y.abs_diff(200) <= 1 && card.wheel == -1
    });
    screen.send(Input::Resize { w: 900, h: 700 });
    wait("the new size", || {
        screen.slot().info().size == Size::new(900, 700)
    });
    wait_card("the card in its new size", &mut page, |_| true);
}

#[test]
fn whoever_acts_gets_the_controls_back_with_the_keys_that_waited_and_without_losing_the_picture() {
    let Some(mut machine) = start() else {
        return;
    };
    let first = machine.dbus(Offer::SharedMemory);
    let mut page = first.slot().watch(Want::Pixels);
    let mut keys = 0;
    wait_card("the card", &mut page, |card| {
        keys = card.keys;
        card.virtio_keyboard
    });
    let second = machine.dbus(Offer::SharedMemory);
    wait("the controls to go over", || {
        !first.slot().info().takes_input && second.slot().info().takes_input
    });
    assert!(!first.wants_controls(), "nobody acts");
    press(&first, A);
    assert!(first.wants_controls());
    let updates = first.slot().updates();
    first.take_controls(machine.display());
    wait_card("the key that waited", &mut page, |card| {
        card.keys == keys.wrapping_add(1)
    });
    assert!(!first.wants_controls() && first.slot().info().takes_input);
    assert!(
        first.slot().updates() >= updates,
        "the listener is the same"
    );
    // Hidden without the controls, it wants them to be seen again.
    second.take_controls(machine.display());
    wait("the controls to go over again", || {
        !first.slot().info().takes_input
    });
    first.set_visible(false);
    wait("hidden", || status(&first) == ScreenStatus::Hidden);
    first.set_visible(true);
    wait("the wish to be seen", || first.wants_controls());
    first.take_controls(machine.display());
    wait("a picture again", || status(&first) == ScreenStatus::Live);
}
