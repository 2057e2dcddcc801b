//! The stage on which operations meet faults: a machine that is set back before each, and what is looked at afterwards.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use orangery::engine::client::Client;
use orangery::engine::message::{Command as Order, Event};
use orangery::library::Library;
use orangery::model::JobState;
use rustix::process::Signal;

use super::operation::{Begin, Fault, Operation};
use super::shape::{One, Shape, ids, is_half, left_over};
use super::verdict::verdict;
use crate::card::{Ballast, CardReport};
use crate::story::time;
use crate::story::{House, is_alive, kill, wait_for};

/// Written while the machine runs, before the operation; the disk has said that it is there.
const LAST: (u64, u8) = (5, 60);
/// The same, by the try.
const LAST_OF_TRY: (u64, u8) = (1, 77);
const EIO: &str = "5";

pub struct Stage {
    pub house: House,
    /// Libraries to begin with.
    off: PathBuf,
    saved: PathBuf,
    steps: PathBuf,
    /// The id of the machine that is there from the beginning.
    card: String,
    shapes: Option<(Shape, Shape)>,
    /// The machine's QEMU, and what its guest showed, before an operation that spares it.
    witness: RefCell<Option<(u32, CardReport)>>,
}

impl Stage {
    pub fn new() -> Self {
        let mut house = House::new();
        let steps = house.path().join("steps");
        fs::create_dir(&steps).unwrap();
        house.set("ORANGERY_STEPS", &steps);
        let create = ["create", "Card", "--test-card", "--memory", "64M"];
        house.done(&[&create[..], &["--ballast", "4M"]].concat());
        house.done(&["disk", "add", "Card", "--size", "64M"]);
        house.done(&["start", "Card"]);
        for (block, name) in [(0, "one"), (1, "two"), (2, "three")] {
            time::write(&house, block, block as u8 + 1);
            time::write(&house, 4, block as u8 + 11);
            house.done(&["snapshot", "take", "Card", name]);
        }
        house.done(&[
            "template", "warm", "Card", "--at", "three", "--called", "ready",
        ]);
        time::write(&house, 3, 4);
        house.done(&["power-off", "Card"]);
        let (off, saved) = (house.path().join("off"), house.path().join("saved"));
        let stage = Self {
            off,
            saved,
            steps,
            card: house.row("Card")["id"].as_str().unwrap().to_owned(),
            house,
            shapes: None,
            witness: RefCell::new(None),
        };
        stage.end_all();
        copy(stage.house.library(), &stage.off);
        stage.house.done(&["start", "Card"]);
        stage.house.done(&["save", "Card"]);
        stage.end_all();
        copy(stage.house.library(), &stage.saved);
        stage
    }

    fn end_all(&self) {
        // Owners first, so that no QEMU is started meanwhile.
        if self.house.agent_pid().is_some() {
            self.house.kill_agent();
        }
        self.end_qemus(|_all| true);
    }

    /// Kills what works on disks for an owner, and waits until it is gone. `which` is asked with the machine's id.
    fn end_qemus(&self, which: impl Fn(Option<&str>) -> bool) {
        let owner = self.house.agent_pid();
        let mut others = self.house.processes();
        others.retain(|pid| Some(*pid) != owner && is_qemu(*pid));
        others.retain(|pid| which(machine_of(*pid).as_deref()));
        for pid in &others {
            kill(*pid, Signal::KILL);
        }
        for pid in others {
            wait_for("QEMU to be gone", 30, || {
                (!is_alive(pid)).then_some(()).ok_or(pid)
            });
        }
    }

