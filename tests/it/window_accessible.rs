//! Every page of the real window as a screen reader reads it: no control without a name.

use crate::window_stage::{Stage, Window};

/// Roles of things that are used, by their number in AT-SPI
/// (<https://docs.gtk.org/atspi2/enum.Role.html>): check box, combo box, image, list item, menu item, page tab,
/// password text, progress bar, button, radio button, slider, spin button, text, toggle button, entry, link.
const CONTROLS: &[u32] = &[
    7, 11, 27, 32, 35, 37, 40, 42, 43, 44, 51, 52, 61, 62, 79, 88,
];

/// Fails if a control on the window has no name, or one of icons only.
#[track_caller]
fn check(window: &Window<'_>, page: &str, landmark: &str) {
    window.find(landmark);
    let widgets = window.widgets();
    let controls = widgets.iter().filter(|node| CONTROLS.contains(&node.role));
    let mut count = 0;
    for control in controls {
        count += 1;
        let speaks = control
            .name
            .chars()
            .any(|c| !('\u{e000}'..='\u{f8ff}').contains(&c));
        assert!(
            speaks && !control.name.trim().is_empty(),
            "{page}: a control of role {} at {:?} has no name",
            control.role,
            control.place
        );
    }
    println!("{page}: {count} controls, all named");
    assert!(count > 3, "{page} shows no controls: {widgets:?}");
}

#[test]
fn no_control_of_any_page_is_without_a_name() {
    let Some(stage) = Stage::new() else { return };
    stage.ok(&["create", "Card", "--test-card"]);
    let window = stage.open();
    for (tab, landmark) in [
        ("Overview", "Start"),
        ("Screen", "The screen is there while the machine runs"),
        ("Hardware", "Hardware"),
        ("Log", "Where it is"),
    ] {
        window.tab(tab);
        check(&window, tab, landmark);
    }
    window.keys("ctrl+comma");
    for (part, landmark) in [
        ("Look and language", "Theme"),
        ("Library", "Library of this start"),
        ("Closing and questions", "Ask first"),
        ("Screens and keyboard", "New thumbnails"),
        ("Keyboard shortcuts", "The window"),
    ] {
        window.tab(part);
        check(&window, part, landmark);
    }
    window.keys("F1");
    for (topic, landmark) in [
        ("First steps", "Make a machine"),
        ("Parts of a machine", "Processors"),
        ("Shortcuts", "Change shortcuts…"),
        ("Where files are", "Copy the path"),
        ("Log and reports", "Make a report…"),
        ("About Orangery", "Licences"),
    ] {
        window.tab(topic);
        check(&window, topic, landmark);
    }
    window.click("Report a problem…");
    check(&window, "the report", "Save to a file");
    window.keys("Escape");
    window.wait_gone("Save to a file");
    window.keys("ctrl+i");
    check(&window, "This computer", "Check again");
    window.keys("Escape");
    window.keys("ctrl+n");
    check(&window, "New machine", "Test card");
    window.keys("Escape");
}

#[test]
fn no_control_of_the_first_page_is_without_a_name() {
    let Some(stage) = Stage::new() else { return };
    let window = stage.open();
    check(&window, "the first page", "Start the test card");
}
