//! Everything that crosses from a window or a client to the engine and back.
//!
//! The same values go through channels inside the process and, serialised as JSON, through the
//! owner's `control` socket.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::parcel::Parcel;
use crate::model::{
    Action, Answer, Change, Checkpoints, ClipKind, Cloning, ComputerReport, ConsoleWindow,
    DiskPlace, Failure, Fork, HostLoad, JobId, JobReport, LabId, LabReport, LayerId, MachineId,
    MachineReport, NewDisk, NewMachine, Sample, SetId, Settings, SnapshotId, SnapshotScope,
    Timeline, TrashReport, Typing, Whereabouts,
};

/// Numbers a request so that its answer can be told from others. Chosen by the asker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub u64);

/// A request to the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Start, pause, save, delete, …: answered when it is done, not when it is begun.
    Act {
        machine: MachineId,
        action: Action,
    },
    /// Makes a machine, and starts it if asked.
    Create {
        spec: NewMachine,
        start: bool,
    },
    /// Edits a machine; all changes or none.
    Change {
        machine: MachineId,
        changes: Vec<Change>,
    },
    /// Puts a medium into a drive, or takes it out: at once where the machine runs.
    Insert {
        machine: MachineId,
        /// The drive's device id.
        drive: String,
        medium: Option<PathBuf>,
        /// Also where the guest has locked the drive.
        force: bool,
    },
    /// Forgets the changes that wait for the next start.
    DropPending {
        machine: MachineId,
    },
    /// Makes a disk and plugs it in, from the next start on.
    AddDisk {
        machine: MachineId,
        disk: NewDisk,
    },
    /// Removes a detached disk for good, by its topmost layer.
    DeleteDisk {
        machine: MachineId,
        disk: LayerId,
    },
    /// Looks at a file that a machine could be made from.
    Recognise {
        path: PathBuf,
    },
    /// The machine whose graphs are in sight: it is measured each second, the others rarely.
    Watch(Option<MachineId>),
    /// Presses the named keys together and lets them go: `["ctrl", "alt", "delete"]`.
    PressKeys {
        machine: MachineId,
        keys: Vec<String>,
    },
    /// Types a text; answered when it is typed, or at once if it can't be typed whole.
    TypeText {
        machine: MachineId,
        typing: Typing,
    },
    /// Puts something into the guest's clipboard. Answered with [`Answer::Done`] once the guest's agent was told,
    /// with [`Answer::Unchanged`] if the guest has it already.
    OfferClipboard {
        machine: MachineId,
        kind: ClipKind,
        #[serde(skip)]
        content: Parcel,
    },
    /// Asks for what was copied in the guest; comes back as a file descriptor.
    TakeClipboard {
        machine: MachineId,
    },
    /// Sends files into the guest, to where its agent keeps them. Answered when they are there.
    SendFiles {
        machine: MachineId,
        files: Vec<PathBuf>,
    },
    /// Asks for a connected display socket; comes back as a file descriptor.
    OpenDisplay {
        machine: MachineId,
    },
    /// Asks for a connection to the serial port; a connected stream socket comes back as a file descriptor, with the
    /// bytes of the port in both directions. Several may have one at a time.
    OpenSerial {
        machine: MachineId,
        /// Begin with what was said before.
        history: bool,
    },
    /// Asks for the guest's screen as a PPM; comes back as a file descriptor.
    Screenshot {
        machine: MachineId,
    },
    /// Asks for a fresh measurement.
    Stats {
        machine: MachineId,
    },
    /// Asks for the command line of the next start.
    CommandLine {
        machine: MachineId,
    },
    /// Keeps this moment.
    TakeSnapshot {
        machine: MachineId,
        /// May be empty.
        name: String,
        note: String,
        #[serde(default)]
        scope: SnapshotScope,
    },
    /// Goes back to a snapshot. A machine that runs ends running.
    Rewind {
        machine: MachineId,
        snapshot: SnapshotId,
        /// Keep the present as a snapshot of its own.
        keep: bool,
        /// Also start a machine that does not run.
        start: bool,
    },
    /// Makes machines that go on from this one, from its present or from a snapshot. Answered when their guests run.
    Fork {
        machine: MachineId,
        fork: Fork,
    },
    /// Makes a machine with the disks of this one.
    Clone {
        machine: MachineId,
        cloning: Cloning,
    },
    /// Makes a snapshot with memory a moment that new machines go on from, by this name; without a name ends that.
    SetTemplate {
        machine: MachineId,
        snapshot: SnapshotId,
        name: Option<String>,
    },
    /// Gives a snapshot another name and note.
    EditSnapshot {
        machine: MachineId,
        snapshot: SnapshotId,
        name: String,
        note: String,
    },
    /// Deletes snapshots for good; what others need of them stays.
    DeleteSnapshots {
        machine: MachineId,
        snapshots: Vec<SnapshotId>,
    },
    /// Makes each disk of the present one layer that rests on nothing. Snapshots keep theirs.
    Flatten {
        machine: MachineId,
    },
    /// Reads a snapshot whole and compares it with what was written; all of them without one.
    VerifySnapshots {
        machine: MachineId,
        snapshot: Option<SnapshotId>,
    },
    /// What differs between two points; without `to` between a snapshot and the present.
    Compare {
        machine: MachineId,
        from: SnapshotId,
        to: Option<SnapshotId>,
    },
    /// Ends the machine's comparison, or takes back one that still waits for other work.
    StopLooking {
        machine: MachineId,
    },
    /// Asks for the disks and partitions of a point; without one of the present.
    ListDisks {
        machine: MachineId,
        point: Option<SnapshotId>,
    },
    /// Asks what is in a folder inside a disk.
    ListFiles {
        machine: MachineId,
        point: Option<SnapshotId>,
        place: DiskPlace,
    },
    /// Copies a file from inside a disk to `target`, which must not exist.
    TakeFile {
        machine: MachineId,
        point: Option<SnapshotId>,
        place: DiskPlace,
        target: PathBuf,
    },
    /// Copies a snapshot's disk whole: a detached disk of the machine `into`.
    DiskFromSnapshot {
        machine: MachineId,
        snapshot: SnapshotId,
        /// The id of its device.
        disk: String,
        into: MachineId,
    },
    /// Asks for the machine's snapshots; changes of them are told from then on, too.
    ShowTimeline {
        machine: MachineId,
    },
    /// When checkpoints are taken by themselves.
    SetCheckpoints {
        machine: MachineId,
        checkpoints: Checkpoints,
    },
    /// Asks what lies in the trash.
    ShowTrash,
    /// Removes for good what lies in the trash and no other machine rests on.
    EmptyTrash,
    CancelJob(JobId),
    /// Looks at this computer again.
    Examine,
    SaveSettings(Settings),
    /// Asks for the newest lines of the app's own log.
    ReadLog,
    /// Asks for the end of what a machine's QEMU wrote.
    ReadQemuLog {
        machine: MachineId,
    },
    /// Asks for a report for others to read: about a machine too, if one is named.
    Report {
        machine: Option<MachineId>,
    },
    /// Something for the log that happened outside the engine; long texts are cut.
    Note(String),
    /// Opens a window of its own for each of these screens, counted from 0, that has none.
    OpenConsoles {
        machine: MachineId,
        heads: Vec<u32>,
    },
    /// The window of its own that the asker is shows this now, or nothing any more.
    ConsoleShown {
        machine: MachineId,
        shown: Option<ConsoleWindow>,
    },
    /// The machines whose rows are in sight, for thumbnails.
    InSight(Vec<MachineId>),
    /// Asks the owner to let the library go: machines run on.
    HandOver,
    /// Asks the owner's window to come to the front.
    Raise,
    /// Something with several machines.
    Lab(LabCommand),
}

