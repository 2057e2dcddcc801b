//! What becomes of copies of which nothing is kept: asked when one's guest has ended, and when the window closes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use egui::{ComboBox, RichText, ScrollArea, Ui};

use super::icon::Icon;
use super::kit::{self, Tone};
use super::theme::{self, palette};
use super::view::View;
use super::{Ask, actions};
use crate::language::{count, fill, later, told, tr};
use crate::model::{Action, MachineId, MachineReport, State};

/// The ways, the best one first.
const WAYS: [Action; 3] = [Action::Keep, Action::KeepMoment, Action::Discard];
/// The room for what becomes of one of them.
const CHOICE: f32 = 190.0;

/// A copy whose guest has ended by itself.
pub fn has_ended(report: &MachineReport) -> bool {
    matches!(report.state, State::Off | State::Crashed)
}

/// Whether `action` can end a copy so, or why not.
fn verdict(view: &View, report: &MachineReport, action: Action) -> Result<(), String> {
    actions::verdict(report, action, view.handed_over)?;
    match parent(view, report) {
        None if action == Action::KeepMoment => {
            Err(tr("The machine that it came from is gone").to_owned())
        }
        _ => Ok(()),
    }
}

fn parent<'a>(view: &'a View, report: &MachineReport) -> Option<&'a MachineReport> {
    let descent = report.machine.as_ref()?.descent.as_ref()?;
    let parent = view.machine(descent.from);
    parent.filter(|parent| parent.trashed().is_none())
}

/// What it means for a copy.
fn meaning(view: &View, report: &MachineReport, action: Action) -> String {
    match (action, parent(view, report)) {
        (Action::KeepMoment, Some(parent)) => fill(
            "A snapshot in the timeline of {name}; the copy itself goes",
            &[("name", &parent.name)],
        ),
        (Action::KeepMoment, None) => tr("The machine that it came from is gone").to_owned(),
        (Action::Discard, _) => tr("All that was done in it is gone").to_owned(),
        _ => tr("It is a machine like any other from then on").to_owned(),
    }
}

/// Asks about copies whose guests have ended, one after the other.
#[derive(Default)]
pub struct EndedDialog {
    /// Asked about, and left for later.
    left: BTreeSet<MachineId>,
    shown: Option<MachineId>,
}

impl EndedDialog {
    pub fn is_open(&self) -> bool {
        self.shown.is_some()
    }

    /// The question; `free` says that nothing else is being asked.
    pub fn ui(&mut self, ui: &Ui, view: &View, free: bool, asks: &mut Vec<Ask>) {
        let tries = view.tries();
        self.left.retain(|id| tries.contains(id));
        // Its own window asks the same.
        let is_asked = |report: &MachineReport| has_ended(report) && report.console_open();
        let asked = tries
            .iter()
            .filter(|id| view.machine(**id).is_some_and(is_asked));
        self.left.extend(asked);
        let waits = |id: &&MachineId| {
            let report = view.machine(**id);
            report.is_some_and(has_ended) && !self.left.contains(*id)
        };
        self.shown = tries.iter().find(waits).copied();
        let Some(report) = self.shown.and_then(|id| view.machine(id)) else {
            return;
        };
        // One that was thrown away is seen off for a moment before it is gone.
        let just_now = report.since >= view.now;
        if just_now {
            ui.ctx().request_repaint_after(Duration::from_secs(1));
        }
        if just_now || !free || view.handed_over {
            self.shown = None;
            return;
        }
        let title = fill("{name} has ended", &[("name", &report.name)]);
        let (done, dismissed) = kit::modal(ui, "ended", 540.0, &title, |ui| {
            kit::hint(
                ui,
                tr("Say what becomes of this copy and all that was done in it."),
            );
            ui.add_space(6.0);
            let done = ways_ui(ui, view, report, asks);
            ui.add_space(6.0);
            let later = kit::footer(ui, |ui| kit::secondary(ui, true, None, tr("Decide later")));
            done || later.clicked()
        });
        if done || dismissed {
            self.left.insert(report.id);
            self.shown = None;
        }
    }
}

/// A button for each way with what it means; returns whether one was taken.
fn ways_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) -> bool {
    let mut taken = false;
    for action in WAYS {
        let verdict = verdict(view, report, action);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 14.0;
            let icon = actions::look(action).icon;
            let best = action == Action::Keep;
            let button = ui.add_enabled_ui(verdict.is_ok(), |ui| {
                kit::sized(ui, best, CHOICE, icon, tr(action.name()))
            });
            if button.inner.clicked() {
                asks.push(actions::ask(report, action));
                taken = true;
            }
            let text = RichText::new(meaning(view, report, action)).color(palette(ui).dim);
            ui.add(egui::Label::new(text).wrap());
        });
    }
    taken
}

/// What becomes of each copy when the window closes, as far as it is said.
#[derive(Default)]
pub struct Partings(BTreeMap<MachineId, Action>);

