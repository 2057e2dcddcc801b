//! The slot as viewers see it.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::*;
use crate::display::pace;

const XRGB: u32 = 0x2002_0888;

fn layout(width: u32, height: u32) -> Layout {
    Layout::checked(Size::new(width, height), width * 4, XRGB).unwrap()
}

fn inline(width: u32, height: u32) -> Arc<FrameSlot> {
    let slot = Arc::new(FrameSlot::default());
    slot.set_inline(Size::new(width, height)).unwrap();
    slot.finish_paint();
    slot
}

/// What a viewer of pixels gets, once the copies are done that the pacing thread would do.
fn taken(viewer: &mut Viewer) -> Vec<(Rect, bool, Vec<u8>)> {
    pace::catch_up(viewer.slot());
    seen(viewer)
}

/// What the pacing thread has to do.
fn news(slot: &FrameSlot) -> News {
    match slot.next_task(Instant::now()) {
        Task::News(news) => news,
        other => panic!("{other:?}"),
    }
}

fn seen(viewer: &mut Viewer) -> Vec<(Rect, bool, Vec<u8>)> {
    let mut patches = Vec::new();
    viewer.take(|patch| patches.push((patch.rect, patch.whole, patch.rgba.to_vec())));
    patches
}

#[test]
fn each_viewer_sees_all_damage_once() {
    let slot = inline(4, 4);
    let (mut page, mut thumbnail) = (slot.watch(Want::Pixels), slot.watch(Want::Pixels));
    assert_eq!(taken(&mut page).len(), 1);
    slot.paint(1, 2, layout(2, 1), &[3, 2, 1, 0, 6, 5, 4, 0]);
    let want = vec![(
        Rect::new(1, 2, 2, 1),
        false,
        vec![1, 2, 3, 255, 4, 5, 6, 255],
    )];
    assert_eq!(taken(&mut page), want);
    assert_eq!(taken(&mut page), []);
    let whole = taken(&mut thumbnail);
    assert_eq!(whole[0].0, Rect::new(0, 0, 4, 4));
    assert!(whole[0].1);
    assert_eq!(taken(&mut thumbnail), []);
}

#[test]
fn inline_pixels_outside_the_picture_are_cut_off() {
    let slot = inline(2, 2);
    let mut viewer = slot.watch(Want::Pixels);
    slot.paint(
        -1,
        -1,
        layout(2, 2),
        &[9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 3, 2, 1, 0],
    );
    slot.paint(50, 50, layout(2, 2), &[0; 16]);
    slot.paint(i32::MAX, i32::MIN, layout(2, 2), &[0; 16]);
    slot.paint(1, 1, layout(2, 2), &[4; 3]); // Too few bytes.
    let black = [0, 0, 0, 255];
    assert_eq!(
        taken(&mut viewer)[0].2,
        [[1, 2, 3, 255], black, black, [4, 4, 4, 255]].concat()
    );
}

#[test]
fn a_new_size_is_one_whole_patch_and_a_hostile_one_is_refused() {
    let slot = inline(2, 2);
    let mut viewer = slot.watch(Want::Pixels);
    taken(&mut viewer);
    slot.paint(0, 0, layout(1, 1), &[0; 4]);
    slot.set_inline(Size::new(3, 1)).unwrap();
    slot.paint(0, 0, layout(1, 1), &[0; 4]);
    assert_eq!(taken(&mut viewer), [], "a half painted picture");
    slot.finish_paint();
    let patches = taken(&mut viewer);
    assert_eq!(patches.len(), 1);
    assert_eq!((patches[0].0, patches[0].1), (Rect::new(0, 0, 3, 1), true));
    assert!(slot.set_inline(Size::new(20_000, 1)).is_err());
    assert_eq!(slot.info().size, Size::new(3, 1));
}

