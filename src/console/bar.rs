//! The bar over the picture, and the card that says why there is no picture.

use egui::{Align, Button, Layout, RichText, Sense, Ui, WidgetInfo, accesskit::Role, vec2};
use lucide_icons::Icon;

use crate::language::{told, tr};
use crate::model::{Action, Change, Standing, State, permit};

use super::chord;
use super::presenter::Way;
use super::theme::{self, palette};
use super::view::Zoom;

mod share;

pub use self::share::ShareView;

/// Narrower bars, in points, do without the names of the hint and the way.
const ROOMY: f32 = 760.0;

/// What the bar shows. Made anew for each drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct BarView {
    pub name: String,
    /// `None` until the engine told, or without one.
    pub standing: Option<Standing>,
    pub zoom: Zoom,
    pub full_screen: bool,
    pub way: Way,
    /// What goes over between the clipboards.
    pub share: Option<ShareView>,
    /// The guest's picture is there and moves.
    pub live: bool,
    pub message: Message,
    /// What the engine is asked through; `None` if all is well, else why not.
    pub no_engine: Option<&'static str>,
}

/// The text in the middle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// How to leave or enter the guest.
    Hint(String),
    /// Something was done.
    Done(String),
    Trouble(String),
}

/// Why there is no moving picture, over the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    pub title: String,
    pub text: String,
    /// Offers Start; greyed with the reason when not permitted.
    pub start: Option<Result<(), String>>,
    /// Offers to open the screen again.
    pub again: bool,
}

/// What the person asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Zoom(Zoom),
    FullScreen(bool),
    /// A chord of [`chord::menu`].
    Press(String),
    Screenshot,
    GiveClipboard,
    TakeClipboard,
    Change(Change),
    Act(Action),
    /// Opens the screen again.
    Again,
    Close,
}

/// Draws the bar into the top of `ui`.
pub fn bar_ui(ui: &mut Ui, view: &BarView, requests: &mut Vec<Request>) {
    let frame = egui::Frame::NONE
        .fill(palette(ui).side)
        .inner_margin(egui::Margin::symmetric(10, 0));
    let panel = egui::Panel::top("bar")
        .exact_size(theme::BAR)
        .show_separator_line(false)
        .frame(frame);
    panel.show(ui, |ui| {
        let line = egui::Stroke::new(1.0, palette(ui).line);
        let width = ui.ctx().content_rect().x_range();
        ui.painter().hline(width, theme::BAR - 0.5, line);
        ui.horizontal_centered(|ui| {
            machine_ui(ui, view);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                power_ui(ui, view, requests);
                picture_ui(ui, view, requests);
                share::share_ui(ui, view, requests);
                message_ui(ui, view);
            });
        });
    });
}

fn machine_ui(ui: &mut Ui, view: &BarView) {
    let colors = palette(ui);
    ui.add(egui::Label::new(RichText::new(&view.name).strong().color(colors.text)).truncate());
    if let Some(standing) = view.standing {
        let color = colors.state(standing.state);
        let (dot, _) = ui.allocate_exact_size(vec2(8.0, 8.0), Sense::hover());
        ui.painter().circle_filled(dot.center(), 3.5, color);
        ui.label(
            RichText::new(tr(standing.state.label()))
                .size(12.5)
                .color(color),
        );
    }
}

/// From the right edge to the left.
fn power_ui(ui: &mut Ui, view: &BarView, requests: &mut Vec<Request>) {
    action_ui(ui, view, Action::ShutDown, Icon::Power, requests);
    let paused = view
        .standing
        .is_some_and(|standing| standing.state == State::Paused);
    if paused {
        action_ui(ui, view, Action::Resume, Icon::Play, requests);
    } else {
        action_ui(ui, view, Action::Pause, Icon::Pause, requests);
    }
    if icon_button(
        ui,
        Icon::Camera,
        tr("Screenshot to Pictures/Orangery"),
        Ok(()),
    ) {
        requests.push(Request::Screenshot);
    }
    ui.separator();
}

fn action_ui(ui: &mut Ui, view: &BarView, action: Action, icon: Icon, out: &mut Vec<Request>) {
    let allowed = allowed(view, action);
    if icon_button(ui, icon, tr(action.name()), allowed) {
        out.push(Request::Act(action));
    }
}

/// What the rules say, or that nobody could carry it out.
fn allowed(view: &BarView, action: Action) -> Result<(), String> {
    if let Some(why) = view.no_engine {
        return Err(why.to_owned());
    }
    let Some(standing) = view.standing else {
        return Err(tr("The machine's state is not known yet").to_owned());
    };
    permit(standing, action).map_err(|denied| told(&denied.to_string()).into_owned())
}

