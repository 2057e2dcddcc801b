//! The comparison in the jail: blocks first, then the files of every partition that they touch.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::blocks;
use super::reader::{FILES, Teller, open, partition, slots};
use super::wire::{LayerFile, Refusal, Said, Stage};
use crate::model::{ByteSize, ChangeKind, DifferenceNote, DiskRange, FileChange};
use crate::storage::inside::walk::{self, Walked};
use crate::storage::inside::{self, Disk, Slot, Window};

/// Ranges that are told.
pub(super) const MAX_RANGES: usize = 4096;
/// Changes that are told of a partition.
pub(super) const MAX_CHANGES: u64 = 10_000;

/// A partition on both sides, or on one.
struct Pair {
    before: Option<Slot>,
    after: Option<Slot>,
    /// A block of it differs.
    touched: bool,
}

pub(super) fn compare(
    before: &[LayerFile],
    after: &[LayerFile],
    teller: &mut Teller,
) -> Result<(), Refusal> {
    let shared = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let before = Disk::new(open(before)?);
    let after = Disk::new(open(after)?);
    let sizes = Said::Sizes(ByteSize(before.size()), ByteSize(after.size()));
    let mut pairs = pair(slots(&before)?, slots(&after)?);
    if teller.say(&sizes).is_break()
        || compare_blocks(&before, &after, shared, &mut pairs, teller)?.is_break()
    {
        return Ok(());
    }
    for pair in &pairs {
        if compare_partition(&before, &after, pair, teller).is_break() {
            break;
        }
    }
    Ok(())
}

/// The same partition is the one that begins at the same byte.
fn pair(before: Vec<Slot>, mut after: Vec<Slot>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for old in before {
        let place = after.iter().position(|new| new.start == old.start);
        pairs.push(Pair {
            after: place.map(|place| after.remove(place)),
            before: Some(old),
            touched: false,
        });
    }
    pairs.extend(after.into_iter().map(|new| Pair {
        before: None,
        after: Some(new),
        touched: false,
    }));
    pairs
}

/// Tells what differs and marks the partitions that it touches.
fn compare_blocks(
    before: &Rc<Disk>,
    after: &Rc<Disk>,
    shared: usize,
    pairs: &mut [Pair],
    teller: &mut Teller,
) -> Result<ControlFlow<()>, Refusal> {
    let mut bytes = 0;
    let mut told = 0;
    let mut more_ranges = 0;
    let mut open: Option<DiskRange> = None;
    let mut close = |range: Option<DiskRange>, teller: &mut Teller| match range {
        Some(_) if told >= MAX_RANGES => {
            more_ranges += 1;
            ControlFlow::Continue(())
        }
        Some(range) => {
            told += 1;
            teller.say(&Said::Range(range))
        }
        None => ControlFlow::Continue(()),
    };
    let mut ended = ControlFlow::Continue(());
    let old = &mut before.chain().borrow_mut();
    let new = &mut after.chain().borrow_mut();
    blocks::compare(old, new, shared, &mut |done, total, differs| {
        if let Some(block) = differs {
            bytes += block.length;
            pairs.iter_mut().for_each(|pair| pair.touch(block));
            match &mut open {
                Some(range) if range.start + range.length == block.start => {
                    range.length += block.length;
                }
                _ => ended = close(open.replace(block), teller),
            }
        }
        if ended.is_continue() {
            ended = teller.at(Stage::Blocks { done, total });
        }
        ended
    })?;
    if ended.is_continue() {
        ended = close(open, teller);
    }
    if ended.is_continue() {
        ended = teller.say(&Said::Blocks {
            bytes: ByteSize(bytes),
            more_ranges,
        });
    }
    Ok(ended)
}

impl Pair {
    fn touch(&mut self, block: DiskRange) {
        let end = block.start + block.length;
        let hits =
            |slot: &Slot| block.start < slot.start.saturating_add(slot.length) && slot.start < end;
        self.touched |= [&self.before, &self.after].into_iter().flatten().any(hits);
    }

    /// Notes where there is nothing to be walked.
    fn verdict(&self) -> Result<(&Slot, &Slot), DifferenceNote> {
        match (&self.before, &self.after) {
            (None, _) => Err(DifferenceNote::OnlyAfter),
            (_, None) => Err(DifferenceNote::OnlyBefore),
            (Some(old), Some(new)) if !self.touched && old.length == new.length => {
                Err(DifferenceNote::Same)
            }
            (Some(old), Some(new)) if old.file_system != new.file_system => {
                Err(DifferenceNote::Reformatted)
            }
            (Some(old), Some(_)) if !old.file_system.is_readable() => {
                Err(DifferenceNote::Unsupported)
            }
            (Some(old), Some(new)) => Ok((old, new)),
        }
    }
}

/// Changes by kind, and how many were told.
#[derive(Default)]
struct Counts {
    added: u64,
    changed: u64,
    removed: u64,
}

impl Counts {
    fn count(&mut self, change: &FileChange) -> u64 {
        match change.change {
            ChangeKind::Added => self.added += 1,
            ChangeKind::Changed => self.changed += 1,
            ChangeKind::Removed => self.removed += 1,
        }
        self.all()
    }

    fn all(&self) -> u64 {
        self.added + self.changed + self.removed
    }
}

fn compare_partition(
    before: &Rc<Disk>,
    after: &Rc<Disk>,
    pair: &Pair,
    teller: &mut Teller,
) -> ControlFlow<()> {
    let Some(slot) = pair.after.as_ref().or(pair.before.as_ref()) else {
        return ControlFlow::Continue(());
    };
    teller.say(&Said::Partition(partition(slot)))?;
    teller.flush()?;
    let mut counts = Counts::default();
    let notes = match pair.verdict() {
        Err(note) => vec![note],
        Ok((old, new)) => {
            let guarded = catch_unwind(AssertUnwindSafe(|| {
                before.allow(FILES);
                after.allow(FILES);
                let old = Window::new(before, old.start, old.length);
                let new = Window::new(after, new.start, new.length);
                walk_both(slot, old, new, &mut counts, teller)
            }));
            guarded.unwrap_or_else(|_panic| vec![DifferenceNote::Unreadable])
        }
    };
    teller.say(&Said::PartitionEnd {
        notes,
        more: counts.all().saturating_sub(MAX_CHANGES),
        added: counts.added,
        changed: counts.changed,
        removed: counts.removed,
    })
}

fn walk_both(
    slot: &Slot,
    before: Window,
    after: Window,
    counts: &mut Counts,
    teller: &mut Teller,
) -> Vec<DifferenceNote> {
    let trees = inside::open(slot.file_system, before)
        .and_then(|old| Ok((old, inside::open(slot.file_system, after)?)));
    let (mut old, mut new) = match trees {
        Ok(trees) => trees,
        Err(error) if error.kind() == ErrorKind::TimedOut => return vec![DifferenceNote::TooMuch],
        Err(_) => return vec![DifferenceNote::Unreadable],
    };
    let Walked {
        unread, too_much, ..
    } = walk::compare(old.as_mut(), new.as_mut(), &mut |change, seen| {
        if let Some(change) = change
            && counts.count(&change) <= MAX_CHANGES
        {
            teller.say(&Said::Change(change))?;
        }
        teller.at(Stage::Files { seen })
    });
    let mut notes = old.notes();
    for note in new.notes() {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes.extend(unread.then_some(DifferenceNote::PartlyUnread));
    notes.extend(too_much.then_some(DifferenceNote::TooMuch));
    notes
}
