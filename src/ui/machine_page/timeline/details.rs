//! The side of the timeline: the picture of what is looked at, what it is, and what can be done with it.

use egui::{Key, Margin, Modifiers, Rect, RichText, ScrollArea, Ui, vec2};

use super::arrange::Point;
use super::browse::BrowseDialog;
use super::compare::CompareDialog;
use super::many::{many_ui, many_verbs_ui};
use super::rewind::RewindDialog;
use super::{Scene, TimelineTab, row, words};
use crate::engine::message::Command;
use crate::language::{count, fill, told, tr};
use crate::model::{Action, DeviceKind, MachineReport, SnapshotId, SnapshotReport};
use crate::ui::actions::{self, Shape};
use crate::ui::album::PictureSize;
use crate::ui::icon::{self, Icon};
use crate::ui::kit::{self, Tone};
use crate::ui::library::LAB_ICON;
use crate::ui::theme::{self, palette};
use crate::ui::view::View;
use crate::ui::{Ask, snapshot_dialog};

/// A name and a note that are being written.
pub struct Edit {
    pub snapshot: SnapshotId,
    name: String,
    note: String,
    focused: bool,
}

pub(super) fn details_ui(
    ui: &mut Ui,
    tab: &mut TimelineTab,
    scene: &Scene<'_>,
    asks: &mut Vec<Ask>,
) {
    let point = tab.selection.point.unwrap_or(Point::Now);
    let marked = tab.selection.marks.len();
    let snapshot = match point {
        Point::Snapshot(id) => scene.timeline.snapshot(id),
        Point::Now | Point::Run(_) => None,
    };
    let foot = egui::Panel::bottom("timeline verbs")
        .show_separator_line(true)
        .frame(egui::Frame::NONE.inner_margin(Margin::symmetric(14, 10)));
    foot.show(ui, |ui| {
        ui.set_min_height(theme::CONTROL);
        match (snapshot, point) {
            _ if marked > 1 => many_verbs_ui(ui, tab, scene, asks),
            (Some(snapshot), _) => verbs_ui(ui, tab, scene, snapshot, asks),
            (None, Point::Run(_)) => many_verbs_ui(ui, tab, scene, asks),
            (None, _) => {
                now_verbs_ui(ui, tab, scene, asks);
            }
        }
    });
    let area = ScrollArea::vertical().auto_shrink(false).id_salt(point);
    area.show(ui, |ui| {
        egui::Frame::NONE
            .inner_margin(Margin::same(14))
            .show(ui, |ui| {
                ui.set_width(ui.available_width());
                ui.spacing_mut().item_spacing.y = 6.0;
                picture_ui(ui, tab, scene, point);
                ui.add_space(4.0);
                match snapshot {
                    _ if marked > 1 => many_ui(ui, tab, scene),
                    Some(snapshot) => snapshot_ui(ui, tab, scene, snapshot, asks),
                    None if point == Point::Now => now_ui(ui, scene),
                    None => many_ui(ui, tab, scene),
                }
            });
    });
}

/// Large, in the shape of most screens.
fn picture_ui(ui: &mut Ui, tab: &mut TimelineTab, scene: &Scene<'_>, point: Point) {
    let p = palette(ui);
    let width = ui.available_width();
    let most = (ui.clip_rect().height() * 0.5).max(90.0);
    let size = vec2(width, (width * 0.625).min(most));
    let (rect, response) = ui.allocate_exact_size(size, egui::Sense::hover());
    let newest = scene
        .list
        .snapshots_of(scene.timeline, point)
        .first()
        .copied();
    let texture = match newest {
        Some(id) => {
            tab.wish(scene.report, scene.timeline, id, PictureSize::Large);
            // What is looked at is wanted before all else.
            if let Some(large) = tab.wishes.pop_if(|wish| wish.size == PictureSize::Large) {
                tab.wishes.insert(0, large);
            }
            scene.view.pictures.best(scene.report.id, id)
        }
        None => scene.view.thumbnail(scene.report.id),
    };
    match texture {
        Some(texture) => {
            ui.painter().rect_filled(rect, 8.0, p.letterbox);
            let size = texture.size_vec2();
            let scale = (rect.width() / size.x).min(rect.height() / size.y);
            let place = Rect::from_center_size(rect.center(), size * scale);
            let whole = Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(1.0, 1.0));
            let shape = egui::epaint::RectShape::filled(place, 8.0, egui::Color32::WHITE);
            ui.painter().add(shape.with_texture(texture.id(), whole));
        }
        None => {
            let ran = newest.and_then(|id| scene.timeline.snapshot(id));
            let ran = ran.map_or(scene.report.state.has_process(), |it| {
                it.with_memory || it.disk.is_some()
            });
            let (glyph, word) = match ran {
                true => (Icon::Monitor, tr("There is no picture of it")),
                false => (Icon::Power, tr("The machine was off")),
            };
            row::picture_ui(ui.painter(), p, rect, None, glyph);
            let at = rect.center_bottom() - vec2(0.0, 16.0);
            let font = theme::regular(13.0);
            ui.painter()
                .text(at, egui::Align2::CENTER_CENTER, word, font, p.dim);
        }
    }
    let name = tr("The screen at that time");
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, name));
}

