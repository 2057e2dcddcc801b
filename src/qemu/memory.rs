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
///
/// Nobody has it mapped to write. So the seal against mappings and writes to come (fcntl(2), `F_SEAL_FUTURE_WRITE`) is as
/// good as `F_SEAL_WRITE`, which looks at each page, waits while the kernel is busy with some, and then fails.
pub fn freeze(file: &impl AsFd) -> io::Result<()> {
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE | SealFlags::SEAL;
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use rustix::pipe::{SpliceFlags, pipe, splice};

    use super::*;

    #[test]
    fn a_memory_is_frozen_while_the_kernel_is_busy_with_its_pages() {
        let file = File::from(create(ByteSize(1 << 16)).unwrap());
        file.write_all_at(&[7; 1 << 16], 0).unwrap();
        // A pipe holds pages of the file itself.
        let (_reader, writer) = pipe().unwrap();
        let held = splice(&file, None, &writer, None, 1 << 15, SpliceFlags::empty()).unwrap();
        assert!(held > 0);
        freeze(&file).unwrap();
        file.write_all_at(&[8], 0).unwrap_err();
        file.set_len(1 << 17).unwrap_err();
        file.set_len(1).unwrap_err();
        let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
        rustix::fs::fallocate(&file, punch, 0, 4096).unwrap_err();
    }
}
