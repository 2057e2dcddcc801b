//! The menu of keys that the own desktop would catch, and of text to type.

use egui::Ui;

use crate::display::keys::{Offered, offered};
use crate::engine::message::Command;
use crate::language::{told, tr};
use crate::model::{Action, MachineReport};
use crate::ui::actions::{self, Errand};
use crate::ui::icon::Icon;
use crate::ui::settings_page::Section;
use crate::ui::view::View;
use crate::ui::{Ask, kit, shortcuts};

pub(super) fn keys_menu_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
    let verdict = actions::verdict(report, Action::SendKeys, view.handed_over);
    let word = tr(Action::SendKeys.name());
    kit::menu_button(ui, verdict.is_ok(), Icon::Keyboard, word, |ui| {
        let (word, look) = Errand::TypeText.look();
        let shortcut = shortcuts::in_use(ui.ctx()).errand(Errand::TypeText);
        if kit::menu_item(ui, true, Some(look.icon), tr(word), shortcut.as_ref()).clicked() {
            asks.push(Ask::TypeInto(report.id));
            ui.close();
        }
        for group in offered(&view.settings) {
            ui.separator();
            for offered in group {
                item_ui(ui, report, &offered, asks);
            }
        }
        ui.separator();
        let word = tr("Own combinations…");
        if kit::menu_item(ui, true, Some(Icon::Settings), word, None).clicked() {
            asks.push(Ask::ShowSettings(Section::Screens));
            ui.close();
        }
    });
}

fn item_ui(ui: &mut Ui, report: &MachineReport, offered: &Offered, asks: &mut Vec<Ask>) {
    if kit::menu_item(ui, true, None, &told(&offered.label), None).clicked() {
        asks.push(Ask::Engine(Command::PressKeys {
            machine: report.id,
            keys: offered.names(),
        }));
        ui.close();
    }
}
