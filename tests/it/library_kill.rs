//! A library whose owner is killed at any moment, or whose disk fills up, loses nothing that it
//! acknowledged.
//!
//! The owner is this test binary itself, started again with a hidden variable. `ORANGERY_SOAK=1`
//! kills it 250 times instead of 20.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use orangery::library::{Entry, Library, LibraryError, Opened};
use orangery::model::*;

/// Holds the library's folder in the child; without it the children's tests do nothing.
const LIBRARY: &str = "ORANGERY_TEST_CHILD_LIBRARY";

fn machine(number: u64) -> Machine {
    Machine {
        devices: vec![Device {
            id: "rng0".to_owned(),
            kind: DeviceKind::Rng,
            address: Address::Pci { slot: 2 },
        }],
        notes: "0".to_owned(),
        ..Machine::new(
            machine_id(number),
            &format!("Machine {number}"),
            "pc-q35-10.0",
            Origin::Empty,
        )
    }
}

fn machine_id(number: u64) -> MachineId {
    format!("00000000-0000-4000-8000-{number:012x}")
        .parse()
        .unwrap()
}

#[track_caller]
fn owner(dir: &Path) -> Library {
    match Library::open(dir).unwrap() {
        Opened::Owner(library) => library,
        Opened::LockedBy(holder) => panic!("locked by {holder:?}"),
    }
}

/// This binary again, running only the test `name`.
#[expect(
    clippy::disallowed_methods,
    reason = "the test starts itself, not a program of the app"
)]
fn again(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([&format!("library_kill::{name}"), "--exact", "--nocapture"]);
    command
}

fn child_library() -> Option<PathBuf> {
    std::env::var_os(LIBRARY).map(PathBuf::from)
}

/// The child: counts in machine 1's notes, makes and deletes others, and says what it did.
#[test]
fn child_saves_in_a_loop() {
    let Some(dir) = child_library() else {
        return;
    };
    let library = owner(&dir);
    let mut first = library.machine(machine_id(1)).unwrap();
    let mut count: u64 = first.notes.parse().unwrap();
    loop {
        count += 1;
        first.notes = count.to_string();
        first.name = format!("Renamed {count}");
        library.save(&first).unwrap();
        println!("saved {count}");
        let number = 1000 + count;
        match count % 5 {
            0 => {
                let begun = library.begin(machine_id(number)).unwrap();
                begun.finish(&machine(number)).unwrap();
                println!("created {number}");
            }
            3 if count > 5 => {
                let old = number - 3;
                println!("removing {old}");
                let Ok(mut gone) = library.machine(machine_id(old)) else {
                    continue;
                };
                gone.trashed = Some(Timestamp(count));
                library.save(&gone).unwrap();
                let emptied = library.empty_trash(&[gone.id]).unwrap();
                assert_eq!(emptied.removed, [gone.id]);
                println!("removed {old}");
            }
            _ => {}
        }
    }
}

/// What a killed child had acknowledged.
#[derive(Debug, Default)]
struct Acknowledged {
    saved: u64,
    created: BTreeSet<u64>,
    /// Begun or done.
    removing: BTreeSet<u64>,
    removed: BTreeSet<u64>,
}

impl Acknowledged {
    fn hear(&mut self, line: &str) {
        let Some((word, number)) = line.split_once(' ') else {
            return;
        };
        let Ok(number) = number.parse::<u64>() else {
            return;
        };
        match word {
            "saved" => self.saved = number,
            "created" => drop(self.created.insert(number)),
            "removing" => drop(self.removing.insert(number)),
            "removed" => drop(self.removed.insert(number)),
            _ => {}
        }
    }
}

