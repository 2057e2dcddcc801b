//! Turns the window's pointer into the guest's: positions, buttons, wheel and raw motion.

use std::collections::BTreeSet;

use winit::event::{DeviceId, MouseButton, MouseScrollDelta};

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
    last_raw: Option<(DeviceId, (f64, f64))>,
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

    /// Raw motion, for a captured pointer. X11 delivers each motion twice, from the mouse and from the pointer it
    /// moves; the second is dropped.
    pub fn raw(&mut self, device: DeviceId, delta: (f64, f64)) -> Option<Input> {
        if self
            .last_raw
            .is_some_and(|(last, same)| last != device && same == delta)
        {
            self.last_raw = None;
            return None;
        }
        self.last_raw = Some((device, delta));
        let dx = whole(&mut self.motion.0, delta.0);
        let dy = whole(&mut self.motion.1, delta.1);
        (dx != 0 || dy != 0).then_some(Input::PointerRel { dx, dy })
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
        self.last_raw = None;
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
        let placement = Placement::new(
            area,
            Size::new(50, 50),
            super::super::view::Zoom::Fit,
            (0.0, 0.0),
        );
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
        let mouse = DeviceId::dummy();
        assert_eq!(pointer.raw(mouse, (0.6, 0.0)), None);
        assert_eq!(
            pointer.raw(mouse, (0.6, -1.0)),
            Some(Input::PointerRel { dx: 1, dy: -1 })
        );
    }
}
