//! Machines that are made of others: forks and clones.
//!
//! The folder of one is made under a temporary name and has empty layers on the other's; then it gets its name. Its
//! record says that it is unborn until the moment that it goes on from is there, or until what it rests on is frozen for
//! sure: an owner that was killed before leaves one that the next owner removes, and the other machine is as it was.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crossbeam_channel::Sender;
use uuid::Uuid;

use super::clock;
use super::jobs::Job;
use super::making::copy_source;
use super::supervisor::{Message, record as change_record};
use super::timeline::write_overlay;
use crate::library::{Intent, Library, LibraryError, Newcomer};
use crate::model::{
    Birth, Cloning, Descent, DeviceKind, DiskSource, Failure, Fork, LayerId, LayerRef, Machine,
    MachineId, Newborn, Overlay, SnapshotId,
};
use crate::step;

/// What one of several is made of.
#[derive(Clone, Debug)]
pub struct Parent {
    /// Its hardware, with the chains that are or will be frozen.
    pub hardware: Machine,
    /// What it is called now.
    pub name: String,
    pub at: Option<SnapshotId>,
}

impl Parent {
    fn descent(&self, birth: Birth, unborn: bool) -> Descent {
        Descent {
            from: self.hardware.id,
            name: self.name.clone(),
            birth,
            at: self.at,
            when: clock::now(),
            unborn,
        }
    }
}

/// A new layer of `machine`'s on each of `below`.
fn overlays(machine: MachineId, below: Vec<LayerRef>) -> Vec<Overlay> {
    let overlay = |below| Overlay {
        below,
        new: LayerRef {
            machine,
            layer: LayerId(Uuid::new_v4()),
        },
    };
    below.into_iter().map(overlay).collect()
}

fn random() -> [u8; 3] {
    let [first, second, third, ..] = *Uuid::new_v4().as_bytes();
    [first, second, third]
}

/// The machines that `fork` asks for, by their names.
///
/// `unborn` says that they go on from a moment that may never come.
pub fn newborns(parent: &Parent, fork: &Fork, names: Vec<String>, unborn: bool) -> Vec<Newborn> {
    let newborn = |name| {
        let id = MachineId(Uuid::new_v4());
        Newborn {
            id,
            name,
            descent: parent.descent(Birth::Fork, unborn),
            disposable: fork.disposable,
            online: fork.online,
            overlays: overlays(id, parent.hardware.tops()),
            random: random(),
        }
    };
    names.into_iter().map(newborn).collect()
}

/// A clone to be made.
pub fn clone_of(parent: &Parent, cloning: &Cloning, name: String) -> Newborn {
    let id = MachineId(Uuid::new_v4());
    let (birth, rests_on) = match cloning.full {
        true => (Birth::FullClone, Vec::new()),
        false => (Birth::LinkedClone, parent.hardware.tops()),
    };
    Newborn {
        id,
        name,
        descent: parent.descent(birth, false),
        disposable: false,
        online: true,
        overlays: overlays(id, rests_on),
        random: random(),
    }
}

/// Makes the folder of a machine whose disks are copies. Nothing is left behind when it fails or is cancelled.
pub fn copy(
    library: &Library,
    parent: &Machine,
    newborn: &Newborn,
    job: &mut Job,
) -> Result<Machine, Failure> {
    let what = || format!("{} was not made", newborn.name);
    let failed = |error: LibraryError| error.failure(what());
    let newcomer = library.begin(newborn.id).map_err(failed)?;
    let mut machine = parent.newborn(newborn);
    let mut copied = |source: &DiskSource| -> Result<DiskSource, Failure> {
        let layer = LayerRef {
            machine: newborn.id,
            layer: LayerId(Uuid::new_v4()),
        };
        let target = newcomer.layer_file(layer.layer);
        let refused = |why| Failure::new(what(), why);
        copy_source(refused, library, source, &target, job)?;
        Ok(DiskSource::Layers(vec![layer]))
    };
    for device in &mut machine.devices {
        if let DeviceKind::Disk(disk) = &mut device.kind {
            disk.source = copied(&disk.source)?;
        }
    }
    let variables = std::mem::take(&mut machine.firmware.variables);
    if !variables.is_empty()
        && let DiskSource::Layers(chain) = copied(&DiskSource::Layers(variables))?
    {
        machine.firmware.variables = chain;
    }
    job.commit();
    finish(library, newcomer, parent, machine).map_err(failed)
}

/// Makes the folder of one. Nothing is left behind when it fails.
pub fn bear(library: &Library, parent: &Machine, newborn: &Newborn) -> Result<Machine, Failure> {
    let what = || format!("{} was not made", newborn.name);
    let failed = |error: LibraryError| error.failure(what());
    let newcomer = library.begin(newborn.id).map_err(failed)?;
    for overlay in &newborn.overlays {
        let file = newcomer.layer_file(overlay.new.layer);
        write_overlay(library, *overlay, &file).map_err(|why| Failure::new(what(), why))?;
    }
    finish(library, newcomer, parent, parent.newborn(newborn)).map_err(failed)
}

