//! Keys, pointer and focus of the window: to the guest or to the bar.

use winit::dpi::PhysicalPosition;
use winit::event::{ElementState, KeyEvent, Touch, TouchPhase, WindowEvent};
use winit::event_loop::ActiveEventLoop;
use winit::platform::scancode::PhysicalKeyExtScancode;
use winit::window::CursorGrabMode;

use crate::display::Input;
use crate::display::keys::KeyCode;
use crate::model::MachineReport;

use super::super::keyboard::Outcome;
use super::{Console, Hold, Stage};

/// Toggles full screen while the bar has the keys.
const F11: KeyCode = KeyCode(87);

impl Console {
    pub(super) fn focus(&mut self, focused: bool, event: &WindowEvent) {
        self.focused = focused;
        if !focused {
            self.session.send(Input::ReleaseAll);
            self.sharing.forget_keys();
            self.keyboard.forget();
            self.host_keys.forget();
            self.pointer.forget();
            self.release_pointer();
        }
        self.feed_overlay(event);
    }

    /// Keys that come the ordinary way, without a grab. Synthetic ones only tell what was held before; the guest has
    /// been told to let everything go.
    pub(super) fn keyboard_event(&mut self, event: &WindowEvent) {
        let WindowEvent::KeyboardInput {
            event: key,
            is_synthetic,
            ..
        } = event
        else {
            return self.feed_overlay(event);
        };
        if *is_synthetic {
            return;
        }
        let KeyEvent {
            physical_key,
            state,
            ..
        } = key;
        let code = physical_key
            .to_scancode()
            .and_then(|code| u16::try_from(code).ok());
        let down = *state == ElementState::Pressed;
        if self.bar_has_keys() {
            self.feed_overlay(event);
        }
        if let Some(code) = code {
            self.key(KeyCode(code), down);
        }
    }

    /// A key from wherever; repeats come as further presses, which is what QEMU expects of its host.
    pub(super) fn key(&mut self, code: KeyCode, down: bool) {
        let desktops = self.host_keys.press(code, down);
        if self.menu_open() {
            return;
        }
        if desktops && self.keyboard.is_captured() {
            self.session.send(Input::ReleaseAll); // The guest must not keep what was held for it.
            self.keyboard.forget();
            return;
        }
        match self.keyboard.key(code, down) {
            Outcome::Guest(inputs) => {
                if down && !inputs.is_empty() {
                    self.figures.key_sent(std::time::Instant::now());
                }
                self.sharing.send(&mut self.session, inputs);
            }
            Outcome::Bar if code == F11 && down => {
                let on = self.stage.as_ref().is_some_and(|stage| !stage.full_screen);
                self.full_screen(on, None);
            }
            Outcome::Bar => {}
            Outcome::Toggled => self.keys_changed_hands(),
        }
    }

    fn keys_changed_hands(&mut self) {
        self.session.send(Input::ReleaseAll);
        self.sharing.forget_keys();
        self.pointer.forget();
        if !self.keyboard.is_captured() {
            self.release_pointer();
            self.on_stage(Stage::show_way_out);
        }
        self.on_stage(|stage| stage.overlay.ask());
    }

    fn menu_open(&self) -> bool {
        self.stage
            .as_ref()
            .is_some_and(|stage| stage.overlay.menu_open())
    }

    fn bar_has_keys(&self) -> bool {
        !self.keyboard.is_captured() || self.menu_open() || !self.takes_input()
    }

    /// The keyboard is held only while the guest is to have every key. X11 knows no exceptions from a grab, so it is
    /// let go while the first keys of one are held.
    pub(super) fn update_system_keys(&mut self) {
        let wanted = self.focused && !self.bar_has_keys() && !self.host_keys.begun();
        if let Some(keys) = &mut self.system_keys {
            keys.set(wanted);
        }
    }

    pub(super) fn pointer_event(&mut self, event_loop: &ActiveEventLoop, event: &WindowEvent) {
        if let WindowEvent::CursorMoved { position, .. } = event {
            self.pointer.at = (position.x, position.y);
            self.on_stage(|stage| stage.reveal(position.y));
            self.lay_out(); // A large picture moves with the pointer.
        }
        if self.hold.is_some() {
            return self.guest_pointer(event);
        }
        let (at, dragging) = (self.pointer.at, self.pointer.is_dragging());
        let overlay = |stage: &super::Stage| stage.overlay.wants_pointer(at);
        let for_bar = !dragging && self.stage.as_ref().is_some_and(overlay);
        match event {
            WindowEvent::CursorMoved { .. } | WindowEvent::CursorLeft { .. } => {
                self.tell_overlay(event, for_bar);
                if !for_bar {
                    self.guest_pointer(event);
                }
            }
            _ if for_bar => self.feed_overlay(event),
            _ => self.guest_pointer(event),
        }
        self.update_pointer_look(event_loop);
    }

    /// egui hears of the pointer over its own parts, and once that it has gone.
    fn tell_overlay(&mut self, event: &WindowEvent, for_bar: bool) {
        let left = matches!(event, WindowEvent::CursorLeft { .. });
        if for_bar || left {
            self.over_bar = for_bar && !left;
            return self.feed_overlay(event);
        }
        if let WindowEvent::CursorMoved { device_id, .. } = event
            && std::mem::take(&mut self.over_bar)
        {
            let device_id = *device_id;
            self.feed_overlay(&WindowEvent::CursorLeft { device_id });
        }
    }

