//! Adding a disk: an empty one, or an image that is there already.

use std::path::PathBuf;

use egui::Ui;

use super::draft::path_complaint;
use super::{Desk, HardwareForm, fields};
use crate::engine::message::Command;
use crate::language::{told, tr};
use crate::model::{
    ByteSize, Change, DeviceKind, Disk, DiskBus, DiskContent, DiskSource, Effect, LayerId, NewDisk,
    Part, apply, complaints, no_room,
};
use crate::ui::icon::Icon;
use crate::ui::kit::{self, Field};
use crate::ui::{Ask, FilePick};

/// The smallest disk that is worth the name, and the largest that qcow2 and guests agree on.
const SMALLEST: ByteSize = ByteSize::mib(1);
const LARGEST: ByteSize = ByteSize::gib(64 * 1024);

/// What a new disk starts with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Start {
    #[default]
    Empty,
    /// A copy of an image, in the library.
    Copy,
    /// An image where it lies.
    InPlace,
}

/// The disk that is being described, and the one that may be deleted.
#[derive(Default)]
pub(super) struct DiskForm {
    open: bool,
    /// It has just been opened: its end, with the button, comes into sight.
    reveal: bool,
    start: Start,
    /// Empty stands for the suggestion.
    size: String,
    path: String,
    bus: Option<DiskBus>,
    /// A detached disk that is to go for good, once that was confirmed.
    pub(super) deleting: Option<LayerId>,
}

const SUGGESTION: &str = "32 GiB";

/// The file chooser's name for the image.
const FIELD: &str = "new disk";

impl DiskForm {
    fn size(&self) -> Result<ByteSize, String> {
        let text = if self.size.is_empty() {
            SUGGESTION
        } else {
            &self.size
        };
        let size: ByteSize = text
            .parse()
            .map_err(|error: crate::model::SizeError| told(&error.to_string()).into_owned())?;
        if (SMALLEST..=LARGEST).contains(&size) {
            Ok(size)
        } else {
            Err(tr("A disk has 1 MiB to 64 TiB").to_owned())
        }
    }

    fn path(&self) -> Result<PathBuf, String> {
        let text = self.path.trim();
        match path_complaint(text) {
            Some(complaint) => Err(complaint),
            None if text.is_empty() => Err(tr("Choose an image first").to_owned()),
            None => Ok(PathBuf::from(text)),
        }
    }

    fn content(&self) -> Result<DiskContent, String> {
        Ok(match self.start {
            Start::Empty => DiskContent::Empty(self.size()?),
            Start::Copy => DiskContent::Copy(self.path()?),
            Start::InPlace => DiskContent::InPlace(self.path()?),
        })
    }
}

/// The bus that suits the board's other disks.
fn usual_bus(form: &HardwareForm) -> DiskBus {
    form.base
        .disks()
        .next()
        .map_or(DiskBus::Virtio, |disk| disk.bus)
}

/// Why the record has no place for another disk on `bus`.
fn bus_complaint(form: &HardwareForm, bus: DiskBus) -> Option<String> {
    let mut machine = form.base.clone();
    let mut disk = Disk::new(DiskSource::Layers(Vec::new()), ByteSize::gib(1));
    disk.bus = bus;
    let kind = DeviceKind::Disk(disk);
    let Some(device) = machine.new_device(kind.clone()) else {
        return Some(told(&no_room(&kind, machine.board())).into_owned());
    };
    let part = Part::Device(device.id.clone());
    apply(&mut machine, Change::Add(device));
    let found = complaints(&machine);
    let found = found.iter().find(|complaint| complaint.part == part)?;
    Some(told(&found.text).into_owned())
}

