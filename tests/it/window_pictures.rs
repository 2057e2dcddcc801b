//! Each page of the window in both themes and at twice the size; the pictures are kept for a look at them.
//!
//! `ORANGERY_PICTURES=/some/folder` says where.

use std::collections::BTreeSet;

use crate::console_desktop::Shot;
use crate::story::{rounds, soak};
use crate::window_stage::{SOON, Stage, Window, wait};

/// The part of the list's width, in points, that stays the same while machines run: between their pictures and graphs.
const STILL: std::ops::Range<usize> = 96..200;

/// Whether the window is painted: pictures of text and controls have many colours.
fn look(window: &Window<'_>, name: &str) {
    let scale = window.stage.scale as usize;
    let [start, width, footer] = [STILL.start, STILL.len(), 60].map(|length| length * scale);
    let names = |shot: &Shot| shot.part(start, 0, width, shot.height - footer);
    let mut last = window.shot();
    wait(SOON, &format!("a still picture of {name}"), || {
        let now = window.shot();
        let still = names(&now) == names(&last);
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

/// A machine with snapshots, copies of each sort, and a lab of three.
fn copies(stage: &Stage) {
    stage.ok(&["create", "Web server", "--test-card"]);
    stage.ok(&["create", "Database", "--test-card"]);
    stage.ok(&["start", "Web server"]);
    stage.ok(&["snapshot", "take", "Web server", "Fresh install"]);
    stage.ok(&["start", "Database"]);
    stage.ok(&["fork", "Web server", "--called", "Web server, new theme"]);
    let at = ["--at", "Fresh install"];
    let fork = ["fork", "Web server", "--called", "Staging"];
    stage.ok(&[&fork[..], &at].concat());
    stage.ok(&["clone", "Web server", "--full", "--called", "Archive"]);
    stage.ok(&["try", "Staging", "--called", "Playground"]);
    stage.ok(&["lab", "create", "Shop", "Web server", "Database", "Staging"]);
    stage.ok(&["lab", "snapshot", "Shop", "Before the campaign"]);
    stage.ok(&["snapshot", "take", "Web server", "New certificates"]);
}

fn pages_of_copies(window: &Window<'_>, theme: &str) {
    window.tab("Playground");
    window.tab("Overview");
    window.find("Nothing is kept");
    look(window, &format!("try-{theme}"));
    window.tab("Web server"); // Its row; its relatives have the name, too.
    window.tab("Overview");
    let (x, y) = window.find("Show the screen").center();
    let desktop = &window.stage.desktop;
    desktop.xdotool(&format!("mousemove {x} {y}"));
    wait(SOON, "the page to be scrolled", || {
        let family = window.find("Web server, this machine, running");
        let shown = f64::from(family.place[1]) < 320.0 * window.stage.scale;
        if !shown {
            desktop.xdotool("click 5");
        }
        shown
    });
    desktop.xdotool("mousemove 2 2");
    look(window, &format!("family-{theme}"));
    window.click("More actions");
    window.click("Clone…");
    window.find("Make the clone");
    look(window, &format!("clone-{theme}"));
    window.keys("Escape");
    window.wait_gone("Make the clone");
    window.tab("Timeline");
    window.find("New certificates");
    look(window, &format!("timeline-{theme}"));
    window.click("Browse files…");
    window.find("There is no file system on disk0"); // The test card writes to its disk without a file system.
    look(window, &format!("files-{theme}"));
    window.click("Close");
    window.wait_gone("There is no file system on disk0");
    window.tab("Overview");
    window.tab("Shop");
    window.find("Before the campaign");
    look(window, &format!("lab-{theme}"));
    window.close_by_x();
    window.find("Nothing is kept of 1 copy");
    look(window, &format!("close-try-{theme}"));
    window.click("Cancel");
    window.wait_gone("Nothing is kept of 1 copy");
}

#[test]
fn copies_and_labs_are_drawn_in_both_themes() {
    let Some(stage) = Stage::new() else { return };
    copies(&stage);
    let window = stage.open();
    let themes = [("Light", "light"), ("Dark", "dark")];
    for (word, name) in themes.into_iter().take(rounds(1, 2)) {
        theme(&window, word);
        pages_of_copies(&window, name);
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
    window.keys("Escape");
    if soak() {
        copies(&stage);
        pages_of_copies(&window, "2x");
    }
    assert!(!stage.log().contains("panicked"), "{}", stage.log());
}
