//! A moment of a guest, held in memory for others to go on from.
//!
//! A moment is a frozen memory file and the devices' state. Any number of QEMUs map the file for themselves alone: they
//! share every page until the guest writes to it. They may be started while it is still being filled, since a QEMU that
//! waits leaves its memory alone; it holds no page of its own until it has loaded the state.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::MemfdFlags;
use uuid::Uuid;

use super::scan::{Known, PAGE, PageHash, Pass};
use super::{
    MemoryError, Places, Progress, Writer, at, check_state, damaged, fill, read, stream,
    write_beside,
};
use crate::model::{ByteSize, Failure};
use crate::qemu::memory;
use crate::qemu::qmp::{Client, QmpError};
use crate::qemu::ram::{GuestRam, reopen};

/// How often who waits looks whether it is to go on waiting.
const PULSE: Duration = Duration::from_millis(50);

/// See the module's text. Who fills it and who goes on from it share it.
#[derive(Debug)]
pub struct Moment {
    memory: File,
    size: ByteSize,
    state: Mutex<Option<Result<File, Failure>>>,
    told: Condvar,
}

impl Moment {
    /// One that is still empty, for a guest with `size` of memory.
    pub fn begin(size: ByteSize) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            memory: memory::create(size)?.into(),
            size,
            state: Mutex::default(),
            told: Condvar::new(),
        }))
    }

    pub fn size(&self) -> ByteSize {
        self.size
    }

    /// The memory file, for a QEMU to inherit.
    pub fn memory(&self) -> io::Result<OwnedFd> {
        Ok(reopen(&self.memory, false)?.into())
    }

    /// It is whole, or it never will be.
    pub fn settle(&self, state: Result<File, Failure>) {
        let mut told = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        told.get_or_insert(state);
        self.told.notify_all();
    }

    /// Waits until it is whole; gives the devices' state, to be read from its beginning.
    ///
    /// # Errors
    /// Why it never will be, or a refusal once `go_on` breaks.
    pub fn wait(&self, go_on: &dyn Fn() -> ControlFlow<()>) -> Result<File, Failure> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &*state {
                Some(Ok(file)) => {
                    return reopen(file, false).map_err(|error| {
                        Failure::new("The copy did not begin", error.to_string())
                    });
                }
                Some(Err(failure)) => return Err(failure.clone()),
                None if go_on().is_break() => {
                    return Err(Failure::new("The copy did not begin", "It was powered off"));
                }
                None => {
                    let waited = self.told.wait_timeout(state, PULSE);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    /// Fills it from a memory on disk; gives the devices' state for [`Self::settle`].
    pub fn fill(
        &self,
        folder: &Path,
        places: Places<'_>,
        progress: Progress<'_>,
    ) -> Result<File, MemoryError> {
        let saved = read(folder)?;
        if saved.pages.is_none() {
            return Err(damaged("its RAM is not apart from its devices"));
        }
        fill(folder, &saved, places, &self.memory, progress)?;
        memory::freeze(&self.memory).map_err(at(folder))?;
        check_state(folder, &saved)
    }

    /// Tells a QEMU that was started on a moment what it has to know before [`Self::load`].
    pub fn prepare(client: &Client) -> Result<(), QmpError> {
        stream::prepare(client, true)
    }

    /// Lets a QEMU that is prepared load the devices' state. The guest stays stopped. `meanwhile` is done as soon as QEMU
    /// loads it by itself, whatever becomes of us.
    pub fn load<T>(
        client: &Client,
        state: &File,
        meanwhile: impl FnOnce() -> T,
        progress: Progress<'_>,
    ) -> Result<T, MemoryError> {
        stream::begin_reading(client, state)?;
        let done = meanwhile();
        stream::follow(client, progress)?;
        Ok(done)
    }
}

/// A moment that is taken of a guest which still runs.
pub struct Freezing {
    moment: Arc<Moment>,
    hash: PageHash,
    hashes: Vec<u128>,
}

impl Freezing {
    pub fn of(moment: Arc<Moment>) -> Self {
        let hash = PageHash::new(Uuid::new_v4().as_u128() as u64);
        let pages = usize::try_from(moment.size.0 / PAGE as u64).unwrap_or(usize::MAX);
        Self {
            moment,
            hash,
            hashes: vec![hash.zero; pages],
        }
    }

    /// Copies the memory of a guest that runs.
    pub fn copy_live(&mut self, ram: &GuestRam, progress: Progress<'_>) -> Result<(), MemoryError> {
        let (pass, hashes) = self.pass(ram);
        let first = pass.run(hashes, progress)?;
        pass.follow(hashes, first, progress)
    }

    /// A look at the memory, and the hashes of the one before.
    fn pass<'a>(&'a mut self, ram: &'a GuestRam) -> (Pass<'a>, &'a mut [u128]) {
        let pass = Pass {
            ram,
            raw: &self.moment.memory,
            path: Path::new("/memfd"),
            hash: self.hash,
            known: Known::Nothing,
        };
        (pass, &mut self.hashes)
    }

    /// Takes the rest from a machine whose guest was stopped, and gives the devices' state for [`Moment::settle`].
    /// `cont` lets the guest go on.
    pub fn stop(
        mut self,
        writer: &Writer<'_>,
        progress: Progress<'_>,
    ) -> Result<File, MemoryError> {
        let trouble = at(Path::new("/memfd"));
        let Some(ram) = writer.apart() else {
            return Err(damaged("this QEMU can't leave the RAM out"));
        };
        let state = rustix::fs::memfd_create("orangery-state", MemfdFlags::CLOEXEC);
        let state = File::from(state.map_err(|errno| trouble(errno.into()))?);
        let (pass, hashes) = self.pass(ram);
        let write = || writer.write(&state, &mut |_, _| ControlFlow::Continue(()));
        write_beside(write, || pass.run(hashes, progress))?;
        memory::freeze(&self.moment.memory).map_err(trouble)?;
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn a_moment_is_as_the_memory_was_at_its_last_copy_zeros_included() {
        const PAGES: usize = 64;
        let size = ByteSize((PAGES * PAGE) as u64);
        let guest = File::from(memory::create(size).unwrap());
        let at = |page: usize| (page * PAGE) as u64;
        let write = |page: usize, byte: u8| guest.write_all_at(&[byte; PAGE], at(page)).unwrap();
        for page in 8..24 {
            write(page, page as u8);
        }
        let ram = GuestRam::Shared(guest.try_clone().unwrap());
        let moment = Moment::begin(size).unwrap();
        let mut freezing = Freezing::of(Arc::clone(&moment));
        let mut go_on = |_: u64, _: u64| ControlFlow::Continue(());
        let (pass, hashes) = freezing.pass(&ram);
        pass.run(hashes, &mut go_on).unwrap();
        // One page is zeroed, some are given back, one is new, one has changed.
        write(9, 0);
        let flags = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
        rustix::fs::fallocate(&guest, flags, at(12), at(2)).unwrap();
        write(50, 50);
        write(20, 1);
        let (pass, hashes) = freezing.pass(&ram);
        let written = pass.run(hashes, &mut go_on).unwrap();
        assert!(written >= at(3));
        let whole = |file: &File| {
            let mut bytes = vec![0; PAGES * PAGE];
            file.read_exact_at(&mut bytes, 0).unwrap();
            bytes
        };
        assert!(whole(&moment.memory) == whole(&guest));
        memory::freeze(&moment.memory).unwrap();
        moment.memory.write_all_at(&[1], 0).unwrap_err();
    }

    #[test]
    fn who_waits_for_a_moment_is_told_once_it_is_whole_or_never_will_be() {
        let moment = Moment::begin(ByteSize(PAGE as u64)).unwrap();
        let stop = || ControlFlow::Break(());
        let go_on = || ControlFlow::Continue(());
        moment.wait(&stop).unwrap_err();
        let state = File::from(memory::create(ByteSize(PAGE as u64)).unwrap());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| moment.wait(&go_on));
            moment.settle(Ok(state));
            waiting.join().unwrap().unwrap();
        });
        // The first word counts.
        moment.settle(Err(Failure::new("Never", "too late")));
        moment.wait(&go_on).unwrap();
    }
}
