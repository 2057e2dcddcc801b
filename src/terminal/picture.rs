//! What a terminal shows, as plain data for whoever paints it.

/// A colour as the guest named it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ink {
    /// The terminal's own text colour.
    Text,
    /// The terminal's own ground.
    Ground,
    /// 0 to 15 are the named ones, then a cube of 216, then 24 greys (xterm's palette).
    Index(u8),
    Rgb(u8, u8, u8),
}

/// How a cell is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub ink: Ink,
    pub ground: Ink,
    pub bold: bool,
    pub dim: bool,
    pub italic: bool,
    pub underline: bool,
    pub strike: bool,
    /// Part of what is selected.
    pub selected: bool,
    /// Part of something that was searched for.
    pub found: Found,
}

/// Whether a cell belongs to what was searched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Found {
    #[default]
    No,
    Yes,
    /// Of the match that the search stands at.
    Here,
}

/// One character cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The letter with its marks; empty for the right half of a wide one, a space for nothing.
    pub text: Letter,
    /// Takes two cells.
    pub wide: bool,
    pub style: Style,
}

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Letter {
    One(char),
    /// With marks on it.
    Marked(Box<str>),
    /// The right half of the cell before it.
    Half,
}

/// The cursor's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CursorShape {
    Block,
    Hollow,
    Underline,
    Beam,
}

/// Where the cursor stands, from the upper left of what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub row: usize,
    pub column: usize,
    pub shape: CursorShape,
}

/// What the program in the guest asked of the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    pub application_cursor: bool,
    pub bracketed_paste: bool,
    /// A program over the whole screen: no scrollback.
    pub alternate_screen: bool,
    /// The wheel moves such a program's cursor.
    pub alternate_scroll: bool,
    pub mouse: Mouse,
    /// Positions as numbers, not as characters.
    pub sgr_mouse: bool,
    /// Enter also sends a line feed.
    pub new_line: bool,
}

/// What of the mouse the program wants to hear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mouse {
    #[default]
    Nothing,
    Clicks,
    /// And motion with a button held.
    Drags,
    /// And all motion.
    Motion,
}

/// The part of a terminal that is in sight.
#[derive(Clone, Debug)]
pub struct Picture {
    pub columns: usize,
    pub rows: usize,
    /// Row by row, `columns * rows`.
    pub cells: Vec<Cell>,
    /// `None` if it is hidden, or scrolled out of sight.
    pub cursor: Option<Cursor>,
    /// How many lines it is scrolled back, of how many.
    pub scrolled: usize,
    pub history: usize,
    pub modes: Modes,
    pub has_selection: bool,
}

impl Picture {
    pub fn row(&self, row: usize) -> &[Cell] {
        &self.cells[row * self.columns..(row + 1) * self.columns]
    }

    /// A row as text, without what is empty at its end.
    pub fn row_text(&self, row: usize) -> String {
        let mut text = String::new();
        for cell in self.row(row) {
            match &cell.text {
                Letter::One(letter) => text.push(*letter),
                Letter::Marked(letters) => text.push_str(letters),
                Letter::Half => {}
            }
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// All rows as text.
    pub fn text(&self) -> String {
        let rows: Vec<String> = (0..self.rows).map(|row| self.row_text(row)).collect();
        rows.join("\n").trim_end().to_owned()
    }
}
