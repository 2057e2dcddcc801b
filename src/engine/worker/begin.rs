//! How a worker launches its machine.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::files::{Files, arguments, layers, rights};
use super::firsts::{make_tpm, make_variables};
use super::fork::Origin;
use super::{Begun, Live, PATIENCE, Post, hardware, resume, serial::Line};
use crate::confine;
use crate::engine::facts::Facts;
use crate::engine::hub::Asker;
use crate::engine::load::total_memory;
use crate::engine::supervisor::record_meanwhile;
use crate::engine::timeline;
use crate::engine::together::{Member, let_go};
use crate::engine::{clock, launches};
use crate::library::{IntentId, SnapshotRecord};
use crate::model::{Answer, DisplayPath, Failure, Machine, MemoryBacking, SavedState, State};
use crate::qemu::command_line::{self, MEMORY_NUMBER};
use crate::qemu::memory::{self, MemoryFile};
use crate::qemu::memory_store::{self, Moment};
use crate::qemu::process::{Manifest, Process, ProcessError, Sockets};
use crate::qemu::qmp::{Client, QmpError, QmpEvent};
use crate::qemu::{doctor, explain};
use crate::step;

/// From the start of QEMU to its greeting, on a computer that is busy.
const GREETING_PATIENCE: Duration = Duration::from_secs(30);

/// A machine to start.
pub struct Launching {
    pub machine: Machine,
    pub facts: Arc<Facts>,
    /// Where the sockets of all machines lie.
    pub runtime: PathBuf,
    pub display: DisplayPath,
    /// Which running machine has which disk open.
    pub holders: BTreeMap<PathBuf, String>,
    /// What it was made of, for a machine that was made just now.
    pub origin: Option<Origin>,
    pub asker: Asker,
    /// The guests of several machines are let go together.
    pub gate: Option<Member>,
}

/// Starts QEMU and lets the guest go. Answers and publishes what came out.
pub fn launch(post: &Post, launching: Launching, abort: &AtomicBool) -> Option<Begun> {
    let asker = launching.asker;
    let saved = launching.machine.saved;
    let origin = launching.origin.clone();
    let begun = Start::new(post, launching, abort).and_then(Start::run);
    if let Some(origin) = origin {
        let result = begun.as_ref().map(|_begun| ()).map_err(Clone::clone);
        origin.told.send((post.id, result)).ok(); // Whoever asked gave up.
    }
    match begun {
        Ok(begun) => {
            post.publish(&begun.live);
            post.answer(asker, Ok(Answer::Done));
            Some(begun)
        }
        Err(failure) => {
            let named = post.library.machine(post.id);
            let still = named.map_or(saved.is_some(), |machine| machine.saved.is_some());
            let state = if still { State::Saved } else { State::Off };
            post.publish(&Live::resting(state, clock::now(), Some(failure.clone())));
            post.answer(asker, Err(failure));
            None
        }
    }
}

/// One start under way.
struct Start<'a> {
    post: &'a Post,
    abort: &'a AtomicBool,
    facts: Arc<Facts>,
    machine: Machine,
    saved: Option<(SavedState, SnapshotRecord)>,
    origin: Option<Origin>,
    folder: PathBuf,
    display: DisplayPath,
    holders: BTreeMap<PathBuf, String>,
    gate: Option<Member>,
}

impl<'a> Start<'a> {
    fn new(post: &'a Post, launching: Launching, abort: &'a AtomicBool) -> Result<Self, Failure> {
        let Launching {
            machine,
            facts,
            runtime,
            display,
            holders,
            origin,
            asker: _,
            gate,
        } = launching;
        let (machine, saved) = resume::prepare(post, machine, &facts)?;
        let folder = launches::begin(&runtime, post.id)
            .map_err(|error| Failure::new("The machine did not start", error.to_string()))?;
        Ok(Self {
            post,
            abort,
            display: facts.display(display),
            facts,
            machine,
            saved,
            origin,
            folder,
            holders,
            gate,
        })
    }

