//! Every command in one list: found by a few letters, run by Enter.

mod entries;
mod fuzzy;

use egui::{
    Align2, Key, Margin, Modifiers, Rect, RichText, ScrollArea, Sense, TextEdit, Ui, WidgetInfo,
    accesskit::Role, pos2, vec2,
};

use super::icon;
use super::theme::{self, palette};
use super::view::View;
use super::{Ask, kit};
use crate::language::{Language, spoken, tr};
use crate::model::MachineReport;
pub use entries::{Entry, Scene, entries};

/// The height of an entry.
const ROW: f32 = 38.0;
/// Without a search only the first machines are listed.
const MAX_FOUND: usize = 400;

/// What the open palette remembers.
#[derive(Default)]
pub struct CommandPalette {
    query: String,
    chosen: usize,
    entries: Vec<Entry>,
    /// Places of entries, the best first.
    found: Vec<usize>,
    made_from: Option<(u64, Language)>,
    searched: Option<String>,
    reveal: bool,
    begun: bool,
}

impl CommandPalette {
    /// Draws it; returns whether it stays open.
    pub fn ui(
        &mut self,
        ui: &Ui,
        view: &View,
        shown: Option<&MachineReport>,
        marked: &[&MachineReport],
        asks: &mut Vec<Ask>,
    ) -> bool {
        self.follow(&Scene {
            view,
            shown,
            marked,
        });
        let (run, dismissed) = kit::modal(ui, "palette", 600.0, tr("Commands"), |ui| {
            let enter = self.field_ui(ui);
            let clicked = self.list_ui(ui);
            clicked.or(enter.then_some(self.chosen))
        });
        let entry = run
            .and_then(|place| self.found.get(place))
            .and_then(|place| self.entries.get(*place));
        if let Some(entry) = entry
            && entry.verdict.is_ok()
        {
            asks.extend(entry.asks.iter().cloned());
            return false;
        }
        !dismissed
    }

    fn follow(&mut self, scene: &Scene<'_>) {
        let from = (scene.view.generation(), spoken());
        if self.made_from != Some(from) {
            self.made_from = Some(from);
            self.entries = entries(scene);
            self.searched = None;
        }
        if self.searched.as_deref() != Some(self.query.as_str()) {
            let fresh = self.searched.replace(self.query.clone()).is_some();
            self.search();
            if fresh {
                self.chosen = 0;
                self.reveal = true;
            }
            self.chosen = self.chosen.min(self.found.len().saturating_sub(1));
        }
    }

    fn search(&mut self) {
        let query = fuzzy::letters(&self.query);
        let mut found: Vec<(i32, usize)> = self
            .entries
            .iter()
            .enumerate()
            .filter_map(|(place, entry)| {
                let score = fuzzy::score(&query, &entry.search)?;
                // What can be done now comes before what is refused.
                Some((score - if entry.verdict.is_ok() { 0 } else { 40 }, place))
            })
            .collect();
        found.sort_by_key(|(score, place)| (std::cmp::Reverse(*score), *place));
        found.truncate(MAX_FOUND);
        self.found = found.into_iter().map(|(_, place)| place).collect();
    }

    /// Returns whether Enter was pressed.
    fn field_ui(&mut self, ui: &mut Ui) -> bool {
        let last = self.found.len().saturating_sub(1);
        for (key, to) in [
            (Key::ArrowDown, (self.chosen + 1).min(last)),
            (Key::ArrowUp, self.chosen.saturating_sub(1)),
            (Key::PageDown, (self.chosen + 8).min(last)),
            (Key::PageUp, self.chosen.saturating_sub(8)),
        ] {
            if ui.input_mut(|input| input.consume_key(Modifiers::NONE, key)) {
                self.chosen = to;
                self.reveal = true;
            }
        }
        let enter = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
        let word = tr("A command or a machine");
        let edit = TextEdit::singleline(&mut self.query)
            .prefix(icon::text(icon::Icon::Search, 15.0).color(palette(ui).dim))
            .hint_text(word)
            .char_limit(80)
            .desired_width(f32::INFINITY)
            .margin(Margin::symmetric(10, 8));
        let response = ui.add(edit);
        let query = self.query.clone();
        response.widget_info(|| {
            let mut info = WidgetInfo::text_edit(true, &query, &query, word);
            info.label = Some(word.to_owned());
            info
        });
        if !std::mem::replace(&mut self.begun, true) {
            response.request_focus();
        }
        enter
    }

