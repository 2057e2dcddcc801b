//! Memories of a made-up guest, taken, damaged and read back.

use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FallocateFlags, fallocate};
use uuid::Uuid;

use super::scan::PAGE;
use super::*;
use crate::qemu::memory;

fn go_on(_: u64, _: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn cancel(_: u64, _: u64) -> ControlFlow<()> {
    ControlFlow::Break(())
}

/// xorshift64*, so that a failure can be had again.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let seed = std::env::var("ORANGERY_SEED")
            .ok()
            .and_then(|text| text.parse().ok());
        let seed = seed.unwrap_or(Uuid::new_v4().as_u128() as u64 | 1);
        println!("ORANGERY_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }
}

fn id(number: usize) -> SnapshotId {
    SnapshotId(Uuid::from_u128(number as u128))
}

/// A library's memories.
struct Shelf(tempfile::TempDir);

impl Shelf {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn place(&self, id: SnapshotId) -> PathBuf {
        self.0.path().join(id.to_string())
    }

    fn begin(&self, number: usize, guest: &Guest, previous: Option<usize>) -> Draft {
        let size = ByteSize(guest.bytes.len() as u64);
        let base = previous
            .and_then(|previous| Base::after(id(previous), size, &|id| self.place(id)).unwrap());
        Draft::begin(&self.place(id(number)), size, base).unwrap()
    }

    fn take(&self, number: usize, guest: &Guest, previous: Option<usize>) -> Saved {
        let mut draft = self.begin(number, guest, previous);
        draft.copy_live(&guest.ram, &mut go_on).unwrap();
        stop(draft, guest).pack(&mut go_on).unwrap()
    }

    fn fill(&self, number: usize) -> Result<Vec<u8>, MemoryError> {
        let folder = self.place(id(number));
        let saved = read(&folder)?;
        let ram = File::from(memory::create(saved.ram_size).unwrap());
        fill(&folder, &saved, &|id| self.place(id), &ram, &mut go_on)?;
        check_state(&folder, &saved)?;
        Ok(whole(&ram))
    }

    fn verify(&self, number: usize) -> Result<(), MemoryError> {
        verify(&self.place(id(number)), &|id| self.place(id), &mut go_on)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let name = |entry: io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        entries
            .map(|entry| name(entry).into_string().unwrap())
            .collect()
    }
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    File::create(path)?.write_all(bytes)
}

fn state(number: usize) -> Vec<u8> {
    (0..5000).map(|byte| (byte * number) as u8).collect()
}

fn stop(draft: Draft, guest: &Guest) -> Taken {
    let write = |mut file: &File, _: Progress<'_>| {
        io::Write::write_all(&mut file, &state(7)).map_err(at(Path::new("state")))
    };
    draft
        .stop_with(write, Some(&guest.ram), &mut go_on)
        .unwrap()
}

fn whole(file: &File) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

/// A memory file, and what must be in it.
struct Guest {
    ram: GuestRam,
    bytes: Vec<u8>,
}

impl Guest {
    fn new(pages: usize) -> Self {
        let bytes = vec![0; pages * PAGE];
        let ram = File::from(memory::create(ByteSize(bytes.len() as u64)).unwrap());
        let ram = GuestRam::Shared(ram);
        Self { ram, bytes }
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        self.ram.file().write_all_at(bytes, offset as u64).unwrap();
    }

    /// Gives pages back to the host, as a balloon does.
    fn punch(&mut self, page: usize, count: usize) {
        let (start, length) = (page * PAGE, count * PAGE);
        self.bytes[start..start + length].fill(0);
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(self.ram.file(), flags, start as u64, length as u64).unwrap();
    }

    fn live_a_little(&mut self, dice: &mut Dice) {
        let pages = self.bytes.len() / PAGE;
        for _ in 0..dice.below(6) {
            let page = dice.below(pages);
            let count = 1 + dice.below((pages - page).min(40));
            match dice.below(4) {
                0 => self.punch(page, count),
                1 => self.write(page * PAGE, &vec![0; count * PAGE]),
                2 => self.write(page * PAGE + dice.below(PAGE), &[dice.below(256) as u8]),
                _ => {
                    let bytes: Vec<u8> = (0..count * PAGE).map(|_| dice.below(200) as u8).collect();
                    self.write(page * PAGE, &bytes);
                }
            }
        }
    }
}

