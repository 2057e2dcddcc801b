//! Random lives of a machine without a guest, against a model of its disk's bytes: whatever is taken, gone back to, deleted
//! and merged in whatever order, each point reads as it was when it was taken. Written by `qemu-io`, read by `qemu-img`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded};

use super::*;
use crate::confine::{find_program, set_own_program};
use crate::engine::jobs::Job;
use crate::engine::supervisor::Message;
use crate::library::Intent;
use crate::library::tests::{Chance, create, machine, owner, put};
use crate::model::{JobId, MachineId};
use crate::storage::{NewLayer, write_layer};

const BLOCK: usize = 64 << 10;
const BLOCKS: usize = 24;

/// A library with one machine, and what a supervisor would do for it.
struct World {
    _folder: tempfile::TempDir,
    library: Arc<Library>,
    id: MachineId,
    sender: Sender<Message>,
    supervisor: Option<JoinHandle<()>>,
    inbox: Option<Sender<Message>>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let library = Arc::new(owner(folder.path()));
        let mut record = machine(1);
        record.devices.retain(|device| device.id == "disk0");
        for device in &mut record.devices {
            if let DeviceKind::Disk(disk) = &mut device.kind {
                disk.size = ByteSize((BLOCK * BLOCKS) as u64);
            }
        }
        create(&library, &record);
        let layer = NewLayer {
            size: ByteSize((BLOCK * BLOCKS) as u64),
            ..NewLayer::default()
        };
        let disks = library.machine_dir(record.id).join("disks");
        std::fs::create_dir_all(disks).unwrap();
        write_layer(&library.layer_file(record.tops()[0]), &layer).unwrap();
        let (sender, inbox) = bounded(64);
        let thread = std::thread::Builder::new().name("supervisor".to_owned());
        let supervisor = thread
            .spawn({
                let library = Arc::clone(&library);
                move || {
                    for message in inbox {
                        match message {
                            Message::Record {
                                machine,
                                change,
                                reply,
                            } => {
                                let mut record = library.machine(machine).unwrap();
                                let result = change(&mut record);
                                if result.is_ok() {
                                    library.save(&record).unwrap();
                                }
                                reply.send(result).unwrap();
                            }
                            Message::Relayered { reply, .. } => reply.send(()).unwrap(),
                            _ => {}
                        }
                    }
                }
            })
            .unwrap();
        Self {
            _folder: folder,
            id: record.id,
            library,
            sender: sender.clone(),
            supervisor: Some(supervisor),
            inbox: Some(sender),
        }
    }

    fn record(&self) -> Machine {
        self.library.machine(self.id).unwrap()
    }

    fn job(&self) -> Job {
        Job::new(
            JobId(1),
            Some(self.id),
            "Testing".to_owned(),
            self.sender.clone(),
        )
    }

    fn take(&self, kind: SnapshotKind) -> SnapshotId {
        let taking = Taking::new(kind, String::new(), String::new());
        take_resting(&self.library, &self.sender, &self.record(), &taking, with()).unwrap();
        taking.id
    }

    fn go_back(&self, to: SnapshotId, keep: bool) {
        let taking = keep.then(|| Taking::new(SnapshotKind::Kept, String::new(), String::new()));
        leave_resting(
            &self.library,
            &self.sender,
            &self.record(),
            to,
            taking,
            with(),
        )
        .unwrap();
    }

    fn delete(&self, doomed: &[SnapshotId]) {
        let mut job = self.job();
        let (library, sender) = (&self.library, &self.sender);
        delete(library, sender, self.id, doomed, &mut None, &mut job).unwrap();
        job.end(Ok(()));
    }

    fn flatten(&self) {
        let mut job = self.job();
        flatten(&self.library, &self.sender, self.id, &mut None, &mut job).unwrap();
        job.end(Ok(()));
    }

    /// Has the guest write a block, as a start would let it: never into what a snapshot has.
    fn write(&self, block: usize, value: u8) {
        let record = self.record();
        let top = record.tops()[0];
        let frozen = self.library.snapshots(self.id).into_iter().any(|entry| {
            let hardware = entry.record.unwrap().hardware;
            hardware.layers().contains(&top)
        });
        assert!(!frozen, "the present would write into a snapshot");
        let command = format!("write -P {value} {} {BLOCK}", block * BLOCK);
        run(
            "qemu-io",
            &["-f", "qcow2", "-c", &command],
            &self.library.layer_file(top),
        );
    }

    /// What a chain reads, by what its headers say.
    fn read(&self, machine: &Machine) -> Vec<u8> {
        let raw = self.library.dir().join("read.raw");
        let top = self.library.layer_file(machine.tops()[0]);
        let args = [
            "convert",
            "-f",
            "qcow2",
            "-O",
            "raw",
            &top.display().to_string(),
        ];
        run("qemu-img", &args, &raw);
        let bytes = std::fs::read(raw).unwrap();
        assert_eq!(bytes.len(), BLOCK * BLOCKS);
        for block in bytes.chunks(BLOCK) {
            assert!(block.iter().all(|byte| *byte == block[0]), "half a block");
        }
        bytes.chunks(BLOCK).map(|block| block[0]).collect()
    }

    /// Every point reads as the model says; no layer is there that nothing needs.
    #[track_caller]
    fn check(&self, points: &BTreeMap<SnapshotId, Vec<u8>>, present: &[u8]) {
        let record = self.record();
        assert_eq!(self.read(&record), present, "the present");
        let mut named = record.layers();
        for (id, bytes) in points {
            let snapshot = self.library.snapshot(self.id, *id).unwrap();
            assert_eq!(&self.read(&snapshot.hardware), bytes, "the snapshot {id}");
            named.extend(snapshot.hardware.layers());
        }
        let files = std::fs::read_dir(self.library.machine_dir(self.id).join("disks")).unwrap();
        let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        let mut needed: Vec<PathBuf> = named
            .iter()
            .map(|layer| self.library.layer_file(*layer))
            .collect();
        needed.sort();
        files.sort();
        assert_eq!(files, needed);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.inbox = None;
        let (sender, _) = bounded(1);
        self.sender = sender;
        if let Some(supervisor) = self.supervisor.take() {
            supervisor.join().ok(); // Its panic was reported.
        }
    }
}

