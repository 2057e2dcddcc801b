//! What lies on disk: places, atomic saving, machine files, the lock, the trash.
//!
//! Everything found here may be damaged or hostile: sizes and nesting are bounded, links are not
//! followed, and a file that can't be read is shown and kept, never overwritten. This room knows
//! nothing of QEMU, threads or windows.

mod document;
mod error;
mod files;
mod intents;
mod journal;
mod labs;
mod layers;
mod lock;
mod machines;
mod memories;
mod merge;
mod newcomer;
mod places;
pub mod save;
mod scan;
mod serial_log;
mod settings;
mod snapshot;
mod sweep;
mod text;
mod tpm;
mod trash;

#[cfg(test)]
pub(crate) mod tests;

pub use error::LibraryError;
pub use files::{Sighting, Space, allocated, free_space, open_plain};
pub use intents::{Intent, IntentId};
pub use journal::Journal;
pub use labs::LabEntry;
pub use lock::{Holder, Library, Opened};
pub use newcomer::{Leftover, NEW_PREFIX, Newcomer};
pub use places::{Places, RuntimeError, prepare_runtime};
pub use scan::{Broken, Entry, Loaded};
pub use serial_log::{SerialLog, tail as serial_tail};
pub use settings::{SettingsFile, read_settings, save_settings};
pub use snapshot::{
    DiskPoint, MemoryForm, MemoryStore, PICTURE, SnapshotEntry, SnapshotRecord, StoredFile,
};
pub use trash::Emptied;
