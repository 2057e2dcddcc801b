//! The keys that the desktop keeps for itself unless it is asked: taken while the guest has the keyboard.

use winit::raw_window_handle::{HasDisplayHandle, HasWindowHandle};

use super::{Heard, KeyGrab, ShortcutInhibit, x11_window};

/// The way of the desktop at hand, for a window `W`.
pub enum SystemKeys<W> {
    X11(KeyGrab),
    Wayland(Box<ShortcutInhibit<W>>),
    /// The desktop keeps its shortcuts; the bar says so.
    Kept,
}

impl<W: HasWindowHandle + HasDisplayHandle + Clone> SystemKeys<W> {
    /// `hear` gets keys, and whether the window is in sight, on X11 only; see [`KeyGrab::new`].
    pub fn new(window: &W, hear: impl Fn(Heard) -> bool + Send + 'static) -> Self {
        if let Some(id) = x11_window(window) {
            return KeyGrab::new(id, hear).map_or(Self::Kept, Self::X11);
        }
        let inhibit = ShortcutInhibit::new(window.clone());
        inhibit.map_or(Self::Kept, |inhibit| Self::Wayland(Box::new(inhibit)))
    }
}

impl<W> SystemKeys<W> {
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
