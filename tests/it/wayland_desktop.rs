//! A Wayland desktop for tests: a headless sway of our own, with a keyboard and a pointer that the tests move.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on should stop there, and runs programs itself"
)]

use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use wayland_client::globals::{GlobalListContents, registry_queue_init};
use wayland_client::protocol::wl_pointer::ButtonState;
use wayland_client::protocol::{wl_keyboard, wl_registry, wl_seat::WlSeat};
use wayland_client::{Connection, Dispatch, EventQueue, QueueHandle, delegate_noop};
use wayland_protocols_misc::zwp_virtual_keyboard_v1::client::zwp_virtual_keyboard_manager_v1::ZwpVirtualKeyboardManagerV1;
use wayland_protocols_misc::zwp_virtual_keyboard_v1::client::zwp_virtual_keyboard_v1::ZwpVirtualKeyboardV1;
use wayland_protocols_wlr::virtual_pointer::v1::client::zwlr_virtual_pointer_manager_v1::ZwlrVirtualPointerManagerV1;
use wayland_protocols_wlr::virtual_pointer::v1::client::zwlr_virtual_pointer_v1::ZwlrVirtualPointerV1;

use crate::console_desktop::{Shot, wait};

const TOOLS: [(&str, &str); 2] = [("sway", "sway"), ("grim", "grim")];
/// libxkbcommon resolves the names.
const KEYMAP: &str = "xkb_keymap {
    xkb_keycodes { include \"evdev+aliases(qwerty)\" };
    xkb_types { include \"complete\" };
    xkb_compat { include \"complete\" };
    xkb_symbols { include \"pc+us+inet(evdev)\" };
};\0";

/// evdev's BTN_LEFT.
const LEFT_BUTTON: u32 = 0x110;

/// A sway without outputs or inputs of its own. It ends with this.
pub struct Sway {
    folder: tempfile::TempDir,
    size: (u32, u32),
    child: Child,
}

impl Sway {
    /// `bindings` are lines of sway's configuration. `None`, with a word on why, where a program is missing.
    pub fn start((width, height): (u32, u32), bindings: &str) -> Option<Self> {
        for (tool, package) in TOOLS {
            let path = std::env::var_os("PATH").unwrap_or_default();
            if !std::env::split_paths(&path).any(|folder| folder.join(tool).exists()) {
                println!("skipped: needs {tool} (package {package})");
                return None;
            }
        }
        let folder = tempfile::Builder::new().prefix("sway").tempdir().unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(folder.path(), private).unwrap();
        let config = format!(
            "output HEADLESS-1 resolution {width}x{height} position 0 0\n\
             default_border none\nxwayland disable\nseat * hide_cursor 0\n{bindings}\n"
        );
        std::fs::write(folder.path().join("config"), config).unwrap();
        let child = Command::new("sway")
            .args(["-c", "config"])
            .current_dir(folder.path())
            .env("XDG_RUNTIME_DIR", folder.path())
            .env("WLR_BACKENDS", "headless")
            .env("WLR_RENDERER", "pixman")
            .env("WLR_LIBINPUT_NO_DEVICES", "1")
            .env("SWAYSOCK", folder.path().join("ipc"))
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let sway = Self {
            folder,
            size: (width, height),
            child,
        };
        wait("sway", || sway.socket().exists());
        Some(sway)
    }

    /// sway's process id.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("wayland-1")
    }

    /// A program on this desktop and on no other.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .env("WAYLAND_DISPLAY", "wayland-1")
            .env("SWAYSOCK", self.folder.path().join("ipc"))
            .env_remove("DISPLAY")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command of sway's; returns what it says.
    pub fn msg(&self, arguments: &[&str]) -> String {
        let output = self.command("swaymsg").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// What is seen in this part of the desktop, from `x`, `y` on.
    pub fn shot(&self, (x, y): (u32, u32), (width, height): (u32, u32)) -> Shot {
        let part = format!("{x},{y} {width}x{height}");
        let mut grim = self.command("grim");
        let output = grim.args(["-g", &part, "-t", "ppm", "-"]).output().unwrap();
        let picture = orangery::display::ppm::parse(&output.stdout, 1 << 26).unwrap();
        let mut rgb = Vec::with_capacity((width * height * 3) as usize);
        for pixel in picture.rgba.chunks_exact(4) {
            rgb.extend_from_slice(&pixel[..3]);
        }
        Shot {
            width: picture.width as usize,
            height: picture.height as usize,
            rgb,
        }
    }

    /// A keyboard and a pointer. Keep them as long as there are windows: this sway falls over a window that asks for a
    /// pointer while the last one goes.
    pub fn hands(&self) -> Hands {
        let stream = UnixStream::connect(self.socket()).unwrap();
        let connection = Connection::from_socket(stream).unwrap();
        let (globals, queue) = registry_queue_init::<Nothing>(&connection).unwrap();
        let handle = queue.handle();
        let seat: WlSeat = globals.bind(&handle, 1..=1, ()).unwrap();
        let keyboards: ZwpVirtualKeyboardManagerV1 = globals.bind(&handle, 1..=1, ()).unwrap();
        let pointers: ZwlrVirtualPointerManagerV1 = globals.bind(&handle, 1..=1, ()).unwrap();
        let keyboard = keyboards.create_virtual_keyboard(&seat, &handle, ());
        let mut keymap = tempfile::tempfile().unwrap();
        keymap.write_all(KEYMAP.as_bytes()).unwrap();
        let format = wl_keyboard::KeymapFormat::XkbV1 as u32;
        keyboard.keymap(format, keymap.as_fd(), KEYMAP.len() as u32);
        let pointer = pointers.create_virtual_pointer(Some(&seat), &handle, ());
        let mut hands = Hands {
            keyboard,
            pointer,
            size: self.size,
            time: 0,
            queue,
        };
        hands.done();
        hands
    }
}

impl Drop for Sway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("log"));
            println!("sway said:\n{}", log.unwrap_or_default());
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Presses keys and moves a pointer.
pub struct Hands {
    keyboard: ZwpVirtualKeyboardV1,
    pointer: ZwlrVirtualPointerV1,
    size: (u32, u32),
    time: u32,
    queue: EventQueue<Nothing>,
}

/// Modifiers as sway wants them told, by evdev code.
const MODIFIERS: [(u32, u32); 4] = [(42, 1), (29, 4), (56, 8), (125, 64)];

impl Hands {
    /// Waits until sway has taken all that was sent.
    fn done(&mut self) {
        self.queue.roundtrip(&mut Nothing).unwrap();
    }

    fn now(&mut self) -> u32 {
        self.time += 10;
        self.time
    }

    /// Presses keys by evdev code, in this order, and lets go in the other.
    pub fn chord(&mut self, codes: &[u32]) {
        for (count, &code) in codes.iter().enumerate() {
            self.key(code, true, &codes[..=count]);
        }
        for (count, &code) in codes.iter().enumerate().rev() {
            self.key(code, false, &codes[..count]);
        }
    }

    /// `held` is what is down after this.
    pub fn key(&mut self, code: u32, down: bool, held: &[u32]) {
        let time = self.now();
        self.keyboard.key(time, code, u32::from(down));
        let depressed = MODIFIERS.iter().filter(|(code, _)| held.contains(code));
        let depressed = depressed.map(|(_, bit)| bit).sum();
        self.keyboard.modifiers(depressed, 0, 0, 0);
        self.done();
    }

    /// Presses the left button where the pointer is, and lets go.
    pub fn click(&mut self) {
        for state in [ButtonState::Pressed, ButtonState::Released] {
            let time = self.now();
            self.pointer.button(time, LEFT_BUTTON, state);
            self.pointer.frame();
            self.done();
            std::thread::sleep(Duration::from_millis(60)); // As a finger does.
        }
    }

    pub fn point(&mut self, x: u32, y: u32) {
        let (time, (width, height)) = (self.now(), self.size);
        self.pointer.motion_absolute(time, x, y, width, height);
        self.pointer.frame();
        self.done();
    }
}

struct Nothing;

impl Dispatch<wl_registry::WlRegistry, GlobalListContents> for Nothing {
    fn event(
        _: &mut Self,
        _: &wl_registry::WlRegistry,
        _: wl_registry::Event,
        _: &GlobalListContents,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }
}

delegate_noop!(Nothing: ignore WlSeat);
delegate_noop!(Nothing: ZwpVirtualKeyboardManagerV1);
delegate_noop!(Nothing: ZwpVirtualKeyboardV1);
delegate_noop!(Nothing: ZwlrVirtualPointerManagerV1);
delegate_noop!(Nothing: ZwlrVirtualPointerV1);
