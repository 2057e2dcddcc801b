//! A machine with two screens, each in a window of its own; the test card drives both.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::card::CardReport;
use crate::console_desktop::{Desktop, Shot, wait};
use crate::console_owner::{BAR, Guard, House};
use crate::console_stage::RIGHT_CTRL;

/// The plain ground of the test card's second screen.
const GROUND: [u8; 3] = [0x1b, 0x3a, 0x4b];

/// The ground of the sign that says how to let go. It lies over the card while a window in full screen has the keyboard.
const SIGN: [u8; 3] = [11, 15, 13];

/// The button that fills a monitor, from the window's right edge.
const FULL_SCREEN: i32 = 310;

/// A running card with two screens.
fn start(house: &House) {
    house.run(&["create", "Card", "--test-card"]);
    house.run(&["device", "set", "Card", "display0", "heads=2"]);
    house.run(&["start", "Card"]);
}

/// Opens a window on a screen, counted from 1.
fn open(house: &House, screen: u32) -> (Child, String) {
    let number = screen.to_string();
    let mut console = house.orangery(&["console", "Card", "--head", &number]);
    let child = console.spawn().unwrap();
    let window = house.desktop.window(&format!("screen {screen}"));
    (child, window)
}

/// Waits for a card in a window.
#[track_caller]
fn wait_card(house: &House, window: &str, what: &str, until: impl Fn(&CardReport) -> bool) {
    let (mut last, mut told) = (None, Instant::now());
    wait(what, || {
        last = house.card(window);
        if told.elapsed().as_secs() > 5 {
            told = Instant::now();
            println!("{what}: {last:?}"); // For who reads a failure.
        }
        last.as_ref().is_some_and(&until)
    });
}

/// Moves the pointer to a pixel of the guest's in a window.
fn point(house: &House, window: &str, x: usize, y: usize) {
    let y = y + BAR;
    house
        .desktop
        .xdotool(&format!("mousemove --window {window} {x} {y}"));
}

/// Gives the keyboard back to the desktop.
fn let_go(house: &House) {
    house.desktop.xdotool(RIGHT_CTRL);
    std::thread::sleep(Duration::from_millis(300));
}

/// Clicks the cross that openbox draws above a window.
fn close(house: &House, window: &str) {
    let [_, _, width, _] = house.desktop.place(window);
    let cross = format!("mousemove --window {window} {} -10 click 1", width - 10);
    house.desktop.xdotool(&cross);
    std::thread::sleep(Duration::from_millis(300));
}

/// The pointer is there, to the two pixels that a guest with two screens can be told.
fn is_at(card: &CardReport, x: usize, y: usize) -> bool {
    usize::from(card.pointer_x).abs_diff(x) <= 2 && usize::from(card.pointer_y).abs_diff(y) <= 2
}

/// A place where only the second screen is so coloured.
fn shows_second(house: &House, window: &str) -> bool {
    let shot = house.desktop.shot(window);
    shot.part(shot.width - 9, shot.height - 9, 1, 1).rgb == GROUND
}

/// The window of the first screen, once it shows the card.
#[track_caller]
fn open_first(house: &House) -> (Guard<'_>, String) {
    let (child, window) = open(house, 1);
    let child = Guard(house, child);
    wait_card(house, &window, "the card", |card| {
        card.virtio_screen && card.tablet
    });
    (child, window)
}

#[test]
fn each_screen_has_its_window_with_its_own_picture_pointer_and_keys() {
    let Some(house) = House::start(2600, 1200) else {
        return;
    };
    start(&house);
    let (first, left) = open_first(&house);
    house.desktop.xdotool(&format!("windowmove {left} 0 0"));
    let (mut second, right) = open(&house, 2);
    house.desktop.xdotool(&format!("windowmove {right} 1320 0"));
    wait("the second screen", || {
        house.card(&right).is_some() && shows_second(&house, &right)
    });
    assert!(!shows_second(&house, &left));
    let [_, _, width, height] = house.desktop.place(&right);
    assert_eq!(
        (width, height),
        (1024, 768 + BAR as i32),
        "the guest came to the window"
    );

    // Each window's pointer is on its own screen, and keys follow the focus, back and forth.
    for round in 0..2 {
        for (window, origin) in [(&left, 0), (&right, 1280)] {
            let (x, y) = (500 + 7 * round, 300 + 11 * round);
            point(&house, window, x, y);
            wait_card(&house, window, "the pointer", |card| {
                is_at(card, origin + x, y)
            });
            let before = house.card(window).unwrap();
            house.desktop.xdotool("click 1");
            wait_card(&house, window, "a click", |card| {
                card.clicks == (before.clicks + 1) % 16 && card.buttons == 0
            });
            house.desktop.xdotool("key a");
            wait_card(&house, window, "a key", |card| {
                card.keys == before.keys.wrapping_add(1)
            });
        }
    }

    wait("the second window's end", || {
        close(&house, &right);
        second.try_wait().unwrap().is_some()
    });
    assert!(first.1.id() != 0 && house.card(&left).is_some());
    // Its screen is unplugged, so the first is the guest's whole desktop again.
    let mut nudge = 0;
    wait("the pointer of a single screen", || {
        nudge += 1;
        point(&house, &left, 700 + nudge % 2, 400);
        house.card(&left).is_some_and(|card| {
            (usize::from(card.pointer_x), card.pointer_y) == (700 + nudge % 2, 400)
        })
    });

    // And comes back with its window.
    let (second, right) = open(&house, 2);
    let _second = Guard(&house, second);
    wait("the second screen again", || shows_second(&house, &right));
}

