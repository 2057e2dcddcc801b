//! Counting packets in a real QEMU: its firmware asks for an address again and again.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use orangery::qemu::packets::{self, Direction, PacketCount};
use orangery::qemu::qmp::Client;
use serde_json::json;

const SOON: Duration = Duration::from_secs(10);

/// Ends QEMU whatever happens.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A QEMU without an image, whose network firmware sends and receives; it waits for `cont`.
#[expect(clippy::disallowed_methods, reason = "a test's own QEMU")]
fn start() -> (Guard, Client, tempfile::TempDir) {
    let folder = tempfile::Builder::new().prefix("p").tempdir().unwrap();
    let monitor = folder.path().join("mon");
    let program = orangery::confine::find_program("qemu-system-x86_64").unwrap();
    let qemu = Command::new(program)
        .args(["-nodefaults", "-display", "none", "-S", "-m", "64"])
        .args(["-netdev", "user,id=nic0-net"])
        .args(["-device", "e1000,netdev=nic0-net"])
        .args([
            "-sandbox",
            "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
        ])
        .arg("-qmp")
        .arg(format!("unix:{},server=on,wait=off", monitor.display()))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let guard = Guard(qemu);
    let until = Instant::now() + SOON;
    loop {
        match Client::connect(&monitor, SOON) {
            Ok((client, _events)) => return (guard, client, folder),
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_running(client: &Client) -> bool {
    let status = client.call_raw("query-status", json!({}), SOON).unwrap();
    status["status"] == "running"
}

/// The files of QEMU whose name has this in it.
fn open_files(guard: &Guard, name: &str) -> usize {
    let links = std::fs::read_dir(format!("/proc/{}/fd", guard.0.id())).unwrap();
    links
        .flatten()
        .filter_map(|link| std::fs::read_link(link.path()).ok())
        .filter(|target| target.to_string_lossy().contains(name))
        .count()
}

#[test]
fn both_directions_are_counted_and_nothing_is_left_behind() {
    let (guard, client, _folder) = start();
    let begin = |direction| PacketCount::start(&client, "nic0-net", direction, packets::ROOM, SOON);
    let mut sent = begin(Direction::FromGuest).unwrap();
    let mut received = begin(Direction::ToGuest).unwrap();
    client.call_raw("cont", json!({}), SOON).unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while sent.count() < 400 || received.count() < 400 {
        assert!(
            Instant::now() < until,
            "{} and {}",
            sent.count(),
            received.count()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(open_files(&guard, "orangery-packets"), 2);
    sent.stop(&client, SOON);
    received.stop(&client, SOON);
    assert_eq!(open_files(&guard, "orangery-packets"), 0);
    assert!(is_running(&client));
}

#[test]
fn a_reader_that_sleeps_stops_the_count_and_not_the_guest() {
    let (guard, client, _folder) = start();
    // Room for one packet. Nobody looks until many more have gone through.
    let tight = PacketCount::start(&client, "nic0-net", Direction::FromGuest, 24 + 17 + 3, SOON);
    let mut wide =
        PacketCount::start(&client, "nic0-net", Direction::ToGuest, packets::ROOM, SOON).unwrap();
    let mut tight = tight.unwrap();
    client.call_raw("cont", json!({}), SOON).unwrap();
    // The guest only receives answers to what it goes on to send.
    let until = Instant::now() + Duration::from_secs(60);
    while wide.count() < 600 {
        assert!(Instant::now() < until, "only {} bytes came", wide.count());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(is_running(&client));
    // QEMU has closed the full one and kept the other.
    assert_eq!(open_files(&guard, "orangery-packets"), 1);
    tight.count();
    let one = tight.count();
    assert!((40..600).contains(&one), "{one} bytes are not one packet");
    // It can be counted anew at any time; what was left is replaced.
    let anew = PacketCount::start(
        &client,
        "nic0-net",
        Direction::FromGuest,
        packets::ROOM,
        SOON,
    );
    anew.unwrap();
    assert_eq!(open_files(&guard, "orangery-packets"), 2);
    packets::forget(&client, "nic0-net", SOON);
    assert_eq!(open_files(&guard, "orangery-packets"), 0);
}

#[test]
fn a_qemu_without_such_a_card_says_so_and_keeps_nothing() {
    let (guard, client, _folder) = start();
    let refused = PacketCount::start(&client, "nic7-net", Direction::ToGuest, packets::ROOM, SOON);
    let why = refused.unwrap_err().to_string();
    assert!(
        why.contains("QEMU refused") && why.contains("netdev"),
        "{why}"
    );
    assert_eq!(open_files(&guard, "orangery-packets"), 0);
}
