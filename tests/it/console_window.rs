//! A console's own window on a desktop of its own, over a real guest: the test card.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use std::time::Duration;

use crate::card;
use crate::console_desktop::{Shot, wait};
use crate::console_stage::{RIGHT_CTRL, Stage};

#[test]
fn one_guest_pixel_is_one_screen_pixel_and_keys_and_pointer_arrive() {
    let Some(mut stage) = Stage::start("copied", (1600, 1200)) else {
        return;
    };
    stage.ready();
    stage.assert_exact();
    let before = stage.wait_card("the card", |_| true).keys;
    stage.desktop.xdotool("key a");
    stage.wait_card("a key", |card| card.keys == before.wrapping_add(1));
    stage.point(300, 200 + stage.bar as i32);
    stage.wait_card("the pointer", |card| {
        (card.pointer_x, card.pointer_y) == (300, 200)
    });
    stage.desktop.xdotool("click 4");
    // winit tells of a wheel without axes, as xdotool has it, at press and at release.
    stage.wait_card("the wheel", |card| card.wheel == 2);
}

#[test]
fn losing_the_focus_lifts_every_key_and_button() {
    let Some(mut stage) = Stage::start("copied", (1600, 1200)) else {
        return;
    };
    stage.ready();
    stage.point(300, 300);
    let before = stage.wait_card("the card", |_| true).keys;
    stage.desktop.xdotool("keydown shift mousedown 1");
    let down = before.wrapping_add(1);
    stage.wait_card("shift and a button", |card| {
        card.keys == down && card.buttons == 1
    });
    let mut other = stage
        .desktop
        .command("xmessage")
        .arg("focus")
        .spawn()
        .unwrap();
    let window = stage.desktop.window("xmessage");
    stage
        .desktop
        .xdotool(&format!("windowfocus --sync {window}"));
    stage
        .desktop
        .xdotool(&format!("windowmove {window} 1400 1100"));
    stage.wait_card("no button", |card| card.buttons == 0);
    // Typed by the monitor: a small letter, as shift is up.
    let key = r#"{"keys":[{"type":"qcode","data":"a"}]}"#;
    stage.machine.qmp("send-key", key);
    stage.wait_card("a small letter", |card| {
        card.text_hash == card::text_hash("a")
    });
    stage.desktop.xdotool("keyup shift mouseup 1");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn right_ctrl_and_the_bar_work_and_full_screen_fills_the_screen() {
    let Some(stage) = Stage::start("copied", (1440, 1000)) else {
        return;
    };
    stage.ready();
    let before = stage.wait_card("the card", |_| true).keys;
    stage.desktop.xdotool(RIGHT_CTRL);
    stage.desktop.xdotool("key b");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(
        stage.wait_card("the card", |_| true).keys,
        before,
        "keys go to the bar"
    );
    stage.desktop.xdotool("key F11");
    wait("full screen", || {
        stage.desktop.place(&stage.window) == [0, 0, 1440, 1000]
    });
    stage.desktop.xdotool("key F11");
    wait("a window again", || {
        stage.desktop.place(&stage.window)[2] < 1440
    });
    stage.desktop.xdotool(RIGHT_CTRL);
    stage.desktop.xdotool("key b");
    stage.wait_card("a key again", |card| card.keys == before.wrapping_add(1));
}

#[test]
fn the_x_server_reads_the_guests_memory_itself_and_menus_stay_on_top() {
    let Some(mut stage) = Stage::start("direct", (1600, 1200)) else {
        return;
    };
    stage.ready();
    stage.assert_exact();
    let maps = format!("/proc/{}/maps", stage.desktop.server());
    let maps = std::fs::read_to_string(maps).unwrap();
    let guests = maps
        .lines()
        .filter(|line| line.contains("memfd:") && line.contains("r--s"));
    assert!(
        guests.count() >= 1,
        "the X server has not mapped the guest's memory"
    );

    let [_, _, width, _] = stage.desktop.place(&stage.window);
    stage.point(width - 175, stage.bar as i32 / 2);
    stage.desktop.xdotool("click 1");
    let menu = |shot: &Shot| {
        let part = shot.part(width as usize - 200, stage.bar + 100, 60, 100);
        part.rgb
            .chunks(3)
            .filter(|pixel| **pixel == [0x19, 0x20, 0x1c])
            .count()
            > 3_000
    };
    wait("the menu", || menu(&stage.desktop.shot(&stage.window)));
    for _ in 0..20 {
        assert!(
            menu(&stage.desktop.shot(&stage.window)),
            "the guest painted over the menu"
        );
    }
    stage.desktop.xdotool("click 1");
    wait("no menu", || !menu(&stage.desktop.shot(&stage.window)));
    stage.assert_exact();
}

#[test]
fn a_scaled_picture_is_whole_in_both_ways() {
    for presenter in ["copied", "direct"] {
        let Some(stage) = Stage::start(presenter, (1000, 700)) else {
            return;
        };
        wait("a window within the screen", || {
            stage.desktop.place(&stage.window)[2] <= 900
        });
        // The bright moon and the dark sky right of the strip.
        wait("the scaled card", || {
            let picture = stage.picture();
            let at = |x: usize, y: usize| {
                let (x, y) = (x * picture.width / 1280, y * picture.height / 800);
                picture.part(x, y, 1, 1).rgb
            };
            at(1129, 129).iter().all(|part| *part > 0xa0)
                && at(700, 40).iter().all(|part| *part < 0x60)
        });
    }
}

#[test]
fn a_relative_pointer_is_taken_by_a_click_and_let_go_by_right_ctrl() {
    let Some(stage) = Stage::start_with("direct", (1600, 1200), &[]) else {
        return;
    };
    let before = stage.wait_card("the card", |card| card.virtio_screen && !card.tablet);
    let focus = format!("windowfocus --sync {}", stage.window);
    stage.desktop.xdotool(&focus);
    stage.point(600, 400);
    stage.desktop.xdotool("click 1");
    std::thread::sleep(Duration::from_millis(300));
    stage.desktop.xdotool("mousemove_relative 30 0");
    let moved = stage.wait_card("the pointer", |card| card.pointer_x != before.pointer_x);
    let way = i32::from(moved.pointer_x) - i32::from(before.pointer_x);
    assert!((20..=45).contains(&way), "each motion counts once, {way}");
    stage.desktop.xdotool(RIGHT_CTRL);
    std::thread::sleep(Duration::from_millis(300));
    stage.desktop.xdotool("mousemove_relative 30 0");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(
        stage.wait_card("the card", |_| true).pointer_x,
        moved.pointer_x
    );
}

#[test]
fn one_to_one_is_one_to_one_at_every_scale_of_the_desktop() {
    let Some(mut stage) = Stage::start("direct", (1600, 1200)) else {
        return;
    };
    stage.ready();
    for (presenter, scale) in [("copied", 1.25), ("direct", 1.5), ("copied", 1.75)] {
        stage.reopen(presenter, scale);
        stage.ready();
        stage.assert_exact();
    }
}

#[test]
fn the_guest_takes_the_size_that_the_person_gives_the_window() {
    let Some(mut stage) = Stage::start("direct", (1600, 1200)) else {
        return;
    };
    stage.ready();
    let [_, _, width, height] = stage.desktop.place(&stage.window);
    let before = (width as usize, height as usize - stage.bar);
    stage
        .desktop
        .xdotool(&format!("windowsize --sync {} 1100 736", stage.window));
    wait("the guest in the window's size", || {
        let dump = stage.machine.screendump();
        (dump.width, dump.height) == (1100, 700)
    });
    assert_ne!(before, (1100, 700));
    stage.ready();
    stage.assert_exact();
}

/// Names of the window's threads.
fn threads(stage: &Stage) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", stage.process())).unwrap();
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    tasks.flatten().filter_map(name).collect()
}

