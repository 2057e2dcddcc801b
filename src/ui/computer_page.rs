//! "This computer": what the doctor found, line by line, each with its fix.

use egui::{RichText, ScrollArea, Ui};

use super::icon::{self, Icon};
use super::kit::{self, Tone};
use super::theme::{self, palette};
use super::view::View;
use super::{Ask, page};
use crate::engine::message::Command;
use crate::language::{fill, told, tr};
use crate::model::{Check, CheckLevel, ComputerReport};

pub fn computer_ui(ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
    page::head_ui(ui, tr("This computer"), asks, |ui, asks| {
        if kit::secondary(ui, true, Some(Icon::RefreshCw), tr("Check again")).clicked() {
            asks.push(Ask::Engine(Command::Examine));
        }
    });
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        page::body_ui(ui, |ui| match &view.computer {
            None => {
                ui.label(RichText::new(tr("Looking at this computer…")).color(palette(ui).dim));
            }
            Some(computer) => findings_ui(ui, computer),
        });
    });
}

fn findings_ui(ui: &mut Ui, computer: &ComputerReport) {
    let (tone, title) = if !computer.can_run() {
        (Tone::Error, tr("Machines can't run on this computer yet"))
    } else if computer
        .checks
        .iter()
        .any(|check| check.level == CheckLevel::Note)
    {
        (Tone::Warning, tr("Machines run, with drawbacks"))
    } else {
        (Tone::Info, tr("Everything works"))
    };
    kit::callout(ui, tone, title, |ui| {
        let text = if computer.can_run() {
            told(&computer.accelerator.reason)
        } else {
            tr("Follow what stands below each problem, then check again").into()
        };
        let text = RichText::new(text).color(palette(ui).text);
        ui.add(egui::Label::new(text).wrap());
    });
    ui.add_space(6.0);
    kit::card(ui, "", |ui| {
        let mut checks: Vec<&Check> = computer.checks.iter().collect();
        checks.sort_by_key(|check| std::cmp::Reverse(check.level)); // stable: worst first
        for (number, check) in checks.iter().enumerate() {
            if number > 0 {
                ui.separator();
            }
            check_ui(ui, check);
        }
    });
}

fn check_ui(ui: &mut Ui, check: &Check) {
    let p = palette(ui);
    let (glyph, color, word) = match check.level {
        CheckLevel::Good => (Icon::CircleCheck, p.leaf, tr("Good")),
        CheckLevel::Note => (Icon::TriangleAlert, p.warn, tr("Note")),
        CheckLevel::Bad => (Icon::CircleX, p.error, tr("Problem")),
    };
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 12.0;
        icon::show(ui, glyph, 20.0, color);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            ui.spacing_mut().interact_size.y = 20.0;
            ui.horizontal(|ui| {
                let title = RichText::new(told(&check.title)).font(theme::semibold(theme::BODY));
                ui.label(title.color(p.text));
                ui.label(RichText::new(word).size(13.0).color(color));
            });
            ui.add(egui::Label::new(RichText::new(told(&check.finding)).color(p.dim)).wrap());
            if let Some(fix) = &check.fix {
                ui.push_id(&check.id, |ui| fix_ui(ui, fix, &told(&check.title)));
            }
        });
    });
}

/// A step to take; what follows a colon, or is no sentence, is a command that can be copied.
pub(super) fn fix_ui(ui: &mut Ui, fix: &str, title: &str) {
    let p = palette(ui);
    match fix.split_once(": ") {
        Some((step, command)) => {
            ui.label(RichText::new(told(step)).color(p.text));
            let what = fill("the command for {title}", &[("title", &title)]);
            kit::copy_line(ui, command, &what);
        }
        None if fix.ends_with('.') => {
            ui.add(egui::Label::new(RichText::new(told(fix)).color(p.text)).wrap());
        }
        None => {
            let what = fill("the fix for {title}", &[("title", &title)]);
            kit::copy_line(ui, fix, &what);
        }
    }
}
