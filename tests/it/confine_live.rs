//! Programs really run confined: what they may touch, how they end, what is reported.

use std::fs::OpenOptions;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use orangery::confine::{
    self, Bubblewrap, Confinement, Jail, JailError, Outcome, Output, Program, SpawnError,
    run_jailed,
};

fn use_our_program() {
    confine::set_own_program(env!("CARGO_BIN_EXE_orangery"));
}

fn shell(script: &str) -> Program {
    use_our_program();
    Program::new("/bin/sh").args(["-c", script])
}

fn run(program: Program) -> confine::Finished {
    run_jailed(Jail::new(program), &mut |_| ControlFlow::Continue(())).unwrap()
}

fn file(path: &Path, text: &str) -> PathBuf {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
    path.to_owned()
}

#[test]
fn a_program_sees_only_what_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let secret = file(&folder.path().join("secret"), "secret");
    let given = file(&folder.path().join("given"), "given");
    let own = folder.path().join("own");
    std::fs::create_dir(&own).unwrap();
    let mut program = shell(&format!(
        "cat {}; cat {}; echo mine > {}/file; echo no > {}; cat /etc/passwd",
        given.display(),
        secret.display(),
        own.display(),
        given.display()
    ));
    program.reads = vec![given.clone()];
    program.writes = vec![own.clone()];
    let finished = run(program);
    if finished.confinement != Confinement::Full {
        eprintln!(
            "skipped: this kernel confines only {:?}",
            finished.confinement
        );
        return;
    }
    assert_eq!(String::from_utf8_lossy(&finished.stdout), "given");
    assert_eq!(std::fs::read_to_string(own.join("file")).unwrap(), "mine\n");
    assert_eq!(std::fs::read_to_string(given).unwrap(), "given");
    assert_eq!(finished.outcome, Outcome::Failed(1));
}

