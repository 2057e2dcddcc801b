//! The reader in the jail: a hidden sub-program that sees files of chains and tells what is inside.
//!
//! Everything hostile is read here. The crates for file systems may panic on what they meet: a
//! partition is lost then, not the rest.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::sides::compare;
use super::wire::{Job, LayerFile, Refusal, Said, Stage};
use crate::model::{ByteSize, DifferenceNote, FileSort, FolderEntry, Partition};
use crate::storage::chain::{Chain, ChainError};
use crate::storage::inside::{self, Disk, Node, Slot, Tree, Window, walk};

/// The hidden sub-program that reads what is inside disks.
pub const DISK_READER: &str = "__disk-reader";
/// How often progress is told.
const PULSE: Duration = Duration::from_millis(50);
/// How long a listing or the files of a partition may take.
pub(super) const FILES: Duration = Duration::from_secs(120);
/// Entries of a folder that are told.
pub(super) const MAX_LISTED: usize = 20_000;

/// The `__disk-reader` sub-program. Its one argument is the job.
pub fn disk_reader_main() -> ExitCode {
    let job = std::env::args().nth(2);
    let Some(Ok(job)) = job.map(|text| serde_json::from_str(&text)) else {
        return ExitCode::from(2);
    };
    run(&job, Box::new(io::stdout()));
    ExitCode::SUCCESS
}

/// Does a job and writes lines to `out`.
pub(super) fn run(job: &Job, out: Box<dyn Write>) {
    let mut teller = Teller {
        out: BufWriter::new(out),
        last: Instant::now(),
    };
    let done = match job {
        Job::Compare { before, after } => compare(before, after, &mut teller),
        Job::Partitions { chain } => partitions(chain, &mut teller),
        Job::List {
            chain,
            partition,
            path,
        } => list(chain, *partition, path, &mut teller),
        Job::Take {
            chain,
            partition,
            path,
            target,
        } => take(chain, *partition, path, target, &mut teller),
    };
    let last = match done {
        Ok(()) => Said::Done,
        Err(refusal) => Said::Failed(refusal),
    };
    // Nobody listens any more if this breaks, and it is the end anyway.
    let _ended = teller.say(&last);
    teller.out.flush().ok();
}

/// Says lines; breaks when nobody listens.
pub(super) struct Teller {
    out: BufWriter<Box<dyn Write>>,
    last: Instant,
}

