//! Disks: what they are plugged into, how they are written, and those that are detached.

use egui::Ui;

use super::fields::{self, Spec, value_field};
use super::{Desk, HardwareForm, Section, disk_form, words};
use crate::engine::message::Command;
use crate::language::{fill, tr};
use crate::model::{Change, Device, DeviceKind, Disk, DiskBus, DiskCache, DiskSource, Effect};
use crate::ui::Ask;
use crate::ui::icon::Icon;
use crate::ui::kit::{self, Choice};

const SECTION: Section = Section::Disks;

pub(super) fn disks_ui(ui: &mut Ui, form: &mut HardwareForm, desk: &mut Desk<'_>) {
    for device in form.draft.devices.clone() {
        if let DeviceKind::Disk(disk) = &device.kind {
            ui.push_id(&device.id, |ui| {
                fields::inset(ui, |ui| disk_ui(ui, form, desk, &device, disk));
            });
        }
    }
    disk_form::add_disk_ui(ui, form, desk);
    detached_ui(ui, form, desk);
    confirm_ui(ui, form, desk);
}

fn whereabouts(disk: &Disk) -> String {
    match &disk.source {
        DiskSource::InPlace(image) => image.path.display().to_string(),
        DiskSource::Layers(_) => tr("in the library").to_owned(),
    }
}

fn disk_ui(ui: &mut Ui, form: &mut HardwareForm, desk: &Desk<'_>, device: &Device, disk: &Disk) {
    let id = &device.id;
    let word = words::kind_word(&device.kind);
    kit::row(ui, Icon::HardDrive, &word, &whereabouts(disk), |ui| {
        let detach = fill("Detach {device}", &[("device", id)]);
        let button = kit::secondary(ui, true, Some(Icon::Unplug), tr("Detach"));
        if kit::name(button, &detach)
            .on_hover_text(tr("Its file stays; it can be attached again"))
            .clicked()
        {
            form.edit(Change::Remove(id.clone()));
        }
        fields::mark(ui, desk.running.is_some(), Effect::NextStart);
    });
    if let Some(complaint) = form.device_complaint(id) {
        kit::complaint(ui, &complaint);
        controller_ui(ui, form, disk.bus);
    }
    let mut edited = disk.clone();
    ui.columns(2, |columns| {
        let buses = DiskBus::ALL.map(|bus| (bus, tr(bus.label()).to_owned()));
        kit::choice(&mut columns[0], tr("Plugged into"), &mut edited.bus, &buses);
        let caches = DiskCache::ALL.map(|cache| (cache, words::cache(cache).to_owned()));
        kit::choice(&mut columns[1], tr("Cache"), &mut edited.cache, &caches);
    });
    cache_hint(ui, disk.cache);
    let meaning = tr("Room that the guest frees goes back to this computer");
    let word = tr("Give back freed space");
    if kit::switch(ui, true, disk.discard, word, meaning).clicked() {
        edited.discard = !disk.discard;
    }
    let meaning = tr("The guest can't change anything on it");
    if kit::switch(ui, true, disk.read_only, tr("Read-only"), meaning).clicked() {
        edited.read_only = !disk.read_only;
    }
    let field = format!("serial/{id}");
    let spec = Spec {
        section: SECTION,
        field: &field,
        label: tr("Serial number"),
        hint: tr("None"),
        complaint: None,
    };
    let serial = disk.serial.clone().unwrap_or_default();
    if let Some(serial) = value_field(ui, form, spec, &serial, |text| Ok(text.to_owned())) {
        edited.serial = (!serial.is_empty()).then_some(serial);
    }
    if edited != *disk {
        form.set(id, DeviceKind::Disk(edited));
    }
}

fn cache_hint(ui: &mut Ui, cache: DiskCache) {
    match cache {
        DiskCache::Writeback => {}
        DiskCache::Direct => kit::hint(
            ui,
            tr("Around this computer's cache: steadier, often slower"),
        ),
        DiskCache::Writethrough => {
            kit::hint(ui, tr("Each write goes to the disk at once: slow and sure"))
        }
        DiskCache::Unsafe => kit::warning(
            ui,
            tr(
                "Fast, but what was written is lost when this computer loses power: only for what can be made again",
            ),
        ),
    }
}

