//! `create` and `recognise`: what a machine is made from, and what suits it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::set::firmware;
use super::show;
use super::tasks::{Done, SHORT, Session, absolute, unexpected};
use super::text::clean;
use crate::engine::Command;
use crate::model::{
    Answer, ByteSize, Era, Failure, FileKind, FirmwareKind, Flavor, NewMachine, Recognised, Source,
    check_name,
};

/// Make a machine.
///
/// Without --iso, --disk or --test-card it gets an empty disk. What is not given is
/// chosen to suit the system in the file and this computer.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_long_help = "Examples:
  orangery create Debian --iso debian-12.iso --memory 4G --firmware uefi --start
  orangery create Old --disk ~/images/old.vmdk --copy --era old
  orangery create Box --iso alpine.iso --flavor S
  orangery create Card --test-card --ballast 256M")]
pub struct Create {
    /// What to call it. No two machines of a library have the same name.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Install from this ISO image onto an empty disk.
    #[arg(long, value_name = "FILE", group = "source")]
    pub iso: Option<PathBuf>,
    /// Use this disk image where it lies (qcow2 or raw); with --copy, a copy of it.
    #[arg(
        long,
        value_name = "FILE",
        group = "source",
        conflicts_with = "disk_size"
    )]
    pub disk: Option<PathBuf>,
    /// Copy the disk image into the library, from any format; the file stays as it is.
    #[arg(long, requires = "disk")]
    pub copy: bool,
    /// The built-in tiny guest, which shows what works.
    #[arg(long, group = "source", conflicts_with = "disk_size")]
    pub test_card: bool,
    /// Let the test card fill this much memory with noise and check it.
    #[arg(long, value_name = "SIZE", requires = "test_card")]
    pub ballast: Option<ByteSize>,
    /// A size with a name: S, M or L; --cpus and --memory change it.
    #[arg(long, value_name = "SIZE")]
    pub flavor: Option<Flavor>,
    /// Which hardware the system knows: modern (virtio), sata (Windows) or old (IDE, PCI).
    #[arg(long, value_name = "ERA", value_parser = era)]
    pub era: Option<Era>,
    /// Processors, 1 to 255.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=255))]
    pub cpus: Option<u32>,
    /// Memory, for example 512M or 4G.
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<ByteSize>,
    /// Size of the empty disk, for example 32G.
    #[arg(long, value_name = "SIZE")]
    pub disk_size: Option<ByteSize>,
    /// What runs first: bios, uefi or secure (UEFI with Secure Boot).
    #[arg(long, value_name = "KIND", value_parser = firmware)]
    pub firmware: Option<FirmwareKind>,
    /// To try things out: checkpoints are taken by themselves, to go back to.
    #[arg(long)]
    pub experiment: bool,
    /// Start it at once.
    #[arg(long)]
    pub start: bool,
}

fn era(text: &str) -> Result<Era, String> {
    let found = Era::ALL.into_iter().find(|era| era.word() == text);
    found.ok_or_else(|| "write modern, sata or old".to_owned())
}

impl Session<'_> {
    /// What `create` asks for, with what was not given filled in.
    pub(super) fn new_machine(&mut self, create: Create) -> Result<NewMachine, Failure> {
        check_name(&create.name, []).map_err(|error| {
            Failure::new("The machine was not created", error.to_string())
                .fix("Choose another name")
        })?;
        let file = create.iso.as_deref().or(create.disk.as_deref());
        let path = file.map(|file| absolute(&self.cwd, file)).transpose()?;
        // What the file is helps; what it may not be, creating it says better.
        let found = match &path {
            Some(path) => self.look(path).ok(),
            None => None,
        };
        let source = match path {
            Some(path) if create.iso.is_some() => Source::Iso(path),
            Some(path) if create.copy => Source::Copy(path),
            Some(path) => Source::Disk(path),
            None if create.test_card => Source::TestCard {
                ballast: create.ballast.unwrap_or_default(),
            },
            None => Source::Empty,
        };
        let (host_cpus, host_memory) = self.backend.size();
        let mut suggested = NewMachine::suggest(source, host_cpus, host_memory);
        if let Some(found) = &found {
            suggested = suggested.suited(found, host_cpus, host_memory);
        }
        if let Some(flavor) = create.flavor {
            (suggested.cpus, suggested.memory) = flavor.size(host_cpus, host_memory);
        }
        Ok(NewMachine {
            name: create.name,
            cpus: create.cpus.unwrap_or(suggested.cpus),
            memory: create.memory.unwrap_or(suggested.memory),
            disk_size: create.disk_size.unwrap_or(suggested.disk_size),
            firmware: create.firmware.unwrap_or(suggested.firmware),
            era: create.era.unwrap_or(suggested.era),
            experiment: create.experiment,
            ..suggested
        })
    }

    pub(super) fn recognise(&mut self, file: &Path) -> Result<Done, Failure> {
        let path = absolute(&self.cwd, file)?;
        let found = self.look(&path)?;
        let text = match self.json {
            true => show::json(&found)?,
            false => found_text(&found),
        };
        let complaint = match found.kind {
            FileKind::Unusable { why } => {
                let what = format!("No machine can be made from {}", file.display());
                Some(Failure::new(what, why))
            }
            FileKind::Iso { .. } | FileKind::Disk { .. } | FileKind::Foreign { .. } => None,
        };
        let text = match complaint {
            Some(_) if !self.json => String::new(),
            _ => text,
        };
        Ok(Done { text, complaint })
    }

    fn look(&mut self, path: &Path) -> Result<Recognised, Failure> {
        let path = path.to_owned();
        match self.finish(Command::Recognise { path }, Some(SHORT), "the file")? {
            Answer::Recognised(found) => Ok(found),
            _ => Err(unexpected()),
        }
    }
}

/// One line for the file, one for the system on it, one for what to know.
fn found_text(found: &Recognised) -> String {
    let kind = match &found.kind {
        FileKind::Iso { bootable: true } => format!("Installer or live system, {}", found.size),
        FileKind::Iso { bootable: false } => format!("ISO that does not start, {}", found.size),
        FileKind::Disk { format, size } => format!("Disk of {size}, {format}"),
        FileKind::Foreign { format, size } => match size {
            Some(size) => format!("Disk of {size}, {format}; use it with --copy"),
            None => format!("Disk, {format}; use it with --copy"),
        },
        FileKind::Unusable { why } => why.clone(),
    };
    let mut text = clean(&kind) + "\n";
    if let Some(system) = &found.system {
        let firmware = found.firmware.unwrap_or(system.firmware);
        writeln!(
            text,
            "{}: {} processors, {} of memory, a disk of {}, {}, {} hardware",
            clean(&system.name),
            system.cpus,
            system.memory,
            system.disk,
            firmware.label(),
            system.era.word(),
        )
        .ok(); // Text grows.
        if let Some(note) = &system.note {
            text.push_str(&clean(note));
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
#[path = "making_tests.rs"]
mod tests;
