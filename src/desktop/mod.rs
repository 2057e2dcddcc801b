//! The host's desktop: what its window system keeps from a window unless asked, its browser, its sound server.

mod appearance;
mod clipboard;
mod keepsake;
mod key_grab;
mod link;
mod pointer;
mod shortcut_inhibit;
pub mod sleep;
pub mod sound;
mod system_keys;
mod wayland_window;
mod window;

pub use self::appearance::{Appearance, follow};
pub use self::clipboard::{Clipboard, ClipboardNews, Copier, CopyError};
pub use self::keepsake::{KeepError, Place, free_path, keep, new_recording};
pub use self::key_grab::{GrabError, Heard, KeyGrab};
pub use self::link::{open_folder_of, open_link};
pub use self::pointer::pointer_on_screen;
pub use self::shortcut_inhibit::{InhibitError, ShortcutInhibit};
pub use self::system_keys::SystemKeys;
pub use self::wayland_window::{WaylandWindow, WaylandWindowError};
pub use self::window::{monitor_of, x11_window};
