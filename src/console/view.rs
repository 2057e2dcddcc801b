//! Where the guest's picture lies in the window: pure geometry, in physical pixels.

use crate::display::frame::{Damage, Rect, Size};
use crate::model::Zoom;

/// The picture's place in the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// The part of the window that is the picture's: all but the bar.
    pub area: Rect,
    pub guest: Size,
    /// Size on screen; may be larger than `area`.
    pub shown: Size,
    /// Window position of the picture's origin; outside `area` when it is larger.
    pub x: i32,
    pub y: i32,
    /// Colours are mixed where a guest pixel is no whole number of pixels.
    pub smooth: bool,
}

impl Placement {
    /// Places a picture of `guest` in `area`. A picture that is larger than the area moves with the pointer at
    /// `look` (window pixels), so that its edges are reached at the area's edges.
    pub fn new(area: Rect, guest: Size, zoom: Zoom, look: (f64, f64)) -> Self {
        let times = |n: u32| {
            Size::new(
                guest.width.saturating_mul(n),
                guest.height.saturating_mul(n),
            )
        };
        let shown = match zoom {
            Zoom::Fit => fit(area, guest),
            Zoom::Stretch => Size::new(area.w, area.h),
            Zoom::Whole => times(whole(area, guest)),
            Zoom::Times(_) => times(zoom.pixel_side()),
        };
        Self {
            area,
            guest,
            shown,
            x: origin(area.x, area.w, shown.width, look.0),
            y: origin(area.y, area.h, shown.height, look.1),
            smooth: true,
        }
    }

    /// True if colours are not mixed.
    pub fn is_sharp(&self) -> bool {
        !self.smooth || self.is_whole()
    }

    /// True if each guest pixel is one physical pixel.
    pub fn is_exact(&self) -> bool {
        self.shown == self.guest
    }

    /// True if each guest pixel becomes a square of whole pixels.
    pub fn is_whole(&self) -> bool {
        let (guest, shown) = (self.guest, self.shown);
        !guest.is_empty()
            && shown.width.is_multiple_of(guest.width)
            && shown.height.is_multiple_of(guest.height)
            && shown.width / guest.width == shown.height / guest.height
    }

    /// The visible part of the picture, in window pixels.
    pub fn visible(&self) -> Option<Rect> {
        let all = (0, 0, self.shown.width.into(), self.shown.height.into());
        self.clip(all)
    }

    /// The guest pixel under a window position, clamped to the picture. `None` without a picture.
    pub fn guest_pixel(&self, x: f64, y: f64) -> Option<(u32, u32)> {
        if self.guest.is_empty() || self.shown.is_empty() {
            return None;
        }
        let on = |at: f64, origin: i32, shown: u32, guest: u32| {
            let share = (at - f64::from(origin)) * f64::from(guest) / f64::from(shown);
            (share.max(0.0) as u32).min(guest - 1) // `as` saturates.
        };
        Some((
            on(x, self.x, self.shown.width, self.guest.width),
            on(y, self.y, self.shown.height, self.guest.height),
        ))
    }

    /// True if a window position lies on the visible picture.
    pub fn contains(&self, x: f64, y: f64) -> bool {
        self.visible().is_some_and(|rect| {
            let within = |at: f64, from: u32, to: u32| at >= f64::from(from) && at < f64::from(to);
            within(x, rect.x, rect.right()) && within(y, rect.y, rect.bottom())
        })
    }

    /// The window pixels that a change of guest pixels touches; with an apron of a pixel when colours are mixed.
    pub fn window_rect(&self, rect: Rect) -> Option<Rect> {
        if self.guest.is_empty() {
            return None;
        }
        let apron = u64::from(!self.is_whole());
        let span = |at: u32, length: u32, shown: u32, guest: u32| {
            let (shown, guest) = (u64::from(shown), u64::from(guest));
            let from = u64::from(at).saturating_sub(apron) * shown / guest;
            let to = ((u64::from(at) + u64::from(length) + apron) * shown).div_ceil(guest);
            (from, to.min(shown))
        };
        let (left, right) = span(rect.x, rect.w, self.shown.width, self.guest.width);
        let (top, bottom) = span(rect.y, rect.h, self.shown.height, self.guest.height);
        self.clip((
            left,
            top,
            right.checked_sub(left)?,
            bottom.checked_sub(top)?,
        ))
    }