    /// Sets everything back, and begins.
    pub fn begin(&self, operation: &Operation) {
        self.end_all();
        fs::remove_dir_all(self.house.library()).unwrap();
        match operation.begin {
            Begin::Off | Begin::Running | Begin::Trying => copy(&self.off, self.house.library()),
            Begin::Saved => copy(&self.saved, self.house.library()),
        }
        for name in ["passed", "armed", "reached"] {
            fs::remove_file(self.steps.join(name)).ok(); // Most are not there.
        }
        if operation.has_qemu() {
            self.house.done(&["start", "Card"]);
            time::write(&self.house, LAST.0, LAST.1);
        } else {
            self.house.done(&["trash"]); // Starts an owner.
        }
        let is_watched = operation.has_qemu() && operation.spares_it();
        let booted = is_watched.then(|| {
            self.house
                .card_when("Card", "memory that was checked", |card| {
                    card.ballast_checks > 0
                })
        });
        if operation.begin == Begin::Trying {
            self.house.done(&["try", "Card", "--called", "Kid"]);
            time::write_in(&self.house, "Kid", LAST_OF_TRY.0, LAST_OF_TRY.1);
        }
        *self.witness.borrow_mut() = booted.map(|card| (self.house.pid("Card"), card));
        fs::remove_file(self.steps.join("passed")).ok(); // Nothing was passed.
    }