    fn run(mut self) -> Result<Begun, Failure> {
        let spawned = make_variables(self.post, &mut self.machine)
            .and_then(|()| make_tpm(self.post, &mut self.machine))
            .and_then(|()| self.make_memory())
            .and_then(|memory| {
                let ours = memory.as_ref().map(OwnedFd::try_clone).transpose();
                let ours = ours.map_err(|error| self.no_memory(&error))?;
                Ok((self.spawn(memory)?, ours.map(File::from)))
            });
        let (mut process, ram) = spawned.inspect_err(|_| launches::forget(&self.folder))?;
        let mut live = Live::resting(State::Starting, clock::now(), None);
        live.pid = Some(process.pid());
        live.accelerator = Some(self.facts.accelerator());
        live.hardware = Some(Box::new(self.machine.clone()));
        self.post.publish(&live);
        let noted = self.note_resuming();
        let begun = self.bring_up(&mut process, ram).and_then(|(qmp, events)| {
            // Before the guest runs, so that its first words are heard.
            let serial = Line::of(self.post, &process, self.saved.is_some());
            let cables = hardware::lay_cables(&qmp, &self.machine).map_err(ProcessError::from);
            cables.map_err(|error| self.explain(&error, Some(&process)))?;
            let_go(self.gate.take(), || self.let_run(&process, &qmp))?;
            Ok((qmp, events, serial))
        });
        let (library, own) = (&self.post.library, self.post.id);
        let begun = match begun {
            Ok((qmp, events, serial)) => {
                live.state = if self.stays_paused() {
                    State::Paused
                } else {
                    State::Running
                };
                live.since = clock::now();
                Ok(Begun {
                    is_now: self.origin.is_some_and(|origin| origin.is_now),
                    serial,
                    process,
                    qmp,
                    events,
                    live,
                    machine: self.machine,
                })
            }
            Err(failure) => {
                drop(self.gate.take()); // The others need not wait for its end.
                process.kill().ok(); // Fails only when it is gone.
                process.wait(PATIENCE).ok();
                launches::forget(process.folder());
                if self.moment().is_some() {
                    self.note_birth(false)().ok(); // Left alone it is off, and whole.
                }
                Err(failure)
            }
        };
        if let Some(intent) = noted {
            timeline::settle(library, own, intent);
        }
        begun
    }

    /// The moment of another machine that it goes on from.
    fn moment(&self) -> Option<&Moment> {
        self.origin.as_ref()?.moment.as_deref()
    }

    /// A memory file, empty.
    fn make_memory(&self) -> Result<Option<OwnedFd>, Failure> {
        if self.machine.memory_backing == MemoryBacking::Private {
            return Ok(None);
        }
        if let Some(moment) = self.moment() {
            let memory = moment.memory();
            return memory.map(Some).map_err(|error| self.no_memory(&error));
        }
        let most = total_memory();
        if self.machine.memory > most {
            let size = self.machine.memory;
            return Err(self
                .not_started(format!(
                    "It has {size} of memory, and this computer has {most}, swap included"
                ))
                .fix("Give the machine less memory"));
        }
        memory::create(self.machine.memory)
            .map(Some)
            .map_err(|error| self.no_memory(&error))
    }

    fn no_memory(&self, error: &std::io::Error) -> Failure {
        self.not_started(format!("No memory could be had: {error}"))
    }

    fn not_started(&self, why: String) -> Failure {
        Failure::new(format!("{} did not start", self.post.name), why)
    }

    /// Puts what was saved into the memory file that QEMU was started with.
    fn fill(&self, ram: &File) -> Result<(), Failure> {
        let Some((saved, _)) = &self.saved else {
            return Ok(());
        };
        let library = &self.post.library;
        let folder = library.memory_dir(saved.snapshot);
        memory_store::read(&folder)
            .and_then(|store| {
                let places = &|id| library.memory_dir(id);
                memory_store::fill(&folder, &store, places, ram, &mut |_, _| self.go_on())
            })
            .map_err(|error| self.not_restored(&error.to_string()))
    }

