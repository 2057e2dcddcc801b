//! QEMUs that are missing, too old, odd or hostile, and machines that QEMU refuses.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{edit, put};
use crate::story::{House, wait_for};

/// A program in the house that stands for QEMU.
fn program(house: &House, text: &str) -> PathBuf {
    let path = house.path().join("qemu-system-x86_64");
    put(&path, text.as_bytes());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A QEMU that tells of itself what the real one does, and as a monitor does what `body` says.
pub fn fake(house: &mut House, body: &str) {
    let real = orangery::confine::find_program("qemu-system-x86_64").unwrap();
    let text = FAKE
        .replace("REAL", real.to_str().unwrap())
        .replace("BODY", body);
    let path = program(house, &text);
    house.set("ORANGERY_QEMU", path);
}

const FAKE: &str = r#"#!/usr/bin/python3
import json, os, re, socket, sys, time
args = sys.argv[1:]
if "--version" in args or "help" in args:
    os.execv("REAL", ["REAL"] + args)
path = re.search(r"id=mon0,path=([^,]+)", " ".join(args)).group(1)
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen()
peer, _ = server.accept()
def say(value):
    peer.sendall(json.dumps(value).encode() + b"\n")
def greet():
    say({"QMP": {"version": {"qemu": {"major": 10, "minor": 0, "micro": 2}, "package": ""}, "capabilities": []}})
def answer(before):
    for line in peer.makefile():
        request = json.loads(line)
        before(request)
        status = {"status": "running", "running": True, "singlestep": False}
        value = status if request["execute"] == "query-status" else {}
        say({"return": value, "id": request.get("id")})
        if request["execute"] == "quit":
            sys.exit(0)
BODY
"#;

/// Starts a card under a fake QEMU; gives the complaint.
fn start_under(body: &str) -> String {
    let mut house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    house.kill_agent();
    fake(&mut house, body);
    let before = Instant::now();
    let complaint = house.refused(&["start", "Card"]);
    assert!(
        before.elapsed() < Duration::from_secs(45),
        "{:?}",
        before.elapsed()
    );
    assert_eq!(house.state("Card"), "off");
    let agent = house.agent_pid();
    wait_for("the fake to be gone", 10, || {
        let left: Vec<u32> = house
            .processes()
            .into_iter()
            .filter(|pid| Some(*pid) != agent)
            .collect();
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
    complaint
}

#[test]
fn without_qemu_the_command_to_install_it_is_offered() {
    let mut house = House::new();
    let empty = house.path().join("empty");
    fs::create_dir(&empty).unwrap();
    house.set("PATH", empty);
    let output = house.orangery(&["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["can_run"], false);
    let bad = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["level"] == "bad")
        .unwrap();
    assert!(
        bad["finding"].as_str().unwrap().contains("not installed"),
        "{bad}"
    );
    let fix = bad["fix"].as_str().unwrap().to_owned();
    assert!(fix.contains("install"), "{fix}");

    let complaint = house.refused(&["create", "Card", "--test-card"]);
    assert_eq!(
        complaint,
        format!(
            "Machines can't run: QEMU is not installed: qemu-system-x86_64 was not found\n{fix}\n"
        )
    );
    assert_eq!(house.json(&["list"]).as_array().unwrap().len(), 0);
}

#[test]
fn a_qemu_that_is_too_old_is_named_with_the_version_that_is_needed() {
    let mut house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    house.kill_agent();
    let old = program(
        &house,
        "#!/bin/sh\necho 'QEMU emulator version 7.2.9 (Debian 1:7.2)'\n",
    );
    house.set(
        "PATH",
        format!("{}:/usr/bin:/bin", old.parent().unwrap().display()),
    );
    let complaint = house.refused(&["start", "Card"]);
    assert!(
        complaint.contains("QEMU 7.2.9 is too old; Orangery needs 8.2.0 or newer"),
        "{complaint}"
    );
    assert!(complaint.lines().count() >= 2, "no way out: {complaint}");
    let output = house.orangery(&["doctor"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("7.2.9"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_program_that_is_no_qemu_is_not_taken_for_one() {
    let mut house = House::new();
    let path = program(&house, "#!/bin/sh\necho hello\n");
    house.set("ORANGERY_QEMU", path);
    let complaint = house.refused(&["create", "Card", "--test-card"]);
    assert!(
        complaint.contains("does not answer like QEMU: hello"),
        "{complaint}"
    );
}

#[test]
fn a_monitor_that_talks_nonsense_is_left() {
    let complaint =
        start_under(r#"peer.sendall(b"\x00\xff{{{ nonsense\n" * 1000); time.sleep(60)"#);
    assert!(complaint.starts_with("Card did not start: "), "{complaint}");
    assert!(
        complaint.contains("not QMP")
            || complaint.contains("nonsense")
            || complaint.contains("monitor"),
        "{complaint}"
    );
}

#[test]
fn a_monitor_line_without_an_end_is_cut_off() {
    let complaint = start_under(
        "\ntry:\n    while True: peer.sendall(b'x' * 65536)\nexcept OSError: time.sleep(60)",
    );
    assert!(complaint.starts_with("Card did not start: "), "{complaint}");
}

#[test]
fn a_monitor_that_closes_ends_the_start() {
    let complaint = start_under("peer.close(); server.close(); time.sleep(60)");
    assert!(complaint.starts_with("Card did not start: "), "{complaint}");
}

#[test]
fn a_monitor_that_never_speaks_is_given_up() {
    let complaint = start_under("time.sleep(90)");
    assert!(complaint.starts_with("Card did not start: "), "{complaint}");
}

#[test]
fn a_qemu_that_dies_at_once_is_quoted() {
    let complaint = start_under(
        r#"print("qemu-system-x86_64: the odd thing broke", file=sys.stderr, flush=True); os._exit(1)"#,
    );
    assert_eq!(
        complaint,
        "Card did not start: QEMU said: the odd thing broke\nMore with --verbose\n"
    );
}

#[test]
fn events_and_answers_that_nobody_knows_do_no_harm() {
    let mut house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    house.kill_agent();
    fake(
        &mut house,
        r#"
def before(request):
    say({"event": "ORANGERY_SURPRISE", "data": {"deep": [[[{}]]]}, "timestamp": {"seconds": 1, "microseconds": 2}})
    say({"event": "STOP\u001b[2J", "timestamp": {"seconds": -1, "microseconds": 0}})
    say({"return": {"status": "paused"}, "id": 999999})
    say({"error": {"class": "GenericError", "desc": "not yours"}, "id": "x"})
    say({"hello": "world"})
greet()
answer(before)"#,
    );
    house.done(&["start", "Card"]);
    std::thread::sleep(Duration::from_secs(5)); // Two heartbeats.
    assert_eq!(house.state("Card"), "running");
    assert!(house.row("Card")["error"].is_null());
    house.done(&["power-off", "Card"]);
    assert_eq!(house.state("Card"), "off");
}

#[test]
fn a_monitor_that_falls_silent_later_is_not_responding_and_can_be_killed() {
    let mut house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    house.start_card("Other");
    let other = house.pid("Other");
    house.kill_agent();
    fake(
        &mut house,
        r#"
def before(request):
    if request["execute"] == "query-status" and time.time() > start + 3: time.sleep(600)
start = time.time()
greet()
answer(before)"#,
    );
    house.done(&["start", "Card"]);
    house.wait_state("Card", "not-responding");
    assert!(house.error("Card").starts_with("Card does not respond: "));
    assert_eq!(
        (house.state("Other").as_str(), house.pid("Other")),
        ("running", other)
    );
    house.card("Other"); // Others are not held up.
    house.done(&["power-off", "Card"]);
    assert_eq!(house.state("Card"), "off");
}

#[test]
fn a_processor_model_that_nobody_knows_is_named() {
    let house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    edit(
        &house,
        "Card",
        "\"model\": None",
        "\"model\": \"orangery-9000\"",
    );
    let complaint = house.refused(&["start", "Card"]);
    assert!(complaint.starts_with("Card did not start: QEMU does not know the processor model “orangery-9000”\nChoose another"), "{complaint}");
    assert_eq!(house.state("Card"), "off");
}

#[test]
fn a_board_of_a_newer_qemu_is_named() {
    let house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    let board = house.json(&["show", "Card"])["machine"]["machine_type"]
        .as_str()
        .unwrap()
        .to_owned();
    edit(&house, "Card", &board, "pc-q35-99.0");
    let complaint = house.refused(&["start", "Card"]);
    assert!(
        complaint.contains("This QEMU does not know the board “pc-q35-99.0”"),
        "{complaint}"
    );
    assert!(complaint.contains("Update QEMU"), "{complaint}");
}

#[test]
fn more_memory_than_there_is_is_refused_with_the_reason() {
    let house = House::new();
    house.done(&["create", "Card", "--test-card", "--memory", "900G"]);
    let complaint = house.refused(&["start", "Card"]);
    assert!(
        complaint
            .starts_with("Card did not start: It has 900 GiB of memory, and this computer has "),
        "{complaint}"
    );
    assert_eq!(house.state("Card"), "off");
    house.done(&["set", "Card", "memory=128M"]);
    house.done(&["start", "Card"]);
}

/// A wrapper around the real QEMU, as some distributions have, which knows no D-Bus display.
const WRAPPER: &str = r#"#!/bin/sh
case "$*" in *"-display help"*) echo none; exit ;; esac
exec REAL "$@"
"#;

#[test]
fn a_wrapped_qemu_without_the_dbus_display_shows_its_screen_by_rfb_and_is_adopted() {
    let mut house = House::new();
    let real = orangery::confine::find_program("qemu-system-x86_64").unwrap();
    let path = program(&house, &WRAPPER.replace("REAL", real.to_str().unwrap()));
    house.set("ORANGERY_QEMU", path);
    house.done(&["create", "Card", "--test-card"]);
    house.done(&["start", "Card"]);
    let nonce = house.card("Card").boot_nonce;
    let launch = house.launch("Card");
    let manifest = fs::read_to_string(launch.join("launch.json")).unwrap();
    assert!(manifest.contains("\"display\": \"rfb\""), "{manifest}");
    let mut screen = UnixStream::connect(launch.join("s/rfb")).unwrap();
    let mut greeting = [0; 12];
    screen.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"RFB 003.008\n");
    house.kill_agent();
    house.done(&["trash"]); // Needs an owner, so there is a new one.
    assert_eq!(house.state("Card"), "running");
    assert_eq!(house.card("Card").boot_nonce, nonce);
}