#[test]
fn a_minimised_window_has_the_guest_draw_for_nobody() {
    let Some(mut stage) = Stage::start("direct", (1600, 1200)) else {
        return;
    };
    stage.ready();
    let listens = |stage: &Stage| threads(stage).iter().any(|name| name == "screen-listen\n");
    assert!(listens(&stage));
    stage
        .desktop
        .xdotool(&format!("windowminimize {}", stage.window));
    wait("no listener", || !listens(&stage));
    stage
        .desktop
        .xdotool(&format!("windowactivate {}", stage.window));
    wait("a listener", || listens(&stage));
    stage.ready();
    stage.assert_exact();
}

#[test]
fn keys_of_the_desktop_reach_the_guest_while_it_has_the_keyboard() {
    let Some(stage) = Stage::start("direct", (1600, 1200)) else {
        return;
    };
    stage.ready();
    let mut keys = stage.wait_card("the card", |_| true).keys;
    // Openbox has Alt+Tab and Super+D; the print key is many a desktop's.
    for (chord, presses) in [("super", 1), ("alt+Tab", 2), ("super+d", 2), ("Print", 1)] {
        stage.desktop.xdotool(&format!("key {chord}"));
        keys = keys.wrapping_add(presses);
        stage.wait_card(chord, |card| card.keys == keys);
        let focus = stage.desktop.xdotool("getwindowfocus");
        assert_eq!(focus.trim(), stage.window, "{chord}");
    }
    stage.desktop.xdotool(RIGHT_CTRL);
    stage.desktop.xdotool("key Print");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(stage.wait_card("the card", |_| true).keys, keys);
}