/// Offers the controller that a bus needs.
fn controller_ui(ui: &mut Ui, form: &mut HardwareForm, bus: DiskBus) {
    let (kind, word) = match bus {
        DiskBus::Scsi
            if !form
                .draft
                .has(|kind| matches!(kind, DeviceKind::ScsiController)) =>
        {
            (DeviceKind::ScsiController, tr("Add a SCSI controller"))
        }
        DiskBus::Usb if fields::find(form, is_usb).is_none() => {
            (DeviceKind::UsbController, tr("Add a USB 3 controller"))
        }
        _ => return,
    };
    fields::add_button(ui, form, word, kind);
}

fn is_usb(kind: &DeviceKind) -> bool {
    matches!(
        kind,
        DeviceKind::UsbController | DeviceKind::OldUsbController
    )
}

fn detached_ui(ui: &mut Ui, form: &mut HardwareForm, desk: &mut Desk<'_>) {
    if form.draft.detached.is_empty() {
        return;
    }
    ui.add_space(4.0);
    kit::section(ui, tr("Detached disks"));
    kit::hint(ui, tr("They keep their files and can be attached again"));
    for disk in form.draft.detached.clone() {
        let Some(top) = disk.layers().last() else {
            continue;
        };
        ui.push_id(top.layer, |ui| {
            fields::inset(ui, |ui| {
                let word = fill("Disk {size}", &[("size", &disk.size)]);
                let says = format!("{}.qcow2", top.layer);
                kit::row(ui, Icon::HardDrive, &word, &says, |ui| {
                    let why_not = no_delete(form, desk, &disk);
                    let word = tr("Delete for good…");
                    if kit::button_or_why(ui, Icon::Trash2, word, why_not) {
                        desk.tab.disk.deleting = Some(top.layer);
                    }
                    attach_ui(ui, form, &disk);
                });
            });
        });
    }
}

/// Why a detached disk can't be deleted now.
fn no_delete(form: &HardwareForm, desk: &Desk<'_>, disk: &Disk) -> Option<&'static str> {
    if form
        .base
        .detached
        .iter()
        .all(|other| other.source != disk.source)
    {
        return Some(tr("Apply first: it is detached only here so far"));
    }
    let used = desk
        .running?
        .disks()
        .any(|other| other.source == disk.source);
    used.then(|| tr("The running machine still uses it; shut it down first"))
}

fn attach_ui(ui: &mut Ui, form: &mut HardwareForm, disk: &Disk) {
    // Another board may have no such bus any more.
    let buses = [disk.bus, DiskBus::Virtio, DiskBus::Sata, DiskBus::Ide];
    let room = buses.iter().find_map(|bus| {
        let kind = DeviceKind::Disk(Disk {
            bus: *bus,
            ..disk.clone()
        });
        form.draft.new_device(kind)
    });
    let none = tr("There is no place left for another disk");
    let why_not = room.is_none().then_some(none);
    if kit::button_or_why(ui, Icon::Plug, tr("Attach"), why_not)
        && let Some(device) = room
    {
        form.edit(Change::Add(device));
    }
}

/// Asks before a detached disk goes for good.
fn confirm_ui(ui: &Ui, form: &mut HardwareForm, desk: &mut Desk<'_>) {
    let Some(top) = desk.tab.disk.deleting else {
        return;
    };
    let Some(disk) = crate::model::detached(&form.base, top) else {
        desk.tab.disk.deleting = None; // someone else was quicker
        return;
    };
    let text = fill(
        "{file} with {size} and everything on it will be gone. This can't be undone",
        &[("file", &format!("{top}.qcow2")), ("size", &disk.size)],
    );
    match kit::confirm(
        ui,
        tr("Delete this disk for good?"),
        &text,
        tr("Delete for good"),
    ) {
        Choice::Yes => {
            desk.tab.disk.deleting = None;
            form.expect();
            desk.asks.push(Ask::Engine(Command::DeleteDisk {
                machine: desk.report.id,
                disk: top,
            }));
        }
        Choice::No => desk.tab.disk.deleting = None,
        Choice::Undecided => {}
    }
}
