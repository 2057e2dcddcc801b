//! Sound, USB and input, and the small devices of which there is one or none.

use egui::Ui;

use super::fields::{self, device_switch};
use super::{Desk, HardwareForm};
use crate::language::tr;
use crate::model::{Change, DeviceKind, Sound, SoundModel, Watchdog, WatchdogAction};
use crate::ui::kit;

pub(super) fn sound_ui(ui: &mut Ui, form: &mut HardwareForm, _desk: &mut Desk<'_>) {
    let wanted = |kind: &DeviceKind| matches!(kind, DeviceKind::Sound(_));
    let now = fields::find(form, wanted);
    let model = now.as_deref().and_then(|id| form.draft.device(id));
    let model = model.and_then(|device| match device.kind {
        DeviceKind::Sound(sound) => Some(sound.model),
        _ => None,
    });
    let mut choices = vec![(None, tr("None"))];
    choices.extend(SoundModel::ALL.map(|model| (Some(model), tr(model.label()))));
    let mut chosen = model;
    let changed = kit::field(ui, tr("Sound card"), None, |ui, _| {
        kit::segmented(ui, &mut chosen, &choices)
    });
    if changed {
        let kind = chosen.map(|model| DeviceKind::Sound(Sound { model }));
        replace(form, now, kind);
    }
    say_complaint(ui, form, wanted);
    if model.is_some() {
        microphone_ui(ui, form);
    }
}

fn microphone_ui(ui: &mut Ui, form: &mut HardwareForm) {
    let allowed = form.draft.sound.microphone;
    let word = tr("Allow the microphone");
    let meaning =
        tr("The guest hears this computer's microphone when it records; otherwise silence");
    if kit::switch(ui, true, allowed, word, meaning).clicked() {
        form.edit(Change::Microphone(!allowed));
    }
}

/// Puts in, changes or takes out the one device of a kind.
fn replace(form: &mut HardwareForm, now: Option<String>, new: Option<DeviceKind>) {
    match (now, new) {
        (Some(id), None) => form.edit(Change::Remove(id)),
        (Some(id), Some(kind)) => form.set(&id, kind),
        (None, Some(kind)) => {
            if let Ok(device) = form.room_for(kind) {
                form.edit(Change::Add(device));
            }
        }
        (None, None) => {}
    }
}

fn say_complaint(ui: &mut Ui, form: &HardwareForm, wanted: fn(&DeviceKind) -> bool) {
    let complaint = fields::find(form, wanted).and_then(|id| form.device_complaint(&id));
    if let Some(complaint) = complaint {
        kit::complaint(ui, &complaint);
    }
}

/// USB controllers as they are chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Usb {
    None,
    Usb3,
    Old,
}

pub(super) fn usb_ui(ui: &mut Ui, form: &mut HardwareForm, _desk: &mut Desk<'_>) {
    let wanted = |kind: &DeviceKind| {
        matches!(
            kind,
            DeviceKind::UsbController | DeviceKind::OldUsbController
        )
    };
    let now = fields::find(form, wanted);
    let device = now.as_deref().and_then(|id| form.draft.device(id));
    let mut chosen = match device.map(|device| &device.kind) {
        Some(DeviceKind::OldUsbController) => Usb::Old,
        Some(_) => Usb::Usb3,
        None => Usb::None,
    };
    let choices = [
        (Usb::None, tr("None")),
        (Usb::Usb3, tr("USB 3")),
        (Usb::Old, tr("USB 1.1")),
    ];
    let changed = kit::field(ui, tr("USB controller"), None, |ui, _| {
        kit::segmented(ui, &mut chosen, &choices)
    });
    if changed {
        let kind = match chosen {
            Usb::None => None,
            Usb::Usb3 => Some(DeviceKind::UsbController),
            Usb::Old => Some(DeviceKind::OldUsbController),
        };
        replace(form, now, kind);
    }
    say_complaint(ui, form, wanted);
    kit::hint(
        ui,
        match chosen {
            Usb::None => {
                tr("Guests without virtio drivers have only the old PS/2 keyboard and mouse")
            }
            Usb::Usb3 => tr("Brings a keyboard, and a tablet where that is on; takes USB disks"),
            Usb::Old => tr("For systems older than USB 3, such as Windows XP; takes no USB disks"),
        },
    );
    input_ui(ui, form);
}