fn picture_ui(ui: &mut Ui, view: &BarView, requests: &mut Vec<Request>) {
    ui.add_enabled_ui(view.live, |ui| {
        ui.menu_button(tr("Send keys"), |ui| keys_menu(ui, requests));
    });
    let (icon, text) = if view.full_screen {
        (Icon::Minimize, tr("Leave full screen"))
    } else {
        (Icon::Maximize, tr("Full screen"))
    };
    if icon_button(ui, icon, text, Ok(())) {
        requests.push(Request::FullScreen(!view.full_screen));
    }
    for (zoom, label, explain) in [
        (
            Zoom::Times(2),
            "2:1",
            tr("Each guest pixel is a square of two by two"),
        ),
        (
            Zoom::Times(1),
            "1:1",
            tr("Each guest pixel is one pixel, sharp"),
        ),
        (Zoom::Fit, tr("Fit"), tr("As large as the window allows")),
    ] {
        let chosen = view.zoom == zoom;
        let button = Button::selectable(chosen, label);
        if ui.add(button).on_hover_text(explain).clicked() && !chosen {
            requests.push(Request::Zoom(zoom));
        }
    }
    ui.separator();
}

fn keys_menu(ui: &mut Ui, requests: &mut Vec<Request>) {
    ui.set_min_width(180.0);
    for entry in chord::menu() {
        let Some((label, chord)) = entry else {
            ui.separator();
            continue;
        };
        if ui.button(label).clicked() {
            requests.push(Request::Press(chord));
            ui.close();
        }
    }
}

fn message_ui(ui: &mut Ui, view: &BarView) {
    let colors = palette(ui);
    let roomy = ui.ctx().content_rect().width() >= ROOMY;
    if roomy && view.live {
        let (word, explain) = match view.way {
            Way::Direct => (
                tr("direct"),
                tr("The window system reads the machine's memory itself"),
            ),
            Way::Copied => (
                tr("copied"),
                tr("Changed pixels are copied into the window"),
            ),
        };
        let label = egui::Label::new(RichText::new(word).size(12.0).color(colors.dim));
        ui.add(label.sense(Sense::hover())).on_hover_text(explain);
    }
    ui.add_space(8.0);
    let (text, color) = match &view.message {
        Message::Hint(_) if !roomy => return,
        Message::Hint(text) => (text.clone(), colors.dim),
        Message::Done(text) => (text.clone(), colors.leaf),
        Message::Trouble(text) => (text.clone(), colors.warn),
    };
    let label = egui::Label::new(RichText::new(&text).size(12.5).color(color));
    ui.add(label.truncate()).on_hover_text(text);
}

fn icon_button(ui: &mut Ui, icon: Icon, name: &str, allowed: Result<(), String>) -> bool {
    let glyph = RichText::new(char::from(icon)).font(theme::icons(16.0));
    let enabled = allowed.is_ok();
    let button = Button::new(glyph).min_size(vec2(30.0, 26.0));
    let response = ui.add_enabled(enabled, button);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, name));
    match allowed {
        Ok(()) => response.on_hover_text(name).clicked(),
        Err(why) => {
            response.on_disabled_hover_text(format!("{name}. {why}"));
            false
        }
    }
}

/// Draws `card` into the middle of the window.
pub fn card_ui(ctx: &egui::Context, card: &Card, requests: &mut Vec<Request>) {
    let area = egui::Area::new(egui::Id::unique("card"))
        .anchor(egui::Align2::CENTER_CENTER, vec2(0.0, theme::BAR / 2.0))
        .movable(false);
    area.show(ctx, |ui| {
        let colors = palette(ui);
        let frame = egui::Frame::NONE
            .fill(colors.card)
            .stroke(egui::Stroke::new(1.0, colors.line))
            .inner_margin(egui::Margin::same(20));
        frame.show(ui, |ui| {
            ui.set_width(340.0);
            ui.label(
                RichText::new(&card.title)
                    .size(17.0)
                    .strong()
                    .color(colors.text),
            );
            if !card.text.is_empty() {
                ui.add(egui::Label::new(RichText::new(&card.text).color(colors.dim)).wrap());
            }
            ui.add_space(12.0);
            ui.horizontal(|ui| card_buttons(ui, card, requests));
        });
    });
}

fn card_buttons(ui: &mut Ui, card: &Card, requests: &mut Vec<Request>) {
    let colors = palette(ui);
    if let Some(start) = &card.start {
        let text = RichText::new(tr(Action::Start.name()))
            .strong()
            .color(colors.on_accent);
        let button = Button::new(text)
            .fill(colors.accent)
            .min_size(vec2(90.0, 32.0));
        let response = ui.add_enabled(start.is_ok(), button);
        match start {
            Ok(()) if response.clicked() => requests.push(Request::Act(Action::Start)),
            Ok(()) => {}
            Err(why) => {
                response.on_disabled_hover_text(why);
            }
        }
    }
    if card.again
        && ui
            .add(Button::new(tr("Open again")).min_size(vec2(90.0, 32.0)))
            .clicked()
    {
        requests.push(Request::Again);
    }
    if ui
        .add(Button::new(tr("Close")).min_size(vec2(80.0, 32.0)))
        .clicked()
    {
        requests.push(Request::Close);
    }
}

#[cfg(test)]
mod tests;
