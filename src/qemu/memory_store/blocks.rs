//! Compressed pages: `pages.packed`.
//!
//! A file of blocks, each a zstd frame of [`BLOCK`] own pages of the table (the last one of the
//! rest), in any order; behind them, for each block, its offset (8 bytes, little endian), its length
//! (4), the BLAKE3 of its frame (32), and a bit for each of its pages (32, lowest first): whether it
//! is kept as its difference (exclusive or) from the same page of the base. The index knows where
//! that list begins and its BLAKE3.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use super::chain::{Chain, Reader};
use super::scan::{PAGE, PageHash, bytes_of};
use super::{Content, MemoryError, Progress, at, crew, damaged};

/// Pages of a block: few enough that there are blocks for each thread, enough to compress well.
pub(super) const BLOCK: usize = 256;
/// zstd's. Higher ones take longer and win little on memory.
const COMPRESSION: i32 = 1;
const ENTRY: usize = 76;

/// Where a block lies.
#[derive(Clone, Copy, Debug)]
struct Block {
    offset: u64,
    length: u32,
    hash: [u8; 32],
    differences: [u8; BLOCK / 8],
}

/// Pages to be packed.
pub(super) struct Packing<'a> {
    /// Holds them at their own offsets.
    pub(super) raw: &'a File,
    pub(super) raw_path: &'a Path,
    /// Their numbers, in order.
    pub(super) pages: &'a [u32],
    /// What they must be.
    pub(super) hashes: &'a [u128],
    pub(super) hash: PageHash,
    /// What they may be kept as differences from.
    pub(super) base: Option<&'a Chain>,
}

impl Packing<'_> {
    /// Writes the blocks and their list into the empty file `out`.
    pub(super) fn write(
        &self,
        out: &File,
        path: &Path,
        progress: Progress<'_>,
    ) -> Result<Content, MemoryError> {
        let free = AtomicU64::new(0);
        let list = Mutex::new(vec![[0; ENTRY]; self.pages.len().div_ceil(BLOCK)]);
        let worker = || {
            let mut pages = Vec::new();
            let (free, list) = (&free, &list);
            let mut base = self.base.map(Chain::reader);
            move |(index, (numbers, hashes)): (usize, (&[u32], &[u128]))| {
                self.read(numbers, hashes, &mut pages)?;
                let differences = match &mut base {
                    Some(base) => subtract(base, numbers, &mut pages),
                    None => [0; BLOCK / 8],
                };
                let frame = zstd::bulk::compress(&pages, COMPRESSION).map_err(at(path))?;
                let offset = free.fetch_add(frame.len() as u64, Ordering::Relaxed);
                out.write_all_at(&frame, offset).map_err(at(path))?;
                let block = Block {
                    offset,
                    length: u32::try_from(frame.len()).unwrap_or(u32::MAX),
                    hash: *blake3::hash(&frame).as_bytes(),
                    differences,
                };
                list.lock().unwrap_or_else(PoisonError::into_inner)[index] = block.encode();
                Ok(pages.len() as u64)
            }
        };
        crew::share(self.blocks(), self.bytes(), worker, progress)?;
        let bytes = free.into_inner();
        let list = list.into_inner().unwrap_or_else(PoisonError::into_inner);
        let list = list.as_flattened();
        out.write_all_at(list, bytes).map_err(at(path))?;
        Ok(Content {
            bytes,
            hash: blake3::hash(list).to_hex().to_string(),
        })
    }

    /// Whether all pages are what they must be.
    pub(super) fn check(&self, progress: Progress<'_>) -> Result<(), MemoryError> {
        let worker = || {
            let mut pages = Vec::new();
            move |(_, (numbers, hashes)): (usize, (&[u32], &[u128]))| {
                self.read(numbers, hashes, &mut pages)?;
                Ok(pages.len() as u64)
            }
        };
        crew::share(self.blocks(), self.bytes(), worker, progress)
    }

    fn bytes(&self) -> u64 {
        bytes_of(self.pages.len())
    }

    fn blocks(&self) -> impl Iterator<Item = (usize, (&[u32], &[u128]))> + Send {
        let hashes = self.hashes.chunks(BLOCK);
        self.pages.chunks(BLOCK).zip(hashes).enumerate()
    }

    fn read(
        &self,
        numbers: &[u32],
        hashes: &[u128],
        pages: &mut Vec<u8>,
    ) -> Result<(), MemoryError> {
        pages.resize(numbers.len() * PAGE, 0);
        for run in runs(numbers) {
            let piece = &mut pages[run.start * PAGE..run.end * PAGE];
            let offset = bytes_of(numbers[run.start] as usize);
            self.raw
                .read_exact_at(piece, offset)
                .map_err(at(self.raw_path))?;
        }
        check(pages, hashes, self.hash)
    }
}

/// Compares pages with their hashes.
fn check(pages: &[u8], hashes: &[u128], hash: PageHash) -> Result<(), MemoryError> {
    let mut pages = pages.chunks_exact(PAGE).zip(hashes);
    if pages.all(|(page, expected)| hash.of(page) == *expected) {
        Ok(())
    } else {
        Err(damaged("pages of the memory are not what they were"))
    }
}

