//! Time with a running machine: its disk is written through QEMU's second monitor, as a guest would.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use orangery::qemu::qmp::Client;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{House, is_alive, kill, rounds, wait_for};

const BLOCK: u64 = 64 << 10;
/// The disk that is written here; the first one is the test card's own.
pub const DISK: &str = "disk1";
const PATIENCE: Duration = Duration::from_secs(20);

/// A test card with a second disk, which runs.
pub(super) fn with_disk() -> House {
    let house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    house.done(&["disk", "add", "Card", "--size", "64M"]);
    house.done(&["start", "Card"]);
    house.card("Card");
    house
}

pub(super) fn monitor(house: &House, name: &str) -> Client {
    let path = house.launch(name).join("s/mon1");
    Client::connect(&path, PATIENCE).unwrap().0
}

/// Writes as the guest would, through the device. QEMU answers that with nothing, whatever came of it: see [`reads`].
pub fn write(house: &House, block: u64, value: u8) {
    write_in(house, "Card", block, value);
}

/// The same in another machine than "Card".
pub fn write_in(house: &House, name: &str, block: u64, value: u8) {
    ask_to_write(house, name, "-f", (block, value));
    reads_in(house, name, &[(block, value)]);
}

/// The same without waiting until it is on disk: the tables that name it are in memory still.
pub fn write_behind(house: &House, block: u64, value: u8) {
    ask_to_write(house, "Card", "", (block, value));
}

fn ask_to_write(house: &House, name: &str, how: &str, (block, value): (u64, u8)) {
    let at = block * BLOCK;
    let line = format!(
        "qemu-io -d /machine/peripheral/{DISK}/virtio-backend \"write {how} -P {value} {at} {BLOCK}\""
    );
    let arguments = json!({ "command-line": line });
    let said = monitor(house, name).call_raw("human-monitor-command", arguments, PATIENCE);
    assert_eq!(said.unwrap(), json!(""));
}

/// Reads what the guest would, from outside, over NBD.
#[track_caller]
pub fn reads(house: &House, blocks: &[(u64, u8)]) {
    reads_in(house, "Card", blocks);
}

/// The same in another machine than "Card".
#[track_caller]
pub fn reads_in(house: &House, name: &str, blocks: &[(u64, u8)]) {
    holds(house, name, blocks).unwrap();
}

/// Whether the blocks have these values; what the reader says otherwise.
pub(super) fn holds(house: &House, name: &str, blocks: &[(u64, u8)]) -> Result<(), String> {
    let client = monitor(house, name);
    let call =
        |command: &str, arguments: Value| client.call_raw(command, arguments, PATIENCE).unwrap();
    let disks = call("query-blockstats", json!({}));
    let is_it = |disk: &&Value| {
        disk["qdev"]
            .as_str()
            .is_some_and(|qdev| qdev.contains(DISK))
    };
    let node = disks.as_array().unwrap().iter().find(is_it).unwrap()["node-name"].clone();
    let socket = house.launch(name).join("s/nbd");
    fs::remove_file(&socket).ok(); // Of the last time.
    let address = json!({ "type": "unix", "data": { "path": socket } });
    call("nbd-server-start", json!({ "addr": address }));
    let export = json!({ "type": "nbd", "id": "read", "node-name": node, "name": "disk" });
    call("block-export-add", export);
    let mut arguments = vec!["-r".to_owned(), "-f".to_owned(), "raw".to_owned()];
    for (block, value) in blocks {
        let read = format!("read -P {value} {} {BLOCK}", block * BLOCK);
        arguments.extend(["-c".to_owned(), read]);
    }
    arguments.push(format!("nbd+unix:///disk?socket={}", socket.display()));
    #[expect(clippy::disallowed_methods, reason = "a stranger's tool")]
    let read = std::process::Command::new("qemu-io")
        .args(&arguments)
        .output()
        .unwrap();
    call("nbd-server-stop", json!({}));
    let said = String::from_utf8_lossy(&read.stdout);
    match read.status.success() && !said.contains("failed") && said.contains("read ") {
        true => Ok(()),
        false => Err(format!(
            "{arguments:?}: {said}{}",
            String::from_utf8_lossy(&read.stderr)
        )),
    }
}

pub fn entries(house: &House) -> Vec<Value> {
    house
        .json(&["timeline", "Card"])
        .as_array()
        .unwrap()
        .clone()
}

