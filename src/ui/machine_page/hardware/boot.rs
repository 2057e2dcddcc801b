//! The boot order: dragged, or moved by its buttons.

use egui::{Sense, Ui, vec2};

use super::{Desk, HardwareForm, words};
use crate::language::{fill, tr};
use crate::model::{BootOrder, Change, Device, DeviceKind, DiskSource, Part};
use crate::ui::icon::{self, Icon};
use crate::ui::kit;
use crate::ui::theme::{self, palette};

pub(super) fn boot_ui(ui: &mut Ui, form: &mut HardwareForm, _desk: &mut Desk<'_>) {
    if let Some(complaint) = form.complaint(&Part::Boot) {
        kit::complaint(ui, &complaint);
    }
    let order = form.draft.boot.0.clone();
    let text = if order.is_empty() {
        tr("The firmware tries whatever it finds. Add devices to say in which order")
    } else {
        tr("Tried from the top. Drag a line, or move it with its arrows")
    };
    kit::hint(ui, text);
    let mut next = order.clone();
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 6.0;
        for (place, id) in order.iter().enumerate() {
            row_ui(ui, form, &order, place, id, &mut next);
        }
    });
    let others: Vec<Device> = bootable(form)
        .filter(|device| !order.contains(&device.id))
        .cloned()
        .collect();
    if !others.is_empty() {
        ui.add_space(4.0);
        kit::label(ui, tr("Not tried"));
        for device in others {
            let (glyph, word, says) = look(&device);
            kit::row(ui, glyph, &word, &says, |ui| {
                let add = fill("Boot from {device}", &[("device", &device.id)]);
                if kit::icon_button(ui, true, Icon::Plus, &add).clicked() {
                    next.push(device.id.clone());
                }
            });
        }
    }
    if next != order {
        form.edit(Change::Boot(BootOrder(next)));
    }
}

/// What firmware can start from.
fn bootable(form: &HardwareForm) -> impl Iterator<Item = &Device> {
    form.draft.devices.iter().filter(|device| {
        matches!(
            device.kind,
            DeviceKind::Disk(_) | DeviceKind::Cdrom(_) | DeviceKind::Floppy(_) | DeviceKind::Nic(_)
        )
    })
}

/// Picture, name and particulars of a device in the order.
fn look(device: &Device) -> (Icon, String, String) {
    let (glyph, says) = match &device.kind {
        DeviceKind::Disk(disk) => {
            let says = match &disk.source {
                DiskSource::InPlace(image) => words::file_name(&image.path),
                DiskSource::Layers(_) => disk.bus.label().to_owned(),
            };
            (Icon::HardDrive, says)
        }
        DeviceKind::Cdrom(drive) => (Icon::Disc3, medium(drive.medium.as_deref())),
        DeviceKind::Floppy(drive) => (Icon::Save, medium(drive.medium.as_deref())),
        DeviceKind::Nic(nic) => (Icon::Network, nic.mac.to_string()),
        _ => (Icon::Puzzle, String::new()),
    };
    (glyph, words::kind_word(&device.kind), says)
}

fn medium(path: Option<&std::path::Path>) -> String {
    path.map_or_else(|| tr("Empty").to_owned(), words::file_name)
}

fn row_ui(
    ui: &mut Ui,
    form: &HardwareForm,
    order: &[String],
    place: usize,
    id: &str,
    next: &mut Vec<String>,
) {
    let (glyph, word, says) = match form.draft.device(id) {
        Some(device) => look(device),
        None => (Icon::CircleAlert, id.to_owned(), String::new()),
    };
    // The id follows the device, so that the keyboard stays on the row that moves.
    ui.push_id(("boot", id), |ui| {
        let row = super::fields::inset(ui, |ui| {
            ui.horizontal(|ui| {
                let drag = grip_ui(ui, place, id);
                kit::row(ui, glyph, &word, &says, |ui| {
                    buttons_ui(ui, order, place, id, next);
                });
                drag
            })
            .inner
        });
        let (grip, height) = row;
        if grip.dragged()
            && let Some(pointer) = grip.interact_pointer_pos()
        {
            drag_to(
                order,
                place,
                (pointer.y - grip.rect.center().y) / height,
                next,
            );
        }
    });
}

/// The grip and the place's number; returns the grip and the height of a row.
fn grip_ui(ui: &mut Ui, place: usize, id: &str) -> (egui::Response, f32) {
    let p = palette(ui);
    let (rect, grip) = ui.allocate_exact_size(vec2(18.0, 28.0), Sense::drag());
    let name = fill("Drag {device}", &[("device", &id)]);
    let grip = kit::name(grip, &name).on_hover_cursor(egui::CursorIcon::Grab);
    let lively = grip.hovered() || grip.dragged();
    let color = if lively { p.text } else { p.dim };
    icon::paint(ui.painter(), rect.center(), Icon::GripVertical, 17.0, color);
    let number = egui::RichText::new((place + 1).to_string());
    ui.label(number.font(theme::semibold(theme::BODY)).color(p.dim));
    // An inset's margins, its line and the gap to the next.
    (grip, theme::CONTROL + 24.0 + 8.0)
}

/// Moves a dragged row once the pointer is nearer to another place.
fn drag_to(order: &[String], place: usize, rows: f32, next: &mut [String]) {
    let target = if rows > 0.6 {
        place + 1
    } else if rows < -0.6 && place > 0 {
        place - 1
    } else {
        return;
    };
    if target < order.len() {
        next.swap(place, target);
    }
}

fn buttons_ui(ui: &mut Ui, order: &[String], place: usize, id: &str, next: &mut Vec<String>) {
    let named = |text| fill(text, &[("device", &id)]);
    let leave = named("Don't boot from {device}");
    if kit::icon_button(ui, true, Icon::X, &leave).clicked() {
        next.retain(|other| other != id);
    }
    let last = place + 1 == order.len();
    let below = last.then(|| tr("It is the last"));
    if kit::icon_or_why(ui, Icon::ArrowDown, &named("Move {device} down"), below) {
        next.swap(place, place + 1);
    }
    let above = (place == 0).then(|| tr("It is the first"));
    if kit::icon_or_why(ui, Icon::ArrowUp, &named("Move {device} up"), above) {
        next.swap(place, place - 1);
    }
}
