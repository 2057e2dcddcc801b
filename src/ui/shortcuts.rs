//! Which keys mean what: the usual ones, and what the user made of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use egui::{Event, Id, Key, KeyboardShortcut, ModifierNames, Modifiers, Ui};

use super::actions::{self, Errand};
use super::icon::Icon;
use super::view::View;
use super::{Ask, settings_page};
use crate::engine::message::Command;
use crate::model::{Action, Settings};

/// Something that keys can stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    Action(Action),
    Errand(Errand),
}

impl Bound {
    /// The window's own first, then those of a machine.
    pub fn all() -> impl Iterator<Item = Self> {
        let errands = Errand::ALL.into_iter().map(Self::Errand);
        errands.chain(Action::ALL.into_iter().map(Self::Action))
    }

    /// The English word, which also names it in the settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Action(action) => action.name(),
            Self::Errand(errand) => errand.word(),
        }
    }

    pub fn icon(self) -> Icon {
        match self {
            Self::Action(action) => actions::look(action).icon,
            Self::Errand(errand) => errand.look().1.icon,
        }
    }

    /// The keys it has unless the user says otherwise.
    pub fn usual(self) -> Option<KeyboardShortcut> {
        match self {
            Self::Action(action) => actions::look(action).shortcut,
            Self::Errand(errand) => errand.look().1.shortcut,
        }
    }
}

/// The shortcuts in use.
#[derive(Clone, Debug, PartialEq)]
pub struct Shortcuts {
    bound: Vec<(Bound, Option<KeyboardShortcut>)>,
}

impl Default for Shortcuts {
    fn default() -> Self {
        Self::of(&BTreeMap::new())
    }
}

impl Shortcuts {
    /// From what the settings say; keys that can't be read count as the usual ones.
    pub fn of(changed: &BTreeMap<String, String>) -> Self {
        let chosen = |bound: Bound| changed.get(bound.word()).and_then(|text| parse(text));
        let taken: Vec<KeyboardShortcut> =
            Bound::all().filter_map(|bound| chosen(bound)?).collect();
        let bound = Bound::all()
            .map(|bound| match chosen(bound) {
                Some(shortcut) => (bound, shortcut),
                // What the user gave to another command is that command's.
                None => (bound, bound.usual().filter(|usual| !taken.contains(usual))),
            })
            .collect();
        Self { bound }
    }

    pub fn get(&self, wanted: Bound) -> Option<KeyboardShortcut> {
        let found = self.bound.iter().find(|(bound, _)| *bound == wanted);
        found.and_then(|(_, shortcut)| *shortcut)
    }

    pub fn action(&self, action: Action) -> Option<KeyboardShortcut> {
        self.get(Bound::Action(action))
    }

    pub fn errand(&self, errand: Errand) -> Option<KeyboardShortcut> {
        self.get(Bound::Errand(errand))
    }

    /// What these keys stand for already.
    pub fn owner(&self, shortcut: KeyboardShortcut) -> Option<Bound> {
        self.bound
            .iter()
            .find(|(_, other)| *other == Some(shortcut))
            .map(|(bound, _)| *bound)
    }
}

/// Gives `bound` other keys, or none.
pub fn set(settings: &mut Settings, bound: Bound, shortcut: Option<KeyboardShortcut>) {
    let word = bound.word().to_owned();
    if shortcut == bound.usual() {
        settings.shortcuts.remove(&word);
    } else {
        let text = shortcut.map(written).unwrap_or_default();
        settings.shortcuts.insert(word, text);
    }
}

/// Makes `shortcuts` those that [`in_use`] gives, until the next call.
pub fn put_in_use(ctx: &egui::Context, shortcuts: &Shortcuts) {
    if *in_use(ctx) != *shortcuts {
        let shortcuts = Arc::new(shortcuts.clone());
        ctx.data_mut(|data| data.insert_temp(key(), shortcuts));
    }
}

/// The shortcuts that menus and tooltips name.
pub fn in_use(ctx: &egui::Context) -> Arc<Shortcuts> {
    ctx.data_mut(|data| {
        data.get_temp_mut_or_insert_with(key(), || Arc::new(Shortcuts::default()))
            .clone()
    })
}

fn key() -> Id {
    Id::unique("shortcuts in use")
}

/// As the settings have it, in any language: "Ctrl+Shift+P".
pub fn written(shortcut: KeyboardShortcut) -> String {
    shortcut.format(&ModifierNames::NAMES, false)
}

/// Reads [`written`] text: the inner `None` is "no keys", the outer one "not to be read".
fn parse(text: &str) -> Option<Option<KeyboardShortcut>> {
    if text.is_empty() {
        return Some(None);
    }
    let mut words: Vec<&str> = text.split('+').map(str::trim).collect();
    let key = Key::from_name(words.pop()?)?;
    let mut modifiers = Modifiers::NONE;
    for word in words {
        modifiers |= match word.to_lowercase().as_str() {
            "ctrl" => Modifiers::COMMAND,
            "shift" => Modifiers::SHIFT,
            "alt" => Modifiers::ALT,
            _ => return None,
        };
    }
    let shortcut = KeyboardShortcut::new(modifiers, key);
    refusal(shortcut).is_none().then_some(Some(shortcut))
}

