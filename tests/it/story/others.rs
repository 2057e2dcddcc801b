//! Guests of others: installers and rescue disks from an ISO, and UEFI.

use std::path::Path;

use super::{House, soak, wait_for};
use crate::guests::{debian_installer, grub_rescue, memtest, or_skip};

/// The share of pixels that `of` picks, in percent.
fn share(picture: &(Vec<u8>, usize, usize), of: impl Fn(&[u8]) -> bool) -> usize {
    let (pixels, width, height) = picture;
    pixels.chunks(4).filter(|pixel| of(pixel)).count() * 100 / (width * height)
}

fn colours(picture: &(Vec<u8>, usize, usize)) -> usize {
    let mut seen: Vec<&[u8]> = picture.0.chunks(4).collect();
    seen.sort_unstable();
    seen.dedup();
    seen.len()
}

/// A machine that starts from `iso`.
fn boot(iso: &Path) -> House {
    let house = House::new();
    house.done(&[
        "create",
        "Guest",
        "--iso",
        iso.to_str().unwrap(),
        "--memory",
        "1G",
        "--disk-size",
        "1G",
        "--cpus",
        "1",
    ]);
    house.done(&["start", "Guest"]);
    house
}

/// Waits until the screen shows what is wanted.
fn see(house: &House, what: &str, seconds: u64, wanted: impl Fn(&(Vec<u8>, usize, usize)) -> bool) {
    wait_for(what, seconds, || {
        let picture = house.picture("Guest");
        if wanted(&picture) {
            return Ok(());
        }
        Err(format!(
            "{}x{}, {} colours",
            picture.1,
            picture.2,
            colours(&picture)
        ))
    });
}

#[test]
fn memtest_shows_its_blue_screen() {
    let Some(iso) = or_skip(memtest()) else {
        return;
    };
    let house = boot(&iso);
    let blue = |pixel: &[u8]| pixel[2] > 120 && pixel[0] < 60;
    see(&house, "a blue screen", 120, |picture| {
        share(picture, blue) > 50
    });
}

#[test]
fn grub_takes_typed_commands() {
    let Some(iso) = or_skip(grub_rescue()) else {
        return;
    };
    let house = boot(&iso);
    // The menu's frame and bar; what the firmware writes is less. A key that comes before GRUB may be lost.
    let written = |picture: &_| share(picture, |pixel| pixel[0] > 60);
    see(&house, "a menu", 60, |picture| written(picture) > 5);
    house.done(&["key", "Guest", "c"]);
    see(&house, "a prompt", 30, |picture| written(picture) < 5);
    house.done(&["type", "Guest", "set color_normal=white/red\nclear\n"]);
    see(&house, "a red screen", 30, |picture| {
        share(picture, |pixel| pixel[0] > 120 && pixel[1] < 60) > 50
    });
}

#[test]
fn the_debian_installer_reaches_its_list_of_languages() {
    if !soak() {
        eprintln!("skipped: takes minutes, with ORANGERY_SOAK=1");
        return;
    }
    let Some(iso) = or_skip(debian_installer()) else {
        return;
    };
    let house = boot(&iso);
    // The graphical installer's page: a white list over most of the screen, and anti-aliased text.
    see(&house, "the list of languages", 300, |picture| {
        share(picture, |pixel| pixel[..3] == [255, 255, 255]) > 40 && colours(picture) > 100
    });
}

#[test]
fn uefi_and_secure_boot_show_their_firmware_and_keep_its_variables() {
    for kind in ["uefi", "secure"] {
        let house = House::new();
        house.done(&[
            "create",
            "Guest",
            "--firmware",
            kind,
            "--memory",
            "256M",
            "--disk-size",
            "16M",
            "--cpus",
            "1",
        ]);
        let line = house.done(&["command-line", "Guest"]);
        assert_eq!(line.contains("smm=on"), kind == "secure", "{line}");
        house.done(&["start", "Guest"]);
        let shown = house.json(&["show", "Guest"]);
        let variables = &shown["machine"]["firmware"]["variables"];
        assert_eq!(variables.as_array().unwrap().len(), 1, "{variables}");
        assert_eq!(shown["pending"], false);
        see(&house, "the firmware", 90, |picture| colours(picture) > 1);
        house.done(&["power-off", "Guest"]);
        house.done(&["start", "Guest"]);
        assert_eq!(
            &house.json(&["show", "Guest"])["machine"]["firmware"]["variables"],
            variables
        );
    }
}
