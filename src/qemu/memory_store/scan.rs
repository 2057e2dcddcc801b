//! Finds out which pages of a guest's memory changed, by their hashes, and writes those.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::SeekFrom;
use twox_hash::XxHash3_128;

use super::{MemoryError, Progress, at, crew};
pub(super) use crate::qemu::ram::PAGE;
use crate::qemu::ram::{GuestRam, data_from};

/// Read at once: stays in a processor's own cache until it is hashed; twice as much takes three times as long. Bytes.
const PIECE: usize = 128 << 10;
/// Another pass over the running guest's memory pays if it writes more than this, bytes.
const WORTH: u64 = 8 << 20;

/// One page of so many is looked at to guess how many changed. A prime number: pages at regular distances count as often
/// as others.
const SAMPLE: usize = 61;

/// A guest that writes faster than we do is not followed for ever.
const MOST_PASSES: u32 = 4;

/// What a thread takes at once, pages.
const SHARE: usize = 2048;

/// Hashes pages, each store with a seed of its own. Not against forgery: a guest that finds two
/// pages of one hash spoils only its own snapshots. What is stored is checked by BLAKE3 besides.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageHash {
    pub(super) seed: u64,
    /// The hash of a page of zeros.
    pub(super) zero: u128,
}

impl PageHash {
    pub(super) fn new(seed: u64) -> Self {
        let zero = XxHash3_128::oneshot_with_seed(seed, &[0; PAGE]);
        Self { seed, zero }
    }

    pub(super) fn of(&self, page: &[u8]) -> u128 {
        XxHash3_128::oneshot_with_seed(self.seed, page)
    }
}

/// One look at the whole memory.
pub(super) struct Pass<'a> {
    pub(super) ram: &'a GuestRam,
    /// Takes changed pages at their own offsets.
    pub(super) raw: &'a File,
    pub(super) path: &'a Path,
    pub(super) hash: PageHash,
    /// What needs not be written.
    pub(super) known: Known<'a>,
}

/// What is known elsewhere of the pages.
#[derive(Clone, Copy)]
pub(super) enum Known<'a> {
    /// `raw` begins as zeros, and has to be as the memory is.
    Nothing,
    /// A page of zeros is known by its hash.
    Zeros,
    /// The same, and pages of these hashes.
    Base(&'a [u128]),
}

impl<'a> Known<'a> {
    pub(super) fn of(base: Option<&'a [u128]>) -> Self {
        base.map_or(Self::Zeros, Self::Base)
    }
}

impl Pass<'_> {
    /// Brings `hashes` (one for each page) up to date; a page whose hash changed is written, unless it is zero or as in
    /// the base. Gives the bytes that were written.
    pub(super) fn run(
        &self,
        hashes: &mut [u128],
        progress: Progress<'_>,
    ) -> Result<u64, MemoryError> {
        let size = bytes_of(hashes.len());
        let written = AtomicU64::new(0);
        let worker = || {
            let mut buffer = vec![0; PIECE];
            let written = &written;
            move |(index, hashes): (usize, &mut [u128])| {
                let first = index * SHARE;
                let bytes = self
                    .share(first, hashes, &mut buffer)
                    .map_err(at(self.path))?;
                written.fetch_add(bytes, Ordering::Relaxed);
                Ok(bytes_of(hashes.len()))
            }
        };
        let shares = hashes.chunks_mut(SHARE).enumerate();
        crew::share(shares, size, worker, progress)?;
        Ok(written.into_inner())
    }

    /// Copies a running guest's memory again and again while that shortens what is left for the stop. `last` is what the
    /// first copy wrote, bytes.
    pub(super) fn follow(
        &self,
        hashes: &mut [u128],
        mut last: u64,
        progress: Progress<'_>,
    ) -> Result<(), MemoryError> {
        for _ in 1..MOST_PASSES {
            let changed = self.guess(hashes).map_err(at(self.path))?;
            if changed < WORTH || changed > last / 2 {
                break;
            }
            last = self.run(hashes, progress)?;
        }
        Ok(())
    }

    /// About how much the guest wrote since it was looked at, bytes. Costs little beside a look at all of it.
    fn guess(&self, hashes: &[u128]) -> io::Result<u64> {
        let mut buffer = [0; PAGE];
        let mut changed = 0;
        for (page, known) in hashes.iter().enumerate().step_by(SAMPLE) {
            self.ram.read(page, &mut buffer)?;
            changed += u64::from(self.hash.of(&buffer) != *known);
        }
        Ok(changed * bytes_of(SAMPLE))
    }

    /// The pages from `first` on.
    fn share(&self, first: usize, hashes: &mut [u128], buffer: &mut [u8]) -> io::Result<u64> {
        let end = first + hashes.len();
        let mut written = 0;
        let mut page = first;
        while page < end {
            // Only where the next data are: to look for their end as well would walk over all of them for each share.
            let start = self.ram.next_used(page, end)?.unwrap_or(end);
            self.clear(page, &mut hashes[page - first..start - first])?;
            let count = (end - start).min(PIECE / PAGE);
            let piece = &mut buffer[..count * PAGE];
            self.ram.read(start, piece)?;
            written += self.piece(start, piece, &mut hashes[start - first..][..count])?;
            page = start + count;
        }
        Ok(written)
    }

    /// Pages that are zeros now.
    fn clear(&self, first: usize, hashes: &mut [u128]) -> io::Result<()> {
        if matches!(self.known, Known::Nothing) {
            let stale = hashes.iter().enumerate();
            for (place, _) in stale.filter(|(_, hash)| **hash != self.hash.zero) {
                self.raw.write_all_at(&[0; PAGE], bytes_of(first + place))?;
            }
        }
        hashes.fill(self.hash.zero);
        Ok(())
    }

    /// Whether a page that changed must be written.
    fn is_needed(&self, page: usize, hash: u128) -> bool {
        match self.known {
            Known::Nothing => true,
            Known::Zeros => hash != self.hash.zero,
            Known::Base(base) => hash != self.hash.zero && hash != base[page],
        }
    }

    /// Hashes pages that were read, and writes the runs of changed ones.
    fn piece(&self, first: usize, piece: &[u8], hashes: &mut [u128]) -> io::Result<u64> {
        let mut written = 0;
        let mut run: Option<usize> = None;
        let mut write = |begin: usize, end: usize| {
            let bytes = &piece[begin * PAGE..end * PAGE];
            written += bytes.len() as u64;
            self.raw.write_all_at(bytes, bytes_of(first + begin))
        };
        for (index, (page, known)) in piece.chunks_exact(PAGE).zip(hashes.iter_mut()).enumerate() {
            let hash = self.hash.of(page);
            let changed = hash != *known;
            *known = hash;
            if changed && self.is_needed(first + index, hash) {
                run.get_or_insert(index);
            } else if let Some(begin) = run.take() {
                write(begin, index)?;
            }
        }
        if let Some(begin) = run {
            write(begin, piece.len() / PAGE)?;
        }
        Ok(written)
    }
}

