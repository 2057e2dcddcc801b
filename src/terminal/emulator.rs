//! A terminal without a window: what the guest says goes in, a picture and the guest's answers come out.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use alacritty_terminal::event::{Event, EventListener, WindowSize};
use alacritty_terminal::grid::{Dimensions, Scroll};
use alacritty_terminal::index::{Column, Direction, Line, Point, Side};
use alacritty_terminal::selection::{Selection, SelectionRange, SelectionType};
use alacritty_terminal::term::cell::{Cell as TermCell, Flags};
use alacritty_terminal::term::search::{Match, RegexIter, RegexSearch};
use alacritty_terminal::term::{Config, Osc52, Term, TermMode, point_to_viewport};
use alacritty_terminal::vte::ansi::{Color, CursorShape as TermCursor, NamedColor, Processor};

use super::filter::Filter;
use super::picture::{Cell, Cursor, CursorShape, Found, Ink, Letter, Modes, Mouse, Picture, Style};

/// Lines that can be scrolled back to.
pub const SCROLLBACK: usize = 10_000;
/// Answers to the guest that are not sent yet, bytes: it may ask faster than it listens.
const MAX_ANSWERS: usize = 4096;
/// Grids larger than any screen.
const MAX_COLUMNS: usize = 500;
const MAX_ROWS: usize = 300;
/// The longest text that is searched for, in characters.
const MAX_NEEDLE: usize = 200;

/// How a selection grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    Letters,
    Words,
    Lines,
}

/// A place in what is shown; `right` is the right half of the cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    pub row: usize,
    pub column: usize,
    pub right: bool,
}

/// How far to scroll; up is back in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScrollBy {
    Lines(i32),
    PageUp,
    PageDown,
    Top,
    Bottom,
}

/// See the module's text.
pub struct Emulator {
    term: Term<Listener>,
    parser: Processor,
    filter: Filter,
    /// What passed the filter, of one call.
    clean: Vec<u8>,
    answers: Arc<Mutex<Answers>>,
    search: Option<Search>,
    /// Grows with each change of what a picture would show.
    changes: u64,
}

struct Search {
    needle: String,
    regex: RegexSearch,
    here: Option<Match>,
}

#[derive(Default)]
struct Answers {
    bytes: Vec<u8>,
    /// What is heard was said before: its questions were answered then.
    mute: bool,
    size: (u16, u16),
}

struct Listener(Arc<Mutex<Answers>>);

impl EventListener for Listener {
    /// Of all that a terminal can ask of its window only answers to the guest are given: no clipboard, no title.
    fn send_event(&self, event: Event) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = match event {
            Event::PtyWrite(text) => text,
            Event::TextAreaSizeRequest(write) => {
                let (num_cols, num_lines) = answers.size;
                let size = WindowSize {
                    num_lines,
                    num_cols,
                    cell_width: 8,
                    cell_height: 16,
                };
                write(size)
            }
            _ => return,
        };
        if !answers.mute && answers.bytes.len() + text.len() <= MAX_ANSWERS {
            answers.bytes.extend(text.into_bytes());
        }
    }
}

/// Columns and rows, as the crate wants them.
struct Size(usize, usize);

impl Dimensions for Size {
    fn total_lines(&self) -> usize {
        self.1
    }

    fn screen_lines(&self) -> usize {
        self.1
    }

    fn columns(&self) -> usize {
        self.0
    }
}

impl Emulator {
    pub fn new(columns: usize, rows: usize) -> Self {
        let answers: Arc<Mutex<Answers>> = Arc::default();
        let config = Config {
            scrolling_history: SCROLLBACK,
            osc52: Osc52::Disabled,
            ..Config::default()
        };
        let listener = Listener(Arc::clone(&answers));
        let mut emulator = Self {
            term: Term::new(config, &Size(columns.max(2), rows.max(1)), listener),
            parser: Processor::new(),
            filter: Filter::default(),
            clean: Vec::new(),
            answers,
            search: None,
            changes: 0,
        };
        emulator.resize(columns, rows);
        emulator
    }

    /// Takes what the guest said. What was said `before` this terminal was there is not answered again.
    pub fn hear(&mut self, bytes: &[u8], before: bool) {
        self.answers_mut(|answers| answers.mute = before);
        self.clean.clear();
        self.filter.pass(bytes, &mut self.clean);
        self.parser.advance(&mut self.term, &self.clean);
        self.changes += 1;
    }

    /// When a change that the guest holds back (DEC mode 2026) has to be shown at the latest.
    pub fn held_until(&self) -> Option<Instant> {
        self.parser.sync_timeout().sync_timeout()
    }

    /// Shows what the guest holds back.
    pub fn let_go(&mut self) {
        self.parser.stop_sync(&mut self.term);
        self.changes += 1;
    }

    /// What the guest is to be told, since the last call.
    pub fn take_answers(&mut self) -> Vec<u8> {
        let mut taken = Vec::new();
        self.answers_mut(|answers| std::mem::swap(&mut taken, &mut answers.bytes));
        taken
    }

