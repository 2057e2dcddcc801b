//! Help: first steps, parts of hardware, shortcuts, files, the log, the program itself.

mod find;
mod log;
mod texts;

use egui::{RichText, ScrollArea, Ui};

use super::actions::Errand;
use super::hardware_help;
use super::icon::Icon;
use super::settings_page::Section;
use super::shortcuts::Bound;
use super::theme::{self, palette};
use super::view::View;
use super::{Ask, kit, page};
use crate::engine::message::Command;
use crate::language::{fill, tr};
use find::Find;

/// Below this width the topics stand above, not at the left.
const BESIDE: f32 = 640.0;
const INDEX: f32 = 190.0;

/// The parts of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Topic {
    #[default]
    FirstSteps,
    Hardware,
    Shortcuts,
    Files,
    Log,
    About,
}

impl Topic {
    pub const ALL: [Self; 6] = [
        Self::FirstSteps,
        Self::Hardware,
        Self::Shortcuts,
        Self::Files,
        Self::Log,
        Self::About,
    ];

    /// In English.
    pub fn word(self) -> &'static str {
        match self {
            Self::FirstSteps => "First steps",
            Self::Hardware => "Parts of a machine",
            Self::Shortcuts => "Shortcuts",
            Self::Files => "Where files are",
            Self::Log => "Log and reports",
            Self::About => "About Orangery",
        }
    }

    fn icon(self) -> Icon {
        match self {
            Self::FirstSteps => Icon::Footprints,
            Self::Hardware => Icon::Cpu,
            Self::Shortcuts => Icon::Keyboard,
            Self::Files => Icon::Folder,
            Self::Log => Icon::ScrollText,
            Self::About => Icon::Info,
        }
    }
}

/// What this page remembers between frames.
#[derive(Default)]
pub struct HelpPage {
    pub topic: Topic,
    /// What is looked for in all topics.
    search: String,
    focus_search: bool,
    log: log::LogView,
}

impl HelpPage {
    /// What was looked up is looked up anew when the page is opened again.
    pub fn leave(&mut self) {
        self.log = log::LogView::default();
        self.search.clear();
    }

    /// Puts the keyboard into the search.
    pub fn focus_search(&mut self) {
        self.focus_search = true;
    }

    /// Escape ends the search before it leaves the page.
    pub fn searches(&self) -> bool {
        !self.search.is_empty()
    }

    pub fn ui(&mut self, ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
        page::head_ui(ui, tr(Errand::ShowHelp.word()), asks, |ui, asks| {
            let word = tr("Report a problem…");
            if kit::secondary(ui, true, Some(Icon::Flag), word).clicked() {
                asks.push(Ask::Engine(Command::Report { machine: None }));
            }
        });
        let margin = egui::Margin::symmetric(22, 0);
        egui::Frame::NONE.inner_margin(margin).show(ui, |ui| {
            if ui.available_width() < BESIDE {
                find::field_ui(ui, &mut self.search, &mut self.focus_search);
                ui.horizontal_wrapped(|ui| self.index_ui(ui));
                ui.add_space(8.0);
                self.scrolled_ui(ui, view, asks);
            } else {
                ui.horizontal_top(|ui| {
                    ui.allocate_ui_with_layout(
                        egui::vec2(INDEX, ui.available_height()),
                        egui::Layout::top_down_justified(egui::Align::Min),
                        |ui| {
                            ui.set_width(INDEX);
                            find::field_ui(ui, &mut self.search, &mut self.focus_search);
                            self.index_ui(ui);
                        },
                    );
                    ui.add_space(theme::GAP);
                    ui.vertical(|ui| self.scrolled_ui(ui, view, asks));
                });
            }
        });
    }

    fn index_ui(&mut self, ui: &mut Ui) {
        ui.spacing_mut().item_spacing.y = 2.0;
        let searches = !self.search.trim().is_empty();
        for topic in Topic::ALL {
            let open = self.topic == topic && !searches;
            if kit::index_item(ui, open, topic.icon(), tr(topic.word())).clicked() {
                self.topic = topic;
                self.search.clear();
            }
        }
    }

    fn scrolled_ui(&mut self, ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
        let mut find = Find::of(&self.search);
        let salt = if find.searches() {
            "found"
        } else {
            self.topic.word()
        };
        let area = ScrollArea::vertical().auto_shrink(false);
        area.id_salt(salt).show(ui, |ui| {
            ui.set_width((ui.available_width() - 6.0).min(720.0));
            if find.searches() {
                for topic in Topic::ALL {
                    find.enter(tr(topic.word()));
                    self.topic_ui(ui, topic, &mut find, view, asks);
                }
                find.end_ui(ui, &self.search);
            } else {
                self.topic_ui(ui, self.topic, &mut find, view, asks);
            }
            ui.add_space(22.0);
        });
    }

