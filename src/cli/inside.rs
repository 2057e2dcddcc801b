//! What is inside the disks of snapshots: compared, listed, copied out, made new disks of.

use std::path::PathBuf;

use super::args::Target;
use super::pick::Prefer;
use super::snapshot::{Chosen, choose};
use super::tasks::{Done, Session, absolute, unexpected};
use super::text::{Lean, clean, shell_line, table};
use super::{file, show};
use crate::engine::Command;
use crate::model::{
    Answer, ByteSize, ChangeKind, Difference, DifferenceNote, DiskContents, DiskDifference,
    DiskPlace, Failure, FileChange, FileSort, Folder, FolderEntry, MachineReport, Partition,
    PartitionDifference, SnapshotId, Timestamp,
};

/// Changes of a partition that are shown unless all are wanted.
const SHOWN: usize = 100;
/// Stands for the present where a snapshot could be named.
const NOW: &str = "now";

/// Say what differs between a snapshot and another one, or the present: bytes and files.
///
/// Files are told for ext4, FAT and NTFS; of other file systems only how much differs. Nothing is
/// changed, and a machine that runs goes on.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_long_help = "Signs: + added, ~ changed, - removed.\n\n\
                       With --json: disks, each with device, before and after (sizes in bytes or \
                       null), bytes that differ, ranges of them, notes, and partitions with \
                       changes, more (changes beyond those), added, changed, removed and notes.\n\n\
                       Example:\n  orangery snapshot diff Debian 'before the upgrade'")]
pub struct Diff {
    #[command(flatten)]
    target: Target,
    /// The earlier point: a snapshot's name, id, or the first digits of the id.
    #[arg(value_name = "FROM")]
    from: String,
    /// The later point; now is the present.
    #[arg(value_name = "TO", default_value = NOW)]
    to: String,
    /// Show all changes instead of the first hundred of each partition.
    #[arg(long)]
    all: bool,
}

/// List disks, partitions and folders of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(
    after_long_help = "Examples:\n  orangery snapshot files Debian 'before the upgrade'\n  \
                       orangery snapshot files Debian now disk0/1/etc"
)]
pub struct Files {
    #[command(flatten)]
    target: Target,
    /// A snapshot's name, id, or the first digits of the id; now is the present.
    #[arg(value_name = "SNAP")]
    snapshot: String,
    /// A disk, a partition's number, and a folder: disk0/1/etc.
    #[arg(value_name = "PATH", default_value = "")]
    path: String,
}

/// Copy a file out of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(
    after_long_help = "Example:\n  orangery snapshot get Debian 'before the upgrade' disk0/1/etc/fstab"
)]
pub struct Get {
    #[command(flatten)]
    target: Target,
    /// A snapshot's name, id, or the first digits of the id; now is the present.
    #[arg(value_name = "SNAP")]
    snapshot: String,
    /// A disk, a partition's number, and a file: disk0/1/etc/fstab.
    #[arg(value_name = "PATH")]
    path: String,
    /// Where to: a new file, or a folder that is there. Without it the folder you are in.
    #[arg(value_name = "TARGET")]
    to: Option<PathBuf>,
}

/// Make a new disk of a snapshot's: a whole copy, detached.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(
    after_long_help = "Example:\n  orangery snapshot disk Debian 'before the upgrade' disk0 --into Rescue"
)]
pub struct CopyDisk {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    snapshot: Chosen,
    /// The disk's device, as orangery snapshot files lists it.
    #[arg(value_name = "DISK")]
    disk: String,
    /// The machine that gets it, instead of the same one.
    #[arg(long, value_name = "MACHINE")]
    into: Option<String>,
}

/// A place as it is typed, cut into its parts.
#[derive(Debug, PartialEq, Eq)]
struct Typed<'a> {
    disk: Option<&'a str>,
    partition: Option<&'a str>,
    /// Inside the partition, without slashes around it.
    path: &'a str,
}

