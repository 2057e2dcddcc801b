//! The dialog that makes a machine: everything on one page, with good defaults.

use std::path::{Path, PathBuf};

use egui::{Key, Modifiers, RichText, Ui, vec2};

use super::icon::Icon;
use super::kit::{self, Field, Tone};
use super::machine_page::memory_complaint;
use super::theme::{self, palette};
use super::view::View;
use super::{Ask, FilePick};
use crate::engine::message::Command;
use crate::model::{ByteSize, Era, FirmwareKind, NewMachine, Source, check_name, free_name};

/// What a new machine is made from, as a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Iso,
    Disk,
    Empty,
    TestCard,
}

impl Kind {
    const CHOICES: [(Self, &'static str); 4] = [
        (Self::Iso, "Installer ISO"),
        (Self::Disk, "Disk image"),
        (Self::Empty, "Empty disk"),
        (Self::TestCard, "Test card"),
    ];

    fn explain(self) -> &'static str {
        match self {
            Self::Iso => "Boots the installer and gives it an empty disk",
            Self::Disk => "Uses an existing disk where it lies; the machine writes to it",
            Self::Empty => "A new empty disk; put a medium in later",
            Self::TestCard => "A tiny built-in guest that shows whether everything works",
        }
    }
}

/// What has been typed so far.
pub struct NewMachineDialog {
    kind: Kind,
    path: String,
    name: String,
    /// The name was typed, so a new file does not change it.
    named: bool,
    cpus: u32,
    memory: String,
    disk: String,
    firmware: FirmwareKind,
    /// Complaints about what was never touched wait for the first try.
    tried: bool,
    focused: bool,
}

impl NewMachineDialog {
    /// Opens empty, or from a dropped file.
    pub fn new(view: &View, file: Option<&Path>) -> Self {
        let mut dialog = Self {
            kind: Kind::Iso,
            path: String::new(),
            name: String::new(),
            named: false,
            cpus: 1,
            memory: String::new(),
            disk: String::new(),
            firmware: FirmwareKind::Bios,
            tried: false,
            focused: false,
        };
        dialog.suggest(view);
        if let Some(file) = file {
            dialog.take_file(view, file);
        }
        dialog
    }

    /// Opens again with what could not be made, so that nothing has to be typed twice.
    pub fn again(view: &View, spec: &NewMachine) -> Self {
        let (kind, path) = match &spec.source {
            Source::Iso(path) => (Kind::Iso, Some(path)),
            Source::Disk(path) | Source::Copy(path) => (Kind::Disk, Some(path)),
            Source::Empty => (Kind::Empty, None),
            Source::TestCard { .. } => (Kind::TestCard, None),
        };
        Self {
            kind,
            path: path.map_or_else(String::new, |path| path.display().to_string()),
            name: spec.name.clone(),
            named: true,
            cpus: spec.cpus,
            memory: spec.memory.to_string(),
            disk: spec.disk_size.to_string(),
            firmware: spec.firmware,
            tried: true,
            ..Self::new(view, None)
        }
    }

