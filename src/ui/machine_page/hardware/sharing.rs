//! What the machine and this computer share.

use egui::Ui;

use super::{Desk, HardwareForm};
use crate::language::{told, tr};
use crate::model::AgentState;
use crate::ui::kit;
use crate::ui::machine_page::sharing::sharing_choices_ui;

pub(super) fn sharing_ui(ui: &mut Ui, form: &mut HardwareForm, desk: &mut Desk<'_>) {
    for change in sharing_choices_ui(ui, form.draft.sharing) {
        form.edit(change);
    }
    let agent = desk.report.agent.as_ref().map(|agent| &agent.state);
    match agent.and_then(AgentState::trouble) {
        Some(why) => kit::warning(ui, &told(why)),
        None => kit::hint(
            ui,
            tr(
                "Text up to 16 MiB and pictures up to 64 MiB go over, through an agent in the guest: spice-vdagent",
            ),
        ),
    }
}