    /// Adds what a change of guest pixels touches to what has to be painted of the window.
    pub fn add_changed(&self, guest: &Damage, window: &mut Damage) {
        for rect in guest
            .rects()
            .iter()
            .filter_map(|rect| self.window_rect(*rect))
        {
            window.add(rect);
        }
    }

    /// A rectangle of the shown picture, cut to the area, in window pixels.
    fn clip(&self, (x, y, w, h): (u64, u64, u64, u64)) -> Option<Rect> {
        let narrow = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let (x, y) = (
            narrow(x) + i64::from(self.x) - i64::from(self.area.x),
            narrow(y) + i64::from(self.y) - i64::from(self.area.y),
        );
        let size = Size::new(self.area.w, self.area.h);
        let cut = Rect::clipped(x, y, narrow(w), narrow(h), size)?;
        Some(Rect::new(
            cut.x + self.area.x,
            cut.y + self.area.y,
            cut.w,
            cut.h,
        ))
    }
}

/// The largest size with the guest's proportions.
fn fit(area: Rect, guest: Size) -> Size {
    if guest.is_empty() || area.is_empty() {
        return Size::default();
    }
    let (w, h) = (u64::from(area.w), u64::from(area.h));
    let (guest_w, guest_h) = (u64::from(guest.width), u64::from(guest.height));
    let (shown_w, shown_h) = if w * guest_h <= h * guest_w {
        (w, (w * guest_h + guest_w / 2) / guest_w)
    } else {
        ((h * guest_w + guest_h / 2) / guest_h, h)
    };
    let narrow = |value: u64| u32::try_from(value.max(1)).unwrap_or(u32::MAX);
    Size::new(narrow(shown_w), narrow(shown_h))
}

/// How many times a picture fits, at least once.
fn whole(area: Rect, guest: Size) -> u32 {
    (area.w / guest.width.max(1))
        .min(area.h / guest.height.max(1))
        .max(1)
}

/// Centred if it fits, else moved in proportion to where the pointer is.
fn origin(start: u32, room: u32, shown: u32, look: f64) -> i32 {
    let start = f64::from(start);
    let (room, shown) = (f64::from(room), f64::from(shown));
    if shown <= room {
        return (start + (room - shown) / 2.0).floor() as i32;
    }
    let share = ((look - start) / room.max(1.0)).clamp(0.0, 1.0);
    (start - (shown - room) * share).round() as i32
}

/// The part that two rectangles share.
pub fn intersect(a: Rect, b: Rect) -> Option<Rect> {
    let (x, y) = (a.x.max(b.x), a.y.max(b.y));
    let w = a.right().min(b.right()).checked_sub(x)?;
    let h = a.bottom().min(b.bottom()).checked_sub(y)?;
    (w > 0 && h > 0).then_some(Rect::new(x, y, w, h))
}

/// What is left of `rect` without `holes`: rectangles that do not overlap, top to bottom for one hole.
pub fn subtract(rect: Rect, holes: &[Rect]) -> Vec<Rect> {
    let mut left = vec![rect];
    for &hole in holes {
        left = left.into_iter().flat_map(|part| cut(part, hole)).collect();
    }
    left
}

