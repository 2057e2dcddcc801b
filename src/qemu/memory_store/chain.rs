//! A memory with those that it rests on: filled, checked, or the base of the next.
//!
//! A delta holds the pages that differ from its base's, which may be a delta itself. How deep that
//! goes is bounded by the numbers that memories get: a full one is 0, each that follows one more
//! than the one before it. Each rests on the one before it, so that it holds little; one in [`HEAD_EVERY`]
//! rests on the last such one, and after [`HEADS`] of them the next is full. So a memory rests on
//! [`MOST_BELOW`] others at most, a page that changes always is stored hardly twice for each memory,
//! and the base of a memory is always among those that the one before it rests on.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::blocks::{BLOCK, Packed, exclusive_or};
use super::scan::{PAGE, PageHash, bytes_of};
use super::table::Table;
use super::{
    Content, MemoryError, PACKED, Pages, Progress, Rest, Saved, TABLE, at, crew, damaged, read,
};
use crate::model::{ByteSize, SnapshotId};

const HEAD_EVERY: u32 = 16;
const HEADS: u32 = 8;
const MOST_BELOW: u32 = (HEADS - 1) + (HEAD_EVERY - 1);
/// What a thread fills at once, pages.
const SHARE: u32 = 16 << 10;
/// What is written at once, pages.
const RUN: usize = 32;

/// Where the memory of a snapshot lies.
pub type Places<'a> = &'a (dyn Fn(SnapshotId) -> PathBuf + Sync);

/// What a delta is made against.
#[derive(Clone, Debug)]
pub struct Base {
    pub(super) rest: Rest,
    /// The number of the memory that will rest on it.
    pub(super) number: u32,
    pub(super) hash: PageHash,
    /// Of all its pages.
    pub(super) hashes: Vec<u128>,
    pub(super) chain: Arc<Chain>,
}

impl Base {
    /// The base for the memory that is taken next after `previous`; `None` if that should be a full one: it is its turn,
    /// or the two can't be compared.
    ///
    /// # Errors
    /// When a memory can't be read or is damaged. A full one is right then, too.
    pub fn after(
        previous: SnapshotId,
        ram_size: ByteSize,
        places: Places<'_>,
    ) -> Result<Option<Self>, MemoryError> {
        let chain = indexes(&places(previous), Some(previous), places)?;
        let Some(pages) = chain.first().and_then(|level| level.saved.packed.as_ref()) else {
            return Ok(None);
        };
        let number = pages.number.saturating_add(1);
        let Some(wanted) = number_of_base(number) else {
            return Ok(None);
        };
        if chain[0].saved.ram_size != ram_size {
            return Ok(None);
        }
        let found = chain
            .iter()
            .position(|level| level.number() <= wanted)
            .map(|found| &chain[found..]);
        let Some(chain @ [base, ..]) = found else {
            return Ok(None);
        };
        let (Some(id), Some(pages)) = (base.id, &base.saved.packed) else {
            return Ok(None);
        };
        let hash = PageHash::new(pages.seed);
        let rest = Rest {
            id,
            table: pages.table.hash.clone(),
        };
        let chain = Chain::open(chain)?;
        Ok(Some(Self {
            rest,
            number,
            hash,
            hashes: chain.hashes(ram_size),
            chain: Arc::new(chain),
        }))
    }
}

/// See the file's text. `None` for a full one.
fn number_of_base(number: u32) -> Option<u32> {
    if number >= HEADS * HEAD_EVERY {
        return None;
    }
    let step = match number.is_multiple_of(HEAD_EVERY) {
        true => HEAD_EVERY,
        false => 1,
    };
    number.checked_sub(step)
}

/// One of the memories that a memory consists of.
struct Level {
    /// Not known of the first one.
    id: Option<SnapshotId>,
    folder: PathBuf,
    saved: Saved,
}

impl Level {
    fn number(&self) -> u32 {
        self.saved.packed.as_ref().map_or(0, |pages| pages.number)
    }

