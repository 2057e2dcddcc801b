//! Asks a Wayland compositor to leave its own shortcuts to the guest, so that Super, Alt+Tab and the like reach it:
//! keyboard-shortcuts-inhibit-unstable-v1. The compositor may refuse, and always keeps a way out of its own.

use wayland_client::globals::{BindError, GlobalError, GlobalListContents, registry_queue_init};
use wayland_client::protocol::wl_registry::{self, WlRegistry};
use wayland_client::protocol::wl_seat::{self, WlSeat};
use wayland_client::{Connection, Dispatch, EventQueue, QueueHandle, delegate_noop};
use wayland_protocols::wp::keyboard_shortcuts_inhibit::zv1::client::zwp_keyboard_shortcuts_inhibit_manager_v1::ZwpKeyboardShortcutsInhibitManagerV1 as Inhibition;
use wayland_protocols::wp::keyboard_shortcuts_inhibit::zv1::client::zwp_keyboard_shortcuts_inhibitor_v1::{
    self, ZwpKeyboardShortcutsInhibitorV1 as Inhibitor,
};
use winit::raw_window_handle::{HasDisplayHandle, HasWindowHandle};

use super::wayland_window::{WaylandWindow, WaylandWindowError};

/// Why the compositor can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum InhibitError {
    #[error(transparent)]
    Window(#[from] WaylandWindowError),
    #[error("the compositor did not answer: {0}")]
    Compositor(#[from] GlobalError),
    #[error("the compositor keeps its shortcuts: {0}")]
    Unsupported(#[from] BindError),
}

/// The compositor's shortcuts of one window. Dropping it gives them back.
pub struct ShortcutInhibit<W> {
    inhibitor: Option<Inhibitor>,
    inhibition: Inhibition,
    seat: WlSeat,
    queue: EventQueue<State>,
    state: State,
    window: WaylandWindow<W>,
}

#[derive(Debug, Default)]
struct State {
    active: bool,
}

impl<W: HasWindowHandle + HasDisplayHandle> ShortcutInhibit<W> {
    /// Waits for the compositor's list of what it can do.
    pub fn new(window: W) -> Result<Self, InhibitError> {
        let window = WaylandWindow::new(window)?;
        let (globals, queue) = registry_queue_init::<State>(&window.connection)?;
        let handle = queue.handle();
        Ok(Self {
            inhibitor: None,
            inhibition: globals.bind(&handle, 1..=1, ())?,
            seat: globals.bind(&handle, 1..=1, ())?,
            queue,
            state: State::default(),
            window,
        })
    }
}

impl<W> ShortcutInhibit<W> {
    /// Asks for the shortcuts, or gives them back.
    pub fn set(&mut self, wanted: bool) {
        match (wanted, &self.inhibitor) {
            (true, None) => {
                let handle = self.queue.handle();
                let (surface, seat) = (&self.window.surface, &self.seat);
                let inhibitor = self
                    .inhibition
                    .inhibit_shortcuts(surface, seat, &handle, ());
                self.inhibitor = Some(inhibitor);
            }
            (false, Some(_)) => self.give_back(),
            (true, Some(_)) | (false, None) => return,
        }
        self.window.connection.flush().ok(); // winit reports a connection that is gone.
    }

    /// Whether the compositor leaves its shortcuts to the window now.
    pub fn is_active(&mut self) -> bool {
        self.queue.dispatch_pending(&mut self.state).ok(); // As above.
        self.state.active
    }

    fn give_back(&mut self) {
        if let Some(inhibitor) = self.inhibitor.take() {
            inhibitor.destroy();
            self.state.active = false;
        }
    }
}

impl<W> Drop for ShortcutInhibit<W> {
    fn drop(&mut self) {
        self.give_back();
        self.window.connection.flush().ok(); // As above.
    }
}

impl Dispatch<WlRegistry, GlobalListContents> for State {
    fn event(
        _: &mut Self,
        _: &WlRegistry,
        _: wl_registry::Event,
        _: &GlobalListContents,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }
}

impl Dispatch<WlSeat, ()> for State {
    fn event(
        _: &mut Self,
        _: &WlSeat,
        _: wl_seat::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }
}

impl Dispatch<Inhibitor, ()> for State {
    fn event(
        state: &mut Self,
        _: &Inhibitor,
        event: zwp_keyboard_shortcuts_inhibitor_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            zwp_keyboard_shortcuts_inhibitor_v1::Event::Active => state.active = true,
            zwp_keyboard_shortcuts_inhibitor_v1::Event::Inactive => state.active = false,
            _ => {}
        }
    }
}

delegate_noop!(State: Inhibition);
