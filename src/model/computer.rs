//! What this computer can do: the doctor's findings as plain data.

use serde::{Deserialize, Serialize};

use super::ByteSize;

/// What runs guest code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accelerator {
    Kvm,
    /// Software emulation: slower, and no security boundary.
    Tcg,
}

impl Accelerator {
    pub fn word(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }
}

/// The accelerator that machines get, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceleratorChoice {
    pub choice: Accelerator,
    /// One sentence.
    pub reason: String,
}

/// What came out of trying KVM with a real guest in a child process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KvmVerdict {
    Works,
    NoDevice,
    NoPermission {
        group: Option<String>,
    },
    /// The device opens, but a request to it fails.
    Refused {
        step: String,
    },
    /// The device opens and makes machines, but guest code never arrives.
    Hangs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckLevel {
    Good,
    /// Works, with a drawback.
    Note,
    Bad,
}

/// One line of the doctor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Stable word for scripts: `qemu`, `accelerator`, `display`.
    pub id: String,
    pub title: String,
    pub level: CheckLevel,
    /// What was found.
    pub finding: String,
    /// What to do about it; a command where there is one.
    pub fix: Option<String>,
}

/// All that the doctor found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComputerReport {
    pub qemu_version: Option<String>,
    pub accelerator: AcceleratorChoice,
    pub kvm: KvmVerdict,
    pub cpus: u32,
    pub memory_total: ByteSize,
    pub memory_free: ByteSize,
    /// Free space where the library lies.
    pub disk_free: ByteSize,
    pub checks: Vec<Check>,
    /// Processor models that QEMU can give a machine here.
    #[serde(default)]
    pub cpu_models: Vec<String>,
}

impl ComputerReport {
    /// Whether machines can run at all.
    pub fn can_run(&self) -> bool {
        self.checks
            .iter()
            .all(|check| check.level != CheckLevel::Bad)
    }
}

/// This computer's load now, for the footer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostLoad {
    /// Busy share of all processors, 0 to 1.
    pub cpu: f32,
    pub memory_used: ByteSize,
    pub memory_total: ByteSize,
    pub disk_free: ByteSize,
}
