//! A console's own window under Wayland: sway, headless.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use std::process::Child;
use std::time::Duration;

use crate::card::{self, CardReport};
use crate::console_desktop::{Shot, wait};
use crate::console_stage::{BAR, assert_shown, boot, open, this_program};
use crate::display_live::machine::Machine;
use crate::wayland_desktop::Sway;

const DESKTOP: (u32, u32) = (1000, 700);
const BAR_HEIGHT: u32 = BAR as u32;
/// Holds the card's strip, which is all that is read of it.
const STRIP: (u32, u32) = (640, 160);
const X: u32 = 45;
const SHIFT: u32 = 42;
const SUPER: u32 = 125;
const RIGHT_CTRL: u32 = 97;
const PRINT: u32 = 99;

struct Stage {
    sway: Sway,
    machine: Machine,
    child: Child,
    _home: tempfile::TempDir,
}

impl Stage {
    fn start(bindings: &str) -> Option<Self> {
        Self::start_with("direct", bindings, |_| {})
    }

    /// `before` happens to the machine before the window is there.
    fn start_with(
        presenter: &str,
        bindings: &str,
        before: impl FnOnce(&mut Machine),
    ) -> Option<Self> {
        let sway = Sway::start(DESKTOP, bindings)?;
        let home = tempfile::tempdir().unwrap();
        let mut machine = boot(home.path(), &["-device", "virtio-tablet-pci"])?;
        before(&mut machine);
        let child = open(sway.command(&this_program()), home.path(), presenter, 1.0);
        Some(Self {
            sway,
            machine,
            child,
            _home: home,
        })
    }

    #[track_caller]
    fn wait_card(&self, what: &str, until: impl Fn(&CardReport) -> bool) -> CardReport {
        let mut last = None;
        wait(what, || {
            let picture = self.sway.shot((0, BAR_HEIGHT), STRIP);
            last = card::decode_rgb(&picture.rgb, picture.width, picture.height).ok();
            last.as_ref().is_some_and(&until)
        });
        last.unwrap()
    }

    /// The stopped guest's picture is what is seen.
    #[track_caller]
    fn assert_exact(&mut self) {
        let sway = &self.sway;
        let size = (DESKTOP.0, DESKTOP.1 - BAR_HEIGHT);
        assert_shown(&mut self.machine, || sway.shot((0, BAR_HEIGHT), size));
    }

    /// True if sway has a picture's file of QEMU's in its own memory.
    fn sway_reads_memory(&self) -> bool {
        let numbers = self.machine.memory_files().into_iter();
        let numbers: Vec<String> = numbers.map(|(_, number)| number.to_string()).collect();
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", self.sway.process())).unwrap();
        maps.lines()
            .filter_map(|line| line.split_whitespace().nth(4))
            .any(|number| numbers.iter().any(|known| known == number))
    }

