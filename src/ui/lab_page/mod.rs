//! A lab's page: its machines as tiles, what can be done with all of them, and its moments.

mod dialogs;
mod moments;
mod tiles;

use egui::{RichText, ScrollArea, Ui, vec2};

use super::actions::{self, Errand};
use super::album::Wish;
use super::icon::Icon;
use super::library::LAB_ICON;
use super::theme::palette;
use super::view::View;
use super::{Ask, kit, page};
use crate::engine::message::{Command, LabCommand};
use crate::language::{count, fill, told, tr};
use crate::model::{Action, Lab, LabId, LabReport, MachineId, MachineReport, State};
use dialogs::Dialog;

/// What this page remembers between frames.
#[derive(Default)]
pub struct LabPage {
    dialog: Option<Dialog>,
    /// Pictures of moments that would be shown, the most wanted first.
    wishes: Vec<Wish>,
    /// Machines whose tiles are shown.
    in_sight: Vec<MachineId>,
}

impl LabPage {
    /// Opens the dialog for a new lab of these machines.
    pub fn new_lab(&mut self, machines: Vec<MachineId>) {
        self.dialog = Some(Dialog::new_lab(machines));
    }

    pub fn asks_something(&self) -> bool {
        self.dialog.is_some()
    }

    pub fn wishes(&self) -> &[Wish] {
        &self.wishes
    }

    pub fn in_sight(&self) -> &[MachineId] {
        &self.in_sight
    }

    pub fn ui(&mut self, ui: &mut Ui, view: &View, lab: LabId, asks: &mut Vec<Ask>) {
        self.wishes.clear();
        self.in_sight.clear();
        let Some(report) = view.lab(lab) else {
            asks.push(Ask::Errand(Errand::Back)); // It was deleted.
            return;
        };
        page::head_ui(ui, &report.lab.name, asks, |ui, _| {
            let free = !view.handed_over && report.trouble.is_none();
            let word = tr("Delete the lab…");
            if kit::icon_button(ui, !view.handed_over, Icon::Trash2, word)
                .on_hover_text(tr("Its machines and their snapshots stay"))
                .clicked()
            {
                self.dialog = Some(Dialog::delete_lab(lab));
            }
            let word = tr("Rename…");
            if kit::icon_button(ui, free, Icon::PencilLine, word)
                .on_hover_text(word)
                .clicked()
            {
                self.dialog = Some(Dialog::rename(&report.lab));
            }
        });
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            page::body_ui(ui, |ui| self.body_ui(ui, view, report, asks));
        });
    }

    fn body_ui(&mut self, ui: &mut Ui, view: &View, report: &LabReport, asks: &mut Vec<Ask>) {
        if let Some(trouble) = &report.trouble {
            kit::card(ui, &told(&trouble.what), |ui| {
                kit::complaint(ui, &told(&trouble.why));
                if let Some(fix) = &trouble.fix {
                    kit::hint(ui, &told(fix));
                }
            });
            return;
        }
        let machines = machines(view, &report.lab);
        ui.label(RichText::new(summary(&machines)).color(palette(ui).dim));
        if !report.lab.note.is_empty() {
            ui.add(egui::Label::new(&report.lab.note).wrap());
        }
        ui.add_space(8.0);
        self.verbs_ui(ui, view, report, &machines, asks);
        ui.add_space(12.0);
        kit::section(ui, tr("Machines"));
        self.in_sight = tiles::tiles_ui(ui, view, &report.lab, asks);
        ui.add_space(12.0);
        kit::section(ui, tr("Moments"));
        if let Some(dialog) = moments::moments_ui(ui, view, report, &mut self.wishes) {
            self.dialog = Some(dialog);
        }
    }

    fn verbs_ui(
        &mut self,
        ui: &mut Ui,
        view: &View,
        report: &LabReport,
        machines: &[Option<&MachineReport>],
        asks: &mut Vec<Ask>,
    ) {
        let lab = report.lab.id;
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(8.0, 8.0);
            if act_ui(ui, view, machines, Action::Start, true) {
                asks.push(act(lab, Action::Start));
            }
            let why = keep_verdict(view, machines).err();
            let keep = tr("Keep this moment…");
            if kit::button_or_why(ui, Icon::Bookmark, keep, why.as_deref()) {
                self.dialog = Some(Dialog::keep(&report.lab));
            }
            for action in [
                Action::ShutDown,
                Action::Save,
                Action::Pause,
                Action::Resume,
            ] {
                if act_ui(ui, view, machines, action, false) {
                    asks.push(act(lab, action));
                }
            }
            if act_ui(ui, view, machines, Action::PowerOff, false) {
                self.dialog = Some(Dialog::power_off(lab));
            }
        });
    }

    /// The questions, above whatever page is open.
    pub fn dialogs_ui(&mut self, ui: &Ui, view: &View, asks: &mut Vec<Ask>) {
        if let Some(dialog) = &mut self.dialog
            && !dialog.ui(ui, view, asks)
        {
            self.dialog = None;
        }
    }
}

