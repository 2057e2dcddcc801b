//! Real guests through their timelines: an installer taken on another path, a Debian that counts and checks its files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::debian::Shell;
use super::{House, soak, wait_for};
use crate::guests::{alone, debian_disk, debian_installer, or_skip};

/// A guest's screen: RGBA, width, height.
type Picture = (Vec<u8>, usize, usize);

/// The share of white pixels: of a list of the installer, whose empty page is grey.
fn white(picture: &Picture) -> f64 {
    let white = |pixel: &&[u8]| pixel[..3].iter().all(|&part| part >= 0xfa);
    let count = picture.0.chunks_exact(4).filter(white).count();
    count as f64 / (picture.1 * picture.2) as f64
}

/// The share of pixels that differ.
fn difference(one: &Picture, other: &Picture) -> f64 {
    if (one.1, one.2) != (other.1, other.2) {
        return 1.0;
    }
    let pairs = one.0.chunks_exact(4).zip(other.0.chunks_exact(4));
    pairs.filter(|(one, other)| one != other).count() as f64 / (one.1 * one.2) as f64
}

/// Waits for a list of the installer other than `before`: much white, and still for some seconds.
#[track_caller]
fn page(house: &House, what: &str, before: Option<&Picture>) -> Picture {
    let mut last = house.picture("Installer");
    let mut still_since = Instant::now();
    wait_for(what, 400, || {
        let now = house.picture("Installer");
        if now != last {
            still_since = Instant::now();
            last = now;
        }
        let other = before.is_none_or(|before| difference(before, &last) > 0.02);
        let still = still_since.elapsed() > Duration::from_secs(4);
        (other && still && white(&last) > 0.3)
            .then(|| last.clone())
            .ok_or(still)
    })
}

fn take(house: &House, machine: &str, name: &str) -> String {
    let taken = house.json(&["snapshot", "take", machine, name]);
    taken["id"].as_str().unwrap().to_owned()
}

/// The picture that was kept with a snapshot.
fn kept_picture(house: &House, machine: &str, id: &str) -> Picture {
    let path: PathBuf = house
        .machine(machine)
        .join("snapshots")
        .join(id)
        .join("screen.png");
    let picture = image::open(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .to_rgba8();
    let (width, height) = picture.dimensions();
    (picture.into_raw(), width as usize, height as usize)
}

#[test]
fn an_installer_is_rewound_three_pages_to_the_same_screens_and_taken_on_another_path() {
    if !soak() {
        eprintln!("skipped: the installer takes minutes; set ORANGERY_SOAK=1");
        return;
    }
    let _alone = alone();
    let Some(iso) = or_skip(debian_installer()) else {
        return;
    };
    let house = House::new();
    let iso = iso.to_str().unwrap();
    house.done(&["create", "Installer", "--iso", iso, "--memory", "1G"]);
    house.done(&["start", "Installer"]);

    let mut taken = Vec::new();
    let mut shown = page(&house, "the languages", None);
    for (here, next) in [
        ("languages", "the countries"),
        ("countries", "the keyboards"),
        ("keyboards", "the page after the keyboards"),
    ] {
        let id = take(&house, "Installer", here);
        assert!(
            kept_picture(&house, "Installer", &id) == shown,
            "{here}: another picture was kept than was shown"
        );
        taken.push((here, id, shown.clone()));
        house.done(&["key", "Installer", "enter"]);
        if here != "keyboards" {
            shown = page(&house, next, Some(&shown));
        } else {
            wait_for(next, 120, || {
                let now = house.picture("Installer");
                let moved = difference(&shown, &now);
                (moved > 0.02).then_some(()).ok_or(moved)
            });
        }
    }
    for (here, id, shown) in taken.iter().rev() {
        house.done(&["snapshot", "rewind", "Installer", id]);
        assert_eq!(house.state("Installer"), "running");
        assert!(
            house.picture("Installer") == *shown,
            "{here}: the screen differs after the rewind"
        );
    }
    // Another language leads to other countries.
    let [languages, countries, _] = [0, 1, 2].map(|page| &taken[page].2);
    house.done(&["key", "Installer", "down"]);
    wait_for("the next language", 60, || {
        let moved = difference(languages, &house.picture("Installer"));
        (moved > 0.002).then_some(()).ok_or(moved)
    });
    house.done(&["key", "Installer", "enter"]);
    let others = page(&house, "the countries of another language", Some(languages));
    assert!(difference(&others, countries) > 0.002, "the same countries");

    let timeline = house.json(&["timeline", "Installer"]);
    let timeline = timeline.as_array().unwrap();
    let kept = timeline.iter().filter(|entry| entry["kind"] == "kept");
    assert_eq!((timeline.len(), kept.count()), (6, 3));
    house.done(&["snapshot", "verify", "Installer"]);
}

/// Reproducible choices: a linear congruential generator (Knuth's MMIX).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// A Debian in whose memory a program counts, and on whose disk files and their sums are written.
struct Counting<'a> {
    house: &'a House,
    shell: Shell,
    /// How often files were written.
    writes: u64,
    /// What a snapshot must bring back: at least this count, and so many writes.
    known: BTreeMap<String, (u64, u64)>,
}

