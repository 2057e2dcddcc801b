//! The pointer on a guest's screen: positions for guests with a tablet, motion for those without.

use egui::{
    Event, MouseWheelUnit, PointerButton, Pos2, Rect, TouchPhase, Ui, Vec2, ViewportCommand,
};

use super::Ask;
use super::screen_view::to_guest;
use super::view::LiveScreen;
use crate::display::steps::Steps;
use crate::display::touch::{Fingers, Touch};

/// What the pointer did on the guest's screen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pointer {
    /// To this guest pixel.
    Moved { x: u32, y: u32 },
    /// By so many guest pixels.
    Shifted { dx: i32, dy: i32 },
    Button {
        button: PointerButton,
        pressed: bool,
    },
    /// Notches of the wheel; up and right are positive.
    Wheel { right: i32, up: i32 },
    /// A finger on the guest's touchscreen.
    Finger(Touch),
}

/// Points of a touchpad's scrolling that make one notch.
const POINTS_PER_NOTCH: f32 = 20.0;
const LINES_PER_PAGE: f32 = 3.0;

/// What the screen page remembers of the pointer between frames.
#[derive(Debug, Default)]
pub struct Hand {
    /// Parts of notches that were not sent yet.
    wheel: [Steps; 2],
    /// Parts of pixels that were not sent yet.
    motion: [Steps; 2],
    /// Where a held pointer was.
    last: Option<Pos2>,
    /// It is being put back to the middle.
    going_home: bool,
    /// On the guest's touchscreen.
    fingers: Fingers,
    /// This desktop tells where a held pointer is: raw motion would count twice.
    roams: bool,
}

impl Hand {
    /// Passes on what the pointer does. A guest without a tablet gets it only while it has the keyboard too.
    pub fn follow(
        &mut self,
        ui: &Ui,
        screen: &LiveScreen,
        picture: Rect,
        captured: bool,
        response: &egui::Response,
        asks: &mut Vec<Ask>,
    ) {
        if self.follow_fingers(ui, screen, picture, response, asks) {
            return; // egui takes the first finger for a mouse, too.
        }
        if !screen.absolute && captured {
            return self.follow_held(ui, screen, picture, asks);
        }
        (self.last, self.roams, self.going_home) = (None, false, false);
        let inside = response.contains_pointer() || response.dragged() || response.drag_stopped();
        if !inside || !screen.absolute {
            return; // The click that begins a capture is no click of the guest's.
        }
        let guest = (screen.width, screen.height);
        let moved = |at| {
            let (x, y) = to_guest(picture, guest, at);
            Pointer::Moved { x, y }
        };
        let machine = screen.machine;
        ui.input(|input| {
            for event in &input.events {
                match *event {
                    Event::PointerMoved(at) => asks.push(Ask::Pointer(machine, moved(at))),
                    Event::PointerButton { pos, .. } => {
                        asks.push(Ask::Pointer(machine, moved(pos)));
                    }
                    _ => {}
                }
                asks.extend(self.other(event).map(|done| Ask::Pointer(machine, done)));
            }
        });
    }

    /// Whether fingers did something, where the guest has a touchscreen. None is left on it when the window loses the
    /// keyboard or the picture.
    fn follow_fingers(
        &mut self,
        ui: &Ui,
        screen: &LiveScreen,
        picture: Rect,
        response: &egui::Response,
        asks: &mut Vec<Ask>,
    ) -> bool {
        let guest = (screen.width, screen.height);
        let (events, focused) = ui.input(|input| (input.events.clone(), input.focused));
        let mut done = Vec::new();
        if !focused || screen.touch_slots == 0 {
            done.extend(self.fingers.lift_all());
        }
        let mut any = !self.fingers.is_empty();
        for event in &events {
            let Event::Touch { id, phase, pos, .. } = *event else {
                continue;
            };
            let at = to_guest(picture, guest, pos);
            let on_picture = picture.intersect(response.rect).contains(pos)
                && ui.ctx().layer_id_at(pos) == Some(response.layer_id);
            any |= screen.touch_slots > 0;
            done.extend(match phase {
                TouchPhase::Start if on_picture && focused => {
                    self.fingers.put(id.0, at, screen.touch_slots)
                }
                TouchPhase::Start => None,
                TouchPhase::Move => self.fingers.slide(id.0, at),
                TouchPhase::End | TouchPhase::Cancel => self.fingers.lift(id.0),
            });
        }
        let machine = screen.machine;
        asks.extend(
            done.into_iter()
                .map(|touch| Ask::Pointer(machine, Pointer::Finger(touch))),
        );
        any
    }