    fn topic_ui(
        &mut self,
        ui: &mut Ui,
        topic: Topic,
        find: &mut Find,
        view: &View,
        asks: &mut Vec<Ask>,
    ) {
        match topic {
            Topic::FirstSteps => first_steps_ui(ui, find, view),
            Topic::Hardware => hardware_ui(ui, find, asks),
            Topic::Shortcuts => shortcuts_ui(ui, find, view, asks),
            Topic::Files => files_ui(ui, find, view),
            // The log is searched on its own page.
            Topic::Log if find.searches() => {
                let open = find.card(ui, tr(topic.word()), log::explain(), |ui| {
                    text_ui(ui, log::explain());
                    kit::link(ui, Some(topic.icon()), tr(topic.word())).clicked()
                });
                if open == Some(true) {
                    self.topic = topic;
                    self.search.clear();
                }
            }
            Topic::Log => self.log.ui(ui, view, asks),
            Topic::About => about_ui(ui, find, asks),
        }
    }
}

/// A paragraph.
fn text_ui(ui: &mut Ui, text: &str) {
    let text = RichText::new(text).color(palette(ui).text);
    ui.add(egui::Label::new(text).wrap());
}

fn first_steps_ui(ui: &mut Ui, find: &mut Find, view: &View) {
    for (title, text) in texts::FIRST_STEPS {
        let key = tr(view.settings.release_key.label());
        let text = fill(text, &[("key", &key)]);
        find.card(ui, tr(title), &text, |ui| text_ui(ui, &text));
    }
}

/// What each part means, in two sentences, and where there is more.
fn hardware_ui(ui: &mut Ui, find: &mut Find, asks: &mut Vec<Ask>) {
    for part in hardware_help::ALL {
        find.card(ui, part.title(), part.text(), |ui| {
            text_ui(ui, part.text());
            let link = texts::Link {
                words: "More in QEMU's documentation",
                url: part.link,
            };
            link_ui(ui, &link, asks);
        });
    }
}

fn link_ui(ui: &mut Ui, link: &texts::Link, asks: &mut Vec<Ask>) {
    let response = kit::link(ui, Some(Icon::ExternalLink), tr(link.words));
    if response.on_hover_text(link.url).clicked() {
        asks.push(Ask::OpenLink(link.url));
    }
}

/// What there is, and the keys for it.
fn shortcut_lines(view: &View) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    for bound in Bound::all() {
        if let Some(keys) = view.program.shortcuts.get(bound) {
            lines.push((tr(bound.word()), kit::shortcut_text(&keys)));
        }
    }
    use egui::gui_zoom::kb_shortcuts::{ZOOM_IN, ZOOM_OUT, ZOOM_RESET};
    let scale = [ZOOM_IN, ZOOM_OUT, ZOOM_RESET];
    let scale = scale.map(|keys| kit::shortcut_text(&keys)).join("  ");
    lines.push((tr("Larger or smaller"), scale));
    let key = tr(view.settings.release_key.label());
    lines.push((tr("Give the keyboard back from a guest"), key.to_owned()));
    lines
}

fn shortcuts_ui(ui: &mut Ui, find: &mut Find, view: &View, asks: &mut Vec<Ask>) {
    let title = tr("Shortcuts");
    let mut lines = shortcut_lines(view);
    if !find.wants(title, "") {
        lines.retain(|(word, keys)| find.wants(word, keys));
    }
    let Some((word, keys)) = lines.first() else {
        return;
    };
    let any = format!("{title} {word} {keys}");
    find.card(ui, title, &any, |ui| {
        let p = palette(ui);
        ui.spacing_mut().interact_size.y = 20.0;
        let grid = egui::Grid::new("shortcuts").num_columns(2);
        grid.spacing([28.0, 6.0]).show(ui, |ui| {
            for (word, keys) in &lines {
                ui.label(RichText::new(*word).color(p.text));
                ui.label(RichText::new(keys).monospace().size(13.0).color(p.dim));
                ui.end_row();
            }
        });
    });
    let word = tr("Change shortcuts…");
    if kit::secondary(ui, true, Some(Icon::Keyboard), word).clicked() {
        asks.push(Ask::ShowSettings(Section::Shortcuts));
    }
    ui.add_space(6.0);
}

fn files_ui(ui: &mut Ui, find: &mut Find, view: &View) {
    let places = &view.program.whereabouts;
    let mut place = |title: &str, text: &str, path: String| {
        find.card(ui, title, &format!("{text} {path}"), |ui| {
            text_ui(ui, text);
            kit::copy_line(ui, &path, tr("the path"));
        });
    };
    let library = places.library.display().to_string();
    let text = tr(
        "Each machine has a folder in “machines”. To move a library, move the whole folder while nothing runs",
    );
    place(tr("Library"), text, library);
    let settings = places.settings.display().to_string();
    let text = tr("A text file; what can't be read in it counts as the default");
    place(tr("Settings"), text, settings);
    if let Some(log) = &places.log {
        let text = tr("What was asked for and what failed, half a megabyte at most");
        place(tr("Log"), text, log.display().to_string());
    }
}

fn about_ui(ui: &mut Ui, find: &mut Find, asks: &mut Vec<Ask>) {
    let version = format!("Orangery {}", env!("CARGO_PKG_VERSION"));
    find.card(ui, &version, tr(texts::ABOUT), |ui| {
        text_ui(ui, tr(texts::ABOUT));
        for link in &texts::LINKS {
            link_ui(ui, link, asks);
        }
    });
    let licences = texts::LICENCES.map(tr);
    find.card(ui, tr("Licences"), &licences.join(" "), |ui| {
        for text in licences {
            text_ui(ui, text);
        }
    });
}
