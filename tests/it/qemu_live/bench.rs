//! A machine to try things on: a folder, a disk, sockets, and what a test looks at.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use orangery::confine::{self, Jail, Program, run_jailed};
use orangery::model::{
    Accelerator, Address, ByteSize, Cdrom, DeviceKind, DiskSource, DisplayPath, FirmwareKind,
    LayerId, LayerRef, Machine, MachineId, MemoryBacking, NewMachine, Source, Timestamp,
};
use orangery::qemu::command_line::{self, FirmwareCode, Launch, MEMORY_NUMBER};
use orangery::qemu::defaults;
use orangery::qemu::memory::{self, MemoryFile};
use orangery::qemu::process::{Manifest, Process, ProcessError, Rights, Sockets};
use orangery::qemu::qmp::{Client, QmpEvent};
use serde_json::json;
use uuid::Uuid;

pub const SOON: Duration = Duration::from_secs(10);
/// Starting is slow when every test starts a QEMU at once.
pub const START: Duration = Duration::from_secs(60);

/// One machine with a disk of its own in a temporary folder.
pub struct Bench {
    pub folder: tempfile::TempDir,
    pub machine: Machine,
    pub layers: BTreeMap<LayerRef, PathBuf>,
    pub display: DisplayPath,
    pub accelerator: Accelerator,
    pub firmware: Option<FirmwareCode>,
    pub reads: Vec<PathBuf>,
    launches: u32,
}

impl Bench {
    pub fn new() -> Self {
        confine::set_own_program(env!("CARGO_BIN_EXE_orangery"));
        let folder = tempfile::tempdir().unwrap();
        let id = MachineId(Uuid::new_v4());
        let layer = LayerRef {
            machine: id,
            layer: LayerId(Uuid::new_v4()),
        };
        let path = folder.path().join(format!("{}.qcow2", layer.layer));
        qemu_img(
            folder.path(),
            &["create", "-f", "qcow2", path.to_str().unwrap(), "1G"],
        );
        let spec = NewMachine {
            name: "Bench, with a comma".to_owned(),
            source: Source::Empty,
            cpus: 1,
            memory: ByteSize::mib(128),
            disk_size: ByteSize::gib(1),
            firmware: FirmwareKind::Bios,
            era: Default::default(),
            experiment: false,
        };
        let parts = defaults::Parts {
            id,
            machine_type: "pc-q35-8.2".to_owned(),
            mac: [1, 2, 3],
            disk: Some(DiskSource::Layers(vec![layer])),
            disk_size: spec.disk_size,
            created: Timestamp(0),
        };
        Self {
            machine: defaults::machine(&spec, parts),
            folder,
            layers: BTreeMap::from([(layer, path)]),
            display: DisplayPath::Dbus,
            accelerator: Accelerator::Tcg,
            firmware: None,
            reads: Vec::new(),
            launches: 0,
        }
    }

    /// Starts the machine; stopped, as `-S` leaves it.
    pub fn start(&mut self, incoming: bool) -> Result<Process, ProcessError> {
        self.start_with(incoming, |_| {})
    }

    /// The same, after `spoil` changed the arguments.
    pub fn start_with(
        &mut self,
        incoming: bool,
        spoil: impl FnOnce(&mut Vec<String>),
    ) -> Result<Process, ProcessError> {
        let folder = self.folder.path().join(format!("launch{}", self.launches));
        self.launches += 1;
        std::fs::create_dir(&folder).unwrap();
        let forkable = self.machine.memory_backing == MemoryBacking::Forkable;
        let memory = forkable.then_some(MemoryFile {
            number: MEMORY_NUMBER,
            size: self.machine.memory,
            frozen: false,
        });
        let sockets = Sockets::within(&folder);
        let cpu_model = command_line::resolve_cpu(&self.machine, self.accelerator);
        let launch = Launch {
            machine: &self.machine,
            accelerator: self.accelerator,
            cpu_model: &cpu_model,
            memory,
            firmware: self.firmware.as_ref(),
            layers: &self.layers,
            sockets: &sockets,
            display: self.display,
            dbus_sound: true,
            incoming,
            generation: Uuid::from_u128(1),
        };
        let mut args = command_line::command_line(&launch).unwrap();
        spoil(&mut args);
        let mut rights = Rights {
            writes: self.layers.values().cloned().collect(),
            reads: self.reads.clone(),
            network: confine::Network::Outgoing,
            ..Rights::default()
        };
        if let Some(memory) = memory {
            let file = memory::create(memory.size).unwrap();
            rights.files.push((file, memory.number));
        }
        let manifest = Manifest {
            version: 1,
            machine: self.machine.id,
            uuid: self.machine.id.0,
            name: self.machine.name.clone(),
            exe: confine::find_program("qemu-system-x86_64").unwrap(),
            args,
            qemu_version: String::new(),
            machine_type: self.machine.machine_type.clone(),
            accelerator: self.accelerator,
            cpu_model,
            layers: self.layers.clone().into_iter().collect(),
            memory,
            sockets,
            display: self.display,
            incoming,
            created: Timestamp(0),
            hardware: None,
        };
        Process::start(&folder, manifest, rights)
    }

