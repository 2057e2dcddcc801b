//! Taking a snapshot of one disk of a running machine: without memory, so the guest is stopped only while the new layer is
//! put on and written down.

use super::{Worker, timeline};
use crate::engine::timeline::Taking;
use crate::model::Failure;

impl Worker {
    /// Keeps one disk as it is now: as after a power cut, for a guest that writes meanwhile.
    pub(super) fn take_disk(&mut self, taking: &Taking) -> Result<(), Failure> {
        let alone = timeline::part(&self.machine, taking)?;
        timeline::check_in_library(&alone)?;
        let what = format!("{}: no snapshot", self.post.name);
        let opened = self.open_layers(&alone.tops(), Some(taking.id), &what)?;
        let record = |worker: &mut Self| {
            let record = worker.record_now(taking, &[]);
            let written = worker.post.library.write_snapshot(&record);
            written.map_err(|error| error.failure(&what))
        };
        self.stand_still(&opened, &what, record, |()| ())
    }
}
