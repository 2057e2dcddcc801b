//! Labs: several machines started, kept and taken back together.

mod show;

use clap::Subcommand;
use serde::Serialize;

use super::pick::{Prefer, pick};
use super::show as print;
use super::tasks::{Done, SHORT, Session, outcome, unexpected};
use super::text::clean;
use crate::engine::Command;
use crate::engine::message::LabCommand;
use crate::model::{
    Action, Answer, Failure, Lab, LabId, LabReport, MachineId, MachineReport, SetId, SnapshotSet,
};

/// Fewest digits of an id that name a lab or a moment.
const MIN_PREFIX: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum LabTask {
    /// Make a lab of machines. They are started in this order.
    #[command(after_long_help = "Example:\n  orangery lab create shop web db mail")]
    Create {
        #[command(flatten)]
        target: LabTarget,
        #[command(flatten)]
        machines: Machines,
    },
    /// List the labs.
    List,
    /// Show one lab: its machines, what they do, and its moments.
    Show(LabTarget),
    /// Put machines into a lab, at its end.
    ///
    /// The moments that the lab has already do not have them: going back leaves them as they are.
    Add {
        #[command(flatten)]
        target: LabTarget,
        #[command(flatten)]
        machines: Machines,
    },
    /// Take machines out of a lab. Nothing of them is deleted.
    Remove {
        #[command(flatten)]
        target: LabTarget,
        #[command(flatten)]
        machines: Machines,
    },
    /// Give a lab another name.
    Rename {
        #[command(flatten)]
        target: LabTarget,
        /// The new name.
        #[arg(value_name = "NEW")]
        called: String,
    },
    /// Forget a lab. Its machines and all their snapshots stay.
    Delete(LabTarget),
    /// Start its machines, one after the other. Refused beforehand if there is clearly no memory for them.
    Start(LabTarget),
    /// Press the power button of all, and wait until they are off.
    ShutDown(LabTarget),
    /// Cut the power of all.
    PowerOff(LabTarget),
    /// Let all stand still.
    Pause(LabTarget),
    /// Let all that are paused go on.
    Resume(LabTarget),
    /// Write all running guests to disk and stop; start goes on from there.
    Save(LabTarget),
    /// Keep this moment of all machines, or of none.
    ///
    /// Those that run stand still at one moment: all are stopped before the first is taken, and all are taken before
    /// the first goes on.
    #[command(after_long_help = "Example:\n  orangery lab snapshot shop 'before the upgrade'")]
    Snapshot {
        #[command(flatten)]
        target: LabTarget,
        /// What to call it.
        #[arg(value_name = "SNAP", default_value = "")]
        called: String,
        /// What is to be remembered about it.
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
    },
    /// List the lab's moments, oldest first.
    #[command(after_long_help = MOMENTS_JSON)]
    Snapshots(LabTarget),
    /// Go back to a moment with all machines that it has.
    ///
    /// The present is kept as a moment of its own first. Machines that ran then run on from it, all let go together; the
    /// others are off then. Machines that came into the lab later stay as they are.
    Rewind {
        #[command(flatten)]
        target: LabTarget,
        #[command(flatten)]
        moment: Moment,
        /// Do not keep the present: what happened since the machines' last snapshots is lost.
        #[arg(long)]
        drop_present: bool,
    },
    /// Delete a moment: its snapshot of each machine, for good.
    DeleteSnapshot {
        #[command(flatten)]
        target: LabTarget,
        #[command(flatten)]
        moment: Moment,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

const MOMENTS_JSON: &str = "With --json: an array, oldest first, of id, name, note, time (seconds since 1970), kind (manual or kept), whole (all \
     can go back to it), and machines: an array of machine, snapshot, with_memory, and lack (why it can't go back, or \
     null).";

/// The lab a subcommand works on.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct LabTarget {
    /// The lab's name, id, or the first digits of the id.
    #[arg(value_name = "LAB")]
    pub lab: String,
}

/// Machines of a lab.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Machines {
    /// Their names, ids, or first digits of ids.
    #[arg(value_name = "MACHINE", required = true, num_args = 1..=64)]
    pub machines: Vec<String>,
}

