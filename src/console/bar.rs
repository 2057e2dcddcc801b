//! The bar over the picture, and the card that says why there is no picture.

use egui::{Align, Button, Layout, RichText, Sense, Ui, WidgetInfo, accesskit::Role, vec2};
use lucide_icons::Icon;

use crate::display::keys::{KeyCode, Offered};
use crate::language::{fill, told, tr};
use crate::model::{
    Action, Change, JobId, JobReport, Recorded, ScreenSettings, Standing, State, permit,
};

use super::presenter::Way;
use super::theme::{self, palette};

mod farewell;
mod signs;
mod view_menu;

pub use self::farewell::farewell_ui;
pub use self::signs::{figures_ui, release_sign_ui};

mod share;

pub use self::share::ShareView;

/// Room that a machine's name has at least, points.
const LEAST_NAME: f32 = 40.0;
/// Narrower bars, in points, do without the names of the hint and the way.
const ROOMY: f32 = 760.0;

/// What the bar shows. Made anew for each drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct BarView {
    pub name: String,
    /// `None` until the engine told, or without one.
    pub standing: Option<Standing>,
    pub look: ScreenSettings,
    /// How large the picture is, in a word.
    pub badge: String,
    /// What became of the wish for the window's size.
    pub following: String,
    pub full_screen: bool,
    pub monitors: Vec<String>,
    /// Graphical outputs of the machine, and the one that is shown.
    pub heads: u32,
    pub head: u32,
    /// Those that no window of its own shows.
    pub free_heads: Vec<u32>,
    pub way: Way,
    /// What goes over between the clipboards.
    pub share: Option<ShareView>,
    /// The guest's picture is there and moves.
    pub live: bool,
    /// Long work on the machine.
    pub job: Option<JobReport>,
    /// Combinations for the menu, in groups.
    pub keys: Vec<Vec<Offered>>,
    pub message: Message,
    /// The machine is muted; `None` if there is nothing to mute.
    pub muted: Option<bool>,
    /// The guest hears this computer's microphone.
    pub microphone_on: bool,
    /// While the screen is being recorded.
    pub recording: Option<Recorded>,
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
    Choose(ScreenSettings),
    FullScreen(bool),
    /// On one of [`BarView::monitors`].
    FullScreenOn(usize),
    /// Shows another of the machine's outputs.
    Head(u32),
    /// Shows these in windows of their own.
    OpenHeads(Vec<u32>),
    /// Keys to press together.
    Press(Vec<KeyCode>),
    Screenshot,
    Record(bool),
    GiveClipboard,
    TakeClipboard,
    /// Types our clipboard's text, key by key.
    TypeClipboard,
    CancelJob(JobId),
    Change(Change),
    Act(Action),
    Mute(bool),
    /// Opens the screen again.
    Again,
    /// Ends a copy of which nothing is kept, so.
    Part(Action),
    /// The window stays after all.
    Stay,
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
        let disposable = view.standing.is_some_and(|standing| standing.disposable);
        let line = match disposable {
            true => egui::Stroke::new(4.0, palette(ui).warn),
            false => egui::Stroke::new(1.0, palette(ui).line),
        };
        let width = ui.ctx().content_rect().x_range();
        ui.painter()
            .hline(width, theme::BAR - line.width / 2.0, line);
        ui.horizontal_centered(|ui| {
            let from_right = Layout::right_to_left(Align::Center);
            ui.with_layout(from_right, |ui| {
                power_ui(ui, view, requests);
                picture_ui(ui, view, requests);
                share::share_ui(ui, view, requests);
                action_ui(ui, view, Action::Snapshot, Icon::Bookmark, requests);
                job_ui(ui, view, requests);
                // Words have what the buttons leave, and are cut where that ends.
                let room = ui.available_rect_before_wrap();
                let words = egui::UiBuilder::new()
                    .max_rect(room)
                    .layout(Layout::left_to_right(Align::Center));
                ui.scope_builder(words, |ui| {
                    ui.shrink_clip_rect(room);
                    machine_ui(ui, view);
                    ui.with_layout(from_right, |ui| message_ui(ui, view));
                });
            });
        });
    });
}

/// How wide all that [`machine_ui`] shows behind the name is.
fn signs_width(ui: &Ui, view: &BarView) -> f32 {
    let state = view.standing.map(|standing| tr(standing.state.label()));
    let disposable = view.standing.is_some_and(|standing| standing.disposable);
    let kept = disposable.then(|| tr("Nothing is kept"));
    let recording = view.recording.map(recording_text);
    let microphone = view.microphone_on.then(|| tr("Microphone on"));
    let words = [state, kept, recording.as_deref(), microphone];
    let font = egui::FontId::proportional(12.5);
    // With the dot or the icon before a word.
    words
        .into_iter()
        .flatten()
        .map(|word| width_of(ui, word, font.clone()) + 24.0)
        .sum()
}

fn recording_text(recorded: Recorded) -> String {
    fill("Recording: {recorded}", &[("recorded", &recorded)])
}

fn width_of(ui: &Ui, text: &str, font: egui::FontId) -> f32 {
    let galley = ui
        .painter()
        .layout_no_wrap(text.to_owned(), font, palette(ui).text);
    galley.size().x
}