#[test]
fn a_screenshot_is_a_file_and_can_be_pasted() {
    let Some(mut stage) = Stage::start("copied", (1600, 1200)) else {
        return;
    };
    stage.ready();
    stage.machine.qmp("stop", "{}");
    let [_, _, width, _] = stage.desktop.place(&stage.window);
    stage.point(width - 103, stage.bar as i32 / 2);
    stage.desktop.xdotool("click 1");
    let wanted = stage.machine.screendump();
    let folder = stage.home().join("Pictures/Orangery");
    wait("the file", || {
        let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut pictures = files.filter_map(|file| {
            let bytes = std::fs::read(file.path()).ok()?;
            orangery::display::picture::Picture::from_png(&bytes).ok()
        });
        pictures.any(|picture| picture.rgba == wanted.rgba)
    });
    wait("the picture on the clipboard", || {
        let arguments = ["-selection", "clipboard", "-t", "image/png", "-o"];
        let pasted = stage.desktop.command("xclip").args(arguments).output();
        let picture = orangery::display::picture::Picture::from_png(&pasted.unwrap().stdout);
        picture.is_ok_and(|picture| picture.rgba == wanted.rgba)
    });
}

#[test]
fn a_recording_plays_what_the_guest_drew() {
    let Some(mut stage) = Stage::start("copied", (1600, 1200)) else {
        return;
    };
    stage.ready();
    let [_, _, width, _] = stage.desktop.place(&stage.window);
    stage.point(width - 142, stage.bar as i32 / 2);
    stage.desktop.xdotool("click 1");
    std::thread::sleep(Duration::from_secs(2));
    stage.machine.qmp("stop", "{}");
    let last = stage.machine.screendump();
    std::thread::sleep(Duration::from_secs(1)); // It looks fifteen times a second.
    stage.desktop.xdotool("click 1");
    let folder = stage.home().join("Videos/Orangery");
    wait("the recording", || {
        let file = std::fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .next();
        let Some(frames) = file.and_then(|file| played(&file.path())) else {
            return false;
        };
        frames.len() >= 3
            && frames.last().is_some_and(|frame| {
                // All but the pointer in the corner, which is none of QEMU's picture.
                let row = last.width as usize * 4;
                let mut rows = frame.chunks(row).zip(last.rgba.chunks(row));
                rows.all(|(shown, drawn)| shown[32 * 4..] == drawn[32 * 4..])
            })
    });
}

/// The frames of a complete animated PNG, as RGBA.
fn played(path: &std::path::Path) -> Option<Vec<Vec<u8>>> {
    let file = std::io::BufReader::new(std::fs::File::open(path).ok()?);
    let decoder = image::codecs::png::PngDecoder::new(file)
        .ok()?
        .apng()
        .ok()?;
    let frames = image::AnimationDecoder::into_frames(decoder).collect_frames();
    let frames = frames.ok()?.into_iter();
    Some(frames.map(|frame| frame.into_buffer().into_raw()).collect())
}