    fn listens(&self) -> bool {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        tasks.flatten().any(|task| {
            std::fs::read_to_string(task.path().join("comm"))
                .is_ok_and(|name| name == "screen-listen\n")
        })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(folder) = std::env::var_os("ORANGERY_TEST_SHOTS") {
            let path = std::path::Path::new(&folder).join(format!("{}.png", self.child.id()));
            self.sway.command("grim").arg(path).status().ok();
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_tiled_window_has_a_guest_of_its_size_and_the_compositors_keys_are_the_guests() {
    let marks = tempfile::tempdir().unwrap();
    let (first, second) = (marks.path().join("first"), marks.path().join("second"));
    let bindings = format!(
        "bindsym Mod4+x exec touch {}\nbindsym Print exec touch {}",
        first.display(),
        second.display()
    );
    let Some(mut stage) = Stage::start(&bindings) else {
        return;
    };
    let mut hands = stage.sway.hands();
    hands.point(5, 2); // Over the bar: sway's pointer is part of what is seen.
    let before = stage.wait_card("the card in the window's size", |card| {
        card.virtio_screen && card.tablet
    });
    stage.assert_exact();
    hands.chord(&[SUPER, X]);
    hands.chord(&[PRINT]);
    let keys = before.keys.wrapping_add(3);
    stage.wait_card("keys of the compositor", |card| card.keys == keys);
    hands.point(300, 200 + BAR_HEIGHT);
    stage.wait_card("the pointer", |card| {
        (card.pointer_x, card.pointer_y) == (300, 200)
    });
    assert!(!first.exists() && !second.exists());
    hands.chord(&[RIGHT_CTRL]);
    wait("the compositor's own", || {
        hands.chord(&[SUPER, X]);
        std::thread::sleep(Duration::from_millis(300));
        first.exists()
    });
}

#[test]
fn a_window_on_another_workspace_holds_no_key_and_has_the_guest_draw_for_nobody() {
    let Some(mut stage) = Stage::start("") else {
        return;
    };
    let mut hands = stage.sway.hands();
    hands.point(5, 2); // Over the bar: sway's pointer is part of what is seen.
    let before = stage.wait_card("the card", |card| card.virtio_screen && card.tablet);
    hands.key(SHIFT, true, &[SHIFT]);
    let down = before.keys.wrapping_add(1);
    stage.wait_card("shift", |card| card.keys == down);
    assert!(stage.listens());
    stage.sway.msg(&["workspace", "2"]);
    wait("no listener", || !stage.listens());
    hands.key(SHIFT, false, &[]);
    // Typed by the monitor: a small letter, as shift is up.
    let key = r#"{"keys":[{"type":"qcode","data":"a"}]}"#;
    stage.machine.qmp("send-key", key);
    stage.sway.msg(&["workspace", "1"]);
    wait("a listener", || stage.listens());
    stage.wait_card("a small letter", |card| {
        card.text_hash == card::text_hash("a")
    });
    stage.assert_exact();
}

#[test]
fn the_compositor_reads_the_guests_memory_itself_unless_that_is_not_wanted() {
    for (presenter, direct) in [("direct", true), ("copied", false)] {
        let Some(mut stage) = Stage::start_with(presenter, "", |_| {}) else {
            return;
        };
        let mut hands = stage.sway.hands();
        hands.point(5, 2); // Over the bar: sway's pointer is part of what is seen.
        stage.wait_card("the card", |card| card.virtio_screen && card.tablet);
        stage.assert_exact();
        assert_eq!(stage.sway_reads_memory(), direct, "{presenter}");
    }
}

#[test]
fn a_menu_stays_over_a_guest_that_moves_below_it() {
    let Some(mut stage) = Stage::start("") else {
        return;
    };
    let mut hands = stage.sway.hands();
    hands.point(5, 2); // Over the bar: sway's pointer is part of what is seen.
    stage.wait_card("the card", |card| card.virtio_screen && card.tablet);
    hands.point(690, BAR_HEIGHT / 2);
    hands.click();
    let size = (60, 100);
    let part = |stage: &Stage| stage.sway.shot((700, BAR_HEIGHT + 100), size);
    let is_menu = |shot: &Shot| {
        let ground = |pixel: &&[u8]| **pixel == [0x19, 0x20, 0x1c];
        shot.rgb.chunks(3).filter(ground).count() > 3_000
    };
    wait("the menu", || is_menu(&part(&stage)));
    let key = r#"{"keys":[{"type":"qcode","data":"a"}]}"#;
    for _ in 0..20 {
        stage.machine.qmp("send-key", key); // The whole card is drawn anew.
        assert!(is_menu(&part(&stage)), "the guest was seen over the menu");
    }
    assert!(stage.sway_reads_memory());
    wait("no menu", || {
        let open = is_menu(&part(&stage));
        if open {
            hands.click(); // On a busy computer both halves of one arrive at once, and the menu stays.
            std::thread::sleep(Duration::from_millis(500));
        }
        !open
    });
    hands.point(5, 2);
    stage.assert_exact();
}

#[test]
fn a_guests_memory_that_shrinks_costs_no_window() {
    let Some(mut stage) = Stage::start("") else {
        return;
    };
    let mut hands = stage.sway.hands();
    hands.point(5, 2);
    stage.wait_card("the card", |card| card.virtio_screen && card.tablet);
    stage.assert_exact();
    assert!(stage.sway_reads_memory());
    stage.machine.qmp("stop", "{}"); // QEMU itself would fall over its own shrunken memory.
    let files = stage.machine.memory_files().into_iter();
    let files = files.map(|(path, _)| std::fs::File::options().write(true).open(path).unwrap());
    let files: Vec<_> = files
        .map(|file| (file.metadata().unwrap().len(), file))
        .collect();
    for (_, file) in &files {
        file.set_len(4096).unwrap();
    }
    // sway looks again where its pointer moves, and hangs up. Over the bar we would paint, and see it before.
    let mut x = 300;
    wait("the end of the first connection", || {
        hands.point(x, 300);
        x += 1;
        !stage.sway_reads_memory()
    });
    for (length, file) in files {
        file.set_len(length).unwrap();
    }
    hands.point(5, 2);
    stage.machine.qmp("cont", "{}");
    stage
        .sway
        .msg(&["output", "HEADLESS-1", "resolution", "900x700"]);
    stage.wait_card("the card again, in another size", |card| card.virtio_screen);
    // Whether sway reads this one, too, depends on who saw first that the other had shrunk: sway, or we on a busy computer.
    assert!(stage.child.try_wait().unwrap().is_none());
}

/// Stops the machine once it has drawn the card.
fn stop_at_card(machine: &mut Machine) {
    wait("the card", || {
        let dump = machine.screendump();
        let card = card::decode_rgba(&dump.rgba, dump.width as usize, dump.height as usize);
        card.is_ok_and(|card| card.virtio_screen)
    });
    machine.qmp("stop", "{}");
}

#[test]
fn a_scaled_picture_is_whole_and_scaled_by_the_compositor() {
    // A window of its own size, as far as the desktop has room.
    let rule = "for_window [title=\"Orangery\"] floating enable, resize set 900 599, move absolute position 0 0";
    for (presenter, direct) in [("direct", true), ("copied", false)] {
        // A guest that goes on may follow the size that the window has before it floats.
        let Some(stage) = Stage::start_with(presenter, rule, stop_at_card) else {
            return;
        };
        let mut hands = stage.sway.hands();
        hands.point(5, 2);
        // 1280x800 in nine tenths of the desktop: the bright moon and the dark sky right of the strip.
        let (width, height) = (900, 563);
        wait("the scaled card", || {
            let picture = stage.sway.shot((0, BAR_HEIGHT), (width, height));
            let at = |x: u32, y: u32| {
                let (x, y) = (x * width / 1280, y * height / 800);
                picture.part(x as usize, y as usize, 1, 1).rgb
            };
            at(1129, 129).iter().all(|part| *part > 0xa0)
                && at(700, 40).iter().all(|part| *part < 0x60)
        });
        assert_eq!(stage.sway_reads_memory(), direct, "{presenter}");
    }
}