/// A request about a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LabCommand {
    /// Asks for all labs.
    List,
    Create {
        name: String,
        machines: Vec<MachineId>,
    },
    /// Gives a lab another name and note.
    Rename {
        lab: LabId,
        name: String,
        note: String,
    },
    /// Which machines a lab has, in the order of their starts.
    SetMachines {
        lab: LabId,
        machines: Vec<MachineId>,
    },
    /// The lab is no more; its machines and their snapshots stay.
    Delete { lab: LabId },
    /// The same with all machines; those for which there is nothing to do are left alone.
    Act { lab: LabId, action: Action },
    /// Keeps this moment of all machines, or of none.
    Snapshot {
        lab: LabId,
        /// May be empty.
        name: String,
        note: String,
    },
    /// Goes back to a moment of all. Those that ran then run afterwards, the others rest. Machines that the moment does
    /// not have stay as they are.
    Rewind {
        lab: LabId,
        set: SetId,
        /// Keep the present as a moment of its own.
        keep: bool,
    },
    /// Gives a moment another name and note, and its snapshots with it.
    EditSet {
        lab: LabId,
        set: SetId,
        name: String,
        note: String,
    },
    /// Deletes a moment: its machines' snapshots, for good.
    DeleteSet { lab: LabId, set: SetId },
}

impl LabCommand {
    /// The lab that it is about.
    pub fn lab(&self) -> Option<LabId> {
        match self {
            Self::List | Self::Create { .. } => None,
            Self::Rename { lab, .. }
            | Self::SetMachines { lab, .. }
            | Self::Delete { lab }
            | Self::Act { lab, .. }
            | Self::Snapshot { lab, .. }
            | Self::Rewind { lab, .. }
            | Self::EditSet { lab, .. }
            | Self::DeleteSet { lab, .. } => Some(*lab),
        }
    }
}

