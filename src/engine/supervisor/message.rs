//! Everything that reaches the supervisor.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use crossbeam_channel::{Sender, bounded};

use crate::desktop::sleep::Delay;
use crate::engine::facts::Facts;
use crate::engine::hub::{Asker, Listener, ListenerId};
use crate::engine::message::{Command, Event, RequestId};
use crate::engine::together::Member;
use crate::engine::worker::{Live, Origin};
use crate::model::{
    Answer, ComputerReport, Failure, JobReport, LabReport, Machine, MachineId, Relayering, Sample,
    Timeline, TrashReport,
};

/// A change to a machine's record, made by the supervisor on another's behalf; refused, nothing is written.
pub type RecordChange = Box<dyn FnOnce(&mut Machine) -> Result<(), Failure> + Send>;

/// Has the supervisor change a machine's record, if `change` allows it, and waits until it is on disk.
pub fn record(
    supervisor: &Sender<Message>,
    machine: MachineId,
    change: impl FnOnce(&mut Machine) -> Result<(), Failure> + Send + 'static,
) -> Result<(), Failure> {
    record_meanwhile(supervisor, machine, change)()
}

/// The same, and what is given waits.
pub fn record_meanwhile(
    supervisor: &Sender<Message>,
    machine: MachineId,
    change: impl FnOnce(&mut Machine) -> Result<(), Failure> + Send + 'static,
) -> impl FnOnce() -> Result<(), Failure> {
    let (reply, written) = bounded(1);
    let message = Message::Record {
        machine,
        change: Box::new(change),
        reply,
    };
    supervisor.send(message).ok(); // Then nobody answers.
    let ending = || Failure::new("The machine's file was not saved", "Orangery is ending");
    move || written.recv().map_err(|_closed| ending())?
}

/// Everything that reaches the supervisor.
pub enum Message {
    Joined(ListenerId, Listener),
    Left(ListenerId),
    Request {
        listener: ListenerId,
        id: RequestId,
        command: Box<Command>,
    },
    /// A client of another version wants the library.
    Yield,
    /// A machine's worker of this number tells how it stands.
    Live(MachineId, u64, Box<Live>),
    /// The worker of this number has ended; its thread can be joined.
    WorkerEnded(MachineId, u64),
    /// A worker or a job wants a record changed and waits until it is on disk.
    Record {
        machine: MachineId,
        change: RecordChange,
        reply: Sender<Result<(), Failure>>,
    },
    /// The worker of this number measured its machine.
    Sample {
        machine: MachineId,
        number: u64,
        sample: Sample,
    },
    /// Something to pass on to everyone.
    Publish(Event),
    Answer(Asker, Result<Answer, Failure>, Option<OwnedFd>),
    Job(JobReport),
    /// A new machine's folder is complete.
    Made {
        machine: Box<Machine>,
        start: bool,
        asker: Asker,
    },
    /// The folder of a machine that was made of another one is complete: it starts on the other's moment, or boots.
    Born {
        machine: Box<Machine>,
        origin: Origin,
        /// Guests that were asked for at once are let go together.
        gate: Member,
    },
    /// What was to be kept of a copy is kept: it goes.
    Spent(MachineId),
    /// A copy of the machine is gone: it may have layers that only that one needed.
    Unburdened(MachineId),
    /// A machine was made to begin elsewhere in its timeline: it goes on from there.
    StartAgain {
        machine: MachineId,
        asker: Asker,
    },
    /// The same, and it rests there.
    Rested {
        machine: MachineId,
        asker: Asker,
    },
    /// Layers that a machine's QEMU had open were merged; its worker is told before records are.
    Relayered {
        machine: MachineId,
        relayering: Relayering,
        reply: Sender<()>,
    },
    /// This computer is about to sleep, and waits.
    Sleeping(Delay),
    /// A machine's snapshots are others than before.
    TimelineChanged(MachineId),
    /// What a machine's timeline holds now; answers who asked.
    TimelineSeen {
        machine: MachineId,
        timeline: Box<Timeline>,
        askers: Vec<Asker>,
    },
    /// A machine's folder is gone.
    Removed(MachineId),
    /// What lies in the trash.
    TrashSeen(TrashReport),
    Examined(Box<ComputerReport>, Arc<Facts>),
    /// The owner's process ends: let the library go, machines run on.
    Stop,
    /// The same as [`Self::StartAgain`], and the guest is let go with others.
    StartTogether {
        machine: MachineId,
        asker: Asker,
        gate: Member,
    },
    /// How the labs stand; answers who asked.
    LabsSeen {
        labs: Vec<LabReport>,
        askers: Vec<Asker>,
    },
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Joined(..) => "Joined",
            Self::Left(..) => "Left",
            Self::Request { .. } => "Request",
            Self::Yield => "Yield",
            Self::Live(..) => "Live",
            Self::WorkerEnded(..) => "WorkerEnded",
            Self::Record { .. } => "Record",
            Self::Sample { .. } => "Sample",
            Self::Publish(..) => "Publish",
            Self::Answer(..) => "Answer",
            Self::Job(..) => "Job",
            Self::Made { .. } => "Made",
            Self::Born { .. } => "Born",
            Self::Spent(_) => "Spent",
            Self::Unburdened(_) => "Unburdened",
            Self::StartAgain { .. } => "StartAgain",
            Self::Relayered { .. } => "Relayered",
            Self::Sleeping(_) => "Sleeping",
            Self::Rested { .. } => "Rested",
            Self::TimelineChanged(_) => "TimelineChanged",
            Self::TimelineSeen { .. } => "TimelineSeen",
            Self::Removed(..) => "Removed",
            Self::TrashSeen(_) => "TrashSeen",
            Self::Examined(..) => "Examined",
            Self::Stop => "Stop",
            Self::StartTogether { .. } => "StartTogether",
            Self::LabsSeen { .. } => "LabsSeen",
        })
    }
}
