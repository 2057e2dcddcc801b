//! Requests about a machine's hardware: edits, media, pending changes, disks.

use std::path::PathBuf;
use std::sync::Arc;

use super::Supervisor;
use super::commands::busy;
use crate::engine::disks;
use crate::engine::hub::Asker;
use crate::engine::message::Command;
use crate::engine::worker::{Edit, Order};
use crate::model::{
    Action, Answer, Cdrom, Change, Device, DeviceKind, Failure, Floppy, LayerId, Machine,
    MachineId, NewDisk, detached, take_live_parts,
};

/// A drive to be filled or emptied, whatever lies in it.
pub(super) struct Insertion {
    drive: String,
    /// Also where the guest has locked it.
    force: bool,
}

impl Supervisor {
    pub(super) fn hardware(&mut self, asker: Asker, command: Command) {
        let Some(machine) = command.machine() else {
            return;
        };
        if !self.permitted(asker, machine, Action::Edit) {
            return;
        }
        if self.checkpoint_before(asker, &command) {
            return;
        }
        match command {
            Command::Change { changes, .. } => self.edit(asker, machine, changes, None),
            Command::Insert {
                drive,
                medium,
                force,
                ..
            } => self.insert(asker, machine, Insertion { drive, force }, medium),
            Command::DropPending { .. } => self.drop_pending(asker, machine),
            Command::AddDisk { disk, .. } => self.add_disk(asker, machine, disk),
            Command::DeleteDisk { disk, .. } => self.delete_disk(asker, machine, disk),
            _ => {}
        }
    }

    /// Makes all changes or none: on the guest first, where it can be given them at once, then in the record.
    pub(super) fn edit(
        &mut self,
        asker: Asker,
        machine: MachineId,
        changes: Vec<Change>,
        insertion: Option<&Insertion>,
    ) {
        let new = match self.checked_changes(machine, &changes) {
            Ok(new) => new,
            Err(failure) => return self.hub.answer(asker, Err(failure), None),
        };
        let devices = self.given_at_once(machine, &new, insertion);
        if devices.is_empty() {
            let result = self.change_record(machine, |record| *record = new);
            self.look_at_disks_of(machine);
            self.publish(machine);
            self.hub.answer(asker, result.map(|()| Answer::Done), None);
            return;
        }
        let edit = Edit {
            changes,
            devices,
            again: insertion.is_some(),
            force: insertion.is_some_and(|insertion| insertion.force),
            asker,
        };
        let slot = self.slots.get(&machine);
        if !slot.is_some_and(|slot| slot.order(Order::Edit(Box::new(edit)))) {
            self.hub.answer(asker, Err(busy()), None);
        }
    }

    /// The devices of `new` that a running guest is to be given as they are now.
    fn given_at_once(
        &self,
        machine: MachineId,
        new: &Machine,
        insertion: Option<&Insertion>,
    ) -> Vec<Device> {
        let running = self.slots.get(&machine).filter(|slot| slot.has_worker());
        let Some(old) = running.and_then(|slot| slot.machine.as_ref()) else {
            return Vec::new();
        };
        let devices = new.devices.iter().filter(|device| {
            let is_asked_for = insertion.is_some_and(|insertion| insertion.drive == device.id);
            let known = old.device(&device.id);
            is_asked_for
                || known.is_some_and(|known| take_live_parts(&mut known.kind.clone(), &device.kind))
        });
        devices.cloned().collect()
    }

    fn insert(
        &mut self,
        asker: Asker,
        machine: MachineId,
        insertion: Insertion,
        medium: Option<PathBuf>,
    ) {
        let id = insertion.drive.clone();
        let record = self
            .slots
            .get(&machine)
            .and_then(|slot| slot.machine.as_ref());
        let device = record.and_then(|record| record.device(&id));
        let kind = match device.map(|device| &device.kind) {
            Some(DeviceKind::Cdrom(_)) => Ok(DeviceKind::Cdrom(Cdrom { medium })),
            Some(DeviceKind::Floppy(_)) => Ok(DeviceKind::Floppy(Floppy { medium })),
            Some(_) => Err(format!("“{id}” is no drive for CDs or floppies")),
            None => Err(format!("There is no drive “{id}”")),
        };
        match kind {
            Ok(kind) => self.edit(
                asker,
                machine,
                vec![Change::Set { id, kind }],
                Some(&insertion),
            ),
            Err(why) => {
                let failure = Failure::new("The medium was not changed", why);
                self.hub.answer(asker, Err(failure), None);
            }
        }
    }

    /// The record becomes what runs. Disks that were added meanwhile stay, detached.
    fn drop_pending(&mut self, asker: Asker, machine: MachineId) {
        let running = self.slots.get(&machine).and_then(super::Slot::pending);
        let result = match running {
            None => Ok(()), // Nothing waits.
            Some(running) => self.change_record(machine, |record| record.take_hardware(&running)),
        };
        self.publish(machine);
        self.hub.answer(asker, result.map(|()| Answer::Done), None);
    }

    fn add_disk(&mut self, asker: Asker, machine: MachineId, disk: NewDisk) {
        let Some(record) = self.record(machine) else {
            return;
        };
        if let Err(failure) = disks::check(record, &disk) {
            return self.hub.answer(asker, Err(failure), None);
        }
        let title = format!("Adding a disk to {}", record.name);
        let library = Arc::clone(&self.library);
        let sender = self.sender.clone();
        self.run_job(Some(machine), title, asker, move |job| {
            disks::add(&library, &sender, machine, &disk, job)?;
            Ok(Answer::Done)
        });
    }

    fn delete_disk(&mut self, asker: Asker, machine: MachineId, top: LayerId) {
        let refuse = |why: String| Failure::new("The disk was not deleted", why);
        let record = self.record(machine);
        let known = record.is_some_and(|record| detached(record, top).is_some());
        let in_use = self.slots.values().find(|slot| {
            let running = slot.live.hardware.as_ref();
            running.is_some_and(|running| {
                let mut chains = running.chains();
                chains.any(|(_, chain)| chain.iter().any(|layer| layer.layer == top))
            })
        });
        let refusal = match in_use {
            Some(slot) => Some(
                refuse(format!("“{}” runs and still has it", slot.name)).fix("Shut it down first"),
            ),
            None if !known => Some(
                refuse("No such disk is detached from the machine".to_owned())
                    .fix("Take it out of the machine first"),
            ),
            None => None,
        };
        if let Some(failure) = refusal {
            return self.hub.answer(asker, Err(failure), None);
        }
        let library = Arc::clone(&self.library);
        let sender = self.sender.clone();
        self.run_job(
            Some(machine),
            "Deleting a disk".to_owned(),
            asker,
            move |job| {
                disks::delete(&library, &sender, machine, top, job)?;
                Ok(Answer::Done)
            },
        );
    }

    fn record(&self, machine: MachineId) -> Option<&Machine> {
        self.slots.get(&machine)?.machine.as_ref()
    }
}
