//! Each step of each work on a timeline, with a fault at it: the owner killed, QEMU killed, both, a disk that is full, an
//! error in writing. The machine is as before or as after, every point of its life reads as a model of its bytes says, and
//! nothing is left over once the next owner has tidied up.
//!
//! The steps are not written down here: a first run of each operation tells which it passes (`src/step.rs`). A normal run
//! picks a few by chance, `ORANGERY_SEED` repeats them; with `ORANGERY_SOAK=1` all of them come, or those that `ORANGERY_STEP`
//! is a part of.

mod operation;
mod shape;
mod stage;
mod verdict;

use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;

use rustix::process::Signal;

use crate::story::{is_alive, kill, soak, time, wait_for};
use operation::{Fault, Operation};
use stage::Stage;
pub use stage::{fill, on_small_disk};

/// What is there in the beginning: the snapshots "one", "two" and "three", with memory, and a present that rests on "three".
const OPERATIONS: &[Operation] = &[
    Operation::off("take, off", &["snapshot", "take", "Card", "new"]),
    Operation::off("rewind, off", &["snapshot", "rewind", "Card", "one"]),
    Operation::off(
        "rewind, off, dropping",
        &["snapshot", "rewind", "Card", "two", "--drop-present"],
    ),
    Operation::off(
        "delete, off",
        &["snapshot", "delete", "Card", "one", "two", "--yes"],
    ),
    Operation::off("flatten, off", &["snapshot", "flatten", "Card"]),
    Operation::saved("keep saved", &["snapshot", "take", "Card", "new"]),
    Operation::saved("rewind, saved", &["snapshot", "rewind", "Card", "one"]),
    Operation::running("take", &["snapshot", "take", "Card", "new"]),
    Operation::running("rewind", &["snapshot", "rewind", "Card", "one"]),
    Operation::running(
        "rewind, dropping",
        &["snapshot", "rewind", "Card", "two", "--drop-present"],
    ),
    Operation::running(
        "delete",
        &["snapshot", "delete", "Card", "one", "two", "--yes"],
    ),
    Operation::running("flatten", &["snapshot", "flatten", "Card"]),
    Operation::running("save", &["save", "Card"]),
];

/// Making machines of it, and what becomes of a try.
const COPIES: &[Operation] = &[
    Operation::running("fork", &["fork", "Card", "--called", "Kid"]).bearing(),
    Operation::running("fork two", &["fork", "Card", "--count", "2"]).bearing(),
    Operation::running("try", &["try", "Card", "--called", "Kid"]).bearing(),
    Operation::off("fork, off", &["fork", "Card", "--called", "Kid"]).bearing(),
    Operation::saved("fork, saved", &["fork", "Card", "--called", "Kid"]).bearing(),
    Operation::off(
        "fork of a moment",
        &["fork", "Card", "--at", "two", "--called", "Kid"],
    )
    .bearing(),
    Operation::running("clone", &["clone", "Card", "--called", "Kid"]).bearing(),
    Operation::off("clone, off", &["clone", "Card", "--called", "Kid"]).bearing(),
    Operation::running(
        "full clone",
        &["clone", "Card", "--full", "--called", "Kid"],
    )
    .bearing(),
    Operation::off(
        "full clone, off",
        &["clone", "Card", "--full", "--called", "Kid"],
    )
    .bearing(),
    Operation::off(
        "start of a template",
        &["template", "start", "ready", "--called", "Kid"],
    )
    .bearing(),
    Operation::trying("keep", &["keep", "Kid"]),
    Operation::trying("keep the moment", &["keep", "Kid", "--as-snapshot"]),
    Operation::trying("throw away", &["throw-away", "Kid"]),
];

/// A fault at a step that was passed for the so-manieth time.
struct Case<'a> {
    operation: &'a Operation,
    step: String,
    before: u32,
    fault: Fault,
}

impl fmt::Display for Case<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, step, before) = (self.operation.name, &self.step, self.before);
        write!(out, "{name} / {step} ({before}) / {:?}", self.fault)
    }
}

/// Every fault at every step that the operation passes.
fn cases<'a>(operation: &'a Operation, passed: &[String], faults: &[Fault]) -> Vec<Case<'a>> {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let mut all = Vec::new();
    for step in passed {
        let count = counts.entry(step).or_default();
        let fits = |fault: &&Fault| operation.meets(**fault, step);
        all.extend(faults.iter().filter(fits).map(|fault| Case {
            operation,
            step: step.clone(),
            before: *count,
            fault: *fault,
        }));
        *count += 1;
    }
    all
}

