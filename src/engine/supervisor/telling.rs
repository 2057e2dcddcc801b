//! What the supervisor tells its listeners about machines: one as it changes, many in few events.

use super::Supervisor;
use crate::engine::hub::{ListenerId, WINDOW};
use crate::engine::message::Event;
use crate::model::{Failure, Machine, MachineId, MachineReport};

/// The most that one [`Event::Machines`] carries, in bytes as JSON has them: it fits a packet of
/// [`MAX_PACKET`](crate::engine::wire::MAX_PACKET) unless a single machine does not.
const MAX_WEIGHT: usize = 96 * 1024;

impl Supervisor {
    /// Sends everything there is to one listener.
    pub(super) fn tell_everything(&mut self, listener: ListenerId) {
        let mut events: Vec<Event> = Vec::new();
        events.push(Event::Settings(self.settings.clone()));
        events.push(Event::Whereabouts(self.places.whereabouts()));
        if let Some(computer) = &self.computer {
            events.push(Event::Computer(computer.clone()));
        }
        let reports = self.slots.iter().map(|(id, slot)| slot.report(*id));
        events.extend(in_few(reports).map(Event::Machines));
        events.extend(self.labs.seen().cloned().map(Event::Labs));
        events.push(Event::Whole);
        events.extend(
            self.jobs
                .values()
                .map(|(report, _)| Event::Job(report.clone())),
        );
        events.extend(self.trash.seen().map(|report| Event::Trash(report.clone())));
        if self.window || listener != WINDOW {
            events.extend(self.notices.drain(..).map(Event::Notice)); // Without a window nobody looks at ours.
        }
        for event in events {
            self.hub.tell(listener, event);
        }
        if self.labs.seen().is_none() {
            self.look_at_labs(None);
        }
        if self.trash.seen().is_none() {
            self.look_at_trash();
        }
    }

    /// Something that no request asked for: it is told to the first who looks.
    pub(super) fn notice(&mut self, failure: Failure) {
        self.hub.chronicle.failure(&failure);
        self.notices.push(failure);
    }

    /// Tells everyone how a machine stands.
    pub(super) fn publish(&mut self, machine: MachineId) {
        if let Some(slot) = self.slots.get_mut(&machine) {
            slot.generation += 1;
            let event = Event::Machine(Box::new(slot.report(machine)));
            self.hub.publish(&event);
        }
    }

    /// Tells everyone how several machines stand.
    pub(super) fn publish_many(&mut self, machines: &[MachineId]) {
        for machine in machines {
            if let Some(slot) = self.slots.get_mut(machine) {
                slot.generation += 1;
            }
        }
        let reports = machines
            .iter()
            .filter_map(|id| Some(self.slots.get(id)?.report(*id)));
        for chunk in in_few(reports) {
            self.hub.publish(&Event::Machines(chunk));
        }
    }
}

/// The reports in chunks that can be sent.
fn in_few(
    reports: impl Iterator<Item = MachineReport>,
) -> impl Iterator<Item = Vec<MachineReport>> {
    let mut reports = reports.peekable();
    std::iter::from_fn(move || {
        let mut chunk = vec![reports.next()?];
        let mut weight = weight(&chunk[0]);
        while let Some(next) = reports.peek() {
            weight += self::weight(next);
            if weight > MAX_WEIGHT {
                break;
            }
            chunk.extend(reports.next());
        }
        Some(chunk)
    })
}

/// About how long a report is as JSON; rather more.
fn weight(report: &MachineReport) -> usize {
    let hardware = |machine: &Machine| {
        let layers: usize = machine.chains().map(|(_, layers)| layers.len()).sum();
        let words: usize = machine
            .tags
            .iter()
            .chain(&machine.arguments)
            .map(|word| word.len() + 8)
            .sum();
        1024 + machine.devices.len() * 256 + layers * 128 + words + machine.notes.len() * 2
    };
    let trouble = report.trouble.as_ref().map_or(0, |trouble| {
        256 + trouble.why.len() + trouble.details.as_ref().map_or(0, String::len) * 2
    });
    512 + report.machine.as_ref().map_or(0, hardware)
        + report.running.as_deref().map_or(0, hardware)
        + trouble
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::supervisor::Slot;
    use crate::engine::wire::MAX_PACKET;
    use crate::engine::worker::Live;
    use crate::model::{
        Address, Device, DeviceKind, Disk, DiskSource, Mac, Nic, Origin, State, Timestamp,
    };

    fn reports(count: u128) -> Vec<MachineReport> {
        let report = |number| {
            let id = MachineId(uuid::Uuid::from_u128(number));
            let mut machine = Machine::new(id, "A machine", "pc-q35-10.0", Origin::Empty);
            let disk = Disk::new(
                DiskSource::Layers(Vec::new()),
                crate::model::ByteSize::gib(8),
            );
            for (place, kind) in [
                DeviceKind::Disk(disk),
                DeviceKind::Nic(Nic::new(Mac([2; 6]))),
                DeviceKind::Rng,
            ]
            .into_iter()
            .enumerate()
            {
                machine.devices.push(Device {
                    id: format!("device{place}"),
                    kind,
                    address: Address::Pci { slot: 2 },
                });
            }
            machine.notes = "\u{1b}\"notes\"\n".repeat(number as usize % 50);
            let live = Live::resting(State::Off, Timestamp(0), None);
            Slot::resting(
                "A machine".to_owned(),
                Some(machine),
                "/library".into(),
                live,
            )
            .report(id)
        };
        (0..count).map(report).collect()
    }

    #[test]
    fn ten_thousand_machines_are_few_packets_and_each_is_told_once() {
        let all = reports(10_000);
        let chunks: Vec<_> = in_few(all.iter().cloned()).collect();
        assert!(chunks.len() < 1000, "{} events", chunks.len());
        for chunk in &chunks {
            let event = crate::engine::client::Say::Event(Event::Machines(chunk.clone()));
            let length = serde_json::to_vec(&event).unwrap().len();
            assert!(length <= MAX_PACKET, "{length} bytes");
        }
        assert_eq!(chunks.concat(), all);
    }
}
