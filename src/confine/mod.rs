//! Runs other programs, confined: the only place that starts a process.
//!
//! A program is not started directly. Our own binary is started again as `orangery __confined`,
//! reads what to do from its standard input (a socket), gives up rights while it is
//! still single-threaded, tells what it reached, and then becomes the program by `exec`. So the
//! process id is the program's, and the rights are gone before its first instruction.
//!
//! Knows nothing of QEMU, machines or egui.

mod child;
mod fence;
mod holder;
mod jail;
mod spec;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, RwLock};
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};

pub use child::confined_main;
pub use holder::{Holder, holder_of};
pub use jail::{Bubblewrap, Finished, Jail, JailError, Outcome, run_jailed};
pub use spec::{Confinement, Limits, Network};
use spec::{Report, Spec};

/// The hidden sub-program that confines itself and becomes another program.
pub const CONFINED: &str = "__confined";

/// How long the child may take to confine itself, before its program begins. It opens a few dozen
/// paths, which takes a millisecond; the rest is for a busy computer.
const CONFINE_DEADLINE: Duration = Duration::from_secs(20);

/// Report lines of the child are short; more than this is nonsense.
const MAX_REPORT: u64 = 64 * 1024;

static OWN_PROGRAM: RwLock<Option<PathBuf>> = RwLock::new(None);

/// Names the orangery binary to start as `__confined`; for tests, whose own binary is another.
pub fn set_own_program(path: impl Into<PathBuf>) {
    if let Ok(mut slot) = OWN_PROGRAM.write() {
        *slot = Some(path.into());
    }
}

/// The orangery binary. `/proc/self/exe` itself stays right while a package upgrade replaces it.
fn own_program() -> PathBuf {
    let set = OWN_PROGRAM.read().ok().and_then(|slot| slot.clone());
    set.or_else(|| std::env::var_os("ORANGERY_EXE").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from("/proc/self/exe"))
}

/// Where a program's output goes. Its input is always empty.
#[derive(Debug)]
pub enum Output {
    Null,
    /// Standard output and standard error into one open file.
    Log(File),
    /// Both are pipes to be read from [`Spawned::child`].
    Captured,
}

/// A program to run, and everything it may touch.
#[derive(Debug)]
pub struct Program {
    /// An absolute path.
    pub path: PathBuf,
    pub args: Vec<OsString>,
    /// Added to the small cleaned environment (PATH, HOME, LANG, LC_ALL, XDG_RUNTIME_DIR).
    pub env: Vec<(String, String)>,
    /// Open files and the numbers they have in the program; use numbers from 10 on.
    pub files: Vec<(OwnedFd, RawFd)>,
    /// Files and folders it may read; missing ones are left out.
    pub reads: Vec<PathBuf>,
    /// Files and folders it may read and write; missing ones are left out.
    pub writes: Vec<PathBuf>,
    /// Device nodes it may open, read, write and control.
    pub devices: Vec<PathBuf>,
    pub network: Network,
    pub limits: Limits,
    pub output: Output,
    /// Kill it when the calling thread ends. Machines outlive us, everything else does not.
    pub dies_with_us: bool,
    /// Apply Landlock; off inside bubblewrap.
    fence: bool,
}

impl Program {
    /// A program that may touch nothing but the system's libraries.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            args: Vec::new(),
            env: Vec::new(),
            files: Vec::new(),
            reads: Vec::new(),
            writes: Vec::new(),
            devices: Vec::new(),
            network: Network::Deny,
            limits: Limits::default(),
            output: Output::Null,
            dies_with_us: true,
            fence: true,
        }
    }

    /// One of our own hidden sub-programs.
    pub fn ourselves(subcommand: &str) -> Self {
        Self::new(own_program()).args([subcommand])
    }

    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }
}

/// A program that runs.
#[derive(Debug)]
pub struct Spawned {
    /// Ours to wait for.
    pub child: Child,
    /// How far it could be confined.
    pub confinement: Confinement,
}

/// Why a program did not start.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    #[error("The program {} does not exist", path.display())]
    NoSuchProgram { path: PathBuf },
    #[error("The program {} may not be run by you", path.display())]
    NotPermitted { path: PathBuf },
    #[error("The program {} could not be run: {why}", path.display())]
    NotRun { path: PathBuf, why: String },
    #[error("Orangery could not start itself to confine {}: {source}", path.display())]
    Launcher { path: PathBuf, source: io::Error },
    #[error("Orangery's launcher for {} did not answer: {why}", path.display())]
    Silent { path: PathBuf, why: String },
    #[error("The arguments of {} can't be passed on: {why}", path.display())]
    Arguments { path: PathBuf, why: String },
}

/// Starts `program` confined. Returns once the program itself runs, or with the reason why not.
pub fn spawn(program: Program) -> Result<Spawned, SpawnError> {
    let path = program.path.clone();
    let spec = Spec::of(&program)
        .and_then(|spec| serde_json::to_vec(&spec).map_err(|error| error.to_string()))
        .map_err(|why| SpawnError::Arguments {
            path: path.clone(),
            why,
        })?;
    let launcher = |source| SpawnError::Launcher {
        path: path.clone(),
        source,
    };
    let (mut ours, theirs) = UnixStream::pair().map_err(launcher)?;
    let mut child = start_launcher(program, theirs).map_err(launcher)?;
    match talk(&mut ours, &spec) {
        Ok(confinement) => Ok(Spawned { child, confinement }),
        Err(trouble) => {
            abandon(&mut child);
            Err(trouble.into_error(path))
        }
    }
}