    /// The pointer is kept in the window, and its motion is the guest's.
    fn follow_held(&mut self, ui: &Ui, screen: &LiveScreen, picture: Rect, asks: &mut Vec<Ask>) {
        ui.ctx().set_cursor_icon(egui::CursorIcon::None);
        let home = picture.intersect(ui.ctx().content_rect()).center();
        let reach = picture.size().min_elem() / 4.0;
        // One pixel of the hand is one of the guest, as long as the picture is not scaled.
        let scale = screen.width.max(1) as f32 / picture.width().max(1.0);
        let events = ui.input(|input| input.events.clone());
        self.roams |= events
            .iter()
            .any(|event| matches!(event, Event::PointerMoved(_)));
        for event in &events {
            let done = match *event {
                Event::PointerMoved(at) => {
                    let (way, back) = self.roam(at, home, reach);
                    if back {
                        ui.ctx()
                            .send_viewport_cmd(ViewportCommand::CursorPosition(home));
                    }
                    self.shift(way * scale)
                }
                Event::MouseMoved(way) if !self.roams => self.shift(way),
                _ => self.other(event),
            };
            asks.extend(done.map(|done| Ask::Pointer(screen.machine, done)));
        }
    }

    /// Buttons and the wheel.
    fn other(&mut self, event: &Event) -> Option<Pointer> {
        match *event {
            Event::PointerButton {
                button, pressed, ..
            } => Some(Pointer::Button { button, pressed }),
            Event::MouseWheel { unit, delta, .. } => self.turn(unit, delta),
            _ => None,
        }
    }

    /// The way from the last place, and whether the pointer has to go back to the middle before it meets an edge.
    fn roam(&mut self, at: Pos2, home: Pos2, reach: f32) -> (Vec2, bool) {
        let last = self.last.unwrap_or(at);
        // The event that tells of our putting it back is no motion.
        let came_home = self.going_home && at.distance(home) < at.distance(last);
        let from = if came_home { home } else { last };
        self.going_home &= !came_home;
        self.last = Some(at);
        let back = !self.going_home && at.distance(home) > reach;
        self.going_home |= back;
        (at - from, back)
    }

    fn shift(&mut self, way: Vec2) -> Option<Pointer> {
        let [x, y] = &mut self.motion;
        let (dx, dy) = (x.add(way.x.into()), y.add(way.y.into()));
        (dx != 0 || dy != 0).then_some(Pointer::Shifted { dx, dy })
    }

    /// egui's horizontal value is positive when the content moves right, which is a notch to the left.
    fn turn(&mut self, unit: MouseWheelUnit, delta: Vec2) -> Option<Pointer> {
        let notches = match unit {
            MouseWheelUnit::Line => delta,
            MouseWheelUnit::Page => delta * LINES_PER_PAGE,
            MouseWheelUnit::Point => delta / POINTS_PER_NOTCH,
        };
        let [right, up] = &mut self.wheel;
        let right = right.turn((-notches.x).into());
        let up = up.turn(notches.y.into());
        (right != 0 || up != 0).then_some(Pointer::Wheel { right, up })
    }
}

#[cfg(test)]
mod tests {
    use egui::{pos2, vec2};

    use super::*;

    #[test]
    fn a_touchpads_scrolling_adds_up_to_notches_in_both_directions() {
        let mut hand = Hand::default();
        let mut turn = |x, y| hand.turn(MouseWheelUnit::Point, vec2(x, y));
        assert_eq!(turn(0.0, 7.0), None);
        assert_eq!(turn(0.0, 7.0), None);
        assert_eq!(turn(0.0, 7.0), Some(Pointer::Wheel { right: 0, up: 1 }));
        assert_eq!(turn(-45.0, -1.0), Some(Pointer::Wheel { right: 2, up: 0 }));
        assert_eq!(turn(f32::NAN, 0.0), None);
        let line = hand.turn(MouseWheelUnit::Line, vec2(1.0, -2.0));
        assert_eq!(line, Some(Pointer::Wheel { right: -1, up: -2 }));
    }

    #[test]
    fn a_held_pointer_that_is_put_back_has_moved_only_as_the_hand_did() {
        let (home, mut hand, mut sum) = (pos2(100.0, 100.0), Hand::default(), Vec2::ZERO);
        let mut step = |x: f32, y: f32| {
            let (way, back) = hand.roam(pos2(x, y), home, 50.0);
            sum += way;
            (sum, back)
        };
        assert_eq!(step(100.0, 100.0), (vec2(0.0, 0.0), false));
        assert_eq!(step(140.0, 100.0), (vec2(40.0, 0.0), false));
        assert_eq!(step(160.0, 110.0), (vec2(60.0, 10.0), true));
        // On its way before it was put back, then the way home, with a little motion of the hand.
        assert_eq!(step(165.0, 110.0), (vec2(65.0, 10.0), false));
        assert_eq!(step(102.0, 100.0), (vec2(67.0, 10.0), false));
        assert_eq!(step(103.0, 100.0), (vec2(68.0, 10.0), false));
    }

    #[test]
    fn parts_of_pixels_are_not_lost() {
        let mut hand = Hand::default();
        assert_eq!(hand.shift(vec2(0.6, -0.3)), None);
        let moved = Pointer::Shifted { dx: 1, dy: 0 };
        assert_eq!(hand.shift(vec2(0.6, -0.3)), Some(moved));
    }
}
