//! The screen of a real QEMU: pictures, keys and pointers over D-Bus and RFB.

use std::io::{BufRead, BufReader, IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use orangery::display::frame::{ScreenStatus, Viewer, Want};
use orangery::display::keys::KeyCode;
use orangery::display::picture::Picture;
use orangery::display::{Input, Offer, Screen, ppm};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

const QEMU: &str = "qemu-system-x86_64";
const PATIENCE: Duration = Duration::from_secs(15);
const ESC: KeyCode = KeyCode(1);

#[test]
fn a_key_press_changes_the_picture_and_all_ways_to_see_it_agree() {
    // SeaBIOS waits a minute for Escape, then lists what it could boot from.
    let bios = ["-boot", "menu=on,splash-time=60000", "-device", "VGA"];
    let Some(mut machine) = Machine::start("a bios menu", &bios) else {
        return;
    };
    let screen = machine.dbus(Offer::SharedMemory);
    let mut page = screen.slot().watch(Want::Pixels);
    let waiting = settled(&mut page, &mut Vec::new());
    press(&screen, ESC);
    let mut shown = waiting.clone();
    wait("Escape opens the menu", || {
        look(&mut page, &mut shown);
        differing(&shown, &waiting) > 500
    });
    settled(&mut page, &mut shown);

    machine.qmp("stop", "{}");
    let dump = machine.screendump();
    let from_dbus = settled(&mut page, &mut shown);
    assert_same("D-Bus against a screendump", &from_dbus, &dump);
    let inline = machine.dbus(Offer::Inline);
    let mut inline_page = inline.slot().watch(Want::Pixels);
    let from_inline = settled(&mut inline_page, &mut Vec::new());
    assert_same("inline against a screendump", &from_inline, &dump);
    let rfb = machine.rfb();
    let mut rfb_page = rfb.slot().watch(Want::Pixels);
    let from_rfb = settled(&mut rfb_page, &mut Vec::new());
    assert_same("RFB against a screendump", &from_rfb, &dump);
}

#[test]
fn a_hidden_screen_comes_back_at_once_and_rfb_keys_reach_the_guest() {
    let bios = ["-boot", "menu=on,splash-time=60000", "-device", "VGA"];
    let Some(mut machine) = Machine::start("a bios menu", &bios) else {
        return;
    };
    let screen = machine.dbus(Offer::SharedMemory);
    let rfb = machine.rfb();
    for screen in [&screen, &rfb] {
        let mut page = screen.slot().watch(Want::Pixels);
        let before = settled(&mut page, &mut Vec::new());
        screen.set_visible(false);
        wait("hidden", || status(screen) == ScreenStatus::Hidden);
        let mut nothing = Vec::new();
        look(&mut page, &mut nothing);
        let asked = Instant::now();
        screen.set_visible(true);
        let mut again = before.clone();
        wait("a picture after showing", || look(&mut page, &mut again));
        assert!(
            asked.elapsed() < Duration::from_secs(1),
            "{:?}",
            asked.elapsed()
        );
        assert_eq!(status(screen), ScreenStatus::Live);
    }
    let mut page = rfb.slot().watch(Want::Pixels);
    let waiting = settled(&mut page, &mut Vec::new());
    press(&rfb, ESC);
    let mut shown = waiting.clone();
    wait("Escape over RFB opens the menu", || {
        look(&mut page, &mut shown);
        differing(&shown, &waiting) > 500
    });
}

#[test]
fn the_pointer_is_absolute_while_the_machine_has_a_tablet() {
    let paused = [
        "-S",
        "-usb",
        "-device",
        "VGA",
        "-device",
        "usb-tablet,id=tablet",
    ];
    let Some(mut machine) = Machine::start_with("pc,i8042=off", "a tablet", &paused) else {
        return;
    };
    let (screen, rfb) = (machine.dbus(Offer::SharedMemory), machine.rfb());
    let absolute = |screen: &Screen| screen.slot().info().absolute_pointer;
    wait("a screen", || status(&screen) != ScreenStatus::Connecting);
    assert!(absolute(&screen));
    machine.qmp("device_del", r#"{"id":"tablet"}"#);
    wait("relative without a tablet", || {
        !absolute(&screen) && !absolute(&rfb)
    });
    machine.qmp("device_add", r#"{"driver":"usb-tablet","id":"tablet"}"#);
    wait("absolute again", || absolute(&screen) && absolute(&rfb));
    screen.send(Input::PointerAbs { x: 5_000, y: 5_000 });
    screen.send(Input::Wheel { dx: 1, dy: -1 });
    rfb.send(Input::PointerRel { dx: 3, dy: 4 });
    assert_eq!(machine.qmp("query-status", "{}")["status"], "prelaunch");
    assert_eq!(screen.slot().info().heads, 1);
}

#[test]
fn a_machine_that_ends_is_a_lost_screen_with_a_reason() {
    let Some(mut machine) = Machine::start("nothing", &["-S", "-device", "VGA"]) else {
        return;
    };
    let (screen, rfb) = (machine.dbus(Offer::SharedMemory), machine.rfb());
    for screen in [&screen, &rfb] {
        wait("a picture", || status(screen) == ScreenStatus::Live);
    }
    machine.child.kill().unwrap();
    for screen in [&screen, &rfb] {
        wait("lost", || {
            matches!(status(screen), ScreenStatus::Lost { .. })
        });
        screen.send(Input::ReleaseAll);
    }
    let ScreenStatus::Lost { why } = status(&screen) else {
        panic!("it was lost a moment ago");
    };
    assert!(why.contains("open the screen again"), "{why}");
}

fn status(screen: &Screen) -> ScreenStatus {
    screen.slot().info().status
}

fn press(screen: &Screen, code: KeyCode) {
    for down in [true, false] {
        screen.send(Input::Key { code, down });
    }
}

/// Takes what is new into `picture`; false if nothing was.
fn look(viewer: &mut Viewer, picture: &mut Vec<u8>) -> bool {
    let news = viewer.take(|patch| {
        let row = patch.size.width as usize * 4;
        picture.resize(row * patch.size.height as usize, 0);
        let lines = patch.rgba.chunks_exact(patch.rect.w as usize * 4);
        for (y, line) in (patch.rect.y as usize..).zip(lines) {
            let at = y * row + patch.rect.x as usize * 4;
            picture[at..at + line.len()].copy_from_slice(line);
        }
    });
    news.is_some()
}

/// Waits until there is something to see and nothing has changed for a while, a blinking cursor aside.
fn settled(viewer: &mut Viewer, picture: &mut Vec<u8>) -> Vec<u8> {
    let mut last = Vec::new();
    let mut since = Instant::now();
    wait("a settled picture", || {
        look(viewer, picture);
        if differing(picture, &last) > 300 || picture.is_empty() {
            last.clone_from(picture);
            since = Instant::now();
        }
        let lit = picture
            .chunks_exact(4)
            .filter(|pixel| pixel[0] > 100)
            .count();
        lit > 200 && since.elapsed() > Duration::from_millis(500)
    });
    picture.clone()
}

fn differing(a: &[u8], b: &[u8]) -> usize {
    if a.len() != b.len() {
        return usize::MAX;
    }
    a.chunks_exact(4)
        .zip(b.chunks_exact(4))
        .filter(|(a, b)| a != b)
        .count()
}

fn assert_same(what: &str, shown: &[u8], dump: &Picture) {
    assert_eq!(shown.len(), dump.rgba.len(), "{what}: another size");
    assert_eq!(differing(shown, &dump.rgba), 0, "{what}: pixels differ");
}

#[track_caller]
fn wait(what: &str, mut until: impl FnMut() -> bool) {
    let start = Instant::now();
    while !until() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A QEMU of our own, killed when dropped.
struct Machine {
    child: Child,
    qmp: BufReader<UnixStream>,
    folder: tempfile::TempDir,
}

impl Machine {
    /// `None`, with a word on why, if QEMU is not installed.
    fn start(what: &str, arguments: &[&str]) -> Option<Self> {
        Self::start_with("pc", what, arguments)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the tests need a QEMU that no room of ours has started"
    )]
    fn start_with(machine: &str, what: &str, arguments: &[&str]) -> Option<Self> {
        let help = Command::new(QEMU).args(["-display", "help"]).output();
        let displays = help.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        if !displays.is_ok_and(|displays| displays.lines().any(|line| line == "dbus")) {
            println!(
                "skipped, {what}: needs {QEMU} with the dbus display (qemu-system-modules-opengl)"
            );
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let socket = |name: &str| folder.path().join(name).display().to_string();
        let child = Command::new(QEMU)
            .args([
                "-nodefaults",
                "-no-user-config",
                "-m",
                "64",
                "-accel",
                "tcg",
            ])
            .args(["-machine", machine, "-display", "dbus,p2p=yes"])
            .args([
                "-qmp",
                &format!("unix:{},server=on,wait=off", socket("qmp")),
            ])
            .args(["-vnc", &format!("unix:{}", socket("vnc"))])
            .args(arguments)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut qmp = None;
        wait("QEMU's monitor", || {
            qmp = UnixStream::connect(folder.path().join("qmp")).ok();
            qmp.is_some()
        });
        let mut machine = Self {
            child,
            qmp: BufReader::new(qmp?),
            folder,
        };
        machine.line();
        machine.qmp("qmp_capabilities", "{}");
        Some(machine)
    }

    fn line(&mut self) -> serde_json::Value {
        let mut line = String::new();
        self.qmp.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn answer(&mut self) -> serde_json::Value {
        loop {
            let line = self.line();
            assert!(line.get("error").is_none(), "{line}");
            if let Some(result) = line.get("return") {
                return result.clone();
            }
        }
    }

    fn qmp(&mut self, command: &str, arguments: &str) -> serde_json::Value {
        let text = format!("{{\"execute\":\"{command}\",\"arguments\":{arguments}}}\n");
        self.qmp.get_mut().write_all(text.as_bytes()).unwrap();
        self.answer()
    }

    fn getfd(&mut self, fd: BorrowedFd<'_>) {
        let text = b"{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"screen\"}}\n";
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fds = [fd];
        assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
        let socket = self.qmp.get_ref().as_fd();
        rustix::net::sendmsg(
            socket,
            &[IoSlice::new(text)],
            &mut control,
            SendFlags::empty(),
        )
        .unwrap();
        self.answer();
    }

    fn dbus(&mut self, offer: Offer) -> Screen {
        let (ours, theirs) = UnixStream::pair().unwrap();
        self.getfd(theirs.as_fd());
        self.qmp(
            "add_client",
            r#"{"protocol":"@dbus-display","fdname":"screen"}"#,
        );
        Screen::dbus_with(ours, Arc::new(|| {}), offer).unwrap()
    }

    fn rfb(&self) -> Screen {
        let stream = UnixStream::connect(self.folder.path().join("vnc")).unwrap();
        Screen::rfb(stream, Arc::new(|| {})).unwrap()
    }

    fn screendump(&mut self) -> Picture {
        let path = self.folder.path().join("dump.ppm");
        self.qmp(
            "screendump",
            &format!("{{\"filename\":\"{}\"}}", path.display()),
        );
        let bytes = std::fs::read(Path::new(&path)).unwrap();
        ppm::parse(&bytes, 1 << 24).unwrap()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
