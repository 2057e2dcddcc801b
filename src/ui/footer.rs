//! The footer: how this computer is doing, and the jobs.

use egui::{Color32, RichText, Ui, vec2};

use super::actions::Errand;
use super::icon::{self, Icon};
use super::theme::{self, palette};
use super::view::View;
use super::{Ask, kit};
use crate::engine::message::Command;
use crate::model::{Accelerator, ByteSize, CheckLevel, JobReport};

/// Below this share of free memory, or this much disk, the footer warns.
const FULL_MEMORY: f64 = 0.9;
const LOW_DISK: ByteSize = ByteSize::gib(5);

pub fn footer_ui(ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        computer_ui(ui, view, asks);
        let load = &view.load;
        if load.memory_total.0 > 0 {
            divider(ui);
            let cpu = format!("{:.0} % busy", f64::from(load.cpu) * 100.0);
            item_ui(ui, Icon::Cpu, &cpu, false, "Processors of this computer");
            divider(ui);
            let full = load.memory_used.0 as f64 > load.memory_total.0 as f64 * FULL_MEMORY;
            let memory = format!("{} of {} used", load.memory_used, load.memory_total);
            item_ui(
                ui,
                Icon::MemoryStick,
                &memory,
                full,
                "Memory of this computer",
            );
            divider(ui);
            let disk = format!("{} free", load.disk_free);
            let low = load.disk_free < LOW_DISK;
            item_ui(
                ui,
                Icon::HardDrive,
                &disk,
                low,
                "Disk space where the library lies",
            );
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            jobs_ui(ui, view, asks);
        });
    });
}

fn divider(ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(9.0, 16.0), egui::Sense::hover());
    let stroke = egui::Stroke::new(1.0, palette(ui).line);
    ui.painter().vline(rect.center().x, rect.y_range(), stroke);
}

fn item_ui(ui: &mut Ui, glyph: Icon, text: &str, warn: bool, what: &str) {
    let p = palette(ui);
    let (glyph, color) = if warn {
        (Icon::TriangleAlert, p.warn)
    } else {
        (glyph, p.dim)
    };
    icon::show(ui, glyph, 15.0, color);
    ui.label(RichText::new(text).size(13.0).color(color))
        .on_hover_text(what);
}

/// The accelerator and whether all is well; a click opens the findings.
fn computer_ui(ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
    let p = palette(ui);
    let (glyph, text, color, hint): (_, _, Color32, String) = match &view.computer {
        None => (
            Icon::Hourglass,
            "Looking at this computer…",
            p.dim,
            Errand::ShowComputer.word().to_owned(),
        ),
        Some(computer) => {
            let bad = computer
                .checks
                .iter()
                .find(|check| check.level == CheckLevel::Bad);
            match (bad, computer.accelerator.choice) {
                (Some(check), _) => (
                    Icon::CircleAlert,
                    "Machines can't run",
                    p.error,
                    check.finding.clone(),
                ),
                (None, Accelerator::Kvm) => (
                    Icon::Zap,
                    "KVM works",
                    p.leaf,
                    computer.accelerator.reason.clone(),
                ),
                (None, Accelerator::Tcg) => (
                    Icon::TriangleAlert,
                    "Software emulation",
                    p.warn,
                    computer.accelerator.reason.clone(),
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
    let name = format!("This computer, {text}");
    if kit::name(response, &name).on_hover_text(hint).clicked() {
        asks.push(Ask::Errand(Errand::ShowComputer));
    }
}

fn jobs_ui(ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
    let p = palette(ui);
    let count = view.jobs.len();
    let text = match count {
        0 => "No jobs".to_owned(),
        1 => "1 job".to_owned(),
        _ => format!("{count} jobs"),
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
                ui.label(RichText::new("Nothing is being done").color(palette(ui).dim));
            }
            for job in view.jobs.values() {
                job_ui(ui, job, asks);
            }
        });
}

fn job_ui(ui: &mut Ui, job: &JobReport, asks: &mut Vec<Ask>) {
    let p = palette(ui);
    ui.push_id(job.id, |ui| {
        egui::Frame::NONE.inner_margin(6).show(ui, |ui| {
            ui.horizontal(|ui| {
                let title = RichText::new(&job.title).font(theme::semibold(theme::BODY));
                ui.label(title.color(p.text));
                if job.can_cancel {
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                        let cancel = kit::secondary(ui, true, None, "Cancel");
                        if cancel.clicked() {
                            asks.push(Ask::Engine(Command::CancelJob(job.id)));
                        }
                    });
                }
            });
            ui.label(RichText::new(&job.step).size(13.0).color(p.dim));
            kit::progress(ui, job, ui.available_width());
        });
    });
}
