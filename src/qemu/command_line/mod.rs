//! A machine and the facts of one launch become QEMU's argument list. Pure.
//!
//! What every launch has and why:
//! - `-nodefaults -no-user-config`: nothing that the machine does not name.
//! - `-S`: the owner lets the guest go once it listens to events.
//! - `-sandbox` with all four denials, no TCP listener, sockets in a private folder.
//! - `-action shutdown=pause`: the owner sees the end and quits QEMU; an unwatched one never
//!   just vanishes.
//! - a versioned machine type and block nodes by name, or saved states could not be loaded.

mod blocks;
mod devices;
mod places;
mod sound;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::memory::MemoryFile;
use super::process::Sockets;
use crate::model::{
    AGENTS_SLOT_I440FX, AGENTS_SLOT_Q35, Accelerator, Board, Clock, Cpu, DeviceKind, DisplayPath,
    FirmwareKind, ImageFormat, LayerRef, Machine, MemoryBacking, Topology, WatchdogAction,
};
use blocks::Access;
pub use blocks::{
    drive_node, file_node, frozen_nodes, layer_node, medium_file_node, medium_nodes, overlay_nodes,
};
pub use sound::passes_sound;
use value::escape;

/// The device id of the channel to the agent in the guest's desktop; its socket is `<id>-socket`.
pub const SPICE_AGENT: &str = "spice-agent";

/// The number that the memory file has in QEMU.
pub const MEMORY_NUMBER: i32 = 10;

/// Where the firmware's code lies; `None` in a [`Launch`] means BIOS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirmwareCode {
    pub path: PathBuf,
    pub format: ImageFormat,
}

/// One launch: the machine, and what was found out about this computer.
#[derive(Clone, Debug)]
pub struct Launch<'a> {
    pub machine: &'a Machine,
    pub accelerator: Accelerator,
    /// Resolved: a name QEMU knows; see [`resolve_cpu`].
    pub cpu_model: &'a str,
    /// The inherited memory file, for [`MemoryBacking::Forkable`].
    pub memory: Option<MemoryFile>,
    pub firmware: Option<&'a FirmwareCode>,
    /// Where each layer that the machine names lies.
    pub layers: &'a BTreeMap<LayerRef, PathBuf>,
    pub sockets: &'a Sockets,
    pub display: DisplayPath,
    /// This QEMU can pass sound on through its D-Bus display.
    pub dbus_sound: bool,
    /// Wait for a saved state.
    pub incoming: bool,
    /// The guest learns from a new one that it was rewound or forked.
    pub generation: Uuid,
}

/// Why no command line can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandLineError {
    #[error("The path {} is not UTF-8, which QEMU needs", path.display())]
    NotUtf8 { path: PathBuf },
    #[error("The place of layer {} of {device} is not known", layer.layer)]
    UnknownLayer { device: String, layer: LayerRef },
    #[error("The disk {device} has no layer")]
    NoLayer { device: String },
    #[error("The device {device} has an address that its kind can't have")]
    WrongAddress { device: String },
    #[error("The network of {device} can't be had yet; choose user networking")]
    NoNetwork { device: String },
    #[error("The firmware {} was not found", kind.label())]
    NoFirmware { kind: FirmwareKind },
    #[error("The machine has no firmware variables yet")]
    NoVariables,
    #[error("The machine's memory needs a memory file")]
    NoMemoryFile,
}

/// The CPU model for a machine that leaves the choice to us: the best there is.
///
/// Both names are bound to this computer and this QEMU, as saved states are anyway.
pub fn resolve_cpu(machine: &Machine, accelerator: Accelerator) -> String {
    match (&machine.cpu.model, accelerator) {
        (Some(model), _) => model.clone(),
        (None, Accelerator::Kvm) => "host".to_owned(),
        (None, Accelerator::Tcg) => "max".to_owned(),
    }
}

