//! What the labs, one lab and its moments look like, as text and as JSON.

use serde::Serialize;

use super::{LabTarget, name_of, places};
use crate::cli::show;
use crate::cli::tasks::{Done, Session};
use crate::cli::text::{Lean, clean, table};
use crate::model::{
    Failure, LabId, LabReport, Lack, MachineId, MachineReport, SetId, SetReport, SnapshotId,
    SnapshotSet, Timestamp,
};

#[derive(Serialize)]
struct Entry<'a> {
    id: LabId,
    name: &'a str,
    note: &'a str,
    created: Timestamp,
    machines: Vec<Place<'a>>,
    moments: usize,
    error: Option<String>,
}

/// A machine of a lab; without a state it is missing.
#[derive(Serialize)]
struct Place<'a> {
    id: MachineId,
    name: Option<&'a str>,
    state: Option<&'static str>,
}

#[derive(Serialize)]
struct MomentEntry<'a> {
    id: SetId,
    name: &'a str,
    note: &'a str,
    time: Timestamp,
    kind: &'static str,
    whole: bool,
    machines: Vec<Member>,
}

#[derive(Serialize)]
struct Member {
    machine: MachineId,
    snapshot: SnapshotId,
    with_memory: bool,
    lack: Option<String>,
}

impl Session<'_> {
    pub(super) fn list_labs(&mut self) -> Result<Done, Failure> {
        // The machines first: then their owner tells of the labs, too.
        let reports = self.backend.reports()?;
        let labs = self.backend.labs()?;
        if self.json {
            let entries: Vec<Entry<'_>> = labs.iter().map(|lab| entry(lab, &reports)).collect();
            return Ok(Done::from(show::json(&entries)?));
        }
        if labs.is_empty() {
            let text = "No labs. Make one with: orangery lab create NAME MACHINE…\n";
            return Ok(Done::from(text.to_owned()));
        }
        let leans = [Lean::Left, Lean::Left, Lean::Right, Lean::Right, Lean::Left];
        let mut rows = vec![["NAME", "ID", "RUNNING", "MOMENTS", "MACHINES"].map(str::to_owned)];
        for LabReport { lab, trouble, .. } in &labs {
            let places = places(lab, &reports);
            let runs = |report: &&MachineReport| report.state.has_process();
            let running = places.iter().filter_map(|(_, report)| *report).filter(runs);
            let machines = match trouble {
                Some(trouble) => format!("can't be read: {}", clean(&trouble.why)),
                None => named(&places),
            };
            rows.push([
                clean(&lab.name),
                lab.id.to_string()[..8].to_owned(),
                format!("{} of {}", running.count(), places.len()),
                lab.sets.len().to_string(),
                machines,
            ]);
        }
        Ok(Done::from(table(leans, &rows)))
    }

    pub(super) fn show_lab(&mut self, target: &LabTarget) -> Result<Done, Failure> {
        let reports = self.backend.reports()?;
        let report = self.find_lab(target)?;
        if self.json {
            return Ok(Done::from(show::json(&entry(&report, &reports))?));
        }
        let lab = &report.lab;
        let mut text = format!("Name      {}\nId        {}\n", clean(&lab.name), lab.id);
        text.push_str(&format!("Created   {}\n", lab.created.ago(self.now)));
        for (place, (id, machine)) in places(lab, &reports).into_iter().enumerate() {
            let head = if place == 0 { "Machines" } else { "" };
            let line = match machine {
                Some(machine) => format!("{}, {}", clean(&machine.name), machine.state),
                None => format!("{} is missing", id.short()),
            };
            text.push_str(&format!("{head:<10}{line}\n"));
        }
        text.push_str(&format!("Moments   {}\n", lab.sets.len()));
        if let Some(trouble) = &report.trouble {
            text.push_str(&format!("Trouble   {}\n", clean(&trouble.why)));
        }
        Ok(Done::from(text))
    }

    pub(super) fn moments(&mut self, target: &LabTarget) -> Result<Done, Failure> {
        let reports = self.backend.reports()?;
        let report = self.find_lab(target)?;
        let sets = report.lab.sets.iter().zip(&report.sets);
        if self.json {
            let entries: Vec<MomentEntry<'_>> = sets.map(|(set, how)| moment(set, how)).collect();
            return Ok(Done::from(show::json(&entries)?));
        }
        if report.lab.sets.is_empty() {
            let text = "No moments. Keep one with: orangery lab snapshot LAB\n";
            return Ok(Done::from(text.to_owned()));
        }
        let leans = [Lean::Left, Lean::Left, Lean::Right, Lean::Left];
        let mut rows = vec![["ID", "TAKEN", "MACHINES", "NAME"].map(str::to_owned)];
        for (set, how) in sets {
            let lacking: Vec<String> = how
                .lacking()
                .map(|member| lacks(member.lack.as_ref(), &name_of(member.machine, &reports)))
                .collect();
            let trouble = match lacking.is_empty() {
                true => String::new(),
                false => format!(" (not whole: {})", lacking.join(", ")),
            };
            rows.push([
                set.id.to_string()[..8].to_owned(),
                set.time.ago(self.now),
                set.members.len().to_string(),
                format!("{}{trouble}", clean(set.title())),
            ]);
        }
        Ok(Done::from(table(leans, &rows)))
    }
}

fn named(places: &[(MachineId, Option<&MachineReport>)]) -> String {
    let name = |(id, report): &(MachineId, Option<&MachineReport>)| match report {
        Some(report) => clean(&report.name),
        None => format!("{} (missing)", id.short()),
    };
    let names: Vec<String> = places.iter().map(name).collect();
    names.join(", ")
}

fn entry<'a>(report: &'a LabReport, reports: &'a [MachineReport]) -> Entry<'a> {
    let LabReport { lab, trouble, .. } = report;
    let place = |(id, report): (MachineId, Option<&'a MachineReport>)| Place {
        id,
        name: report.map(|report| report.name.as_str()),
        state: report.map(|report| report.state.word()),
    };
    Entry {
        id: lab.id,
        name: &lab.name,
        note: &lab.note,
        created: lab.created,
        machines: places(lab, reports).into_iter().map(place).collect(),
        moments: lab.sets.len(),
        error: trouble.as_ref().map(ToString::to_string),
    }
}

fn moment<'a>(set: &'a SnapshotSet, how: &SetReport) -> MomentEntry<'a> {
    let members = how.members.iter().map(|member| Member {
        machine: member.machine,
        snapshot: member.snapshot,
        with_memory: member.with_memory,
        lack: member.lack.as_ref().map(|lack| lacks(Some(lack), "")),
    });
    MomentEntry {
        id: set.id,
        name: &set.name,
        note: &set.note,
        time: set.time,
        kind: set.kind.word(),
        whole: how.is_whole(),
        machines: members.collect(),
    }
}

/// What a member lacks, after the machine's `name`.
fn lacks(lack: Option<&Lack>, name: &str) -> String {
    let what = match lack {
        None => "has it",
        Some(Lack::NoSnapshot) => "has no snapshot of it",
        Some(Lack::Writing) => "is still written",
        Some(Lack::Damaged(why)) => return clean(format!("{name} can't be read: {why}").trim()),
        Some(Lack::NoMachine) => "is gone",
    };
    format!("{name} {what}").trim().to_owned()
}
