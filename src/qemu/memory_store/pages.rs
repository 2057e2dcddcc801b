//! Pages as format 1 kept them: a sparse file of the memory's length, with one checksum.
//!
//! The checksum covers the bytes of each page that is not all zero, in order, then the BLAKE3 of
//! their offsets (8 bytes each, little endian). So it does not depend on where the file system
//! keeps holes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::scan::{PAGE, next_data};
use super::{Content, MemoryError, Progress, at, damaged};
use crate::model::ByteSize;

/// Read at once; also how often progress is told, bytes.
const PIECE: usize = 1 << 20;

/// Checks `path`, and fills the empty memory file `ram` from it.
pub(super) fn copy(
    path: &Path,
    ram: Option<&File>,
    size: ByteSize,
    content: &Content,
    progress: Progress<'_>,
) -> Result<(), MemoryError> {
    let file = File::open(path).map_err(at(path))?;
    let length = file.metadata().map_err(at(path))?.len();
    if length != size.0 {
        return Err(damaged(&format!(
            "{length} bytes of memory where {} were saved",
            size.0
        )));
    }
    let mut sum = Sum::default();
    let mut buffer = vec![0; PIECE];
    let mut offset = 0;
    while let Some((start, end)) = next_data(&file, offset, size.0).map_err(at(path))? {
        offset = start - start % PAGE as u64;
        while offset < end {
            let left = usize::try_from(size.0 - offset).unwrap_or(usize::MAX);
            let piece = &mut buffer[..left.min(PIECE)];
            file.read_exact_at(piece, offset).map_err(at(path))?;
            copy_piece(piece, offset, ram, &mut sum).map_err(at(path))?;
            offset += piece.len() as u64;
            if progress(offset, size.0).is_break() {
                return Err(MemoryError::Cancelled);
            }
        }
    }
    if sum.finish() == *content {
        Ok(())
    } else {
        Err(damaged("the memory is not what was written"))
    }
}

/// The checksum so far; see the file's text.
#[derive(Default)]
pub(super) struct Sum {
    bytes: u64,
    pages: blake3::Hasher,
    offsets: blake3::Hasher,
}

impl Sum {
    /// Takes a run of used pages that begins at `offset`.
    pub(super) fn add(&mut self, run: &[u8], offset: u64) {
        self.bytes += run.len() as u64;
        self.pages.update(run);
        for page in (offset..offset + run.len() as u64).step_by(PAGE) {
            self.offsets.update(&page.to_le_bytes());
        }
    }

    pub(super) fn finish(mut self) -> Content {
        self.pages.update(self.offsets.finalize().as_bytes());
        Content {
            bytes: self.bytes,
            hash: self.pages.finalize().to_hex().to_string(),
        }
    }
}

/// Takes the used pages, run by run.
fn copy_piece(piece: &[u8], offset: u64, ram: Option<&File>, sum: &mut Sum) -> io::Result<()> {
    let is_used = |page: &[u8]| page.iter().any(|byte| *byte != 0);
    let pages: Vec<&[u8]> = piece.chunks(PAGE).collect();
    let mut start = 0;
    for run in pages.chunk_by(|one, next| is_used(one) == is_used(next)) {
        let length: usize = run.iter().map(|page| page.len()).sum();
        if is_used(run[0]) {
            let (run, place) = (&piece[start..start + length], offset + start as u64);
            sum.add(run, place);
            ram.map_or(Ok(()), |ram| ram.write_all_at(run, place))?;
        }
        start += length;
    }
    Ok(())
}
