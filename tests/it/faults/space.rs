//! Disks that are full, files that may not grow, saves that are cancelled: the machine goes on.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use orangery::engine::client::Client;
use orangery::engine::message::{Command as Order, Event};
use orangery::model::{Action, JobState};

use crate::story::{House, wait_for};

fn memory_files(house: &House) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(house.library().join("memory"));
    entries.map_or_else(
        |_| Vec::new(),
        |entries| entries.flatten().map(|entry| entry.path()).collect(),
    )
}

/// The guest goes on where it was, nothing is left on disk, and the next save succeeds.
fn goes_on_untouched(house: &House, nonce: u32) {
    assert_eq!(house.state("Card"), "running");
    let frame = house.card("Card").frame;
    let later = house.card_when("Card", "later frames", |card| card.frame > frame);
    assert_eq!(later.boot_nonce, nonce);
    assert_eq!(memory_files(house), Vec::<PathBuf>::new());
}

#[test]
fn a_save_that_can_not_be_written_leaves_the_machine_running_and_nothing_behind() {
    let house = House::with_card();
    let nonce = house.card("Card").boot_nonce;
    house.kill_agent();
    // An owner whose files may have 2 MiB: writing fails in the middle, as on a full disk.
    let limited = r#"trap "" XFSZ; ulimit -f 4096; exec "$@""#;
    let mut trash = house.command(&["trash"]);
    wrap(&mut trash, &["sh", "-c", limited, "limited"]);
    assert!(trash.status().unwrap().success());
    let complaint = house.refused(&["save", "Card"]);
    assert!(
        complaint.starts_with("Card was not saved: ") && complaint.contains("too large"),
        "{complaint}"
    );
    assert!(complaint.contains("The machine goes on"), "{complaint}");
    goes_on_untouched(&house, nonce);
    house.kill_agent();
    house.done(&["save", "Card"]);
    house.done(&["start", "Card"]);
    assert_eq!(house.card("Card").boot_nonce, nonce);
}

/// Puts another program and its arguments before the command.
#[expect(clippy::disallowed_methods, reason = "tests run the real program")]
fn wrap(command: &mut Command, before: &[&str]) {
    let mut whole = Command::new(before[0]);
    whole
        .args(&before[1..])
        .arg(command.get_program())
        .args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        whole.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => whole.env(name, value),
            None => whole.env_remove(name),
        };
    }
    whole.stdin(Stdio::null()).stdout(Stdio::null());
    *command = whole;
}

#[test]
fn a_cancelled_save_leaves_the_machine_running_and_nothing_behind() {
    let house = House::new();
    house.done(&[
        "create",
        "Card",
        "--test-card",
        "--memory",
        "512M",
        "--ballast",
        "300M",
    ]);
    house.done(&["start", "Card"]);
    let nonce = house
        .card_when("Card", "a full ballast", |card| card.ballast_mib >= 290)
        .boot_nonce;
    let id = house.row("Card")["id"].as_str().unwrap().parse().unwrap();
    let mut client = Client::connect(&house.runtime().join("control"), true).unwrap();
    client
        .send(Order::Act {
            machine: id,
            action: Action::Save,
        })
        .unwrap();
    let ended = loop {
        match client
            .receive(Some(Duration::from_secs(30)))
            .unwrap()
            .unwrap()
            .0
        {
            Event::Job(job) if !job.title.starts_with("Saving") => {}
            Event::Job(job) if job.state == JobState::Running => {
                client.send(Order::CancelJob(job.id)).unwrap();
            }
            Event::Job(job) => break job.state,
            _ => {}
        }
    };
    drop(client);
    assert_eq!(ended, JobState::Cancelled, "it was too fast to cancel");
    wait_for("the machine to run", 10, || {
        (house.state("Card") == "running")
            .then_some(())
            .ok_or("not yet")
    });
    goes_on_untouched(&house, nonce);
}

/// Runs all of it in a mount namespace with a small disk; what it prints is looked at afterwards.
const SMALL_DISK: &str = r#"
mount -t tmpfs -o size=90M,mode=700 none "$ORANGERY_LIBRARY" || { echo "no small disk"; exit 0; }
trap 'kill -9 $(head -1 "$ORANGERY_LIBRARY/.lock") $pid' EXIT
O=$0
$O create Card --test-card --ballast 64M --start && $O start Card 2>/dev/null
sleep 3
pid=$($O list --json | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')
echo "--- save"; $O save Card
echo "--- state"; $O list --json | grep state
ls "$ORANGERY_LIBRARY/memory" 2>/dev/null
echo "--- fill"; dd if=/dev/zero of="$ORANGERY_LIBRARY/filler" bs=64k 2>/dev/null
$O create Full --test-card
$O set Card cpus=2
$O list
rm "$ORANGERY_LIBRARY/filler"
echo "--- again"; $O set Card cpus=3 && $O show Card | grep Processors
$O create Empty --test-card
"#;

#[test]
fn a_full_disk_refuses_what_it_can_not_keep_and_nothing_is_lost() {
    let house = House::new();
    std::fs::create_dir(house.library()).unwrap();
    let program = env!("CARGO_BIN_EXE_orangery");
    let mut command = house.command(&[]);
    wrap(
        &mut command,
        &["unshare", "-Urm", "sh", "-c", SMALL_DISK, program],
    );
    let output = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() && !out.contains("---") || out.contains("no small disk") {
        eprintln!("skipped: no mount namespace here: {err}");
        return;
    }
    let part = |name: &str| {
        out.split(&format!("--- {name}\n"))
            .nth(1)
            .unwrap()
            .split("---")
            .next()
            .unwrap()
            .to_owned()
    };
    assert!(
        err.contains("Card was not saved: The memory needs "),
        "{out}{err}"
    );
    assert!(err.contains("The machine goes on"), "{err}");
    assert_eq!(
        part("state").trim(),
        "\"state\": \"running\",",
        "and no memory is left"
    );
    assert_eq!(err.matches("No space left on device").count(), 2, "{err}");
    assert!(
        part("fill").contains("Card") && !part("fill").contains("Full"),
        "{out}"
    );
    assert_eq!(
        part("again").lines().next().unwrap().trim(),
        "Card is changed; what it can't take while it runs comes with the next start"
    );
    assert!(
        part("again").contains("Processors") && part("again").contains('3'),
        "{out}"
    );
    assert!(part("again").contains("Empty is created"), "{out}{err}");
}
