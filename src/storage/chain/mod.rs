//! Reads a disk out of the files of its chain: read only, bounded, and following no name in a header.
//!
//! Each file is given open, base first. Which layer holds a piece of the disk comes from the layers'
//! own tables; what they name (backing files, data files) is never looked at. Anything hostile in a
//! table is an error or wrong content, never a loop: a piece is at most two look-ups away.
//!
//! Format: QEMU's docs/interop/qcow2.rst, versions 2 and 3.

mod layer;
mod table;

use std::fs::File;
use std::io;
use std::ops::ControlFlow;

use crate::model::ImageFormat;
use layer::{Layer, Piece};

/// Layers of one chain. A deeper one is refused; the app offers to flatten long before.
const MAX_LAYERS: usize = 256;
/// Memory for the first tables of a chain's layers together, bytes. A disk of 64 TiB takes 1 MiB.
const MAX_TABLES: u64 = 64 << 20;

/// Why a chain could not be read. Layers count from 1, the base.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    #[error("layer {layer} of the disk could not be read: {source}")]
    Read { layer: usize, source: io::Error },
    #[error("layer {layer} of the disk is damaged: {problem}")]
    Damaged { layer: usize, problem: &'static str },
    #[error("layer {layer} of the disk can't be read: {what}")]
    Unsupported { layer: usize, what: &'static str },
    #[error("a disk of {0} layers is deeper than the {MAX_LAYERS} that can be read")]
    TooDeep(usize),
    #[error("the disk has no layer")]
    Empty,
}

impl From<ChainError> for io::Error {
    fn from(error: ChainError) -> Self {
        Self::other(error)
    }
}

/// Which layer holds a range of the disk, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First byte and length, as the guest sees them.
    pub start: u64,
    pub length: u64,
    pub held: Held,
}

/// What is known of a range before its bytes are read. Layers count from 0, the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// No layer has it: zeros.
    Nowhere,
    /// This layer says that it is zeros.
    Zeros {
        layer: usize,
    },
    Data {
        layer: usize,
    },
}

/// A disk as the guest sees it.
#[derive(Debug)]
pub struct Chain {
    /// Base first.
    layers: Vec<Layer>,
}

impl Chain {
    /// Opens a chain from its files, base first. Only the base may be raw.
    pub fn open(files: Vec<(File, ImageFormat)>) -> Result<Self, ChainError> {
        if files.is_empty() {
            return Err(ChainError::Empty);
        }
        if files.len() > MAX_LAYERS {
            return Err(ChainError::TooDeep(files.len()));
        }
        let mut room = MAX_TABLES;
        let mut layers = Vec::new();
        for (place, (file, format)) in files.into_iter().enumerate() {
            let opened = match format {
                ImageFormat::Raw if place > 0 => {
                    Err(layer::Trouble::Unsupported("a raw image rests on nothing"))
                }
                ImageFormat::Raw => Layer::raw(file),
                ImageFormat::Qcow2 => Layer::qcow2(file, &mut room),
            };
            layers.push(opened.map_err(|trouble| trouble.of(place))?);
        }
        Ok(Self { layers })
    }

    /// Bytes of the disk: what its top says.
    pub fn size(&self) -> u64 {
        self.layers.last().map_or(0, Layer::size)
    }

    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// Fills `buffer` from `offset`. What lies behind the end is zeros.
    pub fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), ChainError> {
        let mut done = 0;
        while done < buffer.len() {
            let at = offset.saturating_add(done as u64);
            let wanted = (buffer.len() - done) as u64;
            let (found, run) = self.find(at, wanted)?;
            let part = &mut buffer[done..done + run as usize];
            match found {
                Some((place, Piece::Data(source))) => {
                    let read = self.layers[place].read(source, part);
                    read.map_err(|trouble| trouble.of(place))?;
                }
                _ => part.fill(0),
            }
            done += run as usize;
        }
        Ok(())
    }

    /// Tells of each range in turn which layer holds it; breaking ends it.
    pub fn map(
        &mut self,
        each: &mut dyn FnMut(Extent) -> ControlFlow<()>,
    ) -> Result<(), ChainError> {
        let size = self.size();
        let mut pending: Option<Extent> = None;
        let mut at = 0;
        while at < size {
            let (found, length) = self.find(at, size - at)?;
            let held = match found {
                None | Some((_, Piece::Nothing)) => Held::Nowhere,
                Some((layer, Piece::Zeros)) => Held::Zeros { layer },
                Some((layer, Piece::Data(_))) => Held::Data { layer },
            };
            match &mut pending {
                Some(last) if last.held == held => last.length += length,
                _ => {
                    let next = Extent {
                        start: at,
                        length,
                        held,
                    };
                    if pending
                        .replace(next)
                        .is_some_and(|last| each(last).is_break())
                    {
                        return Ok(());
                    }
                }
            }
            at += length;
        }
        // Nothing comes after it that a break could stop.
        pending.map(each);
        Ok(())
    }

    /// Whether a layer holds nothing at all itself: the chain without it is the same disk.
    pub fn is_pristine(&mut self, layer: usize) -> Result<bool, ChainError> {
        Ok(self.first_held(layer, 0)?.is_none())
    }

    /// Bytes of data that a layer holds itself, without zeros that it only says.
    pub fn own_bytes(&mut self, layer: usize) -> Result<u64, ChainError> {
        let Some(found) = self.layers.get_mut(layer) else {
            return Ok(0);
        };
        found.own_bytes().map_err(|trouble| trouble.of(layer))
    }

    /// Where the first byte at or after `from` is that `layer` itself says something of.
    pub(super) fn first_held(
        &mut self,
        layer: usize,
        from: u64,
    ) -> Result<Option<u64>, ChainError> {
        let Some(found) = self.layers.get_mut(layer) else {
            return Ok(None);
        };
        found.first_held(from).map_err(|trouble| trouble.of(layer))
    }

    /// The topmost layer that says something of the byte `at`, what it says, and for how many
    /// bytes that stays so, at most `limit`. `limit` must not be 0.
    fn find(&mut self, at: u64, limit: u64) -> Result<(Option<(usize, Piece)>, u64), ChainError> {
        let mut run = limit;
        for (place, layer) in self.layers.iter_mut().enumerate().rev() {
            // What is below a layer's end can't be seen through it.
            if at >= layer.size() {
                return Ok((None, run));
            }
            let (piece, length) = layer.piece(at).map_err(|trouble| trouble.of(place))?;
            run = run.min(length);
            if piece != Piece::Nothing {
                return Ok((Some((place, piece)), run));
            }
        }
        Ok((None, run))
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