/// Starts a child, lets it work until after its first save, kills it, and hears it out.
fn run_and_kill(dir: &Path, after: Duration, heard: &mut Acknowledged) {
    let mut child = again("child_saves_in_a_loop")
        .env(LIBRARY, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines.by_ref() {
        let line = line.unwrap();
        heard.hear(&line);
        if line.starts_with("saved") {
            break;
        }
    }
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    // A line that was cut off by the kill was not acknowledged.
    lines
        .map_while(Result::ok)
        .for_each(|line| heard.hear(&line));
}

#[track_caller]
fn check(dir: &Path, heard: &Acknowledged, round: u32) {
    let library = owner(dir);
    let entries = library.scan().unwrap();
    let mut present = BTreeSet::new();
    for entry in &entries {
        match entry {
            Entry::Machine(loaded) => drop(present.insert(loaded.machine.id)),
            Entry::Broken(broken) => panic!("round {round}: {:?}", broken.failure),
        }
    }
    let first = library.machine(machine_id(1)).unwrap();
    let count: u64 = first.notes.parse().unwrap();
    assert!(
        count == heard.saved || count == heard.saved + 1,
        "round {round}: {} was acknowledged, {count} is there",
        heard.saved
    );
    for number in heard.created.difference(&heard.removing) {
        assert!(
            present.contains(&machine_id(*number)),
            "round {round}: {number} is lost"
        );
    }
    for number in &heard.removed {
        assert!(
            !present.contains(&machine_id(*number)),
            "round {round}: {number} is back"
        );
    }
    for leftover in library.leftovers() {
        let stayed = library.remove_leftover(&leftover).unwrap();
        assert_eq!(stayed, Vec::<PathBuf>::new(), "round {round}");
    }
    let temps = std::fs::read_dir(library.machine_dir(machine_id(1))).unwrap();
    let names: Vec<_> = temps.flatten().map(|entry| entry.file_name()).collect();
    assert!(names.len() <= 5, "round {round}: {names:?}");
}

#[test]
fn killing_the_owner_loses_no_acknowledged_change() {
    let rounds = match std::env::var_os("ORANGERY_SOAK") {
        Some(_) => 250,
        None => 20,
    };
    let seed = std::env::var("ORANGERY_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    println!("ORANGERY_SEED={seed}");
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    let begun = library.begin(machine_id(1)).unwrap();
    begun.finish(&machine(1)).unwrap();
    drop(library);
    let mut heard = Acknowledged::default();
    let mut state: u64 = seed | 1;
    for round in 0..rounds {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let after = Duration::from_micros((state >> 33) % 120_000);
        run_and_kill(dir.path(), after, &mut heard);
        check(dir.path(), &heard, round);
    }
    println!(
        "killed {rounds} times over {} saves, {} creations, {} removals: nothing lost",
        heard.saved,
        heard.created.len(),
        heard.removed.len()
    );
    assert!(heard.saved > u64::from(rounds));
}

/// The child in a tiny file system: fills it, saves until that fails, makes space, saves again.
#[test]
fn child_fills_the_disk() {
    let Some(dir) = child_library() else {
        return;
    };
    let library = owner(&dir);
    let begun = library.begin(machine_id(1)).unwrap();
    begun.finish(&machine(1)).unwrap();
    let ballast = dir.join("ballast");
    rustix::fs::fallocate(
        std::fs::File::create(&ballast).unwrap(),
        rustix::fs::FallocateFlags::empty(),
        0,
        128 << 10,
    )
    .unwrap();
    let mut saved = machine(1);
    let error = loop {
        let mut larger = saved.clone();
        larger.notes.push_str(&"x".repeat(2000));
        match library.save(&larger) {
            Ok(()) => saved = larger,
            Err(error) => break error,
        }
    };
    let LibraryError::Write { source, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(source.kind(), std::io::ErrorKind::StorageFull, "{error}");
    let failure = error.failure("Machine 1 was not saved");
    assert!(
        failure.why.contains("No space left on device"),
        "{failure:?}"
    );
    assert!(failure.fix.unwrap().starts_with("Make space on the disk"));
    assert_eq!(library.machine(machine_id(1)).unwrap(), saved);
    // The rest of the space goes too; then a creation fails and leaves nothing.
    let mut large = machine(2);
    large.notes = "y".repeat(200_000);
    let begun = library.begin(machine_id(2)).unwrap();
    assert!(begun.finish(&large).is_err());
    assert_eq!(library.scan().unwrap().len(), 1);
    assert_eq!(library.leftovers(), []);
    std::fs::remove_file(&ballast).unwrap();
    saved.notes.push_str("after");
    library.save(&saved).unwrap();
    assert_eq!(library.machine(machine_id(1)).unwrap(), saved);
    println!("the full disk lost nothing");
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "unshare makes the tiny file system for the test"
)]
fn a_full_disk_refuses_a_save_and_keeps_the_last_one() {
    let dir = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=256k none \"$1\" || exit 77; shift; exec \"$@\"";
    let child = again("child_fills_the_disk");
    let output = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            script,
            "sh",
        ])
        .arg(dir.path())
        .arg(child.get_program())
        .args(child.get_args())
        .env(LIBRARY, dir.path())
        .output();
    let Ok(output) = output else {
        println!("skipped: there is no program “unshare” here");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) || error.contains("unshare failed") {
        println!("skipped: a file system of its own is not permitted here: {error}");
        return;
    }
    assert!(output.status.success(), "{said}\n{error}");
    assert!(
        said.contains("the full disk lost nothing"),
        "{said}\n{error}"
    );
}
