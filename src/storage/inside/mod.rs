//! What is inside a disk: partitions, file systems, folders, files. Read only, and only in the jail.
//!
//! The crates that know ext4, FAT and NTFS see a partition through a [`Window`], which bounds where
//! and how long they read. Folders are visited one at a time by where they lie, never by following
//! a link; names are bytes until they are shown.

mod ext;
mod fat;
mod ntfs;
mod table;
pub(super) mod walk;
mod window;

use std::io;
use std::ops::ControlFlow;

use crate::model::{DifferenceNote, FileSort, FileSystem};
pub(super) use table::{Slot, partitions};
pub(super) use window::{Disk, Window};

/// Where a folder or file lies, for the file system that told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A path of real folders.
    Path(Vec<u8>),
    /// A number in the file system's own table.
    Record(u64),
}

/// When something was written, as the guest's clock had it: seconds since 1970, nanoseconds.
pub(super) type Moment = (i64, u32);

/// An entry of a folder.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// As it lies there; UTF-8 in most cases.
    pub name: Vec<u8>,
    pub kind: FileSort,
    /// Bytes of a file, 0 of anything else.
    pub size: u64,
    pub modified: Option<Moment>,
    pub place: Place,
}

/// A file system that can be read.
pub(super) trait Tree {
    fn root(&self) -> Place;

    /// Calls `each` with every entry of a folder; breaking ends it.
    fn entries(
        &mut self,
        folder: &Place,
        each: &mut dyn FnMut(Node) -> ControlFlow<()>,
    ) -> io::Result<()>;

    /// Gives a file's bytes in order.
    fn content(
        &mut self,
        file: &Place,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()>;

    fn notes(&self) -> Vec<DifferenceNote>;
}

/// The file system in `window`, if it is one whose files can be read.
pub(super) fn open(kind: FileSystem, window: Window) -> io::Result<Box<dyn Tree>> {
    match kind {
        FileSystem::Ext => Ok(Box::new(ext::Ext::open(window)?)),
        FileSystem::Fat => Ok(Box::new(fat::Fat::open(window)?)),
        FileSystem::Ntfs => Ok(Box::new(ntfs::NtFiles::open(window)?)),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
pub(super) mod tests;
