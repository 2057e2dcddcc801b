//! Requests about a lab's moments: keeping one, going back to one, deleting one.

use uuid::Uuid;

use super::Supervisor;
use crate::engine::clock;
use crate::engine::hub::Asker;
use crate::engine::lab::{self, Crew, Keeping, Rests, Rewinding, Start};
use crate::engine::message::LabCommand;
use crate::engine::supervisor::{Message, Slot};
use crate::engine::timeline::{self, Taking};
use crate::library::SnapshotRecord;
use crate::model::{
    Action, Answer, Failure, Lab, LabId, MachineId, SetId, SetMember, SnapshotId, SnapshotKind,
    SnapshotSet, State, permit,
};

impl Supervisor {
    pub(super) fn moment(
        &mut self,
        asker: Asker,
        command: LabCommand,
    ) -> Result<Option<Answer>, Failure> {
        match command {
            LabCommand::Snapshot { lab, name, note } => self.keep_all(asker, lab, (name, note)),
            LabCommand::Rewind { lab, set, keep } => self.rewind_all(asker, lab, set, keep),
            LabCommand::EditSet {
                lab,
                set,
                name,
                note,
            } => self.edit_set(lab, set, (name, note)),
            LabCommand::DeleteSet { lab, set } => self.delete_set(asker, lab, set),
            _ => Ok(None), // Others do those.
        }
    }

    fn keep_all(
        &mut self,
        asker: Asker,
        lab: LabId,
        (name, note): (String, String),
    ) -> Result<Option<Answer>, Failure> {
        let what = "The lab was not kept";
        super::super::timeline::check_words(&name, &note)?;
        let (lab, machines) = self.lab_and_machines(what, lab)?;
        let command = LabCommand::Snapshot {
            lab: lab.id,
            name: name.clone(),
            note: note.clone(),
        };
        if self.waits_for(asker, &command, &machines) {
            return Ok(None);
        }
        self.check_all(&machines, Action::Snapshot, true)?;
        let set = SetId(Uuid::new_v4());
        let taking = || Taking {
            set: Some(set),
            ..Taking::new(SnapshotKind::Manual, name.clone(), note.clone())
        };
        let goers: Vec<(MachineId, Taking)> = machines
            .iter()
            .map(|machine| (*machine, taking()))
            .collect();
        let planned = self.planned(&goers);
        self.begin_set(&lab, set, SnapshotKind::Manual, (name, note), planned)?;
        let running = goers
            .iter()
            .filter(|(machine, _)| self.slots[machine].runs());
        let mut crew = Crew::new(running.count());
        let mut rests = Vec::new();
        for (machine, taking) in goers {
            match self.slots[&machine].runs() {
                true => self.order_all(machine, crew.orders(machine, Some(taking), None)),
                false => rests.extend(self.resting(machine, taking)),
            }
        }
        let title = format!("Keeping a moment of the lab {}", lab.name);
        let desk = self.desk(&lab);
        let sender = self.sender.clone();
        let keeping = Keeping {
            desk,
            set,
            crew,
            rests,
        };
        let job = self.run_job_later(None, title, move |job| {
            let result = keeping.run(job);
            let ended = result.as_ref().map(drop).map_err(Clone::clone);
            sender.send(Message::Answer(asker, result, None)).ok(); // The engine is ending.
            ended
        });
        self.hold(job, &machines);
        Ok(None)
    }

    /// Refuses unless `action` is allowed with all; `keeps` is whether their disks must lie in the library.
    fn check_all(
        &self,
        machines: &[MachineId],
        action: Action,
        keeps: bool,
    ) -> Result<(), Failure> {
        for machine in machines {
            let slot = &self.slots[machine];
            permit(slot.standing(), action).map_err(|denied| {
                let what = format!("{}: “{}” is not possible now", slot.name, action.name());
                Failure::new(what, denied.to_string())
                    .fix("Put it right first, or take it out of the lab")
            })?;
            if let Some(record) = slot.machine.as_ref().filter(|_| keeps) {
                timeline::check_in_library(record)?;
            }
        }
        Ok(())
    }

    /// The set as it will be, if all goes well.
    fn planned(&self, goers: &[(MachineId, Taking)]) -> Vec<SetMember> {
        let plan = |(machine, taking): &(MachineId, Taking)| {
            let record = self.slots[machine].machine.as_ref();
            let saved = record.and_then(|record| record.saved);
            let saved = saved.filter(|_| !self.slots[machine].runs());
            SetMember {
                machine: *machine,
                snapshot: saved.map_or(taking.id, |saved| saved.snapshot),
            }
        };
        goers.iter().map(plan).collect()
    }

