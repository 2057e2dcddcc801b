//! A console's own window on a desktop of its own, over a real guest: the test card.

use std::io::{BufRead, BufReader, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use orangery::console::{self, ConsoleOptions, PresenterChoice};
use orangery::display::Screen;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

use crate::card::{self, CardReport};
use crate::console_desktop::{Desktop, Shot, wait};
use crate::display_live::machine::Machine;

/// Height of the bar at scale 1.
const BAR: usize = 36;
/// By its X11 code: by name xdotool would press the left one as well.
const RIGHT_CTRL: &str = "key 105";
const MONITOR: &str = "ORANGERY_TEST_MONITOR";
const PRESENTER: &str = "ORANGERY_TEST_PRESENTER";

/// The window of the other tests: a process of its own, since a process can have one event loop only.
#[test]
#[ignore = "the other tests run it as their window"]
fn child() {
    let Some(monitor) = std::env::var_os(MONITOR) else {
        return;
    };
    let stream = display(Path::new(&monitor));
    let name = std::env::var(PRESENTER).unwrap_or_default();
    let presenter = PresenterChoice::from_name(&name).unwrap_or_default();
    let connect = |wake| Screen::dbus(stream, wake);
    let options = ConsoleOptions {
        presenter,
        any_thread: true,
    };
    console::run_with("Test card", connect, options).unwrap();
}

/// Asks the monitor for a display connection, as the owner of a library does.
fn display(monitor: &Path) -> UnixStream {
    let mut qmp = BufReader::new(UnixStream::connect(monitor).unwrap());
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut ask = |command: &str, fd: Option<&UnixStream>| {
        let fds: Vec<_> = fd.iter().map(|fd| fd.as_fd()).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
        }
        let socket = qmp.get_ref().as_fd();
        let text = [IoSlice::new(command.as_bytes())];
        rustix::net::sendmsg(socket, &text, &mut control, SendFlags::empty()).unwrap();
        let mut line = String::new();
        while !line.contains("\"return\"") {
            line.clear();
            assert!(qmp.read_line(&mut line).unwrap() > 0, "{command}");
            assert!(!line.contains("\"error\""), "{line}");
        }
    };
    ask("{\"execute\":\"qmp_capabilities\"}\n", None);
    let getfd = "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"window\"}}\n";
    ask(getfd, Some(&theirs));
    let add =
        r#"{"execute":"add_client","arguments":{"protocol":"@dbus-display","fdname":"window"}}"#;
    ask(&format!("{add}\n"), None);
    ours
}

/// The test card in a window.
struct Stage {
    desktop: Desktop,
    machine: Machine,
    window: String,
    child: Child,
    _home: tempfile::TempDir,
}

impl Stage {
    fn start(presenter: &str, size: (u32, u32)) -> Option<Self> {
        Self::start_with(presenter, size, &["-device", "virtio-tablet-pci"])
    }

