//! Guests' screens: the key that gives the keyboard back, thumbnails, the way of the picture.

use egui::{ComboBox, Ui};

use super::choice_ui;
use crate::language::tr;
use crate::model::{DisplayPath, ReleaseKey, Settings};
use crate::ui::kit;

pub(super) fn screens_ui(ui: &mut Ui, settings: &mut Settings) {
    let text = tr(
        "Tapped alone, it takes the keyboard from a guest and gives it back. Held with another key, the guest gets both",
    );
    choice_ui(ui, tr("Key that releases the keyboard"), text, |ui| {
        let chosen = tr(settings.release_key.label());
        let menu = ComboBox::from_id_salt("release key").selected_text(chosen);
        let shown = menu.width(180.0).show_ui(ui, |ui| {
            for key in ReleaseKey::ALL {
                ui.selectable_value(&mut settings.release_key, key, tr(key.label()));
            }
        });
        let name = tr("Key that releases the keyboard");
        shown.response.widget_info(|| {
            let mut info = egui::WidgetInfo::labeled(egui::Role::ComboBox, true, name);
            info.current_text_value = Some(chosen.to_owned());
            info
        });
    });
    let text = tr("Small pictures in the list, of running machines in sight");
    choice_ui(ui, tr("New thumbnails"), text, |ui| {
        let choices = [
            (0, tr("Off")),
            (2, tr("Every 2 s")),
            (10, tr("Every 10 s")),
            (30, tr("Every 30 s")),
            (60, tr("Every minute")),
        ];
        kit::segmented(ui, &mut settings.thumbnails, &choices);
    });
    let text = tr(
        "D-Bus shares memory with QEMU and is faster; choose RFB if pictures look wrong. Counts from a machine's next start",
    );
    choice_ui(ui, tr("How guest screens reach the window"), text, |ui| {
        let choices = [(DisplayPath::Dbus, "D-Bus"), (DisplayPath::Rfb, "RFB")];
        kit::segmented(ui, &mut settings.display, &choices);
    });
}
