//! Which pages a memory's own file holds, with their hashes: `pages.table`.
//!
//! All numbers little endian: 8 bytes of magic; the machine's pages (8); how many runs of own
//! pages (4) and of pages that are zero here and were not in the base (4); the runs, own ones first,
//! each a first page (4) and a count (4), in order and apart; the hash (16) of each own page. A page
//! that is in neither is as in the base, or zero where there is none.

use super::scan::PageHash;

const MAGIC: &[u8; 8] = b"OrgPage2";
const HEAD: usize = 24;

/// Neighbouring pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u32,
    pub(super) count: u32,
}

/// See the file's text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// The machine's.
    pages: u64,
    own: Vec<Run>,
    zero: Vec<Run>,
    /// Of the own pages.
    pub(super) hashes: Vec<u128>,
}

impl Table {
    /// What a memory with these hashes holds itself.
    pub(super) fn new(hashes: &[u128], hash: PageHash, base: Option<&[u128]>) -> Self {
        let mut table = Self {
            pages: hashes.len() as u64,
            own: Vec::new(),
            zero: Vec::new(),
            hashes: Vec::new(),
        };
        for (page, is) in hashes.iter().enumerate() {
            let was = base.map_or(hash.zero, |base| base[page]);
            if *is == was {
                continue;
            }
            let runs = if *is == hash.zero {
                &mut table.zero
            } else {
                table.hashes.push(*is);
                &mut table.own
            };
            // The most pages that a memory may have are fewer.
            let page = u32::try_from(page).unwrap_or(u32::MAX);
            match runs.last_mut() {
                Some(run) if run.first + run.count == page => run.count += 1,
                Some(_) | None => runs.push(Run {
                    first: page,
                    count: 1,
                }),
            }
        }
        table
    }

    /// The numbers of the own pages, in order.
    pub(super) fn own_pages(&self) -> Vec<u32> {
        pages_of(&self.own).collect()
    }

    pub(super) fn zero_pages(&self) -> impl Iterator<Item = u32> {
        pages_of(&self.zero)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let runs = self.own.len() + self.zero.len();
        let mut bytes = Vec::with_capacity(HEAD + 8 * runs + 16 * self.hashes.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.pages.to_le_bytes());
        for runs in [&self.own, &self.zero] {
            let count = u32::try_from(runs.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&count.to_le_bytes());
        }
        for run in self.own.iter().chain(&self.zero) {
            bytes.extend_from_slice(&run.first.to_le_bytes());
            bytes.extend_from_slice(&run.count.to_le_bytes());
        }
        for hash in &self.hashes {
            bytes.extend_from_slice(&hash.to_le_bytes());
        }
        bytes
    }

    /// Reads a table of a machine with `pages` pages; `None` if it is none.
    pub(super) fn decode(bytes: &[u8], pages: u64) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (head, rest) = rest.split_first_chunk::<16>()?;
        let head = u128::from_le_bytes(*head);
        let count = |shift: u32| usize::try_from((head >> shift) as u32).ok();
        let (own, zero) = (count(64)?, count(96)?);
        if head as u64 != pages {
            return None;
        }
        let (own, rest) = decode_runs(rest, own, pages)?;
        let (zero, rest) = decode_runs(rest, zero, pages)?;
        let (hashes, odd) = rest.as_chunks::<16>();
        let expected: u64 = own.iter().map(|run| u64::from(run.count)).sum();
        if !odd.is_empty() || hashes.len() as u64 != expected {
            return None;
        }
        Some(Self {
            pages,
            own,
            zero,
            hashes: hashes
                .iter()
                .map(|hash| u128::from_le_bytes(*hash))
                .collect(),
        })
    }
}

fn pages_of(runs: &[Run]) -> impl Iterator<Item = u32> {
    runs.iter()
        .flat_map(|run| run.first..run.first.saturating_add(run.count))
}

/// Reads `count` runs that stand in order, apart and within `pages`; gives what follows them.
fn decode_runs(bytes: &[u8], count: usize, pages: u64) -> Option<(Vec<Run>, &[u8])> {
    let (runs, rest) = bytes.split_at_checked(count.checked_mul(8)?)?;
    let (runs, _) = runs.as_chunks::<8>();
    let mut free = 0;
    let runs = runs.iter().map(|run| {
        let run = u64::from_le_bytes(*run);
        let (first, count) = (run as u32, (run >> 32) as u32);
        let end = u64::from(first) + u64::from(count);
        let fits = count > 0 && u64::from(first) >= free && end <= pages;
        free = end;
        fits.then_some(Run { first, count })
    });
    Some((runs.collect::<Option<Vec<Run>>>()?, rest))
}
