//! The guest's live screen over the whole page, with a bar that says where the keyboard goes.

use egui::{Margin, Panel, RichText, Ui, vec2};

use super::sharing::sharing_ui;
use super::{MachinePage, sound};
use crate::engine::message::Command;
use crate::language::{fill, later, tr};
use crate::model::{Action, MachineReport, State, Zoom};
use crate::ui::actions::{self, Errand, Shape};
use crate::ui::icon::{self, Icon};
use crate::ui::screen_view;
use crate::ui::theme::{self, palette};
use crate::ui::view::{LiveScreen, View};
use crate::ui::{Ask, kit, screens};

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
        .show(ui, |ui| bar_ui(ui, view, report, live, asks));
    let look = &view.settings.screen;
    screen_view::screen_ui(ui, live, look, captured, &mut page.hand, asks);
}

fn bar_ui(
    ui: &mut Ui,
    view: &View,
    report: &MachineReport,
    live: &LiveScreen,
    asks: &mut Vec<Ask>,
) {
    ui.horizontal_centered(|ui| {
        hint_ui(ui, view, live, view.captured == Some(report.id));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let (word, look) = Errand::FullScreen.look();
            let hint = actions::errand_hint(ui, Errand::FullScreen);
            if kit::icon_button(ui, true, look.icon, tr(word))
                .on_hover_text(hint)
                .clicked()
            {
                asks.push(Ask::Errand(Errand::FullScreen));
            }
            record_ui(ui, live, asks);
            sound::sound_ui(ui, report, view.handed_over, asks);
            let menu = ui.menu_button(tr(view.settings.screen.zoom.label()), |ui| {
                look_menu(ui, view, report, live, asks);
            });
            menu.response
                .on_hover_text(tr("How the picture is shown: size, following, figures"));
            let size = format!("{} × {}", live.width, live.height);
            ui.label(RichText::new(size).color(palette(ui).dim));
            sharing_ui(ui, view, report, asks);
        });
    });
}

/// Begins a recording, or shows how far it has come and ends it.
fn record_ui(ui: &mut Ui, live: &LiveScreen, asks: &mut Vec<Ask>) {
    let (icon, word) = if live.recording.is_some() {
        (Icon::CircleStop, tr("End the recording"))
    } else {
        (Icon::Video, tr("Record the screen"))
    };
    let explain =
        tr("An animated picture in Videos/Orangery, until it is ended or this page is left");
    let button = kit::icon_button(ui, true, icon, word);
    if button.on_hover_text(format!("{word}. {explain}")).clicked() {
        asks.push(Ask::Record(live.machine));
    }
    if let Some(recorded) = live.recording {
        let color = palette(ui).error;
        let text = fill("Recording: {recorded}", &[("recorded", &recorded)]);
        ui.label(RichText::new(text).color(color).strong());
    }
}

/// Where the keyboard goes, and the pointer of a guest without a tablet.
fn hint_ui(ui: &mut Ui, view: &View, live: &LiveScreen, captured: bool) {
    let p = palette(ui);
    let key = tr(view.settings.release_key.label());
    let text = match (captured, live.absolute) {
        (true, _) if view.keys_kept => {
            later("{key} releases the keyboard; your desktop keeps its own shortcuts")
        }
        (true, true) => later("Keyboard goes to the guest: press {key} to release"),
        (true, false) => later("Keyboard and pointer go to the guest: press {key} to release"),
        (false, true) => later("Click the screen to type into it"),
        (false, false) => later("Click the screen to give it keyboard and pointer"),
    };
    let (sign, ink) = if captured {
        (p.accent_text, p.text)
    } else {
        (p.dim, p.dim)
    };
    icon::show(ui, Icon::Keyboard, 17.0, sign);
    ui.label(RichText::new(fill(text, &[("key", &key)])).color(ink));
}

/// How the picture is shown. What is chosen counts for the next screens too.
fn look_menu(
    ui: &mut Ui,
    view: &View,
    report: &MachineReport,
    live: &LiveScreen,
    asks: &mut Vec<Ask>,
) {
    ui.set_min_width(260.0);
    let mut settings = view.settings.clone();
    let look = &mut settings.screen;
    for zoom in Zoom::ALL {
        let line = ui.selectable_label(look.zoom == zoom, tr(zoom.label()));
        if line.on_hover_text(tr(zoom.explain())).clicked() {
            look.zoom = zoom;
        }
    }
    ui.separator();
    let mixable = matches!(look.zoom, Zoom::Fit | Zoom::Stretch);
    ui.add_enabled_ui(mixable, |ui| {
        kit::check(ui, &mut look.smooth, tr("Smooth"))
            .on_hover_text(tr("Mixes colours; without it each pixel stays sharp"))
            .on_disabled_hover_text(tr("Whole multiples are always sharp"));
    });
    kit::check(ui, &mut look.follow, tr("The guest follows the window"))
        .on_hover_text(tr("Asks the guest for the size that the window has"));
    if look.follow {
        let size = format!("{} × {}", live.width, live.height);
        let text = fill(live.following.label(), &[("size", &size)]);
        let text = RichText::new(text).size(theme::SMALL);
        ui.label(text.color(palette(ui).dim));
    }
    kit::check(ui, &mut look.figures, tr("Figures over the picture"))
        .on_hover_text(tr("Frames a second, and how long a key takes to be seen"));
    ui.separator();
    screens::menu_ui(ui, view, report, asks);
    if settings != view.settings {
        asks.push(Ask::Engine(Command::SaveSettings(settings)));
        ui.close();
    }
}

fn no_screen_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
    let p = palette(ui);
    let text = match report.state {
        State::NotResponding => tr("QEMU does not answer. The screen is back once it does"),
        state if state.has_screen() => tr("Waiting for the picture…"),
        _ => tr("The screen is there while the machine runs"),
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
