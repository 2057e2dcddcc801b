//! The serial console: a guest without a screen is talked to, watched, flooded, and goes from owner to owner.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use orangery::engine::client::Client;
use orangery::engine::message::Command;
use orangery::model::Answer;
use orangery::terminal::Terminal;
use rustix::process::Signal;

use super::{House, is_alive, kill, rounds, wait_for};

/// A boot sector that sends back what the serial port gets; for each `!` it says 256 KiB of "y\n" instead.
///
/// ```text
/// start: cli; xor bx,bx
/// get:   mov dx,0x3fd; wait: in al,dx; test al,1; jz wait
///        mov dx,0x3f8; in al,dx; cmp al,'!'; je flood; call put; jmp get
/// flood: mov ecx,0x20000; next: mov al,'y'; call put; mov al,10; call put; dec ecx; jnz next; jmp get
/// put:   mov ah,al; mov dx,0x3fd; full: in al,dx; test al,0x20; jz full; mov al,ah; mov dx,0x3f8; out dx,al; ret
/// ```
const ECHO: &[u8] = &[
    0xfa, 0x31, 0xdb, 0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xfb, 0xba, 0xf8, 0x03, 0xec, 0x3c,
    0x21, 0x74, 0x05, 0xe8, 0x18, 0x00, 0xeb, 0xeb, 0x66, 0xb9, 0x00, 0x00, 0x02, 0x00, 0xb0, 0x79,
    0xe8, 0x0b, 0x00, 0xb0, 0x0a, 0xe8, 0x06, 0x00, 0x66, 0x49, 0x75, 0xf2, 0xeb, 0xd5, 0x88, 0xc4,
    0xba, 0xfd, 0x03, 0xec, 0xa8, 0x20, 0x74, 0xfb, 0x88, 0xe0, 0xba, 0xf8, 0x03, 0xee, 0xc3,
];

/// A connection to a machine's serial port through the owner of its library, and how much of it is history.
#[track_caller]
pub(super) fn open(house: &House, name: &str, history: bool) -> (UnixStream, u64) {
    let machine = house.row(name)["id"].as_str().unwrap().parse().unwrap();
    let control = house.runtime().join("control");
    let mut owner = Client::connect(&control, false).unwrap();
    let command = Command::OpenSerial { machine, history };
    let patience = Some(Duration::from_secs(20));
    match owner.call(command, patience, |_| {}).unwrap() {
        (Answer::Serial { history, .. }, Some(socket)) => (UnixStream::from(socket), history),
        (answer, _) => panic!("{answer:?}"),
    }
}

fn hear(stream: &mut UnixStream, wanted: &str) {
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let mut heard = Vec::new();
    let mut block = [0; 4096];
    while !String::from_utf8_lossy(&heard).contains(wanted) {
        let count = stream.read(&mut block).unwrap_or(0);
        let seen = String::from_utf8_lossy(&heard);
        assert!(
            count > 0,
            "no {wanted:?} in {:?}",
            seen.chars().take(400).collect::<String>()
        );
        heard.extend_from_slice(&block[..count]);
        heard.drain(..heard.len().saturating_sub(64 * 1024));
    }
}

/// `orangery serial NAME` in a pipe.
struct Piped {
    child: Child,
    heard: Arc<Mutex<String>>,
}

