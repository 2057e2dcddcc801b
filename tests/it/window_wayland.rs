//! The main window under Wayland: sway, headless.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use std::process::Child;
use std::time::Duration;

use crate::card::{self, CardReport};
use crate::wayland_desktop::{Hands, Sway};
use crate::window_stage::{SOON, wait};
use crate::window_tree::{Node, SessionBus};

const DESKTOP: (u32, u32) = (1400, 900);
const X: u32 = 45;
const SUPER: u32 = 125;
const RIGHT_CTRL: u32 = 97;
const PRINT: u32 = 99;

/// A home, a desktop that the window fills, and the window.
struct Stage {
    sway: Sway,
    bus: SessionBus,
    window: Child,
    home: tempfile::TempDir,
}

impl Stage {
    fn start(bindings: &str) -> Option<Self> {
        let sway = Sway::start(DESKTOP, bindings)?;
        let home = tempfile::Builder::new().prefix("w").tempdir().unwrap();
        let bus = SessionBus::start(home.path())?;
        let mut command = sway.command(env!("CARGO_BIN_EXE_orangery"));
        command
            .env("HOME", home.path())
            .env("DBUS_SESSION_BUS_ADDRESS", &bus.address)
            .env("LIBGL_ALWAYS_SOFTWARE", "1");
        for inherited in [
            "XDG_DATA_HOME",
            "XDG_CONFIG_HOME",
            "XDG_CACHE_HOME",
            "ORANGERY_LIBRARY",
        ] {
            command.env_remove(inherited);
        }
        let log = std::fs::File::create(home.path().join("log")).unwrap();
        let window = command.stderr(log).spawn().unwrap();
        Some(Self {
            sway,
            bus,
            window,
            home,
        })
    }

    /// Waits for a widget whose name holds `part`.
    #[track_caller]
    fn find(&self, part: &str) -> Node {
        let mut found = None;
        wait(SOON, part, || {
            let widgets = self.bus.widgets(self.window.id());
            found = widgets.into_iter().rfind(|node| node.name.contains(part));
            found.is_some()
        });
        found.unwrap()
    }

    fn click(&self, hands: &mut Hands, node: &Node) {
        let (x, y) = node.center();
        hands.point(x as u32, y as u32);
        hands.click();
    }

    /// The card as the window shows it, once it is as `until` says.
    #[track_caller]
    fn card(&self, what: &str, until: impl Fn(&CardReport) -> bool) -> CardReport {
        let [x, y, width, height] = self.find("The guest's screen").place.map(|at| at as u32);
        let mut last = None;
        wait(SOON, what, || {
            let shot = self.sway.shot((x, y), (width, height));
            last = card::decode_rgb(&shot.rgb, shot.width, shot.height).ok();
            last.as_ref().is_some_and(&until)
        });
        last.unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.home.path().join("log"));
            println!("the window said:\n{}", log.unwrap_or_default());
            if let Some(folder) = std::env::var_os("ORANGERY_TEST_SHOTS") {
                let path = std::path::Path::new(&folder).join("window-wayland.png");
                self.sway.command("grim").arg(path).status().ok();
            }
        }
        self.window.kill().ok();
        self.window.wait().ok();
        let program = env!("CARGO_BIN_EXE_orangery");
        let mut off = self.sway.command(program);
        off.args(["power-off", "Test card"])
            .env("HOME", self.home.path());
        off.status().ok();
    }
}

#[test]
fn the_compositors_keys_are_the_guests_while_it_has_the_keyboard_of_the_page() {
    let marks = tempfile::tempdir().unwrap();
    let (first, second) = (marks.path().join("first"), marks.path().join("second"));
    let bindings = format!(
        "bindsym Mod4+x exec touch {}\nbindsym Print exec touch {}",
        first.display(),
        second.display()
    );
    let Some(stage) = Stage::start(&bindings) else {
        return;
    };
    let mut hands = stage.sway.hands();
    stage.click(&mut hands, &stage.find("Start the test card"));
    stage.find("Overview");
    let widgets = stage.bus.widgets(stage.window.id());
    let tab = widgets.iter().find(|node| node.name == "Screen").unwrap(); // Before a card of that name.
    stage.click(&mut hands, tab);
    hands.point(5, DESKTOP.1 / 2);
    let before = stage.card("the card", |card| card.virtio_screen && card.tablet);
    stage.click(&mut hands, &stage.find("The guest's screen"));
    stage.find("Keyboard goes to the guest");
    hands.chord(&[SUPER, X]);
    hands.chord(&[PRINT]);
    let keys = before.keys.wrapping_add(3);
    stage.card("keys of the compositor", |card| card.keys == keys);
    assert!(!first.exists() && !second.exists());
    hands.chord(&[RIGHT_CTRL]);
    stage.find("Click the screen to type into it");
    wait(SOON, "the compositor's own", || {
        hands.chord(&[SUPER, X]);
        std::thread::sleep(Duration::from_millis(300));
        first.exists()
    });
    assert_eq!(stage.card("the card", |_| true).keys, keys);
}