/// One moment of a lab.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Moment {
    /// Its name, id, or the first digits of the id.
    #[arg(value_name = "SNAP")]
    pub moment: String,
}

impl Session<'_> {
    pub(super) fn lab(&mut self, task: LabTask) -> Result<Done, Failure> {
        match task {
            LabTask::Create { target, machines } => {
                let machines = self.machines_of(&machines)?;
                let name = target.lab.clone();
                let command = LabCommand::Create { name, machines };
                let answer = self.finish(Command::Lab(command), Some(SHORT), &target.lab)?;
                let Answer::Lab(id) = answer else {
                    return Err(unexpected());
                };
                self.lab_said(id, &target.lab, "is made", "create")
            }
            LabTask::List => self.list_labs(),
            LabTask::Show(target) => self.show_lab(&target),
            LabTask::Add { target, machines } => self.change_machines(&target, &machines, true),
            LabTask::Remove { target, machines } => self.change_machines(&target, &machines, false),
            LabTask::Rename { target, called } => {
                let lab = self.find_lab(&target)?.lab;
                let (id, note) = (lab.id, lab.note);
                let name = called.clone();
                let command = LabCommand::Rename {
                    lab: id,
                    name,
                    note,
                };
                self.finish(Command::Lab(command), Some(SHORT), &called)?;
                self.lab_said(id, &called, "is its name now", "rename")
            }
            LabTask::Delete(target) => {
                let lab = self.find_lab(&target)?.lab;
                let command = LabCommand::Delete { lab: lab.id };
                self.finish(Command::Lab(command), Some(SHORT), &lab.name)?;
                let what = "is forgotten; its machines stay";
                self.lab_said(lab.id, &lab.name, what, "delete")
            }
            LabTask::Start(target) => self.act_with_lab(&target, Action::Start),
            LabTask::ShutDown(target) => self.act_with_lab(&target, Action::ShutDown),
            LabTask::PowerOff(target) => self.act_with_lab(&target, Action::PowerOff),
            LabTask::Pause(target) => self.act_with_lab(&target, Action::Pause),
            LabTask::Resume(target) => self.act_with_lab(&target, Action::Resume),
            LabTask::Save(target) => self.act_with_lab(&target, Action::Save),
            LabTask::Snapshot {
                target,
                called,
                note,
            } => self.keep_lab(&target, called, note),
            LabTask::Snapshots(target) => self.moments(&target),
            LabTask::Rewind {
                target,
                moment,
                drop_present,
            } => self.rewind_lab(&target, &moment, !drop_present),
            LabTask::DeleteSnapshot {
                target,
                moment,
                yes,
            } => self.delete_moment(&target, &moment, yes),
        }
    }

    fn machines_of(&mut self, wanted: &Machines) -> Result<Vec<MachineId>, Failure> {
        let reports = self.backend.reports()?;
        let wanted = wanted.machines.iter();
        wanted
            .map(|name| Ok(pick(&reports, name, Prefer::InUse)?.id))
            .collect()
    }

    fn find_lab(&mut self, target: &LabTarget) -> Result<LabReport, Failure> {
        let labs = self.backend.labs()?;
        choose_lab(labs, &target.lab)
    }

    fn change_machines(
        &mut self,
        target: &LabTarget,
        machines: &Machines,
        adds: bool,
    ) -> Result<Done, Failure> {
        let chosen = match adds {
            true => self.machines_of(machines)?,
            false => Vec::new(),
        };
        let reports = self.backend.reports()?;
        let lab = self.find_lab(target)?.lab;
        let mut all = lab.machines.clone();
        all.extend(chosen);
        if !adds {
            for name in &machines.machines {
                // Also one that is missing, by its id.
                let is_it = |id: &MachineId| id.to_string().starts_with(&name.to_lowercase());
                let long = name.len() >= MIN_PREFIX;
                let missing = lab.machines.iter().find(|id| long && is_it(id)).copied();
                let found = pick(&reports, name, Prefer::InUse).map(|report| report.id);
                let gone = found.or_else(|failure| missing.ok_or(failure))?;
                if !all.contains(&gone) {
                    let what = format!("“{}” is not in the lab", clean(name));
                    return Err(Failure::new(what, "Nothing was changed"));
                }
                all.retain(|id| *id != gone);
            }
        }
        let count = all.len();
        let command = LabCommand::SetMachines {
            lab: lab.id,
            machines: all,
        };
        self.finish(Command::Lab(command), Some(SHORT), &lab.name)?;
        let (what, done) = (
            format!("has {count} machines"),
            if adds { "add" } else { "remove" },
        );
        self.lab_said(lab.id, &lab.name, &what, done)
    }

    fn act_with_lab(&mut self, target: &LabTarget, action: Action) -> Result<Done, Failure> {
        let lab = self.find_lab(target)?.lab;
        let command = LabCommand::Act {
            lab: lab.id,
            action,
        };
        let (what, done) = outcome(action);
        match self.finish(Command::Lab(command), None, &lab.name)? {
            Answer::Unchanged => {
                let what = "needs nothing: all its machines are so already";
                self.lab_said(lab.id, &lab.name, what, done)
            }
            _ => self.lab_said(lab.id, &lab.name, what, done),
        }
    }

    fn keep_lab(
        &mut self,
        target: &LabTarget,
        name: String,
        note: String,
    ) -> Result<Done, Failure> {
        #[derive(Serialize)]
        struct Kept<'a> {
            id: SetId,
            name: &'a str,
            lab: LabId,
        }
        let lab = self.find_lab(target)?.lab;
        let command = LabCommand::Snapshot {
            lab: lab.id,
            name: name.clone(),
            note,
        };
        let Answer::Set(id) = self.finish(Command::Lab(command), None, &lab.name)? else {
            return Err(unexpected());
        };
        let kept = Kept {
            id,
            name: &name,
            lab: lab.id,
        };
        Ok(Done::from(match self.json {
            true => print::json(&kept)?,
            false => format!("{} has the moment {id}\n", clean(&lab.name)),
        }))
    }

    fn rewind_lab(
        &mut self,
        target: &LabTarget,
        moment: &Moment,
        keep: bool,
    ) -> Result<Done, Failure> {
        let reports = self.backend.reports()?;
        let report = self.find_lab(target)?;
        let set = choose_set(&report, &moment.moment)?;
        let (lab, id) = (&report.lab, set.id);
        let stay: Vec<String> = places(lab, &reports)
            .into_iter()
            .filter(|(id, machine)| machine.is_some() && set.of(*id).is_none())
            .map(|(id, _)| name_of(id, &reports))
            .collect();
        let command = LabCommand::Rewind {
            lab: lab.id,
            set: id,
            keep,
        };
        if !stay.is_empty() {
            let names = clean(&stay.join(", "));
            self.backend.tell(&format!(
                "Not part of that moment, so left as it is: {names} (added to the lab later)"
            ));
        }
        self.finish(Command::Lab(command), None, &lab.name)?;
        let what = format!("is back at “{}”", clean(set.title()));
        self.lab_said(lab.id, &lab.name, &what, "rewind")
    }

    fn delete_moment(
        &mut self,
        target: &LabTarget,
        moment: &Moment,
        yes: bool,
    ) -> Result<Done, Failure> {
        let report = self.find_lab(target)?;
        let set = choose_set(&report, &moment.moment)?;
        if !yes {
            let question = format!(
                "Delete “{}” and its snapshots of {} machines for good? This can't be undone.",
                clean(set.title()),
                set.members.len()
            );
            self.confirm(&question, "Nothing was deleted")?;
        }
        let lab = &report.lab;
        let command = LabCommand::DeleteSet {
            lab: lab.id,
            set: set.id,
        };
        self.finish(Command::Lab(command), None, &lab.name)?;
        self.lab_said(lab.id, &lab.name, "has a moment less", "delete-snapshot")
    }

    /// The line that tells what was done to a lab.
    fn lab_said(&self, id: LabId, name: &str, what: &str, done: &str) -> Result<Done, Failure> {
        #[derive(Serialize)]
        struct Said<'a> {
            id: LabId,
            name: &'a str,
            done: &'a str,
        }
        Ok(Done::from(match self.json {
            true => print::json(&Said { id, name, done })?,
            false => format!("{} {what}\n", clean(name)),
        }))
    }
}

