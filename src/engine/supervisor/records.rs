//! The library's records: reading them all, changing one, the trash, saved states.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::Path;
use std::time::Instant;

use rustix::process::setpriority_process;

use super::{Message, Slot, Supervisor};
use crate::engine::clock;
use crate::engine::hub::Asker;
use crate::engine::worker::{Live, Order};
use crate::library::{Broken, Entry, Library, Loaded};
use crate::model::{
    Action, Answer, DeviceKind, DiskSource, Failure, Machine, MachineId, State, Timestamp,
};

/// How many threads read a library, and for how few machines one is enough.
const READERS: usize = 4;
const FEW: usize = 64;

/// How nice those threads are (setpriority(2)): a tenth of the weight of the thread that draws.
const READERS_NICE: i32 = 10;

/// Looking at all disks may take this part of the time: a thousand machines' are not looked at for each command.
const LOOKING_SHARE: u32 = 20;

impl Supervisor {
    /// Looks again whether disks are there, for machines that don't run.
    pub(super) fn look_at_disks(&mut self) {
        let begun = Instant::now();
        let all: Vec<MachineId> = self.slots.keys().copied().collect();
        let changed: Vec<MachineId> = all
            .into_iter()
            .filter(|machine| self.see_disks(*machine))
            .collect();
        self.look_at_disks_from = begun + begun.elapsed() * LOOKING_SHARE;
        self.publish_many(&changed);
    }

    /// The same, unless that was done just now and took long: commands of a script come in quick succession.
    pub(super) fn look_at_disks_again(&mut self) {
        if Instant::now() >= self.look_at_disks_from {
            self.look_at_disks();
        }
    }

    /// The same for one machine.
    pub(super) fn look_at_disks_of(&mut self, machine: MachineId) {
        if self.see_disks(machine) {
            self.publish(machine);
        }
    }

    /// Says whether the machine stands otherwise than before.
    fn see_disks(&mut self, machine: MachineId) -> bool {
        let Some(slot) = self.slots.get_mut(&machine) else {
            return false;
        };
        let rests = matches!(
            slot.live.state,
            State::Off | State::Unavailable | State::Saved
        );
        // What is in the trash may be on its way out.
        let rests = rests && slot.trashed().is_none();
        let Some(record) = slot.machine.as_ref().filter(|_| rests) else {
            return false;
        };
        let live = resting(&self.library, record);
        let changed = slot.live.state != live.state;
        if changed {
            slot.live = live;
        }
        changed
    }

    /// Changes a machine's record, on disk first.
    pub(super) fn change_record(
        &mut self,
        machine: MachineId,
        change: impl FnOnce(&mut Machine),
    ) -> Result<(), Failure> {
        self.try_record(machine, |record| {
            change(record);
            Ok(())
        })
    }

    /// The same, if `change` allows it.
    pub(super) fn try_record(
        &mut self,
        machine: MachineId,
        change: impl FnOnce(&mut Machine) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let gone = || Failure::new("The machine was not changed", "It is gone");
        let slot = self.slots.get_mut(&machine).ok_or_else(gone)?;
        let mut record = slot.machine.clone().ok_or_else(gone)?;
        change(&mut record)?;
        self.library
            .save(&record)
            .map_err(|error| error.failure(format!("{} was not changed", slot.name)))?;
        slot.name.clone_from(&record.name);
        let sound = record.sound;
        let before = slot.machine.replace(record);
        if before.is_none_or(|before| before.sound != sound) {
            slot.order(Order::Hear(sound)); // A worker that is too busy hears of the next change.
        }
        Ok(())
    }

    pub(super) fn mark_trashed(&mut self, asker: Asker, machine: MachineId, action: Action) {
        if !self.permitted(asker, machine, action) {
            return;
        }
        let when = (action == Action::Delete).then(clock::now);
        let result = match when {
            Some(_) => Ok(()),
            None => self.free_its_name(machine),
        };
        let result =
            result.and_then(|()| self.change_record(machine, move |record| record.trashed = when));
        self.see_disks(machine);
        self.publish(machine);
        self.look_at_trash();
        self.hub.answer(asker, result.map(|()| Answer::Done), None);
    }

