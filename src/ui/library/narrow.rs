//! The search field, the menu of filters and orders, the chips of what is filtered, and how many
//! machines that leaves.

use egui::{Margin, RichText, TextEdit, Ui, WidgetInfo, vec2};

use super::LibraryList;
use crate::language::{fill, tr};
use crate::model::{GroupBy, SortBy, State};
use crate::ui::actions::Errand;
use crate::ui::icon::{self, Icon};
use crate::ui::theme::{self, palette};
use crate::ui::view::View;
use crate::ui::{Ask, kit};

const SORTS: [(SortBy, &str); 4] = [
    (SortBy::Name, "By name"),
    (SortBy::State, "Running first"),
    (SortBy::Recent, "Changed state last"),
    (SortBy::Created, "Newest first"),
];
const GROUPS: [(GroupBy, &str); 3] = [
    (GroupBy::Nothing, "No groups"),
    (GroupBy::State, "Group by state"),
    (GroupBy::Tag, "Group by tag"),
];

/// The words of the orders and groupings, for the command palette.
pub fn sorts() -> impl Iterator<Item = (SortBy, &'static str)> {
    SORTS.into_iter()
}

pub fn groups() -> impl Iterator<Item = (GroupBy, &'static str)> {
    GROUPS.into_iter()
}

impl LibraryList {
    pub(super) fn search_ui(&mut self, ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            let width = ui.available_width() - theme::CONTROL - 6.0;
            self.field_ui(ui, view, width, asks);
            let filtered = !self.narrow.is_empty();
            let name = if filtered {
                tr("Filter and sort, filtered now")
            } else {
                tr("Filter and sort")
            };
            let button = kit::icon_button(ui, true, Icon::ListFilter, name);
            // Several filters are chosen in one go.
            egui::Popup::menu(&button)
                .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside)
                .align(egui::RectAlign::BOTTOM_END)
                .show(|ui| {
                    let height = ui.ctx().content_rect().height() - 130.0;
                    ui.set_max_height(height);
                    egui::ScrollArea::vertical()
                        .max_height(height)
                        .show(ui, |ui| self.filters_ui(ui));
                });
        });
    }

    fn field_ui(&mut self, ui: &mut Ui, view: &View, width: f32, asks: &mut Vec<Ask>) {
        let p = palette(ui);
        let (word, look) = Errand::Search.look();
        let word = tr(word);
        // Before the field sees them, which would let the keyboard go.
        let focused = self
            .search_field
            .is_some_and(|id| ui.memory(|memory| memory.has_focus(id)));
        let took = |ui: &Ui, key| {
            focused && ui.input_mut(|input| input.consume_key(egui::Modifiers::NONE, key))
        };
        let down = took(ui, egui::Key::ArrowDown);
        let enter = took(ui, egui::Key::Enter);
        let edit = TextEdit::singleline(&mut self.filter)
            .prefix(icon::text(look.icon, 15.0).color(p.dim))
            .hint_text(word)
            .char_limit(80)
            .desired_width(width)
            .margin(Margin::symmetric(10, 8));
        let response = ui.add(edit);
        self.search_field = Some(response.id);
        let filter = self.filter.clone();
        response.widget_info(|| {
            let mut info = WidgetInfo::text_edit(true, &filter, &filter, word);
            info.label = Some(word.to_owned());
            info
        });
        // egui takes the keyboard away before anyone sees the key.
        let escape =
            response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Escape));
        let escape = escape && !self.filter.is_empty();
        if std::mem::take(&mut self.focus_search) || escape {
            response.request_focus();
        }
        if escape {
            self.filter.clear();
        }
        if (down || enter) && !self.arranged.lines.is_empty() {
            self.go_to_first_machine(view, enter, asks);
        }
    }

    /// Moves the keyboard to the first machine found, and opens it.
    fn go_to_first_machine(&mut self, view: &View, open: bool, asks: &mut Vec<Ask>) {
        self.arranged.follow(
            view,
            &mut self.texts,
            self.filter.trim(),
            &self.narrow,
            self.prefs.list(),
        );
        let first = self
            .arranged
            .lines
            .iter()
            .position(|line| line.machine().is_some());
        self.selection
            .move_to(&self.arranged, first.unwrap_or(0), false);
        self.focus_cursor = true;
        self.reveal_cursor = true;
        let line = first.and_then(|place| self.arranged.lines.get(place));
        if let Some(id) = line.and_then(|line| line.machine()).filter(|_| open) {
            asks.push(Ask::Select(id));
        }
    }

    fn filters_ui(&mut self, ui: &mut Ui) {
        ui.set_width(230.0);
        title_ui(ui, tr("State"));
        let states: Vec<(State, usize)> = self
            .arranged
            .states
            .iter()
            .map(|(state, count)| (*state, *count))
            .collect();
        for (state, count) in states {
            let mut on = self.narrow.states.contains(&state);
            if check_ui(ui, &mut on, tr(state.label()), count) {
                toggle(&mut self.narrow.states, state, on);
            }
        }
        let tags: Vec<(String, usize)> = self
            .arranged
            .tags
            .iter()
            .map(|(tag, count)| (tag.clone(), *count))
            .collect();
        if !tags.is_empty() {
            title_ui(ui, tr("Tag"));
        }
        for (tag, count) in tags {
            let mut on = self.narrow.tags.contains(&tag);
            if check_ui(ui, &mut on, &tag, count) {
                toggle(&mut self.narrow.tags, tag, on);
            }
        }
        let list = self.prefs.list().clone();
        title_ui(ui, tr("Order"));
        for (sort, word) in SORTS {
            if radio_ui(ui, list.sort == sort, tr(word)) {
                self.prefs.change().sort = sort;
            }
        }
        title_ui(ui, tr("Groups"));
        for (group, word) in GROUPS {
            if radio_ui(ui, list.group == group, tr(word)) {
                self.prefs.change().group = group;
            }
        }
    }

    /// What is filtered, each with a cross that takes the filter away.
    pub(super) fn chips_ui(&mut self, ui: &mut Ui) {
        if self.narrow.is_empty() {
            return;
        }
        let states = self.narrow.states.clone();
        let tags = self.narrow.tags.clone();
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(6.0, 6.0);
            ui.spacing_mut().button_padding = vec2(9.0, 2.0);
            ui.spacing_mut().interact_size.y = 24.0;
            for state in states {
                if chip_ui(ui, tr(state.label())) {
                    self.narrow.states.remove(&state);
                }
            }
            for tag in tags {
                if chip_ui(ui, &tag) {
                    self.narrow.tags.remove(&tag);
                }
            }
        });
    }

    pub(super) fn heading_ui(&self, ui: &mut Ui, view: &View) {
        let p = palette(ui);
        ui.add_space(2.0);
        ui.horizontal(|ui| {
            ui.set_height(20.0);
            let text = RichText::new(tr("Machines")).font(theme::semibold(13.0));
            ui.label(text.color(p.dim));
            let (found, all) = (self.arranged.matching, view.count());
            let text = if found == all {
                all.to_string()
            } else {
                fill("{found} of {all}", &[("found", &found), ("all", &all)])
            };
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.label(RichText::new(text).size(13.0).color(p.dim));
            });
        });
    }

    /// What stands in the place of the rows when there are none.
    pub(super) fn nothing_ui(&mut self, ui: &mut Ui, view: &View) {
        let p = palette(ui);
        if view.count() > 0 {
            ui.label(RichText::new(tr("No machine matches")).color(p.dim));
            if kit::secondary(ui, true, Some(Icon::SearchX), tr("Clear search")).clicked() {
                self.filter.clear();
                self.narrow = super::Filter::default();
            }
        } else if !view.whole {
            ui.label(RichText::new(tr("Reading the library…")).color(p.dim));
        }
    }
}