    /// Breaks once the machine is to be powered off.
    fn go_on(&self) -> ControlFlow<()> {
        if self.abort.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn not_restored(&self, why: &str) -> Failure {
        Failure::new(
            format!("{} can't go on from its saved state", self.post.name),
            why,
        )
        .fix("Discard the saved state to boot from the disk")
    }

    fn files(&self) -> Files {
        Files {
            sockets: Sockets::within(&self.folder),
            layers: layers(&self.machine, &self.post.library),
        }
    }

    fn spawn(&self, memory: Option<OwnedFd>) -> Result<Process, Failure> {
        let files = self.files();
        let held = memory.as_ref().map(|_file| MemoryFile {
            number: MEMORY_NUMBER,
            size: self.machine.memory,
            frozen: self.moment().is_some(),
        });
        let incoming = self.saved.is_some() || self.moment().is_some();
        let args = arguments(
            &self.machine,
            &self.facts,
            &files,
            held,
            self.display,
            incoming,
        )?;
        let manifest = Manifest {
            version: 1,
            machine: self.machine.id,
            uuid: self.machine.id.0,
            name: self.machine.name.clone(),
            exe: self.facts.qemu()?.path.clone(),
            args,
            qemu_version: self.facts.qemu()?.version.to_string(),
            machine_type: self.machine.machine_type.clone(),
            accelerator: self.facts.accelerator(),
            cpu_model: command_line::resolve_cpu(&self.machine, self.facts.accelerator()),
            layers: files.layers.into_iter().collect(),
            memory: held,
            sockets: files.sockets,
            display: self.display,
            incoming,
            created: clock::now(),
            hardware: Some(self.machine.clone()),
        };
        let mut rights = rights(&self.machine, &self.post.library);
        rights
            .files
            .extend(memory.map(|file| (file, MEMORY_NUMBER)));
        let started = Process::start(&self.folder, manifest, rights);
        step::at("QEMU started");
        started.map_err(|error| self.explain(&error, None))
    }

    /// What QEMU's end or silence at the start means.
    fn explain(&self, error: &ProcessError, process: Option<&Process>) -> Failure {
        if matches!(error, ProcessError::NoTpmProgram) {
            return self
                .not_started(error.to_string())
                .fix(doctor::install_tpm());
        }
        let log = process.map_or_else(String::new, Process::log_tail);
        let (error, status) = match error {
            ProcessError::EndedEarly { status } => (None, *status),
            other => (Some(other.to_string()), None),
        };
        explain::explain(&explain::Evidence {
            what: &format!("{} did not start", self.post.name),
            log: &log,
            error: error.as_deref(),
            status,
            holders: Some(&self.holders),
            opener: Some(confine::holder_of),
        })
    }

    /// Greets QEMU and loads what was saved: into `ram` first, its memory file, while QEMU starts.
    fn bring_up(
        &self,
        process: &mut Process,
        ram: Option<File>,
    ) -> Result<(Client, Receiver<QmpEvent>), Failure> {
        let (connected, filled) = std::thread::scope(|scope| {
            // QEMU leaves its memory alone until it loads the state.
            let fill = || ram.map_or(Ok(()), |ram| self.fill(&ram));
            let filling = std::thread::Builder::new()
                .name("fill".to_owned())
                .spawn_scoped(scope, fill);
            let connected = process.connect(GREETING_PATIENCE);
            (connected, filling.map(ScopedJoinHandle::join))
        });
        let (qmp, events) = connected.map_err(|error| self.explain(&error, Some(process)))?;
        step::at("QEMU greeted");
        match filled {
            Ok(Ok(filled)) => filled?,
            Ok(Err(_panic)) => return Err(self.not_restored("Orangery failed at its memory")),
            Err(error) => return Err(self.not_restored(&error.to_string())),
        }
        if let Some((saved, _)) = &self.saved {
            let folder = self.post.library.memory_dir(saved.snapshot);
            memory_store::read(&folder)
                .and_then(|store| {
                    memory_store::load(&qmp, &folder, &store, &mut |_, _| self.go_on())
                })
                .map_err(|error| {
                    self.not_restored(&error.to_string())
                        .details(process.log_tail())
                })?;
        }
        if let Some(moment) = self.moment() {
            Moment::prepare(&qmp).map_err(|error| self.explain(&error.into(), Some(process)))?;
            let state = moment.wait(&|| self.go_on())?;
            let birth = || self.note_birth(true);
            let born = Moment::load(&qmp, &state, birth, &mut |_, _| self.go_on());
            let born = born.map_err(|error| {
                self.not_started(error.to_string())
                    .details(process.log_tail())
            })?;
            born()?;
        }
        step::at("guest ready");
        if self.go_on().is_break() {
            return Err(Failure::new(
                format!("{} was powered off", self.post.name),
                "It was still starting",
            ));
        }
        Ok((qmp, events))
    }

    /// Writes that a machine that goes on from another's moment is one of its own, or is none after all. What is given waits
    /// for it: while several load it costs nothing, and once some run they take the processors.
    fn note_birth(&self, is_born: bool) -> impl FnOnce() -> Result<(), Failure> {
        record_meanwhile(&self.post.supervisor, self.post.id, move |record| {
            if let Some(descent) = &mut record.descent {
                descent.unborn = !is_born;
            }
            Ok(())
        })
    }

    /// Notes that a guest that is still to be loaded goes on then, for who comes after a kill.
    fn note_resuming(&self) -> Option<IntentId> {
        let loads = self.saved.is_some() || self.moment().is_some();
        let resumes = loads && !self.stays_paused();
        resumes.then(|| self.post.note_resuming().ok()).flatten()
    }

    /// Lets the guest go. The disks move away from what was saved: that is forgotten first, and named again if the
    /// guest did not go after all.
    fn let_run(&self, process: &Process, qmp: &Client) -> Result<(), Failure> {
        if let Some((saved, _)) = &self.saved {
            let saved = *saved;
            self.post
                .record(|record| record.saved = None)
                .inspect_err(|_| self.name_again(process, saved))?;
            step::at("saved state left");
        }
        let let_go = if self.stays_paused() {
            Ok(serde_json::Value::Null)
        } else {
            qmp.call_raw("cont", serde_json::json!({}), PATIENCE)
        };
        match let_go {
            // It took the command and is busy with it; the heartbeat tells what becomes of it.
            Ok(_) | Err(QmpError::Timeout { .. }) => {}
            Err(error) => {
                let failure = self.explain(&error.into(), Some(process));
                if let Some((saved, _)) = &self.saved {
                    self.name_again(process, *saved);
                }
                return Err(failure);
            }
        }
        step::at("guest goes on");
        if let Some((saved, _)) = &self.saved
            && let Err(error) = self.post.library.forget_saved(self.post.id, *saved)
        {
            eprintln!("orangery: {}: {error}", self.post.id); // Space, not safety.
        }
        Ok(())
    }

    /// A snapshot of a paused machine is gone back to as it was.
    fn stays_paused(&self) -> bool {
        let record = self.saved.as_ref().map(|(_, record)| record);
        record.is_some_and(|record| record.paused)
    }

    /// The guest never ran: once QEMU is gone, what was saved is as good as before.
    fn name_again(&self, process: &Process, saved: SavedState) {
        process.kill().ok(); // Fails only when it is gone.
        if process.wait(PATIENCE).unwrap_or(false) {
            let again = self.post.record(move |record| record.saved = Some(saved));
            again.ok(); // The failure that led here is told.
        }
    }
}
