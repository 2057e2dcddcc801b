//! The serial console of a machine's page: what it says when there is none, typing, searching, selecting.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::accesskit::Role;
use egui::{Event as Input, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orangery::model::*;
use orangery::terminal::Terminal;
use orangery::ui::Ask;

use crate::ui_fixture::{Window, harness, id, report, show};

/// A report of a machine with a serial port, and with a screen or without.
fn machine(state: State, serial: bool, screen: bool) -> MachineReport {
    let mut report = report(1, "Debian", state);
    let devices = &mut report.machine.as_mut().unwrap().devices;
    if serial {
        devices.push(Device {
            id: "serial0".to_owned(),
            kind: DeviceKind::Serial,
            address: Address::Board,
        });
    }
    devices.retain(|device| screen || !matches!(device.kind, DeviceKind::Display(_)));
    report
}

/// The page of a running machine, its console open, and the guest's end of it.
fn console(said: &str) -> (Harness<'static, Window>, UnixStream) {
    let (ours, mut guest) = UnixStream::pair().unwrap();
    guest
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let terminal = Arc::new(Terminal::start(ours, 0, Arc::new(|| {})).unwrap());
    let mut window = Window::new([show(machine(State::Running, true, true))]);
    window.view.terminal = Some((id(1), Arc::clone(&terminal)));
    let mut harness = harness(window);
    harness.run_ok();
    click(&mut harness, "Terminal");
    guest.write_all(said.as_bytes()).unwrap();
    if !said.is_empty() {
        shows(&mut harness, said.lines().last().unwrap().trim_end());
    }
    (harness, guest)
}

#[track_caller]
fn click(harness: &mut Harness<'_, Window>, label: &str) {
    let node = harness
        .get_all_by_label(label)
        .find(|node| node.accesskit_node().role() != Role::Label);
    node.unwrap_or_else(|| panic!("no control called {label:?}"))
        .click();
    harness.run_ok();
}

/// What a screen reader is told of the console.
fn text(harness: &Harness<'_, Window>) -> String {
    let node = harness.get_by_role(Role::Terminal);
    node.accesskit_node().value().unwrap_or_default()
}

#[track_caller]
fn shows(harness: &mut Harness<'_, Window>, wanted: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    while !text(harness).contains(wanted) {
        assert!(
            Instant::now() < until,
            "no {wanted:?} in {:?}",
            text(harness)
        );
        std::thread::sleep(Duration::from_millis(5));
        harness.step();
    }
}

