//! Reads a library that nobody owns: what `list` and `show` say without starting anything.

use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::launches;
use super::worker::Live;
use crate::library::{Library, PICTURE, Places};
use crate::model::{Failure, LabReport, MachineId, MachineReport, SnapshotId, State, Timeline};
use crate::qemu::process::Process;
use crate::qemu::qmp::Client;

/// How long a running QEMU may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// How every machine of the library stands. Nothing is changed, locked or adopted.
pub fn reports(places: &Places) -> Result<Vec<MachineReport>, Failure> {
    if !places.library.exists() {
        return Ok(Vec::new()); // Nothing was ever made.
    }
    let library = Library::read_only(&places.library)
        .map_err(|error| error.failure("The library can't be read"))?;
    let mut slots = super::supervisor::read_slots(&library)?;
    if let Some(runtime) = library.id().and_then(|id| places.runtime(id).ok()) {
        for (machine, folder) in launches::all(&runtime.join("m")) {
            if let Some(slot) = slots.get_mut(&machine)
                && let Some(record) = slot.machine.clone()
            {
                let resting = slot.live.clone();
                slot.live = match Process::adopt(&folder) {
                    Ok(process) => running(&process),
                    Err(error) => launches::found_dead(&record, &folder, &error, resting),
                };
            }
        }
    }
    Ok(slots.iter().map(|(id, slot)| slot.report(*id)).collect())
}

/// What a machine's timeline holds.
pub fn timeline(places: &Places, machine: MachineId) -> Result<Timeline, Failure> {
    let unread = |error: crate::library::LibraryError| error.failure("The timeline can't be read");
    let library = Library::read_only(&places.library).map_err(unread)?;
    let record = library.machine(machine).map_err(unread)?;
    Ok(super::timeline::timeline(&library, &record))
}

/// How all labs stand.
pub fn labs(places: &Places) -> Result<Vec<LabReport>, Failure> {
    let library = Library::read_only(&places.library)
        .map_err(|error| error.failure("The labs can't be read"))?;
    Ok(super::lab::labs(&library))
}

/// Asks a QEMU without an owner through its second monitor.
fn running(process: &Process) -> Live {
    let state = run_state(&process.manifest().sockets.monitor2);
    Live::of_process(state, process)
}

/// What a machine's guest said on its serial port in the run that goes on or was last, at most 1 MiB; `folder` is
/// the machine's.
pub fn serial_log(folder: &Path) -> Result<Vec<u8>, Failure> {
    crate::library::serial_tail(folder)
        .map_err(|error| Failure::new("The console's log can't be read", error.to_string()))
}

/// The picture that was kept with a snapshot, a PNG; `folder` is the machine's. Read at most so much of it as a picture
/// of ours may have.
pub fn snapshot_picture(folder: &Path, snapshot: SnapshotId) -> io::Result<Vec<u8>> {
    const MOST: u64 = 64 << 20;
    let path = folder
        .join("snapshots")
        .join(snapshot.to_string())
        .join(PICTURE);
    let file = crate::library::open_plain(&path).map_err(io::Error::other)?;
    let mut png = Vec::new();
    file.take(MOST).read_to_end(&mut png)?;
    Ok(png)
}

fn run_state(monitor: &Path) -> State {
    let Ok((client, _events)) = Client::connect(monitor, PATIENCE) else {
        return State::NotResponding;
    };
    match client.call_raw("query-status", json!({}), PATIENCE) {
        Ok(status) => match status.get("status").and_then(Value::as_str) {
            Some("running") => State::Running,
            _ => State::Paused,
        },
        Err(_) => State::NotResponding,
    }
}