impl Partings {
    /// Those that are said, and still there.
    pub fn said(&self, view: &View) -> Vec<(MachineId, Action)> {
        let tries = view.tries().iter();
        tries
            .filter_map(|id| Some((*id, *self.0.get(id)?)))
            .collect()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether something must be said before the window closes: of those that have ended nobody would ask again.
    /// `all` is true where the others end, too.
    pub fn lack(&self, view: &View, all: bool) -> bool {
        let tries = view.tries().iter().filter_map(|id| view.machine(*id));
        let mut lost = tries.filter(|report| all || has_ended(report));
        lost.any(|report| report.state != State::Saved && !self.0.contains_key(&report.id))
    }

    /// The part of the question that is about copies; nothing without any.
    pub fn ui(&mut self, ui: &mut Ui, view: &View) {
        let tries: Vec<&MachineReport> = view
            .tries()
            .iter()
            .filter_map(|id| view.machine(*id))
            .filter(|report| report.state != State::Saved)
            .collect();
        if tries.is_empty() {
            return;
        }
        let number = tries.len() as u64;
        let title = count(
            number,
            "Nothing is kept of {count} copy",
            "Nothing is kept of {count} copies",
        );
        kit::callout(ui, Tone::Warning, &title, |ui| {
            kit::hint(
                ui,
                tr(
                    "Kept running, a copy is gone with all that was done in it once its guest ends. Saved, it goes on later. Or say now what becomes of it.",
                ),
            );
            if tries.len() > 1 {
                self.all_ui(ui, view, &tries);
            }
            let height = (ui.ctx().content_rect().height() - 480.0).max(80.0);
            let area = ScrollArea::vertical().max_height(height);
            area.auto_shrink([false, true]).show(ui, |ui| {
                for report in &tries {
                    self.one_ui(ui, view, report);
                }
            });
        });
    }

    fn all_ui(&mut self, ui: &mut Ui, view: &View, tries: &[&MachineReport]) {
        let first = tries.first().map(|report| self.0.get(&report.id).copied());
        let alike = tries
            .iter()
            .all(|report| Some(self.0.get(&report.id).copied()) == first);
        let now = first.flatten().filter(|_| alike);
        let runs = tries.iter().any(|report| !has_ended(report));
        let word = tr("All of them");
        let chosen = row_ui(ui, word, None, |ui| {
            choice_ui(ui, word, now, runs, |_| Ok(()))
        });
        if let Some(action) = chosen {
            for report in tries {
                match action.filter(|action| verdict(view, report, *action).is_ok()) {
                    Some(action) => self.0.insert(report.id, action),
                    None => self.0.remove(&report.id),
                };
            }
        }
    }

    fn one_ui(&mut self, ui: &mut Ui, view: &View, report: &MachineReport) {
        let now = self.0.get(&report.id).copied();
        let word = fill("What becomes of {name}", &[("name", &report.name)]);
        let runs = !has_ended(report);
        let chosen = row_ui(ui, &report.name, Some(report.state), |ui| {
            choice_ui(ui, &word, now, runs, |action| verdict(view, report, action))
        });
        match chosen {
            Some(Some(action)) => drop(self.0.insert(report.id, action)),
            Some(None) => drop(self.0.remove(&report.id)),
            None => {}
        }
    }
}

/// A name and how it stands at the left, the choice at the right.
fn row_ui<R>(
    ui: &mut Ui,
    name: &str,
    state: Option<State>,
    choice: impl FnOnce(&mut Ui) -> R,
) -> R {
    ui.horizontal(|ui| {
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let chosen = choice(ui);
            if let Some(state) = state {
                let color = palette(ui).state(state);
                ui.label(RichText::new(tr(state.label())).size(13.0).color(color));
            }
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                name_ui(ui, name);
            });
            chosen
        })
        .inner
    })
    .inner
}

fn name_ui(ui: &mut Ui, name: &str) {
    let text = RichText::new(name).font(theme::semibold(theme::BODY));
    ui.add(egui::Label::new(text.color(palette(ui).text)).truncate())
        .on_hover_text(name);
}

/// What becomes of it; returns what was chosen now.
fn choice_ui(
    ui: &mut Ui,
    name: &str,
    now: Option<Action>,
    runs: bool,
    verdict: impl Fn(Action) -> Result<(), String>,
) -> Option<Option<Action>> {
    let undecided = match runs {
        true => later("As the others"),
        false => later("Choose…"),
    };
    let word = |action: Option<Action>| tr(action.map_or(undecided, Action::name));
    let mut chosen = None;
    let list = ComboBox::from_id_salt(name)
        .width(CHOICE)
        .selected_text(word(now));
    let shown = list.show_ui(ui, |ui| {
        for action in std::iter::once(None).chain(WAYS.map(Some)) {
            let verdict = action.map_or(Ok(()), &verdict);
            let line = egui::Button::selectable(action == now, word(action));
            let line = ui.add_enabled(verdict.is_ok(), line);
            if line.clicked() {
                chosen = Some(action);
            }
            if let Err(why) = verdict {
                line.on_disabled_hover_text(told(&why).as_ref());
            }
        }
    });
    kit::focus_ring(ui, &shown.response);
    let info = || egui::WidgetInfo::labeled(egui::accesskit::Role::ComboBox, true, name);
    shown.response.widget_info(info);
    chosen
}

/// How a way to close says that something is to be said first.
pub fn say_first_ui(ui: &mut Ui) {
    let p = palette(ui);
    super::icon::show(ui, Icon::TriangleAlert, 15.0, p.warn);
    let text = RichText::new(tr("Say first what becomes of the copies"));
    ui.label(text.color(p.warn));
}
