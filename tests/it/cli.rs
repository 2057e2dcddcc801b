//! The real program from outside: help, wrong command lines, libraries with nothing in them.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;
use std::process::{Output, Stdio};

/// Runs the program in an empty folder, with a home and a library of its own.
fn orangery(folder: &Path, args: &[&str]) -> Output {
    #[expect(clippy::disallowed_methods, reason = "tests run the real program")]
    std::process::Command::new(env!("CARGO_BIN_EXE_orangery"))
        .args(args)
        .current_dir(folder)
        .env("HOME", folder)
        .env("XDG_DATA_HOME", folder.join("data"))
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .env("XDG_RUNTIME_DIR", folder)
        .env("ORANGERY_LIBRARY", "library")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Runs the program and compares its exit status; returns stdout and stderr.
#[track_caller]
fn check(args: &[&str], status: i32) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = orangery(folder.path(), args);
    let out = String::from_utf8(output.stdout).unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{args:?}: {out}{err}");
    (out, err)
}

#[test]
fn help_names_every_subcommand_and_gives_examples() {
    let (out, err) = check(&["--help"], 0);
    assert_eq!(err, "");
    for word in [
        "list",
        "show",
        "create",
        "set",
        "start",
        "pause",
        "resume",
        "shutdown",
        "power-off",
        "reset",
        "save",
        "discard",
        "screenshot",
        "type",
        "key",
        "stats",
        "delete",
        "restore",
        "trash",
        "doctor",
        "console",
        "command-line",
        "report",
        "agent",
    ] {
        assert!(
            out.contains(&format!("\n  {word} ")),
            "{word} is missing:\n{out}"
        );
        let (help, _) = check(&[word, "--help"], 0);
        assert!(help.contains(&format!("Usage: orangery {word}")), "{help}");
    }
    assert!(
        out.contains("Examples:") && out.contains("ORANGERY_LIBRARY"),
        "{out}"
    );
    let (out, _) = check(&["--version"], 0);
    assert_eq!(out, format!("orangery {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_command_line_is_status_2_and_says_what_is_wrong() {
    for (args, words) in [
        (&["lits"][..], "list"),
        (&["start"], "<NAME>"),
        (
            &["set", "web", "cpus=many"],
            "cpus: write a whole number from 1 to 255",
        ),
        (
            &["create", "web", "--memory", "much"],
            "“much” is not a size",
        ),
    ] {
        let (out, err) = check(args, 2);
        assert_eq!(out, "");
        assert!(err.contains(words), "{args:?}: {err}");
    }
}

#[test]
fn an_empty_library_lists_as_nothing() {
    let (out, err) = check(&["list", "--json"], 0);
    assert_eq!((out.as_str(), err.as_str()), ("[]\n", ""));
    let (out, _) = check(&["list"], 0);
    assert!(out.starts_with("No machines yet."), "{out}");
}

#[test]
fn reading_makes_no_folders() {
    let folder = tempfile::tempdir().unwrap();
    orangery(folder.path(), &["list"]);
    assert!(!folder.path().join("library").exists());
}

#[test]
fn an_unknown_machine_is_an_error_with_a_way_on() {
    for task in [
        "show", "start", "shutdown", "save", "delete", "console", "stats",
    ] {
        let (out, err) = check(&[task, "ghost\u{1b}[2J"], 1);
        assert_eq!(out, "");
        assert_eq!(
            err,
            "There is no machine “ghost\u{fffd}[2J”: The library has no machines\n\
             Make one: orangery create NAME --iso FILE\n"
        );
    }
}

#[test]
fn a_bad_name_makes_no_machine_and_starts_no_agent() {
    let (out, err) = check(&["create", "a/b", "--test-card"], 1);
    assert_eq!(out, "");
    assert_eq!(
        err,
        "The machine was not created: The name may not contain “/” or start with “-” or “.”\n\
         Choose another name\n"
    );
}