fn with() -> RunWith {
    RunWith {
        accelerator: Accelerator::Tcg,
        cpu_model: "max".to_owned(),
        qemu_version: "10.0.2".to_owned(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a stranger's tool, outside the jail"
)]
#[track_caller]
fn run(tool: &str, args: &[&str], path: &Path) {
    let done = Command::new(tool).args(args).arg(path).output().unwrap();
    assert!(
        done.status.success(),
        "{tool} {args:?}: {}{}",
        String::from_utf8_lossy(&done.stderr),
        String::from_utf8_lossy(&done.stdout),
    );
}

fn tools() -> bool {
    let found = |tool| find_program(tool).is_some();
    if !(found("qemu-img") && found("qemu-io") && found("qemu-storage-daemon")) {
        println!("skipped: qemu-utils is not installed");
        return false;
    }
    // The jail is our own program, which lies beside the tests' folder.
    let tests = std::env::current_exe().unwrap();
    let program = tests
        .parent()
        .and_then(Path::parent)
        .map(|folder| folder.join("orangery"));
    match program.filter(|program| program.exists()) {
        Some(program) => {
            set_own_program(program);
            true
        }
        None => {
            println!(
                "skipped: the program itself is not built; cargo test without --lib does that"
            );
            false
        }
    }
}

#[test]
fn random_lives_read_as_the_model_says() {
    if !tools() {
        return;
    }
    let soak = std::env::var_os("ORANGERY_SOAK").is_some_and(|value| value == "1");
    let steps = if soak { 10_000 } else { 60 };
    let mut chance = Chance::new();
    let world = World::new();
    let mut present = vec![0; BLOCKS];
    let mut points: BTreeMap<SnapshotId, Vec<u8>> = BTreeMap::new();
    for step in 0..steps {
        let known: Vec<SnapshotId> = points.keys().copied().collect();
        match chance.below(10) {
            0..4 => {
                let block = chance.below(BLOCKS as u64) as usize;
                let value = (1 + chance.below(250)) as u8;
                world.write(block, value);
                present[block] = value;
            }
            4..6 if known.len() < 12 => {
                let id = world.take(SnapshotKind::Manual);
                points.insert(id, present.clone());
            }
            6..8 if !known.is_empty() => {
                let to = *chance.pick(&known);
                let keep = chance.below(2) == 0;
                world.go_back(to, keep);
                for entry in world.library.snapshots(world.id) {
                    points.entry(entry.id).or_insert_with(|| present.clone());
                }
                present = points[&to].clone();
            }
            8 if !known.is_empty() => {
                let mut doomed: Vec<SnapshotId> = known
                    .iter()
                    .copied()
                    .filter(|_| chance.below(3) == 0)
                    .collect();
                if doomed.is_empty() {
                    doomed.push(*chance.pick(&known));
                }
                world.delete(&doomed);
                points.retain(|id, _| !doomed.contains(id));
            }
            9 if chance.below(4) == 0 => world.flatten(),
            _ => {}
        }
        if step % 8 == 0 || !soak {
            world.check(&points, &present);
        }
        if step % 500 == 499 {
            println!("{} steps", step + 1);
        }
    }
    world.check(&points, &present);
}

/// QEMU by itself would write the whole chain below the merged layer into its header, which has room for four layers or so.
#[test]
fn a_layer_far_up_a_deep_chain_is_merged() {
    if !tools() {
        return;
    }
    let world = World::new();
    let mut present = vec![0; BLOCKS];
    let mut points = BTreeMap::new();
    for block in 0..12 {
        // The upper of the two is the larger one: it is merged upwards.
        for (at, kept) in present.iter_mut().enumerate().take(block + 1) {
            world.write(at, block as u8 + 1);
            *kept = block as u8 + 1;
        }
        points.insert(world.take(SnapshotKind::Manual), present.clone());
    }
    world.write(0, 77);
    present[0] = 77;
    let high = points
        .iter()
        .find(|(_, bytes)| bytes[10] == 11 && bytes[11] == 0);
    let high = *high.unwrap().0;
    world.delete(&[high]);
    points.remove(&high);
    world.check(&points, &present);
}

#[test]
fn parents_and_the_present_move_on_when_a_snapshot_goes() {
    if !tools() {
        return;
    }
    let world = World::new();
    let first = world.take(SnapshotKind::Manual);
    world.write(1, 7);
    let second = world.take(SnapshotKind::Manual);
    world.write(2, 8);
    let third = world.take(SnapshotKind::Timed);
    world.delete(&[second]);
    let parent = |id| world.library.snapshot(world.id, id).unwrap().parent;
    assert_eq!((parent(first), parent(third)), (None, Some(first)));
    assert_eq!(world.record().point, Some(third));
    world.delete(&[third]);
    assert_eq!(world.record().point, Some(first));
    let told = timeline(&world.library, &world.record());
    assert_eq!(told.snapshots.len(), 1);
    assert_eq!(told.present, Some(first));
    assert_eq!(told.depth, 2);
}

#[test]
fn what_another_machine_names_and_what_we_did_not_make_outlives_every_delete() {
    if !tools() {
        return;
    }
    let world = World::new();
    world.write(1, 7);
    let one = world.take(SnapshotKind::Manual);
    world.write(2, 8);
    let two = world.take(SnapshotKind::Manual);
    // A linked clone of the second snapshot, in a folder of its own.
    let snapshot = world.library.snapshot(world.id, two).unwrap();
    let mut clone = machine(2);
    clone.devices.clone_from(&snapshot.hardware.devices);
    create(&world.library, &clone);
    let disks = world.library.machine_dir(clone.id).join("disks");
    std::fs::create_dir_all(disks).unwrap();
    let overlays = Overlays::make(
        &world.library,
        clone.id,
        &snapshot.hardware.tops(),
        Intent::default(),
    )
    .unwrap();
    clone.grow(&overlays.pairs);
    world.library.save(&clone).unwrap();
    overlays.settle(&world.library);
    let folder = world.library.machine_dir(world.id);
    let strangers =
        ["disks/notes.txt", "disks/mine.qcow2", "snapshots/keep.me"].map(|name| folder.join(name));
    for stranger in &strangers {
        put(stranger, b"not Orangery's");
    }
    let before = world.read(&clone);
    world.write(3, 9);
    world.go_back(one, false);
    world.delete(&[two]);
    world.delete(&[one]);
    world.flatten();
    assert_eq!(world.read(&clone), before);
    for layer in clone.layers() {
        assert!(world.library.layer_file(layer).exists(), "{layer:?}");
    }
    for stranger in &strangers {
        assert_eq!(std::fs::read(stranger).unwrap(), b"not Orangery's");
    }
}

#[test]
fn what_was_taken_and_not_touched_is_not_kept_twice() {
    if !tools() {
        return;
    }
    let world = World::new();
    world.write(3, 9);
    let one = world.take(SnapshotKind::Manual);
    let depth = world.record().depth();
    // Nothing was written since: no layer more, and nothing to keep when leaving.
    world.take(SnapshotKind::Timed);
    assert_eq!(world.record().depth(), depth);
    world.go_back(one, true);
    let count = world.library.snapshots(world.id).len();
    world.go_back(one, true);
    assert_eq!(world.library.snapshots(world.id).len(), count);
}

#[test]
fn a_merge_that_fails_says_which_disk_and_snapshot_and_no_ids() {
    if !tools() {
        return;
    }
    let world = World::new();
    world.write(0, 1);
    let taking = Taking::new(SnapshotKind::Manual, "Fresh".to_owned(), String::new());
    take_resting(
        &world.library,
        &world.sender,
        &world.record(),
        &taking,
        with(),
    )
    .unwrap();
    world.write(1, 2);
    let later = world.take(SnapshotKind::Manual);
    world.write(2, 3);
    // What lies below is no image any more.
    let below = world.record().chains().next().unwrap().1[1];
    let path = world.library.layer_file(below);
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0xff; 512], 65536).unwrap();
    let mut job = world.job();
    let (library, sender) = (&world.library, &world.sender);
    let failed = delete(library, sender, world.id, &[later], &mut None, &mut job).unwrap_err();
    job.end(Ok(()));
    let name = world.record().name;
    assert!(
        failed.why.contains("disk0") && failed.why.contains(&name),
        "{failed}"
    );
    let told = format!(
        "{} {} {}",
        failed.what,
        failed.why,
        failed.fix.clone().unwrap()
    );
    assert!(!told.contains(&below.layer.to_string()), "{told}");
    assert!(!told.contains(".qcow2"), "{told}");
    assert!(failed.details.is_some());
}
