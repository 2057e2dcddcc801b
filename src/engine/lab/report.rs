//! How the labs of a library stand: which machines and moments they have, and which of those are whole.

use crate::library::{LabEntry, Library, PICTURE};
use crate::model::{
    Failure, Lab, LabReport, Lack, MemberReport, SetMember, SetReport, SnapshotKind, SnapshotSet,
    Timestamp,
};

/// Reads all labs and looks what is there of their moments. A broken file is there with its error.
pub fn labs(library: &Library) -> Vec<LabReport> {
    let mut reports: Vec<LabReport> = library
        .labs()
        .into_iter()
        .map(|entry| report(library, entry))
        .collect();
    reports.sort_by_cached_key(|report| (report.lab.name.to_lowercase(), report.lab.id));
    reports
}

fn report(library: &Library, entry: LabEntry) -> LabReport {
    let LabEntry { id, path, lab } = entry;
    match lab {
        Ok(lab) => LabReport {
            sets: lab
                .sets
                .iter()
                .map(|set| set_report(library, set))
                .collect(),
            lab,
            trouble: None,
        },
        Err(error) => {
            let failure = error.failure("The lab can't be read");
            let fix = format!("Its earlier versions lie beside {}", path.display());
            let lab = Lab {
                id,
                name: id.to_string()[..8].to_owned(),
                machines: Vec::new(),
                created: Timestamp(0),
                note: String::new(),
                sets: Vec::new(),
            };
            LabReport {
                lab,
                sets: Vec::new(),
                trouble: Some(Failure {
                    fix: failure.fix.clone().or(Some(fix)),
                    ..failure
                }),
            }
        }
    }
}

fn set_report(library: &Library, set: &SnapshotSet) -> SetReport {
    let members = set.members.iter().map(|member| look(library, *member));
    SetReport {
        id: set.id,
        members: members.collect(),
    }
}

fn look(library: &Library, SetMember { machine, snapshot }: SetMember) -> MemberReport {
    let folder = library.snapshot_dir(machine, snapshot);
    let is_there = folder.join("snapshot.ron").exists();
    let record = is_there.then(|| library.snapshot(machine, snapshot));
    let lack = match &record {
        None if !library.machine_dir(machine).exists() => Some(Lack::NoMachine),
        None => Some(Lack::NoSnapshot),
        Some(Err(error)) => Some(Lack::Damaged(error.to_string())),
        // A saved state was to become a snapshot, and did not.
        Some(Ok(record)) if record.kind == SnapshotKind::Saved => Some(Lack::NoSnapshot),
        Some(Ok(record)) if record.writing => Some(Lack::Writing),
        Some(Ok(_)) => None,
    };
    let record = record.and_then(Result::ok);
    MemberReport {
        machine,
        snapshot,
        with_memory: record.is_some_and(|record| record.memory.is_some() || record.writing),
        picture: folder.join(PICTURE).exists(),
        lack,
    }
}
