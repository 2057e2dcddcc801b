//! The launcher's inner half: gives up rights, then becomes the program.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use rustix::fs::Mode;
use rustix::process::{PTracer, Pid, Resource, Rlimit, Signal};

use super::fence;
use super::spec::{Report, Spec};

/// An order is a few kilobytes; a chain of many layers some more.
const MAX_SPEC: u64 = 4 * 1024 * 1024;

/// What a program is told of the user's environment.
const KEPT_ENVIRONMENT: [&str; 5] = ["PATH", "HOME", "LANG", "LC_ALL", "XDG_RUNTIME_DIR"];

/// The `__confined` sub-program. Must run before anything starts a thread.
pub fn confined_main() -> ExitCode {
    let Ok(mut socket) = take_socket() else {
        return ExitCode::from(125);
    };
    match prepare(&mut socket) {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(spec)) => {
            let error = become_program(&spec);
            tell(&mut socket, &failed(&error));
            ExitCode::from(127)
        }
        Err(error) => {
            tell(&mut socket, &failed(&error));
            ExitCode::from(126)
        }
    }
}

/// Moves the socket away from standard input, to a number that `exec` closes.
fn take_socket() -> io::Result<UnixStream> {
    let moved: OwnedFd = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 1000)
        .or_else(|_no_such_number| rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3))?;
    let null = OpenOptions::new().read(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    Ok(UnixStream::from(moved))
}

/// Reads the order and gives up rights. `None`: there is no program to become.
fn prepare(socket: &mut UnixStream) -> io::Result<Option<Spec>> {
    let mut text = Vec::new();
    socket.take(MAX_SPEC).read_to_end(&mut text)?;
    let spec: Spec = serde_json::from_slice(&text)?;
    rustix::process::setsid()?;
    rustix::process::umask(Mode::from_raw_mode(0o077));
    if spec.dies_with_us {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        let parent = rustix::process::getppid().map(Pid::as_raw_nonzero);
        if parent.map(|pid| pid.get().unsigned_abs()) != Some(spec.parent) {
            return Err(io::Error::other("whoever asked is gone"));
        }
    } else {
        // A fork's memory is read from /proc/PID/mem, also by a later owner, which is not its parent. Yama's ptrace_scope 1
        // allows that with this word, which outlives execve (security/yama/yama_lsm.c forgets it when the task ends). The
        // same user can read the memory file anyway. Elsewhere the kernel does not know the word.
        rustix::process::set_ptracer(PTracer::Any).ok();
    }
    limit(&spec)?;
    rustix::thread::set_no_new_privs(true)?;
    let confinement = fence::raise(&spec);
    tell(socket, &Report::Confined(confinement));
    Ok((!spec.path.as_os_str().is_empty()).then_some(spec))
}

fn limit(spec: &Spec) -> io::Result<()> {
    let fixed = |value| Rlimit {
        current: Some(value),
        maximum: Some(value),
    };
    // A core file of QEMU is the guest's memory on disk.
    rustix::process::setrlimit(Resource::Core, fixed(0))?;
    let ceiling = rustix::process::getrlimit(Resource::Nofile).maximum;
    let files = ceiling.map_or(spec.limits.files, |most| most.min(spec.limits.files));
    rustix::process::setrlimit(Resource::Nofile, fixed(files))?;
    if let Some(seconds) = spec.limits.cpu_seconds {
        rustix::process::setrlimit(Resource::Cpu, fixed(seconds))?;
    }
    if let Some(bytes) = spec.limits.memory {
        rustix::process::setrlimit(Resource::As, fixed(bytes))?;
    }
    // Best effort: when memory is short, a guest goes before the desktop.
    if let Ok(mut file) = OpenOptions::new()
        .write(true)
        .open("/proc/self/oom_score_adj")
    {
        drop(file.write_all(b"200"));
    }
    Ok(())
}

/// Returns only if it failed.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the room that runs programs"
)]
fn become_program(spec: &Spec) -> io::Error {
    let kept = KEPT_ENVIRONMENT
        .iter()
        .filter_map(|name| std::env::var_os(name).map(|value| (name, value)));
    std::process::Command::new(&spec.path)
        .args(&spec.args)
        .env_clear()
        .envs(kept)
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .exec()
}

fn failed(error: &io::Error) -> Report {
    Report::Failed {
        errno: error.raw_os_error().unwrap_or(0),
        why: error.to_string(),
    }
}

/// A report that can't be sent has no reader any more.
fn tell(socket: &mut UnixStream, report: &Report) {
    if let Ok(mut line) = serde_json::to_vec(report) {
        line.push(b'\n');
        drop(socket.write_all(&line));
    }
}
