//! Buttons: primary, secondary, danger, icon, tab, menu item, segmented choice.

use egui::{
    Button, Color32, CornerRadius, KeyboardShortcut, Rect, Response, RichText, Stroke, Ui, Vec2,
    WidgetInfo, accesskit::Role, vec2,
};

use crate::language::tr;
use crate::ui::icon::{self, Icon};
use crate::ui::theme::{self, Palette, palette};

/// Gives a widget the name that screen readers and tests know it by.
pub fn name(response: Response, name: &str) -> Response {
    let enabled = response.enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, name));
    response
}

/// How a shortcut is written: "Ctrl+Shift+P".
pub fn shortcut_text(shortcut: &KeyboardShortcut) -> String {
    let names = egui::ModifierNames {
        ctrl: tr("Ctrl"),
        shift: tr("Shift"),
        alt: tr("Alt"),
        ..egui::ModifierNames::NAMES
    };
    let text = shortcut.format(&names, false).replace("Comma", ",");
    text.replace("Delete", tr("Delete"))
}

/// The colours of a filled button.
struct Fill {
    fill: Color32,
    text: Color32,
    border: Color32,
}

fn primary_fill(p: &Palette) -> Fill {
    Fill {
        fill: p.accent,
        text: p.on_accent,
        border: p.accent,
    }
}

fn filled(
    ui: &mut Ui,
    enabled: bool,
    icon: Option<Icon>,
    word: &str,
    fill: &Fill,
    min: Vec2,
) -> Response {
    let quiet = Fill {
        fill: palette(ui).hover,
        text: palette(ui).dim,
        border: palette(ui).line,
    };
    let fill = if enabled { fill } else { &quiet };
    let text = RichText::new(word)
        .font(theme::semibold(theme::BODY))
        .color(fill.text);
    // The growing ends keep the content in the middle of a wide button.
    let (start, end) = (egui::Atom::grow(), egui::Atom::grow());
    let button = match icon {
        Some(icon) => Button::new((start, icon::text(icon, 16.0).color(fill.text), text, end)),
        None => Button::new((start, text, end)),
    };
    let button = button
        .fill(fill.fill)
        .stroke(Stroke::new(1.0, fill.border))
        .min_size(min);
    let response = ui.add_enabled(enabled, button);
    focus_ring(ui, &response);
    name(response, word)
}

/// The one button of a screen that goes on.
pub fn primary(ui: &mut Ui, enabled: bool, icon: Option<Icon>, word: &str) -> Response {
    let fill = primary_fill(palette(ui));
    filled(ui, enabled, icon, word, &fill, vec2(0.0, theme::CONTROL))
}

/// A primary button over the whole width.
pub fn primary_wide(ui: &mut Ui, enabled: bool, icon: Icon, word: &str) -> Response {
    let fill = primary_fill(palette(ui));
    let min = vec2(ui.available_width(), 38.0);
    filled(ui, enabled, Some(icon), word, &fill, min)
}

/// An ordinary button.
pub fn secondary(ui: &mut Ui, enabled: bool, icon: Option<Icon>, word: &str) -> Response {
    let button = match icon {
        Some(icon) => Button::new((icon::text(icon, 16.0), word)),
        None => Button::new(word),
    };
    let response = ui.add_enabled(enabled, button.min_size(vec2(0.0, theme::CONTROL)));
    focus_ring(ui, &response);
    name(response, word)
}

/// A button of `width`, for columns of them.
pub fn sized(ui: &mut Ui, best: bool, width: f32, icon: Icon, word: &str) -> Response {
    let p = palette(ui);
    let fill = if best {
        primary_fill(p)
    } else {
        Fill {
            fill: p.hover,
            text: p.text,
            border: p.line,
        }
    };
    filled(
        ui,
        true,
        Some(icon),
        word,
        &fill,
        vec2(width, theme::CONTROL),
    )
}

