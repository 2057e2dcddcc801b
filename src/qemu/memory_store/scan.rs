//! Finds out which pages of a guest's memory changed, by their hashes, and writes those.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::SeekFrom;
use twox_hash::XxHash3_128;

use super::{MemoryError, Progress, at, crew};

pub(super) const PAGE: usize = 4096;
/// Read at once: stays in a processor's own cache until it is hashed; twice as much takes three times as long. Bytes.
const PIECE: usize = 128 << 10;
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
    pub(super) ram: &'a File,
    /// Takes changed pages at their own offsets.
    pub(super) raw: &'a File,
    pub(super) path: &'a Path,
    pub(super) hash: PageHash,
    /// Pages of these hashes need not be written.
    pub(super) base: Option<&'a [u128]>,
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

    /// The pages from `first` on.
    fn share(&self, first: usize, hashes: &mut [u128], buffer: &mut [u8]) -> io::Result<u64> {
        let end = first + hashes.len();
        let mut written = 0;
        let mut page = first;
        while page < end {
            // Only where the next data are: to look for their end as well would walk over all of them for each share.
            let start =
                data_from(self.ram, bytes_of(page))?.map_or(end, |start| page_of(start).min(end));
            hashes[page - first..start - first].fill(self.hash.zero);
            let count = (end - start).min(PIECE / PAGE);
            let piece = &mut buffer[..count * PAGE];
            self.ram.read_exact_at(piece, bytes_of(start))?;
            written += self.piece(start, piece, &mut hashes[start - first..][..count])?;
            page = start + count;
        }
        Ok(written)
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
            let base = self.base.map_or(self.hash.zero, |base| base[first + index]);
            if changed && hash != self.hash.zero && hash != base {
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

fn page_of(offset: u64) -> usize {
    usize::try_from(offset / PAGE as u64).unwrap_or(usize::MAX)
}

/// Where the next part of `file` begins, from `offset` on, that is no hole.
fn data_from(file: &File, offset: u64) -> io::Result<Option<u64>> {
    match rustix::fs::seek(file, SeekFrom::Data(offset)) {
        Ok(start) => Ok(Some(start)),
        Err(rustix::io::Errno::NXIO) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
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