fn input_ui(ui: &mut Ui, form: &mut HardwareForm) {
    let text = tr("The pointer is where it seems to be, so that the mouse need not be captured");
    device_switch(
        ui,
        form,
        (tr("Tablet"), text),
        |kind| matches!(kind, DeviceKind::Tablet),
        DeviceKind::Tablet,
    );
    device_switch(
        ui,
        form,
        (
            tr("Touchscreen"),
            tr(
                "Fingers on this computer's touchscreen are fingers in the guest, several at a time. Without it the first one is a mouse",
            ),
        ),
        |kind| matches!(kind, DeviceKind::Touchscreen),
        DeviceKind::Touchscreen,
    );
    device_switch(
        ui,
        form,
        (
            tr("virtio keyboard"),
            tr("For guests with virtio drivers; without it they use the USB or PS/2 keyboard"),
        ),
        |kind| matches!(kind, DeviceKind::Keyboard),
        DeviceKind::Keyboard,
    );
}

pub(super) fn other_ui(ui: &mut Ui, form: &mut HardwareForm, _desk: &mut Desk<'_>) {
    if let Some(complaint) = form.complaint(&crate::model::Part::Devices) {
        kit::complaint(ui, &complaint);
    }
    device_switch(
        ui,
        form,
        (
            tr("Serial port"),
            tr("ttyS0 of Linux, COM1 of DOS and Windows: a text console that needs no screen"),
        ),
        |kind| matches!(kind, DeviceKind::Serial),
        DeviceKind::Serial,
    );
    device_switch(
        ui,
        form,
        (
            tr("Random numbers"),
            tr("This computer's, so that a fresh guest can make keys without waiting"),
        ),
        |kind| matches!(kind, DeviceKind::Rng),
        DeviceKind::Rng,
    );
    device_switch(
        ui,
        form,
        (
            tr("TPM 2.0"),
            tr(
                "Keeps keys that belong to this machine, as Windows 11 and encrypted disks want. What it keeps goes back in time with the machine, and stays while the TPM is taken out",
            ),
        ),
        |kind| matches!(kind, DeviceKind::Tpm),
        DeviceKind::Tpm,
    );
    watchdog_ui(ui, form);
    device_switch(
        ui,
        form,
        (
            tr("Generation id"),
            tr("Tells Windows and Linux that the machine was forked or went back in time"),
        ),
        |kind| matches!(kind, DeviceKind::GenerationId),
        DeviceKind::GenerationId,
    );
    device_switch(
        ui,
        form,
        (
            tr("SCSI controller"),
            tr("What SCSI disks are plugged into, of the virtio kind"),
        ),
        |kind| matches!(kind, DeviceKind::ScsiController),
        DeviceKind::ScsiController,
    );
    kit::hint(ui, tr("The balloon is with the memory"));
}

fn watchdog_ui(ui: &mut Ui, form: &mut HardwareForm) {
    let wanted = |kind: &DeviceKind| matches!(kind, DeviceKind::Watchdog(_));
    device_switch(
        ui,
        form,
        (
            tr("Watchdog"),
            tr("Acts when the guest hangs; the guest must feed it, as systemd can"),
        ),
        wanted,
        DeviceKind::Watchdog(Watchdog::default()),
    );
    let Some(id) = fields::find(form, wanted) else {
        return;
    };
    let device = form.draft.device(&id).map(|device| &device.kind);
    let Some(DeviceKind::Watchdog(Watchdog { mut action })) = device.cloned() else {
        return;
    };
    ui.indent("watchdog", |ui| {
        let choices = WatchdogAction::ALL.map(|action| (action, tr(action.label()).to_owned()));
        if kit::choice(ui, tr("When the guest hangs"), &mut action, &choices) {
            form.set(&id, DeviceKind::Watchdog(Watchdog { action }));
        }
    });
}