/// The keys that were just pressed together.
pub fn pressed(events: &[Event]) -> Option<KeyboardShortcut> {
    let ctrl = |key| KeyboardShortcut::new(Modifiers::COMMAND, key);
    events.iter().find_map(|event| match event {
        Event::Key {
            key,
            pressed: true,
            modifiers,
            ..
        } => {
            let mut held = Modifiers::NONE;
            held.command = modifiers.ctrl || modifiers.command;
            held.shift = modifiers.shift;
            held.alt = modifiers.alt;
            Some(KeyboardShortcut::new(held, *key))
        }
        // These three come as what they do.
        Event::Copy => Some(ctrl(Key::C)),
        Event::Cut => Some(ctrl(Key::X)),
        Event::Paste(_) => Some(ctrl(Key::V)),
        _ => None,
    })
}

/// Why these keys can't be used, as an English sentence.
pub fn refusal(shortcut: KeyboardShortcut) -> Option<&'static str> {
    const TEXT: [Key; 6] = [Key::A, Key::C, Key::V, Key::X, Key::Y, Key::Z];
    const SCALE: [Key; 4] = [Key::Plus, Key::Equals, Key::Minus, Key::Num0];
    let KeyboardShortcut {
        modifiers,
        logical_key: key,
    } = shortcut;
    let function = key.name().starts_with('F') && key.name().len() > 1;
    let plain = !modifiers.command && !modifiers.alt;
    if key == Key::Tab {
        Some("Tab goes from one thing to the next")
    } else if modifiers.command && !modifiers.alt && TEXT.contains(&key) && !modifiers.shift {
        Some("Text fields need these keys")
    } else if modifiers.command && SCALE.contains(&key) {
        Some("These keys change the scale of the window")
    } else if plain && !function && key != Key::Escape {
        Some("Hold Ctrl or Alt with it, or take a function key")
    } else {
        None
    }
}

/// Ctrl+Plus, Ctrl+Minus and Ctrl+0, as in a browser.
pub fn scale_ui(ui: &Ui, view: &View, asks: &mut Vec<Ask>) {
    use egui::gui_zoom::kb_shortcuts::{ZOOM_IN, ZOOM_IN_SECONDARY, ZOOM_OUT, ZOOM_RESET};
    let pressed = |keys| ui.input_mut(|input| input.consume_shortcut(keys));
    let scale = view.settings.scale;
    let next = if pressed(&ZOOM_RESET) {
        100
    } else if pressed(&ZOOM_IN) || pressed(&ZOOM_IN_SECONDARY) {
        settings_page::next_scale(scale, true)
    } else if pressed(&ZOOM_OUT) {
        settings_page::next_scale(scale, false)
    } else {
        return;
    };
    if next != scale && !view.handed_over {
        let mut settings = view.settings.clone();
        settings.scale = next;
        asks.push(Ask::Engine(Command::SaveSettings(settings)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(word: &str, keys: &str) -> Shortcuts {
        Shortcuts::of(&BTreeMap::from([(word.to_owned(), keys.to_owned())]))
    }

    #[test]
    fn every_usual_shortcut_is_written_and_read_back() {
        for bound in Bound::all() {
            let Some(usual) = bound.usual() else { continue };
            assert_eq!(parse(&written(usual)), Some(Some(usual)), "{bound:?}");
            assert_eq!(refusal(usual), None, "{bound:?}");
        }
        assert_eq!(parse(""), Some(None));
        for nonsense in ["+", "Ctrl+", "Hyper+P", "P", "Shift+P", "Ctrl+C", "Tab"] {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_changed_shortcut_takes_the_keys_from_who_had_them() {
        let pause = Action::Pause;
        let shortcuts = changed("Start", "Ctrl+P");
        assert_eq!(shortcuts.action(Action::Start), pause_keys());
        assert_eq!(shortcuts.action(pause), None);
        assert_eq!(
            shortcuts.owner(pause_keys().unwrap()),
            Some(Bound::Action(Action::Start))
        );
        assert_eq!(changed("Start", "").action(Action::Start), None);
        assert_eq!(changed("Start", "what?"), Shortcuts::default());
        assert_eq!(changed("Nobody", "Ctrl+P"), Shortcuts::default());
    }

    fn pause_keys() -> Option<KeyboardShortcut> {
        Bound::Action(Action::Pause).usual()
    }

    #[test]
    fn the_settings_keep_only_what_differs() {
        let mut settings = Settings::default();
        let start = Bound::Action(Action::Start);
        set(&mut settings, start, None);
        assert_eq!(settings.shortcuts["Start"], "");
        set(&mut settings, start, start.usual());
        assert!(settings.shortcuts.is_empty());
    }
}
