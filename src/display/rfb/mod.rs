//! RFB (VNC) over a unix socket, as QEMU's server speaks it: the way in when D-Bus is not there.
//!
//! Protocol: RFC 6143 (3.8, no password) and the community extensions of rfbproto.rst. A reading and a writing thread
//! share [`Shared`]; neither waits for the other, so a server that stops reading cannot stop the picture.

mod handshake;
mod hextile;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

pub(super) use self::reader::read;
pub(super) use self::writer::write;
use super::DisplayError;
use super::frame::Size;

const RAW: i32 = 0;
const HEXTILE: i32 = 5;
const DESKTOP_SIZE: i32 = -223;
const RICH_CURSOR: i32 = -239;
const POINTER_TYPE: i32 = -257;
const EXTENDED_KEYS: i32 = -258;
const LED_STATE: i32 = -261;
const EXTENDED_DESKTOP_SIZE: i32 = -308;

/// What we can read, the best first. Raw costs QEMU least on a local socket.
const ENCODINGS: [i32; 8] = [
    RAW,
    HEXTILE,
    EXTENDED_DESKTOP_SIZE,
    DESKTOP_SIZE,
    EXTENDED_KEYS,
    POINTER_TYPE,
    RICH_CURSOR,
    LED_STATE,
];

/// What the reading thread learned and the writing thread needs.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    phase: Phase,
    extended_keys: bool,
    relative_pointer: bool,
    /// Id and flags of the server's first screen, if it can be resized.
    screen: Option<(u32, u32)>,
    hidden: bool,
    /// The server's picture.
    size: Size,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Greeting,
    Open,
    Ended,
}

impl Shared {
    /// The reading thread has ended, so the writing one may as well.
    pub fn end(&self) {
        self.edit(|state| state.phase = Phase::Ended);
    }

    fn get(&self) -> State {
        *self.lock()
    }

    fn edit(&self, edit: impl FnOnce(&mut State)) {
        edit(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits for the end of the handshake; false if it failed.
    fn wait_open(&self) -> bool {
        let greeting = |state: &mut State| state.phase == Phase::Greeting;
        let waited = self.changed.wait_while(self.lock(), greeting);
        waited.unwrap_or_else(PoisonError::into_inner).phase == Phase::Open
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn protocol(reason: impl Into<String>) -> DisplayError {
    DisplayError::Protocol {
        reason: reason.into(),
    }
}
