//! What the pages of the window share: the title with the way back, the readable column, the note above them.

use egui::{Frame, Margin, Panel, RichText, Ui};

use super::actions::{self, Errand};
use super::theme::{self, palette};
use super::{Ask, kit};
use crate::language::tr;

/// Says that nothing can be changed from here any more.
pub(super) fn handed_over_ui(ui: &mut Ui) {
    let p = palette(ui);
    Panel::top("handed over")
        .show_separator_line(false)
        .frame(
            Frame::NONE
                .fill(p.background.blend(p.tint(p.warn)))
                .inner_margin(Margin::symmetric(22, 8)),
        )
        .show(ui, |ui| {
            let text = tr(
                "Another Orangery process has the library now. Close this window and open Orangery again to change something.",
            );
            ui.add(egui::Label::new(RichText::new(text).color(p.text)).wrap());
        });
}

/// The title of a page that is not a machine's, with the way back before it and its buttons at the
/// right.
pub(super) fn head_ui(
    ui: &mut Ui,
    title: &str,
    asks: &mut Vec<Ask>,
    buttons: impl FnOnce(&mut Ui, &mut Vec<Ask>),
) {
    let p = palette(ui);
    let margin = Margin {
        left: 22,
        right: 22,
        top: 18,
        bottom: 10,
    };
    Frame::NONE.inner_margin(margin).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.set_height(theme::CONTROL);
            ui.spacing_mut().item_spacing.x = 12.0;
            let (word, look) = Errand::Back.look();
            let back = kit::icon_button(ui, true, look.icon, tr(word));
            let hint = actions::errand_hint(ui, Errand::Back);
            if back.on_hover_text(hint).clicked() {
                asks.push(Ask::Errand(Errand::Back));
            }
            let text = RichText::new(title).font(theme::semibold(22.0));
            ui.label(text.color(p.text));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                buttons(ui, asks);
            });
        });
    });
}

/// The readable column below a page's title.
pub(super) fn body_ui(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    let margin = Margin {
        left: 22,
        right: 22,
        top: 0,
        bottom: 22,
    };
    Frame::NONE.inner_margin(margin).show(ui, |ui| {
        ui.set_width(ui.available_width().min(860.0));
        content(ui);
    });
}
