//! A memory with those that it rests on: filled, checked, or the base of the next.
//!
//! A delta holds the pages that differ from its base's, which may be a delta itself. How deep that
//! goes is bounded by the numbers that memories get: a full one is 0, each that follows one more
//! than the one before it. The base of number `n` is the nearest before it whose number is `n` with
//! its lowest digit that is not 0 made 0, in a system of [`FANOUT`]; past [`LEVELS`] digits the
//! next is full. So a memory rests on [`LEVELS`] others at most, each page is stored few times
//! over, and the base of a memory is always among those that the one before it rests on.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::blocks::{BLOCK, Packed};
use super::scan::{PAGE, PageHash, bytes_of};
use super::table::Table;
use super::{
    Content, MemoryError, PACKED, Pages, Progress, Rest, Saved, TABLE, at, crew, damaged, read,
};
use crate::model::{ByteSize, SnapshotId};

const FANOUT: u32 = 5;
const LEVELS: u32 = 3;

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
        let count = usize::try_from(ram_size.0 / PAGE as u64).unwrap_or(usize::MAX);
        let mut hashes = vec![hash.zero; count];
        for level in chain.iter().rev() {
            level.table()?.apply(&mut hashes, hash);
        }
        Ok(Some(Self {
            rest: Rest {
                id,
                table: pages.table.hash.clone(),
            },
            number,
            hash,
            hashes,
        }))
    }
}

/// See the file's text. `None` for a full one.
fn number_of_base(number: u32) -> Option<u32> {
    if number >= FANOUT.pow(LEVELS) {
        return None;
    }
    let mut place = FANOUT;
    while number.is_multiple_of(place) && place < FANOUT.pow(LEVELS) {
        place *= FANOUT;
    }
    Some(number - number % place)
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

    fn table(&self) -> Result<Table, MemoryError> {
        let Some(pages) = &self.saved.packed else {
            return Err(damaged("a memory that it rests on has another form"));
        };
        read_table(&self.folder.join(TABLE), &pages.table, self.saved.ram_size)
    }

    fn open(&self) -> Result<(Packed, Table), MemoryError> {
        let mut table = self.table()?;
        let (Some(content), Some(pages)) = (&self.saved.pages, &self.saved.packed) else {
            return Err(damaged("its index lacks the pages"));
        };
        let hashes = std::mem::take(&mut table.hashes);
        let hash = PageHash::new(pages.seed);
        let path = self.folder.join(PACKED);
        let packed = Packed::open(path, content, table.own_pages(), hashes, hash)?;
        Ok((packed, table))
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
    let mut bytes = vec![0; usize::try_from(content.bytes).map_err(|_| broken())?];
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
        if chain.len() > LEVELS as usize {
            return Err(damaged("it rests on too many others"));
        }
        let id = Some(id);
        chain.push(Level { id, folder, saved });
    }
    Ok(chain)
}

/// What of a level a memory consists of.
struct Part {
    packed: Packed,
    /// For each of its pages.
    wanted: Vec<bool>,
}

impl Part {
    fn is_wanted(&self, block: usize) -> bool {
        let start = block * BLOCK;
        let end = (start + BLOCK).min(self.wanted.len());
        self.wanted[start..end].contains(&true)
    }

    /// Puts a block's wanted pages into `ram`.
    fn unpack(
        &self,
        block: usize,
        ram: Option<&File>,
        frame: &mut Vec<u8>,
        bytes: &mut Vec<u8>,
    ) -> Result<u64, MemoryError> {
        let pages = self.packed.read(block, frame, bytes)?;
        let start = block * BLOCK;
        let wanted = &self.wanted[start..start + pages.len()];
        let mut place = 0;
        let next = |one: &(u32, bool), two: &(u32, bool)| {
            one.1 == two.1 && one.0.checked_add(1) == Some(two.0)
        };
        let numbered: Vec<(u32, bool)> =
            pages.iter().copied().zip(wanted.iter().copied()).collect();
        for run in numbered.chunk_by(next) {
            let piece = &bytes[place * PAGE..(place + run.len()) * PAGE];
            place += run.len();
            if let ((page, true), Some(ram)) = (run[0], ram) {
                let memory = Path::new("the guest's memory");
                ram.write_all_at(piece, bytes_of(page as usize))
                    .map_err(at(memory))?;
            }
        }
        Ok(bytes.len() as u64)
    }
}

/// Reads and checks all that a memory consists of, and fills the empty file `ram` with it.
pub(super) fn unpack(
    folder: &Path,
    places: Places<'_>,
    ram: Option<&File>,
    progress: Progress<'_>,
) -> Result<(), MemoryError> {
    let chain = indexes(folder, None, places)?;
    let count = chain[0].saved.ram_size.0 / PAGE as u64;
    let mut settled = vec![false; usize::try_from(count).unwrap_or(usize::MAX)];
    let mut parts = Vec::new();
    for level in &chain {
        let (packed, table) = level.open()?;
        let mut is_new = |page: &u32| !std::mem::replace(&mut settled[*page as usize], true);
        let wanted = packed.pages.iter().map(&mut is_new).collect();
        for page in table.zero_pages() {
            settled[page as usize] = true;
        }
        parts.push(Part { packed, wanted });
    }
    // All of the memory's own is checked, whatever is wanted of it.
    let items: Vec<(&Part, usize)> = parts
        .iter()
        .flat_map(|part| (0..part.packed.blocks()).map(move |block| (part, block)))
        .filter(|(part, block)| part.is_wanted(*block))
        .collect();
    let of = (items.len() * BLOCK * PAGE) as u64;
    let worker = || {
        let (mut frame, mut bytes) = (Vec::new(), Vec::new());
        move |(part, block): (&Part, usize)| part.unpack(block, ram, &mut frame, &mut bytes)
    };
    crew::share(items.into_iter(), of, worker, progress)
}
