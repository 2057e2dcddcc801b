//! Machines that are being made: at the foot of the library, with progress and a way to stop it.

use egui::{CornerRadius, Frame, Margin, Panel, RichText, Stroke, Ui, vec2};

use super::icon::Icon;
use super::theme::{self, palette};
use super::view::View;
use super::{Ask, kit};
use crate::engine::message::Command;
use crate::language::{fill, told};
use crate::model::JobReport;

/// More at once are in the footer's list of jobs.
const SHOWN: usize = 3;

/// Takes the room it needs from the foot of `ui`; none where nothing is being made.
pub fn making_ui(ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
    let jobs: Vec<&JobReport> = view
        .jobs
        .values()
        .filter(|job| job.machine.is_none())
        .take(SHOWN)
        .collect();
    if jobs.is_empty() {
        return;
    }
    Panel::bottom("machines being made")
        .frame(Frame::NONE)
        .show_separator_line(false)
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 6.0;
            for job in jobs {
                ui.push_id(job.id, |ui| job_ui(ui, job, asks));
            }
        });
}

/// A job as a card, with a cross where it can be cancelled.
pub fn job_ui(ui: &mut Ui, job: &JobReport, asks: &mut Vec<Ask>) {
    let p = palette(ui);
    let title = told(&job.title);
    Frame::NONE
        .fill(p.card)
        .corner_radius(CornerRadius::same(theme::CARD_RADIUS))
        .stroke(Stroke::new(1.0, p.line))
        .inner_margin(Margin::same(10))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = 5.0;
            // A height of its own: centred in all there is, the card would grow with every frame.
            let line = vec2(ui.available_width(), theme::CONTROL);
            let from_right = egui::Layout::right_to_left(egui::Align::Center);
            ui.allocate_ui_with_layout(line, from_right, |ui| {
                let stop = fill("Cancel: {job}", &[("job", &title)]);
                if job.can_cancel && kit::icon_button(ui, true, Icon::X, &stop).clicked() {
                    asks.push(Ask::Engine(Command::CancelJob(job.id)));
                }
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                    let text = RichText::new(title.as_ref()).font(theme::semibold(13.0));
                    ui.add(egui::Label::new(text.color(p.text)).truncate());
                });
            });
            if !job.step.is_empty() {
                let text = RichText::new(step(job)).size(13.0).color(p.dim);
                ui.add(egui::Label::new(text).truncate());
            }
            kit::progress(ui, job, ui.available_width());
        });
}

/// "Copying the disk, 42 %".
fn step(job: &JobReport) -> String {
    let step = told(&job.step);
    match u128::from(job.done) * 100 / u128::from(job.of.max(1)) {
        _ if job.of == 0 => step.into_owned(),
        percent => fill(
            "{step}, {percent} %",
            &[("step", &step), ("percent", &percent.min(100))],
        ),
    }
}