    fn start_with(presenter: &str, size: (u32, u32), devices: &[&str]) -> Option<Self> {
        let desktop = Desktop::start(size.0, size.1)?;
        let home = tempfile::tempdir().unwrap();
        let monitor = home.path().join("monitor");
        let monitor_option = format!("unix:{},server=on,wait=off", monitor.display());
        let drive = concat!(
            "file=",
            env!("ORANGERY_TEST_CARD"),
            ",format=raw,if=virtio,snapshot=on"
        );
        let screen = ["-device", "virtio-vga", "-device", "virtio-keyboard-pci"];
        let rest = ["-drive", drive, "-qmp", &monitor_option];
        let all = [&screen[..], devices, &rest[..]].concat();
        let machine = Machine::start_with("q35", "a console window", &all)?;
        let child = desktop
            .command(std::env::current_exe().unwrap().to_str().unwrap())
            .args([
                "console_window::child",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env(MONITOR, &monitor)
            .env(PRESENTER, presenter)
            .env("HOME", home.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let window = desktop.window("Orangery");
        let stage = Self {
            desktop,
            machine,
            window,
            child,
            _home: home,
        };
        Some(stage)
    }

    /// Where the guest's picture starts in a screenshot of the window, and its size.
    fn picture(&self) -> Shot {
        let shot = self.desktop.shot(&self.window);
        shot.part(0, BAR, shot.width, shot.height - BAR)
    }

    fn card(&self) -> Option<CardReport> {
        let picture = self.picture();
        card::decode_rgb(&picture.rgb, picture.width, picture.height).ok()
    }

    #[track_caller]
    fn wait_card(&self, what: &str, until: impl Fn(&CardReport) -> bool) -> CardReport {
        let mut last = None;
        wait(what, || {
            last = self.card();
            last.as_ref().is_some_and(&until)
        });
        last.unwrap()
    }

    /// Waits until the window has the guest's size and shows the running card one to one.
    fn ready(&self) {
        self.wait_card("the card in the window", |card| {
            card.virtio_screen && card.tablet
        });
        self.desktop
            .xdotool(&format!("windowfocus --sync {}", self.window));
    }

    /// Moves the pointer to a place in the window.
    fn point(&self, x: i32, y: i32) {
        self.desktop
            .xdotool(&format!("mousemove --window {} {x} {y}", self.window));
    }

    /// The stopped guest's picture is what the window shows.
    fn assert_exact(&mut self) {
        self.machine.qmp("stop", "{}");
        let dump = self.machine.screendump();
        let wanted: Vec<u8> = dump
            .rgba
            .chunks(4)
            .flat_map(|pixel| pixel[..3].to_vec())
            .collect();
        let mut differing = usize::MAX;
        wait("the last picture", || {
            let shown = self.picture();
            assert_eq!(
                (shown.width, shown.height),
                (dump.width as usize, dump.height as usize)
            );
            let pairs = shown.rgb.chunks(3).zip(wanted.chunks(3));
            differing = pairs.filter(|(a, b)| a != b).count();
            differing == 0
        });
        self.machine.qmp("cont", "{}");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(folder) = std::env::var_os("ORANGERY_TEST_SHOTS") {
            let path = Path::new(&folder).join(format!("{}.png", self.child.id()));
            let path = path.display().to_string();
            self.desktop
                .command("import")
                .args(["-window", "root", &path])
                .status()
                .ok();
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn one_guest_pixel_is_one_screen_pixel_and_keys_and_pointer_arrive() {
    let Some(mut stage) = Stage::start("softbuffer", (1600, 1200)) else {
        return;
    };
    stage.ready();
    stage.assert_exact();
    let before = stage.wait_card("the card", |_| true).keys;
    stage.desktop.xdotool("key a");
    stage.wait_card("a key", |card| card.keys == before.wrapping_add(1));
    stage.point(300, 200 + BAR as i32);
    stage.wait_card("the pointer", |card| {
        (card.pointer_x, card.pointer_y) == (300, 200)
    });
    stage.desktop.xdotool("click 4");
    // winit tells of a wheel without axes, as xdotool has it, at press and at release.
    stage.wait_card("the wheel", |card| card.wheel == 2);
}

#[test]
fn losing_the_focus_lifts_every_key_and_button() {
    let Some(mut stage) = Stage::start("softbuffer", (1600, 1200)) else {
        return;
    };
    stage.ready();
    stage.point(300, 300);
    let before = stage.wait_card("the card", |_| true).keys;
    stage.desktop.xdotool("keydown shift mousedown 1");
    let down = before.wrapping_add(1);
    stage.wait_card("shift and a button", |card| {
        card.keys == down && card.buttons == 1
    });
    let mut other = stage
        .desktop
        .command("xmessage")
        .arg("focus")
        .spawn()
        .unwrap();
    let window = stage.desktop.window("xmessage");
    stage
        .desktop
        .xdotool(&format!("windowfocus --sync {window}"));
    stage
        .desktop
        .xdotool(&format!("windowmove {window} 1400 1100"));
    stage.wait_card("no button", |card| card.buttons == 0);
    // Typed by the monitor: a small letter, as shift is up.
    let key = r#"{"keys":[{"type":"qcode","data":"a"}]}"#;
    stage.machine.qmp("send-key", key);
    stage.wait_card("a small letter", |card| {
        card.text_hash == card::text_hash("a")
    });
    stage.desktop.xdotool("keyup shift mouseup 1");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn right_ctrl_and_the_bar_work_and_full_screen_fills_the_screen() {
    let Some(stage) = Stage::start("softbuffer", (1440, 1000)) else {
        return;
    };
    stage.ready();
    let before = stage.wait_card("the card", |_| true).keys;
    stage.desktop.xdotool(RIGHT_CTRL);
    stage.desktop.xdotool("key b");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(
        stage.wait_card("the card", |_| true).keys,
        before,
        "keys go to the bar"
    );
    stage.desktop.xdotool("key F11");
    wait("full screen", || {
        stage.desktop.place(&stage.window) == [0, 0, 1440, 1000]
    });
    stage.desktop.xdotool("key F11");
    wait("a window again", || {
        stage.desktop.place(&stage.window)[2] < 1440
    });
    stage.desktop.xdotool(RIGHT_CTRL);
    stage.desktop.xdotool("key b");
    stage.wait_card("a key again", |card| card.keys == before.wrapping_add(1));
}

#[test]
fn the_x_server_reads_the_guests_memory_itself_and_menus_stay_on_top() {
    let Some(mut stage) = Stage::start("shm", (1600, 1200)) else {
        return;
    };
    stage.ready();
    stage.assert_exact();
    let maps = format!("/proc/{}/maps", stage.desktop.server());
    let maps = std::fs::read_to_string(maps).unwrap();
    let guests = maps
        .lines()
        .filter(|line| line.contains("memfd:") && line.contains("r--s"));
    assert!(
        guests.count() >= 1,
        "the X server has not mapped the guest's memory"
    );

    let [_, _, width, _] = stage.desktop.place(&stage.window);
    stage.point(width - 175, BAR as i32 / 2);
    stage.desktop.xdotool("click 1");
    let menu = |shot: &Shot| {
        let part = shot.part(width as usize - 200, BAR + 100, 60, 100);
        part.rgb
            .chunks(3)
            .filter(|pixel| **pixel == [0x19, 0x20, 0x1c])
            .count()
            > 3_000
    };
    wait("the menu", || menu(&stage.desktop.shot(&stage.window)));
    for _ in 0..20 {
        assert!(
            menu(&stage.desktop.shot(&stage.window)),
            "the guest painted over the menu"
        );
    }
    stage.desktop.xdotool("click 1");
    wait("no menu", || !menu(&stage.desktop.shot(&stage.window)));
    stage.assert_exact();
}

#[test]
fn a_scaled_picture_is_whole_in_both_ways() {
    for presenter in ["softbuffer", "shm"] {
        let Some(stage) = Stage::start(presenter, (1000, 700)) else {
            return;
        };
        wait("a window within the screen", || {
            stage.desktop.place(&stage.window)[2] <= 900
        });
        // The bright moon and the dark sky right of the strip.
        wait("the scaled card", || {
            let picture = stage.picture();
            let at = |x: usize, y: usize| {
                let (x, y) = (x * picture.width / 1280, y * picture.height / 800);
                picture.part(x, y, 1, 1).rgb
            };
            at(1129, 129).iter().all(|part| *part > 0xa0)
                && at(700, 40).iter().all(|part| *part < 0x60)
        });
    }
}

#[test]
fn a_relative_pointer_is_taken_by_a_click_and_let_go_by_right_ctrl() {
    let Some(stage) = Stage::start_with("shm", (1600, 1200), &[]) else {
        return;
    };
    let before = stage.wait_card("the card", |card| card.virtio_screen && !card.tablet);
    let focus = format!("windowfocus --sync {}", stage.window);
    stage.desktop.xdotool(&focus);
    stage.point(600, 400);
    stage.desktop.xdotool("click 1");
    std::thread::sleep(Duration::from_millis(300));
    stage.desktop.xdotool("mousemove_relative 30 0");
    let moved = stage.wait_card("the pointer", |card| card.pointer_x != before.pointer_x);
    let way = i32::from(moved.pointer_x) - i32::from(before.pointer_x);
    assert!((20..=45).contains(&way), "each motion counts once, {way}");
    stage.desktop.xdotool(RIGHT_CTRL);
    std::thread::sleep(Duration::from_millis(300));
    stage.desktop.xdotool("mousemove_relative 30 0");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(
        stage.wait_card("the card", |_| true).pointer_x,
        moved.pointer_x
    );
}
