//! What the parts of the hardware page are built from: fields of values, insets, marks of effect.

use egui::{CornerRadius, Frame, Margin, Stroke, Ui};

use super::draft::HardwareForm;
use super::{Desk, Section};
use crate::language::tr;
use crate::model::{Change, DeviceKind, Effect};
use crate::ui::icon::Icon;
use crate::ui::kit::{self, Field};
use crate::ui::theme::{self, palette};

/// A field whose text stands for a value.
pub(super) struct Spec<'a> {
    pub(super) section: Section,
    /// Tells it from the section's other fields: `mac/nic0`.
    pub(super) field: &'a str,
    pub(super) label: &'a str,
    pub(super) hint: &'a str,
    /// What the rules say about the value.
    pub(super) complaint: Option<String>,
}

/// Shows `value` as text that can be changed; returns what was typed, if it is a value.
pub(super) fn value_field<T>(
    ui: &mut Ui,
    form: &mut HardwareForm,
    spec: Spec<'_>,
    value: &str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let mut typed = form.text(spec.section, spec.field, value);
    let complaint = typed.complaint.clone().or(spec.complaint);
    let field = Field {
        label: spec.label,
        hint: spec.hint,
        complaint: complaint.as_deref(),
    };
    let response = kit::text_field(ui, &field, &mut typed.text);
    if response.changed() {
        let (value, complaint) = match read(&typed.text) {
            Ok(value) => (Some(value), None),
            Err(complaint) => (None, Some(complaint)),
        };
        typed.complaint = complaint;
        form.keep_text(spec.section, spec.field, typed);
        return value;
    }
    if response.lost_focus() && typed.complaint.is_none() {
        form.forget_text(spec.section, spec.field);
    }
    None
}

/// A frame around one of several devices.
pub(super) fn inset<R>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
    let p = palette(ui);
    Frame::NONE
        .fill(p.background)
        .corner_radius(CornerRadius::same(theme::CONTROL_RADIUS + 2))
        .stroke(Stroke::new(1.0, p.line))
        .inner_margin(Margin::same(12))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            content(ui)
        })
        .inner
}

/// Says when a change reaches the guest; nothing while there is none.
pub(super) fn mark(ui: &mut Ui, running: bool, effect: Effect) {
    if !running {
        return;
    }
    match effect {
        Effect::AtOnce => kit::pill(ui, Some(Icon::Zap), tr("at once"), true),
        Effect::NextStart => kit::pill(ui, None, tr("at next start"), false),
    };
}

/// A switch for a device of which there is one or none. Returns nothing: it edits.
pub(super) fn device_switch(
    ui: &mut Ui,
    form: &mut HardwareForm,
    (word, meaning): (&str, &str),
    wanted: fn(&DeviceKind) -> bool,
    new: DeviceKind,
) {
    let mut devices = form.draft.devices.iter();
    let there = devices.find(|device| wanted(&device.kind));
    let there = there.map(|device| device.id.clone());
    let room = match there {
        Some(_) => Ok(None),
        None => form.room_for(new).map(Some),
    };
    let response = kit::switch(ui, room.is_ok(), there.is_some(), word, meaning);
    match room {
        Err(why) => {
            response.on_hover_text(why);
        }
        Ok(device) if response.clicked() => match (there, device) {
            (Some(id), _) => form.edit(Change::Remove(id)),
            (None, Some(device)) => form.edit(Change::Add(device)),
            (None, None) => {}
        },
        Ok(_) => {}
    }
    if let Some(id) = find(form, wanted)
        && let Some(complaint) = form.device_complaint(&id)
    {
        kit::complaint(ui, &complaint);
    }
}

/// The id of the first device of a kind.
pub(super) fn find(form: &HardwareForm, wanted: fn(&DeviceKind) -> bool) -> Option<String> {
    let mut devices = form.draft.devices.iter();
    let device = devices.find(|device| wanted(&device.kind))?;
    Some(device.id.clone())
}

/// A button that adds a device, grey with the reason where there is no room.
pub(super) fn add_button(ui: &mut Ui, form: &mut HardwareForm, word: &str, kind: DeviceKind) {
    let room = form.room_for(kind);
    let why_not = room.as_ref().err().map(String::as_str);
    if kit::button_or_why(ui, Icon::Plus, word, why_not)
        && let Ok(device) = room
    {
        form.edit(Change::Add(device));
    }
}

impl Desk<'_> {
    /// Whether the running guest has this device, so that it can be acted on now.
    pub(super) fn guest_has(&self, form: &HardwareForm, id: &str) -> bool {
        self.running
            .is_some_and(|running| running.device(id).is_some() && form.base.device(id).is_some())
    }
}
