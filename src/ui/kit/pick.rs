//! Ways to pick a value: a list that opens, a switch, a slider with a mark; and small pills.

use egui::{
    Align2, ComboBox, CornerRadius, Frame, Margin, Rect, Response, RichText, Sense, Stroke, Ui,
    WidgetInfo, accesskit::Role, pos2, vec2,
};

use super::{button, field, icon_button};
use crate::ui::hardware_help::Help;
use crate::ui::icon::{self, Icon};
use crate::ui::theme::{self, Palette, palette};

/// A list that opens on a click, with its label above; returns whether the value changed.
pub fn choice<T: Clone + PartialEq>(
    ui: &mut Ui,
    word: &str,
    value: &mut T,
    choices: &[(T, String)],
) -> bool {
    let shown = choices.iter().find(|(choice, _)| choice == value);
    let shown = shown.map_or("", |(_, text)| text.as_str());
    let mut changed = false;
    field(ui, word, None, |ui, id| {
        let width = ui.available_width().min(MAX_CHOICE);
        let many = choices.len() > MANY;
        let list = ComboBox::from_id_salt(word).width(width).height(300.0);
        let list = list.close_behavior(if many {
            egui::PopupCloseBehavior::CloseOnClickOutside // a click into the search keeps it open
        } else {
            egui::PopupCloseBehavior::CloseOnClick
        });
        let shown = list.truncate().selected_text(shown).show_ui(ui, |ui| {
            let wanted = if many { search_ui(ui) } else { String::new() };
            for (choice, text) in choices {
                if !text.to_lowercase().contains(&wanted) {
                    continue;
                }
                if ui.selectable_label(choice == value, text).clicked() {
                    changed = choice != value;
                    *value = choice.clone();
                    ui.close();
                }
            }
        });
        button::focus_ring(ui, &shown.response);
        shown.response.labelled_by(id);
    });
    changed
}

/// A line that narrows a long list down; returns what is searched for, in small letters.
fn search_ui(ui: &mut Ui) -> String {
    let id = ui.scope_id().with("search");
    let mut text: String = ui.data_mut(|data| data.get_temp(id)).unwrap_or_default();
    let word = crate::language::tr("Search");
    let edit = egui::TextEdit::singleline(&mut text)
        .hint_text(word)
        .char_limit(80)
        .desired_width(f32::INFINITY);
    let response = ui.add(edit).accessible_name(word);
    if response.changed() {
        ui.data_mut(|data| data.insert_temp(id, text.clone()));
    }
    text.to_lowercase()
}

/// Longer lists can be searched.
const MANY: usize = 14;
/// Wider lists only put their arrow far from their text.
const MAX_CHOICE: f32 = 340.0;

/// A switch with its word at the right and, below, what it means; returns whether it was turned.
pub fn switch(ui: &mut Ui, enabled: bool, on: bool, word: &str, meaning: &str) -> Response {
    let p = palette(ui);
    let width = ui.available_width();
    let room = (width - TRACK.x - 12.0).max(60.0);
    let title = ui.painter().layout(
        word.to_owned(),
        theme::regular(theme::BODY),
        if enabled { p.text } else { p.dim },
        room,
    );
    let text = (!meaning.is_empty()).then(|| {
        ui.painter()
            .layout(meaning.to_owned(), theme::regular(13.0), p.dim, room)
    });
    let below = text.as_ref().map_or(0.0, |text| text.size().y + 2.0);
    let size = vec2(width, (title.size().y + below).max(TRACK.y) + 6.0);
    let sense = if enabled {
        Sense::click()
    } else {
        Sense::hover()
    };
    let (rect, response) = ui.allocate_exact_size(size, sense);
    let enabled = enabled && ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, enabled, on, word));
    let track = Rect::from_min_size(rect.left_top() + vec2(0.0, 4.0), TRACK);
    paint_track(ui, p, track, on, response.hovered() && enabled);
    let corner = pos2(track.right() + 10.0, rect.top() + 3.0);
    let next = corner + vec2(0.0, title.size().y + 2.0);
    ui.painter().galley(corner, title, p.text);
    if let Some(text) = text {
        ui.painter().galley(next, text, p.dim);
    }
    button::focus_ring(ui, &response);
    response
}

const TRACK: egui::Vec2 = vec2(34.0, 18.0);

fn paint_track(ui: &Ui, p: &Palette, track: Rect, on: bool, hovered: bool) {
    let radius = track.height() / 2.0;
    let (fill, line, knob) = if on {
        (p.accent, p.accent, p.on_accent)
    } else {
        (p.hover, if hovered { p.accent_text } else { p.dim }, p.dim)
    };
    let painter = ui.painter();
    painter.rect_filled(track, radius, fill);
    painter.rect_stroke(
        track,
        radius,
        Stroke::new(1.0, line),
        egui::StrokeKind::Inside,
    );
    let x = if on {
        track.right() - radius
    } else {
        track.left() + radius
    };
    painter.circle_filled(pos2(x, track.center().y), radius - 4.0, knob);
}

