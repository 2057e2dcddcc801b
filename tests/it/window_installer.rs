//! From a dropped ISO to an operating system's installer in use, through the real window.
#![expect(clippy::unwrap_used, reason = "a test that fails should say where")]

use std::path::Path;
use std::time::{Duration, Instant};

use crate::console_desktop::Shot;
use crate::guests::{debian_installer, or_skip};
use crate::window_drop::drop_files;
use crate::window_stage::{Stage, Window, wait};

/// Emulated on busy processors, the kernel alone takes half a minute.
const BOOT: Duration = Duration::from_secs(400);
const STEP: Duration = Duration::from_secs(120);

/// The installer's screen as the window shows it, fitted into its page.
struct Installer<'a> {
    window: &'a Window<'a>,
}

impl Installer<'_> {
    fn shot(&self) -> Shot {
        // A QEMU that others keep from running is not responding for a while, and its screen is away.
        wait(STEP, "the guest's screen", || {
            self.window.has("The guest's screen")
        });
        let screen = self.window.find("The guest's screen");
        self.window.shot_of(&screen)
    }

    /// The guest's size in its own pixels, as the bar below its screen says.
    fn size(&self) -> (i32, i32) {
        let is_size = |text: &str| {
            let (width, height) = text.split_once(" × ")?;
            Some((width.parse().ok()?, height.parse().ok()?))
        };
        let label = self
            .window
            .find_where("size of the screen", |node| is_size(&node.name).is_some());
        is_size(&label.name).unwrap()
    }

    /// Clicks a pixel of the guest; negative ones count from the right and from below.
    fn click(&self, x: i32, y: i32) {
        let (width, height) = self.size();
        let (x, y) = (
            if x < 0 { width + x } else { x },
            if y < 0 { height + y } else { y },
        );
        let [left, top, room_width, room_height] = self.window.find("The guest's screen").place;
        let scale = (f64::from(room_width) / f64::from(width))
            .min(f64::from(room_height) / f64::from(height));
        let on = |room_from: i32, room: i32, guest: i32, at: i32| {
            let margin = (f64::from(room) - f64::from(guest) * scale) / 2.0;
            room_from + (margin + (f64::from(at) + 0.5) * scale) as i32
        };
        let at = (
            on(left, room_width, width, x),
            on(top, room_height, height, y),
        );
        self.window.click_at(at);
    }

    /// Waits for a list of the installer other than `before`: much white, and still for some seconds.
    #[track_caller]
    fn page(&self, what: &str, before: Option<&Shot>, patience: Duration) -> Shot {
        let started = Instant::now();
        let mut last = self.shot();
        let mut still_since = Instant::now();
        wait(patience, what, || {
            std::thread::sleep(Duration::from_millis(300));
            let now = self.shot();
            if now != last {
                still_since = Instant::now();
                last = now;
            }
            let other = before.is_none_or(|before| difference(before, &last) > 0.02);
            other && white(&last) > 0.3 && still_since.elapsed() > Duration::from_secs(3)
        });
        println!("{what} after {:?}", started.elapsed());
        last
    }
}

/// The share of light pixels: of the installer's empty page, and of nothing before it.
fn light(shot: &Shot) -> f64 {
    let light = |pixel: &&[u8]| pixel.iter().all(|&part| part >= 0xe0);
    let count = shot.rgb.chunks_exact(3).filter(light).count();
    count as f64 / (shot.width * shot.height) as f64
}

/// The share of white pixels; the installer's empty page is grey.
fn white(shot: &Shot) -> f64 {
    let white = |pixel: &&[u8]| pixel.iter().all(|&part| part >= 0xfa);
    let count = shot.rgb.chunks_exact(3).filter(white).count();
    count as f64 / (shot.width * shot.height) as f64
}

/// The share of pixels that differ.
fn difference(one: &Shot, other: &Shot) -> f64 {
    let pairs = one.rgb.chunks_exact(3).zip(other.rgb.chunks_exact(3));
    pairs.filter(|(one, other)| one != other).count() as f64 / (one.width * one.height) as f64
}

/// What a person does with the window, counted.
struct Actions<'a> {
    window: &'a Window<'a>,
    count: u32,
}

impl Actions<'_> {
    fn drop_file(&mut self, file: &Path) {
        self.count += 1;
        drop_files(self.window, &[file]);
    }

    fn click(&mut self, name: &str) {
        self.count += 1;
        self.window.click(name);
    }
}

#[test]
fn two_actions_lead_from_a_dropped_iso_to_the_debian_installer_answered_by_keyboard_and_mouse() {
    let Some(iso) = or_skip(debian_installer()) else {
        return;
    };
    let Some(stage) = Stage::new() else { return };
    let window = stage.open();
    let mut actions = Actions {
        window: &window,
        count: 0,
    };
    actions.drop_file(&iso);
    actions.click("Create & start");
    let installer = Installer { window: &window };
    let started = Instant::now();
    wait(BOOT, "the installer's first picture", || {
        std::thread::sleep(Duration::from_millis(500));
        light(&installer.shot()) > 0.5
    });
    println!("the first picture after {:?}", started.elapsed());
    window.keep("installer-0");
    assert_eq!(actions.count, 2);
    assert_eq!(stage.machines()[0]["name"], "Debian 12");
    let languages = installer.page("the list of languages", None, BOOT);
    window.keep("installer-1");
    installer.click(300, 12);
    window.find_part("Keyboard goes to the guest");
    window.keys("Down");
    let other = |shot: &Shot| difference(shot, &languages) > 0.002;
    wait(STEP, "the next language", || other(&installer.shot()));
    window.keys("Up");
    wait(STEP, "the first language again", || {
        !other(&installer.shot())
    });
    window.keys("Return");
    let countries = installer.page("the list of countries", Some(&languages), STEP);
    window.keep("installer-2");
    installer.click(-50, -25);
    installer.page("the list of keyboards", Some(&countries), STEP);
    window.keep("installer-3");
}
