//! What starts need to know about this computer, found out once in the background.

use std::path::Path;

use crate::model::{
    Accelerator, AcceleratorChoice, ComputerReport, DisplayPath, Failure, FirmwareKind, KvmVerdict,
};
use crate::qemu::binary::{self, Qemu};
use crate::qemu::command_line::FirmwareCode;

/// See the module's text.
pub struct Facts {
    qemu: Result<Qemu, Failure>,
    accelerator: AcceleratorChoice,
}

/// Looks at this computer. `library` is where free space counts.
pub fn examine(_library: &Path) -> (ComputerReport, Facts) {
    let qemu = binary::find().map_err(|e| Failure::new("QEMU can't be used", e.to_string()));
    let accelerator = AcceleratorChoice {
        choice: Accelerator::Tcg,
        reason: "stub".into(),
    };
    let r = ComputerReport {
        qemu_version: None,
        accelerator: accelerator.clone(),
        kvm: KvmVerdict::Hangs,
        cpus: 1,
        memory_total: Default::default(),
        memory_free: Default::default(),
        disk_free: Default::default(),
        checks: vec![],
    };
    (r, Facts { qemu, accelerator })
}

impl Facts {
    /// The QEMU to use, or why there is none.
    pub fn qemu(&self) -> Result<&Qemu, Failure> {
        self.qemu.as_ref().map_err(Clone::clone)
    }

    /// The newest versioned machine type, for new machines.
    pub fn machine_type(&self) -> Result<String, Failure> {
        self.qemu()?
            .capabilities
            .machine_type
            .clone()
            .ok_or_else(|| {
                Failure::new(
                    "The machine was not made",
                    "This QEMU offers no versioned q35 board",
                )
            })
    }

    pub fn accelerator(&self) -> Accelerator {
        self.accelerator.choice
    }

    /// What `wanted` becomes with this QEMU: without its D-Bus module the fallback serves.
    pub fn display(&self, wanted: DisplayPath) -> DisplayPath {
        match &self.qemu {
            Ok(qemu) if qemu.capabilities.dbus_display => wanted,
            Ok(_) | Err(_) => DisplayPath::Rfb,
        }
    }

    /// Where the firmware lies; `None` for BIOS, which QEMU brings along.
    pub fn firmware(&self, _kind: FirmwareKind) -> Result<Option<FirmwareCode>, Failure> {
        Ok(None)
    }

    /// The content of a fresh variable store.
    pub fn variables_template(&self, _kind: FirmwareKind) -> Result<Vec<u8>, Failure> {
        Err(Failure::new("no", "no"))
    }
}
