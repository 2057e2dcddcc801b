//! The library at the left: all machines, found by search, filters and groups, marked for common
//! verbs, and worked with by mouse and keyboard.

mod arrange;
mod bulk;
mod head;
mod keys;
mod menu;
mod narrow;
mod prefs;
mod rename;
mod row;
mod rows;
mod search;
mod selection;
mod tags;

use egui::Ui;

use super::Ask;
use super::actions::Errand;
use super::brand::Brand;
use super::icon::Icon;
use super::kit;
use super::lab_page;
use super::view::View;
use crate::engine::message::Command;
use crate::language::tr;
use crate::model::{LabId, MachineId, MachineReport};
use arrange::{Arranged, Filter, Line};
pub use bulk::{BULK, LAB_ICON, MAKE_LAB, bulk_asks, new_lab, share};
use keys::TypeAhead;
use menu::Menu;
pub use narrow::{groups, sorts};
use prefs::Prefs;
use rename::Rename;
use search::Texts;
use selection::Selection;
use tags::TagsDialog;

/// What only the library remembers between frames.
#[derive(Default)]
pub struct LibraryList {
    /// What is searched for.
    pub filter: String,
    narrow: Filter,
    prefs: Prefs,
    arranged: Arranged,
    texts: Texts,
    selection: Selection,
    typed: TypeAhead,
    rename: Option<Rename>,
    menu: Option<Menu>,
    tags: Option<TagsDialog>,
    tally: bulk::Tally,
    brand: Brand,
    focus_search: bool,
    search_field: Option<egui::Id>,
    /// The cursor's line gets the keyboard, and comes into sight.
    focus_cursor: bool,
    reveal_cursor: bool,
    has_keyboard: bool,
    shown: Option<MachineId>,
    /// The machines whose rows were last in sight.
    pub in_sight: Vec<MachineId>,
}

impl LibraryList {
    pub fn focus_search(&mut self) {
        self.focus_search = true;
    }

    /// The machine whose row has the keyboard.
    pub fn focused(&self) -> Option<MachineId> {
        self.selection
            .cursor
            .filter(|_| self.has_keyboard)
            .and_then(Line::machine)
    }

    /// What was marked was dealt with.
    pub fn unmark(&mut self) {
        self.selection.clear();
    }

    /// The machines that are marked for a common verb, in the order of their names.
    pub fn marked<'a>(&self, view: &'a View) -> Vec<&'a MachineReport> {
        if self.selection.marks.is_empty() {
            return Vec::new();
        }
        view.machines()
            .filter(|report| self.selection.marks.contains(&report.id))
            .collect()
    }

    /// Opens the field for a new name in the machine's row.
    pub fn rename(&mut self, view: &View, machine: MachineId) {
        self.rename = Rename::begin(view, machine);
        self.selection.cursor = self
            .arranged
            .place_of(machine)
            .and_then(|place| self.arranged.lines.get(place).copied());
        self.reveal_cursor = true;
    }

    /// Opens the dialog for the tags of these machines.
    pub fn edit_tags(&mut self, view: &View, machines: Vec<MachineId>) {
        self.tags = Some(TagsDialog::new(view, machines));
    }

    /// Chooses another order or grouping; it is saved a moment later.
    pub fn arrange_by(&mut self, choose: impl FnOnce(&mut crate::model::ListSettings)) {
        choose(self.prefs.change());
    }

    /// Order and folds that were changed just now, to be saved before the window closes.
    pub fn save(&mut self, view: &View) -> Option<Command> {
        self.prefs.save(view)
    }

    /// `shown` are the machine and the lab whose pages are open.
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        view: &View,
        (shown, lab): (Option<MachineId>, Option<LabId>),
        asks: &mut Vec<Ask>,
    ) {
        self.follow(ui, view, shown, asks);
        head::head_ui(ui, &mut self.brand, asks);
        ui.add_space(4.0);
        let word = tr(Errand::NewMachine.word());
        let new = kit::primary_wide(ui, !view.handed_over, Icon::Plus, word);
        if new.clicked() {
            asks.push(Ask::Errand(Errand::NewMachine));
        }
        self.search_ui(ui, view, asks);
        self.chips_ui(ui);
        egui::Panel::bottom("library end")
            .frame(egui::Frame::NONE)
            .show_separator_line(false)
            .show(ui, |ui| {
                self.bulk_ui(ui, view, asks);
                lab_page::links_ui(ui, view, lab, asks);
                head::trash_link_ui(ui, view, asks);
            });
        self.heading_ui(ui, view);
        self.keys(ui, view, asks);
        self.rows_ui(ui, view, shown, asks);
        self.menu_ui(ui, view, asks);
        if let Some(dialog) = &mut self.tags
            && !dialog.ui(ui, view, asks)
        {
            self.tags = None;
        }
    }

    /// Arranges anew what has changed since the last frame.
    fn follow(&mut self, ui: &Ui, view: &View, shown: Option<MachineId>, asks: &mut Vec<Ask>) {
        self.prefs.follow(ui, view, asks);
        let fresh = self.arranged.follow(
            view,
            &mut self.texts,
            self.filter.trim(),
            &self.narrow,
            self.prefs.list(),
        );
        if fresh {
            let there = |id| {
                view.machine(id)
                    .is_some_and(|report| report.trashed().is_none())
            };
            self.texts.keep(there);
            self.selection.keep(there);
        }
        if self.shown != shown {
            self.shown = shown;
            let place = shown.and_then(|id| self.arranged.place_of(id));
            let line = place.and_then(|place| self.arranged.lines.get(place).copied());
            let elsewhere = self.selection.cursor.and_then(Line::machine) != shown;
            if let Some(line) = line.filter(|_| elsewhere) {
                self.selection.cursor = Some(line);
                self.reveal_cursor = true;
            }
        }
    }
}
