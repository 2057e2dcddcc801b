//! Key combinations: the user's own for the "Send keys" menus, and those that stay with the desktop.

use egui::{Event, Key, RichText, Ui};

use super::choice_ui;
use crate::display::keys::{self, KeyCode};
use crate::language::{fill, told, tr};
use crate::model::{OwnCombination, Settings};
use crate::ui::icon::Icon;
use crate::ui::kit::{self, Field};
use crate::ui::theme::palette;

/// Which of the two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Own,
    Desktop,
}

/// What is being typed or pressed on this page.
#[derive(Default)]
pub(super) struct CombinationsPage {
    name: String,
    own: String,
    desktop: String,
    /// The keys that are pressed next are for this list.
    records: Option<List>,
}

/// What people most often want to keep.
const SUGGESTED: [&str; 4] = ["Alt+Tab", "Super", "Super+L", "Print"];

impl CombinationsPage {
    pub(super) fn listens(&self) -> bool {
        self.records.is_some()
    }

    pub(super) fn ui(&mut self, ui: &mut Ui, settings: &mut Settings) {
        self.record(ui);
        let text = tr("They stand first in the menus of keys that are sent to a guest");
        choice_ui(ui, tr("Own key combinations"), text, |ui| {
            self.own_ui(ui, settings)
        });
        let text = tr(
            "While a guest has the keyboard, these go to your desktop all the same. A machine's own window keeps keys that are pressed alone for the guest, and on Wayland all of them",
        );
        let title = tr("Combinations that stay with this desktop");
        choice_ui(ui, title, text, |ui| self.desktop_ui(ui, settings));
    }

    fn own_ui(&mut self, ui: &mut Ui, settings: &mut Settings) {
        let mut gone = None;
        for (place, own) in settings.combinations.iter().enumerate() {
            let remove = fill("Remove {name}", &[("name", &own.keys)]);
            ui.horizontal(|ui| {
                ui.label(RichText::new(&own.keys).monospace().color(palette(ui).text));
                ui.label(RichText::new(&own.name).color(palette(ui).dim));
                if kit::small_icon(ui, Icon::X, &remove).clicked() {
                    gone = Some(place);
                }
            });
        }
        if let Some(place) = gone {
            settings.combinations.remove(place);
        }
        let field = Field {
            label: tr("Name in the menu"),
            hint: tr("May stay empty"),
            complaint: None,
        };
        kit::text_field(ui, &field, &mut self.name);
        let known: Vec<String> = settings
            .combinations
            .iter()
            .map(|own| own.keys.clone())
            .collect();
        if let Some(keys) = self.keys_ui(ui, List::Own, &known) {
            let name = std::mem::take(&mut self.name).trim().to_owned();
            settings.combinations.push(OwnCombination { name, keys });
        }
    }

    fn desktop_ui(&mut self, ui: &mut Ui, settings: &mut Settings) {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = egui::vec2(6.0, 6.0);
            let mut gone = None;
            for (place, keys) in settings.host_keys.iter().enumerate() {
                let remove = fill("Remove {name}", &[("name", keys)]);
                if kit::chip(ui, keys, &remove) {
                    gone = Some(place);
                }
            }
            if let Some(place) = gone {
                settings.host_keys.remove(place);
            }
        });
        ui.horizontal_wrapped(|ui| {
            for keys in SUGGESTED {
                let known = settings.host_keys.iter().any(|known| known == keys);
                let room = settings.host_keys.len() < Settings::MAX_COMBINATIONS;
                if !known && kit::secondary(ui, room, Some(Icon::Plus), &told(keys)).clicked() {
                    settings.host_keys.push(keys.to_owned());
                }
            }
        });
        let known = settings.host_keys.clone();
        if let Some(keys) = self.keys_ui(ui, List::Desktop, &known) {
            settings.host_keys.push(keys);
        }
    }

    /// The field for new keys; returns them once they are to be added.
    fn keys_ui(&mut self, ui: &mut Ui, list: List, known: &[String]) -> Option<String> {
        let records = self.records == Some(list);
        let (text, label) = match list {
            List::Own => (&mut self.own, tr("Keys of a new combination")),
            List::Desktop => (&mut self.desktop, tr("Keys that stay here")),
        };
        let read = keys::read(text).map(|keys| keys::written(&keys));
        let complaint = match &read {
            _ if text.is_empty() => None,
            Err(error) => Some(told(&error.to_string()).into_owned()),
            Ok(_) if known.len() >= Settings::MAX_COMBINATIONS => {
                Some(tr("There are too many already").to_owned())
            }
            Ok(keys) if known.contains(keys) => Some(tr("It is in the list already").to_owned()),
            Ok(_) => None,
        };
        let hint = if records {
            tr("Press the keys…")
        } else {
            tr("Ctrl+Alt+F2")
        };
        let field = Field {
            label,
            hint,
            complaint: complaint.as_deref(),
        };
        kit::text_field(ui, &field, text);
        let fits = read
            .ok()
            .filter(|_| complaint.is_none() && !text.is_empty());
        let mut added = None;
        ui.horizontal(|ui| {
            if kit::secondary(ui, !records, Some(Icon::Keyboard), tr("Press them")).clicked() {
                text.clear();
                self.records = Some(list);
            }
            let add = kit::secondary(ui, fits.is_some(), Some(Icon::Plus), tr("Add"));
            if add
                .on_disabled_hover_text(tr("Type or press the keys first"))
                .clicked()
            {
                text.clear();
                added = fits;
            }
        });
        added
    }

    /// Takes the next keys that are pressed; Esc alone leaves it.
    fn record(&mut self, ui: &Ui) {
        let Some(list) = self.records else { return };
        let pressed = ui.input_mut(|input| {
            let pressed = input.events.iter().find_map(pressed_text);
            if pressed.is_some() {
                input.events.clear(); // They are for nobody else.
            }
            pressed
        });
        let Some(text) = pressed else { return };
        self.records = None;
        if keys::read(&text).ok().as_deref() != Some(&[KeyCode::ESC]) {
            match list {
                List::Own => self.own = text,
                List::Desktop => self.desktop = text,
            }
        }
    }
}

