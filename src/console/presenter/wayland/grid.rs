//! Where a Wayland compositor can put the guest's picture: only at its own, logical pixels, which at a scale of the
//! desktop of 1.25 are five physical pixels for every four.

use crate::display::frame::Rect;

use super::super::super::view::Placement;

/// The unit of scales in wp_fractional_scale_v1.
const PARTS: u32 = 120;

/// How many physical pixels are how many logical ones, in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    physical: u32,
    logical: u32,
}

impl Grid {
    pub fn new(scale: f64) -> Self {
        let parts = (scale * f64::from(PARTS)).round().max(1.0) as u32; // `as` saturates.
        let common = common_divisor(parts, PARTS);
        Self {
            physical: parts / common,
            logical: PARTS / common,
        }
    }

    /// The largest part of `rect` whose edges are edges of logical pixels too.
    pub fn within(self, rect: Rect) -> Option<Rect> {
        let up = |at: u32| at.next_multiple_of(self.physical);
        let down = |at: u32| at / self.physical * self.physical;
        let (x, y) = (up(rect.x), up(rect.y));
        let w = down(rect.right()).checked_sub(x)?;
        let h = down(rect.bottom()).checked_sub(y)?;
        (w > 0 && h > 0).then_some(Rect::new(x, y, w, h))
    }

    /// The smallest rectangle around `rect` whose edges are edges of logical pixels too.
    pub fn around(self, rect: Rect) -> Rect {
        let down = |at: u32| at / self.physical * self.physical;
        let up = |at: u32| at.next_multiple_of(self.physical);
        let (x, y) = (down(rect.x), down(rect.y));
        Rect::new(x, y, up(rect.right()) - x, up(rect.bottom()) - y)
    }

    /// In logical pixels; exact for what [`Self::within`] and [`Self::around`] give.
    pub fn logical(self, rect: Rect) -> Rect {
        self.edges(rect, self.logical, self.physical)
    }

    /// In physical pixels, as compositors round.
    fn physical(self, rect: Rect) -> Rect {
        self.edges(rect, self.physical, self.logical)
    }

    /// Edges times `times` over `over`, rounded.
    fn edges(self, rect: Rect, times: u32, over: u32) -> Rect {
        let edge = |at: u32| {
            let (at, times, over) = (u64::from(at), u64::from(times), u64::from(over));
            u32::try_from((at * times + over / 2) / over).unwrap_or(u32::MAX)
        };
        let (x, y) = (edge(rect.x), edge(rect.y));
        let (w, h) = (edge(rect.right()) - x, edge(rect.bottom()) - y);
        Rect::new(x, y, w.max(1), h.max(1))
    }
}

fn common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// How the guest's surface lies in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lie {
    /// The window pixels that it covers.
    pub core: Rect,
    /// The same in logical pixels.
    pub place: Rect,
    /// The guest pixels that are shown, one to one; `None` for all of them, scaled.
    pub source: Option<Rect>,
    /// Where the picture is then: that of the scene, but for the rounding of a scaled one.
    pub placement: Placement,
}

impl Lie {
    /// `None` where a compositor can't show it so: it mixes colours whenever it scales, and nobody can ask it not to.
    pub fn new(placement: &Placement, grid: Grid) -> Option<Self> {
        let visible = placement.visible()?;
        if placement.is_exact() {
            let core = grid.within(visible)?;
            let from = |at: u32, origin: i32| {
                u32::try_from(i64::from(at) - i64::from(origin)).unwrap_or(0)
            };
            let (x, y) = (from(core.x, placement.x), from(core.y, placement.y));
            return Some(Self {
                core,
                place: grid.logical(core),
                source: Some(Rect::new(x, y, core.w, core.h)),
                placement: *placement,
            });
        }
        let whole = (visible.w, visible.h) == (placement.shown.width, placement.shown.height);
        if placement.is_sharp() || !whole {
            return None;
        }
        let place = grid.logical(visible);
        let core = grid.physical(place);
        let mut rounded = *placement;
        (rounded.x, rounded.y) = (signed(core.x), signed(core.y));
        (rounded.shown.width, rounded.shown.height) = (core.w, core.h);
        Some(Self {
            core,
            place,
            source: None,
            placement: rounded,
        })
    }
}

