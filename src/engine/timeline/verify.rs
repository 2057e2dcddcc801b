//! Checking that snapshots are whole.
//!
//! A memory is read and compared with its checksums. A disk's layers have none: `qemu-img check` goes through their tables,
//! in the jail and without following what a header names.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::remove::whole_records;
use super::wording;
use crate::confine::{self, Jail, Outcome, Program, find_program};
use crate::engine::jobs::Job;
use crate::library::Library;
use crate::model::{Failure, LayerRef, MachineId, SnapshotId, SnapshotKind};
use crate::qemu::memory_store;

/// For the tables of a large disk on a slow one.
const PATIENCE: Duration = Duration::from_secs(600);

/// Checks one snapshot of a machine, or all of them.
pub fn verify(
    library: &Library,
    machine: MachineId,
    only: Option<SnapshotId>,
    job: &mut Job,
) -> Result<(), Failure> {
    let present = library
        .machine(machine)
        .map_err(|error| error.failure("The snapshots were not checked"))?;
    for entry in library.snapshots(machine) {
        if only.is_some_and(|only| only != entry.id) {
            continue;
        }
        entry.record.map_err(|error| {
            let name = &present.name;
            let why = "What is written down about it can't be read";
            Failure::new(format!("A snapshot of {name} is damaged"), why)
                .fix("Delete it; the others are not touched")
                .details(error.to_string())
        })?;
    }
    let mut checked = BTreeSet::new();
    let records = whole_records(library, machine).into_iter();
    let wanted = records.filter(|record| {
        record.kind != SnapshotKind::Saved
            && !record.writing
            && only.is_none_or(|only| only == record.id)
    });
    for record in wanted {
        let name = wording::title(&record);
        let damaged = |why: String| {
            Failure::new(format!("The snapshot “{name}” is damaged"), why)
                .fix("Delete it, or keep it for what can still be read; the others are not touched")
        };
        for layer in record.hardware.layers() {
            if checked.insert(layer) {
                job.progress("Checking disks", 0, 0)?;
                check_layer(library, layer, job).map_err(|why| match why {
                    Some(said) => damaged(wording::damaged_disk(&record, layer)).details(said),
                    None => crate::engine::Cancelled.into(),
                })?;
            }
        }
        if let Some(tpm) = record.hardware.tpm {
            let read = library.check_tpm(machine, tpm);
            read.map_err(|error| damaged(error.to_string()))?;
        }
        if record.memory.is_some() {
            let places = |id| library.memory_dir(id);
            let folder = library.memory_dir(record.id);
            let mut progress = job.teller("Checking memory");
            match memory_store::verify(&folder, &places, &mut progress) {
                Ok(()) => {}
                Err(memory_store::MemoryError::Cancelled) => {
                    return Err(crate::engine::Cancelled.into());
                }
                Err(error) => return Err(damaged(error.to_string())),
            }
        }
    }
    Ok(())
}

/// Goes through a layer's tables. The error is `None` when it was cancelled.
pub(super) fn check_layer(
    library: &Library,
    layer: LayerRef,
    job: &mut Job,
) -> Result<(), Option<String>> {
    let path = library.layer_file(layer);
    let tool =
        find_program("qemu-img").ok_or_else(|| Some("qemu-img is not installed".to_owned()))?;
    let image = json!({
        "driver": "qcow2",
        "backing": null,
        "file": { "driver": "file", "filename": path, "read-only": true },
        "read-only": true,
    });
    let mut program = Program::new(tool).args(["check", "-q", &format!("json:{image}")]);
    program.reads.push(path.clone());
    let jail = Jail {
        deadline: PATIENCE,
        ..Jail::new(program)
    };
    let mut go_on = |_said: Option<&str>| job.go_on("Checking disks", 0, 0);
    let finished = match confine::run_jailed(jail, &mut go_on) {
        Ok(finished) => finished,
        Err(confine::JailError::Cancelled) => return Err(None),
        Err(error) => return Err(Some(error.to_string())),
    };
    match finished.outcome {
        // 3 is space that is not used and not free: no damage (qemu-img(1)).
        Outcome::Success | Outcome::Failed(3) => Ok(()),
        Outcome::Failed(_) | Outcome::Killed(_) => {
            let said = String::from_utf8_lossy(&finished.stderr);
            let said: String = said.trim().chars().take(400).collect();
            Err(Some(format!("{}: {said}", path.display())))
        }
    }
}
