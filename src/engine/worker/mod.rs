//! One thread per running machine: it owns QEMU's process, its sockets and the machine's state.
//!
//! ```text
//!  start ──▶ launch, greet, restore, cont ─┐
//!  adopt ──▶ connect, greet, look ─────────┴─▶ loop: orders, QMP events, heartbeat
//!                                                │
//!      guest off, power off, saved ◀─────────────┤──▶ QEMU gone: crashed
//!                                                └──▶ release: leave QEMU to the next owner
//! ```

mod act;
mod adopt;
mod begin;
mod company;
mod events;
mod files;
mod firsts;
mod fork;
mod handle;
mod hardware;
mod input;
mod network;
mod order;
mod picture;
mod resume;
mod save;
mod serial;
mod sharing;
mod sound;
mod stand;
mod stats;
mod take;
mod take_disk;
mod tidings;
mod typing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::hub::Asker;
use super::sound::Sound;
use super::supervisor::{Message, record};
use super::{clock, launches, timeline};
use crate::library::{Intent, IntentId, Library, LibraryError};
use crate::model::{
    Accelerator, Answer, DesktopAgent, Failure, Machine, MachineId, Overlay, SoundReport,
    SoundState, State, Timestamp,
};
use crate::qemu::process::{Process, TpmEmulator};
use crate::qemu::qmp::{Client as QmpClient, QmpEvent};

pub use adopt::Adoption;
pub use begin::Launching;
pub use company::Part;
pub use files::{disk_files, preview};
pub use fork::{Births, Forking, Origin, check_room, room_for};
pub use handle::Handle;
pub use hardware::Edit;
pub use order::Order;
use order::refuse_order;
pub use sharing::ToAgent;
pub use stats::Level;
pub use take::Leaving;
use tidings::Tidings;

/// Orders waiting for one worker: more than a person or script sends while it is busy.
const ORDERS_LEN: usize = 64;

/// Numbers workers while the process lives.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// How often QEMU is asked whether it is well.
const BEAT_EVERY: Duration = Duration::from_secs(2);

/// A heartbeat's deadline; three misses in a row are "not responding".
const BEAT_PATIENCE: Duration = Duration::from_secs(2);
const BEATS_TO_MISS: u32 = 3;

/// For QMP commands that QEMU answers at once.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How a machine stands: what its worker publishes, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    pub state: State,
    pub since: Timestamp,
    pub pid: Option<u32>,
    pub accelerator: Option<Accelerator>,
    pub trouble: Option<Failure>,
    pub force_after: Option<Timestamp>,
    /// What QEMU was started with; the machine's file may have changed since.
    pub hardware: Option<Box<Machine>>,
    pub sound: SoundReport,
    /// The agent in the guest's desktop; `None` without QEMU.
    pub agent: Option<DesktopAgent>,
}

impl Live {
    /// A machine without QEMU.
    pub fn resting(state: State, since: Timestamp, trouble: Option<Failure>) -> Self {
        Self {
            state,
            since,
            pid: None,
            accelerator: None,
            trouble,
            force_after: None,
            hardware: None,
            sound: SoundReport::default(),
            agent: None,
        }
    }

    /// A machine whose QEMU an earlier owner started.
    pub fn of_process(state: State, process: &Process) -> Self {
        let manifest = process.manifest();
        Self {
            pid: Some(process.pid()),
            accelerator: Some(manifest.accelerator),
            hardware: manifest.hardware.clone().map(Box::new),
            ..Self::resting(state, manifest.created, None)
        }
    }
}

/// Says that the worker has ended, also when it panicked.
struct Farewell {
    post: Arc<Post>,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let ended = Message::WorkerEnded(self.post.id, self.post.number);
        self.post.tell(ended);
    }
}

/// What a worker has from its first moment.
pub struct Post {
    pub id: MachineId,
    /// The worker's.
    pub number: u64,
    pub name: String,
    pub library: Arc<Library>,
    pub supervisor: Sender<Message>,
}

impl Post {
    pub fn publish(&self, live: &Live) {
        self.tell(Message::Live(self.id, self.number, Box::new(live.clone())));
    }

    pub fn answer(&self, asker: Asker, result: Result<Answer, Failure>) {
        self.tell(Message::Answer(asker, result, None));
    }

    /// Notes that the guest is to run on: whoever comes after a kill can't tell it from one that was paused.
    fn note_resuming(&self) -> Result<IntentId, LibraryError> {
        let work = Intent {
            resumes: true,
            ..Intent::default()
        };
        self.library.begin_intent(self.id, &work)
    }

    /// Has a change to the machine's record written to disk, and waits for it.
    pub fn record(
        &self,
        change: impl FnOnce(&mut Machine) + Send + 'static,
    ) -> Result<(), Failure> {
        record(&self.supervisor, self.id, |record| {
            change(record);
            Ok(())
        })
    }

