//! A backend that remembers what it was asked, and machines to ask it about.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::tasks::{Backend, Reply};
use crate::engine::Command;
use crate::model::{
    Address, Answer, ByteSize, Cdrom, ComputerReport, Cpu, Device, DeviceKind, Disk, DiskSource,
    Failure, Firmware, FirmwareKind, LabReport, LayerId, LayerRef, Mac, Machine, MachineId,
    MachineReport, Nic, Origin, State, Timeline, Timestamp,
};

/// What `now` is in all tests.
pub const NOW: Timestamp = Timestamp(1_000_000);

#[derive(Debug, Default)]
pub struct Fake {
    pub reports: Vec<MachineReport>,
    /// Given in order; when there are none left, every command is done.
    pub replies: VecDeque<Result<Reply, Failure>>,
    pub computer: Option<ComputerReport>,
    pub timeline: Timeline,
    pub labs: Vec<LabReport>,
    pub yes: Option<bool>,
    /// What was asked for, with its patience.
    pub asked: Vec<(Command, Option<Duration>)>,
    pub opened: Vec<String>,
    pub input: Vec<u8>,
}

impl Backend for Fake {
    fn reports(&mut self) -> Result<Vec<MachineReport>, Failure> {
        Ok(self.reports.clone())
    }

    fn call(&mut self, command: Command, patience: Option<Duration>) -> Result<Reply, Failure> {
        self.asked.push((command, patience));
        self.replies
            .pop_front()
            .unwrap_or_else(|| Ok(Reply::Answer(Answer::Done, None)))
    }

    fn computer(&mut self) -> Result<ComputerReport, Failure> {
        self.computer
            .clone()
            .ok_or_else(|| Failure::new("No report", "The test gave none"))
    }

    fn size(&self) -> (u32, ByteSize) {
        (8, ByteSize::gib(32))
    }

    fn timeline(&mut self, _machine: MachineId) -> Result<Timeline, Failure> {
        Ok(self.timeline.clone())
    }

    fn labs(&mut self) -> Result<Vec<LabReport>, Failure> {
        Ok(self.labs.clone())
    }

    fn png(&mut self, _ppm: OwnedFd) -> Result<Vec<u8>, Failure> {
        Ok(b"PNG".to_vec())
    }

    fn input(&mut self, _limit: u64) -> Result<Vec<u8>, Failure> {
        Ok(self.input.clone())
    }

    fn confirm(&mut self, question: &str) -> Option<bool> {
        self.opened.push(question.to_owned());
        self.yes
    }

    fn tell(&mut self, text: &str) {
        self.opened.push(text.to_owned());
    }

    fn console(&mut self, machine: MachineId, _name: String, head: u32) -> Result<(), Failure> {
        self.opened.push(format!("console {machine} {head}"));
        Ok(())
    }

    fn serial(&mut self, machine: MachineId, _name: &str) -> Result<(), Failure> {
        self.opened.push(format!("serial {machine}"));
        Ok(())
    }

    fn serial_log(&mut self, folder: &Path) -> Result<(), Failure> {
        self.opened
            .push(format!("serial log in {}", folder.display()));
        Ok(())
    }

    fn window(&mut self, file: Option<PathBuf>) -> Result<(), Failure> {
        let file = file.map_or_else(String::new, |file| format!(" {}", file.display()));
        self.opened.push(format!("window{file}"));
        Ok(())
    }

    fn agent(&mut self) -> Result<(), Failure> {
        self.opened.push("agent".to_owned());
        Ok(())
    }
}

/// A machine with a disk, a CD drive and a network card, in `state` for an hour.
pub fn report(name: &str, id: &str, state: State) -> MachineReport {
    let id: MachineId = id.parse().unwrap();
    MachineReport {
        since: Timestamp(NOW.0 - 3600),
        machine: Some(machine(name, id)),
        path: PathBuf::from("/library/machines").join(id.to_string()),
        pid: state.has_process().then_some(4711),
        accelerator: state
            .has_process()
            .then_some(crate::model::Accelerator::Kvm),
        ..MachineReport::new(id, name, state)
    }
}

/// A machine whose file can't be read.
pub fn broken(folder: &str) -> MachineReport {
    let mut report = report(
        folder,
        "bbbbbbbb-0000-4000-8000-00000000000b",
        State::Broken,
    );
    report.machine = None;
    report.path = PathBuf::from("/library/machines").join(folder);
    report.trouble = Some(
        Failure::new("Its file can't be read", "line 3: expected `)`")
            .fix("Put back the last good copy on its page"),
    );
    report
}

fn machine(name: &str, id: MachineId) -> Machine {
    let device = |id: &str, kind, address| Device {
        id: id.to_owned(),
        kind,
        address,
    };
    let layer = LayerRef {
        machine: id,
        layer: LayerId(id.0),
    };
    let disk = Disk::new(DiskSource::Layers(vec![layer, layer]), ByteSize::gib(32));
    let nic = Nic::new(Mac([0x52, 0x54, 0, 1, 2, 3]));
    Machine {
        cpu: Cpu::of(2),
        memory: ByteSize::gib(2),
        firmware: Firmware {
            kind: FirmwareKind::Uefi,
            variables: Vec::new(),
        },
        devices: vec![
            device("disk0", DeviceKind::Disk(disk), Address::Pci { slot: 2 }),
            device(
                "cd0",
                DeviceKind::Cdrom(Cdrom { medium: None }),
                Address::Sata { port: 0 },
            ),
            device("nic0", DeviceKind::Nic(nic), Address::Pci { slot: 3 }),
            device("rng0", DeviceKind::Rng, Address::Pci { slot: 4 }),
        ],
        created: Timestamp(NOW.0 - 5 * 86_400),
        tags: vec!["web".to_owned()],
        notes: "First line\nsecond\u{1b}[2J".to_owned(),
        ..Machine::new(id, name, "pc-q35-10.0", Origin::Empty)
    }
}
