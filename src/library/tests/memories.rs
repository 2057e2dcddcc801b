//! Memories that rest on others stay as long as they are needed, and no longer.

use std::path::PathBuf;

use super::super::SnapshotRecord;
use super::libraries::snapshot;
use super::*;

fn id(number: u128) -> SnapshotId {
    SnapshotId(uuid::Uuid::from_u128(number))
}

/// A memory whose index names what it rests on.
fn memory(library: &Library, number: u128, base: Option<u128>) -> PathBuf {
    let folder = library.make_memory_dir(id(number)).unwrap();
    let index = json!({"base": base.map(|base| json!({"id": id(base).to_string()}))});
    put(&folder.join("memory.json"), index.to_string().as_bytes());
    put(&folder.join("pages.packed"), b"x");
    folder
}

/// What a machine goes on from; a save that nothing names would be swept.
fn recorded(library: &Library, of: u32, number: u128) {
    let record = SnapshotRecord {
        id: id(number),
        ..snapshot(machine(of))
    };
    library.write_snapshot(&record).unwrap();
    let mut saved = machine(of);
    saved.saved = Some(SavedState {
        snapshot: record.id,
        when: record.when,
    });
    library.save(&saved).unwrap();
}

fn forget(library: &Library, of: u32, number: u128) {
    library.save(&machine(of)).unwrap();
    library.delete_snapshot(machine_id(of), id(number)).unwrap();
}

#[test]
fn a_memory_stays_as_long_as_another_rests_on_it() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    create(&library, &machine(1));
    create(&library, &machine(2));
    let folders = [(10, None), (11, Some(10)), (12, Some(11)), (13, Some(11))]
        .map(|(number, base)| memory(&library, number, base));
    let exist = || folders.each_ref().map(|folder| folder.exists());
    for number in [10, 11, 12] {
        recorded(&library, 1, number);
    }
    recorded(&library, 2, 13);
    forget(&library, 1, 10);
    forget(&library, 1, 11);
    assert_eq!(exist(), [true; 4]);
    recorded(&library, 1, 12);
    library.sweep_saves().unwrap();
    assert_eq!(exist(), [true; 4]);
    forget(&library, 2, 13);
    assert_eq!(exist(), [true, true, true, false]);
    // The last one takes along what only it needed.
    forget(&library, 1, 12);
    assert_eq!(exist(), [false; 4]);
}

#[test]
fn a_machine_takes_its_memories_along_but_not_what_others_rest_on() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    create(&library, &machine(1));
    create(&library, &machine(2));
    let base = memory(&library, 10, None);
    let lost = memory(&library, 11, Some(10));
    let rests = memory(&library, 12, Some(10));
    recorded(&library, 1, 10);
    recorded(&library, 1, 11);
    recorded(&library, 2, 12);
    let mut going = machine(1);
    going.trashed = Some(Timestamp(1));
    library.save(&going).unwrap();
    let emptied = library.empty_trash(&[machine_id(1)]).unwrap();
    assert_eq!(emptied.strangers, Vec::<PathBuf>::new());
    assert_eq!(
        (base.exists(), lost.exists(), rests.exists()),
        (true, false, true)
    );
    forget(&library, 2, 12);
    assert!(!base.exists());
}

#[test]
fn a_draft_keeps_its_base_and_is_swept_unless_it_can_be_packed() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    create(&library, &machine(1));
    create(&library, &machine(2));
    let base = memory(&library, 10, None);
    let draft = |number: u128, index: &str| {
        let folder = library.make_memory_dir(id(number)).unwrap();
        let partial = folder.with_extension("partial");
        let names = json!({"base": {"id": id(10).to_string()}}).to_string();
        put(&partial.join(index), names.as_bytes());
        put(&partial.join("pages.raw"), b"x");
        partial
    };
    recorded(&library, 1, 10);
    let live = draft(11, "draft.json");
    forget(&library, 1, 10);
    assert!(base.exists());
    // Its snapshot is recorded before it is packed.
    let taken = draft(12, "taken.json");
    recorded(&library, 1, 12);
    // This one was packed, and only its name is missing.
    let packed = draft(13, "memory.json");
    recorded(&library, 2, 13);
    library.sweep_saves().unwrap();
    let there = |paths: [&PathBuf; 4]| paths.map(|path| path.exists());
    let all = [&live, &taken, &packed, &base];
    assert_eq!(there(all), [false, true, true, true]);
    forget(&library, 2, 13);
    forget(&library, 1, 12);
    assert_eq!(there(all), [false; 4]);
}

#[test]
fn an_index_that_cannot_be_read_may_name_anything() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    create(&library, &machine(1));
    let broken = memory(&library, 10, None);
    put(&broken.join("memory.json"), &[0xff; 40]);
    let other = memory(&library, 11, None);
    recorded(&library, 1, 11);
    forget(&library, 1, 11);
    assert!(other.exists());
    recorded(&library, 1, 10);
    library.sweep_saves().unwrap();
    assert!(other.exists());
    // It goes itself, and then nothing is in doubt.
    forget(&library, 1, 10);
    assert!(!broken.exists());
    library.sweep_saves().unwrap();
    assert!(!other.exists());
}
