//! The settings of the app itself: sections at the left, what is chosen at the right, saved at once.

mod closing;
mod combinations;
mod library;
mod look;
mod screens;
mod shortcuts;

use egui::{Layout, RichText, ScrollArea, Ui};

use super::actions::Errand;
use super::icon::Icon;
use super::theme::{self, palette};
use super::view::View;
use super::{Ask, kit, page};
use crate::engine::message::Command;
use crate::language::tr;
use crate::model::Settings;
pub use closing::close_word;
pub use look::fitting_scale;
pub(super) use look::next_scale;

/// Below this width the sections stand above, not at the left.
const BESIDE: f32 = 640.0;
const INDEX: f32 = 190.0;

/// The parts of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Section {
    #[default]
    Look,
    Library,
    Closing,
    Screens,
    Shortcuts,
}

impl Section {
    pub const ALL: [Self; 5] = [
        Self::Look,
        Self::Library,
        Self::Closing,
        Self::Screens,
        Self::Shortcuts,
    ];

    /// In English.
    pub fn word(self) -> &'static str {
        match self {
            Self::Look => "Look and language",
            Self::Library => "Library",
            Self::Closing => "Closing and questions",
            Self::Screens => "Screens and keyboard",
            Self::Shortcuts => "Keyboard shortcuts",
        }
    }

    fn icon(self) -> Icon {
        match self {
            Self::Look => Icon::Palette,
            Self::Library => Icon::Folder,
            Self::Closing => Icon::CircleQuestionMark,
            Self::Screens => Icon::Monitor,
            Self::Shortcuts => Icon::Keyboard,
        }
    }

    /// Makes this part of `settings` what it was at first.
    fn reset(self, settings: &mut Settings) {
        let usual = Settings::default();
        match self {
            Self::Look => {
                settings.theme = usual.theme;
                settings.scale = usual.scale;
                settings.language = usual.language;
            }
            Self::Library => settings.library = usual.library,
            Self::Closing => {
                settings.close = usual.close;
                settings.confirm = usual.confirm;
            }
            Self::Screens => {
                settings.release_key = usual.release_key;
                settings.combinations = usual.combinations;
                settings.host_keys = usual.host_keys;
                settings.display = usual.display;
                settings.thumbnails = usual.thumbnails;
                settings.screen = usual.screen;
            }
            Self::Shortcuts => settings.shortcuts = usual.shortcuts,
        }
    }
}

/// What this page remembers between frames.
#[derive(Default)]
pub struct SettingsPage {
    pub section: Section,
    folder: library::FolderField,
    keys: shortcuts::KeysPage,
    combinations: combinations::CombinationsPage,
}

impl SettingsPage {
    /// Keys that are pressed now are for the page: a shortcut is being chosen.
    pub fn wants_keys(&self) -> bool {
        self.keys.listens() || self.combinations.listens()
    }

    /// The page is left: what was begun is dropped.
    pub fn leave(&mut self) {
        self.keys = shortcuts::KeysPage::default();
        self.combinations = combinations::CombinationsPage::default();
    }

    /// A folder chosen by the file chooser.
    pub fn picked_folder(&mut self, path: &std::path::Path) {
        self.folder.take(path);
    }

    pub fn ui(&mut self, ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
        page::head_ui(ui, tr(Errand::ShowSettings.word()), asks, |_, _| {});
        let mut settings = view.settings.clone();
        let margin = egui::Margin::symmetric(22, 0);
        egui::Frame::NONE.inner_margin(margin).show(ui, |ui| {
            if ui.available_width() < BESIDE {
                ui.horizontal_wrapped(|ui| self.index_ui(ui));
                ui.add_space(8.0);
                self.scrolled_ui(ui, view, &mut settings, asks);
            } else {
                ui.horizontal_top(|ui| {
                    ui.allocate_ui_with_layout(
                        egui::vec2(INDEX, ui.available_height()),
                        Layout::top_down_justified(egui::Align::Min),
                        |ui| {
                            ui.set_width(INDEX);
                            self.index_ui(ui);
                        },
                    );
                    ui.add_space(theme::GAP);
                    ui.vertical(|ui| self.scrolled_ui(ui, view, &mut settings, asks));
                });
            }
        });
        if settings != view.settings {
            asks.push(Ask::Engine(Command::SaveSettings(settings)));
        }
    }

    fn index_ui(&mut self, ui: &mut Ui) {
        ui.spacing_mut().item_spacing.y = 2.0;
        for section in Section::ALL {
            let chosen = self.section == section;
            if kit::index_item(ui, chosen, section.icon(), tr(section.word())).clicked() {
                self.section = section;
                self.leave();
            }
        }
    }

    fn scrolled_ui(
        &mut self,
        ui: &mut Ui,
        view: &View,
        settings: &mut Settings,
        asks: &mut Vec<Ask>,
    ) {
        let area = ScrollArea::vertical().auto_shrink(false);
        area.id_salt(self.section.word()).show(ui, |ui| {
            // Room for the bar beside the cards.
            ui.set_width((ui.available_width() - 6.0).min(720.0));
            ui.add_enabled_ui(!view.handed_over, |ui| {
                match self.section {
                    Section::Look => look::look_ui(ui, settings),
                    Section::Library => library::library_ui(ui, &mut self.folder, view, asks),
                    Section::Closing => closing::closing_ui(ui, settings),
                    Section::Screens => {
                        screens::screens_ui(ui, settings);
                        self.combinations.ui(ui, settings);
                    }
                    Section::Shortcuts => self.keys.ui(ui, view, settings),
                }
                self.reset_ui(ui, settings);
            });
            ui.add_space(22.0);
        });
    }

    fn reset_ui(&mut self, ui: &mut Ui, settings: &mut Settings) {
        let mut usual = settings.clone();
        self.section.reset(&mut usual);
        let differs = usual != *settings;
        ui.add_space(4.0);
        let word = tr("Reset to defaults");
        let reset = kit::secondary(ui, differs, Some(Icon::RotateCcw), word);
        let reset = reset.on_disabled_hover_text(tr("Everything here is as it was at first"));
        if reset
            .on_hover_text(tr("Only what is on this page"))
            .clicked()
        {
            *settings = usual;
            self.folder = library::FolderField::default();
        }
    }
}

/// One thing to choose: what it is, what it means, and the choice.
fn choice_ui(ui: &mut Ui, title: &str, text: &str, content: impl FnOnce(&mut Ui)) {
    kit::card(ui, title, |ui| {
        ui.add(egui::Label::new(RichText::new(text).color(palette(ui).dim)).wrap());
        ui.add_space(2.0);
        content(ui);
    });
    ui.add_space(6.0);
}
