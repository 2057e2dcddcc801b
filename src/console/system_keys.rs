//! The keys that the desktop keeps for itself unless it is asked: taken while the guest has the keyboard.

use std::rc::Rc;

use winit::raw_window_handle::{HasWindowHandle, RawWindowHandle};
use winit::window::Window;

use crate::desktop::{Heard, KeyGrab, ShortcutInhibit};

/// The way of the desktop at hand.
pub enum SystemKeys {
    X11(KeyGrab),
    Wayland(Box<ShortcutInhibit<Rc<Window>>>),
    /// The desktop keeps its shortcuts; the bar says so.
    Kept,
}

impl SystemKeys {
    /// `hear` gets keys, and whether the window is in sight, on X11 only.
    pub fn new(window: &Rc<Window>, hear: impl Fn(Heard) + Send + 'static) -> Self {
        let handle = window.window_handle().ok().map(|handle| handle.as_raw());
        let id = match handle {
            Some(RawWindowHandle::Xlib(handle)) => u32::try_from(handle.window).ok(),
            Some(RawWindowHandle::Xcb(handle)) => Some(handle.window.get()),
            Some(RawWindowHandle::Wayland(_)) => {
                let inhibit = ShortcutInhibit::new(Rc::clone(window));
                return inhibit.map_or(Self::Kept, |inhibit| Self::Wayland(Box::new(inhibit)));
            }
            _ => None,
        };
        let grab = id.and_then(|id| KeyGrab::new(id, hear).ok());
        grab.map_or(Self::Kept, Self::X11)
    }

    /// Takes the keys, or gives them back.
    pub fn set(&mut self, wanted: bool) {
        match self {
            Self::X11(grab) => grab.set(wanted),
            Self::Wayland(inhibit) => inhibit.set(wanted),
            Self::Kept => {}
        }
    }

    /// Whether the guest gets them once they are wanted.
    pub fn can_be_taken(&mut self) -> bool {
        match self {
            Self::X11(_) => true,
            Self::Wayland(inhibit) => inhibit.is_active(),
            Self::Kept => false,
        }
    }
}
