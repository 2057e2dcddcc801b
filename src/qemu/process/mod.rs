//! One QEMU process: started, found again after a crash of ours, watched and ended.
//!
//! A process is only ever touched through a pidfd that was opened before its identity was
//! checked, so a reused pid can't be hit.

mod manifest;
mod tpm;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, Signal};
use rustix::time::Timespec;

pub use manifest::{Manifest, PidRecord, Sockets};
pub use tpm::{Emulator as TpmEmulator, PROGRAM as TPM_PROGRAM, end as end_tpm};

use super::proc;
use super::qmp::{Client, QmpError, QmpEvent};
use super::ram::{ForkedRam, GuestRam};
use crate::confine::{self, Confinement, Network, Output, Program, SpawnError};
use crate::model::{LayerRef, Machine};

/// QEMU's standard output and error.
const LOG: &str = "qemu.log";
/// How long a failing QEMU may take from closing its monitor to its end.
const LAST_BREATH: Duration = Duration::from_secs(2);
/// How much of its log is ever shown, bytes.
const MAX_TAIL: u64 = 16 * 1024;
/// The log is cut off when it grows beyond this, bytes.
const MAX_LOG: u64 = 1024 * 1024;

/// What a QEMU may touch beside its launch folder, and which open files it inherits.
#[derive(Debug, Default)]
pub struct Rights {
    /// Foreign layers, ISOs, firmware outside `/usr`.
    pub reads: Vec<PathBuf>,
    /// The machine's own folder, disks used in place.
    pub writes: Vec<PathBuf>,
    /// With their numbers in QEMU: the memory file.
    pub files: Vec<(OwnedFd, i32)>,
    pub network: Network,
    /// Where what the machine's TPM keeps lies; for the TPM's emulator alone.
    pub tpm: Option<PathBuf>,
}

/// Why QEMU did not start or could not be adopted.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    #[error("The machine has a TPM, and swtpm, the program for it, is not installed")]
    NoTpmProgram,
    #[error("The TPM did not start: {0}")]
    Tpm(SpawnError),
    #[error("{} could not be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} could not be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("Process {pid} is gone")]
    Gone { pid: u32 },
    #[error("Process {pid} is not the QEMU that was started: {why}")]
    Other { pid: u32, why: String },
    #[error("Process {pid} could not be watched: {source}")]
    Watch { pid: u32, source: io::Error },
    #[error("The path {} is too long for a socket", path.display())]
    LongPath { path: PathBuf },
    #[error("QEMU ended while it started")]
    EndedEarly { status: Option<ExitStatus> },
    #[error(transparent)]
    Qmp(#[from] QmpError),
}

/// A QEMU process.
#[derive(Debug)]
pub struct Process {
    folder: PathBuf,
    manifest: Manifest,
    record: PidRecord,
    pidfd: OwnedFd,
    /// `None` for an adopted one, whose exit status goes to someone else.
    child: Option<Child>,
}

impl Process {
    /// Writes the manifest into `folder`, an empty 0700 folder of this launch, and starts QEMU.
    pub fn start(folder: &Path, manifest: Manifest, rights: Rights) -> Result<Self, ProcessError> {
        if !manifest.sockets.fit() {
            return Err(ProcessError::LongPath {
                path: manifest.sockets.monitor.clone(),
            });
        }
        let write = |source| ProcessError::Write {
            path: folder.to_owned(),
            source,
        };
        let mut private = DirBuilder::new();
        private.mode(0o700);
        private
            .create(folder.join(manifest::SOCKETS))
            .map_err(write)?;
        manifest.write(folder).map_err(write)?;
        let log = create_log(folder).map_err(write)?;
        if let Some(state) = &rights.tpm {
            tpm::start(folder, &manifest.sockets.tpm, state)?;
        }
        let spawned = confine::spawn(program(folder, &manifest, rights, log));
        let mut spawned = spawned.inspect_err(|_| tpm::end(folder))?;
        match settle(folder, &spawned.child, &spawned.confinement) {
            Ok((pidfd, record)) => Ok(Self {
                folder: folder.to_owned(),
                manifest,
                record,
                pidfd,
                child: Some(spawned.child),
            }),
            Err(error) => {
                // It must not run unknown to anyone. Both fail only if it is gone already.
                spawned.child.kill().ok();
                spawned.child.wait().ok();
                tpm::end(folder);
                Err(error)
            }
        }
    }

