//! What a later owner needs to know about a running QEMU, beside its sockets.
//!
//! `launch.json` is written before QEMU starts, `pid.json` right after.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::confine::Confinement;
use crate::model::{Accelerator, DisplayPath, LayerRef, Machine, MachineId, Timestamp};
use crate::qemu::memory::MemoryFile;

/// The folder of the sockets in that of the launch.
pub(super) const SOCKETS: &str = "s";
const LAUNCH: &str = "launch.json";
const PID: &str = "pid.json";
/// Larger than any manifest: 64 disks with deep chains have about 200 KiB.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// The sockets of one launch, all in its folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sockets {
    /// The owner's monitor.
    pub monitor: PathBuf,
    /// A monitor for a second tool.
    pub monitor2: PathBuf,
    /// ttyS0.
    pub serial: PathBuf,
    /// The guest agent, `org.qemu.guest_agent.0`.
    pub guest_agent: PathBuf,
    /// The SPICE agent, `com.redhat.spice.0`.
    pub spice_agent: PathBuf,
    /// RFB, when that is the display path.
    pub rfb: PathBuf,
    /// The TPM's emulator, which QEMU connects to. Empty in a manifest of an older Orangery.
    #[serde(default)]
    pub tpm: PathBuf,
}

impl Sockets {
    /// The sockets of the launch in `folder`, in a folder of their own: QEMU may write there and nowhere else in
    /// `folder`, so that it can't forge what a later owner reads.
    pub fn within(folder: &Path) -> Self {
        let folder = folder.join(SOCKETS);
        Self {
            monitor: folder.join("mon0"),
            monitor2: folder.join("mon1"),
            serial: folder.join("serial"),
            guest_agent: folder.join("qga"),
            spice_agent: folder.join("spice"),
            rfb: folder.join("rfb"),
            tpm: folder.join("tpm"),
        }
    }

    /// Whether the paths fit a socket address, which holds 107 bytes.
    pub fn fit(&self) -> bool {
        self.all().all(|path| path.as_os_str().len() <= 107)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &PathBuf> {
        [
            &self.monitor,
            &self.monitor2,
            &self.serial,
            &self.guest_agent,
            &self.spice_agent,
            &self.rfb,
            &self.tpm,
        ]
        .into_iter()
    }
}

/// Everything about one launch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this file; 1.
    pub version: u32,
    pub machine: MachineId,
    /// The guest's UUID, in the arguments too.
    pub uuid: Uuid,
    pub name: String,
    /// QEMU, and what it was given.
    pub exe: PathBuf,
    pub args: Vec<String>,
    pub qemu_version: String,
    pub machine_type: String,
    pub accelerator: Accelerator,
    /// The model that `Cpu::model` was resolved to.
    pub cpu_model: String,
    /// Every layer it has open, with the path used.
    pub layers: Vec<(LayerRef, PathBuf)>,
    pub memory: Option<MemoryFile>,
    pub sockets: Sockets,
    pub display: DisplayPath,
    /// It waits for a saved state.
    pub incoming: bool,
    pub created: Timestamp,
    /// The hardware that was launched: the machine's file may have changed since.
    #[serde(default)]
    pub hardware: Option<Machine>,
}

/// Which process a launch became.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PidRecord {
    pub pid: u32,
    /// In clock ticks since boot: a reused pid differs here.
    pub start_time: u64,
    /// A pid of another boot means nothing.
    pub boot_id: String,
    pub confinement: Confinement,
}

impl Manifest {
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        write(folder, LAUNCH, self)
    }

    pub fn read(folder: &Path) -> io::Result<Self> {
        read(&folder.join(LAUNCH))
    }
}

impl PidRecord {
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        write(folder, PID, self)
    }

    pub fn read(folder: &Path) -> io::Result<Self> {
        read(&folder.join(PID))
    }
}

/// Under a temporary name first: who reads it finds all or nothing. The runtime folder is lost at
/// a power cut anyway, so there is no fsync.
fn write(folder: &Path, name: &str, value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(value)?;
    let partial = folder.join(format!("{name}.partial"));
    match std::fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partial)?
        .write_all(&text)?;
    std::fs::rename(partial, folder.join(name))
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let mut text = Vec::new();
    File::open(path)?.take(MAX_FILE).read_to_end(&mut text)?;
    serde_json::from_slice(&text).map_err(io::Error::from)
}
