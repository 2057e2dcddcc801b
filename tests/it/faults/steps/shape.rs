//! What a user would notice of the machines, and what lies on disk that nobody would.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use orangery::library::{Library, SnapshotRecord};
use orangery::model::{
    DeviceKind, DiskSource, ImageFormat, LayerRef, Machine, MachineId, SnapshotKind,
};
use orangery::storage::chain::Chain;

use crate::story::time::DISK;

const BLOCK: u64 = 64 << 10;
/// Blocks of the disk that are looked at: all that is ever written.
const BLOCKS: u64 = 6;

/// All that a user would notice of the machines, by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape(pub BTreeMap<String, One>);

/// What a user would notice of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct One {
    pub state: String,
    /// It goes when its guest ends.
    pub disposable: bool,
    /// By name: the parent, whether there is memory, and the disk's blocks.
    pub snapshots: BTreeMap<String, (Option<String>, bool, Vec<u8>)>,
    /// The snapshot that the present came from, and the disk's blocks.
    pub present: (Option<String>, Vec<u8>),
}

impl fmt::Display for Shape {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, one) in &self.0 {
            let try_ = if one.disposable { " (a try)" } else { "" };
            write!(out, "{name}{try_} {}, present {:?}", one.state, one.present)?;
            for (name, (parent, memory, blocks)) in &one.snapshots {
                write!(out, "; {name} on {parent:?}, memory {memory}, {blocks:?}")?;
            }
            write!(out, " | ")?;
        }
        Ok(())
    }
}

impl Shape {
    /// The same lives and the same bytes. After a fault a machine may stand where it ran.
    pub fn is_like(&self, other: &Self) -> bool {
        let without_state = |shape: &Self| {
            let mut shape = shape.clone();
            for one in shape.0.values_mut() {
                one.state = String::new();
            }
            shape
        };
        without_state(self) == without_state(other)
    }

    /// Read by the records and the layers' own tables, whoever has them open.
    pub fn of(library: &Library, states: &BTreeMap<String, String>) -> Self {
        let all = machines(library).into_iter().map(|present| {
            let name = present.name.clone();
            let state = states.get(&name).cloned().unwrap_or_default();
            (name, One::of(library, &present, state))
        });
        Self(all.collect())
    }
}

impl One {
    fn of(library: &Library, present: &Machine, state: String) -> Self {
        let records = records(library, present.id);
        let name = |id| {
            let record = records.iter().find(|record| record.id == id)?;
            let name = match record.name.as_str() {
                "" => record.kind.word(),
                name => name,
            };
            Some(name.to_owned())
        };
        let shown = records
            .iter()
            .filter(|record| record.kind != SnapshotKind::Saved);
        let snapshots = shown.map(|record| {
            let blocks = blocks(library, &record.hardware);
            let shape = (
                record.parent.and_then(name),
                record.memory.is_some(),
                blocks,
            );
            (name(record.id).unwrap(), shape)
        });
        Self {
            state: if state == "crashed" {
                "off".to_owned()
            } else {
                state
            },
            disposable: present.disposable,
            snapshots: snapshots.collect(),
            present: (present.point.and_then(name), blocks(library, present)),
        }
    }
}

/// Every machine; a folder that is none fails.
fn machines(library: &Library) -> Vec<Machine> {
    let ids = ids(library);
    assert_eq!(ids.len(), folders(library).len(), "half a machine is left");
    ids.into_iter()
        .map(|id| library.machine(id).unwrap())
        .collect()
}

fn folders(library: &Library) -> BTreeSet<PathBuf> {
    entries(&library.dir().join("machines"))
}

/// The folders that have a machine's name.
pub fn ids(library: &Library) -> Vec<MachineId> {
    let id = |folder: PathBuf| folder.file_name()?.to_str()?.parse().ok().map(MachineId);
    folders(library).into_iter().filter_map(id).collect()
}

/// The snapshots of a machine; one that can't be read fails.
fn records(library: &Library, id: MachineId) -> Vec<SnapshotRecord> {
    let entries = library.snapshots(id).into_iter();
    entries.map(|entry| entry.record.unwrap()).collect()
}

