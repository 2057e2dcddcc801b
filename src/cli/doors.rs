//! What the command line needs of the other rooms, one function each.

use std::os::fd::OwnedFd;
use std::path::Path;

use crate::engine::client::{Client, ClientError};
use crate::engine::{self, agent, offline, picture};
use crate::model::{ComputerReport, Failure, MachineId, MachineReport};

/// The owner, if there is one. It sends events, so that machines and jobs are told.
///
/// An owner of another version is asked to let the library go, and counts as none.
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

/// Looks at this computer, KVM included.
pub fn examine(library: Option<&Path>) -> Result<ComputerReport, Failure> {
    Ok(engine::examine(&engine::places(library)?))
}

/// Turns the PPM of a screenshot into a PNG.
pub fn png(ppm: OwnedFd) -> Result<Vec<u8>, Failure> {
    picture::ppm_to_png(ppm)
}

/// Shows a machine's screen in a window of its own.
pub fn console(_library: Option<&Path>, _machine: MachineId) -> Result<(), Failure> {
    Err(Failure::new("The console window is not there", "merge me"))
}

/// Opens the window.
pub fn window(_library: Option<&Path>) -> Result<(), Failure> {
    Err(Failure::new("The window is not there", "merge me"))
}

/// Owns the library without a window.
pub fn agent(library: Option<&Path>) -> Result<(), Failure> {
    agent::run(&engine::places(library)?)
}