    /// Tells what may be missed.
    pub fn tell_if_room(&self, message: Message) {
        self.supervisor.try_send(message).ok(); // The next measurement comes in a second.
    }

    pub fn tell(&self, message: Message) {
        self.supervisor.send(message).ok(); // The engine is ending; QEMU stays.
    }
}

/// Starts a worker that launches `machine`.
pub fn launch(post: Post, launching: Launching) -> std::io::Result<Handle> {
    spawn(post, move |post, orders, power_off| {
        begin::launch(&post, launching, &power_off).map(|begun| Worker::new(post, orders, begun))
    })
}

/// Starts a worker that takes over a machine that runs already.
pub fn adopt(post: Post, adoption: Adoption) -> std::io::Result<Handle> {
    spawn(post, move |post, orders, _power_off| {
        adopt::adopt(&post, adoption, &orders).map(|begun| {
            let mut worker = Worker::new(post, orders, begun);
            worker.tidings = Tidings::None;
            worker.forget_counters();
            worker
        })
    })
}

fn spawn(
    mut post: Post,
    begin: impl FnOnce(Arc<Post>, Receiver<Order>, Arc<AtomicBool>) -> Option<Worker> + Send + 'static,
) -> std::io::Result<Handle> {
    let (orders, inbox) = bounded(ORDERS_LEN);
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    post.number = number;
    let post = Arc::new(post);
    let power_off = Arc::new(AtomicBool::new(false));
    let untaken = inbox.clone();
    let thread = std::thread::Builder::new()
        .name(format!("vm-{}", post.id.short()))
        .spawn({
            let (post, power_off) = (Arc::clone(&post), Arc::clone(&power_off));
            move || {
                let _farewell = Farewell {
                    post: Arc::clone(&post),
                };
                if let Some(worker) = begin(post, inbox, power_off) {
                    worker.run();
                }
            }
        })?;
    Ok(Handle {
        number,
        orders: Some(orders),
        untaken,
        post,
        power_off,
        thread,
    })
}

fn gone(post: &Post) -> Failure {
    Failure::new(
        format!("{} did not do it", post.name),
        "The machine stopped meanwhile",
    )
}

/// What a begun machine gives its worker.
pub struct Begun {
    pub process: Process,
    pub qmp: QmpClient,
    pub events: Receiver<QmpEvent>,
    pub live: Live,
    /// The hardware QEMU was started with.
    pub machine: Machine,
    pub serial: Option<serial::Line>,
    /// Its guest goes on from what is the present of another: it knows what time it is.
    pub is_now: bool,
}

/// Whether the loop goes on.
enum Flow {
    Go,
    End,
}

/// A machine that runs.
struct Worker {
    post: Arc<Post>,
    orders: Receiver<Order>,
    process: Process,
    /// A job that merges layers may hold it, too.
    qmp: Arc<QmpClient>,
    events: Receiver<QmpEvent>,
    live: Live,
    published: Option<Live>,
    machine: Machine,
    serial: Option<serial::Line>,
    /// Who waits for the guest to be off.
    waiting_for_off: Vec<Asker>,
    typing: Option<typing::UnderWay>,
    next_beat: Instant,
    missed_beats: u32,
    tidings: Tidings,
    tpm: Option<TpmEmulator>,
    meter: stats::Meter,
    counters: network::Counters,
    sound: Sound,
    line: sharing::Line,
    /// The picture that was published last, and when.
    last_thumbnail: Option<(Instant, Arc<Vec<u8>>)>,
    /// Requests of the guest before its present topmost layers were put on, by their nodes.
    written_when_put_on: BTreeMap<String, u64>,
    /// Layers that QEMU has put on and that could not be recorded; the guest is stopped.
    unnamed: Vec<Overlay>,
    /// The screen and how often disks were written, when the clock last wanted a checkpoint.
    seen_at_checkpoint: Option<(blake3::Hash, u64)>,
}

impl Worker {
    fn new(post: Arc<Post>, orders: Receiver<Order>, begun: Begun) -> Self {
        let started = begun.process.manifest().created;
        let age = Duration::from_secs(clock::now().0.saturating_sub(started.0));
        Self {
            post,
            orders,
            meter: stats::Meter::new(age),
            counters: network::Counters::default(),
            sound: Sound::absent(SoundState::Off),
            last_thumbnail: None,
            written_when_put_on: BTreeMap::new(),
            unnamed: Vec::new(),
            seen_at_checkpoint: None,
            line: sharing::Line::new(&begun.process),
            tidings: Tidings::at_start(&begun),
            tpm: hardware::tpm(&begun.machine, &begun.process),
            process: begun.process,
            qmp: Arc::new(begun.qmp),
            events: begun.events,
            live: begun.live,
            published: None,
            machine: begun.machine,
            serial: begun.serial,
            waiting_for_off: Vec::new(),
            typing: None,
            next_beat: Instant::now() + BEAT_EVERY,
            missed_beats: 0,
        }
    }