/// The arguments after the program's name.
pub fn command_line(launch: &Launch<'_>) -> Result<Vec<String>, CommandLineError> {
    let mut line = Line::default();
    base(launch, &mut line)?;
    memory(launch, &mut line)?;
    firmware(launch, &mut line)?;
    channels(launch, &mut line)?;
    screen(launch, &mut line)?;
    devices::add(launch, &mut line)?;
    line.0.extend(launch.machine.arguments.iter().cloned());
    if launch.incoming {
        line.option("-incoming", "defer");
    }
    Ok(line.0)
}

/// The arguments so far.
#[derive(Default)]
struct Line(Vec<String>);

impl Line {
    fn flag(&mut self, flag: &str) {
        self.0.push(flag.to_owned());
    }

    fn option(&mut self, name: &str, value: impl Into<String>) {
        self.0.push(name.to_owned());
        self.0.push(value.into());
    }

    /// `-device kind,key=value,…`, each value escaped.
    fn device(&mut self, kind: &str, properties: &[(&str, String)]) {
        self.option("-device", value::list(kind, properties));
    }
}

/// A path as QEMU's arguments can hold it.
fn text(path: &Path) -> Result<&str, CommandLineError> {
    path.to_str().ok_or_else(|| CommandLineError::NotUtf8 {
        path: path.to_owned(),
    })
}

fn base(launch: &Launch<'_>, line: &mut Line) -> Result<(), CommandLineError> {
    let machine = launch.machine;
    let name = format!("guest={},debug-threads=on", escape(&machine.name));
    line.option("-name", name);
    line.option("-uuid", machine.id.to_string());
    line.flag("-no-user-config");
    line.flag("-nodefaults");
    line.flag("-S");
    line.option("-machine", machine_type(launch)?);
    line.option("-accel", launch.accelerator.word());
    line.option("-cpu", escape(launch.cpu_model));
    line.option("-smp", processors(&machine.cpu));
    line.option("-m", format!("size={}B", machine.memory.0));
    let clock = match machine.clock {
        Clock::Utc => "base=utc",
        Clock::Local => "base=localtime",
    };
    line.option("-rtc", clock);
    line.option("-boot", "strict=on");
    line.option(
        "-sandbox",
        "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
    );
    line.option("-run-with", "async-teardown=on");
    line.option("-msg", "timestamp=on");
    let watchdog = watchdog_action(machine);
    let action = format!("panic=pause,watchdog={watchdog},shutdown=pause");
    line.option("-action", action);
    Ok(())
}

fn processors(cpu: &Cpu) -> String {
    let Topology {
        sockets,
        cores,
        threads,
    } = cpu.arranged();
    let count = cpu.count;
    format!("cpus={count},sockets={sockets},cores={cores},threads={threads}")
}

/// What QEMU does when the guest no longer feeds its watchdog.
fn watchdog_action(machine: &Machine) -> &'static str {
    let action = machine
        .devices
        .iter()
        .find_map(|device| match &device.kind {
            DeviceKind::Watchdog(watchdog) => Some(watchdog.action),
            _ => None,
        });
    match action {
        None | Some(WatchdogAction::Pause) => "pause",
        Some(WatchdogAction::Reset) => "reset",
        Some(WatchdogAction::PowerOff) => "poweroff",
        Some(WatchdogAction::Nothing) => "none",
    }
}

fn machine_type(launch: &Launch<'_>) -> Result<String, CommandLineError> {
    let machine = launch.machine;
    let mut options = vec![
        ("memory-backend", "ram".to_owned()),
        // Its absolute mouse would take the pointer from the tablet.
        ("vmport", "off".to_owned()),
    ];
    let kind = machine.firmware.kind;
    match kind {
        FirmwareKind::Bios => {}
        FirmwareKind::Uefi | FirmwareKind::Secure => {
            let secure = kind == FirmwareKind::Secure;
            let smm = if secure { "on" } else { "off" };
            let variables = machine.firmware.variables.last();
            let variables = variables.ok_or(CommandLineError::NoVariables)?;
            options.push(("smm", smm.to_owned()));
            options.push(("pflash0", blocks::FIRMWARE_CODE.to_owned()));
            options.push(("pflash1", layer_node(variables.layer)));
        }
    }
    Ok(value::list(&machine.machine_type, &options))
}

