//! What the window system knows of a window of ours.

use winit::monitor::MonitorHandle;
use winit::raw_window_handle::{HasWindowHandle, RawWindowHandle};
use winit::window::Window;

/// Its number on the X server; `None` where there is no X11.
pub fn x11_window(window: &impl HasWindowHandle) -> Option<u32> {
    match window.window_handle().ok()?.as_raw() {
        RawWindowHandle::Xlib(handle) => u32::try_from(handle.window).ok(),
        RawWindowHandle::Xcb(handle) => Some(handle.window.get()),
        _ => None,
    }
}

/// The monitor that it is on, or the first one: a Wayland window is on none before its first picture.
pub fn monitor_of(window: &Window) -> Option<MonitorHandle> {
    let monitor = window.current_monitor();
    monitor.or_else(|| window.available_monitors().next())
}
