//! The test card in a console window, on a desktop of its own.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use std::io::{BufRead, BufReader, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use orangery::console::{self, ConsoleOptions};
use orangery::display::Screen;
use orangery::model::Drawing;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

use crate::card::{self, CardReport};
use crate::console_desktop::{Desktop, Shot, wait};
use crate::display_live::machine::Machine;

/// Height of the bar at scale 1.
pub const BAR: usize = 36;
/// By its X11 code: by name xdotool would press the left one as well.
pub const RIGHT_CTRL: &str = "key 105";
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
    let copied = std::env::var(PRESENTER).is_ok_and(|name| name == "copied");
    let connect = |wake| Screen::dbus(stream, wake);
    let options = ConsoleOptions {
        drawing: if copied {
            Drawing::Copied
        } else {
            Drawing::Auto
        },
        any_thread: true,
        head: 0,
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
pub struct Stage {
    pub desktop: Desktop,
    pub machine: Machine,
    pub window: String,
    /// Height of the bar in pixels.
    pub bar: usize,
    child: Child,
    home: tempfile::TempDir,
}

impl Stage {
    pub fn start(presenter: &str, size: (u32, u32)) -> Option<Self> {
        Self::start_with(presenter, size, &["-device", "virtio-tablet-pci"])
    }

    pub fn start_with(presenter: &str, size: (u32, u32), devices: &[&str]) -> Option<Self> {
        let desktop = Desktop::start(size.0, size.1)?;
        let home = tempfile::tempdir().unwrap();
        let machine = boot(home.path(), devices)?;
        let child = open(desktop_command(&desktop), home.path(), presenter, 1.0);
        let window = desktop.window("Orangery");
        let stage = Self {
            desktop,
            machine,
            window,
            bar: BAR,
            child,
            home,
        };
        Some(stage)
    }

    /// Shows the same machine in another window, at another scale of the desktop.
    pub fn reopen(&mut self, presenter: &str, scale: f64) {
        self.child.kill().ok();
        self.child.wait().ok();
        let gone = &self.window;
        wait("the window's end", || {
            !self
                .desktop
                .xdotool("search --name Orangery")
                .contains(gone)
        });
        let command = desktop_command(&self.desktop);
        self.child = open(command, self.home.path(), presenter, scale);
        self.window = self.desktop.window("Orangery");
        self.bar = (BAR as f64 * scale).round() as usize;
    }

    /// The window's process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where the guest's picture starts in a screenshot of the window, and its size.
    pub fn picture(&self) -> Shot {
        let shot = self.desktop.shot(&self.window);
        shot.part(0, self.bar, shot.width, shot.height - self.bar)
    }

    pub fn card(&self) -> Option<CardReport> {
        let picture = self.picture();
        card::decode_rgb(&picture.rgb, picture.width, picture.height).ok()
    }

    #[track_caller]
    pub fn wait_card(&self, what: &str, until: impl Fn(&CardReport) -> bool) -> CardReport {
        let mut last = None;
        wait(what, || {
            last = self.card();
            last.as_ref().is_some_and(&until)
        });
        last.unwrap()
    }

    /// Waits until the window has the guest's size and shows the running card one to one.
    pub fn ready(&self) {
        self.wait_card("the card in the window", |card| {
            card.virtio_screen && card.tablet
        });
        self.desktop
            .xdotool(&format!("windowfocus --sync {}", self.window));
    }

    /// Moves the pointer to a place in the window.
    pub fn point(&self, x: i32, y: i32) {
        self.desktop
            .xdotool(&format!("mousemove --window {} {x} {y}", self.window));
    }

    /// The stopped guest's picture is what the window shows.
    #[track_caller]
    pub fn assert_exact(&mut self) {
        assert_shown(&mut self.machine, || {
            let desktop = &self.desktop;
            let shot = desktop.shot(&self.window);
            shot.part(0, self.bar, shot.width, shot.height - self.bar)
        });
    }
}

/// Stops the guest and waits until `shown` is its picture. A guest that stops between painting and telling of it is
/// stopped once more: QEMU has not shown that picture to anyone.
#[track_caller]
pub fn assert_shown(machine: &mut Machine, mut shown: impl FnMut() -> Shot) {
    let mut differing = usize::MAX;
    wait("the guest's picture, pixel for pixel", || {
        machine.qmp("stop", "{}");
        let dump = machine.screendump();
        let wanted = dump.rgba.chunks(4).map(|pixel| &pixel[..3]);
        for _ in 0..3 {
            let shown = shown();
            if (shown.width, shown.height) == (dump.width as usize, dump.height as usize) {
                let pairs = shown.rgb.chunks(3).zip(wanted.clone());
                differing = pairs.filter(|(a, b)| a != b).count();
            }
            if differing == 0 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        machine.qmp("cont", "{}");
        println!("{differing} pixels differ");
        differing == 0
    });
}

/// The test card; its monitor is in `home`.
pub fn boot(home: &Path, devices: &[&str]) -> Option<Machine> {
    let monitor = format!("unix:{},server=on,wait=off", home.join("monitor").display());
    let drive = concat!(
        "file=",
        env!("ORANGERY_TEST_CARD"),
        ",format=raw,if=virtio,snapshot=on"
    );
    let screen = ["-device", "virtio-vga", "-device", "virtio-keyboard-pci"];
    let rest = ["-drive", drive, "-qmp", &monitor];
    let all = [&screen[..], devices, &rest[..]].concat();
    Machine::start_with("q35", "a console window", &all)
}

fn desktop_command(desktop: &Desktop) -> Command {
    desktop.command(&this_program())
}

/// What opens windows: this test itself.
pub fn this_program() -> String {
    std::env::current_exe().unwrap().display().to_string()
}

/// Opens a window on the machine whose monitor is in `home`.
pub fn open(mut command: Command, home: &Path, presenter: &str, scale: f64) -> Child {
    command
        .args([
            "console_stage::child",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env(MONITOR, home.join("monitor"))
        .env(PRESENTER, presenter)
        .env("HOME", home)
        .env("WINIT_X11_SCALE_FACTOR", scale.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
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
