//! What tells the user how things stand: states, progress, dialogs, lines to copy.

use std::time::Duration;

use egui::{CornerRadius, Event, Frame, Id, Margin, RichText, Stroke, Ui, WidgetInfo, vec2};

use super::button;
use crate::language::{fill, tr};
use crate::model::{JobReport, State};
use crate::ui::icon::Icon;
use crate::ui::theme::{self, palette};

/// A state as colour and word.
pub fn state_word(ui: &mut Ui, state: State) {
    let p = palette(ui);
    let color = p.state(state);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 7.0;
        let (rect, _) = ui.allocate_exact_size(vec2(9.0, 16.0), egui::Sense::hover());
        ui.painter().circle_filled(rect.center(), 4.5, color);
        ui.label(RichText::new(tr(state.label())).color(p.text));
    });
}

/// A bar for a job's progress; one that doesn't know how far it is shows a full, quiet bar.
pub fn progress(ui: &mut Ui, job: &JobReport, width: f32) {
    let p = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(width, 6.0), egui::Sense::hover());
    let share = share_done(job);
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(egui::Role::ProgressIndicator, true, &job.title);
        info.value = share.map(f64::from);
        info
    });
    ui.painter().rect_filled(rect, 3.0, p.line);
    match share {
        Some(share) => {
            let mut done = rect;
            done.set_width(rect.width() * share);
            ui.painter().rect_filled(done, 3.0, p.accent);
        }
        None => {
            ui.painter().rect_filled(rect, 3.0, p.edge(p.accent));
        }
    }
}

/// The done share of a job, 0 to 1, if it is known.
fn share_done(job: &JobReport) -> Option<f32> {
    (job.of > 0).then(|| (job.done as f32 / job.of as f32).clamp(0.0, 1.0))
}

/// What a dialog remembers while it is open.
#[derive(Clone, Copy, Default)]
struct Opened {
    /// The last frame that it was shown in.
    frame: u64,
    size: egui::Vec2,
    /// Something was written into it, which a slip of the pointer must not lose.
    typed: bool,
}

impl Opened {
    /// What the dialog `id` remembers; anew where it was not open just now.
    fn recall(ui: &Ui, id: Id) -> Self {
        let frame = ui.ctx().cumulative_frame_nr();
        let known = ui.data(|data| data.get_temp::<Self>(id));
        let known = known.filter(|known| known.frame + 1 >= frame);
        let typed = ui.input(|input| {
            let is_text = |event: &Event| matches!(event, Event::Text(_) | Event::Paste(_));
            input.events.iter().any(is_text)
        });
        let known = known.unwrap_or_default();
        Self {
            frame,
            typed: known.typed || typed,
            ..known
        }
    }
}

/// A dialog; returns what `content` gave and whether the user dismissed it: by Escape, or by a click beside it unless
/// something was written into it.
pub fn modal<R>(
    ui: &Ui,
    id: &str,
    width: f32,
    title: &str,
    content: impl FnOnce(&mut Ui) -> R,
) -> (R, bool) {
    let p = palette(ui);
    let room = ui.ctx().content_rect();
    let frame = Frame::NONE
        .fill(p.card)
        .corner_radius(CornerRadius::same(16))
        .stroke(Stroke::new(1.0, p.line))
        .inner_margin(Margin::same(24))
        .shadow(ui.visuals().window_shadow);
    let mut opened = Opened::recall(ui, Id::unique(("opened", id)));
    let shown = egui::Modal::new(Id::unique(id))
        .backdrop_color(p.backdrop)
        .frame(frame)
        .show(ui.ctx(), |ui| {
            ui.set_width(width.min(room.width() - 80.0));
            ui.label(
                RichText::new(title)
                    .font(theme::semibold(theme::HEADING))
                    .color(p.text),
            );
            ui.add_space(4.0);
            content(ui)
        });
    let size = shown.response.rect.size();
    if size != opened.size {
        opened.size = size;
        // It is put into the middle by the size that it had in the frame before.
        ui.ctx().request_repaint_after(Duration::from_millis(1));
    }
    ui.data_mut(|data| data.insert_temp(Id::unique(("opened", id)), opened));
    let beside = shown.backdrop_response.clicked();
    let slipped = beside && (opened.typed || shown.any_popup_open);
    let dismissed = shown.should_close() && !slipped;
    (shown.inner, dismissed)
}

/// How a question was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Yes,
    No,
    Undecided,
}

/// Asks before something that can't be undone.
pub fn confirm(ui: &Ui, title: &str, text: &str, yes: &str) -> Choice {
    let (choice, dismissed) = modal(ui, "confirm", 460.0, title, |ui| {
        ui.add(egui::Label::new(RichText::new(text).color(palette(ui).dim)).wrap());
        ui.add_space(10.0);
        footer(ui, |ui| {
            if button::danger(ui, true, Some(Icon::Trash2), yes).clicked() {
                Choice::Yes
            } else if button::secondary(ui, true, None, tr("Cancel")).clicked() {
                Choice::No
            } else {
                Choice::Undecided
            }
        })
    });
    if dismissed && choice == Choice::Undecided {
        Choice::No
    } else {
        choice
    }
}

/// The row of buttons at the end of a dialog, from the right.
pub fn footer<R>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
    ui.allocate_ui_with_layout(
        vec2(ui.available_width(), theme::CONTROL),
        egui::Layout::right_to_left(egui::Align::Center),
        content,
    )
    .inner
}

/// A line of text in a fixed font with a button that copies it.
pub fn copy_line(ui: &mut Ui, text: &str, what: &str) {
    let p = palette(ui);
    Frame::NONE
        .fill(p.well)
        .corner_radius(CornerRadius::same(theme::CONTROL_RADIUS))
        .stroke(Stroke::new(1.0, p.line))
        .inner_margin(Margin::symmetric(10, 4))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().interact_size.y = theme::CONTROL; // the row's, so that the text is centred
            ui.horizontal(|ui| {
                let width = ui.available_width() - theme::CONTROL - 14.0;
                ui.allocate_ui(vec2(width, 20.0), |ui| {
                    ui.set_width(width);
                    ui.add(
                        egui::Label::new(RichText::new(text).monospace().color(p.text))
                            .wrap()
                            .selectable(true),
                    );
                });
                let word = fill("Copy {what}", &[("what", &what)]);
                if button::icon_button(ui, true, Icon::Copy, &word).clicked() {
                    ui.ctx().copy_text(text.to_owned());
                }
            });
        });
}

/// `text` with a capital at its start, for a cause that stands on a line of its own.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}
