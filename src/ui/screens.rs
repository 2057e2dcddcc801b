//! A machine's several screens: which windows of their own can be opened, and why not.

use egui::Ui;

use super::icon::Icon;
use super::view::View;
use super::{Ask, actions, kit};
use crate::engine::message::Command;
use crate::language::{fill, told, tr};
use crate::model::{Action, MachineReport};

/// One that may be asked for.
pub struct Offer {
    pub title: String,
    pub verdict: Result<(), String>,
    pub ask: Ask,
}

/// A window for each further screen that has none, and for all together. A machine with one screen is told how to get
/// more.
pub fn offers(view: &View, report: &MachineReport) -> Vec<Offer> {
    let machine = report.id;
    let free = report.heads_without_window();
    let may = actions::verdict(report, Action::OpenConsole, view.handed_over);
    let ask = |heads| Ask::Engine(Command::OpenConsoles { machine, heads });
    let several = report.heads() > 1;
    let mut offers = Vec::new();
    // The first has an action of its own.
    for &head in free.iter().filter(|head| several && **head > 0) {
        let text = "Open screen {number} in its own window";
        offers.push(Offer {
            title: fill(text, &[("number", &(head + 1))]),
            verdict: may.clone(),
            ask: ask(vec![head]),
        });
    }
    let verdict = if !several {
        Err(tr("This machine has one screen. Add one under Hardware → Display.").to_owned())
    } else if free.is_empty() {
        Err(tr("Each screen has a window already").to_owned())
    } else {
        may
    };
    offers.push(Offer {
        title: tr("A window for each screen").to_owned(),
        verdict,
        ask: ask(free),
    });
    offers
}

/// The offers as lines of a menu.
pub fn menu_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
    for offer in offers(view, report) {
        let Offer {
            title,
            verdict,
            ask,
        } = offer;
        let icon = Some(Icon::AppWindow);
        let item = kit::menu_item(ui, verdict.is_ok(), icon, &title, None);
        if item.clicked() {
            asks.push(ask);
            ui.close();
        }
        if let Err(why) = verdict {
            item.on_disabled_hover_text(told(&why).as_ref());
        }
    }
}
