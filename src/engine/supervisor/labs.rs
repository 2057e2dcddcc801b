//! Requests about labs: what concerns their files is done here, what concerns machines in a job.

mod moments;

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::Supervisor;
use crate::engine::clock;
use crate::engine::hub::Asker;
use crate::engine::lab::{self, Desk, Hands};
use crate::engine::load::total_memory;
use crate::engine::message::{Command, Event, LabCommand};
use crate::engine::supervisor::{Message, Slot};
use crate::engine::together::Member;
use crate::model::{
    Action, Answer, ByteSize, Failure, JobId, Lab, LabId, LabReport, MachineId, State, admit,
    check_lab_name, permit,
};

/// What the supervisor knows of labs beyond their files.
#[derive(Default)]
pub(super) struct Labs {
    /// Machines that a lab's job has.
    at_work: BTreeMap<JobId, Vec<MachineId>>,
    looking: bool,
    /// Something changed since the look under way began.
    again: bool,
    /// Answered by the next look.
    askers: Vec<Asker>,
    seen: Option<Vec<LabReport>>,
}

impl Labs {
    /// How they stood when someone looked last.
    pub fn seen(&self) -> Option<&Vec<LabReport>> {
        self.seen.as_ref()
    }

    /// Whether a lab's job has the machine.
    pub fn work_on(&self, machine: MachineId) -> bool {
        self.at_work.values().flatten().any(|one| *one == machine)
    }
}

impl Supervisor {
    pub(super) fn lab(&mut self, asker: Asker, command: LabCommand) {
        let result = match command {
            LabCommand::List => return self.look_at_labs(Some(asker)),
            LabCommand::Create { name, machines } => self.create_lab(name, machines),
            LabCommand::Rename { lab, name, note } => self.rename_lab(lab, name, note),
            LabCommand::SetMachines { lab, machines } => self.set_machines(lab, machines),
            LabCommand::Delete { lab } => self.delete_lab(lab),
            LabCommand::Act { lab, action } => self.act_with_all(asker, lab, action),
            LabCommand::Snapshot { .. }
            | LabCommand::Rewind { .. }
            | LabCommand::EditSet { .. }
            | LabCommand::DeleteSet { .. } => self.moment(asker, command),
        };
        self.look_at_labs(None);
        match result {
            Ok(Some(answer)) => self.hub.answer(asker, Ok(answer), None),
            Ok(None) => {} // A job answers, or it waits.
            Err(failure) => self.hub.answer(asker, Err(failure), None),
        }
    }

    fn create_lab(
        &mut self,
        name: String,
        machines: Vec<MachineId>,
    ) -> Result<Option<Answer>, Failure> {
        let what = "The lab was not made";
        self.check_lab(what, &name, None)?;
        let lab = Lab {
            id: LabId(Uuid::new_v4()),
            name,
            machines: self.checked_machines(what, machines)?,
            created: clock::now(),
            note: String::new(),
            sets: Vec::new(),
        };
        let made = self.library.create_lab(&lab);
        made.map_err(|error| error.failure(what))?;
        Ok(Some(Answer::Lab(lab.id)))
    }

    fn rename_lab(
        &mut self,
        lab: LabId,
        name: String,
        note: String,
    ) -> Result<Option<Answer>, Failure> {
        let what = "The lab was not renamed";
        self.check_lab(what, &name, Some(lab))?;
        super::timeline::check_words("", &note)?;
        self.change_lab(what, lab, |lab| (lab.name, lab.note) = (name, note))
    }

    fn set_machines(
        &mut self,
        lab: LabId,
        machines: Vec<MachineId>,
    ) -> Result<Option<Answer>, Failure> {
        let what = "The lab was not changed";
        let machines = self.checked_machines(what, machines)?;
        self.change_lab(what, lab, |lab| lab.machines = machines)
    }

    fn delete_lab(&mut self, lab: LabId) -> Result<Option<Answer>, Failure> {
        let what = "The lab was not deleted";
        let deleted = self.library.delete_lab(lab);
        deleted.map_err(|error| error.failure(what))?;
        Ok(Some(Answer::Done))
    }

    fn change_lab(
        &self,
        what: &str,
        lab: LabId,
        change: impl FnOnce(&mut Lab),
    ) -> Result<Option<Answer>, Failure> {
        let changed = self.library.update_lab(lab, change);
        changed.map_err(|error| error.failure(what))?;
        Ok(Some(Answer::Done))
    }

    fn check_lab(&self, what: &str, name: &str, own: Option<LabId>) -> Result<(), Failure> {
        let labs = self.library.labs();
        let others = labs.iter().filter(|entry| Some(entry.id) != own);
        let names = others.filter_map(|entry| Some(entry.lab.as_ref().ok()?.name.as_str()));
        check_lab_name(name, names).map_err(|why| Failure::new(what, why))
    }

