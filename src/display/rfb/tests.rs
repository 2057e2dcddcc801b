//! RFB against scripted servers, friendly and hostile.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Shared;
use crate::display::frame::{FrameSlot, ScreenStatus, Size, Want};
use crate::display::input::InputQueue;
use crate::display::keys::KeyCode;
use crate::display::{Button, Input, Screen};

const PATIENCE: Duration = Duration::from_secs(5);

fn screen() -> (Screen, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_read_timeout(Some(PATIENCE)).unwrap();
    (Screen::rfb(ours, Arc::new(|| {})).unwrap(), theirs)
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn lost(slot: &FrameSlot) -> String {
    let mut reason = String::new();
    until("a lost screen", || {
        if let ScreenStatus::Lost { why } = slot.info().status {
            reason = why;
        }
        !reason.is_empty()
    });
    reason
}

/// A server that says `script` and closes must leave a lost screen whose reason contains `reason`.
fn check(script: &[&[u8]], reason: &str) {
    let (screen, mut server) = screen();
    // Our side may hang up before the end of the script.
    server.write_all(&script.concat()).ok();
    server.shutdown(std::net::Shutdown::Write).ok();
    let why = lost(screen.slot());
    assert!(why.contains(reason), "{why}");
}

const VERSION: &[u8] = b"RFB 003.008\n";
const NO_PASSWORD: &[u8] = &[1, 1, 0, 0, 0, 0];

/// ServerInit with a name of three bytes.
fn init(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = [width.to_be_bytes(), height.to_be_bytes()].concat();
    bytes.extend([0; 16]);
    bytes.extend([0, 0, 0, 3]);
    bytes.extend(b"vm1");
    bytes
}

fn rect(x: u16, y: u16, w: u16, h: u16, encoding: i32) -> Vec<u8> {
    let mut bytes: Vec<u8> = [x, y, w, h]
        .iter()
        .flat_map(|side| side.to_be_bytes())
        .collect();
    bytes.extend(encoding.to_be_bytes());
    bytes
}

fn update(rects: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(rects.len()).unwrap().to_be_bytes();
    [&[0, 0][..], &count, &rects.concat()].concat()
}

#[test]
fn a_server_that_is_no_vnc_server_is_named_as_such() {
    check(&[b"HTTP/1.1 400"], "does not greet");
    check(&[b"RFB 003.003\n"], "version 3.3");
    check(&[b"RFB 00"], "closed its screen connection");
    check(&[b""], "closed its screen connection");
}

#[test]
fn servers_that_want_a_password_or_refuse_say_so() {
    check(&[VERSION, &[2, 2, 19]], "VNC password, VeNCrypt");
    check(&[VERSION, &[0, 0, 0, 0, 4], b"full"], "refused us: full");
    check(
        &[VERSION, &[1, 1, 0, 0, 0, 1, 0, 0, 0, 3], b"bad"],
        "refused us: bad",
    );
    check(
        &[VERSION, &[0, 255, 255, 255, 255]],
        "a text of 4294967295 bytes",
    );
}

#[test]
fn hostile_sizes_never_reach_memory() {
    let hello = [VERSION, NO_PASSWORD].concat();
    check(&[&hello, &init(65_535, 65_535)], "65535 x 65535");
    check(
        &[&hello, &init(16_384, 16_384)],
        "more than the screen can show",
    );
    check(&[&hello, &init(0, 10)], "0 x 10");
    let mut long_name = init(8, 8);
    long_name[20..24].copy_from_slice(&[255; 4]);
    check(&[&hello, &long_name], "a text of");
    let hello = [&hello[..], &init(8, 8)].concat();
    check(
        &[
            &hello,
            &update(&[rect(0, 0, 65_535, 65_535, super::DESKTOP_SIZE)]),
        ],
        "65535 x 65535",
    );
    check(
        &[&hello, &update(&[rect(0, 0, 600, 600, super::RICH_CURSOR)])],
        "pointer has 600 x 600",
    );
    check(
        &[&hello, &[3, 0, 0, 0, 127, 255, 255, 255]],
        "clipboard of 2147483647 bytes",
    );
}

#[test]
fn broken_rectangles_end_the_screen_not_the_app() {
    let hello = [VERSION, NO_PASSWORD, &init(8, 8)].concat();
    check(
        &[&hello, &update(&[rect(4, 0, 5, 1, super::RAW)])],
        "5 x 1 pixels at 4, 0 lie outside",
    );
    check(
        &[
            &hello,
            &update(&[rect(65_535, 65_535, 65_535, 65_535, super::HEXTILE)]),
        ],
        "lie outside",
    );
    check(
        &[&hello, &update(&[rect(0, 0, 8, 8, super::RAW)]), &[0; 40]],
        "closed its screen",
    );
    check(&[&hello, &update(&[rect(0, 0, 1, 1, 16)])], "encoding 16");
    check(&[&hello, &[99]], "unknown kind 99");
    let outside_tile = [8 | 16, 1, 0, 0, 0, 0, 0xff, 0xff];
    let tile = [rect(0, 0, 8, 8, super::HEXTILE), outside_tile.to_vec()].concat();
    check(&[&hello, &update(&[tile])], "outside its tile");
}

/// Greets as QEMU does and reads our wishes.
fn greeted(width: u16, height: u16) -> (Screen, UnixStream) {
    let (screen, mut server) = screen();
    server
        .write_all(&[VERSION, NO_PASSWORD, &init(width, height)].concat())
        .unwrap();
    let mut wishes = [0; 12 + 1 + 1 + 20 + 4 + 8 * 4];
    server.read_exact(&mut wishes).unwrap();
    assert_eq!(wishes[..14], *b"RFB 003.008\n\x01\x01");
    let first = [3, 0, 0, 0, 0, 0, 0, width as u8, 0, height as u8];
    assert_eq!(hear::<10>(&mut server), first);
    (screen, server)
}

fn hear<const N: usize>(server: &mut UnixStream) -> [u8; N] {
    let mut bytes = [0; N];
    server.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn pixels_size_pointer_and_lights_arrive() {
    let (screen, mut server) = greeted(2, 1);
    let mut page = screen.slot().watch(Want::Pixels);
    let raw = [rect(0, 0, 2, 1, super::RAW), vec![3, 2, 1, 0, 6, 5, 4, 0]].concat();
    let lights = [rect(0, 0, 0, 0, super::LED_STATE), vec![4]].concat();
    let shape = [rect(0, 0, 1, 1, super::RICH_CURSOR), vec![9, 8, 7, 0, 0x80]].concat();
    server.write_all(&update(&[raw, lights, shape])).unwrap();
    assert_eq!(hear::<10>(&mut server), [3, 1, 0, 0, 0, 0, 0, 2, 0, 1]);
    until("a pointer", || screen.slot().info().cursor.visible);
    let mut seen = Vec::new();
    until("its pixels", || {
        page.take(|patch| seen.extend_from_slice(patch.rgba))
            .is_some()
    });
    assert_eq!(seen, [1, 2, 3, 255, 4, 5, 6, 255]);
    let info = screen.slot().info();
    assert_eq!(*info.cursor.rgba, [7, 8, 9, 255]);
    assert!(
        info.leds
            .is_some_and(|leds| leds.caps_lock && !leds.num_lock)
    );

    let grown = rect(0, 0, 3, 1, super::DESKTOP_SIZE);
    let tile = [rect(0, 0, 3, 1, super::HEXTILE), vec![2, 1, 2, 3, 0]].concat();
    server.write_all(&update(&[grown, tile])).unwrap();
    until("the new size", || {
        screen.slot().info().size == Size::new(3, 1)
    });
    seen.clear();
    until("its pixels", || {
        page.take(|patch| seen = patch.rgba.to_vec()).is_some() && seen[8] == 3
    });
    assert_eq!(seen, [3, 2, 1, 255].repeat(3));
}

/// Bytes that look like a server's more often than chance would have it.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let known = super::ENCODINGS;
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let [a, b, c, d, e, f, ..] = next();
        match a % 4 {
            0 => bytes.extend(update(&[rect(
                u16::from(b) % 10,
                u16::from(c) % 10,
                d.into(),
                e.into(),
                0,
            )])),
            1 => {
                let encoding = known[usize::from(f) % known.len()];
                let side = |byte: u8| u16::from(byte % 9);
                bytes.extend(update(&[rect(0, 0, side(b), side(c), encoding)]));
            }
            _ => bytes.extend([a, b, c, d % 4, e % 32, f]),
        }
    }
    bytes
}