/// Makes differences of those pages that are half as in the base at least; gives a bit for each page.
fn subtract(base: &mut Reader<'_>, numbers: &[u32], pages: &mut [u8]) -> [u8; BLOCK / 8] {
    let mut differences = [0; BLOCK / 8];
    let mut old = [0; PAGE];
    for (place, (number, page)) in numbers.iter().zip(pages.chunks_exact_mut(PAGE)).enumerate() {
        // One that can't be read is done without.
        let Ok(Some(_)) = base.page(*number, &mut old) else {
            continue;
        };
        let words = page.as_chunks::<8>().0.iter().zip(old.as_chunks::<8>().0);
        if words.filter(|(new, old)| new == old).count() >= PAGE / 8 / 2 {
            exclusive_or(page, &old);
            differences[place / 8] |= 1 << (place % 8);
        }
    }
    differences
}

/// Adds a difference to a page, or takes it from it.
pub(super) fn exclusive_or(page: &mut [u8], other: &[u8]) {
    let words = page.as_chunks_mut::<16>().0.iter_mut();
    for (word, other) in words.zip(other.as_chunks::<16>().0) {
        *word = (u128::from_ne_bytes(*word) ^ u128::from_ne_bytes(*other)).to_ne_bytes();
    }
}

/// Where `numbers` go up by one, as ranges of their places.
fn runs(numbers: &[u32]) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut start = 0;
    numbers
        .chunk_by(|one, next| one.checked_add(1) == Some(*next))
        .map(move |run| {
            let range = start..start + run.len();
            start = range.end;
            range
        })
}

impl Block {
    fn encode(&self) -> [u8; ENTRY] {
        let mut entry = [0; ENTRY];
        entry[..8].copy_from_slice(&self.offset.to_le_bytes());
        entry[8..12].copy_from_slice(&self.length.to_le_bytes());
        entry[12..44].copy_from_slice(&self.hash);
        entry[44..].copy_from_slice(&self.differences);
        entry
    }

    fn decode(entry: &[u8; ENTRY]) -> Option<Self> {
        let (offset, rest) = entry.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (hash, differences) = rest.split_first_chunk()?;
        Some(Self {
            offset: u64::from_le_bytes(*offset),
            length: u32::from_le_bytes(*length),
            hash: *hash,
            differences: differences.try_into().ok()?,
        })
    }
}

/// Packed pages that are to be read.
#[derive(Debug)]
pub(super) struct Packed {
    file: File,
    path: PathBuf,
    blocks: Vec<Block>,
    /// The numbers of the pages, in order.
    pub(super) pages: Vec<u32>,
    /// What they are, differences added.
    pub(super) hashes: Vec<u128>,
}

impl Packed {
    /// Opens `path`, which must be as `content` says and hold `pages`.
    pub(super) fn open(
        path: PathBuf,
        content: &Content,
        pages: Vec<u32>,
        hashes: Vec<u128>,
    ) -> Result<Self, MemoryError> {
        let file = File::open(&path).map_err(at(&path))?;
        let length = file.metadata().map_err(at(&path))?.len();
        let mut list = vec![[0; ENTRY]; pages.len().div_ceil(BLOCK)];
        let expected = content.bytes.checked_add((list.len() * ENTRY) as u64);
        if expected != Some(length) {
            return Err(damaged("the memory's file has another length"));
        }
        let bytes = list.as_flattened_mut();
        file.read_exact_at(bytes, content.bytes)
            .map_err(at(&path))?;
        if blake3::hash(bytes).to_hex().as_str() != content.hash {
            return Err(damaged(
                "the list of the memory's blocks is not what was written",
            ));
        }
        let most = zstd::zstd_safe::compress_bound(BLOCK * PAGE) as u64;
        let fits = |block: &Block| {
            let end = block.offset.checked_add(u64::from(block.length));
            u64::from(block.length) <= most && end.is_some_and(|end| end <= content.bytes)
        };
        let blocks: Option<Vec<Block>> = list.iter().map(Block::decode).collect();
        match blocks {
            Some(blocks) if blocks.iter().all(fits) => Ok(Self {
                file,
                path,
                blocks,
                pages,
                hashes,
            }),
            Some(_) | None => Err(damaged("a block of the memory lies outside its file")),
        }
    }

    /// Reads, checks and unpacks a block into `pages`; `frame` is for its use.
    pub(super) fn read(
        &self,
        index: usize,
        frame: &mut Vec<u8>,
        pages: &mut Vec<u8>,
    ) -> Result<(), MemoryError> {
        let block = &self.blocks[index];
        frame.resize(block.length as usize, 0);
        self.file
            .read_exact_at(frame, block.offset)
            .map_err(at(&self.path))?;
        if *blake3::hash(frame).as_bytes() != block.hash {
            return Err(damaged("a block of the memory is not what was written"));
        }
        let count = (self.pages.len() - index * BLOCK).min(BLOCK);
        pages.resize(count * PAGE, 0);
        match zstd::bulk::decompress_to_buffer(frame, pages.as_mut_slice()) {
            Ok(length) if length == pages.len() => Ok(()),
            Ok(_) | Err(_) => Err(damaged("a block of the memory can't be unpacked")),
        }
    }

    /// Whether the page at `place` is kept as a difference.
    pub(super) fn is_difference(&self, place: usize) -> bool {
        let (block, bit) = (place / BLOCK, place % BLOCK);
        self.blocks[block].differences[bit / 8] & (1 << (bit % 8)) != 0
    }
}