impl<'a> Typed<'a> {
    fn new(text: &'a str) -> Self {
        let mut parts = text.trim_matches('/').splitn(3, '/');
        let mut next = || parts.next().filter(|part| !part.is_empty());
        Self {
            disk: next(),
            partition: next(),
            path: next().unwrap_or_default().trim_matches('/'),
        }
    }
}

impl Session<'_> {
    pub(super) fn diff(&mut self, diff: &Diff) -> Result<Done, Failure> {
        let (report, timeline) = self.known_timeline(&diff.target)?;
        let to = match diff.to.as_str() {
            NOW => None,
            name => Some(choose(&timeline, name)?.id),
        };
        let command = Command::Compare {
            machine: report.id,
            from: choose(&timeline, &diff.from)?.id,
            to,
        };
        let Answer::Difference(difference) = self.finish(command, None, &report.name)? else {
            return Err(unexpected());
        };
        Ok(Done::from(match self.json {
            true => show::json(&difference)?,
            false => diff_text(&difference, if diff.all { usize::MAX } else { SHOWN }),
        }))
    }

    /// The machine, and the point that was named.
    fn point(
        &mut self,
        target: &Target,
        snapshot: &str,
    ) -> Result<(MachineReport, Option<SnapshotId>), Failure> {
        let (report, timeline) = self.known_timeline(target)?;
        let point = match snapshot {
            NOW => None,
            name => Some(choose(&timeline, name)?.id),
        };
        Ok((report, point))
    }

    pub(super) fn files(&mut self, files: &Files) -> Result<Done, Failure> {
        let (report, point) = self.point(&files.target, &files.snapshot)?;
        let typed = Typed::new(&files.path);
        let disks = self.disks_of(&report, point)?;
        let disks: Vec<&DiskContents> = match typed.disk {
            Some(name) => vec![find_disk(&disks, name)?],
            None => disks.iter().collect(),
        };
        let (Some(number), [disk]) = (typed.partition, &disks[..]) else {
            return Ok(Done::from(match self.json {
                true => show::json(&disks)?,
                false => disks_text(&disks),
            }));
        };
        let command = Command::ListFiles {
            machine: report.id,
            point,
            place: place(disk, number, typed.path)?,
        };
        let Answer::Folder(folder) = self.finish(command, None, &report.name)? else {
            return Err(unexpected());
        };
        Ok(Done::from(match self.json {
            true => show::json(&folder)?,
            false => folder_text(&folder),
        }))
    }

    fn disks_of(
        &mut self,
        report: &MachineReport,
        point: Option<SnapshotId>,
    ) -> Result<Vec<DiskContents>, Failure> {
        let machine = report.id;
        match self.finish(Command::ListDisks { machine, point }, None, &report.name)? {
            Answer::Disks(disks) => Ok(disks),
            _ => Err(unexpected()),
        }
    }

    pub(super) fn get(&mut self, get: &Get) -> Result<Done, Failure> {
        #[derive(serde::Serialize)]
        struct Got {
            file: PathBuf,
            bytes: ByteSize,
        }
        let what = "The file was not copied";
        let typed = Typed::new(&get.path);
        let name = typed.path.rsplit('/').next().unwrap_or_default();
        let (Some(disk), Some(number)) = (typed.disk, typed.partition.filter(|_| !name.is_empty()))
        else {
            let why = "Its path begins with a disk and a partition: disk0/1/etc/fstab";
            return Err(
                Failure::new(what, why).fix("See what there is: orangery snapshot files NAME SNAP")
            );
        };
        let to = absolute(&self.cwd, get.to.as_deref().unwrap_or(".".as_ref()))?;
        let to = if to.is_dir() { to.join(name) } else { to };
        if matches!(name, "." | "..") || to.exists() {
            let why = format!("{} is there already", to.display());
            return Err(Failure::new(what, why).fix("Give another TARGET"));
        }
        file::check_target(&to)?;
        let (report, point) = self.point(&get.target, &get.snapshot)?;
        let disks = self.disks_of(&report, point)?;
        let command = Command::TakeFile {
            machine: report.id,
            point,
            place: place(find_disk(&disks, disk)?, number, typed.path)?,
            target: to.clone(),
        };
        let Answer::Copied(bytes) = self.finish(command, None, &report.name)? else {
            return Err(unexpected());
        };
        Ok(Done::from(match self.json {
            true => show::json(&Got { file: to, bytes })?,
            false => format!("{} ({bytes})\n", clean(&to.display().to_string())),
        }))
    }

    pub(super) fn copy_disk(&mut self, copy: &CopyDisk) -> Result<Done, Failure> {
        let (report, timeline) = self.known_timeline(&copy.target)?;
        let into = match &copy.into {
            Some(name) => self.find(&Target { name: name.clone() }, Prefer::InUse)?,
            None => report.clone(),
        };
        let command = Command::DiskFromSnapshot {
            machine: report.id,
            snapshot: choose(&timeline, &copy.snapshot.snapshot)?.id,
            disk: copy.disk.clone(),
            into: into.id,
        };
        let Answer::Disk(id) = self.finish(command, None, &report.name)? else {
            return Err(unexpected());
        };
        if self.json {
            #[derive(serde::Serialize)]
            struct Made<'a> {
                disk: String,
                machine: &'a str,
            }
            let made = Made {
                disk: id.to_string(),
                machine: &into.name,
            };
            return Ok(Done::from(show::json(&made)?));
        }
        let short = id.to_string()[..8].to_owned();
        let words = ["orangery", "disk", "attach", &into.name, &short].map(str::to_owned);
        Ok(Done::from(format!(
            "{} has the detached disk {id}\nPlug it in: {}\n",
            clean(&into.name),
            clean(&shell_line(&words))
        )))
    }
}

