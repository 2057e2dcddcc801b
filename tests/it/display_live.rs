//! The screen of a real QEMU: pictures, keys and pointers over D-Bus and RFB.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod card;
pub mod machine;

use std::time::{Duration, Instant};

use orangery::display::frame::{ScreenStatus, Want};
use orangery::display::keys::KeyCode;
use orangery::display::{Input, Offer, Screen};

use self::machine::{Machine, assert_same, differing, look, press, settled, status, wait};

const ESC: KeyCode = KeyCode(1);

#[test]
fn a_key_press_changes_the_picture_and_all_ways_to_see_it_agree() {
    // SeaBIOS waits a minute for Escape, then lists what it could boot from.
    let bios = ["-boot", "menu=on,splash-time=60000", "-device", "VGA"];
    let Some(mut machine) = Machine::start("a bios menu", &bios) else {
        return;
    };
    let screen = machine.dbus(Offer::SharedMemory);
    let mut page = screen.slot().watch(Want::Pixels);
    let waiting = settled(&mut page, &mut Vec::new());
    press(&screen, ESC);
    let mut shown = waiting.clone();
    wait("Escape opens the menu", || {
        look(&mut page, &mut shown);
        differing(&shown, &waiting) > 500
    });
    settled(&mut page, &mut shown);

    machine.qmp("stop", "{}");
    let dump = machine.screendump();
    let from_dbus = settled(&mut page, &mut shown);
    assert_same("D-Bus against a screendump", &from_dbus, &dump);
    let inline = machine.dbus(Offer::Inline);
    let mut inline_page = inline.slot().watch(Want::Pixels);
    let from_inline = settled(&mut inline_page, &mut Vec::new());
    assert_same("inline against a screendump", &from_inline, &dump);
    let rfb = machine.rfb();
    let from_rfb = rfb.wait_picture(Duration::from_secs(5)).expect("a picture");
    assert_same("RFB against a screendump", &from_rfb.rgba, &dump);
}

#[test]
fn a_hidden_screen_comes_back_at_once_and_rfb_keys_reach_the_guest() {
    let bios = ["-boot", "menu=on,splash-time=60000", "-device", "VGA"];
    let Some(mut machine) = Machine::start("a bios menu", &bios) else {
        return;
    };
    let screen = machine.dbus(Offer::SharedMemory);
    let rfb = machine.rfb();
    for screen in [&screen, &rfb] {
        let mut page = screen.slot().watch(Want::Pixels);
        let before = settled(&mut page, &mut Vec::new());
        screen.set_visible(false);
        wait("hidden", || status(screen) == ScreenStatus::Hidden);
        let mut nothing = Vec::new();
        look(&mut page, &mut nothing);
        let asked = Instant::now();
        screen.set_visible(true);
        let mut again = before.clone();
        wait("a picture after showing", || look(&mut page, &mut again));
        assert!(
            asked.elapsed() < Duration::from_secs(1),
            "{:?}",
            asked.elapsed()
        );
        wait("live", || status(screen) == ScreenStatus::Live);
    }
    let mut page = rfb.slot().watch(Want::Pixels);
    let waiting = settled(&mut page, &mut Vec::new());
    press(&rfb, ESC);
    let mut shown = waiting.clone();
    wait("Escape over RFB opens the menu", || {
        look(&mut page, &mut shown);
        differing(&shown, &waiting) > 500
    });
}

#[test]
fn the_pointer_is_absolute_while_the_machine_has_a_tablet() {
    let paused = [
        "-S",
        "-usb",
        "-device",
        "VGA",
        "-device",
        "usb-tablet,id=tablet",
    ];
    let Some(mut machine) = Machine::start_with("pc,i8042=off", "a tablet", &paused) else {
        return;
    };
    let (screen, rfb) = (machine.dbus(Offer::SharedMemory), machine.rfb());
    let absolute = |screen: &Screen| screen.slot().info().absolute_pointer;
    wait("a screen", || status(&screen) != ScreenStatus::Connecting);
    assert!(absolute(&screen));
    machine.qmp("device_del", r#"{"id":"tablet"}"#);
    wait("relative without a tablet", || {
        !absolute(&screen) && !absolute(&rfb)
    });
    machine.qmp("device_add", r#"{"driver":"usb-tablet","id":"tablet"}"#);
    wait("absolute again", || absolute(&screen) && absolute(&rfb));
    screen.send(Input::PointerAbs { x: 5_000, y: 5_000 });
    screen.send(Input::Wheel { dx: 1, dy: -1 });
    rfb.send(Input::PointerRel { dx: 3, dy: 4 });
    assert_eq!(machine.qmp("query-status", "{}")["status"], "prelaunch");
    assert_eq!(screen.slot().info().heads, 1);
}

#[test]
fn whoever_comes_last_controls_and_the_others_go_on_watching() {
    let bios = ["-boot", "menu=on,splash-time=60000", "-device", "VGA"];
    let Some(mut machine) = Machine::start("a bios menu", &bios) else {
        return;
    };
    let first = machine.dbus(Offer::SharedMemory);
    let mut page = first.slot().watch(Want::Pixels);
    let waiting = settled(&mut page, &mut Vec::new());
    let second = machine.dbus(Offer::SharedMemory);
    wait("the controls to go over", || {
        !first.slot().info().takes_input
    });
    wait("a second screen", || status(&second) == ScreenStatus::Live);
    press(&first, ESC); // Dropped.
    press(&second, ESC);
    let mut shown = waiting.clone();
    wait("the first to see what the second does", || {
        look(&mut page, &mut shown);
        differing(&shown, &waiting) > 500
    });
    assert!(second.slot().info().takes_input);
}

#[test]
fn a_machine_that_ends_is_a_lost_screen_with_a_reason() {
    let Some(mut machine) = Machine::start("nothing", &["-S", "-device", "VGA"]) else {
        return;
    };
    let (screen, rfb) = (machine.dbus(Offer::SharedMemory), machine.rfb());
    for screen in [&screen, &rfb] {
        wait("a picture", || status(screen) == ScreenStatus::Live);
    }
    machine.child.kill().unwrap();
    for screen in [&screen, &rfb] {
        wait("lost", || {
            matches!(status(screen), ScreenStatus::Lost { .. })
        });
        screen.send(Input::ReleaseAll);
    }
    let ScreenStatus::Lost { why } = status(&screen) else {
        panic!("it was lost a moment ago");
    };
    assert!(why.contains("open the screen again"), "{why}");
}
