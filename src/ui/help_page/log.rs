//! The app's own log: searched, copied, and as part of a report.

use egui::{RichText, ScrollArea, Ui};

use crate::engine::message::Command;
use crate::language::{count, fill, tr};
use crate::ui::Ask;
use crate::ui::icon::Icon;
use crate::ui::kit::{self, Field};
use crate::ui::theme::palette;
use crate::ui::view::View;

/// What a report is for.
pub(super) fn explain() -> &'static str {
    tr(
        "Collects what others need to help you: the version, what “This computer” says, the settings and the end of the log, without names and addresses of yours. You see all of it before it is saved. For a problem with one machine, take the button on its Log page",
    )
}

/// What is looked for.
#[derive(Default)]
pub(super) struct LogView {
    search: String,
    asked: bool,
}

impl LogView {
    pub(super) fn ui(&mut self, ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
        if !self.asked {
            self.asked = true;
            asks.push(Ask::Engine(Command::ReadLog));
        }
        kit::card(ui, tr("Report a problem"), |ui| {
            let text = RichText::new(explain()).color(palette(ui).dim);
            ui.add(egui::Label::new(text).wrap());
            let word = tr("Make a report…");
            if kit::secondary(ui, true, Some(Icon::Flag), word).clicked() {
                asks.push(Ask::Engine(Command::Report { machine: None }));
            }
        });
        ui.add_space(6.0);
        kit::card(ui, tr("Log"), |ui| self.lines_ui(ui, view, asks));
    }

    fn lines_ui(&mut self, ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
        let spec = Field {
            label: tr("Search"),
            hint: tr("A machine's name, “Failed”, a date"),
            complaint: None,
        };
        kit::text_field(ui, &spec, &mut self.search);
        let wanted = self.search.trim().to_lowercase();
        let found: Vec<&str> = view
            .program
            .log
            .iter()
            .map(String::as_str)
            .filter(|line| wanted.is_empty() || line.to_lowercase().contains(&wanted))
            .collect();
        ui.horizontal(|ui| {
            let number = found.len() as u64;
            let text = if wanted.is_empty() {
                count(number, "{count} line", "{count} lines")
            } else {
                let of = view.program.log.len();
                fill(
                    "{found} of {all} lines",
                    &[("found", &number), ("all", &of)],
                )
            };
            ui.label(RichText::new(text).size(13.0).color(palette(ui).dim));
            if kit::secondary(ui, true, Some(Icon::RefreshCw), tr("Refresh")).clicked() {
                asks.push(Ask::Engine(Command::ReadLog));
            }
            let copy = kit::secondary(
                ui,
                !found.is_empty(),
                Some(Icon::Copy),
                tr("Copy these lines"),
            );
            if copy.clicked() {
                ui.ctx().copy_text(found.join("\n"));
            }
        });
        let height = ui.text_style_height(&egui::TextStyle::Monospace) + 2.0;
        ui.spacing_mut().item_spacing.y = 2.0;
        let area = ScrollArea::both().max_height(420.0).auto_shrink(false);
        area.stick_to_bottom(true)
            .show_rows(ui, height - 2.0, found.len(), |ui, rows| {
                for line in &found[rows] {
                    let text = RichText::new(*line).monospace().size(13.0);
                    let text = text.color(palette(ui).text);
                    ui.add(egui::Label::new(text).extend().selectable(true));
                }
            });
    }
}
