//! Cards, columns of cards, callouts and lines of facts.

use egui::{CornerRadius, Frame, Margin, RichText, Stroke, Ui, vec2};

use crate::ui::icon::{self, Icon};
use crate::ui::theme::{self, palette};

/// A card with a title.
pub fn card<R>(ui: &mut Ui, title: &str, content: impl FnOnce(&mut Ui) -> R) -> R {
    let p = palette(ui);
    Frame::NONE
        .fill(p.card)
        .corner_radius(CornerRadius::same(theme::CARD_RADIUS))
        .stroke(Stroke::new(1.0, p.line))
        .inner_margin(Margin::same(theme::PADDING))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            if !title.is_empty() {
                section(ui, title);
            }
            content(ui)
        })
        .inner
}

/// A heading inside a card.
pub fn section(ui: &mut Ui, title: &str) {
    ui.label(
        RichText::new(title)
            .font(theme::semibold(theme::BODY))
            .color(palette(ui).text),
    );
    ui.add_space(2.0);
}

/// Two columns of cards where there is room, else one below the other.
pub fn columns(ui: &mut Ui, left: impl FnOnce(&mut Ui), right: impl FnOnce(&mut Ui)) {
    ui.spacing_mut().item_spacing.y = theme::GAP;
    let width = ui.available_width();
    if width < theme::TWO_COLUMNS {
        own_spacing(ui, left);
        own_spacing(ui, right);
        return;
    }
    let column = ((width - theme::GAP) / 2.0).floor();
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = theme::GAP;
        for content in [Box::new(left) as Box<dyn FnOnce(&mut Ui)>, Box::new(right)] {
            ui.allocate_ui_with_layout(
                vec2(column, 0.0),
                egui::Layout::top_down(egui::Align::Min),
                |ui| {
                    ui.set_width(column);
                    own_spacing(ui, content);
                },
            );
        }
    });
}

/// Undoes the spacing between cards for what lies in them.
fn own_spacing(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing = vec2(8.0, 8.0);
        content(ui);
    });
}

/// A line "icon, word, value" with the value left-aligned in a column of its own.
pub fn fact(ui: &mut Ui, glyph: Icon, word: &str, value: &str) {
    ui.scope(|ui| {
        ui.spacing_mut().interact_size.y = 24.0;
        fact_line(ui, glyph, word, value);
    });
}

fn fact_line(ui: &mut Ui, glyph: Icon, word: &str, value: &str) {
    let p = palette(ui);
    ui.horizontal(|ui| {
        icon::show(ui, glyph, 17.0, p.accent_text);
        let left = ui.cursor().left();
        ui.label(RichText::new(word).color(p.dim));
        ui.add_space((left + 104.0 - ui.cursor().left()).max(0.0));
        ui.add(egui::Label::new(RichText::new(value).color(p.text)).truncate())
            .on_hover_text(value);
    });
}

/// What a callout is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Info,
    Warning,
    Error,
}

/// A tinted box that draws attention.
pub fn callout<R>(ui: &mut Ui, tone: Tone, title: &str, content: impl FnOnce(&mut Ui) -> R) -> R {
    let p = palette(ui);
    let (color, glyph) = match tone {
        Tone::Info => (p.accent_text, Icon::Info),
        Tone::Warning => (p.warn, Icon::TriangleAlert),
        Tone::Error => (p.error, Icon::CircleAlert),
    };
    Frame::NONE
        .fill(p.card.blend(p.tint(color)))
        .corner_radius(CornerRadius::same(theme::CARD_RADIUS))
        .stroke(Stroke::new(1.0, p.edge(color)))
        .inner_margin(Margin::same(14))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = 10.0;
                icon::show(ui, glyph, 18.0, color);
                ui.vertical(|ui| {
                    ui.spacing_mut().item_spacing = vec2(8.0, 6.0);
                    let text = RichText::new(title).font(theme::semibold(theme::BODY));
                    ui.add(egui::Label::new(text.color(p.text)).wrap());
                    content(ui)
                })
                .inner
            })
            .inner
        })
        .inner
}
