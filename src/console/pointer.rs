//! Turns the window's pointer into the guest's: positions, buttons, wheel and raw motion.

use std::collections::BTreeSet;

use winit::event::{MouseButton, MouseScrollDelta, Touch, TouchPhase};

use crate::display::steps::Steps;
use crate::display::touch::Fingers;
use crate::display::{Button, Input};

use super::view::Placement;

/// Pixels of a smooth wheel that make one step.
const STEP: f64 = 40.0;

#[derive(Debug, Default)]
pub struct Pointer {
    /// The last place in the window, in physical pixels.
    pub at: (f64, f64),
    /// Buttons that the guest holds for us.
    held: BTreeSet<Button>,
    /// Parts of steps that were not sent yet.
    wheel: [Steps; 2],
    motion: [Steps; 2],
    /// Where a captured pointer was, and whether it is being put back.
    last_place: Option<(f64, f64)>,
    going_home: bool,
    last_sent: Option<(u32, u32)>,
    /// On the guest's touchscreen.
    fingers: Fingers,
    /// The finger that is a mouse to a guest without one.
    mouse: Option<u64>,
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
        let [x, y] = &mut self.motion;
        let (dx, dy) = (x.add(delta.0), y.add(delta.1));
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
        self.fingers.lift_all();
        self.mouse = None;
    }

    /// The finger began on the picture.
    pub fn has_finger(&self, finger: u64) -> bool {
        self.fingers.has(finger) || self.mouse == Some(finger)
    }

    /// A finger on the picture. With `slots` the guest has a touchscreen; without, the first finger is a mouse.
    pub fn finger(&mut self, touch: &Touch, placement: &Placement, slots: u8) -> Vec<Input> {
        let (finger, at) = (touch.id, (touch.location.x, touch.location.y));
        let Some(pixel) = placement.guest_pixel(at.0, at.1) else {
            return Vec::new();
        };
        if self.mouse == Some(finger) || slots == 0 {
            return self.finger_as_mouse(touch.phase, finger, at, placement);
        }
        let done = match touch.phase {
            TouchPhase::Started => self.fingers.put(finger, pixel, slots),
            TouchPhase::Moved => self.fingers.slide(finger, pixel),
            TouchPhase::Ended | TouchPhase::Cancelled => self.fingers.lift(finger),
        };
        done.map(Input::Touch).into_iter().collect()
    }

    fn finger_as_mouse(
        &mut self,
        phase: TouchPhase,
        finger: u64,
        at: (f64, f64),
        placement: &Placement,
    ) -> Vec<Input> {
        let begins = phase == TouchPhase::Started && self.mouse.is_none();
        if !begins && self.mouse != Some(finger) {
            return Vec::new();
        }
        self.at = at;
        let place = self.place(placement);
        let button = match phase {
            TouchPhase::Started => {
                self.mouse = Some(finger);
                self.button(MouseButton::Left, true)
            }
            TouchPhase::Moved => None,
            TouchPhase::Ended | TouchPhase::Cancelled => {
                self.mouse = None;
                self.button(MouseButton::Left, false)
            }
        };
        place.into_iter().chain(button).collect()
    }

    /// Whole steps of the wheel. winit's vertical value is positive away from the person, its horizontal one when the
    /// content moves right, which is a step to the left.
    pub fn wheel(&mut self, delta: MouseScrollDelta) -> Option<Input> {
        let (x, y) = match delta {
            MouseScrollDelta::LineDelta(x, y) => (f64::from(x), f64::from(y)),
            MouseScrollDelta::PixelDelta(pixels) => (pixels.x / STEP, pixels.y / STEP),
        };
        let [right, up] = &mut self.wheel;
        let (dx, dy) = (right.turn(-x), up.turn(y));
        (dx != 0 || dy != 0).then_some(Input::Wheel { dx, dy })
    }
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
        // The quarter notch that was begun upwards is given up.
        let line = MouseScrollDelta::LineDelta(1.0, -2.0);
        assert_eq!(pointer.wheel(line), Some(Input::Wheel { dx: -1, dy: -2 }));
        assert_eq!(pointer.wheel(smooth(f64::NAN)), None);
    }

    fn touch(id: u64, phase: TouchPhase, x: f64) -> Touch {
        Touch {
            device_id: winit::event::DeviceId::dummy(),
            phase,
            location: PhysicalPosition::new(x, 20.0),
            force: None,
            id,
        }
    }

    fn half_size() -> Placement {
        use crate::display::frame::{Rect, Size};
        let area = Rect::new(0, 0, 100, 100);
        Placement::new(area, Size::new(50, 50), crate::model::Zoom::Fit, (0.0, 0.0))
    }

    #[test]
    fn a_finger_is_the_touchscreens_and_stays_on_its_picture() {
        use crate::display::touch::Phase;
        let (mut pointer, place) = (Pointer::default(), half_size());
        let mut touch = |id, phase, x| pointer.finger(&touch(id, phase, x), &place, 2);
        let (y, slot) = (10, 0);
        let sent = |phase, x| {
            let touch = crate::display::touch::Touch { slot, phase, x, y };
            vec![Input::Touch(touch)]
        };
        assert_eq!(touch(5, TouchPhase::Started, 30.0), sent(Phase::Begin, 15));
        assert_eq!(touch(5, TouchPhase::Moved, 999.0), sent(Phase::Move, 49));
        assert_eq!(touch(5, TouchPhase::Moved, 99.0), [], "it is there");
        assert_eq!(touch(5, TouchPhase::Cancelled, 9.0), sent(Phase::End, 49));
    }

    #[test]
    fn without_a_touchscreen_the_first_finger_is_a_mouse() {
        let (mut pointer, place) = (Pointer::default(), half_size());
        let button = |down| Input::Button {
            button: Button::Left,
            down,
        };
        let begun = pointer.finger(&touch(5, TouchPhase::Started, 30.0), &place, 0);
        assert_eq!(begun, [Input::PointerAbs { x: 15, y: 10 }, button(true)]);
        let second = pointer.finger(&touch(6, TouchPhase::Started, 50.0), &place, 0);
        assert_eq!(second, []);
        assert!(pointer.has_finger(5) && !pointer.has_finger(6));
        let ended = pointer.finger(&touch(5, TouchPhase::Ended, 30.0), &place, 0);
        assert_eq!(ended, [button(false)]);
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
        let placement = half_size();
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
