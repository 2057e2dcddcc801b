//! The engine without a window: keeps machines' owner alive while nobody looks.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client::{Client, ClientError};
use super::{Engine, OpenError};
use crate::confine;
use crate::library::{Library, Places};
use crate::model::{Failure, MachineId};

/// How long a new agent may take to answer. It reads the library and adopts what runs.
const START_PATIENCE: Duration = Duration::from_secs(20);

/// Owns the library until there is nothing left to do or a window takes it.
pub fn run(places: &Places) -> Result<(), Failure> {
    let engine = match Engine::open(places, false, Arc::new(|| {})) {
        Ok(engine) => engine,
        Err(OpenError::WindowIsOpen(_)) => return Ok(()), // Someone was faster; that serves as well.
        Err(OpenError::Failed(failure)) => return Err(failure),
    };
    while engine.is_alive() {
        engine.wait(Duration::from_secs(3600));
    }
    Ok(())
}

/// The way to the library's owner; an agent is started if there is none.
pub fn ensure(places: &Places, events: bool) -> Result<Client, Failure> {
    let deadline = Instant::now() + START_PATIENCE;
    let (mut started, mut yielded) = (false, false);
    loop {
        match connect(places, events) {
            Ok(client) => return Ok(client),
            Err(ClientError::OtherVersion { window: false, .. }) if !yielded => {
                Client::ask_to_yield(&control(places)?)?;
                yielded = true;
            }
            Err(ClientError::NoOwner) if !started => {
                start(places)?;
                started = true;
            }
            Err(error) if Instant::now() >= deadline => return Err(error.into()),
            Err(_) => {} // Starting, or handing over.
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The way to the library's owner, if there is one.
pub fn connect(places: &Places, events: bool) -> Result<Client, ClientError> {
    let Ok(library) = Library::read_only(&places.library) else {
        return Err(ClientError::NoOwner);
    };
    let runtime = library
        .id()
        .and_then(|id| places.runtime(id).ok())
        .ok_or(ClientError::NoOwner)?;
    Client::connect(&runtime.join("control"), events)
}

/// The socket on which the library's owner is reached, now or later.
pub fn control(places: &Places) -> Result<PathBuf, Failure> {
    let library = Library::read_only(&places.library)
        .map_err(|error| error.failure("The library can't be read"))?;
    Ok(super::runtime_folder(places, &library)?.join("control"))
}

/// Starts an agent that outlives this process.
pub fn start(places: &Places) -> Result<(), Failure> {
    start_self(places, &["agent"])
        .map_err(|error| Failure::new("Orangery's engine did not start", error.to_string()))
}

/// Opens a machine's screen, counted from 0, in a window of its own, which outlives this process.
pub fn start_console(places: &Places, machine: MachineId, head: u32) -> Result<(), Failure> {
    let (machine, screen) = (machine.to_string(), (head + 1).to_string());
    start_self(places, &["console", &machine, "--head", &screen])
        .map_err(|error| Failure::new("The window did not open", error.to_string()))
}

fn start_self(places: &Places, task: &[&str]) -> std::io::Result<()> {
    let library = ["--library".into(), places.library.as_os_str().to_owned()];
    confine::start_self(task.iter().map(OsString::from).chain(library))
}