/// The lab's machines in its order; `None` for one that is missing or in the trash.
fn machines<'a>(view: &'a View, lab: &Lab) -> Vec<Option<&'a MachineReport>> {
    let find = |id: &MachineId| {
        let report = view.machine(*id);
        report.filter(|report| report.trashed().is_none())
    };
    lab.machines.iter().map(find).collect()
}

/// How many there are, and how many of them run.
pub fn summary(machines: &[Option<&MachineReport>]) -> String {
    let there = machines.iter().flatten();
    let running = there.filter(|report| report.state.has_process()).count();
    let all = count(machines.len() as u64, "{count} machine", "{count} machines");
    match running {
        0 => all,
        _ => fill(
            "{machines}, {running} running",
            &[("machines", &all), ("running", &running)],
        ),
    }
}

fn act(lab: LabId, action: Action) -> Ask {
    Ask::Engine(Command::Lab(LabCommand::Act { lab, action }))
}

/// A button for all; returns whether it was clicked.
fn act_ui(
    ui: &mut Ui,
    view: &View,
    machines: &[Option<&MachineReport>],
    action: Action,
    best: bool,
) -> bool {
    let verdict = verdict(view, machines, action);
    let (icon, word) = (Some(actions::look(action).icon), all_word(action));
    let response = match best {
        true => kit::primary(ui, verdict.is_ok(), icon, word),
        false => kit::secondary(ui, verdict.is_ok(), icon, word),
    };
    match &verdict {
        Ok(()) => response.on_hover_text(tr(action.explain())).clicked(),
        Err(why) => {
            response.on_disabled_hover_text(why);
            false
        }
    }
}

fn all_word(action: Action) -> &'static str {
    match action {
        Action::Start => tr("Start all"),
        Action::ShutDown => tr("Shut down all"),
        Action::Save => tr("Save all"),
        Action::Pause => tr("Pause all"),
        Action::Resume => tr("Resume all"),
        _ => tr("Power off all…"),
    }
}

/// Whether there is something to do for one of them at least.
fn verdict(view: &View, machines: &[Option<&MachineReport>], action: Action) -> Result<(), String> {
    if view.handed_over {
        return Err(tr("Another Orangery process has the library now").to_owned());
    }
    let has_it_to_do = |report: &&MachineReport| match action {
        Action::Start => !report.state.has_process(),
        Action::Resume => report.state == State::Paused,
        Action::Pause => report.state.has_process() && report.state != State::Paused,
        _ => report.state.has_process(),
    };
    let mut there = machines.iter().flatten().copied();
    if there.any(|report| has_it_to_do(&report)) {
        return Ok(());
    }
    let why = match action {
        _ if machines.iter().flatten().next().is_none() => tr("It has no machines that are there"),
        Action::Start => tr("All its machines run"),
        Action::Resume => tr("None of its machines is paused"),
        _ => tr("None of its machines runs"),
    };
    Err(why.to_owned())
}

/// Whether all can be kept.
fn keep_verdict(view: &View, machines: &[Option<&MachineReport>]) -> Result<(), String> {
    if machines.iter().flatten().next().is_none() {
        return Err(tr("It has no machines that are there").to_owned());
    }
    for report in machines.iter().flatten() {
        actions::verdict(report, Action::Snapshot, view.handed_over).map_err(|why| {
            fill(
                "{name}: {why}",
                &[("name", &report.name), ("why", &told(&why))],
            )
        })?;
    }
    Ok(())
}

/// The labs at the left, below the machines; nothing where there are none.
pub fn links_ui(ui: &mut Ui, view: &View, shown: Option<LabId>, asks: &mut Vec<Ask>) {
    if view.labs.is_empty() {
        return;
    }
    /// More are scrolled.
    const MOST_HEIGHT: f32 = 150.0;
    ui.add_space(6.0);
    let p = palette(ui);
    ui.label(RichText::new(tr("Labs")).size(13.0).color(p.dim));
    ScrollArea::vertical()
        .id_salt("labs")
        .max_height(MOST_HEIGHT)
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            for report in &view.labs {
                let lab = &report.lab;
                let glyph = match report.trouble {
                    Some(_) => Icon::FileX2,
                    None => LAB_ICON,
                };
                let chosen = shown == Some(lab.id);
                let text = summary(&machines(view, lab));
                let item = kit::index_item(ui, chosen, glyph, &lab.name).on_hover_text(text);
                if item.clicked() {
                    asks.push(Ask::ShowLab(lab.id));
                }
            }
        });
}
