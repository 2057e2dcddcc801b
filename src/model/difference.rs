//! What differs between two points of a machine's life: blocks, partitions, files.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ByteSize;

/// What differs between two points, disk by disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub disks: Vec<DiskDifference>,
}

/// What differs on one disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskDifference {
    /// The id of the disk's device, the same on both sides.
    pub device: String,
    /// What a guest sees; `None`: the disk is not there on that side.
    pub before: Option<ByteSize>,
    pub after: Option<ByteSize>,
    /// How much differs, in blocks of 64 KiB.
    pub bytes: ByteSize,
    /// Where, in order; so many as are told.
    pub ranges: Vec<DiskRange>,
    /// Ranges beyond those.
    pub more_ranges: u64,
    pub partitions: Vec<PartitionDifference>,
    pub notes: Vec<DifferenceNote>,
}

/// Bytes of a disk as its guest counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskRange {
    pub start: u64,
    pub length: u64,
}

/// A partition, or a whole disk without a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// As the guest counts: 1 is the first; 0 is a whole disk without a table.
    pub number: u32,
    /// Its name in the table or its file system's, made safe to show; often empty.
    pub label: String,
    /// First byte on the disk: what names the partition to us.
    pub start: u64,
    pub size: ByteSize,
    pub file_system: FileSystem,
}

/// What differs in a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionDifference {
    /// As it is after, or was before if it is gone.
    pub partition: Partition,
    pub notes: Vec<DifferenceNote>,
    /// In the order of folders; so many as are told.
    pub changes: Vec<FileChange>,
    /// Changes beyond those.
    pub more: u64,
    /// All of them, by kind.
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
}

/// A file or folder that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Inside the partition, parts joined by `/`, made safe to show.
    pub path: String,
    pub kind: FileSort,
    pub change: ChangeKind,
    /// Length of a file; `None` where there is or was none.
    pub before: Option<ByteSize>,
    pub after: Option<ByteSize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChangeKind {
    Added,
    /// Another length, or written since.
    Changed,
    Removed,
}

/// What an entry of a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FileSort {
    File,
    Folder,
    /// A symbolic link or junction. Never followed.
    Link,
    /// A device, socket or pipe, or what could not be read.
    Other,
}

/// An entry of a folder inside a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderEntry {
    /// Made safe to show. It names the entry to us too.
    pub name: String,
    pub kind: FileSort,
    /// Length of a file.
    pub size: ByteSize,
    /// Seconds since 1970, as the guest's clock had it.
    pub modified: Option<i64>,
}

/// A folder inside a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    /// Folders first, then by name.
    pub entries: Vec<FolderEntry>,
    /// Entries beyond those.
    pub more: u64,
    pub notes: Vec<DifferenceNote>,
}

/// A place inside a disk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DiskPlace {
    /// The id of the disk's device.
    pub disk: String,
    /// First byte of the partition.
    pub partition: u64,
    /// Inside the partition, parts joined by `/`, as it is shown; the root is "".
    pub path: String,
}

/// What a disk is divided into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskContents {
    /// The id of the disk's device.
    pub device: String,
    pub partitions: Vec<Partition>,
    /// Why it could not be looked into.
    pub trouble: Option<String>,
}

/// What a partition holds, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FileSystem {
    /// ext2, ext3 and ext4.
    Ext,
    Fat,
    Ntfs,
    /// Recognised, but its files can't be read here.
    Btrfs,
    Xfs,
    F2fs,
    ExFat,
    Refs,
    Apfs,
    Iso9660,
    Squashfs,
    Swap,
    Lvm,
    Luks,
    BitLocker,
    Raid,
    /// Nothing known; mostly no file system at all.
    Unknown,
}

impl FileSystem {
    /// Whether files can be listed, compared and taken out.
    pub fn is_readable(self) -> bool {
        matches!(self, Self::Ext | Self::Fat | Self::Ntfs)
    }

    /// Its name, the same in every language; empty for an unknown one.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ext => "ext4",
            Self::Fat => "FAT",
            Self::Ntfs => "NTFS",
            Self::Btrfs => "Btrfs",
            Self::Xfs => "XFS",
            Self::F2fs => "F2FS",
            Self::ExFat => "exFAT",
            Self::Refs => "ReFS",
            Self::Apfs => "APFS",
            Self::Iso9660 => "ISO 9660",
            Self::Squashfs => "SquashFS",
            Self::Swap => "swap",
            Self::Lvm => "LVM",
            Self::Luks => "LUKS",
            Self::BitLocker => "BitLocker",
            Self::Raid => "RAID",
            Self::Unknown => "",
        }
    }
}

/// What to know of a comparison or a listing besides what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DifferenceNote {
    /// The top layer is being written while it is read.
    Moving,
    /// Blocks of this partition are the same on both sides, so its files are too.
    Same,
    /// The partition is only there on one side.
    OnlyBefore,
    OnlyAfter,
    /// Another file system than before.
    Reformatted,
    /// Files of this file system can't be read here.
    Unsupported,
    /// Changes that wait in the journal were applied while reading.
    JournalApplied,
    /// The journal could not be applied: the files are as they lie on the disk.
    JournalIgnored,
    /// It was in use, so what the guest had not written yet is missing.
    InUse,
    /// Some entries could not be read.
    PartlyUnread,
    /// There is more than is looked at.
    TooMuch,
    /// The file system is damaged, or not readable as what it says it is.
    Unreadable,
}

impl fmt::Display for DifferenceNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Moving => "The machine runs: the present changes while it is read",
            Self::Same => "No block differs",
            Self::OnlyBefore => "The partition is gone",
            Self::OnlyAfter => "The partition is new",
            Self::Reformatted => "It has another file system now",
            Self::Unsupported => "Unsupported file system: only blocks were compared",
            Self::JournalApplied => "Changes waiting in the journal were applied while reading",
            Self::JournalIgnored => {
                "The journal could not be read: files are shown as they lie on the disk"
            }
            Self::InUse => "It was in use: what the guest had not written yet is missing",
            Self::PartlyUnread => "Some files or folders could not be read",
            Self::TooMuch => "There is more than was looked at",
            Self::Unreadable => "The file system is damaged or could not be read",
        })
    }
}
