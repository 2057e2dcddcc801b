//! Sits between winit and eframe, so that a guest gets every key by its code.
//!
//! egui's own key events merge the number pad with the main block, know no Japanese or Korean
//! keys and turn Ctrl+C into a clipboard event; winit tells each key by its place.

use std::time::Instant;

use eframe::{EframeWinitApplication, UserEvent};
use winit::application::ApplicationHandler;
use winit::event::{DeviceEvent, DeviceId, ElementState, KeyEvent, StartCause, WindowEvent};
use winit::event_loop::ActiveEventLoop;
use winit::platform::scancode::PhysicalKeyExtScancode as _;
use winit::window::WindowId;

use super::backend::Waker;
use super::frames::Frames;
use super::keyboard::Keyboard;
use crate::engine::screen::KeyCode;

/// eframe's application with our ears before it.
pub struct Bridge<'a> {
    pub inner: EframeWinitApplication<'a>,
    pub keyboard: Keyboard,
    pub waker: Waker,
    pub frames: Frames,
}

impl Bridge<'_> {
    /// Returns whether egui must not see the event.
    fn keep(&self, event: &WindowEvent) -> bool {
        match event {
            WindowEvent::KeyboardInput {
                event,
                is_synthetic,
                ..
            } => self.key(event, *is_synthetic),
            // Composed text was for the guest's keyboard, which has keys only.
            WindowEvent::Ime(_) => self.keyboard.is_captured(),
            WindowEvent::Focused(false) => {
                self.keyboard.release();
                false
            }
            _ => false,
        }
    }

    fn key(&self, event: &KeyEvent, synthetic: bool) -> bool {
        let down = event.state == ElementState::Pressed;
        let code = event
            .physical_key
            .to_scancode()
            .and_then(|code| u16::try_from(code).ok());
        // On focus winit presses what is held already; that was not meant for the guest.
        let code = code.filter(|_| !(synthetic && down)).map(KeyCode);
        if !self.keyboard.is_captured() {
            if code.is_some_and(|code| self.keyboard.watch(code, down)) {
                self.waker.wake();
            }
            return false;
        }
        code.is_none_or(|code| pass(&self.keyboard, &self.waker, code, down))
    }
}

/// Passes a key on while a guest has the keyboard; returns whether it is the guest's.
pub(super) fn pass(keyboard: &Keyboard, waker: &Waker, code: KeyCode, down: bool) -> bool {
    let before = keyboard.stand();
    let kept = keyboard.key(code, down);
    if keyboard.stand() != before {
        waker.wake(); // The bar has to say so, the desktop gets its keys back, or the clipboard is read.
    }
    kept
}

impl ApplicationHandler<UserEvent> for Bridge<'_> {
    fn window_event(&mut self, target: &ActiveEventLoop, window: WindowId, event: WindowEvent) {
        if self.keep(&event) {
            return;
        }
        let frame = matches!(event, WindowEvent::RedrawRequested).then(Instant::now);
        self.inner.window_event(target, window, event);
        if let Some(begun) = frame {
            self.frames.note(begun.elapsed());
        }
    }

    fn resumed(&mut self, target: &ActiveEventLoop) {
        self.inner.resumed(target);
    }

    fn suspended(&mut self, target: &ActiveEventLoop) {
        self.inner.suspended(target);
    }

    fn new_events(&mut self, target: &ActiveEventLoop, cause: StartCause) {
        self.inner.new_events(target, cause);
    }

    fn user_event(&mut self, target: &ActiveEventLoop, event: UserEvent) {
        self.inner.user_event(target, event);
    }

    fn device_event(&mut self, target: &ActiveEventLoop, device: DeviceId, event: DeviceEvent) {
        self.inner.device_event(target, device, event);
    }

    fn about_to_wait(&mut self, target: &ActiveEventLoop) {
        self.inner.about_to_wait(target);
    }

    fn exiting(&mut self, target: &ActiveEventLoop) {
        self.inner.exiting(target);
    }

    fn memory_warning(&mut self, target: &ActiveEventLoop) {
        self.inner.memory_warning(target);
    }
}
