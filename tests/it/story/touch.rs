//! Fingers on a guest's touchscreen, as its kernel sees them.

use std::collections::BTreeMap;

use orangery::display::touch::{Fingers, MAX_SLOTS};
use orangery::display::{Input, Offer, Screen};

use super::debian::Bare;
use super::{soak, wait_for};
use crate::display_live::machine::wait;
use crate::guests::alone;

// linux/input-event-codes.h
const ABS_MT_SLOT: u16 = 47;
const ABS_MT_POSITION_X: u16 = 53;
const ABS_MT_POSITION_Y: u16 = 54;
const ABS_MT_TRACKING_ID: u16 = 57;
/// The far end of both axes of QEMU's virtio touchscreen.
const FAR: u32 = 0x7fff;

/// What the kernel told of each slot: where a finger was, and when it came and went.
#[derive(Debug, Default)]
struct Told {
    came: Vec<(i32, bool)>,
    x: BTreeMap<i32, Vec<i32>>,
    y: BTreeMap<i32, Vec<i32>>,
}

fn read(events: &str) -> Told {
    let (mut told, mut slot) = (Told::default(), 0);
    for event in events.split_whitespace() {
        let (code, value) = event.split_once(':').unwrap();
        let (code, value): (u16, i32) = (code.parse().unwrap(), value.parse().unwrap());
        match code {
            ABS_MT_SLOT => slot = value,
            ABS_MT_TRACKING_ID => told.came.push((slot, value >= 0)),
            ABS_MT_POSITION_X => told.x.entry(slot).or_default().push(value),
            ABS_MT_POSITION_Y => told.y.entry(slot).or_default().push(value),
            _ => {} // The same for programs that know one finger only.
        }
    }
    told
}

#[track_caller]
fn check(told: &[i32], pixels: &[u32], side: u32) {
    let wanted = pixels.iter().map(|pixel| pixel * FAR / side);
    let wanted: Vec<i32> = wanted.map(|value| value as i32).collect();
    assert_eq!(told.len(), wanted.len(), "{told:?} for {wanted:?}");
    for (told, wanted) in told.iter().zip(&wanted) {
        assert!((told - wanted).abs() <= 64, "{told} for {wanted}");
    }
}

/// Two fingers, one that moves and lifts and is followed by another, and the window's losing the keyboard.
fn play(screen: &Screen, (width, height): (u32, u32)) {
    let at = |x, y| (width * x / 8, height * y / 8);
    let mut fingers = Fingers::default();
    let send = |touch: Option<_>| {
        screen.send(Input::Touch(touch.unwrap()));
        std::thread::sleep(std::time::Duration::from_millis(200));
    };
    send(fingers.put(70, at(1, 2), MAX_SLOTS));
    send(fingers.put(3, at(6, 7), MAX_SLOTS));
    send(fingers.slide(70, at(4, 5)));
    send(fingers.lift(70));
    send(fingers.put(8, at(2, 3), MAX_SLOTS));
    screen.send(Input::ReleaseAll);
}

#[test]
fn fingers_come_move_and_go_in_a_real_guest_and_none_stays_behind() {
    if !soak() {
        eprintln!("skipped: boots Debian, which takes a minute; ORANGERY_SOAK=1 runs it");
        return;
    }
    let _alone = alone();
    let Some(mut debian) = Bare::boot(&["-device", "virtio-multitouch-pci"]) else {
        return;
    };
    let screen = debian.machine.dbus(Offer::Inline);
    let shell = &mut debian.shell;
    wait("QEMU's slots", || {
        screen.slot().info().touch_slots == MAX_SLOTS
    });
    let device = shell.ask("grep -il multitouch /sys/class/input/event*/device/name | cut -d/ -f5");
    shell.say(&format!(
        "stdbuf -oL evtest --grab /dev/input/{device} > /tmp/touch 2>&1 &"
    ));
    wait_for("evtest", 60, || {
        let ready = shell.ask("grep -c Testing /tmp/touch");
        (ready == "1").then_some(()).ok_or(ready)
    });
    let size = screen.slot().info().size;
    play(&screen, (size.width, size.height));
    let events = "sed -n 's/.*EV_ABS.*code \\([0-9]*\\) .*value \\(.*\\)$/\\1:\\2/p' /tmp/touch | tr '\\n' ' '";
    let told = wait_for("the last finger to lift", 60, || {
        let told = read(&shell.ask(events));
        (told.came.len() == 6)
            .then_some(told)
            .ok_or_else(|| shell.ask("tail -n 5 /tmp/touch"))
    });
    let came = [
        (0, true),
        (1, true),
        (0, false),
        (0, true),
        (0, false),
        (1, false),
    ];
    assert_eq!(told.came, came);
    let pixels = |side: u32, eighths: &[u32]| -> Vec<u32> {
        eighths.iter().map(|eighth| side * eighth / 8).collect()
    };
    check(&told.x[&0], &pixels(size.width, &[1, 4, 2]), size.width);
    check(&told.y[&0], &pixels(size.height, &[2, 5, 3]), size.height);
    check(&told.x[&1], &pixels(size.width, &[6]), size.width);
    check(&told.y[&1], &pixels(size.height, &[7]), size.height);
}