/// The lab's machines in its order; `None` for one that is missing or in the trash.
fn places<'a>(
    lab: &Lab,
    reports: &'a [MachineReport],
) -> Vec<(MachineId, Option<&'a MachineReport>)> {
    let find = |id: &MachineId| {
        let is_it = |report: &&MachineReport| report.id == *id && report.trashed().is_none();
        (*id, reports.iter().find(is_it))
    };
    lab.machines.iter().map(find).collect()
}

fn name_of(machine: MachineId, reports: &[MachineReport]) -> String {
    let report = reports.iter().find(|report| report.id == machine);
    report.map_or_else(|| machine.short(), |report| clean(&report.name))
}

fn choose_lab(mut labs: Vec<LabReport>, wanted: &str) -> Result<LabReport, Failure> {
    let lower = wanted.to_lowercase();
    let is_named = |report: &LabReport| report.lab.name.to_lowercase() == lower;
    let begins = |report: &LabReport| {
        wanted.len() >= MIN_PREFIX && report.lab.id.to_string().starts_with(&lower)
    };
    let named = labs.iter().position(is_named);
    let begun: Vec<usize> = (0..labs.len())
        .filter(|place| begins(&labs[*place]))
        .collect();
    match (named, &begun[..]) {
        (Some(place), _) | (None, &[place]) => Ok(labs.swap_remove(place)),
        (None, _) => Err(unknown_lab(&labs, wanted)),
    }
}

