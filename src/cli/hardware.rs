//! Devices, media and disks of a machine: the words of the command line, and what they do.

use std::path::PathBuf;

use clap::Subcommand;

use super::args::{Set, Target};
use super::parts::{self, Said, altered};
use super::pick::Prefer;
use super::set::changes;
use super::show;
use super::tasks::{Done, SHORT, Session, absolute};
use super::text::{Lean, clean, shell_line, table};
use crate::engine::Command;
use crate::model::{
    ByteSize, Change, Cpu, Device, DeviceKind, Disk, DiskBus, DiskContent, Effect, Failure,
    LayerId, Mac, Machine, MachineReport, NewDisk, apply, no_room,
};

/// Fewest digits that name a detached disk.
const MIN_DIGITS: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum DeviceTask {
    /// List what is plugged into the machine.
    List(Target),
    /// Plug in a device.
    #[command(after_long_help = parts::DEVICES_HELP)]
    Add {
        #[command(flatten)]
        target: Target,
        /// What it is: nic, cd, floppy, sound, …
        #[arg(value_name = "DEVICE", value_parser = check_word)]
        device: String,
        /// What it is like: model=e1000.
        #[arg(value_name = "KEY=VALUE", value_parser = parts::said)]
        like: Vec<Said>,
    },
    /// Change what a device is like.
    #[command(after_long_help = parts::DEVICES_HELP)]
    Set {
        #[command(flatten)]
        target: Target,
        /// Its id, as orangery device list shows it.
        #[arg(value_name = "ID")]
        id: String,
        /// What to change: link=down.
        #[arg(value_name = "KEY=VALUE", required = true, value_parser = parts::said)]
        like: Vec<Said>,
    },
    /// Take a device out. A disk keeps its file and can be attached again.
    Remove {
        #[command(flatten)]
        target: Target,
        /// Its id, as orangery device list shows it.
        #[arg(value_name = "ID")]
        id: String,
    },
}