/// What a slider can show.
pub struct Scale<'a> {
    pub range: std::ops::RangeInclusive<f64>,
    /// A value to be marked, and what it is.
    pub mark: Option<(f64, &'a str)>,
}

/// A slider without a number, with a mark below its rail; returns the value it was moved to.
pub fn slider(ui: &mut Ui, name: &str, value: f64, scale: &Scale<'_>) -> Option<f64> {
    let p = palette(ui);
    let (low, high) = (*scale.range.start(), *scale.range.end());
    let width = ui.available_width();
    let mut moved = value.clamp(low, high);
    let response = ui
        .scope(|ui| {
            ui.spacing_mut().slider_width = width;
            let visuals = ui.visuals_mut();
            visuals.selection.bg_fill = p.accent;
            visuals.widgets.inactive.bg_fill = p.line;
            let slider = egui::Slider::new(&mut moved, low..=high)
                .step_by(1.0)
                .show_value(false);
            ui.add(slider)
        })
        .inner;
    response.widget_info(|| WidgetInfo::slider(ui.is_enabled(), value, name));
    if let Some((mark, word)) = &scale.mark {
        mark_ui(ui, &response, share(scale, *mark), word);
    }
    response.changed().then_some(moved)
}

fn share(scale: &Scale<'_>, value: f64) -> f32 {
    let (low, high) = (*scale.range.start(), *scale.range.end());
    let share = (value - low) / (high - low);
    share.clamp(0.0, 1.0) as f32
}

/// A tick below the rail with its word, kept inside the slider's width.
fn mark_ui(ui: &mut Ui, slider: &Response, share: f32, word: &str) {
    let p = palette(ui);
    let rail = slider.rect;
    let knob = rail.height() / 2.5;
    let x = egui::lerp(rail.left() + knob..=rail.right() - knob, share);
    let (rect, label) = ui.allocate_exact_size(vec2(rail.width(), 18.0), Sense::hover());
    label.widget_info(|| WidgetInfo::labeled(Role::Label, true, word));
    let painter = ui.painter();
    let top = rail.center().y + 10.0;
    painter.vline(x, top..=rect.top() + 2.0, Stroke::new(1.5, p.dim));
    let galley = painter.layout_no_wrap(word.to_owned(), theme::regular(13.0), p.dim);
    let half = galley.size().x / 2.0;
    let center = x.clamp(
        rect.left() + half,
        (rect.right() - half).max(rect.left() + half),
    );
    painter.galley(pos2(center - half, rect.top() + 2.0), galley, p.dim);
}

/// A small word that says something about what stands beside it.
pub fn pill(ui: &mut Ui, glyph: Option<Icon>, word: &str, lively: bool) -> Response {
    let p = palette(ui);
    let color = if lively { p.leaf } else { p.dim };
    let galley = ui
        .painter()
        .layout_no_wrap(word.to_owned(), theme::regular(13.0), color);
    let lead = if glyph.is_some() { 18.0 } else { 0.0 };
    let size = vec2(galley.size().x + lead + 16.0, 22.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, word));
    let painter = ui.painter();
    painter.rect(
        rect,
        CornerRadius::same(11),
        p.card.blend(p.tint(color)),
        Stroke::new(1.0, p.edge(color)),
        egui::StrokeKind::Inside,
    );
    if let Some(glyph) = glyph {
        let at = rect.left_center() + vec2(16.0, 0.0);
        icon::paint(painter, at, glyph, 13.0, color);
    }
    let text = rect.left_center() + vec2(lead + 8.0, -galley.size().y / 2.0);
    painter.galley(text, galley, color);
    response
}

/// A word that can be taken away; returns whether it was.
pub fn chip(ui: &mut Ui, word: &str, remove: &str) -> bool {
    let p = palette(ui);
    Frame::NONE
        .fill(p.hover)
        .corner_radius(CornerRadius::same(14))
        .stroke(Stroke::new(1.0, p.line))
        .inner_margin(Margin {
            left: 10,
            right: 2,
            top: 1,
            bottom: 1,
        })
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            ui.spacing_mut().interact_size.y = 24.0;
            ui.horizontal(|ui| {
                ui.label(RichText::new(word).color(p.text));
                small_icon(ui, Icon::X, remove).clicked()
            })
            .inner
        })
        .inner
}

/// An icon to click that takes little room; `word` is its name and its tooltip.
pub fn small_icon(ui: &mut Ui, glyph: Icon, word: &str) -> Response {
    let p = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(24.0, 24.0), Sense::click());
    let response = button::name(response, word);
    if response.hovered() || response.has_focus() {
        ui.painter().circle_filled(rect.center(), 11.0, p.line);
    }
    let color = if response.hovered() { p.text } else { p.dim };
    icon::paint(ui.painter(), rect.center(), glyph, 14.0, color);
    button::focus_ring(ui, &response);
    response.on_hover_text(word)
}

