//! Hardware changed by clicks in the real window, before its Debian starts and while it runs; the guest tells.

use std::time::Duration;

use super::debian::Shell;
use crate::window_stage::{SOON, Window, wait};

const SOUND: &str = "cat /sys/bus/pci/devices/*/device | grep -c 2668";
const DISKS: &str = "lsblk -dno NAME | grep -c vd";
const CARRIER: &str = "ip link set eth0 up; sleep 1; cat /sys/class/net/eth0/carrier";

/// Shows a part of the hardware page.
fn part(window: &Window<'_>, name: &str) {
    window.tab("Hardware");
    window.tab(name);
}

fn apply(window: &Window<'_>) {
    window.click("Apply");
    window.find("Nothing to apply");
}

/// Clicks what is still being scrolled into sight.
fn click_at_rest(window: &Window<'_>, name: &str) {
    let mut before = None;
    wait(SOON, &format!("“{name}” to rest"), || {
        std::thread::sleep(Duration::from_millis(200));
        let now = Some(window.find(name).place);
        std::mem::replace(&mut before, now) == now
    });
    window.click(name);
}

/// Plugs in a sound card and a second disk, and starts the machine.
pub fn plug_in_and_start(window: &Window<'_>) {
    window.click("Debian");
    part(window, "Sound");
    window.click("Intel HDA");
    apply(window);
    part(window, "Disks");
    window.click("Add a disk…");
    click_at_rest(window, "Add the disk");
    window.find_part("disk1");
    window.keep("plugged-in");
    window.click("Start");
    window.find("Shut down");
}

/// The guest has both parts; its network cable is taken out and put back while it runs.
pub fn the_guest_sees_it(window: &Window<'_>, shell: &mut Shell) {
    assert_eq!(shell.ask(SOUND), "1", "sound cards");
    assert_eq!(shell.ask(DISKS), "2", "disks");
    assert_eq!(shell.ask(CARRIER), "1", "the cable is in");
    part(window, "Network");
    for (carrier, what) in [("0", "taken out"), ("1", "put back")] {
        window.click("Cable plugged in"); // At once, without “Apply”.
        wait(SOON, "the cable", || shell.ask(CARRIER) == carrier);
        println!("the cable was {what} by a click");
    }
    window.keep("seen");
    // A part that can't go at once waits, and the guest keeps it so long.
    part(window, "Sound");
    window.click("None");
    window.find("Takes effect at the next start");
    apply(window);
    window.find("These changes wait for the next start");
    assert_eq!(shell.ask(SOUND), "1", "sound cards while it runs");
}
