//! Each page of the window in both themes and at twice the size; the pictures are kept for a look at them.
//!
//! `ORANGERY_PICTURES=/some/folder` says where.

use std::collections::BTreeSet;

use crate::window_stage::{SOON, Stage, Window, wait};

/// The part of the list's width, in pixels, that stays the same while a machine runs: its graph is beyond.
const STILL: usize = 200;

/// Whether the window is painted: pictures of text and controls have many colours.
fn look(window: &Window<'_>, name: &str) {
    let mut last = window.shot();
    wait(SOON, &format!("a still picture of {name}"), || {
        let now = window.shot();
        let still =
            now.part(0, 0, STILL, now.height - 60) == last.part(0, 0, STILL, now.height - 60);
        let colours = now.rgb.chunks_exact(3).collect::<BTreeSet<_>>().len();
        last = now;
        still && colours > 20
    });
    window.keep(name);
}

/// Turns to another theme; the settings page is left open.
fn theme(window: &Window<'_>, word: &str) {
    window.click("Settings");
    window.click(word);
}

fn pages_without_machine(window: &Window<'_>, theme: &str) {
    look(window, &format!("settings-{theme}"));
    window.keys("F1");
    window.find("First steps");
    look(window, &format!("help-{theme}"));
    window.keys("ctrl+i");
    window.find("Check again");
    look(window, &format!("computer-{theme}"));
    window.click("Back to the machines");
    window.find("Nothing grows here yet");
    window.keys("ctrl+n");
    window.find("File");
    window.type_text("/home/ada/Downloads/debian-12.7.0-amd64-netinst.iso");
    look(window, &format!("new-machine-{theme}"));
    window.keys("Escape");
    window.wait_gone("File");
}

fn pages_of_a_machine(window: &Window<'_>, theme: &str) {
    window.click("Web server");
    window.tab("Overview");
    window.find("Show the screen");
    look(window, &format!("overview-{theme}"));
    window.tab("Hardware");
    look(window, &format!("hardware-{theme}"));
    window.tab("Log");
    look(window, &format!("log-{theme}"));
    window.tab("Screen");
    window.find("The guest's screen");
    look(window, &format!("screen-{theme}"));
    window.click("More actions");
    window.find("Power off");
    look(window, &format!("menu-{theme}"));
    window.keys("Escape");
    window.tab("Overview");
    window.click("Trash");
    window.find_part("Old desktop");
    look(window, &format!("trash-{theme}"));
    window.close_by_x();
    window.find("Web server is running");
    look(window, &format!("close-{theme}"));
    window.click("Cancel");
    window.wait_gone("Web server is running");
}

/// One machine runs, one is saved, two are off, one is in the trash.
fn machines(stage: &Stage) {
    let names = [
        "Web server",
        "Build box",
        "Mail archive",
        "Router",
        "Old desktop",
    ];
    for name in names {
        stage.ok(&["create", name, "--test-card"]);
    }
    stage.ok(&["start", "Web server"]);
    stage.ok(&["start", "Mail archive"]);
    stage.ok(&["save", "Mail archive"]);
    stage.ok(&["delete", "Old desktop"]);
}

#[test]
fn each_page_is_drawn_in_both_themes() {
    let Some(stage) = Stage::new() else { return };
    let window = stage.open();
    look(&window, "empty-dark");
    for (word, name) in [("Light", "light"), ("Dark", "dark")] {
        theme(&window, word);
        pages_without_machine(&window, name);
    }
    machines(&stage);
    for (word, name) in [("Light", "light"), ("Dark", "dark")] {
        theme(&window, word);
        pages_of_a_machine(&window, name);
    }
    assert!(!stage.log().contains("panicked"), "{}", stage.log());
}

#[test]
fn the_window_is_drawn_at_twice_the_size() {
    let Some(mut stage) = Stage::sized(2700, 1800) else {
        return;
    };
    stage.scale = 2.0;
    let window = stage.open();
    look(&window, "empty-2x");
    window.keys("ctrl+n");
    window.find("File");
    look(&window, "new-machine-2x");
    assert_eq!((window.shot().width, window.shot().height), (2560, 1600));
    assert!(!stage.log().contains("panicked"), "{}", stage.log());
}
