//! Snapshots: taken, gone back to, listed, deleted, verified.

use clap::Subcommand;
use serde::Serialize;

use super::args::Target;
use super::inside::{CopyDisk, Diff, Files, Get};
use super::pick::Prefer;
use super::show;
use super::tasks::{Done, Session, unexpected};
use super::text::{Lean, clean, table};
use crate::engine::Command;
use crate::model::{
    Answer, ByteSize, Checkpoints, Failure, MachineReport, SnapshotId, SnapshotReport,
    SnapshotScope, Timeline, Timestamp,
};

#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum SnapshotTask {
    /// Keep this moment: disks, and memory if the machine runs. The guest goes on.
    #[command(after_long_help = "Example:\n  orangery snapshot take Debian 'before the upgrade'")]
    Take {
        #[command(flatten)]
        target: Target,
        /// What to call it.
        #[arg(value_name = "SNAP", default_value = "")]
        called: String,
        /// What is to be remembered about it.
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
        /// Keep this disk alone, by its id as “disk list” shows it: no memory, no hardware, no other disk.
        ///
        /// Going back to it brings this disk back and leaves everything else as it is.
        #[arg(long, value_name = "ID")]
        disk: Option<String>,
        /// Copy disks that lie outside the library into it first; the files stay where they are. The machine must be off.
        #[arg(long)]
        move_in: bool,
    },
    /// Go back to a snapshot. A machine that runs ends running.
    ///
    /// The present is kept as a snapshot of its own first.
    Rewind {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        snapshot: Chosen,
        /// Do not keep the present: what happened since its last snapshot is lost.
        #[arg(long)]
        drop_present: bool,
        /// Also start a machine that does not run.
        #[arg(long)]
        start: bool,
    },
    /// Delete snapshots for good. What others need of them stays.
    Delete {
        #[command(flatten)]
        target: Target,
        /// Their names, ids, or the first digits of an id.
        #[arg(value_name = "SNAP", required = true, num_args = 1..=1000)]
        snapshots: Vec<String>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// List the machine's snapshots, oldest first.
    #[command(after_long_help = TIMELINE_JSON)]
    List(Target),
    /// Give a snapshot another name or note.
    Rename {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        snapshot: Chosen,
        /// The new name.
        #[arg(value_name = "NEW")]
        called: String,
        /// What is to be remembered about it, instead of what it says.
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Read a snapshot whole and compare it with what was written; all of them without one.
    Verify {
        #[command(flatten)]
        target: Target,
        /// Its name, id, or the first digits of the id.
        #[arg(value_name = "SNAP")]
        snapshot: Option<String>,
    },
    Diff(Diff),
    Files(Files),
    Get(Get),
    Disk(CopyDisk),
    /// Make each disk of the present one layer that rests on nothing. Snapshots keep theirs.
    Flatten(Target),
    /// Show when checkpoints are taken by themselves, or change it.
    #[command(
        after_long_help = "Keys: every (minutes, 0 is never), shut-down, reset, change, suspend (yes or no),\n\
                           budget (a size, 0 is no limit).\n\n\
                           Example:\n  orangery snapshot checkpoints Debian every=10 shut-down=yes budget=20G"
    )]
    Checkpoints {
        #[command(flatten)]
        target: Target,
        /// What to change: every=10.
        #[arg(value_name = "KEY=VALUE")]
        changes: Vec<String>,
    },
}

pub(super) const TIMELINE_JSON: &str = "With --json: an array, oldest first, of id, parent (an id or null), name, note, time (seconds since 1970), kind \
     (manual, kept, timed, before-shut-down, before-reset, before-change or before-suspend), with_memory, disk (the one disk that it keeps alone, or null), bytes (what \
     comes back if it alone is deleted), shared (bytes that others need as well), present (the machine came from here \
     last), depth (layers of its deepest disk), writing, and trouble (why it can't be used, or null).";

/// Of the list's columns.
const LEANS: [Lean; 6] = [
    Lean::Left,
    Lean::Left,
    Lean::Left,
    Lean::Right,
    Lean::Left,
    Lean::Left,
];

/// The snapshot a subcommand works on.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Chosen {
    /// Its name, id, or the first digits of the id.
    #[arg(value_name = "SNAP")]
    pub snapshot: String,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: SnapshotId,
    parent: Option<SnapshotId>,
    name: &'a str,
    note: &'a str,
    time: Timestamp,
    kind: &'static str,
    with_memory: bool,
    disk: Option<&'a str>,
    bytes: ByteSize,
    shared: ByteSize,
    present: bool,
    depth: u32,
    writing: bool,
    trouble: Option<&'a str>,
}

