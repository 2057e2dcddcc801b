//! Real QEMU by software emulation: started, talked to, saved, restored, killed, adopted.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use orangery::confine::{self, Jail, Program, run_jailed};
use orangery::model::{
    Accelerator, ByteSize, DiskSource, DisplayPath, FirmwareKind, LayerId, LayerRef, Machine,
    MachineId, MemoryBacking, NewMachine, Source, Timestamp,
};
use orangery::qemu::command_line::{self, Launch, MEMORY_NUMBER};
use orangery::qemu::memory::{self, MemoryFile};
use orangery::qemu::memory_store::{self, MemoryError};
use orangery::qemu::process::{Manifest, Process, ProcessError, Rights, Sockets};
use orangery::qemu::qmp::{Client, QmpEvent};
use orangery::qemu::{defaults, qmp};
use serde_json::json;
use uuid::Uuid;

const SOON: Duration = Duration::from_secs(10);
/// Starting is slow when every test starts a QEMU at once.
const START: Duration = Duration::from_secs(60);

/// One machine with a disk of its own in a temporary folder.
struct Bench {
    folder: tempfile::TempDir,
    machine: Machine,
    layers: BTreeMap<LayerRef, PathBuf>,
    display: DisplayPath,
    launches: u32,
}

impl Bench {
    fn new() -> Self {
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
            launches: 0,
        }
    }

    /// Starts the machine; stopped, as `-S` leaves it.
    fn start(&mut self, incoming: bool) -> Result<Process, ProcessError> {
        let folder = self.folder.path().join(format!("launch{}", self.launches));
        self.launches += 1;
        std::fs::create_dir(&folder).unwrap();
        let forkable = self.machine.memory_backing == MemoryBacking::Forkable;
        let memory = forkable.then_some(MemoryFile {
            number: MEMORY_NUMBER,
            size: self.machine.memory,
        });
        let sockets = Sockets::within(&folder);
        let cpu_model = command_line::resolve_cpu(&self.machine, Accelerator::Tcg);
        let launch = Launch {
            machine: &self.machine,
            accelerator: Accelerator::Tcg,
            cpu_model: &cpu_model,
            memory,
            firmware: None,
            layers: &self.layers,
            sockets: &sockets,
            display: self.display,
            incoming,
            generation: Uuid::from_u128(1),
        };
        let args = command_line::command_line(&launch).unwrap();
        let mut rights = Rights {
            writes: self.layers.values().cloned().collect(),
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
            accelerator: Accelerator::Tcg,
            cpu_model,
            layers: self.layers.clone().into_iter().collect(),
            memory,
            sockets,
            display: self.display,
            incoming,
            created: Timestamp(0),
        };
        Process::start(&folder, manifest, rights)
    }

    fn run(&mut self) -> (Guard, Client, Receiver<QmpEvent>) {
        let mut guard = Guard(self.start(false).unwrap());
        let connected = guard.0.connect(START);
        let (client, events) = connected.unwrap_or_else(|error| {
            panic!("{error}: {}", guard.0.log_tail());
        });
        (guard, client, events)
    }
}

/// Ends its QEMU when a test fails.
struct Guard(Process);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait(SOON).unwrap();
        self.0.exit_status();
    }
}

fn qemu_img(folder: &Path, args: &[&str]) {
    let mut program = Program::new(confine::find_program("qemu-img").unwrap()).args(args);
    program.writes = vec![folder.to_owned()];
    let finished = run_jailed(Jail::new(program), &mut |_| ControlFlow::Continue(())).unwrap();
    let complaint = String::from_utf8_lossy(&finished.stderr).into_owned();
    assert_eq!(finished.outcome, confine::Outcome::Success, "{complaint}");
}

