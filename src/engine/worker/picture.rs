//! The guest's screen for others: a display socket, a screenshot, a thumbnail.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::MemfdFlags;
use serde_json::{Value, json};

use super::{PATIENCE, Worker};
use crate::display::frame::{FrameSlot, ScreenStatus};
use crate::display::picture::Picture;
use crate::engine::hub::Asker;
use crate::engine::message::Event;
use crate::engine::picture::read_ppm;
use crate::engine::supervisor::Message;
use crate::model::{Answer, DisplayPath, Failure, MachineId};
use crate::qemu::qmp::{self, QmpError};

/// A screendump of a large screen on a busy computer.
const DUMP_PATIENCE: Duration = Duration::from_secs(20);

/// Thumbnails are twice the size of the list's 67x42, for high resolutions.
const THUMBNAIL: (u32, u32) = (134, 84);

/// A picture that stands still is published again after this time, for who missed it.
const THUMBNAIL_AGAIN: Duration = Duration::from_secs(60);

impl Worker {
    /// Connects a new display client to QEMU and sends its socket to `asker`.
    pub(super) fn open_display(&self, asker: Asker) {
        let path = self.process.manifest().display;
        let connected = match path {
            DisplayPath::Dbus => self.connect_dbus(),
            DisplayPath::Rfb => self.connect_rfb(),
        };
        match connected {
            Ok(socket) => {
                let answer = Answer::Display {
                    machine: self.post.id,
                    path,
                };
                self.post
                    .tell(Message::Answer(asker, Ok(answer), Some(socket)));
            }
            Err(failure) => self.post.answer(asker, Err(failure)),
        }
    }

    /// `getfd` and `add_client` (qapi/misc.json) with one end of a socket pair.
    pub(super) fn connect_dbus(&self) -> Result<OwnedFd, Failure> {
        let (ours, theirs) = UnixStream::pair()
            .map_err(|error| Failure::new("The screen can't be shown", error.to_string()))?;
        let name = json!({ "fdname": "display" });
        let refuse = |error: QmpError| self.failure("the screen can't be shown", &error);
        self.qmp
            .call_with_fd("getfd", name, theirs.as_fd(), PATIENCE)
            .map_err(refuse)?;
        let client = json!({ "protocol": "@dbus-display", "fdname": "display" });
        self.qmp
            .call_raw("add_client", client, PATIENCE)
            .map_err(refuse)?;
        Ok(ours.into())
    }

    fn connect_rfb(&self) -> Result<OwnedFd, Failure> {
        qmp::connect_socket(&self.process.manifest().sockets.rfb, PATIENCE)
            .map(OwnedFd::from)
            .map_err(|error| {
                Failure::new(
                    format!("{}: the screen can't be shown", self.post.name),
                    error.to_string(),
                )
            })
    }

    pub(super) fn screenshot(&self, asker: Asker, machine: MachineId, in_process: bool) {
        let dumped = self.dump_screen();
        match (dumped, in_process) {
            (Ok(file), false) => {
                let file = Some(OwnedFd::from(file));
                self.post
                    .tell(Message::Answer(asker, Ok(Answer::Picture), file));
            }
            (Ok(file), true) => match read_ppm(file) {
                Ok(picture) => {
                    self.post.tell(Message::Publish(Event::Picture {
                        machine,
                        width: picture.width,
                        height: picture.height,
                        rgba: Arc::new(picture.rgba),
                    }));
                    self.post.answer(asker, Ok(Answer::Done));
                }
                Err(failure) => self.post.answer(asker, Err(failure)),
            },
            (Err(failure), _) => self.post.answer(asker, Err(failure)),
        }
    }

    /// A missing thumbnail is no failure: the list shows the last one. A picture that stands still
    /// is not news: each makes the window draw, which costs more than all else that an idle
    /// machine does.
    ///
    /// What a page shows already is not asked for again.
    pub(super) fn thumbnail(&mut self, seen: Option<&FrameSlot>) {
        let live = seen.filter(|slot| slot.info().status == ScreenStatus::Live);
        let dump = || self.dump_screen().and_then(read_ppm);
        let Ok(picture) = live.and_then(Picture::seen).map_or_else(dump, Ok) else {
            return;
        };
        let (width, height) = picture.fit(THUMBNAIL.0, THUMBNAIL.1);
        let Ok(small) = picture.scale_to(width, height) else {
            return;
        };
        let rgba = Arc::new(small.rgba);
        if let Some((when, last)) = &self.last_thumbnail
            && *last == rgba
            && when.elapsed() < THUMBNAIL_AGAIN
        {
            return;
        }
        self.last_thumbnail = Some((Instant::now(), Arc::clone(&rgba)));
        self.post.tell(Message::Publish(Event::Thumbnail {
            machine: self.post.id,
            width: small.width,
            height: small.height,
            rgba,
        }));
    }

    /// Has QEMU write the screen as a PPM into a file in memory. PNG would be encoded in QEMU's
    /// main loop and hold the guest up.
    pub(super) fn dump_screen(&self) -> Result<File, Failure> {
        let broken = |error: std::io::Error| {
            Failure::new(
                format!("{}: no picture of the screen", self.post.name),
                error.to_string(),
            )
        };
        let refuse = |error: QmpError| self.failure("no picture of the screen", &error);
        let memory = rustix::fs::memfd_create("orangery-screen", MemfdFlags::CLOEXEC)
            .map_err(|errno| broken(errno.into()))?;
        let file = File::from(memory);
        // QEMU wants a descriptor that is open for writing only.
        let own = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        let writer = OpenOptions::new().write(true).open(own).map_err(broken)?;
        let added = self
            .qmp
            .call_with_fd("add-fd", json!({}), writer.as_fd(), PATIENCE)
            .map_err(refuse)?;
        let set = added
            .get("fdset-id")
            .and_then(Value::as_i64)
            .ok_or_else(|| broken(std::io::Error::other("QEMU gave no descriptor set")))?;
        let dumped = self.qmp.call_raw(
            "screendump",
            json!({ "filename": format!("/dev/fdset/{set}") }),
            DUMP_PATIENCE,
        );
        self.qmp
            .call_raw("remove-fd", json!({ "fdset-id": set }), PATIENCE)
            .ok(); // QEMU drops it by itself when it is no longer used.
        dumped.map_err(refuse)?;
        Ok(file)
    }
}
