//! The keys that the desktop keeps for itself: the guest's while it has the keyboard of the main window.

use std::sync::Arc;
use std::time::Duration;

use egui::{Context, ViewportId};
use winit::window::Window;

use super::App;
use super::backend::Waker;
use super::winit_bridge::pass;
use crate::desktop::{Heard, SystemKeys};
use crate::engine::screen::KeyCode;

/// Until a compositor has answered whether it leaves its shortcuts to us.
const ANSWER: Duration = Duration::from_millis(100);

impl App {
    /// From now on the desktop's keys of `window` can be taken.
    pub(super) fn take_keys_of(&mut self, window: &Arc<Window>, waker: &Waker) {
        let (keyboard, waker) = (self.keyboard.clone(), waker.clone());
        self.system_keys = Some(SystemKeys::new(window, move |heard| {
            if let Heard::Key { code, down } = heard {
                pass(&keyboard, &waker, KeyCode(code), down);
            }
            keyboard.is_captured()
        }));
    }

    /// Takes the desktop's keys for the guest, or gives them back; says whether the desktop keeps them all the same.
    pub(super) fn follow_system_keys(&mut self, ctx: &Context) {
        let Some(keys) = &mut self.system_keys else {
            return;
        };
        let stand = self.keyboard.stand();
        let focused = ctx.input(|input| input.focused);
        keys.set(stand.system_keys && focused);
        let kept = stand.captured && !keys.can_be_taken();
        if kept && !self.view.keys_kept {
            ctx.request_repaint_after_for(ANSWER, ViewportId::ROOT);
        }
        self.view.keys_kept = kept;
    }
}
