//! Partition tables and first bytes are recognised, and hostile ones end.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use super::*;
use crate::model::ImageFormat;
use crate::storage::chain::Chain;

/// A disk of 64 MiB with these bytes at these places.
fn disk(parts: &[(u64, &[u8])]) -> Rc<Disk> {
    let file: File = tempfile::tempfile().unwrap();
    file.set_len(64 << 20).unwrap();
    for (at, bytes) in parts {
        file.write_all_at(bytes, *at).unwrap();
    }
    Disk::new(Chain::open(vec![(file, ImageFormat::Raw)]).unwrap())
}

fn entry(kind: u8, first: u32, sectors: u32) -> [u8; 16] {
    let mut entry = [0; 16];
    entry[4] = kind;
    entry[8..12].copy_from_slice(&first.to_le_bytes());
    entry[12..].copy_from_slice(&sectors.to_le_bytes());
    entry
}

fn table(entries: &[[u8; 16]]) -> Vec<u8> {
    let mut sector = vec![0; 512];
    for (place, entry) in entries.iter().enumerate() {
        sector[446 + 16 * place..][..16].copy_from_slice(entry);
    }
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    sector
}

fn found(disk: &Rc<Disk>) -> Vec<(u32, u64, u64, FileSystem)> {
    let slots = partitions(disk).unwrap().into_iter();
    slots
        .map(|slot| {
            (
                slot.number,
                slot.start / 512,
                slot.length / 512,
                slot.file_system,
            )
        })
        .collect()
}

#[test]
fn logical_partitions_are_followed_and_a_loop_of_them_ends() {
    let first = table(&[entry(0x83, 2048, 2048), entry(5, 8192, 40_000)]);
    let logical = table(&[entry(0x83, 64, 1000), entry(5, 2000, 2000)]);
    let last = table(&[entry(0x8e, 64, 1000)]);
    let parts: [(u64, &[u8]); 5] = [
        (0, &first),
        (8192 * 512, &logical),
        ((8192 + 2000) * 512, &last),
        ((8192 + 64) * 512, b"XFSB"),
        ((8192 + 2000 + 64) * 512 + 512, b"LABELONE"),
    ];
    assert_eq!(
        found(&disk(&parts)),
        [
            (1, 2048, 2048, FileSystem::Unknown),
            (5, 8256, 1000, FileSystem::Xfs),
            (6, 10_256, 1000, FileSystem::Lvm),
        ]
    );
    let circle = table(&[entry(0x83, 64, 1000), entry(5, 2000, 2000)]);
    let parts: [(u64, &[u8]); 3] = [
        (0, &first),
        (8192 * 512, &circle),
        ((8192 + 2000) * 512, &circle),
    ];
    assert_eq!(found(&disk(&parts)).len(), 61);
}

#[test]
fn a_gpt_names_its_partitions_and_nonsense_in_it_is_left_out() {
    let protective = table(&[entry(0xee, 1, u32::MAX)]);
    let mut header = vec![0; 512];
    header[..8].copy_from_slice(b"EFI PART");
    header[72] = 2;
    header[80] = 128;
    header[84] = 128;
    let mut entries = vec![0; 128 * 128];
    let mut fill = |place: usize, first: u64, last: u64, name: &str| {
        let entry = &mut entries[place * 128..][..128];
        entry[0] = 1;
        entry[32..40].copy_from_slice(&first.to_le_bytes());
        entry[40..48].copy_from_slice(&last.to_le_bytes());
        for (unit, c) in name.encode_utf16().enumerate() {
            entry[56 + unit * 2..][..2].copy_from_slice(&c.to_le_bytes());
        }
    };
    fill(0, 2048, 4095, "EFI \u{202e}x");
    fill(1, 9, 8, "backwards");
    fill(2, u64::MAX, u64::MAX, "nowhere");
    fill(3, 1 << 40, 1 << 41, "beyond");
    fill(5, 4096, u64::MAX / 1024, "long");
    let parts: [(u64, &[u8]); 4] = [
        (0, &protective),
        (512, &header),
        (1024, &entries),
        (4096 * 512 + 0x1_0040, b"_BHRfS_M"),
    ];
    let disk = disk(&parts);
    assert_eq!(partitions(&disk).unwrap()[0].label, "EFI \u{fffd}x");
    assert_eq!(
        found(&disk),
        [
            (1, 2048, 2048, FileSystem::Unknown),
            (6, 4096, u64::MAX / 1024 - 4095, FileSystem::Btrfs),
        ]
    );
}

#[test]
fn a_window_shows_nothing_outside_and_time_runs_out() {
    let disk = disk(&[(1000, b"abcdefgh")]);
    let window = Window::new(&disk, 1002, 3);
    assert_eq!(window.look(0, 100).unwrap(), b"cde");
    assert_eq!(window.look(2, 100).unwrap(), b"e");
    assert_eq!(window.look(u64::MAX, 1).unwrap(), b"");
    disk.allow(std::time::Duration::ZERO);
    let late = window.look(0, 1).unwrap_err();
    assert_eq!(late.kind(), std::io::ErrorKind::TimedOut);
}