/// A button for what can lose data.
pub fn danger(ui: &mut Ui, enabled: bool, icon: Option<Icon>, word: &str) -> Response {
    let p = palette(ui);
    let fill = Fill {
        fill: p.card.blend(p.tint(p.error)),
        text: p.error,
        border: p.edge(p.error),
    };
    filled(ui, enabled, icon, word, &fill, vec2(0.0, theme::CONTROL))
}

/// A square button with only an icon; `word` is its name and its tooltip.
pub fn icon_button(ui: &mut Ui, enabled: bool, icon: Icon, word: &str) -> Response {
    bare_icon(ui, enabled, icon, word).on_hover_text(word)
}

/// The same for one whose tooltip says more, such as [`hint_ui`].
pub fn bare_icon(ui: &mut Ui, enabled: bool, icon: Icon, word: &str) -> Response {
    let button = Button::new(icon::text(icon, 17.0)).min_size(Vec2::splat(theme::CONTROL));
    let response = ui
        .scope(|ui| {
            ui.spacing_mut().button_padding = vec2(7.0, 6.0);
            ui.add_enabled(enabled, button)
        })
        .inner;
    focus_ring(ui, &response);
    name(response, word)
}

/// A tooltip of a name and what it means.
pub fn hint_ui(ui: &mut Ui, word: &str, text: &str) {
    ui.spacing_mut().item_spacing.y = 3.0;
    ui.label(RichText::new(word).font(theme::semibold(13.0)));
    ui.label(RichText::new(text).size(13.0));
}

/// Text that goes somewhere when clicked.
pub fn link(ui: &mut Ui, icon: Option<Icon>, word: &str) -> Response {
    let color = palette(ui).dim;
    let text = RichText::new(word).size(theme::SMALL + 1.0).color(color);
    let button = match icon {
        Some(icon) => Button::new((icon::text(icon, 15.0).color(color), text)),
        None => Button::new(text),
    };
    let response = ui
        .scope(|ui| {
            ui.spacing_mut().button_padding = vec2(6.0, 4.0);
            ui.add(button.frame_when_inactive(false).stroke(Stroke::NONE))
        })
        .inner;
    focus_ring(ui, &response);
    name(response, word)
}

/// A line of an index that stands beside what it leads to.
pub fn index_item(ui: &mut Ui, selected: bool, icon: Icon, word: &str) -> Response {
    let p = palette(ui);
    let color = if selected { p.text } else { p.dim };
    let fill = if selected {
        p.card
    } else {
        Color32::TRANSPARENT
    };
    let glyph = icon::text(icon, 16.0).color(if selected { p.accent_text } else { p.dim });
    // The growing end keeps the word at the left of a wide line.
    let content = (glyph, RichText::new(word).color(color), egui::Atom::grow());
    let button = Button::new(content)
        .fill(fill)
        .stroke(Stroke::NONE)
        .min_size(vec2(0.0, theme::CONTROL + 2.0));
    let response = ui.add(button);
    response.widget_info(|| WidgetInfo::selected(Role::Tab, true, selected, word));
    focus_ring(ui, &response);
    response
}

/// A line of a menu.
pub fn menu_item(
    ui: &mut Ui,
    enabled: bool,
    icon: Option<Icon>,
    word: &str,
    shortcut: Option<&KeyboardShortcut>,
) -> Response {
    let color = palette(ui).dim;
    let glyph = icon.map_or_else(
        || RichText::new(""),
        |icon| icon::text(icon, 15.0).color(color),
    );
    let mut button = Button::new((glyph, word)).min_size(vec2(210.0, 30.0));
    // Also without a shortcut: it pushes the text to the left.
    let keys = shortcut.map(shortcut_text).unwrap_or_default();
    button = button.right_text(RichText::new(keys).size(theme::SMALL).color(color));
    let response = ui.add_enabled(enabled, button.frame_when_inactive(false));
    name(response, word)
}

