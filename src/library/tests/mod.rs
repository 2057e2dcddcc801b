//! What the tests of this room share: machines, libraries, a seeded source of chance.

mod documents;
mod hostile;
mod libraries;
mod memories;
mod places;
mod texts;
mod tpms;
mod trash;

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Library, Opened};
use crate::model::*;

/// How much was done on this thread: tests that guard against slowness count work, not time.
pub struct Tally(&'static std::thread::LocalKey<std::cell::Cell<usize>>);

thread_local! {
    static FILES: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    static BYTES: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
pub static FILES_OPENED: Tally = Tally(&FILES);
/// By the walk over a record's text.
pub static BYTES_LOOKED_AT: Tally = Tally(&BYTES);

impl Tally {
    pub fn add(&self, amount: usize) {
        self.0.set(self.0.get() + amount);
    }

    /// What `work` adds.
    pub fn of<T>(&self, work: impl FnOnce() -> T) -> (T, usize) {
        let before = self.0.get();
        let result = work();
        (result, self.0.get() - before)
    }
}

/// xorshift64*: enough chance for tests, and a failure's seed can be run again.
pub struct Chance(u64);

impl Chance {
    /// From `ORANGERY_SEED`, else from the clock; prints the seed, which shows when a test fails.
    pub fn new() -> Self {
        let seed = std::env::var("ORANGERY_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0 | 1);
        println!("ORANGERY_SEED={seed}");
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 11) % limit
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    pub fn text(&mut self) -> String {
        const PARTS: [&str; 12] = [
            "a", "Ä", "\"", "\\", "\n", "\u{202e}", "日", "{", "//", "\u{0}", " ", "None",
        ];
        (0..self.below(6)).map(|_| *self.pick(&PARTS)).collect()
    }

    /// Any tree a record may hold.
    pub fn tree(&mut self, depth: u32) -> Value {
        match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(self.next()),
            3 => json!(self.next() as i64),
            4 => json!(f64::from_bits(self.next())),
            5 => json!(self.text()),
            6 => (0..self.below(4)).map(|_| self.tree(depth - 1)).collect(),
            _ => Value::Object(self.map(depth - 1)),
        }
    }

    pub fn map(&mut self, depth: u32) -> Map<String, Value> {
        (0..self.below(4))
            .map(|_| (self.text(), self.tree(depth)))
            .collect()
    }
}

pub fn machine_id(number: u32) -> MachineId {
    format!("{number:08x}-0000-4000-8000-000000000000")
        .parse()
        .unwrap()
}

pub fn layer(machine: MachineId, number: u32) -> LayerRef {
    LayerRef {
        machine,
        layer: LayerId(
            format!("{number:08x}-1111-4000-8000-000000000000")
                .parse()
                .unwrap(),
        ),
    }
}

pub fn machine(number: u32) -> Machine {
    let id = machine_id(number);
    let disk = Disk::new(
        DiskSource::Layers(vec![layer(id, number)]),
        ByteSize::gib(32),
    );
    let nic = Nic::new(Mac([0x52, 0x54, 0, 1, 2, 3]));
    let device = |id: &str, kind, slot| Device {
        id: id.to_owned(),
        kind,
        address: Address::Pci { slot },
    };
    Machine {
        cpu: Cpu::of(2),
        memory: ByteSize::gib(2),
        devices: vec![
            device("disk0", DeviceKind::Disk(disk), 2),
            device("nic0", DeviceKind::Nic(nic), 3),
            device("rng0", DeviceKind::Rng, 4),
        ],
        boot: BootOrder(vec!["disk0".to_owned()]),
        created: Timestamp(1_700_000_000),
        tags: vec!["test".to_owned()],
        ..Machine::new(
            id,
            &format!("Machine {number}"),
            "pc-q35-10.0",
            Origin::Empty,
        )
    }
}

#[track_caller]
pub fn owner(dir: &Path) -> Library {
    match Library::open(dir).unwrap() {
        Opened::Owner(library) => library,
        Opened::LockedBy(holder) => panic!("locked by {holder:?}"),
    }
}

/// Puts `machine` into `library` as a creation does.
#[track_caller]
pub fn create(library: &Library, machine: &Machine) {
    library.begin(machine.id).unwrap().finish(machine).unwrap();
}

/// Writes a file without any care, as a stranger does.
#[track_caller]
pub fn put(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).unwrap();
    }
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(bytes).unwrap();
}
