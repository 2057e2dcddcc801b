//! Name, size and, folded away, the parts of the new machine.

use egui::{RichText, Ui, vec2};

use super::{Complaints, Kind, NewMachineDialog, host};
use crate::language::{fill, tr};
use crate::model::{Era, FirmwareKind, Flavor};
use crate::ui::icon::Icon;
use crate::ui::kit::{self, Field};
use crate::ui::theme::{self, palette};
use crate::ui::view::View;

/// Between fields side by side.
const BETWEEN: f32 = 12.0;
/// A size fits it, with its complaint below.
const NARROW: f32 = 150.0;

impl NewMachineDialog {
    pub(super) fn shape_ui(&mut self, ui: &mut Ui, view: &View, complaints: &Complaints) {
        let name = Field {
            label: tr("Name"),
            hint: tr("Debian"),
            complaint: complaints.name.as_deref(),
        };
        let disk = Field {
            label: tr("Disk size"),
            hint: "32 GiB",
            complaint: complaints.disk.as_deref(),
        };
        let has_disk = self.has_new_disk();
        let wide = match has_disk {
            true => ui.available_width() - NARROW - BETWEEN,
            false => ui.available_width(),
        };
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = BETWEEN;
            column(ui, wide, |ui| {
                if kit::text_field(ui, &name, &mut self.name).changed() {
                    self.named = true;
                }
            });
            if has_disk {
                column(ui, NARROW, |ui| {
                    if kit::text_field(ui, &disk, &mut self.disk).changed() {
                        self.shaped = true;
                    }
                });
            }
        });
        self.size_ui(ui, view, complaints);
        if self.kind != Kind::TestCard {
            self.more_ui(ui);
        }
    }

    fn size_ui(&mut self, ui: &mut Ui, view: &View, complaints: &Complaints) {
        let (host_cpus, host_memory) = host(view);
        let words = Flavor::ALL.map(|flavor| {
            let (cpus, memory) = flavor.size(host_cpus, host_memory);
            let values: [(&str, &dyn std::fmt::Display); 3] = [
                ("flavor", &flavor.label()),
                ("cpus", &cpus),
                ("memory", &memory),
            ];
            fill("{flavor}: {cpus} CPU, {memory}", &values)
        });
        let mut choices: Vec<(Option<Flavor>, &str)> = Flavor::ALL
            .iter()
            .zip(&words)
            .map(|(flavor, word)| (Some(*flavor), word.as_str()))
            .collect();
        choices.push((None, tr("Custom")));
        kit::field(ui, tr("Size"), None, |ui, _| {
            if kit::segmented(ui, &mut self.flavor, &choices) {
                self.shaped = true;
                if let Some(flavor) = self.flavor {
                    let (cpus, memory) = flavor.size(host_cpus, host_memory);
                    self.cpus = cpus;
                    self.memory = memory.to_string();
                }
            }
        });
        if self.flavor.is_some() {
            return;
        }
        let memory = Field {
            label: tr("Memory"),
            hint: "4 GiB",
            complaint: complaints.memory.as_deref(),
        };
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = BETWEEN;
            column(ui, NARROW, |ui| {
                let cpus = kit::number_field(ui, tr("Processors"), &mut self.cpus, 1..=255);
                self.shaped |= cpus.changed();
            });
            let width = ui.available_width().min(2.0 * NARROW);
            column(ui, width, |ui| {
                let memory = kit::text_field(ui, &memory, &mut self.memory);
                self.shaped |= memory.changed();
            });
        });
    }

    /// What few need to change: folded, with a word on what stands there.
    fn more_ui(&mut self, ui: &mut Ui) {
        let glyph = if self.more {
            Icon::ChevronDown
        } else {
            Icon::ChevronRight
        };
        ui.horizontal(|ui| {
            if kit::link(ui, Some(glyph), tr("More")).clicked() {
                self.more = !self.more;
            }
            if !self.more {
                let values: [(&str, &dyn std::fmt::Display); 2] = [
                    ("firmware", &tr(self.firmware.label())),
                    ("hardware", &tr(self.era.label())),
                ];
                let text = fill("{firmware} · {hardware} hardware · user network", &values);
                ui.label(RichText::new(text).size(13.0).color(palette(ui).dim));
            }
        });
        if !self.more {
            return;
        }
        kit::field(ui, tr("Firmware"), None, |ui, _| {
            let choices = FirmwareKind::ALL.map(|kind| (kind, tr(kind.label())));
            self.shaped |= kit::segmented(ui, &mut self.firmware, &choices);
        });
        kit::field(ui, tr("Hardware"), None, |ui, _| {
            let choices = Era::ALL.map(|era| (era, tr(era.label())));
            self.shaped |= kit::segmented(ui, &mut self.era, &choices);
        });
        let text = RichText::new(tr(self.era.explain())).size(13.0);
        ui.add(egui::Label::new(text.color(palette(ui).dim)).wrap());
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
