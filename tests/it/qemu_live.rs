//! Real QEMU by software emulation: started, talked to, saved, restored, killed, adopted.

mod bench;
mod hardware;
mod memory;

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use orangery::confine::{self, Jail, Program, run_jailed};
use orangery::model::{
    Accelerator, ByteSize, DisplayPath, FirmwareKind, KvmVerdict, LayerId, LayerRef, MemoryBacking,
    SnapshotId,
};
use orangery::qemu::binary::BinaryError;
use orangery::qemu::doctor::{Places, doctor};
use orangery::qemu::explain::{Evidence, explain};
use orangery::qemu::memory_store::{self, Base, Draft, MemoryError, Saved};
use orangery::qemu::process::{PidRecord, Process, ProcessError};
use orangery::qemu::qmp::Client;
use orangery::qemu::{binary, firmware, kvm, qmp};
use serde_json::json;
use uuid::Uuid;

use bench::{
    Bench, COUNT, Guard, SAY_C, SOON, START, bench_with_cd, serial, serial_says, status, wait_for,
};

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
    assert_eq!(memory.size().unwrap(), ByteSize::mib(128).0);
    drop(client);
    drop(guard);
    assert!(matches!(
        Process::adopt(&folder),
        Err(ProcessError::Gone { .. })
    ));
    assert!(adopted.has_ended());
}

#[test]
fn a_reused_process_id_is_never_adopted() {
    let mut bench = Bench::new();
    let (guard, _client, _events) = bench.run();
    let folder = guard.0.folder().to_owned();
    let record = PidRecord::read(&folder).unwrap();
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let own_start = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19);
    let ours = PidRecord {
        pid: std::process::id(),
        ..record.clone()
    };
    ours.write(&folder).unwrap();
    let reused = Process::adopt(&folder);
    assert!(
        matches!(reused, Err(ProcessError::Gone { .. })),
        "{reused:?}"
    );
    let forged = PidRecord {
        start_time: own_start.unwrap().parse().unwrap(),
        ..ours
    };
    forged.write(&folder).unwrap();
    let other = Process::adopt(&folder);
    assert!(
        matches!(other, Err(ProcessError::Other { .. })),
        "{other:?}"
    );
    let older_boot = PidRecord {
        boot_id: "another".to_owned(),
        ..record.clone()
    };
    older_boot.write(&folder).unwrap();
    let gone = Process::adopt(&folder);
    assert!(matches!(gone, Err(ProcessError::Gone { .. })), "{gone:?}");
    record.write(&folder).unwrap();
    assert!(Process::adopt(&folder).is_ok());
}

#[test]
fn rfb_is_the_other_display() {
    let mut bench = Bench::new();
    bench.display = DisplayPath::Rfb;
    let (guard, _client, _events) = bench.run();
    assert!(guard.0.manifest().sockets.rfb.exists());
}

#[test]
fn an_empty_disk_falls_through_to_the_installer() {
    let mut bench = bench_with_cd(SAY_C);
    let (guard, client, _events) = bench.run();
    let mut serial = serial(&guard);
    client.call(&qapi::qmp::cont {}, SOON).unwrap();
    serial_says(&mut serial, "C");
}

fn boots_with(kind: FirmwareKind, waits: &str, answers: &str) {
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
    // Disk and CD are empty: the firmware tries both and ends where it waits for a key.
    serial_says(&mut serial, waits);
    for key in ["z", "q"] {
        let keys = json!({"keys": [{"type": "qcode", "data": key}]});
        client.call_raw("send-key", keys, SOON).unwrap();
    }
    serial_says(&mut serial, answers);
}

#[test]
fn uefi_boots_and_hears_the_keyboard() {
    boots_with(FirmwareKind::Uefi, "Shell> ", "q");
}

#[test]
fn secure_boot_boots_and_hears_the_keyboard() {
    boots_with(FirmwareKind::Secure, "Press any key", "Boot Manager");
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
    let mut bench = bench_with_cd(SAY_C);
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
        cache: None,
    });
    println!("doctor in {:?}: {report:#?}", started.elapsed());
    for check in &report.checks {
        let good = check.level == orangery::model::CheckLevel::Good;
        assert_eq!(good, check.fix.is_none(), "{check:?}");
    }
    assert!(report.can_run(), "{:#?}", report.checks);
    assert!(report.memory_total > report.memory_free && report.disk_free.0 > 0);
    let qemu = binary::find(None).unwrap();
    assert_eq!(report.qemu_version, Some(qemu.version.to_string()));
    let models = &report.cpu_models;
    assert!(models.contains(&"qemu64".to_owned()), "{models:?}");
    assert!(!models.contains(&"max".to_owned()), "{models:?}");
    assert!(
        qemu.capabilities
            .machine_type
            .unwrap()
            .starts_with("pc-q35-")
    );
}

#[test]
fn an_old_or_false_qemu_is_refused() {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    confine::set_own_program(env!("CARGO_BIN_EXE_orangery"));
    let folder = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str| {
        let path = folder.path().join(name);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(&path)
            .unwrap();
        write!(file, "#!/bin/sh\n{text}\n").unwrap();
        path
    };
    let old = script("old", "echo QEMU emulator version 7.2.9");
    let error = binary::examine(&old).unwrap_err();
    assert_eq!(
        error.to_string(),
        "QEMU 7.2.9 is too old; Orangery needs 8.2.0 or newer"
    );
    let other = script("other", "echo hello; exit 0");
    let error = binary::examine(&other).unwrap_err();
    assert!(matches!(error, BinaryError::NotQemu { .. }), "{error}");
    let broken = script("broken", "echo no library >&2; exit 127");
    let error = binary::examine(&broken).unwrap_err();
    assert!(error.to_string().contains("no library"), "{error}");
}
