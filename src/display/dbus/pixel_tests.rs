//! Long inline pictures: they take another way than short ones and have to look the same.

use super::tests::{FakeQemu, until};
use crate::display::Screen;
use crate::display::frame::{FrameSlot, Layout, Rect, Size, Want};
use crate::display::pace;

const XRGB: u32 = 0x2002_0888;
const RGB565: u32 = 0x1002_0565;
const SIZE: Size = Size::new(300, 200);

/// Pixels that differ all over.
fn noise(stride: u32, height: u32, seed: u32) -> Vec<u8> {
    let byte = |at: u32| (at.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13) as u8;
    (0..stride * height).map(byte).collect()
}

/// What a viewer sees of calls that were painted at once.
fn expected(calls: &[(i32, i32, Size, u32, u32, &[u8])]) -> Vec<u8> {
    let slot = std::sync::Arc::<FrameSlot>::default();
    slot.set_inline(SIZE).unwrap();
    for (x, y, size, stride, code, bytes) in calls {
        let layout = Layout::checked(*size, *stride, *code).unwrap();
        slot.paint(*x, *y, layout, bytes);
    }
    slot.finish_paint();
    let mut viewer = slot.watch(Want::Pixels);
    pace::catch_up(&slot);
    viewer.read(SIZE.rect(), <[u8]>::to_vec).unwrap()
}

fn assert_shows(screen: &Screen, want: &[u8], what: &str) {
    let mut viewer = screen.slot().watch(Want::Pixels);
    until(what, || {
        viewer.take(|_| {});
        viewer.read(SIZE.rect(), |rgba| rgba == want) == Some(true)
    });
}

#[test]
fn long_pictures_and_parts_of_any_layout_look_as_if_painted_at_once() {
    let (screen, qemu) = FakeQemu::start();
    let listener = qemu.listener();
    let mut damage = screen.slot().watch(Want::Damage);
    let whole = noise(1_216, SIZE.height, 1); // Rows with something after them.
    let scanout = (SIZE.width, SIZE.height, 1_216_u32, XRGB, &whole[..]);
    listener.tell("Scanout", &scanout).unwrap();
    assert!(damage.take_damage().unwrap().whole);
    let mut calls = vec![(0, 0, SIZE, 1_216, XRGB, &whole[..])];
    assert_shows(&screen, &expected(&calls), "the whole picture");

    let part = Size::new(200, 150);
    let (inside, outside) = (noise(808, 150, 2), noise(808, 150, 3));
    let other = noise(400, 180, 4);
    let parts = [
        (50_i32, 30_i32, part, 808_u32, XRGB, &inside[..]),
        (-20, 100, part, 808, XRGB, &outside[..]),
        (60, 10, Size::new(200, 180), 400, RGB565, &other[..]),
    ];
    for (x, y, size, stride, code, bytes) in parts {
        let sides = (size.width.cast_signed(), size.height.cast_signed());
        let update = (x, y, sides.0, sides.1, stride, code, bytes);
        listener.tell("Update", &update).unwrap();
        calls.push((x, y, size, stride, code, bytes));
        assert_shows(&screen, &expected(&calls), "a part");
        let want = Rect::clipped(
            x.into(),
            y.into(),
            size.width.into(),
            size.height.into(),
            SIZE,
        );
        assert_eq!(
            damage.take_damage().unwrap().damage.rects(),
            [want.unwrap()]
        );
    }
}

#[test]
fn long_pictures_keep_their_turn_and_lying_ones_harm_nobody() {
    let (screen, qemu) = FakeQemu::start();
    let listener = qemu.listener();
    let bytes = noise(1_200, SIZE.height, 5);
    let scanout = (SIZE.width, SIZE.height, 1_200_u32, XRGB, &bytes[..]);
    let want = expected(&[(0, 0, SIZE, 1_200, XRGB, &bytes)]);
    // None of these waits for what the one before has done.
    for _ in 0..20 {
        listener
            .map(&[0; 64], Size::new(4, 4), 16, XRGB)
            .expect("a small map");
        listener
            .ask("org.qemu.Display1.Listener", "Scanout", &scanout)
            .unwrap();
        listener.tell("Nothing", &()).unwrap();
        assert_eq!(screen.slot().info().size, SIZE, "the last picture counts");
    }
    assert_shows(&screen, &want, "the picture");

    // More rows are promised than come, and a width that nothing fits.
    let short = (SIZE.width, 9_000_u32, 1_200_u32, XRGB, &bytes[..]);
    listener.tell("Scanout", &short).unwrap();
    let wide = (u32::MAX, SIZE.height, 1_200_u32, XRGB, &bytes[..]);
    assert!(listener.tell("Scanout", &wide).is_err());
    let odd = (&bytes[..], SIZE.width);
    assert!(listener.tell("Scanout", &odd).is_err());
    listener.tell("Scanout", &scanout).unwrap();
    assert_shows(&screen, &want, "the picture again");
}
