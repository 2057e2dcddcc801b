//! A serial console as a widget: paints the emulator's picture, types into it, selects, scrolls, reports the mouse.
//!
//! While it has the focus it gets every key, Tab and Escape too; the release key gives the focus back (the app sees
//! to that: egui knows no left and right Ctrl).

mod keys;
mod paint;

use egui::{
    Event, EventFilter, Id, Key, Modifiers, PointerButton, Pos2, Rect, Response, Sense, Ui, Vec2,
    pos2, vec2,
};

use super::theme::{self, palette};
use crate::language::tr;
use crate::terminal::{Grain, Picture, ScrollBy, Spot, Terminal};
use keys::Act;
use paint::Metrics;

/// Lines that a notch of the wheel scrolls.
const NOTCH: i32 = 3;
/// Space around the grid: at the left it begins where the title above it does.
const MARGIN: Vec2 = vec2(22.0, 8.0);

/// What the widget remembers between frames.
#[derive(Default)]
pub struct TerminalView {
    shown: Option<Shown>,
    /// What is searched for, while its field is open.
    pub search: Option<String>,
    /// Nothing was found.
    pub missing: bool,
    /// The next pasted text was asked for.
    paste_due: bool,
    /// The keyboard is to go there with the next frame.
    wants_focus: bool,
    /// Points of the wheel that make no whole line yet.
    wheel: f32,
    /// The button that the guest was told is down.
    pressed: Option<u8>,
    /// The cell that the guest was last told of.
    told: Option<(usize, usize)>,
}

/// The picture of the emulator's latest change.
struct Shown {
    changes: u64,
    picture: Picture,
    text: String,
}

/// The widget's id: there is one at a time.
pub fn id() -> Id {
    Id::unique("terminal")
}

/// Whether keys go to the terminal.
pub fn has_focus(ctx: &egui::Context) -> bool {
    ctx.memory(|memory| memory.has_focus(id()))
}

