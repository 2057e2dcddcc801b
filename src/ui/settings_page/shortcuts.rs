//! Shortcuts, one line each: the keys now, other keys, none, the usual ones again.

use egui::{KeyboardShortcut, RichText, Ui, vec2};

use crate::language::{fill, tr};
use crate::model::Settings;
use crate::ui::icon::{self, Icon};
use crate::ui::kit::{self, Tone};
use crate::ui::shortcuts::{self, Bound, Shortcuts};
use crate::ui::theme::{self, palette};
use crate::ui::view::View;

/// Room for the buttons of a line, for its keys, and for its word before the keys go under it, in points.
const BUTTONS: f32 = 188.0;
const KEYS: f32 = 120.0;
const LEAST_WORD: f32 = 170.0;

/// What is under way on this page.
#[derive(Default)]
pub(super) struct KeysPage {
    /// Waits for new keys for this command.
    listening: Option<Bound>,
    /// What came of the keys that were pressed.
    trouble: Option<(Bound, Trouble)>,
    /// That was not scrolled to yet.
    news: bool,
}

enum Trouble {
    /// Why these keys can't be used.
    Refused(KeyboardShortcut, &'static str),
    /// Another command has them.
    Taken(KeyboardShortcut, Bound),
}

impl KeysPage {
    pub(super) fn listens(&self) -> bool {
        self.listening.is_some()
    }

    pub(super) fn ui(&mut self, ui: &mut Ui, view: &View, settings: &mut Settings) {
        self.listen(ui, &view.program.shortcuts, settings);
        let text = tr("Press “Change”, then the new keys together. Esc leaves them as they are");
        let groups = [
            (tr("The window"), true),
            (tr("The machine that is shown"), false),
        ];
        ui.add(egui::Label::new(RichText::new(text).color(palette(ui).dim)).wrap());
        ui.add_space(4.0);
        for (title, window) in groups {
            kit::card(ui, title, |ui| {
                let is_shown = |bound: &Bound| matches!(bound, Bound::Errand(_)) == window;
                for bound in Bound::all().filter(is_shown) {
                    ui.push_id(bound.word(), |ui| self.line_ui(ui, view, settings, bound));
                }
            });
            ui.add_space(6.0);
        }
    }

    /// Takes keys that were pressed for the command that waits for them.
    fn listen(&mut self, ui: &Ui, in_use: &Shortcuts, settings: &mut Settings) {
        let Some(bound) = self.listening else { return };
        let pressed = ui.input_mut(|input| {
            let pressed = shortcuts::pressed(&input.events);
            if pressed.is_some() {
                input.events.clear(); // They are for nobody else.
            }
            pressed
        });
        let Some(keys) = pressed else { return };
        self.listening = None;
        self.news = true;
        let plain = keys.modifiers == egui::Modifiers::NONE;
        if keys.logical_key == egui::Key::Escape && plain && bound.usual() != Some(keys) {
            return;
        }
        if let Some(why) = shortcuts::refusal(keys) {
            self.trouble = Some((bound, Trouble::Refused(keys, why)));
        } else {
            match in_use.owner(keys).filter(|owner| *owner != bound) {
                Some(owner) => self.trouble = Some((bound, Trouble::Taken(keys, owner))),
                None => shortcuts::set(settings, bound, Some(keys)),
            }
        }
    }

