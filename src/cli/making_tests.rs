//! `create` and `recognise`, from their words to what they ask and print.

use std::path::PathBuf;

use crate::cli::fake::Fake;
use crate::cli::tasks::Reply;
use crate::cli::tests::{WEB, run, text};
use crate::engine::Command;
use crate::model::{
    Action, Answer, ByteSize, Era, FileKind, FirmwareKind, NewMachine, Recognised, Source, System,
};

fn found(system: Option<System>) -> Recognised {
    Recognised {
        path: PathBuf::from("/home/ann/d.iso"),
        kind: FileKind::Iso { bootable: true },
        size: ByteSize::mib(650),
        system,
        firmware: None,
    }
}

fn system() -> Option<System> {
    Some(System {
        name: "Windows\u{1b} 11".to_owned(),
        cpus: 4,
        memory: ByteSize::gib(6),
        disk: ByteSize::gib(48),
        firmware: FirmwareKind::Uefi,
        era: Era::Sata,
        note: Some("It wants a TPM".to_owned()),
    })
}

#[track_caller]
fn created(words: &[&str]) -> (NewMachine, bool) {
    let mut fake = Fake::default();
    let file = words.contains(&"--iso") || words.contains(&"--disk");
    if file {
        let found = Answer::Recognised(found(system()));
        fake.replies.push_back(Ok(Reply::Answer(found, None)));
    }
    fake.replies.push_back(Ok(Reply::Answer(
        Answer::Created(WEB.parse().unwrap()),
        None,
    )));
    text(&mut fake, words);
    if file {
        let (look, _) = fake.asked.remove(0);
        assert!(matches!(look, Command::Recognise { .. }));
    }
    let start = Command::Act {
        machine: WEB.parse().unwrap(),
        action: Action::Start,
    };
    let started = fake.asked.get(1) == Some(&(start, None));
    match fake.asked.remove(0) {
        (Command::Create { spec, start: false }, None) => (spec, started),
        other => panic!("{other:?}"),
    }
}

#[test]
fn create_fills_in_what_is_not_given() {
    let (spec, start) = created(&["create", "Deb", "--iso", "d.iso", "--cpus", "3", "--start"]);
    assert!(start);
    assert_eq!(
        spec,
        NewMachine {
            name: "Deb".to_owned(),
            source: Source::Iso(PathBuf::from("/home/ann/d.iso")),
            cpus: 3,
            memory: ByteSize::gib(6),
            disk_size: ByteSize::gib(48),
            firmware: FirmwareKind::Uefi,
            era: Era::Sata,
            experiment: false,
        }
    );
    let (spec, start) = created(&[
        "create",
        "Card",
        "--test-card",
        "--ballast",
        "256M",
        "--experiment",
    ]);
    assert!(!start);
    let ballast = ByteSize::mib(256);
    assert_eq!(spec.source, Source::TestCard { ballast });
    assert!(spec.experiment);
    assert_eq!(spec.memory, ByteSize::mib(384));
    let words = "create E --memory 1G --disk-size 8G --firmware secure";
    let (spec, _) = created(&words.split(' ').collect::<Vec<_>>());
    assert_eq!(spec.source, Source::Empty);
    assert_eq!(spec.memory, ByteSize::gib(1));
    assert_eq!(spec.disk_size, ByteSize::gib(8));
    assert_eq!(spec.firmware, FirmwareKind::Secure);
    let (spec, _) = created(&["create", "D", "--disk", "/d.qcow2"]);
    assert_eq!(spec.source, Source::Disk(PathBuf::from("/d.qcow2")));
    let words = "create D --disk /d.vmdk --copy --flavor L --memory 3G --era old";
    let (spec, _) = created(&words.split(' ').collect::<Vec<_>>());
    assert_eq!(spec.source, Source::Copy(PathBuf::from("/d.vmdk")));
    assert_eq!((spec.cpus, spec.memory), (4, ByteSize::gib(3)));
    assert_eq!((spec.era, spec.disk_size), (Era::Ide, ByteSize::gib(48)));
}

#[test]
fn a_file_is_told_in_words_and_in_json() {
    let answer = |found| {
        let mut fake = Fake::default();
        let answer = Answer::Recognised(found);
        fake.replies.push_back(Ok(Reply::Answer(answer, None)));
        fake
    };
    let mut fake = answer(found(system()));
    let said = text(&mut fake, &["recognise", "d.iso"]);
    assert_eq!(
        said,
        "Installer or live system, 650 MiB\n\
         Windows\u{fffd} 11: 4 processors, 6 GiB of memory, a disk of 48 GiB, UEFI, sata hardware\n\
         It wants a TPM\n"
    );
    let path = PathBuf::from("/home/ann/d.iso");
    assert_eq!(fake.asked[0].0, Command::Recognise { path });
    let mut fake = answer(found(None));
    let said = text(&mut fake, &["recognise", "d.iso", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["kind"]["Iso"]["bootable"], true);
    assert!(said["system"].is_null());
    let why = "It is a folder; choose the image in it".to_owned();
    let kind = FileKind::Unusable { why };
    let mut fake = answer(Recognised {
        kind,
        ..found(None)
    });
    let done = run(&mut fake, &["recognise", "d"]).unwrap();
    assert_eq!(done.text, "");
    assert!(done.complaint.unwrap().why.contains("folder"));
}
