//! What a guest that goes on from an earlier moment is told once it runs: that it may be in another network, by its cables,
//! and what time it is, by its agent.

use std::time::{Duration, Instant};

use super::{Begun, Worker, hardware};
use crate::engine::clock;
use crate::model::DeviceKind;
use crate::qemu::guest_agent::{self, AgentError};
use crate::qemu::media;

/// How long its cables are out: an emulated guest takes a moment to see it.
const CABLES_OUT: Duration = Duration::from_secs(1);

/// An agent that woke with its guest has answered by then; without one, this is how long it is looked for.
const AGENT_PATIENCE: Duration = Duration::from_secs(30);

/// How far the guest has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tidings {
    /// It began where it is, or it has been told.
    None,
    /// It does not run yet; whether it has to be told the time.
    Waiting { clock: bool },
    /// Its cables are put in again then.
    CablesOut(Instant),
}

impl Tidings {
    /// Of a QEMU that was just started.
    pub(super) fn at_start(begun: &Begun) -> Self {
        if begun.process.manifest().incoming {
            let clock = !begun.is_now;
            Self::Waiting { clock }
        } else {
            Self::None
        }
    }
}

impl Worker {
    /// The guest runs: tells it, if that has not been done.
    pub(super) fn tell_guest(&mut self) {
        let Tidings::Waiting { clock } = self.tidings else {
            return;
        };
        self.tidings = Tidings::CablesOut(Instant::now() + CABLES_OUT);
        for device in &self.machine.devices {
            if matches!(&device.kind, DeviceKind::Nic(nic) if nic.link) {
                media::set_link(&self.qmp, &device.id, false).ok(); // The heartbeat tells of a QEMU that hangs.
            }
        }
        if clock {
            self.set_guest_clock();
        }
    }

    pub(super) fn cables_due(&self) -> Option<Instant> {
        match self.tidings {
            Tidings::CablesOut(until) => Some(until),
            Tidings::None | Tidings::Waiting { .. } => None,
        }
    }

    /// Puts the cables in again that the machine has: one may have been taken out meanwhile.
    pub(super) fn cables_if_due(&mut self) {
        if self.cables_due().is_some_and(|due| Instant::now() >= due) {
            self.tidings = Tidings::None;
            hardware::lay_cables(&self.qmp, &self.machine).ok(); // As above.
        }
    }

    /// On a thread of its own, which ends by itself: a guest may leave us waiting, and may have no agent.
    fn set_guest_clock(&self) {
        let socket = self.process.manifest().sockets.guest_agent.clone();
        let id = self.post.id;
        let work = move || match guest_agent::set_time(&socket, clock::nanoseconds, AGENT_PATIENCE)
        {
            Ok(()) | Err(AgentError::Connect(_) | AgentError::Silent | AgentError::Closed(_)) => {}
            Err(error @ (AgentError::Garbled | AgentError::Refused(_))) => {
                eprintln!("orangery: {id}: the guest's clock was not set: {error}");
            }
        };
        let thread = std::thread::Builder::new().name("guest clock".to_owned());
        thread.spawn(work).ok(); // Without a thread its clock stays behind.
    }
}
