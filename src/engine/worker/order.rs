//! What a worker is asked to do, and what is answered when it comes too late.

use std::sync::Arc;

use crossbeam_channel::Sender;

use super::fork::Forking;
use super::sharing::ToAgent;
use super::stats::Level;
use super::take::Leaving;
use super::{Edit, Part, Post, gone};
use crate::engine::hub::Asker;
use crate::engine::jobs::Job;
use crate::engine::screen::FrameSlot;
use crate::engine::timeline::{self, Taking};
use crate::model::{
    Action, Answer, Failure, Machine, MachineId, Relayering, SoundSettings, Typing,
};

/// What a worker is asked to do.
pub enum Order {
    Act {
        action: Action,
        asker: Asker,
    },
    Save {
        job: Box<Job>,
        asker: Asker,
    },
    Snapshot {
        taking: Box<Taking>,
        job: Box<Job>,
        asker: Asker,
    },
    /// Go back to a snapshot.
    Leave {
        leaving: Box<Leaving>,
        job: Box<Job>,
        asker: Asker,
    },
    /// Others go on from this moment.
    Fork {
        forking: Box<Forking>,
        job: Box<Job>,
        asker: Asker,
    },
    /// Freeze the disks; the hardware as it was comes back, and the machine goes on above.
    FreezeDisks(Sender<Result<Machine, Failure>>),
    /// Put this moment into the timeline of the machine that this one came from; this one goes.
    KeepMoment {
        taking: Box<Taking>,
        job: Box<Job>,
        asker: Asker,
    },
    /// The monitor, for a job that merges layers.
    LendMonitor(Sender<timeline::Live>),
    /// Layers were merged.
    Relayered {
        relayering: Relayering,
        reply: Sender<()>,
    },
    Edit(Box<Edit>),
    Keys {
        keys: Vec<String>,
        asker: Asker,
    },
    Type {
        typing: Box<Typing>,
        job: Box<Job>,
        asker: Asker,
    },
    OpenDisplay {
        asker: Asker,
    },
    OpenSerial {
        asker: Asker,
        history: bool,
    },
    Screenshot {
        asker: Asker,
        machine: MachineId,
        /// Wanted by the window of this process, which takes pixels instead of a file.
        in_process: bool,
    },
    /// So loud, from now on.
    Hear(SoundSettings),
    ToAgent {
        what: ToAgent,
        asker: Asker,
    },
    Thumbnail {
        /// What a page shows of the machine already.
        seen: Option<Arc<FrameSlot>>,
    },
    /// Look at the machine so closely from now on.
    Watch(Level),
    Stats {
        asker: Asker,
    },
    /// A part in what several machines do at one moment.
    Together(Box<Part>),
}

/// Answers an order that came too late.
pub(super) fn refuse_order(post: &Post, order: Order) {
    let asker = match order {
        Order::Act { asker, action } => {
            if action == Action::PowerOff {
                post.answer(asker, Ok(Answer::Done)); // It is off.
                return;
            }
            asker
        }
        Order::Save { job, asker }
        | Order::Snapshot { job, asker, .. }
        | Order::Leave { job, asker, .. }
        | Order::Fork { job, asker, .. }
        | Order::KeepMoment { job, asker, .. }
        | Order::Type { job, asker, .. } => {
            job.end(Err(gone(post)));
            asker
        }
        Order::Edit(edit) => edit.asker,
        Order::Together(part) => {
            part.refuse(gone(post));
            return;
        }
        Order::ToAgent { what, asker } => {
            if let ToAgent::Send { job, .. } = what {
                job.end(Err(gone(post)));
            }
            asker
        }
        Order::Keys { asker, .. }
        | Order::OpenDisplay { asker }
        | Order::OpenSerial { asker, .. }
        | Order::Screenshot { asker, .. }
        | Order::Stats { asker } => asker,
        Order::Hear(_)
        | Order::Thumbnail { .. }
        | Order::Watch(_)
        | Order::LendMonitor(_)
        | Order::FreezeDisks(_)
        | Order::Relayered { .. } => return,
    };
    post.answer(asker, Err(gone(post)));
}