fn snapshot_ui(
    ui: &mut Ui,
    tab: &mut TimelineTab,
    scene: &Scene<'_>,
    snapshot: &SnapshotReport,
    asks: &mut Vec<Ask>,
) {
    let p = palette(ui);
    if tab
        .edit
        .as_ref()
        .is_some_and(|edit| edit.snapshot == snapshot.id)
    {
        edit_ui(ui, tab, scene, asks);
        ui.separator();
    } else {
        title_ui(ui, tab, scene, snapshot, asks);
        if !snapshot.note.is_empty() {
            let note = RichText::new(&snapshot.note).color(p.text);
            ui.add(egui::Label::new(note).wrap().selectable(true));
        }
    }
    if let Some(trouble) = &snapshot.trouble {
        kit::callout(ui, Tone::Error, tr("It can't be used"), |ui| {
            kit::hint(ui, &kit::sentence(&told(trouble)));
        });
    }
    if snapshot.writing {
        kit::hint(
            ui,
            tr("Its memory is still being written. The guest goes on meanwhile"),
        );
    }
    facts_ui(ui, tab, scene, snapshot);
}

fn title_ui(
    ui: &mut Ui,
    tab: &mut TimelineTab,
    scene: &Scene<'_>,
    snapshot: &SnapshotReport,
    asks: &mut Vec<Ask>,
) {
    let p = palette(ui);
    ui.horizontal(|ui| {
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            disk_menu_ui(ui, scene, snapshot, asks);
            let why = rewind_verdict(scene.view, scene.report, snapshot).err();
            let word = tr("Browse files…");
            if kit::icon_or_why(ui, Icon::FolderOpen, word, why.as_deref()) {
                tab.browse = Some(BrowseDialog::new(scene.report, Some(snapshot.id), asks));
            }
            if !scene.view.handed_over
                && kit::small_icon(ui, Icon::Pencil, tr("Name and note")).clicked()
            {
                tab.begin_edit(scene, snapshot.id);
            }
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                let title = words::title(scene.view, snapshot);
                let text = RichText::new(&title).font(theme::semibold(theme::TITLE));
                let label = egui::Label::new(text.color(p.text)).wrap();
                if ui.add(label.sense(egui::Sense::click())).double_clicked() {
                    tab.begin_edit(scene, snapshot.id);
                }
            });
        });
    });
}

fn edit_ui(ui: &mut Ui, tab: &mut TimelineTab, scene: &Scene<'_>, asks: &mut Vec<Ask>) {
    let Some(edit) = &mut tab.edit else { return };
    let focus = !std::mem::replace(&mut edit.focused, true);
    snapshot_dialog::fields_ui(ui, &mut edit.name, &mut edit.note, focus);
    let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let (entered, left) = (pressed(Key::Enter), pressed(Key::Escape));
    let (saved, cancelled) = ui
        .horizontal(|ui| {
            let saved = kit::secondary(ui, true, Some(Icon::Check), tr("Save")).clicked();
            (saved, kit::link(ui, None, tr("Cancel")).clicked())
        })
        .inner;
    if !cancelled && !left && (saved || entered) {
        asks.push(Ask::Engine(Command::EditSnapshot {
            machine: scene.report.id,
            snapshot: edit.snapshot,
            name: edit.name.trim().to_owned(),
            note: edit.note.trim().to_owned(),
        }));
    }
    if saved || entered || cancelled || left {
        tab.edit = None;
        tab.focus_point = true;
    }
}

