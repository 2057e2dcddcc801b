//! `orangery clone` and `orangery template`.

use serde::Serialize;

use super::args::Target;
use super::fork::ForkTask;
use super::pick::Prefer;
use super::show;
use super::snapshot::choose;
use super::tasks::{Done, Session, unexpected};
use crate::engine::Command;
use crate::model::{
    Answer, Cloning, Failure, MachineId, MachineReport, SnapshotId, SnapshotScope, clean,
};

/// `orangery clone`.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct CloneTask {
    #[command(flatten)]
    pub target: Target,
    /// What it is called
    #[arg(long, value_name = "NAME")]
    pub called: Option<String>,
    /// Copy the disks, instead of resting on those of the machine
    #[arg(long)]
    pub full: bool,
    /// The disks of this snapshot instead of the present's: its name, id, or the first digits of the id
    #[arg(long, value_name = "SNAP")]
    pub at: Option<String>,
    /// Begin with new variables of the firmware
    #[arg(long)]
    pub reset_variables: bool,
    /// Copy what the TPM keeps, instead of beginning with a new one
    #[arg(long)]
    pub keep_tpm: bool,
}

/// `orangery template`.
#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum TemplateTask {
    /// Make this moment of a running machine one that new machines go on from
    Warm {
        #[command(flatten)]
        target: Target,
        /// What it is called; without this as the machine
        #[arg(long, value_name = "NAME")]
        called: Option<String>,
        /// A snapshot with memory instead of the present
        #[arg(long, value_name = "SNAP")]
        at: Option<String>,
    },
    /// List the templates
    List,
    /// Make machines that go on from a template, at once
    Start {
        /// The template's name
        #[arg(value_name = "TEMPLATE")]
        template: String,
        /// Make so many at once
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=32))]
        count: u32,
        /// What it is called; several get numbers after it
        #[arg(long, value_name = "NAME")]
        called: Option<String>,
        /// Leave the network cables in
        #[arg(long)]
        online: bool,
    },
    /// End that new machines go on from it; the snapshot stays
    Remove {
        /// The template's name
        #[arg(value_name = "TEMPLATE")]
        template: String,
    },
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    machine: MachineId,
    machine_name: &'a str,
    snapshot: SnapshotId,
}

impl Session<'_> {
    pub(super) fn clone_machine(&mut self, task: CloneTask) -> Result<Done, Failure> {
        let report = self.find(&task.target, Prefer::InUse)?;
        let at = match &task.at {
            Some(wanted) => Some(choose(&self.backend.timeline(report.id)?, wanted)?.id),
            None => None,
        };
        let command = Command::Clone {
            machine: report.id,
            cloning: Cloning {
                at,
                name: task.called.unwrap_or_default(),
                full: task.full,
                keep_variables: !task.reset_variables,
                keep_tpm: task.keep_tpm,
            },
        };
        let Answer::Created(id) = self.finish(command, None, &report.name)? else {
            return Err(unexpected());
        };
        let reports = self.backend.reports()?;
        let made = reports.iter().find(|made| made.id == id);
        let name = made.map_or_else(|| id.to_string(), |made| made.name.clone());
        let what = format!("is a clone of {}", clean(&report.name));
        self.said(id, &name, &what, "clone")
    }

    pub(super) fn template(&mut self, task: TemplateTask) -> Result<Done, Failure> {
        match task {
            TemplateTask::Warm { target, called, at } => self.warm(&target, called, at.as_deref()),
            TemplateTask::List => self.templates(),
            TemplateTask::Start {
                template,
                count,
                called,
                online,
            } => {
                let (report, snapshot) = self.find_template(&template)?;
                let task = ForkTask {
                    target: Target {
                        name: report.id.to_string(),
                    },
                    at: Some(snapshot.to_string()),
                    count,
                    called,
                    online,
                };
                self.fork(task, false)
            }
            TemplateTask::Remove { template } => {
                let (report, snapshot) = self.find_template(&template)?;
                self.set_template(&report, snapshot, None)?;
                self.said(report.id, &report.name, "has a template less", "template")
            }
        }
    }

    fn warm(
        &mut self,
        target: &Target,
        called: Option<String>,
        at: Option<&str>,
    ) -> Result<Done, Failure> {
        let report = self.find(target, Prefer::InUse)?;
        let called = called.filter(|name| !name.trim().is_empty());
        let called = called.unwrap_or_else(|| report.name.clone());
        let snapshot = match at {
            Some(wanted) => choose(&self.backend.timeline(report.id)?, wanted)?.id,
            None => {
                let command = Command::TakeSnapshot {
                    machine: report.id,
                    name: called.clone(),
                    note: String::new(),
                    scope: SnapshotScope::default(),
                };
                let Answer::Snapshot(id) = self.finish(command, None, &report.name)? else {
                    return Err(unexpected());
                };
                id
            }
        };
        self.set_template(&report, snapshot, Some(called.clone()))?;
        let what = format!("has the template {}", clean(&called));
        self.said(report.id, &report.name, &what, "template")
    }

    fn set_template(
        &mut self,
        report: &MachineReport,
        snapshot: SnapshotId,
        name: Option<String>,
    ) -> Result<(), Failure> {
        let command = Command::SetTemplate {
            machine: report.id,
            snapshot,
            name,
        };
        self.finish(command, None, &report.name).map(drop)
    }

    fn templates(&mut self) -> Result<Done, Failure> {
        let reports = self.backend.reports()?;
        let kept = reports.iter().filter(|report| report.trashed().is_none());
        let lines = kept.flat_map(|report| {
            let templates = report.machine.iter().flat_map(|machine| &machine.templates);
            templates.map(|template| Line {
                name: &template.name,
                machine: report.id,
                machine_name: &report.name,
                snapshot: template.snapshot,
            })
        });
        let lines: Vec<Line<'_>> = lines.collect();
        if self.json {
            return Ok(Done::from(show::json(&lines)?));
        }
        let said = lines
            .iter()
            .map(|line| format!("{}, of {}\n", clean(line.name), clean(line.machine_name)));
        Ok(Done::from(said.collect::<String>()))
    }

    fn find_template(&mut self, name: &str) -> Result<(MachineReport, SnapshotId), Failure> {
        for report in self.backend.reports()? {
            let mut templates = report.machine.iter().flat_map(|machine| &machine.templates);
            let wanted = name.to_lowercase();
            let found = templates.find(|template| template.name.to_lowercase() == wanted);
            if let Some(snapshot) = found.map(|template| template.snapshot) {
                return Ok((report, snapshot));
            }
        }
        let what = format!("There is no template “{}”", clean(name));
        Err(Failure::new(what, "`orangery template list` lists them"))
    }
}
