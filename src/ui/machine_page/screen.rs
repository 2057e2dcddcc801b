//! The guest's live screen over the whole page, with a bar that says where the keyboard goes.

use egui::{Margin, Panel, RichText, Ui, vec2};

use super::MachinePage;
use super::sharing::sharing_ui;
use crate::language::{fill, tr};
use crate::model::{Action, MachineReport};
use crate::ui::actions::{self, Errand, Shape};
use crate::ui::icon::{self, Icon};
use crate::ui::screen_view::{self, Scaling};
use crate::ui::theme::palette;
use crate::ui::view::{LiveScreen, View};
use crate::ui::{Ask, kit};

pub(super) fn screen_tab_ui(
    ui: &mut Ui,
    page: &mut MachinePage,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    let live = view
        .screen
        .as_ref()
        .filter(|screen| screen.machine == report.id && report.state.has_screen());
    let Some(live) = live else {
        no_screen_ui(ui, view, report, asks);
        return;
    };
    let captured = view.captured == Some(report.id);
    let p = palette(ui);
    Panel::bottom("screen bar")
        .exact_size(50.0)
        .show_separator_line(false)
        .frame(
            egui::Frame::NONE
                .fill(p.card)
                .inner_margin(Margin::symmetric(16, 6)),
        )
        .show(ui, |ui| {
            bar_ui(ui, page, view, (report, live), captured, asks)
        });
    screen_view::screen_ui(ui, live, page.scaling, captured, asks);
}

fn bar_ui(
    ui: &mut Ui,
    page: &mut MachinePage,
    view: &View,
    (report, live): (&MachineReport, &LiveScreen),
    captured: bool,
    asks: &mut Vec<Ask>,
) {
    let p = palette(ui);
    ui.horizontal_centered(|ui| {
        let (color, text) = if captured {
            let key = tr(view.settings.release_key.label());
            let text = fill(
                "Keyboard goes to the guest: press {key} to release",
                &[("key", &key)],
            );
            (p.accent_text, text)
        } else {
            (p.dim, tr("Click the screen to type into it").to_owned())
        };
        icon::show(ui, Icon::Keyboard, 17.0, color);
        ui.label(RichText::new(text).color(if captured { p.text } else { p.dim }));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let (word, look) = Errand::FullScreen.look();
            let hint = actions::errand_hint(ui, Errand::FullScreen);
            if kit::icon_button(ui, true, look.icon, tr(word))
                .on_hover_text(hint)
                .clicked()
            {
                asks.push(Ask::Errand(Errand::FullScreen));
            }
            let choices = [(Scaling::Fit, tr("Fit")), (Scaling::Sharp, "1:1")];
            kit::segmented(ui, &mut page.scaling, &choices);
            let size = format!("{} × {}", live.width, live.height);
            ui.label(RichText::new(size).color(p.dim));
            sharing_ui(ui, view, report, asks);
        });
    });
}

fn no_screen_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
    let p = palette(ui);
    let text = if report.state.has_screen() {
        tr("Waiting for the picture…")
    } else {
        tr("The screen is there while the machine runs")
    };
    let room = ui.available_rect_before_wrap();
    ui.scope_builder(
        egui::UiBuilder::new().max_rect(egui::Rect::from_center_size(
            room.center(),
            vec2(360.0, 140.0),
        )),
        |ui| {
            ui.vertical_centered(|ui| {
                icon::show(ui, Icon::Monitor, 40.0, p.dim);
                ui.label(RichText::new(text).color(p.dim));
                if !report.state.has_process() {
                    ui.add_space(6.0);
                    let start = Action::Start;
                    ui.push_id("screen", |ui| {
                        actions::button(
                            ui,
                            report,
                            start,
                            Shape::Secondary,
                            view.handed_over,
                            asks,
                        );
                    });
                }
            });
        },
    );
}
