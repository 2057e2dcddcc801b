//! What a machine's timeline holds and takes on disk.

use std::collections::BTreeMap;

use crate::library::{Library, PICTURE, SnapshotEntry, SnapshotRecord, allocated};
use crate::model::{
    ByteSize, LayerRef, Machine, SnapshotId, SnapshotKind, SnapshotReport, Timeline, Timestamp,
};

/// Reads all snapshots of `machine` and looks what they take. Damaged ones are there with their error.
pub fn timeline(library: &Library, machine: &Machine) -> Timeline {
    let entries: Vec<SnapshotEntry> = library
        .snapshots(machine.id)
        .into_iter()
        .filter(|entry| !matches!(&entry.record, Ok(record) if record.kind == SnapshotKind::Saved))
        .collect();
    let mut holders: BTreeMap<LayerRef, u32> = BTreeMap::new();
    let mut hold = |machine: &Machine| {
        for layer in machine.layers() {
            *holders.entry(layer).or_default() += 1;
        }
    };
    hold(machine);
    for record in entries
        .iter()
        .filter_map(|entry| entry.record.as_ref().ok())
    {
        hold(&record.hardware);
    }
    let sizes: BTreeMap<LayerRef, u64> = holders
        .keys()
        .map(|layer| (*layer, allocated(&library.layer_file(*layer)).0))
        .collect();
    let weigh = |machine: &Machine| {
        let (mut own, mut shared) = (0, 0);
        for layer in machine.layers() {
            let size = sizes.get(&layer).copied().unwrap_or_default();
            match holders.get(&layer) {
                Some(1) => own += size,
                Some(_) | None => shared += size,
            }
        }
        (own, shared)
    };
    let mut snapshots: Vec<SnapshotReport> = entries
        .iter()
        .map(|entry| match &entry.record {
            Ok(record) => {
                let (own, shared) = weigh(&record.hardware);
                report(library, record, own, shared)
            }
            Err(error) => damaged(entry.id, error.to_string()),
        })
        .collect();
    let parents: BTreeMap<SnapshotId, Option<SnapshotId>> = snapshots
        .iter()
        .map(|snapshot| (snapshot.id, snapshot.parent))
        .collect();
    // Of those of the same second the one that came first.
    let generation = |id: SnapshotId| {
        let next = |id: &SnapshotId| parents.get(id).copied().flatten();
        std::iter::successors(Some(id), next)
            .take(parents.len())
            .count()
    };
    snapshots.sort_by_cached_key(|one| (one.time, generation(one.id), one.id));
    let (own, _) = weigh(machine);
    Timeline {
        present: machine.point,
        depth: u32::try_from(machine.depth()).unwrap_or(u32::MAX),
        bytes: ByteSize(own),
        total: library.size_of(machine.id),
        snapshots,
    }
}

fn report(library: &Library, record: &SnapshotRecord, own: u64, shared: u64) -> SnapshotReport {
    let folder = library.snapshot_dir(record.machine, record.id);
    let memory = allocated(&library.memory_dir(record.id));
    let tpm = record.hardware.tpm;
    let tpm = tpm.map_or(0, |tpm| allocated(&library.tpm_dir(record.machine, tpm)).0);
    SnapshotReport {
        id: record.id,
        parent: record.parent,
        name: record.name.clone(),
        note: record.note.clone(),
        time: record.when,
        kind: record.kind,
        with_memory: record.memory.is_some() || record.writing,
        disk: record.disk.clone(),
        writing: record.writing,
        bytes: ByteSize(own + memory.0 + allocated(&folder).0 + tpm),
        shared: ByteSize(shared),
        picture: folder.join(PICTURE).exists(),
        depth: u32::try_from(record.hardware.depth()).unwrap_or(u32::MAX),
        trouble: None,
    }
}

fn damaged(id: SnapshotId, why: String) -> SnapshotReport {
    SnapshotReport {
        id,
        parent: None,
        name: String::new(),
        note: String::new(),
        time: Timestamp(0),
        kind: SnapshotKind::Manual,
        with_memory: false,
        disk: None,
        writing: false,
        bytes: ByteSize(0),
        shared: ByteSize(0),
        picture: false,
        depth: 0,
        trouble: Some(why),
    }
}
