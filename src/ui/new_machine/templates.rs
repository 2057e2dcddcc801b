//! Machines that begin at a moment that was kept for that, at once.

use egui::Ui;

use crate::engine::message::Command;
use crate::language::tr;
use crate::model::{Fork, MachineId, WarmTemplate};
use crate::ui::Ask;
use crate::ui::icon::Icon;
use crate::ui::kit;
use crate::ui::view::View;

/// All there are, by name.
fn all(view: &View) -> Vec<(MachineId, &WarmTemplate)> {
    let kept = view.machines().filter(|report| report.trashed().is_none());
    let mut all: Vec<(MachineId, &WarmTemplate)> = kept
        .filter_map(|report| Some((report.id, report.machine.as_ref()?)))
        .flat_map(|(id, machine)| machine.templates.iter().map(move |one| (id, one)))
        .collect();
    all.sort_by_key(|(_, template)| template.name.to_lowercase());
    all
}

/// A button for each; returns whether one was chosen. Nothing where there are none.
pub(super) fn templates_ui(ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) -> bool {
    let all = all(view);
    if all.is_empty() {
        return false;
    }
    let mut chosen = false;
    kit::field(ui, tr("At once, from a template"), None, |ui, _| {
        ui.horizontal_wrapped(|ui| {
            for (machine, template) in all {
                let button = kit::secondary(ui, true, Some(Icon::Zap), &template.name);
                let button = button.on_hover_text(tr(
                    "A machine that goes on from the moment that was kept, with nothing to boot",
                ));
                if button.clicked() {
                    chosen = true;
                    asks.push(Ask::Engine(Command::Fork {
                        machine,
                        fork: Fork {
                            at: Some(template.snapshot),
                            ..Fork::once(false)
                        },
                    }));
                }
            }
        });
    });
    ui.separator();
    chosen
}
