//! Reading a guest's memory from outside, wherever its pages lie.
//!
//! A machine that was started by itself has all of it in its memory file. A fork maps a frozen memory file privately:
//! what the guest wrote since lies in QEMU's process alone. `/proc/PID/pagemap` says which pages those are, and
//! `/proc/PID/mem` has them (Linux, Documentation/admin-guide/mm/pagemap.rst, proc_pid_mem(5)). A page that was only
//! read is the frozen file's own.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

use rustix::fs::SeekFrom;

use super::memory::NAME;

/// A page of the guest and of this computer, bytes.
pub const PAGE: usize = 4096;

/// An entry of a page map, bytes.
const ENTRY: usize = 8;
const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
/// Of a file, or shared with others: not the process's own.
const OF_FILE: u64 = 1 << 61;

/// A guest's memory.
#[derive(Debug)]
pub enum GuestRam {
    /// QEMU shares the memory file.
    Shared(File),
    Forked(ForkedRam),
}

/// The memory of a fork.
#[derive(Debug)]
pub struct ForkedRam {
    pid: u32,
    frozen: File,
    process: ProcessMemory,
    /// Where it begins in the process.
    start: u64,
}

impl GuestRam {
    /// Bytes, used or not.
    pub fn size(&self) -> io::Result<u64> {
        Ok(self.file().metadata()?.len())
    }

    /// Bytes that are not zero, at most.
    pub fn used(&self) -> io::Result<u64> {
        let in_file = self.file().metadata()?.blocks() * 512;
        Ok(match self {
            Self::Shared(_) => in_file,
            Self::Forked(forked) => in_file + forked.own_pages()? * PAGE as u64,
        })
    }

    /// The memory file: all of the memory, or what a fork began with.
    pub fn file(&self) -> &File {
        match self {
            Self::Shared(file) => file,
            Self::Forked(forked) => &forked.frozen,
        }
    }

    /// The first page from `page` on and before `end` that may hold something else than zeros.
    pub fn next_used(&self, page: usize, end: usize) -> io::Result<Option<usize>> {
        let in_file = data_from(self.file(), offset(page))?
            .map(page_at)
            .filter(|found| *found < end);
        match self {
            Self::Shared(_) => Ok(in_file),
            Self::Forked(forked) => {
                let end = in_file.unwrap_or(end);
                let own = forked.next_own(page, end)?;
                Ok(own.or(in_file))
            }
        }
    }

    /// Reads whole pages, from the page `first` on.
    pub fn read(&self, first: usize, pages: &mut [u8]) -> io::Result<()> {
        self.file().read_exact_at(pages, offset(first))?;
        match self {
            Self::Shared(_) => Ok(()),
            Self::Forked(forked) => forked.read_own(first, pages),
        }
    }
}

impl ForkedRam {
    /// The memory of the fork `pid`, whose frozen memory file is this.
    ///
    /// # Errors
    /// Fails where the system lets nobody look into the process.
    pub fn find(pid: u32, frozen: File) -> io::Result<Self> {
        let process = ProcessMemory::open(pid)?;
        let start = private_mapping(pid)?;
        Ok(Self {
            pid,
            frozen,
            process,
            start,
        })
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn process(&self) -> &ProcessMemory {
        &self.process
    }

    /// How many pages the fork has of its own.
    pub fn own_pages(&self) -> io::Result<u64> {
        const SPAN: usize = 1 << 16;
        let pages = page_at(self.frozen.metadata()?.len());
        let mut own = 0;
        for first in (0..pages).step_by(SPAN) {
            let count = SPAN.min(pages - first);
            let present = self.process.present(self.start + offset(first), count)?;
            own += present.iter().filter(|entry| is_own(**entry)).count() as u64;
        }
        Ok(own)
    }

    fn next_own(&self, page: usize, end: usize) -> io::Result<Option<usize>> {
        let entries = self
            .process
            .present(self.start + offset(page), end.saturating_sub(page))?;
        let found = entries.iter().position(|entry| is_own(*entry));
        Ok(found.map(|place| page + place))
    }

    fn read_own(&self, first: usize, pages: &mut [u8]) -> io::Result<()> {
        let start = self.start + offset(first);
        let entries = self.process.present(start, pages.len() / PAGE)?;
        for (place, pages) in runs(&entries, is_own).zip_slices(pages) {
            self.process.read(start + offset(place), pages)?;
        }
        Ok(())
    }
}

/// The memory of a process, by its own addresses.
#[derive(Debug)]
pub struct ProcessMemory {
    content: File,
    map: File,
}

impl ProcessMemory {
    pub fn open(pid: u32) -> io::Result<Self> {
        let open = |name| File::open(PathBuf::from(format!("/proc/{pid}/{name}")));
        Ok(Self {
            content: open("mem")?,
            map: open("pagemap")?,
        })
    }

