//! The list by keyboard, while one of its lines has it.

use egui::{Event, FocusDirection, Key, Modifiers, Ui};

use super::LibraryList;
use super::arrange::Line;
use super::bulk;
use super::menu::Menu;
use super::rows::id_of;
use crate::model::{Action, MachineId};
use crate::ui::view::View;
use crate::ui::{Ask, actions, theme};

/// How long after a letter the next one belongs to the same word, in seconds.
const TYPING: f64 = 1.0;

/// The letters that were typed to find a machine.
#[derive(Default)]
pub struct TypeAhead {
    text: String,
    until: f64,
}

impl LibraryList {
    pub(super) fn keys(&mut self, ui: &Ui, view: &View, asks: &mut Vec<Ask>) {
        let place = self.selection.place(&self.arranged);
        let Some((place, line)) =
            place.and_then(|place| Some((place, *self.arranged.lines.get(place)?)))
        else {
            return;
        };
        // While a menu is open, the keys are its.
        if self.menu.is_some() || !ui.memory(|memory| memory.has_focus(id_of(line))) {
            return;
        }
        self.moves(ui, place);
        self.marks(ui, line);
        if let Some(id) = line.machine() {
            self.verbs(ui, view, id, asks);
        }
        self.type_ahead(ui, view, place);
    }

    /// Arrow keys and their like.
    fn moves(&mut self, ui: &Ui, place: usize) {
        let last = self.arranged.lines.len().saturating_sub(1);
        let page = (ui.available_height() / (theme::ROW + theme::ROW_GAP))
            .floor()
            .max(1.0) as usize;
        for (key, to) in [
            (Key::ArrowDown, (place + 1).min(last)),
            (Key::ArrowUp, place.saturating_sub(1)),
            (Key::PageDown, (place + page).min(last)),
            (Key::PageUp, place.saturating_sub(page)),
            (Key::Home, 0),
            (Key::End, last),
        ] {
            for (modifiers, extend) in [(Modifiers::SHIFT, true), (Modifiers::NONE, false)] {
                if took(ui, modifiers, key) {
                    self.selection.move_to(&self.arranged, to, extend);
                    self.take_keyboard(ui);
                }
            }
        }
        for (key, fold) in [(Key::ArrowLeft, true), (Key::ArrowRight, false)] {
            if took(ui, Modifiers::NONE, key) {
                self.fold(ui, place, fold);
            }
        }
    }

    /// Folds the group of a line, or unfolds it.
    fn fold(&mut self, ui: &Ui, place: usize, fold: bool) {
        let heading = (0..=place)
            .rev()
            .find_map(|place| match self.arranged.lines.get(place) {
                Some(Line::Group(group)) => Some((place, *group)),
                _ => None,
            });
        if let Some((heading, group)) = heading
            && let Some(group) = self.arranged.groups.get(group)
        {
            self.prefs.fold(&group.key.clone(), fold);
            if fold {
                self.selection.move_to(&self.arranged, heading, false);
                self.take_keyboard(ui);
            }
        }
    }

    fn take_keyboard(&mut self, ui: &Ui) {
        self.focus_cursor = true;
        self.reveal_cursor = true;
        // The arrow has done its work here and moves nothing else.
        ui.memory_mut(|memory| memory.move_focus(FocusDirection::None));
    }

    fn marks(&mut self, ui: &Ui, line: Line) {
        if took(ui, Modifiers::COMMAND, Key::A) {
            self.selection.mark_all(&self.arranged);
        }
        if let Some(id) = line.machine()
            && took(ui, Modifiers::NONE, Key::Space)
        {
            self.selection.toggle(id);
        }
        if !self.selection.marks.is_empty() && took(ui, Modifiers::NONE, Key::Escape) {
            self.selection.clear();
        }
    }

    fn verbs(&mut self, ui: &Ui, view: &View, id: MachineId, asks: &mut Vec<Ask>) {
        let Some(report) = view.machine(id) else {
            return;
        };
        if took(ui, Modifiers::NONE, Key::Enter) {
            asks.push(Ask::Select(id));
        }
        if took(ui, Modifiers::NONE, Key::F2) {
            self.rename(view, id);
        }
        if took(ui, Modifiers::NONE, Key::Delete) {
            if self.selection.marks.is_empty() {
                if actions::verdict(report, Action::Delete, view.handed_over).is_ok() {
                    asks.push(actions::ask(report, Action::Delete));
                }
            } else {
                asks.extend(bulk::bulk_asks(view, &self.marked(view), Action::Delete));
            }
        }
        if took(ui, Modifiers::SHIFT, Key::F10) || took(ui, Modifiers::NONE, Key::Menu) {
            let line = self
                .selection
                .cursor
                .unwrap_or(Line::Machine { id, group: 0 });
            let row = ui
                .ctx()
                .read_response(id_of(line))
                .map(|response| response.rect);
            let at = row.map_or_else(|| ui.max_rect().center(), |row| row.center());
            self.menu = Some(Menu::by_keyboard(id, at));
        }
    }

    /// Letters find the next machine whose name begins so.
    fn type_ahead(&mut self, ui: &Ui, view: &View, place: usize) {
        let (now, typed) = ui.input_mut(|input| {
            let mut typed = String::new();
            input.events.retain(|event| match event {
                Event::Text(text) => {
                    typed.push_str(text);
                    false
                }
                _ => true,
            });
            (input.time, typed)
        });
        if now > self.typed.until {
            self.typed.text.clear();
        }
        if typed.is_empty() || (self.typed.text.is_empty() && typed.trim().is_empty()) {
            return;
        }
        self.typed.until = now + TYPING;
        // A new word begins at the next machine, a longer one may stay where it is.
        let from = place + usize::from(self.typed.text.is_empty());
        self.typed.text.push_str(&typed.to_lowercase());
        let count = self.arranged.lines.len();
        let found = (0..count).map(|step| (from + step) % count).find(|place| {
            let id = self.arranged.lines[*place].machine();
            id.and_then(|id| view.machine(id))
                .is_some_and(|report| report.name.to_lowercase().starts_with(&self.typed.text))
        });
        if let Some(place) = found {
            self.selection.move_to(&self.arranged, place, false);
            self.take_keyboard(ui);
        }
    }
}

fn took(ui: &Ui, modifiers: Modifiers, key: Key) -> bool {
    ui.input_mut(|input| {
        let exact = input.modifiers.matches_exact(modifiers);
        exact && input.consume_key(modifiers, key)
    })
}