    /// Written first: whoever finds it later sees what is missing.
    fn begin_set(
        &self,
        lab: &Lab,
        id: SetId,
        kind: SnapshotKind,
        (name, note): (String, String),
        members: Vec<SetMember>,
    ) -> Result<(), Failure> {
        let set = SnapshotSet {
            id,
            name,
            note,
            time: clock::now(),
            kind,
            members,
        };
        let written = self.library.update_lab(lab.id, |lab| lab.sets.push(set));
        written
            .map(drop)
            .map_err(|error| error.failure(format!("The lab “{}” was not kept", lab.name)))
    }

    /// A worker that takes no more drops them, and all others are told.
    fn order_all(&self, machine: MachineId, orders: Vec<crate::engine::worker::Order>) {
        for order in orders {
            self.slots[&machine].order(order);
        }
    }

    fn resting(&self, machine: MachineId, taking: Taking) -> Option<Rests> {
        let record = self.slots[&machine].machine.clone()?;
        let is_at = record.saved.and_then(|saved| {
            let snapshot = self.library.snapshot(machine, saved.snapshot).ok()?;
            (snapshot.kind != SnapshotKind::Saved).then_some(snapshot.id)
        });
        Some(Rests {
            with: self.would_run_with(&record),
            machine: record,
            taking,
            is_at,
        })
    }

    fn rewind_all(
        &mut self,
        asker: Asker,
        lab: LabId,
        set: SetId,
        keep: bool,
    ) -> Result<Option<Answer>, Failure> {
        let what = "The lab was not gone back with";
        let (lab, machines) = self.lab_and_machines(what, lab)?;
        let Some(moment) = lab.set(set).cloned() else {
            return Err(Failure::new(what, "It has no such moment"));
        };
        let machines: Vec<MachineId> = machines
            .into_iter()
            .filter(|machine| moment.of(*machine).is_some())
            .collect();
        if machines.is_empty() {
            let why = "None of its machines of that moment is in it any more";
            return Err(Failure::new(what, why));
        }
        let lab_id = lab.id;
        let command = LabCommand::Rewind {
            lab: lab_id,
            set,
            keep,
        };
        if self.waits_for(asker, &command, &machines) {
            return Ok(None);
        }
        self.check_all(&machines, Action::Rewind, keep)?;
        let points = self.points(&moment, &machines)?;
        let ran = |point: &&(MachineId, SnapshotRecord)| point.1.memory.is_some();
        let starts: Vec<MachineId> = points.iter().filter(ran).map(|point| point.0).collect();
        self.admit(&lab.name, &starts, &machines)?;
        let rewinding = self.rewinding(&lab, &points, &starts, keep)?;
        let title = format!("Going back with the lab {}", lab.name);
        let sender = self.sender.clone();
        let job = self.run_with_hands(title, move |hands, job| {
            let result = rewinding(hands).run(job);
            let ended = result.as_ref().map(drop).map_err(Clone::clone);
            sender.send(Message::Answer(asker, result, None)).ok(); // The engine is ending.
            ended
        });
        self.hold(job, &machines);
        Ok(None)
    }

    /// Where each goes back to.
    fn points(
        &self,
        moment: &SnapshotSet,
        machines: &[MachineId],
    ) -> Result<Vec<(MachineId, SnapshotRecord)>, Failure> {
        let point = |machine: &MachineId| {
            let name = self.named(*machine);
            let snapshot = moment.of(*machine)?;
            let found = timeline::find(&self.library, *machine, snapshot, &name);
            let found = found.and_then(|record| match record.kind {
                SnapshotKind::Saved => Err(Failure::new(name, "its snapshot was never taken")),
                _ => Ok((*machine, record)),
            });
            Some(found.map_err(|why| {
                let what = format!("The moment “{}” is not whole", moment.title());
                Failure {
                    why: format!("{}: {}", why.what, why.why),
                    ..Failure::new(what, "")
                }
                .fix("Each machine can still go back to its own snapshot, in its timeline")
            }))
        };
        machines.iter().filter_map(point).collect()
    }