    /// Puts the last good copy in a broken file's place.
    pub(super) fn repair(&mut self, asker: Asker, machine: MachineId) {
        if !self.permitted(asker, machine, Action::Repair) {
            return;
        }
        let repaired = self
            .library
            .restore_last_good(machine)
            .map_err(|error| error.failure("The machine could not be repaired"));
        let result = repaired.map(|record| {
            let live = resting(&self.library, &record);
            let folder = self.library.machine_dir(machine);
            let name = record.name.clone();
            let mut slot = Slot::resting(name, Some(record), folder, live);
            slot.generation = self.slots.get(&machine).map_or(0, |old| old.generation);
            self.slots.insert(machine, slot);
            Answer::Done
        });
        self.publish(machine);
        self.hub.answer(asker, result, None);
    }

    /// A machine that comes back may find its name taken.
    fn free_its_name(&mut self, machine: MachineId) -> Result<(), Failure> {
        let Some(slot) = self.slots.get(&machine) else {
            return Ok(());
        };
        let taken: Vec<&str> = self
            .names()
            .filter(|(id, _)| *id != machine)
            .map(|(_, name)| name)
            .collect();
        let name = crate::model::free_name(&slot.name, &taken);
        if name == slot.name {
            return Ok(());
        }
        self.change_record(machine, |record| record.name = name)
    }

    /// Names that are taken: of machines that are not in the trash.
    pub(super) fn names(&self) -> impl Iterator<Item = (MachineId, &str)> {
        self.slots
            .iter()
            .filter(|(_, slot)| slot.trashed().is_none())
            .map(|(id, slot)| (*id, slot.name.as_str()))
    }

    /// Removes for good: one machine, or everything in the trash.
    pub(super) fn empty_trash(&mut self, asker: Asker, only: Option<MachineId>) {
        let ids: Vec<MachineId> = match only {
            Some(machine) => vec![machine],
            None => self
                .slots
                .iter()
                .filter(|(_, slot)| slot.trashed().is_some())
                .map(|(id, _)| *id)
                .collect(),
        };
        let library = std::sync::Arc::clone(&self.library);
        let sender = self.sender.clone();
        self.run_job(None, "Emptying the trash".to_owned(), asker, move |job| {
            job.progress("Removing files", 0, ids.len() as u64)?;
            job.commit();
            let emptied = library
                .empty_trash(&ids)
                .map_err(|error| error.failure("The trash was not emptied"))?;
            for machine in emptied.removed {
                sender.send(Message::Removed(machine)).ok(); // The engine is ending.
            }
            match emptied.kept.values().flatten().next() {
                None => Ok(Answer::Done),
                Some(holder) => Err(Failure::new(
                    "Some of the trash was kept",
                    format!("“{holder}” still rests on disks in it"),
                )
                .fix("Delete that machine first, or make it independent")),
            }
        });
    }

    pub(super) fn discard_saved(&mut self, asker: Asker, machine: MachineId) {
        if !self.permitted(asker, machine, Action::DiscardSaved) {
            return;
        }
        let saved = self
            .slots
            .get(&machine)
            .and_then(|slot| slot.machine.as_ref()?.saved);
        let result = self.change_record(machine, |record| record.saved = None);
        if result.is_ok()
            && let Some(slot) = self.slots.get_mut(&machine)
        {
            slot.live = Live::resting(State::Off, clock::now(), None);
        }
        self.publish(machine);
        if let Err(failure) = result {
            self.hub.answer(asker, Err(failure), None);
            return;
        }
        let library = std::sync::Arc::clone(&self.library);
        self.run_job(
            Some(machine),
            "Discarding the saved state".to_owned(),
            asker,
            move |job| {
                job.commit();
                if let Some(saved) = saved {
                    library.forget_saved(machine, saved).map_err(|error| {
                        error.failure("The saved state's files were not removed")
                    })?;
                }
                Ok(Answer::Done)
            },
        );
    }
}

