//! Looks at files that a machine could be made from, beside the supervisor: a file may lie on a
//! disk that sleeps or a server that is gone.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::bounded;

use super::{Message, Supervisor};
use crate::engine::hub::Asker;
use crate::model::{Answer, Failure};
use crate::storage;

/// Looks at the same time, those that hang included.
const MAX_LOOKS: usize = 8;
/// A look takes milliseconds; a sleeping disk needs some seconds to wake.
const PATIENCE: Duration = Duration::from_secs(20);

/// Looks under way in this process.
static LOOKS: AtomicUsize = AtomicUsize::new(0);

/// Counts a look as long as its thread lives.
struct Look;

impl Look {
    fn begin() -> Option<Self> {
        let begun = LOOKS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |looks| {
            (looks < MAX_LOOKS).then_some(looks + 1)
        });
        begun.is_ok().then_some(Self)
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        LOOKS.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Supervisor {
    pub(super) fn recognise(&mut self, asker: Asker, path: PathBuf) {
        let failed = |why: &str| Failure::new("The file could not be looked at", why);
        if !path.is_absolute() {
            let failure = failed("Its path does not start with “/”");
            self.hub.answer(asker, Err(failure), None);
            return;
        }
        let Some(look) = Look::begin() else {
            let failure = failed("Other files still don't answer; their disks may be gone");
            self.hub.answer(asker, Err(failure), None);
            return;
        };
        let (sender, found) = bounded(1);
        let looking = std::thread::Builder::new()
            .name("look at file".to_owned())
            .spawn(move || {
                let _counted = look;
                sender.send(storage::recognise(&path)).ok(); // Nobody waits any more.
            });
        let inbox = self.sender.clone();
        let waiting = looking.and_then(|_| {
            std::thread::Builder::new()
                .name("recognise".to_owned())
                .spawn(move || {
                    let result = match found.recv_timeout(PATIENCE) {
                        Ok(found) => Ok(Answer::Recognised(found)),
                        Err(_) => Err(failed("It does not answer; its disk may be gone")),
                    };
                    // The engine is ending.
                    inbox.send(Message::Answer(asker, result, None)).ok();
                })
        });
        if let Err(error) = waiting {
            let failure = Failure::new("The file could not be looked at", error.to_string());
            self.hub.answer(asker, Err(failure), None);
        }
    }
}
