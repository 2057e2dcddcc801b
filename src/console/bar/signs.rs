//! What lies over the picture itself: the figures, and in full screen the key that lets go.

use egui::{Align2, Area, Frame, Id, Margin, Order, RichText, Stroke, Ui, vec2};

use crate::console::presenter::Way;
use crate::console::theme::{self, palette};
use crate::display::frame::Reading;
use crate::language::{fill, tr};

/// In full screen the way out is always in sight, also for a guest that took the pointer.
pub fn release_sign_ui(ctx: &egui::Context, key: &str) {
    let text = fill("{key} lets go", &[("key", &key)]);
    sign(ctx, "release sign", Align2::CENTER_TOP, 0.0, |ui| {
        let color = palette(ui).dim;
        ui.label(RichText::new(text).size(11.5).color(color));
    });
}

/// Frame and latency figures. `top` is where the picture starts, in points.
pub fn figures_ui(ctx: &egui::Context, reading: &Reading, way: Way, top: f32) {
    sign(ctx, "figures", Align2::LEFT_TOP, top, |ui| {
        ui.set_width(210.0);
        for (number, text) in lines(reading) {
            ui.horizontal(|ui| {
                let color = palette(ui).text;
                ui.label(RichText::new(number).monospace().size(12.0).color(color));
                ui.label(RichText::new(text).size(12.0).color(palette(ui).dim));
            });
        }
        let color = palette(ui).dim;
        ui.label(RichText::new(way.explain()).size(12.0).color(color));
    });
}

fn lines(reading: &Reading) -> [(String, &'static str); 3] {
    let rate = |rate: f64| format!("{rate:>5.1}");
    let delay = reading.key_to_pixel.map_or_else(
        || format!("{:>5}", "–"),
        |delay| format!("{:>5.1}", delay.as_secs_f64() * 1000.0),
    );
    [
        (rate(reading.shown), tr("frames/s shown")),
        (rate(reading.updates), tr("guest updates/s")),
        (delay, tr("ms from key to pixel")),
    ]
}

fn sign(ctx: &egui::Context, name: &str, at: Align2, top: f32, ui: impl FnOnce(&mut Ui)) {
    let area = Area::new(Id::unique(name))
        .anchor(at, vec2(0.0, top))
        .order(Order::Background)
        .interactable(false)
        .movable(false);
    area.show(ctx, |inner| {
        let colors = palette(inner);
        Frame::NONE
            .fill(colors.side)
            .stroke(Stroke::new(1.0, colors.line))
            .inner_margin(Margin::symmetric(8, theme::SIGN_MARGIN))
            .show(inner, ui);
    });
}