    pub fn read(&self, address: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.content.read_exact_at(bytes, address)
    }

    /// The entries of the page map for `count` pages from `address` on.
    fn present(&self, address: u64, count: usize) -> io::Result<Vec<u64>> {
        let mut raw = vec![0; count * ENTRY];
        let place = address / PAGE as u64 * ENTRY as u64;
        self.map.read_exact_at(&mut raw, place)?;
        let entries = raw.chunks_exact(ENTRY);
        Ok(entries
            .map(|entry| u64::from_ne_bytes(entry.try_into().unwrap_or_default()))
            .collect())
    }

    /// The runs of pages (first, count) that were ever touched, of `count` from `address` on.
    pub fn touched(&self, address: u64, count: usize) -> io::Result<Vec<(usize, usize)>> {
        let entries = self.present(address, count)?;
        let touched = |entry: u64| entry & (PRESENT | SWAPPED) != 0;
        Ok(runs(&entries, touched).0)
    }
}

fn is_own(entry: u64) -> bool {
    entry & (PRESENT | SWAPPED) != 0 && entry & OF_FILE == 0
}

/// Runs of pages: the first and how many.
struct Runs(Vec<(usize, usize)>);

fn runs(entries: &[u64], wanted: impl Fn(u64) -> bool) -> Runs {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (place, _) in (0..).zip(entries).filter(|(_, entry)| wanted(**entry)) {
        match found.last_mut() {
            Some((first, count)) if *first + *count == place => *count += 1,
            _ => found.push((place, 1)),
        }
    }
    Runs(found)
}

impl Runs {
    /// Each run's first page with its part of `pages`.
    fn zip_slices(self, pages: &mut [u8]) -> Vec<(usize, &mut [u8])> {
        let mut rest = pages;
        let mut at = 0;
        let mut slices = Vec::with_capacity(self.0.len());
        for (first, count) in self.0 {
            let (_, after) = rest.split_at_mut((first - at) * PAGE);
            let (run, after) = after.split_at_mut(count * PAGE);
            slices.push((first, run));
            rest = after;
            at = first + count;
        }
        slices
    }
}

/// Where a process has a memory file mapped for itself alone.
fn private_mapping(pid: u32) -> io::Result<u64> {
    let maps = BufReader::new(File::open(format!("/proc/{pid}/maps"))?);
    let wanted = format!("/memfd:{NAME}");
    for line in maps.lines() {
        let line = line?;
        // address perms offset dev inode path; advice splits a mapping, and the first part begins at offset 0.
        let mut fields = line.split_ascii_whitespace();
        let (Some(range), Some(rights), Some(offset)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let is_it =
            line.contains(&wanted) && rights == "rw-p" && offset.trim_matches('0').is_empty();
        if let Some((start, _)) = range.split_once('-').filter(|_| is_it) {
            return u64::from_str_radix(start, 16).map_err(io::Error::other);
        }
    }
    Err(io::Error::other(format!(
        "process {pid} has no memory of its own"
    )))
}

fn offset(page: usize) -> u64 {
    page as u64 * PAGE as u64
}

fn page_at(offset: u64) -> usize {
    usize::try_from(offset / PAGE as u64).unwrap_or(usize::MAX)
}

/// Where the next part of `file` begins, from `offset` on, that is no hole.
pub fn data_from(file: &File, offset: u64) -> io::Result<Option<u64>> {
    match rustix::fs::seek(file, SeekFrom::Data(offset)) {
        Ok(start) => Ok(Some(start)),
        Err(rustix::io::Errno::NXIO) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Opens a file in memory once more, with a place of its own to read and write at.
pub fn reopen(file: &File, write_only: bool) -> io::Result<File> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    OpenOptions::new()
        .read(!write_only)
        .write(write_only)
        .open(path)
}
