//! Stories: the real program and real QEMUs, driven from outside as a person or a script would.
//!
//! Each story has a [`House`] of its own. `ORANGERY_SOAK=1` repeats what is repeated more often.

mod adoption;
mod clicked;
mod clone;
pub mod debian;
mod dozens;
mod fork;
mod graphs;
mod hardware;
mod inside;
mod journeys;
mod kills;
mod labs;
mod life;
mod others;
mod parts;
mod pictures;
mod points;
mod save;
mod serial;
mod shapes;
mod sound;
pub mod time;
mod touch;
mod tpm;
mod typing;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::Value;

use crate::card::{self, CardReport};

/// The longest that one run of the program may take.
const DEADLINE: &str = "180";

/// A home, a runtime folder and a library, with everything that runs for them. Dropping it ends all of that.
pub struct House {
    folder: tempfile::TempDir,
    library: PathBuf,
    vars: Vec<(OsString, OsString)>,
}

impl House {
    pub fn new() -> Self {
        Self::with_library("library")
    }

    /// A house whose library has this path below it.
    pub fn with_library(library: &str) -> Self {
        // Short, because the path of a socket has at most 107 bytes.
        let folder = tempfile::Builder::new().prefix("h").tempdir().unwrap();
        for name in ["home", "run"] {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        }
        let library = folder.path().join(library);
        Self {
            folder,
            library,
            vars: Vec::new(),
        }
    }

    /// A house with a running test card in it; its name is "Card".
    pub fn with_card() -> Self {
        let house = Self::new();
        house.start_card("Card");
        house
    }

    pub fn start_card(&self, name: &str) {
        self.done(&["create", name, "--test-card"]);
        self.done(&["start", name]);
    }

    /// Sets a variable for each later run.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.vars.push((name.into(), value.into()));
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn library(&self) -> &Path {
        &self.library
    }

    /// The runtime folder of the library.
    pub fn runtime(&self) -> PathBuf {
        let own = fs::read_dir(self.path().join("run/orangery")).unwrap();
        own.flatten().next().unwrap().path()
    }

