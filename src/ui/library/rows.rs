//! The scrolled part of the list: only lines in sight are laid out, however many there are.

use egui::style::ScrollAnimation;
use egui::{
    EventFilter, Id, Rect, Response, ScrollArea, Sense, Ui, WidgetInfo, accesskit::Role, pos2, vec2,
};

use super::LibraryList;
use super::arrange::{Arranged, Group, Line};
use super::menu::Menu;
use super::row::{self, Row};
use super::selection::Click;
use crate::language::{fill, tr};
use crate::model::MachineId;
use crate::ui::Ask;
use crate::ui::theme;
use crate::ui::view::View;

/// What one frame draws of the list.
struct Frame<'a> {
    view: &'a View,
    list: &'a Arranged,
    shown: Option<MachineId>,
    cursor: Option<usize>,
    asks: &'a mut Vec<Ask>,
}

/// A line's id goes with what it shows, not with its place: lines move.
pub fn id_of(line: Line) -> Id {
    Id::unique(("library line", line))
}

impl LibraryList {
    pub(super) fn rows_ui(
        &mut self,
        ui: &mut Ui,
        view: &View,
        shown: Option<MachineId>,
        asks: &mut Vec<Ask>,
    ) {
        self.in_sight.clear();
        self.has_keyboard = false;
        if self.arranged.lines.is_empty() {
            self.nothing_ui(ui, view);
            return;
        }
        let list = std::mem::take(&mut self.arranged);
        let mut frame = Frame {
            view,
            list: &list,
            shown,
            cursor: self.selection.place(&list),
            asks,
        };
        ScrollArea::vertical()
            .auto_shrink(false)
            .show_viewport(ui, |ui, sight| {
                ui.set_height(list.height);
                self.lines_ui(ui, sight, &mut frame);
            });
        self.arranged = list;
    }

    fn lines_ui(&mut self, ui: &mut Ui, sight: Rect, frame: &mut Frame<'_>) {
        let visible = frame.list.between(sight.top(), sight.bottom());
        let room = ui.max_rect();
        let rect_of = |place: usize| {
            let (top, bottom) = frame.list.span(place).unwrap_or_default();
            let corner = pos2(room.left(), room.top() + top);
            Rect::from_min_size(corner, vec2(room.width(), bottom - top))
        };
        // The line with the keyboard stays alive out of sight, or it would lose it.
        let kept = frame.cursor.filter(|cursor| !visible.contains(cursor));
        for place in visible.clone().chain(kept) {
            self.line_ui(ui, frame, place, rect_of(place), visible.contains(&place));
        }
        if std::mem::take(&mut self.reveal_cursor)
            && let Some(place) = frame.cursor
        {
            let rect = rect_of(place).expand2(vec2(0.0, theme::ROW_GAP));
            ui.scroll_to_rect_animation(rect, None, ScrollAnimation::none());
        }
    }

    fn line_ui(
        &mut self,
        ui: &mut Ui,
        frame: &mut Frame<'_>,
        place: usize,
        rect: Rect,
        visible: bool,
    ) {
        let Some(line) = frame.list.lines.get(place).copied() else {
            return;
        };
        let at_cursor = frame.cursor == Some(place);
        // One stop for the Tab key; the arrow keys do the rest.
        let sense = if at_cursor {
            Sense::click()
        } else {
            Sense::CLICK
        };
        let id = id_of(line);
        if at_cursor && std::mem::take(&mut self.focus_cursor) {
            ui.memory_mut(|memory| memory.request_focus(id));
        }
        let response = ui.interact(rect, id, sense);
        if response.has_focus() {
            self.has_keyboard = true;
            self.selection.cursor = Some(line);
            let filter = EventFilter {
                vertical_arrows: true,
                horizontal_arrows: true,
                escape: !self.selection.marks.is_empty(),
                tab: false,
            };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
        }
        if response.gained_focus() {
            self.reveal_cursor |= !visible;
        }
        match line {
            Line::Group(group) => {
                if let Some(group) = frame.list.groups.get(group) {
                    self.group_ui(ui, group, &response, visible);
                }
            }
            Line::Machine { id, .. } => self.machine_ui(ui, frame, place, id, &response, visible),
        }
    }

    fn group_ui(&mut self, ui: &Ui, group: &Group, response: &Response, visible: bool) {
        let name = fill(
            "{title}, {count}",
            &[("title", &group.title), ("count", &group.count)],
        );
        response.widget_info(|| {
            let mut info = WidgetInfo::selected(Role::Button, true, !group.folded, &name);
            info.hint_text = Some(
                if group.folded {
                    tr("Folded")
                } else {
                    tr("Unfolded")
                }
                .to_owned(),
            );
            info
        });
        if visible {
            row::group_ui(ui, group, response);
        }
        if response.clicked() {
            self.prefs.fold(&group.key, !group.folded);
        }
    }

    fn machine_ui(
        &mut self,
        ui: &mut Ui,
        frame: &mut Frame<'_>,
        place: usize,
        id: MachineId,
        response: &Response,
        visible: bool,
    ) {
        let Some(report) = frame.view.machine(id) else {
            return;
        };
        let open = frame.shown == Some(id);
        let marked = self.selection.marks.contains(&id);
        let state = tr(report.state.label());
        response.widget_info(|| {
            let mut info = WidgetInfo::selected(Role::ListItem, true, open || marked, &report.name);
            let mut hint = state.to_owned();
            for sign in row::signs(report) {
                hint += ", ";
                hint += sign.word;
            }
            info.hint_text = Some(hint);
            info
        });
        if visible {
            if self.in_sight.last() != Some(&id) {
                self.in_sight.push(id);
            }
            let renamed = self.rename.as_mut().filter(|rename| rename.machine == id);
            row::machine_ui(
                ui,
                &Row {
                    view: frame.view,
                    report,
                    state,
                    open,
                    marked,
                    named: renamed.is_none(),
                },
                response,
            );
            let done =
                renamed.and_then(|rename| rename.ui(ui, response.rect, frame.view, frame.asks));
            if done.is_some() {
                self.rename = None;
                self.focus_cursor = done == Some(super::rename::End::ByKey);
            }
        }
        self.clicks(ui, frame, place, response);
    }

    fn clicks(&mut self, ui: &Ui, frame: &mut Frame<'_>, place: usize, response: &Response) {
        let Some(line) = frame.list.lines.get(place).copied() else {
            return;
        };
        if response.clicked() {
            let modifiers = ui.input(|input| input.modifiers);
            let click = match (modifiers.shift, modifiers.command) {
                (true, _) => Click::Extend,
                (_, true) => Click::Toggle,
                _ => Click::Open,
            };
            let opens = self.selection.click(frame.list, place, click, frame.shown);
            if let Some(id) = line.machine().filter(|_| opens) {
                frame.asks.push(Ask::Select(id));
            }
            response.request_focus();
        }
        if response.secondary_clicked()
            && let Some(id) = line.machine()
        {
            if !self.selection.marks.contains(&id) {
                self.selection.clear();
            }
            self.selection.cursor = Some(line);
            let at = ui.input(|input| input.pointer.interact_pos());
            self.menu = Some(Menu::new(id, at.unwrap_or(response.rect.center())));
        }
    }
}
