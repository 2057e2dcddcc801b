//! What a qcow2 header and the entries of its tables mean; no file is touched.

use super::layer::Trouble;
use crate::storage::header::{ImageKind, recognise};

/// Bits 9 to 55 of an entry are an offset.
pub(super) const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
const COMPRESSED: u64 = 1 << 62;
const ZEROS: u64 = 1;
/// QEMU's own limit of a first table, bytes.
const MAX_L1: u64 = 32 << 20;
/// The largest disk: 64 TiB.
const MAX_SIZE: u64 = 1 << 46;

/// What a header says about where things lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub size: u64,
    pub cluster_bits: u32,
    /// An entry of a second table has a second word, with a bit for each of 32 parts of a cluster.
    pub extended: bool,
    /// Version 2 has no zero bit.
    has_zeros: bool,
    pub l1_at: u64,
    pub l1_entries: u64,
}

/// What an entry says of a part of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Nothing,
    Zeros,
    /// It lies in the file here, as it is.
    At(u64),
    Packed(Packed),
}

/// A cluster that was compressed with deflate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    pub at: u64,
    /// At most; up to 511 bytes more than there are.
    pub length: usize,
}

impl Shape {
    /// Reads the header in `head`, the first bytes of a file of `length` bytes.
    pub fn of(head: &[u8], length: u64) -> Result<Self, Trouble> {
        let (kind, _) = recognise(head, &[], length).map_err(Trouble::Damaged)?;
        let ImageKind::Qcow2(header) = kind else {
            return Err(Trouble::Damaged("it is no qcow2 image"));
        };
        let refusals = [
            (header.external_data, "its data is in another file"),
            (header.encrypted, "it is encrypted"),
            (header.unknown_features, "it was made by a newer QEMU"),
        ];
        if let Some((_, what)) = refusals.into_iter().find(|(found, _)| *found) {
            return Err(Trouble::Unsupported(what));
        }
        let short = Trouble::Damaged("its header is cut off");
        let (Some(cluster_bits), Some(size), Some(l1_size), Some(l1_at)) = (
            be32(head, 20),
            be64(head, 24),
            be32(head, 36),
            be64(head, 40),
        ) else {
            return Err(short);
        };
        let features = match header.version {
            2 => 0,
            _ => be64(head, 72).ok_or(short)?,
        };
        let extended = features & 0x10 != 0;
        let has_length = features & 0x08 != 0;
        if has_length && head.get(104).is_some_and(|kind| *kind != 0) {
            return Err(Trouble::Unsupported("it is compressed with Zstandard"));
        }
        let shape = Self {
            size,
            cluster_bits,
            extended,
            has_zeros: header.version > 2,
            l1_at,
            l1_entries: size
                .div_ceil(1 << cluster_bits)
                .div_ceil(entries(cluster_bits, extended)),
        };
        shape.check(u64::from(l1_size), length).map(|()| shape)
    }

    fn check(&self, l1_size: u64, length: u64) -> Result<(), Trouble> {
        let table = self.l1_entries.saturating_mul(8);
        let problem = if self.size > MAX_SIZE {
            "its disk is larger than 64 TiB"
        } else if self.extended && self.cluster_bits < 14 {
            "its cluster size is impossible"
        } else if table > MAX_L1 {
            "its first table is too large"
        } else if self.l1_entries > l1_size {
            "its first table is too short"
        } else if !self.l1_at.is_multiple_of(self.cluster()) {
            "its first table lies between clusters"
        } else if self.l1_at.checked_add(table).is_none_or(|end| end > length) {
            "its first table lies outside the file"
        } else {
            return Ok(());
        };
        Err(Trouble::Damaged(problem))
    }

    pub fn cluster(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// The unit that an entry can say something of.
    pub fn part(&self) -> u64 {
        match self.extended {
            true => self.cluster() / 32,
            false => self.cluster(),
        }
    }

    /// Words of 8 bytes in an entry of a second table.
    pub fn words(&self) -> u64 {
        1 + u64::from(self.extended)
    }

    /// Entries of a second table.
    pub fn entries(&self) -> u64 {
        entries(self.cluster_bits, self.extended)
    }

    /// What `entry` of a second table says of part `part` of its cluster; `bits` is its second word.
    pub fn meaning(&self, entry: u64, bits: u64, part: u64) -> Result<Meaning, Trouble> {
        if entry & COMPRESSED != 0 {
            return Ok(Meaning::Packed(self.packed(entry)));
        }
        let at = entry & OFFSET;
        if !at.is_multiple_of(self.cluster()) {
            return Err(Trouble::Damaged("its data lies between clusters"));
        }
        if !self.extended {
            return Ok(match (self.has_zeros && entry & ZEROS != 0, at) {
                (true, _) => Meaning::Zeros,
                (false, 0) => Meaning::Nothing,
                (false, at) => Meaning::At(at),
            });
        }
        let data = bits & (1 << part) != 0;
        let zeros = bits & (1 << (part + 32)) != 0;
        match (data, zeros, at) {
            (true, true, _) | (true, false, 0) => {
                Err(Trouble::Damaged("it contradicts itself about a piece"))
            }
            (false, true, _) => Ok(Meaning::Zeros),
            (false, false, _) => Ok(Meaning::Nothing),
            (true, false, at) => Ok(Meaning::At(at + part * self.part())),
        }
    }

    fn packed(&self, entry: u64) -> Packed {
        let bits = 62 - (self.cluster_bits - 8);
        let at = entry & ((1 << bits) - 1);
        let sectors = (entry & (COMPRESSED - 1)) >> bits;
        Packed {
            at,
            // At most two clusters: the field for the sectors is that narrow.
            length: ((sectors + 1) * 512 - at % 512) as usize,
        }
    }
}

fn entries(cluster_bits: u32, extended: bool) -> u64 {
    (1 << cluster_bits) / if extended { 16 } else { 8 }
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
