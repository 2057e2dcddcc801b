//! A second line over winit's Wayland connection, to ask a compositor for what winit does not ask it for.
//!
//! Requests about a window have to name its surface, which lives on winit's connection; so what is made here are
//! queues and objects on that very connection.
#![expect(
    unsafe_code,
    reason = "a surface of winit's can be named only by its pointer"
)]

use wayland_client::backend::{Backend, InvalidId, ObjectId};
use wayland_client::protocol::wl_surface::WlSurface;
use wayland_client::{Connection, Proxy as _};
use winit::raw_window_handle::{
    HasDisplayHandle, HasWindowHandle, RawDisplayHandle, RawWindowHandle,
};

/// Why a window can't be talked about.
#[derive(Debug, thiserror::Error)]
pub enum WaylandWindowError {
    #[error("the window is none of Wayland's")]
    NotWayland,
    #[error("the window's surface is unknown: {0}")]
    Surface(#[from] InvalidId),
}

/// A window's surface and the connection that it lives on.
///
/// What is made of either has to be dropped before this: put this last in a struct.
#[derive(Debug)]
pub struct WaylandWindow<W> {
    pub surface: WlSurface,
    pub connection: Connection,
    /// Keeps surface and display alive, so it is dropped last.
    pub window: W,
}

impl<W: HasWindowHandle + HasDisplayHandle> WaylandWindow<W> {
    pub fn new(window: W) -> Result<Self, WaylandWindowError> {
        let handles = (
            window.display_handle().map(|handle| handle.as_raw()),
            window.window_handle().map(|handle| handle.as_raw()),
        );
        let (Ok(RawDisplayHandle::Wayland(display)), Ok(RawWindowHandle::Wayland(surface))) =
            handles
        else {
            return Err(WaylandWindowError::NotWayland);
        };
        // SAFETY: the handles of a window that we keep, so display and surface outlive what is made of them.
        let backend = unsafe { Backend::from_foreign_display(display.display.as_ptr().cast()) };
        let connection = Connection::from_backend(backend);
        // SAFETY: as above, and the pointer is that of a `wl_surface`, which the interface is checked to be.
        let id =
            unsafe { ObjectId::from_ptr(WlSurface::interface(), surface.surface.as_ptr().cast()) }?;
        Ok(Self {
            surface: WlSurface::from_id(&connection, id)?,
            connection,
            window,
        })
    }
}
