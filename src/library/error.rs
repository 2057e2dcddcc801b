//! What can go wrong with a library, in words a user can act on.

use std::io;
use std::path::PathBuf;

use crate::model::{Failure, MachineId};

/// Why something in a library could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    #[error("“{}” could not be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("“{}” could not be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("“{}” is {found}, not a plain file", path.display())]
    NotAFile { path: PathBuf, found: &'static str },
    #[error("“{}” is {found}, not a folder", path.display())]
    NotAFolder { path: PathBuf, found: &'static str },
    #[error("“{}” is {size} bytes long; {limit} is the most that is read", path.display())]
    TooBig {
        path: PathBuf,
        size: u64,
        limit: u64,
    },
    #[error("“{}”: {problem}", path.display())]
    Damaged { path: PathBuf, problem: String },
    #[error(
        "“{}” was written by a newer Orangery (file version {found}, this one knows {known}); \
         it is shown but not changed",
        path.display()
    )]
    Newer {
        path: PathBuf,
        found: u64,
        known: u64,
    },
    #[error("the library “{}” is open for reading only", path.display())]
    ReadOnly { path: PathBuf },
    #[error("there is no machine {id} in this library")]
    NoMachine { id: MachineId },
    #[error("there is already a machine {id} in this library")]
    MachineExists { id: MachineId },
    #[error("{problem}")]
    Unsavable { problem: String },
}

impl LibraryError {
    /// The error as it is shown; `what` could not be done: "Debian was not saved".
    pub fn failure(&self, what: impl Into<String>) -> Failure {
        let failure = Failure::new(what, self.to_string());
        match self.fix() {
            Some(fix) => failure.fix(fix),
            None => failure,
        }
    }

    fn fix(&self) -> Option<&'static str> {
        match self {
            Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("Make space on the disk and try again; the previous version is still there")
            }
            Self::Read { source, .. } | Self::Write { source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Some("Check who owns the file and its permissions")
            }
            Self::NotAFile { .. } | Self::NotAFolder { .. } => Some("Move it out of the library"),
            Self::TooBig { .. } => Some("Put back a copy of the file from a backup"),
            Self::Damaged { .. } => Some("Correct the file, or go back to its last good copy"),
            Self::Newer { .. } => Some("Use the newer Orangery for this machine"),
            Self::ReadOnly { .. } => Some("Close the other Orangery that uses this library"),
            Self::Read { .. }
            | Self::Write { .. }
            | Self::NoMachine { .. }
            | Self::MachineExists { .. }
            | Self::Unsavable { .. } => None,
        }
    }
}
