//! The file in memory that holds a guest's RAM: made by us, inherited by QEMU.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, SealFlags};
use serde::{Deserialize, Serialize};

use crate::model::ByteSize;

/// What the memory file is called in `/proc/PID/fd`.
pub(super) const NAME: &str = "orangery-ram";

/// How a running QEMU holds the memory file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryFile {
    /// Its number in QEMU.
    pub number: i32,
    pub size: ByteSize,
    /// It is frozen, and QEMU keeps what the guest writes to itself.
    #[serde(default)]
    pub frozen: bool,
}

/// Makes a memory file of `size` bytes. It takes no room until it is written.
///
/// It can be sealed later; see [`freeze`].
pub fn create(size: ByteSize) -> io::Result<OwnedFd> {
    let file = rustix::fs::memfd_create(NAME, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    rustix::fs::ftruncate(&file, size.0)?;
    Ok(file)
}

/// Sees to it that nobody ever changes a memory file again: forks read it.
pub fn freeze(file: &impl AsFd) -> io::Result<()> {
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    Ok(rustix::fs::fcntl_add_seals(file, seals)?)
}

/// Opens the memory file of a running QEMU again.
///
/// # Errors
/// Fails when `pid` has something else at that number, or may not be looked into.
pub fn find(pid: u32, memory: MemoryFile) -> io::Result<File> {
    let link = PathBuf::from(format!("/proc/{pid}/fd/{}", memory.number));
    let target = std::fs::read_link(&link)?;
    if target.to_string_lossy() != format!("/memfd:{NAME} (deleted)") {
        return Err(io::Error::other(format!(
            "process {pid} has {} where its memory should be",
            target.display()
        )));
    }
    let mut options = OpenOptions::new();
    let file = options.read(true).write(!memory.frozen).open(link)?;
    let found = file.metadata()?.len();
    if found != memory.size.0 {
        return Err(io::Error::other(format!(
            "the memory has {found} bytes and not {}",
            memory.size.0
        )));
    }
    Ok(file)
}