#[test]
fn bubblewrap_does_the_same_where_there_is_no_landlock() {
    if confine::find_program("bwrap").is_none() {
        eprintln!("skipped: bubblewrap is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let secret = file(&folder.path().join("secret"), "secret");
    let given = file(&folder.path().join("given"), "given");
    let own = folder.path().join("own");
    std::fs::create_dir(&own).unwrap();
    let script = format!(
        "cat {}; cat {}; echo mine > {}/file; echo no > {}",
        given.display(),
        secret.display(),
        own.display(),
        given.display()
    );
    let mut program = shell(&script);
    program.reads = vec![given.clone()];
    program.writes = vec![own.clone()];
    let mut jail = Jail::new(program);
    jail.bubblewrap = Bubblewrap::Always;
    let finished = run_jailed(jail, &mut |_| ControlFlow::Continue(())).unwrap();
    let complaint = String::from_utf8_lossy(&finished.stderr);
    if complaint.contains("bwrap:") {
        eprintln!("skipped: name spaces are not allowed here: {complaint}");
        return;
    }
    assert_eq!(String::from_utf8_lossy(&finished.stdout), "given");
    assert_eq!(std::fs::read_to_string(own.join("file")).unwrap(), "mine\n");
    assert_eq!(std::fs::read_to_string(given).unwrap(), "given");
}

#[test]
fn our_own_sub_programs_run_in_bubblewrap_too() {
    use_our_program();
    if confine::find_program("bwrap").is_none() {
        eprintln!("skipped: bubblewrap is not installed");
        return;
    }
    let mut jail = Jail::new(Program::ourselves("__disk-reader"));
    jail.bubblewrap = Bubblewrap::Always;
    let finished = run_jailed(jail, &mut |_| ControlFlow::Continue(())).unwrap();
    let complaint = String::from_utf8_lossy(&finished.stderr);
    if complaint.contains("name space") || complaint.contains("namespace") {
        eprintln!("skipped: name spaces are not allowed here: {complaint}");
        return;
    }
    // It complains of its job, which is missing.
    assert_eq!(finished.outcome, Outcome::Failed(2), "{complaint}");
}

#[test]
fn what_a_program_says_last_is_heard() {
    for _ in 0..20 {
        let mut last = String::new();
        let mut count = 0;
        let told = run_jailed(Jail::new(shell("seq 1 5000")), &mut |line| {
            if let Some(line) = line {
                line.clone_into(&mut last);
                count += 1;
            }
            ControlFlow::Continue(())
        });
        assert_eq!(told.unwrap().outcome, Outcome::Success);
        assert_eq!((count, last.as_str()), (5000, "5000"));
    }
}

#[test]
fn tcp_is_denied_unless_asked_for() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo connected");
    use_our_program();
    let program = || Program::new("/bin/bash").args(["-c", &script]);
    let denied = run(program());
    let mut allowed = program();
    allowed.network = confine::Network::Outgoing;
    let allowed = run(allowed);
    assert_eq!(String::from_utf8_lossy(&allowed.stdout), "connected\n");
    if denied.confinement == Confinement::Full {
        assert_eq!(String::from_utf8_lossy(&denied.stdout), "");
    }
}

#[test]
fn a_missing_program_is_told_apart_from_a_forbidden_one() {
    use_our_program();
    let missing = confine::spawn(Program::new("/usr/bin/no-such-program"));
    assert!(matches!(missing, Err(SpawnError::NoSuchProgram { .. })));
    let forbidden = confine::spawn(Program::new("/etc/passwd"));
    assert!(matches!(forbidden, Err(SpawnError::NotPermitted { .. })));
}

#[test]
fn a_program_inherits_only_the_files_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let given = file(&folder.path().join("given"), "through the number\n");
    let numbers = |files| {
        use_our_program();
        let script = "cd /proc/self/fd; echo *; cat <&20";
        let mut program = Program::new("/bin/bash").args(["-c", script]);
        program.files = files;
        let stdout = run(program).stdout;
        String::from_utf8_lossy(&stdout).into_owned()
    };
    // What the test itself inherited from whoever started it does not count.
    let before = numbers(Vec::new());
    let after = numbers(vec![(std::fs::File::open(given).unwrap().into(), 20)]);
    let (list, text) = after.split_once('\n').unwrap();
    assert_eq!(text, "through the number\n");
    assert_eq!(list.replace(" 20 ", " "), before.trim_end());
}

#[test]
fn an_endless_program_is_stopped_and_its_output_bounded() {
    let started = Instant::now();
    let mut jail = Jail::new(shell("yes & yes >&2"));
    jail.deadline = Duration::from_millis(300);
    let ended = run_jailed(jail, &mut |_| ControlFlow::Continue(()));
    assert!(matches!(ended, Err(JailError::TooLong { .. })));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn processor_time_and_memory_are_limited() {
    let mut program = shell("while :; do :; done");
    program.limits.cpu_seconds = Some(1);
    assert!(matches!(run(program).outcome, Outcome::Killed(9 | 24)));
    let mut program = shell("x=a; while :; do x=$x$x; done");
    program.limits.memory = Some(64 << 20);
    assert_ne!(run(program).outcome, Outcome::Success);
}

#[test]
fn progress_comes_line_by_line_and_can_cancel() {
    let mut seen = Vec::new();
    let ended = run_jailed(
        Jail::new(shell("printf '1%%\\r2%%\\r'; sleep 60")),
        &mut |line| {
            seen.extend(line.map(str::to_owned));
            if seen.len() == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        },
    );
    assert!(matches!(ended, Err(JailError::Cancelled)));
    assert_eq!(seen, ["1%", "2%"]);
}

#[test]
fn confining_costs_little() {
    use_our_program();
    let mut best = Duration::MAX;
    for _ in 0..10 {
        let started = Instant::now();
        let mut program = Program::new("/bin/true");
        program.output = Output::Null;
        let mut spawned = confine::spawn(program).unwrap();
        best = best.min(started.elapsed());
        spawned.child.wait().unwrap();
    }
    println!("confined start: {best:?}");
    assert!(best < Duration::from_millis(200));
}
