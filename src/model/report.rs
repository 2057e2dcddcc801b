//! What the engine tells about machines and jobs: whole values with a generation.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    Accelerator, ByteSize, ClipKind, DesktopAgent, DeviceKind, Failure, Machine, MachineId,
    Recognised, SoundReport, Standing, State, Timestamp,
};

/// Everything a screen needs to know about one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MachineReport {
    /// Grows with each report of this machine; the newest wins.
    pub generation: u64,
    pub id: MachineId,
    /// The machine's name, or its folder's name when the file is broken.
    pub name: String,
    pub state: State,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// What the next start uses; `None` when the file is broken.
    pub machine: Option<Machine>,
    /// The folder.
    pub path: PathBuf,
    pub pid: Option<u32>,
    pub accelerator: Option<Accelerator>,
    /// Why it is broken, unavailable, crashed or not responding, or why the last action failed.
    pub trouble: Option<Failure>,
    /// While stopping: when the offer to force it comes; passed means the guest ignored it.
    pub force_after: Option<Timestamp>,
    /// What runs, where changes were made that take effect at the next start only.
    #[serde(default)]
    pub running: Option<Box<Machine>>,
    /// Windows of their own that show its screens.
    #[serde(default)]
    pub consoles: Vec<ConsoleWindow>,
    #[serde(default)]
    pub sound: SoundReport,
    /// The agent in the guest's desktop, while the machine runs.
    #[serde(default)]
    pub agent: Option<DesktopAgent>,
    /// The job that works on this machine.
    pub job: Option<JobId>,
}

/// A window of its own that shows one of a machine's screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleWindow {
    /// Which screen, counted from 0.
    pub head: u32,
    /// The guest shows something on it.
    pub used: bool,
}

impl MachineReport {
    pub fn console_open(&self) -> bool {
        !self.consoles.is_empty()
    }

    /// How many screens it has now, or gets with its next start.
    pub fn heads(&self) -> u32 {
        let machine = self.running.as_deref().or(self.machine.as_ref());
        machine.map_or(0, Machine::heads)
    }

    /// The screens that no window of its own shows, counted from 0.
    pub fn heads_without_window(&self) -> Vec<u32> {
        let shown = |head: &u32| self.consoles.iter().any(|console| console.head == *head);
        (0..self.heads()).filter(|head| !shown(head)).collect()
    }

    /// The screens that make the guest's desktop, from left to right: the first, and those that are known to be used.
    pub fn desktop(&self) -> Vec<u32> {
        let used = self.consoles.iter().filter(|console| console.used);
        let mut heads: Vec<u32> = used.map(|console| console.head).chain([0]).collect();
        heads.sort_unstable();
        heads.dedup();
        heads
    }

    /// The first report of a machine of which nothing more is known: what tests fill in.
    pub fn new(id: MachineId, name: &str, state: State) -> Self {
        Self {
            generation: 1,
            id,
            name: name.to_owned(),
            state,
            since: Timestamp(0),
            machine: None,
            path: PathBuf::new(),
            pid: None,
            accelerator: None,
            trouble: None,
            force_after: None,
            running: None,
            consoles: Vec::new(),
            sound: SoundReport::default(),
            agent: None,
            job: None,
        }
    }

    /// Whether changes wait for the next start.
    pub fn pending(&self) -> bool {
        self.running.is_some()
    }

    /// Its parts as they are now: what runs, or what the next start uses.
    pub fn hardware(&self) -> Option<&Machine> {
        self.running.as_deref().or(self.machine.as_ref())
    }

    /// Whether the guest has a touchscreen now.
    pub fn has_touchscreen(&self) -> bool {
        let has = |machine: &Machine| machine.has(|kind| matches!(kind, DeviceKind::Touchscreen));
        self.hardware().is_some_and(has)
    }

    pub fn standing(&self) -> Standing {
        Standing {
            state: self.state,
            trashed: self.trashed().is_some(),
            disposable: self.is_disposable(),
        }
    }

    /// Whether nothing of it is kept when its guest ends.
    pub fn is_disposable(&self) -> bool {
        self.machine
            .as_ref()
            .is_some_and(|machine| machine.disposable)
    }

    /// When it was moved to the trash.
    pub fn trashed(&self) -> Option<Timestamp> {
        self.machine.as_ref().and_then(|machine| machine.trashed)
    }
}

