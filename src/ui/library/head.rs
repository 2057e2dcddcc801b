//! Above and below the list: the name with the ways to settings and help, and the trash.

use egui::{RichText, Ui, vec2};

use crate::language::{fill, tr};
use crate::ui::actions::Errand;
use crate::ui::brand::Brand;
use crate::ui::icon::{self, Icon};
use crate::ui::theme::{self, palette};
use crate::ui::view::View;
use crate::ui::{Ask, kit};

pub fn head_ui(ui: &mut Ui, brand: &mut Brand, asks: &mut Vec<Ask>) {
    let p = palette(ui);
    ui.horizontal(|ui| {
        brand.ui(ui, 30.0);
        ui.label(
            RichText::new("Orangery")
                .font(theme::semibold(18.0))
                .color(p.text),
        );
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            for errand in [Errand::ShowHelp, Errand::ShowSettings] {
                let (word, look) = errand.look();
                let word = tr(word);
                let button = egui::Button::new(icon::text(look.icon, 17.0).color(p.dim))
                    .frame_when_inactive(false);
                let button = ui
                    .scope(|ui| {
                        ui.spacing_mut().button_padding = vec2(7.0, 6.0);
                        ui.add(button)
                    })
                    .inner;
                if kit::name(button, word).on_hover_text(word).clicked() {
                    asks.push(Ask::Errand(errand));
                }
            }
        });
    });
}

pub fn trash_link_ui(ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
    ui.add_space(6.0);
    ui.horizontal(|ui| {
        let word = tr(Errand::ShowTrash.word());
        if kit::link(ui, Some(Icon::Trash2), word).clicked() {
            asks.push(Ask::Errand(Errand::ShowTrash));
        }
        let count = view.trash.machines.len();
        if count > 0 {
            let text = fill(
                "{count} · {size}",
                &[("count", &count), ("size", &view.trash.size())],
            );
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.label(RichText::new(text).size(13.0).color(palette(ui).dim));
            });
        }
    });
}
