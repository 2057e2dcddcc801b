//! What a machine's first start makes: a layer for the firmware's variables, a place for what its TPM keeps.

use super::Post;
use crate::engine::making::firmware_variables;
use crate::model::{DeviceKind, Failure, Firmware, FirmwareKind, Machine};

/// UEFI keeps its variables in a layer of the machine's own.
pub(super) fn make_variables(post: &Post, machine: &mut Machine) -> Result<(), Failure> {
    let Firmware { kind, variables } = &machine.firmware;
    if *kind == FirmwareKind::Bios || !variables.is_empty() {
        return Ok(());
    }
    let made = firmware_variables(&post.library, machine.id, *kind)?;
    post.record(move |record| record.firmware.variables = vec![made])?;
    machine.firmware.variables = vec![made];
    Ok(())
}

/// A TPM keeps what it must in a folder of the machine's own.
pub(super) fn make_tpm(post: &Post, machine: &mut Machine) -> Result<(), Failure> {
    if !machine.has(|kind| matches!(kind, DeviceKind::Tpm)) {
        return Ok(());
    }
    let what = || format!("{} did not start", post.name);
    if let Some(tpm) = machine.tpm {
        let read = post.library.check_tpm(machine.id, tpm);
        return read.map_err(|error| {
            error
                .failure(what())
                .fix("Go back to a snapshot, or take the TPM out")
        });
    }
    let made = post.library.make_tpm(machine.id);
    let made = made.map_err(|error| error.failure(what()))?;
    post.record(move |record| record.tpm = Some(made))?;
    machine.tpm = Some(made);
    Ok(())
}
