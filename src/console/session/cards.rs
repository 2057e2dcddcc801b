//! What the window says where there is no moving picture.

use super::Session;
use crate::console::bar::Card;
use crate::display::frame::{Following, ScreenStatus};
use crate::language::{fill, told, tr};
use crate::model::{Action, MachineReport, State, permit};

impl Session {
    /// What to say instead of a moving picture.
    pub fn card(&self) -> Option<Card> {
        if self.removed {
            return Some(card(tr("The machine was removed"), String::new()));
        }
        if let Some(report) = &self.report
            && !report.state.has_screen()
            && (self.screen.is_none() || !report.state.has_process())
        {
            return Some(self.state_card(report));
        }
        if let Some(card) = self.head_card() {
            return Some(card);
        }
        match &self.info.status {
            ScreenStatus::Lost { why } if self.screen.is_none() && !self.asked => Some(Card {
                again: self.no_engine().is_none(),
                ..card(tr("The screen is gone"), told(why).into_owned())
            }),
            _ => None,
        }
    }

    /// Why a machine with several screens shows nothing on this one.
    fn head_card(&self) -> Option<Card> {
        let number = self.head + 1;
        let named = |text| fill(text, &[("number", &number)]);
        if self.screen.is_some()
            && self.head >= self.info.heads
            && self.info.status == ScreenStatus::Blank
        {
            let text = tr("Add one under Hardware → Display, or close this window.");
            return Some(card(
                &named("This machine has no screen {number} now"),
                text.to_owned(),
            ));
        }
        if !self.unused {
            return None;
        }
        if self.following() == Following::Asked {
            let text = tr("The guest was told that this screen is there.");
            return Some(card(
                &named("Waiting for the guest to use screen {number}…"),
                text.to_owned(),
            ));
        }
        let text = tr(
            "Once its desktop runs, turn the screen on in the guest's own display settings. Text consoles and firmware use the first screen only.",
        );
        Some(card(
            &named("The guest does not use screen {number}"),
            text.to_owned(),
        ))
    }

    fn state_card(&self, report: &MachineReport) -> Card {
        let title = match report.state {
            State::Off => tr("The machine is off"),
            State::Starting => tr("The machine is starting…"),
            State::Saved => tr("The machine is saved"),
            State::Crashed => tr("The machine crashed"),
            State::NotResponding => tr("QEMU does not answer"),
            State::Broken => tr("The machine's file can't be read"),
            State::Unavailable => tr("A disk of the machine is missing"),
            State::Running | State::Paused | State::Saving | State::Stopping => {
                tr(report.state.label())
            }
        };
        let trouble = report.trouble.as_ref();
        let why = trouble.map(|failure| told(&failure.why).into_owned());
        let start = match self.no_engine() {
            Some(why) => Err(why.to_owned()),
            None => permit(report.standing(), Action::Start)
                .map_err(|denied| told(&denied.to_string()).into_owned()),
        };
        Card {
            start: (!report.state.has_process()).then_some(start),
            ..card(title, why.unwrap_or_default())
        }
    }
}

fn card(title: &str, text: String) -> Card {
    Card {
        title: title.to_owned(),
        text,
        start: None,
        again: false,
    }
}
