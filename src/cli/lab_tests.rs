//! Labs from their words to what is asked and printed, over a fake backend.

use super::fake::{Fake, NOW};
use super::tests::{MAIL, WEB, run, text, with_library};
use crate::engine::Command;
use crate::engine::message::LabCommand;
use crate::model::{
    Action, Answer, Lab, LabId, LabReport, Lack, MachineId, MemberReport, SetId, SetMember,
    SetReport, SnapshotId, SnapshotKind, SnapshotSet, Timestamp,
};
use uuid::Uuid;

fn machine(id: &str) -> MachineId {
    id.parse().unwrap()
}

fn shop() -> LabReport {
    let snapshot = SnapshotId(Uuid::from_u128(7));
    let member = |id| SetMember {
        machine: machine(id),
        snapshot,
    };
    let set = |number: u128, name: &str| SnapshotSet {
        id: SetId(Uuid::from_u128(number << 96)),
        name: name.to_owned(),
        note: String::new(),
        time: Timestamp(NOW.0 - 60),
        kind: SnapshotKind::Manual,
        members: vec![member(WEB), member(MAIL)],
    };
    let lack = |lack: Option<Lack>| {
        [WEB, MAIL].map(|id| MemberReport {
            machine: machine(id),
            snapshot,
            with_memory: true,
            picture: false,
            lack: lack.clone().filter(|_| id == MAIL),
        })
    };
    let lab = Lab {
        id: LabId(Uuid::from_u128(0xab << 120)),
        name: "Shop".to_owned(),
        machines: vec![machine(WEB), machine(MAIL), MachineId(Uuid::from_u128(9))],
        created: Timestamp(NOW.0 - 3600),
        note: String::new(),
        sets: vec![set(0x1000_0001, "clean"), set(0x2000_0002, "cut")],
    };
    LabReport {
        sets: vec![
            SetReport {
                id: lab.sets[0].id,
                members: lack(None).to_vec(),
            },
            SetReport {
                id: lab.sets[1].id,
                members: lack(Some(Lack::NoSnapshot)).to_vec(),
            },
        ],
        lab,
        trouble: None,
    }
}

fn fake() -> Fake {
    Fake {
        labs: vec![shop()],
        ..with_library()
    }
}

#[test]
fn labs_are_listed_with_their_machines_missing_ones_too() {
    let told = text(&mut fake(), &["lab", "list"]);
    assert_eq!(
        told,
        "\
NAME  ID        RUNNING  MOMENTS  MACHINES
Shop  ab000000   1 of 3        2  web, Mail\u{fffd}, 00000000 (missing)
"
    );
    let told = text(&mut fake(), &["lab", "show", "shop"]);
    assert!(
        told.contains("Machines  web, running\n")
            && told.contains("          00000000 is missing\n"),
        "{told}"
    );
    assert!(text(&mut with_library(), &["lab", "list"]).starts_with("No labs."));
}

#[test]
fn a_moment_that_is_not_whole_says_who_lacks_it() {
    let told = text(&mut fake(), &["lab", "snapshots", "Shop"]);
    assert!(
        told.contains("cut (not whole: Mail\u{fffd} has no snapshot of it)"),
        "{told}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&text(&mut fake(), &["lab", "snapshots", "shop", "--json"])).unwrap();
    assert_eq!(json[0]["whole"], true);
    assert_eq!(json[1]["whole"], false);
    assert_eq!(json[1]["machines"][1]["lack"], "has no snapshot of it");
}

#[track_caller]
fn asked(words: &[&str]) -> LabCommand {
    let mut fake = fake();
    run(&mut fake, words).unwrap();
    match fake.asked.pop() {
        Some((Command::Lab(command), _)) => command,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_word_asks_for_what_it_says() {
    let lab = shop().lab.id;
    let set = shop().lab.sets[0].id;
    let act = |action| LabCommand::Act { lab, action };
    assert_eq!(asked(&["lab", "start", "SHOP"]), act(Action::Start));
    assert_eq!(asked(&["lab", "shut-down", "ab00"]), act(Action::ShutDown));
    assert_eq!(
        asked(&["lab", "delete", "shop"]),
        LabCommand::Delete { lab }
    );
    let keep = false;
    let words = ["lab", "rewind", "shop", "clean", "--drop-present"];
    assert_eq!(asked(&words), LabCommand::Rewind { lab, set, keep });
    let machines = vec![machine(WEB), MachineId(Uuid::from_u128(9))];
    let words = ["lab", "remove", "shop", "mail\u{202e}"];
    assert_eq!(asked(&words), LabCommand::SetMachines { lab, machines });
    let machines = vec![machine(WEB), machine(MAIL)];
    let words = ["lab", "remove", "shop", "00000000"];
    assert_eq!(asked(&words), LabCommand::SetMachines { lab, machines });
    let words = ["lab", "delete-snapshot", "shop", "1000", "--yes"];
    assert_eq!(asked(&words), LabCommand::DeleteSet { lab, set });
}

#[test]
fn a_lab_is_made_of_machines_that_are_there() {
    let mut fake = fake();
    let made = Answer::Lab(shop().lab.id);
    fake.replies
        .push_back(Ok(super::tasks::Reply::Answer(made, None)));
    assert_eq!(
        text(&mut fake, &["lab", "create", "new", "web"]),
        "new is made\n"
    );
    let error = run(&mut fake, &["lab", "create", "new", "wbe"]).unwrap_err();
    assert_eq!(error.what, "There is no machine “wbe”");
    let error = run(&mut fake, &["lab", "start", "shp"]).unwrap_err();
    assert_eq!(error.why, "There are “Shop”");
    let error = run(&mut fake, &["lab", "rewind", "shop", "other"]).unwrap_err();
    assert_eq!(error.why, "There is no moment “other”");
}

#[test]
fn going_back_says_first_which_machines_came_into_the_lab_later() {
    let mut fake = fake();
    let said = |fake: &mut Fake| {
        let done = text(fake, &["lab", "rewind", "shop", "clean"]);
        (std::mem::take(&mut fake.opened), done)
    };
    let (told, done) = said(&mut fake);
    assert_eq!(told, [] as [&str; 0]);
    assert!(done.contains("is back at “clean”"), "{done}");
    for report in &mut fake.labs {
        for set in &mut report.lab.sets {
            set.members.retain(|member| member.machine != machine(MAIL));
        }
    }
    let (told, _) = said(&mut fake);
    let [line] = &told[..] else {
        panic!("{told:?}");
    };
    assert!(
        line.contains("Mail") && line.contains("added to the lab later"),
        "{line}"
    );
}