    fn open(&self) -> Result<Part, MemoryError> {
        let (Some(content), Some(pages)) = (&self.saved.pages, &self.saved.packed) else {
            return Err(damaged("its index lacks the pages"));
        };
        let table = self.folder.join(TABLE);
        let mut table = read_table(&table, &pages.table, self.saved.ram_size)?;
        let hashes = std::mem::take(&mut table.hashes);
        let path = self.folder.join(PACKED);
        Ok(Part {
            packed: Packed::open(path, content, table.own_pages(), hashes)?,
            zero: table.zero_pages().collect(),
        })
    }
}

pub(super) fn read_table(
    path: &Path,
    content: &Content,
    ram_size: ByteSize,
) -> Result<Table, MemoryError> {
    let broken = || damaged("the table of its pages is not what was written");
    let file = File::open(path).map_err(at(path))?;
    if file.metadata().map_err(at(path))?.len() != content.bytes {
        return Err(broken());
    }
    let pages = ram_size.0 / PAGE as u64;
    // A hash and a run for each page at most.
    if content.bytes > 24 + 24 * pages {
        return Err(broken());
    }
    let length = usize::try_from(content.bytes).ok().ok_or_else(broken)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0).map_err(at(path))?;
    if blake3::hash(&bytes).to_hex().as_str() != content.hash {
        return Err(broken());
    }
    Table::decode(&bytes, pages).ok_or_else(broken)
}

/// The indexes of a memory and of those that it rests on, newest first.
fn indexes(
    folder: &Path,
    id: Option<SnapshotId>,
    places: Places<'_>,
) -> Result<Vec<Level>, MemoryError> {
    let mut chain = vec![Level {
        id,
        folder: folder.to_owned(),
        saved: read(folder)?,
    }];
    while let Some(Rest { id, table }) = chain.last().and_then(|level| level.saved.base.clone()) {
        let folder = places(id);
        let saved = read(&folder).map_err(|error| {
            damaged(&format!(
                "the memory {id} that it rests on is not usable: {error}"
            ))
        })?;
        let fits = |above: &Level, pages: &Pages| {
            let own = above.saved.packed.as_ref();
            pages.table.hash == table
                && own.is_some_and(|own| own.seed == pages.seed && own.number > pages.number)
                && above.saved.ram_size == saved.ram_size
        };
        let above = chain.last();
        if !above
            .zip(saved.packed.as_ref())
            .is_some_and(|(above, pages)| fits(above, pages))
        {
            return Err(damaged(&format!(
                "the memory {id} is not the one that it rests on"
            )));
        }
        if chain.len() > MOST_BELOW as usize {
            return Err(damaged("it rests on too many others"));
        }
        let id = Some(id);
        chain.push(Level { id, folder, saved });
    }
    Ok(chain)
}

/// What a memory and each of those that it rests on hold.
#[derive(Debug)]
pub(super) struct Chain {
    hash: PageHash,
    /// Newest first.
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    packed: Packed,
    /// Pages that are zero from here on, in order.
    zero: Vec<u32>,
}

impl Chain {
    /// Opens what a memory consists of.
    pub(super) fn of(folder: &Path, places: Places<'_>) -> Result<Self, MemoryError> {
        Self::open(&indexes(folder, None, places)?)
    }

    fn open(levels: &[Level]) -> Result<Self, MemoryError> {
        let pages = levels.first().and_then(|level| level.saved.packed.as_ref());
        let parts: Result<Vec<Part>, MemoryError> = levels.iter().map(Level::open).collect();
        Ok(Self {
            hash: PageHash::new(pages.map_or(0, |pages| pages.seed)),
            parts: parts?,
        })
    }

    /// Of all pages.
    fn hashes(&self, ram_size: ByteSize) -> Vec<u128> {
        let count = usize::try_from(ram_size.0 / PAGE as u64).unwrap_or(usize::MAX);
        let mut hashes = vec![self.hash.zero; count];
        for part in self.parts.iter().rev() {
            for (page, hash) in part.packed.pages.iter().zip(&part.packed.hashes) {
                hashes[*page as usize] = *hash;
            }
            for page in &part.zero {
                hashes[*page as usize] = self.hash.zero;
            }
        }
        hashes
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        let unread = || Unpacked {
            block: None,
            bytes: Vec::new(),
        };
        Reader {
            chain: self,
            unpacked: self.parts.iter().map(|_| unread()).collect(),
            frame: Vec::new(),
        }
    }
}

