//! What differs between two points, and files out of one: asked of a reader in the jail.
//!
//! Everything inside a disk is hostile. So our own program reads it in a child that sees the files
//! of the chains and nothing else, without network, with limited time and memory. What comes back
//! is lines of JSON: bounded here, and made safe to show once more. A name from a guest never
//! becomes a path of this computer: a copy goes to the file that the user chose.

mod blocks;
mod hear;
#[cfg(test)]
pub(super) mod images;
mod reader;
mod sides;
mod wire;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::partial::Partial;
use crate::confine::{self, Jail, JailError, Limits, Outcome, Program};
use crate::model::{ByteSize, Difference, DifferenceNote, DiskDifference, Folder, Partition};
use hear::{Heard, Hearing};
pub use reader::{DISK_READER, disk_reader_main};
use wire::{Job, Refusal};
pub use wire::{LayerFile, Stage};

/// Address space of the reader; tables, caches and the largest folder take a part of it.
const MEMORY: u64 = 1 << 30;
/// A look at partitions or a folder.
const LOOK: Duration = Duration::from_secs(150);
/// A comparison or a copy. The user sees how far it is and can stop it; this is the backstop.
const LONG: Duration = Duration::from_secs(4 * 3600);

/// A disk at a point of a machine's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskChain {
    /// The id of its device: the same disk on both sides has the same.
    pub device: String,
    /// Base first. What a header names is never followed.
    pub layers: Vec<LayerFile>,
    /// A guest writes its top meanwhile.
    pub moving: bool,
}

/// Told how far it is, about 20 times a second, also while nothing is new; breaking cancels.
pub type Progress<'a> = &'a mut dyn FnMut(Option<Stage>) -> ControlFlow<()>;

/// Why it could not be told what is inside a disk. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum DifferenceError {
    #[error("“{}” could not be opened: {source}", path.display())]
    Open {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Jail(JailError),
    #[error("the reader of disks stopped: {why}. The disk may be damaged")]
    Stopped { why: String },
    #[error("{0}")]
    Disk(String),
    #[error("the disk has no such partition any more")]
    NoPartition,
    #[error("files of this file system can't be read; ext4, FAT and NTFS can")]
    Unsupported,
    #[error("“{path}” is not there")]
    NotFound { path: String },
    #[error("“{path}” is no file")]
    NotAFile { path: String },
    #[error("“{path}” is no folder")]
    NotAFolder { path: String },
    #[error("the guest keeps “{path}” compressed or encrypted, which can't be read here")]
    Packed { path: String },
    #[error("the file system is damaged: {why}")]
    Damaged { why: String },
    #[error("“{}” could not be written: {source}", path.display())]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("“{}” could not be written: {why}", path.display())]
    Target { path: PathBuf, why: String },
    #[error("cancelled")]
    Cancelled,
}

/// What differs between two points: blocks and, where the file system is known, files.
///
/// Disks are the same when their device is. Blocking; run it in a job.
pub fn compare(
    before: &[DiskChain],
    after: &[DiskChain],
    progress: Progress<'_>,
) -> Result<Difference, DifferenceError> {
    let mut disks = Vec::new();
    for old in before {
        let new = after.iter().find(|disk| disk.device == old.device);
        disks.push(match new {
            Some(new) => compare_disk(old, new, progress)?,
            None => lone_disk(old, true, progress)?,
        });
    }
    for new in after {
        if before.iter().all(|disk| disk.device != new.device) {
            disks.push(lone_disk(new, false, progress)?);
        }
    }
    Ok(Difference { disks })
}

fn compare_disk(
    old: &DiskChain,
    new: &DiskChain,
    progress: Progress<'_>,
) -> Result<DiskDifference, DifferenceError> {
    let job = Job::Compare {
        before: real(&old.layers)?,
        after: real(&new.layers)?,
    };
    let (heard, done) = ask(&job, LONG, Vec::new(), progress);
    let mut heard = heard.in_part(done)?;
    heard.disk.device.clone_from(&new.device);
    let moving = (old.moving || new.moving).then_some(DifferenceNote::Moving);
    heard.disk.notes.extend(moving);
    Ok(heard.disk)
}

/// A disk that only one side has: its size is all that there is to say.
fn lone_disk(
    disk: &DiskChain,
    is_old: bool,
    progress: Progress<'_>,
) -> Result<DiskDifference, DifferenceError> {
    let chain = real(&disk.layers)?;
    let job = Job::Compare {
        before: chain.clone(),
        after: chain,
    };
    // Compared with itself, which touches no block.
    let (heard, done) = ask(&job, LOOK, Vec::new(), progress);
    done?;
    let size = heard.disk.after;
    Ok(DiskDifference {
        device: disk.device.clone(),
        before: size.filter(|_| is_old),
        after: size.filter(|_| !is_old),
        ..DiskDifference::default()
    })
}

/// The partitions of a disk; one with the number 0 is a disk without a table.
pub fn partitions(
    disk: &DiskChain,
    progress: Progress<'_>,
) -> Result<Vec<Partition>, DifferenceError> {
    let chain = real(&disk.layers)?;
    let (heard, done) = ask(&Job::Partitions { chain }, LOOK, Vec::new(), progress);
    done?;
    let found = heard.disk.partitions.into_iter();
    Ok(found.map(|found| found.partition).collect())
}

