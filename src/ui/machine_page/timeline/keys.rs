//! The timeline by keyboard, while one of its lines has it.

use egui::{FocusDirection, Key, Modifiers, Ui};

use super::arrange::{LINE, Point};
use super::lines::id_of;
use super::{Scene, TimelineTab};

impl TimelineTab {
    pub(super) fn keys(&mut self, ui: &Ui, scene: &Scene<'_>) {
        let point = self.selection.point.unwrap_or(Point::Now);
        let Some(place) = scene.list.place_of(scene.timeline, point) else {
            return;
        };
        let line = scene.list.lines[place].point;
        let id = id_of(scene.report.id, line);
        if self.asks_something() || !ui.memory(|memory| memory.has_focus(id)) {
            return;
        }
        self.moves(ui, scene, place);
        self.marks(ui, scene, line);
        self.verbs(ui, scene, line);
    }

    fn moves(&mut self, ui: &Ui, scene: &Scene<'_>, place: usize) {
        let last = scene.list.lines.len().saturating_sub(1);
        let page = (ui.available_height() / LINE).floor().max(2.0) as usize - 1;
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
                    let point = scene.list.lines[to].point;
                    if extend {
                        self.selection.extend(scene.timeline, scene.list, point);
                    } else {
                        self.selection.look_at(point);
                    }
                    self.take_keyboard(ui);
                }
            }
        }
        let point = scene.list.lines[place].point;
        for (key, fold) in [(Key::ArrowLeft, true), (Key::ArrowRight, false)] {
            if took(ui, Modifiers::NONE, key) {
                self.fold(scene, point, Some(fold));
            }
        }
    }

    fn take_keyboard(&mut self, ui: &Ui) {
        self.focus_point = true;
        self.reveal_point = true;
        // The arrow has done its work here and moves nothing else.
        ui.memory_mut(|memory| memory.move_focus(FocusDirection::None));
    }

    fn marks(&mut self, ui: &Ui, scene: &Scene<'_>, point: Point) {
        if took(ui, Modifiers::COMMAND, Key::A) {
            self.selection.mark_all(scene.timeline, scene.list);
        }
        if took(ui, Modifiers::NONE, Key::Space) {
            self.selection.toggle(scene.timeline, scene.list, point);
        }
        if !self.selection.marks.is_empty() && took(ui, Modifiers::NONE, Key::Escape) {
            self.selection.clear();
        }
    }

    fn verbs(&mut self, ui: &Ui, scene: &Scene<'_>, point: Point) {
        if took(ui, Modifiers::NONE, Key::Enter) {
            match point {
                Point::Now => {}
                Point::Snapshot(id) => self.ask_rewind(scene, id),
                Point::Run(_) => self.fold(scene, point, None),
            }
        }
        if took(ui, Modifiers::NONE, Key::Delete) {
            let meant = self.selection.meant(scene.timeline, scene.list);
            self.ask_delete(scene, meant);
        }
        if let Point::Snapshot(id) = point
            && took(ui, Modifiers::NONE, Key::F2)
        {
            self.begin_edit(scene, id);
        }
    }
}

pub(super) fn took(ui: &Ui, modifiers: Modifiers, key: Key) -> bool {
    ui.input_mut(|input| {
        let exact = input.modifiers.matches_exact(modifiers);
        exact && input.consume_key(modifiers, key)
    })
}
