//! Help: first steps, parts of hardware, shortcuts, files, the log, the program itself.

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
use super::{Ask, kit, shell};
use crate::engine::message::Command;
use crate::language::{fill, tr};

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
    log: log::LogView,
}

impl HelpPage {
    /// What was looked up is looked up anew when the page is opened again.
    pub fn leave(&mut self) {
        self.log = log::LogView::default();
    }

    pub fn ui(&mut self, ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
        shell::page_head_ui(ui, tr(Errand::ShowHelp.word()), asks, |ui, asks| {
            let word = tr("Report a problem…");
            if kit::secondary(ui, true, Some(Icon::Flag), word).clicked() {
                asks.push(Ask::Engine(Command::Report { machine: None }));
            }
        });
        let margin = egui::Margin::symmetric(22, 0);
        egui::Frame::NONE.inner_margin(margin).show(ui, |ui| {
            if ui.available_width() < BESIDE {
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
        for topic in Topic::ALL {
            if kit::index_item(ui, self.topic == topic, topic.icon(), tr(topic.word())).clicked() {
                self.topic = topic;
            }
        }
    }

    fn scrolled_ui(&mut self, ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
        let area = ScrollArea::vertical().auto_shrink(false);
        area.id_salt(self.topic.word()).show(ui, |ui| {
            ui.set_width((ui.available_width() - 6.0).min(720.0));
            match self.topic {
                Topic::FirstSteps => first_steps_ui(ui, view),
                Topic::Hardware => hardware_ui(ui, asks),
                Topic::Shortcuts => shortcuts_ui(ui, view, asks),
                Topic::Files => files_ui(ui, view),
                Topic::Log => self.log.ui(ui, view, asks),
                Topic::About => about_ui(ui, asks),
            }
            ui.add_space(22.0);
        });
    }
}

/// A paragraph.
fn text_ui(ui: &mut Ui, text: &str) {
    let text = RichText::new(text).color(palette(ui).text);
    ui.add(egui::Label::new(text).wrap());
}

fn first_steps_ui(ui: &mut Ui, view: &View) {
    for (title, text) in texts::FIRST_STEPS {
        kit::card(ui, tr(title), |ui| {
            let key = tr(view.settings.release_key.label());
            text_ui(ui, &fill(text, &[("key", &key)]));
        });
        ui.add_space(6.0);
    }
}

/// What each part means, in two sentences, and where there is more.
fn hardware_ui(ui: &mut Ui, asks: &mut Vec<Ask>) {
    for part in hardware_help::ALL {
        kit::card(ui, part.title(), |ui| {
            text_ui(ui, part.text());
            let link = texts::Link {
                words: "More in QEMU's documentation",
                url: part.link,
            };
            link_ui(ui, &link, asks);
        });
        ui.add_space(6.0);
    }
}

fn link_ui(ui: &mut Ui, link: &texts::Link, asks: &mut Vec<Ask>) {
    let response = kit::link(ui, Some(Icon::ExternalLink), tr(link.words));
    if response.on_hover_text(link.url).clicked() {
        asks.push(Ask::OpenLink(link.url));
    }
}

fn shortcuts_ui(ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
    kit::card(ui, tr("Shortcuts"), |ui| {
        let p = palette(ui);
        ui.spacing_mut().interact_size.y = 20.0;
        let grid = egui::Grid::new("shortcuts").num_columns(2);
        grid.spacing([28.0, 6.0]).show(ui, |ui| {
            let mut line = |word: &str, keys: &str| {
                ui.label(RichText::new(word).color(p.text));
                ui.label(RichText::new(keys).monospace().size(13.0).color(p.dim));
                ui.end_row();
            };
            for bound in Bound::all() {
                if let Some(keys) = view.program.shortcuts.get(bound) {
                    line(tr(bound.word()), &kit::shortcut_text(&keys));
                }
            }
            use egui::gui_zoom::kb_shortcuts::{ZOOM_IN, ZOOM_OUT, ZOOM_RESET};
            let scale = [ZOOM_IN, ZOOM_OUT, ZOOM_RESET];
            let scale = scale.map(|keys| kit::shortcut_text(&keys)).join("  ");
            line(tr("Larger or smaller"), &scale);
            let key = tr(view.settings.release_key.label());
            line(tr("Give the keyboard back from a guest"), key);
        });
    });
    ui.add_space(6.0);
    let word = tr("Change shortcuts…");
    if kit::secondary(ui, true, Some(Icon::Keyboard), word).clicked() {
        asks.push(Ask::ShowSettings(Section::Shortcuts));
    }
}

fn files_ui(ui: &mut Ui, view: &View) {
    let places = &view.program.whereabouts;
    let mut place = |title: &str, text: &str, path: String| {
        kit::card(ui, title, |ui| {
            text_ui(ui, text);
            kit::copy_line(ui, &path, tr("the path"));
        });
        ui.add_space(6.0);
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

fn about_ui(ui: &mut Ui, asks: &mut Vec<Ask>) {
    let version = format!("Orangery {}", env!("CARGO_PKG_VERSION"));
    kit::card(ui, &version, |ui| {
        text_ui(ui, tr(texts::ABOUT));
        for link in &texts::LINKS {
            link_ui(ui, link, asks);
        }
    });
    ui.add_space(6.0);
    kit::card(ui, tr("Licences"), |ui| {
        for text in texts::LICENCES {
            text_ui(ui, tr(text));
        }
    });
}