/// A press as it is written: `Ctrl+Alt+F2`.
fn pressed_text(event: &Event) -> Option<String> {
    let Event::Key {
        key,
        physical_key,
        pressed: true,
        modifiers,
        ..
    } = event
    else {
        return None;
    };
    let held = [
        (modifiers.ctrl, "ctrl"),
        (modifiers.shift, "shift"),
        (modifiers.alt, "alt"),
    ];
    let mut words: Vec<&str> = held
        .iter()
        .filter(|(held, _)| *held)
        .map(|(_, word)| *word)
        .collect();
    let key = physical_key.unwrap_or(*key);
    // Where egui's names are others.
    words.push(match key {
        Key::OpenBracket => "[",
        Key::CloseBracket => "]",
        Key::Backtick => "`",
        Key::Minus => "minus",
        Key::Quote => "'",
        Key::Equals => "equal",
        Key::Period => "dot",
        Key::Plus => "kp_add",
        _ => key.name(),
    });
    let keys = keys::read(&words.join("+")).ok()?;
    Some(keys::written(&keys))
}

#[cfg(test)]
mod tests {
    use egui::Modifiers;

    use super::*;

    #[test]
    fn the_keys_of_a_keyboard_can_be_recorded() {
        let text = |key: Key, modifiers| {
            pressed_text(&Event::Key {
                key,
                physical_key: None,
                pressed: true,
                repeat: false,
                modifiers,
            })
        };
        let both = Modifiers::CTRL | Modifiers::ALT;
        assert_eq!(text(Key::F2, both).as_deref(), Some("Ctrl+Alt+F2"));
        assert_eq!(text(Key::Delete, both).as_deref(), Some("Ctrl+Alt+Delete"));
        let plain = [
            Key::ArrowUp,
            Key::ArrowDown,
            Key::ArrowLeft,
            Key::ArrowRight,
            Key::Escape,
            Key::Tab,
            Key::Backspace,
            Key::Enter,
            Key::Space,
            Key::Insert,
            Key::Home,
            Key::End,
            Key::PageUp,
            Key::PageDown,
            Key::Comma,
            Key::Backslash,
            Key::Slash,
            Key::OpenBracket,
            Key::CloseBracket,
            Key::Backtick,
            Key::Minus,
            Key::Period,
            Key::Equals,
            Key::Semicolon,
            Key::Quote,
            Key::Num0,
            Key::A,
            Key::Z,
            Key::F1,
            Key::F24,
        ];
        for key in plain {
            assert!(text(key, Modifiers::NONE).is_some(), "{}", key.name());
        }
    }

    #[test]
    fn what_is_suggested_can_be_read() {
        for keys in SUGGESTED {
            let read = keys::read(keys).unwrap_or_else(|error| panic!("{keys}: {error}"));
            assert_eq!(keys::written(&read), keys);
        }
    }
}
