//! The timeline: a machine's snapshots along time with their branches, the way back to each, and what is kept by itself.

mod arrange;
mod browse;
mod checkpoints;
mod compare;
mod delete;
mod details;
mod files;
mod head;
mod keys;
mod lines;
mod many;
mod menu;
mod rails;
mod rewind;
mod row;
mod selection;
mod strip;
mod words;

use std::time::Duration;

use egui::{CornerRadius, Frame, Margin, Rect, Stroke, Ui, UiBuilder, pos2};

use crate::model::{MachineReport, SnapshotId, Timeline};
use crate::ui::Ask;
use crate::ui::album::{PictureSize, Wish};
use crate::ui::theme::{self, palette};
use crate::ui::view::View;
use arrange::{Arranged, Shown};
use browse::BrowseDialog;
use checkpoints::CheckpointsDialog;
use compare::CompareDialog;
use delete::DeleteDialog;
use details::Edit;
use rewind::RewindDialog;
pub(super) use row::line as text_line;
use selection::Selection;

/// Layers of a disk from which on flattening is offered.
const DEEP: u32 = 8;

/// What the tab remembers between frames.
#[derive(Default)]
pub struct TimelineTab {
    shown: Shown,
    arranged: Arranged,
    /// What it was arranged from.
    made_from: Option<(Timeline, Shown)>,
    selection: Selection,
    /// The line that is looked at gets the keyboard, and comes into sight.
    focus_point: bool,
    reveal_point: bool,
    has_keyboard: bool,
    /// The offer to flatten was answered.
    deep_is_fine: bool,
    edit: Option<Edit>,
    rewind: Option<RewindDialog>,
    delete: Option<DeleteDialog>,
    checkpoints: Option<CheckpointsDialog>,
    compare: Option<CompareDialog>,
    browse: Option<BrowseDialog>,
    /// Pictures that the last frame would have shown, the most wanted first.
    wishes: Vec<Wish>,
}

/// What one frame draws.
struct Scene<'a> {
    view: &'a View,
    report: &'a MachineReport,
    timeline: &'a Timeline,
    list: &'a Arranged,
}

impl TimelineTab {
    /// Whether a question is open that has the keyboard.
    pub fn asks_something(&self) -> bool {
        self.rewind.is_some()
            || self.delete.is_some()
            || self.checkpoints.is_some()
            || self.compare.is_some()
            || self.browse.is_some()
    }

    /// Whether a line or the strip has the keyboard.
    pub fn has_keyboard(&self) -> bool {
        self.has_keyboard
    }

    /// The line that is looked at gets the keyboard when it is drawn next.
    pub fn ask_keyboard(&mut self) {
        self.focus_point = true;
        self.reveal_point = true;
    }

    /// Pictures to be had in memory, the most wanted first.
    pub fn wishes(&self) -> &[Wish] {
        &self.wishes
    }

    /// Arranges anew what has changed since the last frame.
    fn follow(&mut self, timeline: &Timeline) {
        let same = self
            .made_from
            .as_ref()
            .is_some_and(|(known, shown)| known == timeline && *shown == self.shown);
        if !same {
            let there = |id: &SnapshotId| timeline.snapshot(*id).is_some();
            self.shown.unfolded.retain(there);
            self.arranged = Arranged::new(timeline, &self.shown);
            self.made_from = Some((timeline.clone(), self.shown.clone()));
            self.edit.take_if(|edit| !there(&edit.snapshot));
        }
        self.selection.follow(timeline, &self.arranged);
    }

    fn wish(
        &mut self,
        report: &MachineReport,
        timeline: &Timeline,
        id: SnapshotId,
        size: PictureSize,
    ) {
        let wish = Wish {
            size,
            machine: report.id,
            snapshot: id,
        };
        let has_one = timeline
            .snapshot(id)
            .is_some_and(|snapshot| snapshot.picture);
        if has_one && !self.wishes.contains(&wish) {
            self.wishes.push(wish);
        }
    }
}

