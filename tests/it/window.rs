//! The real window on a real desktop, used as a person does, over real machines.
#![expect(clippy::unwrap_used, reason = "a test that fails should say where")]

use std::collections::BTreeMap;

use crate::card;
use crate::window_stage::{SOON, Stage, Window, wait};

const TEXT: &str = "Orange 42, Lemon-7!";
/// In guest pixels.
const CLICK: (i32, i32) = (700, 500);

/// From the empty library to a card that has the size of its place in the window.
fn start_card(window: &Window<'_>) {
    window.click_and_leave("Start the test card");
    window.tab("Screen");
    window.card("a running guest", |card| {
        card.virtio_keyboard && card.tablet
    });
}

/// Gives the keyboard to the card. In full screen all of it has room, so that nothing is panned.
fn click_card(window: &Window<'_>) {
    window.keys("F11");
    window.wait_gone("Overview");
    window.card("the card in its new size", |_| true);
    let [left, top, ..] = window.card_place().place;
    window.click_at((left + CLICK.0, top + CLICK.1));
    window.find_part("Keyboard goes to the guest");
}

#[test]
fn one_click_in_an_empty_home_leads_to_a_guest_that_takes_text_and_pointer() {
    let Some(stage) = Stage::new() else { return };
    let window = stage.open();
    window.find("Nothing grows here yet");
    window.keep("empty-dark");
    start_card(&window);

    click_card(&window);
    window.card("a click", |card| card.clicks == 1);
    window.type_text(TEXT);
    window.keys("Return");
    let typed = card::text_hash(&format!("{TEXT}\n"));
    let card = window.card("the text", |card| card.text_hash == typed);
    let pointed = (i32::from(card.pointer_x), i32::from(card.pointer_y));
    assert!((pointed.0 - CLICK.0).abs() <= 1, "{pointed:?}");
    assert!((pointed.1 - CLICK.1).abs() <= 1, "{pointed:?}");

    // The release key is not the guest's, and after it nothing is.
    window.keys("105");
    window.find("Click the screen to type into it");
    let keys = window.card("the card", |_| true).keys;
    window.keys("x");
    let later = window.card("a later frame", |later| later.frame > card.frame + 30);
    assert_eq!(later.keys, keys);
}

#[test]
fn the_desktops_keys_are_the_guests_while_it_has_the_keyboard_of_the_page() {
    let Some(stage) = Stage::new() else { return };
    let window = stage.open();
    start_card(&window);
    click_card(&window);
    let focus = || stage.desktop.xdotool("getwindowfocus").trim().to_owned();
    let mut keys = window.card("the card", |_| true).keys;
    // Openbox has Alt+Tab and Super+D; the print key is many a desktop's.
    for (chord, presses) in [("super", 1), ("alt+Tab", 2), ("super+d", 2), ("Print", 1)] {
        window.keys(chord);
        keys = keys.wrapping_add(presses);
        window.card(chord, |card| card.keys == keys);
        assert_eq!(focus(), window.id, "{chord}");
    }
    window.keys("105");
    window.find("Click the screen to type into it");
    wait(SOON, "the desktop to have its keys again", || {
        window.keys("super+d");
        focus() != window.id
    });
    stage
        .desktop
        .xdotool(&format!("windowactivate --sync {}", window.id));
    assert_eq!(window.card("the card", |_| true).keys, keys);
}

#[test]
fn a_closed_window_leaves_its_guest_running_and_finds_it_again() {
    let Some(stage) = Stage::new() else { return };
    let mut window = stage.open();
    start_card(&window);
    let before = window.card("the card", |_| true);
    window.close_by_x();
    window.find("Test card is running");
    window.click("Keep running");
    window.wait_closed();
    assert!(states(&stage)["Test card"].starts_with("\"running\""));

    let window = stage.open();
    window.tab("Screen");
    let after = window.card("the same guest", |_| true);
    assert_eq!(after.boot_nonce, before.boot_nonce);
    assert!(after.uptime_ms > before.uptime_ms);
}