/// Gives it what the other's TPM keeps, and its folder its name.
fn finish(
    library: &Library,
    newcomer: Newcomer<'_>,
    parent: &Machine,
    mut machine: Machine,
) -> Result<Machine, LibraryError> {
    if let Some(tpm) = parent.tpm {
        machine.tpm = Some(library.copy_tpm_to(parent.id, tpm, &newcomer)?);
    }
    step::at("newcomer filled");
    newcomer.finish(&machine)?;
    Ok(machine)
}

/// Gives a snapshot of the copy `own` to the machine that it came from. That one has then what the copy had frozen, and the
/// copy is to go.
pub fn hand_over(
    library: &Library,
    supervisor: &Sender<Message>,
    own: MachineId,
    snapshot: SnapshotId,
    descent: &Descent,
) -> Result<(), Failure> {
    let what = "The moment was not kept";
    let failed = |error: LibraryError| error.failure(what);
    let to = descent.from;
    let parent = library.machine(to).map_err(failed)?;
    let before = library.snapshot(own, snapshot).map_err(failed)?;
    let mut record = before.clone();
    let layers: Vec<LayerRef> = record.hardware.layers().into_iter().collect();
    let moved: Vec<LayerRef> = layers
        .into_iter()
        .filter(|layer| layer.machine == own)
        .collect();
    let there = |layer: LayerRef| match layer.machine == own {
        true => LayerRef {
            machine: to,
            ..layer
        },
        false => layer,
    };
    let intent = Intent {
        unneeded: moved.iter().map(|layer| there(*layer)).collect(),
        from: Some(own),
        handed: Some(snapshot),
        ..Intent::default()
    };
    let noted = library.begin_intent(to, &intent).map_err(failed)?;
    let result = (|| {
        for layer in &moved {
            name_twice(library, *layer, there(*layer)).map_err(|why| Failure::new(what, why))?;
        }
        step::at("layers have two names");
        record.hardware.rename_layers(there);
        for point in &mut record.disks {
            for layer in &mut point.chain {
                *layer = there(*layer);
            }
        }
        if let Some(tpm) = record.hardware.tpm {
            let copy = library.copy_tpm_between(own, tpm, to).map_err(failed)?;
            record.hardware.tpm = Some(copy);
        }
        record.machine = to;
        record.parent = descent.at.or(parent.point);
        record.hardware.take_identity(&parent);
        library.move_snapshot(&record, own).map_err(failed)?;
        step::at("moment handed over");
        change_record(supervisor, own, give_up)
    })();
    step::at("copy given up");
    let is_nobodys = |of| library.snapshot(of, snapshot).is_err();
    if is_nobodys(own) && is_nobodys(to) {
        library.write_snapshot(&before).ok(); // The failure that led here is told.
    }
    settle_hand_over(library, to, &intent);
    if result.is_err() && spent(library, to, &intent).is_some() {
        return result; // It is kept; the next owner has the copy go.
    }
    let ended = library.end_intent(to, noted).map_err(failed);
    result.and(ended)
}

/// The same file under two machines until the copy goes. Its path to the next layer is good from both.
fn name_twice(library: &Library, from: LayerRef, to: LayerRef) -> Result<(), String> {
    let (from, to) = (library.layer_file(from), library.layer_file(to));
    std::fs::hard_link(&from, &to).map_err(|error| format!("{}: {error}", to.display()))
}

/// The copy that has nothing left to keep, after work that was cut off: its moment is another machine's.
pub fn spent(library: &Library, to: MachineId, intent: &Intent) -> Option<MachineId> {
    let given = library.snapshot(to, intent.handed?).is_ok();
    intent.from.filter(|_| given)
}

/// Nothing of a copy is to be kept any more, unless somebody kept it meanwhile.
pub fn give_up(copy: &mut Machine) -> Result<(), Failure> {
    match &mut copy.descent {
        Some(descent) if copy.disposable => descent.unborn = true,
        Some(_) | None => {
            let why = "It was kept meanwhile, as a machine";
            return Err(Failure::new("The copy does not go", why));
        }
    }
    Ok(())
}

/// Layers that were handed over, or were to be, have two names: one of them goes.
pub fn settle_hand_over(library: &Library, to: MachineId, intent: &Intent) {
    let Some(own) = intent.from else {
        return;
    };
    let is_given = spent(library, to, intent).is_some();
    if is_given && !library.machine(own).is_ok_and(|copy| copy.is_unborn()) {
        return; // Both are needed: the copy stays.
    }
    for theirs in &intent.unneeded {
        let ours = LayerRef {
            machine: own,
            ..*theirs
        };
        // The copy's QEMU has it open and needs no name for it; by name it is the other machine's alone then.
        let goes = if is_given { ours } else { *theirs };
        let [theirs, ours] = [*theirs, ours].map(|layer| library.layer_file(layer));
        if is_same_file(&theirs, &ours) {
            std::fs::remove_file(library.layer_file(goes)).ok(); // Space, not safety.
        }
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| {
        let found = path.symlink_metadata().ok()?;
        Some((found.dev(), found.ino()))
    };
    id(one).is_some_and(|one| id(other) == Some(one))
}
