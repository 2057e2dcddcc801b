//! What goes over between the clipboards, said and chosen beside the guest's screen.

use egui::{Button, RichText, Ui};

use crate::engine::message::Command;
use crate::language::{told, tr};
use crate::model::{Action, AgentState, Change, DesktopAgent, MachineReport, Share, Sharing};
use crate::ui::actions;
use crate::ui::icon::{self, Icon};
use crate::ui::theme::{self, palette};
use crate::ui::view::View;
use crate::ui::{Ask, kit};

/// A button that says how sharing stands, and opens its menu.
pub(super) fn sharing_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
    let (Some(machine), Some(agent)) = (&report.machine, &report.agent) else {
        return;
    };
    let p = palette(ui);
    let trouble = trouble(machine.sharing, agent);
    let (glyph, color) = match (&agent.state, machine.sharing.is_off()) {
        (_, true) => (Icon::Clipboard, p.dim),
        (AgentState::Ready { .. }, false) => (Icon::ClipboardCheck, p.leaf),
        (AgentState::Absent, false) => (Icon::ClipboardX, p.dim), // Many guests have none.
        (AgentState::Silent | AgentState::Broken(_), false) => (Icon::ClipboardX, p.warn),
    };
    let suffers = agent.state.label().filter(|_| trouble.is_some());
    let word = tr(suffers.unwrap_or(machine.sharing.label()));
    let text = RichText::new(word).size(theme::SMALL + 2.0).color(p.text);
    let glyph = icon::text(glyph, 16.0).color(color);
    let response = kit::name(ui.add(Button::new((glyph, text))), word);
    let response = response.on_hover_text(match &trouble {
        Some(why) => why.clone(),
        None => {
            tr("What goes over between the clipboards of this computer and the guest").to_owned()
        }
    });
    egui::Popup::menu(&response)
        .align(egui::RectAlign::TOP_END)
        .show(|ui| {
            ui.set_max_width(330.0);
            ui.spacing_mut().item_spacing.y = 4.0;
            menu_ui(ui, view, report, machine.sharing, trouble.as_deref(), asks);
        });
}

/// Why nothing goes over although it may; in the spoken language.
fn trouble(sharing: Sharing, agent: &DesktopAgent) -> Option<String> {
    let why = agent.state.trouble().filter(|_| !sharing.is_off())?;
    Some(told(why).into_owned())
}

fn menu_ui(
    ui: &mut Ui,
    view: &View,
    report: &MachineReport,
    sharing: Sharing,
    trouble: Option<&str>,
    asks: &mut Vec<Ask>,
) {
    let p = palette(ui);
    if let Some(why) = trouble {
        ui.add(egui::Label::new(RichText::new(why).color(p.warn)).wrap());
        ui.separator();
    }
    let ready = trouble.is_none() && !view.handed_over;
    let offers = report.agent.as_ref().and_then(|agent| agent.offers);
    let can_give = ready && sharing.to_guest != Share::Off;
    let give = tr("Give the guest my clipboard");
    if kit::menu_item(ui, can_give, Some(Icon::ClipboardPaste), give, None).clicked() {
        asks.push(Ask::GiveClipboard);
        ui.close();
    }
    let can_take = ready && sharing.from_guest != Share::Off && offers.is_some();
    let take = tr("Take what was copied in the guest");
    if kit::menu_item(ui, can_take, Some(Icon::ClipboardCopy), take, None).clicked() {
        asks.push(Ask::TakeClipboard);
        ui.close();
    }
    ui.separator();
    let may = actions::verdict(report, Action::Edit, view.handed_over).is_ok();
    let changes = ui
        .add_enabled_ui(may, |ui| sharing_choices_ui(ui, sharing))
        .inner;
    if !changes.is_empty() {
        asks.push(Ask::Engine(Command::Change {
            machine: report.id,
            changes,
        }));
    }
}

/// Both directions, to be chosen; returns what was changed.
pub(super) fn sharing_choices_ui(ui: &mut Ui, sharing: Sharing) -> Vec<Change> {
    let Sharing {
        mut to_guest,
        mut from_guest,
    } = sharing;
    let mut changes = Vec::new();
    ui.push_id("to", |ui| {
        let label = tr("To the guest: my clipboard, and files I drop on its screen");
        let choices = Share::ALL.map(|share| (share, tr(share.to_guest_label())));
        kit::field(ui, label, None, |ui, _| {
            if kit::segmented(ui, &mut to_guest, &choices) {
                changes.push(Change::ShareToGuest(to_guest));
            }
        });
    });
    ui.push_id("from", |ui| {
        let label = tr("From the guest: what is copied in it");
        let choices = Share::ALL.map(|share| (share, tr(share.from_guest_label())));
        kit::field(ui, label, None, |ui, _| {
            if kit::segmented(ui, &mut from_guest, &choices) {
                changes.push(Change::ShareFromGuest(from_guest));
            }
        });
    });
    changes
}
