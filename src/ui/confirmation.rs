//! Asks before what can lose data, where the settings want it.

use egui::{RichText, Ui};

use super::theme::palette;
use super::view::View;
use super::{Ask, actions, kit};
use crate::engine::message::Command;
use crate::language::{count, fill, tr};
use crate::model::{Action, Confirmations, MachineId, MachineReport, State};

/// The question that is open, if one is.
#[derive(Default)]
pub struct Confirmation {
    open: Option<(Action, Vec<MachineId>)>,
    never_again: bool,
}

impl Confirmation {
    /// Takes `command` if it has to be asked for first; `false` lets it pass.
    pub fn holds(&mut self, view: &View, command: &Command) -> bool {
        let Command::Act { machine, action } = command else {
            return false;
        };
        let wanted = asks_before(&mut view.settings.confirm.clone(), *action).is_some_and(|on| *on);
        if !wanted
            || view
                .machine(*machine)
                .is_some_and(|it| explained(it, *action, view))
        {
            return false;
        }
        match &mut self.open {
            // One question for all that were asked for together.
            Some((asked, machines)) if asked == action => machines.push(*machine),
            _ => {
                self.open = Some((*action, vec![*machine]));
                self.never_again = false;
            }
        }
        true
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    pub fn ui(&mut self, ui: &Ui, view: &View, asks: &mut Vec<Ask>) {
        let Some((action, machines)) = self.open.take() else {
            return;
        };
        let title = title(view, action, &machines);
        let ((yes, no), dismissed) = kit::modal(ui, "confirmation", 480.0, &title, |ui| {
            let text = RichText::new(tr(warning(action))).color(palette(ui).dim);
            ui.add(egui::Label::new(text).wrap());
            ui.add_space(6.0);
            kit::check(ui, &mut self.never_again, tr("Don't ask again"));
            ui.add_space(6.0);
            kit::footer(ui, |ui| {
                let icon = Some(actions::look(action).icon);
                let yes = kit::danger(ui, true, icon, tr(action.name())).clicked();
                (yes, kit::secondary(ui, true, None, tr("Cancel")).clicked())
            })
        });
        if yes {
            self.remember(view, action, asks);
            let acts = machines
                .into_iter()
                .map(|machine| Command::Act { machine, action });
            let mut acts: Vec<Command> = acts.collect();
            asks.push(match acts.pop() {
                Some(only) if acts.is_empty() => Ask::Engine(only),
                last => Ask::Many(acts.into_iter().chain(last).collect()),
            });
        } else if !no && !dismissed {
            self.open = Some((action, machines));
        }
    }

    fn remember(&self, view: &View, action: Action, asks: &mut Vec<Ask>) {
        let mut settings = view.settings.clone();
        if self.never_again
            && let Some(on) = asks_before(&mut settings.confirm, action)
        {
            *on = false;
            asks.push(Ask::Engine(Command::SaveSettings(settings)));
        }
    }
}

/// Whether the settings ask before `action`, to be changed; `None` where they have no say.
pub fn asks_before(confirm: &mut Confirmations, action: Action) -> Option<&mut bool> {
    match action {
        Action::PowerOff => Some(&mut confirm.power_off),
        Action::Reset => Some(&mut confirm.reset),
        Action::DiscardSaved => Some(&mut confirm.discard_saved),
        Action::Delete => Some(&mut confirm.delete),
        Action::Start
        | Action::Pause
        | Action::Resume
        | Action::ShutDown
        | Action::Save
        | Action::Snapshot
        | Action::Rewind
        | Action::Fork
        | Action::Try
        | Action::Clone
        | Action::Keep
        | Action::KeepMoment
        | Action::Discard
        | Action::OpenConsole
        | Action::Screenshot
        | Action::SendKeys
        | Action::Edit
        | Action::Restore
        | Action::DeleteForever
        | Action::Repair => None,
    }
}

/// The page has said already what cutting the power means, and why there is no other way.
fn explained(report: &MachineReport, action: Action, view: &View) -> bool {
    action == Action::PowerOff
        && match report.state {
            State::NotResponding => true,
            State::Stopping => report.force_after.is_some_and(|at| at <= view.now),
            _ => false,
        }
}

fn title(view: &View, action: Action, machines: &[MachineId]) -> String {
    let number = machines.len() as u64;
    if let [one] = machines {
        let name = view.name(*one);
        let text = match action {
            Action::PowerOff => "Cut the power of {name}?",
            Action::Reset => "Reset {name}?",
            Action::DiscardSaved => "Discard the saved state of {name}?",
            _ => "Move {name} to the trash?",
        };
        return fill(text, &[("name", &name)]);
    }
    match action {
        Action::PowerOff => count(
            number,
            "Cut the power of {count} machine?",
            "Cut the power of {count} machines?",
        ),
        Action::Reset => count(number, "Reset {count} machine?", "Reset {count} machines?"),
        Action::DiscardSaved => count(
            number,
            "Discard {count} saved state?",
            "Discard {count} saved states?",
        ),
        _ => count(
            number,
            "Move {count} machine to the trash?",
            "Move {count} machines to the trash?",
        ),
    }
}

fn warning(action: Action) -> &'static str {
    match action {
        Action::PowerOff => {
            "What the guest has not written to its disks is lost, as after a power cut. Shut down asks the guest to end by itself."
        }
        Action::Reset => {
            "The guest starts anew at once. What it has not written to its disks is lost."
        }
        Action::DiscardSaved => {
            "The memory that was saved is thrown away; the next start boots from the disk, as after a power cut."
        }
        _ => "Nothing is lost until the trash is emptied.",
    }
}

/// The words of the settings for these questions.
pub const QUESTIONS: [(Action, &str); 4] = [
    (
        Action::PowerOff,
        "Before the power of a running guest is cut",
    ),
    (Action::Reset, "Before a running guest is reset"),
    (Action::DiscardSaved, "Before a saved state is thrown away"),
    (Action::Delete, "Before a machine is moved to the trash"),
];