/// How many layers the second disk has in the present.
fn depth(house: &House) -> usize {
    let text = house.json(&["show", "Card"]);
    let devices = text["machine"]["devices"].as_array().unwrap();
    let disk = devices.iter().find(|device| device["id"] == DISK).unwrap();
    disk["kind"]["Disk"]["source"]["Layers"]
        .as_array()
        .unwrap()
        .len()
}

/// Every layer that lies in the machine's folder.
fn layers(house: &House) -> Vec<PathBuf> {
    let files = fs::read_dir(house.machine("Card").join("disks")).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

/// The picture that was kept with a snapshot.
fn kept_picture(house: &House, id: &str) -> Vec<u8> {
    let folder = house.machine("Card").join("snapshots").join(id);
    image::open(folder.join("screen.png"))
        .unwrap()
        .to_rgba8()
        .into_raw()
}

#[test]
fn a_running_machine_goes_back_to_the_very_moment_and_its_disk_too() {
    let house = with_disk();
    write(&house, 0, 1);
    house.done(&["snapshot", "take", "Card", "one"]);
    write(&house, 0, 2);
    write(&house, 1, 3);
    house.done(&["snapshot", "take", "Card", "two", "--note", "later"]);
    write(&house, 2, 4);
    let frame = house.card("Card").frame;
    house.done(&["snapshot", "rewind", "Card", "one"]);
    assert_eq!(house.state("Card"), "running");
    reads(&house, &[(0, 1), (1, 0), (2, 0)]);
    assert!(house.card("Card").frame < frame + 1_000_000);
    let list = entries(&house);
    let kinds: Vec<&str> = list
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["manual", "manual", "kept"]);
    assert_eq!(list[0]["id"], list[1]["parent"]);
    assert_eq!(list[1]["id"], list[2]["parent"]);
    assert!(list.iter().all(|entry| entry["with_memory"] == true));
    // On to the present that was left, which has what was written last.
    let kept = list[2]["id"].as_str().unwrap().to_owned();
    house.done(&["snapshot", "rewind", "Card", &kept, "--drop-present"]);
    reads(&house, &[(0, 2), (1, 3), (2, 4)]);
    house.done(&["snapshot", "verify", "Card"]);
    assert_eq!(entries(&house).len(), 3);
}

#[test]
fn the_screen_after_going_back_is_the_picture_that_was_kept() {
    let house = with_disk();
    house.done(&["pause", "Card"]);
    let taken = house.json(&["snapshot", "take", "Card", "still"]);
    house.done(&["resume", "Card"]);
    std::thread::sleep(Duration::from_millis(500));
    house.done(&["pause", "Card"]);
    house.done(&["snapshot", "rewind", "Card", "still"]);
    // It goes on at once; what was on the screen in that moment is what was kept.
    let kept = kept_picture(&house, taken["id"].as_str().unwrap());
    let (now, ..) = house.picture("Card");
    assert_eq!(kept.len(), now.len());
    let same = kept.iter().zip(&now).filter(|(a, b)| a == b).count();
    assert!(
        same * 10 > kept.len() * 7,
        "{same} of {} bytes are the same",
        kept.len()
    );
}

#[test]
fn snapshots_in_the_middle_go_while_the_machine_runs_and_their_space_comes_back() {
    let house = with_disk();
    for round in 0..6_u8 {
        write(&house, u64::from(round), round + 1);
        write(&house, 10, round + 100);
        house.done(&["snapshot", "take", "Card", &format!("s{round}")]);
    }
    assert_eq!(depth(&house), 7);
    let before = layers(&house).len();
    house.done(&["snapshot", "delete", "Card", "s1", "s2", "s3", "--yes"]);
    assert_eq!(depth(&house), 4);
    assert!(layers(&house).len() <= before - 3);
    let all: Vec<(u64, u8)> = (0..6).map(|block| (u64::from(block), block + 1)).collect();
    reads(&house, &all);
    write(&house, 6, 7);
    house.done(&["snapshot", "verify", "Card"]);
    // What is left reads right, running and off, also by what headers say.
    house.done(&["snapshot", "rewind", "Card", "s0"]);
    reads(&house, &[(0, 1), (1, 0), (10, 100)]);
    house.done(&["snapshot", "rewind", "Card", "s4"]);
    reads(
        &house,
        &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0), (10, 104)],
    );
    house.done(&["power-off", "Card"]);
    house.done(&["snapshot", "delete", "Card", "s0", "s4", "--yes"]);
    house.done(&["snapshot", "flatten", "Card"]);
    house.done(&["start", "Card"]);
    reads(&house, &[(0, 1), (4, 5), (5, 0), (10, 104)]);
    house.done(&["snapshot", "flatten", "Card"]);
    reads(&house, &[(0, 1), (4, 5), (5, 0), (10, 104)]);
    // QEMU alone has not written down yet what it merged, and what it was merged from is gone.
    let pid = house.pid("Card");
    kill(pid, Signal::KILL);
    house.wait_state("Card", "crashed");
    house.done(&["start", "Card"]);
    reads(&house, &[(0, 1), (4, 5), (5, 0), (10, 104)]);
    house.done(&["snapshot", "rewind", "Card", "s5"]);
    reads(&house, &[(5, 6), (10, 105)]);
}

