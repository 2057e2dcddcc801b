//! The one thread that owns the library: it takes requests, hands them to workers and jobs, and
//! tells everyone what became of them.
//!
//! ```text
//!  window ─┐                      ┌─▶ worker (one per running machine: QEMU, its sockets)
//!          ├─▶ supervisor ────────┤
//!  clients ┘   ▲  │  library      └─▶ jobs (create, empty the trash, examine this computer)
//!              │  └─▶ hub ─▶ events and answers to window and clients
//!              └───── news from workers and jobs
//! ```

mod checkpoints;
mod clone;
mod commands;
mod fork;
mod hardware;
mod inside;
mod labs;
mod leaving;
mod looking;
mod making;
mod message;
mod own;
mod recognising;
mod records;
mod sharing;
mod slot;
mod telling;
mod tidying;
mod timeline;
mod trash;
mod watching;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use super::control::Control;
use super::facts::Facts;
use super::hub::{Asker, Hub, Listener, ListenerId};
use super::load::LoadMeter;
use super::message::{Command, Event};
use super::screen::FrameSlot;
use super::worker::Live;
use crate::library::{Library, Places};
use crate::model::{
    Answer, ComputerReport, Failure, HostLoad, JobId, JobReport, JobState, MachineId, Settings,
    State,
};
use checkpoints::Clockwork;
use fork::Moments;
use labs::Labs;
use looking::Timelines;
pub use message::{Message, record, record_meanwhile};
pub use records::read_slots;
pub use slot::Slot;
use trash::Trash;

/// How soon after its start a machine gets its first one.
const FIRST_THUMBNAIL: Duration = Duration::from_secs(2);

/// For what is switched off: it is looked at again, and found switched off.
const NEVER: Duration = Duration::from_secs(3600);

/// Finished jobs that are still shown.
const KEPT_JOBS: usize = 20;

/// Whether to go on.
enum Next {
    Go,
    End,
}

/// See the module's text.
pub struct Supervisor {
    library: Arc<Library>,
    slots: BTreeMap<MachineId, Slot>,
    hub: Hub,
    jobs: BTreeMap<JobId, (JobReport, Arc<AtomicBool>)>,
    next_job: u64,
    /// Names of machines that are being made.
    reserved: BTreeMap<JobId, Vec<String>>,
    computer: Option<Box<ComputerReport>>,
    facts: Option<Arc<Facts>>,
    /// Requests that wait until this computer was examined.
    waiting: Vec<(Asker, Command)>,
    /// The job of the last comparison of each machine, by who asked for it.
    looking: BTreeMap<(MachineId, ListenerId), JobId>,
    settings: Settings,
    sender: Sender<Message>,
    window: bool,
    in_sight: Vec<MachineId>,
    /// Whose graphs each listener looks at.
    watched: BTreeMap<ListenerId, MachineId>,
    next_thumbnail: Instant,
    next_load: Instant,
    load: LoadMeter,
    /// The load that the window was last woken for.
    told_load: Option<HostLoad>,
    idle_since: Option<Instant>,
    control: Option<Control>,
    /// Where the machines' sockets are.
    runtime: PathBuf,
    places: Places,
    /// What went wrong before anyone listened.
    notices: Vec<Failure>,
    trash: Trash,
    timelines: Timelines,
    clockwork: Clockwork,
    moments: Moments,
    /// Machines whose layers are to be merged once other work on them is over.
    loose: BTreeSet<MachineId>,
    labs: Labs,
    look_at_disks_from: Instant,
    /// Nothing new begins any more.
    leaving: bool,
    seen: Seen,
}

/// What a machine's open page in this process shows, if one is open.
pub type Seen = Box<dyn Fn(MachineId) -> Option<Arc<FrameSlot>> + Send>;

/// What a supervisor is given.
pub struct Charge {
    pub library: Arc<Library>,
    pub runtime: PathBuf,
    pub settings: Settings,
    pub places: Places,
    pub control: Control,
    pub sender: Sender<Message>,
    /// A person looks on.
    pub window: bool,
    pub seen: Seen,
}