fn facts_ui(ui: &mut Ui, tab: &mut TimelineTab, scene: &Scene<'_>, snapshot: &SnapshotReport) {
    let view = scene.view;
    let (glyph, word) = words::kind(snapshot);
    fact_ui(ui, glyph, tr("Kind"), word, tr(snapshot.kind.label()));
    let time = view.zone.moment(snapshot.time, view.now);
    let ago = told(&snapshot.time.ago(view.now)).into_owned();
    let when = fill("{time}, {ago}", &[("time", &time), ("ago", &ago)]);
    fact_ui(
        ui,
        Icon::Clock,
        tr("Taken"),
        &when,
        &view.zone.exact(snapshot.time),
    );
    let parent = snapshot.parent.and_then(|id| scene.timeline.snapshot(id));
    if let Some(parent) = parent {
        let title = words::title(view, parent);
        if link_ui(
            ui,
            Icon::GitCommitVertical,
            tr("After"),
            &title,
            tr("Look at it"),
        ) {
            tab.selection.look_at(Point::Snapshot(parent.id));
            tab.reveal_point = true;
        }
    }
    if let Some(lab) = words::lab(view, snapshot.id) {
        let hint = words::lab_text(lab);
        fact_ui(ui, LAB_ICON, tr("Lab"), lab, &hint);
    }
    if words::is_template(scene.report, snapshot.id) {
        let begin = tr("new machines begin here at once");
        fact_ui(ui, Icon::Zap, tr("Template"), begin, "");
    }
    let memory = match (&snapshot.disk, snapshot.with_memory) {
        (Some(disk), _) => fill("brings {disk} back, and nothing else", &[("disk", disk)]),
        (None, true) => tr("goes on in that very moment").to_owned(),
        (None, false) => tr("boots from there").to_owned(),
    };
    fact_ui(ui, Icon::MemoryStick, tr("Going back"), &memory, "");
    let own = snapshot.bytes.to_string();
    let hint = tr("What comes back when it alone is deleted");
    fact_ui(ui, Icon::HardDrive, tr("Its own"), &own, hint);
    if snapshot.shared.0 > 0 {
        let shared = snapshot.shared.to_string();
        let hint = tr("What it needs besides, and others need as well");
        fact_ui(ui, Icon::Share2, tr("Shared"), &shared, hint);
    }
    if snapshot.depth > 1 {
        let layers = count(u64::from(snapshot.depth), "{count} layer", "{count} layers");
        let hint = tr("Of its deepest disk; each snapshot adds one");
        fact_ui(ui, Icon::Layers, tr("Disks"), &layers, hint);
    }
}

/// A line "icon, word, value" that wraps; `hint` may be empty.
pub(super) fn fact_ui(ui: &mut Ui, glyph: Icon, word: &str, value: &str, hint: &str) {
    let value = RichText::new(value).size(13.0).color(palette(ui).text);
    let label = line_ui(ui, glyph, word, egui::Label::new(value).wrap());
    if !hint.is_empty() {
        label.on_hover_text(hint);
    }
}

/// Such a line whose value leads somewhere; returns whether it was clicked.
fn link_ui(ui: &mut Ui, glyph: Icon, word: &str, value: &str, hint: &str) -> bool {
    let text = RichText::new(value).size(13.0).color(palette(ui).text);
    let label = egui::Label::new(text.underline()).wrap();
    let label = line_ui(ui, glyph, word, label.sense(egui::Sense::click()));
    let label = kit::name(label, value).on_hover_cursor(egui::CursorIcon::PointingHand);
    kit::focus_ring(ui, &label);
    label.on_hover_text(hint).clicked()
}

fn line_ui(ui: &mut Ui, glyph: Icon, word: &str, value: egui::Label) -> egui::Response {
    let p = palette(ui);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        let left = ui.cursor().left();
        icon::show(ui, glyph, 16.0, p.accent_text);
        ui.label(RichText::new(word).size(13.0).color(p.dim));
        ui.add_space((left + 104.0 - ui.cursor().left()).max(0.0));
        ui.add(value)
    })
    .inner
}

fn now_ui(ui: &mut Ui, scene: &Scene<'_>) {
    let p = palette(ui);
    let title = RichText::new(tr("Now")).font(theme::semibold(theme::TITLE));
    ui.label(title.color(p.text));
    kit::hint(
        ui,
        tr("The machine as it is. A snapshot keeps it; going back offers to keep it first"),
    );
    let timeline = scene.timeline;
    let point = timeline.present.and_then(|id| timeline.snapshot(id));
    if let Some(point) = point {
        let title = words::title(scene.view, point);
        fact_ui(ui, Icon::GitCommitVertical, tr("After"), &title, "");
    }
    let own = timeline.bytes.to_string();
    let hint = tr("What was written to its disks since");
    fact_ui(ui, Icon::HardDrive, tr("Its own"), &own, hint);
    let layers = count(u64::from(timeline.depth), "{count} layer", "{count} layers");
    let hint = tr("Of its deepest disk; each snapshot adds one");
    fact_ui(ui, Icon::Layers, tr("Disks"), &layers, hint);
}