#[test]
fn noise_never_brings_the_app_down() {
    for seed in 0..400 {
        let (ours, mut server) = UnixStream::pair().unwrap();
        server
            .write_all(&[VERSION, NO_PASSWORD, &init(8, 8), &noise(seed, 4_000)].concat())
            .unwrap();
        server.shutdown(std::net::Shutdown::Write).unwrap();
        let (slot, queue, shared) = (
            FrameSlot::default(),
            InputQueue::default(),
            Shared::default(),
        );
        assert!(
            super::read(ours, &slot, &queue, &shared).is_err(),
            "it ends with the bytes"
        );
    }
}

#[test]
fn input_is_written_as_qemu_reads_it() {
    let (screen, mut server) = greeted(8, 8);
    let a = KeyCode(30);
    screen.send(Input::Key {
        code: a,
        down: true,
    });
    assert_eq!(hear::<8>(&mut server), [4, 1, 0, 0, 0, 0, 0, 0x61]);
    let facts = [
        rect(0, 0, 0, 0, super::EXTENDED_KEYS),
        [
            rect(0, 0, 8, 8, super::EXTENDED_DESKTOP_SIZE),
            vec![1, 0, 0, 0],
            vec![7; 16],
        ]
        .concat(),
        rect(0, 0, 0, 0, super::POINTER_TYPE),
    ];
    server.write_all(&update(&facts)).unwrap();
    hear::<10>(&mut server);
    until("relative", || !screen.slot().info().absolute_pointer);
    screen.send(Input::ReleaseAll);
    assert_eq!(
        hear::<12>(&mut server),
        [255, 0, 0, 0, 0, 0, 0, 0x61, 0, 0, 0, 0x1e]
    );
    screen.send(Input::PointerRel { dx: 1, dy: -1 });
    assert_eq!(hear::<6>(&mut server), [5, 0, 0x80, 0, 0x7f, 0xfe]);
    screen.send(Input::Button {
        button: Button::Right,
        down: true,
    });
    assert_eq!(hear::<6>(&mut server), [5, 4, 0x7f, 0xff, 0x7f, 0xff]);
    screen.send(Input::Resize { w: 800, h: 600 });
    let resize: [u8; 24] = hear(&mut server);
    assert_eq!(resize[..8], [251, 0, 3, 32, 2, 88, 1, 0]);
    drop(screen);
    assert_eq!(hear::<6>(&mut server), [5, 0, 0x7f, 0xff, 0x7f, 0xff]);
}

#[test]
fn a_server_that_neither_reads_nor_speaks_holds_nobody_up() {
    for greets in [false, true] {
        let (screen, _server) = if greets { greeted(8, 8) } else { screen() };
        let start = Instant::now();
        for i in 0..200_000_u32 {
            screen.send(Input::Key {
                code: KeyCode(30),
                down: i % 2 == 0,
            });
        }
        assert!(start.elapsed() < Duration::from_secs(2));
        let start = Instant::now();
        drop(screen);
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}
