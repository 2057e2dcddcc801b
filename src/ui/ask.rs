//! What a screen asks of the app.

use crate::engine::message::Command;
use crate::model::{ClosePolicy, MachineId};

use super::actions::Errand;
use super::screen_view::Pointer;
use super::settings_page::Section;
use super::toasts::ToastId;

/// Something the user asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// For the engine.
    Engine(Command),
    /// Show a machine's page.
    Select(MachineId),
    ShowHardware(MachineId),
    /// Open the menu of key combinations.
    ShowKeys(MachineId),
    /// Ask before removing a machine for good.
    ConfirmDelete(MachineId),
    Errand(Errand),
    /// Open the file chooser; the answer comes back with the same `FilePick`.
    Pick(FilePick),
    /// Keep the guest's screen as a picture.
    Screenshot(MachineId),
    /// The command line of the next start, to be shown on the machine's page.
    CommandLine(MachineId),
    /// Open the settings at one of their parts.
    ShowSettings(Section),
    /// Open an address in the desktop's browser.
    OpenLink(&'static str),
    /// Write a problem report that was shown.
    SaveReport(String),
    /// Let the shown problem report go.
    CloseReport,
    DismissToast(ToastId),
    /// The pointer did something on a guest's screen.
    Pointer(MachineId, Pointer),
    /// The keyboard goes to this guest from now on, or comes back.
    Capture(Option<MachineId>),
    Leave(LeaveStep),
}

/// What a file is chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilePick {
    /// The installer or the disk of a new machine.
    NewMachine,
    /// The ISO in a machine's CD drive.
    Medium(MachineId),
    /// The folder of the library.
    LibraryFolder,
}

/// The steps of closing the window while machines run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveStep {
    /// Close so; remember the answer if told to.
    By { policy: ClosePolicy, remember: bool },
    /// Cut the power of those that did not shut down.
    Force,
    /// Stay.
    Cancel,
}