    fn run(mut self) {
        self.live_on();
        self.end_typing("The machine was powered off, saved or handed over");
        self.end_counting(); // A QEMU that goes on without us must not fill a file that nobody reads.
    }

    fn live_on(&mut self) {
        self.look_at_agent();
        // What happened before we listened. A machine found paused is news as well: who adopts it waits for that.
        if matches!(self.look(), Flow::End) {
            return;
        }
        self.open_sound();
        self.publish();
        loop {
            let patience = self.due().saturating_duration_since(Instant::now());
            let flow = crossbeam_channel::select! {
                recv(self.orders) -> order => match order {
                    Ok(order) => self.order(order),
                    Err(_) => Flow::End,
                },
                recv(self.events) -> event => match event {
                    Ok(event) => self.event(&event),
                    Err(_) => self.monitor_closed(),
                },
                recv(self.sound.news()) -> _news => {
                    self.sound_changed();
                    Flow::Go
                }
                recv(self.line.news) -> news => {
                    if news.is_ok() {
                        self.agent_changed();
                    }
                    Flow::Go
                },
                default(patience) => Flow::Go,
            };
            if matches!(flow, Flow::End) {
                return;
            }
            // A flood of events must not keep the heart from beating.
            if Instant::now() >= self.next_beat && matches!(self.beat(), Flow::End) {
                return;
            }
            self.cables_if_due();
            self.sample_if_due();
            self.type_if_due();
        }
    }

    fn order(&mut self, order: Order) -> Flow {
        match order {
            Order::Act { action, asker } => return self.act(action, asker),
            Order::Save { job, asker } => return self.save(*job, asker),
            Order::Snapshot { taking, job, asker } => return self.snapshot(*taking, *job, asker),
            Order::Leave {
                leaving,
                job,
                asker,
            } => return self.leave(*leaving, *job, asker),
            Order::Fork {
                forking,
                job,
                asker,
            } => return self.fork(*forking, *job, asker),
            Order::KeepMoment { taking, job, asker } => {
                return self.keep_moment(*taking, *job, asker);
            }
            Order::FreezeDisks(reply) => {
                let frozen = self.freeze_disks();
                reply.send(frozen).ok(); // The job has given up.
                return self.look();
            }
            Order::LendMonitor(reply) => {
                let live = timeline::Live {
                    monitor: Arc::clone(&self.qmp),
                    machine: self.machine.clone(),
                };
                reply.send(live).ok(); // The job has given up.
            }
            Order::Relayered { relayering, reply } => {
                self.relayer(relayering);
                reply.send(()).ok(); // The job has given up.
            }
            Order::Edit(edit) => self.edit(*edit),
            Order::Keys { keys, asker } => {
                let result = self.press(&keys);
                self.post.answer(asker, result.map(|()| Answer::Done));
            }
            Order::Type { typing, job, asker } => self.type_text(&typing, *job, asker),
            Order::OpenDisplay { asker } => self.open_display(asker),
            Order::OpenSerial { asker, history } => self.open_serial(asker, history),
            Order::Screenshot {
                asker,
                machine,
                in_process,
            } => self.screenshot(asker, machine, in_process),
            Order::Hear(settings) => self.hear(settings),
            Order::ToAgent { what, asker } => self.to_agent(what, asker),
            Order::Thumbnail { seen } => self.thumbnail(seen.as_deref()),
            Order::Watch(level) => self.watch(level),
            Order::Stats { asker } => {
                let result = self.measure();
                self.post.answer(asker, result.map(Answer::Stats));
            }
            Order::Together(part) => return self.do_part(*part),
        }
        Flow::Go
    }

    /// Publishes a new state.
    fn enter(&mut self, state: State) {
        if self.live.state != state {
            self.live.state = state;
            self.live.since = clock::now();
        }
        self.publish();
    }

    /// Publishes how the machine stands, if that is news.
    fn publish(&mut self) {
        if self.published.as_ref() != Some(&self.live) {
            self.published = Some(self.live.clone());
            self.post.publish(&self.live);
        }
    }

    /// Publishes that the machine has no QEMU any more, and answers who waited for that.
    fn rest(&mut self, state: State, trouble: Option<Failure>) -> Flow {
        launches::forget(self.process.folder());
        self.live = Live::resting(state, clock::now(), trouble);
        self.publish();
        for asker in self.waiting_for_off.drain(..) {
            let result = if state == State::Off {
                Ok(Answer::Done)
            } else {
                Err(gone(&self.post))
            };
            self.post.answer(asker, result);
        }
        Flow::End
    }

    /// QEMU does not end although it was asked to: its disks may still be in use.
    fn stuck(&mut self) -> Flow {
        let failure = events::not_responding(&self.post.name, "QEMU does not end; a disk may hang");
        self.live.trouble = Some(failure);
        self.enter(State::NotResponding);
        Flow::Go
    }
}
