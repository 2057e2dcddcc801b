//! What the command line needs of the other rooms, one function each.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::app::{self, Waker};
use crate::console::{self, ConsoleOptions, ConsoleTarget};
use crate::engine::client::{Client, ClientError};
use crate::engine::{self, Command, Engine, OpenError, agent, offline, picture};
use crate::model::{ComputerReport, Failure, LabReport, MachineId, MachineReport, Timeline};

/// The owner, if there is one. It sends events, so that machines and jobs are told.
///
/// An owner of another version counts as none: files are read without it.
pub fn connect(library: Option<&Path>) -> Result<Option<Client>, Failure> {
    match agent::connect(&engine::places(library)?, true) {
        Ok(client) => Ok(Some(client)),
        Err(ClientError::NoOwner | ClientError::OtherVersion { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The owner, or an agent that this starts. It sends events too.
pub fn ensure(library: Option<&Path>) -> Result<Client, Failure> {
    agent::ensure(&engine::places(library)?, true)
}

/// Every machine, read from its files without the lock.
pub fn reports(library: Option<&Path>) -> Result<Vec<MachineReport>, Failure> {
    offline::reports(&engine::places(library)?)
}

/// What a machine's timeline holds, read from its files without the lock.
pub fn timeline(library: Option<&Path>, machine: MachineId) -> Result<Timeline, Failure> {
    offline::timeline(&engine::places(library)?, machine)
}

/// How all labs stand, read from their files without the lock.
pub fn labs(library: Option<&Path>) -> Result<Vec<LabReport>, Failure> {
    offline::labs(&engine::places(library)?)
}

/// Looks at this computer, KVM included.
pub fn examine(library: Option<&Path>) -> Result<ComputerReport, Failure> {
    Ok(engine::examine(&engine::places(library)?))
}

/// Turns the PPM of a screenshot into a PNG.
pub fn png(ppm: OwnedFd) -> Result<Vec<u8>, Failure> {
    picture::ppm_to_png(ppm)
}

/// Shows a machine's screen, counted from 0, in a window of its own.
pub fn console(
    library: Option<&Path>,
    machine: MachineId,
    name: String,
    head: u32,
) -> Result<(), Failure> {
    let places = engine::places(library)?;
    let target = ConsoleTarget {
        machine,
        name,
        client: agent::ensure(&places, true)?,
        control: agent::control(&places)?,
    };
    let options = ConsoleOptions {
        head,
        ..ConsoleOptions::default()
    };
    console::run(target, options)
}

/// What a machine said on its serial port; `folder` is the machine's.
pub fn serial_log(folder: &Path) -> Result<Vec<u8>, Failure> {
    offline::serial_log(folder)
}

/// Opens the window.
///
/// A second start raises the window that is open already. Machines that still run when the window
/// closes get an agent.
pub fn window(library: Option<&Path>, file: Option<PathBuf>) -> Result<(), Failure> {
    let places = engine::places(library)?;
    let waker = Waker::default();
    let engine = match Engine::open(&places, true, waker.function()) {
        Ok(engine) => engine,
        Err(OpenError::WindowIsOpen(mut client)) => {
            let patience = Some(Duration::from_secs(5));
            return client.call(Command::Raise, patience, |_| ()).map(|_| ());
        }
        Err(OpenError::Failed(failure)) => return Err(failure),
    };
    let shown = app::run(Box::new(engine), &waker, file);
    let reports = offline::reports(&places)?;
    if reports.iter().any(|report| report.state.has_process()) {
        agent::start(&places)?;
    }
    Ok(shown?)
}

/// Owns the library without a window.
pub fn agent(library: Option<&Path>) -> Result<(), Failure> {
    agent::run(&engine::places(library)?)
}