/// Whether a machine of the library is on its way in or out.
pub fn is_half(library: &Library) -> bool {
    let ids = ids(library);
    ids.len() < folders(library).len()
        || ids.into_iter().any(|id| {
            let machine = library.machine(id);
            machine.map_or(true, |machine| {
                machine.trashed.is_some() || machine.is_unborn()
            })
        })
}

/// Files that nothing names, and names without files.
pub fn left_over(library: &Library) -> Result<(), String> {
    let mut wrong = String::new();
    let mut compare = |what: &str, there: BTreeSet<PathBuf>, named: BTreeSet<PathBuf>| {
        for path in there.symmetric_difference(&named) {
            let how = if named.contains(path) {
                "is missing"
            } else {
                "is left over"
            };
            write!(wrong, "{what} {} {how}; ", path.display()).unwrap();
        }
    };
    let machines = machines(library);
    let of_all: Vec<SnapshotRecord> = machines
        .iter()
        .flat_map(|machine| records(library, machine.id))
        .collect();
    let mut layers: BTreeSet<LayerRef> = machines.iter().flat_map(Machine::layers).collect();
    layers.extend(of_all.iter().flat_map(|record| record.hardware.layers()));
    let files = |folder: &str| {
        let all = machines
            .iter()
            .map(|machine| library.machine_dir(machine.id));
        all.flat_map(|machine| entries(&machine.join(folder)))
            .collect::<BTreeSet<PathBuf>>()
    };
    let named = layers
        .iter()
        .map(|layer| library.layer_file(*layer))
        .collect();
    compare("layer", files("disks"), named);
    let named = of_all
        .iter()
        .map(|record| library.snapshot_dir(record.machine, record.id))
        .collect();
    compare("snapshot", files("snapshots"), named);
    let with_memory = of_all.iter().filter(|record| record.memory.is_some());
    let mut named: BTreeSet<PathBuf> = with_memory
        .map(|record| library.memory_dir(record.id))
        .collect();
    let there = entries(&library.dir().join("memory"));
    // A memory that others rest on outlives its snapshot.
    named.extend(there.iter().filter(|path| is_base(path, &there)).cloned());
    compare("memory", there, named);
    compare("intent", files("intents"), BTreeSet::new());
    let mut all = crate::story::files_below(library.dir()).unwrap();
    all.retain(|path| {
        path.extension()
            .is_some_and(|end| end == "new" || end == "partial")
    });
    compare("file", all.into_iter().collect(), BTreeSet::new());
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Whether another memory names it.
fn is_base(path: &Path, all: &BTreeSet<PathBuf>) -> bool {
    let id = path.file_name().unwrap().to_str().unwrap();
    let names = |other: &&PathBuf| {
        let index = fs::read_to_string(other.join("memory.json")).unwrap_or_default();
        other.as_path() != path && index.contains(id)
    };
    all.iter().any(|other| names(&other))
}

fn entries(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// The first byte of each block; all of it must be that byte.
fn blocks(library: &Library, machine: &Machine) -> Vec<u8> {
    let device = machine
        .devices
        .iter()
        .find(|device| device.id == DISK)
        .unwrap();
    let DeviceKind::Disk(disk) = &device.kind else {
        panic!("{DISK} is no disk")
    };
    let DiskSource::Layers(layers) = &disk.source else {
        panic!("{DISK} is elsewhere")
    };
    let open = |layer: &LayerRef| {
        (
            File::open(library.layer_file(*layer)).unwrap(),
            ImageFormat::Qcow2,
        )
    };
    let mut chain = Chain::open(layers.iter().map(open).collect()).unwrap();
    let mut block = |number: u64| {
        let mut bytes = vec![0; BLOCK as usize];
        chain.read_at(number * BLOCK, &mut bytes).unwrap();
        assert!(bytes.iter().all(|byte| *byte == bytes[0]), "half a block");
        bytes[0]
    };
    (0..BLOCKS).map(&mut block).collect()
}