impl TerminalView {
    /// Paints the terminal over all available room, as large as it gets.
    pub fn ui(&mut self, ui: &mut Ui, terminal: &Terminal) -> Response {
        let room = ui.available_rect_before_wrap();
        let metrics = Metrics::of(ui);
        let (columns, rows) = metrics.fit(room.shrink2(MARGIN).size());
        let response = ui.interact(room, id(), Sense::click_and_drag());
        ui.advance_cursor_after_rect(room);
        if std::mem::take(&mut self.wants_focus) || response.clicked() || response.drag_started() {
            response.request_focus();
        }
        terminal.emulator().resize(columns, rows);
        let grid = Grid {
            corner: room.min + MARGIN,
            metrics,
            columns,
            rows,
        };
        let awake = response.has_focus();
        if awake {
            self.keys(ui, terminal);
            let all = EventFilter {
                tab: true,
                horizontal_arrows: true,
                vertical_arrows: true,
                escape: true,
            };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(id(), all));
        }
        self.pointer(ui, terminal, &grid, &response);
        self.paint(ui, terminal, &grid, room, awake);
        let text = self.shown.as_ref().map_or("", |shown| &shown.text);
        response.widget_info(|| {
            let mut info = egui::WidgetInfo::labeled(
                egui::accesskit::Role::Terminal,
                true,
                tr("Serial console"),
            );
            info.current_text_value = Some(text.to_owned());
            info
        });
        response
    }

    fn paint(&mut self, ui: &Ui, terminal: &Terminal, grid: &Grid, room: Rect, awake: bool) {
        let inks = theme::inks(ui);
        let shown = self.newest(terminal);
        let painter = ui.painter_at(room);
        painter.rect_filled(room, 0.0, inks.ground);
        paint::paint(
            &painter,
            &grid.metrics,
            inks,
            grid.corner,
            &shown.picture,
            awake,
        );
        let Picture {
            history,
            scrolled,
            rows,
            ..
        } = shown.picture;
        if scrolled > 0 {
            let all = (history + rows) as f32;
            let top = (history - scrolled) as f32 / all;
            let part = rows as f32 / all;
            let bar = Rect::from_min_size(
                pos2(room.right() - 6.0, room.top() + room.height() * top),
                vec2(4.0, (room.height() * part).max(16.0)),
            );
            painter.rect_filled(bar, 2.0, palette(ui).dim);
        }
    }

    /// The picture, made anew only if something changed.
    fn newest(&mut self, terminal: &Terminal) -> &Shown {
        let mut emulator = terminal.emulator();
        let changes = emulator.changes();
        let fresh = self.shown.take().filter(|shown| shown.changes == changes);
        self.shown.insert(fresh.unwrap_or_else(|| {
            let picture = emulator.picture();
            let text = picture.text();
            Shown {
                changes,
                picture,
                text,
            }
        }))
    }

    /// Has the terminal take the keyboard with the next frame.
    pub fn focus(&mut self) {
        self.wants_focus = true;
    }

    /// Sends what was typed, and shows the newest lines.
    fn send(&self, terminal: &Terminal, bytes: &[u8]) {
        terminal.emulator().scroll(ScrollBy::Bottom);
        terminal.send(bytes); // More than fits is a paste of megabytes; the rest of it would come too late anyway.
    }

    fn keys(&mut self, ui: &Ui, terminal: &Terminal) {
        let (events, held) = ui.input(|input| (input.events.clone(), input.modifiers));
        for event in events {
            let modes = terminal.emulator().modes();
            match event {
                Event::Text(text) | Event::Ime(egui::ImeEvent::Commit(text)) => {
                    self.send(terminal, &keys::text(&text, held));
                }
                Event::Key {
                    key,
                    pressed: true,
                    modifiers,
                    ..
                } => {
                    if !self.own_key(ui, terminal, key, modifiers)
                        && let Some(bytes) = keys::key(key, modifiers, modes)
                    {
                        self.send(terminal, &bytes);
                    }
                }
                // These three come as what they do elsewhere.
                Event::Copy => self.send(terminal, b"\x03"),
                Event::Cut => self.send(terminal, b"\x18"),
                Event::Paste(text) if std::mem::take(&mut self.paste_due) => {
                    self.send(terminal, &keys::paste(&text, modes));
                }
                Event::Paste(_) => self.send(terminal, b"\x16"),
                _ => {}
            }
        }
    }

    /// Keys that are the terminal's own and never reach the guest.
    fn own_key(&mut self, ui: &Ui, terminal: &Terminal, key: Key, held: Modifiers) -> bool {
        let both = held.ctrl && held.shift && !held.alt;
        let shift = held.shift && !held.ctrl && !held.alt;
        match key {
            Key::C if both => self.copy(ui, terminal),
            Key::Insert if held.ctrl && !held.shift => self.copy(ui, terminal),
            Key::V if both => self.paste(ui),
            Key::Insert if shift => self.paste(ui),
            Key::F if both => self.open_search(),
            Key::A if both => terminal.emulator().select_all(),
            Key::PageUp if shift => terminal.emulator().scroll(ScrollBy::PageUp),
            Key::PageDown if shift => terminal.emulator().scroll(ScrollBy::PageDown),
            Key::Home if shift => terminal.emulator().scroll(ScrollBy::Top),
            Key::End if shift => terminal.emulator().scroll(ScrollBy::Bottom),
            _ => return false,
        }
        true
    }

    /// Copies what is selected.
    pub fn copy(&self, ui: &Ui, terminal: &Terminal) {
        if let Some(text) = terminal.emulator().selected() {
            ui.ctx().copy_text(text);
        }
    }

    /// Asks for the clipboard, which comes as an event to who has the focus.
    pub fn paste(&mut self, ui: &Ui) {
        self.paste_due = true;
        self.wants_focus = true;
        ui.ctx()
            .send_viewport_cmd(egui::ViewportCommand::RequestPaste);
    }

    pub fn open_search(&mut self) {
        self.search.get_or_insert_default();
    }

    /// Whether there is something to copy.
    pub fn has_selection(&self) -> bool {
        self.shown
            .as_ref()
            .is_some_and(|shown| shown.picture.has_selection)
    }

    /// Columns and rows.
    pub fn size(&self) -> Option<(usize, usize)> {
        self.shown
            .as_ref()
            .map(|shown| (shown.picture.columns, shown.picture.rows))
    }

    /// Whether the program in the guest has the mouse now.
    fn guest_has_mouse(&self, held: Modifiers) -> bool {
        let modes = self.shown.as_ref().map(|shown| shown.picture.modes);
        !held.shift && modes.is_some_and(|modes| modes.mouse != crate::terminal::Mouse::Nothing)
    }

    /// Whether a click with the right button opens the menu.
    pub fn menu_may_open(&self, ui: &Ui) -> bool {
        !self.guest_has_mouse(ui.input(|input| input.modifiers))
    }

    fn pointer(&mut self, ui: &Ui, terminal: &Terminal, grid: &Grid, response: &Response) {
        if response.hovered() {
            ui.ctx().set_cursor_icon(egui::CursorIcon::Text);
        }
        let held = ui.input(|input| input.modifiers);
        if self.guest_has_mouse(held) || self.pressed.is_some() {
            self.report(ui, terminal, grid, response);
        } else {
            select(ui, terminal, grid, response);
            self.wheel(ui, terminal, grid, response);
        }
    }

    /// Tells the guest's program what the mouse does.
    fn report(&mut self, ui: &Ui, terminal: &Terminal, grid: &Grid, response: &Response) {
        if !response.contains_pointer() && self.pressed.is_none() {
            return;
        }
        let modes = terminal.emulator().modes();
        let (events, held) = ui.input(|input| (input.events.clone(), input.modifiers));
        let mut bytes = Vec::new();
        let mut tell = |act, button, at| {
            bytes.extend(keys::mouse(act, button, at, held, modes).unwrap_or_default())
        };
        for event in events {
            match event {
                Event::PointerMoved(at) => {
                    let cell = grid.cell(at);
                    if self.told != Some(cell) {
                        self.told = Some(cell);
                        tell(Act::Move, self.pressed.unwrap_or(keys::NO_BUTTON), cell);
                    }
                }
                Event::PointerButton {
                    pos,
                    button,
                    pressed,
                    ..
                } => {
                    let button = match button {
                        PointerButton::Primary => keys::LEFT,
                        PointerButton::Middle => keys::MIDDLE,
                        PointerButton::Secondary => keys::RIGHT,
                        PointerButton::Extra1 | PointerButton::Extra2 => continue,
                    };
                    self.pressed = pressed.then_some(button);
                    tell(
                        if pressed { Act::Press } else { Act::Release },
                        button,
                        grid.cell(pos),
                    );
                }
                Event::MouseWheel { unit, delta, .. } => {
                    let at = self.told.unwrap_or_default();
                    let lines = self.whole_lines(unit, delta.y, grid);
                    let button = if lines > 0 {
                        keys::WHEEL_UP
                    } else {
                        keys::WHEEL_DOWN
                    };
                    for _ in 0..(lines.abs() + NOTCH - 1) / NOTCH {
                        tell(Act::Press, button, at);
                    }
                }
                _ => {}
            }
        }
        if !bytes.is_empty() {
            terminal.send(&bytes);
        }
    }

    fn wheel(&mut self, ui: &Ui, terminal: &Terminal, grid: &Grid, response: &Response) {
        if !response.contains_pointer() {
            return;
        }
        let turned: Vec<_> = ui.input(|input| {
            let events = input.events.iter();
            events
                .filter_map(|event| match event {
                    Event::MouseWheel { unit, delta, .. } => Some((*unit, delta.y)),
                    _ => None,
                })
                .collect()
        });
        for (unit, delta) in turned {
            let lines = self.whole_lines(unit, delta, grid);
            let mut emulator = terminal.emulator();
            let modes = emulator.modes();
            if !(modes.alternate_screen && modes.alternate_scroll) {
                emulator.scroll(ScrollBy::Lines(lines));
                continue;
            }
            drop(emulator);
            let key = if lines > 0 {
                Key::ArrowUp
            } else {
                Key::ArrowDown
            };
            let bytes = keys::key(key, Modifiers::NONE, modes).unwrap_or_default();
            terminal.send(&bytes.repeat(lines.unsigned_abs() as usize));
        }
    }

    fn whole_lines(&mut self, unit: egui::MouseWheelUnit, delta: f32, grid: &Grid) -> i32 {
        self.wheel += match unit {
            egui::MouseWheelUnit::Line => delta * NOTCH as f32,
            egui::MouseWheelUnit::Page => delta * grid.rows as f32,
            egui::MouseWheelUnit::Point => delta / grid.metrics.cell.y.max(1.0),
        };
        let whole = self.wheel.trunc();
        self.wheel -= whole;
        whole.clamp(-200.0, 200.0) as i32
    }
}