fn memory(launch: &Launch<'_>, line: &mut Line) -> Result<(), CommandLineError> {
    let size = launch.machine.memory.0;
    let object = match (launch.machine.memory_backing, launch.memory) {
        // This backend and no other: only its memory is left out of a state by x-ignore-shared.
        (MemoryBacking::Forkable, Some(MemoryFile { number, frozen, .. })) => {
            let share = if frozen {
                "share=off,readonly=on,rom=off"
            } else {
                "share=on"
            };
            format!(
                "memory-backend-file,id=ram,size={size},mem-path=/proc/self/fd/{number},{share}"
            )
        }
        (MemoryBacking::Forkable, None) => return Err(CommandLineError::NoMemoryFile),
        (MemoryBacking::Private, _) => format!("memory-backend-ram,id=ram,size={size}"),
    };
    line.option("-object", object);
    Ok(())
}

fn firmware(launch: &Launch<'_>, line: &mut Line) -> Result<(), CommandLineError> {
    let machine = launch.machine;
    let kind = machine.firmware.kind;
    match kind {
        FirmwareKind::Bios => return Ok(()),
        FirmwareKind::Uefi => {}
        FirmwareKind::Secure => {
            let secure = "driver=cfi.pflash01,property=secure,value=on";
            line.option("-global", secure);
            line.option("-global", "ICH9-LPC.disable_s3=1");
        }
    }
    let code = launch.firmware;
    let code = code.ok_or(CommandLineError::NoFirmware { kind })?;
    blocks::firmware_code(code, line)?;
    let variables = &machine.firmware.variables;
    blocks::chain(launch, "firmware", variables, Access::default(), line)
}

/// Monitors and agent channels: sockets whose unread output is dropped, so that no guest waits
/// for us.
fn channels(launch: &Launch<'_>, line: &mut Line) -> Result<(), CommandLineError> {
    let sockets = launch.sockets;
    for (id, path) in [("mon0", &sockets.monitor), ("mon1", &sockets.monitor2)] {
        socket(id, path, line)?;
        line.option("-mon", format!("chardev={id},mode=control"));
    }
    let slot = match launch.machine.board() {
        Board::Q35 => AGENTS_SLOT_Q35,
        Board::I440fx => AGENTS_SLOT_I440FX,
    };
    let bus = [
        ("id", "agents".to_owned()),
        ("bus", places::root_bus(launch.machine).to_owned()),
        ("addr", format!("{slot:#x}")),
    ];
    line.device("virtio-serial-pci", &bus);
    for (id, path, name) in [
        (SPICE_AGENT, &sockets.spice_agent, "com.redhat.spice.0"),
        (
            "guest-agent",
            &sockets.guest_agent,
            "org.qemu.guest_agent.0",
        ),
    ] {
        socket(&format!("{id}-socket"), path, line)?;
        let port = [
            ("id", id.to_owned()),
            ("bus", "agents.0".to_owned()),
            ("chardev", format!("{id}-socket")),
            ("name", name.to_owned()),
        ];
        line.device("virtserialport", &port);
    }
    Ok(())
}

/// A listening unix socket that QEMU does not wait for.
fn socket(id: &str, path: &Path, line: &mut Line) -> Result<(), CommandLineError> {
    let path = escape(text(path)?);
    line.option(
        "-chardev",
        format!("socket,id={id},path={path},server=on,wait=off"),
    );
    Ok(())
}

fn screen(launch: &Launch<'_>, line: &mut Line) -> Result<(), CommandLineError> {
    match launch.display {
        DisplayPath::Dbus => {
            let audio = sound::of_display(launch);
            let audio = audio.map_or(String::new(), |id| format!(",audiodev={id}"));
            line.option("-display", format!("dbus,p2p=yes{audio}"));
        }
        DisplayPath::Rfb => {
            line.option("-display", "none");
            let path = escape(text(&launch.sockets.rfb)?);
            line.option("-vnc", format!("unix:{path},share=force-shared"));
        }
    }
    Ok(())
}
