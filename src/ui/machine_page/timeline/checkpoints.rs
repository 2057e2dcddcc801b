//! The dialog for what is kept by itself: how often, before what, and how much room it may take.

use egui::{Key, Modifiers, Ui};

use crate::engine::message::Command;
use crate::language::{count, fill, tr};
use crate::model::{ByteSize, Checkpoints, MachineReport, SnapshotReport, Timeline};
use crate::ui::Ask;
use crate::ui::icon::Icon;
use crate::ui::kit;

/// Budgets to choose from, in GiB.
const BUDGETS: [u64; 7] = [1, 2, 5, 10, 20, 50, 100];

/// What was chosen so far.
pub struct CheckpointsDialog {
    chosen: Checkpoints,
}

impl CheckpointsDialog {
    pub fn new(chosen: Checkpoints) -> Self {
        Self { chosen }
    }

    /// The dialog; returns whether it stays open.
    pub fn ui(
        &mut self,
        ui: &Ui,
        report: &MachineReport,
        timeline: &Timeline,
        asks: &mut Vec<Ask>,
    ) -> bool {
        let title = tr("Checkpoints by themselves");
        let ((yes, no), dismissed) = kit::modal(ui, "checkpoints", 480.0, title, |ui| {
            ui.spacing_mut().item_spacing.y = 10.0;
            kit::hint(
                ui,
                tr(
                    "While the machine runs, moments are kept that you can go back to. Older ones get sparse: all of the last hour stay, one of each hour of a day, one of each day of a week.",
                ),
            );
            self.every_ui(ui);
            self.before_ui(ui);
            self.budget_ui(ui);
            kit::hint(ui, &cost(timeline));
            ui.add_space(2.0);
            kit::footer(ui, |ui| {
                let yes = kit::primary(ui, true, Some(Icon::Check), tr("Save")).clicked();
                let no = kit::secondary(ui, true, None, tr("Cancel")).clicked();
                let usual = Checkpoints::experiment();
                if self.chosen != usual {
                    let word = tr("As for an experiment");
                    let link = kit::link(ui, Some(Icon::FlaskConical), word);
                    if link.on_hover_text(summary(&usual)).clicked() {
                        self.chosen = usual;
                    }
                }
                (yes, no)
            })
        });
        if no || dismissed {
            return false;
        }
        let entered = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
        if yes || entered {
            asks.push(Ask::Engine(Command::SetCheckpoints {
                machine: report.id,
                checkpoints: self.chosen.clone(),
            }));
        }
        !(yes || entered)
    }

    fn every_ui(&mut self, ui: &mut Ui) {
        let mut choices = vec![(0, tr("Never").to_owned())];
        let mut minutes = Checkpoints::MINUTES.to_vec();
        if self.chosen.every > 0 && !minutes.contains(&self.chosen.every) {
            minutes.push(self.chosen.every); // As a script set it.
        }
        choices.extend(minutes.into_iter().map(|every| (every, every_word(every))));
        kit::choice(
            ui,
            tr("By the clock, if something changed"),
            &mut self.chosen.every,
            &choices,
        );
    }

    fn before_ui(&mut self, ui: &mut Ui) {
        let Checkpoints {
            before_shut_down,
            before_reset,
            before_change,
            before_suspend,
            ..
        } = &mut self.chosen;
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.spacing_mut().interact_size.y = 24.0;
            kit::check(ui, before_shut_down, tr("Before the machine shuts down"));
            kit::check(ui, before_reset, tr("Before it is reset"));
            kit::check(ui, before_change, tr("Before its hardware is changed"));
            kit::check(ui, before_suspend, tr("Before this computer sleeps"));
        });
    }

    fn budget_ui(&mut self, ui: &mut Ui) {
        let mut choices = vec![(ByteSize(0), tr("No limit").to_owned())];
        let mut budgets: Vec<ByteSize> = BUDGETS.map(ByteSize::gib).into();
        if self.chosen.budget.0 > 0 && !budgets.contains(&self.chosen.budget) {
            budgets.push(self.chosen.budget);
        }
        choices.extend(budgets.into_iter().map(|size| (size, size.to_string())));
        let word = tr("Room on disk for all of them; the oldest go first");
        kit::choice(ui, word, &mut self.chosen.budget, &choices);
    }
}

fn every_word(minutes: u32) -> String {
    match minutes {
        60 => tr("Every hour").to_owned(),
        1 => tr("Every minute").to_owned(),
        minutes => fill("Every {count} minutes", &[("count", &minutes)]),
    }
}

/// What is kept, in a few words.
pub fn summary(checkpoints: &Checkpoints) -> String {
    if checkpoints.is_off() {
        return tr("Checkpoints off").to_owned();
    }
    match checkpoints.every {
        0 => tr("Checkpoints before changes").to_owned(),
        minutes => {
            let minutes = u64::from(minutes);
            count(
                minutes,
                "Checkpoints every minute",
                "Checkpoints every {count} minutes",
            )
        }
    }
}

/// What they take now.
fn cost(timeline: &Timeline) -> String {
    let automatic = |snapshot: &&SnapshotReport| snapshot.kind.is_automatic();
    let all: Vec<&SnapshotReport> = timeline.snapshots.iter().filter(automatic).collect();
    if all.is_empty() {
        return tr("There are none now. One costs what the guest wrote since the last, on disk and in memory").to_owned();
    }
    let size = ByteSize(all.iter().map(|snapshot| snapshot.bytes.0).sum());
    let each = ByteSize(size.0 / all.len() as u64);
    let number = count(
        all.len() as u64,
        "{count} checkpoint",
        "{count} checkpoints",
    );
    let values: [(&str, &dyn std::fmt::Display); 3] =
        [("checkpoints", &number), ("size", &size), ("each", &each)];
    fill("{checkpoints} take {size} now, {each} each", &values)
}
