//! The side of the timeline for several snapshots, or a run of checkpoints.

use egui::{RichText, Ui};

use super::arrange::Point;
use super::compare::CompareDialog;
use super::details::fact_ui;
use super::{Scene, TimelineTab, lines, row};
use crate::language::{count, tr};
use crate::model::Action;
use crate::ui::icon::Icon;
use crate::ui::theme::{self, palette};
use crate::ui::{Ask, actions, kit};

/// Several snapshots, or a run of checkpoints.
pub(super) fn many_ui(ui: &mut Ui, tab: &TimelineTab, scene: &Scene<'_>) {
    let p = palette(ui);
    let meant = tab.selection.meant(scene.timeline, scene.list);
    let title = match tab.selection.point {
        Some(Point::Run(_)) if tab.selection.marks.is_empty() => lines::run_title(scene, &meant),
        _ => count(
            meant.len() as u64,
            "{count} snapshot selected",
            "{count} snapshots selected",
        ),
    };
    let title = RichText::new(title).font(theme::semibold(theme::TITLE));
    ui.add(egui::Label::new(title.color(p.text)).wrap());
    let own = row::size_of(scene, &meant).to_string();
    let hint = tr("What comes back at least when they are deleted");
    fact_ui(ui, Icon::HardDrive, tr("Their own"), &own, hint);
}

pub(super) fn many_verbs_ui(
    ui: &mut Ui,
    tab: &mut TimelineTab,
    scene: &Scene<'_>,
    asks: &mut Vec<Ask>,
) {
    let meant = tab.selection.meant(scene.timeline, scene.list);
    ui.horizontal(|ui| {
        if tab.selection.marks.is_empty() {
            if let Some(point @ Point::Run(id)) = tab.selection.point {
                let folded = scene.list.run(id).is_some_and(|run| !run.unfolded);
                let (icon, word) = match folded {
                    true => (Icon::ChevronDown, tr("Unfold")),
                    false => (Icon::ChevronRight, tr("Fold")),
                };
                if kit::secondary(ui, true, Some(icon), word).clicked() {
                    tab.fold(scene, point, None);
                }
            }
        } else if kit::secondary(ui, true, None, tr("Select nothing")).clicked() {
            tab.selection.clear();
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            delete_button_ui(ui, tab, scene);
            if let [from, to] = meant[..] {
                let verdict =
                    actions::verdict(scene.report, Action::Rewind, scene.view.handed_over);
                let why = verdict.err();
                let word = tr("Compare…");
                if kit::icon_or_why(ui, Icon::GitCompare, word, why.as_deref()) {
                    let dialog = CompareDialog::new(scene.report, from, Some(to), asks);
                    tab.compare = Some(dialog);
                }
            }
        });
    });
}

fn delete_button_ui(ui: &mut Ui, tab: &mut TimelineTab, scene: &Scene<'_>) {
    let verdict = actions::verdict(scene.report, Action::Rewind, scene.view.handed_over);
    let button = kit::danger(ui, verdict.is_ok(), Some(Icon::Trash2), tr("Delete…"));
    let button = match &verdict {
        Ok(()) => button,
        Err(why) => button.on_disabled_hover_text(why),
    };
    if button.clicked() {
        let meant = tab.selection.meant(scene.timeline, scene.list);
        tab.ask_delete(scene, meant);
    }
}