/// Selects with the left button: by dragging, a word by a double click, a line by a triple one.
fn select(ui: &Ui, terminal: &Terminal, grid: &Grid, response: &Response) {
    let Some(at) = response.interact_pointer_pos() else {
        return;
    };
    if response.triple_clicked() {
        terminal.emulator().select(Grain::Lines, grid.spot(at));
    } else if response.double_clicked() {
        terminal.emulator().select(Grain::Words, grid.spot(at));
    } else if response.clicked() {
        terminal.emulator().select_nothing();
    } else if response.drag_started_by(PointerButton::Primary) {
        let from = ui.input(|input| input.pointer.press_origin()).unwrap_or(at);
        let mut emulator = terminal.emulator();
        emulator.select(Grain::Letters, grid.spot(from));
        emulator.select_to(grid.spot(at));
    } else if response.dragged_by(PointerButton::Primary) {
        let mut emulator = terminal.emulator();
        let beyond = grid.beyond(at);
        if beyond != 0 {
            emulator.scroll(ScrollBy::Lines(beyond));
            ui.ctx()
                .request_repaint_after(std::time::Duration::from_millis(50));
        }
        emulator.select_to(grid.spot(at));
    }
}

/// Where the cells lie.
struct Grid {
    corner: Pos2,
    metrics: Metrics,
    columns: usize,
    rows: usize,
}

impl Grid {
    /// The cell at a point, as column and row; points outside count as the edge.
    fn cell(&self, at: Pos2) -> (usize, usize) {
        let (columns, rows) = self.metrics.fit((at - self.corner).max(egui::Vec2::ZERO));
        (
            columns.min(self.columns.saturating_sub(1)),
            rows.min(self.rows.saturating_sub(1)),
        )
    }

    fn spot(&self, at: Pos2) -> Spot {
        let (column, row) = self.cell(at);
        let middle = self.corner.x + (column as f32 + 0.5) * self.metrics.cell.x;
        Spot {
            row,
            column,
            right: at.x > middle,
        }
    }

    /// Lines to scroll while a selection is dragged out of the grid.
    fn beyond(&self, at: Pos2) -> i32 {
        let bottom = self.corner.y + self.rows as f32 * self.metrics.cell.y;
        if at.y < self.corner.y {
            1
        } else if at.y > bottom {
            -1
        } else {
            0
        }
    }
}
