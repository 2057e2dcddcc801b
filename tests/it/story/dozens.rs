//! Real Debians by the dozen: ten forks of one, a lab of three, twenty of a template. With `ORANGERY_SOAK=1`.

use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::debian::Shell;
use super::labs::Ear;
use super::{House, soak, wait_for};
use crate::guests::{alone, debian_disk, or_skip};

const SUM: &str = "md5sum /root/ballast | cut -c1-32";
const TICKS: &str = "wc -l </root/ticks";

/// Debians of these names at their shells; `None`, with a word about it, where that is not wanted or not to be had.
fn booted<const N: usize>(
    names: [&str; N],
    memory: &str,
) -> Option<(MutexGuard<'static, ()>, House, [Shell; N])> {
    if !soak() {
        println!("skipped: several Debians take minutes; ORANGERY_SOAK=1 runs it");
        return None;
    }
    let alone = alone();
    let disk = or_skip(debian_disk())?;
    let disk = ["--disk", disk.to_str().unwrap(), "--copy"];
    let house = House::new();
    for name in names {
        let create = ["create", name, "--memory", memory, "--firmware", "bios"];
        house.done(&[&create[..], &disk].concat());
        house.done(&["start", name]);
    }
    let shells = names.map(|name| {
        let mut shell = Shell::of(&house, name);
        shell.wait_for_login();
        shell
    });
    Some((alone, house, shells))
}

/// Each copy has what the first had, and from then on its own; the first does not notice.
#[test]
fn ten_forks_of_a_booted_debian_are_all_distinct_and_right() {
    let Some((_alone, house, [mut first])) = booted(["Debian"], "1024M") else {
        return;
    };
    first.say("head -c 20M /dev/urandom >/root/ballast; sync");
    // Without a program for each tick: eleven of them share two processors.
    first.say("mkfifo /run/never; (while :; do echo tick >>/root/ticks; read -t 0.2 <>/run/never; done &)");
    let ballast = first.ask(SUM);
    let before: u64 = first.ask(TICKS).parse().unwrap();
    let ear = Ear::of(&house, "Debian");
    house.done(&["fork", "Debian", "--count", "10", "--called", "kid"]);
    let (stopped, went_on) = ear.stood();
    println!("the first stood for {} ms", (went_on - stopped) / 1000);
    assert!(went_on - stopped < 500_000, "a gap in its counter");
    let kids: Vec<String> = (2..12).map(|number| format!("kid-{number}")).collect();
    for name in &kids {
        let mut shell = Shell::of(&house, name);
        assert!(shell.answers(10), "{name} does not answer");
        assert_eq!(shell.ask("ls /root/who 2>/dev/null | wc -l"), "0", "{name}");
        shell.say(&format!("echo {name} >/root/who; sync"));
        let counted: u64 = shell.ask(TICKS).parse().unwrap();
        assert!(counted >= before, "{name}: {counted} after {before}");
    }
    for name in &kids {
        let mut shell = Shell::of(&house, name);
        assert!(shell.answers(10), "{name} does not answer any more");
        assert_eq!(shell.ask("cat /root/who"), *name);
        assert_eq!(shell.ask(SUM), ballast, "{name}");
    }
    assert_eq!(first.ask("ls /root/who 2>/dev/null | wc -l"), "0");
    assert_eq!(first.ask(SUM), ballast);
    assert!(first.ask(TICKS).parse::<u64>().unwrap() > before);
    // A fork of a fork has what its parent wrote; a fork that is kept boots from its own disk.
    house.done(&["fork", "kid-3", "--called", "grandchild"]);
    let mut grandchild = Shell::of(&house, "grandchild");
    assert!(grandchild.answers(10), "the grandchild does not answer");
    assert_eq!(grandchild.ask("cat /root/who"), "kid-3");
    house.done(&["power-off", "kid-4"]);
    house.done(&["start", "kid-4"]);
    let mut booted = Shell::of(&house, "kid-4");
    booted.wait_for_login();
    assert_eq!(booted.ask("cat /root/who"), "kid-4");
    assert_eq!(booted.ask(SUM), ballast);
}

/// Numbers go round three machines while they are kept: each has the number before the next one gets it. Whenever the moment
/// is, no machine has a number that those before it have not.
#[test]
fn the_counters_of_three_debians_agree_after_their_lab_went_back() {
    const NAMES: [&str; 3] = ["web", "db", "mail"];
    let Some((_alone, house, mut shells)) = booted(NAMES, "256M") else {
        return;
    };
    house.done(&["lab", "create", "shop", "web", "db", "mail"]);
    let over = AtomicBool::new(false);
    let rounds = std::thread::scope(|scope| {
        let going_round = scope.spawn(|| {
            let mut number = 0_u64;
            while !over.load(Ordering::Relaxed) {
                number += 1;
                for shell in &mut shells {
                    let command = format!("echo {number} >/dev/shm/number; cat /dev/shm/number");
                    assert_eq!(shell.ask(&command), number.to_string());
                }
            }
            number
        });
        for name in ["one", "two", "three"] {
            std::thread::sleep(Duration::from_secs(3));
            house.done(&["lab", "snapshot", "shop", name]);
        }
        over.store(true, Ordering::Relaxed);
        going_round.join().unwrap()
    });
    println!("{rounds} numbers went round");
    let mut last = rounds + 1;
    for name in ["three", "one", "two", "one"] {
        house.done(&["lab", "rewind", "shop", name, "--drop-present"]);
        let numbers = NAMES.map(|machine| {
            let mut shell = Shell::of(&house, machine);
            shell.say("\x03"); // A line may have been half typed at that moment.
            assert!(shell.answers(20), "{machine} does not answer");
            shell.ask("cat /dev/shm/number").parse::<u64>().unwrap()
        });
        println!("{name}: {numbers:?}");
        assert!(numbers.is_sorted_by(|one, next| one >= next), "{numbers:?}");
        assert!(numbers[0] - numbers[2] <= 1, "{numbers:?}");
        assert_ne!(numbers[0], last, "it did not move");
        last = numbers[0];
    }
}

/// All of them go on from the template's moment, whatever those before them did.
#[test]
fn twenty_machines_of_a_template_are_at_its_moment() {
    let Some((_alone, house, [mut first])) = booted(["Debian"], "512M") else {
        return;
    };
    first.say("head -c 20M /dev/urandom >/root/ballast; echo there >/dev/shm/here; sync");
    let ballast = first.ask(SUM);
    house.done(&["template", "warm", "Debian", "--called", "ready"]);
    house.done(&["power-off", "Debian"]);
    let mut took = Vec::new();
    for number in 1..=20 {
        let name = format!("m{number}");
        let began = Instant::now();
        house.done(&["template", "start", "ready", "--called", &name]);
        took.push(began.elapsed().as_millis());
        let mut shell = Shell::of(&house, &name);
        assert!(shell.answers(10), "{name} does not answer");
        assert_eq!(shell.ask("cat /dev/shm/here"), "there", "{name}");
        assert_eq!(shell.ask(SUM), ballast, "{name}");
        shell.say("echo gone >/dev/shm/here; rm /root/ballast; sync");
        wait_for("the guest to have written", 60, || {
            let here = shell.ask("cat /dev/shm/here; ls /root/ballast 2>/dev/null");
            (here == "gone").then_some(()).ok_or(here)
        });
        // Some run on beside those that come.
        if number % 4 != 0 {
            house.done(&["power-off", &name]);
            house.done(&["delete", &name]);
        }
    }
    println!("each took, ms: {took:?}");
    house.done(&["trash", "--empty", "--yes"]);
    house.done(&["snapshot", "verify", "Debian"]);
}