/// Whether the window's picture is being drawn for it: the thread that listens to QEMU has that name.
fn listens(window: &Child) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", window.id())).unwrap();
    let names = tasks
        .flatten()
        .map(|task| std::fs::read_to_string(task.path().join("comm")));
    names.flatten().any(|name| name == "screen-listen\n")
}

fn has_sign(shot: &Shot) -> bool {
    shot.part(shot.width / 2, 5, 1, 1).rgb == SIGN
}

/// Presses the key that lets go. It takes the keyboard again, too, so there has to be time to see what came of it.
fn let_go_of(house: &House, window: &str) {
    let_go(house);
    let pressed = Instant::now();
    while pressed.elapsed() < Duration::from_secs(5) && has_sign(&house.desktop.shot(window)) {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Brings a window to a monitor and fills that with it.
#[track_caller]
fn fill_monitor(house: &House, window: &str, place: [i32; 4]) {
    let (desktop, [x, y, ..]) = (&house.desktop, place);
    desktop.xdotool(&format!("windowmove {window} {} {}", x + 40, y + 40));
    desktop.xdotool(&format!("windowactivate --sync {window}"));
    wait("the window on its monitor", || {
        let [at, ..] = desktop.place(window);
        (x..x + 200).contains(&at)
    });
    let [_, _, width, _] = desktop.place(window);
    let (button, middle) = (width - FULL_SCREEN, BAR / 2);
    desktop.xdotool(&format!(
        "mousemove --window {window} {button} {middle} click 1"
    ));
    wait("a filled monitor", || desktop.place(window) == place);
}

/// Waits until a window without a bar shows a moving card one to one: the guest has followed it.
#[track_caller]
fn wait_whole(house: &House, window: &str, [_, _, width, height]: [i32; 4]) {
    let mut seen = None;
    wait("a moving picture one to one", || {
        let shot = house.desktop.shot(window);
        if has_sign(&shot) {
            house
                .desktop
                .xdotool(&format!("windowactivate --sync {window}"));
            let_go_of(house, window);
        }
        let now = house.whole_card(window).map(|card| card.frame);
        let moves = seen.is_some() && now > seen;
        seen = now.or(seen);
        moves && (shot.width, shot.height) == (width as usize, height as usize)
    });
}

#[test]
fn both_screens_fill_two_monitors_and_a_minimised_one_leaves_the_other_alone() {
    let Some(desktop) = Desktop::with_two_monitors((1600, 1000), (1200, 900)) else {
        return;
    };
    let Some(house) = House::on(desktop) else {
        return;
    };
    start(&house);
    let (first, left) = open_first(&house);
    let (second, right) = open(&house, 2);
    let second = Guard(&house, second);
    wait("the second screen", || shows_second(&house, &right));

    let places = [[0, 0, 1600, 1000], [1600, 0, 1200, 900]];
    for (window, place) in [&left, &right].into_iter().zip(places) {
        fill_monitor(&house, window, place);
    }
    for (window, place) in [&left, &right].into_iter().zip(places) {
        wait_whole(&house, window, place);
    }
    // The pointer comes from the one monitor to the other, as it would with two screens of a computer.
    for (x, y) in [(1500, 300), (1700, 310), (2700, 700), (600, 500)] {
        house.desktop.xdotool(&format!("mousemove {x} {y}"));
        wait("the pointer", || {
            let card = house.whole_card(&left);
            card.is_some_and(|card| is_at(&card, x, y))
        });
    }
    // The bar is out of sight, comes when the edge is pushed, and goes.
    let bar = |window: &str| house.whole_card(window).is_none();
    wait("no bar at first", || !bar(&right));
    house.desktop.xdotool("mousemove 1900 0");
    wait("the bar", || bar(&right));
    house.desktop.xdotool("mousemove 1900 400");
    wait("no bar", || !bar(&right));

    // Nobody draws for a minimised window, and the other goes on.
    house.desktop.xdotool(&format!("windowminimize {right}"));
    wait("no listener", || !listens(&second.1));
    assert!(listens(&first.1));
    let mut before = None;
    wait("the first goes on", || {
        let frame = house.whole_card(&left).map(|card| card.frame);
        before = before.or(frame);
        frame > before.map(|frame| frame + 10)
    });
    house.desktop.xdotool(&format!("windowactivate {right}"));
    wait("a listener", || listens(&second.1));
    wait("the second screen again", || {
        house.whole_card(&right).is_some() && shows_second(&house, &right)
    });
}

#[test]
fn a_killed_qemu_leaves_a_window_that_says_so_and_starts_the_machine_again() {
    let Some(house) = House::start(1600, 1200) else {
        return;
    };
    house.run(&["create", "Card", "--test-card", "--start"]);
    let mut show = house.orangery(&["show", "Card", "--json"]);
    let shown = show.stdout(std::process::Stdio::piped()).output().unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let qemu = i32::try_from(shown["pid"].as_i64().unwrap()).unwrap();
    let child = house.orangery(&["console", "Card"]).spawn().unwrap();
    let mut guard = Guard(&house, child);
    let window = house.desktop.window("Orangery");
    wait_card(&house, &window, "the card", |card| card.virtio_screen);
    let before = house.card(&window).unwrap();

    let qemu = rustix::process::Pid::from_raw(qemu).unwrap();
    rustix::process::kill_process(qemu, rustix::process::Signal::KILL).unwrap();
    wait("the card that says crashed", || house.start_button(&window));
    assert!(guard.1.try_wait().unwrap().is_none(), "the window stays");
    house.run(&["start", "Card"]);
    wait_card(&house, &window, "the machine's next boot", |card| {
        card.boot_nonce != before.boot_nonce
    });
}
