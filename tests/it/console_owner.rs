//! A console window and its owner: what it asks for, and how it outlives the owner.
#![expect(
    clippy::disallowed_methods,
    reason = "the tests run the program and its desktop themselves"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::card::{self, CardReport};
use crate::console_desktop::{Desktop, Shot, wait};

pub const BAR: usize = 36;

/// A library of its own, and a desktop.
pub struct House {
    pub desktop: Desktop,
    folder: tempfile::TempDir,
}

impl House {
    /// `None`, with a word on why, where something is missing.
    pub fn start(width: u32, height: u32) -> Option<Self> {
        Self::on(Desktop::start(width, height)?)
    }

    pub fn on(desktop: Desktop) -> Option<Self> {
        let qemu = Command::new("qemu-system-x86_64")
            .args(["-display", "help"])
            .output();
        let help = qemu.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        if !help.is_ok_and(|help| help.lines().any(|line| line == "dbus")) {
            println!("skipped: needs QEMU with the dbus display (qemu-system-modules-opengl)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let runtime = folder.path().join("run");
        std::fs::create_dir(&runtime).unwrap();
        std::fs::set_permissions(&runtime, PermissionsExt::from_mode(0o700)).unwrap();
        Some(Self { desktop, folder })
    }

    pub fn orangery(&self, arguments: &[&str]) -> Command {
        let home = self.folder.path();
        let mut command = self.desktop.command(env!("CARGO_BIN_EXE_orangery"));
        command
            .args(arguments)
            .env("HOME", home)
            .env("XDG_RUNTIME_DIR", home.join("run"))
            .env("XDG_DATA_HOME", home.join("data"))
            .env("XDG_CONFIG_HOME", home.join("config"))
            .stdout(Stdio::null());
        command
    }

    #[track_caller]
    pub fn run(&self, arguments: &[&str]) {
        let status = self.orangery(arguments).status().unwrap();
        assert!(status.success(), "{arguments:?}");
    }

    /// The owner's process, as it wrote it into the lock.
    pub fn owner(&self) -> Option<Pid> {
        let lock: PathBuf = self.folder.path().join("data/orangery/.lock");
        let text = std::fs::read_to_string(lock).ok()?;
        Pid::from_raw(text.lines().next()?.parse().ok()?)
    }

    pub fn card(&self, window: &str) -> Option<CardReport> {
        let shot = self.desktop.shot(window);
        self::card(&shot, BAR)
    }

    /// The same of a window in full screen, that has no bar.
    pub fn whole_card(&self, window: &str) -> Option<CardReport> {
        self::card(&self.desktop.shot(window), 0)
    }

    /// Pixels of the accent colour in the window's middle: the card's Start button.
    pub fn start_button(&self, window: &str) -> bool {
        let shot = self.desktop.shot(window);
        let middle = shot.part(shot.width / 2 - 180, shot.height / 2 - 60, 360, 160);
        let accent = |pixel: &&[u8]| **pixel == [0xff, 0xa2, 0x3f];
        middle.rgb.chunks(3).filter(accent).count() > 1_000
    }
}

fn card(shot: &Shot, top: usize) -> Option<CardReport> {
    let picture = shot.part(0, top, shot.width, shot.height - top);
    card::decode_rgb(&picture.rgb, picture.width, picture.height).ok()
}

/// Ends the machine and the window, whatever happened.
pub struct Guard<'a>(pub &'a House, pub Child);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.1.kill().ok();
        self.1.wait().ok();
        self.0.orangery(&["power-off", "Card"]).status().ok();
        if let Some(owner) = self.0.owner() {
            kill_process(owner, Signal::TERM).ok();
        }
    }
}

#[test]
fn the_picture_and_the_keys_go_on_without_the_owner_and_an_off_machine_is_started_from_its_window()
{
    let Some(house) = House::start(1600, 1200) else {
        return;
    };
    house.run(&["create", "Card", "--test-card", "--start"]);
    let child = house.orangery(&["console", "Card"]).spawn().unwrap();
    let _guard = Guard(&house, child);
    let window = house.desktop.window("Orangery");
    wait("the card", || house.card(&window).is_some());

    let owner = house.owner().unwrap();
    kill_process(owner, Signal::KILL).unwrap();
    wait("the owner's end", || {
        rustix::process::test_kill_process(owner).is_err()
    });
    let before = house.card(&window).unwrap();
    house
        .desktop
        .xdotool(&format!("windowfocus --sync {window}"));
    house.desktop.xdotool("key a");
    wait("a key without an owner", || {
        let card = house.card(&window);
        card.is_some_and(|card| card.keys != before.keys && card.frame > before.frame)
    });

    // The next owner listens to the machine's sound and so takes the controls; the window takes them back.
    house.run(&["stats", "Card"]);
    let before = house.card(&window).unwrap();
    wait("a key beside the next owner", || {
        house.desktop.xdotool("key b");
        let card = house.card(&window);
        card.is_some_and(|card| card.keys != before.keys && card.frame > before.frame)
    });

    house.run(&["power-off", "Card"]);
    wait("the card that says off", || house.start_button(&window));
    let [_, _, width, height] = house.desktop.place(&window);
    let (x, y) = (width / 2 - 125, height / 2 + BAR as i32 / 2 + 22);
    house
        .desktop
        .xdotool(&format!("mousemove --window {window} {x} {y} click 1"));
    wait("the machine's next boot", || {
        let card = house.card(&window);
        card.is_some_and(|card| card.boot_nonce != before.boot_nonce)
    });
}
