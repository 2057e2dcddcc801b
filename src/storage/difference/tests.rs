//! What the reader says of real file systems, heard in one process; the jail is tested with the program.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use super::hear::{Heard, Hearing};
use super::images::{self, Images, ODD_SHOWN, PARTITIONS};
use super::reader::run;
use super::wire::{Job, Refusal, Said};
use super::*;
use crate::model::{
    ChangeKind, DiskRange, FileChange, FileSort, FileSystem, ImageFormat, PartitionDifference,
};

#[derive(Clone, Default)]
struct Lines(Rc<RefCell<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Does a job here and gives what is heard, or why not.
fn heard(job: &Job) -> Result<Heard, Refusal> {
    let lines = Lines::default();
    run(job, Box::new(lines.clone()));
    let mut hearing = Hearing::default();
    for line in String::from_utf8(lines.0.take()).unwrap().lines() {
        assert!(line.len() < 4096, "a line is cut off by the jail: {line}");
        hearing.hear(line).unwrap();
    }
    match hearing.refusal {
        Some(refusal) => Err(refusal),
        None => {
            assert!(hearing.done);
            Ok(hearing.heard)
        }
    }
}

fn raw(path: &Path) -> LayerFile {
    LayerFile {
        path: path.to_owned(),
        format: ImageFormat::Raw,
    }
}

fn after(images: &Images) -> Vec<LayerFile> {
    let top = LayerFile {
        path: images.overlay.clone(),
        format: ImageFormat::Qcow2,
    };
    vec![raw(&images.before), top]
}

fn changes(partition: &PartitionDifference) -> Vec<(&str, ChangeKind, Option<u64>, Option<u64>)> {
    let told = partition.changes.iter().map(|change| {
        let size = |size: Option<ByteSize>| size.map(|size| size.0);
        (
            change.path.as_str(),
            change.change,
            size(change.before),
            size(change.after),
        )
    });
    told.collect()
}

/// Where two whole images differ, byte by byte.
fn by_bytes(images: &Images) -> Vec<DiskRange> {
    let (old, new) = (
        std::fs::read(&images.before).unwrap(),
        std::fs::read(&images.after).unwrap(),
    );
    let mut expected: Vec<DiskRange> = Vec::new();
    for (number, (a, b)) in (0..).zip(old.chunks(65_536).zip(new.chunks(65_536))) {
        let start = number * 65_536;
        match expected.last_mut() {
            _ if a == b => {}
            Some(last) if last.start + last.length == start => last.length += a.len() as u64,
            _ => expected.push(DiskRange {
                start,
                length: a.len() as u64,
            }),
        }
    }
    expected
}

#[test]
fn files_that_changed_are_told_for_each_file_system() {
    let Some(images) = images::images("metadata_csum") else {
        return;
    };
    let disk = heard(&Job::Compare {
        before: vec![raw(&images.before)],
        after: after(&images),
    })
    .unwrap()
    .disk;
    let bytes: u64 = disk.ranges.iter().map(|range| range.length).sum();
    assert_eq!((disk.bytes.0, disk.more_ranges), (bytes, 0));
    // The same from two images that share nothing, and by a comparison of all bytes.
    let whole = heard(&Job::Compare {
        before: vec![raw(&images.before)],
        after: vec![raw(&images.after)],
    });
    assert_eq!(whole.unwrap().disk, disk);
    assert_eq!(disk.ranges, by_bytes(&images));

    let [ext, fat, ntfs] = &disk.partitions[..] else {
        panic!("{disk:?}");
    };
    let kinds = [ext, fat, ntfs].map(|found| found.partition.file_system);
    assert_eq!(kinds, [FileSystem::Ext, FileSystem::Fat, FileSystem::Ntfs]);
    assert_eq!(
        (ext.partition.label.as_str(), ext.partition.number),
        ("system", 1)
    );
    use ChangeKind::{Added, Changed, Removed};
    assert_eq!(
        changes(ext),
        [
            ("fresh", Added, None, None),
            ("etc/hosts", Changed, Some(3), Some(9)),
            ("etc/new.txt", Added, None, Some(9)),
            ("fresh/inside", Added, None, Some(9)),
            ("var/gone", Removed, Some(4), None),
        ]
    );
    assert_eq!(
        (ext.added, ext.changed, ext.removed, ext.more),
        (3, 1, 1, 0)
    );
    assert_eq!(
        changes(fat),
        [
            ("Photos/gone.txt", Removed, Some(3), None),
            ("Photos/new.txt", Added, None, Some(3)),
            ("Photos/2026/A long name.txt", Changed, Some(3), Some(5)),
        ]
    );
    assert_eq!(
        changes(ntfs),
        [
            ("A new one.txt", Added, None, Some(5)),
            ("changed.txt", Changed, Some(3), Some(5)),
        ]
    );
    for partition in [ext, fat, ntfs] {
        assert_eq!(partition.notes, []);
    }
}

#[test]
fn an_overlay_that_says_what_was_there_is_no_change() {
    let Some(images) = images::images("metadata_csum") else {
        return;
    };
    let args = [
        "convert",
        "-f",
        "raw",
        "-O",
        "qcow2",
        "before.raw",
        "full.qcow2",
    ];
    images::tool(images.folder.path(), "qemu-img", &args).unwrap();
    let full = LayerFile {
        path: images.folder.path().join("full.qcow2"),
        format: ImageFormat::Qcow2,
    };
    let disk = heard(&Job::Compare {
        before: vec![raw(&images.before)],
        after: vec![raw(&images.before), full],
    })
    .unwrap()
    .disk;
    assert_eq!((disk.bytes.0, disk.ranges.len()), (0, 0));
    for partition in &disk.partitions {
        assert_eq!(partition.notes, [DifferenceNote::Same]);
    }
}

fn take(
    chain: Vec<LayerFile>,
    partition: u64,
    path: &str,
    target: &Path,
) -> Result<Vec<u8>, Refusal> {
    std::fs::File::create(target).unwrap();
    heard(&Job::Take {
        chain,
        partition,
        path: path.to_owned(),
        target: target.to_owned(),
    })?;
    Ok(std::fs::read(target).unwrap())
}

fn list(chain: Vec<LayerFile>, partition: u64, path: &str) -> Result<Folder, Refusal> {
    let path = path.to_owned();
    let job = Job::List {
        chain,
        partition,
        path,
    };
    heard(&job).map(|heard| heard.folder)
}

#[test]
fn folders_are_listed_and_files_are_taken_out() {
    use std::os::unix::fs::MetadataExt;
    let Some(images) = images::images("metadata_csum") else {
        return;
    };
    let [ext, fat, ntfs] = PARTITIONS.map(|(_, start, _)| start);
    let root = list(after(&images), ext, "").unwrap();
    let names: Vec<(&str, FileSort)> = root
        .entries
        .iter()
        .map(|entry| (entry.name.as_str(), entry.kind))
        .collect();
    assert_eq!(
        names,
        [
            ("etc", FileSort::Folder),
            ("fresh", FileSort::Folder),
            ("lost+found", FileSort::Folder),
            ("var", FileSort::Folder),
            (ODD_SHOWN, FileSort::File),
            ("link", FileSort::Link),
        ]
    );
    let photos = list(after(&images), fat, "Photos/2026").unwrap();
    assert_eq!(photos.entries[0].name, "A long name.txt");
    assert_eq!(photos.entries[0].size.0, 5);
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    // FAT has the wall clock's time, so up to a day off.
    assert!((photos.entries[0].modified.unwrap() - now).abs() < 100_000);

    let target = images.folder.path().join("target");
    let big = take(after(&images), ext, "/var/big", &target).unwrap();
    assert!(big == images.big);
    let room = target.metadata().unwrap().blocks() * 512;
    assert!(room < 500_000, "{room}: the hole stays a hole");
    assert!(take(after(&images), ntfs, "big.bin", &target).unwrap() == images.big);
    assert_eq!(
        take(after(&images), ext, ODD_SHOWN, &target).unwrap(),
        b"odd"
    );
    assert_eq!(
        take(after(&images), ext, "etc/hosts", &target).unwrap(),
        b"brand new"
    );
    assert_eq!(
        take(vec![raw(&images.before)], ext, "etc/hosts", &target).unwrap(),
        b"one"
    );
    let fat_file = take(after(&images), fat, "Photos/2026/A long name.txt", &target);
    assert_eq!(fat_file.unwrap(), b"three");

    let refused =
        |partition, path: &str| take(after(&images), partition, path, &target).unwrap_err();
    assert_eq!(refused(ext, "link"), Refusal::NotAFile);
    assert_eq!(refused(ext, "etc"), Refusal::NotAFile);
    assert_eq!(refused(ext, ""), Refusal::NotAFile);
    assert_eq!(refused(ext, "link/root"), Refusal::NotAFolder);
    assert_eq!(refused(ext, "../etc/hosts"), Refusal::NotFound);
    assert_eq!(refused(fat, "photos/none"), Refusal::NotFound);
    assert_eq!(refused(5, "etc"), Refusal::NoPartition);
    assert_eq!(
        list(after(&images), ext, "etc/hosts"),
        Err(Refusal::NotAFolder)
    );
}

#[test]
fn a_journal_is_applied_or_named() {
    let made = tempfile::tempdir().unwrap();
    let folder = made.path();
    // No table: the whole disk is the file system.
    if images::ext4(folder, "disk", "metadata_csum").is_none() {
        return;
    }
    let chain = || vec![raw(&folder.join("disk"))];
    assert_eq!(list(chain(), 0, "").unwrap().notes, []);
    // Its journal was never opened by a kernel, so it has no checksums that could be trusted.
    images::debugfs(folder, "disk", "feature needs_recovery\n").unwrap();
    let root = list(chain(), 0, "").unwrap();
    assert_eq!(root.notes, [DifferenceNote::JournalIgnored]);
    assert_eq!(root.entries.len(), 5);
    images::debugfs(folder, "disk", "feature -needs_recovery\n").unwrap();
    // Now as a kernel leaves it: a block of a file waits in the journal.
    let block_size = 1024;
    let mut waiting = b"from the journal".to_vec();
    waiting.resize(block_size, 0);
    images::put(&folder.join("waiting"), &waiting);
    let block = first_block(folder);
    let commands = format!("jo -c -v 3\njw -b {block} waiting\njc\n");
    images::debugfs(folder, "disk", &commands).unwrap();
    let root = list(chain(), 0, "").unwrap();
    assert_eq!(root.notes, [DifferenceNote::JournalApplied]);
    let kept = take(chain(), 0, "etc/keep", &folder.join("target"));
    assert_eq!(kept.unwrap(), b"from");
}

#[test]
fn a_file_system_that_claims_to_be_endless_is_damaged() {
    use std::os::unix::fs::FileExt;
    let made = tempfile::tempdir().unwrap();
    let folder = made.path();
    if images::ext4(folder, "disk", "^metadata_csum").is_none() {
        return;
    }
    let disk = std::fs::OpenOptions::new()
        .write(true)
        .open(folder.join("disk"))
        .unwrap();
    // The high half of its number of blocks.
    disk.write_all_at(&[0xff; 4], 1024 + 0x150).unwrap();
    let told = list(vec![raw(&folder.join("disk"))], 0, "");
    assert!(matches!(told, Err(Refusal::Damaged(_))), "{told:?}");
}

/// Where the first block of `etc/keep` lies.
#[expect(
    clippy::disallowed_methods,
    reason = "a test asks debugfs, which runs outside the jail"
)]
fn first_block(folder: &Path) -> String {
    let output = std::process::Command::new("/usr/sbin/debugfs")
        .args(["-R", "blocks /etc/keep", "disk"])
        .current_dir(folder)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn what_the_reader_says_is_bounded_and_cleaned() {
    let line = |said: &Said| serde_json::to_string(said).unwrap();
    let mut hearing = Hearing::default();
    let partition = Partition {
        number: 1,
        label: "a\u{202e}b".to_owned(),
        start: 0,
        size: ByteSize(1),
        file_system: FileSystem::Ext,
    };
    hearing
        .hear(&line(&Said::Partition(partition.clone())))
        .unwrap();
    assert_eq!(
        hearing.heard.disk.partitions[0].partition.label,
        "a\u{fffd}b"
    );
    let change = Said::Change(FileChange {
        path: "x\u{7}".to_owned(),
        kind: FileSort::File,
        change: ChangeKind::Added,
        before: None,
        after: None,
    });
    for _ in 0..sides::MAX_CHANGES {
        hearing.hear(&line(&change)).unwrap();
    }
    assert_eq!(
        hearing.heard.disk.partitions[0].changes[0].path,
        "x\u{fffd}"
    );
    hearing.hear(&line(&change)).unwrap_err();
    assert!(hearing.nonsense);
    assert!(
        Hearing::default().hear(&line(&change)).is_err(),
        "of no partition"
    );
    assert!(Hearing::default().hear("{\"Entry\":").is_err());
    let mut ended = Hearing::default();
    ended.hear(&line(&Said::Done)).unwrap();
    ended.hear(&line(&Said::Copied(ByteSize(1)))).unwrap_err();
    let mut endless = Hearing::default();
    let stage = line(&Said::At(Stage::Files { seen: u64::MAX }));
    let told = (0..10_000_000).find(|_| endless.hear(&stage).is_err());
    assert!(told.is_some(), "it listens for ever");
}

#[test]
fn a_reader_that_falls_over_files_has_compared_the_blocks() {
    let line = |said: &Said| serde_json::to_string(said).unwrap();
    let stopped = || Err(DifferenceError::Stopped { why: String::new() });
    let mut hearing = Hearing::default();
    hearing
        .hear(&line(&Said::Sizes(ByteSize(1), ByteSize(1))))
        .unwrap();
    assert!(hearing.heard.in_part(stopped()).is_err());
    let mut hearing = Hearing::default();
    let blocks = Said::Blocks {
        bytes: ByteSize(9),
        more_ranges: 0,
    };
    hearing.hear(&line(&blocks)).unwrap();
    let disk = hearing.heard.in_part(stopped()).unwrap().disk;
    assert_eq!(
        (disk.bytes.0, disk.notes),
        (9, vec![DifferenceNote::PartlyUnread])
    );
}
