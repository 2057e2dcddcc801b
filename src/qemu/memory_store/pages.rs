//! Copies a guest's used pages between its memory file and a sparse file, with a checksum.
//!
//! The checksum covers the bytes of each page that is not all zero, in order, then the BLAKE3 of
//! their offsets (8 bytes each, little endian). So it does not depend on where the file system
//! keeps holes. The offsets are apart because whole runs of pages hash several times faster.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::SeekFrom;

use super::{Content, MemoryError, Progress, at};
use crate::model::ByteSize;

const PAGE: usize = 4096;
/// Read at once; also how often progress is told, bytes.
const PIECE: usize = 1 << 20;

/// Writes the used pages of `ram` into `file`.
pub(super) fn copy_out(
    ram: &File,
    file: &File,
    size: ByteSize,
    path: &Path,
    progress: Progress<'_>,
) -> Result<Content, MemoryError> {
    file.set_len(size.0).map_err(at(path))?;
    copy(ram, file, size, path, progress)
}

/// Fills the empty memory file `ram` from `path` and compares the checksum.
pub(super) fn copy_in(
    path: &Path,
    ram: &File,
    size: ByteSize,
    content: &Content,
    progress: Progress<'_>,
) -> Result<(), MemoryError> {
    let file = File::open(path).map_err(at(path))?;
    let length = file.metadata().map_err(at(path))?.len();
    let found = ram.metadata().map_err(at(path))?.len();
    if length != size.0 || found != size.0 {
        return Err(MemoryError::Damaged {
            what: format!("{} bytes of memory where {} were saved", length, size.0),
        });
    }
    if copy(&file, ram, size, path, progress)? == *content {
        Ok(())
    } else {
        Err(MemoryError::Damaged {
            what: "the memory is not what was written".to_owned(),
        })
    }
}

/// Copies what is neither hole nor zero from one file to the same offsets of another.
fn copy(
    from: &File,
    to: &File,
    size: ByteSize,
    path: &Path,
    progress: Progress<'_>,
) -> Result<Content, MemoryError> {
    let mut sum = Sum::default();
    let mut buffer = vec![0; PIECE];
    let mut bytes = 0;
    let mut offset = 0;
    while let Some((start, end)) = next_data(from, offset, size.0).map_err(at(path))? {
        offset = start - start % PAGE as u64;
        while offset < end {
            let left = usize::try_from(size.0 - offset).unwrap_or(usize::MAX);
            let piece = &mut buffer[..left.min(PIECE)];
            from.read_exact_at(piece, offset).map_err(at(path))?;
            bytes += copy_piece(piece, offset, to, &mut sum).map_err(at(path))?;
            offset += piece.len() as u64;
            if progress(offset, size.0).is_break() {
                return Err(MemoryError::Cancelled);
            }
        }
    }
    if progress(size.0, size.0).is_break() {
        return Err(MemoryError::Cancelled);
    }
    Ok(Content {
        bytes,
        hash: sum.finish(),
    })
}

/// The checksum so far; see the module's text.
#[derive(Default)]
struct Sum {
    pages: blake3::Hasher,
    offsets: blake3::Hasher,
}

impl Sum {
    /// Takes a run of used pages that begins at `offset`.
    fn add(&mut self, run: &[u8], offset: u64) {
        self.pages.update(run);
        for page in (offset..offset + run.len() as u64).step_by(PAGE) {
            self.offsets.update(&page.to_le_bytes());
        }
    }

    fn finish(mut self) -> String {
        self.pages.update(self.offsets.finalize().as_bytes());
        self.pages.finalize().to_hex().to_string()
    }
}

/// Writes the runs of used pages in one piece; gives their bytes.
fn copy_piece(piece: &[u8], offset: u64, to: &File, sum: &mut Sum) -> io::Result<u64> {
    let mut written = 0;
    let mut take = |begin: usize, end: usize| {
        let (run, place) = (&piece[begin..end], offset + begin as u64);
        sum.add(run, place);
        written += run.len() as u64;
        to.write_all_at(run, place)
    };
    let mut run: Option<usize> = None;
    for (index, page) in piece.chunks(PAGE).enumerate() {
        let start = index * PAGE;
        if !is_zero(page) {
            run.get_or_insert(start);
        } else if let Some(begin) = run.take() {
            take(begin, start)?;
        }
    }
    if let Some(begin) = run {
        take(begin, piece.len())?;
    }
    Ok(written)
}

fn is_zero(page: &[u8]) -> bool {
    let (words, rest) = page.as_chunks::<16>();
    words.iter().all(|word| u128::from_ne_bytes(*word) == 0) && rest.iter().all(|byte| *byte == 0)
}

/// The next part of `file` from `offset` on that is no hole, within `size`.
fn next_data(file: &File, offset: u64, size: u64) -> io::Result<Option<(u64, u64)>> {
    if offset >= size {
        return Ok(None);
    }
    let start = match rustix::fs::seek(file, SeekFrom::Data(offset)) {
        Ok(start) if start < size => start,
        Ok(_) | Err(rustix::io::Errno::NXIO) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    let end = rustix::fs::seek(file, SeekFrom::Hole(start))?;
    Ok(Some((start, end.min(size))))
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::qemu::memory;

    fn memory(size: ByteSize) -> File {
        File::from(memory::create(size).unwrap())
    }

    fn go_on(_: u64, _: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn used_pages_survive_and_zero_pages_stay_holes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages");
        let size = ByteSize::mib(64);
        let ram = memory(size);
        ram.write_all_at(b"low", 0).unwrap();
        ram.write_all_at(&[7; 10_000], (5 << 20) - 100).unwrap();
        ram.write_all_at(&[0; 1 << 20], 20 << 20).unwrap();
        ram.write_all_at(b"high", size.0 - 4).unwrap();
        let content = {
            let file = super::super::create(&path).unwrap();
            copy_out(&ram, &file, size, &path, &mut go_on).unwrap()
        };
        assert_eq!(content.bytes, 6 * 4096);
        let again = memory(size);
        copy_in(&path, &again, size, &content, &mut go_on).unwrap();
        let whole = |file: &File| {
            let mut bytes = vec![0; usize::try_from(size.0).unwrap()];
            file.read_exact_at(&mut bytes, 0).unwrap();
            bytes
        };
        assert!(whole(&ram) == whole(&again));
        // One changed bit is noticed.
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(b"L", 0).unwrap();
        let damaged = copy_in(&path, &memory(size), size, &content, &mut go_on);
        assert!(matches!(damaged, Err(MemoryError::Damaged { .. })));
    }

    #[test]
    fn a_copy_can_be_cancelled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages");
        let size = ByteSize::mib(4);
        let ram = memory(size);
        ram.write_all_at(&[1; 2 << 20], 0).unwrap();
        let file = super::super::create(&path).unwrap();
        let mut cancel = |_, _| ControlFlow::Break(());
        let ended = copy_out(&ram, &file, size, &path, &mut cancel);
        assert!(matches!(ended, Err(MemoryError::Cancelled)));
    }
}