/// Reads pages of a memory; fast if they come in order.
pub(super) struct Reader<'a> {
    chain: &'a Chain,
    /// The block of each part that was read last.
    unpacked: Vec<Unpacked>,
    frame: Vec<u8>,
}

struct Unpacked {
    block: Option<usize>,
    bytes: Vec<u8>,
}

impl Reader<'_> {
    /// Reads page `number` into `page`; `None`, and nothing read, if it is zero.
    pub(super) fn page(&mut self, number: u32, page: &mut [u8]) -> Result<Option<()>, MemoryError> {
        let mut expected = None;
        for (part, unpacked) in self.chain.parts.iter().zip(&mut self.unpacked) {
            let packed = &part.packed;
            let Ok(place) = packed.pages.binary_search(&number) else {
                if part.zero.binary_search(&number).is_ok() {
                    break;
                }
                continue;
            };
            let block = place / BLOCK;
            if unpacked.block != Some(block) {
                unpacked.block = None;
                packed.read(block, &mut self.frame, &mut unpacked.bytes)?;
                unpacked.block = Some(block);
            }
            let bytes = &unpacked.bytes[place % BLOCK * PAGE..][..PAGE];
            if expected.is_none() {
                expected = Some(packed.hashes[place]);
                page.copy_from_slice(bytes);
            } else {
                exclusive_or(page, bytes);
            }
            if !packed.is_difference(place) {
                break;
            }
        }
        match expected {
            Some(hash) if self.chain.hash.of(page) != hash => {
                Err(damaged("pages of the memory are not what they were"))
            }
            other => Ok(other.map(drop)),
        }
    }
}

/// Reads and checks all that a memory consists of, and fills the empty file `ram` with it.
pub(super) fn unpack(
    folder: &Path,
    places: Places<'_>,
    ram: Option<&File>,
    progress: Progress<'_>,
) -> Result<(), MemoryError> {
    let chain = Chain::of(folder, places)?;
    let mut used: Vec<u32> = Vec::new();
    for part in &chain.parts {
        used.extend(&part.packed.pages);
    }
    used.sort(); // Few runs that are in order.
    used.dedup();
    let worker = || {
        let mut filler = Filler {
            reader: chain.reader(),
            ram,
            first: 0,
            bytes: Vec::with_capacity(RUN * PAGE),
        };
        move |pages: &[u32]| filler.fill(pages)
    };
    // Blocks of two shares are read twice, so shares are large.
    let shares = used.chunk_by(|one, next| one / SHARE == next / SHARE);
    crew::share(shares, bytes_of(used.len()), worker, progress)
}

/// Collects neighbouring pages, to write them at once.
struct Filler<'a> {
    reader: Reader<'a>,
    ram: Option<&'a File>,
    /// The number of the first one.
    first: u32,
    bytes: Vec<u8>,
}

impl Filler<'_> {
    fn fill(&mut self, pages: &[u32]) -> Result<u64, MemoryError> {
        let mut page = [0; PAGE];
        for number in pages {
            if self.reader.page(*number, &mut page)?.is_none() {
                continue;
            }
            let count = self.bytes.len() / PAGE;
            if count == RUN || u64::from(self.first) + count as u64 != u64::from(*number) {
                self.write()?;
                self.first = *number;
            }
            self.bytes.extend_from_slice(&page);
        }
        self.write()?;
        Ok(bytes_of(pages.len()))
    }

    fn write(&mut self) -> Result<(), MemoryError> {
        let offset = bytes_of(self.first as usize);
        let written = self
            .ram
            .map_or(Ok(()), |ram| ram.write_all_at(&self.bytes, offset));
        self.bytes.clear();
        written.map_err(at(Path::new("the guest's memory")))
    }
}
