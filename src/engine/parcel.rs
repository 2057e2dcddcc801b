//! Content that is too large for a message and goes beside it: a file in memory.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use rustix::fs::{FileType, MemfdFlags};

use crate::model::{Clip, ClipKind};

/// See the module's text. Empty once it came without its file.
#[derive(Clone, Debug, Default)]
pub struct Parcel(Option<Arc<OwnedFd>>);

/// The same file, whatever is in it.
impl PartialEq for Parcel {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

impl Eq for Parcel {}

impl From<OwnedFd> for Parcel {
    fn from(file: OwnedFd) -> Self {
        Self(Some(Arc::new(file)))
    }
}

impl Parcel {
    pub fn of(bytes: &[u8]) -> io::Result<Self> {
        Ok(pack(bytes)?.into())
    }

    /// What goes along with the message.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(|file| file.as_fd())
    }

    /// The content. Fails with `InvalidData` if it is longer than `limit` bytes.
    pub fn unpack(&self, limit: u64) -> io::Result<Vec<u8>> {
        let missing = || io::Error::new(io::ErrorKind::InvalidData, "the content is missing");
        unpack(self.fd().ok_or_else(missing)?, limit)
    }
}

/// A file in memory with `bytes` in it.
pub fn pack(bytes: &[u8]) -> io::Result<OwnedFd> {
    let file = rustix::fs::memfd_create("orangery-parcel", MemfdFlags::CLOEXEC)?;
    let file = File::from(file);
    file.write_all_at(bytes, 0)?;
    Ok(file.into())
}

/// What came from a guest's clipboard.
pub fn clip(kind: ClipKind, file: BorrowedFd<'_>) -> io::Result<Clip> {
    let bytes = unpack(file, kind.limit().0)?.into();
    Ok(Clip { kind, bytes })
}

/// What such a file holds.
pub fn unpack(file: BorrowedFd<'_>, limit: u64) -> io::Result<Vec<u8>> {
    let wrong = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let file = File::from(file.try_clone_to_owned()?);
    let found = rustix::fs::fstat(&file)?;
    let size = u64::try_from(found.st_size).unwrap_or(u64::MAX);
    // Reading a pipe would wait for whoever sent it.
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Err(wrong("the content is no file"));
    }
    if size > limit {
        return Err(wrong("the content is too large"));
    }
    let mut bytes = vec![0; usize::try_from(size).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_unless_it_is_too_large_or_no_file() {
        let parcel = Parcel::of(b"hello").unwrap();
        assert_eq!(parcel.unpack(5).unwrap(), b"hello");
        assert_eq!(
            parcel.unpack(4).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
        let (reader, _writer) = std::io::pipe().unwrap();
        assert!(Parcel::from(OwnedFd::from(reader)).unpack(5).is_err());
        assert!(Parcel::default().unpack(5).is_err());
    }
}
