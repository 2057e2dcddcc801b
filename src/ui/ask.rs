//! What a screen asks of the app.

use std::path::PathBuf;

use crate::engine::message::Command;
use crate::model::{Action, ClosePolicy, DiskPlace, LabId, ListSettings, MachineId, SnapshotId};

use super::actions::Errand;
use super::pointer::Pointer;
use super::settings_page::Section;
use super::toasts::ToastId;

/// Something the user asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// For the engine.
    Engine(Command),
    /// For the engine, one for each of several machines; told about as one.
    Many(Vec<Command>),
    /// Open the field for a machine's new name in the list.
    Rename(MachineId),
    /// Open the dialog for the tags of these machines.
    EditTags(Vec<MachineId>),
    /// Show the list in another order, or in other groups.
    ArrangeList(ListSettings),
    /// Show a machine's page.
    Select(MachineId),
    ShowHardware(MachineId),
    /// Open the menu of key combinations.
    ShowKeys(MachineId),
    /// Show a lab's page.
    ShowLab(LabId),
    /// Open the dialog for a lab of these machines.
    NewLab(Vec<MachineId>),
    /// Put machines back into a lab, each where it was.
    PutBack(LabId, Vec<(usize, MachineId)>),
    /// Show a machine's timeline.
    ShowTimeline(MachineId),
    /// Open the dialog for a snapshot with a name and a note.
    NewSnapshot(MachineId),
    /// Open the dialog for clones and forks, of a snapshot or of the present.
    NewClone(MachineId, Option<SnapshotId>),
    /// Open the dialog for the name and the note of a snapshot.
    NameSnapshot(MachineId, SnapshotId),
    /// Open the dialog that types a text into the guest.
    TypeInto(MachineId),
    /// Ask before removing a machine for good.
    ConfirmDelete(MachineId),
    Errand(Errand),
    /// Open the file chooser; the answer comes back with the same `FilePick`.
    Pick(FilePick),
    /// Choose where a copy of a file from inside a disk goes, and make it.
    SaveCopy(InsideFile),
    /// Keep the guest's screen as a picture.
    Screenshot(MachineId),
    /// Begins to record the screen that is shown, or ends it.
    Record(MachineId),
    /// The command line of the next start, to be shown on the machine's page.
    CommandLine(MachineId),
    /// Open the settings at one of their parts.
    ShowSettings(Section),
    /// Open an address in the desktop's browser.
    OpenLink(&'static str),
    /// Write a problem report that was shown.
    SaveReport(String),
    /// Keep a copy of what a machine's guest said on its serial port.
    SaveSerialLog(MachineId),
    /// Show a file in the desktop's file manager.
    OpenFolder(PathBuf),
    /// Let the shown problem report go.
    CloseReport,
    DismissToast(ToastId),
    /// The pointer did something on a guest's screen.
    Pointer(MachineId, Pointer),
    /// The guest's screen has room for this many pixels.
    GuestSize(MachineId, (u32, u32)),
    /// The keyboard goes to this guest from now on, or comes back.
    Capture(Option<MachineId>),
    /// Our clipboard goes to the guest that is shown.
    GiveClipboard,
    /// What was copied in the guest that is shown comes into our clipboard.
    TakeClipboard,
    Leave(LeaveStep),
}

/// A file inside a disk of a machine, at a point of its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsideFile {
    pub machine: MachineId,
    /// `None` is the present.
    pub point: Option<SnapshotId>,
    pub place: DiskPlace,
}

/// What a file is chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilePick {
    /// The installer or the disk of a new machine.
    NewMachine,
    /// The ISO in a machine's CD drive.
    Medium(MachineId),
    /// The image in a machine's floppy drive.
    Floppy(MachineId),
    /// The image of a disk that is added to a machine.
    DiskImage(MachineId),
    /// The folder of the library.
    LibraryFolder,
}

/// The steps of closing the window while machines run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaveStep {
    /// Close so; remember the answer if told to.
    By {
        policy: ClosePolicy,
        remember: bool,
        /// Before that: what becomes of copies of which nothing is kept.
        partings: Vec<(MachineId, Action)>,
    },
    /// Cut the power of those that did not shut down.
    Force,
    /// Stay.
    Cancel,
}
