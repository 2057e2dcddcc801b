//! A real Debian: given parts by clicks, booted, typed into, saved, resumed and shut down.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use orangery::terminal::{Ink, Terminal};

use super::{House, clicked, is_alive, points};
use crate::display_live::machine::Machine;
use crate::guests::{alone, debian_disk, or_skip};
use crate::window_stage::Stage;

/// Debian on a bare QEMU with `parts` beside its disk, which nothing is written to, and a VGA card.
pub struct Bare {
    pub machine: Machine,
    /// At its login.
    pub shell: Shell,
    _folder: tempfile::TempDir,
}

impl Bare {
    /// `None`, with a word about it, if disk or QEMU are not to be had.
    pub fn boot(parts: &[&str]) -> Option<Self> {
        let disk = or_skip(debian_disk())?;
        let folder = tempfile::tempdir().unwrap();
        let serial = folder.path().join("serial");
        let port = format!("unix:{},server=on,wait=off", serial.display());
        let drive = format!("file={},if=virtio,snapshot=on", disk.display());
        let guest = ["-m", "512", "-smp", "2", "-drive", &drive, "-serial", &port];
        let arguments = [&guest[..], &["-device", "VGA"], parts].concat();
        let machine = Machine::start_with("pc", "Debian", &arguments)?;
        let mut shell = Shell::on(UnixStream::connect(&serial).unwrap());
        shell.wait_for_login();
        Some(Self {
            machine,
            shell,
            _folder: folder,
        })
    }
}

/// A shell on the guest's first serial port.
pub struct Shell {
    socket: UnixStream,
    heard: String,
}

impl Shell {
    pub fn of(house: &House, name: &str) -> Self {
        Self::on(super::serial::open(house, name, false).0)
    }

