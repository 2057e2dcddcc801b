//! What passes between the launcher's two halves: the order and the report.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Program;

/// Which TCP connections a program may make. Unix sockets are not covered by this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// No TCP at all.
    #[default]
    Deny,
    /// May connect, may not listen.
    Outgoing,
    /// May connect and listen.
    Open,
}

/// Limits that the kernel enforces; `None` is no limit of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Processor time, seconds.
    pub cpu_seconds: Option<u64>,
    /// Address space, bytes.
    pub memory: Option<u64>,
    /// Open files.
    pub files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu_seconds: None,
            memory: None,
            files: 4096,
        }
    }
}

/// How far a program is confined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Confinement {
    /// Everything asked for is enforced by the kernel.
    Full,
    /// Enforced, but the kernel is too old for some of it.
    Partial {
        why: String,
    },
    None {
        why: String,
    },
}

/// What the launcher's child is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Spec {
    /// Empty: report and end.
    pub path: PathBuf,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    pub reads: Vec<PathBuf>,
    pub writes: Vec<PathBuf>,
    pub devices: Vec<PathBuf>,
    pub network: Network,
    pub limits: Limits,
    pub dies_with_us: bool,
    pub fence: bool,
    /// The parent's process id, to notice that it died before we could ask to die with it.
    pub parent: u32,
}

impl Spec {
    /// # Errors
    /// Says which argument is not UTF-8.
    pub fn of(program: &Program) -> Result<Self, String> {
        let args = program
            .args
            .iter()
            .map(|arg| {
                arg.to_str()
                    .map(str::to_owned)
                    .ok_or_else(|| format!("“{}” is not UTF-8", arg.to_string_lossy()))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            path: program.path.clone(),
            args,
            env: program.env.clone(),
            reads: program.reads.clone(),
            writes: program.writes.clone(),
            devices: program.devices.clone(),
            network: program.network,
            limits: program.limits,
            dies_with_us: program.dies_with_us,
            fence: program.fence,
            parent: std::process::id(),
        })
    }
}

/// One line from the child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    Confined(Confinement),
    Failed { errno: i32, why: String },
}