/// The path of our own program, by which lists of processes know it, or `link` once it was replaced: an upgrade leaves
/// us without a name.
fn named(path: io::Result<PathBuf>, link: PathBuf) -> PathBuf {
    path.ok().filter(|path| path.exists()).unwrap_or(link)
}

/// Starts our own program again, unconfined, to outlive this process: the agent, console windows.
pub fn start_self(args: impl IntoIterator<Item = OsString>) -> io::Result<()> {
    let program = match own_program() {
        link if link == Path::new("/proc/self/exe") => named(std::env::current_exe(), link),
        path => path,
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the room that runs programs"
    )]
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    // Its end is of no interest, but a zombie would stay until we end.
    std::thread::Builder::new()
        .name("reaper".to_owned())
        .spawn(move || child.wait().ok())?;
    Ok(())
}

/// Becomes our own program anew, with the same arguments and one variable more. Returns only if that fails.
pub fn start_over(variable: &str, value: &str) -> io::Error {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the room that runs programs"
    )]
    let mut program = Command::new("/proc/self/exe");
    program
        .arg0(name)
        .args(arguments)
        .env(variable, value)
        .exec()
}

/// How far programs can be confined on this computer; for the doctor.
pub fn probe() -> Confinement {
    // An empty path makes the launcher report and end.
    match spawn(Program::new("")) {
        Ok(mut spawned) => {
            abandon(&mut spawned.child);
            spawned.confinement
        }
        Err(error) => Confinement::None {
            why: error.to_string(),
        },
    }
}

/// [`probe`], asked once per process: a kernel does not change while we run.
fn probe_cached() -> Confinement {
    static FOUND: OnceLock<Confinement> = OnceLock::new();
    FOUND.get_or_init(probe).clone()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the room that runs programs"
)]
fn start_launcher(program: Program, socket: UnixStream) -> io::Result<Child> {
    let (stdout, stderr) = match program.output {
        Output::Null => (Stdio::null(), Stdio::null()),
        Output::Log(file) => (Stdio::from(file.try_clone()?), Stdio::from(file)),
        Output::Captured => (Stdio::piped(), Stdio::piped()),
    };
    let files = program
        .files
        .into_iter()
        .map(|(parent_fd, child_fd)| FdMapping {
            parent_fd,
            child_fd,
        })
        .collect();
    Command::new(own_program())
        .arg(CONFINED)
        .stdin(Stdio::from(OwnedFd::from(socket)))
        .stdout(stdout)
        .stderr(stderr)
        .fd_mappings(files)
        .map_err(io::Error::other)?
        .spawn()
}

/// Ends a child that is of no use and collects it.
fn abandon(child: &mut Child) {
    // Both fail only if the child is gone already, which is what is wanted.
    drop(child.kill());
    drop(child.wait());
}

enum Trouble {
    Silent(String),
    Exec { errno: i32, why: String },
}

impl Trouble {
    fn into_error(self, path: PathBuf) -> SpawnError {
        match self {
            Self::Silent(why) => SpawnError::Silent { path, why },
            Self::Exec { errno, .. } if errno == rustix::io::Errno::NOENT.raw_os_error() => {
                SpawnError::NoSuchProgram { path }
            }
            Self::Exec { errno, .. } if errno == rustix::io::Errno::ACCESS.raw_os_error() => {
                SpawnError::NotPermitted { path }
            }
            Self::Exec { why, .. } => SpawnError::NotRun { path, why },
        }
    }
}

/// Sends the spec and reads report lines until the socket closes, which `exec` does.
fn talk(socket: &mut UnixStream, spec: &[u8]) -> Result<Confinement, Trouble> {
    let silent = |error: io::Error| Trouble::Silent(error.to_string());
    socket
        .set_write_timeout(Some(CONFINE_DEADLINE))
        .and_then(|()| socket.set_read_timeout(Some(CONFINE_DEADLINE)))
        .map_err(silent)?;
    socket.write_all(spec).map_err(silent)?;
    socket.shutdown(Shutdown::Write).map_err(silent)?;
    let mut text = String::new();
    socket
        .take(MAX_REPORT)
        .read_to_string(&mut text)
        .map_err(silent)?;
    let mut reached = None;
    for line in text.lines() {
        match serde_json::from_str(line) {
            Ok(Report::Confined(confinement)) => reached = Some(confinement),
            Ok(Report::Failed { errno, why }) => return Err(Trouble::Exec { errno, why }),
            Err(error) => return Err(Trouble::Silent(error.to_string())),
        }
    }
    reached.ok_or_else(|| Trouble::Silent("it ended without a word".to_owned()))
}

/// The first program called `name` on the search path.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|candidate| is_program(candidate))
}

fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_program_is_started_by_its_link() {
        let link = || PathBuf::from("/proc/self/exe");
        let gone = Ok(PathBuf::from("/usr/bin/orangery (deleted)"));
        assert_eq!(named(gone, link()), link());
        let own = std::env::current_exe();
        assert_eq!(named(own, link()), std::env::current_exe().unwrap());
    }
}
