//! Files that the window touches: the file chooser, and screenshots in the pictures folder.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::backend::Waker;
use crate::desktop::{Place, free_path, keep, new_recording};
use crate::engine::screen::{End, FrameSlot, RECORDING_LIMIT, RecordError, Recorder, Recording};
use crate::language::{later, spoken, tr};
use crate::model::Failure;
use crate::ui::{FilePick, InsideFile};

/// What to say when there is no recording.
const NOT_RECORDED: &str = later("The recording was not kept");

/// A chooser that ends faster than this never opened.
const NEVER_OPENED: Duration = Duration::from_millis(300);

/// What to say when a serial log is not copied.
const LOG_NOT_SAVED: &str = "The console's log was not saved";

/// Endings that images have.
const IMAGES: &[&str] = &[
    "iso", "ISO", "qcow2", "img", "raw", "vmdk", "vdi", "vhdx", "vhd", "dd",
];

/// What a chooser is opened for.
pub enum Wanted {
    File(FilePick),
    /// A new file for a copy.
    Copy(InsideFile),
}

/// What came of a file chooser.
pub enum Picked {
    File(FilePick, PathBuf),
    /// Where a copy goes.
    Target(InsideFile, PathBuf),
    Cancelled,
    /// There is no portal on this desktop.
    NoChooser,
}

/// Runs one file chooser at a time, beside the window.
pub struct Chooser {
    waker: Waker,
    sender: Sender<Picked>,
    results: Receiver<Picked>,
    open: bool,
}

impl Chooser {
    pub fn new(waker: Waker) -> Self {
        let (sender, results) = bounded(1); // One chooser at a time gives one answer.
        Self {
            waker,
            sender,
            results,
            open: false,
        }
    }

    /// Opens the chooser unless one is open.
    pub fn open(&mut self, wanted: Wanted) -> Result<(), Failure> {
        if self.open {
            return Ok(());
        }
        let (sender, waker) = (self.sender.clone(), self.waker.clone());
        let language = spoken(); // Each thread speaks its own.
        std::thread::Builder::new()
            .name("file chooser".to_owned())
            .spawn(move || {
                crate::language::choose(language);
                sender.send(choose(wanted)).ok(); // The window has gone.
                waker.wake();
            })
            .map_err(|error| Failure::new("The file chooser did not open", error.to_string()))?;
        self.open = true;
        Ok(())
    }

    pub fn take(&mut self) -> Option<Picked> {
        let picked = self.results.try_recv().ok()?;
        self.open = false;
        Some(picked)
    }
}

fn choose(wanted: Wanted) -> Picked {
    let begun = Instant::now();
    let picked = match wanted {
        Wanted::File(pick) => choose_file(pick).map(|path| Picked::File(pick, path)),
        Wanted::Copy(file) => {
            let name = file.place.path.rsplit('/').next().unwrap_or_default();
            let dialog = rfd::FileDialog::new()
                .set_title(tr("Save a copy as"))
                .set_file_name(name);
            // Where nobody can be asked, downloads are a good place; the toast says where it went.
            let target = dialog.save_file().or_else(|| {
                let asked = begun.elapsed() >= NEVER_OPENED;
                (!asked).then(|| free_path(Place::Downloads, name))?
            });
            target.map(|path| Picked::Target(file, path))
        }
    };
    match picked {
        Some(picked) => picked,
        None if begun.elapsed() < NEVER_OPENED => Picked::NoChooser,
        None => Picked::Cancelled,
    }
}

fn choose_file(pick: FilePick) -> Option<PathBuf> {
    let dialog = rfd::FileDialog::new();
    let dialog = match pick {
        FilePick::NewMachine => dialog
            .set_title(tr("Choose an installer or a disk image"))
            .add_filter(tr("Images"), IMAGES)
            .add_filter(tr("All files"), &["*"]),
        FilePick::Medium(_) => dialog
            .set_title(tr("Choose an ISO image"))
            .add_filter(tr("ISO images"), &["iso", "ISO"])
            .add_filter(tr("All files"), &["*"]),
        FilePick::Floppy(_) => dialog
            .set_title(tr("Choose a floppy image"))
            .add_filter(tr("Floppy images"), &["img", "IMG", "ima", "flp", "vfd"])
            .add_filter(tr("All files"), &["*"]),
        FilePick::DiskImage(_) => dialog
            .set_title(tr("Choose a disk image"))
            .add_filter(
                tr("Disk images"),
                &["qcow2", "raw", "img", "vmdk", "vdi", "vhdx", "vhd"],
            )
            .add_filter(tr("All files"), &["*"]),
        FilePick::LibraryFolder => dialog.set_title(tr("Choose the library folder")),
    };
    match pick {
        FilePick::LibraryFolder => dialog.pick_folder(),
        FilePick::NewMachine
        | FilePick::Medium(_)
        | FilePick::Floppy(_)
        | FilePick::DiskImage(_) => dialog.pick_file(),
    }
}

/// What to say when no chooser opens.
pub fn no_chooser() -> Failure {
    Failure::new(
        "The file chooser did not open",
        "this desktop has no portal for it",
    )
    .fix("Write the path into the field, drop the file on the window, or install xdg-desktop-portal and xdg-desktop-portal-gtk")
}

