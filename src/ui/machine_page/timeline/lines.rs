//! The scrolled tree: only lines in sight are laid out, however many there are.

use std::collections::BTreeSet;
use std::time::Duration;

use egui::style::ScrollAnimation;
use egui::{
    EventFilter, Id, Rect, Response, RichText, ScrollArea, Sense, Ui, WidgetInfo, accesskit::Role,
    pos2, vec2,
};

use super::arrange::{Line, Point};
use super::words::{self, Group};
use super::{Scene, TimelineTab, row};
use crate::language::{count, fill, told, tr};
use crate::model::{MachineId, SnapshotId, SnapshotReport};
use crate::ui::Ask;
use crate::ui::album::PictureSize;
use crate::ui::kit;
use crate::ui::theme::palette;

/// A line's id goes with what it shows, not with its place.
pub(super) fn id_of(machine: MachineId, point: Point) -> Id {
    Id::unique(("timeline line", machine, point))
}

impl TimelineTab {
    pub(super) fn list_ui(&mut self, ui: &mut Ui, scene: &Scene<'_>, asks: &mut Vec<Ask>) {
        let of = |snapshot: &SnapshotReport| Group::of(snapshot.kind);
        let groups = scene.timeline.snapshots.iter().filter_map(of);
        let groups: BTreeSet<Group> = groups.collect();
        if groups.len() > 1 || !self.shown.hidden.is_empty() {
            self.filter_ui(ui, scene, &groups);
        }
        let only_now = scene.list.lines.len() < 2;
        ScrollArea::vertical()
            .auto_shrink(false)
            .show_viewport(ui, |ui, sight| {
                ui.set_height(scene.list.height);
                self.lines_ui(ui, sight, scene, asks);
                if only_now {
                    ui.add_space(super::arrange::LINE + 8.0);
                    ui.vertical_centered(|ui| {
                        let text = RichText::new(tr("Nothing of this kind"));
                        ui.label(text.color(palette(ui).dim));
                        if kit::link(ui, None, tr("Show all")).clicked() {
                            self.shown.hidden.clear();
                        }
                    });
                }
            });
    }

    /// Which kinds are shown, with how many there are of each.
    fn filter_ui(&mut self, ui: &mut Ui, scene: &Scene<'_>, groups: &BTreeSet<Group>) {
        let frame = egui::Frame::NONE.inner_margin(egui::Margin {
            left: 12,
            right: 12,
            top: 8,
            bottom: 6,
        });
        frame.show(ui, |ui| {
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing = vec2(6.0, 6.0);
                for group in groups.iter().copied() {
                    let of = |snapshot: &&SnapshotReport| Group::of(snapshot.kind) == Some(group);
                    let number = scene.timeline.snapshots.iter().filter(of).count();
                    let on = !self.shown.hidden.contains(&group);
                    let word = tr(group.word());
                    let chip = row::chip_ui(ui, group, word, number, on);
                    if chip.on_hover_text(tr(group.explain())).clicked()
                        && !self.shown.hidden.remove(&group)
                    {
                        self.shown.hidden.insert(group);
                    }
                }
            });
        });
        let line = egui::Stroke::new(1.0, palette(ui).line);
        let y = ui.cursor().top() - ui.spacing().item_spacing.y;
        ui.painter().hline(ui.max_rect().x_range(), y, line);
        ui.add_space(-ui.spacing().item_spacing.y + 1.0);
    }

    fn lines_ui(&mut self, ui: &mut Ui, sight: Rect, scene: &Scene<'_>, asks: &mut Vec<Ask>) {
        let visible = scene.list.between(sight.top(), sight.bottom());
        let room = ui.max_rect();
        let rect_of = |line: &Line| {
            let corner = pos2(room.left(), room.top() + line.top);
            Rect::from_min_size(corner, vec2(room.width(), line.height))
        };
        let point = self.selection.point;
        let cursor = point.and_then(|point| scene.list.place_of(scene.timeline, point));
        // The line with the keyboard stays alive out of sight, or it would lose it.
        let kept = cursor.filter(|cursor| !visible.contains(cursor));
        for place in visible.clone().chain(kept) {
            if let Some(line) = scene.list.lines.get(place) {
                let at_cursor = cursor == Some(place);
                let response = self.line_ui(ui, scene, line, rect_of(line), at_cursor);
                self.line_menu(scene, line.point, &response, asks);
            }
        }
        let line = cursor.and_then(|place| scene.list.lines.get(place));
        if std::mem::take(&mut self.reveal_point)
            && let Some(line) = line
        {
            ui.scroll_to_rect_animation(rect_of(line), None, ScrollAnimation::none());
        }
    }

    fn line_ui(
        &mut self,
        ui: &Ui,
        scene: &Scene<'_>,
        line: &Line,
        rect: Rect,
        at_cursor: bool,
    ) -> Response {
        // One stop for the Tab key; the arrow keys do the rest.
        let sense = if at_cursor {
            Sense::click()
        } else {
            Sense::CLICK
        };
        let id = id_of(scene.report.id, line.point);
        if at_cursor && self.focus_point {
            // A dialog that was open in the last frame still keeps the keyboard in this one.
            if ui.memory(|memory| memory.top_modal_layer().is_some()) {
                ui.ctx().request_repaint_after(Duration::from_millis(1));
            } else {
                self.focus_point = false;
                ui.memory_mut(|memory| memory.request_focus(id));
            }
        }
        let response = ui.interact(rect, id, sense);
        if response.has_focus() {
            self.has_keyboard = true;
            let filter = EventFilter {
                vertical_arrows: true,
                horizontal_arrows: true,
                escape: !self.selection.marks.is_empty(),
                tab: false,
            };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
        }
        let marks = &self.selection.marks;
        let members = scene.list.snapshots_of(scene.timeline, line.point);
        let marked = !members.is_empty() && members.iter().all(|id| marks.contains(id));
        self.say(&response, scene, line, at_cursor || marked);
        if ui.is_rect_visible(rect) {
            if let Some(first) = members.first() {
                self.wish(scene.report, scene.timeline, *first, PictureSize::Small);
            }
            row::line_ui(ui, scene, line, &response, at_cursor, marked);
        }
        self.clicks(ui, scene, line.point, &response);
        let lab = match line.point {
            Point::Snapshot(id) => words::lab(scene.view, id),
            Point::Now | Point::Run(_) => None,
        };
        match lab {
            Some(lab) => response.on_hover_text(words::lab_text(lab)),
            None => response,
        }
    }

    /// What a screen reader says of a line.
    fn say(&self, response: &Response, scene: &Scene<'_>, line: &Line, chosen: bool) {
        let (name, hint) = match line.point {
            Point::Now => (tr("Now").to_owned(), row::since(scene)),
            Point::Snapshot(id) => match scene.timeline.snapshot(id) {
                Some(snapshot) => (words::title(scene.view, snapshot), hint(scene, snapshot)),
                None => return,
            },
            Point::Run(id) => {
                let members = scene.list.snapshots_of(scene.timeline, line.point);
                let folded = scene.list.run(id).is_some_and(|run| !run.unfolded);
                let how = if folded { tr("Folded") } else { tr("Unfolded") };
                (run_title(scene, &members), how.to_owned())
            }
        };
        response.widget_info(|| {
            let mut info = WidgetInfo::selected(Role::ListItem, true, chosen, &name);
            info.hint_text = Some(hint.clone());
            info
        });
    }

    fn clicks(&mut self, ui: &Ui, scene: &Scene<'_>, point: Point, response: &Response) {
        if !response.clicked() {
            return;
        }
        let modifiers = ui.input(|input| input.modifiers);
        let (timeline, list) = (scene.timeline, scene.list);
        match (modifiers.shift, modifiers.command) {
            (true, _) => self.selection.extend(timeline, list, point),
            (_, true) => self.selection.toggle(timeline, list, point),
            _ => {
                self.selection.look_at(point);
                if let Point::Run(_) = point {
                    self.fold(scene, point, None);
                }
            }
        }
        response.request_focus();
    }

    /// Folds the run that `point` is of, unfolds it, or turns it over.
    pub(super) fn fold(&mut self, scene: &Scene<'_>, point: Point, fold: Option<bool>) {
        let run = scene.list.runs.iter().find(|run| match point {
            Point::Now => false,
            Point::Run(id) => run.id == id,
            Point::Snapshot(id) => {
                let members = &mut run.members.iter();
                members.any(|place| scene.timeline.snapshots[*place].id == id)
            }
        });
        let Some(run) = run else { return };
        if fold.unwrap_or(run.unfolded) {
            self.shown.unfolded.remove(&run.id);
        } else {
            self.shown.unfolded.insert(run.id);
        }
        self.selection.look_at(Point::Run(run.id));
        self.focus_point = true;
        self.reveal_point = true;
    }
}