/// A button with an icon that opens a menu.
pub fn menu_button(
    ui: &mut Ui,
    enabled: bool,
    icon: Icon,
    word: &str,
    content: impl FnOnce(&mut Ui),
) {
    let response = icon_button(ui, enabled, icon, word);
    // Towards the window's middle.
    let is_left = response.rect.center().x < ui.ctx().content_rect().center().x;
    let align = match is_left {
        true => egui::RectAlign::BOTTOM_START,
        false => egui::RectAlign::BOTTOM_END,
    };
    egui::Popup::menu(&response).align(align).show(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        let height = ui.ctx().content_rect().height() - 130.0;
        ui.set_max_height(height);
        egui::ScrollArea::vertical()
            .max_height(height)
            .show(ui, content);
    });
}

/// One of a row of tabs; returns whether it was chosen now.
pub fn tab(ui: &mut Ui, selected: bool, word: &str) -> bool {
    let p = palette(ui);
    let (font, color) = if selected {
        (theme::semibold(theme::BODY), p.text)
    } else {
        (theme::regular(theme::BODY), p.dim)
    };
    let galley = ui.painter().layout_no_wrap(word.to_owned(), font, color);
    let (rect, response) = ui.allocate_exact_size(
        vec2(galley.size().x, theme::CONTROL + 4.0),
        egui::Sense::click(),
    );
    response.widget_info(|| WidgetInfo::selected(Role::Tab, true, selected, word));
    let text = rect.center() - galley.size() / 2.0;
    ui.painter().galley(text, galley, color);
    if selected || response.hovered() || response.has_focus() {
        let line = Rect::from_min_max(
            egui::pos2(rect.left(), rect.bottom() - 2.5),
            rect.right_bottom(),
        );
        let color = if selected { p.accent } else { p.line };
        ui.painter().rect_filled(line, 2.0, color);
    }
    focus_ring(ui, &response);
    response.clicked()
}

/// A choice of few things side by side; returns whether it changed.
pub fn segmented<T: Copy + PartialEq>(ui: &mut Ui, value: &mut T, choices: &[(T, &str)]) -> bool {
    let p = palette(ui);
    let mut changed = false;
    egui::Frame::NONE
        .fill(p.hover)
        .corner_radius(CornerRadius::same(theme::CONTROL_RADIUS))
        .stroke(Stroke::new(1.0, p.line))
        .inner_margin(2)
        .show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 2.0;
                // Where a row is filled from the right, the last choice comes first.
                let mut choices: Vec<&(T, &str)> = choices.iter().collect();
                if ui.layout().prefer_right_to_left() {
                    choices.reverse();
                }
                for (choice, word) in choices {
                    if segment(ui, *value == *choice, word) && *value != *choice {
                        *value = *choice;
                        changed = true;
                    }
                }
            });
        });
    changed
}

fn segment(ui: &mut Ui, selected: bool, word: &str) -> bool {
    let p = palette(ui);
    let color = if selected { p.text } else { p.dim };
    let font = if selected {
        theme::semibold(13.0)
    } else {
        theme::regular(13.0)
    };
    let button = Button::new(RichText::new(word).font(font).color(color))
        .fill(if selected {
            p.card
        } else {
            Color32::TRANSPARENT
        })
        .stroke(if selected {
            Stroke::new(1.0, p.edge(p.accent_text))
        } else {
            Stroke::NONE
        })
        .corner_radius(6)
        .min_size(vec2(0.0, theme::CONTROL - 6.0));
    let response = ui
        .scope(|ui| {
            ui.spacing_mut().interact_size.y = theme::CONTROL - 6.0;
            ui.spacing_mut().button_padding = vec2(10.0, 3.0);
            ui.add(button)
        })
        .inner;
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, selected, word));
    focus_ring(ui, &response);
    response.clicked()
}

/// Shows where the keyboard is.
pub fn focus_ring(ui: &Ui, response: &Response) {
    if response.has_focus() {
        ui.painter().rect_stroke(
            response.rect,
            f32::from(theme::CONTROL_RADIUS),
            Stroke::new(2.0, palette(ui).accent_text),
            egui::StrokeKind::Outside,
        );
    }
}