impl Piped {
    fn of(house: &House, name: &str) -> Self {
        let mut command = house.command(&["serial", name]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let heard: Arc<Mutex<String>> = Arc::default();
        let (all, mut out) = (Arc::clone(&heard), child.stdout.take().unwrap());
        std::thread::Builder::new()
            .spawn(move || {
                let mut block = [0; 65536];
                while let Ok(count @ 1..) = out.read(&mut block) {
                    let mut all = all.lock().unwrap();
                    all.push_str(&String::from_utf8_lossy(&block[..count]));
                    let over = all.len().saturating_sub(1000);
                    all.drain(..over);
                }
            })
            .unwrap();
        Self { child, heard }
    }

    /// Types until the guest sends it back: the connection may be just being made.
    #[track_caller]
    fn talks(&mut self, word: &str) {
        wait_for(&format!("{word} to come back"), 40, || {
            let input = self.child.stdin.as_mut().unwrap();
            input.write_all(word.as_bytes()).unwrap();
            input.flush().unwrap();
            std::thread::sleep(Duration::from_millis(200));
            let heard = self.heard.lock().unwrap().clone();
            heard.contains(word).then_some(()).ok_or(heard)
        });
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        kill(self.child.id(), Signal::TERM); // `timeout` passes it on.
        self.child.wait().unwrap();
    }
}

fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A machine "Echo" without a screen that runs [`ECHO`].
fn house_with_echo() -> House {
    let house = House::new();
    let mut disk = vec![0; 1024 * 1024];
    disk[..ECHO.len()].copy_from_slice(ECHO);
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    let mut file = std::fs::File::create(house.path().join("echo.img")).unwrap();
    file.write_all(&disk).unwrap();
    let create = ["create", "Echo", "--disk", "echo.img", "--firmware", "bios"];
    house.done(&[&create[..], &["--memory", "64M"]].concat());
    house.done(&["device", "remove", "Echo", "display0"]);
    let refused = house.refused(&["serial", "Echo"]);
    assert!(refused.contains("The machine is off"), "{refused}");
    house.done(&["start", "Echo"]);
    house
}

#[test]
fn a_guest_without_a_screen_is_used_by_its_serial_console() {
    let house = house_with_echo();
    let (mut stream, _) = open(&house, "Echo", true);
    // Sent again until the boot sector runs.
    wait_for("the guest to answer", 60, || {
        stream.write_all(b"hello ").unwrap();
        stream
            .set_read_timeout(Some(Duration::from_millis(500)))
            .unwrap();
        let mut block = [0; 4096];
        let count = stream.read(&mut block).unwrap_or(0);
        let heard = String::from_utf8_lossy(&block[..count]).into_owned();
        heard.contains("hello").then_some(()).ok_or(heard)
    });
    let mut piped = Piped::of(&house, "Echo");
    piped.talks("from-a-pipe ");
    hear(&mut stream, "from-a-pipe");
    stream.write_all(b"from-a-window ").unwrap();
    hear(&mut stream, "from-a-window");
    assert!(
        house
            .done(&["serial", "Echo", "--log"])
            .contains("from-a-window")
    );

    // The owner dies; the next one goes on with what was said, and so does the pipe.
    house.kill_agent();
    house.done(&["stats", "Echo"]);
    let (stream, history) = open(&house, "Echo", true);
    assert!(history > 20, "{history}");
    let terminal = Terminal::start(stream, history, Arc::new(|| {})).unwrap();
    wait_for("the history", 20, || {
        let text = terminal.emulator().picture().text();
        text.contains("from-a-window").then_some(()).ok_or(text)
    });
    piped.talks("after-the-crash ");

    flood(&house, &terminal);

    house.done(&["power-off", "Echo"]);
    let status = piped.child.wait().unwrap();
    assert!(status.success(), "{status}");
    wait_for("the end", 20, || {
        terminal.has_ended().then_some(()).ok_or(())
    });
    let log = house.done(&["serial", "Echo", "--log"]);
    assert!(
        log.ends_with("y\nstill-there "),
        "{:?}",
        &log[log.len() - 40..]
    );
}

/// The guest says more than anyone reads in time; one watcher reads it, one never reads.
fn flood(house: &House, terminal: &Terminal) {
    let quarters = rounds(1, 80);
    let (lazy, _) = open(house, "Echo", false);
    let agent = house.agent_pid().unwrap();
    let before = resident(agent);
    let begun = std::time::Instant::now();
    assert!(terminal.send("!".repeat(quarters).as_bytes()));
    assert!(terminal.send(b"still-there "));
    wait_for("the end of the flood", 170, || {
        let text = terminal.emulator().picture().text();
        text.contains("still-there").then_some(()).ok_or(text)
    });
    let grown = resident(agent).saturating_sub(before);
    println!(
        "{quarters} times 256 KiB said in {:?}; the owner grew by {grown} KiB",
        begun.elapsed()
    );
    assert!(grown < 16 * 1024, "the owner grew by {grown} KiB");
    let history = terminal.emulator().picture().history;
    assert!(history <= orangery::terminal::SCROLLBACK, "{history} lines");
    let log = std::fs::read_dir(house.machine("Echo").join("log")).unwrap();
    let size: u64 = log
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert!(size < 3 * 1024 * 1024, "the log has {size} bytes");
    assert!(is_alive(agent));
    drop(lazy);
}
