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
mod chord;
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
use crate::model::{Failure, MachineId};

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

/// How pixels get to the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PresenterChoice {
    /// The guest's own memory where the window system takes it, copies otherwise.
    #[default]
    Auto,
    /// Always copies.
    Softbuffer,
    /// The guest's own memory on X11; still copies where that is impossible.
    Shm,
}

impl PresenterChoice {
    /// This choice, or the one of the environment variable `ORANGERY_PRESENTER` in place of [`Self::Auto`].
    fn or_environment(self) -> Self {
        let name = std::env::var("ORANGERY_PRESENTER").unwrap_or_default();
        match self {
            Self::Auto => Self::from_name(&name).unwrap_or_default(),
            Self::Softbuffer | Self::Shm => self,
        }
    }

    /// `auto`, `softbuffer` or `shm`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "softbuffer" => Some(Self::Softbuffer),
            "shm" => Some(Self::Shm),
            _ => None,
        }
    }
}

/// Choices for one window.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConsoleOptions {
    pub presenter: PresenterChoice,
    /// Allows a thread other than the main one, which X11 and Wayland do not mind.
    pub any_thread: bool,
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
