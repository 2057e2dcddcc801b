//! What starts need to know about this computer, found out once in the background.

use std::path::Path;

use crate::model::{
    Accelerator, AcceleratorChoice, ComputerReport, DisplayPath, Failure, FirmwareKind,
};
use crate::qemu::binary::Qemu;
use crate::qemu::command_line::FirmwareCode;
use crate::qemu::{doctor, firmware};

/// See the module's text.
pub struct Facts {
    qemu: Result<Qemu, Failure>,
    accelerator: AcceleratorChoice,
}

/// Looks at this computer. `library` is where free space counts.
pub fn examine(library: &Path) -> (ComputerReport, Facts) {
    let examined = doctor::examine(library);
    todo!()
}

impl Facts {
    /// The QEMU to use, or why there is none.
    pub fn qemu(&self) -> Result<&Qemu, Failure> {
        self.qemu.as_ref().map_err(Clone::clone)
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
    pub fn firmware(&self, kind: FirmwareKind) -> Result<Option<FirmwareCode>, Failure> {
        todo!()
    }

    /// The content of a fresh variable store.
    pub fn variables_template(&self, kind: FirmwareKind) -> Result<Vec<u8>, Failure> {
        todo!()
    }
}
