//! House rules that the compiler cannot check, each a test that says what to do.

mod repository;
mod source;

use std::collections::BTreeSet;
use std::path::Path;

use repository::{files_below, in_repository, rust_files, text_of};
use source::{Source, functions};

/// Which rooms each room may use. `room::part` allows only that part. A room that is not named here fails.
const MAY_USE: &[(&str, &[&str])] = &[
    // The program starts itself as a confined child, as the KVM probe and as the reader of disks; none may load
    // anything first.
    (
        "main",
        &["cli", "app", "confine", "qemu::kvm", "storage::difference"],
    ),
    // Of the terminal only what keeps a guest from harming the user's own.
    (
        "cli",
        &["app", "console", "engine", "terminal::Filter", "model"],
    ),
    // The window follows the desktop's dark or light.
    (
        "app",
        &["ui", "desktop", "engine", "language", "terminal", "model"],
    ),
    (
        "console",
        &[
            // A compositor may end the window's connection; only a process started over gets another.
            "confine::start_over",
            "display",
            "desktop",
            "engine::client",
            "engine::message",
            // The clipboards: what both windows do about them, and how their content travels.
            "engine::parcel",
            "engine::relay",
            "language",
            "model",
        ],
    ),
    (
        "ui",
        // Names of keys and keyboard layouts are shown and chosen. A serial console is what the screen remembers of
        // it: scrolled, selected, searched.
        &[
            "display::frame",
            "display::keys",
            // Parts of pixels and notches add up, and fingers have slots, as in a console window.
            "display::steps",
            "display::touch",
            "engine::message",
            "language",
            "terminal",
            "model",
        ],
    ),
    // The engine starts the program itself again: as an agent. The owner of a machine plays its sound, with or without
    // a window.
    (
        "engine",
        &[
            "confine",
            "library",
            "qemu",
            "display",
            "storage",
            "format",
            "network",
            "guest",
            "gallery",
            "hosts",
            // The owner keeps what runs before this computer sleeps, with or without a window.
            "desktop::sleep",
            "desktop::sound",
            // Tests stop work on disk at its steps, wherever it writes.
            "step",
            "model",
        ],
    ),
    ("storage", &["qemu", "confine", "library", "step", "model"]),
    ("network", &["qemu", "confine", "library", "model"]),
    ("guest", &["qemu", "confine", "library", "model"]),
    ("hosts", &["qemu", "confine", "library", "model"]),
    ("display", &["qemu", "confine", "library", "model"]),
    ("format", &["storage", "confine", "library", "model"]),
    ("gallery", &["storage", "confine", "library", "model"]),
    ("qemu", &["confine", "step", "model"]),
    ("library", &["step", "model"]),
    ("confine", &["model"]),
    ("desktop", &["model"]),
    ("language", &[]),
    ("step", &[]),
    ("terminal", &[]),
    ("model", &[]),
];

/// What each room does without, so that it stays testable without threads, files or a screen.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "model",
        &[
            "std::fs",
            "std::process",
            "std::thread",
            "std::time::Instant",
            "std::time::SystemTime",
            "egui",
            "eframe",
            "qapi",
            "qmp",
            "blockdev",
            "chardev",
            "netdev",
        ],
    ),
    ("ui", &["std::fs", "std::process", "std::thread"]),
    ("engine", &["egui", "eframe"]),
];

const MAX_FILE_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 70;

/// Longer files and why. The number may only shrink; take the line out when the file fits.
const LONG_FILES: &[(&str, usize, &str)] = &[];

/// Longer functions, as `path::function`, and why. The number may only shrink.
const LONG_FUNCTIONS: &[(&str, usize, &str)] = &[];

#[test]
fn rooms_use_only_what_the_house_allows() {
    let mut broken = Vec::new();
    for source in Source::of_the_program() {
        let Some((_, allowed)) = MAY_USE.iter().find(|(room, _)| *room == source.room) else {
            continue; // `every_room_is_in_the_plan` says so
        };
        for (line, path) in source.rooms_used() {
            let fine = allowed
                .iter()
                .any(|allowed| path == *allowed || path.starts_with(&format!("{allowed}::")));
            if !fine {
                broken.push(format!(
                    "{}:{line}: `{}` uses `{path}`; it may use {allowed:?}",
                    source.path, source.room
                ));
            }
        }
    }
    assert_none(
        "Move the code to a room that may, or pass the value in.",
        &broken,
    );
}

#[test]
fn every_room_is_in_the_plan() {
    let rooms: BTreeSet<String> = Source::of_the_program()
        .into_iter()
        .map(|source| source.room)
        .collect();
    let unknown: Vec<String> = rooms
        .into_iter()
        .filter(|room| room != "lib" && MAY_USE.iter().all(|(known, _)| known != room))
        .collect();
    assert_none(
        "Put the code in a known room, or give the room a line in MAY_USE and in src/lib.rs.",
        &unknown,
    );
}

#[test]
fn rooms_do_without_what_they_must_not_touch() {
    let mut broken = Vec::new();
    for source in Source::of_the_program() {
        for (_, words) in FORBIDDEN.iter().filter(|(room, _)| *room == source.room) {
            for word in *words {
                for line in source.lines_with(word) {
                    broken.push(format!(
                        "{}:{line}: `{}` may not use `{word}`",
                        source.path, source.room
                    ));
                }
            }
        }
    }
    assert_none(
        "The room says what it wants as data; the engine or the app does it.",
        &broken,
    );
}

