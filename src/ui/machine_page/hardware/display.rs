//! The graphics card: model, first resolution, screens, memory.

use egui::Ui;

use super::draft::number;
use super::fields::{self, Spec, value_field};
use super::{Desk, HardwareForm, Section};
use crate::language::tr;
use crate::model::{ByteSize, Change, DeviceKind, Display, DisplayModel};
use crate::ui::kit;

const SECTION: Section = Section::Display;

/// Resolutions that people ask for.
const COMMON: [(u32, u32); 8] = [
    (640, 480),
    (800, 600),
    (1024, 768),
    (1280, 800),
    (1440, 900),
    (1920, 1080),
    (2560, 1440),
    (3840, 2160),
];

pub(super) fn display_ui(ui: &mut Ui, form: &mut HardwareForm, _desk: &mut Desk<'_>) {
    let id = fields::find(form, |kind| matches!(kind, DeviceKind::Display(_)));
    let kind = id.as_deref().and_then(|id| form.draft.device(id));
    let now = kind.and_then(|device| match &device.kind {
        DeviceKind::Display(display) => Some(display.clone()),
        _ => None,
    });
    model_ui(ui, form, id.as_deref(), now.as_ref());
    let (Some(id), Some(now)) = (id, now) else {
        kit::warning(
            ui,
            tr("Nothing can be seen of the guest: reach it over its network or its serial port"),
        );
        return;
    };
    // The model may have just been changed.
    let Some(DeviceKind::Display(current)) = form.draft.device(&id).map(|device| &device.kind)
    else {
        return;
    };
    if *current != now {
        return;
    }
    kit::hint(ui, model_text(now.model));
    if let Some(complaint) = form.device_complaint(&id) {
        kit::complaint(ui, &complaint);
    }
    let mut edited = now.clone();
    resolution_ui(ui, form, &mut edited);
    if now.model == DisplayModel::Virtio {
        heads_ui(ui, form, &mut edited);
    } else {
        memory_ui(ui, &mut edited);
    }
    if edited != now {
        form.set(&id, DeviceKind::Display(edited));
    }
}

fn model_ui(ui: &mut Ui, form: &mut HardwareForm, id: Option<&str>, now: Option<&Display>) {
    let mut model = now.map(|display| display.model);
    let mut choices = vec![(None, tr("None"))];
    choices.extend(DisplayModel::ALL.map(|model| (Some(model), tr(model.label()))));
    let changed = kit::field(ui, tr("Graphics card"), None, |ui, _| {
        kit::segmented(ui, &mut model, &choices)
    });
    if !changed {
        return;
    }
    match (id, now, model) {
        (Some(id), _, None) => form.edit(Change::Remove(id.to_owned())),
        (Some(id), Some(now), Some(model)) => {
            // What the other card has no word for goes back to what is usual.
            let virtio = model == DisplayModel::Virtio;
            let display = Display {
                model,
                heads: if virtio { now.heads } else { 1 },
                memory: None,
                ..now.clone()
            };
            form.set(id, DeviceKind::Display(display));
        }
        (_, _, Some(model)) => {
            let display = Display {
                model,
                ..Display::new(1280, 800)
            };
            if let Ok(device) = form.room_for(DeviceKind::Display(display)) {
                form.edit(Change::Add(device));
            }
        }
        (None, _, None) => {}
    }
}

fn model_text(model: DisplayModel) -> &'static str {
    match model {
        DisplayModel::Virtio => {
            tr("Follows the window's size; right for every system that is not old")
        }
        DisplayModel::Vga => tr("For systems without a virtio driver; plain, and works everywhere"),
        DisplayModel::Cirrus => tr("For systems of the nineties, such as Windows 95"),
    }
}

fn resolution_ui(ui: &mut Ui, form: &mut HardwareForm, display: &mut Display) {
    let mut size = (display.width, display.height);
    let mut choices: Vec<((u32, u32), String)> = COMMON
        .map(|(width, height)| ((width, height), format!("{width} × {height}")))
        .to_vec();
    if !COMMON.contains(&size) {
        choices.insert(0, (size, tr("Another").to_owned()));
    }
    ui.columns(3, |columns| {
        if kit::choice(
            &mut columns[0],
            tr("Resolution at the start"),
            &mut size,
            &choices,
        ) {
            for field in ["width", "height"] {
                form.forget_text(SECTION, field);
            }
            (display.width, display.height) = size;
        }
        let sides = [
            ("width", tr("Width"), &mut display.width),
            ("height", tr("Height"), &mut display.height),
        ];
        for ((field, label, value), ui) in sides.into_iter().zip(&mut columns[1..]) {
            let spec = Spec {
                section: SECTION,
                field,
                label,
                hint: "1280",
                complaint: None,
            };
            if let Some(typed) = value_field(ui, form, spec, &value.to_string(), number) {
                *value = typed;
            }
        }
    });
}

fn heads_ui(ui: &mut Ui, form: &mut HardwareForm, display: &mut Display) {
    let spec = Spec {
        section: SECTION,
        field: "heads",
        label: tr("Screens"),
        hint: "1",
        complaint: None,
    };
    let shown = display.heads.to_string();
    if let Some(heads) = value_field(ui, form, spec, &shown, number) {
        display.heads = heads;
    }
    if display.heads > 1 {
        kit::hint(
            ui,
            tr("The page shows the first; “More actions” opens a window for each"),
        );
    }
}

fn memory_ui(ui: &mut Ui, display: &mut Display) {
    let largest = match display.model {
        DisplayModel::Cirrus => 16,
        DisplayModel::Virtio | DisplayModel::Vga => 512,
    };
    let mut choices = vec![(None, tr("As usual").to_owned())];
    let sizes = std::iter::successors(Some(4_u64), |mib| mib.checked_mul(2));
    for mib in sizes.take_while(|mib| *mib <= largest) {
        let size = ByteSize::mib(mib);
        choices.push((Some(size), size.to_string()));
    }
    kit::choice(ui, tr("Memory of the card"), &mut display.memory, &choices);
}
