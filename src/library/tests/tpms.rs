//! What TPMs keep: copied whole, removed once no record names it, and not before.

use super::{create, machine, machine_id, owner, put};
use crate::library::Library;
use crate::model::TpmId;

/// A state with this content.
fn state(library: &Library, content: &[u8]) -> TpmId {
    let tpm = library.make_tpm(machine_id(1)).unwrap();
    let folder = library.tpm_dir(machine_id(1), tpm);
    put(&folder.join("tpm2-00.permall"), content);
    put(&folder.join(".lock"), b"");
    tpm
}

#[test]
fn a_copy_is_the_same_until_one_of_them_is_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    create(&library, &machine(1));
    let id = machine_id(1);
    let one = state(&library, b"keys");
    let copy = library.copy_tpm(id, one).unwrap();
    assert!(library.same_tpm(id, Some(one), Some(copy)).unwrap());
    let folder = library.tpm_dir(id, copy);
    assert!(!folder.join(".lock").exists(), "the emulator's own");
    put(&folder.join("tpm2-00.permall"), b"other keys");
    assert!(!library.same_tpm(id, Some(one), Some(copy)).unwrap());
    assert!(!library.same_tpm(id, Some(one), None).unwrap());

    // What can't be read whole is not copied in part.
    put(&folder.join("tpm2-00.permall"), &vec![0; (4 << 20) + 1]);
    assert!(library.copy_tpm(id, copy).is_err());
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(library.check_tpm(id, copy).is_err());
}

#[test]
fn only_what_no_record_names_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let library = owner(dir.path());
    let mut machine = machine(1);
    create(&library, &machine);
    let id = machine.id;
    let (named, left, strange) = (
        state(&library, b"named"),
        state(&library, b"left"),
        state(&library, b"strange"),
    );
    machine.tpm = Some(named);
    library.save(&machine).unwrap();
    let note = library.tpm_dir(id, strange).join("note.txt");
    put(&note, b"mine");

    assert_eq!(
        library.remove_tpm(id, named),
        Vec::<std::path::PathBuf>::new()
    );
    assert!(library.check_tpm(id, named).is_ok(), "the record names it");
    assert_eq!(library.remove_tpm(id, strange), std::slice::from_ref(&note));
    assert!(note.exists(), "not ours");

    let gone = library.sweep_work().unwrap();
    assert_eq!(gone, [library.tpm_dir(id, left)]);
    assert!(library.check_tpm(id, named).is_ok());
}