    /// Carries the operation out without a fault; gives the steps that it passed.
    pub fn rehearse(&mut self, operation: &Operation) -> Vec<String> {
        self.begin(operation);
        let before = self.shape();
        let output = operation
            .command(&self.house)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}: {}",
            operation.name,
            String::from_utf8_lossy(&output.stderr)
        );
        if operation.begin == Begin::Trying && operation.name != "keep" {
            wait_for("the try to be gone", 30, || {
                let left = self.names();
                let is_gone = !left.iter().any(|name| name == "Kid");
                is_gone.then_some(()).ok_or("not yet")
            });
        }
        let passed = fs::read_to_string(self.steps.join("passed")).unwrap();
        self.tidied(None).unwrap();
        let after = self.shape();
        assert!(
            before != after || operation.name.starts_with("flatten"),
            "{before}"
        );
        self.left_over().unwrap();
        self.shapes = Some((before, after));
        passed.lines().map(str::to_owned).collect()
    }

    /// Carries it out with a fault at a step. Says what came of it.
    pub fn play(
        &self,
        operation: &Operation,
        step: &str,
        before: u32,
        fault: Fault,
    ) -> Result<String, String> {
        self.begin(operation);
        let what = if fault == Fault::Error { EIO } else { "wait" };
        self.arm(step, before, what);
        let child = operation
            .command(&self.house)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let reached = self.steps.join("reached");
        let child = self.until_reached(child, &reached)?;
        match fault {
            Fault::Owner => drop(self.house.kill_agent()),
            Fault::Qemu if operation.spares_it() => {
                self.end_qemus(|id| id == Some(self.card.as_str()))
            }
            Fault::Qemu => self.end_qemus(|_all| true),
            Fault::Newborn => self.end_qemus(|id| id != Some(self.card.as_str())),
            Fault::Both => self.end_all(),
            Fault::Full => fill(&self.filler()),
            Fault::Error => {}
        }
        fs::remove_file(&reached).ok(); // The step goes on, if anyone is there.
        let output = child.wait_with_output().unwrap();
        fs::remove_file(self.filler()).ok(); // Only of a full disk.
        let said = String::from_utf8_lossy(&output.stderr)
            .trim()
            .replace('\n', " / ");
        if said.contains("panicked") {
            return Err(said);
        }
        self.judge(operation, fault)
            .map_err(|why| format!("{why}\n  the command said: {said}"))
    }

    /// The next time that the step is passed after so many times before, this happens.
    pub fn arm(&self, step: &str, before: u32, what: &str) {
        // Never half there: it is looked at without a lock.
        let new = self.steps.join("half");
        crate::faults::put(&new, format!("{step}\n{before}\n{what}\n").as_bytes());
        fs::rename(new, self.steps.join("armed")).unwrap();
    }

    fn until_reached(&self, mut child: Child, reached: &Path) -> Result<Child, String> {
        // Some answer first, and end the work then.
        const AFTERWARDS: Duration = Duration::from_secs(10);
        let mut until = Instant::now() + Duration::from_secs(60);
        while !reached.exists() {
            let armed = self.steps.join("armed").exists();
            if child.try_wait().unwrap().is_some() && armed {
                until = until.min(Instant::now() + AFTERWARDS);
            }
            if Instant::now() > until {
                fs::remove_file(self.steps.join("armed")).ok();
                child.kill().ok();
                let said = child.wait_with_output().unwrap().stderr;
                return Err(format!(
                    "the step did not come: {}",
                    String::from_utf8_lossy(&said)
                ));
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        Ok(child)
    }

    /// The next owner tidies up; then the machines are looked at, and must run.
    fn judge(&self, operation: &Operation, fault: Fault) -> Result<String, String> {
        let house = &self.house;
        if house.agent_pid().is_some() {
            if fault == Fault::Newborn {
                self.is_calm(Some(fault))?; // The owner lives, and has to tidy up by itself.
            }
            house.kill_agent();
        }
        let left = self.names();
        let told = self.tidied(Some(fault))?;
        let now = self.shape();
        let (before, after) = self.shapes.as_ref().unwrap();
        let Some(came) = verdict(operation, fault, (before, after), &now) else {
            return Err(format!(
                "a third\n  before {before}\n  after  {after}\n  now    {now}"
            ));
        };
        for gone in left.iter().filter(|name| !now.0.contains_key(*name)) {
            if !told.contains(&format!("“{gone}”")) {
                return Err(format!("{came}, but nobody was told of {gone}: {told:?}"));
            }
        }
        let spared = operation.spares_it() && !matches!(fault, Fault::Qemu | Fault::Both);
        let runs_on = spared || fault == Fault::Owner && came != "as after";
        if operation.has_qemu() && runs_on && now.0["Card"].state != "running" {
            return Err(format!(
                "{came}, but the machine is {}",
                now.0["Card"].state
            ));
        }
        self.left_over()?;
        self.has_no_stray_qemu(&now)?;
        for (name, one) in &now.0 {
            self.lives(operation, name, one)
                .map_err(|why| format!("{came}, but {name} {why}"))?;
        }
        Ok(format!("{came}, {}", now.0["Card"].state))
    }

    /// Whether a machine has what its records say, once it runs.
    fn lives(&self, operation: &Operation, name: &str, one: &One) -> Result<(), String> {
        let house = &self.house;
        let runs = one.state == "running";
        if one.disposable && !runs {
            return Ok(()); // It would not be there any more.
        }
        if !runs {
            let started = house.orangery(&["start", name]);
            if !started.status.success() {
                let said = String::from_utf8_lossy(&started.stderr);
                return Err(format!("does not start: {said}"));
            }
        }
        let blocks: Vec<(u64, u8)> = (0..).zip(one.present.1.iter().copied()).collect();
        time::reads_in(house, name, &blocks);
        let Some((pid, then)) = self.witness.borrow().filter(|_| runs) else {
            return Ok(());
        };
        if name == "Card" && house.pid(name) != pid {
            return Err("has another QEMU".to_owned());
        }
        if operation.is_of_the_moment() {
            let now = house.card_when(name, "memory that was checked again", |card| {
                card.ballast_checks > then.ballast_checks
            });
            let is_right = now.ballast == Ballast::Right && !now.exception;
            if !is_right || now.boot_nonce != then.boot_nonce {
                return Err(format!("does not go on: {then:?}, then {now:?}"));
            }
        }
        Ok(())
    }

    /// Each QEMU is a machine's that runs.
    fn has_no_stray_qemu(&self, now: &Shape) -> Result<(), String> {
        let running = now.0.values().filter(|one| one.state == "running").count();
        let mut qemus = self.house.processes();
        qemus.retain(|pid| machine_of(*pid).is_some());
        // What one leaves behind to give its memory back takes a moment longer.
        let until = Instant::now() + Duration::from_secs(10);
        while qemus.len() != running && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
            qemus.retain(|pid| is_alive(*pid));
        }
        match qemus.len() == running {
            true => Ok(()),
            false => Err(format!("{running} run, and these QEMUs: {qemus:?}")),
        }
    }

    /// Has an owner tidy up, and waits for that. Gives what it told.
    fn tidied(&self, fault: Option<Fault>) -> Result<String, String> {
        let args = ["snapshot", "checkpoints", "Card", "every=0"];
        let output = self.house.orangery(&args);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            return Err(told);
        }
        self.is_calm(fault).map(|()| told)
    }

    /// Waits until no work is left.
    fn is_calm(&self, fault: Option<Fault>) -> Result<(), String> {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let library = self.library();
            let states = self.states();
            let mut left = 0;
            let mut writing = false;
            for id in ids(&library) {
                left += library.left_intents(id).len();
                let mut snapshots = library.snapshots(id).into_iter();
                writing |= snapshots.any(|entry| entry.record.is_ok_and(|record| record.writing));
            }
            if states["Card"] == "paused" && fault == Some(Fault::Full) {
                // It was stopped when it wrote to a disk that was full, and goes on when told.
                self.house.done(&["resume", "Card"]);
            }
            let calm = ["running", "off", "saved", "crashed"];
            let is_calm = states.values().all(|state| calm.contains(&state.as_str()));
            let half = is_half(&library);
            if left == 0 && !writing && is_calm && !half && !self.has_jobs() {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(format!(
                    "{left} intents, writing: {writing}, half: {half}, {states:?}"
                ));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether the owner works on something.
    fn has_jobs(&self) -> bool {
        let Ok(mut client) = Client::connect(&self.house.runtime().join("control"), true) else {
            return false; // Nobody is there.
        };
        let mut running = BTreeSet::new();
        let mut seen = |event: &Event| {
            if let Event::Job(job) = event {
                match job.state {
                    JobState::Running => drop(running.insert(job.id)),
                    _ => drop(running.remove(&job.id)),
                }
            }
        };
        let answer = client.call(Order::ShowTrash, Some(Duration::from_secs(20)), &mut seen);
        answer.is_err() || !running.is_empty()
    }

    fn library(&self) -> Library {
        Library::read_only(self.house.library()).unwrap()
    }

    fn states(&self) -> BTreeMap<String, String> {
        let list = self.house.json(&["list", "--all"]);
        let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
        let rows = list.as_array().unwrap().iter();
        rows.map(|row| (text(row, "name"), text(row, "state")))
            .collect()
    }

    /// What lies in the library, finished or not.
    fn names(&self) -> Vec<String> {
        let library = self.library();
        let ids = ids(&library).into_iter();
        ids.filter_map(|id| Some(library.machine(id).ok()?.name))
            .collect()
    }

    fn shape(&self) -> Shape {
        Shape::of(&self.library(), &self.states())
    }

    fn left_over(&self) -> Result<(), String> {
        left_over(&self.library())
    }

    fn filler(&self) -> PathBuf {
        self.house.path().join("filler")
    }
}

/// The machine whose QEMU this is.
fn machine_of(pid: u32) -> Option<String> {
    let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let command = String::from_utf8_lossy(&command);
    let mut words = command.split('\0').skip_while(|word| *word != "-uuid");
    words.nth(1).map(str::to_owned)
}

fn is_qemu(pid: u32) -> bool {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&command).contains("qemu")
}