/// The tab.
pub(super) fn timeline_tab_ui(
    ui: &mut Ui,
    tab: &mut TimelineTab,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    tab.wishes.clear();
    tab.has_keyboard = false;
    let margin = Margin {
        left: 22,
        right: 22,
        top: 14,
        bottom: 14,
    };
    Frame::NONE.inner_margin(margin).show(ui, |ui| {
        let Some(timeline) = view.timelines.get(&report.id) else {
            head::unknown_ui(ui, view, report, asks);
            return;
        };
        tab.follow(timeline);
        head::head_ui(ui, tab, view, report, timeline, asks);
        if timeline.snapshots.is_empty() {
            tab.focus_point = false; // There is no line.
            head::empty_ui(ui, view, report, asks);
        } else {
            let list = std::mem::take(&mut tab.arranged);
            let scene = Scene {
                view,
                report,
                timeline,
                list: &list,
            };
            tab.tree_ui(ui, &scene, asks);
            tab.arranged = list;
        }
        tab.dialogs_ui(ui, view, report, timeline, asks);
    });
}

impl TimelineTab {
    fn tree_ui(&mut self, ui: &mut Ui, scene: &Scene<'_>, asks: &mut Vec<Ask>) {
        self.keys(ui, scene);
        let room = ui.available_rect_before_wrap();
        let side = (room.width() * 0.42).clamp(270.0, 480.0);
        let middle = room.right() - side - theme::GAP;
        let top = Rect::from_min_max(room.min, pos2(middle, room.top()));
        let strip = UiBuilder::new().max_rect(top);
        let strip = ui.scope_builder(strip, |ui| strip::strip_ui(ui, self, scene));
        let top = match strip.inner {
            Some(strip) => strip.bottom() + 10.0,
            None => room.top(),
        };
        let left = Rect::from_min_max(pos2(room.left(), top), pos2(middle, room.bottom()));
        let right = Rect::from_min_max(pos2(middle + theme::GAP, room.top()), room.max);
        card_ui(ui, left, |ui| self.list_ui(ui, scene, asks));
        card_ui(ui, right, |ui| details::details_ui(ui, self, scene, asks));
        ui.advance_cursor_after_rect(room);
    }

    fn dialogs_ui(
        &mut self,
        ui: &Ui,
        view: &View,
        report: &MachineReport,
        timeline: &Timeline,
        asks: &mut Vec<Ask>,
    ) {
        let asked = self.asks_something();
        let of = |dialog: &mut RewindDialog| !dialog.ui(ui, view, report, timeline, asks);
        self.rewind.take_if(of);
        let of = |dialog: &mut DeleteDialog| !dialog.ui(ui, view, report, timeline, asks);
        self.delete.take_if(of);
        let of = |dialog: &mut CheckpointsDialog| !dialog.ui(ui, report, timeline, asks);
        self.checkpoints.take_if(of);
        let of = |dialog: &mut CompareDialog| !dialog.ui(ui, view, report, timeline, asks);
        self.compare.take_if(of);
        let of = |dialog: &mut BrowseDialog| !dialog.ui(ui, view, report, timeline, asks);
        self.browse.take_if(of);
        // A dialog takes the keyboard away from the tree; it comes back with its end.
        if asked && !self.asks_something() {
            self.focus_point = true;
            ui.ctx().request_repaint_after(Duration::from_millis(1));
        }
    }
}

/// A card that fills `room`.
fn card_ui(ui: &mut Ui, room: Rect, content: impl FnOnce(&mut Ui)) {
    let p = palette(ui);
    let radius = CornerRadius::same(theme::CARD_RADIUS);
    ui.painter().rect(
        room,
        radius,
        p.card,
        Stroke::new(1.0, p.line),
        egui::StrokeKind::Inside,
    );
    let inside = UiBuilder::new().max_rect(room.shrink(1.0));
    ui.scope_builder(inside, |ui| {
        ui.set_clip_rect(room.shrink(1.0).intersect(ui.clip_rect()));
        content(ui);
    });
}
