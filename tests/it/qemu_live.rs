//! Real QEMU by software emulation: started, talked to, saved, restored, killed, adopted.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use orangery::confine::{self, Jail, Program, run_jailed};
use orangery::model::{
    Accelerator, Address, ByteSize, Cdrom, DeviceKind, DiskSource, DisplayPath, FirmwareKind,
    KvmVerdict, LayerId, LayerRef, Machine, MachineId, MemoryBacking, NewMachine, Source,
    Timestamp,
};
use orangery::qemu::command_line::{self, FirmwareCode, Launch, MEMORY_NUMBER};
use orangery::qemu::doctor::{Places, doctor};
use orangery::qemu::explain::{Evidence, explain};
use orangery::qemu::memory::{self, MemoryFile};
use orangery::qemu::memory_store::{self, MemoryError};
use orangery::qemu::process::{Manifest, Process, ProcessError, Rights, Sockets};
use orangery::qemu::qmp::{Client, QmpEvent};
use orangery::qemu::{binary, defaults, firmware, kvm, qmp};
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
    accelerator: Accelerator,
    firmware: Option<FirmwareCode>,
    reads: Vec<PathBuf>,
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
            accelerator: Accelerator::Tcg,
            firmware: None,
            reads: Vec::new(),
            launches: 0,
        }
    }

    /// Starts the machine; stopped, as `-S` leaves it.
    fn start(&mut self, incoming: bool) -> Result<Process, ProcessError> {
        self.start_with(incoming, |_| {})
    }

    /// The same, after `spoil` changed the arguments.
    fn start_with(
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

/// An ISO whose boot code writes one letter to the serial port and halts.
fn tiny_iso(path: &Path) {
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
    // mov dx,0x3f8; mov al,'C'; out dx,al; hlt; jmp back
    put(20, 0, &[0xba, 0xf8, 3, 0xb0, b'C', 0xee, 0xf4, 0xeb, 0xfd]);
    use std::io::Write;
    std::fs::File::create(path)
        .unwrap()
        .write_all(&image)
        .unwrap();
}

/// Reads the serial port until `text` comes.
fn serial_says(serial: &mut std::os::unix::net::UnixStream, text: &str) {
    use std::io::Read;
    serial
        .set_read_timeout(Some(Duration::from_secs(120)))
        .unwrap();
    let mut seen = String::new();
    let mut buffer = [0; 4096];
    while !seen.contains(text) {
        let count = serial.read(&mut buffer).unwrap_or(0);
        assert!(count > 0, "no {text:?} in {seen:?}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
}

fn serial(guard: &Guard) -> std::os::unix::net::UnixStream {
    std::os::unix::net::UnixStream::connect(&guard.0.manifest().sockets.serial).unwrap()
}

/// A machine with an empty disk and the tiny ISO in its drive.
fn bench_with_cd() -> Bench {
    let mut bench = Bench::new();
    let iso = bench.folder.path().join("a, b.iso");
    tiny_iso(&iso);
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

#[test]
fn an_empty_disk_falls_through_to_the_installer() {
    let mut bench = bench_with_cd();
    let (guard, client, _events) = bench.run();
    let mut serial = serial(&guard);
    client.call(&qapi::qmp::cont {}, SOON).unwrap();
    serial_says(&mut serial, "C");
}

fn boots_with(kind: FirmwareKind) {
    let Some(files) = firmware::find(kind) else {
        eprintln!("skipped: no firmware with {} is installed", kind.label());
        return;
    };
    let mut bench = Bench::new();
    let layer = LayerRef {
        machine: bench.machine.id,
        layer: LayerId(Uuid::new_v4()),
    };
    let path = bench.folder.path().join("variables.qcow2");
    let mut program = Program::new(confine::find_program("qemu-img").unwrap()).args([
        "convert",
        "-f",
        files.variables_format.driver(),
        "-O",
        "qcow2",
        files.variables.to_str().unwrap(),
        path.to_str().unwrap(),
    ]);
    program.writes = vec![bench.folder.path().to_owned()];
    let finished = run_jailed(Jail::new(program), &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(finished.outcome, confine::Outcome::Success);
    bench.layers.insert(layer, path);
    bench.machine.firmware.kind = kind;
    bench.machine.firmware.variables = vec![layer];
    bench.machine.memory = ByteSize::mib(256);
    bench.firmware = Some(files.code);
    let (guard, client, _events) = bench.run();
    let mut serial = serial(&guard);
    client.call(&qapi::qmp::cont {}, SOON).unwrap();
    serial_says(&mut serial, "Press any key");
    let key = json!({"keys": [{"type": "qcode", "data": "spc"}]});
    client.call_raw("send-key", key, SOON).unwrap();
    serial_says(&mut serial, "Boot Manager");
}

#[test]
fn uefi_boots() {
    boots_with(FirmwareKind::Uefi);
}

#[test]
fn secure_boot_boots() {
    boots_with(FirmwareKind::Secure);
}

#[test]
fn qemu_can_not_open_what_the_machine_does_not_have() {
    let mut bench = Bench::new();
    let secret = bench.folder.path().join("secret.img");
    std::fs::File::create(&secret)
        .unwrap()
        .set_len(1 << 20)
        .unwrap();
    let (guard, client, _events) = bench.run();
    if *guard.0.confinement() != confine::Confinement::Full {
        eprintln!("skipped: {:?}", guard.0.confinement());
        return;
    }
    let open = |path: &str| {
        let node = json!({"driver": "file", "node-name": "x", "filename": path, "read-only": true});
        client.call_raw("blockdev-add", node, SOON)
    };
    for path in [
        secret.to_str().unwrap(),
        "/proc/1/environ",
        env!("CARGO_BIN_EXE_orangery"),
    ] {
        let refused = open(path).unwrap_err();
        assert!(
            refused.to_string().contains("Permission denied"),
            "{path}: {refused}"
        );
    }
    let dump = json!({"filename": "/tmp/orangery-must-not-exist", "format": "png"});
    assert!(client.call_raw("screendump", dump, SOON).is_err());
    assert!(!Path::new("/tmp/orangery-must-not-exist").exists());
}

/// Starts a QEMU that fails, and gives what is told about it.
fn trouble(spoil: impl FnOnce(&mut Bench, &mut Vec<String>)) -> orangery::model::Failure {
    let mut bench = Bench::new();
    let mut also = Bench::new();
    let mut process = bench
        .start_with(false, |args| spoil(&mut also, args))
        .unwrap();
    let error = process.connect(START).map(drop).unwrap_err();
    assert!(matches!(error, ProcessError::EndedEarly { .. }), "{error}");
    explain(&Evidence {
        what: "It did not start",
        log: &process.log_tail(),
        status: process.exit_status(),
        ..Evidence::default()
    })
}

fn replace(args: &mut [String], old: &str, new: &str) {
    for arg in args {
        *arg = arg.replace(old, new);
    }
}

#[test]
fn failures_to_start_are_told_in_plain_words() {
    let cases: [(&str, &str, &str); 6] = [
        (
            "pc-q35-8.2",
            "pc-q35-99.0",
            "does not know the board “pc-q35-99.0”",
        ),
        (
            "max",
            "nosuch",
            "does not know the processor model “nosuch”",
        ),
        (".qcow2", ".gone", "gone does not exist"),
        ("dbus,p2p=yes", "nosuch", "QEMU said"),
        (
            "memory-backend-file,id=ram,size=134217728,mem-path=/proc/self/fd/10,share=on",
            "memory-backend-ram,id=ram,size=900T",
            "not enough memory",
        ),
        ("/mon0", "/nowhere/mon0", "socket"),
    ];
    for (old, new, part) in cases {
        let failure = trouble(|_, args| replace(args, old, new));
        assert!(failure.why.contains(part), "{old}: {failure:#?}");
        assert!(failure.details.is_some());
    }
}

#[test]
fn a_disk_that_another_machine_has_open_is_named() {
    let mut bench = Bench::new();
    let (_guard, _client, _events) = bench.run();
    let mut second = bench.start(false).unwrap();
    assert!(matches!(
        second.connect(START),
        Err(ProcessError::EndedEarly { .. })
    ));
    let path = bench.layers.values().next().unwrap().clone();
    let holders = BTreeMap::from([(path, "Debian".to_owned())]);
    let failure = explain(&Evidence {
        what: "It did not start",
        log: &second.log_tail(),
        holders: Some(&holders),
        ..Evidence::default()
    });
    assert!(
        failure.why.contains("in use by the machine “Debian”"),
        "{failure:#?}"
    );
}

#[test]
fn kvm_is_judged_by_a_guest_and_within_five_seconds() {
    confine::set_own_program(env!("CARGO_BIN_EXE_orangery"));
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("kvm.json");
    let started = Instant::now();
    let verdict = kvm::verdict(Some(&cache));
    println!("kvm: {verdict:?} in {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(5));
    let again = Instant::now();
    assert_eq!(kvm::verdict(Some(&cache)), verdict);
    assert!(again.elapsed() < Duration::from_millis(100) || !cache.exists());
    if verdict != KvmVerdict::Works {
        return;
    }
    // Then a real QEMU must get a guest to the serial port too.
    let mut bench = bench_with_cd();
    bench.accelerator = Accelerator::Kvm;
    let (guard, client, _events) = bench.run();
    let mut serial = serial(&guard);
    client.call(&qapi::qmp::cont {}, SOON).unwrap();
    serial_says(&mut serial, "C");
}

#[test]
fn the_doctor_gives_a_fix_with_every_complaint() {
    confine::set_own_program(env!("CARGO_BIN_EXE_orangery"));
    let folder = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let report = doctor(&Places {
        library: folder.path().join("not/yet/there"),
        kvm_cache: None,
    });
    println!("doctor in {:?}: {report:#?}", started.elapsed());
    for check in &report.checks {
        let good = check.level == orangery::model::CheckLevel::Good;
        assert_eq!(good, check.fix.is_none(), "{check:?}");
    }
    assert!(report.can_run(), "{:#?}", report.checks);
    assert!(report.memory_total > report.memory_free && report.disk_free.0 > 0);
    let qemu = binary::find().unwrap();
    assert_eq!(report.qemu_version, Some(qemu.version.to_string()));
    assert!(
        qemu.capabilities
            .machine_type
            .unwrap()
            .starts_with("pc-q35-")
    );
}