#[test]
fn a_crash_of_the_window_loses_no_machine() {
    let Some(stage) = Stage::new() else { return };
    let mut window = stage.open();
    let names = ["Ada", "Bob", "Cy"];
    for name in names {
        stage.ok(&["create", name, "--test-card"]);
        stage.ok(&["start", name]);
    }
    let before = states(&stage);
    assert_eq!(before.len(), names.len(), "{before:?}");
    let times = if std::env::var_os("ORANGERY_SOAK").is_some() {
        20
    } else {
        3
    };
    for time in 1..=times {
        window.kill();
        drop(window);
        window = stage.open();
        for name in names {
            window.find(name);
        }
        wait(SOON, "all machines to be adopted", || {
            states(&stage) == before
        });
        println!("adopted all after kill {time} of {times}");
    }
    window.click("Ada");
    window.tab("Screen");
    let card = window.card("an adopted guest", |_| true);
    window.card("it to run on", |later| later.frame > card.frame);
}

#[test]
fn the_first_window_fits_a_small_desktop_with_its_title_bar() {
    let Some(stage) = Stage::sized(1280, 800) else {
        return;
    };
    let window = stage.open();
    let fits = || {
        let [left, top, width, height] = window.widgets()[0].place;
        left >= 0 && top >= 20 && left + width <= 1280 && top + height <= 800
    };
    wait(SOON, "the window to fit", fits);
}

#[test]
fn a_second_start_raises_the_first_window() {
    let Some(stage) = Stage::new() else { return };
    let window = stage.open();
    let desktop = &stage.desktop;
    desktop.xdotool(&format!("windowminimize {}", window.id));
    let visible = || {
        !desktop
            .xdotool("search --onlyvisible --name ^Orangery$")
            .is_empty()
    };
    wait(SOON, "the window to hide", || !visible());
    let second = stage.run(&[]);
    assert!(second.status.success(), "{second:?}");
    wait(SOON, "the window to come back", visible);
}

#[test]
fn without_a_desktop_the_message_names_the_command_line() {
    let Some(stage) = Stage::new() else { return };
    let output = stage.orangery(&[]).env_remove("DISPLAY").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(
        error.contains("There is no desktop to open a window on"),
        "{error}"
    );
    assert!(error.contains("orangery --help"), "{error}");
}

#[test]
fn without_qemu_the_window_says_how_to_get_it() {
    let Some(mut stage) = Stage::new() else {
        return;
    };
    stage.path = Some("/nowhere".to_owned());
    let window = stage.open();
    window.find_part("QEMU is not installed");
    window.keep("no-qemu-first");
    window.find_part("install qemu-system-x86"); // The way out, on the first page already.
    window.click("More about this computer");
    window.find("This computer");
    window.find_part("install qemu-system-x86");
    window.keep("no-qemu");
}

/// State and process id of each machine, by name.
fn states(stage: &Stage) -> BTreeMap<String, String> {
    let machines = stage.machines();
    let line = |machine: &serde_json::Value| {
        let name = machine["name"].as_str().unwrap().to_owned();
        (name, format!("{} {}", machine["state"], machine["pid"]))
    };
    machines.iter().map(line).collect()
}

#[test]
fn a_guest_is_also_seen_and_typed_into_by_rfb() {
    let Some(stage) = Stage::new() else { return };
    let window = stage.open();
    window.click("Settings");
    window.click("Screens and keyboard");
    window.click("RFB");
    window.click("Back to the machines");
    start_card(&window);
    assert!(stage.ok(&["command-line", "Test card"]).contains("-vnc"));
    click_card(&window);
    window.type_text("By RFB");
    let typed = card::text_hash("By RFB");
    window.card("the text", |card| card.text_hash == typed);
}

#[test]
fn a_console_of_its_own_outlives_the_window() {
    let Some(stage) = Stage::new() else { return };
    let mut window = stage.open();
    window.click_and_leave("Start the test card");
    window.find("The guest's screen");
    window.click("Open in a window");
    let console = stage.desktop.window("^Test card");
    let moves = || {
        let before = stage.desktop.shot(&console);
        wait(SOON, "the guest's picture to move", || {
            stage.desktop.shot(&console) != before
        });
    };
    moves();
    window.kill();
    moves();
}