    /// The program with `args`, in this house.
    #[expect(
        clippy::disallowed_methods,
        reason = "the stories run the real program"
    )]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(orangery::confine::find_program("timeout").unwrap());
        command
            .args(["--kill-after=5", DEADLINE])
            .arg(env!("CARGO_BIN_EXE_orangery"))
            .args(args)
            .current_dir(self.path())
            .env("HOME", self.path().join("home"))
            .env("XDG_RUNTIME_DIR", self.path().join("run"))
            .env("ORANGERY_LIBRARY", &self.library)
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("PULSE_SERVER")
            .env_remove("PULSE_RUNTIME_PATH")
            .envs(self.vars.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    pub fn orangery(&self, args: &[&str]) -> Output {
        self.command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .unwrap()
    }

    /// Runs what must succeed; gives what it printed.
    #[track_caller]
    pub fn done(&self, args: &[&str]) -> String {
        let output = self.orangery(args);
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {err}");
        assert_eq!(err, "", "{args:?} complained");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs what must be refused; gives the complaint.
    #[track_caller]
    pub fn refused(&self, args: &[&str]) -> String {
        let output = self.orangery(args);
        let out = String::from_utf8_lossy(&output.stdout);
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {out}{err}");
        assert_eq!(out, "", "{args:?}");
        err
    }

    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(args);
        serde_json::from_str(&self.done(&all)).unwrap()
    }

    /// The machine's entry in the list.
    #[track_caller]
    pub fn row(&self, name: &str) -> Value {
        let list = self.json(&["list", "--all"]);
        let mut rows = list.as_array().unwrap().iter();
        rows.find(|row| row["name"] == name)
            .unwrap_or_else(|| panic!("{name} is not in {list}"))
            .clone()
    }

    #[track_caller]
    pub fn state(&self, name: &str) -> String {
        self.row(name)["state"].as_str().unwrap().to_owned()
    }

    /// The machine's error in the list.
    #[track_caller]
    pub fn error(&self, name: &str) -> String {
        let row = self.row(name);
        let error = row["error"].as_str();
        error
            .unwrap_or_else(|| panic!("no error: {row}"))
            .to_owned()
    }

    #[track_caller]
    pub fn wait_state(&self, name: &str, wanted: &str) {
        wait_for(&format!("{name} to be {wanted}"), 60, || {
            let state = self.state(name);
            (state == wanted).then_some(()).ok_or(state)
        });
    }

    /// The machine's folder.
    #[track_caller]
    pub fn machine(&self, name: &str) -> PathBuf {
        PathBuf::from(self.row(name)["path"].as_str().unwrap())
    }

    /// The machine's QEMU.
    #[track_caller]
    pub fn pid(&self, name: &str) -> u32 {
        let row = self.row(name);
        let pid = row["pid"].as_u64();
        u32::try_from(pid.unwrap_or_else(|| panic!("no pid: {row}"))).unwrap()
    }

    /// The folder with the sockets of the machine's QEMU.
    pub fn launch(&self, name: &str) -> PathBuf {
        let id = self.row(name)["id"].as_str().unwrap()[..8].to_owned();
        let launches = fs::read_dir(self.runtime().join("m").join(id)).unwrap();
        let mut launches: Vec<PathBuf> = launches.flatten().map(|entry| entry.path()).collect();
        launches.sort();
        launches.pop().unwrap()
    }

    /// The guest's screen: RGBA, width, height.
    pub fn picture(&self, name: &str) -> (Vec<u8>, usize, usize) {
        let file = self.path().join(format!("{name}.png"));
        self.done(&["screenshot", name, file.to_str().unwrap()]);
        let picture = image::open(&file).unwrap().to_rgba8();
        let (width, height) = picture.dimensions();
        (picture.into_raw(), width as usize, height as usize)
    }

    /// What the test card shows.
    #[track_caller]
    pub fn card(&self, name: &str) -> CardReport {
        self.card_when(name, "a whole frame", |_| true)
    }

    /// Waits until the test card shows what is wanted.
    #[track_caller]
    pub fn card_when(
        &self,
        name: &str,
        what: &str,
        wanted: impl Fn(&CardReport) -> bool,
    ) -> CardReport {
        wait_for(&format!("{name} to show {what}"), 60, || {
            let (pixels, width, height) = self.picture(name);
            match card::decode_rgba(&pixels, width, height) {
                Ok(report) if wanted(&report) => Ok(report),
                other => Err(format!("{other:?}")),
            }
        })
    }

    /// The process that owns the library, if one lives.
    pub fn agent_pid(&self) -> Option<u32> {
        let text = fs::read_to_string(self.library.join(".lock")).ok()?;
        let pid = text.lines().next()?.parse().ok()?;
        let ours = arguments(pid).is_some_and(|args| args.contains(&self.mark()));
        (ours && is_alive(pid)).then_some(pid)
    }

    /// Kills the owner with -9 and waits until it is gone.
    #[track_caller]
    pub fn kill_agent(&self) -> u32 {
        let pid = self.agent_pid().unwrap();
        kill(pid, Signal::KILL);
        wait_for("the owner to be gone", 10, || {
            (!is_alive(pid)).then_some(()).ok_or(pid)
        });
        pid
    }

    /// Every process of this house, but the helpers that QEMU forks for `async-teardown`.
    pub fn processes(&self) -> Vec<u32> {
        let mark = self.mark();
        let all = fs::read_dir("/proc").unwrap().flatten();
        let pids: Vec<u32> = all
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid| arguments(*pid).is_some_and(|args| args.contains(&mark)))
            .collect();
        let is_helper = |pid: &u32| {
            let parent = parent(*pid);
            parent.is_some_and(|parent| {
                pids.contains(&parent) && arguments(parent) == arguments(*pid)
            })
        };
        pids.iter().copied().filter(|pid| !is_helper(pid)).collect()
    }

    /// Agents and QEMUs have the house's folder in their arguments.
    fn mark(&self) -> String {
        self.path().display().to_string()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // Owners first, so that no QEMU is started meanwhile.
        let mut pids = self.processes();
        pids.sort_by_key(|pid| Some(*pid) != self.agent_pid());
        for pid in pids {
            kill(pid, Signal::KILL);
        }
        for pid in self.processes() {
            let until = Instant::now() + Duration::from_secs(5);
            while is_alive(pid) && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

fn arguments(pid: u32) -> Option<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()
}

/// Whether the process is there and no zombie. One whose first thread has ended is still there.
pub fn is_alive(pid: u32) -> bool {
    let state = |stat: String| {
        stat.rsplit(") ")
            .next()
            .and_then(|rest| rest.chars().next())
    };
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    tasks.is_ok_and(|tasks| {
        tasks.flatten().any(|task| {
            let stat = fs::read_to_string(task.path().join("stat"));
            stat.is_ok_and(|stat| !matches!(state(stat), None | Some('Z' | 'X')))
        })
    })
}

/// Sends a signal to a process of a house; one that is gone is fine.
pub fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).ok();
}

/// Tries until it succeeds; panics with the last failure after `seconds`.
#[track_caller]
pub fn wait_for<T, E: std::fmt::Debug>(
    what: &str,
    seconds: u64,
    mut attempt: impl FnMut() -> Result<T, E>,
) -> T {
    let until = Instant::now() + Duration::from_secs(seconds);
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(last) => assert!(Instant::now() < until, "waited for {what}: {last:?}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// `few`, or `many` with `ORANGERY_SOAK=1`.
pub fn rounds(few: usize, many: usize) -> usize {
    if soak() { many } else { few }
}

pub fn soak() -> bool {
    std::env::var_os("ORANGERY_SOAK").is_some_and(|value| value == "1")
}

/// Everything below a folder, by path from it.
pub fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files_below(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
