//! Opening, locking, creating, saving, settings and snapshots.

use super::super::*;
use super::{FILES_OPENED, create, layer, machine, machine_id, owner, put};
use crate::model::*;

#[test]
fn one_process_owns_a_library_and_others_may_look() {
    let dir = tempfile::tempdir().unwrap();
    let first = owner(dir.path());
    create(&first, &machine(1));
    let Opened::LockedBy(holder) = Library::open(dir.path()).unwrap() else {
        panic!("two owners");
    };
    assert_eq!(holder.pid, Some(std::process::id()));
    assert!(holder.start_time.is_some_and(|ticks| ticks > 0));
    assert!(holder.host.as_ref().is_some_and(|host| !host.is_empty()));
    assert_eq!(Library::holder(dir.path()).unwrap(), Some(holder));
    let reader = Library::read_only(dir.path()).unwrap();
    assert_eq!(reader.id(), first.id());
    assert_eq!(reader.scan().unwrap().len(), 1);
    let error = reader.save(&machine(1)).unwrap_err().to_string();
    assert!(error.ends_with("is open for reading only"), "{error}");
    let id = first.id();
    drop(first);
    assert_eq!(Library::holder(dir.path()).unwrap(), None);
    assert_eq!(owner(dir.path()).id(), id);
}

#[test]
fn a_library_that_is_not_there_reads_as_empty() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none");
    let reader = Library::read_only(&missing).unwrap();
    assert_eq!(reader.id(), None);
    assert_eq!(reader.scan().unwrap(), []);
    assert!(!missing.exists());
}

#[test]
fn a_saved_machine_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    create(&library, &machine(1));
    let mut changed = machine(1);
    changed.saved = Some(SavedState {
        snapshot: SnapshotId(uuid::Uuid::from_u128(7)),
        when: Timestamp(9),
    });
    changed.trashed = Some(Timestamp(u64::MAX));
    changed.cpu.model = Some("host".to_owned());
    library.save(&changed).unwrap();
    assert_eq!(library.machine(machine_id(1)).unwrap(), changed);
    let error = library.save(&machine(5)).unwrap_err().to_string();
    assert!(
        error.starts_with("there is no machine 00000005-"),
        "{error}"
    );
}

#[test]
fn a_path_that_is_not_text_is_refused_and_the_file_stays() {
    use std::os::unix::ffi::OsStringExt;
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    create(&library, &machine(1));
    let odd = std::ffi::OsString::from_vec(vec![b'/', 0xff]).into();
    let mut changed = machine(1);
    changed.origin = Origin::Iso(odd);
    let error = library.save(&changed).unwrap_err().to_string();
    assert!(error.contains("path contains invalid UTF-8"), "{error}");
    assert_eq!(library.machine(machine_id(1)).unwrap(), machine(1));
}

#[test]
fn a_machine_too_large_to_be_read_again_is_not_saved() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    create(&library, &machine(1));
    let grow = |machine: &mut Machine| machine.notes = "x".repeat(2 << 20);
    let error = library.update(machine_id(1), grow).unwrap_err().to_string();
    assert!(error.contains("1048576 is the most"), "{error}");
    assert_eq!(library.machine(machine_id(1)).unwrap(), machine(1));
}

#[test]
fn a_cancelled_creation_leaves_nothing_and_a_killed_one_a_leftover() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    let newcomer = library.begin(machine_id(1)).unwrap();
    put(
        &newcomer.layer_file(layer(machine_id(1), 1).layer),
        b"qcow2",
    );
    assert_eq!(library.scan().unwrap(), []);
    assert_eq!(library.leftovers(), [], "a living one is not a leftover");
    drop(newcomer);
    assert_eq!(
        std::fs::read_dir(library.machines_dir()).unwrap().count(),
        0
    );

    let killed = library
        .machines_dir()
        .join(format!(".new-{}", machine_id(2)));
    put(&killed.join("machine.ron"), b"{");
    put(&killed.join("disks/holiday.jpg"), b"x");
    let leftovers = library.leftovers();
    assert_eq!(leftovers.len(), 1);
    let stayed = library.remove_leftover(&leftovers[0]).unwrap();
    assert_eq!(stayed, [killed.join("disks/holiday.jpg")]);
    assert!(!killed.join("machine.ron").exists());
}

#[test]
fn a_machine_is_not_created_over_another() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    create(&library, &machine(1));
    assert!(matches!(
        library.begin(machine_id(1)),
        Err(LibraryError::MachineExists { .. })
    ));
}

