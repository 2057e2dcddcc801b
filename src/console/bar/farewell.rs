//! What becomes of a copy of which nothing is kept: asked when its window is closed or its guest has ended.

use egui::{Button, RichText, Ui, WidgetInfo, accesskit::Role, vec2};
use lucide_icons::Icon;

use super::{BarView, Request, allowed, over_picture};
use crate::console::theme::{self, palette};
use crate::language::{fill, later, tr};
use crate::model::Action;

/// The ways to end it, and what each means.
const WAYS: [(Action, Icon, &str); 3] = [
    (
        Action::Keep,
        Icon::HeartHandshake,
        later("It is a machine like any other from then on"),
    ),
    (
        Action::KeepMoment,
        Icon::BookmarkPlus,
        later("A snapshot in the timeline of the machine that it came from"),
    ),
    (
        Action::Discard,
        Icon::Trash2,
        later("All that was done in it is gone"),
    ),
];

/// Draws the question into the middle of the window.
pub fn farewell_ui(ctx: &egui::Context, view: &BarView, requests: &mut Vec<Request>) {
    over_picture(ctx, "farewell", |ui| {
        let colors = palette(ui);
        let runs = view.standing.is_some_and(|now| now.state.has_process());
        let title = match runs {
            true => later("Nothing is kept of {name}"),
            false => later("{name} has ended"),
        };
        let title = fill(title, &[("name", &view.name)]);
        ui.add(
            egui::Label::new(RichText::new(title).size(17.0).strong().color(colors.text)).wrap(),
        );
        let text = tr("Say what becomes of this copy and all that was done in it.");
        ui.add(egui::Label::new(RichText::new(text).color(colors.dim)).wrap());
        ui.add_space(8.0);
        for (action, icon, meaning) in WAYS {
            way_ui(ui, view, action, (icon, tr(meaning)), requests);
        }
        ui.add_space(8.0);
        ui.horizontal(|ui| {
            let word = match runs {
                true => tr("Leave it running"),
                false => tr("Decide later"),
            };
            if plain(ui, word) {
                requests.push(Request::Close);
            }
            if runs && plain(ui, tr("Cancel")) {
                requests.push(Request::Stay);
            }
        });
    });
}

fn plain(ui: &mut Ui, word: &str) -> bool {
    ui.add(Button::new(word).min_size(vec2(90.0, 32.0)))
        .clicked()
}

fn way_ui(
    ui: &mut Ui,
    view: &BarView,
    action: Action,
    (icon, meaning): (Icon, &str),
    requests: &mut Vec<Request>,
) {
    let colors = palette(ui);
    let allowed = allowed(view, action);
    let enabled = allowed.is_ok();
    let word = tr(action.name());
    let (fill, color) = match action {
        Action::Keep => (Some(colors.accent), colors.on_accent),
        Action::Discard => (None, colors.error),
        _ => (None, colors.text),
    };
    let glyph = RichText::new(char::from(icon)).font(theme::icons(16.0));
    let text = RichText::new(word).color(color);
    let button = Button::new((glyph.color(color), text, egui::Atom::grow()));
    let button = button.min_size(vec2(ui.available_width(), 32.0));
    let button = match fill {
        Some(fill) => button.fill(fill),
        None => button,
    };
    let response = ui.add_enabled(enabled, button);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, word));
    let text = match &allowed {
        Ok(()) => meaning,
        Err(why) => why,
    };
    let text = RichText::new(text).size(12.5).color(colors.dim);
    ui.add(egui::Label::new(text).wrap());
    ui.add_space(4.0);
    if response.clicked() {
        requests.push(Request::Part(action));
    }
}
