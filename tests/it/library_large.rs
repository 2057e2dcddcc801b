//! A library of ten thousand machines: who listens is told each of them once, and nobody stays
//! behind.

use std::collections::BTreeMap;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orangery::engine::message::{Command, Event};
use orangery::engine::{Engine, agent};
use orangery::library::{Library, Opened, Places};
use orangery::model::*;

const MANY: usize = 10_000;
const PATIENCE: Duration = Duration::from_secs(120);

/// One machine made as the app does, the others as copies of its file: ten thousand careful saves
/// would wait for the disk for minutes.
fn fill(dir: &Path) {
    let first: MachineId = "00000000-0000-4000-8000-000000000000".parse().unwrap();
    let Opened::Owner(library) = Library::open(dir).unwrap() else {
        panic!("someone else has a new library");
    };
    let mut machine = Machine::new(first, "Machine 0", "pc-q35-10.0", Origin::Empty);
    machine.tags = vec!["test".to_owned()];
    library.begin(first).unwrap().finish(&machine).unwrap();
    let text = std::fs::read_to_string(library.machine_file(first)).unwrap();
    for number in 1..MANY {
        let id: MachineId = format!("00000000-0000-4000-8000-{number:012x}")
            .parse()
            .unwrap();
        let folder = library.machine_dir(id);
        let mut private = std::fs::DirBuilder::new();
        private.mode(0o700).create(&folder).unwrap();
        let text = text
            .replace(&first.to_string(), &id.to_string())
            .replace("Machine 0", &format!("Machine {number}"));
        let file = library.machine_file(id);
        write(&file, &text);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a stranger's files, without the care of ours"
)]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// How often each machine was told, until everything was.
#[derive(Default)]
struct Heard {
    told: BTreeMap<MachineId, usize>,
    whole: usize,
    events: usize,
}

impl Heard {
    fn hear(&mut self, event: &Event) {
        self.events += 1;
        match event {
            Event::Machine(report) => *self.told.entry(report.id).or_default() += 1,
            Event::Machines(reports) => {
                for report in reports {
                    *self.told.entry(report.id).or_default() += 1;
                }
            }
            Event::Whole => self.whole += 1,
            _ => {}
        }
    }

    #[track_caller]
    fn check(&self) {
        assert_eq!(self.whole, 1, "told to the end, and not again");
        assert_eq!(self.told.len(), MANY);
        let again = self.told.values().filter(|times| **times != 1).count();
        assert_eq!(again, 0, "told more than once");
        assert!(self.events < 1000, "{} events", self.events);
    }
}

#[test]
fn ten_thousand_machines_are_told_once_to_everyone() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("library");
    fill(&library);
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(folder.path().join("run"))
        .unwrap();
    let places = Places::resolve(Some(&library), |name| match name {
        "HOME" => Some(folder.path().into()),
        "XDG_RUNTIME_DIR" => Some(folder.path().join("run").into()),
        _ => None,
    })
    .unwrap();
    let engine = Engine::open(&places, true, Arc::new(|| {})).unwrap();

    let mut window = Heard::default();
    let deadline = Instant::now() + PATIENCE;
    while window.whole == 0 && Instant::now() < deadline {
        engine
            .wait(Duration::from_millis(200))
            .iter()
            .for_each(|event| window.hear(event));
    }
    // A client that reads late, and asks something meanwhile.
    let mut client = agent::connect(&places, true).unwrap();
    let asked = client.send(Command::ShowTrash).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let mut late = Heard::default();
    let mut answered = false;
    while !answered && Instant::now() < deadline {
        if let Some((event, _)) = client.receive(Some(Duration::from_millis(200))).unwrap() {
            answered = matches!(&event, Event::Answer { request, .. } if *request == asked);
            late.hear(&event);
        }
    }
    assert!(answered, "the answer comes after everything was told");
    // What is told again comes within a moment: who is behind is looked for 20 times a second.
    let end = Instant::now() + Duration::from_secs(1);
    while Instant::now() < end {
        engine
            .wait(Duration::from_millis(100))
            .iter()
            .for_each(|event| window.hear(event));
    }
    window.check();
    late.check();
}
