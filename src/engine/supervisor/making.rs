//! Machines come and go: starting, adopting, making new ones, and the jobs that do it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::records::resting;
use super::{Message, Slot, Supervisor};
use crate::engine::facts::{self, Facts};
use crate::engine::hub::Asker;
use crate::engine::jobs::Job;
use crate::engine::message::{Command, Event};
use crate::engine::worker::{self, Adoption, Launching, Live, Origin, Post};
use crate::engine::{clock, launches, making};
use crate::model::{
    Action, Answer, Failure, JobId, Machine, MachineId, NewMachine, State, check_name,
};
use crate::qemu::process::Process;

impl Supervisor {
    /// Looks at this computer in the background.
    pub(super) fn examine(&self) {
        let sender = self.sender.clone();
        let places = self.places.clone();
        std::thread::Builder::new()
            .name("examine".to_owned())
            .spawn(move || {
                let (report, facts) = facts::examine(&places);
                let message = Message::Examined(Box::new(report), Arc::new(facts));
                sender.send(message).ok(); // The engine is ending.
            })
            .ok(); // Without a thread there is no QEMU either; starts keep waiting.
    }

    pub(super) fn start(&mut self, asker: Asker, machine: MachineId) {
        if self.leaving {
            return; // Nobody is told: the next owner's first report shows it.
        }
        self.look_at_disks_of(machine);
        if !self.permitted(asker, machine, Action::Start) {
            if let Some(slot) = self.slots.get_mut(&machine) {
                slot.gate = None; // Nobody waits for it.
            }
            return;
        }
        let Some(facts) = self.facts.clone() else {
            let action = Action::Start;
            self.waiting.push((asker, Command::Act { machine, action }));
            return;
        };
        let Some(slot) = self.slots.get_mut(&machine) else {
            return;
        };
        if slot.has_worker() || slot.disks_taken.is_some() {
            // The last one is still ending; it may even wait for us. Or its disks are being worked on.
            let action = Action::Start;
            self.waiting.push((asker, Command::Act { machine, action }));
            return;
        }
        if slot.machine.is_none() {
            return;
        }
        if let Some(failure) = self.rests_on_what_is_written(machine) {
            return self.hub.answer(asker, Err(failure), None);
        }
        self.launch(asker, machine, facts, None);
    }

    /// Starts a machine that may start, on a moment of another one if there is one.
    pub(super) fn launch(
        &mut self,
        asker: Asker,
        machine: MachineId,
        facts: Arc<Facts>,
        origin: Option<Origin>,
    ) {
        let Some(slot) = self.slots.get_mut(&machine) else {
            return;
        };
        let Some(record) = slot.machine.clone() else {
            return;
        };
        slot.live = Live::resting(State::Starting, clock::now(), None);
        let gate = slot.gate.take();
        let launching = Launching {
            machine: record,
            facts,
            runtime: self.runtime.join("m"),
            display: self.settings.display,
            holders: self.holders(),
            origin,
            asker,
            gate,
        };
        let post = self.post(machine);
        match worker::launch(post, launching) {
            Ok(handle) => {
                if let Some(slot) = self.slots.get_mut(&machine) {
                    slot.worker = Some(handle);
                }
            }
            Err(error) => {
                let failure = Failure::new("The machine did not start", error.to_string());
                if let Some(slot) = self.slots.get_mut(&machine) {
                    slot.live = Live::resting(State::Off, clock::now(), Some(failure.clone()));
                }
                self.hub.answer(asker, Err(failure), None);
            }
        }
        self.publish(machine);
    }

    /// Which running machine has which disk open, to name who holds a lock.
    fn holders(&self) -> BTreeMap<PathBuf, String> {
        let running = self.slots.values().filter(|slot| slot.has_worker());
        running
            .filter_map(|slot| Some((slot.name.clone(), slot.machine.as_ref()?)))
            .flat_map(|(name, machine)| {
                let disks = worker::disk_files(machine, &self.library);
                disks.into_iter().map(move |path| (path, name.clone()))
            })
            .collect()
    }

    fn post(&self, machine: MachineId) -> Post {
        let slot = self.slots.get(&machine);
        Post {
            id: machine,
            name: slot.map_or_else(String::new, |slot| slot.name.clone()),
            number: 0, // Given with the thread.
            library: Arc::clone(&self.library),
            supervisor: self.sender.clone(),
        }
    }

    /// Takes over what an earlier owner left running, and notices what died meanwhile.
    pub(super) fn adopt_running(&mut self) {
        for (machine, folder) in launches::all(&self.runtime.join("m")) {
            let Some(slot) = self.slots.get_mut(&machine) else {
                continue; // Not ours to touch; its folder stays.
            };
            let Some(record) = slot.machine.clone() else {
                continue;
            };
            let saved = record.saved.is_some();
            if record.is_unborn() {
                launches::end(&folder);
                continue;
            }
            if launches::clear_unstarted(&folder) {
                continue;
            }
            match Process::adopt(&folder) {
                Ok(process) => {
                    slot.live = Live::of_process(State::Running, &process);
                    slot.adopting = true;
                    // What runs is what was launched, whatever was edited since.
                    let hardware = process.manifest().hardware.clone();
                    let adoption = Adoption {
                        process,
                        machine: hardware.unwrap_or(record),
                        saved,
                    };
                    let post = self.post(machine);
                    let handle = worker::adopt(post, adoption).ok(); // Else the next owner tries.
                    if let Some(slot) = self.slots.get_mut(&machine) {
                        slot.adopting = handle.is_some();
                        slot.worker = handle;
                    }
                }
                Err(error) if !launches::is_dead(&error) => {
                    let trouble = Failure::new(
                        format!("{} can't be taken over", record.name),
                        error.to_string(),
                    )
                    .fix("Start Orangery again; if it stays so, end the process of QEMU");
                    let state = State::NotResponding;
                    slot.live = Live::resting(state, clock::now(), Some(trouble));
                }
                Err(error) => {
                    let resting = resting(&self.library, &record);
                    let live = launches::found_dead(&record, &folder, &error, resting);
                    if let Some(slot) = self.slots.get_mut(&machine) {
                        slot.live = live;
                    }
                }
            }
        }
    }

