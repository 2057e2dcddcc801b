//! A part of a disk as the crates for file systems want it: to be read and sought, within bounds.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::storage::chain::Chain;

/// What is read at once. File systems ask for a few bytes at a time.
const PAGE: u64 = 16 << 10;
/// Pages of each of two generations that are kept: 16 MiB together.
const KEPT: usize = 512;

/// A disk with a memory of what was read last and a limit of time.
pub(in crate::storage) struct Disk {
    chain: RefCell<Chain>,
    size: u64,
    until: Cell<Option<Instant>>,
    /// Used lately, and used before that.
    pages: RefCell<[HashMap<u64, Rc<[u8]>>; 2]>,
}

impl Disk {
    pub fn new(chain: Chain) -> Rc<Self> {
        Rc::new(Self {
            size: chain.size(),
            chain: RefCell::new(chain),
            until: Cell::new(None),
            pages: RefCell::default(),
        })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn chain(&self) -> &RefCell<Chain> {
        &self.chain
    }

    /// From now on, reading fails after `time`. A loop in a damaged file system ends by this.
    pub fn allow(&self, time: Duration) {
        self.until.set(Instant::now().checked_add(time));
    }

    /// Reads up to the end of a page; 0 only for an empty buffer.
    fn read(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if self.until.get().is_some_and(|until| Instant::now() > until) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let page = self.page(at / PAGE)?;
        let part = &page[(at % PAGE) as usize..];
        let count = part.len().min(buffer.len());
        buffer[..count].copy_from_slice(&part[..count]);
        Ok(count)
    }

    fn page(&self, number: u64) -> io::Result<Rc<[u8]>> {
        let mut pages = self.pages.borrow_mut();
        let [young, old] = &mut *pages;
        if let Some(page) = young.get(&number) {
            return Ok(page.clone());
        }
        let page = match old.remove(&number) {
            Some(page) => page,
            None => {
                let mut bytes = vec![0; PAGE as usize];
                let mut chain = self.chain.borrow_mut();
                chain.read_at(number.saturating_mul(PAGE), &mut bytes)?;
                bytes.into()
            }
        };
        if young.len() >= KEPT {
            *old = std::mem::take(young);
        }
        young.insert(number, page.clone());
        Ok(page)
    }
}

/// A range of a disk; nothing outside can be reached through it.
#[derive(Clone)]
pub(in crate::storage) struct Window {
    disk: Rc<Disk>,
    start: u64,
    length: u64,
    at: u64,
}

impl Window {
    /// As much of the range as is on the disk.
    pub fn new(disk: &Rc<Disk>, start: u64, length: u64) -> Self {
        let start = start.min(disk.size());
        Self {
            disk: disk.clone(),
            start,
            length: length.min(disk.size() - start),
            at: 0,
        }
    }

    pub fn length(&self) -> u64 {
        self.length
    }

    /// Up to `length` bytes from `at`.
    pub fn look(&self, at: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut window = self.clone();
        window.at = at;
        let mut bytes = Vec::new();
        window.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.length.saturating_sub(self.at);
        let wanted = left.min(buffer.len() as u64) as usize;
        if wanted == 0 {
            return Ok(0);
        }
        let count = self
            .disk
            .read(self.start + self.at, &mut buffer[..wanted])?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// `fatfs` asks for it; nothing is ever written.
impl Write for Window {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