#[test]
fn chains_of_memories_give_back_every_byte_whatever_is_deleted() {
    let mut dice = Dice::new();
    for _ in 0..4 {
        let shelf = Shelf::new();
        let mut guest = Guest::new(400 + dice.below(400));
        let ballast: Vec<u8> = (0..200 * PAGE).map(|_| dice.below(256) as u8).collect();
        guest.write(PAGE, &ballast);
        // What each memory must hold, and what it rests on.
        let mut kept: Vec<(usize, Vec<u8>)> = Vec::new();
        let mut on_disk: Vec<(usize, Option<SnapshotId>)> = Vec::new();
        for number in 0..40 {
            guest.live_a_little(&mut dice);
            let previous = kept.last().map(|(previous, _)| *previous);
            let saved = shelf.take(number, &guest, previous);
            on_disk.push((number, saved.base.map(|base| base.id)));
            kept.push((number, guest.bytes.clone()));
            if dice.below(3) == 0 {
                kept.remove(dice.below(kept.len()));
            }
            if dice.below(9) == 0 && !kept.is_empty() {
                // Back in time: the next ones stand on another branch.
                let (back, bytes) = kept[dice.below(kept.len())].clone();
                guest.write(0, &bytes);
                kept.retain(|(number, _)| *number != back);
                kept.push((back, bytes));
            }
            remove_unneeded(&shelf, &kept, &mut on_disk);
        }
        for (number, bytes) in &kept {
            assert!(shelf.fill(*number).unwrap() == *bytes, "memory {number}");
            shelf.verify(*number).unwrap();
        }
        assert!(on_disk.iter().any(|(_, base)| base.is_some()));
    }
}

/// As the library does it.
fn remove_unneeded(
    shelf: &Shelf,
    kept: &[(usize, Vec<u8>)],
    on_disk: &mut Vec<(usize, Option<SnapshotId>)>,
) {
    loop {
        let is_needed = |number: usize| {
            kept.iter().any(|(kept, _)| *kept == number)
                || on_disk.iter().any(|(_, base)| *base == Some(id(number)))
        };
        let Some(place) = on_disk.iter().position(|(number, _)| !is_needed(*number)) else {
            return;
        };
        let (number, _) = on_disk.remove(place);
        std::fs::remove_dir_all(shelf.place(id(number))).unwrap();
    }
}

#[test]
fn a_memory_rests_on_22_others_at_most() {
    let shelf = Shelf::new();
    let mut guest = Guest::new(64);
    guest.write(0, &[1; 60 * PAGE]);
    let mut full = 0;
    for number in 0..150_usize {
        guest.write(0, &[number as u8; 10]);
        let previous = number.checked_sub(1);
        let mut saved = shelf.take(number, &guest, previous);
        full += usize::from(saved.base.is_none());
        let mut files = 1;
        while let Some(base) = saved.base {
            saved = read(&shelf.place(base.id)).unwrap();
            files += 1;
        }
        assert!(files <= 23, "memory {number} is in {files}");
    }
    assert_eq!(full, 2);
}

#[test]
fn a_delta_holds_what_changed_and_one_of_everything_is_full() {
    let shelf = Shelf::new();
    let mut guest = Guest::new(512);
    guest.write(0, &[5; 400 * PAGE]);
    let first = shelf.take(1, &guest, None);
    guest.write(PAGE, &[6; 2 * PAGE]);
    guest.punch(8, 4);
    let second = shelf.take(2, &guest, Some(1));
    assert_eq!(second.base.as_ref().map(|base| base.id), Some(id(1)));
    let table = |saved: &Saved| saved.packed.as_ref().unwrap().table.bytes;
    assert_eq!(
        (table(&first), table(&second)),
        (24 + 8 + 400 * 16, 24 + 16 + 2 * 16)
    );
    assert!(shelf.fill(2).unwrap() == guest.bytes);
    guest.write(0, &[7; 400 * PAGE]);
    let third = shelf.take(3, &guest, Some(2));
    assert_eq!(third.base, None);
    std::fs::remove_dir_all(shelf.place(id(1))).unwrap();
    assert!(shelf.fill(3).unwrap() == guest.bytes);
    let error = shelf.fill(2).unwrap_err().to_string();
    assert!(error.contains("that it rests on is not usable"), "{error}");
}