/// The button, or the form that it opens.
pub(super) fn add_disk_ui(ui: &mut Ui, form: &mut HardwareForm, desk: &mut Desk<'_>) {
    if let Some(path) = form.file_for(FIELD) {
        desk.tab.disk.path = path.display().to_string();
    }
    if !desk.tab.disk.open {
        if kit::secondary(ui, true, Some(Icon::Plus), tr("Add a disk…")).clicked() {
            (desk.tab.disk.open, desk.tab.disk.reveal) = (true, true);
        }
        return;
    }
    fields::inset(ui, |ui| {
        ui.horizontal(|ui| {
            kit::section(ui, tr("A new disk"));
            fields::mark(ui, desk.running.is_some(), Effect::NextStart);
        });
        start_ui(ui, &mut desk.tab.disk.start);
        if desk.tab.disk.start == Start::Empty {
            size_ui(ui, desk.tab.disk);
        } else {
            image_ui(ui, form, desk);
        }
        let mut bus = desk.tab.disk.bus.unwrap_or_else(|| usual_bus(form));
        let choices = DiskBus::ALL.map(|bus| (bus, tr(bus.label()).to_owned()));
        if kit::choice(ui, tr("Plugged into"), &mut bus, &choices) {
            desk.tab.disk.bus = Some(bus);
        }
        let refused = bus_complaint(form, bus);
        if let Some(complaint) = &refused {
            kit::complaint(ui, complaint);
        }
        finish_ui(ui, form, desk, bus, refused);
    });
    if std::mem::take(&mut desk.tab.disk.reveal) {
        ui.scroll_to_cursor(Some(egui::Align::BOTTOM));
    }
}

fn start_ui(ui: &mut Ui, start: &mut Start) {
    let mut existing = *start != Start::Empty;
    let choices = [(false, tr("Empty")), (true, tr("From an image"))];
    if kit::segmented(ui, &mut existing, &choices) {
        *start = if existing { Start::Copy } else { Start::Empty };
    }
}

fn size_ui(ui: &mut Ui, disk: &mut DiskForm) {
    let complaint = disk.size().err();
    let field = Field {
        label: tr("Size"),
        hint: SUGGESTION,
        complaint: complaint.as_deref(),
    };
    kit::text_field(ui, &field, &mut disk.size);
    kit::hint(
        ui,
        tr("It takes room on this computer only as the guest writes to it"),
    );
}

fn image_ui(ui: &mut Ui, form: &mut HardwareForm, desk: &mut Desk<'_>) {
    let disk = &mut *desk.tab.disk;
    let complaint = path_complaint(&disk.path);
    let field = Field {
        label: tr("Image"),
        hint: tr("/home/you/disk.qcow2"),
        complaint: complaint.as_deref(),
    };
    let (_, browse) = kit::browse_field(ui, &field, &mut disk.path);
    if browse {
        let pick = FilePick::DiskImage(desk.report.id);
        form.pick = Some((FIELD.to_owned(), pick));
        desk.asks.push(Ask::Pick(pick));
    }
    let choices = [
        (Start::Copy, tr("Copy it into the library")),
        (Start::InPlace, tr("Use it where it lies")),
    ];
    kit::segmented(ui, &mut disk.start, &choices);
    let text = match disk.start {
        Start::InPlace => tr("The guest writes into the file itself: qcow2 or raw"),
        Start::Copy | Start::Empty => {
            tr("The file stays as it is: qcow2, raw, vmdk, vdi, vhdx or vhd")
        }
    };
    kit::hint(ui, text);
}

fn finish_ui(
    ui: &mut Ui,
    form: &mut HardwareForm,
    desk: &mut Desk<'_>,
    bus: DiskBus,
    refused: Option<String>,
) {
    let content = desk.tab.disk.content();
    let why_not = refused.or_else(|| content.as_ref().err().cloned());
    ui.horizontal(|ui| {
        let add = kit::primary(ui, why_not.is_none(), Some(Icon::Plus), tr("Add the disk"));
        match (&why_not, content) {
            (None, Ok(content)) if add.clicked() => {
                form.expect();
                desk.asks.push(Ask::Engine(Command::AddDisk {
                    machine: desk.report.id,
                    disk: NewDisk { bus, content },
                }));
                *desk.tab.disk = DiskForm::default();
            }
            (Some(why), _) => {
                add.on_disabled_hover_text(why);
            }
            _ => {}
        }
        if kit::secondary(ui, true, None, tr("Cancel")).clicked() {
            *desk.tab.disk = DiskForm::default();
        }
        kit::hint(ui, tr("Made at once, without “Apply”"));
    });
}