fn toggle<T: Ord>(set: &mut std::collections::BTreeSet<T>, value: T, on: bool) {
    if on {
        set.insert(value);
    } else {
        set.remove(&value);
    }
}

fn title_ui(ui: &mut Ui, text: &str) {
    ui.add_space(4.0);
    ui.label(RichText::new(text).size(13.0).color(palette(ui).dim));
}

/// A line with a box and a number; returns whether it was switched.
fn check_ui(ui: &mut Ui, on: &mut bool, word: &str, count: usize) -> bool {
    let mut changed = false;
    ui.horizontal(|ui| {
        changed = kit::check(ui, on, word).changed();
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(
                RichText::new(count.to_string())
                    .size(13.0)
                    .color(palette(ui).dim),
            );
        });
    });
    changed
}

fn radio_ui(ui: &mut Ui, selected: bool, word: &str) -> bool {
    kit::radio(ui, selected, word).clicked() && !selected
}

/// A filter that a click takes away.
fn chip_ui(ui: &mut Ui, word: &str) -> bool {
    let p = palette(ui);
    let button = egui::Button::new((
        RichText::new(word).size(13.0).color(p.text),
        icon::text(Icon::X, 13.0).color(p.dim),
    ))
    .fill(p.tint(p.accent))
    .stroke(egui::Stroke::new(1.0, p.edge(p.accent)))
    .corner_radius(12)
    .min_size(vec2(0.0, 24.0));
    let response = ui.add(button);
    let name = fill("Remove the filter {word}", &[("word", &word)]);
    kit::name(response, &name).on_hover_text(name).clicked()
}