/// A square of a grid of pictures; returns whether it was chosen now.
pub fn tile(ui: &mut Ui, glyph: Icon, word: &str, chosen: bool) -> bool {
    let p = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(36.0, 36.0), Sense::click());
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, enabled, chosen, word));
    let (fill, line) = match (chosen, response.hovered()) {
        (true, _) => (p.card.blend(p.tint(p.accent_text)), p.accent_text),
        (false, true) => (p.line, p.line),
        (false, false) => (p.hover, p.hover),
    };
    let radius = CornerRadius::same(theme::CONTROL_RADIUS);
    let border = Stroke::new(1.5, line);
    let painter = ui.painter();
    painter.rect(rect, radius, fill, border, egui::StrokeKind::Inside);
    let color = if chosen { p.accent_text } else { p.text };
    icon::paint(painter, rect.center(), glyph, 18.0, color);
    button::focus_ring(ui, &response);
    response.on_hover_text(word).clicked()
}

/// A "?" that opens two sentences of help with a link. `name` says what it explains; returns
/// whether the link was clicked.
pub fn help(ui: &mut Ui, name: &str, help: &Help) -> bool {
    let response = small_icon(ui, Icon::CircleQuestionMark, name);
    egui::Popup::from_toggle_button_response(&response)
        .align(egui::RectAlign::BOTTOM_END)
        .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside)
        .width(340.0)
        .show(|ui| {
            ui.set_width(340.0);
            Frame::NONE
                .inner_margin(8)
                .show(ui, |ui| {
                    super::section(ui, help.title());
                    let text = RichText::new(help.text()).color(palette(ui).text);
                    ui.add(egui::Label::new(text).wrap());
                    ui.add_space(4.0);
                    let words = crate::language::tr("More in QEMU's documentation");
                    super::link(ui, Some(Icon::ExternalLink), words)
                        .on_hover_text(help.link)
                        .clicked()
                })
                .inner
        })
        .is_some_and(|shown| shown.inner)
}

/// A line of a list: picture, word, what it says, buttons at the right.
pub fn row<R>(
    ui: &mut Ui,
    glyph: Icon,
    word: &str,
    says: &str,
    buttons: impl FnOnce(&mut Ui) -> R,
) -> R {
    let p = palette(ui);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 10.0;
        icon::show(ui, glyph, 18.0, p.accent_text);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            let given = buttons(ui);
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                let name = RichText::new(word)
                    .font(theme::semibold(theme::BODY))
                    .color(p.text);
                ui.add(egui::Label::new(name).truncate());
                if !says.is_empty() {
                    let text = RichText::new(says).color(p.dim);
                    ui.add(egui::Label::new(text).truncate())
                        .on_hover_text(says);
                }
            });
            given
        })
        .inner
    })
    .inner
}

/// A button with only an icon whose greyed-out form says why.
pub fn icon_or_why(ui: &mut Ui, glyph: Icon, word: &str, why_not: Option<&str>) -> bool {
    let response = icon_button(ui, why_not.is_none(), glyph, word);
    match why_not {
        None => response.clicked(),
        Some(why) => {
            response.on_disabled_hover_text(why);
            false
        }
    }
}

/// An ordinary button whose greyed-out form says why.
pub fn button_or_why(ui: &mut Ui, glyph: Icon, word: &str, why_not: Option<&str>) -> bool {
    let response = button::secondary(ui, why_not.is_none(), Some(glyph), word);
    match why_not {
        None => response.clicked(),
        Some(why) => {
            response.on_disabled_hover_text(why);
            false
        }
    }
}

/// What is wrong with something, in the colour of errors, wrapped.
pub fn complaint(ui: &mut Ui, text: &str) {
    let text = RichText::new(text).size(13.0).color(palette(ui).error);
    ui.add(egui::Label::new(text).wrap());
}

/// A sentence that explains, wrapped.
pub fn hint(ui: &mut Ui, text: &str) {
    let text = RichText::new(text).size(13.0).color(palette(ui).dim);
    ui.add(egui::Label::new(text).wrap());
}

/// A sentence that warns, wrapped, with a sign before it.
pub fn warning(ui: &mut Ui, text: &str) {
    let p = palette(ui);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let (rect, _) = ui.allocate_exact_size(vec2(15.0, 17.0), Sense::hover());
        ui.painter().text(
            rect.center(),
            Align2::CENTER_CENTER,
            char::from(Icon::TriangleAlert),
            theme::icons(14.0),
            p.warn,
        );
        let text = RichText::new(text).size(13.0).color(p.warn);
        ui.add(egui::Label::new(text).wrap());
    });
}
