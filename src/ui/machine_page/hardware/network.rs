//! Network cards: model, address, what they are plugged into, and the cable.

use egui::Ui;

use super::fields::{self, Spec, value_field};
use super::{Desk, HardwareForm, Section, words};
use crate::engine::message::Command;
use crate::language::{fill, told, tr};
use crate::model::{Change, Device, DeviceKind, Effect, Mac, Nic, NicModel, NicNetwork};
use crate::ui::Ask;
use crate::ui::icon::Icon;
use crate::ui::kit;

const SECTION: Section = Section::Network;

pub(super) fn network_ui(ui: &mut Ui, form: &mut HardwareForm, desk: &mut Desk<'_>) {
    for device in form.draft.devices.clone() {
        if let DeviceKind::Nic(nic) = &device.kind {
            ui.push_id(&device.id, |ui| {
                fields::inset(ui, |ui| card_ui(ui, form, desk, &device, nic));
            });
        }
    }
    let new = DeviceKind::Nic(Nic::new(fresh_address()));
    fields::add_button(ui, form, tr("Add a network card"), new);
}

/// An address that no other card has, as good as surely.
fn fresh_address() -> Mac {
    let [a, b, c, ..] = *uuid::Uuid::new_v4().as_bytes();
    Mac::local([a, b, c])
}

fn card_ui(ui: &mut Ui, form: &mut HardwareForm, desk: &mut Desk<'_>, device: &Device, nic: &Nic) {
    let id = &device.id;
    let word = words::kind_word(&device.kind);
    kit::row(ui, Icon::Network, &word, nic.model.label(), |ui| {
        let remove = fill("Remove {device}", &[("device", id)]);
        if kit::icon_button(ui, true, Icon::Trash2, &remove).clicked() {
            form.edit(Change::Remove(id.clone()));
        }
        fields::mark(ui, desk.running.is_some(), Effect::NextStart);
    });
    let mut edited = nic.clone();
    ui.columns(2, |columns| {
        let models = NicModel::ALL.map(|model| (model, tr(model.label()).to_owned()));
        kit::choice(&mut columns[0], tr("Model"), &mut edited.model, &models);
        address_ui(&mut columns[1], form, id, &mut edited);
    });
    kit::hint(ui, model_text(nic.model));
    kit::field(ui, tr("Plugged into"), None, |ui, _| {
        let networks = [NicNetwork::User, NicNetwork::None];
        let mut place = networks.iter().position(|it| *it == nic.network);
        let choices = [(Some(0), tr("User network")), (Some(1), tr("No network"))];
        if kit::segmented(ui, &mut place, &choices)
            && let Some(network) = place.and_then(|place| networks.get(place))
        {
            edited.network = network.clone();
        }
    });
    if edited != *nic {
        form.set(id, DeviceKind::Nic(edited));
    }
    cable_ui(ui, form, desk, id, nic);
}

fn address_ui(ui: &mut Ui, form: &mut HardwareForm, id: &str, nic: &mut Nic) {
    let field = format!("mac/{id}");
    let complaint = form.device_complaint(id);
    ui.horizontal_top(|ui| {
        let width = ui.available_width() - 40.0;
        ui.vertical(|ui| {
            ui.set_width(width);
            let spec = Spec {
                section: SECTION,
                field: &field,
                label: tr("Address (MAC)"),
                hint: "52:54:00:12:34:56",
                complaint,
            };
            let read = |text: &str| {
                text.parse::<Mac>()
                    .map_err(|error| told(&error.to_string()).into_owned())
            };
            if let Some(mac) = value_field(ui, form, spec, &nic.mac.to_string(), read) {
                nic.mac = mac;
            }
        });
        ui.vertical(|ui| {
            ui.add_space(21.0); // level with the field, below its label
            if kit::icon_button(ui, true, Icon::RefreshCw, tr("New address")).clicked() {
                form.forget_text(SECTION, &field);
                nic.mac = fresh_address();
            }
        });
    });
}

fn model_text(model: NicModel) -> &'static str {
    match model {
        NicModel::Virtio => tr("Fastest; Linux and the BSDs know it, Windows needs its driver"),
        NicModel::E1000e => tr("For Windows since 8 and other systems without a virtio driver"),
        NicModel::E1000 => tr("For systems since about 2002"),
        NicModel::Rtl8139 => tr("For systems since about 1997, such as Windows 98 and XP"),
        NicModel::Pcnet => tr("For the oldest: DOS, Windows 3.11 and NT"),
    }
}

/// The cable: at once where the guest runs, with the other edits where it does not.
fn cable_ui(ui: &mut Ui, form: &mut HardwareForm, desk: &mut Desk<'_>, id: &str, nic: &Nic) {
    let live = desk.guest_has(form, id);
    let meaning = if live {
        tr("The guest sees at once that it is pulled or plugged in")
    } else {
        tr("Without it the guest finds a card that is connected to nothing")
    };
    let turned = ui
        .horizontal_top(|ui| {
            let width = ui.available_width() - if live { 100.0 } else { 0.0 };
            let switch = ui
                .vertical(|ui| {
                    ui.set_width(width);
                    kit::switch(ui, true, nic.link, tr("Cable plugged in"), meaning)
                })
                .inner;
            fields::mark(ui, live, Effect::AtOnce);
            switch.clicked()
        })
        .inner;
    if !turned {
        return;
    }
    let with_link = |nic: &Nic, link| {
        let nic = Nic {
            link,
            ..nic.clone()
        };
        DeviceKind::Nic(nic)
    };
    let now = form.draft.device(id).map(|device| device.kind.clone());
    if let Some(DeviceKind::Nic(draft)) = now {
        form.set(id, with_link(&draft, !nic.link));
    }
    // Only the cable: the other edits still wait to be applied.
    if live && let Some(DeviceKind::Nic(base)) = form.base.device(id).map(|device| &device.kind) {
        let kind = with_link(base, !nic.link);
        let id = id.to_owned();
        desk.asks.push(Ask::Engine(Command::Change {
            machine: desk.report.id,
            changes: vec![Change::Set { id, kind }],
        }));
        form.expect();
    }
}