/// What to say when several files are dropped.
pub fn one_at_a_time(count: usize) -> Failure {
    Failure::new(
        "Nothing was made of the files",
        format!("{count} were dropped at once, and a machine is made from one"),
    )
    .fix("Drop one installer or disk image at a time")
}

/// A guest's picture, RGBA.
pub struct Shot {
    pub name: String,
    pub width: u32,
    pub height: u32,
    pub rgba: Arc<Vec<u8>>,
}

/// Something to be written beside the window.
pub enum Keepsake {
    /// Making a PNG of a large screen takes a while.
    Picture(Shot),
    /// A problem report.
    Report(String),
    /// What a machine's guest said on its serial port; `folder` is the machine's.
    SerialLog { name: String, folder: PathBuf },
}

/// Where it lies now.
pub struct Kept {
    pub path: PathBuf,
    pub kind: Kind,
}

/// What was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Picture,
    Report,
    SerialLog,
    /// `full`: it has reached its limit.
    Recording {
        full: bool,
    },
}

/// Writes screenshots and reports beside the window.
pub struct Keeper {
    waker: Waker,
    sender: Sender<Result<Kept, Failure>>,
    results: Receiver<Result<Kept, Failure>>,
}

impl Keeper {
    pub fn new(waker: Waker) -> Self {
        let (sender, results) = bounded(8); // More than a person takes between two frames.
        Self {
            waker,
            sender,
            results,
        }
    }

    pub fn keep(&self, keepsake: Keepsake) -> Result<(), Failure> {
        let (sender, waker) = (self.sender.clone(), self.waker.clone());
        let what = match &keepsake {
            Keepsake::Picture(_) => "The screenshot was not kept",
            Keepsake::Report(_) => "The report was not saved",
            Keepsake::SerialLog { .. } => LOG_NOT_SAVED,
        };
        std::thread::Builder::new()
            .name("keeper".to_owned())
            .spawn(move || {
                let kind = match &keepsake {
                    Keepsake::Picture(_) => Kind::Picture,
                    Keepsake::Report(_) => Kind::Report,
                    Keepsake::SerialLog { .. } => Kind::SerialLog,
                };
                let kept = match keepsake {
                    Keepsake::Picture(shot) => save_screenshot(&shot),
                    Keepsake::Report(text) => save_report(&text),
                    Keepsake::SerialLog { name, folder } => save_serial_log(&name, &folder),
                };
                sender.send(kept.map(|path| Kept { path, kind })).ok(); // The window has gone.
                waker.wake();
            })
            .map(drop)
            .map_err(|error| Failure::new(what, error.to_string()))
    }

    /// Records what `slot` shows into a video of the machine `name`.
    pub fn record(&self, slot: &Arc<FrameSlot>, name: String) -> Result<Recorder, Failure> {
        let (sender, waker) = (self.sender.clone(), self.waker.clone());
        let open = move || new_recording(&name);
        let done = move |ended: Result<(PathBuf, Recording), RecordError>| {
            let kept = ended.map(|(path, recording)| Kept {
                path,
                kind: Kind::Recording {
                    full: recording.end == End::Full,
                },
            });
            let kept = kept.map_err(|error| Failure::new(NOT_RECORDED, error.to_string()));
            sender.send(kept).ok(); // The window has gone.
            waker.wake();
        };
        Recorder::start(slot, open, RECORDING_LIMIT, done)
            .map_err(|error| Failure::new(NOT_RECORDED, error.to_string()))
    }

    pub fn take(&self) -> Option<Result<Kept, Failure>> {
        self.results.try_recv().ok()
    }
}

/// Writes a picture into the pictures folder; returns where.
fn save_screenshot(shot: &Shot) -> Result<PathBuf, Failure> {
    keep(Place::Pictures, &shot.name, "png", |file| {
        write_png(file, shot)
    })
    .map_err(|error| Failure::new("The screenshot was not kept", error.to_string()))
}

/// Writes a report where downloads lie; returns where.
fn save_report(text: &str) -> Result<PathBuf, Failure> {
    keep(Place::Downloads, "orangery-report", "txt", |file| {
        io::Write::write_all(file, text.as_bytes())?;
        file.sync_all()
    })
    .map_err(|error| Failure::new("The report was not saved", error.to_string()))
}

/// Copies a serial log to where downloads lie; returns where.
fn save_serial_log(name: &str, machine: &Path) -> Result<PathBuf, Failure> {
    let said = crate::engine::offline::serial_log(machine)?;
    if said.is_empty() {
        return Err(Failure::new(
            LOG_NOT_SAVED,
            "the guest has said nothing yet",
        ));
    }
    let name = format!("{name} serial console");
    keep(Place::Downloads, &name, "log", |file| {
        io::Write::write_all(file, &said)?;
        file.sync_all()
    })
    .map_err(|error| Failure::new(LOG_NOT_SAVED, error.to_string()))
}

fn write_png(file: &mut File, shot: &Shot) -> io::Result<()> {
    use image::ImageEncoder as _;
    let mut out = io::BufWriter::new(file);
    image::codecs::png::PngEncoder::new(&mut out)
        .write_image(
            &shot.rgba,
            shot.width,
            shot.height,
            image::ExtendedColorType::Rgba8,
        )
        .map_err(io::Error::other)?;
    io::Write::flush(&mut out) // Dropping it would keep an error to itself.
}
