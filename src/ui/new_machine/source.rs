//! What the machine starts from: the choice, the file, and what was found in it.

use egui::{RichText, Ui};

use super::{Complaints, Kind, Look, NewMachineDialog, Place};
use crate::language::{fill, told, tr};
use crate::model::{FileKind, Recognised};
use crate::ui::icon::{self, Icon};
use crate::ui::kit::{self, Field, Tone};
use crate::ui::theme::{self, palette};
use crate::ui::view::View;
use crate::ui::{Ask, FilePick};

impl Kind {
    const CHOICES: [(Self, &'static str); 3] = [
        (Self::File, "Installer or disk image"),
        (Self::Empty, "Empty disk"),
        (Self::TestCard, "Test card"),
    ];

    fn explain(self) -> &'static str {
        match self {
            Self::File => "An ISO installs onto an empty disk; a disk image is the disk",
            Self::Empty => "A new empty disk; put a medium in later",
            Self::TestCard => "A tiny built-in guest that shows whether everything works",
        }
    }
}

impl Place {
    const CHOICES: [(Self, &'static str); 2] = [
        (Self::Copy, "Copy it into the library"),
        (Self::InPlace, "Use it where it lies"),
    ];

    fn explain(self) -> &'static str {
        match self {
            Self::Copy => "The file stays as it is, whatever the machine does to its disk",
            Self::InPlace => "The machine writes to the file: nothing is copied, nothing is kept",
        }
    }
}

fn hint(ui: &mut Ui, text: &str) {
    let text = RichText::new(text).size(13.0).color(palette(ui).dim);
    ui.add(egui::Label::new(text).wrap());
}

impl NewMachineDialog {
    pub(super) fn source_ui(
        &mut self,
        ui: &mut Ui,
        view: &View,
        complaints: &Complaints,
        asks: &mut Vec<Ask>,
    ) {
        kit::field(ui, tr("What it starts from"), None, |ui, _| {
            let choices = Kind::CHOICES.map(|(kind, word)| (kind, tr(word)));
            if kit::segmented(ui, &mut self.kind, &choices) {
                self.wish = None;
                self.shaped = false;
                self.suggest(view);
            }
        });
        if self.kind != Kind::File {
            hint(ui, tr(self.kind.explain()));
            return;
        }
        let spec = Field {
            label: tr("File"),
            hint: tr("Drop a file on the window, browse, or write its path"),
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
            self.path_changed(view);
        }
        if browse {
            asks.push(Ask::Pick(FilePick::NewMachine));
        }
        self.look_ui(ui);
    }

    /// What the file was found to be, and what becomes of it.
    fn look_ui(&mut self, ui: &mut Ui) {
        let found = match &self.look {
            Look::Nothing => return hint(ui, tr(Kind::File.explain())),
            Look::Failed(_) => return,
            Look::Looking => {
                found_ui(ui, Icon::FileSearch, tr("Looking at the file…"), "");
                return;
            }
            Look::Found(found) => found.clone(),
        };
        let Some((glyph, what)) = description(&found) else {
            return;
        };
        match &found.system {
            Some(system) => found_ui(ui, glyph, &system.name, &what),
            None => found_ui(ui, glyph, &what, tr("The system on it is not known")),
        }
        match &found.kind {
            FileKind::Iso { bootable: false } => {
                let text = tr(
                    "This ISO does not start by itself. It is a disc for a machine that is there already",
                );
                kit::callout(ui, Tone::Warning, text, |_| {});
            }
            FileKind::Disk { .. } => {
                kit::field(ui, tr("The disk"), None, |ui, _| {
                    let choices = Place::CHOICES.map(|(place, word)| (place, tr(word)));
                    kit::segmented(ui, &mut self.place, &choices);
                });
                hint(ui, tr(self.place.explain()));
            }
            FileKind::Foreign { .. } => hint(
                ui,
                tr("It is copied into the library and converted to qcow2. The file stays as it is"),
            ),
            FileKind::Iso { .. } | FileKind::Unusable { .. } => {}
        }
        if let Some(note) = found
            .system
            .as_ref()
            .and_then(|system| system.note.as_ref())
        {
            kit::callout(ui, Tone::Warning, &told(note), |_| {});
        }
    }
}

/// An icon and a line for what was found; `None` for what can't be used.
fn description(found: &Recognised) -> Option<(Icon, String)> {
    Some(match &found.kind {
        FileKind::Iso { .. } => {
            let text = fill("Installer or live system, {size}", &[("size", &found.size)]);
            (Icon::Disc3, text)
        }
        FileKind::Disk { format, size } => {
            let values: [(&str, &dyn std::fmt::Display); 2] = [("format", format), ("size", size)];
            (Icon::HardDrive, fill("Disk of {size}, {format}", &values))
        }
        FileKind::Foreign { format, size } => {
            let text = match size {
                Some(size) => fill(
                    "Disk of {size}, {format}",
                    &[("format", format), ("size", size)],
                ),
                None => fill("Disk, {format}", &[("format", format)]),
            };
            (Icon::HardDrive, text)
        }
        FileKind::Unusable { .. } => return None,
    })
}

/// A line with what was found, as a quiet box.
fn found_ui(ui: &mut Ui, glyph: Icon, title: &str, text: &str) {
    let p = palette(ui);
    egui::Frame::NONE
        .fill(p.hover)
        .corner_radius(egui::CornerRadius::same(theme::CONTROL_RADIUS))
        .inner_margin(egui::Margin::symmetric(12, 8))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 10.0;
                ui.set_height(22.0);
                icon::show(ui, glyph, 20.0, p.accent_text);
                let title = RichText::new(title).font(theme::semibold(theme::BODY));
                ui.label(title.color(p.text));
                if !text.is_empty() {
                    ui.label(RichText::new(text).size(13.0).color(p.dim));
                }
            });
        });
}