    /// Straight to QEMU, while nobody owns the machine.
    pub(super) fn without_owner(house: &House, name: &str) -> Self {
        let manifest = std::fs::read(house.launch(name).join("launch.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let socket = manifest["sockets"]["serial"].as_str().unwrap();
        Self::on(UnixStream::connect(socket).unwrap())
    }

    /// A shell on a connected serial port.
    pub(super) fn on(socket: UnixStream) -> Self {
        socket
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        Self {
            socket,
            heard: String::new(),
        }
    }

    pub fn say(&mut self, line: &str) {
        writeln!(self.socket, "{line}").unwrap();
    }

    /// Waits until the guest says `word`; gives the rest of that line.
    #[track_caller]
    pub fn hear(&mut self, word: &str, seconds: u64) -> Option<String> {
        let until = Instant::now() + Duration::from_secs(seconds);
        let mut bytes = [0; 4096];
        loop {
            if let Some((_, rest)) = self.heard.split_once(word)
                && let Some((line, after)) = rest.split_once('\n')
            {
                let line = line.trim_end().to_owned();
                self.heard = after.to_owned();
                return Some(line);
            }
            if Instant::now() >= until {
                return None;
            }
            if let Ok(count) = self.socket.read(&mut bytes) {
                self.heard
                    .push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        }
    }

    /// Waits for a shell that answers.
    pub fn wait_for_login(&mut self) {
        assert!(self.answers(150), "no shell: {}", self.heard);
    }

    /// Whether a shell answers, asked so often, for four seconds each.
    pub fn answers(&mut self, attempts: u32) -> bool {
        (0..attempts).any(|attempt| {
            self.say(&format!("echo here-$(({attempt}+1000))"));
            self.hear(&format!("here-{}", attempt + 1000), 4).is_some()
        })
    }

    /// What a command prints.
    #[track_caller]
    pub fn ask(&mut self, command: &str) -> String {
        // The mark is not in the echo of the command, only in what it prints.
        self.say(&format!("echo \"mark\"\": $({command})\""));
        self.hear("mark: ", 30)
            .unwrap_or_else(|| panic!("{command}: {}", self.heard))
    }

    pub fn uptime(&mut self) -> f64 {
        self.ask("cut -d' ' -f1 /proc/uptime").parse().unwrap()
    }
}

/// What the shell shows in a terminal: colours, and the line that was typed.
fn in_colour(house: &House) {
    let (stream, history) = super::serial::open(house, "Debian", false);
    let terminal = Terminal::start(stream, history, std::sync::Arc::new(|| {})).unwrap();
    assert!(terminal.send(b"clear; ls --color=always -d /bin /etc\r"));
    super::wait_for("the colours", 30, || {
        let picture = terminal.emulator().picture();
        let coloured = |letter| {
            let mut cells = picture.cells.iter();
            // Folders are blue, links cyan: 34 and 36 of ECMA-48.
            cells.any(|cell| cell.style.ink == Ink::Index(letter) && cell.style.bold)
        };
        let listed = picture.text().contains("/bin") && picture.text().contains("/etc");
        (listed && coloured(4) && coloured(6))
            .then_some(())
            .ok_or_else(|| picture.text())
    });
}

/// A machine "Debian" that is off, with its disk in place; gives the disk.
pub fn debian_in(house: &House) -> Option<PathBuf> {
    let original = or_skip(debian_disk())?;
    let disk = house.path().join("debian.qcow2");
    std::fs::copy(original, &disk).unwrap();
    let create = ["create", "Debian", "--disk", "debian.qcow2", "--cpus", "2"];
    house.done(&[&create[..], &["--memory", "512M"]].concat());
    Some(disk)
}

#[test]
fn debian_is_given_parts_by_clicks_boots_is_typed_into_is_saved_and_resumed_and_shuts_down() {
    let _alone = alone();
    let house = House::with_library("home/.local/share/orangery");
    let Some(disk) = debian_in(&house) else {
        return;
    };
    let (home, run) = (house.path().join("home"), house.path().join("run"));
    let stage = Stage::at(home, run, (1400, 900));
    let window = stage.as_ref().map(Stage::open);
    match &window {
        Some(window) => clicked::plug_in_and_start(window),
        None => drop(house.done(&["start", "Debian"])),
    }
    let mut shell = Shell::of(&house, "Debian");
    shell.wait_for_login();
    if let Some(window) = &window {
        clicked::the_guest_sees_it(window, &mut shell);
    }
    drop(window); // As a crash: the machine runs on, and its line ends.
    house.done(&["set", "Debian", "notes=An agent has it now"]);
    let mut shell = Shell::of(&house, "Debian");
    shell.wait_for_login();
    let boot = shell.ask("cat /proc/sys/kernel/random/boot_id");

    house.done(&["type", "Debian", "echo typed-$((6*7)) > /dev/ttyS0\n"]);
    assert!(shell.hear("typed-42", 30).is_some(), "{}", shell.heard);
    house.done(&["type", "Debian", "echo \"again: $((6*8))!\" > /dev/ttyS0"]);
    house.done(&["key", "Debian", "enter"]);
    assert!(shell.hear("again: 48!", 30).is_some(), "{}", shell.heard);

    shell.ask("sh -c 'echo kept in memory > /dev/shm/note'");
    let before = shell.uptime();
    shell.ask("date -s @1700000000");
    let carrier = points::carrier_changes(&mut shell);
    let qemu = house.pid("Debian");
    house.done(&["save", "Debian"]);
    assert!(!is_alive(qemu));
    assert_eq!(house.state("Debian"), "saved");
    house.done(&["start", "Debian"]);
    let mut shell = Shell::of(&house, "Debian");
    shell.wait_for_login();
    assert_eq!(shell.ask("cat /proc/sys/kernel/random/boot_id"), boot);
    assert_eq!(shell.ask("cat /dev/shm/note"), "kept in memory");
    let after = shell.uptime();
    assert!(
        after > before && after < before + 120.0,
        "{before} and then {after}"
    );

    points::knows_the_time_and_its_network(&mut shell, carrier);

    in_colour(&house);

    let (pixels, width, height) = house.picture("Debian");
    let lit = pixels.chunks(4).filter(|pixel| pixel[0] > 100).count();
    assert!(lit > 200, "nothing to read on a screen of {width}x{height}");

    // With its virtio devices reset, Debian's 6.1 still draws its last lines: a kernel warning of 5 KB in
    // virtio_gpu_queue_fenced_ctrl_buffer, also in a bare QEMU. On a serial port whose client does not read, 278
    // bytes find room and the rest holds the guest up; without a client QEMU drops it.
    drop(shell);
    house.done(&["shutdown", "Debian", "--timeout", "150"]);
    assert_eq!(house.state("Debian"), "off");
    assert!(disk.exists());
}
