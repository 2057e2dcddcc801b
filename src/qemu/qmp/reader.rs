//! The thread that reads what QEMU sends, line by line.
//!
//! It never waits for whoever takes the events, else replies would be stuck behind them. When the
//! queue is full, events that change a machine's state are kept aside, only the newest of each
//! name, and delivered as soon as there is room; all others are dropped.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, TrySendError};
use serde_json::Value;

use super::{GREETING, QmpError, QmpEvent, Shared};

/// The longest line we take. A reply about all block nodes of a machine with deep chains has some
/// hundred kilobytes.
const MAX_LINE: usize = 4 * 1024 * 1024;
/// An event longer than this loses its data: the queue must stay small in memory too.
const MAX_EVENT: usize = 16 * 1024;
/// How often kept events are tried again.
const RETRY: Duration = Duration::from_millis(20);
/// How long kept events are offered after QEMU closed.
const LAST_CALL: Duration = Duration::from_secs(5);

/// Events that are never lost, only merged with a newer one of the same name.
const KEPT: [&str; 24] = [
    "SHUTDOWN",
    "POWERDOWN",
    "RESET",
    "STOP",
    "RESUME",
    "SUSPEND",
    "SUSPEND_DISK",
    "WAKEUP",
    "GUEST_PANICKED",
    "GUEST_CRASHLOADED",
    "MEMORY_FAILURE",
    "WATCHDOG",
    "BLOCK_IO_ERROR",
    "BLOCK_IMAGE_CORRUPTED",
    "BLOCK_JOB_COMPLETED",
    "BLOCK_JOB_CANCELLED",
    "BLOCK_JOB_ERROR",
    "BLOCK_JOB_READY",
    "JOB_STATUS_CHANGE",
    "MIGRATION",
    "DEVICE_DELETED",
    "DEVICE_UNPLUG_GUEST_ERROR",
    "DEVICE_TRAY_MOVED",
    "VSERPORT_CHANGE",
];

/// Starts the reader. It ends when the socket closes, and then closes the event queue.
pub(super) fn start(
    stream: UnixStream,
    shared: Arc<Shared>,
    events: Sender<QmpEvent>,
) -> io::Result<()> {
    std::thread::Builder::new()
        .name("qmp reader".to_owned())
        .spawn(move || {
            let mut outbox = Outbox {
                events,
                kept: Vec::new(),
            };
            let why = match read_all(&stream, &shared, &mut outbox) {
                Ok(()) => QmpError::Closed {
                    why: "QEMU closed it".to_owned(),
                },
                Err(error) => error,
            };
            // A peer that talks nonsense is not listened to any more.
            stream.shutdown(std::net::Shutdown::Both).ok();
            shared.close(&why);
            outbox.last_call();
        })
        .map(drop)
}

fn read_all(stream: &UnixStream, shared: &Shared, outbox: &mut Outbox) -> Result<(), QmpError> {
    let mut buffer = vec![0; 64 * 1024];
    let mut line = Vec::new();
    let mut impatient = false;
    loop {
        if impatient == outbox.kept.is_empty() {
            impatient = !impatient;
            stream
                .set_read_timeout(impatient.then_some(RETRY))
                .map_err(closed)?;
        }
        let count = match { stream }.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(closed(error)),
        };
        outbox.flush();
        let mut rest = &buffer[..count];
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            add(&mut line, &rest[..end])?;
            dispatch(&line, shared, outbox)?;
            line.clear();
            line.shrink_to(64 * 1024);
            rest = &rest[end + 1..];
        }
        add(&mut line, rest)?;
    }
}

fn closed(error: io::Error) -> QmpError {
    QmpError::Closed {
        why: error.to_string(),
    }
}

fn add(line: &mut Vec<u8>, part: &[u8]) -> Result<(), QmpError> {
    if line.len() + part.len() > MAX_LINE {
        return Err(QmpError::Garbled {
            what: format!("a line longer than {} MiB", MAX_LINE >> 20),
        });
    }
    line.extend_from_slice(part);
    Ok(())
}

fn dispatch(line: &[u8], shared: &Shared, outbox: &mut Outbox) -> Result<(), QmpError> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Ok(());
    }
    let value: Value = serde_json::from_slice(line).map_err(|error| QmpError::Garbled {
        what: error.to_string(),
    })?;
    if let Some(name) = value.get("event").and_then(Value::as_str) {
        outbox.push(event(name, &value, line.len() <= MAX_EVENT));
    } else if value.get("return").is_some() || value.get("error").is_some() {
        // A reply without a number answers nothing we sent.
        if let Some(id) = value.get("id").and_then(Value::as_u64) {
            shared.answer(id, Ok(value));
        }
    } else if value.get("QMP").is_some() {
        shared.answer(GREETING, Ok(value));
    }
    Ok(())
}

fn event(name: &str, value: &Value, with_data: bool) -> QmpEvent {
    let time = |part: &str| {
        value
            .pointer(&format!("/timestamp/{part}"))
            .and_then(Value::as_u64)
            .unwrap_or(0)
    };
    QmpEvent {
        name: name.chars().take(128).collect(),
        data: value
            .get("data")
            .filter(|_| with_data)
            .cloned()
            .unwrap_or(Value::Null),
        timestamp: time("seconds")
            .saturating_mul(1_000_000)
            .saturating_add(time("microseconds")),
    }
}

struct Outbox {
    events: Sender<QmpEvent>,
    /// At most one per name in [`KEPT`], oldest first.
    kept: Vec<QmpEvent>,
}

impl Outbox {
    fn push(&mut self, event: QmpEvent) {
        if self.kept.is_empty() {
            match self.events.try_send(event) {
                Ok(()) | Err(TrySendError::Disconnected(_)) => {}
                Err(TrySendError::Full(event)) => self.keep(event),
            }
        } else {
            self.keep(event);
        }
    }

    fn keep(&mut self, event: QmpEvent) {
        if KEPT.contains(&event.name.as_str()) {
            self.kept.retain(|older| older.name != event.name);
            self.kept.push(event);
        }
    }

    fn flush(&mut self) {
        while let Some(event) = self.kept.first() {
            match self.events.try_send(event.clone()) {
                Ok(()) | Err(TrySendError::Disconnected(_)) => drop(self.kept.remove(0)),
                Err(TrySendError::Full(_)) => return,
            }
        }
    }

    fn last_call(mut self) {
        let deadline = Instant::now() + LAST_CALL;
        for event in self.kept.drain(..) {
            if self.events.send_deadline(event, deadline).is_err() {
                return;
            }
        }
    }
}