fn machine_ui(ui: &mut Ui, view: &BarView) {
    let colors = palette(ui);
    let name = RichText::new(&view.name).strong().color(colors.text);
    let height = ui.available_height();
    let room = (ui.available_width() - signs_width(ui, view)).max(LEAST_NAME);
    let width = width_of(ui, &view.name, egui::TextStyle::Body.resolve(ui.style()));
    let place = vec2(width.min(room) + 1.0, height);
    let centred = Layout::left_to_right(Align::Center);
    ui.allocate_ui_with_layout(place, centred, |ui| {
        ui.add(egui::Label::new(name).truncate())
    });
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
    if view.standing.is_some_and(|standing| standing.disposable) {
        let word = RichText::new(tr("Nothing is kept")).size(12.5);
        ui.label(word.color(colors.warn)).on_hover_text(tr(
            "Once its guest ends you are asked what becomes of it; unless it is kept it is gone with all that was done in it.",
        ));
    }
    if let Some(recorded) = view.recording {
        ui.label(
            RichText::new(recording_text(recorded))
                .size(12.5)
                .color(colors.error),
        );
    }
    if view.microphone_on {
        let glyph = RichText::new(char::from(Icon::Mic)).font(theme::icons(15.0));
        ui.label(glyph.color(colors.error));
        let word = RichText::new(tr("Microphone on")).size(12.5);
        ui.label(word.color(colors.error)).on_hover_text(tr(
            "The guest records what this computer's microphone hears",
        ));
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
        tr("Screenshot: kept in Pictures/Orangery and copied"),
        Ok(()),
    ) {
        requests.push(Request::Screenshot);
    }
    record_ui(ui, view, requests);
    if let Some(muted) = view.muted {
        let (icon, word) = if muted {
            (Icon::VolumeX, tr("Sound on"))
        } else {
            (Icon::Volume2, tr("Mute"))
        };
        let allowed = view.no_engine.map_or(Ok(()), |why| Err(why.to_owned()));
        if icon_button(ui, icon, word, allowed) {
            requests.push(Request::Mute(!muted));
        }
    }
    ui.separator();
}

fn record_ui(ui: &mut Ui, view: &BarView, requests: &mut Vec<Request>) {
    let (icon, word) = if view.recording.is_some() {
        (Icon::CircleStop, tr("End the recording"))
    } else {
        (Icon::Video, tr("Record the screen into Videos/Orangery"))
    };
    if icon_button(ui, icon, word, Ok(())) {
        requests.push(Request::Record(view.recording.is_none()));
    }
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
        ui.menu_button(tr("Send keys"), |ui| keys_menu(ui, view, requests));
    });
    let (icon, text) = if view.full_screen {
        (Icon::Minimize, tr("Leave full screen"))
    } else {
        (Icon::Maximize, tr("Full screen"))
    };
    if icon_button(ui, icon, text, Ok(())) {
        requests.push(Request::FullScreen(!view.full_screen));
    }
    view_menu::badge_ui(ui, view, requests);
    ui.separator();
}

fn keys_menu(ui: &mut Ui, view: &BarView, requests: &mut Vec<Request>) {
    ui.set_min_width(180.0);
    // A menu that is higher than the room below the bar would cover the button that closes it.
    let room = ui.ctx().content_rect().height() - theme::BAR - 20.0;
    ui.set_max_height(room);
    let area = egui::ScrollArea::vertical().max_height(room);
    area.show(ui, |ui| {
        type_clipboard_ui(ui, view, requests);
        for group in &view.keys {
            ui.separator();
            for offered in group {
                if ui.button(told(&offered.label)).clicked() {
                    requests.push(Request::Press(offered.keys.clone()));
                    ui.close();
                }
            }
        }
    });
}

fn type_clipboard_ui(ui: &mut Ui, view: &BarView, requests: &mut Vec<Request>) {
    let button = Button::new(tr("Type the clipboard's text"));
    let button = ui.add_enabled(view.no_engine.is_none(), button);
    let explain = tr("Key by key, where no clipboard reaches: a login screen, a boot loader");
    let button = button.on_hover_text(explain);
    let why = view.no_engine.unwrap_or_default();
    if button.on_disabled_hover_text(why).clicked() {
        requests.push(Request::TypeClipboard);
        ui.close();
    }
}

/// How far long work is, and a way to stop it.
fn job_ui(ui: &mut Ui, view: &BarView, requests: &mut Vec<Request>) {
    let Some(job) = &view.job else {
        return;
    };
    let stop = if job.can_cancel && view.no_engine.is_none() {
        Ok(())
    } else {
        Err(tr("It can't be stopped now").to_owned())
    };
    if icon_button(ui, Icon::X, tr("Stop"), stop) {
        requests.push(Request::CancelJob(job.id));
    }
    let title = told(&job.title);
    let text = match job.percent() {
        Some(percent) => format!("{title} · {percent} %"),
        None => title.into_owned(),
    };
    ui.label(RichText::new(text).size(12.5).color(palette(ui).text));
}

fn message_ui(ui: &mut Ui, view: &BarView) {
    let colors = palette(ui);
    let roomy = ui.ctx().content_rect().width() >= ROOMY;
    if roomy && view.live {
        let (word, explain) = (view.way.word(), view.way.explain());
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
    over_picture(ctx, "card", |ui| {
        let colors = palette(ui);
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
}

/// A box in the middle of the window.
fn over_picture(ctx: &egui::Context, name: &'static str, content: impl FnOnce(&mut Ui)) {
    let area = egui::Area::new(egui::Id::unique(name))
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
            content(ui);
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
