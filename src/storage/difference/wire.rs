//! What passes between the reader in the jail and us: a job as JSON, and lines of JSON back.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::{
    ByteSize, DifferenceNote, DiskRange, FileChange, FolderEntry, ImageFormat, Partition,
};

/// A file of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerFile {
    pub path: PathBuf,
    /// From the record, never probed.
    pub format: ImageFormat,
}

/// What the reader is to do. Chains are given base first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Job {
    Compare {
        before: Vec<LayerFile>,
        after: Vec<LayerFile>,
    },
    Partitions {
        chain: Vec<LayerFile>,
    },
    List {
        chain: Vec<LayerFile>,
        partition: u64,
        path: String,
    },
    Take {
        chain: Vec<LayerFile>,
        partition: u64,
        path: String,
        /// An empty file that is there already.
        target: PathBuf,
    },
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Bytes of blocks compared, of how many that may differ.
    Blocks { done: u64, total: u64 },
    /// Files and folders looked at; how many there are is not known.
    Files { seen: u64 },
    /// Bytes of a file copied.
    Copy { done: u64, total: u64 },
}

/// A line from the reader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Said {
    At(Stage),
    /// What a guest sees of each side.
    Sizes(ByteSize, ByteSize),
    Range(DiskRange),
    /// All blocks are compared.
    Blocks {
        bytes: ByteSize,
        more_ranges: u64,
    },
    /// What follows is about this partition.
    Partition(Partition),
    Change(FileChange),
    PartitionEnd {
        notes: Vec<DifferenceNote>,
        more: u64,
        added: u64,
        changed: u64,
        removed: u64,
    },
    Entry(FolderEntry),
    FolderEnd {
        notes: Vec<DifferenceNote>,
        more: u64,
    },
    /// The file is copied: its length.
    Copied(ByteSize),
    Failed(Refusal),
    /// The job is done; nothing follows.
    Done,
}

/// Why the reader could not do it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Refusal {
    /// The chain: what is wrong with it, in English.
    Disk(String),
    NoPartition,
    Unsupported,
    NotFound,
    NotAFile,
    NotAFolder,
    /// Compressed or encrypted by the guest.
    Packed,
    /// The file system: what is wrong with it.
    Damaged(String),
    /// The copy could not be written.
    Target(String),
}