impl Session<'_> {
    pub(super) fn snapshot(&mut self, task: SnapshotTask) -> Result<Done, Failure> {
        match task {
            SnapshotTask::Take {
                target,
                called,
                note,
                disk,
                move_in,
            } => self.take_snapshot(&target, called, note, SnapshotScope { disk, move_in }),
            SnapshotTask::Rewind {
                target,
                snapshot,
                drop_present,
                start,
            } => self.rewind(&target, &snapshot, (!drop_present, start)),
            SnapshotTask::Delete {
                target,
                snapshots,
                yes,
            } => self.delete_snapshots(&target, &snapshots, yes),
            SnapshotTask::List(target) => self.timeline(&target),
            SnapshotTask::Rename {
                target,
                snapshot,
                called,
                note,
            } => self.rename_snapshot(&target, &snapshot, called, note),
            SnapshotTask::Verify { target, snapshot } => self.verify(&target, snapshot.as_deref()),
            SnapshotTask::Diff(diff) => self.diff(&diff),
            SnapshotTask::Files(files) => self.files(&files),
            SnapshotTask::Get(get) => self.get(&get),
            SnapshotTask::Disk(copy) => self.copy_disk(&copy),
            SnapshotTask::Flatten(target) => {
                let report = self.find(&target, Prefer::InUse)?;
                let machine = report.id;
                self.finish(Command::Flatten { machine }, None, &report.name)?;
                self.said(machine, &report.name, "rests on single layers", "flatten")
            }
            SnapshotTask::Checkpoints { target, changes } => self.checkpoints(&target, &changes),
        }
    }

    fn take_snapshot(
        &mut self,
        target: &Target,
        name: String,
        note: String,
        scope: SnapshotScope,
    ) -> Result<Done, Failure> {
        #[derive(Serialize)]
        struct Taken<'a> {
            id: SnapshotId,
            name: &'a str,
            machine: crate::model::MachineId,
        }
        let report = self.find(target, Prefer::InUse)?;
        let command = Command::TakeSnapshot {
            machine: report.id,
            name: name.clone(),
            note,
            scope,
        };
        let Answer::Snapshot(id) = self.finish(command, None, &report.name)? else {
            return Err(unexpected());
        };
        let taken = Taken {
            id,
            name: &name,
            machine: report.id,
        };
        Ok(Done::from(match self.json {
            true => show::json(&taken)?,
            false => format!("{} has the snapshot {id}\n", clean(&report.name)),
        }))
    }

    /// The machine and what its timeline holds.
    pub(super) fn known_timeline(
        &mut self,
        target: &Target,
    ) -> Result<(MachineReport, Timeline), Failure> {
        let report = self.find(target, Prefer::InUse)?;
        let timeline = self.backend.timeline(report.id)?;
        Ok((report, timeline))
    }

    fn rewind(
        &mut self,
        target: &Target,
        to: &Chosen,
        (keep, start): (bool, bool),
    ) -> Result<Done, Failure> {
        let (report, timeline) = self.known_timeline(target)?;
        let snapshot = choose(&timeline, &to.snapshot)?;
        let command = Command::Rewind {
            machine: report.id,
            snapshot: snapshot.id,
            keep,
            start,
        };
        self.finish(command, None, &report.name)?;
        let what = format!("is back at “{}”", clean(snapshot.title()));
        self.said(report.id, &report.name, &what, "rewind")
    }

    fn delete_snapshots(
        &mut self,
        target: &Target,
        wanted: &[String],
        yes: bool,
    ) -> Result<Done, Failure> {
        let (report, timeline) = self.known_timeline(target)?;
        let chosen = wanted.iter().map(|wanted| choose(&timeline, wanted));
        let chosen: Vec<&SnapshotReport> = chosen.collect::<Result<_, _>>()?;
        let bytes = ByteSize(chosen.iter().map(|snapshot| snapshot.bytes.0).sum());
        if !yes {
            let question = format!(
                "Delete {} snapshots of “{}” for good? At least {bytes} come back. This can't be undone.",
                chosen.len(),
                clean(&report.name)
            );
            self.confirm(&question, "Nothing was deleted")?;
        }
        let command = Command::DeleteSnapshots {
            machine: report.id,
            snapshots: chosen.iter().map(|snapshot| snapshot.id).collect(),
        };
        self.finish(command, None, &report.name)?;
        let what = format!("has {} snapshots less", chosen.len());
        self.said(report.id, &report.name, &what, "delete")
    }

    pub(super) fn timeline(&mut self, target: &Target) -> Result<Done, Failure> {
        let (_, timeline) = self.known_timeline(target)?;
        if self.json {
            let entries: Vec<Entry<'_>> = timeline
                .snapshots
                .iter()
                .map(|snapshot| entry(&timeline, snapshot))
                .collect();
            return Ok(Done::from(show::json(&entries)?));
        }
        if timeline.snapshots.is_empty() {
            return Ok(Done::from(
                "No snapshots. Take one with: orangery snapshot take NAME\n".to_owned(),
            ));
        }
        let mut rows = vec![["ID", "TAKEN", "MEMORY", "SIZE", "KIND", "NAME"].map(str::to_owned)];
        rows.extend(timeline.snapshots.iter().map(|snapshot| {
            let here = if timeline.present == Some(snapshot.id) {
                " (the present came from here)"
            } else {
                ""
            };
            [
                snapshot.id.to_string()[..8].to_owned(),
                snapshot.time.ago(self.now),
                if snapshot.with_memory { "yes" } else { "no" }.to_owned(),
                snapshot.bytes.to_string(),
                snapshot.kind.word().to_owned(),
                match &snapshot.trouble {
                    Some(trouble) => format!("can't be used: {}", clean(trouble)),
                    None => {
                        let only = snapshot.disk.as_deref();
                        let only =
                            only.map_or(String::new(), |disk| format!(" (only {})", clean(disk)));
                        format!("{}{only}{here}", clean(snapshot.title()))
                    }
                },
            ]
        }));
        Ok(Done::from(table(LEANS, &rows)))
    }

    fn rename_snapshot(
        &mut self,
        target: &Target,
        chosen: &Chosen,
        name: String,
        note: Option<String>,
    ) -> Result<Done, Failure> {
        let (report, timeline) = self.known_timeline(target)?;
        let snapshot = choose(&timeline, &chosen.snapshot)?;
        let what = format!("has the snapshot “{}” now", clean(&name));
        let command = Command::EditSnapshot {
            machine: report.id,
            snapshot: snapshot.id,
            note: note.unwrap_or_else(|| snapshot.note.clone()),
            name,
        };
        self.finish(command, None, &report.name)?;
        self.said(report.id, &report.name, &what, "rename")
    }

    fn verify(&mut self, target: &Target, wanted: Option<&str>) -> Result<Done, Failure> {
        let (report, timeline) = self.known_timeline(target)?;
        let snapshot = wanted.map(|wanted| choose(&timeline, wanted)).transpose()?;
        let command = Command::VerifySnapshots {
            machine: report.id,
            snapshot: snapshot.map(|snapshot| snapshot.id),
        };
        self.finish(command, None, &report.name)?;
        let what = match snapshot {
            Some(snapshot) => format!("has a whole snapshot “{}”", clean(snapshot.title())),
            None => "has only whole snapshots".to_owned(),
        };
        self.said(report.id, &report.name, &what, "verify")
    }

    fn checkpoints(&mut self, target: &Target, changes: &[String]) -> Result<Done, Failure> {
        let report = self.find(target, Prefer::InUse)?;
        let unread = || Failure::new("No checkpoints", "The machine's file can't be read");
        let machine = report.machine.as_ref().ok_or_else(unread)?;
        let mut checkpoints = machine.checkpoints.clone();
        for change in changes {
            set(&mut checkpoints, change)
                .map_err(|why| Failure::new("The checkpoints were not changed", why))?;
        }
        if !changes.is_empty() {
            let command = Command::SetCheckpoints {
                machine: report.id,
                checkpoints: checkpoints.clone(),
            };
            self.finish(command, Some(super::tasks::SHORT), &report.name)?;
        }
        if self.json {
            return Ok(Done::from(show::json(&checkpoints)?));
        }
        let word = |yes: bool| if yes { "yes" } else { "no" };
        Ok(Done::from(format!(
            "every={} shut-down={} reset={} change={} suspend={} budget={}\n",
            checkpoints.every,
            word(checkpoints.before_shut_down),
            word(checkpoints.before_reset),
            word(checkpoints.before_change),
            word(checkpoints.before_suspend),
            checkpoints.budget,
        )))
    }
}