    /// Everything but its hands.
    fn rewinding(
        &self,
        lab: &Lab,
        points: &[(MachineId, SnapshotRecord)],
        starts: &[MachineId],
        keep: bool,
    ) -> Result<impl FnOnce(lab::Hands) -> Rewinding + Send + 'static, Failure> {
        let kept = keep.then(|| SetId(Uuid::new_v4()));
        let taking = || Taking {
            set: kept,
            ..Taking::new(SnapshotKind::Kept, String::new(), String::new())
        };
        let goers: Vec<(MachineId, Taking)> =
            points.iter().map(|point| (point.0, taking())).collect();
        if let Some(kept) = kept {
            let words = (String::new(), String::new());
            self.begin_set(lab, kept, SnapshotKind::Kept, words, self.planned(&goers))?;
        }
        let running = points.iter().filter(|point| self.slots[&point.0].runs());
        let mut crew = Crew::new(running.count());
        let mut rests: Vec<(Rests, SnapshotId)> = Vec::new();
        for ((machine, taking), (_, to)) in goers.into_iter().zip(points) {
            if self.slots[&machine].runs() {
                let taking = keep.then_some(taking);
                self.order_all(machine, crew.orders(machine, taking, Some(to.id)));
            } else {
                rests.extend(self.resting(machine, taking).map(|one| (one, to.id)));
            }
        }
        let stays = points.iter().map(|point| point.0);
        let stays = stays.filter(|machine| !starts.contains(machine)).collect();
        let starts = starts.iter().map(|machine| Start {
            machine: *machine,
            name: self.named(*machine),
        });
        let (desk, starts) = (self.desk(lab), starts.collect());
        Ok(move |hands| Rewinding {
            desk,
            hands,
            crew,
            rests,
            keep: kept,
            starts,
            stays,
        })
    }

    fn edit_set(
        &mut self,
        lab: LabId,
        set: SetId,
        (name, note): (String, String),
    ) -> Result<Option<Answer>, Failure> {
        let what = "The moment was not renamed";
        super::super::timeline::check_words(&name, &note)?;
        let lab = self.library.lab(lab);
        let lab = lab.map_err(|error| error.failure(what))?;
        let moment = lab.set(set).cloned();
        let moment = moment.ok_or_else(|| Failure::new(what, "It is gone"))?;
        for SetMember { machine, snapshot } in moment.members {
            let Ok(mut record) = self.library.snapshot(machine, snapshot) else {
                continue; // It has none.
            };
            if record.writing {
                let why = "It is still being written";
                return Err(Failure::new(what, why).fix("Try again in a moment"));
            }
            if record.set == Some(set) {
                (record.name, record.note) = (name.clone(), note.clone());
                let written = self.library.write_snapshot(&record);
                written.map_err(|error| error.failure(what))?;
                self.timeline_changed(machine);
            }
        }
        self.change_lab(what, lab.id, |lab| {
            if let Some(one) = lab.sets.iter_mut().find(|one| one.id == set) {
                (one.name, one.note) = (name, note);
            }
        })
    }

    fn delete_set(
        &mut self,
        asker: Asker,
        lab: LabId,
        set: SetId,
    ) -> Result<Option<Answer>, Failure> {
        let what = "The moment was not deleted";
        let lab = self.library.lab(lab);
        let lab = lab.map_err(|error| error.failure(what))?;
        let moment = lab.set(set).cloned();
        let moment = moment.ok_or_else(|| Failure::new(what, "It is gone"))?;
        let is_elsewhere = |member: &SetMember| {
            let mut others = lab.sets.iter().filter(|one| one.id != set);
            others.any(|other| other.members.contains(member))
        };
        let is_there = |member: &&SetMember| {
            let record = self.library.snapshot(member.machine, member.snapshot);
            let is_ours = record.is_ok_and(|record| record.kind != SnapshotKind::Saved);
            self.slots.contains_key(&member.machine) && is_ours && !is_elsewhere(member)
        };
        let doomed: Vec<(MachineId, String, SnapshotId)> = moment
            .members
            .iter()
            .filter(is_there)
            .map(|one| (one.machine, self.named(one.machine), one.snapshot))
            .collect();
        for (machine, name, snapshot) in &doomed {
            let slot = self.slots.get(machine);
            let saved = slot.and_then(|slot: &Slot| slot.machine.as_ref()?.saved);
            let rests = slot.is_some_and(|slot| slot.live.state == State::Saved);
            if rests && saved.is_some_and(|saved| saved.snapshot == *snapshot) {
                let why = format!("The next start of “{name}” goes on from it");
                return Err(Failure::new(what, why).fix("Start the machine first"));
            }
        }
        let title = format!("Deleting a moment of the lab {}", lab.name);
        let (library, sender) = (std::sync::Arc::clone(&self.library), self.sender.clone());
        self.run_with_hands(title, move |mut hands, job| {
            let result = lab::delete_set(&mut hands, doomed, job).and_then(|()| {
                let forgotten = library.update_lab(lab.id, |lab| {
                    lab.sets.retain(|one| one.id != set);
                });
                forgotten.map(drop).map_err(|error| error.failure(what))
            });
            let answer = result.clone().map(|()| Answer::Done);
            sender.send(Message::Answer(asker, answer, None)).ok(); // The engine is ending.
            result
        });
        Ok(None)
    }
}