impl Command {
    /// The machine that the command is about.
    pub fn machine(&self) -> Option<MachineId> {
        match self {
            Self::Act { machine, .. }
            | Self::Change { machine, .. }
            | Self::Insert { machine, .. }
            | Self::DropPending { machine }
            | Self::AddDisk { machine, .. }
            | Self::DeleteDisk { machine, .. }
            | Self::PressKeys { machine, .. }
            | Self::TypeText { machine, .. }
            | Self::OfferClipboard { machine, .. }
            | Self::TakeClipboard { machine }
            | Self::SendFiles { machine, .. }
            | Self::OpenDisplay { machine }
            | Self::OpenSerial { machine, .. }
            | Self::Screenshot { machine }
            | Self::Stats { machine }
            | Self::OpenConsoles { machine, .. }
            | Self::CommandLine { machine }
            | Self::TakeSnapshot { machine, .. }
            | Self::Rewind { machine, .. }
            | Self::Fork { machine, .. }
            | Self::Clone { machine, .. }
            | Self::SetTemplate { machine, .. }
            | Self::EditSnapshot { machine, .. }
            | Self::DeleteSnapshots { machine, .. }
            | Self::Flatten { machine }
            | Self::VerifySnapshots { machine, .. }
            | Self::Compare { machine, .. }
            | Self::StopLooking { machine }
            | Self::ListDisks { machine, .. }
            | Self::ListFiles { machine, .. }
            | Self::TakeFile { machine, .. }
            | Self::DiskFromSnapshot { machine, .. }
            | Self::ShowTimeline { machine }
            | Self::SetCheckpoints { machine, .. }
            | Self::ReadQemuLog { machine }
            | Self::ConsoleShown { machine, .. } => Some(*machine),
            Self::Create { .. }
            | Self::Recognise { .. }
            | Self::Watch(_)
            | Self::ShowTrash
            | Self::EmptyTrash
            | Self::CancelJob(_)
            | Self::Examine
            | Self::SaveSettings(_)
            | Self::ReadLog
            | Self::Report { .. }
            | Self::Note(_)
            | Self::InSight(_)
            | Self::HandOver
            | Self::Raise
            | Self::Lab(_) => None,
        }
    }

    /// What goes along as a file descriptor.
    pub fn parcel(&self) -> Option<&Parcel> {
        match self {
            Self::OfferClipboard { content, .. } => Some(content),
            _ => None,
        }
    }

    /// Takes what came along.
    pub fn with_parcel(mut self, parcel: Parcel) -> Self {
        if let Self::OfferClipboard { content, .. } = &mut self {
            *content = parcel;
        }
        self
    }
}

/// News from the engine. Each carries the whole new value, never a difference, so that a lost or
/// merged event can't leave a screen wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    Machine(Box<MachineReport>),
    /// Several machines at once: a library of ten thousand is some hundred of these.
    Machines(Vec<MachineReport>),
    /// Everything there is has been told once; before that a list is not whole.
    Whole,
    /// The machine's folder is gone.
    Gone(MachineId),
    Job(JobReport),
    Computer(Box<ComputerReport>),
    Load(HostLoad),
    /// A measurement of a running machine.
    Sample {
        machine: MachineId,
        sample: Sample,
    },
    Trash(TrashReport),
    /// A machine's snapshots, for whoever asked for them once.
    Timeline {
        machine: MachineId,
        timeline: Box<Timeline>,
    },
    Settings(Settings),
    /// Where the files of this start are; they do not change while it lasts.
    Whereabouts(Whereabouts),
    /// A small picture of a running machine's screen.
    Thumbnail {
        machine: MachineId,
        width: u32,
        height: u32,
        /// RGBA, row by row, `width * height * 4` bytes.
        #[serde(skip)]
        rgba: std::sync::Arc<Vec<u8>>,
    },
    /// A screenshot that the window asked for, as it asks: RGBA like a thumbnail.
    Picture {
        machine: MachineId,
        width: u32,
        height: u32,
        #[serde(skip)]
        rgba: std::sync::Arc<Vec<u8>>,
    },
    /// The outcome of a request. What came along as a file descriptor is not part of the event.
    Answer {
        request: RequestId,
        result: Result<Answer, Failure>,
    },
    /// Someone started the program again: show yourself.
    Raise,
    /// Another process asked for the library; it is released.
    HandedOver,
    /// Something went wrong that no request asked for.
    Notice(Failure),
    /// All labs.
    Labs(Vec<LabReport>),
}
