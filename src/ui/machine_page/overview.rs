//! The overview: the screen as a card, and what the machine is made of.

use egui::{CornerRadius, Pos2, Rect, RichText, Sense, Ui, pos2, vec2};

use super::{MachinePage, Tab, family, graphs};
use crate::language::{fill, tr};
use crate::model::Zoom;
use crate::model::{DeviceKind, DiskSource, Machine, MachineReport, NicNetwork, State};
use crate::ui::album::{PictureSize, Wish, veil};
use crate::ui::icon::{self, Icon};
use crate::ui::screen_view;
use crate::ui::theme::{self, palette};
use crate::ui::view::View;
use crate::ui::{Ask, kit, making};

const ASLEEP: &str = "Asleep; continue to see its screen";

pub(super) fn overview_ui(
    ui: &mut Ui,
    page: &mut MachinePage,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    if report.machine.is_none() {
        return; // The trouble card says it all.
    }
    job_ui(ui, view, report, asks);
    let live = report.state.has_process();
    let mut kinship = std::mem::take(&mut page.kinship);
    let mut kin_asks = Vec::new();
    kit::columns(
        ui,
        |ui| {
            screen_card_ui(ui, page, view, report);
            ui.add_space(theme::GAP - 8.0);
            family::family_ui(ui, &mut kinship, view, report, &mut kin_asks);
            if live {
                ui.add_space(theme::GAP - 8.0);
                made_of_ui(ui, report);
            }
        },
        |ui| {
            if live {
                graphs::graphs_ui(ui, view, report, asks);
            } else {
                made_of_ui(ui, report);
                ui.add_space(theme::GAP - 8.0);
                graphs::no_graphs_ui(ui);
            }
        },
    );
    page.kinship = kinship;
    asks.extend(kin_asks);
}

/// What the machine is made of, and what was noted about it.
fn made_of_ui(ui: &mut Ui, report: &MachineReport) {
    if let Some(machine) = &report.machine {
        kit::card(ui, tr("Hardware"), |ui| facts_ui(ui, machine));
        notes_ui(ui, machine);
    }
}

fn job_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
    if let Some(job) = view.job_of(report) {
        making::job_ui(ui, job, asks);
        ui.add_space(6.0);
    }
}

fn screen_card_ui(ui: &mut Ui, page: &mut MachinePage, view: &View, report: &MachineReport) {
    kit::card(ui, tr("Screen"), |ui| {
        let picture = picture(view, report);
        let (width, height) = picture.map_or((16, 10), |(_, guest)| guest);
        let shape = (height as f32 / width.max(1) as f32).clamp(0.4, 0.8);
        let room = ui.available_width();
        let size = vec2(room, (room * shape).min(380.0));
        let (rect, response) = ui.allocate_exact_size(size, Sense::click());
        response.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::Button, true, tr("Show the screen"))
        });
        match picture {
            Some((texture, guest)) => {
                picture_ui(ui, rect, texture, guest);
                if report.state == State::Saved {
                    asleep_ui(ui, rect);
                }
            }
            None => void_ui(ui, rect, report),
        }
        if report.state.has_screen() {
            let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
            if response.on_hover_text(tr("Use the screen")).clicked() {
                page.tab = Tab::Screen;
            }
        }
    });
}

/// The live picture, else the thumbnail, else what it showed last, with its size in pixels.
fn picture(view: &View, report: &MachineReport) -> Option<(egui::TextureId, (u32, u32))> {
    let live = view
        .screen
        .as_ref()
        .filter(|screen| screen.machine == report.id)
        .map(|screen| (screen.texture.id(), (screen.width, screen.height)));
    let sized = |texture: &egui::TextureHandle| {
        let [width, height] = texture.size();
        (texture.id(), (width as u32, height as u32))
    };
    let small = || view.thumbnail(report.id).map(sized);
    let last = Wish::last_of(report, PictureSize::Large).and_then(|wish| view.pictures.get(wish));
    match report.state.has_process() {
        true => live.or_else(small),
        false => last.map(sized),
    }
}

fn picture_ui(ui: &Ui, rect: Rect, texture: egui::TextureId, guest: (u32, u32)) {
    let radius = CornerRadius::same(8);
    let picture = screen_view::place(rect, guest, Zoom::Fit, 1.0, egui::Vec2::ZERO);
    if picture.width() + 1.0 < rect.width() || picture.height() + 1.0 < rect.height() {
        let ground = palette(ui).letterbox;
        ui.painter().rect_filled(rect, radius, ground);
    }
    let whole = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
    ui.painter().add(
        egui::epaint::RectShape::filled(picture, radius, egui::Color32::WHITE)
            .with_texture(texture, whole),
    );
}

/// Says over its last picture that it stands still.
fn asleep_ui(ui: &Ui, rect: Rect) {
    veil(ui.painter(), rect, CornerRadius::same(8));
    word_ui(ui, rect, (Icon::Moon, ASLEEP), egui::Color32::WHITE);
}

