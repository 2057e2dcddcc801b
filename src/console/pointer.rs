//! Turns the window's pointer into the guest's: positions, buttons, wheel and raw motion.

use std::collections::BTreeSet;

use winit::event::{MouseButton, MouseScrollDelta};

use crate::display::{Button, Input};

use super::view::Placement;

/// Pixels of a smooth wheel that make one step.
const STEP: f64 = 40.0;
/// One event of a broken mouse is not more than this many guest pixels or steps.
const MAX_MOTION: f64 = 10_000.0;

#[derive(Debug, Default)]
pub struct Pointer {
    /// The last place in the window, in physical pixels.
    pub at: (f64, f64),
    /// Buttons that the guest holds for us.
    held: BTreeSet<Button>,
    /// Parts of steps that were not sent yet.
    wheel: (f64, f64),
    motion: (f64, f64),
    /// Where a captured pointer was, and whether it is being put back.
    last_place: Option<(f64, f64)>,
    going_home: bool,
    last_sent: Option<(u32, u32)>,
}

impl Pointer {
    /// True while a button is held in the guest: motion is the guest's wherever it goes.
    pub fn is_dragging(&self) -> bool {
        !self.held.is_empty()
    }

    /// The position for a guest with an absolute pointer; `None` if it is the last one again.
    pub fn place(&mut self, placement: &Placement) -> Option<Input> {
        let (x, y) = placement.guest_pixel(self.at.0, self.at.1)?;
        let news = self.last_sent.replace((x, y)) != Some((x, y));
        news.then_some(Input::PointerAbs { x, y })
    }

    /// Raw motion, for a pointer that is locked in place (Wayland).
    pub fn raw(&mut self, delta: (f64, f64)) -> Option<Input> {
        let dx = whole(&mut self.motion.0, delta.0);
        let dy = whole(&mut self.motion.1, delta.1);
        (dx != 0 || dy != 0).then_some(Input::PointerRel { dx, dy })
    }

    /// The pointer was captured here: the next motion counts from this place.
    pub fn begin_roaming(&mut self) {
        self.last_place = Some(self.at);
        self.going_home = false;
    }

    /// Motion of a captured pointer that is only kept in the window (X11, whose raw motion comes twice): the way from
    /// the last place, and whether to put the pointer back to `home` before it reaches an edge.
    pub fn roam(&mut self, home: (f64, f64), reach: f64) -> (Option<Input>, bool) {
        let far = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).hypot(a.1 - b.1);
        let last = self.last_place.unwrap_or(self.at);
        // The event that tells of our putting it back is no motion.
        let came_home = self.going_home && far(self.at, home) < far(self.at, last);
        let from = if came_home { home } else { last };
        self.going_home &= !came_home;
        self.last_place = Some(self.at);
        let input = self.raw((self.at.0 - from.0, self.at.1 - from.1));
        let back = !self.going_home && far(self.at, home) > reach;
        self.going_home |= back;
        (input, back)
    }

    /// A button over the picture. A release is only sent for a press that was.
    pub fn button(&mut self, button: MouseButton, down: bool) -> Option<Input> {
        let button = match button {
            MouseButton::Left => Button::Left,
            MouseButton::Middle => Button::Middle,
            MouseButton::Right => Button::Right,
            MouseButton::Back => Button::Side,
            MouseButton::Forward => Button::Extra,
            MouseButton::Other(_) => return None,
        };
        let known = if down {
            self.held.insert(button);
            true
        } else {
            self.held.remove(&button)
        };
        known.then_some(Input::Button { button, down })
    }

    /// The guest was told to let everything go.
    pub fn forget(&mut self) {
        self.held.clear();
        self.last_sent = None;
        self.last_place = None;
        self.going_home = false;
    }

    /// Whole steps of the wheel. winit's vertical value is positive away from the person, its horizontal one when the
    /// content moves right, which is a step to the left.
    pub fn wheel(&mut self, delta: MouseScrollDelta) -> Option<Input> {
        let (x, y) = match delta {
            MouseScrollDelta::LineDelta(x, y) => (f64::from(x), f64::from(y)),
            MouseScrollDelta::PixelDelta(pixels) => (pixels.x / STEP, pixels.y / STEP),
        };
        let dx = whole(&mut self.wheel.0, -x);
        let dy = whole(&mut self.wheel.1, y);
        (dx != 0 || dy != 0).then_some(Input::Wheel { dx, dy })
    }
}