fn check_word(text: &str) -> Result<String, String> {
    parts::plain(text, Mac::local([0; 3])).map(|_kind| text.to_owned())
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum DiskTask {
    /// List the machine's disks, also those that are detached.
    List(Target),
    /// Make a disk, or take one in, and plug it in with the next start.
    ///
    /// A SCSI disk brings its controller along; a USB disk needs the USB 3 controller.
    #[command(after_long_help = "Examples:
  orangery disk add web --size 32G
  orangery disk add web --in-place ~/images/data.qcow2 --bus scsi")]
    Add {
        #[command(flatten)]
        target: Target,
        /// An empty disk of this size, for example 8G.
        #[arg(long, value_name = "SIZE", group = "content", required = true)]
        size: Option<ByteSize>,
        /// This image, used where it lies.
        #[arg(long, value_name = "FILE", group = "content")]
        in_place: Option<PathBuf>,
        /// A copy of this image, in the library.
        #[arg(long, value_name = "FILE", group = "content")]
        copy: Option<PathBuf>,
        /// What to plug it into: virtio, sata, nvme, usb, scsi or ide.
        #[arg(long, value_name = "BUS", default_value = "virtio", value_parser = parts::bus)]
        bus: DiskBus,
    },
    /// Plug in a detached disk again.
    Attach {
        #[command(flatten)]
        target: Target,
        /// Its first digits, as orangery disk list shows them.
        #[arg(value_name = "DISK")]
        disk: String,
        /// What to plug it into, instead of what it had before.
        #[arg(long, value_name = "BUS", value_parser = parts::bus)]
        bus: Option<DiskBus>,
    },
    /// Remove a detached disk for good.
    Delete {
        #[command(flatten)]
        target: Target,
        /// Its first digits, as orangery disk list shows them.
        #[arg(value_name = "DISK")]
        disk: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// Put an image into a CD or floppy drive, also while the machine runs.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Insert {
    #[command(flatten)]
    pub target: Target,
    /// An ISO, or a floppy's image.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The drive's id; without it the first CD drive, or the first drive.
    #[arg(long, value_name = "ID")]
    pub drive: Option<String>,
    /// Also where the guest has locked the drive; it may miss what it still reads.
    #[arg(long)]
    pub force: bool,
}

/// Take out what lies in a CD or floppy drive, also while the machine runs.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Eject {
    #[command(flatten)]
    pub target: Target,
    /// The drive's id; without it the first CD drive, or the first drive.
    #[arg(long, value_name = "ID")]
    pub drive: Option<String>,
    /// Also where the guest has locked the drive; it may miss what it still reads.
    #[arg(long)]
    pub force: bool,
}

impl Session<'_> {
    pub(super) fn set(&mut self, set: Set) -> Result<Done, Failure> {
        let report = self.find(&set.target, Prefer::InUse)?;
        let cpu = report.machine.as_ref().map(|machine| machine.cpu.clone());
        let mut changes = changes(set.changes, cpu.unwrap_or_else(|| Cpu::of(1)));
        for change in &mut changes {
            if let Change::Medium(Some(path)) = change {
                *path = absolute(&self.cwd, path)?;
            }
        }
        self.change(&report, changes, "set")
    }

    /// Has a machine changed; tells when that takes effect.
    fn change(
        &mut self,
        report: &MachineReport,
        changes: Vec<Change>,
        done: &str,
    ) -> Result<Done, Failure> {
        let machine = report.machine.as_ref();
        let at_once = machine.is_some_and(|machine| {
            let mut effects = changes.iter().map(|change| change.effect(machine));
            effects.all(|effect| effect == Effect::AtOnce)
        });
        let command = Command::Change {
            machine: report.id,
            changes,
        };
        self.finish(command, Some(SHORT), &report.name)?;
        let what = if report.state.has_process() && !at_once {
            "is changed; what it can't take while it runs comes with the next start"
        } else {
            "is changed"
        };
        self.said(report.id, &report.name, what, done)
    }

    pub(super) fn device(&mut self, task: DeviceTask) -> Result<Done, Failure> {
        match task {
            DeviceTask::List(target) => {
                let (_, machine) = self.whole(&target)?;
                Ok(Done::from(if self.json {
                    show::json(&machine.devices)?
                } else {
                    devices_text(&machine)
                }))
            }
            DeviceTask::Add {
                target,
                device,
                like,
            } => self.add_device(&target, &device, &like),
            DeviceTask::Set { target, id, like } => self.set_device(&target, &id, &like),
            DeviceTask::Remove { target, id } => {
                let (report, machine) = self.whole(&target)?;
                known(&machine, &id)?;
                self.change(&report, vec![Change::Remove(id)], "remove")
            }
        }
    }

    /// The machine, whose file can be read.
    fn whole(&mut self, target: &Target) -> Result<(MachineReport, Machine), Failure> {
        let report = self.find(target, Prefer::InUse)?;
        match report.machine.clone() {
            Some(machine) => Ok((report, machine)),
            None => Err(report
                .trouble
                .unwrap_or_else(|| Failure::new("Nothing is known of it", "Its file is broken"))),
        }
    }

    fn add_device(&mut self, target: &Target, word: &str, like: &[Said]) -> Result<Done, Failure> {
        let (report, machine) = self.whole(target)?;
        let random = *uuid::Uuid::new_v4().as_bytes();
        let mac = Mac::local([random[0], random[1], random[2]]);
        let kind = parts::plain(word, mac).and_then(|kind| altered(kind, like));
        let kind = self.with_whole_paths(kind.map_err(not_changed)?)?;
        let full = no_room(&kind, machine.board());
        let device = machine.new_device(kind).ok_or_else(|| not_changed(full))?;
        self.change(&report, vec![Change::Add(device)], "add")
    }

    fn set_device(&mut self, target: &Target, id: &str, like: &[Said]) -> Result<Done, Failure> {
        let (report, machine) = self.whole(target)?;
        let kind = altered(known(&machine, id)?.kind.clone(), like).map_err(not_changed)?;
        let kind = self.with_whole_paths(kind)?;
        let id = id.to_owned();
        self.change(&report, vec![Change::Set { id, kind }], "set")
    }

    fn with_whole_paths(&self, mut kind: DeviceKind) -> Result<DeviceKind, Failure> {
        let medium = match &mut kind {
            DeviceKind::Cdrom(drive) => &mut drive.medium,
            DeviceKind::Floppy(drive) => &mut drive.medium,
            _ => return Ok(kind),
        };
        if let Some(path) = medium {
            *path = absolute(&self.cwd, path)?;
        }
        Ok(kind)
    }

    pub(super) fn insert(&mut self, insert: &Insert) -> Result<Done, Failure> {
        let file = absolute(&self.cwd, &insert.file)?;
        let drive = insert.drive.as_deref();
        self.change_medium(&insert.target, drive, Some(file), insert.force)
    }

    pub(super) fn eject(&mut self, eject: &Eject) -> Result<Done, Failure> {
        self.change_medium(&eject.target, eject.drive.as_deref(), None, eject.force)
    }

    fn change_medium(
        &mut self,
        target: &Target,
        drive: Option<&str>,
        medium: Option<PathBuf>,
        force: bool,
    ) -> Result<Done, Failure> {
        let (report, machine) = self.whole(target)?;
        let first = |wanted: fn(&DeviceKind) -> bool| {
            let mut devices = machine.devices.iter();
            devices.find(|device| wanted(&device.kind))
        };
        let drive = match drive {
            Some(id) => known(&machine, id)?,
            None => first(|kind| matches!(kind, DeviceKind::Cdrom(_)))
                .or_else(|| first(|kind| matches!(kind, DeviceKind::Floppy(_))))
                .ok_or_else(|| {
                    not_changed("The machine has no drive".to_owned()).fix(format!(
                        "Give it one: orangery device add {} cd",
                        shell_line(std::slice::from_ref(&report.name))
                    ))
                })?,
        };
        let (what, word) = match medium {
            Some(_) => ("has the medium", "insert"),
            None => ("has an empty drive", "eject"),
        };
        let command = Command::Insert {
            machine: report.id,
            drive: drive.id.clone(),
            medium,
            force,
        };
        self.finish(command, Some(SHORT), &report.name)?;
        self.said(report.id, &report.name, what, word)
    }

    pub(super) fn drop_pending(&mut self, target: &Target) -> Result<Done, Failure> {
        let report = self.find(target, Prefer::InUse)?;
        let command = Command::DropPending { machine: report.id };
        self.finish(command, Some(SHORT), &report.name)?;
        let what = "has no changes that wait";
        self.said(report.id, &report.name, what, "drop-pending")
    }

    pub(super) fn disk(&mut self, task: DiskTask) -> Result<Done, Failure> {
        match task {
            DiskTask::List(target) => self.list_disks(&target),
            DiskTask::Add {
                target,
                size,
                in_place,
                copy,
                bus,
            } => {
                let content = match (size, in_place, copy) {
                    (_, Some(path), _) => DiskContent::InPlace(absolute(&self.cwd, &path)?),
                    (_, _, Some(path)) => DiskContent::Copy(absolute(&self.cwd, &path)?),
                    (size, None, None) => DiskContent::Empty(size.unwrap_or_default()),
                };
                let report = self.find(&target, Prefer::InUse)?;
                let command = Command::AddDisk {
                    machine: report.id,
                    disk: NewDisk { bus, content },
                };
                self.finish(command, None, &report.name)?;
                self.said(report.id, &report.name, "has a new disk", "add")
            }
            DiskTask::Attach { target, disk, bus } => self.attach(&target, &disk, bus),
            DiskTask::Delete { target, disk, yes } => self.delete_disk(&target, &disk, yes),
        }
    }

    fn list_disks(&mut self, target: &Target) -> Result<Done, Failure> {
        let (_, machine) = self.whole(target)?;
        if self.json {
            let disks: Vec<DiskRow<'_>> = disk_rows(&machine).collect();
            return Ok(Done::from(show::json(&disks)?));
        }
        let title = ["DISK", "DEVICE", "BUS", "SIZE"].map(str::to_owned);
        let rows: Vec<[String; 4]> = std::iter::once(title)
            .chain(disk_rows(&machine).map(|row| {
                let id = row.id.map_or_else(|| "-".to_owned(), |id| id.to_string());
                let device = row.device.unwrap_or("detached").to_owned();
                let bus = row.disk.bus.word().to_owned();
                [id, device, bus, row.disk.size.to_string()]
            }))
            .collect();
        let leans = [Lean::Left, Lean::Left, Lean::Left, Lean::Right];
        Ok(Done::from(table(leans, &rows)))
    }

    fn attach(
        &mut self,
        target: &Target,
        disk: &str,
        bus: Option<DiskBus>,
    ) -> Result<Done, Failure> {
        let (report, machine) = self.whole(target)?;
        let (_, disk) = detached(&machine, disk)?;
        let disk = Disk {
            bus: bus.unwrap_or(disk.bus),
            ..disk.clone()
        };
        let mut new = machine.clone();
        let mut changes = Vec::new();
        let has_controller = machine.has(|kind| matches!(kind, DeviceKind::ScsiController));
        let controller =
            (disk.bus == DiskBus::Scsi && !has_controller).then_some(DeviceKind::ScsiController);
        for kind in controller.into_iter().chain([DeviceKind::Disk(disk)]) {
            let full = no_room(&kind, machine.board());
            let device = new.new_device(kind).ok_or_else(|| not_changed(full))?;
            apply(&mut new, Change::Add(device.clone()));
            changes.push(Change::Add(device));
        }
        self.change(&report, changes, "attach")
    }

    fn delete_disk(&mut self, target: &Target, disk: &str, yes: bool) -> Result<Done, Failure> {
        let (report, machine) = self.whole(target)?;
        let (id, disk) = detached(&machine, disk)?;
        if !yes {
            let question = format!(
                "Delete a disk of {} of “{}” for good? This can't be undone.",
                disk.size,
                clean(&report.name)
            );
            self.confirm(&question, "The disk was not deleted")?;
        }
        let command = Command::DeleteDisk {
            machine: report.id,
            disk: id,
        };
        self.finish(command, None, &report.name)?;
        self.said(report.id, &report.name, "has lost the disk", "delete")
    }
}

