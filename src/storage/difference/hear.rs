//! Takes in what the reader says: bounded, cleaned, and whole or refused.

use super::DifferenceError;
use super::reader::MAX_LISTED;
use super::sides::{MAX_CHANGES, MAX_RANGES};
use super::wire::{Refusal, Said, Stage};
use crate::model::{
    ByteSize, DifferenceNote, DiskDifference, Folder, Partition, PartitionDifference, clean,
};

/// Bytes of lines that are taken in of one job: a full comparison of many partitions is a tenth.
const MAX_HEARD: usize = 64 << 20;
/// Partitions of both sides of a disk: two full tables are fewer.
const MAX_PARTITIONS: usize = 400;
/// Notes of one thing; there are no more kinds.
const MAX_NOTES: usize = 16;
/// Characters of a complaint that are shown.
const MAX_SENTENCE: usize = 300;

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub disk: DiskDifference,
    pub folder: Folder,
    pub copied: Option<ByteSize>,
    /// All blocks were compared.
    blocks: bool,
    /// The partition spoken of has not ended.
    open: bool,
}

/// The listening side of a job.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    pub heard: Heard,
    pub refusal: Option<Refusal>,
    pub done: bool,
    pub nonsense: bool,
    bytes: usize,
}

/// The reader says what it never should.
#[derive(Debug)]
pub(super) struct Nonsense;

impl Heard {
    /// A reader that fell over a file system has compared the blocks: that much is true.
    pub fn in_part(mut self, done: Result<(), DifferenceError>) -> Result<Self, DifferenceError> {
        match done {
            Ok(()) => return Ok(self),
            Err(error) if !self.blocks || matches!(error, DifferenceError::Cancelled) => {
                return Err(error);
            }
            Err(_) => self.disk.notes.push(DifferenceNote::PartlyUnread),
        }
        if let Some(last) = self.disk.partitions.last_mut().filter(|_| self.open) {
            last.notes.push(DifferenceNote::Unreadable);
        }
        Ok(self)
    }
}

impl Hearing {
    /// Takes in a line; gives how far it is if it says so.
    pub fn hear(&mut self, line: &str) -> Result<Option<Stage>, Nonsense> {
        self.bytes += line.len();
        let said = serde_json::from_str::<Said>(line).ok();
        let taken = match said {
            Some(Said::At(stage)) if self.bytes <= MAX_HEARD => return Ok(Some(stage)),
            Some(said) if self.bytes <= MAX_HEARD && !self.done => self.take(said),
            _ => None,
        };
        self.nonsense |= taken.is_none();
        taken.map(|()| None).ok_or(Nonsense)
    }

    /// `None`: more than there can be, or out of turn.
    fn take(&mut self, said: Said) -> Option<()> {
        let Heard {
            disk,
            folder,
            copied,
            blocks,
            open,
        } = &mut self.heard;
        match said {
            Said::At(_) => {}
            Said::Sizes(before, after) => (disk.before, disk.after) = (Some(before), Some(after)),
            Said::Range(range) => {
                (disk.ranges.len() < MAX_RANGES).then(|| disk.ranges.push(range))?;
            }
            Said::Blocks { bytes, more_ranges } => {
                *blocks = true;
                (disk.bytes, disk.more_ranges) = (bytes, more_ranges);
            }
            Said::Partition(found) => {
                let fits = disk.partitions.len() < MAX_PARTITIONS;
                fits.then(|| disk.partitions.push(begun(found)))?;
                *open = true;
            }
            Said::Change(mut change) => {
                let last = disk.partitions.last_mut()?;
                change.path = clean(&change.path);
                let fits = (last.changes.len() as u64) < MAX_CHANGES;
                fits.then(|| last.changes.push(change))?;
            }
            Said::PartitionEnd {
                notes,
                more,
                added,
                changed,
                removed,
            } => {
                let last = disk.partitions.last_mut()?;
                last.notes = few(notes);
                (last.more, last.added, last.changed, last.removed) =
                    (more, added, changed, removed);
                *open = false;
            }
            Said::Entry(mut entry) => {
                entry.name = clean(&entry.name);
                (folder.entries.len() < MAX_LISTED).then(|| folder.entries.push(entry))?;
            }
            Said::FolderEnd { notes, more } => (folder.notes, folder.more) = (few(notes), more),
            Said::Copied(length) => *copied = Some(length),
            Said::Failed(refusal) => self.refusal = Some(refusal),
            Said::Done => self.done = true,
        }
        Some(())
    }
}

fn begun(mut partition: Partition) -> PartitionDifference {
    partition.label = clean(&partition.label);
    PartitionDifference {
        partition,
        notes: Vec::new(),
        changes: Vec::new(),
        more: 0,
        added: 0,
        changed: 0,
        removed: 0,
    }
}

fn few(mut notes: Vec<DifferenceNote>) -> Vec<DifferenceNote> {
    notes.truncate(MAX_NOTES);
    notes
}

/// A complaint as it can be shown.
pub(super) fn sentence(text: &str) -> String {
    clean(text).chars().take(MAX_SENTENCE).collect()
}