/// Makes one change of the form `every=10`.
fn set(checkpoints: &mut Checkpoints, change: &str) -> Result<(), String> {
    let (key, value) = change
        .split_once('=')
        .ok_or_else(|| format!("“{}” is not KEY=VALUE", clean(change)))?;
    let yes = || match value {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(format!("“{}” is neither yes nor no", clean(value))),
    };
    match key {
        "every" => {
            let minutes = value.parse().ok().filter(|minutes| *minutes <= 24 * 60);
            checkpoints.every =
                minutes.ok_or("Checkpoints are taken every 1 to 1440 minutes; 0 is never")?;
        }
        "shut-down" => checkpoints.before_shut_down = yes()?,
        "reset" => checkpoints.before_reset = yes()?,
        "change" => checkpoints.before_change = yes()?,
        "suspend" => checkpoints.before_suspend = yes()?,
        "budget" => {
            checkpoints.budget = match value {
                "0" => ByteSize(0),
                size => size.parse().map_err(|error| format!("{error}"))?,
            };
        }
        _ => return Err(format!("There is no “{}”", clean(key))),
    }
    Ok(())
}

pub(super) fn choose<'a>(
    timeline: &'a Timeline,
    wanted: &str,
) -> Result<&'a SnapshotReport, Failure> {
    timeline
        .find(wanted)
        .map_err(|why| Failure::new("No such snapshot", clean(&why)))
}

fn entry<'a>(timeline: &Timeline, snapshot: &'a SnapshotReport) -> Entry<'a> {
    Entry {
        id: snapshot.id,
        parent: snapshot.parent,
        name: &snapshot.name,
        note: &snapshot.note,
        time: snapshot.time,
        kind: snapshot.kind.word(),
        with_memory: snapshot.with_memory,
        disk: snapshot.disk.as_deref(),
        bytes: snapshot.bytes,
        shared: snapshot.shared,
        present: timeline.present == Some(snapshot.id),
        depth: snapshot.depth,
        writing: snapshot.writing,
        trouble: snapshot.trouble.as_deref(),
    }
}