    /// Takes over the QEMU that an earlier owner started in `folder`, after checking that it is
    /// the same process and the same machine.
    pub fn adopt(folder: &Path) -> Result<Self, ProcessError> {
        let read = |source| ProcessError::Read {
            path: folder.to_owned(),
            source,
        };
        let manifest = Manifest::read(folder).map_err(read)?;
        let record = PidRecord::read(folder).map_err(read)?;
        let pid = record.pid;
        if proc::boot_id().map_err(read)? != record.boot_id {
            return Err(ProcessError::Gone { pid });
        }
        let pidfd = open_pidfd(pid)?;
        check_identity(&manifest, &record)?;
        Ok(Self {
            folder: folder.to_owned(),
            manifest,
            record,
            pidfd,
            child: None,
        })
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Notes that the guest writes to layers that were put on while it ran, for a later owner.
    pub fn add_layers(
        &mut self,
        hardware: Machine,
        layers: Vec<(LayerRef, PathBuf)>,
    ) -> io::Result<()> {
        let mut manifest = self.manifest.clone();
        manifest.layers.extend(layers);
        manifest.hardware = Some(hardware);
        manifest.write(&self.folder)?;
        self.manifest = manifest;
        Ok(())
    }

    /// Notes that the guest was given other hardware while it ran, for a later owner.
    pub fn set_hardware(&mut self, hardware: Machine) -> io::Result<()> {
        self.add_layers(hardware, Vec::new())
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn pid(&self) -> u32 {
        self.record.pid
    }

    pub fn confinement(&self) -> &Confinement {
        &self.record.confinement
    }

    /// The guest's memory, read from outside; `None` where that can't be.
    pub fn memory(&self) -> io::Result<Option<GuestRam>> {
        let Some(memory) = self.manifest.memory else {
            return Ok(None);
        };
        let pid = self.record.pid;
        let file = super::memory::find(pid, memory)?;
        if !memory.frozen {
            return Ok(Some(GuestRam::Shared(file)));
        }
        match ForkedRam::find(pid, file) {
            Ok(ram) => Ok(Some(GuestRam::Forked(ram))),
            // QEMU can still tell it all, slowly.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Connects to the owner's monitor; tries until QEMU listens, ends, or `within` is over.
    pub fn connect(
        &mut self,
        within: Duration,
    ) -> Result<(Client, Receiver<QmpEvent>), ProcessError> {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match Client::connect(&self.manifest.sockets.monitor, left) {
                Ok(connected) => return Ok(connected),
                Err(QmpError::Connect { nobody: true, .. }) if !left.is_zero() => {}
                // A QEMU that fails right after it listens closes the socket a little before
                // it ends.
                Err(QmpError::Closed { .. }) if matches!(self.wait(LAST_BREATH), Ok(true)) => {}
                Err(error) => return Err(error.into()),
            }
            if self
                .wait(Duration::from_millis(2))
                .map_err(|source| ProcessError::Watch {
                    pid: self.record.pid,
                    source,
                })?
            {
                return Err(ProcessError::EndedEarly {
                    status: self.exit_status(),
                });
            }
        }
    }

    pub fn has_ended(&self) -> bool {
        matches!(self.wait(Duration::ZERO), Ok(true))
    }

    /// Waits until the process ended, at most `within`; says whether it did.
    pub fn wait(&self, within: Duration) -> io::Result<bool> {
        poll(&self.pidfd, within)
    }

    /// Ends it at once; the guest loses what it has not written. Fine if it is gone already.
    pub fn kill(&self) -> io::Result<()> {
        match rustix::process::pidfd_send_signal(&self.pidfd, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// How it ended, once it did and if it is our child.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok().flatten()
    }

    /// The end of what QEMU wrote, at most 16 KiB.
    pub fn log_tail(&self) -> String {
        log_tail(&self.folder)
    }

    /// Cuts QEMU's log off when it grew beyond 1 MiB. To be called now and then.
    pub fn bound_log(&self) -> io::Result<()> {
        let log = OpenOptions::new().write(true).open(self.folder.join(LOG))?;
        if log.metadata()?.len() > MAX_LOG {
            // QEMU appends, so it goes on at the new end.
            log.set_len(0)?;
        }
        Ok(())
    }
}

impl Drop for Process {
    /// One that ended is not left as a zombie. One that runs stays.
    fn drop(&mut self) {
        self.exit_status();
    }
}

/// Whether the launch in `folder` got as far as to record its process. Before that its guest never ran.
pub fn was_recorded(folder: &Path) -> bool {
    !matches!(PidRecord::read(folder), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// Ends the QEMU of a launch whose owner died before it recorded the process: it holds the disks, and its guest
/// never ran. Fine if there is none.
pub fn end_unrecorded(folder: &Path) {
    let Ok(manifest) = Manifest::read(folder) else {
        return; // Not even that was written, so nothing was started.
    };
    let monitor = manifest.sockets.monitor.to_string_lossy();
    let uuid = manifest.uuid.to_string();
    for pidfd in running_with(|arguments| {
        arguments.contains(&uuid) && arguments.iter().any(|one| one.contains(&*monitor))
    }) {
        end_now(&pidfd);
    }
}

/// The processes whose arguments are wanted.
fn running_with(wanted: impl Fn(&[String]) -> bool) -> Vec<OwnedFd> {
    let all = proc::all().unwrap_or_default().into_iter();
    all.filter_map(|pid| {
        // Opened first: what has these arguments then is what it stands for.
        let pidfd = open_pidfd(pid).ok()?;
        let is_it = proc::arguments(pid).is_ok_and(|arguments| wanted(&arguments));
        is_it.then_some(pidfd)
    })
    .collect()
}

fn end_now(pidfd: &OwnedFd) {
    // Both fail only if it is gone or hangs in the kernel: the next start finds out.
    rustix::process::pidfd_send_signal(pidfd, Signal::KILL).ok();
    poll(pidfd, Duration::from_secs(1)).ok();
}

/// Waits until the process ended, at most `within`; says whether it did.
fn poll(pidfd: &OwnedFd, within: Duration) -> io::Result<bool> {
    let timeout = Timespec {
        tv_sec: i64::try_from(within.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(within.subsec_nanos()),
    };
    let mut fds = [PollFd::new(pidfd, PollFlags::IN)];
    match rustix::event::poll(&mut fds, Some(&timeout)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// The end of what the QEMU of this launch folder wrote and of what its TPM did, at most 16 KiB each; empty if nothing.
pub fn log_tail(folder: &Path) -> String {
    let own = read_tail(&folder.join(LOG)).unwrap_or_default();
    own + &read_tail(&folder.join(tpm::LOG)).unwrap_or_default()
}

fn read_tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(MAX_TAIL)))?;
    let mut text = Vec::new();
    file.take(MAX_TAIL).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn create_log(folder: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(0o600)
        .open(folder.join(LOG))
}

fn program(folder: &Path, manifest: &Manifest, rights: Rights, log: File) -> Program {
    let mut program = Program::new(&manifest.exe).args(&manifest.args);
    program.reads = rights.reads;
    program.writes = rights.writes;
    program.writes.push(folder.join(manifest::SOCKETS));
    program.files = rights.files;
    program.network = rights.network;
    program.output = Output::Log(log);
    program.dies_with_us = false;
    if manifest.accelerator == crate::model::Accelerator::Kvm {
        program.devices.push("/dev/kvm".into());
    }
    program
}

/// Records which process it became.
fn settle(
    folder: &Path,
    child: &Child,
    confinement: &Confinement,
) -> Result<(OwnedFd, PidRecord), ProcessError> {
    let pid = child.id();
    let watch = |source| ProcessError::Watch { pid, source };
    let pidfd = open_pidfd(pid)?;
    let record = PidRecord {
        pid,
        start_time: proc::stat(pid).map_err(watch)?.start_time,
        boot_id: proc::boot_id().map_err(watch)?,
        confinement: confinement.clone(),
    };
    record.write(folder).map_err(|source| ProcessError::Write {
        path: folder.to_owned(),
        source,
    })?;
    Ok((pidfd, record))
}

fn open_pidfd(pid: u32) -> Result<OwnedFd, ProcessError> {
    let number = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or(ProcessError::Gone { pid })?;
    match rustix::process::pidfd_open(number, PidfdFlags::empty()) {
        Ok(pidfd) => Ok(pidfd),
        Err(rustix::io::Errno::SRCH) => Err(ProcessError::Gone { pid }),
        Err(errno) => Err(ProcessError::Watch {
            pid,
            source: errno.into(),
        }),
    }
}

/// Start time and UUID must both be what was recorded.
fn check_identity(manifest: &Manifest, record: &PidRecord) -> Result<(), ProcessError> {
    let pid = record.pid;
    let other = |why: &str| ProcessError::Other {
        pid,
        why: why.to_owned(),
    };
    let watch = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ProcessError::Gone { pid },
        _ => ProcessError::Watch { pid, source },
    };
    let stat = proc::stat(pid).map_err(watch)?;
    if stat.start_time != record.start_time {
        return Err(ProcessError::Gone { pid });
    }
    if matches!(stat.state, 'Z' | 'X') {
        return Err(ProcessError::Gone { pid });
    }
    // Not by its program: a wrapper becomes another one, and packages are upgraded under it.
    let uuid = manifest.uuid.to_string();
    if !proc::arguments(pid).map_err(watch)?.contains(&uuid) {
        return Err(other("it runs another machine"));
    }
    Ok(())
}
