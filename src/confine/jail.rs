//! Runs a program to its end within limits: time, memory, output, files.

use std::io::Read;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rustix::process::{Pid, Signal};

use super::{Confinement, Network, Output, Program, SpawnError, find_program, spawn};

/// How much of each of standard output and standard error is kept, bytes.
const MAX_OUTPUT: usize = 64 * 1024;
/// How often cancel is asked for while the program says nothing.
const PULSE: Duration = Duration::from_millis(50);
/// How long the end of its output is waited for once a program ended; longer only if it left a child behind that
/// holds it open.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Chunks that may wait for us: each at most 4 KiB.
const WAITING_CHUNKS: usize = 64;

/// A program to run to its end.
#[derive(Debug)]
pub struct Jail {
    pub program: Program,
    /// Wall-clock limit.
    pub deadline: Duration,
    pub bubblewrap: Bubblewrap,
}

/// When to put bubblewrap around a program: name spaces of its own in which nothing else exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bubblewrap {
    Never,
    /// Where the kernel has no Landlock. The two do not go together: Landlock forbids the mounts
    /// that bubblewrap makes.
    WithoutLandlock,
    Always,
}

impl Jail {
    /// `program` with 60 s of time and bubblewrap as the fallback.
    pub fn new(program: Program) -> Self {
        Self {
            program,
            deadline: Duration::from_secs(60),
            bubblewrap: Bubblewrap::WithoutLandlock,
        }
    }
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    /// It ended with this code.
    Failed(i32),
    /// A signal ended it; 9 and 24 mean that it used up its processor time.
    Killed(i32),
}

/// What a program left behind.
#[derive(Clone, Debug)]
pub struct Finished {
    pub outcome: Outcome,
    /// The first 64 KiB.
    pub stdout: Vec<u8>,
    /// The first 64 KiB.
    pub stderr: Vec<u8>,
    pub confinement: Confinement,
}

/// Why a program did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    #[error("{} took longer than {} s and was stopped", path.display(), after.as_secs())]
    TooLong { path: PathBuf, after: Duration },
    #[error("Cancelled")]
    Cancelled,
    #[error("{} could not be watched: {source}", path.display())]
    Watch {
        path: PathBuf,
        source: std::io::Error,
    },
}

/// Runs `jail.program` to its end. `progress` gets each piece of standard output, ended by a
/// carriage return or a new line (`None`: nothing new, asked about 20 times a second); breaking
/// cancels.
pub fn run_jailed(
    jail: Jail,
    progress: &mut dyn FnMut(Option<&str>) -> ControlFlow<()>,
) -> Result<Finished, JailError> {
    let Jail {
        mut program,
        deadline,
        bubblewrap,
    } = jail;
    program.output = Output::Captured;
    program.dies_with_us = true;
    let path = program.path.clone();
    let wrapped = match bubblewrap {
        Bubblewrap::Never => false,
        Bubblewrap::WithoutLandlock => {
            matches!(super::probe_cached(), Confinement::None { .. }) && wrap(&mut program)
        }
        Bubblewrap::Always => wrap(&mut program),
    };
    let mut spawned = spawn(program)?;
    if wrapped {
        spawned.confinement = Confinement::Partial {
            why: "bubblewrap instead of Landlock".to_owned(),
        };
    }
    let mut watch = Watch::new(&mut spawned.child).map_err(|source| JailError::Watch {
        path: path.clone(),
        source,
    })?;
    let ended = watch.until_end(&mut spawned.child, Instant::now() + deadline, progress);
    if ended.is_err() {
        kill_group(&mut spawned.child);
    }
    let (stdout, stderr) = watch.finish();
    let status = match ended {
        Ok(status) => status,
        Err(End::Cancelled) => return Err(JailError::Cancelled),
        Err(End::TooLong) => {
            return Err(JailError::TooLong {
                path,
                after: deadline,
            });
        }
        Err(End::Io(source)) => return Err(JailError::Watch { path, source }),
    };
    Ok(Finished {
        outcome: outcome(status),
        stdout,
        stderr,
        confinement: spawned.confinement,
    })
}

fn outcome(status: ExitStatus) -> Outcome {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(0), _) => Outcome::Success,
        (Some(code), _) => Outcome::Failed(code),
        (None, signal) => Outcome::Killed(signal.unwrap_or(0)),
    }
}

/// The program leads a session of its own, so its group is exactly it and its children.
fn kill_group(child: &mut Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // Fails only if the whole group is gone already.
        rustix::process::kill_process_group(pid, Signal::KILL).ok();
    }
    super::abandon(child);
}

enum End {
    Cancelled,
    TooLong,
    Io(std::io::Error),
}