fn cut(rect: Rect, hole: Rect) -> Vec<Rect> {
    let Some(hole) = intersect(rect, hole) else {
        return vec![rect];
    };
    let parts = [
        Rect::new(rect.x, rect.y, rect.w, hole.y - rect.y),
        Rect::new(rect.x, hole.y, hole.x - rect.x, hole.h),
        Rect::new(hole.right(), hole.y, rect.right() - hole.right(), hole.h),
        Rect::new(rect.x, hole.bottom(), rect.w, rect.bottom() - hole.bottom()),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Rect = Rect::new(0, 34, 1000, 600);

    fn place(w: u32, h: u32, zoom: Zoom) -> Placement {
        Placement::new(AREA, Size::new(w, h), zoom, (500.0, 334.0))
    }

    #[test]
    fn fit_keeps_the_proportions_and_centres() {
        let wide = place(1920, 1080, Zoom::Fit);
        assert_eq!((wide.shown, wide.x, wide.y), (Size::new(1000, 563), 0, 52));
        let tall = place(600, 1200, Zoom::Fit);
        assert_eq!((tall.shown, tall.x, tall.y), (Size::new(300, 600), 350, 34));
        assert!(place(500, 300, Zoom::Fit).is_whole());
        assert!(!wide.is_whole());
        let nothing = Placement::new(AREA, Size::default(), Zoom::Fit, (0.0, 0.0));
        assert_eq!(nothing.visible(), None);
        assert_eq!(nothing.guest_pixel(5.0, 5.0), None);
    }

    #[test]
    fn one_to_one_is_exact_and_a_large_picture_follows_the_pointer() {
        let small = place(640, 480, Zoom::Times(1));
        assert!(small.is_exact());
        assert_eq!((small.x, small.y), (180, 94));
        let large = Placement::new(AREA, Size::new(1280, 800), Zoom::Times(1), (999.9, 633.9));
        assert_eq!(large.guest_pixel(999.9, 633.9), Some((1279, 799)));
        let other = Placement::new(AREA, Size::new(1280, 800), Zoom::Times(1), (0.0, 34.0));
        assert_eq!(other.guest_pixel(0.0, 34.0), Some((0, 0)));
        assert_eq!(other.visible(), Some(AREA));
    }

    #[test]
    fn whole_multiples_fit_and_stretching_fills_the_window() {
        assert_eq!(place(300, 250, Zoom::Whole).shown, Size::new(600, 500));
        assert!(place(300, 250, Zoom::Whole).is_sharp());
        assert!(place(1280, 800, Zoom::Whole).is_exact());
        let stretched = place(640, 480, Zoom::Stretch);
        assert_eq!(stretched.visible(), Some(AREA));
        assert_eq!(stretched.guest_pixel(999.9, 633.9), Some((639, 479)));
        assert!(!stretched.is_sharp());
        let sharp = Placement {
            smooth: false,
            ..stretched
        };
        assert!(sharp.is_sharp());
    }

    #[test]
    fn window_positions_outside_the_picture_are_clamped_to_its_edge() {
        let place = place(100, 100, Zoom::Times(2));
        assert_eq!(place.guest_pixel(-50.0, 10_000.0), Some((0, 99)));
        assert_eq!(
            place.guest_pixel(f64::from(place.x) + 3.0, 0.0),
            Some((1, 0))
        );
        assert!(!place.contains(0.0, 0.0));
        assert!(place.contains(500.0, 334.0));
    }

    #[test]
    fn damage_in_the_window_covers_every_pixel_that_may_change() {
        let exact = place(640, 480, Zoom::Times(1));
        assert_eq!(
            exact.window_rect(Rect::new(3, 4, 5, 6)),
            Some(Rect::new(183, 98, 5, 6))
        );
        let scaled = place(1920, 1080, Zoom::Fit);
        let window = scaled.window_rect(Rect::new(0, 0, 1920, 1080)).unwrap();
        assert_eq!(Some(window), scaled.visible());
        let dot = scaled.window_rect(Rect::new(1000, 500, 1, 1)).unwrap();
        assert!(dot.x <= 520 && dot.right() >= 522 && dot.w <= 4);
    }

    #[test]
    fn holes_are_cut_without_overlap() {
        let rect = Rect::new(0, 0, 100, 100);
        let holes = [Rect::new(10, 10, 20, 20), Rect::new(20, 20, 200, 20)];
        let parts = subtract(rect, &holes);
        let area: u64 = parts.iter().map(|part| part.area()).sum();
        assert_eq!(area, 10_000 - 400 - 1_600 + 100);
        for (i, a) in parts.iter().enumerate() {
            assert!(parts[i + 1..].iter().all(|b| intersect(*a, *b).is_none()));
            assert!(holes.iter().all(|hole| intersect(*a, *hole).is_none()));
        }
        assert_eq!(subtract(rect, &[rect]), []);
    }
}