    /// Each once, and none that was never there: one that is gone may stay.
    fn checked_machines(
        &self,
        what: &str,
        machines: Vec<MachineId>,
    ) -> Result<Vec<MachineId>, Failure> {
        let mut each: Vec<MachineId> = Vec::new();
        for machine in machines {
            if !each.contains(&machine) {
                each.push(machine);
            }
        }
        if each.len() > Lab::MOST {
            let why = format!(
                "It would have {} machines; {} is the most",
                each.len(),
                Lab::MOST
            );
            return Err(Failure::new(what, why));
        }
        Ok(each)
    }

    /// A lab with those of its machines that are there, in its order.
    fn lab_and_machines(&self, what: &str, lab: LabId) -> Result<(Lab, Vec<MachineId>), Failure> {
        let lab = self.library.lab(lab);
        let lab = lab.map_err(|error| error.failure(what))?;
        let is_there = |machine: &MachineId| {
            let slot = self.slots.get(machine);
            slot.is_some_and(|slot| slot.trashed().is_none())
        };
        let mut machines = lab.machines.clone();
        machines.retain(is_there);
        if machines.is_empty() {
            let why = match lab.machines.is_empty() {
                true => "It has no machines",
                false => "None of its machines is there any more",
            };
            return Err(Failure::new(what, why).fix("Add machines to the lab"));
        }
        Ok((lab, machines))
    }

    /// Puts a request off while one of the machines is looked at or worked on; whether it did.
    fn waits_for(&mut self, asker: Asker, command: &LabCommand, machines: &[MachineId]) -> bool {
        let is_adopting = |slot: &Slot| slot.adopting;
        let waits = machines.iter().any(|machine| {
            self.is_worked_on(*machine) || self.slots.get(machine).is_some_and(is_adopting)
        });
        if waits {
            let command = Command::Lab(command.clone());
            self.waiting.push((asker, command));
        }
        waits
    }

    fn desk(&self, lab: &Lab) -> Desk {
        Desk {
            library: Arc::clone(&self.library),
            sender: self.sender.clone(),
            lab: lab.id,
            name: lab.name.clone(),
        }
    }

    fn named(&self, machine: MachineId) -> String {
        let slot = self.slots.get(&machine);
        slot.map_or_else(|| machine.short(), |slot| slot.name.clone())
    }

    fn act_with_all(
        &mut self,
        asker: Asker,
        lab: LabId,
        action: Action,
    ) -> Result<Option<Answer>, Failure> {
        let what = format!("“{}” was not done", action.name());
        if !Lab::ACTIONS.contains(&action) {
            return Err(Failure::new(what, "A lab has no such action"));
        }
        let (lab, machines) = self.lab_and_machines(&what, lab)?;
        let command = LabCommand::Act {
            lab: lab.id,
            action,
        };
        let is_adopting = |machine: &MachineId| self.slots[machine].adopting;
        if machines.iter().any(is_adopting) {
            self.waiting.push((asker, Command::Lab(command)));
            return Ok(None);
        }
        let wanted = self.still_to_do(action, &machines)?;
        if wanted.is_empty() {
            return Ok(Some(Answer::Unchanged));
        }
        if action == Action::Start {
            let starts: Vec<MachineId> = wanted.iter().map(|(machine, _)| *machine).collect();
            self.admit(&lab.name, &starts, &[])?;
        }
        let title = format!("{} with the lab {}", action.name(), lab.name);
        let (sender, name) = (self.sender.clone(), lab.name);
        self.run_with_hands(title, move |mut hands, job| {
            let result = lab::act(&mut hands, action, wanted, job);
            let result = result.map_err(|why| Failure {
                what: format!("The lab “{name}”: {}", why.what),
                ..why
            });
            let ended = result.as_ref().map(drop).map_err(Clone::clone);
            sender.send(Message::Answer(asker, result, None)).ok(); // The engine is ending.
            ended
        });
        Ok(None)
    }

    /// The machines with which there is something to do. Those that are there already are left out.
    fn still_to_do(
        &self,
        action: Action,
        machines: &[MachineId],
    ) -> Result<Vec<(MachineId, String)>, Failure> {
        let mut wanted = Vec::new();
        for machine in machines {
            let slot = &self.slots[machine];
            let state = slot.live.state;
            let is_so = match action {
                Action::Start => state.has_process(),
                Action::Pause => !state.has_process() || state == State::Paused,
                Action::Resume => state != State::Paused,
                _ => !state.has_process(),
            };
            if is_so && state != State::Broken && state != State::Unavailable {
                continue;
            }
            if let Err(denied) = permit(slot.standing(), action) {
                let what = format!("{}: “{}” is not possible now", slot.name, action.name());
                return Err(Failure::new(what, denied.to_string())
                    .fix("Take it out of the lab, or put it right first"));
            }
            wanted.push((*machine, slot.name.clone()));
        }
        Ok(wanted)
    }

