//! The question before snapshots are deleted: what comes back on disk, and what stays because others rest on it.

use std::collections::BTreeSet;

use egui::{RichText, Ui};

use super::{Scene, TimelineTab, words};
use crate::engine::message::Command;
use crate::language::{count, fill, tr};
use crate::model::{Action, ByteSize, MachineReport, SnapshotId, SnapshotReport, Timeline};
use crate::ui::icon::Icon;
use crate::ui::theme::palette;
use crate::ui::view::View;
use crate::ui::{Ask, actions, kit};

/// Names that are said; the others are counted.
const NAMED: usize = 4;

/// The open question.
pub struct DeleteDialog {
    snapshots: Vec<SnapshotId>,
}

impl TimelineTab {
    pub(super) fn ask_delete(&mut self, scene: &Scene<'_>, snapshots: Vec<SnapshotId>) {
        let allowed = actions::verdict(scene.report, Action::Rewind, scene.view.handed_over);
        if !snapshots.is_empty() && allowed.is_ok() {
            self.delete = Some(DeleteDialog { snapshots });
        }
    }
}

impl DeleteDialog {
    /// The dialog; returns whether it stays open.
    pub fn ui(
        &mut self,
        ui: &Ui,
        view: &View,
        report: &MachineReport,
        timeline: &Timeline,
        asks: &mut Vec<Ask>,
    ) -> bool {
        let doomed = |snapshot: &&SnapshotReport| self.snapshots.contains(&snapshot.id);
        let doomed: Vec<&SnapshotReport> = timeline.snapshots.iter().filter(doomed).collect();
        if doomed.is_empty() {
            return false;
        }
        let title = match doomed[..] {
            [one] => {
                let name = words::title(view, one);
                fill("Delete “{name}”?", &[("name", &name)])
            }
            _ => count(
                doomed.len() as u64,
                "Delete {count} snapshot?",
                "Delete {count} snapshots?",
            ),
        };
        let ((yes, no), dismissed) = kit::modal(ui, "delete snapshots", 480.0, &title, |ui| {
            ui.spacing_mut().item_spacing.y = 8.0;
            text_ui(ui, view, timeline, &doomed);
            ui.add_space(4.0);
            kit::footer(ui, |ui| {
                let yes = kit::danger(ui, true, Some(Icon::Trash2), tr("Delete for good"));
                let no = kit::secondary(ui, true, None, tr("Cancel")).clicked();
                (yes.clicked(), no)
            })
        });
        if no || dismissed {
            return false;
        }
        if yes {
            asks.push(Ask::Engine(Command::DeleteSnapshots {
                machine: report.id,
                snapshots: doomed.iter().map(|snapshot| snapshot.id).collect(),
            }));
        }
        !yes
    }
}

fn text_ui(ui: &mut Ui, view: &View, timeline: &Timeline, doomed: &[&SnapshotReport]) {
    let p = palette(ui);
    let mut say = |text: String| {
        ui.add(egui::Label::new(RichText::new(text).color(p.dim)).wrap());
    };
    if doomed.len() > 1 {
        say(names(view, doomed));
    }
    let size = ByteSize(doomed.iter().map(|snapshot| snapshot.bytes.0).sum());
    say(match doomed.len() {
        1 => fill("{size} come back on disk.", &[("size", &size)]),
        _ => fill(
            "{size} come back on disk, and more where one of them rests on another.",
            &[("size", &size)],
        ),
    });
    if rested_on(timeline, doomed) {
        say(tr(
            "What later points or the present need of it stays: it is merged into them, so none of them changes.",
        )
        .to_owned());
    }
    if doomed.iter().any(|snapshot| !snapshot.kind.is_automatic()) {
        say(tr("Nobody can go back there any more. This can't be undone.").to_owned());
    }
}

/// Whether something that stays came from one of them.
fn rested_on(timeline: &Timeline, doomed: &[&SnapshotReport]) -> bool {
    let gone: BTreeSet<SnapshotId> = doomed.iter().map(|snapshot| snapshot.id).collect();
    let stays = timeline
        .snapshots
        .iter()
        .filter(|snapshot| !gone.contains(&snapshot.id));
    let mut parents = stays
        .map(|snapshot| snapshot.parent)
        .chain([timeline.present]);
    parents.any(|parent| parent.is_some_and(|parent| gone.contains(&parent)))
}

/// "“One”, “Two” and 5 more".
fn names(view: &View, doomed: &[&SnapshotReport]) -> String {
    let named = doomed.iter().take(NAMED);
    let named = named.map(|snapshot| format!("“{}”", words::title(view, snapshot)));
    let named = named.collect::<Vec<_>>().join(", ");
    match doomed.len().saturating_sub(NAMED) {
        0 => named,
        more => fill(
            "{names} and {count} more",
            &[("names", &named), ("count", &more)],
        ),
    }
}
