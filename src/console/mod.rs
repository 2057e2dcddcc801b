//! A console's own window, in a process of its own: the picture, the keys and a bar, and nothing that needs the main
//! window once it is open.
//!
//! ```text
//!   owner ◀─control─▶ Owner ──news──▶ Session ◀──wake── display::Screen ◀── QEMU
//!                                       │ ▲
//!               GuestPicture, ScreenInfo│ │Input
//!                                       ▼ │
//!   X11/Wayland ◀── Presenter ◀────── Window ◀── winit, KeyGrab
//!                       ▲               │
//!                       └── Overlay ◀───┘  (egui by hand, painted in software)
//! ```

mod bar;
mod cursor;
mod guest_picture;
mod keyboard;
mod overlay;
mod owner;
mod pointer;
mod presenter;
mod raster;
mod scale;
mod screenshot;
mod session;
mod sharing;
mod stage;
mod theme;
mod view;
mod window;

use std::path::PathBuf;

use crate::display::frame::Wake;
use crate::display::{DisplayError, Screen};
use crate::engine::client::Client;
use crate::model::{Drawing, Failure, MachineId};

/// Whose screen is shown, and who to ask for it.
#[derive(Debug)]
pub struct ConsoleTarget {
    pub machine: MachineId,
    pub name: String,
    /// Connected to the owner, with events.
    pub client: Client,
    /// The owner's socket, to find the next owner at.
    pub control: PathBuf,
}

/// Choices for one window.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConsoleOptions {
    /// Copies always, or leaves it to the person and to `ORANGERY_PRESENTER=copied`.
    pub drawing: Drawing,
    /// Allows a thread other than the main one, which X11 and Wayland do not mind.
    pub any_thread: bool,
    /// Which of the machine's screens, counted from 0.
    pub head: u32,
}

/// Chooses how pixels come: [`COPIED`], or, by ourselves, [`CUT_OFF`].
const PRESENTER: &str = "ORANGERY_PRESENTER";
const COPIED: &str = "copied";
/// Copies too: the compositor has ended the connection of the window before while it read the guest's memory.
const CUT_OFF: &str = "cut-off";

/// True if this process goes on for a window whose connection the compositor has ended.
fn was_cut_off() -> bool {
    std::env::var_os(PRESENTER).is_some_and(|name| name == CUT_OFF)
}

impl ConsoleOptions {
    /// The way that is the only one for this window, whatever the person chooses.
    fn forced(self) -> Option<Drawing> {
        let copied = std::env::var_os(PRESENTER).is_some_and(|name| name == COPIED);
        let copied = copied || was_cut_off() || self.drawing == Drawing::Copied;
        copied.then_some(Drawing::Copied)
    }
}

/// Shows the machine's screen in a window of its own until the window is closed. Call it on the main thread, once.
pub fn run(target: ConsoleTarget, options: ConsoleOptions) -> Result<(), Failure> {
    window::run(window::Source::Owner(target), options)
}

/// Shows one screen without an owner. `connect` is called once with the wake function that the screen has to call.
pub fn run_with(
    name: &str,
    connect: impl FnOnce(Wake) -> Result<Screen, DisplayError> + 'static,
    options: ConsoleOptions,
) -> Result<(), Failure> {
    let source = window::Source::Screen {
        name: name.to_owned(),
        connect: Box::new(connect),
    };
    window::run(source, options)
}
