//! The nouns and the rules: what a machine is, which states it has and what is allowed when.
//!
//! Pure data and pure functions. This room knows nothing of files, clocks, threads, QEMU or egui.

mod action;
mod computer;
mod create;
mod failure;
mod hardware;
mod machine;
mod permit;
mod report;
mod settings;
mod size;
mod state;
mod time;

pub use action::Action;
pub use computer::{
    Accelerator, AcceleratorChoice, Check, CheckLevel, ComputerReport, HostLoad, KvmVerdict,
};
pub use create::{NameError, NewMachine, Source, check_name, free_name};
pub use failure::Failure;
pub use hardware::{
    Address, BootOrder, Cdrom, Cpu, Device, DeviceKind, Disk, DiskBus, DiskSource, Display,
    DisplayModel, Firmware, FirmwareKind, ImageFormat, InPlaceImage, LayerId, LayerRef, Mac,
    MemoryBacking, Nic, NicModel, NicNetwork,
};
pub use machine::{Change, Machine, MachineId, Origin, SavedState, SnapshotId};
pub use permit::{Denied, Standing, permit};
pub use report::{
    Answer, JobId, JobReport, JobState, MachineReport, Sample, TrashReport, TrashedMachine,
};
pub use settings::{ClosePolicy, DisplayPath, Settings, ThemeChoice};
pub use size::{ByteSize, SizeError};
pub use state::State;
pub use time::Timestamp;