impl Teller {
    pub fn say(&mut self, said: &Said) -> ControlFlow<()> {
        let line = serde_json::to_vec(said).map_err(io::Error::from);
        let told = line.and_then(|mut line| {
            line.push(b'\n');
            self.out.write_all(&line)
        });
        match told {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// Lets what was said go out, before something that may end badly.
    pub fn flush(&mut self) -> ControlFlow<()> {
        match self.out.flush() {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// Tells how far it is, now and then.
    pub fn at(&mut self, stage: Stage) -> ControlFlow<()> {
        if self.last.elapsed() < PULSE {
            return ControlFlow::Continue(());
        }
        self.last = Instant::now();
        self.say(&Said::At(stage))?;
        self.flush()
    }
}

impl From<ChainError> for Refusal {
    fn from(error: ChainError) -> Self {
        Self::Disk(error.to_string())
    }
}

pub(super) fn open(chain: &[LayerFile]) -> Result<Chain, Refusal> {
    let mut files = Vec::new();
    for (place, layer) in (1..).zip(chain) {
        let file = File::open(&layer.path).map_err(|source| ChainError::Read {
            layer: place,
            source,
        })?;
        files.push((file, layer.format));
    }
    Ok(Chain::open(files)?)
}

pub(super) fn slots(disk: &Rc<Disk>) -> Result<Vec<Slot>, Refusal> {
    inside::partitions(disk).map_err(|error| Refusal::Disk(error.to_string()))
}

pub(super) fn partition(slot: &Slot) -> Partition {
    Partition {
        number: slot.number,
        label: slot.label.chars().take(64).collect(),
        start: slot.start,
        size: ByteSize(slot.length),
        file_system: slot.file_system,
    }
}

fn partitions(chain: &[LayerFile], teller: &mut Teller) -> Result<(), Refusal> {
    let disk = Disk::new(open(chain)?);
    for slot in slots(&disk)? {
        if teller.say(&Said::Partition(partition(&slot))).is_break() {
            break;
        }
    }
    Ok(())
}

/// Runs `work` on the file system that begins at `start`; a panic in it is damage.
fn in_partition<T>(
    chain: &[LayerFile],
    start: u64,
    work: impl FnOnce(&Disk, &mut dyn Tree) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let disk = Disk::new(open(chain)?);
    let slots = slots(&disk)?;
    let slot = slots.iter().find(|slot| slot.start == start);
    let slot = slot.ok_or(Refusal::NoPartition)?;
    if !slot.file_system.is_readable() {
        return Err(Refusal::Unsupported);
    }
    disk.allow(FILES);
    let guarded = catch_unwind(AssertUnwindSafe(|| {
        let window = Window::new(&disk, slot.start, slot.length);
        let mut tree = inside::open(slot.file_system, window).map_err(damaged)?;
        work(&disk, tree.as_mut())
    }));
    guarded.unwrap_or_else(|_panic| Err(Refusal::Damaged("it made the reader fail".to_owned())))
}

fn damaged(error: io::Error) -> Refusal {
    match error.kind() {
        ErrorKind::NotFound => Refusal::NotFound,
        ErrorKind::NotADirectory => Refusal::NotAFolder,
        ErrorKind::IsADirectory => Refusal::NotAFile,
        ErrorKind::Unsupported => Refusal::Packed,
        _ => Refusal::Damaged(error.to_string()),
    }
}

fn list(chain: &[LayerFile], start: u64, path: &str, teller: &mut Teller) -> Result<(), Refusal> {
    let (mut nodes, mut more, notes) = in_partition(chain, start, |_, tree| {
        let place = match walk::find(tree, path).map_err(damaged)? {
            None => tree.root(),
            Some(node) if node.kind == FileSort::Folder => node.place,
            Some(_) => return Err(Refusal::NotAFolder),
        };
        let mut nodes = Vec::new();
        let mut more = 0;
        let listed = tree.entries(&place, &mut |node| {
            match nodes.len() < walk::MAX_FOLDER {
                true => nodes.push(node),
                false => more += 1,
            }
            teller.at(Stage::Files {
                seen: nodes.len() as u64,
            })
        });
        listed.map_err(damaged)?;
        Ok((nodes, more, tree.notes()))
    })?;
    let order = |node: &Node| {
        (
            node.kind != FileSort::Folder,
            walk::shown(&node.name).to_lowercase(),
        )
    };
    nodes.sort_by_cached_key(order);
    more += nodes.len().saturating_sub(MAX_LISTED) as u64;
    for node in nodes.into_iter().take(MAX_LISTED) {
        let entry = FolderEntry {
            name: walk::shown(&node.name),
            kind: node.kind,
            size: ByteSize(node.size),
            modified: node.modified.map(|(seconds, _)| seconds),
        };
        if teller.say(&Said::Entry(entry)).is_break() {
            return Ok(());
        }
    }
    // Nothing follows that a break could stop.
    let _last = teller.say(&Said::FolderEnd {
        notes: notes_of(notes, more > 0),
        more,
    });
    Ok(())
}

fn notes_of(mut notes: Vec<DifferenceNote>, too_much: bool) -> Vec<DifferenceNote> {
    notes.extend(too_much.then_some(DifferenceNote::TooMuch));
    notes
}

fn take(
    chain: &[LayerFile],
    start: u64,
    path: &str,
    target: &Path,
    teller: &mut Teller,
) -> Result<(), Refusal> {
    let no_target = |error: io::Error| Refusal::Target(error.to_string());
    let mut target = OpenOptions::new()
        .write(true)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(target)
        .map_err(no_target)?;
    let total = in_partition(chain, start, |disk, tree| {
        let node = walk::find(tree, path).map_err(damaged)?;
        let node = node.filter(|node| node.kind == FileSort::File);
        let node = node.ok_or(Refusal::NotAFile)?;
        // A large file takes its time, which is told; the user can stop it.
        disk.allow(Duration::MAX);
        let mut done = 0;
        let mut unwritten = None;
        let copied = tree.content(&node.place, &mut |piece| {
            // A damaged file must not grow beyond what it says it is.
            let piece = &piece[..piece.len().min((node.size - done) as usize)];
            let wrote = write_sparsely(&mut target, done, piece);
            if let Err(error) = wrote {
                unwritten = Some(error);
                return Err(ErrorKind::BrokenPipe.into());
            }
            done += piece.len() as u64;
            let stage = Stage::Copy {
                done,
                total: node.size,
            };
            match teller.at(stage) {
                ControlFlow::Continue(()) => Ok(()),
                ControlFlow::Break(()) => Err(ErrorKind::BrokenPipe.into()),
            }
        });
        if let Some(error) = unwritten {
            return Err(no_target(error));
        }
        copied.map_err(damaged)?;
        match done == node.size {
            true => Ok(done),
            false => Err(Refusal::Damaged(
                "the file is shorter than it says".to_owned(),
            )),
        }
    })?;
    target.set_len(total).map_err(no_target)?;
    // Nothing follows that a break could stop.
    let _last = teller.say(&Said::Copied(ByteSize(total)));
    Ok(())
}

/// Zeros are left out: what was never written reads as such.
fn write_sparsely(target: &mut File, at: u64, piece: &[u8]) -> io::Result<()> {
    if piece.iter().all(|byte| *byte == 0) {
        return Ok(());
    }
    target.seek(SeekFrom::Start(at))?;
    target.write_all(piece)
}
