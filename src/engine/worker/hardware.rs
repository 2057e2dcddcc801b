//! Hardware that changes while the guest runs: media and network cables. First the guest, then the record.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::Worker;
use crate::engine::edit;
use crate::engine::hub::Asker;
use crate::engine::supervisor::record;
use crate::model::{
    Answer, Cdrom, Change, Device, DeviceKind, Failure, Floppy, Machine, take_live_parts,
};
use crate::qemu::media::{self, MediaError, Medium};
use crate::qemu::process::{Process, TpmEmulator};
use crate::qemu::qmp::{Client, QmpError};

/// An edit of which something reaches the guest at once.
pub struct Edit {
    /// The whole edit, for the record.
    pub changes: Vec<Change>,
    /// The devices that the guest is given at once, as the record will have them.
    pub devices: Vec<Device>,
    /// Also where they have it already: the guest may have ejected it meanwhile.
    pub again: bool,
    /// Also where the guest has locked the drive.
    pub force: bool,
    pub asker: Asker,
}

/// Takes out the cables that the machine has not, and puts in those that it has. QEMU starts with all of them in, or as they
/// were in the moment that the guest goes on from.
pub(super) fn lay_cables(qmp: &Client, machine: &Machine) -> Result<(), QmpError> {
    for device in &machine.devices {
        if let DeviceKind::Nic(nic) = &device.kind {
            media::set_link(qmp, &device.id, nic.link)?;
        }
    }
    Ok(())
}

/// What answers for the machine's TPM, if it has one.
pub(super) fn tpm(machine: &Machine, process: &Process) -> Option<TpmEmulator> {
    let has_one = machine.has(|kind| matches!(kind, DeviceKind::Tpm));
    has_one.then(|| TpmEmulator::find(process.folder()))
}

impl Worker {
    /// Notices that the TPM's emulator is gone while the guest runs on.
    pub(super) fn check_tpm(&mut self) {
        let gone = self.tpm.as_ref().is_some_and(TpmEmulator::has_ended);
        if gone && self.live.trouble.is_none() {
            let failure = Failure::new(
                format!("{}: its TPM does not answer any more", self.post.name),
                "swtpm, the program that is its TPM, ended. The guest runs on without; snapshots and saving do not work",
            );
            self.live.trouble = Some(
                failure
                    .fix("Shut the machine down and start it again: what the TPM keeps is on disk"),
            );
            self.publish();
        }
    }

    /// Makes an edit: on the guest, in the launch manifest, in the record; all of it or none.
    pub(super) fn edit(&mut self, edit: Edit) {
        let Edit {
            changes,
            devices,
            again,
            force,
            asker,
        } = edit;
        let before = self.machine.clone();
        let result = self
            .give(&devices, again, force)
            .and_then(|()| self.note_hardware())
            .and_then(|()| self.record_edit(changes));
        if result.is_err() {
            self.take_back(&before);
        }
        self.publish();
        self.post.answer(asker, result.map(|()| Answer::Done));
    }

    /// Gives the guest what it has not, as far as that can be done while it runs.
    fn give(&mut self, devices: &[Device], again: bool, force: bool) -> Result<(), Failure> {
        for wanted in devices {
            let Some(place) = self
                .machine
                .devices
                .iter()
                .position(|it| it.id == wanted.id)
            else {
                continue; // Plugged in with the next start.
            };
            let mut device = self.machine.devices[place].clone();
            if take_live_parts(&mut device.kind, &wanted.kind) || again {
                self.give_one(&device, force)?;
                self.machine.devices[place] = device;
            }
        }
        Ok(())
    }

    fn give_one(&self, device: &Device, force: bool) -> Result<(), Failure> {
        let id = device.id.as_str();
        match &device.kind {
            DeviceKind::Nic(nic) => media::set_link(&self.qmp, id, nic.link)
                .map_err(|error| self.failure("the cable was not moved", &error)),
            DeviceKind::Cdrom(drive) => self.put_in(id, drive.medium.as_deref(), false, force),
            DeviceKind::Floppy(drive) => self.put_in(id, drive.medium.as_deref(), true, force),
            _ => Ok(()),
        }
    }

    fn put_in(
        &self,
        drive: &str,
        path: Option<&Path>,
        writable: bool,
        force: bool,
    ) -> Result<(), Failure> {
        let what = format!("{}: the medium was not changed", self.post.name);
        let medium = path.map(|path| open(path, writable)).transpose();
        let medium = medium.map_err(|why| Failure::new(&what, why))?;
        media::change(&self.qmp, drive, medium.as_ref(), force).map_err(|error| match error {
            MediaError::Locked => Failure::new(&what, format!("The guest has locked “{drive}”"))
                .fix("Eject it in the guest, or force it; the guest may miss what it still reads"),
            other => {
                self.put_back(drive, writable);
                Failure::new(&what, other.to_string())
            }
        })
    }

    /// Puts in what lay in the drive before, if it can still be opened.
    fn put_back(&self, drive: &str, writable: bool) {
        let before = match self.machine.device(drive).map(|device| &device.kind) {
            Some(DeviceKind::Cdrom(Cdrom { medium }) | DeviceKind::Floppy(Floppy { medium })) => {
                medium
            }
            _ => &None,
        };
        if let Some(medium) = before.as_deref().and_then(|path| open(path, writable).ok()) {
            media::change(&self.qmp, drive, Some(&medium), true).ok(); // What failed first is told.
        }
    }

    /// For a later owner, which must not take it for a pending change.
    fn note_hardware(&mut self) -> Result<(), Failure> {
        let noted = self.process.set_hardware(self.machine.clone());
        noted.map_err(|error| {
            Failure::new(
                format!("{} was not changed", self.post.name),
                format!("Its launch record can't be written: {error}"),
            )
        })?;
        self.live.hardware = Some(Box::new(self.machine.clone()));
        Ok(())
    }

    /// The record may have changed since the edit was checked, so it is checked again.
    fn record_edit(&self, changes: Vec<Change>) -> Result<(), Failure> {
        record(&self.post.supervisor, self.post.id, move |record| {
            *record = edit::changed(record, &changes)?;
            Ok(())
        })
    }

    /// An edit that failed half way leaves the guest as it was, as far as that can be had.
    fn take_back(&mut self, before: &Machine) {
        if self.machine.devices == before.devices {
            return; // Nothing reached the guest.
        }
        for device in &before.devices {
            if self.machine.device(&device.id) != Some(device) {
                self.give_one(device, true).ok(); // What failed first is told.
            }
        }
        self.machine = before.clone();
        self.note_hardware().ok(); // At worst a later owner shows a change as pending.
    }
}

/// Opens a medium as its drive needs it.
fn open(path: &Path, writable: bool) -> Result<Medium, String> {
    let wrong = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem
            if writable =>
        {
            format!(
                "{}: a floppy's image must be writable: {error}",
                path.display()
            )
        }
        _ => format!("{}: {error}", path.display()),
    };
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    // A pipe of that name must not keep the machine waiting.
    let file: File = OpenOptions::new()
        .read(true)
        .write(writable)
        .custom_flags(nonblocking)
        .open(path)
        .map_err(wrong)?;
    if !file.metadata().map_err(wrong)?.is_file() {
        return Err(format!("{} is not a file", path.display()));
    }
    Ok(Medium { file, writable })
}