fn not_changed(why: String) -> Failure {
    Failure::new("The machine was not changed", why)
}

fn known<'a>(machine: &'a Machine, id: &str) -> Result<&'a Device, Failure> {
    machine.device(id).ok_or_else(|| {
        let ids: Vec<&str> = machine.devices.iter().map(|it| it.id.as_str()).collect();
        not_changed(format!("There is no device “{}”", clean(id)))
            .fix(format!("It has {}", clean(&ids.join(", "))))
    })
}

/// One disk of a machine, plugged in or not.
#[derive(serde::Serialize)]
struct DiskRow<'a> {
    /// The topmost layer's; none for a disk in place.
    id: Option<LayerId>,
    /// Where it is plugged in.
    device: Option<&'a str>,
    #[serde(flatten)]
    disk: &'a Disk,
}

fn disk_rows(machine: &Machine) -> impl Iterator<Item = DiskRow<'_>> {
    let top = |disk: &Disk| disk.layers().last().map(|layer| layer.layer);
    let plugged = machine.devices.iter().filter_map(move |device| {
        let DeviceKind::Disk(disk) = &device.kind else {
            return None;
        };
        let device = Some(device.id.as_str());
        let id = top(disk);
        Some(DiskRow { id, device, disk })
    });
    plugged.chain(machine.detached.iter().map(move |disk| DiskRow {
        id: top(disk),
        device: None,
        disk,
    }))
}