    /// A file that was dropped or chosen; its ending says what it is.
    pub fn take_file(&mut self, view: &View, file: &Path) {
        let iso = file
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("iso"));
        self.kind = if iso { Kind::Iso } else { Kind::Disk };
        self.path = file.display().to_string();
        self.suggest(view);
    }

    /// Fills in what the model suggests for the source as it stands.
    fn suggest(&mut self, view: &View) {
        let (cpus, memory) = view
            .computer
            .as_ref()
            .map_or((2, ByteSize::gib(8)), |computer| {
                (computer.cpus, computer.memory_total)
            });
        let suggestion = NewMachine::suggest(self.source(), cpus, memory);
        if !self.named {
            self.name = free_name(&suggestion.name, &view.names());
        }
        self.cpus = suggestion.cpus;
        self.memory = suggestion.memory.to_string();
        self.disk = suggestion.disk_size.to_string();
        self.firmware = suggestion.firmware;
    }

    fn source(&self) -> Source {
        let path = PathBuf::from(self.path.trim());
        match self.kind {
            Kind::Iso => Source::Iso(path),
            Kind::Disk => Source::Disk(path),
            Kind::Empty => Source::Empty,
            Kind::TestCard => Source::TestCard {
                ballast: ByteSize(0),
            },
        }
    }

    fn needs_file(&self) -> bool {
        matches!(self.kind, Kind::Iso | Kind::Disk)
    }

    fn has_new_disk(&self) -> bool {
        matches!(self.kind, Kind::Iso | Kind::Empty)
    }

    /// The dialog; returns whether it stays open.
    pub fn ui(&mut self, ui: &Ui, view: &View, asks: &mut Vec<Ask>) -> bool {
        let complaints = self.complaints(view);
        let (done, dismissed) = kit::modal(ui, "new machine", 620.0, "New machine", |ui| {
            ui.spacing_mut().item_spacing.y = 12.0;
            self.source_ui(ui, view, &complaints, asks);
            ui.separator();
            self.hardware_ui(ui, &complaints);
            self.advice_ui(ui, view);
            self.end_ui(ui, &complaints, asks)
        });
        !(done || dismissed)
    }

    fn source_ui(
        &mut self,
        ui: &mut Ui,
        view: &View,
        complaints: &Complaints,
        asks: &mut Vec<Ask>,
    ) {
        kit::field(ui, "What it starts from", None, |ui, _| {
            if kit::segmented(ui, &mut self.kind, &Kind::CHOICES) {
                self.suggest(view);
            }
        });
        ui.label(RichText::new(self.kind.explain()).color(palette(ui).dim));
        if self.needs_file() {
            let spec = Field {
                label: if self.kind == Kind::Iso {
                    "ISO file"
                } else {
                    "Disk image"
                },
                hint: "Drop a file on the window, browse, or write its path",
                complaint: complaints
                    .path
                    .as_deref()
                    .filter(|_| self.tried || !self.path.is_empty()),
            };
            let (path, browse) = kit::browse_field(ui, &spec, &mut self.path);
            if !self.focused {
                self.focused = true;
                path.request_focus();
            }
            if path.changed() {
                self.suggest(view);
            }
            if browse {
                asks.push(Ask::Pick(FilePick::NewMachine));
            }
        }
    }

    fn hardware_ui(&mut self, ui: &mut Ui, complaints: &Complaints) {
        let spec = Field {
            label: "Name",
            hint: "Debian",
            complaint: complaints.name.as_deref(),
        };
        if kit::text_field(ui, &spec, &mut self.name).changed() {
            self.named = true;
        }
        let columns: usize = if self.has_new_disk() { 3 } else { 2 };
        let width = (ui.available_width() - 12.0 * (columns as f32 - 1.0)) / columns as f32;
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 12.0;
            column(ui, width, |ui| {
                kit::number_field(ui, "Processors", &mut self.cpus, 1..=255);
            });
            let memory = Field {
                label: "Memory",
                hint: "4 GiB",
                complaint: complaints.memory.as_deref(),
            };
            column(ui, width, |ui| {
                kit::text_field(ui, &memory, &mut self.memory);
            });
            if self.has_new_disk() {
                let disk = Field {
                    label: "Disk size",
                    hint: "32 GiB",
                    complaint: complaints.disk.as_deref(),
                };
                column(ui, width, |ui| {
                    kit::text_field(ui, &disk, &mut self.disk);
                });
            }
        });
        if self.kind != Kind::TestCard {
            kit::field(ui, "Firmware", None, |ui, _| {
                let choices = FirmwareKind::ALL.map(|kind| (kind, kind.label()));
                kit::segmented(ui, &mut self.firmware, &choices);
            });
        }
    }

    /// Says what this computer thinks of the size, before it hurts.
    fn advice_ui(&self, ui: &mut Ui, view: &View) {
        let Some(computer) = &view.computer else {
            return;
        };
        let memory: Option<ByteSize> = self.memory.parse().ok();
        let text = if memory.is_some_and(|memory| memory > computer.memory_free) {
            format!(
                "This computer has {} of memory free. The machine may not start, or slow everything down.",
                computer.memory_free
            )
        } else if self.cpus > computer.cpus {
            format!(
                "This computer has {} processors; more make it slower.",
                computer.cpus
            )
        } else {
            return;
        };
        kit::callout(ui, Tone::Warning, &text, |_| {});
    }

    /// The buttons; returns whether the dialog is done.
    fn end_ui(&mut self, ui: &mut Ui, complaints: &Complaints, asks: &mut Vec<Ask>) -> bool {
        let ready = complaints.none();
        let entered = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
        let mut create = None;
        let mut cancel = false;
        kit::footer(ui, |ui| {
            if kit::primary(ui, ready, Some(Icon::Play), "Create & start").clicked() {
                create = Some(true);
            }
            if kit::secondary(ui, ready, None, "Create").clicked() {
                create = Some(false);
            }
            cancel = kit::secondary(ui, true, None, "Cancel").clicked();
        });
        if entered && create.is_none() && !cancel {
            self.tried = true;
            create = ready.then_some(true);
        }
        if let (Some(start), Some(spec)) = (create, self.spec()) {
            asks.push(Ask::Engine(Command::Create { spec, start }));
            return true;
        }
        cancel
    }

    /// What to create, once nothing is wrong with it.
    fn spec(&self) -> Option<NewMachine> {
        Some(NewMachine {
            name: self.name.clone(),
            source: self.source(),
            cpus: self.cpus,
            memory: self.memory.parse().ok()?,
            disk_size: self.disk.parse().ok()?,
            firmware: self.firmware,
            era: Era::default(),
        })
    }

    fn complaints(&self, view: &View) -> Complaints {
        Complaints {
            path: self.path_complaint(),
            name: check_name(&self.name, view.names())
                .err()
                .map(|error| error.to_string()),
            memory: memory_complaint(&self.memory),
            disk: self
                .has_new_disk()
                .then(|| disk_complaint(&self.disk))
                .flatten(),
        }
    }

    /// Whether the file exists is the engine's to find out.
    fn path_complaint(&self) -> Option<String> {
        let path = self.path.trim();
        if !self.needs_file() {
            None
        } else if path.is_empty() {
            Some("Choose a file".to_owned())
        } else if !path.starts_with('/') {
            Some("Write the whole path, starting with “/”".to_owned())
        } else {
            None
        }
    }
}

fn column(ui: &mut Ui, width: f32, content: impl FnOnce(&mut Ui)) {
    ui.allocate_ui_with_layout(
        vec2(width, theme::CONTROL),
        egui::Layout::top_down(egui::Align::Min),
        |ui| {
            ui.set_width(width);
            content(ui);
        },
    );
}

fn disk_complaint(text: &str) -> Option<String> {
    match text.parse::<ByteSize>() {
        Err(error) => Some(error.to_string()),
        Ok(size) if size < ByteSize::mib(1) => Some("A disk needs 1 MiB at least".to_owned()),
        Ok(size) if size > ByteSize::gib(65_536) => Some("That is more than 64 TiB".to_owned()),
        Ok(_) => None,
    }
}

/// What is wrong with each field.
struct Complaints {
    path: Option<String>,
    name: Option<String>,
    memory: Option<String>,
    disk: Option<String>,
}

impl Complaints {
    fn none(&self) -> bool {
        self.path.is_none() && self.name.is_none() && self.memory.is_none() && self.disk.is_none()
    }
}
