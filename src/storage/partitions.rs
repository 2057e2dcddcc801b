//! By which firmware a disk starts, from its partition table: a bounded look at its first sectors.
//!
//! Formats: the UEFI specification (GPT, chapter 5), QEMU's docs/interop/qcow2.rst for where a
//! qcow2's first cluster lies.

use std::io::{Read, Seek, SeekFrom};

use crate::model::FirmwareKind;

const SECTOR: usize = 512;
/// MBR, GPT header, 128 entries of 128 bytes.
pub const HEAD: usize = 34 * SECTOR;
/// An EFI system partition, as its GUID lies on disk.
const ESP: [u8; 16] = [
    0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b,
];
/// Where GRUB puts itself on a GPT disk that a BIOS starts.
const BIOS_BOOT: &[u8; 16] = b"Hah!IdontNeedEFI";

/// The firmware that a disk with this start needs; `None` where it does not tell.
pub fn firmware(head: &[u8]) -> Option<FirmwareKind> {
    if !has_boot_mark(head) {
        return None;
    }
    let table = &head[446..510];
    let kinds = || table.chunks_exact(16).map(|entry| entry[4]);
    let code = head[..440].iter().any(|byte| *byte != 0);
    let (esp, bios) = match kinds().any(|kind| kind == 0xee) {
        true => gpt(head)?,
        false => (kinds().any(|kind| kind == 0xef), code),
    };
    match (esp, bios) {
        (true, false) => Some(FirmwareKind::Uefi),
        (false, true) => Some(FirmwareKind::Bios),
        (true, true) | (false, false) => None,
    }
}

/// Whether the disk's first sector ends as those do that start something or hold partitions.
pub fn has_boot_mark(head: &[u8]) -> bool {
    head.get(510..512) == Some(&[0x55, 0xaa])
}

/// Whether there are an EFI system partition and a BIOS boot partition.
fn gpt(head: &[u8]) -> Option<(bool, bool)> {
    let header = head.get(SECTOR..2 * SECTOR)?;
    if !header.starts_with(b"EFI PART") {
        return None;
    }
    let size = u32::from_le_bytes(header[84..88].try_into().ok()?) as usize;
    if !(128..=4096).contains(&size) {
        return None;
    }
    let entries = || {
        head.get(2 * SECTOR..)
            .unwrap_or_default()
            .chunks_exact(size)
    };
    let has = |kind: &[u8; 16]| entries().any(|entry| entry.starts_with(kind));
    Some((has(&ESP), has(BIOS_BOOT)))
}

/// The first sectors that a guest sees of a qcow2; empty where they are compressed or not there.
pub fn qcow2_head(file: &mut (impl Read + Seek)) -> Vec<u8> {
    try_qcow2_head(file).unwrap_or_default()
}

fn try_qcow2_head(file: &mut (impl Read + Seek)) -> Option<Vec<u8>> {
    /// Bits 9 to 55 of a table's entry are the offset.
    const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
    const COMPRESSED: u64 = 1 << 62;
    const ZERO: u64 = 1;
    let header = read(file, 0, 48)?;
    let cluster_bits = u32::from_be_bytes(header.get(20..24)?.try_into().ok()?);
    // Smaller clusters would scatter what we look at.
    if !(15..=21).contains(&cluster_bits) {
        return None;
    }
    let l1 = u64::from_be_bytes(header.get(40..48)?.try_into().ok()?);
    let l2 = be64(&read(file, l1, 8)?)? & OFFSET;
    let entry = be64(&read(file, l2, 8).filter(|_| l2 != 0)?)?;
    if entry & (COMPRESSED | ZERO) != 0 || entry & OFFSET == 0 {
        return None;
    }
    read(file, entry & OFFSET, HEAD)
}

fn be64(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(..8)?.try_into().ok()?))
}

/// Up to `length` bytes from `at`.
fn read(file: &mut (impl Read + Seek), at: u64, length: usize) -> Option<Vec<u8>> {
    file.seek(SeekFrom::Start(at)).ok()?;
    let mut bytes = Vec::new();
    file.take(length as u64).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::model::ByteSize;
    use crate::storage::{NewLayer, write_layer};

    /// A disk with partitions of these kinds and, if asked, code in its first sector.
    pub fn disk(partitions: &[&[u8; 16]], code: bool) -> Vec<u8> {
        let mut head = vec![0; HEAD];
        head[510..512].copy_from_slice(&[0x55, 0xaa]);
        head[446 + 4] = 0xee;
        head[0] = u8::from(code);
        head[SECTOR..SECTOR + 8].copy_from_slice(b"EFI PART");
        head[SECTOR + 84] = 128;
        for (kind, entry) in partitions
            .iter()
            .zip(head[2 * SECTOR..].chunks_exact_mut(128))
        {
            entry[..16].copy_from_slice(*kind);
        }
        head
    }

    #[test]
    fn the_partition_table_tells_the_firmware() {
        assert_eq!(firmware(&disk(&[&ESP], false)), Some(FirmwareKind::Uefi));
        // Debian's cloud images start by both.
        assert_eq!(firmware(&disk(&[&ESP, BIOS_BOOT], true)), None);
        assert_eq!(
            firmware(&disk(&[BIOS_BOOT], true)),
            Some(FirmwareKind::Bios)
        );
        let mut old = vec![0; SECTOR];
        old[510..512].copy_from_slice(&[0x55, 0xaa]);
        assert_eq!(firmware(&old), None);
        old[0] = 0xfa;
        assert_eq!(firmware(&old), Some(FirmwareKind::Bios));
        assert_eq!(firmware(b""), None);
    }

    #[test]
    fn a_qcow2_is_looked_into() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.qcow2");
        let content = disk(&[&ESP], false);
        let layer = NewLayer {
            size: ByteSize::mib(64),
            backing: None,
            content: &content,
        };
        write_layer(&path, &layer).unwrap();
        let bytes = std::fs::read(path).unwrap();
        assert_eq!(qcow2_head(&mut Cursor::new(&bytes)), content);
        for length in (0..bytes.len()).step_by(997) {
            qcow2_head(&mut Cursor::new(&bytes[..length]));
        }
    }
}
