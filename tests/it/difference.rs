//! What is inside disks is read in the jail: by the program itself, of real and of damaged disks.

#[path = "../../src/storage/difference/images.rs"]
pub mod images;

use std::fs::{File, OpenOptions};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::Path;

use images::{Images, ODD_NAME, ODD_SHOWN, PARTITIONS};
use orangery::confine;
use orangery::model::{ByteSize, ChangeKind, DifferenceNote, FileSort, ImageFormat};
use orangery::storage::difference::{
    DifferenceError, DiskChain, LayerFile, Stage, compare, list, partitions, take_file,
};

const DEVICE: &str = "disk1";

fn chain(layers: &[(&Path, ImageFormat)]) -> DiskChain {
    confine::set_own_program(env!("CARGO_BIN_EXE_orangery"));
    let layer = |(path, format): &(&Path, ImageFormat)| LayerFile {
        path: path.to_path_buf(),
        format: *format,
    };
    DiskChain {
        device: DEVICE.to_owned(),
        layers: layers.iter().map(layer).collect(),
        moving: false,
    }
}

fn go_on(_stage: Option<Stage>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn sides(images: &Images) -> (DiskChain, DiskChain) {
    let base = (images.before.as_path(), ImageFormat::Raw);
    let top = (images.overlay.as_path(), ImageFormat::Qcow2);
    (chain(&[base]), chain(&[base, top]))
}

#[test]
fn two_points_are_compared_in_the_jail() {
    let Some(images) = images::images("metadata_csum") else {
        return;
    };
    let (before, mut after) = sides(&images);
    after.moving = true;
    let lone = DiskChain {
        device: "disk2".to_owned(),
        ..before.clone()
    };
    let found = compare(&[before.clone(), lone], &[after.clone()], &mut go_on).unwrap();
    let [disk, gone] = &found.disks[..] else {
        panic!("{found:?}");
    };
    assert_eq!(disk.device, DEVICE);
    assert_eq!(disk.notes, [DifferenceNote::Moving]);
    let ext = &disk.partitions[0];
    let hosts = ext.changes.iter().find(|change| change.path == "etc/hosts");
    let hosts = hosts.unwrap();
    assert_eq!(
        (hosts.change, hosts.kind),
        (ChangeKind::Changed, FileSort::File)
    );
    assert_eq!((ext.added, ext.changed, ext.removed), (3, 1, 1));
    assert_eq!(disk.partitions.len(), 3);
    assert_eq!((gone.before, gone.after), (Some(ByteSize(42 << 20)), None));

    let slots = partitions(&after, &mut go_on).unwrap();
    let starts: Vec<u64> = slots.iter().map(|slot| slot.start).collect();
    assert_eq!(starts, PARTITIONS.map(|(_, start, _)| start));
    let var = list(&after, starts[0], "var", &mut go_on).unwrap();
    assert_eq!(var.entries.len(), 1);
    assert_eq!(var.entries[0].size.0, images.big.len() as u64);
}

#[test]
fn a_file_is_taken_out_whole_or_not_at_all() {
    let Some(images) = images::images("metadata_csum") else {
        return;
    };
    let (_, after) = sides(&images);
    let start = PARTITIONS[0].1;
    let folder = images.folder.path();
    let target = folder.join("out");
    let take = |path: &str| take_file(&after, start, path, &target, &mut go_on);
    assert_eq!(take("var/big").unwrap().0, images.big.len() as u64);
    assert!(std::fs::read(&target).unwrap() == images.big);
    let again = take("etc/keep").unwrap_err().to_string();
    assert!(again.contains("File exists"), "{again}");
    assert!(
        std::fs::read(&target).unwrap() == images.big,
        "it was not written over"
    );
    std::fs::remove_file(&target).unwrap();
    assert!(matches!(
        take("etc/none"),
        Err(DifferenceError::NotFound { .. })
    ));
    assert!(matches!(
        take("link"),
        Err(DifferenceError::NotAFile { .. })
    ));
    take(ODD_SHOWN).unwrap();
    assert_eq!(std::fs::read(&target).unwrap(), b"odd");
    std::fs::remove_file(&target).unwrap();
    let stopped = take_file(&after, start, "var/big", &target, &mut |_| {
        ControlFlow::Break(())
    });
    assert!(matches!(stopped, Err(DifferenceError::Cancelled)));
    let left: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().starts_with("out"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!folder.join(ODD_NAME).exists());
    // A folder that is not there: the user's mistake, told as such.
    let nowhere = folder.join("none/out");
    let failed = take_file(&after, start, "etc/keep", &nowhere, &mut go_on);
    assert!(matches!(failed, Err(DifferenceError::Write { .. })));
}

#[test]
fn a_chain_that_is_damaged_or_gone_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad");
    images::put(&path, b"QFI\xfb\0\0\0\x03 and no more");
    let bad = chain(&[(&path, ImageFormat::Qcow2)]);
    let told = partitions(&bad, &mut go_on).unwrap_err().to_string();
    assert_eq!(
        told,
        "layer 1 of the disk is damaged: its header is cut off"
    );
    let none = chain(&[(&folder.path().join("none"), ImageFormat::Raw)]);
    let gone = partitions(&none, &mut go_on);
    assert!(matches!(gone, Err(DifferenceError::Open { .. })));
}

