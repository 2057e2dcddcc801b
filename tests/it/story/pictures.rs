//! The small pictures in the list: what a page shows already is not asked of QEMU again.
#![expect(clippy::disallowed_methods, reason = "the test writes a file itself")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orangery::display::frame::Want;
use orangery::display::picture::Picture;
use orangery::engine::{Command, Engine, Event};
use orangery::library::Places;
use orangery::model::{MachineId, Settings};

use super::House;

const PATIENCE: Duration = Duration::from_secs(60);

/// A QEMU that writes down which commands it gets.
fn telling_qemu(house: &mut House) {
    let real = orangery::confine::find_program("qemu-system-x86_64").unwrap();
    let path = house.path().join("qemu-system-x86_64");
    let text = format!(
        "#!/bin/sh\ncase \" $* \" in *\" --version \"*|*\" help \"*) exec {real} \"$@\";; esac\n\
         exec {real} -trace enable=handle_qmp_command \"$@\"\n",
        real = real.display()
    );
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    house.set("ORANGERY_QEMU", path);
}

/// How often QEMU was asked for a picture.
fn dumps(house: &House) -> usize {
    let mut folders = vec![house.runtime().join("m")];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let said = fs::read_to_string(entry.path()).unwrap_or_default();
                let asked = |line: &&str| line.contains("handle_qmp_command");
                let asked = said.lines().filter(asked);
                count += asked.filter(|line| line.contains("\"screendump\"")).count();
            }
        }
    }
    count
}

/// Reads events until one is what is looked for.
#[track_caller]
fn wait<T>(engine: &Engine, what: &str, mut find: impl FnMut(Option<&Event>) -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let event = engine.wait(Duration::from_millis(100));
        if let Some(found) = find(event.as_ref()) {
            return found;
        }
    }
    panic!("waited in vain for {what}");
}

#[track_caller]
fn thumbnail(engine: &Engine) -> Picture {
    wait(engine, "a thumbnail", |event| match event? {
        Event::Thumbnail {
            width,
            height,
            rgba,
            ..
        } => Some(picture(*width, *height, rgba)),
        _ => None,
    })
}

fn picture(width: u32, height: u32, rgba: &[u8]) -> Picture {
    let rgba = rgba.to_vec();
    Picture {
        width,
        height,
        rgba,
    }
}

fn take_over(library: &Path, home: &Path) -> Engine {
    let places = Places::resolve(Some(library), |name| match name {
        "HOME" => Some(home.join("home").into()),
        "XDG_RUNTIME_DIR" => Some(home.join("run").into()),
        _ => None,
    });
    let Ok(engine) = Engine::open(&places.unwrap(), true, Arc::new(|| {})) else {
        panic!("the agent does not let the library go");
    };
    engine
}

#[test]
fn the_screen_that_a_page_shows_makes_the_thumbnail_and_qemu_is_asked_for_none() {
    let mut house = House::new();
    telling_qemu(&mut house);
    // Firmware that finds nothing to boot stands still, but for its cursor.
    let disk = house.path().join("empty.raw");
    fs::File::create(&disk).unwrap().set_len(1 << 20).unwrap();
    house.done(&["create", "Still", "--disk", disk.to_str().unwrap()]);
    house.done(&["start", "Still"]);
    let id: MachineId = house.row("Still")["id"].as_str().unwrap().parse().unwrap();
    std::thread::sleep(Duration::from_secs(4)); // Until it has found nothing.

    let engine = take_over(house.library(), house.path());
    let settings = Settings {
        thumbnails: 1,
        ..Settings::default()
    };
    engine.send(Command::SaveSettings(settings)).unwrap();
    engine.send(Command::OpenDisplay { machine: id }).unwrap();
    let screen = wait(&engine, "the screen", |_| engine.screen(id));
    let page = screen.slot().watch(Want::Pixels);
    wait(&engine, "the page's picture", |_| {
        Picture::seen(screen.slot())
    });
    let before = dumps(&house);
    engine.send(Command::InSight(vec![id])).unwrap();
    let small = thumbnail(&engine);
    let rounds = Instant::now() + Duration::from_secs(4);
    while Instant::now() < rounds {
        engine.wait(Duration::from_millis(100));
    }
    assert_eq!(dumps(&house), before, "QEMU was asked all the same");

    // It is the guest's picture, made small.
    engine.send(Command::Screenshot { machine: id }).unwrap();
    let whole = wait(&engine, "QEMU's own picture", |event| match event? {
        Event::Picture {
            width,
            height,
            rgba,
            ..
        } => Some(picture(*width, *height, rgba)),
        _ => None,
    });
    let wanted = whole.scale_to(small.width, small.height).unwrap();
    let pairs = small.rgba.chunks(4).zip(wanted.rgba.chunks(4));
    let differing = pairs.filter(|(small, wanted)| small != wanted).count();
    assert!(
        differing <= 8,
        "{differing} pixels differ, more than a cursor has"
    );
    assert!(
        small.rgba.chunks(4).any(|pixel| pixel[0] > 40),
        "all is black"
    );

    // Once the page is closed, QEMU is asked again.
    let before = dumps(&house);
    drop(page);
    drop(screen);
    engine.close_screen(id);
    let deadline = Instant::now() + PATIENCE;
    while dumps(&house) == before {
        assert!(Instant::now() < deadline, "no thumbnails any more");
        engine.wait(Duration::from_millis(100));
    }
}