/// Places in a window are far below this.
pub fn signed(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::frame::Size;
    use crate::model::Zoom;

    const SCALES: [f64; 8] = [1.0, 1.25, 4.0 / 3.0, 1.5, 1.75, 2.0, 2.25, 1.1];

    fn placement(scale: f64, guest: (u32, u32), zoom: Zoom) -> Placement {
        let side = |points: f64| (points * scale).round() as u32;
        let top = side(36.0);
        let area = Rect::new(0, top, side(1001.0), side(703.0) - top);
        Placement::new(area, Size::new(guest.0, guest.1), zoom, (0.0, 0.0))
    }

    #[test]
    fn one_to_one_lies_on_logical_pixels_at_every_scale_and_little_is_left_over() {
        for scale in SCALES {
            for guest in [(1280, 800), (641, 479), (3000, 2000)] {
                let placement = placement(scale, guest, Zoom::Times(1));
                let lie = Lie::new(&placement, Grid::new(scale)).unwrap();
                let close = |logical: u32, physical: u32| {
                    (f64::from(logical) * scale - f64::from(physical)).abs() < 1e-6
                };
                assert!(close(lie.place.x, lie.core.x) && close(lie.place.w, lie.core.w));
                assert!(close(lie.place.y, lie.core.y) && close(lie.place.h, lie.core.h));
                let source = lie.source.unwrap();
                assert!(source.fits(placement.guest), "{scale} {source:?}");
                assert_eq!((source.w, source.h), (lie.core.w, lie.core.h));
                let visible = placement.visible().unwrap();
                let most = 2 * Grid::new(scale).physical;
                assert!(visible.w - lie.core.w < most && visible.h - lie.core.h < most);
            }
        }
    }

    #[test]
    fn a_scaled_picture_fills_the_window_and_is_off_by_less_than_a_logical_pixel() {
        for scale in SCALES {
            for zoom in [Zoom::Fit, Zoom::Stretch] {
                let placement = placement(scale, (1283, 797), zoom);
                let lie = Lie::new(&placement, Grid::new(scale)).unwrap();
                let visible = placement.visible().unwrap();
                let off = |a: u32, b: u32| f64::from(a.abs_diff(b)) <= scale.ceil();
                assert!(off(lie.core.x, visible.x) && off(lie.core.right(), visible.right()));
                assert!(off(lie.core.y, visible.y) && off(lie.core.bottom(), visible.bottom()));
                assert_eq!(lie.placement.visible(), Some(lie.core), "{scale} {zoom:?}");
                if zoom == Zoom::Stretch {
                    assert_eq!(lie.place, Rect::new(0, 36, 1001, 703 - 36));
                }
            }
        }
    }

    #[test]
    fn sharp_multiples_are_not_left_to_a_compositor() {
        for zoom in [Zoom::Whole, Zoom::Times(2)] {
            let placement = placement(1.0, (320, 200), zoom);
            assert_eq!(Lie::new(&placement, Grid::new(1.0)), None);
        }
        let mut unmixed = placement(1.0, (1283, 797), Zoom::Fit);
        unmixed.smooth = false;
        assert_eq!(Lie::new(&unmixed, Grid::new(1.0)), None);
    }

    #[test]
    fn what_lies_over_the_picture_is_within_its_logical_pixels() {
        let grid = Grid::new(1.25);
        let around = grid.around(Rect::new(7, 10, 11, 5));
        assert_eq!(around, Rect::new(5, 10, 15, 5));
        assert_eq!(grid.logical(around), Rect::new(4, 8, 12, 4));
        assert_eq!(grid.within(Rect::new(6, 0, 8, 10)), None);
    }
}