/// Every machine of the library by its id. A broken one never hides the others.
pub fn read_slots(library: &Library) -> Result<BTreeMap<MachineId, Slot>, Failure> {
    let names = library
        .folder_names()
        .map_err(|error| error.failure("The library could not be read"))?;
    let readers = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(READERS));
    let share = names.len().div_ceil(readers).max(FEW);
    let mut slots = BTreeMap::new();
    std::thread::scope(|scope| {
        let mut reading = Vec::new(); // Joined below.
        for share in names.chunks(share) {
            let thread = std::thread::Builder::new().name("reader".to_owned());
            let read = move || {
                // The window's first picture comes before its list. Refused, they only compete.
                setpriority_process(None, READERS_NICE).ok();
                read_some(library, share)
            };
            match thread.spawn_scoped(scope, read) {
                Ok(thread) => reading.push((thread, share)),
                Err(_) => slots.extend(read_some(library, share)), // No thread to be had.
            }
        }
        for (thread, share) in reading {
            // One that panicked was reported by the panic hook; the machines count, not the thread.
            slots.extend(thread.join().unwrap_or_else(|_| read_some(library, share)));
        }
    });
    Ok(slots)
}

fn read_some(library: &Library, names: &[String]) -> Vec<(MachineId, Slot)> {
    let entries = names.iter().filter_map(|name| library.look(name));
    let slot = |entry| match entry {
        Entry::Machine(loaded) => whole_slot(library, *loaded),
        Entry::Broken(broken) => broken_slot(broken),
    };
    entries.map(slot).collect()
}

fn whole_slot(library: &Library, loaded: Loaded) -> (MachineId, Slot) {
    let machine = loaded.machine;
    let mut live = resting(library, &machine);
    if !loaded.warnings.is_empty() && live.trouble.is_none() {
        live.trouble = Some(Failure::new(
            format!("{}: parts of its file are not understood", machine.name),
            loaded.warnings.join("; "),
        ));
    }
    let name = machine.name.clone();
    (
        machine.id,
        Slot::resting(name, Some(machine), loaded.folder, live),
    )
}

/// How a machine without QEMU stands: off, saved, or unavailable.
pub(super) fn resting(library: &Library, machine: &Machine) -> Live {
    match (last_written(library, machine), &machine.saved) {
        (Err(failure), _) => Live::resting(State::Unavailable, clock::now(), Some(failure)),
        (Ok(_), Some(saved)) => Live::resting(State::Saved, saved.when, None),
        (Ok(written), None) => Live::resting(State::Off, written, None),
    }
}

/// When something was last written to the machine's own disks: nothing else tells a later owner when it ran. Its creation,
/// if it has no disk or never ran.
///
/// # Errors
/// The first disk whose file is not there.
fn last_written(library: &Library, machine: &Machine) -> Result<Timestamp, Failure> {
    let mut last = machine.created;
    for device in &machine.devices {
        let DeviceKind::Disk(disk) = &device.kind else {
            continue; // A missing CD does not keep a machine from running.
        };
        match &disk.source {
            DiskSource::InPlace(image) => {
                metadata(&machine.name, &image.path)?;
            }
            DiskSource::Layers(chain) => {
                let mut top = None;
                for layer in chain {
                    top = Some(metadata(&machine.name, &library.layer_file(*layer))?);
                }
                let written = top.and_then(|top| top.modified().ok());
                last = written.map_or(last, |time| last.max(clock::of(time)));
            }
        }
    }
    Ok(last)
}

fn metadata(name: &str, path: &Path) -> Result<Metadata, Failure> {
    std::fs::metadata(path).map_err(|error| {
        Failure::new(
            format!("{name} is unavailable"),
            format!("Its disk {} can't be reached: {error}", path.display()),
        )
        .fix("Bring the drive or file back; nothing was changed")
    })
}

/// A broken folder is shown under an id of its own that stays the same.
fn broken_slot(broken: Broken) -> (MachineId, Slot) {
    let name = broken
        .folder
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let id = broken.id.unwrap_or_else(|| {
        let hash = blake3::hash(name.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.as_bytes()[..16]);
        MachineId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    });
    let failure = match &broken.last_good {
        Some(path) => {
            let fix = format!("The last good copy is {}", path.display());
            broken.failure.clone().fix(fix)
        }
        None => broken.failure.clone(),
    };
    let live = Live::resting(State::Broken, clock::now(), Some(failure));
    (id, Slot::resting(name, None, broken.folder, live))
}