fn hear(guest: &mut UnixStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    guest.read_exact(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn focus(harness: &mut Harness<'_, Window>) {
    harness.get_by_role(Role::Terminal).click();
    harness.run_ok();
}

#[test]
fn without_a_console_the_tab_says_why_and_what_helps() {
    let off = machine(State::Off, true, true);
    for (report, text, button) in [
        (
            off.clone(),
            "The serial console is there while the machine runs",
            "Start",
        ),
        (
            machine(State::Running, false, true),
            "This machine has no serial port, and so no console",
            "Add a serial port…",
        ),
        (machine(State::Running, true, true), "Connecting…", "Pause"),
        (
            MachineReport {
                running: machine(State::Running, false, true).machine.map(Box::new),
                ..machine(State::Running, true, true)
            },
            "The serial port is there from the machine's next start on",
            "Pause",
        ),
    ] {
        let mut harness = harness(Window::new([show(report)]));
        harness.run_ok();
        click(&mut harness, "Terminal");
        harness.get_by_label(text);
        assert!(
            harness.query_all_by_label(button).next().is_some(),
            "{button}"
        );
    }
    let mut harness = harness(Window::new([show(machine(State::Off, false, true))]));
    harness.run_ok();
    click(&mut harness, "Terminal");
    click(&mut harness, "Add a serial port…");
    harness.get_by_label("Processors");
}

#[test]
fn a_machine_without_a_screen_opens_on_its_console() {
    for (screen, expected) in [(true, false), (false, true)] {
        let mut harness = harness(Window::new([show(machine(State::Off, true, screen))]));
        harness.run_ok();
        let text = "The serial console is there while the machine runs";
        assert_eq!(
            harness.query_by_label(text).is_some(),
            expected,
            "screen {screen}"
        );
    }
}

#[test]
fn before_the_guest_says_something_the_console_says_how_to_wake_it() {
    let (mut harness, mut guest) = console("");
    harness.get_by_label("The guest has said nothing here yet");
    harness.get_by_label_contains("console=ttyS0");
    guest.write_all(b"login: ").unwrap();
    shows(&mut harness, "login:");
    harness.run_ok();
    assert!(harness.query_by_label_contains("console=ttyS0").is_none());
}

#[test]
fn keys_go_to_the_guest_once_the_console_has_the_keyboard() {
    let (mut harness, mut guest) = console("login: ");
    harness.get_by_label("Click the terminal to type into it");
    focus(&mut harness);
    harness.get_by_label_contains("Keyboard goes to the guest: press");
    harness.event(Input::Text("root".to_owned()));
    harness.key_press(Key::Enter);
    harness.key_press(Key::Tab);
    harness.key_press(Key::ArrowUp);
    harness.key_press(Key::Escape);
    harness.key_press_modifiers(Modifiers::CTRL, Key::K);
    harness.event(Input::Copy);
    harness.run_ok();
    assert_eq!(hear(&mut guest, 12), "root\r\t\x1b[A\x1b\x0b\x03");
    focus(&mut harness);
    assert!(
        harness.state().asks.is_empty(),
        "{:?}",
        harness.state().asks
    );
    assert!(
        harness.query_by_role(Role::Terminal).is_some(),
        "no palette over it"
    );
}

#[test]
fn what_is_pasted_is_bracketed_only_where_the_guest_wants_it() {
    let (mut harness, mut guest) = console("$ ");
    focus(&mut harness);
    harness.key_press_modifiers(Modifiers::CTRL | Modifiers::SHIFT, Key::V);
    harness.run_ok();
    harness.event(Input::Paste("one\ntwo".to_owned()));
    harness.run_ok();
    assert_eq!(hear(&mut guest, 7), "one\rtwo");
    guest.write_all(b"\x1b[?2004hbracketed").unwrap();
    shows(&mut harness, "bracketed");
    harness.key_press_modifiers(Modifiers::CTRL | Modifiers::SHIFT, Key::V);
    harness.run_ok();
    harness.event(Input::Paste("three".to_owned()));
    harness.run_ok();
    assert_eq!(hear(&mut guest, 17), "\x1b[200~three\x1b[201~");
    harness.event(Input::Paste("not asked for".to_owned()));
    harness.run_ok();
    assert_eq!(hear(&mut guest, 1), "\x16");
}

#[test]
fn text_is_searched_selected_and_copied() {
    let lines: String = (0..200).map(|line| format!("line {line}\r\n")).collect();
    let (mut harness, _guest) = console(&format!("{lines}$ end"));
    focus(&mut harness);
    harness.key_press_modifiers(Modifiers::CTRL | Modifiers::SHIFT, Key::F);
    harness.run_ok();
    let field = harness.get_by_role_and_label(Role::TextInput, "Search the console");
    field.type_text("line 77");
    harness.run_ok();
    shows(&mut harness, "line 77");
    assert!(!text(&harness).contains("$ end"), "scrolled back");
    harness
        .get_by_role_and_label(Role::TextInput, "Search the console")
        .type_text("7");
    harness.run_ok();
    harness.get_by_label("Not found");
    click(&mut harness, "Close the search");
    assert!(harness.query_by_label("Not found").is_none());
    click(&mut harness, "More for the console");
    click(&mut harness, "Select all");
    click(&mut harness, "More for the console");
    harness.get_by_label("Copy").click();
    let copied = (0..10).any(|_| {
        harness.step();
        let commands = &harness.output().platform_output.commands;
        commands.iter().any(|command| {
            matches!(command, egui::OutputCommand::CopyText(text) if text.starts_with("line 0\nline 1\n"))
        })
    });
    assert!(copied);
}

#[test]
fn the_menu_tells_the_guest_the_size_and_keeps_the_log() {
    let (mut harness, mut guest) = console("$ ");
    click(&mut harness, "More for the console");
    click(&mut harness, "Tell the guest the size");
    let mut typed = String::new();
    while !typed.ends_with('\r') {
        typed.push_str(&hear(&mut guest, 1));
    }
    let numbers = typed.trim_end().strip_prefix("stty rows ").unwrap();
    let (rows, columns) = numbers.split_once(" cols ").unwrap();
    assert!(rows.parse::<u32>().unwrap() > 10 && columns.parse::<u32>().unwrap() > 60);
    click(&mut harness, "More for the console");
    click(&mut harness, "Save the log");
    click(&mut harness, "More for the console");
    click(&mut harness, "Open the log's folder");
    let [Ask::SaveSerialLog(machine), Ask::OpenFolder(path)] = &harness.state().asks[..] else {
        panic!("{:?}", harness.state().asks);
    };
    assert_eq!(*machine, id(1));
    assert!(path.ends_with("log/serial.log"), "{}", path.display());
}

#[test]
fn a_console_that_closed_still_shows_what_the_guest_said() {
    let (mut harness, guest) = console("reboot: Power down");
    drop(guest);
    let off = machine(State::Off, true, true);
    harness.state_mut().events.push(show(MachineReport {
        generation: 2,
        ..off
    }));
    harness.run_ok();
    harness.get_by_label("The console is closed; this is what the guest said last");
    assert!(text(&harness).contains("Power down"));
}
