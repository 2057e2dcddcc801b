//! How fast memories are taken and filled, and what they take on disk: `cargo bench --bench memory_store`.
//!
//! The guest is made up: a gibibyte of which a part is used, compressible about threefold. QEMU's own
//! part of a stop (the devices' state, 6 to 10 ms) is a file of its usual size here. Figures only, run
//! as an ordinary user; `MEMORY_BENCH_DIR` says where to write (`target`). `-- speed` or `-- checkpoints` is a part.

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use orangery::model::{ByteSize, SnapshotId};
use orangery::qemu::memory;
use orangery::qemu::memory_store::{Base, Draft, MemoryError, Progress, Saved, fill, read, verify};
use orangery::qemu::ram::GuestRam;
use uuid::Uuid;

type Outcome<T> = Result<T, Box<dyn Error>>;

const PAGE: usize = 4096;
const SIZE: ByteSize = ByteSize(1 << 30);
/// A checkpoint's changes, pages: 5 MiB.
const CHANGED: usize = 1280;
/// Most of them are always the same ones.
const HOT: usize = 2000;

fn main() -> Outcome<()> {
    let root = std::env::var_os("MEMORY_BENCH_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let root = root.join(format!("orangery-memory-bench-{}", std::process::id()));
    std::fs::create_dir(&root)?;
    let wanted = |name: &str| {
        let mut named = std::env::args()
            .skip(1)
            .filter(|arg| !arg.starts_with('-'))
            .peekable();
        named.peek().is_none() || named.any(|arg| arg == name)
    };
    let mut result = Ok(());
    if wanted("speed") {
        result = [300, 600]
            .into_iter()
            .try_for_each(|used| speed(&root, used));
    }
    if wanted("checkpoints") {
        result = result.and_then(|()| checkpoints(&root));
    }
    std::fs::remove_dir_all(&root)?;
    result
}

fn go_on(_: u64, _: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit
    }
}

struct Guest {
    ram: GuestRam,
    /// Pages in use, from the first on.
    used: usize,
    dice: Dice,
}

impl Guest {
    fn new(used_mib: usize) -> Outcome<Self> {
        let ram = File::from(memory::create(SIZE)?);
        let used = used_mib << 8;
        let mut dice = Dice(0x1234_5678_9abc_def1);
        for page in 0..used {
            ram.write_all_at(&content(&mut dice, PAGE), (page * PAGE) as u64)?;
        }
        let ram = GuestRam::Shared(ram);
        Ok(Self { ram, used, dice })
    }

    /// Changes an eighth of each of some pages: counters, lists, a piece of a buffer.
    fn live(&mut self) -> Outcome<()> {
        for turn in 0..CHANGED {
            let is_hot = turn % 10 < 6;
            let page = if is_hot {
                self.dice.below(HOT) * self.used / HOT
            } else {
                self.dice.below(self.used)
            };
            let bytes = content(&mut self.dice, PAGE / 8);
            let place = page * PAGE + self.dice.below(8) * (PAGE / 8);
            self.ram.file().write_all_at(&bytes, place as u64)?;
        }
        Ok(())
    }
}

/// Looks like a guest's memory to a packer: numbers, pointers of few kinds, zeros, some noise.
fn content(dice: &mut Dice, length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let word = match dice.below(10) {
            0..4 => 0,
            4..6 => 0xffff_8880_0000_0000 | (dice.next() & 0xff_f000),
            6..8 => dice.next() & 0xffff,
            _ => dice.next(),
        };
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes
}

fn write_state(mut file: &File, _: Progress<'_>) -> Result<(), MemoryError> {
    let state = content(&mut Dice(77), 800 << 10);
    file.write_all(&state).map_err(|source| MemoryError::Io {
        path: PathBuf::from("state"),
        source,
    })
}

/// Where each step ended.
struct Taken {
    saved: Saved,
    live: Duration,
    stop: Duration,
    /// Of all processors, for the stop.
    busy: Duration,
    pack: Duration,
}

