//! Which blocks differ between two chains.
//!
//! Chains that begin with the same layers can only differ where a layer above those says
//! something. There the content is compared: a block written anew with what it held is no change.

use std::ops::ControlFlow;

use crate::model::DiskRange;
use crate::storage::chain::{Chain, ChainError};

/// What is compared at once.
pub(super) const BLOCK: u64 = 64 << 10;

/// Compares two chains whose first `shared` layers are the same files.
///
/// `told` gets how many bytes were compared of how many, and the block if it differs; breaking
/// ends it.
pub(super) fn compare(
    before: &mut Chain,
    after: &mut Chain,
    shared: usize,
    told: &mut dyn FnMut(u64, u64, Option<DiskRange>) -> ControlFlow<()>,
) -> Result<(), ChainError> {
    let size = before.size().max(after.size());
    let mut total = 0;
    let mut count = Candidates::new(before, after, shared);
    while count.next(before, after)?.is_some() {
        total += BLOCK;
    }
    let mut done = 0;
    let mut candidates = Candidates::new(before, after, shared);
    let mut old = vec![0; BLOCK as usize];
    let mut new = old.clone();
    while let Some(start) = candidates.next(before, after)? {
        before.read_at(start, &mut old)?;
        after.read_at(start, &mut new)?;
        done += BLOCK;
        let differs = (old != new).then_some(DiskRange {
            start,
            length: BLOCK.min(size - start),
        });
        if told(done, total.max(done), differs).is_break() {
            break;
        }
    }
    Ok(())
}

/// Starts of blocks that may differ, in order.
struct Candidates {
    at: u64,
    size: u64,
    /// For each layer that only one chain has: whether it is of the one before, its place, and
    /// where it next says something.
    layers: Vec<(bool, usize, u64)>,
}

impl Candidates {
    fn new(before: &Chain, after: &Chain, shared: usize) -> Self {
        let of = |chain: &Chain, old| (shared..chain.depth()).map(move |place| (old, place, 0));
        Self {
            at: 0,
            size: before.size().max(after.size()),
            layers: of(before, true).chain(of(after, false)).collect(),
        }
    }

    fn next(&mut self, before: &mut Chain, after: &mut Chain) -> Result<Option<u64>, ChainError> {
        let mut nearest = u64::MAX;
        for (old, place, next) in &mut self.layers {
            if *next < self.at || self.at == 0 {
                let chain = if *old { &mut *before } else { &mut *after };
                *next = chain.first_held(*place, self.at)?.unwrap_or(u64::MAX);
            }
            nearest = nearest.min(*next);
        }
        if nearest >= self.size {
            return Ok(None);
        }
        let start = nearest / BLOCK * BLOCK;
        self.at = start + BLOCK;
        Ok(Some(start))
    }
}
