//! Writes new qcow2 layers without running anything: empty, on a backing file, or with content.
//!
//! Format: docs/interop/qcow2.rst of QEMU, version 3, 64 KiB clusters, 16-bit refcounts. Order in
//! the file: header, refcount table, refcount blocks, L1 table, L2 tables, data.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{self, Mode, OFlags};

use crate::model::{ByteSize, ImageFormat};
use crate::step;

const CLUSTER: u64 = 1 << 16;
/// 8-byte entries in a table of one cluster.
const ENTRIES: u64 = CLUSTER / 8;
/// 2-byte refcounts in a block of one cluster.
const REFCOUNTS: u64 = CLUSTER / 2;
/// Reference count is exactly one.
const COPIED: u64 = 1 << 63;
/// The largest disk: 64 TiB.
const SIZE_LIMIT: u64 = 1 << 46;
/// Longest backing file name in a qcow2 header.
const BACKING_LIMIT: usize = 1023;

/// What a new layer rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backing {
    /// Relative to the new file's folder.
    pub path: String,
    pub format: ImageFormat,
}

/// A layer to be written.
#[derive(Clone, Debug, Default)]
pub struct NewLayer<'a> {
    /// What the guest sees; rounded up to 512 bytes.
    pub size: ByteSize,
    pub backing: Option<Backing>,
    /// The disk's first bytes; the rest is zero, or the backing file's.
    pub content: &'a [u8],
}

/// Why a layer was not written.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    #[error("“{}” could not be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("a disk of {size} can't be made; 512 bytes to 64 TiB are possible")]
    Size { size: ByteSize },
    #[error("the disk is {size}, its content {content}")]
    ContentTooLong { size: ByteSize, content: ByteSize },
    #[error("the backing file's path is longer than {BACKING_LIMIT} bytes or absolute")]
    BackingPath,
}

/// Writes a new qcow2 file, 0600, and syncs it and its folder. An existing file is refused.
pub fn write_layer(path: &Path, layer: &NewLayer<'_>) -> Result<(), LayerError> {
    let plan = Plan::new(layer)?;
    let failed = |source: io::Error| LayerError::Write {
        path: path.to_owned(),
        source,
    };
    step::write(path).map_err(failed)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file =
        fs::open(path, flags, Mode::RUSR | Mode::WUSR).map_err(|error| failed(error.into()))?;
    let mut file = File::from(file);
    let done = plan
        .write(&mut file, layer)
        .and_then(|()| file.sync_all())
        .and_then(|()| sync_parent(path));
    if done.is_err() {
        // The error that counts is the first one.
        std::fs::remove_file(path).ok();
    }
    done.map_err(failed)
}

