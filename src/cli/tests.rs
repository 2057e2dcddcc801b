//! Each subcommand from its words to what it asks and prints, over a fake backend.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::args::{self, Args};
use super::fake::{self, Fake, NOW};
use super::tasks::{self, Done, Reply, Session};
use crate::engine::Command;
use crate::model::{
    Accelerator, AcceleratorChoice, Action, Answer, ByteSize, Change, Check, CheckLevel,
    ComputerReport, Failure, KvmVerdict, MachineReport, Sample, State, Timestamp, Traffic,
    TrashReport, TrashedMachine, Typing,
};

pub(super) const WEB: &str = "c0ffee00-1234-4234-8234-123456789abc";
pub(super) const MAIL: &str = "abcd0000-1234-4234-8234-123456789abc";

pub(super) fn parse(words: &[&str]) -> Result<Args, clap::Error> {
    let program = std::iter::once("orangery");
    args::parse(program.chain(words.iter().copied()).map(OsString::from))
}

fn library() -> Vec<MachineReport> {
    let mut trashed = fake::report("old", "dddd0000-0000-4000-8000-000000000001", State::Off);
    trashed.machine.as_mut().unwrap().trashed = Some(Timestamp(NOW.0 - 60));
    vec![
        fake::report("web", WEB, State::Running),
        fake::report("Mail\u{202e}", MAIL, State::Off),
        fake::broken("my-folder"),
        trashed,
    ]
}

pub(super) fn with_library() -> Fake {
    Fake {
        reports: library(),
        ..Fake::default()
    }
}

pub(super) fn run(fake: &mut Fake, words: &[&str]) -> Result<Done, Failure> {
    let args = parse(words).unwrap();
    let mut session = Session {
        json: args.global.json,
        backend: fake,
        cwd: PathBuf::from("/home/ann"),
        now: NOW,
    };
    tasks::perform(&mut session, args)
}

#[track_caller]
pub(super) fn text(fake: &mut Fake, words: &[&str]) -> String {
    run(fake, words).unwrap().text
}

#[track_caller]
fn json(fake: &mut Fake, words: &[&str]) -> serde_json::Value {
    serde_json::from_str(&text(fake, words)).unwrap()
}

#[test]
fn list_shows_machines_by_name_and_their_troubles_below() {
    assert_eq!(
        text(&mut with_library(), &["list"]),
        "\
NAME       ID        STATE    SINCE    CPUS  MEMORY   PID
Mail\u{fffd}      abcd0000  off      1 h ago     2   2 GiB     -
my-folder  bbbbbbbb  broken   1 h ago     -       -     -
web        c0ffee00  running  1 h ago     2   2 GiB  4711

/library/machines/my-folder: Its file can't be read: line 3: expected `)`
"
    );
    let all = text(&mut with_library(), &["list", "--all"]);
    assert!(
        all.contains("old        dddd0000  in trash  1 min ago"),
        "{all}"
    );
    assert!(text(&mut Fake::default(), &["list"]).starts_with("No machines yet."));
}

#[test]
fn list_json_has_the_promised_fields() {
    assert_eq!(
        json(&mut with_library(), &["list", "--json"]),
        serde_json::json!([
            {"id": MAIL, "name": "Mail\u{202e}", "state": "off", "since": NOW.0 - 3600,
             "memory_mib": 2048, "cpus": 2, "path": format!("/library/machines/{MAIL}")},
            {"id": "bbbbbbbb-0000-4000-8000-00000000000b", "name": "my-folder",
             "state": "broken", "since": NOW.0 - 3600, "memory_mib": null, "cpus": null,
             "path": "/library/machines/my-folder",
             "error": "Its file can't be read: line 3: expected `)`"},
            {"id": WEB, "name": "web", "state": "running", "since": NOW.0 - 3600,
             "memory_mib": 2048, "cpus": 2, "pid": 4711, "accelerator": "kvm",
             "path": format!("/library/machines/{WEB}")},
        ])
    );
    assert_eq!(text(&mut Fake::default(), &["--json", "list"]), "[]\n");
}

#[test]
fn a_try_is_told_from_machines_that_are_kept() {
    let mut fake = with_library();
    assert!(!text(&mut fake, &["show", "web"]).contains("a try"));
    fake.reports[0].machine.as_mut().unwrap().disposable = true;
    let list = text(&mut fake, &["list"]);
    assert!(
        list.contains("web        c0ffee00  running, a try  1 h ago"),
        "{list}"
    );
    assert_eq!(json(&mut fake, &["list", "--json"])[2]["disposable"], true);
    assert!(text(&mut fake, &["show", "web"]).contains("nothing: it is a try"));
}