/// Names a job while the owner lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub u64);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobState {
    Running,
    Done,
    Cancelled,
    Failed(Failure),
}

/// Long work as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobReport {
    pub id: JobId,
    pub machine: Option<MachineId>,
    /// "Creating Debian".
    pub title: String,
    /// "Writing memory".
    pub step: String,
    /// Progress `done` of `of`, in a unit of the job's own; `of` 0 means unknown.
    pub done: u64,
    pub of: u64,
    pub can_cancel: bool,
    pub state: JobState,
}

impl JobReport {
    /// How far it is, of 100; `None` while nobody knows.
    pub fn percent(&self) -> Option<u64> {
        let done = u128::from(self.done.min(self.of)) * 100;
        let percent = done.checked_div(u128::from(self.of))?;
        u64::try_from(percent).ok()
    }
}

/// One measurement of a running machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Milliseconds since the machine's QEMU started.
    pub at_ms: u64,
    /// Processor time of the guest's processors since the last sample, in shares of one
    /// processor: 2.0 is two processors fully busy.
    pub cpu: f32,
    /// The same for each processor, 0 to 1; empty where they share a thread.
    #[serde(default)]
    pub cpus: Vec<f32>,
    /// QEMU's memory on this computer.
    pub resident: ByteSize,
    /// Memory that the guest uses, as its balloon driver says.
    #[serde(default)]
    pub guest_used: Option<ByteSize>,
    /// Bytes since the start; `None` where only the cheap figures were taken.
    #[serde(default)]
    pub disk: Option<Traffic>,
    /// Bytes of each network card since counting began, by device id.
    #[serde(default)]
    pub nics: BTreeMap<String, Traffic>,
    /// Why a network card's bytes can't be counted, by device id.
    #[serde(default)]
    pub uncounted: BTreeMap<String, String>,
}

/// Bytes in both directions, as the guest sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Read, or received.
    pub from: u64,
    /// Written, or sent.
    pub to: u64,
}

/// A machine in the trash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrashedMachine {
    pub id: MachineId,
    pub name: String,
    pub since: Timestamp,
    pub size: ByteSize,
    /// Names of machines that still rest on its layers.
    pub kept_for: Vec<String>,
}

/// The trash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrashReport {
    pub machines: Vec<TrashedMachine>,
}

impl TrashReport {
    pub fn size(&self) -> ByteSize {
        ByteSize(self.machines.iter().map(|machine| machine.size.0).sum())
    }
}

/// What a finished command gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    Done,
    /// It was so already.
    Unchanged,
    Created(MachineId),
    /// Machines that were made of another one, in the order of their names.
    Forked(Vec<MachineId>),
    /// An argument list, program first.
    CommandLine(Vec<String>),
    Stats(Sample),
    /// What a file was found to be.
    Recognised(Recognised),
    Trash(TrashReport),
    Timeline(super::Timeline),
    Snapshot(super::SnapshotId),
    Difference(super::Difference),
    /// The disks of a point and their partitions.
    Disks(Vec<super::DiskContents>),
    /// What is in a folder inside a disk.
    Folder(super::Folder),
    /// A file from inside a disk was copied: its length.
    Copied(super::ByteSize),
    /// A new disk, by its topmost layer.
    Disk(super::LayerId),
    /// A connected display socket came along as a file descriptor.
    Display {
        machine: MachineId,
        path: super::DisplayPath,
    },
    /// A connected socket of the serial port came along as a file descriptor.
    Serial {
        machine: MachineId,
        /// How many of its first bytes were said before.
        history: u64,
    },
    /// A binary PPM came along as a file descriptor.
    Picture,
    /// What the guest's clipboard holds came along as a file descriptor.
    Clipboard {
        machine: MachineId,
        kind: ClipKind,
    },
    /// The newest lines of the app's own log, oldest first.
    Log(Vec<String>),
    /// The end of what a machine's QEMU wrote, at most 16 KiB; empty if nothing.
    QemuLog(String),
    /// A report for others to read, nothing private in it.
    Report(String),
    /// All labs.
    Labs(Vec<super::LabReport>),
    /// A new lab.
    Lab(super::LabId),
    /// Several machines' snapshots were taken at one moment.
    Set(super::SetId),
}
