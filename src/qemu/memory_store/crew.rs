//! Work on a memory shared among threads, the calling one among them.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::{MemoryError, Progress};

/// More threads than these only wait for the memory.
const MOST_THREADS: usize = 4;

/// Does the work of all `items`, in no certain order, in as many threads as the computer has
/// processors. The threads are as nice as the calling one.
///
/// Each thread makes its own worker, which does an item and gives the bytes that it was; they add
/// up to `of`. The first error ends the work, and so does a progress that breaks.
pub(super) fn share<T, W>(
    items: impl Iterator<Item = T> + Send,
    of: u64,
    worker: impl Fn() -> W + Sync,
    progress: Progress<'_>,
) -> Result<(), MemoryError>
where
    T: Send,
    W: FnMut(T) -> Result<u64, MemoryError>,
{
    let crew = Crew {
        items: Mutex::new(items),
        done: AtomicU64::new(0),
        of,
        over: AtomicBool::new(false),
        failed: Mutex::new(None),
    };
    thread::scope(|scope| {
        let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        for _ in 1..processors.min(MOST_THREADS) {
            let silent = || crew.work(worker(), &mut |_, _| ControlFlow::Continue(()));
            let thread = thread::Builder::new().name("memory".to_owned());
            thread.spawn_scoped(scope, silent).ok(); // One less does it too.
        }
        crew.work(worker(), progress);
    });
    // Others may have been quicker than the thread that tells.
    let done = crew.done.load(Ordering::Relaxed).min(of);
    if progress(done, of).is_break() {
        crew.fail(MemoryError::Cancelled);
    }
    let failed = crew.failed.into_inner();
    match failed.unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

struct Crew<I> {
    items: Mutex<I>,
    done: AtomicU64,
    of: u64,
    over: AtomicBool,
    failed: Mutex<Option<MemoryError>>,
}

impl<T, I: Iterator<Item = T>> Crew<I> {
    fn work(&self, mut worker: impl FnMut(T) -> Result<u64, MemoryError>, progress: Progress<'_>) {
        while !self.over.load(Ordering::Relaxed) {
            let item = self
                .items
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .next();
            let Some(item) = item else {
                return;
            };
            match worker(item) {
                Ok(bytes) => {
                    let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
                    if progress(done.min(self.of), self.of).is_break() {
                        self.fail(MemoryError::Cancelled);
                    }
                }
                Err(error) => self.fail(error),
            }
        }
    }

    fn fail(&self, error: MemoryError) {
        self.over.store(true, Ordering::Relaxed);
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get_or_insert(error);
    }
}