impl Supervisor {
    /// Takes over the library: reads every machine and adopts those that run.
    pub fn new(charge: Charge) -> Self {
        let Charge {
            library,
            runtime,
            settings,
            places,
            control,
            sender,
            window,
            seen,
        } = charge;
        let load = LoadMeter::new(library.dir());
        let hub = Hub::writing(places.log.as_deref());
        let mut supervisor = Self {
            library,
            slots: BTreeMap::new(),
            hub,
            jobs: BTreeMap::new(),
            next_job: 1,
            reserved: BTreeMap::new(),
            computer: None,
            facts: None,
            waiting: Vec::new(),
            looking: BTreeMap::new(),
            settings,
            sender,
            window,
            in_sight: Vec::new(),
            watched: BTreeMap::new(),
            next_thumbnail: Instant::now(),
            next_load: Instant::now(),
            load,
            told_load: None,
            idle_since: None,
            control: Some(control),
            runtime,
            places,
            notices: Vec::new(),
            trash: Trash::default(),
            timelines: Timelines::default(),
            clockwork: Clockwork::default(),
            moments: Moments::default(),
            loose: BTreeSet::new(),
            labs: Labs::default(),
            look_at_disks_from: Instant::now(),
            leaving: false,
            seen,
        };
        if let Err(error) = supervisor.library.sweep_saves() {
            eprintln!("orangery: {error}"); // Space, not safety.
        }
        match supervisor.library.sweep_work() {
            Ok(gone) => supervisor.swept(&gone),
            Err(error) => eprintln!("orangery: {error}"),
        }
        match read_slots(&supervisor.library) {
            Ok(slots) => supervisor.slots = slots,
            Err(failure) => supervisor.notice(failure),
        }
        supervisor.settle_hand_overs();
        supervisor.adopt_running();
        supervisor.tidy_copies();
        supervisor.finish_all_left();
        supervisor.examine();
        supervisor
    }

    /// Adds a listener before the first message.
    pub fn join(&mut self, id: ListenerId, listener: Listener) {
        self.hub.join(id, listener);
        self.tell_everything(id);
    }

    /// Runs until told to stop, until another process takes the library, or, without a window,
    /// until there is nothing left to do.
    pub fn run(mut self, inbox: &Receiver<Message>) {
        for message in self.settle(inbox) {
            if matches!(self.handle(message), Next::End) {
                return self.let_go(inbox);
            }
        }
        loop {
            let next = match inbox.recv_timeout(self.patience()) {
                Ok(message) => self.handle(message),
                Err(crossbeam_channel::RecvTimeoutError::Timeout) => Next::Go,
                Err(crossbeam_channel::RecvTimeoutError::Disconnected) => Next::End,
            };
            if matches!(next, Next::End) || matches!(self.tick(), Next::End) {
                break;
            }
        }
        self.let_go(inbox);
    }

    /// How long nothing needs to be done unless a message comes.
    fn patience(&self) -> Duration {
        let now = Instant::now();
        let mut until = now + Duration::from_secs(3600);
        if self.hub.someone_is_behind() {
            until = now + Duration::from_millis(50);
        }
        if self.window {
            until = until.min(self.next_load);
        }
        if !self.in_sight.is_empty() && self.slots.values().any(Slot::wants_thumbnail) {
            until = until.min(self.next_thumbnail);
        }
        if let Some(due) = self.next_checkpoint() {
            until = until.min(due);
        }
        if let Some(since) = self.idle_since {
            until = until.min(since + leaving::AGENT_IDLE);
        }
        until.saturating_duration_since(now)
    }

    fn handle(&mut self, message: Message) -> Next {
        match message {
            Message::Joined(id, listener) => {
                self.look_at_disks_again(); // Drives come and go without a word.
                self.join(id, listener);
            }
            Message::Left(id) => self.left(id),
            Message::Request {
                listener,
                id,
                command,
            } => {
                let request = id;
                return self.command(Asker { listener, request }, *command);
            }
            Message::Yield | Message::Stop => return Next::End,
            Message::Live(machine, number, live) => self.live(machine, number, *live),
            Message::WorkerEnded(machine, number) => self.worker_ended(machine, number),
            Message::Record {
                machine,
                change,
                reply,
            } => {
                let result = self.try_record(machine, change);
                reply.send(result).ok(); // Whoever asked gave up waiting.
                self.publish(machine);
            }
            Message::Sample {
                machine,
                number,
                sample,
            } => self.sample(machine, number, sample),
            Message::Publish(event) => self.hub.publish(&event),
            Message::Answer(asker, result, fd) => self.hub.answer(asker, result, fd),
            Message::Job(report) => self.job(report),
            Message::Made {
                machine,
                start,
                asker,
            } => self.made(*machine, start, asker),
            Message::Born {
                machine,
                origin,
                gate,
            } => self.born(*machine, origin, gate),
            Message::Spent(machine) => self.spent(machine),
            Message::Unburdened(machine) => self.unburdened(machine),
            Message::StartAgain { machine, asker } => self.start_again(asker, machine),
            Message::Rested { machine, asker } => self.rested(asker, machine),
            Message::Relayered {
                machine,
                relayering,
                reply,
            } => self.relayered(machine, relayering, reply),
            Message::Sleeping(delay) => self.about_to_sleep(delay),
            Message::TimelineChanged(machine) => self.timeline_changed(machine),
            Message::TimelineSeen {
                machine,
                timeline,
                askers,
            } => self.timeline_seen(machine, timeline, askers),
            Message::Removed(machine) => self.removed(machine),
            Message::TrashSeen(report) => self.trash_seen(report),
            Message::Examined(report, facts) => self.examined(report, facts),
            news @ (Message::StartTogether { .. } | Message::LabsSeen { .. }) => {
                self.lab_news(news);
            }
        }
        Next::Go
    }

