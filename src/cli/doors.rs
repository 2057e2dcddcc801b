//! What the command line needs of the other rooms, one function each.

use std::os::fd::OwnedFd;
use std::path::Path;

use crate::engine::client::Client;
use crate::model::{ComputerReport, Failure, MachineId, MachineReport};

/// The owner, if there is one. It sends events, so that machines and jobs are told.
///
/// An owner of another version is asked to let the library go, and counts as none.
pub fn connect(_library: Option<&Path>) -> Result<Option<Client>, Failure> {
    Ok(None)
}

/// The owner, or an agent that this starts. It sends events too.
pub fn ensure(_library: Option<&Path>) -> Result<Client, Failure> {
    Err(missing("The engine"))
}

/// Every machine, read from its files without the lock.
pub fn reports(library: Option<&Path>) -> Result<Vec<MachineReport>, Failure> {
    match library {
        Some(library) if !library.join("machines").exists() => Ok(Vec::new()),
        _ => Err(missing("Reading the library")),
    }
}

/// Looks at this computer, KVM included.
pub fn examine(_library: Option<&Path>) -> Result<ComputerReport, Failure> {
    Err(missing("The doctor"))
}

/// Turns the PPM of a screenshot into a PNG.
pub fn png(_ppm: OwnedFd) -> Result<Vec<u8>, Failure> {
    Err(missing("Taking screenshots"))
}

/// Shows a machine's screen in a window of its own.
pub fn console(_library: Option<&Path>, _machine: MachineId) -> Result<(), Failure> {
    Err(missing("The console window"))
}

/// Opens the window.
pub fn window(_library: Option<&Path>) -> Result<(), Failure> {
    Err(missing("The window"))
}

/// Owns the library without a window.
pub fn agent(_library: Option<&Path>) -> Result<(), Failure> {
    Err(missing("The agent"))
}

fn missing(what: &str) -> Failure {
    Failure::new(
        format!("{what} is not there"),
        "This build has only the command line's own part",
    )
}
