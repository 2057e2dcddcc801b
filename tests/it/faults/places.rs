//! Odd, closed and planted folders, odd names, several libraries.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::story::{House, files_below, wait_for};

#[test]
fn a_library_may_have_any_path() {
    let house = House::with_library("Meine Bücher, 日本 = \"x\" ,,");
    house.start_card("Card");
    let before = house.card("Card");
    house.done(&["save", "Card"]);
    house.done(&["start", "Card"]);
    let after = house.card_when("Card", "later frames", |card| card.frame > before.frame);
    assert_eq!(after.boot_nonce, before.boot_nonce);
    house.done(&["shutdown", "Card", "--timeout", "30"]);
}

#[test]
fn two_libraries_have_two_owners_and_know_nothing_of_each_other() {
    let house = House::with_card();
    let second = house.path().join("second");
    let library = second.to_str().unwrap();
    house.done(&[
        "--library",
        library,
        "create",
        "Card",
        "--test-card",
        "--start",
    ]);
    let rows = [
        house.json(&["list"]),
        house.json(&["--library", library, "list"]),
    ];
    let [ours, theirs] = rows.map(|rows| {
        assert_eq!(rows.as_array().unwrap().len(), 1);
        rows[0].clone()
    });
    assert_eq!(
        (&ours["state"], &theirs["name"]),
        (&"running".into(), &"Card".into())
    );
    assert_ne!(ours["id"], theirs["id"]);
    house.done(&["power-off", "Card"]);
    let theirs = house.json(&["--library", library, "list"]);
    assert_eq!(theirs[0]["state"], "running");
    wait_for("two owners and a QEMU to be left", 10, || {
        let left = house.processes();
        (left.len() == 3).then_some(()).ok_or(left)
    });
}

#[test]
fn a_name_that_is_taken_in_another_case_is_refused_everywhere() {
    let house = House::new();
    house.done(&["create", "Web", "--test-card"]);
    house.done(&["create", "Mail", "--test-card"]);
    house.done(&["create", "Äpfel", "--test-card"]);
    for args in [
        &["create", "wEB", "--test-card"][..],
        &["create", "ÄPFEL", "--test-card"],
        &["set", "Mail", "name=WEB"],
    ] {
        let complaint = house.refused(args);
        assert!(
            complaint.contains("There is already a machine"),
            "{complaint}"
        );
    }
    house.done(&["set", "Web", "name=WEB"]); // Its own name in another case is fine.
    assert_eq!(house.json(&["list"]).as_array().unwrap().len(), 3);
    for name in [
        "two\nlines",
        "\u{202e}dlrow",
        "tab\there",
        "",
        " ",
        ".hidden",
        "-x",
        "a/b",
        "nul\u{7f}",
    ] {
        let output = house.orangery(&["create", "--test-card", "--", name]);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name:?}: {err}");
        assert!(
            err.starts_with("The machine was not created: ") && !err.contains('\u{202e}'),
            "{name:?}: {err}"
        );
    }
    assert_eq!(house.json(&["list"]).as_array().unwrap().len(), 3);
}

#[test]
fn a_library_that_can_not_be_written_says_so() {
    if rustix::process::geteuid().is_root() {
        eprintln!("skipped: root may write everywhere");
        return;
    }
    let house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    house.kill_agent();
    let close = |mode| {
        for folder in [
            house.library().to_owned(),
            house.machine("Card"),
            house.library().join("machines"),
        ] {
            fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    close(0o500);
    assert_eq!(house.state("Card"), "off", "it can still be looked at");
    let outputs = [
        &["set", "Card", "cpus=2"][..],
        &["create", "New", "--test-card"],
    ]
    .map(|args| house.refused(args));
    close(0o700);
    for complaint in outputs {
        assert!(
            complaint.contains("Permission denied") && complaint.contains("library"),
            "{complaint}"
        );
    }
    house.done(&["set", "Card", "cpus=2"]);
}

#[test]
fn a_planted_runtime_folder_is_not_entered() {
    let house = House::new();
    let trap = house.path().join("trap");
    fs::create_dir(&trap).unwrap();
    symlink(&trap, house.path().join("run/orangery")).unwrap();
    // Another place for sockets may serve; then it works, and nothing goes through the link.
    let output = house.orangery(&["create", "Card", "--test-card"]);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() || err.contains("no private folder for sockets"),
        "{err}"
    );
    assert_eq!(
        files_below(&trap).unwrap(),
        Vec::<std::path::PathBuf>::new()
    );
    assert_eq!(fs::read_dir(&trap).unwrap().count(), 0);
}

#[test]
fn a_runtime_folder_that_others_may_enter_is_not_used() {
    let house = House::new();
    let run = house.path().join("run");
    fs::set_permissions(&run, fs::Permissions::from_mode(0o777)).unwrap();
    let output = house.orangery(&["create", "Card", "--test-card"]);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() || err.contains("no private folder for sockets"),
        "{err}"
    );
    assert_eq!(fs::read_dir(&run).unwrap().count(), 0);
}
