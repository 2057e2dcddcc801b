//! Copies of which nothing is kept, with real guests and the real window: none is gone without a word.

use std::collections::BTreeMap;

use crate::window_stage::{SOON, Stage, wait};

/// The states of all machines by name.
fn states(stage: &Stage) -> BTreeMap<String, String> {
    let machines = stage.machines();
    let of = |key: &str, value: &serde_json::Value| value[key].as_str().unwrap().to_owned();
    let states = machines.iter().map(|it| (of("name", it), of("state", it)));
    states.collect()
}

#[track_caller]
fn check(stage: &Stage, expected: &[(&str, &str)]) {
    let expected = expected
        .iter()
        .map(|(name, state)| ((*name).to_owned(), (*state).to_owned()));
    let expected: BTreeMap<String, String> = expected.collect();
    wait(SOON, &format!("{expected:?}"), || states(stage) == expected);
}

#[test]
fn a_try_whose_guest_ends_is_kept_or_thrown_away_by_who_is_asked() {
    let Some(stage) = Stage::new() else { return };
    stage.ok(&["create", "web", "--test-card"]);
    stage.ok(&["start", "web"]);
    stage.ok(&["try", "web", "--called", "good"]);
    stage.ok(&["try", "web", "--called", "explored"]);
    stage.ok(&["try", "web", "--called", "gone"]);
    let mut window = stage.open();
    window.find("gone");
    // The guest ends; the window asks, and the copy is a machine from then on.
    stage.ok(&["power-off", "good"]);
    window.find("good has ended");
    window.click("Keep as a machine");
    window.wait_gone("good has ended");
    // What its disks have by then becomes a snapshot of the machine that it came from.
    stage.ok(&["power-off", "explored"]);
    window.find("explored has ended");
    window.click("Keep this moment");
    let kept = [("good", "off"), ("gone", "running"), ("web", "running")];
    check(&stage, &kept);
    assert!(stage.ok(&["snapshot", "list", "web"]).contains("explored"));
    stage.ok(&["snapshot", "verify", "web"]);
    // Closing asks about the last one; nothing else is shut down.
    window.close_by_x();
    window.find("Nothing is kept of 1 copy");
    window.click("What becomes of gone");
    window.find("Keep this moment");
    window.click("Throw away");
    window.click("Keep running");
    window.wait_closed();
    check(&stage, &[("good", "off"), ("web", "running")]);
    // Without a window nobody could be asked.
    stage.ok(&["try", "web", "--called", "last"]);
    stage.ok(&["power-off", "last"]);
    check(&stage, &[("good", "off"), ("web", "running")]);
    stage.ok(&["start", "good"]);
    stage.ok(&["power-off", "good"]);
    check(&stage, &[("good", "off"), ("web", "running")]);
    assert!(!stage.log().contains("panicked"), "{}", stage.log());
}