    fn line_ui(&mut self, ui: &mut Ui, view: &View, settings: &mut Settings, bound: Bound) {
        let p = palette(ui);
        let keys = view.program.shortcuts.get(bound);
        let word = tr(bound.word());
        let listening = self.listening == Some(bound);
        ui.horizontal(|ui| {
            ui.set_min_height(theme::CONTROL);
            icon::show(ui, bound.icon(), 16.0, p.dim);
            let (text, color) = match (listening, keys) {
                (true, _) => (tr("Press the keys…").to_owned(), p.accent_text),
                (false, Some(keys)) => (kit::shortcut_text(&keys), p.text),
                (false, None) => (tr("none").to_owned(), p.dim),
            };
            let word = RichText::new(word).color(p.text);
            let keys_text = RichText::new(text).monospace().size(13.0).color(color);
            let room = ui.available_width() - BUTTONS;
            let part = |ui: &mut Ui, width: f32, text: RichText| {
                ui.allocate_ui(vec2(width, 20.0), |ui| {
                    ui.set_width(width);
                    ui.add(egui::Label::new(text).truncate());
                });
            };
            if room < KEYS + LEAST_WORD {
                ui.vertical(|ui| {
                    ui.spacing_mut().item_spacing.y = 0.0;
                    part(ui, room, word);
                    part(ui, room, keys_text);
                });
            } else {
                part(ui, room - KEYS, word);
                part(ui, KEYS, keys_text);
            }
            self.buttons_ui(ui, settings, bound, keys);
        });
        let top = ui.cursor().top();
        self.trouble_ui(ui, view, settings, bound);
        let rows = top..=ui.cursor().top();
        // What came of the keys may lie below the window's edge.
        if self.news && self.trouble.as_ref().is_some_and(|(of, _)| *of == bound) {
            self.news = false;
            let rect = egui::Rect::from_x_y_ranges(ui.max_rect().x_range(), rows);
            ui.scroll_to_rect(rect, None);
        }
    }

    fn buttons_ui(
        &mut self,
        ui: &mut Ui,
        settings: &mut Settings,
        bound: Bound,
        keys: Option<KeyboardShortcut>,
    ) {
        let word = tr(bound.word());
        let named = |text: &'static str| fill(text, &[("command", &word)]);
        let change = kit::secondary(ui, true, None, tr("Change"));
        if kit::name(change, &named("Change the keys of {command}")).clicked() {
            self.listening = Some(bound);
            self.trouble = None;
        }
        let none = named("No keys for {command}");
        if kit::icon_button(ui, keys.is_some(), Icon::X, &none).clicked() {
            self.trouble = None;
            shortcuts::set(settings, bound, None);
        }
        let usual = named("The usual keys for {command}");
        let differs = keys != bound.usual();
        if kit::icon_button(ui, differs, Icon::RotateCcw, &usual).clicked() {
            self.trouble = None;
            settings.shortcuts.remove(bound.word());
            // Whoever took them has to let them go.
            if let Some(keys) = bound.usual()
                && let Some(owner) = Shortcuts::of(&settings.shortcuts).owner(keys)
                && owner != bound
            {
                shortcuts::set(settings, owner, None);
            }
        }
    }

    fn trouble_ui(&mut self, ui: &mut Ui, view: &View, settings: &mut Settings, bound: Bound) {
        let Some((_, trouble)) = self.trouble.as_ref().filter(|(of, _)| *of == bound) else {
            return;
        };
        let p = palette(ui);
        match trouble {
            Trouble::Refused(keys, why) => {
                let title = fill(
                    "{keys} can't be used",
                    &[("keys", &kit::shortcut_text(keys))],
                );
                kit::callout(ui, Tone::Warning, &title, |ui| {
                    ui.add(egui::Label::new(RichText::new(tr(why)).color(p.text)).wrap());
                });
            }
            Trouble::Taken(keys, owner) => {
                let (keys, owner) = (*keys, *owner);
                let values: [(&str, &dyn std::fmt::Display); 2] = [
                    ("keys", &kit::shortcut_text(&keys)),
                    ("command", &tr(owner.word())),
                ];
                let title = fill("{keys} stands for “{command}” already", &values);
                let mut decided = false;
                kit::callout(ui, Tone::Warning, &title, |ui| {
                    ui.horizontal_wrapped(|ui| {
                        let mine = view.program.shortcuts.get(bound);
                        if kit::secondary(ui, true, Some(Icon::ArrowLeftRight), tr("Swap"))
                            .clicked()
                        {
                            shortcuts::set(settings, owner, mine);
                            shortcuts::set(settings, bound, Some(keys));
                            decided = true;
                        }
                        if kit::secondary(ui, true, None, tr("Take them")).clicked() {
                            shortcuts::set(settings, owner, None);
                            shortcuts::set(settings, bound, Some(keys));
                            decided = true;
                        }
                        decided |= kit::secondary(ui, true, None, tr("Cancel")).clicked();
                    });
                });
                if decided {
                    self.trouble = None;
                }
            }
        }
    }
}
