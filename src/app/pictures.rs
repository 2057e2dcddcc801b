//! Pictures of snapshots: read and made small beside the window, a few at a time, the most wanted first.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use crossbeam_channel::{Receiver, TryRecvError, bounded};
use egui::{ColorImage, Context};

use super::App;
use super::backend::Waker;
use crate::engine::offline::snapshot_picture;
use crate::ui::album::Wish;

/// Read in one go; then it is looked again what is wanted by now.
const AT_A_TIME: usize = 4;
/// Bytes that a larger picture would take: 8K is 33 megapixels.
const MAX_PIXELS: u64 = 256 << 20;

/// `None` if it can't be read.
type Done = (Wish, Option<ColorImage>);

/// Reads pictures beside the window.
pub struct Pictures {
    waker: Waker,
    /// What is read now; the channel ends with the thread.
    under_way: Option<(Vec<Wish>, Receiver<Done>)>,
}

impl Pictures {
    pub fn new(waker: Waker) -> Self {
        Self {
            waker,
            under_way: None,
        }
    }

    /// Reads what is `wanted` in these machines' folders, unless others are still read.
    fn read(&mut self, wanted: Vec<(Wish, PathBuf)>) {
        if self.under_way.is_some() || wanted.is_empty() {
            return;
        }
        let wishes = wanted.iter().map(|(wish, _)| *wish).collect();
        let (sender, results) = bounded(AT_A_TIME);
        let waker = self.waker.clone();
        let begun = std::thread::Builder::new()
            .name("pictures".to_owned())
            .spawn(move || {
                for (wish, folder) in wanted {
                    let image = read(&folder, wish);
                    if sender.send((wish, image)).is_err() {
                        return; // The window has gone.
                    }
                    waker.wake();
                }
                drop(sender);
                waker.wake();
            });
        if begun.is_ok() {
            self.under_way = Some((wishes, results));
        } // Else the next frame tries again.
    }

    /// What has been read since the last call.
    fn take(&mut self) -> Vec<Done> {
        let Some((waits, results)) = &mut self.under_way else {
            return Vec::new();
        };
        let mut read: Vec<Done> = Vec::new();
        let ended = loop {
            match results.try_recv() {
                Ok(done) => read.push(done),
                Err(why) => break why == TryRecvError::Disconnected,
            }
        };
        waits.retain(|wish| read.iter().all(|(known, _)| known != wish));
        if ended || waits.is_empty() {
            read.extend(waits.drain(..).map(|wish| (wish, None)));
            self.under_way = None;
        }
        read
    }
}

/// A picture made to fit `width` × `height`; `None` if there is none that can be read.
fn read(folder: &Path, wish: Wish) -> Option<ColorImage> {
    let png = snapshot_picture(folder, wish.snapshot).ok()?;
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(MAX_PIXELS);
    let mut reader = image::ImageReader::with_format(Cursor::new(png), image::ImageFormat::Png);
    reader.limits(limits);
    let image = reader.decode().ok()?;
    let (width, height) = wish.size.room();
    let image = match image.width() <= width && image.height() <= height {
        true => image,
        false => image.thumbnail(width, height),
    };
    let image = image.to_rgba8();
    let size = [image.width() as usize, image.height() as usize];
    Some(ColorImage::from_rgba_unmultiplied(size, &image))
}

impl App {
    /// Puts what has been read where the screens look for it.
    pub(super) fn take_pictures(&mut self, ctx: &Context) {
        for (wish, image) in self.pictures.take() {
            self.view.pictures.put(ctx, wish, image);
        }
    }

    /// Has read what the last frame lacked.
    pub(super) fn follow_pictures(&mut self) {
        let wishes = self.shell.wanted_pictures(&self.view);
        let missing = self.view.pictures.follow(&wishes);
        let folder = |wish: Wish| {
            let report = self.view.machine(wish.machine)?;
            Some((wish, report.path.clone()))
        };
        let wanted = missing.into_iter().filter_map(folder);
        let wanted = wanted.take(AT_A_TIME).collect();
        self.pictures.read(wanted);
    }
}
