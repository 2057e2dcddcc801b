//! The menu of keys that the own desktop would catch.

use egui::Ui;

use crate::engine::message::Command;
use crate::language::tr;
use crate::model::{Action, MachineReport};
use crate::ui::actions;
use crate::ui::icon::Icon;
use crate::ui::view::View;
use crate::ui::{Ask, kit};

/// Combinations as they are written and as QEMU names their keys.
const COMBINATIONS: &[(&str, &[&str])] = &[
    ("Ctrl+Alt+Del", &["ctrl", "alt", "delete"]),
    ("Ctrl+Alt+Backspace", &["ctrl", "alt", "backspace"]),
    ("Ctrl+Shift+Esc", &["ctrl", "shift", "esc"]),
    ("Alt+Tab", &["alt", "tab"]),
    ("Alt+F4", &["alt", "f4"]),
    ("Super", &["meta_l"]),
    ("Super+L", &["meta_l", "l"]),
    ("Print screen", &["print"]),
    ("Alt+Print screen", &["alt", "sysrq"]),
    ("Pause", &["pause"]),
    ("Menu", &["compose"]),
];

pub(super) fn keys_menu_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
    let verdict = actions::verdict(report, Action::SendKeys, view.handed_over);
    let word = tr(Action::SendKeys.name());
    kit::menu_button(ui, verdict.is_ok(), Icon::Keyboard, word, |ui| {
        for (label, keys) in COMBINATIONS {
            item_ui(
                ui,
                report,
                tr(label),
                keys.iter().map(|key| (*key).to_owned()),
                asks,
            );
        }
        ui.separator();
        for number in 1..=12 {
            let keys = ["ctrl".to_owned(), "alt".to_owned(), format!("f{number}")];
            item_ui(ui, report, &format!("Ctrl+Alt+F{number}"), keys, asks);
        }
    });
}

fn item_ui(
    ui: &mut Ui,
    report: &MachineReport,
    label: &str,
    keys: impl IntoIterator<Item = String>,
    asks: &mut Vec<Ask>,
) {
    if kit::menu_item(ui, true, None, label, None).clicked() {
        asks.push(Ask::Engine(Command::PressKeys {
            machine: report.id,
            keys: keys.into_iter().collect(),
        }));
        ui.close();
    }
}
