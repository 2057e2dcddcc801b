//! Asks a Wayland compositor to leave its own shortcuts to the guest, so that Super, Alt+Tab and the like reach it:
//! keyboard-shortcuts-inhibit-unstable-v1.
//!
//! The request has to name the window's surface, which lives on winit's connection; so this is a second queue on that
//! very connection. The compositor may refuse, and always keeps a way out of its own.
#![expect(
    unsafe_code,
    reason = "a surface of winit's can be named only by its pointer"
)]

use wayland_client::backend::{Backend, InvalidId, ObjectId};
use wayland_client::globals::{BindError, GlobalError, GlobalListContents, registry_queue_init};
use wayland_client::protocol::wl_registry::{self, WlRegistry};
use wayland_client::protocol::wl_seat::{self, WlSeat};
use wayland_client::protocol::wl_surface::WlSurface;
use wayland_client::{
    Connection, Dispatch, EventQueue, Proxy as _, QueueHandle, delegate_noop,
};
use wayland_protocols::wp::keyboard_shortcuts_inhibit::zv1::client::zwp_keyboard_shortcuts_inhibit_manager_v1::ZwpKeyboardShortcutsInhibitManagerV1 as Inhibition;
use wayland_protocols::wp::keyboard_shortcuts_inhibit::zv1::client::zwp_keyboard_shortcuts_inhibitor_v1::{
    self, ZwpKeyboardShortcutsInhibitorV1 as Inhibitor,
};
use winit::raw_window_handle::{
    HasDisplayHandle, HasWindowHandle, RawDisplayHandle, RawWindowHandle,
};

/// Why the compositor can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum InhibitError {
    #[error("the window is none of Wayland's")]
    NotWayland,
    #[error("the window's surface is unknown: {0}")]
    Surface(#[from] InvalidId),
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
    surface: WlSurface,
    connection: Connection,
    queue: EventQueue<State>,
    state: State,
    /// Keeps surface and display alive, so it is dropped last.
    _window: W,
}

#[derive(Debug, Default)]
struct State {
    active: bool,
}

impl<W: HasWindowHandle + HasDisplayHandle> ShortcutInhibit<W> {
    /// Waits for the compositor's list of what it can do.
    pub fn new(window: W) -> Result<Self, InhibitError> {
        let handles = (
            window.display_handle().map(|handle| handle.as_raw()),
            window.window_handle().map(|handle| handle.as_raw()),
        );
        let (Ok(RawDisplayHandle::Wayland(display)), Ok(RawWindowHandle::Wayland(surface))) =
            handles
        else {
            return Err(InhibitError::NotWayland);
        };
        // SAFETY: the handles of a window that we keep, so display and surface outlive what is made of them.
        let backend = unsafe { Backend::from_foreign_display(display.display.as_ptr().cast()) };
        let connection = Connection::from_backend(backend);
        // SAFETY: as above, and the pointer is that of a `wl_surface`, which the interface is checked to be.
        let id =
            unsafe { ObjectId::from_ptr(WlSurface::interface(), surface.surface.as_ptr().cast()) }?;
        let surface = WlSurface::from_id(&connection, id)?;
        let (globals, queue) = registry_queue_init::<State>(&connection)?;
        let handle = queue.handle();
        Ok(Self {
            inhibitor: None,
            inhibition: globals.bind(&handle, 1..=1, ())?,
            seat: globals.bind(&handle, 1..=1, ())?,
            surface,
            connection,
            queue,
            state: State::default(),
            _window: window,
        })
    }
}

impl<W> ShortcutInhibit<W> {
    /// Asks for the shortcuts, or gives them back.
    pub fn set(&mut self, wanted: bool) {
        match (wanted, &self.inhibitor) {
            (true, None) => {
                let handle = self.queue.handle();
                let Self { surface, seat, .. } = self;
                let inhibitor = self
                    .inhibition
                    .inhibit_shortcuts(surface, seat, &handle, ());
                self.inhibitor = Some(inhibitor);
            }
            (false, Some(_)) => self.give_back(),
            (true, Some(_)) | (false, None) => return,
        }
        self.connection.flush().ok(); // winit reports a connection that is gone.
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
        self.connection.flush().ok(); // As above.
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
