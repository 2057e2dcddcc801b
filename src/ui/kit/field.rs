//! Labelled fields that say what is wrong with what was typed.

use egui::{Margin, Response, RichText, TextEdit, Ui, vec2};

use super::button;
use crate::language::tr;
use crate::ui::icon::Icon;
use crate::ui::theme::{self, palette};

/// A label above a field, the complaint about its value below.
pub struct Field<'a> {
    pub label: &'a str,
    pub hint: &'a str,
    /// Why the value can't be used.
    pub complaint: Option<&'a str>,
}

/// The word above a field.
pub fn label(ui: &mut Ui, text: &str) -> Response {
    ui.label(RichText::new(text).size(13.0).color(palette(ui).dim))
}

/// A label above `content`, and the complaint below it.
pub fn field<R>(
    ui: &mut Ui,
    word: &str,
    complaint: Option<&str>,
    content: impl FnOnce(&mut Ui, egui::Id) -> R,
) -> R {
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 4.0;
        let id = label(ui, word).id;
        let inner = content(ui, id);
        if let Some(complaint) = complaint {
            let text = RichText::new(complaint).size(13.0).color(palette(ui).error);
            ui.add(egui::Label::new(text).wrap());
        }
        inner
    })
    .inner
}

/// A line of text over the available width.
pub fn text_field(ui: &mut Ui, spec: &Field<'_>, value: &mut String) -> Response {
    field(ui, spec.label, spec.complaint, |ui, id| {
        line(ui, value, spec, ui.available_width()).labelled_by(id)
    })
}

fn line(ui: &mut Ui, value: &mut String, spec: &Field<'_>, width: f32) -> Response {
    let p = palette(ui);
    if spec.complaint.is_some() {
        let visuals = ui.visuals_mut();
        visuals.widgets.inactive.bg_stroke.color = p.error;
        visuals.selection.stroke.color = p.error;
    }
    ui.add(
        TextEdit::singleline(value)
            .hint_text(spec.hint)
            .char_limit(4096) // longer than any path
            .desired_width(width)
            .margin(Margin::symmetric(10, 7)),
    )
}

/// The width of a button's icon.
const BROWSE_ICON: f32 = 16.0;

/// A path as text with a button that opens a file chooser; returns whether that was clicked.
pub fn browse_field(ui: &mut Ui, spec: &Field<'_>, value: &mut String) -> (Response, bool) {
    field(ui, spec.label, spec.complaint, |ui, id| {
        ui.horizontal(|ui| {
            let word = tr("Browse…");
            let font = egui::TextStyle::Button.resolve(ui.style());
            let text = ui
                .painter()
                .layout_no_wrap(word.to_owned(), font, palette(ui).text);
            let spacing = ui.spacing();
            let around = spacing.button_padding.x * 2.0 + spacing.icon_spacing;
            let button = (text.size().x + BROWSE_ICON + around).ceil() + 1.0;
            let width = ui.available_width() - button - spacing.item_spacing.x;
            // The colour of a complaint is the field's, not the button's.
            let text = ui.scope(|ui| line(ui, value, spec, width).labelled_by(id));
            let text = text.inner;
            let browse = button::secondary(ui, true, Some(Icon::FolderOpen), word);
            (text, browse.clicked())
        })
        .inner
    })
}

/// A box to tick, with its edge in sight on any ground.
pub fn check(ui: &mut Ui, on: &mut bool, word: &str) -> Response {
    edged(ui, |ui| ui.checkbox(on, word))
}

/// One of several, with its edge in sight on any ground.
pub fn radio(ui: &mut Ui, chosen: bool, word: &str) -> Response {
    edged(ui, |ui| ui.radio(chosen, word))
}

fn edged(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> Response) -> Response {
    ui.scope(|ui| {
        let edge = egui::Stroke::new(1.0, palette(ui).dim);
        ui.visuals_mut().widgets.inactive.bg_stroke = edge;
        content(ui)
    })
    .inner
}

/// A whole number, changed by typing or dragging.
pub fn number_field(
    ui: &mut Ui,
    word: &str,
    value: &mut u32,
    range: std::ops::RangeInclusive<u32>,
) -> Response {
    field(ui, word, None, |ui, id| {
        let number = egui::DragValue::new(value).range(range).speed(0.1);
        // A number looks like the fields beside it.
        ui.visuals_mut().widgets.inactive.weak_bg_fill = palette(ui).well;
        ui.add_sized(vec2(ui.available_width(), theme::CONTROL), number)
            .labelled_by(id)
    })
}
