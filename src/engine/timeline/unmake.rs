//! Taking back a snapshot that was just made: what it was made for did not come about.

use crossbeam_channel::Sender;

use super::complete::give_up;
use super::{Live, delete, merge_loose};
use crate::engine::jobs::Job;
use crate::engine::supervisor::Message;
use crate::library::Library;
use crate::model::{Failure, MachineId, SnapshotId};

/// Takes a snapshot back, however far it came, and its layer, through the machine's QEMU if it has one. Nobody writes it
/// any more.
pub fn unmake(
    library: &Library,
    sender: &Sender<Message>,
    machine: MachineId,
    snapshot: SnapshotId,
    live: &mut Option<Live>,
    job: &mut Job,
) -> Result<(), Failure> {
    match library.snapshot(machine, snapshot) {
        Ok(record) if record.writing => give_up(library, sender, machine, snapshot, record.parent),
        Ok(_) => return delete(library, sender, machine, &[snapshot], live, job),
        Err(_) => {} // It gave itself up.
    }
    merge_loose(library, sender, machine, live, job)
}