/// "By hand, 2 h ago, with memory, 120 MiB".
fn hint(scene: &Scene<'_>, snapshot: &SnapshotReport) -> String {
    let mut parts = vec![
        words::kind(snapshot).1.to_owned(),
        told(&snapshot.time.ago(scene.view.now)).into_owned(),
    ];
    parts.extend(snapshot.disk.as_deref().map(words::alone));
    if snapshot.with_memory {
        parts.push(tr("with memory").to_owned());
    }
    if words::is_template(scene.report, snapshot.id) {
        parts.push(tr("template").to_owned());
    }
    parts.extend(words::lab(scene.view, snapshot.id).map(words::lab_text));
    if snapshot.trouble.is_some() {
        parts.push(tr("damaged").to_owned());
    }
    parts.push(snapshot.bytes.to_string());
    parts.join(", ")
}

/// "14 checkpoints, 10:05 to 11:40".
pub(super) fn run_title(scene: &Scene<'_>, members: &[SnapshotId]) -> String {
    let checkpoints = run_count(members);
    match run_ends(scene, members) {
        Some((from, to)) => {
            let values: [(&str, &dyn std::fmt::Display); 3] =
                [("checkpoints", &checkpoints), ("from", &from), ("to", &to)];
            fill("{checkpoints}, {from} to {to}", &values)
        }
        None => checkpoints,
    }
}

/// "14 checkpoints".
pub(super) fn run_count(members: &[SnapshotId]) -> String {
    let number = members.len() as u64;
    count(number, "{count} checkpoint", "{count} checkpoints")
}

/// When the oldest and the newest were taken.
pub(super) fn run_ends(scene: &Scene<'_>, members: &[SnapshotId]) -> Option<(String, String)> {
    let (zone, now) = (&scene.view.zone, scene.view.now);
    let time = |id: &SnapshotId| scene.timeline.snapshot(*id).map(|snapshot| snapshot.time);
    let (oldest, newest) = (time(members.last()?)?, time(members.first()?)?);
    let to = match zone.same_day(oldest, newest) {
        true => zone.time(newest),
        false => zone.moment(newest, now),
    };
    Some((zone.moment(oldest, now), to))
}