impl Counting<'_> {
    fn begin(&mut self) {
        // A program's own memory counts; what it says is a file in memory.
        self.shell.ask(
            "sh -c '(n=0; while :; do n=$((n+1)); echo $n >/dev/shm/n; mv /dev/shm/n /dev/shm/count; sleep 0.1; done) \
             >/dev/null 2>&1 & mkdir /root/files'",
        );
        self.write();
    }

    fn count(&mut self) -> u64 {
        self.shell.ask("cat /dev/shm/count").parse().unwrap()
    }

    /// Rewrites files and their sums, and says how often that was done.
    fn write(&mut self) {
        self.writes += 1;
        let done = self.shell.ask(&format!(
            "sh -c 'cd /root/files && for f in 1 2 3 4; do head -c 1500000 /dev/urandom >$f; done && md5sum 1 2 3 4 >sums \
             && echo {0} >writes && echo {0} >/dev/shm/writes && cat writes'",
            self.writes
        ));
        assert_eq!(done, self.writes.to_string());
    }

    /// Files have their sums; the count is not before what it was, and goes on.
    fn check(&mut self, step: &str, at_least: u64, writes: u64) -> u64 {
        let sums = self.shell.ask(
            "sh -c 'cd /root/files && md5sum -c --quiet sums 2>&1 | head -c 500; paste -d \" \" writes /dev/shm/writes'",
        );
        assert_eq!(
            sums,
            format!("{writes} {writes}"),
            "{step}: disk and memory"
        );
        let here = self.count();
        assert!(here >= at_least, "{step}: {here} after {at_least}");
        let goes_on = (0..100).any(|_| self.count() > here);
        assert!(goes_on, "{step}: the count stands at {here}");
        here
    }

    fn take(&mut self, step: usize) {
        let count = self.count();
        let id = take(self.house, "Debian", &format!("step {step}"));
        self.known.insert(id, (count, self.writes));
    }

    /// Goes back; the count must be the snapshot's and not that of the present that was left.
    fn rewind(&mut self, step: &str, id: &str) {
        let (count, writes) = self.known[id];
        let most = self.count();
        self.house.done(&["snapshot", "rewind", "Debian", id]);
        self.shell = Shell::of(self.house, "Debian");
        self.shell.wait_for_login();
        self.writes = writes;
        let now = self.check(step, count, writes);
        println!("{step}: {most} rewound to {count}, {now} when asked");
    }
}

#[test]
fn a_debian_counts_and_keeps_its_files_through_random_snapshots_rewinds_and_deletions() {
    if !soak() {
        eprintln!("skipped: fifty steps of a Debian take minutes; set ORANGERY_SOAK=1");
        return;
    }
    let _alone = alone();
    let Some(disk) = or_skip(debian_disk()) else {
        return;
    };
    let house = House::new();
    let disk = ["--disk", disk.to_str().unwrap(), "--copy"];
    let create = [&["create", "Debian"], &disk[..], &["--memory", "512M"]];
    house.done(&create.concat());
    house.done(&["start", "Debian"]);
    let mut shell = Shell::of(&house, "Debian");
    shell.wait_for_login();
    let mut guest = Counting {
        house: &house,
        shell,
        writes: 0,
        known: BTreeMap::new(),
    };
    guest.begin();
    guest.take(0);
    let seed = std::env::var("ORANGERY_SEED").ok();
    let seed = seed.map_or(5, |seed| seed.parse().unwrap());
    let mut dice = Dice(seed);
    for number in 1..=50 {
        let ids: Vec<String> = guest.known.keys().cloned().collect();
        let id = &ids[dice.below(ids.len())];
        match dice.below(10) {
            0..=3 => {
                guest.write();
                guest.take(number);
            }
            4..=7 => guest.rewind(&format!("step {number}, rewind"), id),
            // The last one stays, to have something to go back to.
            _ if ids.len() > 1 => {
                house.done(&["snapshot", "delete", "Debian", id, "--yes"]);
                guest.known.remove(id);
            }
            _ => guest.write(),
        }
        let (count, writes) = (guest.count(), guest.writes);
        guest.check(&format!("step {number}, seed {seed}"), count, writes);
    }
    house.done(&["snapshot", "verify", "Debian"]);
    for (id, _) in guest.known.clone() {
        guest.rewind("at the end", &id);
    }
}
