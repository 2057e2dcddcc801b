//! What starts need to know about this computer, found out once in the background.

use std::path::Path;

use crate::library::Places;
use crate::model::{
    Accelerator, AcceleratorChoice, Check, CheckLevel, ComputerReport, DisplayPath, Failure,
    FirmwareKind,
};
use crate::qemu::binary::{self, Qemu};
use crate::qemu::command_line::FirmwareCode;
use crate::qemu::doctor;
use crate::qemu::firmware::{self, FirmwareFiles};

/// A template of UEFI variables is half a megabyte; this is nonsense.
const MAX_TEMPLATE: u64 = 16 << 20;

/// See the module's text.
pub struct Facts {
    qemu: Result<Qemu, Failure>,
    accelerator: AcceleratorChoice,
}

/// Looks at this computer: up to some seconds.
pub fn examine(places: &Places) -> (ComputerReport, Facts) {
    let cache = places.settings.parent().map(Path::to_owned);
    if let Some(folder) = &cache {
        std::fs::create_dir_all(folder).ok(); // Without it everything is asked each time.
    }
    let report = doctor::doctor(&doctor::Places {
        library: places.library.clone(),
        cache,
    });
    let facts = Facts {
        qemu: binary::find(None).map_err(|error| no_qemu(&report, error.to_string())),
        accelerator: report.accelerator.clone(),
    };
    (report, facts)
}

/// Why there is no QEMU, with the doctor's way out.
fn no_qemu(report: &ComputerReport, why: String) -> Failure {
    let failure = Failure::new("Machines can't run", why);
    let bad = |check: &&Check| check.level == CheckLevel::Bad;
    match report
        .checks
        .iter()
        .find(bad)
        .and_then(|check| check.fix.clone())
    {
        Some(fix) => failure.fix(fix),
        None => failure,
    }
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
                .fix("Install the QEMU of your distribution")
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

    /// Whether sound can be had through the D-Bus display.
    pub fn dbus_sound(&self) -> bool {
        let audio = self.qemu.as_ref().map(|qemu| &qemu.capabilities.audio);
        audio.is_ok_and(|drivers| drivers.iter().any(|driver| driver == "dbus"))
    }

    /// Where the firmware lies; `None` for BIOS, which QEMU brings along.
    pub fn firmware(&self, kind: FirmwareKind) -> Result<Option<FirmwareCode>, Failure> {
        match kind {
            FirmwareKind::Bios => Ok(None),
            FirmwareKind::Uefi | FirmwareKind::Secure => Ok(Some(firmware_files(kind)?.code)),
        }
    }
}

/// Where code and template of a UEFI firmware lie.
pub fn firmware_files(kind: FirmwareKind) -> Result<FirmwareFiles, Failure> {
    firmware::find(kind).ok_or_else(|| {
        Failure::new(
            "The machine did not start",
            format!("The firmware {} is not installed", kind.label()),
        )
        .fix("Install it (on Debian and Ubuntu: sudo apt install ovmf), or choose BIOS")
    })
}

/// The content of a fresh variable store.
pub fn read_template(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(MAX_TEMPLATE)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