/// Two threads that read the program's output until it closes.
struct Watch {
    chunks: Receiver<Vec<u8>>,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    line: Vec<u8>,
}

impl Watch {
    fn new(child: &mut Child) -> std::io::Result<Self> {
        let (sender, chunks) = bounded(WAITING_CHUNKS);
        let stdout = child.stdout.take().map(|pipe| reader(pipe, Some(sender)));
        let stderr = child.stderr.take().map(|pipe| reader(pipe, None));
        Ok(Self {
            chunks,
            stdout: stdout.transpose()?,
            stderr: stderr.transpose()?,
            line: Vec::new(),
        })
    }

    fn until_end(
        &mut self,
        child: &mut Child,
        deadline: Instant,
        progress: &mut dyn FnMut(Option<&str>) -> ControlFlow<()>,
    ) -> Result<ExitStatus, End> {
        let mut ended = None;
        loop {
            let said = match self.chunks.recv_timeout(PULSE) {
                Ok(chunk) => self.lines(&chunk, progress),
                Err(RecvTimeoutError::Timeout) => progress(None),
                Err(RecvTimeoutError::Disconnected) => {
                    if let Some((status, _)) = ended {
                        return Ok(status);
                    }
                    std::thread::sleep(Duration::from_millis(1));
                    progress(None)
                }
            };
            if said.is_break() {
                return Err(End::Cancelled);
            }
            // What it said last may still be on its way when it is gone already.
            match ended {
                None => {
                    let status = child.try_wait().map_err(End::Io)?;
                    ended = status.map(|status| (status, Instant::now() + LAST_WORDS));
                }
                Some((status, until)) if self.chunks.is_empty() && Instant::now() >= until => {
                    return Ok(status);
                }
                Some(_) => {}
            }
            if Instant::now() >= deadline {
                return Err(End::TooLong);
            }
        }
    }

    fn lines(
        &mut self,
        chunk: &[u8],
        progress: &mut dyn FnMut(Option<&str>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for &byte in chunk {
            if byte == b'\r' || byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                progress(Some(&String::from_utf8_lossy(&line)))?;
            } else if self.line.len() < 4096 {
                self.line.push(byte);
            }
        }
        ControlFlow::Continue(())
    }

    fn finish(self) -> (Vec<u8>, Vec<u8>) {
        drop(self.chunks);
        let join = |thread: Option<JoinHandle<Vec<u8>>>| {
            thread
                .and_then(|thread| thread.join().ok())
                .unwrap_or_default()
        };
        (join(self.stdout), join(self.stderr))
    }
}

fn reader(
    mut pipe: impl Read + Send + 'static,
    mut chunks: Option<Sender<Vec<u8>>>,
) -> std::io::Result<JoinHandle<Vec<u8>>> {
    std::thread::Builder::new()
        .name("jail output".to_owned())
        .spawn(move || {
            let mut kept = Vec::new();
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                let part = &buffer[..count];
                let room = MAX_OUTPUT - kept.len();
                kept.extend_from_slice(&part[..count.min(room)]);
                // The other side leaves only when it gave up on the program.
                if chunks
                    .as_ref()
                    .is_some_and(|sender| sender.send(part.to_vec()).is_err())
                {
                    chunks = None;
                }
            }
            kept
        })
}

/// Puts bubblewrap around a program: nothing is bound but the system and what it may touch.
/// `false`: there is no bubblewrap.
fn wrap(program: &mut Program) -> bool {
    let Some(bwrap) = find_program("bwrap") else {
        return false;
    };
    let mut args: Vec<std::ffi::OsString> = Vec::new();
    for flag in ["--unshare-all", "--die-with-parent", "--new-session"] {
        args.push(flag.into());
    }
    for system in ["/usr", "/lib", "/lib64", "/bin", "/sbin", "/nix/store"] {
        args.extend(["--ro-bind-try".into(), system.into(), system.into()]);
    }
    args.extend([
        "--dev".into(),
        "/dev".into(),
        "--proc".into(),
        "/proc".into(),
    ]);
    if program.network != Network::Deny {
        args.push("--share-net".into());
    }
    for path in &program.reads {
        args.extend(["--ro-bind-try".into(), path.into(), path.into()]);
    }
    for path in &program.writes {
        args.extend(["--bind-try".into(), path.into(), path.into()]);
    }
    // In there, the link would name bubblewrap.
    let path = match program.path.read_link() {
        Ok(own) if program.path.starts_with("/proc/self") => own,
        _ => program.path.clone(),
    };
    args.extend([
        "--ro-bind-try".into(),
        path.clone().into(),
        path.clone().into(),
    ]);
    args.push("--".into());
    args.push(path.into());
    args.append(&mut program.args);
    program.args = args;
    program.path = bwrap;
    program.fence = false;
    true
}