#[test]
fn show_tells_a_machine_line_by_line() {
    let mut fake = with_library();
    fake.reports[0].running = fake.reports[0].machine.clone().map(Box::new);
    assert_eq!(
        text(&mut fake, &["show", "WEB"]),
        format!(
            "\
Name         web
Id           {WEB}
State        running, for 1 h 0 min
Process      4711
Accelerator  kvm
Processors   2
Memory       2 GiB
Firmware     UEFI
Board        x86_64 pc-q35-10.0
Disk         disk0: 32 GiB, virtio, 2 layers
CD           cd0: empty
Network      nic0: 52:54:00:01:02:03, virtio, user networking
Created      5 d ago
Tags         web
Notes        First line
             second\u{fffd}[2J
Folder       /library/machines/{WEB}
Pending      Changes take effect at the next start
"
        )
    );
    let broken = text(&mut fake, &["show", "my-folder"]);
    assert!(
        broken.ends_with(
            "Trouble  Its file can't be read: line 3: expected `)`\n\
             Fix      Put back the last good copy on its page\n"
        ),
        "{broken}"
    );
}

#[test]
fn show_json_has_the_machine_and_its_report() {
    let shown = json(&mut with_library(), &["show", "c0ff", "--json"]);
    assert_eq!(shown["state"], "running");
    assert_eq!(shown["memory_mib"], 2048);
    assert_eq!(shown["machine"]["machine_type"], "pc-q35-10.0");
    assert_eq!(shown["machine"]["devices"][0]["id"], "disk0");
    assert_eq!(shown["pid"], 4711);
    let broken = json(&mut with_library(), &["show", "my-folder", "--json"]);
    assert_eq!(broken["machine"], serde_json::Value::Null);
    assert!(broken["error"].as_str().unwrap().contains("line 3"));
}

fn computer(level: CheckLevel) -> ComputerReport {
    let check = |id: &str, title: &str, level, finding: &str, fix: Option<&str>| Check {
        id: id.to_owned(),
        title: title.to_owned(),
        level,
        finding: finding.to_owned(),
        fix: fix.map(str::to_owned),
    };
    ComputerReport {
        qemu_version: Some("10.0.2".to_owned()),
        accelerator: AcceleratorChoice {
            choice: Accelerator::Tcg,
            reason: "KVM opens but hangs".to_owned(),
        },
        kvm: KvmVerdict::Hangs,
        cpus: 4,
        memory_total: ByteSize::gib(16),
        memory_free: ByteSize::gib(9),
        disk_free: ByteSize::gib(100),
        cpu_models: vec!["qemu64".to_owned(), "Haswell".to_owned()],
        checks: vec![
            check("qemu", "QEMU", CheckLevel::Good, "10.0.2", None),
            check(
                "accelerator",
                "Accelerator",
                CheckLevel::Note,
                "Emulation",
                None,
            ),
            check(
                "display",
                "Screen",
                level,
                "No D-Bus display",
                Some("Install it:\nsudo apt install qemu-system-modules-opengl"),
            ),
        ],
    }
}

#[test]
fn the_doctor_tells_each_finding_with_its_fix() {
    let mut fake = Fake {
        computer: Some(computer(CheckLevel::Bad)),
        ..Fake::default()
    };
    let Done { text, complaint } = run(&mut fake, &["doctor"]).unwrap();
    assert_eq!(
        text,
        "\
ok    QEMU         10.0.2
note  Accelerator  Emulation
bad   Screen       No D-Bus display
      Install it:
      sudo apt install qemu-system-modules-opengl

4 processors, 9 GiB of 16 GiB memory free, 100 GiB of disk free
Accelerator tcg: KVM opens but hangs
"
    );
    let complaint = complaint.unwrap();
    assert_eq!(
        complaint.to_string(),
        "Machines can't run on this computer yet: Screen"
    );
    fake.computer = Some(computer(CheckLevel::Note));
    let done = run(&mut fake, &["doctor", "--json"]).unwrap();
    assert_eq!(done.complaint, None);
    let shown: serde_json::Value = serde_json::from_str(&done.text).unwrap();
    assert_eq!(shown["can_run"], true);
    assert_eq!(shown["accelerator"]["choice"], "tcg");
    assert_eq!(shown["accelerator"]["reason"], "KVM opens but hangs");
    assert_eq!(shown["checks"][2]["level"], "note");
}

#[test]
fn each_action_asks_for_itself_and_says_so() {
    for (word, action, said) in [
        ("start", Action::Start, "web is running\n"),
        ("pause", Action::Pause, "web is paused\n"),
        ("resume", Action::Resume, "web is running\n"),
        ("shutdown", Action::ShutDown, "web is off\n"),
        ("power-off", Action::PowerOff, "web is off\n"),
        ("reset", Action::Reset, "web starts again\n"),
        ("save", Action::Save, "web is saved\n"),
        (
            "discard",
            Action::DiscardSaved,
            "web has no saved state any more\n",
        ),
        ("delete", Action::Delete, "web is in the trash\n"),
        ("restore", Action::Restore, "web is out of the trash\n"),
    ] {
        let mut fake = with_library();
        assert_eq!(text(&mut fake, &[word, "web"]), said);
        let machine = WEB.parse().unwrap();
        let command = Command::Act { machine, action };
        assert_eq!(fake.asked.len(), 1);
        assert_eq!(fake.asked[0].0, command);
        assert_eq!(
            json(&mut with_library(), &["--json", word, "web"]),
            serde_json::json!({"id": WEB, "name": "web", "done": word})
        );
    }
}

#[test]
fn a_refusal_of_the_engine_is_the_error() {
    let mut fake = with_library();
    let refusal = Failure::new("web can't be started", "The machine is already running");
    fake.replies.push_back(Err(refusal.clone()));
    assert_eq!(run(&mut fake, &["start", "web"]), Err(refusal));
    let error = run(&mut fake, &["start", "wbe"]).unwrap_err();
    assert_eq!(error.fix.as_deref(), Some("Did you mean “web”?"));
    assert_eq!(fake.asked.len(), 1);
}

#[test]
fn shutdown_waits_as_long_as_told_then_offers_force() {
    let mut fake = with_library();
    fake.replies.push_back(Ok(Reply::Late));
    let error = run(&mut fake, &["shutdown", "web"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "web is still on: The guest did not shut down within 120 seconds"
    );
    assert_eq!(
        error.fix.as_deref(),
        Some("Wait, or cut the power: orangery power-off web")
    );
    fake.replies.push_back(Ok(Reply::Late));
    fake.asked.clear();
    let words = ["shutdown", "web", "--timeout", "5", "--force"];
    assert_eq!(text(&mut fake, &words), "web is off\n");
    assert_eq!(fake.asked[0].1, Some(Duration::from_secs(5)));
    let machine = WEB.parse().unwrap();
    let action = Action::PowerOff;
    assert_eq!(fake.asked[1].0, Command::Act { machine, action });
}

#[test]
fn a_bad_name_is_refused_before_anything_is_asked() {
    let mut fake = Fake::default();
    let error = run(&mut fake, &["create", "a/b"]).unwrap_err();
    assert_eq!(error.what, "The machine was not created");
    assert!(error.why.contains("may not contain"));
    assert_eq!(fake.asked, []);
}

#[test]
fn set_sends_all_changes_at_once_with_absolute_paths() {
    let mut fake = with_library();
    let said = text(&mut fake, &["set", "web", "cpus=4", "cd=x.iso", "name=www"]);
    assert!(said.contains("next start"), "{said}");
    assert_eq!(
        fake.asked[0].0,
        Command::Change {
            machine: WEB.parse().unwrap(),
            changes: vec![
                Change::Cpus(4),
                Change::Medium(Some(PathBuf::from("/home/ann/x.iso"))),
                Change::Name("www".to_owned()),
            ],
        }
    );
}

#[test]
fn keys_and_text_reach_the_guest() {
    let mut fake = with_library();
    text(&mut fake, &["type", "web", "-n hello\n"]);
    text(&mut fake, &["key", "web", "Ctrl-Alt-Delete", "enter"]);
    let asked: Vec<Command> = fake.asked.into_iter().map(|(command, _)| command).collect();
    let machine = WEB.parse().unwrap();
    let keys = |keys: &[&str]| Command::PressKeys {
        machine,
        keys: keys.iter().map(ToString::to_string).collect(),
    };
    let typed = Command::TypeText {
        machine,
        typing: Typing::new("-n hello\n".to_owned()),
    };
    assert_eq!(
        asked,
        [typed, keys(&["ctrl", "alt", "delete"]), keys(&["enter"])]
    );
}

#[test]
fn a_screenshot_is_written_beside_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("screen.png");
    let ppm = tempfile::tempfile().unwrap().into();
    let mut fake = with_library();
    fake.replies
        .push_back(Ok(Reply::Answer(Answer::Picture, Some(ppm))));
    let words = ["screenshot", "web", file.to_str().unwrap()];
    assert_eq!(text(&mut fake, &words), "");
    assert_eq!(std::fs::read(&file).unwrap(), b"PNG");
    let error = run(&mut fake, &["screenshot", "web", "/nowhere/x.png"]).unwrap_err();
    assert_eq!(error.why, "There is no folder /nowhere");
    assert_eq!(fake.asked.len(), 1);
}

#[test]
fn measurements_and_command_lines_are_printed() {
    let sample = Sample {
        at_ms: 65_000,
        cpu: 0.42,
        resident: ByteSize::mib(300),
        disk: Some(Traffic {
            from: 1 << 20,
            to: 12,
        }),
        ..Sample::default()
    };
    let mut fake = with_library();
    let stats = || Ok(Reply::Answer(Answer::Stats(sample.clone()), None));
    let args = vec!["qemu".to_owned(), "-name".to_owned(), "a b".to_owned()];
    let line = || Ok(Reply::Answer(Answer::CommandLine(args.clone()), None));
    fake.replies = VecDeque::from([stats(), stats(), line(), line()]);
    assert_eq!(
        text(&mut fake, &["stats", "web"]),
        "Runs for   1 min\nProcessor  42 % of one\nMemory     300 MiB on this computer\n\
         Read       1 MiB\nWritten    12 bytes\n"
    );
    let stats = json(&mut fake, &["stats", "web", "--json"]);
    assert_eq!(stats["cpu"], 0.42);
    assert_eq!(stats["resident"], 300 << 20);
    assert_eq!(
        text(&mut fake, &["command-line", "web"]),
        "qemu -name 'a b'\n"
    );
    assert_eq!(
        json(&mut fake, &["command-line", "web", "--json"]),
        serde_json::json!(["qemu", "-name", "a b"])
    );
}

#[test]
fn the_trash_is_emptied_only_after_a_yes() {
    let full = TrashReport {
        machines: vec![TrashedMachine {
            id: WEB.parse().unwrap(),
            name: "old".to_owned(),
            since: Timestamp(NOW.0 - 3600),
            size: ByteSize::gib(3),
            kept_for: vec!["fork".to_owned()],
        }],
    };
    let show = |trash: TrashReport| Ok(Reply::Answer(Answer::Trash(trash), None));
    let empty = TrashReport::default;
    let done = || Ok(Reply::Answer(Answer::Done, None));
    let mut fake = Fake {
        replies: VecDeque::from([show(full.clone())]),
        ..Fake::default()
    };
    assert_eq!(
        text(&mut fake, &["trash"]),
        "NAME  ID        SINCE     SIZE\nold   c0ffee00  1 h ago  3 GiB  kept for fork\n\n\
         3 GiB in the trash. Empty it: orangery trash --empty\n"
    );
    for (yes, why) in [(None, "no terminal"), (Some(false), "did not say yes")] {
        fake.replies = VecDeque::from([show(full.clone())]);
        fake.yes = yes;
        let error = run(&mut fake, &["trash", "--empty"]).unwrap_err();
        assert!(error.why.contains(why), "{error}");
    }
    assert!(
        fake.asked
            .iter()
            .all(|(asked, _)| *asked == Command::ShowTrash)
    );
    fake.replies = VecDeque::from([show(full.clone()), done(), show(empty())]);
    let words = ["trash", "--empty", "--yes"];
    assert_eq!(text(&mut fake, &words), "The trash is empty\n");
    fake.replies = VecDeque::from([show(full)]);
    assert_eq!(json(&mut fake, &["trash", "--json"])["size"], 3_u64 << 30);
}

#[test]
fn windows_are_opened_by_their_rooms() {
    let mut fake = with_library();
    for words in [
        &[][..],
        &["console", "web"],
        &["agent"],
        &["window", "/a.iso"],
    ] {
        assert_eq!(text(&mut fake, words), "");
    }
    let refused = run(&mut fake, &["console", "web", "--head", "2"]).unwrap_err();
    assert_eq!(refused.what, "web has no screen 2");
    let opened = format!("window, console {WEB} 0, agent, window /a.iso");
    assert_eq!(fake.opened.join(", "), opened);
}