fn unknown_lab(labs: &[LabReport], wanted: &str) -> Failure {
    let names: Vec<String> = labs
        .iter()
        .take(10)
        .map(|report| format!("“{}”", clean(&report.lab.name)))
        .collect();
    let (why, fix) = match names.is_empty() {
        true => (
            "The library has no labs".to_owned(),
            "Make one: orangery lab create NAME MACHINE…",
        ),
        false => (
            format!("There are {}", names.join(", ")),
            "See all: orangery lab list",
        ),
    };
    Failure::new(format!("There is no lab “{}”", clean(wanted)), why).fix(fix)
}

fn choose_set<'a>(report: &'a LabReport, wanted: &str) -> Result<&'a SnapshotSet, Failure> {
    let sets = || report.lab.sets.iter();
    let named: Vec<&SnapshotSet> = sets()
        .filter(|set| !set.name.is_empty() && set.name == wanted)
        .collect();
    let begins = |set: &&SnapshotSet| {
        wanted.len() >= MIN_PREFIX && set.id.to_string().starts_with(&wanted.to_lowercase())
    };
    let found = match named.is_empty() {
        true => sets().filter(begins).collect(),
        false => named,
    };
    let wanted = clean(wanted);
    match found[..] {
        [one] => Ok(one),
        [] => Err(
            Failure::new("No such moment", format!("There is no moment “{wanted}”"))
                .fix("See all: orangery lab snapshots LAB"),
        ),
        _ => Err(Failure::new(
            "No such moment",
            format!("{} moments are called “{wanted}”; use the id", found.len()),
        )),
    }
}