/// What is in the folder `path` of the partition that begins at byte `partition`. The root is "".
pub fn list(
    disk: &DiskChain,
    partition: u64,
    path: &str,
    progress: Progress<'_>,
) -> Result<Folder, DifferenceError> {
    let job = Job::List {
        chain: real(&disk.layers)?,
        partition,
        path: path.to_owned(),
    };
    let (heard, done) = ask(&job, LOOK, Vec::new(), progress);
    done?;
    let mut folder = heard.folder;
    folder
        .notes
        .extend(disk.moving.then_some(DifferenceNote::Moving));
    Ok(folder)
}

/// Copies a file from inside a disk to `target`, which must not exist; returns its length.
pub fn take_file(
    disk: &DiskChain,
    partition: u64,
    path: &str,
    target: &Path,
    progress: Progress<'_>,
) -> Result<ByteSize, DifferenceError> {
    let failed = |source| DifferenceError::Write {
        path: target.to_owned(),
        source,
    };
    let chain = real(&disk.layers)?;
    let target = std::path::absolute(target).map_err(failed)?;
    let partial = Partial::begin(&target).map_err(failed)?;
    let job = Job::Take {
        chain,
        partition,
        path: path.to_owned(),
        target: partial.path.clone(),
    };
    let (heard, done) = ask(&job, LONG, vec![partial.path.clone()], progress);
    done.map_err(|error| match error {
        DifferenceError::Target { why, .. } => DifferenceError::Target {
            path: target.clone(),
            why,
        },
        other => other,
    })?;
    match heard.copied {
        Some(length) if length.0 == partial.length() => {
            partial.finish(&target).map_err(failed)?;
            Ok(length)
        }
        _ => Err(DifferenceError::Stopped {
            why: "the copy is not whole".to_owned(),
        }),
    }
}

/// The layers by paths without links: the jail opens exactly what it is given.
fn real(layers: &[LayerFile]) -> Result<Vec<LayerFile>, DifferenceError> {
    let real = |layer: &LayerFile| {
        let path = std::fs::canonicalize(&layer.path);
        match path {
            Ok(path) => Ok(LayerFile {
                path,
                format: layer.format,
            }),
            Err(source) => Err(DifferenceError::Open {
                path: layer.path.clone(),
                source,
            }),
        }
    };
    layers.iter().map(real).collect()
}

/// Has `job` done in the jail: what was heard, and whether that is all.
fn ask(
    job: &Job,
    time: Duration,
    writes: Vec<PathBuf>,
    progress: Progress<'_>,
) -> (Heard, Result<(), DifferenceError>) {
    let stopped = |why: String| Err(DifferenceError::Stopped { why });
    let text = match serde_json::to_string(job) {
        Ok(text) => text,
        Err(error) => return (Heard::default(), stopped(error.to_string())),
    };
    let mut program = Program::ourselves(DISK_READER).args([text]);
    program.reads = job.layers().map(|layer| layer.path.clone()).collect();
    program.writes = writes;
    program.limits = Limits {
        cpu_seconds: Some(time.as_secs()),
        memory: Some(MEMORY),
        ..Limits::default()
    };
    let mut jail = Jail::new(program);
    jail.deadline = time;
    let mut hearing = Hearing::default();
    let ended = confine::run_jailed(jail, &mut |line| match line {
        None => progress(None),
        Some(line) => match hearing.hear(line) {
            Ok(stage) => progress(stage),
            Err(_nonsense) => ControlFlow::Break(()),
        },
    });
    let done = match ended {
        _ if hearing.nonsense => stopped("it said what can't be understood".to_owned()),
        Err(JailError::Cancelled) => Err(DifferenceError::Cancelled),
        Err(error) => Err(DifferenceError::Jail(error)),
        Ok(finished) => match (finished.outcome, hearing.refusal.take()) {
            (_, Some(refusal)) => Err(refused(refusal, job)),
            (Outcome::Success, None) if hearing.done => Ok(()),
            (Outcome::Success, None) => stopped("it ended without an answer".to_owned()),
            (Outcome::Failed(code), None) => stopped(format!("it failed with code {code}")),
            (Outcome::Killed(signal), None) => stopped(format!("signal {signal} ended it")),
        },
    };
    (hearing.heard, done)
}

impl Job {
    fn layers(&self) -> impl Iterator<Item = &LayerFile> {
        let (first, second): (&[LayerFile], &[LayerFile]) = match self {
            Self::Compare { before, after } => (before, after),
            Self::Partitions { chain } | Self::List { chain, .. } | Self::Take { chain, .. } => {
                (chain, &[])
            }
        };
        first.iter().chain(second)
    }

    /// The path inside the disk that it is about.
    fn path(&self) -> String {
        match self {
            Self::Compare { .. } | Self::Partitions { .. } => String::new(),
            Self::List { path, .. } | Self::Take { path, .. } => path.clone(),
        }
    }
}

fn refused(refusal: Refusal, job: &Job) -> DifferenceError {
    let path = job.path();
    match refusal {
        Refusal::Disk(why) => DifferenceError::Disk(hear::sentence(&why)),
        Refusal::NoPartition => DifferenceError::NoPartition,
        Refusal::Unsupported => DifferenceError::Unsupported,
        Refusal::NotFound => DifferenceError::NotFound { path },
        Refusal::NotAFile => DifferenceError::NotAFile { path },
        Refusal::NotAFolder => DifferenceError::NotAFolder { path },
        Refusal::Packed => DifferenceError::Packed { path },
        Refusal::Damaged(why) => DifferenceError::Damaged {
            why: hear::sentence(&why),
        },
        Refusal::Target(why) => DifferenceError::Target {
            path: PathBuf::new(),
            why: hear::sentence(&why),
        },
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
