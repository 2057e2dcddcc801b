//! Labs: work on several machines as one job. Each machine's own work is done by its worker, or here if it rests.

mod act;
mod crew;
mod hands;
mod keep;
mod report;
mod rewind;

use std::sync::Arc;

use crossbeam_channel::Sender;

pub use act::{act, delete_set};
pub use crew::Crew;
pub use hands::Hands;
pub use keep::{Keeping, Rests};
pub use report::labs;
pub use rewind::{Rewinding, Start};

use super::supervisor::Message;
use crate::library::Library;
use crate::model::{Failure, LabId, SetId, SetMember};

/// What work on a lab is given.
pub struct Desk {
    pub library: Arc<Library>,
    pub sender: Sender<Message>,
    pub lab: LabId,
    /// What the lab is called.
    pub name: String,
}

impl Desk {
    fn failure(&self, what: &str, why: Failure) -> Failure {
        let Failure {
            what: where_,
            why,
            fix,
            details,
        } = why;
        let why = match where_.is_empty() {
            true => why,
            false => format!("{where_}: {why}"),
        };
        Failure {
            what: format!("The lab “{}” was not {what}", self.name),
            why,
            fix,
            details,
        }
    }

    /// The lab no longer has this set.
    fn forget(&self, set: SetId) -> Result<(), Failure> {
        self.change(|lab| lab.sets.retain(|one| one.id != set))
    }

    /// What the set really holds.
    fn set_members(&self, set: SetId, members: Vec<SetMember>) -> Result<(), Failure> {
        self.change(|lab| {
            if let Some(one) = lab.sets.iter_mut().find(|one| one.id == set) {
                one.members = members;
            }
        })
    }

    fn change(&self, change: impl FnOnce(&mut crate::model::Lab)) -> Result<(), Failure> {
        let changed = self.library.update_lab(self.lab, change);
        let changed = changed.map_err(|error| error.failure("The lab's file was not written"));
        changed.map(drop)
    }
}
