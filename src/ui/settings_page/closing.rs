//! What closing the window does, and what is asked for first.

use egui::Ui;

use super::choice_ui;
use crate::language::tr;
use crate::model::{ClosePolicy, Settings};
use crate::ui::{confirmation, kit};

/// What each closing policy is called, in English.
pub const fn close_word(policy: ClosePolicy) -> &'static str {
    match policy {
        ClosePolicy::Ask => "Ask",
        ClosePolicy::KeepRunning => "Keep running",
        ClosePolicy::SaveAll => "Save all",
        ClosePolicy::ShutDownAll => "Shut down all",
    }
}

pub(super) fn closing_ui(ui: &mut Ui, settings: &mut Settings) {
    let text = tr("Machines can run on without the window; open Orangery again to see them");
    let title = tr("When the window closes and machines run");
    choice_ui(ui, title, text, |ui| {
        let choices = [
            ClosePolicy::Ask,
            ClosePolicy::KeepRunning,
            ClosePolicy::SaveAll,
            ClosePolicy::ShutDownAll,
        ]
        .map(|policy| (policy, tr(close_word(policy))));
        kit::segmented(ui, &mut settings.close, &choices);
    });
    let text = tr("Deleting for good and emptying the trash always ask");
    choice_ui(ui, tr("Ask first"), text, |ui| {
        for (action, words) in confirmation::QUESTIONS {
            if let Some(on) = confirmation::asks_before(&mut settings.confirm, action) {
                kit::check(ui, on, tr(words));
            }
        }
    });
}