/// Whether nothing was ever written to a layer that [`write_layer`] made without content: its table of tables is empty.
pub fn is_untouched(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::FileExt as _;
    let file = File::open(path)?;
    let mut header = [0; 48];
    file.read_exact_at(&mut header, 0)?;
    let long = |at: usize| header[at..at + 8].try_into().map(u64::from_be_bytes);
    let entries = long(32).map_or(u64::MAX, |both| both & 0xffff_ffff);
    let (Ok(at), true) = (long(40), entries <= SIZE_LIMIT / (CLUSTER * ENTRIES)) else {
        return Ok(false);
    };
    let mut table = vec![0; entries as usize * 8];
    file.read_exact_at(&mut table, at)?;
    Ok(table.iter().all(|byte| *byte == 0))
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Where everything goes, in clusters.
struct Plan {
    size: u64,
    /// Numbers of the content's clusters that are not all zero.
    data: Vec<u64>,
    /// Numbers of the L2 tables that have data, in order.
    l2: Vec<u64>,
    l1_entries: u64,
    l1_at: u64,
    refcount_blocks: u64,
    l2_at: u64,
    data_at: u64,
    total: u64,
}

impl Plan {
    fn new(layer: &NewLayer<'_>) -> Result<Self, LayerError> {
        if layer.size.0 == 0 || layer.size.0 > SIZE_LIMIT {
            return Err(LayerError::Size { size: layer.size });
        }
        let size = layer.size.0.next_multiple_of(512);
        if layer.content.len() as u64 > size {
            return Err(LayerError::ContentTooLong {
                size: layer.size,
                content: ByteSize(layer.content.len() as u64),
            });
        }
        if let Some(backing) = &layer.backing
            && (backing.path.len() > BACKING_LIMIT || backing.path.starts_with('/'))
        {
            return Err(LayerError::BackingPath);
        }
        let data: Vec<u64> = (0..)
            .zip(layer.content.chunks(CLUSTER as usize))
            // Over a backing file zeros must be written to be seen.
            .filter(|(_, chunk)| layer.backing.is_some() || chunk.iter().any(|byte| *byte != 0))
            .map(|(number, _)| number)
            .collect();
        let mut l2: Vec<u64> = data.iter().map(|number| number / ENTRIES).collect();
        l2.dedup();
        let l1_entries = size.div_ceil(CLUSTER * ENTRIES);
        let l1_clusters = (l1_entries * 8).div_ceil(CLUSTER);
        let rest = 2 + l1_clusters + (l2.len() + data.len()) as u64;
        // Refcount blocks count themselves; content in memory needs far fewer than the table holds.
        let mut refcount_blocks = 1;
        while refcount_blocks * REFCOUNTS < rest + refcount_blocks {
            refcount_blocks += 1;
        }
        let l1_at = 2 + refcount_blocks;
        let l2_at = l1_at + l1_clusters;
        let data_at = l2_at + l2.len() as u64;
        Ok(Self {
            size,
            total: data_at + data.len() as u64,
            data,
            l2,
            l1_entries,
            l1_at,
            refcount_blocks,
            l2_at,
            data_at,
        })
    }

    fn write(&self, file: &mut File, layer: &NewLayer<'_>) -> io::Result<()> {
        file.write_all(&self.header(layer.backing.as_ref()))?;
        let blocks: Vec<u64> = (0..self.refcount_blocks)
            .map(|block| (2 + block) * CLUSTER)
            .collect();
        write_table(file, CLUSTER, &blocks)?;
        let counts = vec![[0_u8, 1]; self.total as usize].concat();
        file.seek(SeekFrom::Start(2 * CLUSTER))?;
        file.write_all(&counts)?;
        let l1: Vec<u64> = (0..self.l1_entries)
            .map(|entry| match self.l2.binary_search(&entry) {
                Ok(place) => ((self.l2_at + place as u64) * CLUSTER) | COPIED,
                Err(_) => 0,
            })
            .collect();
        write_table(file, self.l1_at * CLUSTER, &l1)?;
        self.write_l2(file)?;
        for (place, number) in self.data.iter().enumerate() {
            let start = (number * CLUSTER) as usize;
            let end = layer.content.len().min(start + CLUSTER as usize);
            file.seek(SeekFrom::Start((self.data_at + place as u64) * CLUSTER))?;
            file.write_all(&layer.content[start..end])?;
        }
        // The last cluster is as long as the others.
        file.set_len(self.total * CLUSTER)
    }

    fn write_l2(&self, file: &mut File) -> io::Result<()> {
        let mut tables = vec![vec![0_u64; ENTRIES as usize]; self.l2.len()];
        for (place, number) in self.data.iter().enumerate() {
            if let Ok(table) = self.l2.binary_search(&(number / ENTRIES)) {
                let at = (self.data_at + place as u64) * CLUSTER;
                tables[table][(number % ENTRIES) as usize] = at | COPIED;
            }
        }
        for (place, table) in tables.iter().enumerate() {
            write_table(file, (self.l2_at + place as u64) * CLUSTER, table)?;
        }
        Ok(())
    }

    /// The header, its extensions and the backing file's name.
    fn header(&self, backing: Option<&Backing>) -> Vec<u8> {
        const HEADER_LENGTH: u32 = 104;
        let mut extensions = Vec::new();
        if let Some(backing) = backing {
            let format = backing.format.driver().as_bytes();
            extensions.extend(0xe279_2aca_u32.to_be_bytes());
            extensions.extend((format.len() as u32).to_be_bytes());
            extensions.extend(format);
            extensions.resize(extensions.len().next_multiple_of(8), 0);
        }
        extensions.extend([0; 8]);
        let name = backing.map_or("", |backing| backing.path.as_str());
        let name_at = match backing {
            Some(_) => u64::from(HEADER_LENGTH) + extensions.len() as u64,
            None => 0,
        };
        let mut out = Vec::new();
        out.extend(b"QFI\xfb");
        out.extend(3_u32.to_be_bytes());
        out.extend(name_at.to_be_bytes());
        out.extend((name.len() as u32).to_be_bytes());
        out.extend(16_u32.to_be_bytes()); // cluster bits
        out.extend(self.size.to_be_bytes());
        out.extend(0_u32.to_be_bytes()); // no encryption
        out.extend((self.l1_entries as u32).to_be_bytes());
        out.extend((self.l1_at * CLUSTER).to_be_bytes());
        out.extend(CLUSTER.to_be_bytes()); // refcount table
        out.extend(1_u32.to_be_bytes()); // its clusters
        out.extend([0; 12]); // no internal snapshots
        out.extend([0; 24]); // no feature bits
        out.extend(4_u32.to_be_bytes()); // refcount order: 16 bits
        out.extend(HEADER_LENGTH.to_be_bytes());
        out.extend(extensions);
        out.extend(name.as_bytes());
        out
    }
}

fn write_table(file: &mut File, at: u64, entries: &[u64]) -> io::Result<()> {
    let bytes: Vec<u8> = entries
        .iter()
        .flat_map(|entry| entry.to_be_bytes())
        .collect();
    file.seek(SeekFrom::Start(at))?;
    file.write_all(&bytes)
}

#[cfg(test)]
#[path = "layer_tests.rs"]
pub(super) mod tests;
