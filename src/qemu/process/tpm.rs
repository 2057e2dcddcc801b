//! The emulator of a machine's TPM: swtpm, a process beside QEMU that ends when QEMU does.
//!
//! It gets a listening socket, so QEMU can connect at once, and may touch only the folder of what it keeps. Like QEMU it
//! outlives its owner. It is known by the log in its launch folder, which its arguments name: no launch has another's.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use super::{ProcessError, end_now, poll, running_with};
use crate::confine::{self, Program};

/// The program, in a package of the same name.
pub const PROGRAM: &str = "swtpm";
pub(super) const LOG: &str = "tpm.log";
/// The number that the socket has in the emulator.
const SOCKET: i32 = 10;
/// It ends as soon as QEMU is gone; the rest is for a busy computer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts the emulator of the launch in `folder`: it waits at `socket` for QEMU and keeps what it must in `state`.
pub(super) fn start(folder: &Path, socket: &Path, state: &Path) -> Result<(), ProcessError> {
    let path = confine::find_program(PROGRAM).ok_or(ProcessError::NoTpmProgram)?;
    let log = folder.join(LOG);
    let write = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| ProcessError::Write { path, source }
    };
    let mut new = OpenOptions::new();
    new.append(true).create_new(true).mode(0o600);
    new.open(&log).map_err(write(&log))?;
    let listener = UnixListener::bind(socket).map_err(write(socket))?;
    let mut program = Program::new(path).args([
        "socket".to_owned(),
        "--tpm2".to_owned(),
        "--tpmstate".to_owned(),
        format!("dir={},mode=0600", state.display()),
        "--ctrl".to_owned(),
        format!("type=unixio,fd={SOCKET}"),
        "--log".to_owned(),
        log_argument(folder),
        "--terminate".to_owned(),
    ]);
    program.files = vec![(listener.into(), SOCKET)];
    program.writes = vec![state.to_owned(), log];
    program.dies_with_us = false;
    let mut spawned = confine::spawn(program).map_err(ProcessError::Tpm)?;
    // Its end is of no interest, but a zombie would stay until we end.
    let reaper = std::thread::Builder::new().name("tpm".to_owned());
    reaper
        .spawn(move || spawned.child.wait().ok())
        .map_err(write(socket))?;
    Ok(())
}

fn log_argument(folder: &Path) -> String {
    format!("file={},level=1", folder.join(LOG).display())
}

/// The emulator of a running QEMU's TPM.
#[derive(Debug)]
pub struct Emulator(Vec<OwnedFd>);

impl Emulator {
    /// Looks for that of the launch in `folder`.
    pub fn find(folder: &Path) -> Self {
        let argument = log_argument(folder);
        Self(running_with(|arguments| arguments.contains(&argument)))
    }

    /// Whether nobody answers for the TPM any more.
    pub fn has_ended(&self) -> bool {
        let ended = |pidfd: &OwnedFd| poll(pidfd, Duration::ZERO).unwrap_or(false);
        self.0.iter().all(ended)
    }
}

/// Sees to it that the launch in `folder` has no emulator any more, once its QEMU is gone: it writes what it has, or is
/// ended. Fine if there is none.
pub fn end(folder: &Path) {
    if !folder.join(LOG).exists() {
        return;
    }
    for pidfd in &Emulator::find(folder).0 {
        if !poll(pidfd, PATIENCE).unwrap_or(false) {
            end_now(pidfd);
        }
    }
}