/// What can be done with one snapshot.
fn verbs_ui(
    ui: &mut Ui,
    tab: &mut TimelineTab,
    scene: &Scene<'_>,
    snapshot: &SnapshotReport,
    asks: &mut Vec<Ask>,
) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0; // German has little room in a small window.
        let verdict = rewind_verdict(scene.view, scene.report, snapshot);
        let word = tr("Go back…");
        let go = kit::primary(ui, verdict.is_ok(), Some(Icon::History), word);
        let go = match &verdict {
            Ok(()) => go.on_hover_text(tr("Make this point the present. Asks first (Enter)")),
            Err(why) => go.on_disabled_hover_text(why),
        };
        if go.clicked() {
            tab.ask_rewind(scene, snapshot.id);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let verdict = actions::verdict(scene.report, Action::Rewind, scene.view.handed_over);
            let why = verdict.err();
            if kit::icon_or_why(ui, Icon::Trash2, tr("Delete…"), why.as_deref()) {
                tab.ask_delete(scene, vec![snapshot.id]);
            }
            let why = scene
                .view
                .handed_over
                .then(|| tr("Another Orangery process has the library now"));
            let word = tr("Check that it is whole");
            if kit::icon_or_why(ui, Icon::ShieldCheck, word, why) {
                asks.push(Ask::Engine(Command::VerifySnapshots {
                    machine: scene.report.id,
                    snapshot: Some(snapshot.id),
                }));
            }
            let verdict = rewind_verdict(scene.view, scene.report, snapshot);
            let why = verdict.err();
            let word = tr("Compare with now…");
            if kit::icon_or_why(ui, Icon::GitCompare, word, why.as_deref()) {
                tab.compare = Some(CompareDialog::new(scene.report, snapshot.id, None, asks));
            }
        });
    });
}

/// What can be done with the present.
fn now_verbs_ui(ui: &mut Ui, tab: &mut TimelineTab, scene: &Scene<'_>, asks: &mut Vec<Ask>) {
    let (report, gone) = (scene.report, scene.view.handed_over);
    ui.horizontal(|ui| {
        let shape = Shape::Secondary;
        actions::button(ui, report, Action::Snapshot, shape, gone, asks);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let why = actions::verdict(report, Action::Rewind, gone).err();
            let word = tr("Browse files…");
            if kit::icon_or_why(ui, Icon::FolderOpen, word, why.as_deref()) {
                tab.browse = Some(BrowseDialog::new(report, None, asks));
            }
        });
    });
}

/// A new disk of one that the snapshot has.
fn disk_menu_ui(ui: &mut Ui, scene: &Scene<'_>, snapshot: &SnapshotReport, asks: &mut Vec<Ask>) {
    let report = scene.report;
    let free = rewind_verdict(scene.view, report, snapshot).is_ok();
    let Some(machine) = &report.machine else {
        return;
    };
    let disks = machine.devices.iter();
    let disks = disks.filter(|device| matches!(device.kind, DeviceKind::Disk(_)));
    let mut disks: Vec<&str> = disks.map(|device| device.id.as_str()).collect();
    disks.retain(|disk| snapshot.disk.as_deref().is_none_or(|only| only == *disk));
    if disks.is_empty() {
        return;
    }
    kit::menu_button(ui, free, Icon::HardDrive, tr("Make a disk of it"), |ui| {
        for disk in disks {
            let word = fill("Copy {disk} as a new disk", &[("disk", &disk)]);
            if kit::menu_item(ui, true, Some(Icon::Copy), &word, None).clicked() {
                asks.push(Ask::Engine(Command::DiskFromSnapshot {
                    machine: report.id,
                    snapshot: snapshot.id,
                    disk: disk.to_owned(),
                    into: report.id,
                }));
            }
        }
    });
}

/// Whether the machine can go back to `snapshot` now, or why not.
pub(super) fn rewind_verdict(
    view: &View,
    report: &MachineReport,
    snapshot: &SnapshotReport,
) -> Result<(), String> {
    actions::verdict(report, Action::Rewind, view.handed_over)?;
    match &snapshot.trouble {
        Some(trouble) => Err(kit::sentence(&told(trouble))),
        None => Ok(()),
    }
}

impl TimelineTab {
    pub(super) fn begin_edit(&mut self, scene: &Scene<'_>, id: SnapshotId) {
        let snapshot = scene.timeline.snapshot(id);
        self.edit = snapshot
            .filter(|_| !scene.view.handed_over)
            .map(|snapshot| Edit {
                snapshot: id,
                name: snapshot.name.clone(),
                note: snapshot.note.clone(),
                focused: false,
            });
    }

    /// Opens the question before going back, where that is possible.
    pub(super) fn ask_rewind(&mut self, scene: &Scene<'_>, id: SnapshotId) {
        let Some(snapshot) = scene.timeline.snapshot(id) else {
            return;
        };
        if rewind_verdict(scene.view, scene.report, snapshot).is_ok() {
            self.rewind = Some(RewindDialog::new(snapshot));
        }
    }
}