/// Pages as bytes.
pub(super) fn bytes_of(pages: usize) -> u64 {
    pages as u64 * PAGE as u64
}

/// The next part of `file` from `offset` on that is no hole, within `size`.
pub(super) fn next_data(file: &File, offset: u64, size: u64) -> io::Result<Option<(u64, u64)>> {
    match data_from(file, offset)? {
        Some(start) if start < size => {
            let end = rustix::fs::seek(file, SeekFrom::Hole(start))?;
            Ok(Some((start, end.min(size))))
        }
        Some(_) | None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::model::ByteSize;
    use crate::qemu::memory;

    #[test]
    fn what_a_guest_wrote_is_guessed_and_a_quiet_one_is_not_copied_again() {
        const PAGES: usize = SAMPLE * 100;
        let size = ByteSize(bytes_of(PAGES));
        let file = || File::from(memory::create(size).unwrap());
        let (guest, raw) = (file(), file());
        let write = |pages: std::ops::Range<usize>, byte: u8| {
            let bytes = vec![byte; pages.len() * PAGE];
            guest.write_all_at(&bytes, bytes_of(pages.start)).unwrap();
        };
        write(0..PAGES, 1);
        let ram = GuestRam::Shared(guest.try_clone().unwrap());
        let hash = PageHash::new(7);
        let mut hashes = vec![hash.zero; PAGES];
        let pass = Pass {
            ram: &ram,
            raw: &raw,
            path: Path::new("raw"),
            hash,
            known: Known::Nothing,
        };
        let mut go_on = |_: u64, _: u64| ControlFlow::Continue(());
        assert_eq!(pass.guess(&hashes).unwrap(), size.0);
        let first = pass.run(&mut hashes, &mut go_on).unwrap();
        assert_eq!((first, pass.guess(&hashes).unwrap()), (size.0, 0));
        // Two MiB are left for the stop; twelve are not, while their guest does not write as fast as they are copied.
        let shown = |pages: u64| {
            let mut bytes = [0];
            raw.read_exact_at(&mut bytes, pages * PAGE as u64).unwrap();
            bytes[0]
        };
        write(1000..1500, 2);
        let guess = pass.guess(&hashes).unwrap();
        assert!(guess.abs_diff(bytes_of(500)) <= bytes_of(SAMPLE), "{guess}");
        pass.follow(&mut hashes, first, &mut go_on).unwrap();
        assert_eq!(shown(1200), 1);
        write(1000..4000, 3);
        pass.follow(&mut hashes, first, &mut go_on).unwrap();
        assert_eq!((shown(1200), shown(3999), shown(4000)), (3, 3, 1));
        write(0..PAGES, 4);
        pass.follow(&mut hashes, first, &mut go_on).unwrap();
        assert_eq!(shown(0), 1, "it writes everything anew each time");
    }
}