#[test]
fn what_a_running_guest_writes_meanwhile_is_in_it() {
    let shelf = Shelf::new();
    let mut guest = Guest::new(4096);
    guest.write(0, &[1; 3000 * PAGE]);
    let mut draft = shelf.begin(1, &guest, None);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut dice = Dice::new();
            while !over.load(Ordering::Relaxed) {
                let page = dice.below(4096) * PAGE;
                let byte = dice.below(256) as u8;
                guest
                    .ram
                    .file()
                    .write_all_at(&[byte; 100], page as u64 + 50)
                    .unwrap();
            }
        });
        draft.copy_live(&guest.ram, &mut go_on).unwrap();
        over.store(true, Ordering::Relaxed);
    });
    guest.write(4095 * PAGE, &[9; PAGE]);
    stop(draft, &guest).pack(&mut go_on).unwrap();
    assert!(shelf.fill(1).unwrap() == whole(guest.ram.file()));
}

#[test]
fn what_was_taken_outlives_a_crash_and_a_cancelled_packing() {
    let shelf = Shelf::new();
    let mut guest = Guest::new(700);
    guest.write(3 * PAGE, &[3; 600 * PAGE]);
    let draft = shelf.begin(1, &guest, None);
    let taken = stop(draft, &guest);
    let ended = taken.pack(&mut cancel);
    assert!(matches!(ended, Err(MemoryError::Cancelled)), "{ended:?}");
    drop(taken);
    assert!(shelf.fill(1).is_err());
    let folder = shelf.place(id(1));
    let again = Taken::reopen(&folder, &|id| shelf.place(id), &mut go_on).unwrap();
    let saved = again.pack(&mut go_on).unwrap();
    assert_eq!(read(&folder).unwrap(), saved);
    assert!(shelf.fill(1).unwrap() == guest.bytes);
    // The crash came between the index and the name.
    std::fs::rename(&folder, partial_folder(&folder)).unwrap();
    Taken::reopen(&folder, &|id| shelf.place(id), &mut go_on)
        .unwrap()
        .pack(&mut go_on)
        .unwrap();
    shelf.verify(1).unwrap();
    assert_eq!(shelf.names(), [id(1).to_string()]);
}

#[test]
fn what_did_not_reach_the_disk_before_a_power_cut_is_noticed() {
    let shelf = Shelf::new();
    let mut guest = Guest::new(700);
    guest.write(3 * PAGE, &[3; 600 * PAGE]);
    for (number, name) in ["pages.raw", "pages.table", "device.state", "taken.json"]
        .into_iter()
        .enumerate()
    {
        drop(stop(shelf.begin(number, &guest, None), &guest));
        let folder = shelf.place(id(number));
        let path = partial_folder(&folder).join(name);
        let length = std::fs::metadata(&path).unwrap().len();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        // Blocks that were promised and never written are zeros.
        file.write_all_at(&[0; 100], (length / 2).saturating_sub(50))
            .unwrap();
        let error = Taken::reopen(&folder, &|id| shelf.place(id), &mut go_on).unwrap_err();
        assert!(
            matches!(error, MemoryError::Damaged { .. }),
            "{name}: {error}"
        );
        remove_draft(&folder).unwrap();
    }
    assert!(shelf.names().is_empty());
}

#[test]
fn a_cancelled_or_dropped_draft_leaves_nothing() {
    let shelf = Shelf::new();
    let mut guest = Guest::new(64);
    guest.write(0, &[1; PAGE]);
    let mut draft = shelf.begin(1, &guest, None);
    let ended = draft.copy_live(&guest.ram, &mut cancel);
    assert!(matches!(ended, Err(MemoryError::Cancelled)));
    drop(draft);
    let draft = shelf.begin(1, &guest, None);
    let failing = |_: &File, _: Progress<'_>| {
        let why = "no".to_owned();
        Err(MemoryError::Stream { why })
    };
    draft
        .stop_with(failing, Some(&guest.ram), &mut go_on)
        .unwrap_err();
    assert!(shelf.names().is_empty());
}

