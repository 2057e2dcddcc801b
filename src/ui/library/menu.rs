//! The menu of one machine's row, by right click or from the keyboard.

use egui::{Popup, PopupAnchor, PopupKind, Pos2, Ui};

use super::{LibraryList, bulk};
use crate::language::{told, tr};
use crate::model::{Action, MachineId, MachineReport};
use crate::ui::actions::{self, Shape};
use crate::ui::icon::Icon;
use crate::ui::view::View;
use crate::ui::{Ask, kit};

/// The verbs of the menu, in groups.
const VERBS: [&[Action]; 6] = [
    &[
        Action::Start,
        Action::Resume,
        Action::Pause,
        Action::ShutDown,
        Action::PowerOff,
        Action::Reset,
        Action::Save,
        Action::DiscardSaved,
    ],
    &[Action::Snapshot, Action::Rewind],
    &[Action::Fork, Action::Try, Action::Clone],
    &[Action::OpenConsole, Action::Screenshot, Action::SendKeys],
    &[Action::Edit],
    &[Action::Delete],
];

/// An open menu.
pub struct Menu {
    machine: MachineId,
    at: Pos2,
    open: bool,
    /// The first entry still has to get the keyboard.
    take_keyboard: bool,
    /// The row gets it back in the end.
    by_keyboard: bool,
}

impl Menu {
    pub fn new(machine: MachineId, at: Pos2) -> Self {
        Self {
            machine,
            at,
            open: true,
            take_keyboard: false,
            by_keyboard: false,
        }
    }

    pub fn by_keyboard(machine: MachineId, at: Pos2) -> Self {
        Self {
            take_keyboard: true,
            by_keyboard: true,
            ..Self::new(machine, at)
        }
    }
}

impl LibraryList {
    pub(super) fn menu_ui(&mut self, ui: &Ui, view: &View, asks: &mut Vec<Ask>) {
        let Some(mut menu) = self.menu.take() else {
            return;
        };
        let Some(report) = view.machine(menu.machine) else {
            return;
        };
        let marked = self.marked(view);
        let together = marked.len() > 1 && self.selection.marks.contains(&menu.machine);
        let id = egui::Id::unique("library menu");
        let mut open = menu.open;
        Popup::new(
            id,
            ui.ctx().clone(),
            PopupAnchor::Position(menu.at),
            ui.layer_id(),
        )
        .kind(PopupKind::Menu)
        .layout(egui::Layout::top_down_justified(egui::Align::Min))
        .style(egui::containers::menu::menu_style)
        .gap(0.0)
        .open_bool(&mut open)
        .show(|ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            let height = ui.ctx().content_rect().height() - 40.0;
            ui.set_max_height(height);
            egui::ScrollArea::vertical()
                .max_height(height)
                .show(ui, |ui| {
                    if together {
                        bulk::menu_ui(ui, view, &marked, asks);
                    } else {
                        one_ui(ui, view, report, &mut menu.take_keyboard, asks);
                    }
                });
        });
        menu.open = open;
        if menu.open {
            self.menu = Some(menu);
        } else if menu.by_keyboard {
            self.focus_cursor = true;
        }
    }
}

fn one_ui(
    ui: &mut Ui,
    view: &View,
    report: &MachineReport,
    take_keyboard: &mut bool,
    asks: &mut Vec<Ask>,
) {
    for (place, verbs) in VERBS.into_iter().enumerate() {
        if place > 0 {
            ui.separator();
        }
        for action in verbs {
            let shape = Shape::MenuItem;
            let item = actions::button(ui, report, *action, shape, view.handed_over, asks);
            if item.enabled() && std::mem::take(take_keyboard) {
                item.request_focus();
            }
        }
        if verbs.contains(&Action::Edit) {
            edits_ui(ui, view, report, asks);
        }
    }
    if actions::verdict(report, Action::Repair, view.handed_over).is_ok() {
        actions::button(ui, report, Action::Repair, Shape::MenuItem, false, asks);
    }
}

/// What is changed in the list itself, and what is copied.
fn edits_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
    let verdict = actions::verdict(report, Action::Edit, view.handed_over);
    let f2 = egui::KeyboardShortcut::new(egui::Modifiers::NONE, egui::Key::F2);
    for (icon, word, keys, ask) in [
        (
            Icon::PencilLine,
            tr("Rename"),
            Some(&f2),
            Ask::Rename(report.id),
        ),
        (
            Icon::Tags,
            tr("Tags…"),
            None,
            Ask::EditTags(vec![report.id]),
        ),
    ] {
        let item = kit::menu_item(ui, verdict.is_ok(), Some(icon), word, keys);
        if item.clicked() {
            asks.push(ask);
            ui.close();
        }
        if let Err(reason) = &verdict {
            item.on_disabled_hover_text(told(reason).as_ref());
        }
    }
    for (icon, word, text) in [
        (Icon::Fingerprint, tr("Copy id"), report.id.to_string()),
        (
            Icon::FolderOpen,
            tr("Copy folder path"),
            report.path.display().to_string(),
        ),
    ] {
        if kit::menu_item(ui, true, Some(icon), word, None).clicked() {
            ui.ctx().copy_text(text);
            ui.close();
        }
    }
}
