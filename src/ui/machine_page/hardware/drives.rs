//! CD and floppy drives: what lies in them, changed at once while the guest runs.

use std::path::{Path, PathBuf};

use egui::Ui;

use super::draft::{Typed, path_complaint};
use super::{Desk, HardwareForm, Section, fields, words};
use crate::engine::message::Command;
use crate::language::{fill, tr};
use crate::model::{Cdrom, Change, Device, DeviceKind, Effect, Floppy};
use crate::ui::icon::Icon;
use crate::ui::kit::{self, Field};
use crate::ui::{Ask, FilePick};

const SECTION: Section = Section::Drives;

pub(super) fn drives_ui(ui: &mut Ui, form: &mut HardwareForm, desk: &mut Desk<'_>) {
    for device in form.draft.devices.clone() {
        let (DeviceKind::Cdrom(Cdrom { medium }) | DeviceKind::Floppy(Floppy { medium })) =
            &device.kind
        else {
            continue;
        };
        ui.push_id(&device.id, |ui| {
            fields::inset(ui, |ui| {
                drive_ui(ui, form, desk, &device, medium.as_deref())
            });
        });
    }
    ui.horizontal_wrapped(|ui| {
        let cd = DeviceKind::Cdrom(Cdrom::default());
        fields::add_button(ui, form, tr("Add a CD drive"), cd);
        let floppy = DeviceKind::Floppy(Floppy::default());
        fields::add_button(ui, form, tr("Add a floppy drive"), floppy);
    });
}

fn drive_ui(
    ui: &mut Ui,
    form: &mut HardwareForm,
    desk: &mut Desk<'_>,
    device: &Device,
    medium: Option<&Path>,
) {
    let id = &device.id;
    let floppy = matches!(device.kind, DeviceKind::Floppy(_));
    let glyph = if floppy { Icon::Save } else { Icon::Disc3 };
    let says = medium.map_or_else(|| tr("Empty").to_owned(), words::file_name);
    let live = desk.guest_has(form, id);
    kit::row(ui, glyph, &words::kind_word(&device.kind), &says, |ui| {
        let remove = fill("Remove {device}", &[("device", id)]);
        if kit::icon_button(ui, true, Icon::Trash2, &remove).clicked() {
            form.edit(Change::Remove(id.clone()));
        }
        let effect = if live {
            Effect::AtOnce
        } else {
            Effect::NextStart
        };
        fields::mark(ui, desk.running.is_some(), effect);
    });
    if let Some(complaint) = form.device_complaint(id) {
        kit::complaint(ui, &complaint);
    }
    let field = format!("medium/{id}");
    let mut typed = form.text(SECTION, &field, &shown(medium));
    let chosen = form.file_for(&field);
    let pick = if floppy {
        FilePick::Floppy(desk.report.id)
    } else {
        FilePick::Medium(desk.report.id)
    };
    let (changed, browse) = medium_ui(ui, floppy, &mut typed);
    if browse {
        form.pick = Some((field.clone(), pick));
        desk.asks.push(Ask::Pick(pick));
    }
    if let Some(path) = chosen {
        form.forget_text(SECTION, &field);
        put(form, desk, device, live, Some(path));
        return;
    }
    if live {
        live_ui(ui, form, desk, device, medium, typed, changed);
        return;
    }
    if changed {
        take_typed(form, desk, device, &field, typed);
    }
    let why_not = medium.is_none().then(|| tr("The drive is empty"));
    if kit::button_or_why(ui, Icon::CornerUpLeft, tr("Take it out"), why_not) {
        form.forget_text(SECTION, &field);
        put(form, desk, device, false, None);
    }
}

fn shown(medium: Option<&Path>) -> String {
    medium.map_or_else(String::new, |path| path.display().to_string())
}

/// The field of the medium; returns whether it was typed into and whether a file is to be chosen.
fn medium_ui(ui: &mut Ui, floppy: bool, typed: &mut Typed) -> (bool, bool) {
    let field = Field {
        label: if floppy {
            tr("Floppy image in the drive")
        } else {
            tr("ISO image in the drive")
        },
        hint: tr("Empty"),
        complaint: typed.complaint.as_deref(),
    };
    let (text, browse) = kit::browse_field(ui, &field, &mut typed.text);
    typed.complaint = path_complaint(&typed.text);
    (text.changed(), browse)
}

/// A typed path becomes the drive's medium at the next start.
fn take_typed(
    form: &mut HardwareForm,
    desk: &mut Desk<'_>,
    device: &Device,
    field: &str,
    typed: Typed,
) {
    if typed.complaint.is_none() {
        let path = typed.text.trim();
        let medium = (!path.is_empty()).then(|| PathBuf::from(path));
        put(form, desk, device, false, medium);
    }
    form.keep_text(SECTION, field, typed);
}

/// Insert and eject in a running guest's drive.
fn live_ui(
    ui: &mut Ui,
    form: &mut HardwareForm,
    desk: &mut Desk<'_>,
    device: &Device,
    medium: Option<&Path>,
    typed: Typed,
    changed: bool,
) {
    let field = format!("medium/{}", device.id);
    let path = typed.text.trim().to_owned();
    let why_not = if typed.complaint.is_some() || path.is_empty() {
        Some(tr("Choose an image first"))
    } else if path == shown(medium) {
        Some(tr("It is in the drive"))
    } else {
        None
    };
    ui.horizontal_wrapped(|ui| {
        let insert = kit::button_or_why(ui, Icon::Disc, tr("Insert"), why_not);
        let empty = medium.is_none().then(|| tr("The drive is empty"));
        let eject = kit::button_or_why(ui, Icon::CornerUpLeft, tr("Eject"), empty);
        if insert || eject {
            form.forget_text(SECTION, &field);
            put(
                form,
                desk,
                device,
                true,
                insert.then(|| PathBuf::from(&path)),
            );
        } else if changed {
            // Kept as a text only: it is no edit, so it keeps nothing from being applied.
            let text = typed.text;
            let complaint = None;
            form.keep_text(SECTION, &field, Typed { text, complaint });
        }
    });
    let force = *desk.tab.force;
    let word = tr("By force");
    let meaning = tr("Also where the guest has locked the drive; it may lose what it was reading");
    if kit::switch(ui, true, force, word, meaning).clicked() {
        *desk.tab.force = !force;
    }
}

/// Puts a medium into a drive, now or with the next edits.
fn put(
    form: &mut HardwareForm,
    desk: &mut Desk<'_>,
    device: &Device,
    live: bool,
    medium: Option<PathBuf>,
) {
    if live {
        form.expect();
        desk.asks.push(Ask::Engine(Command::Insert {
            machine: desk.report.id,
            drive: device.id.clone(),
            medium,
            force: std::mem::take(desk.tab.force),
        }));
        return;
    }
    let kind = match device.kind {
        DeviceKind::Floppy(_) => DeviceKind::Floppy(Floppy { medium }),
        _ => DeviceKind::Cdrom(Cdrom { medium }),
    };
    form.set(&device.id, kind);
}