#[test]
fn damage_anywhere_is_refused_and_never_more() {
    let mut dice = Dice::new();
    let shelf = Shelf::new();
    let mut guest = Guest::new(600);
    let noise: Vec<u8> = (0..500 * PAGE).map(|_| dice.below(9) as u8).collect();
    guest.write(0, &noise);
    shelf.take(1, &guest, None);
    guest.write(9 * PAGE, &[8; 30 * PAGE]);
    guest.punch(50, 9);
    shelf.take(2, &guest, Some(1));
    for number in [1, 2] {
        for entry in std::fs::read_dir(shelf.place(id(number))).unwrap() {
            let path = entry.unwrap().path();
            let good = std::fs::read(&path).unwrap();
            let check = |bad: &[u8]| {
                put(&path, bad).unwrap();
                let came = shelf.fill(2);
                let verified = shelf.verify(2);
                // Some bytes of the index do not matter; then all of it is right.
                match came {
                    Ok(bytes) => assert!(bytes == guest.bytes && verified.is_ok(), "{path:?}"),
                    Err(_) => assert!(verified.is_err(), "{path:?}"),
                }
            };
            for _ in 0..60 {
                let mut bad = good.clone();
                bad[dice.below(good.len())] ^= 1 << dice.below(8);
                check(&bad);
            }
            for _ in 0..12 {
                check(&good[..dice.below(good.len())]);
            }
            let longer = [good.as_slice(), b"more"].concat();
            check(&longer);
            put(&path, &good).unwrap();
        }
    }
    assert!(shelf.fill(2).unwrap() == guest.bytes);
}

#[test]
fn a_base_that_is_another_memory_is_refused() {
    let shelf = Shelf::new();
    let mut guest = Guest::new(64);
    guest.write(0, &[1; 30 * PAGE]);
    shelf.take(1, &guest, None);
    guest.write(0, &[2; PAGE]);
    shelf.take(2, &guest, Some(1));
    let other = Shelf::new();
    other.take(1, &guest, None);
    std::fs::remove_dir_all(shelf.place(id(1))).unwrap();
    std::fs::rename(other.place(id(1)), shelf.place(id(1))).unwrap();
    let error = shelf.fill(2).unwrap_err().to_string();
    assert!(error.contains("not the one that it rests on"), "{error}");
    assert!(Base::after(id(2), ByteSize(64 * PAGE as u64), &|id| shelf.place(id)).is_err());
}

#[test]
fn a_memory_that_rests_on_itself_is_refused() {
    let shelf = Shelf::new();
    let mut guest = Guest::new(64);
    guest.write(0, &[1; 30 * PAGE]);
    let mut saved = shelf.take(1, &guest, None);
    let table = saved.packed.as_ref().unwrap().table.hash.clone();
    saved.base = Some(Rest { id: id(1), table });
    let index = shelf.place(id(1)).join(INDEX);
    std::fs::remove_file(&index).unwrap();
    saved.write(&index).unwrap();
    assert!(matches!(shelf.fill(1), Err(MemoryError::Damaged { .. })));
}

#[test]
fn a_memory_of_format_1_still_loads() {
    let shelf = Shelf::new();
    let mut guest = Guest::new(1024);
    guest.write(0, b"low");
    guest.write((1 << 20) - 100, &[7; 10_000]);
    guest.write(1023 * PAGE, b"high");
    let folder = shelf.place(id(1));
    std::fs::create_dir(&folder).unwrap();
    put(&folder.join(STATE), &state(3)).unwrap();
    let pages = create(&folder.join(PAGES)).unwrap();
    pages.set_len(guest.bytes.len() as u64).unwrap();
    let mut sum = pages::Sum::default();
    for (page, bytes) in guest.bytes.chunks(PAGE).enumerate() {
        if bytes.iter().any(|byte| *byte != 0) {
            let offset = (page * PAGE) as u64;
            pages.write_all_at(bytes, offset).unwrap();
            sum.add(bytes, offset);
        }
    }
    // As it was written then.
    let index = serde_json::json!({
        "version": 1,
        "ram_size": guest.bytes.len(),
        "pages": sum.finish(),
        "state": Content::of(&state(3)),
    });
    put(&folder.join(INDEX), index.to_string().as_bytes()).unwrap();
    assert!(shelf.fill(1).unwrap() == guest.bytes);
    shelf.verify(1).unwrap();
    // No base for a delta, and the next one is a full one.
    assert_eq!(shelf.take(2, &guest, Some(1)).base, None);
    pages.write_all_at(b"L", 0).unwrap();
    assert!(matches!(shelf.fill(1), Err(MemoryError::Damaged { .. })));
}