/// QEMU 10.0.2 fell over `block-commit` here: the lower layer is the larger one.
#[test]
fn a_large_layer_below_small_ones_goes_while_the_machine_runs() {
    let house = with_disk();
    for block in 0..12_u8 {
        write(&house, u64::from(block), block + 1);
    }
    house.done(&["snapshot", "take", "Card", "large"]);
    write(&house, 0, 50);
    house.done(&["snapshot", "take", "Card", "small"]);
    write(&house, 1, 51);
    house.done(&["snapshot", "take", "Card", "last"]);
    house.done(&["snapshot", "delete", "Card", "large", "small", "--yes"]);
    assert_eq!(house.state("Card"), "running");
    assert_eq!(depth(&house), 2);
    reads(&house, &[(0, 50), (1, 51), (2, 3), (11, 12)]);
    house.done(&["snapshot", "rewind", "Card", "last"]);
    reads(&house, &[(0, 50), (1, 51), (2, 3), (11, 12)]);
    // The same far up a deep chain: what QEMU calls the chain below is longer than a header has room for.
    for block in 0..7_u8 {
        write(&house, u64::from(block), block + 60);
        house.done(&["snapshot", "take", "Card", &format!("deep{block}")]);
    }
    house.done(&["snapshot", "delete", "Card", "deep5", "--yes"]);
    assert_eq!(depth(&house), 8);
    reads(&house, &[(4, 64), (5, 65), (6, 66), (11, 12)]);
}

/// The owner is killed at any moment of taking, going back and deleting; the machine is as before or as after, and what the
/// disk was told stays.
#[test]
fn whoever_is_killed_meanwhile_nothing_is_lost() {
    let house = with_disk();
    let mut last = 0;
    for round in 0..rounds(4, 60) {
        let value = (round % 250) as u8 + 1;
        write(&house, 20, value);
        last = value;
        let name = format!("k{round}");
        let mut taking = house
            .command(&["snapshot", "take", "Card", &name])
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(37 * (round as u64 % 23)));
        if house.agent_pid().is_some() {
            house.kill_agent();
        }
        taking.wait().unwrap();
        // A new owner takes over; the guest runs, or is started again.
        house.done(&["snapshot", "checkpoints", "Card", "every=0"]);
        wait_for("the machine to run", 60, || {
            match house.state("Card").as_str() {
                "running" => Ok(()),
                other => Err(other.to_owned()),
            }
        });
        reads(&house, &[(20, value)]);
        wait_for("unfinished work to end", 60, || {
            let intents = house.machine("Card").join("intents");
            let left = fs::read_dir(&intents).map_or(0, Iterator::count);
            (left == 0).then_some(()).ok_or(left)
        });
        for entry in entries(&house) {
            assert_eq!(entry["writing"], false, "{entry}");
            assert_eq!(entry["trouble"], Value::Null, "{entry}");
        }
    }
    house.done(&["snapshot", "verify", "Card"]);
    house.done(&["power-off", "Card"]);
    house.done(&["start", "Card"]);
    reads(&house, &[(20, last)]);
}

/// Owner and QEMU die together: the disk has everything that was acknowledged.
#[test]
fn a_machine_that_dies_with_its_owner_while_it_is_frozen_keeps_what_was_written() {
    let house = with_disk();
    for round in 0..rounds(3, 60) {
        let value = (round % 250) as u8 + 1;
        write(&house, 21, value);
        write(&house, 22, value);
        let name = format!("d{round}");
        let pid = house.pid("Card");
        let mut taking = house
            .command(&["snapshot", "take", "Card", &name])
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(41 * (round as u64 % 19)));
        house.kill_agent();
        kill(pid, Signal::KILL);
        wait_for("QEMU to be gone", 20, || {
            (!is_alive(pid)).then_some(()).ok_or(pid)
        });
        taking.wait().unwrap();
        house.done(&["start", "Card"]);
        reads(&house, &[(21, value), (22, value)]);
        for entry in entries(&house) {
            assert_eq!(entry["trouble"], Value::Null, "{entry}");
        }
    }
    house.done(&["snapshot", "verify", "Card"]);
}

