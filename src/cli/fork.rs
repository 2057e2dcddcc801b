//! `orangery fork`, `try`, `keep` and `throw-away`: machines that go on from others.

use serde::Serialize;

use super::args::Target;
use super::pick::Prefer;
use super::show;
use super::snapshot::choose;
use super::tasks::{Done, Session, unexpected};
use crate::engine::Command;
use crate::model::{Answer, Failure, Fork, MachineId, clean};

/// `orangery fork` and `orangery try`.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct ForkTask {
    #[command(flatten)]
    pub target: Target,
    /// Go on from this snapshot instead of the present: its name, id, or the first digits of the id
    #[arg(long, value_name = "SNAP")]
    pub at: Option<String>,
    /// Make so many at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(Fork::MOST)))]
    pub count: u32,
    /// What it is called; several get numbers after it
    #[arg(long, value_name = "NAME")]
    pub called: Option<String>,
    /// Leave the network cables in; without this they are pulled, since both have the same addresses and sessions
    #[arg(long)]
    pub online: bool,
}

#[derive(Serialize)]
struct Made {
    id: MachineId,
    name: String,
}

impl Session<'_> {
    pub(super) fn fork(&mut self, task: ForkTask, disposable: bool) -> Result<Done, Failure> {
        let report = self.find(&task.target, Prefer::InUse)?;
        let at = match &task.at {
            Some(wanted) => Some(choose(&self.backend.timeline(report.id)?, wanted)?.id),
            None => None,
        };
        let command = Command::Fork {
            machine: report.id,
            fork: Fork {
                at,
                count: task.count,
                name: task.called.unwrap_or_default(),
                disposable,
                online: task.online,
            },
        };
        let Answer::Forked(machines) = self.finish(command, None, &report.name)? else {
            return Err(unexpected());
        };
        let reports = self.backend.reports()?;
        let name_of = |id: &MachineId| {
            let report = reports.iter().find(|report| report.id == *id);
            report.map_or_else(|| id.to_string(), |report| report.name.clone())
        };
        let made = machines.iter().map(|id| Made {
            id: *id,
            name: name_of(id),
        });
        let made: Vec<Made> = made.collect();
        if self.json {
            return Ok(Done::from(show::json(&made)?));
        }
        let of = clean(&report.name);
        let what = if disposable { "a try" } else { "a fork" };
        let lines = made
            .iter()
            .map(|made| format!("{} is {what} of {of}\n", clean(&made.name)));
        Ok(Done::from(lines.collect::<String>()))
    }
}
