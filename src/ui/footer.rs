//! The footer: how this computer is doing, and the jobs.

use std::fmt::Display;

use egui::{Color32, RichText, Ui, vec2};

use super::actions::Errand;
use super::icon::{self, Icon};
use super::theme::{self, palette};
use super::view::View;
use super::{Ask, kit};
use crate::engine::message::Command;
use crate::language::{self, fill, told, tr};
use crate::model::{Accelerator, ByteSize, CheckLevel, JobReport};

/// Below this share of free memory, or this much disk, the footer warns.
const FULL_MEMORY: f64 = 0.9;
/// From this share on the processors have no time left.
const BUSY: f32 = 0.95;
const LOW_DISK: ByteSize = ByteSize::gib(5);
/// What memory and disk need in words, in points.
const MEMORY_AND_DISK: f32 = 360.0;

pub fn footer_ui(ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
    // The jobs have their room first; what does not fit beside them is cut short.
    let (from_right, from_left) = (
        egui::Layout::right_to_left(egui::Align::Center),
        egui::Layout::left_to_right(egui::Align::Center),
    );
    ui.with_layout(from_right, |ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        jobs_ui(ui, view, asks);
        ui.with_layout(from_left, |ui| {
            computer_ui(ui, view, asks);
            if view.load.memory_total.0 > 0 {
                load_ui(ui, view);
            }
        });
    });
}

/// This computer's own processors, memory and disk. What is short says so in a word, not by colour alone.
fn load_ui(ui: &mut Ui, view: &View) {
    let load = &view.load;
    let percent = format!("{:.0}", f64::from(load.cpu) * 100.0);
    let cpu = fill("{percent} % busy", &[("percent", &percent)]);
    let count = view.computer.as_ref().map_or(0, |computer| computer.cpus);
    let mut hint = vec![tr("Processors of this computer, in the last half minute").to_owned()];
    if count > 0 {
        hint.push(language::count(
            u64::from(count),
            "{count} processor",
            "{count} processors",
        ));
    }
    item_ui(ui, Icon::Cpu, &cpu, load.cpu >= BUSY, &hint);
    let values: [(&str, &dyn Display); 2] =
        [("used", &load.memory_used), ("total", &load.memory_total)];
    let full = load.memory_used.0 as f64 > load.memory_total.0 as f64 * FULL_MEMORY;
    let memory = if full {
        fill("{used} of {total} used, nearly full", &values)
    } else if ui.available_width() < MEMORY_AND_DISK {
        fill("{used} used", &values)
    } else {
        fill("{used} of {total} used", &values)
    };
    let free = ByteSize(load.memory_total.0.saturating_sub(load.memory_used.0));
    let mut hint = vec![
        tr("Memory of this computer").to_owned(),
        fill("{free} can still be used", &[("free", &free)]),
    ];
    if full {
        hint.push(tr("Machines become slow; save or shut one down").to_owned());
    }
    item_ui(ui, Icon::MemoryStick, &memory, full, &hint);
    let low = load.disk_free < LOW_DISK;
    let free: [(&str, &dyn Display); 1] = [("free", &load.disk_free)];
    let disk = if low {
        fill("only {free} free", &free)
    } else {
        fill("{free} free", &free)
    };
    let mut hint = vec![tr("Disk space where the library lies").to_owned()];
    if low {
        hint.push(
            tr("A machine that finds no room pauses; make room or empty the trash").to_owned(),
        );
    }
    item_ui(ui, Icon::HardDrive, &disk, low, &hint);
}

/// Room for the line between two facts, in points.
const DIVIDER: f32 = 9.0;

fn divider(ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(DIVIDER, 16.0), egui::Sense::hover());
    let stroke = egui::Stroke::new(1.0, palette(ui).line);
    ui.painter().vline(rect.center().x, rect.y_range(), stroke);
}