fn wait_for(events: &Receiver<QmpEvent>, name: &str) -> QmpEvent {
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

fn status(client: &Client) -> String {
    let reply = client.call_raw("query-status", json!({}), SOON).unwrap();
    reply["status"].as_str().unwrap().to_owned()
}

#[test]
fn a_default_machine_starts_answers_and_ends_as_asked() {
    let started = Instant::now();
    let mut bench = Bench::new();
    let (mut guard, client, events) = bench.run();
    println!(
        "start to first answer, with a new disk: {:?}",
        started.elapsed()
    );
    println!("{:?}", guard.0.confinement());
    assert!(client.version().major >= 8);
    assert_eq!(status(&client), "prelaunch");
    client.call(&qapi::qmp::cont {}, SOON).unwrap();
    assert_eq!(status(&client), "running");
    let reply = client.call(&qapi::qmp::query_uuid {}, SOON).unwrap();
    assert_eq!(reply.UUID, bench.machine.id.to_string());
    let asked = Instant::now();
    for _ in 0..100 {
        client.call(&qapi::qmp::query_status {}, SOON).unwrap();
    }
    println!("a query: {:?}", asked.elapsed() / 100);
    client.call_raw("quit", json!({}), SOON).unwrap();
    wait_for(&events, "SHUTDOWN");
    assert!(guard.0.wait(SOON).unwrap());
    assert!(guard.0.exit_status().unwrap().success());
    println!("log: {}", guard.0.log_tail());
}

#[test]
fn a_killed_qemu_is_noticed() {
    let mut bench = Bench::new();
    let (mut guard, client, events) = bench.run();
    assert!(!guard.0.has_ended());
    guard.0.kill().unwrap();
    assert!(guard.0.wait(SOON).unwrap());
    assert!(!guard.0.exit_status().unwrap().success());
    while events.recv_timeout(SOON).is_ok() {}
    let error = client.call_raw("query-status", json!({}), SOON);
    assert!(
        matches!(error, Err(qmp::QmpError::Closed { .. })),
        "{error:?}"
    );
}

#[test]
fn a_later_owner_adopts_what_runs_and_nothing_else() {
    let mut bench = Bench::new();
    let (guard, client, events) = bench.run();
    client.call(&qapi::qmp::cont {}, SOON).unwrap();
    drop((client, events));
    let folder = guard.0.folder().to_owned();
    let mut adopted = Process::adopt(&folder).unwrap();
    assert_eq!(adopted.pid(), guard.0.pid());
    let (client, _events) = adopted.connect(START).unwrap();
    assert_eq!(status(&client), "running");
    let memory = adopted.memory().unwrap().unwrap();
    assert_eq!(memory.metadata().unwrap().len(), ByteSize::mib(128).0);
    drop(client);
    drop(guard);
    assert!(matches!(
        Process::adopt(&folder),
        Err(ProcessError::Gone { .. })
    ));
    assert!(adopted.has_ended());
}

#[test]
fn rfb_is_the_other_display() {
    let mut bench = Bench::new();
    bench.display = DisplayPath::Rfb;
    let (guard, _client, _events) = bench.run();
    assert!(guard.0.manifest().sockets.rfb.exists());
}

fn go_on(_: u64, _: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn digest(process: &Process) -> Vec<u8> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let mut memory = process.memory().unwrap().unwrap();
    memory.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Lets the firmware run until it gave up on the empty disk.
fn boot_a_little(client: &Client) {
    client.call(&qapi::qmp::cont {}, SOON).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    client.call(&qapi::qmp::stop {}, SOON).unwrap();
}

#[test]
fn a_saved_machine_goes_on_with_the_same_memory() {
    let mut bench = Bench::new();
    let (guard, client, _events) = bench.run();
    boot_a_little(&client);
    assert_eq!(
        memory_store::obstacles(&client).unwrap(),
        Vec::<String>::new()
    );
    let folder = bench.folder.path().join("memory");
    let ram = guard.0.memory().unwrap();
    let started = Instant::now();
    let size = bench.machine.memory;
    let saved = memory_store::save(&client, ram.as_ref(), size, &folder, &mut go_on).unwrap();
    println!("saved {:?} in {:?}", saved.pages, started.elapsed());
    let pages = saved.pages.clone().unwrap();
    assert!(pages.bytes > 0 && pages.bytes < size.0 && saved.state.bytes < 4 << 20);
    let before = digest(&guard.0);
    drop((client, guard));

    let started = Instant::now();
    let saved = memory_store::read(&folder).unwrap();
    let mut guard = Guard(bench.start(true).unwrap());
    let (client, _events) = guard.0.connect(START).unwrap();
    let ram = guard.0.memory().unwrap().unwrap();
    memory_store::fill(&folder, &saved, &ram, &mut go_on).unwrap();
    assert!(digest(&guard.0) == before);
    memory_store::load(&client, &folder, &saved, &mut go_on).unwrap();
    println!("restored in {:?}", started.elapsed());
    assert_eq!(status(&client), "paused");
    client.call(&qapi::qmp::cont {}, SOON).unwrap();
    assert_eq!(status(&client), "running");
}

#[test]
fn private_memory_is_saved_within_the_stream() {
    let mut bench = Bench::new();
    bench.machine.memory_backing = MemoryBacking::Private;
    let (guard, client, _events) = bench.run();
    boot_a_little(&client);
    let folder = bench.folder.path().join("memory");
    let size = bench.machine.memory;
    let saved = memory_store::save(&client, None, size, &folder, &mut go_on).unwrap();
    assert_eq!(saved.pages, None);
    drop((client, guard));
    let mut guard = Guard(bench.start(true).unwrap());
    let (client, _events) = guard.0.connect(START).unwrap();
    memory_store::load(&client, &folder, &saved, &mut go_on).unwrap();
    client.call(&qapi::qmp::cont {}, SOON).unwrap();
    assert_eq!(status(&client), "running");
}

#[test]
fn a_cancelled_save_leaves_nothing_and_the_machine_goes_on() {
    let mut bench = Bench::new();
    let (guard, client, _events) = bench.run();
    boot_a_little(&client);
    let folder = bench.folder.path().join("memory");
    let ram = guard.0.memory().unwrap();
    for stop_after in [0, 1, 3] {
        let mut told = 0;
        let mut cancel = |_, _| {
            told += 1;
            if told > stop_after {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let size = bench.machine.memory;
        let ended = memory_store::save(&client, ram.as_ref(), size, &folder, &mut cancel);
        assert!(matches!(ended, Err(MemoryError::Cancelled)), "{ended:?}");
        let left = std::fs::read_dir(bench.folder.path()).unwrap();
        let names: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert!(
            !names
                .iter()
                .any(|name| name.to_string_lossy().starts_with("memory"))
        );
        client.call(&qapi::qmp::cont {}, SOON).unwrap();
        assert_eq!(status(&client), "running");
        client.call(&qapi::qmp::stop {}, SOON).unwrap();
    }
}
