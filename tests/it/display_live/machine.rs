//! A QEMU of our own and ways to look at its screen.

use std::io::{BufRead, BufReader, IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use orangery::display::frame::{ScreenStatus, Size, Viewer};
use orangery::display::keys::KeyCode;
use orangery::display::picture::Picture;
use orangery::display::{Input, Offer, Screen, ppm};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

const QEMU: &str = "qemu-system-x86_64";
const PATIENCE: Duration = Duration::from_secs(15);

pub fn status(screen: &Screen) -> ScreenStatus {
    screen.slot().info().status
}

pub fn press(screen: &Screen, code: KeyCode) {
    for down in [true, false] {
        screen.send(Input::Key { code, down });
    }
}

/// Takes what is new into `picture`; false if nothing was.
pub fn look(viewer: &mut Viewer, picture: &mut Vec<u8>) -> bool {
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
pub fn settled(viewer: &mut Viewer, picture: &mut Vec<u8>) -> Vec<u8> {
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

/// Waits for a picture of this size that stays the same for a moment.
pub fn settled_size(viewer: &mut Viewer, size: Size) -> Picture {
    let mut last = None;
    wait("a settled picture", || {
        let now =
            Picture::of(viewer).filter(|now| (now.width, now.height) == (size.width, size.height));
        let same = now.is_some() && now == last;
        last = now;
        std::thread::sleep(Duration::from_millis(200));
        same
    });
    last.unwrap()
}

pub fn differing(a: &[u8], b: &[u8]) -> usize {
    if a.len() != b.len() {
        return usize::MAX;
    }
    a.chunks_exact(4)
        .zip(b.chunks_exact(4))
        .filter(|(a, b)| a != b)
        .count()
}

pub fn assert_same(what: &str, shown: &[u8], dump: &Picture) {
    assert_eq!(shown.len(), dump.rgba.len(), "{what}: another size");
    assert_eq!(differing(shown, &dump.rgba), 0, "{what}: pixels differ");
}

#[track_caller]
pub fn wait(what: &str, mut until: impl FnMut() -> bool) {
    let start = Instant::now();
    while !until() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A QEMU of our own, killed when dropped.
pub struct Machine {
    pub child: Child,
    qmp: BufReader<UnixStream>,
    folder: tempfile::TempDir,
}

impl Machine {
    /// The files in memory that QEMU has open, and their numbers: pictures of the guest.
    pub fn memory_files(&self) -> Vec<(PathBuf, u64)> {
        let folder = format!("/proc/{}/fd", self.child.id());
        let paths = std::fs::read_dir(folder).unwrap().flatten();
        let in_memory = paths.map(|file| file.path()).filter(|path| {
            let name = std::fs::read_link(path).unwrap_or_default();
            name.to_string_lossy().starts_with("/memfd:")
        });
        in_memory
            .filter_map(|path| {
                let number = std::fs::metadata(&path).ok()?.ino();
                Some((path, number))
            })
            .collect()
    }

    /// `None`, with a word on why, if QEMU is not installed.
    pub fn start(what: &str, arguments: &[&str]) -> Option<Self> {
        Self::start_with("pc", what, arguments)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the tests need a QEMU that no room of ours has started"
    )]
    pub fn start_with(machine: &str, what: &str, arguments: &[&str]) -> Option<Self> {
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

    pub fn qmp(&mut self, command: &str, arguments: &str) -> serde_json::Value {
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

    pub fn dbus(&mut self, offer: Offer) -> Screen {
        Screen::dbus_with(self.display(), Arc::new(|| {}), offer).unwrap()
    }

    /// A connection that controls the display from now on.
    pub fn display(&mut self) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().unwrap();
        self.getfd(theirs.as_fd());
        self.qmp(
            "add_client",
            r#"{"protocol":"@dbus-display","fdname":"screen"}"#,
        );
        ours
    }

    pub fn rfb(&self) -> Screen {
        let stream = UnixStream::connect(self.folder.path().join("vnc")).unwrap();
        Screen::rfb(stream, Arc::new(|| {})).unwrap()
    }

    pub fn screendump(&mut self) -> Picture {
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
