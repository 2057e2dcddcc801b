//! How a disk, a partition and an entry of a folder look in a list.

use egui::{
    Align2, Rect, Response, RichText, Sense, Ui, UiBuilder, WidgetInfo, accesskit::Role, pos2, vec2,
};

use super::{compare, row};
use crate::language::{fill, told, tr};
use crate::model::{DiskContents, FileSort, FolderEntry, Partition, Timestamp};
use crate::ui::icon::{self, Icon};
use crate::ui::kit;
use crate::ui::theme::{self, palette};
use crate::ui::view::View;

/// The height of one.
pub(super) const LINE: f32 = 30.0;
/// Room for a size, for a time, and for the button that saves.
const SIZE: f32 = 84.0;
const TIME: f32 = 132.0;
const SAVE: f32 = 34.0;
/// Narrower lists leave the time out.
const ROOMY: f32 = 560.0;

/// What was asked of a line.
pub(super) enum Wish {
    Open,
    Save,
}

/// Whether a disk has neither partitions nor a file system, as far as can be told.
pub(super) fn has_nothing(disk: &DiskContents) -> bool {
    disk.trouble.is_none() && disk.partitions.is_empty()
}

pub(super) fn disk_ui(ui: &mut Ui, disk: &DiskContents) {
    let p = palette(ui);
    ui.allocate_ui(vec2(ui.available_width(), LINE), |ui| {
        ui.set_min_height(LINE);
        ui.horizontal_centered(|ui| {
            ui.spacing_mut().item_spacing.x = 8.0;
            icon::show(ui, Icon::HardDrive, 16.0, p.accent_text);
            let name = RichText::new(&disk.device).font(theme::semibold(theme::BODY));
            ui.label(name.color(p.text));
            let (text, color) = match &disk.trouble {
                Some(trouble) => (kit::sentence(&told(trouble)), p.error),
                None if has_nothing(disk) => {
                    let text = tr("No file system: nothing was installed, or it is encrypted");
                    (text.to_owned(), p.dim)
                }
                None => return,
            };
            let text = RichText::new(&text).size(13.0).color(color);
            ui.add(egui::Label::new(text).truncate());
        });
    });
}

/// A line of the list over its whole width; those that lead somewhere take clicks and the keyboard.
fn ground_ui(ui: &mut Ui, name: &str, leads: bool) -> (Rect, Response) {
    let sense = if leads {
        Sense::click()
    } else {
        Sense::hover()
    };
    let size = vec2(ui.available_width(), LINE);
    let (rect, response) = ui.allocate_exact_size(size, sense);
    let role = if leads { Role::Button } else { Role::Label };
    response.widget_info(|| WidgetInfo::labeled(role, true, name));
    if leads && response.hovered() {
        ui.painter().rect_filled(rect, 6.0, palette(ui).hover);
    }
    if response.has_focus() {
        let ring = egui::Stroke::new(2.0, palette(ui).accent_text);
        let inside = egui::StrokeKind::Inside;
        ui.painter().rect_stroke(rect, 6.0, ring, inside);
    }
    (rect, response)
}

pub(super) fn partition_ui(ui: &mut Ui, partition: &Partition) -> bool {
    let p = palette(ui);
    let name = compare::partition_words(partition);
    let readable = partition.file_system.is_readable();
    let (rect, response) = ground_ui(ui, &name, readable);
    let left = rect.left() + 26.0;
    let at = |x: f32| pos2(x, rect.center().y);
    let (glyph, color) = match readable {
        true => (Icon::Folder, p.accent_text),
        false => (Icon::FolderX, p.dim),
    };
    icon::paint(ui.painter(), at(left + 8.0), glyph, 16.0, color);
    let color = if readable { p.text } else { p.dim };
    let font = theme::regular(theme::BODY);
    let text = pos2(left + 24.0, rect.center().y - 8.5);
    let end = row::line(ui, text, &name, font, color, rect.right() - left - 60.0);
    if readable {
        let chevron = at(rect.right() - 14.0);
        icon::paint(ui.painter(), chevron, Icon::ChevronRight, 15.0, p.dim);
    } else {
        let word = match partition.file_system.name() {
            "" => tr("no known file system"),
            _ => tr("unsupported file system"),
        };
        let text = pos2(end + 12.0, rect.center().y - 8.0);
        let room = rect.right() - end - 16.0;
        row::line(ui, text, word, theme::regular(13.0), p.warn, room);
    }
    readable && response.clicked()
}

pub(super) fn entry_ui(ui: &mut Ui, view: &View, entry: &FolderEntry) -> Option<Wish> {
    let p = palette(ui);
    let is_folder = entry.kind == FileSort::Folder;
    let (rect, response) = ground_ui(ui, &entry.name, is_folder);
    let middle = rect.center().y;
    let (glyph, color) = match entry.kind {
        FileSort::Folder => (Icon::Folder, p.accent_text),
        FileSort::File => (Icon::File, p.dim),
        FileSort::Link => (Icon::Link, p.dim),
        FileSort::Other => (Icon::FileQuestionMark, p.dim),
    };
    let left = rect.left() + 8.0;
    icon::paint(ui.painter(), pos2(left + 8.0, middle), glyph, 15.0, color);
    let mut right = rect.right() - SAVE;
    let dim = |right: f32, text: String| {
        let font = theme::regular(13.0);
        let at = pos2(right, middle);
        ui.painter()
            .text(at, Align2::RIGHT_CENTER, text, font, p.dim);
    };
    let modified = entry.modified.and_then(|at| u64::try_from(at).ok());
    if rect.width() > ROOMY {
        if let Some(modified) = modified {
            dim(right, view.zone.moment(Timestamp(modified), view.now));
        }
        right -= TIME;
    }
    if entry.kind == FileSort::File {
        dim(right, entry.size.to_string());
    }
    right -= SIZE;
    let font = theme::regular(theme::BODY);
    let text = pos2(left + 26.0, middle - 8.5);
    let room = right - text.x - 8.0;
    row::line(ui, text, &entry.name, font, p.text, room);
    let response = match modified {
        Some(modified) => {
            let exact = view.zone.exact(Timestamp(modified));
            let hint = fill(
                "{name}, changed {time}",
                &[("name", &entry.name), ("time", &exact)],
            );
            response.on_hover_text(hint)
        }
        None => response,
    };
    if is_folder && response.clicked() {
        return Some(Wish::Open);
    }
    if entry.kind != FileSort::File {
        return None;
    }
    let place = Rect::from_center_size(pos2(rect.right() - SAVE / 2.0, middle), vec2(24.0, 24.0));
    let word = fill("Save a copy of {name}…", &[("name", &entry.name)]);
    let save = ui.scope_builder(UiBuilder::new().max_rect(place), |ui| {
        kit::small_icon(ui, Icon::Download, &word)
    });
    save.inner.clicked().then_some(Wish::Save)
}
