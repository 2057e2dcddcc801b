//! The settings of the app itself, and the help page.

use egui::{RichText, ScrollArea, Ui};

use super::actions::{self, Errand};
use super::kit;
use super::theme::{self, palette};
use super::view::View;
use super::{Ask, shell};
use crate::engine::message::Command;
use crate::model::{Action, ClosePolicy, DisplayPath, ThemeChoice};

/// What each closing policy is called.
pub fn close_word(policy: ClosePolicy) -> &'static str {
    match policy {
        ClosePolicy::Ask => "Ask",
        ClosePolicy::KeepRunning => "Keep running",
        ClosePolicy::SaveAll => "Save all",
        ClosePolicy::ShutDownAll => "Shut down all",
    }
}

pub fn settings_ui(ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
    shell::page_head_ui(ui, Errand::ShowSettings.word(), asks, |_, _| {});
    let mut settings = view.settings.clone();
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        shell::page_body_ui(ui, |ui| {
            ui.add_enabled_ui(!view.handed_over, |ui| {
                choice_ui(ui, "Look", "System follows your desktop where it says what it wants", |ui| {
                    let choices = [
                        (ThemeChoice::System, "System"),
                        (ThemeChoice::Dark, "Dark"),
                        (ThemeChoice::Light, "Light"),
                    ];
                    kit::segmented(ui, &mut settings.theme, &choices);
                });
                choice_ui(ui, "When the window closes and machines run", "Machines can run on without the window; open Orangery again to see them", |ui| {
                    let choices = [
                        ClosePolicy::Ask,
                        ClosePolicy::KeepRunning,
                        ClosePolicy::SaveAll,
                        ClosePolicy::ShutDownAll,
                    ]
                    .map(|policy| (policy, close_word(policy)));
                    kit::segmented(ui, &mut settings.close, &choices);
                });
                choice_ui(ui, "How guest screens reach the window", "D-Bus shares memory with QEMU and is faster; choose RFB if pictures look wrong", |ui| {
                    let choices = [(DisplayPath::Dbus, "D-Bus"), (DisplayPath::Rfb, "RFB")];
                    kit::segmented(ui, &mut settings.display, &choices);
                });
            });
        });
    });
    if settings != view.settings {
        asks.push(Ask::Engine(Command::SaveSettings(settings)));
    }
}

fn choice_ui(ui: &mut Ui, title: &str, text: &str, content: impl FnOnce(&mut Ui)) {
    kit::card(ui, title, |ui| {
        ui.add(egui::Label::new(RichText::new(text).color(palette(ui).dim)).wrap());
        content(ui);
    });
    ui.add_space(6.0);
}

pub fn help_ui(ui: &mut Ui, asks: &mut Vec<Ask>) {
    shell::page_head_ui(ui, Errand::ShowHelp.word(), asks, |_, _| {});
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        shell::page_body_ui(ui, |ui| {
            kit::card(ui, "First steps", |ui| {
                for line in [
                    "Drop an installer ISO or a disk image on the window, or press New machine.",
                    "Click the guest's screen to type into it. Right Ctrl gives the keyboard back.",
                    "Save writes a running machine to disk; Continue goes on where it stopped.",
                    "Deleted machines stay in the trash until you empty it.",
                    "“This computer” says what is missing when something does not work.",
                ] {
                    ui.add(egui::Label::new(RichText::new(line).color(palette(ui).text)).wrap());
                }
            });
            ui.add_space(6.0);
            kit::card(ui, "Shortcuts", shortcuts_ui);
            ui.add_space(6.0);
            let version = format!("Orangery {}", env!("CARGO_PKG_VERSION"));
            kit::card(ui, &version, |ui| {
                let text =
                    "Drives QEMU as you, without a service and without root. MIT or Apache-2.0.";
                ui.add(egui::Label::new(RichText::new(text).color(palette(ui).dim)).wrap());
            });
        });
    });
}

fn shortcuts_ui(ui: &mut Ui) {
    let p = palette(ui);
    let actions = Action::ALL.map(|action| (action.name(), actions::look(action).shortcut));
    let errands = Errand::ALL.map(|errand| (errand.word(), errand.look().1.shortcut));
    ui.spacing_mut().interact_size.y = 20.0;
    egui::Grid::new("shortcuts")
        .num_columns(2)
        .spacing([28.0, 6.0])
        .show(ui, |ui| {
            for (word, shortcut) in errands.into_iter().chain(actions) {
                let Some(shortcut) = shortcut else { continue };
                ui.label(RichText::new(word).color(p.text));
                let keys = RichText::new(kit::shortcut_text(&shortcut)).monospace();
                ui.label(keys.size(theme::SMALL + 1.0).color(p.dim));
                ui.end_row();
            }
        });
}