    fn answers_mut(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.answers.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Gives the grid another size; lines are wrapped anew.
    pub fn resize(&mut self, columns: usize, rows: usize) {
        let (columns, rows) = (columns.clamp(2, MAX_COLUMNS), rows.clamp(1, MAX_ROWS));
        let size = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        self.answers_mut(|answers| answers.size = (size(columns), size(rows)));
        if (columns, rows) != (self.term.columns(), self.term.screen_lines()) {
            self.term.resize(Size(columns, rows));
            self.changes += 1;
        }
    }

    pub fn scroll(&mut self, by: ScrollBy) {
        self.term.scroll_display(match by {
            ScrollBy::Lines(lines) => Scroll::Delta(lines),
            ScrollBy::PageUp => Scroll::PageUp,
            ScrollBy::PageDown => Scroll::PageDown,
            ScrollBy::Top => Scroll::Top,
            ScrollBy::Bottom => Scroll::Bottom,
        });
        self.changes += 1;
    }

    /// Forgets all lines.
    pub fn clear(&mut self) {
        self.parser.advance(&mut self.term, b"\x1b[H\x1b[2J");
        self.term.grid_mut().clear_history();
        self.term.selection = None;
        self.changes += 1;
    }

    /// Begins a selection.
    pub fn select(&mut self, grain: Grain, at: Spot) {
        let kind = match grain {
            Grain::Letters => SelectionType::Simple,
            Grain::Words => SelectionType::Semantic,
            Grain::Lines => SelectionType::Lines,
        };
        let (point, side) = self.point(at);
        self.term.selection = Some(Selection::new(kind, point, side));
        self.changes += 1;
    }

    /// Moves the end of the selection.
    pub fn select_to(&mut self, at: Spot) {
        let (point, side) = self.point(at);
        if let Some(selection) = &mut self.term.selection {
            selection.update(point, side);
            self.changes += 1;
        }
    }

    pub fn select_all(&mut self) {
        let start = Point::new(self.term.topmost_line(), Column(0));
        let end = Point::new(self.term.bottommost_line(), self.term.last_column());
        let mut selection = Selection::new(SelectionType::Simple, start, Side::Left);
        selection.update(end, Side::Right);
        self.term.selection = Some(selection);
        self.changes += 1;
    }

    pub fn select_nothing(&mut self) {
        if self.term.selection.take().is_some() {
            self.changes += 1;
        }
    }

    /// The selected text; `None` if nothing is selected.
    pub fn selected(&self) -> Option<String> {
        let text = self.term.selection_to_string()?;
        let text = text.trim_end_matches('\n');
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn point(&self, at: Spot) -> (Point, Side) {
        let row = i32::try_from(at.row.min(self.term.screen_lines() - 1)).unwrap_or(0);
        let offset = i32::try_from(self.term.grid().display_offset()).unwrap_or(0);
        let column = Column(at.column.min(self.term.columns() - 1));
        let side = if at.right { Side::Right } else { Side::Left };
        (Point::new(Line(row - offset), column), side)
    }

    /// Looks for `needle` from now on; an empty one ends the search. Capital letters in it count.
    pub fn look_for(&mut self, needle: &str) {
        let needle: String = needle.chars().take(MAX_NEEDLE).collect();
        self.changes += 1;
        if needle.is_empty() {
            self.search = None;
            return;
        }
        if self
            .search
            .as_ref()
            .is_some_and(|search| search.needle == needle)
        {
            return;
        }
        let mut pattern = String::new();
        for letter in needle.chars() {
            if letter.is_ascii_punctuation() {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        self.search = RegexSearch::new(&pattern).ok().map(|regex| Search {
            needle,
            regex,
            here: None,
        });
    }

    /// Goes to the match after this one, or before it, round at the ends; `false` if there is none.
    pub fn find(&mut self, older: bool) -> bool {
        self.changes += 1;
        let Some(mut search) = self.search.take() else {
            return false;
        };
        let (direction, side) = if older {
            (Direction::Left, Side::Left)
        } else {
            (Direction::Right, Side::Right)
        };
        let origin = match &search.here {
            Some(here) if older => step(&self.term, *here.start(), true),
            Some(here) => step(&self.term, *here.end(), false),
            // The newest first: it is what one looks at.
            None if older => Point::new(self.term.bottommost_line(), self.term.last_column()),
            None => Point::new(self.term.topmost_line(), Column(0)),
        };
        let found = self
            .term
            .search_next(&mut search.regex, origin, direction, side, None);
        if let Some(found) = &found {
            self.term.scroll_to_point(*found.start());
        }
        search.here.clone_from(&found);
        self.search = Some(search);
        found.is_some()
    }

    /// Grows with each change of what a picture would show.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    pub fn modes(&self) -> Modes {
        let mode = *self.term.mode();
        let mouse = if mode.contains(TermMode::MOUSE_MOTION) {
            Mouse::Motion
        } else if mode.contains(TermMode::MOUSE_DRAG) {
            Mouse::Drags
        } else if mode.contains(TermMode::MOUSE_REPORT_CLICK) {
            Mouse::Clicks
        } else {
            Mouse::Nothing
        };
        Modes {
            application_cursor: mode.contains(TermMode::APP_CURSOR),
            bracketed_paste: mode.contains(TermMode::BRACKETED_PASTE),
            alternate_screen: mode.contains(TermMode::ALT_SCREEN),
            alternate_scroll: mode.contains(TermMode::ALTERNATE_SCROLL),
            mouse,
            sgr_mouse: mode.contains(TermMode::SGR_MOUSE),
            new_line: mode.contains(TermMode::LINE_FEED_NEW_LINE),
        }
    }

    /// What is in sight.
    pub fn picture(&mut self) -> Picture {
        let (columns, rows) = (self.term.columns(), self.term.screen_lines());
        let scrolled = self.term.grid().display_offset();
        let matches = self.matches_in_sight();
        let here = self.search.as_ref().and_then(|search| search.here.clone());
        let content = self.term.renderable_content();
        let selection = content.selection;
        let mut cells = Vec::with_capacity(columns * rows);
        for indexed in content.display_iter.take(columns * rows) {
            let mut cell = cell(indexed.cell);
            cell.style.selected = selected(selection.as_ref(), indexed.point);
            cell.style.found = if here.as_ref().is_some_and(|it| it.contains(&indexed.point)) {
                Found::Here
            } else if matches.iter().any(|it| it.contains(&indexed.point)) {
                Found::Yes
            } else {
                Found::No
            };
            cells.push(cell);
        }
        let cursor = point_to_viewport(scrolled, content.cursor.point).and_then(|point| {
            let shape = match content.cursor.shape {
                TermCursor::Block => CursorShape::Block,
                TermCursor::HollowBlock => CursorShape::Hollow,
                TermCursor::Underline => CursorShape::Underline,
                TermCursor::Beam => CursorShape::Beam,
                TermCursor::Hidden => return None,
            };
            let (row, column) = (point.line, point.column.0);
            (row < rows).then_some(Cursor { row, column, shape })
        });
        Picture {
            columns,
            rows,
            cells,
            cursor,
            scrolled,
            history: self.term.grid().history_size(),
            modes: self.modes(),
            has_selection: selection.is_some(),
        }
    }

    /// The matches in sight, a screen's worth at most.
    fn matches_in_sight(&mut self) -> Vec<Match> {
        let Some(search) = &mut self.search else {
            return Vec::new();
        };
        let offset = i32::try_from(self.term.grid().display_offset()).unwrap_or(0);
        let rows = i32::try_from(self.term.screen_lines()).unwrap_or(1);
        let start = Point::new(Line(-offset), Column(0));
        let end = Point::new(Line(rows - 1 - offset), self.term.last_column());
        RegexIter::new(start, end, Direction::Right, &self.term, &mut search.regex)
            .take(1000)
            .collect()
    }
}

/// The next point, round at the ends of the grid.
fn step(term: &Term<Listener>, point: Point, back: bool) -> Point {
    use alacritty_terminal::index::Boundary;
    if back {
        point.sub(term, Boundary::None, 1)
    } else {
        point.add(term, Boundary::None, 1)
    }
}

fn selected(selection: Option<&SelectionRange>, point: Point) -> bool {
    selection.is_some_and(|range| range.contains(point))
}

fn cell(cell: &TermCell) -> Cell {
    let flags = cell.flags;
    let (mut ink_color, mut ground) = (ink(cell.fg), ink(cell.bg));
    if flags.contains(Flags::INVERSE) {
        std::mem::swap(&mut ink_color, &mut ground);
    }
    let text = if flags.intersects(Flags::WIDE_CHAR_SPACER) {
        Letter::Half
    } else if flags.contains(Flags::HIDDEN) || cell.c.is_control() {
        Letter::One(' ')
    } else if let Some(marks) = cell.zerowidth() {
        let letters = std::iter::once(cell.c).chain(marks.iter().copied());
        Letter::Marked(letters.collect::<String>().into())
    } else {
        Letter::One(cell.c)
    };
    Cell {
        text,
        wide: flags.contains(Flags::WIDE_CHAR),
        style: Style {
            ink: ink_color,
            ground,
            bold: flags.contains(Flags::BOLD),
            dim: flags.contains(Flags::DIM),
            italic: flags.contains(Flags::ITALIC),
            underline: flags.intersects(Flags::ALL_UNDERLINES),
            strike: flags.contains(Flags::STRIKEOUT),
            selected: false,
            found: Found::No,
        },
    }
}

fn ink(color: Color) -> Ink {
    match color {
        Color::Spec(rgb) => Ink::Rgb(rgb.r, rgb.g, rgb.b),
        Color::Indexed(index) => Ink::Index(index),
        Color::Named(NamedColor::Background) => Ink::Ground,
        Color::Named(named) => u8::try_from(named as usize)
            .ok()
            .filter(|index| *index < 16)
            .map_or(Ink::Text, Ink::Index),
    }
}

#[cfg(test)]
mod tests;
