//! Whether a machine can go on from what was saved.

use super::files::written_file;
use crate::engine::facts::Facts;
use crate::library::{Library, Sighting, SnapshotRecord};
use crate::model::{DeviceKind, Failure};

/// A state saved under one accelerator can't go on under another.
pub(super) fn check_accelerator(
    name: &str,
    record: &SnapshotRecord,
    facts: &Facts,
) -> Result<(), Failure> {
    if record.accelerator == facts.accelerator() {
        return Ok(());
    }
    Err(Failure::new(
        format!("{name} can't go on from its saved state"),
        format!(
            "It was saved with {} and this computer now uses {}",
            record.accelerator.word(),
            facts.accelerator().word()
        ),
    )
    .fix("Discard the saved state to boot from the disk"))
}

/// Memory goes on only over disks that nobody touched meanwhile.
pub(super) fn check_disks(
    name: &str,
    record: &SnapshotRecord,
    library: &Library,
) -> Result<(), Failure> {
    for device in &record.hardware.devices {
        let DeviceKind::Disk(disk) = &device.kind else {
            continue;
        };
        let point = record.disks.iter().find(|point| point.id == device.id);
        let then = point.and_then(|point| point.sighting.as_ref());
        let now = written_file(&disk.source, library).and_then(|path| Sighting::take(&path).ok());
        let difference = match (then, now) {
            (Some(then), Some(now)) => then.difference(&now),
            (None, _) => Some("how it looked is not known".to_owned()),
            (_, None) => Some("it is not there".to_owned()),
        };
        if let Some(difference) = difference {
            return Err(Failure::new(
                format!("{name} can't go on from its saved state"),
                format!("The disk {} changed since: {difference}", device.id),
            )
            .fix("Discard the saved state to boot from the disk"));
        }
    }
    Ok(())
}
