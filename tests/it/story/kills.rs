//! QEMU killed, alone and with the owner, at any moment of what changes a running machine's timeline: what the disk had
//! acknowledged is there, and the timeline is as before or as after.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::time::{entries, holds, reads, with_disk, write};
use super::{House, arguments, is_alive, kill, rounds, wait_for};

/// What is done when the kill comes.
const WORKS: [&[&str]; 6] = [
    &[],
    &["snapshot", "take", "Card", "taken"],
    &["snapshot", "delete", "Card", "taken", "--yes"],
    &["snapshot", "rewind", "Card", "anchor"],
    &["snapshot", "rewind", "Card", "anchor", "--drop-present"],
    &["snapshot", "flatten", "Card"],
];

/// There is none at the moment when one leaves for another.
fn qemus(house: &House) -> Vec<u32> {
    let is_one = |pid: &u32| arguments(*pid).is_some_and(|line| line.contains("qemu-system"));
    house.processes().into_iter().filter(is_one).collect()
}

/// The machine runs, whatever became of it.
fn brought_up(house: &House) {
    wait_for("the machine to run", 90, || {
        let state = house.state("Card");
        if state == "running" {
            return Ok(());
        }
        house.orangery(&["start", "Card"]); // Refused while what was cut off is ended.
        Err(state)
    });
}

#[test]
fn what_was_acknowledged_outlives_every_kill_of_qemu() {
    let house = with_disk();
    write(&house, 21, 1);
    house.done(&["snapshot", "take", "Card", "anchor"]);
    let mut finished = 0;
    for round in 0..rounds(WORKS.len(), 204) {
        let value = u8::try_from(round % 250).unwrap() + 2;
        write(&house, 21, value);
        write(&house, 22, value);
        let work = WORKS[round % WORKS.len()];
        let working = (!work.is_empty()).then(|| {
            let mut command = house.command(work);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().unwrap()
        });
        std::thread::sleep(Duration::from_millis(23 * (round as u64 % 29)));
        let alone = (round / WORKS.len()).is_multiple_of(2);
        if !alone && house.agent_pid().is_some() {
            house.kill_agent();
        }
        for pid in qemus(&house) {
            kill(pid, Signal::KILL);
            wait_for("QEMU to be gone", 20, || {
                (!is_alive(pid)).then_some(()).ok_or(pid)
            });
        }
        let done = working.map(|mut working| working.wait().unwrap().success());
        finished += usize::from(done == Some(true));
        brought_up(&house);
        let rewound = work.contains(&"rewind") && holds(&house, "Card", &[(21, 1)]).is_ok();
        if !rewound {
            reads(&house, &[(21, value), (22, value)]);
        }
        for entry in entries(&house) {
            assert_eq!(
                entry["trouble"],
                Value::Null,
                "round {round}, {work:?}: {entry}"
            );
        }
    }
    println!("{finished} ended before the kill");
    house.done(&["snapshot", "verify", "Card"]);
    house.done(&["power-off", "Card"]);
    house.done(&["start", "Card"]);
    house.done(&["snapshot", "rewind", "Card", "anchor"]);
    reads(&house, &[(21, 1), (22, 0)]);
}
