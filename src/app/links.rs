//! Opens addresses in the desktop's browser, and folders in its file manager.

use std::path::PathBuf;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::backend::Waker;
use crate::desktop;

/// Addresses on their way; a person clicks far fewer.
const MAX_UNOPENED: usize = 8;

/// Something to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    Page(&'static str),
    /// The folder that a file lies in.
    Folder(PathBuf),
}

/// Asks the desktop beside the window, which must not wait for it.
pub struct Links {
    waker: Waker,
    sender: Sender<Link>,
    unopened: Receiver<Link>,
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

    pub fn open(&self, link: Link) {
        let (sender, waker) = (self.sender.clone(), self.waker.clone());
        let unopened = link.clone();
        let fail = move || {
            sender.try_send(unopened).ok(); // So many failed that one more says nothing new.
            waker.wake();
        };
        let failed = fail.clone();
        let opening = std::thread::Builder::new()
            .name("open link".to_owned())
            .spawn(move || {
                let opened = match &link {
                    Link::Page(url) => desktop::open_link(url),
                    Link::Folder(file) => desktop::open_folder_of(file),
                };
                if opened.is_err() {
                    failed();
                }
            });
        if opening.is_err() {
            fail();
        }
    }

    /// Something that nothing was opened for.
    pub fn take_unopened(&self) -> Option<Link> {
        self.unopened.try_recv().ok()
    }
}
