//! Where partitions are and what is in them: a bounded look at tables and first bytes.
//!
//! Formats: the UEFI specification (GPT, chapter 5) and the usual MBR with its chain of logical
//! partitions; the marks of file systems are those that util-linux' libblkid looks for.

use std::io;
use std::rc::Rc;

use super::{Disk, Window};
use crate::model::{FileSystem, clean};

const SECTOR: u64 = 512;
/// Entries of a GPT that are looked at: what every tool makes.
const MAX_GPT: usize = 128;
/// Logical partitions that are looked at; Linux knows no more on a disk.
const MAX_LOGICAL: u32 = 60;
/// Where the marks of all file systems that we know are.
const HEAD: usize = 0x1_1000;

/// A partition, or the whole disk as number 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::storage) struct Slot {
    pub number: u32,
    /// Its name in the table or in its file system, safe to show.
    pub label: String,
    pub start: u64,
    pub length: u64,
    pub file_system: FileSystem,
}

/// What is on a disk. A disk without a table is one slot if something known is on it.
pub(in crate::storage) fn partitions(disk: &Rc<Disk>) -> io::Result<Vec<Slot>> {
    let whole = Window::new(disk, 0, disk.size());
    let first = whole.look(0, SECTOR as usize)?;
    // A boot sector of FAT or NTFS has the mark of an MBR too.
    let on_whole = recognise(&whole)?;
    let alone = matches!(on_whole.0, FileSystem::Fat | FileSystem::Ntfs);
    let has_table = first.get(510..512) == Some(&[0x55, 0xaa]) && !alone;
    let mut found = match has_table {
        true if mbr_entries(&first).any(|entry| entry.kind == 0xee) => gpt(&whole)?,
        true => mbr(&whole, &first)?,
        false => Vec::new(),
    };
    if found.is_empty() && on_whole.0 != FileSystem::Unknown {
        found.push((0, String::new(), 0, disk.size()));
    }
    let slots = found.into_iter().map(|(number, name, start, length)| {
        let (file_system, label) = recognise(&Window::new(disk, start, length))?;
        Ok(Slot {
            number,
            label: if label.is_empty() { name } else { label },
            start,
            length,
            file_system,
        })
    });
    slots.collect()
}

/// Number, name, first byte, length.
type Found = (u32, String, u64, u64);

fn gpt(whole: &Window) -> io::Result<Vec<Found>> {
    let header = whole.look(SECTOR, SECTOR as usize)?;
    if !header.starts_with(b"EFI PART") {
        return Ok(Vec::new());
    }
    let (Some(at), Some(count), Some(size)) =
        (le64(&header, 72), le32(&header, 80), le32(&header, 84))
    else {
        return Ok(Vec::new());
    };
    if !(128..=4096).contains(&size) {
        return Ok(Vec::new());
    }
    let count = MAX_GPT.min(count as usize);
    let table = whole.look(at.saturating_mul(SECTOR), count * size as usize)?;
    let entries = (1..).zip(table.chunks_exact(size as usize));
    let used = entries.filter_map(|(number, entry)| {
        let (first, last) = (le64(entry, 32)?, le64(entry, 40)?);
        let sectors = last.checked_sub(first)?.checked_add(1)?;
        let is_used = entry[..16].iter().any(|byte| *byte != 0);
        let found = (
            number,
            utf16(&entry[56..128]),
            first.checked_mul(SECTOR)?,
            sectors.checked_mul(SECTOR)?,
        );
        is_used.then_some(found)
    });
    Ok(used.filter(|found| inside(found, whole)).collect())
}

struct MbrEntry {
    kind: u8,
    first: u64,
    sectors: u64,
}

impl MbrEntry {
    fn is_extended(&self) -> bool {
        matches!(self.kind, 0x05 | 0x0f | 0x85)
    }
}

fn mbr_entries(sector: &[u8]) -> impl Iterator<Item = MbrEntry> {
    let table = sector.get(446..510).unwrap_or_default();
    table.chunks_exact(16).map(|entry| MbrEntry {
        kind: entry[4],
        first: le32(entry, 8).unwrap_or(0).into(),
        sectors: le32(entry, 12).unwrap_or(0).into(),
    })
}

