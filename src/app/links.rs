//! Opens addresses in the desktop's browser.

use crossbeam_channel::{Receiver, Sender, bounded};

use super::backend::Waker;
use crate::desktop;

/// Addresses on their way; a person clicks far fewer.
const MAX_UNOPENED: usize = 8;

/// Asks the desktop beside the window, which must not wait for it.
pub struct Links {
    waker: Waker,
    sender: Sender<&'static str>,
    unopened: Receiver<&'static str>,
}

impl Links {
    pub fn new(waker: Waker) -> Self {
        let (sender, unopened) = bounded(MAX_UNOPENED);
        Self {
            waker,
            sender,
            unopened,
        }
    }

    pub fn open(&self, url: &'static str) {
        let (sender, waker) = (self.sender.clone(), self.waker.clone());
        let fail = move || {
            sender.try_send(url).ok(); // So many failed that one more says nothing new.
            waker.wake();
        };
        let failed = fail.clone();
        let opening = std::thread::Builder::new()
            .name("open link".to_owned())
            .spawn(move || {
                if desktop::open_link(url).is_err() {
                    failed();
                }
            });
        if opening.is_err() {
            fail();
        }
    }

    /// An address that no browser was opened for.
    pub fn take_unopened(&self) -> Option<&'static str> {
        self.unopened.try_recv().ok()
    }
}