/// A word that says why there is no picture.
fn void_ui(ui: &Ui, rect: Rect, report: &MachineReport) {
    let p = palette(ui);
    ui.painter()
        .rect_filled(rect, CornerRadius::same(8), p.hover);
    let (glyph, text) = match report.state {
        _ if report.console_open() => (Icon::AppWindow, "Shown in its own window"),
        State::Saved => (Icon::Moon, ASLEEP),
        State::Starting => (Icon::Hourglass, "Starting…"),
        State::Running | State::Paused | State::Stopping | State::Saving => {
            (Icon::Monitor, "Waiting for the picture…")
        }
        State::Off | State::Crashed | State::NotResponding | State::Broken | State::Unavailable => {
            (Icon::Monitor, "Start the machine to see its screen")
        }
    };
    word_ui(ui, rect, (glyph, text), p.dim);
}

fn word_ui(ui: &Ui, rect: Rect, (glyph, text): (Icon, &'static str), color: egui::Color32) {
    let at = rect.center() - vec2(0.0, 16.0);
    icon::paint(ui.painter(), at, glyph, 32.0, color);
    ui.painter().text(
        rect.center() + vec2(0.0, 18.0),
        egui::Align2::CENTER_CENTER,
        tr(text),
        theme::regular(13.0),
        color,
    );
}

fn facts_ui(ui: &mut Ui, machine: &Machine) {
    ui.spacing_mut().item_spacing.y = 7.0;
    let count = machine.cpu.count;
    kit::fact(ui, Icon::Cpu, tr("Processors"), &count.to_string());
    kit::fact(
        ui,
        Icon::MemoryStick,
        tr("Memory"),
        &machine.memory.to_string(),
    );
    kit::fact(
        ui,
        Icon::ShieldCheck,
        tr("Firmware"),
        tr(machine.firmware.kind.label()),
    );
    for device in &machine.devices {
        device_ui(ui, &device.kind);
    }
    kit::fact(ui, Icon::CircuitBoard, tr("Board"), &machine.machine_type);
}

fn device_ui(ui: &mut Ui, kind: &DeviceKind) {
    match kind {
        DeviceKind::Disk(disk) => {
            let place = match &disk.source {
                DiskSource::Layers(_) => tr("in the library").to_owned(),
                DiskSource::InPlace(image) => image.path.display().to_string(),
            };
            kit::fact(
                ui,
                Icon::HardDrive,
                tr("Disk"),
                &format!("{}, {place}", disk.size),
            );
        }
        DeviceKind::Cdrom(drive) => {
            let medium = drive.medium.as_deref().and_then(std::path::Path::file_name);
            let text = medium.map_or_else(|| tr("Empty").into(), |name| name.to_string_lossy());
            kit::fact(ui, Icon::Disc, tr("CD drive"), &text);
        }
        DeviceKind::Nic(nic) => {
            let text = match &nic.network {
                _ if !nic.link => tr("The cable is out"),
                NicNetwork::User => tr("Through this computer"),
                NicNetwork::None => tr("Not connected"),
                NicNetwork::Switch(name) | NicNetwork::Bridge(name) => name,
            };
            kit::fact(ui, Icon::Network, tr("Network"), text);
        }
        DeviceKind::Display(display) => {
            let text = fill(
                "{width} × {height} at first",
                &[("width", &display.width), ("height", &display.height)],
            );
            kit::fact(ui, Icon::Monitor, tr("Display"), &text);
        }
        DeviceKind::Floppy(drive) => {
            let medium = drive.medium.as_deref().and_then(std::path::Path::file_name);
            let text = medium.map_or_else(|| tr("Empty").into(), |name| name.to_string_lossy());
            kit::fact(ui, Icon::Save, tr("Floppy drive"), &text);
        }
        DeviceKind::Sound(sound) => {
            kit::fact(ui, Icon::Volume2, tr("Sound"), tr(sound.model.label()));
        }
        // Every machine has them; a list of them tells nobody anything.
        DeviceKind::Keyboard
        | DeviceKind::Tablet
        | DeviceKind::Touchscreen
        | DeviceKind::UsbController
        | DeviceKind::OldUsbController
        | DeviceKind::ScsiController
        | DeviceKind::Watchdog(_)
        | DeviceKind::Rng
        | DeviceKind::Balloon
        | DeviceKind::GenerationId
        | DeviceKind::Serial
        | DeviceKind::Tpm => {}
    }
}

fn notes_ui(ui: &mut Ui, machine: &Machine) {
    if !machine.notes.trim().is_empty() {
        ui.add_space(6.0);
        kit::card(ui, tr("Notes"), |ui| {
            ui.add(egui::Label::new(RichText::new(&machine.notes)).wrap());
        });
    }
}
