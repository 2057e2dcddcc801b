//! Order, grouping and folded groups: taken from the settings, and saved a moment after the last
//! change.

use egui::Ui;

use crate::engine::message::Command;
use crate::model::{ListSettings, Settings};
use crate::ui::Ask;
use crate::ui::view::View;

/// How long after the last change the settings are saved, in seconds.
const PAUSE: f64 = 0.8;

#[derive(Default)]
pub struct Prefs {
    list: ListSettings,
    /// What the settings said last. Until they say something else, what was chosen here counts:
    /// saving takes a moment.
    seen: ListSettings,
    changed: bool,
    /// When a change is saved, by the clock of the window.
    due: Option<f64>,
}

impl Prefs {
    pub fn list(&self) -> &ListSettings {
        &self.list
    }

    /// The settings, to be changed.
    pub fn change(&mut self) -> &mut ListSettings {
        self.changed = true;
        &mut self.list
    }

    pub fn fold(&mut self, key: &str, fold: bool) {
        let folded = &mut self.change().folded;
        folded.retain(|other| other != key);
        if fold {
            folded.push(key.to_owned());
        }
    }

    /// Follows the settings, and asks to save what was changed here.
    pub fn follow(&mut self, ui: &Ui, view: &View, asks: &mut Vec<Ask>) {
        let now = ui.input(|input| input.time);
        if std::mem::take(&mut self.changed) {
            self.due = Some(now + PAUSE);
        }
        match self.due {
            Some(due) if due > now => {
                let pause = std::time::Duration::from_secs_f64(due - now);
                ui.ctx().request_repaint_after(pause);
            }
            Some(_) => asks.extend(self.save(view).map(Ask::Engine)),
            None if view.settings.list != self.seen => {
                self.seen.clone_from(&view.settings.list);
                self.list.clone_from(&view.settings.list);
            }
            None => {}
        }
    }

    /// Saves what was changed and is not saved yet, if anything is.
    pub fn save(&mut self, view: &View) -> Option<Command> {
        let changed = std::mem::take(&mut self.changed) | self.due.take().is_some();
        let news = changed && view.settings.list != self.list && !view.handed_over;
        news.then(|| {
            let list = self.list.clone();
            let settings = view.settings.clone();
            Command::SaveSettings(Settings { list, ..settings })
        })
    }
}
