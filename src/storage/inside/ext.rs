//! ext2, ext3 and ext4, by the crate `ext4-view`.

use std::error::Error;
use std::io;
use std::ops::ControlFlow;

use ext4_view::{Ext4, Ext4Read, FileType};

use super::{Node, Place, Tree, Window};
use crate::model::{DifferenceNote, FileSort};

const SUPERBLOCK: u64 = 1024;
/// In the superblock: features without which it can't be read, those for writing, its checksum.
const INCOMPAT: usize = 0x60;
const RO_COMPAT: usize = 0x64;
const CHECKSUM: usize = 0x3fc;
/// Low and high half of the number of blocks; blocks in a group.
const BLOCKS: [usize; 2] = [0x4, 0x150];
const GROUP: usize = 0x20;
/// Groups that a disk of 64 TiB has with the smallest usual ones; the crate keeps all in memory.
const MAX_GROUPS: u64 = 1 << 20;
/// "The journal must be replayed."
const RECOVERY: u8 = 4;
/// Superblock and others have checksums: bit 10.
const METADATA_CHECKSUMS: u8 = 4;
/// What a file is read in.
const PIECE: usize = 64 << 10;

pub(super) struct Ext {
    fs: Ext4,
    notes: Vec<DifferenceNote>,
}

impl Ext {
    pub fn open(window: Window) -> io::Result<Self> {
        let superblock = window.look(SUPERBLOCK, 1024)?;
        if groups(&superblock).is_none_or(|groups| groups > MAX_GROUPS) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let unclean = superblock
            .get(INCOMPAT)
            .is_some_and(|bits| bits & RECOVERY != 0);
        let load = |without_journal| {
            let source = Source {
                window: window.clone(),
                without_journal,
            };
            Ext4::load(Box::new(source))
        };
        match load(false) {
            Ok(fs) => Ok(Self {
                fs,
                notes: Vec::from_iter(unclean.then_some(DifferenceNote::JournalApplied)),
            }),
            Err(_) if unclean => Ok(Self {
                fs: load(true)?,
                notes: vec![DifferenceNote::JournalIgnored],
            }),
            Err(error) => Err(error.into()),
        }
    }
}

/// How many groups of blocks a superblock claims.
fn groups(superblock: &[u8]) -> Option<u64> {
    let le32 = |at: usize| {
        let bytes = superblock.get(at..at + 4)?;
        Some(u64::from(u32::from_le_bytes(bytes.try_into().ok()?)))
    };
    let [low, high] = BLOCKS;
    (le32(low)? | le32(high)? << 32).checked_div(le32(GROUP)?)
}

impl Tree for Ext {
    fn root(&self) -> Place {
        Place::Path(b"/".to_vec())
    }

    fn entries(
        &mut self,
        folder: &Place,
        each: &mut dyn FnMut(Node) -> ControlFlow<()>,
    ) -> io::Result<()> {
        for entry in self.fs.read_dir(path(folder)?)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == b"." || name == b".." {
                continue;
            }
            let (kind, size, modified) = match entry.metadata() {
                Ok(data) => {
                    let written = data.modified();
                    let modified = Some((written.seconds(), written.nanoseconds()));
                    match data.file_type() {
                        FileType::Directory => (FileSort::Folder, 0, modified),
                        FileType::Regular => (FileSort::File, data.len(), modified),
                        FileType::Symlink => (FileSort::Link, 0, modified),
                        _ => (FileSort::Other, 0, modified),
                    }
                }
                Err(_) => (FileSort::Other, 0, None),
            };
            let node = Node {
                name: name.as_ref().to_vec(),
                kind,
                size,
                modified,
                place: Place::Path(entry.path().as_ref().to_vec()),
            };
            if each(node).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn content(
        &mut self,
        file: &Place,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut file = self.fs.open(path(file)?)?;
        let mut piece = vec![0; PIECE];
        loop {
            // It gives a block at a time.
            let mut filled = 0;
            while filled < piece.len() {
                match file.read_bytes(&mut piece[filled..])? {
                    0 => break,
                    count => filled += count,
                }
            }
            sink(&piece[..filled])?;
            if filled < piece.len() {
                return Ok(());
            }
        }
    }

    fn notes(&self) -> Vec<DifferenceNote> {
        self.notes.clone()
    }
}

fn path(place: &Place) -> io::Result<&[u8]> {
    match place {
        Place::Path(path) => Ok(path),
        Place::Record(_) => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// The partition, on request without the mark that its journal must be replayed.
struct Source {
    window: Window,
    without_journal: bool,
}

impl Ext4Read for Source {
    fn read(
        &mut self,
        start: u64,
        bytes: &mut [u8],
    ) -> Result<(), Box<dyn Error + Send + Sync + 'static>> {
        let found = self.window.look(start, bytes.len())?;
        if found.len() < bytes.len() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        bytes.copy_from_slice(&found);
        if self.without_journal && start == SUPERBLOCK && bytes.len() > CHECKSUM + 3 {
            bytes[INCOMPAT] &= !RECOVERY;
            if bytes[RO_COMPAT + 1] & METADATA_CHECKSUMS != 0 {
                let sum = crc32c(&bytes[..CHECKSUM]);
                bytes[CHECKSUM..CHECKSUM + 4].copy_from_slice(&sum.to_le_bytes());
            }
        }
        Ok(())
    }
}

/// CRC-32C without the final inversion, as ext4 stores it.
fn crc32c(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg())
        })
    })
}