/// A fact. One that has no room is left out, unless it warns.
fn item_ui(ui: &mut Ui, glyph: Icon, text: &str, warn: bool, hint: &[String]) {
    let p = palette(ui);
    let font = theme::regular(13.0);
    let galley = ui.painter().layout_no_wrap(text.to_owned(), font, p.dim);
    let width = galley.size().x + DIVIDER + 15.0 + 2.0 * ui.spacing().item_spacing.x;
    if !warn && width > ui.available_width() {
        return;
    }
    divider(ui);
    let (glyph, color) = if warn {
        (Icon::TriangleAlert, p.warn)
    } else {
        (glyph, p.dim)
    };
    icon::show(ui, glyph, 15.0, color);
    let text = RichText::new(text).size(13.0).color(color);
    ui.add(egui::Label::new(text).truncate()).on_hover_ui(|ui| {
        for line in hint {
            ui.label(line);
        }
    });
}

/// The accelerator and whether all is well; a click opens the findings.
fn computer_ui(ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
    let p = palette(ui);
    let (glyph, text, color, hint): (_, _, Color32, String) = match &view.computer {
        None => (
            Icon::Hourglass,
            tr("Looking at this computer…"),
            p.dim,
            tr(Errand::ShowComputer.word()).to_owned(),
        ),
        Some(computer) => {
            let bad = computer
                .checks
                .iter()
                .find(|check| check.level == CheckLevel::Bad);
            match (bad, computer.accelerator.choice) {
                (Some(check), _) => (
                    Icon::CircleAlert,
                    tr("Machines can't run"),
                    p.error,
                    told(&check.finding).into_owned(),
                ),
                (None, Accelerator::Kvm) => (
                    Icon::Zap,
                    tr("KVM works"),
                    p.leaf,
                    told(&computer.accelerator.reason).into_owned(),
                ),
                (None, Accelerator::Tcg) => (
                    Icon::TriangleAlert,
                    tr("Software emulation"),
                    p.warn,
                    told(&computer.accelerator.reason).into_owned(),
                ),
            }
        }
    };
    let button = egui::Button::new((
        icon::text(glyph, 15.0).color(color),
        RichText::new(text).size(13.0).color(color),
    ))
    .frame_when_inactive(false);
    let response = ui
        .scope(|ui| {
            ui.spacing_mut().button_padding = vec2(6.0, 2.0);
            ui.spacing_mut().interact_size.y = 24.0;
            ui.add(button)
        })
        .inner;
    let name = fill("This computer, {text}", &[("text", &text)]);
    if kit::name(response, &name).on_hover_text(hint).clicked() {
        asks.push(Ask::Errand(Errand::ShowComputer));
    }
}

fn jobs_ui(ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
    let p = palette(ui);
    let count = view.jobs.len();
    let text = match count {
        0 => tr("No jobs").to_owned(),
        _ => language::count(count as u64, "{count} job", "{count} jobs"),
    };
    let color = if count > 0 { p.accent_text } else { p.dim };
    let button = egui::Button::new((
        icon::text(Icon::ListTodo, 15.0).color(color),
        RichText::new(&text).size(13.0).color(color),
    ))
    .frame_when_inactive(false);
    let response = ui
        .scope(|ui| {
            ui.spacing_mut().button_padding = vec2(6.0, 2.0);
            ui.spacing_mut().interact_size.y = 24.0;
            ui.add(button)
        })
        .inner;
    let response = kit::name(response, &text);
    egui::Popup::menu(&response)
        .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside)
        .align(egui::RectAlign::TOP_END)
        .show(|ui| {
            ui.set_width(340.0);
            if view.jobs.is_empty() {
                ui.label(RichText::new(tr("Nothing is being done")).color(palette(ui).dim));
            }
            for job in view.jobs.values() {
                job_ui(ui, job, asks);
            }
        });
}

/// A job with its progress, and Cancel where it can be cancelled.
pub fn job_ui(ui: &mut Ui, job: &JobReport, asks: &mut Vec<Ask>) {
    let p = palette(ui);
    ui.push_id(job.id, |ui| {
        egui::Frame::NONE.inner_margin(6).show(ui, |ui| {
            ui.horizontal(|ui| {
                let title = RichText::new(told(&job.title)).font(theme::semibold(theme::BODY));
                ui.label(title.color(p.text));
                if job.can_cancel {
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                        let cancel = kit::secondary(ui, true, None, tr("Cancel"));
                        if cancel.clicked() {
                            asks.push(Ask::Engine(Command::CancelJob(job.id)));
                        }
                    });
                }
            });
            ui.label(RichText::new(told(&job.step)).size(13.0).color(p.dim));
            kit::progress(ui, job, ui.available_width());
        });
    });
}