#[test]
fn files_say_what_they_are_for() {
    let broken: Vec<String> = rust_files()
        .into_iter()
        .filter(|path| !text_of(path).starts_with("//! "))
        .collect();
    assert_none(
        "The first line is a `//!` sentence that says what the file is for.",
        &broken,
    );
}

#[test]
fn files_are_short() {
    let files = rust_files().into_iter().map(|path| {
        let lines = text_of(&path).lines().count();
        (path, lines)
    });
    assert_sizes(files.collect(), MAX_FILE_LINES, LONG_FILES);
}

#[test]
fn functions_fit_a_screen() {
    let mut sizes = Vec::new();
    for path in rust_files() {
        for (name, lines) in functions(&text_of(&path)) {
            sizes.push((format!("{path}::{name}"), lines));
        }
    }
    assert_sizes(sizes, MAX_FUNCTION_LINES, LONG_FUNCTIONS);
}

#[test]
fn a_skipped_test_says_why() {
    let broken: Vec<String> = rust_files()
        .into_iter()
        .filter(|path| source::blank(&text_of(path)).contains("#[ignore]"))
        .collect();
    assert_none("Write #[ignore = \"reason\"].", &broken);
}

#[test]
fn names_say_what_things_are() {
    const EMPTY_WORDS: &[&str] = &[
        "util", "utils", "common", "helper", "helpers", "manager", "misc",
    ];
    let broken: Vec<String> = rust_files()
        .into_iter()
        .filter(|path| {
            path.split(['/', '.', '_'])
                .any(|part| EMPTY_WORDS.contains(&part))
        })
        .collect();
    assert_none("Name the file after what lives in it.", &broken);

    let mut broken = Vec::new();
    for path in rust_files() {
        for word in source::blank(&text_of(&path)).split(|c: char| !c.is_alphanumeric() && c != '_')
        {
            if ["Manager", "Helper", "Util", "Utils"]
                .iter()
                .any(|ending| word.ends_with(ending))
            {
                broken.push(format!("{path}: {word}"));
            }
        }
    }
    assert_none("Name the type after what it is.", &broken);
}

#[test]
fn bash_scripts_stop_at_the_first_failure() {
    let mut broken = Vec::new();
    for path in files_below(Path::new("")) {
        let text = text_of(&path);
        let is_bash = text
            .lines()
            .next()
            .is_some_and(|line| line.starts_with("#!") && line.contains("bash"));
        if is_bash && !text.lines().any(|line| line == "set -euo pipefail") {
            broken.push(path);
        }
    }
    assert_none("A bash script has `set -euo pipefail`.", &broken);
}

#[test]
fn pictures_in_the_readme_exist() {
    if !in_repository("README.md").exists() {
        return;
    }
    let readme = text_of("README.md");
    let markdown = readme
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next());
    let html = readme
        .split("src=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    let broken: Vec<String> = markdown
        .chain(html)
        .filter(|target| !target.contains("://") && !target.starts_with(['#', '<']))
        .map(|target| target.split('#').next().unwrap_or_default().to_owned())
        .filter(|target| !in_repository(target).exists())
        .collect();
    assert_none("README.md points to files that are not there.", &broken);
}

#[test]
fn icons_of_the_desktop_entry_exist_in_their_sizes() {
    let mut broken = Vec::new();
    for path in files_below(Path::new("packaging"))
        .iter()
        .filter(|path| path.ends_with(".desktop"))
    {
        let text = text_of(path);
        let icon = text
            .lines()
            .find_map(|line| line.strip_prefix("Icon="))
            .unwrap_or_default();
        let drawing = format!("icons/{icon}.svg");
        if !in_repository(&drawing).exists() {
            broken.push(drawing);
        }
    }
    for size in [16_u32, 32, 48, 64, 128, 256, 512] {
        let path = format!("icons/{size}.png");
        let found = image::image_dimensions(in_repository(&path)).ok();
        if found != Some((size, size)) {
            broken.push(format!("{path}: {found:?}"));
        }
    }
    assert_none("`make icons` draws them.", &broken);
}

/// Fails with all offenders and what to do about them.
#[track_caller]
fn assert_none(what_to_do: &str, offenders: &[String]) {
    assert!(
        offenders.is_empty(),
        "\n{what_to_do}\n  {}\n",
        offenders.join("\n  ")
    );
}

/// Nothing is longer than `limit` but the exceptions, and no exception is idle.
#[track_caller]
fn assert_sizes(sizes: Vec<(String, usize)>, limit: usize, exceptions: &[(&str, usize, &str)]) {
    let mut broken = Vec::new();
    for (what, lines) in &sizes {
        let allowed = exceptions
            .iter()
            .find(|(name, ..)| name == what)
            .map_or(limit, |(_, allowed, _)| *allowed);
        if *lines > allowed {
            broken.push(format!("{what}: {lines} lines, allowed are {allowed}"));
        }
    }
    for (name, allowed, reason) in exceptions {
        let longest = sizes
            .iter()
            .filter(|(what, _)| what == name)
            .map(|(_, lines)| *lines)
            .max();
        match longest {
            None => broken.push(format!("{name} is gone: take out its exception ({reason})")),
            Some(lines) if lines <= limit => broken.push(format!(
                "{name} fits now: take out its exception ({reason})"
            )),
            Some(lines) if lines < *allowed => {
                broken.push(format!("{name} shrank: lower its exception to {lines}"))
            }
            Some(_) => {}
        }
    }
    assert_none(
        "Split it along its parts, or move tests to a sibling file.",
        &broken,
    );
}