#[test]
fn a_damage_viewer_gets_the_map_and_no_pixels_are_copied_for_it() {
    let slot = Arc::new(FrameSlot::default());
    let file = tempfile::tempfile().unwrap();
    file.set_len(64).unwrap();
    let map = SharedMap::new(file.into(), 0, Size::new(4, 4), 16, XRGB).unwrap();
    let mut presenter = slot.watch(Want::Damage);
    assert!(presenter.take_damage().is_none());
    slot.set_map(map);
    let first = presenter.take_damage().unwrap();
    assert!(first.whole);
    slot.map_damage(2, 2, 50, 1);
    let second = presenter.take_damage().unwrap();
    assert_eq!(second.damage.rects(), [Rect::new(2, 2, 2, 1)]);
    assert!(!second.whole);
    let first = news(&slot);
    assert!(first.wake && first.copy.is_none());
    let mut page = slot.watch(Want::Pixels);
    assert_eq!(seen(&mut page), []);
    let CopyWork { map, epoch, damage } = news(&slot).copy.unwrap();
    assert_eq!(damage.rects(), [Rect::new(0, 0, 4, 4)]);
    slot.paint_copy(epoch, &map, Rect::new(0, 0, 4, 1), &[7; 16], 16);
    assert_eq!(seen(&mut page), [], "half a copy");
    slot.finish_copy(epoch);
    assert_eq!(seen(&mut page)[0].2[..4], [7, 7, 7, 255]);
    slot.set_inline(Size::new(1, 1)).unwrap();
    slot.finish_paint();
    slot.paint_copy(epoch, &map, Rect::new(0, 0, 1, 1), &[7; 16], 16);
    assert_eq!(taken(&mut page)[0].2, [0, 0, 0, 255]);
}

#[test]
fn the_first_reason_for_a_lost_screen_stays() {
    let slot = inline(1, 1);
    slot.lose("first");
    slot.lose("second");
    slot.set_status(ScreenStatus::Live);
    slot.set_inline(Size::new(2, 2)).unwrap();
    let why = "first".to_owned();
    assert_eq!(slot.info().status, ScreenStatus::Lost { why });
}

#[test]
fn a_late_picture_does_not_bring_a_hidden_screen_back() {
    let slot = inline(1, 1);
    slot.set_status(ScreenStatus::Hidden);
    for side in [1, 2] {
        slot.set_inline(Size::new(side, side)).unwrap();
        assert_eq!(slot.info().status, ScreenStatus::Hidden);
    }
    slot.set_status(ScreenStatus::Connecting);
    slot.set_inline(Size::new(2, 2)).unwrap();
    assert_eq!(slot.info().status, ScreenStatus::Live);
}

#[derive(Debug, Default)]
struct Brush {
    painted: Mutex<Vec<Rect>>,
    says: Mutex<Option<Painted>>,
}

impl Painter for Brush {
    fn paint(&self, _: &SharedMap, damage: &Damage) -> Painted {
        self.painted.lock().unwrap().extend(damage.rects());
        self.says.lock().unwrap().unwrap_or(Painted::Now)
    }
}

#[test]
fn a_painter_shows_pixels_and_everything_else_wakes_the_viewer() {
    let slot = inline(4, 4);
    let mut viewer = slot.watch(Want::Damage);
    let brush = Arc::new(Brush::default());
    viewer.paint_by(Arc::clone(&brush) as Arc<dyn Painter>);
    let first = news(&slot);
    assert!(first.wake && first.paints.is_empty(), "a whole picture");
    assert!(viewer.take_damage().unwrap().whole);

    slot.paint(1, 1, layout(1, 1), &[0; 4]);
    let pixels = news(&slot);
    let [paint] = &pixels.paints[..] else {
        panic!("{pixels:?}");
    };
    assert_eq!(paint.damage.rects(), [Rect::new(1, 1, 1, 1)]);
    assert!(!pixels.wake, "nobody else need look");
    assert!(viewer.take_damage().is_none(), "it is shown");
    slot.put_back(paint, true);
    assert_eq!(news(&slot).paints.len(), 1, "busy, so once more");
    slot.put_back(paint, false);
    assert!(viewer.take_damage().is_some(), "refused");

    slot.edit_cursor(|cursor| cursor.visible = true);
    assert!(news(&slot).wake);
    slot.set_inline(Size::new(2, 2)).unwrap();
    slot.finish_paint();
    assert!(news(&slot).wake && viewer.take_damage().unwrap().whole);
}