    /// Returns the place of an entry that was clicked.
    fn list_ui(&mut self, ui: &mut Ui) -> Option<usize> {
        if self.found.is_empty() {
            ui.label(RichText::new(tr("Nothing is called so")).color(palette(ui).dim));
            return None;
        }
        let height = (ui.ctx().content_rect().height() * 0.5).max(ROW * 4.0);
        let mut clicked = None;
        ui.spacing_mut().item_spacing.y = 0.0;
        let reveal = std::mem::take(&mut self.reveal);
        ScrollArea::vertical()
            .max_height(height)
            .auto_shrink([false, true])
            .show_viewport(ui, |ui, sight| {
                ui.set_height(self.found.len() as f32 * ROW);
                let room = ui.max_rect();
                let rect_of = |place: usize| {
                    let corner = pos2(room.left(), room.top() + place as f32 * ROW);
                    Rect::from_min_size(corner, vec2(room.width(), ROW))
                };
                let first = (sight.top() / ROW).max(0.0) as usize;
                let end = (sight.bottom() / ROW).ceil().max(0.0) as usize;
                for place in first..end.min(self.found.len()) {
                    let entry = self.found.get(place).and_then(|at| self.entries.get(*at));
                    if let Some(entry) = entry
                        && entry_ui(ui, rect_of(place), entry, place == self.chosen)
                    {
                        clicked = Some(place);
                    }
                }
                if reveal {
                    let none = egui::style::ScrollAnimation::none();
                    ui.scroll_to_rect_animation(rect_of(self.chosen), None, none);
                }
            });
        clicked
    }
}

/// Returns whether it was clicked.
fn entry_ui(ui: &Ui, rect: Rect, entry: &Entry, chosen: bool) -> bool {
    let p = palette(ui);
    let id = egui::Id::unique(("palette entry", &entry.title));
    let enabled = entry.verdict.is_ok();
    // The field keeps the keyboard: an entry is no stop for the Tab key.
    let response = ui.interact(rect, id, Sense::CLICK);
    response.widget_info(|| {
        let mut info = WidgetInfo::selected(Role::ListItem, enabled, chosen, &entry.title);
        info.hint_text = entry.verdict.as_ref().err().cloned();
        info
    });
    if chosen {
        ui.painter().rect_filled(rect, 8.0, p.tint(p.accent));
    } else if response.hovered() {
        ui.painter().rect_filled(rect, 8.0, p.hover);
    }
    let color = if enabled { p.text } else { p.dim };
    let middle = rect.center().y;
    icon::paint(
        ui.painter(),
        pos2(rect.left() + 18.0, middle),
        entry.icon,
        16.0,
        p.dim,
    );
    let right = keys_ui(ui, rect, entry);
    let mut job = egui::text::LayoutJob::simple_singleline(
        entry.title.clone(),
        theme::regular(theme::BODY),
        color,
    );
    if let Err(reason) = &entry.verdict {
        let format = egui::TextFormat::simple(theme::regular(13.0), p.dim);
        job.append(reason, 12.0, format);
    }
    let width = right - rect.left() - 50.0;
    job.wrap = egui::text::TextWrapping::truncate_at_width(width);
    let text = ui.ctx().fonts_mut(|fonts| fonts.layout_job(job));
    let at = pos2(rect.left() + 38.0, middle - text.size().y / 2.0);
    ui.painter().galley(at, text, color);
    let clicked = response.clicked();
    if let Err(reason) = &entry.verdict {
        response.on_hover_text(reason.as_str());
    }
    clicked && enabled
}

/// The shortcut at the right; gives where the text has to end.
fn keys_ui(ui: &Ui, rect: Rect, entry: &Entry) -> f32 {
    let right = rect.right() - 12.0;
    let Some(keys) = &entry.keys else {
        return right;
    };
    let drawn = ui.painter().text(
        pos2(right, rect.center().y),
        Align2::RIGHT_CENTER,
        keys,
        theme::regular(13.0),
        palette(ui).dim,
    );
    drawn.left() - 8.0
}