/// What this process had of the processors.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

fn take(root: &Path, number: u128, guest: &mut Guest, previous: Option<u128>) -> Outcome<Taken> {
    let place = |id: SnapshotId| root.join(id.to_string());
    let id = |number| SnapshotId(Uuid::from_u128(number));
    let base = match previous {
        Some(previous) => Base::after(id(previous), SIZE, &place)?,
        None => None,
    };
    let began = Instant::now();
    let mut draft = Draft::begin(&place(id(number)), SIZE, base)?;
    draft.copy_live(&guest.ram, &mut go_on)?;
    let copied = Instant::now();
    guest.live()?;
    let (stopped, before) = (Instant::now(), processor_time());
    let taken = draft.stop_with(write_state, Some(&guest.ram), &mut go_on)?;
    let (goes_on, after) = (Instant::now(), processor_time());
    let saved = taken.pack(&mut go_on)?;
    Ok(Taken {
        saved,
        live: copied - began,
        stop: goes_on - stopped,
        busy: after.saturating_sub(before),
        pack: goes_on.elapsed(),
    })
}

fn speed(root: &Path, used: usize) -> Outcome<()> {
    let mut guest = Guest::new(used)?;
    let mut stops = Vec::new();
    for number in 0..5 {
        let taken = take(root, number, &mut guest, None)?;
        stops.push(taken.stop);
        let folder = root.join(SnapshotId(Uuid::from_u128(number)).to_string());
        let (started, before) = (Instant::now(), processor_time());
        let ram = File::from(memory::create(SIZE)?);
        fill(
            &folder,
            &read(&folder)?,
            &|_| PathBuf::new(),
            &ram,
            &mut go_on,
        )?;
        let (filled, after) = (started.elapsed(), processor_time());
        println!(
            "{used} MiB used: copied {:.3} s, stopped {:.3} s ({:.3} s of processors), packed {:.3} s to {}, filled {:.3} s ({:.3} s of processors, {:.0} MB/s)",
            taken.live.as_secs_f64(),
            taken.stop.as_secs_f64(),
            taken.busy.as_secs_f64(),
            taken.pack.as_secs_f64(),
            taken.saved.stored(),
            filled.as_secs_f64(),
            after.saturating_sub(before).as_secs_f64(),
            (used << 20) as f64 / 1e6 / filled.as_secs_f64(),
        );
        std::fs::remove_dir_all(folder)?;
    }
    stops.sort();
    println!(
        "{used} MiB used: the guest is stopped for {:.3} s (median of 5)",
        stops[2].as_secs_f64()
    );
    Ok(())
}

/// A quiet desktop of 306 MB.
fn checkpoints(root: &Path) -> Outcome<()> {
    let mut guest = Guest::new(292)?;
    let place = |id: SnapshotId| root.join(id.to_string());
    let (mut bytes, mut full, mut stops) = (0, 0, Vec::new());
    let mut largest = 0;
    for number in 0..100 {
        let taken = take(root, number, &mut guest, number.checked_sub(1))?;
        let stored = taken.saved.stored().0;
        bytes += stored;
        stops.push(taken.stop);
        if taken.saved.base.is_none() {
            full += stored;
        } else {
            largest = largest.max(stored);
        }
    }
    stops.sort();
    let last = place(SnapshotId(Uuid::from_u128(99)));
    let started = Instant::now();
    verify(&last, &place, &mut go_on)?;
    println!(
        "100 checkpoints of a quiet desktop, 5 MiB changed each: {:.0} MB (full {:.0} MB, largest delta {:.1} MB); \
         stopped {:.3} s (median); the last one verified in {:.3} s",
        bytes as f64 / 1e6,
        full as f64 / 1e6,
        largest as f64 / 1e6,
        stops[50].as_secs_f64(),
        started.elapsed().as_secs_f64(),
    );
    Ok(())
}