#[test]
fn checkpoints_come_by_themselves_before_a_reset_and_a_change() {
    let house = with_disk();
    house.done(&["snapshot", "checkpoints", "Card", "reset=yes", "change=yes"]);
    write(&house, 0, 1);
    house.done(&["reset", "Card"]);
    house.done(&["power-off", "Card"]);
    house.done(&["set", "Card", "memory=192M"]);
    let list = entries(&house);
    let kinds: Vec<&str> = list
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["before-reset", "before-change"]);
    // The hardware of then comes back.
    let id = list[1]["id"].as_str().unwrap().to_owned();
    assert_eq!(house.row("Card")["memory_mib"], json!(192));
    house.done(&["snapshot", "rewind", "Card", &id]);
    assert_eq!(house.row("Card")["memory_mib"], json!(128));
}

/// logind, as far as it is asked: hands out inhibitors and says when the computer goes to sleep.
struct Logind {
    /// Our end of the pipe whose other end is the inhibitor.
    held: std::sync::mpsc::Receiver<std::fs::File>,
    bus: zbus::blocking::Connection,
}

struct Login {
    hands: std::sync::mpsc::SyncSender<std::fs::File>,
}

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl Login {
    fn inhibit(&self, what: &str, _who: &str, _why: &str, mode: &str) -> zbus::zvariant::OwnedFd {
        assert_eq!((what, mode), ("sleep", "delay"));
        let (reader, writer) = std::io::pipe().unwrap();
        let reader = std::fs::File::from(std::os::fd::OwnedFd::from(reader));
        self.hands.send(reader).unwrap();
        std::os::fd::OwnedFd::from(writer).into()
    }
}

impl Logind {
    fn new(address: &str) -> Self {
        let (hands, held) = std::sync::mpsc::sync_channel(8);
        let bus = zbus::blocking::connection::Builder::address(address)
            .unwrap()
            .name("org.freedesktop.login1")
            .unwrap()
            .serve_at("/org/freedesktop/login1", Login { hands })
            .unwrap()
            .build()
            .unwrap();
        Self { held, bus }
    }

    fn prepare_for_sleep(&self) {
        let path = "/org/freedesktop/login1";
        let interface = "org.freedesktop.login1.Manager";
        self.bus
            .emit_signal(None::<&str>, path, interface, "PrepareForSleep", &true)
            .unwrap();
    }
}

#[test]
fn this_computer_sleeps_once_what_runs_is_kept() {
    let Some((bus, address)) = private_bus() else {
        println!("skipped: dbus-daemon is not installed");
        return;
    };
    let logind = Logind::new(&address);
    let mut house = House::new();
    house.set("DBUS_SYSTEM_BUS_ADDRESS", &address);
    house.start_card("Card");
    house.card("Card");
    house.done(&["snapshot", "checkpoints", "Card", "suspend=yes"]);
    let mut inhibitor = logind.held.recv_timeout(Duration::from_secs(30)).unwrap();
    logind.prepare_for_sleep();
    // The other end closes when nothing holds the sleep any more.
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut inhibitor, &mut rest).unwrap();
    let kinds: Vec<Value> = entries(&house)
        .iter()
        .map(|entry| entry["kind"].clone())
        .collect();
    assert_eq!(kinds, ["before-suspend"]);
    drop(bus);
}

/// A bus of our own and its address; it ends when it is dropped.
fn private_bus() -> Option<(Bus, String)> {
    let program = orangery::confine::find_program("dbus-daemon")?;
    #[expect(clippy::disallowed_methods, reason = "a stranger's program")]
    let mut child = std::process::Command::new(program)
        .args(["--session", "--nofork", "--nosyslog", "--print-address"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    let out = child.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut address).unwrap();
    Some((Bus(child), address.trim().to_owned()))
}

struct Bus(std::process::Child);

impl Drop for Bus {
    fn drop(&mut self) {
        self.0.kill().ok(); // Fails only when it is gone.
        self.0.wait().ok();
    }
}
