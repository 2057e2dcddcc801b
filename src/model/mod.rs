//! The nouns and the rules: what a machine is, which states it has and what is allowed when.
//!
//! Pure data and pure functions. This room knows nothing of files, clocks, threads, QEMU or egui.

mod action;
mod chains;
mod change;
mod computer;
mod create;
mod descent;
mod difference;
mod drive;
mod failure;
mod flavor;
mod hardware;
mod lab;
mod machine;
mod parts;
mod permit;
mod places;
mod recognised;
mod report;
mod rules;
mod screen;
mod settings;
mod sharing;
mod size;
mod sound;
mod state;
mod text;
mod time;
mod timeline;
mod typing;

pub use action::Action;
pub use chains::{Overlay, Relayering};
pub use change::{
    Change, DiskContent, Effect, NewDisk, apply, changes_between, detached, fit_topology,
    take_live_parts,
};
pub use computer::{
    Accelerator, AcceleratorChoice, Check, CheckLevel, ComputerReport, HostLoad, KvmVerdict,
};
pub use create::{NameError, NewMachine, Source, check_name, free_name, numbered_names};
pub use descent::{Birth, Cloning, Descent, Fork, Newborn, WarmTemplate};
pub use difference::{
    ChangeKind, Difference, DifferenceNote, DiskContents, DiskDifference, DiskPlace, DiskRange,
    FileChange, FileSort, FileSystem, Folder, FolderEntry, Partition, PartitionDifference,
};
pub use drive::{
    Cdrom, Disk, DiskBus, DiskCache, DiskSource, Floppy, ImageFormat, InPlaceImage, LayerId,
    LayerRef,
};
pub use failure::Failure;
pub use flavor::{Flavor, FlavorError};
pub use hardware::{
    Address, Board, BootOrder, Clock, Cpu, Device, DeviceKind, Firmware, FirmwareKind,
    MemoryBacking, Topology,
};
pub use lab::{
    Lab, LabId, LabReport, Lack, MemberReport, SetId, SetMember, SetReport, SnapshotSet, admit,
    check_lab_name,
};
pub use machine::{Machine, MachineId, Origin, SavedState, SnapshotId, TpmId};
pub use parts::{
    Display, DisplayModel, Mac, MacError, Nic, NicModel, NicNetwork, Sound, SoundModel, Watchdog,
    WatchdogAction,
};
pub use permit::{Denied, Standing, permit};
pub use places::{AGENTS_SLOT_I440FX, AGENTS_SLOT_Q35, stem};
pub use recognised::{Era, FileKind, Recognised, System};
pub use report::{
    Answer, ConsoleWindow, JobId, JobReport, JobState, MachineReport, Sample, Traffic, TrashReport,
    TrashedMachine,
};
pub use rules::{Complaint, Part, check_cpus, check_memory, complaints, no_room, read_memory};
pub use screen::{Drawing, Recorded, ScreenSettings, Zoom};
pub use settings::{
    ClosePolicy, Confirmations, DisplayPath, GroupBy, LanguageChoice, LibraryFrom, ListSettings,
    OwnCombination, ReleaseKey, Settings, SortBy, ThemeChoice, Whereabouts,
};
pub use sharing::{
    AgentState, Clip, ClipKind, DesktopAgent, GuestClip, MAX_IMAGE, MAX_TEXT, Share, Sharing,
};
pub use size::{ByteSize, SizeError};
pub use sound::{SoundReport, SoundSettings, SoundState};
pub use state::State;
pub use text::clean;
pub use time::Timestamp;
pub use timeline::{Checkpoints, SnapshotKind, SnapshotReport, SnapshotScope, Timeline, outlived};
pub use typing::Typing;
