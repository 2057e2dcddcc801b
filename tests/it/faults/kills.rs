//! The owner killed again and again while it changes machines: what was acknowledged is there.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::story::{House, is_alive, kill, rounds, wait_for};

/// A number that differs from run to run; `ORANGERY_SEED` repeats one.
fn seed() -> u64 {
    let given = std::env::var("ORANGERY_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    println!("ORANGERY_SEED={seed}");
    seed
}

#[test]
fn changes_that_were_acknowledged_survive_every_kill_of_the_owner() {
    let house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    let mut chance = seed();
    let (acknowledged, tried) = (AtomicU64::new(0), AtomicU64::new(0));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let changes = std::thread::Builder::new().name("changes".to_owned());
        let change = || {
            while !over.load(Ordering::SeqCst) {
                let number = tried.fetch_add(1, Ordering::SeqCst) + 1;
                let mut set = house.command(&[
                    "set",
                    "Card",
                    &format!("notes={number}"),
                    &format!("cpus={}", number % 9 + 1),
                ]);
                if set.stderr(Stdio::null()).status().unwrap().success() {
                    acknowledged.fetch_max(number, Ordering::SeqCst);
                }
            }
        };
        changes.spawn_scoped(scope, change).unwrap();
        for round in 0..rounds(20, 200) {
            chance = chance
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            std::thread::sleep(Duration::from_millis(20 + (chance >> 33) % 120));
            let known = acknowledged.load(Ordering::SeqCst);
            if let Some(agent) = house.agent_pid() {
                kill(agent, Signal::KILL);
                wait_for("the owner to be gone", 10, || {
                    (!is_alive(agent)).then_some(()).ok_or(agent)
                });
            }
            let shown = house.json(&["show", "Card"]);
            assert_eq!(shown["state"], "off", "round {round}: {shown}");
            let notes = shown["machine"]["notes"].as_str().unwrap();
            let there: u64 = if notes.is_empty() {
                0
            } else {
                notes.parse().unwrap()
            };
            let most = tried.load(Ordering::SeqCst);
            assert!(
                (known..=most).contains(&there),
                "round {round}: {there} is there, {known} to {most} was said"
            );
            if there > 0 {
                assert_eq!(shown["cpus"], there % 9 + 1, "half a change");
            }
        }
        over.store(true, Ordering::SeqCst);
    });
    let last = acknowledged.load(Ordering::SeqCst);
    println!("{last} changes");
    assert!(last > 5, "only {last} changes came through");
    house.done(&["start", "Card"]);
    house.card("Card");
}

#[test]
fn machines_that_were_acknowledged_survive_kills_while_others_are_made_and_deleted() {
    let house = House::new();
    let mut chance = seed();
    let mut made: Vec<String> = Vec::new();
    for round in 0..rounds(8, 80) {
        let name = format!("Card {round}");
        let mut create = house
            .command(&["create", &name, "--test-card"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        std::thread::sleep(Duration::from_millis((chance >> 33) % 90));
        if let Some(agent) = house.agent_pid() {
            kill(agent, Signal::KILL);
            wait_for("the owner to be gone", 10, || {
                (!is_alive(agent)).then_some(()).ok_or(agent)
            });
        }
        if create.wait().unwrap().success() {
            made.push(name);
        }
        house.orangery(&["trash"]); // It is told what was tidied up.
        let list = house.json(&["list", "--all"]);
        let names: Vec<&str> = list
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|row| row["name"].as_str())
            .collect();
        for name in &made {
            assert!(
                names.contains(&name.as_str()),
                "round {round}: {name} is gone"
            );
        }
        let states = list
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["state"].as_str());
        assert!(
            states.into_iter().all(|state| state == Some("off")),
            "round {round}: {list}"
        );
    }
}
