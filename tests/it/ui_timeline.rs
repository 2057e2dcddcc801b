//! The timeline as a person uses it: by name, by mouse, by keyboard; with one snapshot, a dozen and two hundred.

use orangery::engine::message::Event;
use orangery::model::*;
use uuid::Uuid;

use crate::ui_fixture::{NOW, Window, computer, id, load, report, show, thumbnail};

pub fn snapshot_id(number: u128) -> SnapshotId {
    SnapshotId(Uuid::from_u128(number << 96 | number))
}

/// A snapshot of `minutes` ago.
pub fn snapshot(number: u128, parent: u128, minutes: u64, kind: SnapshotKind) -> SnapshotReport {
    SnapshotReport {
        id: snapshot_id(number),
        parent: (parent > 0).then(|| snapshot_id(parent)),
        name: String::new(),
        note: String::new(),
        time: Timestamp(NOW.0 - minutes * 60),
        kind,
        with_memory: number % 3 != 0,
        writing: false,
        bytes: ByteSize::mib(20 + (number as u64 * 37) % 400),
        shared: ByteSize::mib(1200),
        picture: number % 3 != 0,
        depth: 2,
        trouble: None,
    }
}

/// The only one there is.
pub fn one() -> Timeline {
    let mut only = snapshot(1, 0, 3, SnapshotKind::Manual);
    only.name = "Fresh install".to_owned();
    only.note = "Everything updated, nothing changed yet.".to_owned();
    Timeline {
        snapshots: vec![only],
        present: Some(snapshot_id(1)),
        depth: 2,
        bytes: ByteSize::mib(3),
        total: ByteSize::mib(1800),
    }
}

pub const LONG: &str = "Certificates and a name that is longer than there is room for on a line";

/// A dozen with two branches, and one that is damaged.
pub fn dozen() -> Timeline {
    use SnapshotKind as K;
    let mut snapshots = vec![
        snapshot(1, 0, 9000, K::Manual),
        snapshot(2, 1, 8000, K::Manual),
        snapshot(3, 2, 7900, K::BeforeChange),
        snapshot(4, 3, 6000, K::Kept),
        snapshot(5, 2, 5000, K::Manual),
        snapshot(6, 5, 3000, K::BeforeShutDown),
        snapshot(7, 6, 2000, K::Kept),
        snapshot(8, 5, 1500, K::Manual),
        snapshot(9, 8, 300, K::Timed),
        snapshot(10, 9, 120, K::Timed),
        snapshot(11, 10, 60, K::Manual),
        snapshot(12, 11, 12, K::Timed),
    ];
    for (place, name) in [
        (0, "Fresh install"),
        (1, "Before the upgrade"),
        (4, "Upgraded to Debian 13"),
        (7, "Web server runs"),
        (10, LONG),
    ] {
        snapshots[place].name = name.to_owned();
    }
    snapshots[5].trouble = Some("the memory file is shorter than it was".to_owned());
    snapshots[11].writing = true;
    snapshots[11].with_memory = true;
    Timeline {
        snapshots,
        present: Some(snapshot_id(12)),
        depth: 9,
        bytes: ByteSize::mib(140),
        total: ByteSize::gib(19),
    }
}

/// Two hundred: long runs of checkpoints, a branch now and then.
pub fn many() -> Timeline {
    let mut snapshots = Vec::new();
    let mut parent = 0;
    for number in 1..=200_u128 {
        let kind = match number % 40 {
            1 | 2 => SnapshotKind::Manual,
            27 => SnapshotKind::Kept,
            33 => SnapshotKind::BeforeReset,
            _ => SnapshotKind::Timed,
        };
        let minutes = (201 - number as u64) * 5;
        let mut new = snapshot(number, parent, minutes, kind);
        if number % 40 == 1 {
            new.name = format!("Milestone {}", number / 40 + 1);
        }
        snapshots.push(new);
        parent = match kind {
            SnapshotKind::Kept => number - 15,
            _ => number,
        };
    }
    Timeline {
        snapshots,
        present: Some(snapshot_id(200)),
        depth: 12,
        bytes: ByteSize::mib(9),
        total: ByteSize::gib(41),
    }
}

/// The page of a running machine with such a timeline.
pub fn window(timeline: Timeline) -> Window {
    let machine = id(1);
    let mut running = report(1, "Debian web server", State::Running);
    if let Some(machine) = &mut running.machine {
        machine.checkpoints = Checkpoints::experiment();
    }
    Window::new([
        Event::Computer(Box::new(computer())),
        Event::Load(load()),
        show(running),
        show(report(2, "FreeBSD router", State::Off)),
        thumbnail(1),
        Event::Timeline {
            machine,
            timeline: Box::new(timeline.clone()),
        },
        Event::Timeline {
            machine: id(2),
            timeline: Box::new(timeline),
        },
    ])
}

/// Pictures as they would have been read: a screen with a window and some lines of text, another for each.
pub fn picture(number: u128) -> egui::ColorImage {
    let (width, height) = (640_usize, 400_usize);
    let hue = |shift: u128| ((number * 47 + shift * 85) % 160 + 40) as u8;
    let (ground, text) = ([hue(0), hue(1), hue(2)], [210, 220, 205]);
    let mut rgb = Vec::with_capacity(width * height * 3);
    let left = 40 + (number as usize * 23) % 160;
    for y in 0..height {
        for x in 0..width {
            let window = (left..left + 400).contains(&x) && (60..340).contains(&y);
            let bar = window && y < 84;
            let end = left + 60 + (y / 18 * 71 + number as usize * 13) % 300;
            let line = window && y > 96 && y % 18 < 8 && (left + 16..end).contains(&x);
            let fade = (y / 5) as u8;
            rgb.extend(match (line, bar, window) {
                (true, ..) => text,
                (_, true, _) => [70, 74, 82],
                (_, _, true) => [22, 24, 28],
                _ => ground.map(|part| part.saturating_sub(fade)),
            });
        }
    }
    egui::ColorImage::from_rgb([width, height], &rgb)
}