    /// Refuses starts for which this computer clearly has no memory. `ending` will not run any more.
    fn admit(&self, lab: &str, starts: &[MachineId], ending: &[MachineId]) -> Result<(), Failure> {
        let memory = |slot: &Slot| {
            let hardware = slot.live.hardware.as_deref().or(slot.machine.as_ref());
            hardware.map_or(0, |machine| machine.memory.0)
        };
        let wanted = starts.iter().filter_map(|one| self.slots.get(one));
        let wanted = ByteSize(wanted.map(memory).sum());
        let runs = |(machine, slot): &(&MachineId, &Slot)| {
            slot.live.state.has_process() && !ending.contains(machine)
        };
        let running = self.slots.iter().filter(runs);
        let running = ByteSize(running.map(|(_, slot)| memory(slot)).sum());
        admit(wanted, running, total_memory()).map_err(|why| {
            Failure::new(format!("The lab “{lab}” was not started"), why)
                .fix("Give its machines less memory, or shut others down first")
        })
    }

    /// Runs `work` on a thread of its own, which asks as a client does. It answers by itself.
    fn run_with_hands(
        &mut self,
        title: String,
        work: impl FnOnce(Hands, &mut crate::engine::jobs::Job) -> Result<(), Failure> + Send + 'static,
    ) -> Option<JobId> {
        let hands = Hands::of(JobId(self.next_job), &mut self.hub, self.sender.clone());
        self.run_job_later(None, title, move |job| work(hands, job))
    }

    /// The machines are a lab's job's until it is over: they neither start nor change meanwhile.
    fn hold(&mut self, job: Option<JobId>, machines: &[MachineId]) {
        let Some(job) = job else { return };
        self.labs.at_work.insert(job, machines.to_vec());
        for machine in machines {
            if let Some(slot) = self.slots.get_mut(machine) {
                slot.disks_taken = Some(job);
                slot.job = Some(job);
            }
            self.publish(*machine);
        }
    }

    /// The machines of a lab's job are free again.
    pub(super) fn lab_job_over(&mut self, job: JobId) {
        let Some(machines) = self.labs.at_work.remove(&job) else {
            return;
        };
        for machine in machines {
            if let Some(slot) = self.slots.get_mut(&machine) {
                slot.disks_taken = slot.disks_taken.filter(|other| *other != job);
                slot.job = slot.job.filter(|other| *other != job);
            }
            self.publish(machine);
        }
        self.look_at_labs(None);
        self.take_up_waiting();
    }

    /// What concerns labs of what reaches the supervisor.
    pub(super) fn lab_news(&mut self, news: Message) {
        match news {
            Message::StartTogether {
                machine,
                asker,
                gate,
            } => self.start_together(asker, machine, gate),
            Message::LabsSeen { labs, askers } => self.labs_seen(labs, askers),
            _ => {} // Others take those.
        }
    }

    /// What waited is for the next owner. A job that waits for it would keep this one from ending.
    pub(super) fn give_up_waiting(&mut self) {
        for (asker, _) in std::mem::take(&mut self.waiting) {
            if Hands::are_behind(asker) {
                self.hub.answer(asker, Err(changes_hands()), None);
            }
        }
    }

    /// A machine that was gone back with is started by the job that has it.
    fn start_together(&mut self, asker: Asker, machine: MachineId, gate: Member) {
        if self.leaving {
            return self.hub.answer(asker, Err(changes_hands()), None);
        }
        if let Some(slot) = self.slots.get_mut(&machine) {
            slot.disks_taken = None;
            slot.gate = Some(gate);
        }
        self.start_again(asker, machine);
    }

    /// A snapshot or a machine came or went.
    pub(super) fn labs_changed(&mut self) {
        if self.labs.seen.as_ref().is_none_or(|labs| !labs.is_empty()) {
            self.look_at_labs(None);
        }
    }

    /// Looks how the labs stand, on a thread of its own, once for all who ask meanwhile.
    pub(super) fn look_at_labs(&mut self, asker: Option<Asker>) {
        self.labs.askers.extend(asker);
        if self.labs.looking {
            self.labs.again = true;
            return;
        }
        self.labs.again = false;
        let askers = std::mem::take(&mut self.labs.askers);
        let (library, sender) = (Arc::clone(&self.library), self.sender.clone());
        let thread = std::thread::Builder::new().name("labs".to_owned());
        let looking = thread.spawn(move || {
            let labs = lab::labs(&library);
            sender.send(Message::LabsSeen { labs, askers }).ok(); // The engine is ending.
        });
        self.labs.looking = looking.is_ok(); // Without a thread the next change looks again.
    }

    fn labs_seen(&mut self, labs: Vec<LabReport>, askers: Vec<Asker>) {
        self.labs.looking = false;
        if self.labs.seen.as_ref() != Some(&labs) {
            self.labs.seen = Some(labs.clone());
            self.hub.publish(&Event::Labs(labs.clone()));
        }
        for asker in askers {
            self.hub.answer(asker, Ok(Answer::Labs(labs.clone())), None);
        }
        if self.labs.again || !self.labs.askers.is_empty() {
            self.look_at_labs(None);
        }
    }
}

fn changes_hands() -> Failure {
    Failure::new("It was not started", "The library changes hands")
        .fix("Start the lab: its machines go on from where they were taken back to")
}