/// Runs all of them, or one for each operation.
fn run(faults: &[Fault], operations: &[&Operation]) {
    if !cfg!(debug_assertions) {
        eprintln!("skipped: a release has no steps; cargo test without --release");
        return;
    }
    let only = std::env::var("ORANGERY_STEP").unwrap_or_default();
    let seed: Option<u64> = std::env::var("ORANGERY_SEED")
        .ok()
        .map(|seed| seed.parse().unwrap());
    let mut chance = seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    println!("ORANGERY_SEED={chance}");
    let mut stage = Stage::new();
    let (mut done, mut failed) = (0, Vec::new());
    let mut operations = operations.to_vec();
    if let Some((name, _)) = only.split_once(" / ") {
        operations.retain(|operation| operation.name == name);
    }
    let mut pick = |of: usize| {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (chance >> 33) as usize % of
    };
    while !soak() && only.is_empty() && operations.len() > 2 {
        operations.swap_remove(pick(operations.len()));
    }
    for operation in operations {
        let passed = stage.rehearse(operation);
        let mut all = cases(operation, &passed, faults);
        let (steps, count) = (passed.len(), all.len());
        println!("{}: {steps} steps, {count} cases", operation.name);
        assert!(count > 0, "{} has no steps", operation.name);
        if !only.is_empty() {
            all.retain(|case| case.to_string().contains(&only));
        } else if !soak() {
            all = vec![all.swap_remove(pick(count))];
        }
        for case in all {
            done += 1;
            // Also what is so odd that looking at it fails.
            let play = || stage.play(case.operation, &case.step, case.before, case.fault);
            let came = std::panic::catch_unwind(AssertUnwindSafe(play));
            match came.unwrap_or_else(|_told| Err("it can't even be looked at".to_owned())) {
                Ok(came) => println!("{case}: {came}"),
                Err(why) => {
                    println!("{case}: FAILED: {why}");
                    failed.push(format!("{case}: {why}"));
                }
            }
        }
    }
    println!("{done} cases, {} failed", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_fault_at_any_step_of_work_on_a_machine_that_rests_leaves_it_as_before_or_after() {
    let rest: Vec<&Operation> = OPERATIONS.iter().filter(|it| !it.has_qemu()).collect();
    run(&[Fault::Owner, Fault::Error], &rest);
}

#[test]
fn a_fault_at_any_step_of_work_on_a_machine_that_runs_leaves_it_as_before_or_after() {
    let run_: Vec<&Operation> = OPERATIONS.iter().filter(|it| it.has_qemu()).collect();
    run(
        &[Fault::Owner, Fault::Qemu, Fault::Both, Fault::Error],
        &run_,
    );
}

#[test]
fn a_fault_at_any_step_of_making_a_machine_of_another_leaves_both_as_before_or_after() {
    let all: Vec<&Operation> = COPIES.iter().collect();
    run(
        &[
            Fault::Owner,
            Fault::Qemu,
            Fault::Newborn,
            Fault::Both,
            Fault::Error,
        ],
        &all,
    );
}

#[test]
fn a_disk_that_is_full_at_any_step_leaves_a_machine_as_before_or_after() {
    let name = "faults::steps::a_disk_that_is_full_at_any_step_leaves_a_machine_as_before_or_after";
    if stage::on_small_disk(name) {
        let all: Vec<&Operation> = OPERATIONS.iter().chain(COPIES).collect();
        run(&[Fault::Full], &all);
    }
}

/// QEMU has put new layers on, and the disk is full when the machine's record is to name them.
#[test]
fn a_guest_whose_layers_could_not_be_recorded_waits_until_they_can() {
    if !cfg!(debug_assertions) {
        eprintln!("skipped: a release has no steps; cargo test without --release");
        return;
    }
    let stage = Stage::new();
    let take = OPERATIONS.iter().find(|it| it.name == "take").unwrap();
    stage.begin(take);
    const NO_SPACE: &str = "28";
    stage.arm("write machine.ron", 0, NO_SPACE);
    let house = &stage.house;
    let complaint = house.refused(&["snapshot", "take", "Card", "new"]);
    assert!(
        complaint.contains("No space left") && complaint.contains("then resume"),
        "{complaint}"
    );
    assert_eq!(house.state("Card"), "paused");
    // Still no room.
    stage.arm("write machine.ron", 0, NO_SPACE);
    house.refused(&["resume", "Card"]);
    assert_eq!(house.state("Card"), "paused");
    house.done(&["resume", "Card"]);
    time::write(house, 0, 99);
    let pid = house.pid("Card");
    house.kill_agent();
    kill(pid, Signal::KILL);
    wait_for("QEMU to be gone", 20, || {
        (!is_alive(pid)).then_some(()).ok_or(pid)
    });
    house.done(&["start", "Card"]);
    time::reads(house, &[(0, 99), (1, 2), (3, 4), (5, 60)]);
    assert_eq!(
        house.json(&["timeline", "Card"]).as_array().unwrap().len(),
        3
    );
}
