//! The guest's screen: QEMU's D-Bus display or RFB behind one [`Screen`], read through a [`frame::FrameSlot`]; and its
//! [`sound`].
//!
//! This room knows nothing of QMP, windows or egui. It gets a connected unix stream: the D-Bus peer-to-peer socket
//! that QEMU was given by `add_client`, or a connected RFB socket.
//!
//! ```text
//!             input               screen-control ──────▶ QEMU
//!   send() ──────────▶ queue ───▶ (or screen-write)        │
//!                                                          │ pixels or damage
//!   Viewer ◀── slot ◀──────────── screen-listen ◀──────────┘
//!     ▲          │                (or screen-read)
//!     └── wake ──┴── screen-pace: copies shared pixels, wakes at most 60 times a second
//! ```

mod dbus;
pub mod frame;
mod input;
pub mod keys;
mod map;
mod pace;
pub mod picture;
mod pixel;
pub mod ppm;
pub mod record;
mod rfb;
mod screen;
pub mod sound;
pub mod steps;
pub mod touch;

pub use self::dbus::{Offer, SoundLink};
pub use self::input::{Button, Input};
pub use self::screen::Screen;

/// Why there is no screen. Each text is a sentence for the user.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DisplayError {
    #[error(
        "The screen could not be opened: {reason}. Close some machines or windows and try again."
    )]
    Start { reason: String },
    #[error("The machine closed its screen connection. If it still runs, open the screen again.")]
    Closed,
    #[error(
        "Could not {doing}: {reason}. Open the screen again; if it stays, restart the machine."
    )]
    Peer { doing: &'static str, reason: String },
    #[error(
        "The screen server does not follow the RFB protocol: {reason}. Check that the address is a VNC server's."
    )]
    Protocol { reason: String },
    #[error(
        "The screen server asks for a password or encryption ({offered}), which this connection cannot do."
    )]
    Security { offered: String },
}