    pub(super) fn create(&mut self, asker: Asker, spec: NewMachine, start: bool) {
        let Some(facts) = self.facts.clone() else {
            self.waiting.push((asker, Command::Create { spec, start }));
            return;
        };
        let taken = self.names().map(|(_, name)| name);
        let checked = check_name(
            &spec.name,
            taken.chain(self.reserved.values().flatten().map(String::as_str)),
        )
        .map_err(|error| Failure::new("The machine was not made", error.to_string()))
        .and_then(|()| making::check(&spec));
        if let Err(failure) = checked {
            self.hub.answer(asker, Err(failure), None);
            return;
        }
        let name = spec.name.clone();
        let library = Arc::clone(&self.library);
        let sender = self.sender.clone();
        let job = self.run_job_later(None, format!("Creating {name}"), move |job| {
            match making::make(&library, &facts, &spec, job) {
                Ok(machine) => {
                    let machine = Box::new(machine);
                    let made = Message::Made {
                        machine,
                        start,
                        asker,
                    };
                    sender.send(made).ok(); // The engine is ending; the folder is complete.
                    Ok(())
                }
                Err(failure) => {
                    let answer = Message::Answer(asker, Err(failure.clone()), None);
                    sender.send(answer).ok(); // The engine is ending.
                    Err(failure)
                }
            }
        });
        if let Some(job) = job {
            self.reserved.insert(job, vec![name]);
        }
    }

    pub(super) fn made(&mut self, machine: Machine, start: bool, asker: Asker) {
        let id = machine.id;
        let folder = self.library.machine_dir(id);
        let live = resting(&self.library, &machine);
        let name = machine.name.clone();
        self.slots
            .insert(id, Slot::resting(name, Some(machine), folder, live));
        self.publish(id);
        self.hub.answer(asker, Ok(Answer::Created(id)), None);
        if start {
            // The answer to the start goes to nobody: the machine's page shows what becomes of it.
            self.start(Asker::NOBODY, id);
        }
    }

    pub(super) fn command_line(&mut self, asker: Asker, machine: MachineId) {
        let result = match (&self.facts, self.slots.get(&machine)) {
            (None, _) => {
                self.waiting.push((asker, Command::CommandLine { machine }));
                return;
            }
            (Some(facts), Some(slot)) => slot
                .machine
                .as_ref()
                .ok_or_else(|| Failure::new("No command line", "The machine's file can't be read"))
                .and_then(|record| {
                    let folder = self.runtime.join("m").join(machine.short()).join("next");
                    worker::preview(record, &self.library, facts, &folder, self.settings.display)
                }),
            (Some(_), None) => Err(Failure::new("No command line", "The machine is gone")),
        };
        self.hub
            .answer(asker, result.map(Answer::CommandLine), None);
    }

    pub(super) fn new_job(&mut self, machine: Option<MachineId>, title: String) -> Job {
        let id = JobId(self.next_job);
        self.next_job += 1;
        let job = Job::new(id, machine, title, self.sender.clone());
        self.jobs.insert(id, (job.report(), job.cancel_switch()));
        if let Some(slot) = machine.and_then(|machine| self.slots.get_mut(&machine)) {
            slot.job = Some(id);
        }
        self.hub.publish(&Event::Job(job.report()));
        job
    }

    /// Runs `work` on a thread of its own; what it returns is the answer.
    pub(super) fn run_job(
        &mut self,
        machine: Option<MachineId>,
        title: String,
        asker: Asker,
        work: impl FnOnce(&mut Job) -> Result<Answer, Failure> + Send + 'static,
    ) -> Option<JobId> {
        let sender = self.sender.clone();
        self.run_job_later(machine, title, move |job| {
            let result = work(job);
            let ended = result.as_ref().map(|_answer| ()).map_err(Clone::clone);
            sender.send(Message::Answer(asker, result, None)).ok(); // The engine is ending.
            ended
        })
    }

    /// Runs `work` on a thread of its own; it answers by itself.
    pub(super) fn run_job_later(
        &mut self,
        machine: Option<MachineId>,
        title: String,
        work: impl FnOnce(&mut Job) -> Result<(), Failure> + Send + 'static,
    ) -> Option<JobId> {
        let mut job = self.new_job(machine, title);
        let id = job.id();
        std::thread::Builder::new()
            .name(format!("job-{}", id.0))
            .spawn(move || {
                let result = work(&mut job);
                job.end(result);
            })
            .ok()
            .map(|_handle| id)
    }
}