    pub fn run(&mut self) -> (Guard, Client, Receiver<QmpEvent>) {
        let mut guard = Guard(self.start(false).unwrap());
        let connected = guard.0.connect(START);
        let (client, events) = connected.unwrap_or_else(|error| {
            panic!("{error}: {}", guard.0.log_tail());
        });
        (guard, client, events)
    }
}

/// Ends its QEMU when a test fails.
pub struct Guard(pub Process);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait(SOON).unwrap();
        self.0.exit_status();
    }
}

pub fn qemu_img(folder: &Path, args: &[&str]) {
    let mut program = Program::new(confine::find_program("qemu-img").unwrap()).args(args);
    program.writes = vec![folder.to_owned()];
    let finished = run_jailed(Jail::new(program), &mut |_| ControlFlow::Continue(())).unwrap();
    let complaint = String::from_utf8_lossy(&finished.stderr).into_owned();
    assert_eq!(finished.outcome, confine::Outcome::Success, "{complaint}");
}

pub fn wait_for(events: &Receiver<QmpEvent>, name: &str) -> QmpEvent {
    let deadline = Instant::now() + START;
    loop {
        let event = events
            .recv_deadline(deadline)
            .unwrap_or_else(|error| panic!("no {name}: {error}"));
        if event.name == name {
            return event;
        }
    }
}

pub fn status(client: &Client) -> String {
    let reply = client.call_raw("query-status", json!({}), SOON).unwrap();
    reply["status"].as_str().unwrap().to_owned()
}

/// mov dx,0x3f8; mov al,'C'; out dx,al; hlt; jmp back
pub const SAY_C: &[u8] = &[0xba, 0xf8, 3, 0xb0, b'C', 0xee, 0xf4, 0xeb, 0xfd];

/// Counts in al and writes each number to the serial port:
/// mov dx,0x3f8; mov al,0; again: out dx,al; mov ecx,0x100000; wait: dec ecx; jnz wait; inc al;
/// jmp again
pub const COUNT: &[u8] = &[
    0xba, 0xf8, 3, 0xb0, 0, 0xee, 0x66, 0xb9, 0, 0, 0x10, 0, 0x66, 0x49, 0x75, 0xfc, 0xfe, 0xc0,
    0xeb, 0xf1,
];

/// An ISO that boots `code`, in real mode.
fn tiny_iso(path: &Path, code: &[u8]) {
    const SECTOR: usize = 2048;
    let mut image = vec![0; 21 * SECTOR];
    let mut put = |sector: usize, offset: usize, bytes: &[u8]| {
        let start = sector * SECTOR + offset;
        image[start..start + bytes.len()].copy_from_slice(bytes);
    };
    put(16, 0, b"\x01CD001\x01");
    put(17, 0, b"\x00CD001\x01EL TORITO SPECIFICATION");
    put(17, 0x47, &[19]);
    put(18, 0, b"\xffCD001\x01");
    // Validation entry with its checksum, then the default entry: no emulation, 4 sectors at 20.
    put(19, 0, &[1]);
    put(19, 0x1c, &[0xaa, 0x55, 0x55, 0xaa]);
    put(19, 0x20, &[0x88, 0, 0, 0, 0, 0, 4, 0, 20]);
    put(20, 0, code);
    use std::io::Write;
    std::fs::File::create(path)
        .unwrap()
        .write_all(&image)
        .unwrap();
}

/// Reads the serial port until `text` comes.
pub fn serial_says(serial: &mut std::os::unix::net::UnixStream, text: &str) {
    use std::io::Read;
    serial
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let mut seen = String::new();
    let mut buffer = [0; 4096];
    while !seen.contains(text) {
        let count = serial.read(&mut buffer).unwrap_or(0);
        assert!(count > 0, "no {text:?} in {seen:?}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
}

pub fn serial(guard: &Guard) -> std::os::unix::net::UnixStream {
    std::os::unix::net::UnixStream::connect(&guard.0.manifest().sockets.serial).unwrap()
}

/// A machine with an empty disk and the tiny ISO in its drive.
pub fn bench_with_cd(code: &[u8]) -> Bench {
    let mut bench = Bench::new();
    let iso = bench.folder.path().join("a, b.iso");
    tiny_iso(&iso, code);
    bench.reads.push(iso.clone());
    for device in &mut bench.machine.devices {
        if let DeviceKind::Cdrom(cdrom) = &mut device.kind {
            *cdrom = Cdrom {
                medium: Some(iso.clone()),
            };
            assert_eq!(device.address, Address::Sata { port: 0 });
        }
    }
    bench
}