fn find_disk<'a>(disks: &'a [DiskContents], name: &str) -> Result<&'a DiskContents, Failure> {
    let found = disks.iter().find(|disk| disk.device == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = disks.iter().map(|disk| disk.device.as_str()).collect();
        let why = match names[..] {
            [] => "The machine had no disk then".to_owned(),
            _ => format!("It had {}", names.join(", ")),
        };
        Failure::new(format!("There is no disk “{}”", clean(name)), why)
    })
}

fn place(disk: &DiskContents, number: &str, path: &str) -> Result<DiskPlace, Failure> {
    let what = format!("{} has no partition “{}”", disk.device, clean(number));
    if let Some(trouble) = &disk.trouble {
        return Err(Failure::new(what, trouble.clone()));
    }
    let mut partitions = disk.partitions.iter();
    let wanted: Option<u32> = number.parse().ok();
    let found = partitions.find(|partition| Some(partition.number) == wanted);
    let Some(partition) = found else {
        let numbers: Vec<String> = disk
            .partitions
            .iter()
            .map(|partition| partition.number.to_string())
            .collect();
        let why = match numbers[..] {
            [] => "No partition was found on it".to_owned(),
            _ => format!("It has {}", numbers.join(", ")),
        };
        return Err(Failure::new(what, why));
    };
    Ok(DiskPlace {
        disk: disk.device.clone(),
        partition: partition.start,
        path: path.to_owned(),
    })
}

/// "ext4, 16 MiB, “system”".
fn described(partition: &Partition) -> String {
    let mut words = match partition.file_system.name() {
        "" => "no known file system".to_owned(),
        name => name.to_owned(),
    };
    words += &format!(", {}", partition.size);
    if !partition.label.is_empty() {
        words += &format!(", “{}”", clean(&partition.label));
    }
    words
}

fn disks_text(disks: &[&DiskContents]) -> String {
    let mut out = String::new();
    for disk in disks {
        if let Some(trouble) = &disk.trouble {
            out += &format!("{}: {}\n", disk.device, clean(trouble));
        } else if disk.partitions.is_empty() {
            out += &format!("{}: no partitions\n", disk.device);
        }
        for partition in &disk.partitions {
            let words = described(partition);
            out += &format!("{}/{}  {words}\n", disk.device, partition.number);
        }
    }
    match out.is_empty() {
        true => "No disks.\n".to_owned(),
        false => out,
    }
}

