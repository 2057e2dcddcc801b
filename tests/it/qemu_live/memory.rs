//! A machine's memory goes to disk and comes back, with the real QEMU.

use orangery::qemu::memory_store::Writer;
use orangery::qemu::ram::GuestRam;

use super::*;

fn go_on(_: u64, _: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn digest(process: &Process) -> Vec<u8> {
    let mut bytes = Vec::new();
    let memory = process.memory().unwrap().unwrap();
    let mut memory = memory.file();
    memory.read_to_end(&mut bytes).unwrap();
    bytes
}

/// No memory of these tests rests on another.
fn nowhere(_: SnapshotId) -> PathBuf {
    PathBuf::from("/nonexistent")
}

/// The whole way of a machine whose guest is stopped.
fn save(
    client: &Client,
    ram: Option<&GuestRam>,
    size: ByteSize,
    folder: &Path,
    progress: memory_store::Progress<'_>,
) -> Result<Saved, MemoryError> {
    let mut draft = Draft::begin(folder, size, None)?;
    if let Some(ram) = ram {
        draft.copy_live(ram, progress)?;
    }
    draft
        .stop(&Writer::of(client, ram)?, progress)?
        .pack(progress)
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
    let saved = save(&client, ram.as_ref(), size, &folder, &mut go_on).unwrap();
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
    memory_store::fill(&folder, &saved, &nowhere, ram.file(), &mut go_on).unwrap();
    assert!(digest(&guard.0) == before);
    memory_store::load(&client, &folder, &saved, &mut go_on).unwrap();
    println!("restored in {:?}", started.elapsed());
    assert_eq!(status(&client), "paused");
    client.call(&qapi::qmp::cont {}, SOON).unwrap();
    assert_eq!(status(&client), "running");
}

/// What is still to be read from the serial port of a stopped guest, after `already`.
fn rest_of(serial: &mut UnixStream, already: &[u8]) -> Vec<u8> {
    let mut bytes = already.to_vec();
    let moment = Duration::from_millis(300);
    serial.set_read_timeout(Some(moment)).unwrap();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = serial.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..count]);
    }
    bytes
}

#[test]
fn a_restored_guest_counts_on_where_it_stopped() {
    let mut bench = bench_with_cd(COUNT);
    let (guard, client, _events) = bench.run();
    let mut line = serial(&guard);
    client.call(&qapi::qmp::cont {}, SOON).unwrap();
    line.set_read_timeout(Some(START)).unwrap();
    let mut some = [0; 40];
    line.read_exact(&mut some).unwrap();
    client.call(&qapi::qmp::stop {}, SOON).unwrap();
    let last = *rest_of(&mut line, &some).last().unwrap();
    let folder = bench.folder.path().join("memory");
    let ram = guard.0.memory().unwrap();
    let size = bench.machine.memory;
    let saved = save(&client, ram.as_ref(), size, &folder, &mut go_on).unwrap();
    drop((client, guard));

    let mut guard = Guard(bench.start(true).unwrap());
    let (client, _events) = guard.0.connect(START).unwrap();
    let ram = guard.0.memory().unwrap().unwrap();
    memory_store::fill(&folder, &saved, &nowhere, ram.file(), &mut go_on).unwrap();
    memory_store::load(&client, &folder, &saved, &mut go_on).unwrap();
    let mut line = serial(&guard);
    client.call(&qapi::qmp::cont {}, SOON).unwrap();
    let mut next = [0; 40];
    line.set_read_timeout(Some(START)).unwrap();
    line.read_exact(&mut next).unwrap();
    // One number may be on its way in the serial chip.
    assert!(next[0].wrapping_sub(last) <= 2, "{next:?} after {last}");
    let ordered = next
        .windows(2)
        .all(|pair| pair[1] == pair[0].wrapping_add(1));
    assert!(ordered, "{next:?}");
}

#[test]
fn private_memory_is_saved_within_the_stream() {
    let mut bench = Bench::new();
    bench.machine.memory_backing = MemoryBacking::Private;
    let (guard, client, _events) = bench.run();
    boot_a_little(&client);
    let folder = bench.folder.path().join("memory");
    let size = bench.machine.memory;
    let saved = save(&client, None, size, &folder, &mut go_on).unwrap();
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
    let size = bench.machine.memory;
    for half in [0, 1, 2] {
        let mut cancel = |done, of| match done >= of / 2 * half {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let draft = Draft::begin(&folder, size, None).unwrap();
        let writer = Writer::of(&client, ram.as_ref()).unwrap();
        let ended = draft.stop(&writer, &mut cancel);
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

#[test]
fn a_running_machine_is_taken_twice_and_both_moments_come_back() {
    let mut bench = Bench::new();
    bench.machine.memory = ByteSize::mib(512);
    let size = bench.machine.memory;
    let (guard, client, _events) = bench.run();
    let ram = guard.0.memory().unwrap().unwrap();
    // What a guest would have in use, above all that the firmware touches.
    let noise: Vec<u8> = (0..256_u32 << 10)
        .flat_map(|n| (n / 5).to_le_bytes())
        .collect();
    for piece in 0..300 {
        ram.file()
            .write_all_at(&noise, (100 + piece) << 20)
            .unwrap();
    }
    let ids = [
        SnapshotId(Uuid::from_u128(1)),
        SnapshotId(Uuid::from_u128(2)),
    ];
    let root = bench.folder.path().to_owned();
    let place = |id: SnapshotId| root.join(id.to_string());
    let mut digests = Vec::new();
    for (turn, id) in ids.into_iter().enumerate() {
        client.call(&qapi::qmp::cont {}, SOON).unwrap();
        std::thread::sleep(Duration::from_secs(2));
        let base = (turn > 0).then(|| Base::after(ids[0], size, &place).unwrap().unwrap());
        let began = Instant::now();
        let mut draft = Draft::begin(&place(id), size, base).unwrap();
        draft.copy_live(&ram, &mut go_on).unwrap();
        let writer = Writer::of(&client, Some(&ram)).unwrap();
        let stopped = Instant::now();
        client.call(&qapi::qmp::stop {}, SOON).unwrap();
        let taken = draft.stop(&writer, &mut go_on).unwrap();
        let gone = stopped.elapsed();
        digests.push(blake3::hash(&digest(&guard.0)));
        client.call(&qapi::qmp::cont {}, SOON).unwrap();
        let saved = taken.pack(&mut go_on).unwrap();
        println!(
            "copied in {:?}, stopped {gone:?}, {} stored",
            stopped - began,
            saved.stored(),
        );
        assert_eq!(saved.base.is_some(), turn > 0);
        client.call(&qapi::qmp::stop {}, SOON).unwrap();
    }
    drop((client, guard));
    for (id, digest_then) in ids.into_iter().zip(digests) {
        let folder = place(id);
        let saved = memory_store::read(&folder).unwrap();
        memory_store::verify(&folder, &place, &mut go_on).unwrap();
        let mut guard = Guard(bench.start(true).unwrap());
        let (client, _events) = guard.0.connect(START).unwrap();
        let ram = guard.0.memory().unwrap().unwrap();
        memory_store::fill(&folder, &saved, &place, ram.file(), &mut go_on).unwrap();
        assert_eq!(blake3::hash(&digest(&guard.0)), digest_then);
        memory_store::load(&client, &folder, &saved, &mut go_on).unwrap();
        client.call(&qapi::qmp::cont {}, SOON).unwrap();
        assert_eq!(status(&client), "running");
    }
}
