//! Where the library lies, and where the next start looks for it.

use std::path::{Path, PathBuf};

use egui::{RichText, Ui};

use super::choice_ui;
use crate::engine::message::Command;
use crate::language::{fill, tr};
use crate::model::{LibraryFrom, Settings, Whereabouts};
use crate::ui::icon::Icon;
use crate::ui::kit::{self, Field, Tone};
use crate::ui::theme::palette;
use crate::ui::view::View;
use crate::ui::{Ask, FilePick};

/// The path that is being typed; `None` until something is.
#[derive(Default)]
pub(super) struct FolderField {
    typed: Option<String>,
}

impl FolderField {
    pub(super) fn take(&mut self, path: &Path) {
        self.typed = Some(path.display().to_string());
    }
}

pub(super) fn library_ui(ui: &mut Ui, field: &mut FolderField, view: &View, asks: &mut Vec<Ask>) {
    let places = &view.program.whereabouts;
    let text = tr("Machines and their disks lie here");
    choice_ui(ui, tr("Library of this start"), text, |ui| {
        let path = places.library.display().to_string();
        kit::copy_line(ui, &path, tr("the folder's path"));
        let why = match places.library_from {
            LibraryFrom::Usual => tr("The usual folder"),
            LibraryFrom::Settings => tr("Chosen here"),
            LibraryFrom::Start => tr(
                "Given at the start, by --library or ORANGERY_LIBRARY. That wins over what is chosen here",
            ),
        };
        ui.add(egui::Label::new(RichText::new(why).color(palette(ui).dim)).wrap());
    });
    let text = tr(
        "An empty or new folder, or one that holds a library. Machines stay where they are: to take them along, move the whole folder while nothing runs",
    );
    choice_ui(ui, tr("Library from the next start"), text, |ui| {
        next_ui(ui, field, view, asks);
    });
}

fn next_ui(ui: &mut Ui, field: &mut FolderField, view: &View, asks: &mut Vec<Ask>) {
    let places = &view.program.whereabouts;
    let next = next_library(&view.settings, places);
    let saved = next.display().to_string();
    let mut value = field.typed.clone().unwrap_or_else(|| saved.clone());
    let complaint = (!value.trim().is_empty() && !Path::new(value.trim()).is_absolute())
        .then(|| tr("Write the full path, from / on"));
    let spec = Field {
        label: tr("Folder"),
        hint: "/home/…",
        complaint,
    };
    let (text, browse) = kit::browse_field(ui, &spec, &mut value);
    if browse {
        asks.push(Ask::Pick(FilePick::LibraryFolder));
    }
    if text.changed() {
        field.typed = Some(value.clone());
    }
    let path = PathBuf::from(value.trim());
    let ready = complaint.is_none() && !value.trim().is_empty() && path != next;
    ui.horizontal(|ui| {
        let word = tr("Use this folder");
        let take = kit::secondary(ui, ready, Some(Icon::Check), word);
        let take = take.on_disabled_hover_text(tr("It is the one that is used"));
        if take.clicked() {
            let library = (path != places.usual_library).then_some(path);
            let settings = Settings {
                library,
                ..view.settings.clone()
            };
            asks.push(Ask::Engine(Command::SaveSettings(settings)));
            field.typed = None;
        }
    });
    if next != places.library {
        changes_ui(ui, places, &next);
    }
}

/// Where the next start looks if nothing is said at it.
fn next_library(settings: &Settings, places: &Whereabouts) -> PathBuf {
    let chosen = settings.library.clone();
    chosen.unwrap_or_else(|| places.usual_library.clone())
}

fn changes_ui(ui: &mut Ui, places: &Whereabouts, next: &Path) {
    let path = next.display();
    let text = if places.library_from == LibraryFrom::Start {
        fill(
            "A start without --library and ORANGERY_LIBRARY opens {path}",
            &[("path", &path)],
        )
    } else {
        fill(
            "From the next start the library is {path}. The machines of this one stay in {old}",
            &[("path", &path), ("old", &places.library.display())],
        )
    };
    let title = tr("The next start opens another library");
    kit::callout(ui, Tone::Info, title, |ui| {
        ui.add(egui::Label::new(RichText::new(text).color(palette(ui).text)).wrap());
    });
}