#[test]
fn listing_a_thousand_machines_opens_each_file_once() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    create(&library, &machine(0));
    let text = std::fs::read_to_string(library.machine_file(machine_id(0))).unwrap();
    let first = machine_id(0).to_string();
    for number in 1..1000 {
        let id = machine_id(number).to_string();
        let path = library.machine_file(machine_id(number));
        put(&path, text.replace(&first, &id).as_bytes());
    }
    drop(library);
    let library = owner(dir.path());
    let (entries, opened) = FILES_OPENED.of(|| library.scan().unwrap());
    assert_eq!(opened, 1000);
    assert_eq!(entries.len(), 1000);
    assert!(
        entries
            .iter()
            .all(|entry| matches!(entry, Entry::Machine(_)))
    );
}

#[test]
fn settings_never_fail_and_keep_what_they_do_not_know() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("orangery/settings.ron");
    assert_eq!(read_settings(&path), SettingsFile::default());
    put(
        &path,
        br#"{ "theme": "sepia", "close": "save-all", "voice": { "speed": 2 } }"#,
    );
    let read = read_settings(&path);
    assert_eq!(read.settings.close, ClosePolicy::SaveAll);
    assert_eq!(read.settings.theme, ThemeChoice::System);
    assert_eq!(read.warnings.len(), 2, "{:?}", read.warnings);
    assert!(
        read.warnings[0].starts_with("The setting “theme” is not used: unknown variant `sepia`")
    );
    assert_eq!(
        read.warnings[1],
        "The setting “voice” is not known to this version; it is kept"
    );
    let wanted = Settings {
        display: DisplayPath::Rfb,
        ..read.settings
    };
    save_settings(&path, &wanted).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.contains("\"sepia\"") && text.contains("\"speed\": 2"),
        "{text}"
    );
    assert_eq!(read_settings(&path).settings, wanted);
    let dark = Settings {
        theme: ThemeChoice::Dark,
        ..wanted
    };
    save_settings(&path, &dark).unwrap();
    assert_eq!(read_settings(&path).settings, dark);
}

#[test]
fn broken_settings_are_kept_beside_the_new_ones() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("settings.ron");
    put(&path, b"{ \"theme\": ");
    let read = read_settings(&path);
    assert_eq!(read.settings, Settings::default());
    assert!(
        read.warnings[0].contains("line 1, column 12"),
        "{:?}",
        read.warnings
    );
    save_settings(&path, &Settings::default()).unwrap();
    assert_eq!(read_settings(&path), SettingsFile::default());
    let kept = std::fs::read(dir.path().join("settings.ron.broken-1")).unwrap();
    assert_eq!(kept, b"{ \"theme\": ");
}

pub(super) fn snapshot(machine: Machine) -> SnapshotRecord {
    let stored = |bytes| StoredFile {
        bytes: ByteSize(bytes),
        blake3: "0".repeat(64),
    };
    SnapshotRecord {
        id: SnapshotId(uuid::Uuid::from_u128(0x5a5a)),
        machine: machine.id,
        kind: SnapshotKind::Saved,
        parent: None,
        name: String::new(),
        writing: false,
        when: Timestamp(5),
        disks: vec![DiskPoint {
            id: "disk0".to_owned(),
            chain: vec![layer(machine.id, 1)],
            sighting: None,
        }],
        accelerator: Accelerator::Tcg,
        cpu_model: "qemu64".to_owned(),
        machine_type: machine.machine_type.clone(),
        qemu_version: "10.0.2".to_owned(),
        disk: None,
        paused: false,
        memory: Some(MemoryStore {
            form: MemoryForm::Pages,
            ram: ByteSize::gib(2),
            state: stored(100),
            pages: Some(stored(4096)),
            stored: ByteSize(4200),
            base: None,
        }),
        hardware: machine,
        note: String::new(),
        picture: Some("screen.png".to_owned()),
        set: None,
    }
}

#[test]
fn a_snapshot_is_written_read_and_deleted_with_its_memory() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    create(&library, &machine(1));
    let record = snapshot(machine(1));
    let memory = library.make_memory_dir(record.id).unwrap();
    put(&memory.join("pages"), &[1; 8192]);
    put(&memory.join("device.state"), b"x");
    put(&memory.join("memory.json"), b"{}");
    library.write_snapshot(&record).unwrap();
    assert_eq!(library.snapshot(machine_id(1), record.id).unwrap(), record);
    assert!(library.size_of(machine_id(1)) >= ByteSize(8192));

    let mut saved = machine(1);
    saved.saved = Some(SavedState {
        snapshot: record.id,
        when: record.when,
    });
    library.save(&saved).unwrap();
    assert!(library.delete_snapshot(machine_id(1), record.id).is_err());
    library.save(&machine(1)).unwrap();
    let stayed = library.delete_snapshot(machine_id(1), record.id).unwrap();
    assert_eq!(stayed, Vec::<std::path::PathBuf>::new());
    assert!(!memory.exists());
    assert!(library.snapshots(machine_id(1)).is_empty());
    library.delete_snapshot(machine_id(1), record.id).unwrap();
}