    /// What is due by the clock.
    fn tick(&mut self) -> Next {
        for listener in self.hub.take_behind() {
            self.tell_everything(listener);
        }
        let now = Instant::now();
        if self.window && now >= self.next_load {
            self.measure_load(now);
        }
        self.take_due_checkpoints(now);
        if now >= self.next_thumbnail && !self.in_sight.is_empty() {
            self.next_thumbnail = now + self.thumbnail_every().unwrap_or(NEVER);
            self.ask_for_thumbnails();
        }
        self.end_if_idle(now)
    }

    fn jobs_running(&self) -> bool {
        self.jobs
            .values()
            .any(|(report, _)| report.state == JobState::Running)
    }

    fn left(&mut self, id: ListenerId) {
        self.hub.leave(id);
        self.stop_watching(id);
        let closed: Vec<MachineId> = self
            .slots
            .iter_mut()
            .filter_map(|(machine, slot)| slot.consoles.remove(&id).map(|_| *machine))
            .collect();
        for machine in closed {
            self.publish(machine);
            self.let_go_of_copy(machine);
        }
    }

    fn live(&mut self, machine: MachineId, number: u64, live: Live) {
        if let Some(slot) = self.slots.get_mut(&machine)
            && slot.worker_number() == Some(number)
        {
            let begins = live.state == State::Running && slot.live.state != State::Running;
            slot.live = live;
            slot.adopting = false;
            let unfinished = std::mem::take(&mut slot.unfinished);
            if begins {
                // A list full of empty frames looks broken: a first picture soon.
                let soon = Instant::now() + FIRST_THUMBNAIL;
                self.next_thumbnail = self.next_thumbnail.min(soon);
                self.next_load = self.next_load.min(soon);
            }
            if unfinished {
                self.finish_left(machine);
            }
            self.tell_level(machine);
            self.publish(machine);
            self.take_up_waiting();
        }
    }

    /// Carries out requests that had to wait for this computer's or a machine's first look.
    fn take_up_waiting(&mut self) {
        for (asker, command) in std::mem::take(&mut self.waiting) {
            self.command(asker, command);
        }
    }

    fn worker_ended(&mut self, machine: MachineId, number: u64) {
        if let Some(slot) = self.slots.get_mut(&machine)
            && slot
                .worker
                .as_ref()
                .is_some_and(|worker| worker.number == number)
        {
            slot.join_worker();
            slot.adopting = false;
            self.publish(machine);
            self.let_go_of_copy(machine);
            self.take_up_waiting(); // A start that came while it was ending.
        }
    }

    fn job(&mut self, report: JobReport) {
        let machine = report.machine;
        let over = report.state != JobState::Running;
        if over {
            self.clockwork.ended(report.id);
            self.reserved.remove(&report.id);
        }
        if let Some(slot) = machine.and_then(|machine| self.slots.get_mut(&machine)) {
            slot.job = (!over).then_some(report.id);
            if over && slot.disks_taken == Some(report.id) {
                slot.disks_taken = None;
            }
        }
        if let Some((known, _)) = self.jobs.get_mut(&report.id) {
            *known = report.clone();
        }
        let job = report.id;
        self.hub.publish(&Event::Job(report));
        if over {
            self.lab_job_over(job);
            self.forget_old_jobs();
            if let Some(machine) = machine {
                self.publish(machine);
                if self.loose.remove(&machine) {
                    self.unburdened(machine);
                }
                self.take_up_waiting();
            }
        }
    }

    fn forget_old_jobs(&mut self) {
        let ended: Vec<JobId> = self
            .jobs
            .iter()
            .filter(|(_, (report, _))| report.state != JobState::Running)
            .map(|(id, _)| *id)
            .collect();
        for id in ended.iter().take(ended.len().saturating_sub(KEPT_JOBS)) {
            self.jobs.remove(id);
        }
    }

    fn examined(&mut self, report: Box<ComputerReport>, facts: Arc<Facts>) {
        self.hub.publish(&Event::Computer(report.clone()));
        self.computer = Some(report);
        self.facts = Some(facts);
        self.take_up_waiting();
    }

    fn cancel_job(&mut self, asker: Asker, job: JobId) {
        if let Some((_, switch)) = self.jobs.get(&job) {
            switch.store(true, Ordering::Relaxed);
        }
        self.hub.answer(asker, Ok(Answer::Done), None);
    }

    /// The state of a machine, `Off` for one that is not there.
    fn state(&self, machine: MachineId) -> State {
        self.slots
            .get(&machine)
            .map_or(State::Off, |slot| slot.live.state)
    }
}
