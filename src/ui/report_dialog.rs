//! "Report a problem": the whole report, to be read before it goes anywhere.

use egui::{RichText, ScrollArea, TextEdit, Ui};

use super::icon::Icon;
use super::theme::{self, palette};
use super::view::View;
use super::{Ask, kit};
use crate::language::tr;

pub fn report_ui(ui: &Ui, view: &View, asks: &mut Vec<Ask>) {
    let Some(report) = &view.program.report else {
        return;
    };
    let room = ui.ctx().content_rect().height();
    let ((), dismissed) = kit::modal(ui, "report", 760.0, tr("Report a problem"), |ui| {
        let text = tr(
            "This is everything that is in the report. Names, addresses and paths of yours were taken out; read it before you pass it on. Nothing is sent",
        );
        ui.add(egui::Label::new(RichText::new(text).color(palette(ui).dim)).wrap());
        ui.add_space(6.0);
        egui::Frame::NONE
            .fill(palette(ui).well)
            .inner_margin(egui::Margin::same(10))
            .corner_radius(theme::CONTROL_RADIUS)
            .show(ui, |ui| {
                let height = (room - 320.0).max(120.0);
                let area = ScrollArea::vertical().max_height(height);
                let area = area.min_scrolled_height(height).auto_shrink(false);
                area.show(ui, |ui| {
                    let mut shown = report.as_str(); // To be selected, not changed.
                    let text = TextEdit::multiline(&mut shown)
                        .font(egui::TextStyle::Monospace)
                        .frame(egui::Frame::NONE)
                        .desired_width(f32::INFINITY);
                    let response = ui.add(text);
                    let name = tr("The report");
                    response.widget_info(|| {
                        egui::WidgetInfo::labeled(egui::Role::MultilineTextInput, true, name)
                    });
                });
            });
        ui.add_space(10.0);
        kit::footer(ui, |ui| {
            let save = kit::primary(ui, true, Some(Icon::Save), tr("Save to a file"));
            if save.clicked() {
                asks.push(Ask::SaveReport(report.clone()));
                asks.push(Ask::CloseReport);
            }
            if kit::secondary(ui, true, Some(Icon::Copy), tr("Copy")).clicked() {
                ui.ctx().copy_text(report.clone());
            }
            if kit::secondary(ui, true, None, tr("Close")).clicked() {
                asks.push(Ask::CloseReport);
            }
        });
    });
    if dismissed {
        asks.push(Ask::CloseReport);
    }
}