#[test]
fn saves_that_no_machine_names_are_swept_away_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    create(&library, &machine(1));
    let memory = |id: SnapshotId, name: &str| {
        let folder = library.make_memory_dir(id).unwrap();
        put(&folder.join(name), b"x");
        folder
    };
    let named = snapshot(machine(1));
    let mut saved = machine(1);
    saved.saved = Some(SavedState {
        snapshot: named.id,
        when: named.when,
    });
    library.write_snapshot(&named).unwrap();
    library.save(&saved).unwrap();
    let unnamed = SnapshotRecord {
        id: SnapshotId(uuid::Uuid::from_u128(1)),
        ..snapshot(machine(1))
    };
    library.write_snapshot(&unnamed).unwrap();
    let strange = SnapshotId(uuid::Uuid::from_u128(4));
    let kept = [memory(named.id, "pages"), memory(strange, "diary")];
    let gone = [
        memory(unnamed.id, "pages"),
        memory(SnapshotId(uuid::Uuid::from_u128(3)), "device.state"),
    ];
    library.sweep_saves().unwrap();
    assert_eq!(kept.map(|folder| folder.exists()), [true; 2]);
    assert_eq!(gone.map(|folder| folder.exists()), [false; 2]);
    let ids: Vec<SnapshotId> = library
        .snapshots(machine_id(1))
        .iter()
        .map(|entry| entry.id)
        .collect();
    assert_eq!(ids, [named.id]);
}

#[test]
fn work_of_a_killed_owner_is_swept_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    create(&library, &machine(1));
    let disks = library.machine_dir(machine_id(1)).join("disks");
    let half = disks.join(format!("{}.qcow2.partial", uuid::Uuid::from_u128(7)));
    let whole = disks.join(format!("{}.qcow2", uuid::Uuid::from_u128(7)));
    let strange = disks.join("holiday.qcow2.partial");
    for path in [&half, &whole, &strange] {
        put(path, b"QFI");
    }
    let living = library.begin(machine_id(2)).unwrap();
    let killed = library
        .machines_dir()
        .join(format!(".new-{}", machine_id(3)));
    put(
        &killed.join("disks").join(half.file_name().unwrap()),
        b"QFI",
    );
    std::fs::create_dir(dir.path().join("elsewhere")).unwrap();
    let foreign = dir.path().join("elsewhere").join(half.file_name().unwrap());
    put(&foreign, b"QFI");
    let linked = library.machines_dir().join(machine_id(4).to_string());
    std::fs::create_dir(&linked).unwrap();
    std::os::unix::fs::symlink(dir.path().join("elsewhere"), linked.join("disks")).unwrap();

    let mut gone = library.sweep_work().unwrap();
    gone.sort();
    assert_eq!(gone, [killed.clone(), half.clone()]);
    assert_eq!([&half, &killed].map(|path| path.exists()), [false; 2]);
    let kept = [&whole, &strange, &foreign, &living.folder().to_owned()];
    assert_eq!(kept.map(|path| path.exists()), [true; 4]);
    assert_eq!(
        library.sweep_work().unwrap(),
        Vec::<std::path::PathBuf>::new()
    );
}

#[test]
fn a_disk_in_place_that_changed_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("disk.img");
    put(&path, b"one");
    let before = Sighting::take(&path).unwrap();
    assert_eq!(before.difference(&Sighting::take(&path).unwrap()), None);
    put(&path, b"three");
    let after = Sighting::take(&path).unwrap();
    let expected = "it was 3 bytes and is 5 bytes now".to_owned();
    assert_eq!(before.difference(&after), Some(expected));
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    let touched = Sighting::take(&path).unwrap();
    assert_eq!(
        after.difference(&touched),
        Some("something else wrote to it".to_owned())
    );
}

#[test]
fn updates_from_several_threads_are_all_kept() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    create(&library, &machine(1));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let add = |machine: &mut Machine| machine.notes.push('x');
                    library.update(machine_id(1), add).unwrap();
                }
            });
        }
    });
    assert_eq!(library.machine(machine_id(1)).unwrap().notes.len(), 20);
}

#[test]
fn a_damaged_library_name_is_read_from_its_copy() {
    let dir = tempfile::tempdir().unwrap();
    let id = owner(dir.path()).id();
    put(&dir.path().join("library.ron"), b"{");
    assert_eq!(owner(dir.path()).id(), id);
    put(&dir.path().join("library.ron.1"), b"");
    let error = Library::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("library.ron”: line 1, column 2"), "{error}");
}

#[test]
fn free_space_is_known_also_where_nothing_is_yet() {
    let dir = tempfile::tempdir().unwrap();
    let space = free_space(&dir.path().join("a/b/c")).unwrap();
    assert!(space.free.0 > 0 && space.free <= space.total);
}