/// Adds to what is left over and takes the whole part out.
fn whole(left: &mut f64, more: f64) -> i32 {
    let more = if more.is_finite() { more } else { 0.0 };
    *left = (*left + more).clamp(-MAX_MOTION, MAX_MOTION);
    let whole = left.trunc();
    *left -= whole;
    whole as i32
}

#[cfg(test)]
mod tests {
    use winit::dpi::PhysicalPosition;

    use super::*;

    #[test]
    fn smooth_wheels_add_up_to_steps_and_away_is_up() {
        let mut pointer = Pointer::default();
        let smooth = |y| MouseScrollDelta::PixelDelta(PhysicalPosition::new(0.0, y));
        assert_eq!(pointer.wheel(smooth(25.0)), None);
        assert_eq!(
            pointer.wheel(smooth(25.0)),
            Some(Input::Wheel { dx: 0, dy: 1 })
        );
        let line = MouseScrollDelta::LineDelta(1.0, -2.0);
        assert_eq!(pointer.wheel(line), Some(Input::Wheel { dx: -1, dy: -1 }));
        assert_eq!(pointer.wheel(smooth(f64::NAN)), None);
    }

    #[test]
    fn a_release_without_its_press_is_not_sent() {
        let mut pointer = Pointer::default();
        assert_eq!(pointer.button(MouseButton::Left, false), None);
        let press = pointer.button(MouseButton::Back, true);
        assert_eq!(
            press,
            Some(Input::Button {
                button: Button::Side,
                down: true
            })
        );
        assert!(pointer.is_dragging());
        pointer.forget();
        assert_eq!(pointer.button(MouseButton::Back, false), None);
        assert_eq!(pointer.button(MouseButton::Other(9), true), None);
    }

    #[test]
    fn the_same_place_is_sent_once_and_fractions_of_motion_add_up() {
        use crate::display::frame::{Rect, Size};
        let area = Rect::new(0, 0, 100, 100);
        let placement =
            Placement::new(area, Size::new(50, 50), crate::model::Zoom::Fit, (0.0, 0.0));
        let mut pointer = Pointer {
            at: (10.0, 10.0),
            ..Pointer::default()
        };
        assert_eq!(
            pointer.place(&placement),
            Some(Input::PointerAbs { x: 5, y: 5 })
        );
        pointer.at = (10.9, 10.9);
        assert_eq!(pointer.place(&placement), None);
        assert_eq!(pointer.raw((0.6, 0.0)), None);
        let moved = Input::PointerRel { dx: 1, dy: -1 };
        assert_eq!(pointer.raw((0.6, -1.0)), Some(moved));
    }

    #[test]
    fn a_pointer_that_is_put_back_has_moved_only_as_the_hand_did() {
        let home = (100.0, 100.0);
        let mut pointer = Pointer {
            at: home,
            ..Pointer::default()
        };
        let mut sum = (0, 0);
        let mut step = |pointer: &mut Pointer, x: f64, y: f64| {
            pointer.at = (x, y);
            let (input, back) = pointer.roam(home, 50.0);
            if let Some(Input::PointerRel { dx, dy }) = input {
                sum = (sum.0 + dx, sum.1 + dy);
            }
            (sum, back)
        };
        assert_eq!(step(&mut pointer, 100.0, 100.0), ((0, 0), false));
        assert_eq!(step(&mut pointer, 140.0, 100.0), ((40, 0), false));
        assert_eq!(step(&mut pointer, 160.0, 110.0), ((60, 10), true));
        // Sent before the server put it back, then the way home, with a little motion of the hand.
        assert_eq!(step(&mut pointer, 165.0, 110.0), ((65, 10), false));
        assert_eq!(step(&mut pointer, 102.0, 100.0), ((67, 10), false));
        assert_eq!(step(&mut pointer, 103.0, 100.0), ((68, 10), false));
    }
}