/// The detached disk whose id begins so.
fn detached<'a>(machine: &'a Machine, digits: &str) -> Result<(LayerId, &'a Disk), Failure> {
    let wanted = digits.replace('-', "").to_ascii_lowercase();
    let rows = disk_rows(machine).filter(|row| row.device.is_none());
    let found: Vec<(LayerId, &Disk)> = rows
        .filter_map(|row| Some((row.id?, row.disk)))
        .filter(|(id, _)| {
            wanted.len() >= MIN_DIGITS && id.0.simple().to_string().starts_with(&wanted)
        })
        .collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(Failure::new(
            format!("There is no detached disk “{}”", clean(digits)),
            "No id of four digits or more is like it",
        )
        .fix("See all: orangery disk list NAME")),
        _ => Err(Failure::new(
            format!("“{}” names several disks", clean(digits)),
            "Nothing was done",
        )
        .fix("Give more digits")),
    }
}

fn devices_text(machine: &Machine) -> String {
    let title = ["ID", "DEVICE", "WHAT IT IS"].map(str::to_owned);
    let rows: Vec<[String; 3]> = std::iter::once(title)
        .chain(machine.devices.iter().map(|device| {
            let what = show::device_line(device).map_or_else(String::new, |(_, what)| what);
            let word = parts::word(&device.kind).to_owned();
            [clean(&device.id), word, clean(&what)]
        }))
        .collect();
    table([Lean::Left; 3], &rows)
}