fn mbr(whole: &Window, first: &[u8]) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut extended = None;
    for (number, entry) in (1..).zip(mbr_entries(first)) {
        if entry.is_extended() {
            extended.get_or_insert(entry.first);
        } else if entry.kind != 0 && entry.sectors != 0 {
            found.push((
                number,
                String::new(),
                entry.first * SECTOR,
                entry.sectors * SECTOR,
            ));
        }
    }
    // Each logical partition has a sector of its own that names it and the next such sector.
    if let Some(base) = extended {
        let mut at = base;
        for number in 5..5 + MAX_LOGICAL {
            let sector = whole.look(at * SECTOR, SECTOR as usize)?;
            if sector.get(510..512) != Some(&[0x55, 0xaa]) {
                break;
            }
            let mut entries = mbr_entries(&sector);
            let (Some(own), Some(next)) = (entries.next(), entries.next()) else {
                break;
            };
            if own.kind != 0 && own.sectors != 0 {
                let start = (at + own.first) * SECTOR;
                found.push((number, String::new(), start, own.sectors * SECTOR));
            }
            if next.first == 0 {
                break;
            }
            at = base + next.first;
        }
    }
    found.retain(|found| inside(found, whole));
    Ok(found)
}

/// Whether it begins on the disk; a length that goes beyond is cut by the window.
fn inside(found: &Found, whole: &Window) -> bool {
    found.2 != 0 && found.2 < whole.length()
}

/// What a partition holds, and its file system's label where it is cheap to see.
fn recognise(window: &Window) -> io::Result<(FileSystem, String)> {
    let head = window.look(0, HEAD)?;
    let has = |at: usize, mark: &[u8]| head.get(at..at + mark.len()) == Some(mark);
    let label = |at: usize, length: usize| {
        let bytes = head.get(at..at + length).unwrap_or_default();
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(length);
        clean(String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).trim())
    };
    // Containers come first: what they hold may leave older marks behind.
    let marks: [(usize, &[u8], FileSystem); 18] = [
        (0, b"LUKS\xba\xbe", FileSystem::Luks),
        (3, b"-FVE-FS-", FileSystem::BitLocker),
        (512, b"LABELONE", FileSystem::Lvm),
        (0, b"LABELONE", FileSystem::Lvm),
        (0x1000, &0xa92b_4efc_u32.to_le_bytes(), FileSystem::Raid),
        (0, &0xa92b_4efc_u32.to_le_bytes(), FileSystem::Raid),
        (0x1_0040, b"_BHRfS_M", FileSystem::Btrfs),
        (0, b"XFSB", FileSystem::Xfs),
        (0x400, &0xf2f5_2010_u32.to_le_bytes(), FileSystem::F2fs),
        (3, b"EXFAT   ", FileSystem::ExFat),
        (3, b"ReFS\0\0\0\0", FileSystem::Refs),
        (32, b"NXSB", FileSystem::Apfs),
        (0x8001, b"CD001", FileSystem::Iso9660),
        (0, b"hsqs", FileSystem::Squashfs),
        (4086, b"SWAPSPACE2", FileSystem::Swap),
        (3, b"NTFS    ", FileSystem::Ntfs),
        (82, b"FAT32   ", FileSystem::Fat),
        (0x438, &[0x53, 0xef], FileSystem::Ext),
    ];
    let found = marks.iter().find(|(at, mark, _)| has(*at, mark));
    Ok(match found.map(|(.., kind)| *kind) {
        Some(FileSystem::Ext) => (FileSystem::Ext, label(0x478, 16)),
        Some(FileSystem::Fat) => (FileSystem::Fat, fat_label(label(71, 11))),
        Some(kind) => (kind, String::new()),
        None if [b"FAT12", b"FAT16"].iter().any(|mark| has(54, *mark)) => {
            (FileSystem::Fat, fat_label(label(43, 11)))
        }
        None => (FileSystem::Unknown, String::new()),
    })
}

/// What tools write where a label could be.
fn fat_label(label: String) -> String {
    match label.as_str() {
        "NO NAME" => String::new(),
        _ => label,
    }
}

fn utf16(bytes: &[u8]) -> String {
    let units = bytes
        .as_chunks::<2>()
        .0
        .iter()
        .map(|unit| u16::from_le_bytes(*unit));
    let text: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    clean(&String::from_utf16_lossy(&text))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