/// Flips bits where file systems keep their tables; whatever the reader makes of it, we go on.
#[test]
fn damaged_file_systems_never_harm_the_one_who_asks() {
    // Without checksums, so that damage is not noticed at the door.
    let Some(images) = images::images("^metadata_csum") else {
        return;
    };
    let rounds = match std::env::var_os("ORANGERY_SOAK") {
        Some(_) => 600,
        None => 60,
    };
    let (before, _) = sides(&images);
    let damaged = chain(&[(&images.after, ImageFormat::Raw)]);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&images.after)
        .unwrap();
    let mut state = 11_u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut whole, mut noted, mut refused) = (0, 0, 0);
    for round in 0..rounds {
        let (_, start, _) = PARTITIONS[round % 3];
        let flips = 1 << random(10);
        let old: Vec<(u64, u8)> = (0..flips)
            .map(|_| {
                let reach = [2048, 20_000, 100_000][random(3) as usize];
                flip(&file, start + random(reach), 1 << random(8))
            })
            .collect();
        match compare(
            std::slice::from_ref(&before),
            std::slice::from_ref(&damaged),
            &mut go_on,
        ) {
            Ok(found) => {
                let partitions = &found.disks[0].partitions;
                let any = partitions
                    .iter()
                    .any(|partition| !partition.notes.is_empty());
                *(if any { &mut noted } else { &mut whole }) += 1;
            }
            Err(error) => {
                assert!(
                    !matches!(error, DifferenceError::Cancelled),
                    "round {round}"
                );
                println!("round {round}: {error}");
                refused += 1;
            }
        }
        take_some(&damaged, start, &images.folder.path().join("out"));
        for (at, byte) in old.into_iter().rev() {
            file.write_all_at(&[byte], at).unwrap();
        }
    }
    println!("{rounds} damaged disks: {whole} compared, {noted} with notes, {refused} refused");
    assert!(noted + refused > 0, "no damage was ever noticed");
}

/// Takes two files out of the root, as far as there is one: whole, or not at all.
fn take_some(damaged: &DiskChain, start: u64, target: &Path) {
    let Ok(folder) = list(damaged, start, "", &mut go_on) else {
        return;
    };
    let mut files = folder.entries;
    files.retain(|entry| entry.kind == FileSort::File);
    for entry in files.iter().take(2) {
        let taken = take_file(damaged, start, &entry.name, target, &mut go_on);
        assert_eq!(taken.is_ok(), target.exists(), "{taken:?}");
        std::fs::remove_file(target).ok();
    }
}

fn flip(file: &File, at: u64, bit: u8) -> (u64, u8) {
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ bit], at).unwrap();
    (at, byte[0])
}