    fn guest_pointer(&mut self, event: &WindowEvent) {
        let Some(placement) = self.stage.as_ref().map(|stage| stage.placement) else {
            return;
        };
        let on_picture = placement.contains(self.pointer.at.0, self.pointer.at.1);
        let absolute = self.session.info.absolute_pointer;
        match event {
            WindowEvent::CursorMoved { .. } if self.hold == Some(Hold::Confined) => self.roam(),
            WindowEvent::CursorMoved { .. } if absolute => {
                if (on_picture || self.pointer.is_dragging())
                    && let Some(input) = self.pointer.place(&placement)
                {
                    self.session.send(input);
                }
            }
            WindowEvent::MouseInput { state, button, .. } => {
                let down = *state == ElementState::Pressed;
                if down && !on_picture && self.hold.is_none() {
                    return;
                }
                if down && self.enter_guest(absolute) {
                    return; // This click only took the pointer.
                }
                let before = if down {
                    self.keyboard.interrupt()
                } else {
                    Vec::new()
                };
                let place = if absolute {
                    self.pointer.place(&placement)
                } else {
                    None
                };
                let input = self.pointer.button(*button, down);
                for input in before.into_iter().chain(place).chain(input) {
                    self.session.send(input);
                }
            }
            WindowEvent::MouseWheel { delta, .. } if on_picture || self.hold.is_some() => {
                if let Some(input) = self.pointer.wheel(*delta) {
                    self.session.send(input);
                }
            }
            _ => {}
        }
    }

    /// A finger is the guest's if it began on the picture, else the bar's.
    pub(super) fn finger_event(&mut self, touch: &Touch, event: &WindowEvent) {
        let Some(stage) = &self.stage else {
            return;
        };
        let at = (touch.location.x, touch.location.y);
        let on_picture = stage.placement.contains(at.0, at.1) && !stage.overlay.wants_pointer(at);
        let begins = touch.phase == TouchPhase::Started && on_picture && self.takes_input();
        if !begins && !self.pointer.has_finger(touch.id) {
            return self.feed_overlay(event);
        }
        let report = self.session.report();
        let has_screen = report.is_some_and(MachineReport::has_touchscreen);
        let slots = if has_screen {
            self.session.info.touch_slots
        } else {
            0
        };
        if slots == 0 && !self.session.info.absolute_pointer {
            return; // A mouse that can't be put anywhere.
        }
        let inputs = self.pointer.finger(touch, &stage.placement, slots);
        if begins && !self.keyboard.is_captured() {
            self.keyboard.capture(true);
            self.on_stage(|stage| stage.overlay.ask());
        }
        for input in inputs {
            self.session.send(input);
        }
    }

    /// A click on the picture gives the guest the keys, and the pointer if the guest's is relative. True if the click
    /// did the latter.
    fn enter_guest(&mut self, absolute: bool) -> bool {
        if !self.keyboard.is_captured() {
            self.keyboard.capture(true);
            self.on_stage(|stage| stage.overlay.ask());
        }
        if absolute || self.hold.is_some() || !self.takes_input() {
            return false;
        }
        let Some(stage) = &self.stage else {
            return false;
        };
        // Without either the pointer would run away at the window's edge.
        let ways = [
            (CursorGrabMode::Locked, Hold::Locked),
            (CursorGrabMode::Confined, Hold::Confined),
        ];
        let held = ways
            .into_iter()
            .find(|(mode, _)| stage.window.set_cursor_grab(*mode).is_ok());
        self.hold = held.map(|(_, hold)| hold);
        self.pointer.begin_roaming();
        self.hold.is_some()
    }

    /// Motion of a confined pointer, which is put back to the picture's middle before it meets an edge.
    fn roam(&mut self) {
        let Some(stage) = &self.stage else {
            return;
        };
        let area = stage.placement.area;
        let middle = |at: u32, length: u32| f64::from(at + length / 2);
        let home = (middle(area.x, area.w), middle(area.y, area.h));
        let reach = f64::from(area.w.min(area.h)) / 4.0;
        let (input, back) = self.pointer.roam(home, reach);
        if back {
            let home = PhysicalPosition::new(home.0, home.1);
            stage.window.set_cursor_position(home).ok(); // It then stops at an edge.
        }
        if let Some(input) = input {
            self.session.send(input);
        }
    }

    pub(super) fn release_pointer(&mut self) {
        if self.hold.take().is_some()
            && let Some(stage) = &self.stage
        {
            stage.window.set_cursor_grab(CursorGrabMode::None).ok(); // Nothing is held then.
        }
    }

    /// One pointer at a time: the guest's over its picture, the desktop's elsewhere.
    pub(super) fn update_pointer_look(&mut self, event_loop: &ActiveEventLoop) {
        let (at, captured) = (self.pointer.at, self.hold.is_some());
        let (info, live) = (&self.session.info, self.takes_input());
        let (absolute, elsewhere) = (info.absolute_pointer, info.heads > 1);
        let Some(stage) = &mut self.stage else {
            return;
        };
        let on_guest = stage.placement.contains(at.0, at.1) && !stage.overlay.wants_pointer(at);
        if captured {
            stage.pointer_look.hide(&stage.window);
        } else if on_guest && live && absolute {
            let (window, placement) = (stage.window.clone(), stage.placement);
            stage
                .pointer_look
                .guest(&window, event_loop, &info.cursor, &placement, elsewhere);
        } else {
            stage.pointer_look.arrow(&stage.window);
        }
    }
}
