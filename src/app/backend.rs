//! What the window needs of an engine; tests give it one without threads.

use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use egui::ViewportId;

use crate::engine::Engine;
use crate::engine::message::{Command, Event, RequestId};
use crate::engine::screen::Screen;
use crate::model::{Clip, Failure, MachineId};

/// An engine as the window sees it.
pub trait Backend {
    /// Queues a command without blocking; fails if too much waits already.
    fn send(&self, command: Command) -> Result<RequestId, Failure>;

    /// Everything that happened since the last call.
    fn drain(&self) -> Vec<Event>;

    /// The screen of a machine, once [`Command::OpenDisplay`] was answered.
    fn screen(&self, machine: MachineId) -> Option<Arc<Screen>>;

    /// What a guest's clipboard holds, once after [`Command::TakeClipboard`] was answered.
    fn take_clip(&self, machine: MachineId) -> Option<Clip>;

    /// The screen is not wanted any more.
    fn close_screen(&self, machine: MachineId);

    /// The connection to a serial port, once after [`Command::OpenSerial`] was answered, and how many of its first
    /// bytes were said before.
    fn take_serial(&self, machine: MachineId) -> Option<(UnixStream, u64)>;
}

impl Backend for Engine {
    fn send(&self, command: Command) -> Result<RequestId, Failure> {
        Engine::send(self, command)
            .map_err(|busy| Failure::new("That was not done", busy.to_string()))
    }

    fn drain(&self) -> Vec<Event> {
        Engine::drain(self)
    }

    fn screen(&self, machine: MachineId) -> Option<Arc<Screen>> {
        Engine::screen(self, machine)
    }

    fn take_clip(&self, machine: MachineId) -> Option<Clip> {
        Engine::take_clip(self, machine)
    }

    fn close_screen(&self, machine: MachineId) {
        Engine::close_screen(self, machine);
    }

    fn take_serial(&self, machine: MachineId) -> Option<(UnixStream, u64)> {
        Engine::take_serial(self, machine)
    }
}

/// Wakes the window from any thread. Made before the window, so that an engine can be started
/// first; before the window is there it does nothing.
#[derive(Clone, Default)]
pub struct Waker {
    context: Arc<OnceLock<egui::Context>>,
}

impl Waker {
    /// What the engine calls after each event.
    pub fn function(&self) -> Arc<dyn Fn() + Send + Sync> {
        let waker = self.clone();
        Arc::new(move || waker.wake())
    }

    pub fn wake(&self) {
        if let Some(context) = self.context.get() {
            wake(context);
        }
    }

    pub(super) fn attach(&self, context: &egui::Context) {
        // A second window of the same process would be a bug; the first one stays.
        self.context.set(context.clone()).ok();
    }
}

/// Asks for one frame. `request_repaint` would paint two.
pub fn wake(context: &egui::Context) {
    context.request_repaint_after_for(Duration::from_millis(1), ViewportId::ROOT);
}
