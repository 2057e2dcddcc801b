//! What a machine is to its user: name, picture, tags, notes.

use egui::Ui;

use super::{Desk, HardwareForm};
use crate::language::{fill, tr};
use crate::model::{Change, Part};
use crate::ui::icon::{Icon, MACHINE_ICONS};
use crate::ui::kit::{self, Field};

pub(super) fn identity_ui(ui: &mut Ui, form: &mut HardwareForm, desk: &mut Desk<'_>) {
    let mut name = form.draft.name.clone();
    let complaint = form.name_complaint();
    let field = Field {
        label: tr("Name"),
        hint: tr("Debian"),
        complaint: complaint.as_deref(),
    };
    if kit::text_field(ui, &field, &mut name).changed() {
        form.edit(Change::Name(name));
    }
    tags_ui(ui, form, desk.tab.tag);
    icons_ui(ui, form);
    notes_ui(ui, form);
}

fn tags_ui(ui: &mut Ui, form: &mut HardwareForm, typed: &mut String) {
    let complaint = form.complaint(&Part::Tags);
    if !form.draft.tags.is_empty() {
        kit::label(ui, tr("Tags"));
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = egui::vec2(6.0, 6.0);
            let mut tags = form.draft.tags.clone();
            for (place, tag) in form.draft.tags.iter().enumerate() {
                let remove = fill("Remove the tag {tag}", &[("tag", tag)]);
                if kit::chip(ui, tag, &remove) {
                    tags.remove(place);
                    break; // one click a frame, and the places have moved
                }
            }
            if tags != form.draft.tags {
                form.edit(Change::Tags(tags));
            }
        });
    }
    let field = Field {
        label: tr("New tag"),
        hint: tr("Type a word and press Enter"),
        complaint: complaint.as_deref(),
    };
    let response = kit::text_field(ui, &field, typed);
    let entered = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
    if entered || typed.contains(',') {
        let mut tags = form.draft.tags.clone();
        for tag in typed.split(',').map(str::trim) {
            if !tag.is_empty() && !tags.iter().any(|known| known == tag) {
                tags.push(tag.to_owned());
            }
        }
        typed.clear();
        form.edit(Change::Tags(tags));
        response.request_focus();
    }
}

fn icons_ui(ui: &mut Ui, form: &mut HardwareForm) {
    kit::label(ui, tr("Picture in the list"));
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = egui::vec2(6.0, 6.0);
        let chosen = form.draft.icon.clone();
        if kit::tile(
            ui,
            Icon::Image,
            tr("The screen, as usual"),
            chosen.is_empty(),
        ) {
            form.edit(Change::Icon(String::new()));
        }
        for (word, glyph) in MACHINE_ICONS {
            if kit::tile(ui, glyph, icon_word(word), chosen == word) {
                form.edit(Change::Icon(word.to_owned()));
            }
        }
    });
}

/// What a picture shows, for those who can't see it.
fn icon_word(word: &'static str) -> &'static str {
    match word {
        "desktop" => tr("Desktop computer"),
        "laptop" => tr("Laptop"),
        "server" => tr("Server"),
        "terminal" => tr("Terminal"),
        "router" => tr("Router"),
        "shield" => tr("Shield"),
        "database" => tr("Database"),
        "globe" => tr("Globe"),
        "cloud" => tr("Cloud"),
        "container" => tr("Container"),
        "code" => tr("Code"),
        "hammer" => tr("Hammer"),
        "flask" => tr("Flask"),
        "bug" => tr("Bug"),
        "rocket" => tr("Rocket"),
        "gamepad" => tr("Gamepad"),
        "school" => tr("School"),
        "work" => tr("Briefcase"),
        "home" => tr("House"),
        "leaf" => tr("Leaf"),
        other => other,
    }
}

fn notes_ui(ui: &mut Ui, form: &mut HardwareForm) {
    let mut notes = form.draft.notes.clone();
    let complaint = form.complaint(&Part::Notes);
    kit::field(ui, tr("Notes"), complaint.as_deref(), |ui, id| {
        let edit = egui::TextEdit::multiline(&mut notes)
            .desired_width(f32::INFINITY)
            .desired_rows(4)
            .margin(egui::Margin::symmetric(10, 7))
            .char_limit(70_000) // a little more than is allowed, so that too much is said
            .hint_text(tr("What this machine is for"));
        if ui.add(edit).labelled_by(id).changed() {
            form.edit(Change::Notes(notes));
        }
    });
}