#[expect(clippy::disallowed_methods, reason = "a stranger's tool")]
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp")
        .args(["-a", "--sparse=always"])
        .args([from, to])
        .status();
    assert!(copied.unwrap().success());
}

/// Leaves nothing free on the disk.
pub fn fill(path: &Path) {
    let file = File::create(path).unwrap();
    let mut at = 0;
    for piece in [1 << 20, 4096] {
        while rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), at, piece).is_ok() {
            at += piece;
        }
    }
}

/// Runs a test again with a small disk of its own for everything. Whether this is the one that has it.
#[expect(
    clippy::disallowed_methods,
    reason = "the test starts itself in a namespace"
)]
pub fn on_small_disk(test: &str) -> bool {
    const HERE: &str = "ORANGERY_SMALL_DISK";
    if std::env::var_os(HERE).is_some() {
        return true;
    }
    let folder = tempfile::Builder::new().prefix("s").tempdir().unwrap();
    let script = "mount -t tmpfs -o size=400M,mode=700 none \"$TMPDIR\" || { echo no small disk; exit 0; }; exec \"$@\"";
    let output = Command::new("unshare")
        .args(["-Urm", "sh", "-c", script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env("TMPDIR", folder.path())
        .env(HERE, "1")
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: there is no program unshare");
        return false;
    };
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    if out.contains("no small disk") || err.contains("unshare failed") {
        eprintln!("skipped: no mount namespace here: {err}");
        return false;
    }
    print!("{out}");
    assert!(output.status.success(), "{out}{err}");
    false
}