fn folder_text(folder: &Folder) -> String {
    let row = |entry: &FolderEntry| {
        let size = match entry.kind {
            FileSort::File => entry.size.to_string(),
            FileSort::Folder | FileSort::Link | FileSort::Other => String::new(),
        };
        let seconds = entry.modified.and_then(|time| u64::try_from(time).ok());
        let time = seconds.map(|time| Timestamp(time).utc());
        let time = time.unwrap_or_default();
        [size, time, named(&entry.name, entry.kind)]
    };
    let rows: Vec<[String; 3]> = folder.entries.iter().map(row).collect();
    let mut out = table([Lean::Right, Lean::Left, Lean::Left], &rows);
    out += &more(folder.more, "");
    out += &notes_text(&folder.notes, "");
    match out.is_empty() {
        true => "The folder is empty.\n".to_owned(),
        false => out,
    }
}

/// The name with a sign for what it is.
fn named(name: &str, kind: FileSort) -> String {
    let sign = match kind {
        FileSort::File | FileSort::Other => "",
        FileSort::Folder => "/",
        FileSort::Link => "@",
    };
    clean(name) + sign
}

fn more(count: u64, indent: &str) -> String {
    match count {
        0 => String::new(),
        count => format!("{indent}and {count} more\n"),
    }
}

fn notes_text(notes: &[DifferenceNote], indent: &str) -> String {
    let lines = notes.iter().map(|note| format!("{indent}({note})\n"));
    lines.collect()
}

/// The difference, disk by disk, with so many changes of each partition as are `shown`.
fn diff_text(difference: &Difference, shown: usize) -> String {
    if difference.disks.is_empty() {
        return "Neither has a disk.\n".to_owned();
    }
    let disks = difference.disks.iter();
    disks.map(|disk| disk_text(disk, shown)).collect()
}

fn disk_text(disk: &DiskDifference, shown: usize) -> String {
    let what = match (disk.before, disk.after) {
        (Some(size), None) => format!("is gone; it had {size}"),
        (None, Some(size)) => format!("is new; it has {size}"),
        _ if disk.bytes.0 == 0 => "no difference".to_owned(),
        (Some(before), Some(after)) if before != after => {
            format!("{} differ; it had {before} and has {after}", disk.bytes)
        }
        (_, Some(size)) => format!("{} of {size} differ", disk.bytes),
        (_, None) => format!("{} differ", disk.bytes),
    };
    let mut out = format!("{}: {what}\n", disk.device);
    out += &notes_text(&disk.notes, "  ");
    for partition in &disk.partitions {
        out += &partition_text(partition, &disk.device, shown);
    }
    out
}

fn partition_text(found: &PartitionDifference, device: &str, shown: usize) -> String {
    let (number, words) = (found.partition.number, described(&found.partition));
    let mut out = format!("  {device}/{number} ({words})");
    if found.added + found.changed + found.removed > 0 {
        out += &format!(
            ": {} added, {} changed, {} removed",
            found.added, found.changed, found.removed
        );
    } else if found.notes.is_empty() {
        out += ": no file differs";
    }
    out.push('\n');
    out += &notes_text(&found.notes, "    ");
    for change in found.changes.iter().take(shown) {
        out += &change_text(change);
    }
    let hidden = found.changes.len().saturating_sub(shown) as u64;
    out + &more(found.more + hidden, "    ")
}

fn change_text(change: &FileChange) -> String {
    let sign = match change.change {
        ChangeKind::Added => '+',
        ChangeKind::Changed => '~',
        ChangeKind::Removed => '-',
    };
    let size = match (change.before, change.after) {
        (Some(before), Some(after)) if before != after => format!("  {before} → {after}"),
        (_, Some(size)) | (Some(size), None) => format!("  {size}"),
        (None, None) => String::new(),
    };
    format!("    {sign} {}{size}\n", named(&change.path, change.kind))
}

#[cfg(test)]
#[path = "inside_tests.rs"]
mod tests;
