//! Paints a terminal's picture: grounds, letters in runs of one style, the cursor.

use egui::text::{LayoutJob, TextFormat};
use egui::{Color32, FontId, Painter, Pos2, Rect, Stroke, StrokeKind, Vec2, pos2, vec2};

use crate::terminal::{Cell, Cursor, CursorShape, Found, Ink, Letter, Picture, Style};
use crate::ui::theme::{self, Inks};

/// How large a cell is, in points, and what its letters are drawn with.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub font: FontId,
    pub cell: Vec2,
}

impl Metrics {
    /// The cells of the theme's terminal font, whole pixels high.
    pub fn of(ui: &egui::Ui) -> Self {
        let font = theme::terminal();
        let scale = ui.ctx().pixels_per_point();
        let (width, height) =
            ui.fonts_mut(|fonts| (fonts.glyph_width(&font, 'M'), fonts.row_height(&font)));
        let cell = vec2(width, (height * scale).round() / scale);
        Self { font, cell }
    }

    /// Columns and rows that fit.
    pub fn fit(&self, room: Vec2) -> (usize, usize) {
        let count = |room: f32, cell: f32| (room / cell.max(1.0)).max(0.0) as usize;
        (count(room.x, self.cell.x), count(room.y, self.cell.y))
    }

    fn place(&self, corner: Pos2, column: usize, row: usize) -> Pos2 {
        corner + vec2(column as f32 * self.cell.x, row as f32 * self.cell.y)
    }

    fn rect(&self, corner: Pos2, column: usize, row: usize, columns: usize) -> Rect {
        let size = vec2(columns as f32 * self.cell.x, self.cell.y);
        Rect::from_min_size(self.place(corner, column, row), size)
    }
}

/// Paints `picture` with its upper left at `corner`. `awake` is whether it has the keyboard.
pub fn paint(
    painter: &Painter,
    metrics: &Metrics,
    inks: &Inks,
    corner: Pos2,
    picture: &Picture,
    awake: bool,
) {
    for row in 0..picture.rows {
        let cells = picture.row(row);
        let mut column = 0;
        while column < cells.len() {
            let length = run(&cells[column..]);
            let cells = &cells[column..column + length];
            run_ui(
                painter,
                metrics,
                inks,
                metrics.rect(corner, column, row, length),
                cells,
            );
            column += length;
        }
    }
    if let Some(cursor) = picture.cursor {
        cursor_ui(painter, metrics, inks, corner, picture, cursor, awake);
    }
}

/// How many cells are drawn at once: of one style, and of letters that the terminal's font has at its width.
fn run(cells: &[Cell]) -> usize {
    let first = &cells[0];
    if first.wide {
        return 2.min(cells.len());
    }
    if !is_plain(&first.text) {
        return 1;
    }
    cells
        .iter()
        .take_while(|cell| cell.style == first.style && is_plain(&cell.text) && !cell.wide)
        .count()
}

fn is_plain(letter: &Letter) -> bool {
    matches!(
        letter,
        Letter::One(' '..='~' | '\u{a1}'..='\u{17f}' | '─'..='╿')
    )
}

fn run_ui(painter: &Painter, metrics: &Metrics, inks: &Inks, rect: Rect, cells: &[Cell]) {
    let style = cells[0].style;
    let (ink, ground) = colors(style, inks);
    if let Some(ground) = ground {
        painter.rect_filled(rect, 0.0, ground);
    }
    let mut text = String::new();
    for cell in cells {
        match &cell.text {
            Letter::One(letter) => text.push(*letter),
            Letter::Marked(letters) => text.push_str(letters),
            Letter::Half => {}
        }
    }
    if let [
        Cell {
            text: Letter::One(letter),
            ..
        },
    ] = cells
        && block_ui(painter, rect, *letter, ink)
    {
        return;
    }
    if text.trim().is_empty() && !style.underline && !style.strike {
        return;
    }
    let line = Stroke::new(1.0, ink);
    let format = TextFormat {
        font_id: metrics.font.clone(),
        color: ink,
        italics: style.italic,
        underline: if style.underline { line } else { Stroke::NONE },
        strikethrough: if style.strike { line } else { Stroke::NONE },
        ..TextFormat::default()
    };
    let galley = painter.layout_job(LayoutJob::single_section(text, format));
    // A letter of another font may be wider than its cells: it is cut, not the next one moved.
    let painter =
        painter.with_clip_rect(painter.clip_rect().intersect(rect.expand2(vec2(1.0, 0.0))));
    let below = (rect.height() - galley.size().y) / 2.0;
    let corner = pos2(rect.left(), rect.top() + below);
    if style.bold {
        // The font has one weight: drawn twice, a little apart.
        let apart = vec2(0.6, 0.0);
        painter.galley(corner + apart, std::sync::Arc::clone(&galley), ink);
    }
    painter.galley(corner, galley, ink);
}

/// Paints the block elements (U+2580 to U+2593), which a font leaves gaps between.
fn block_ui(painter: &Painter, rect: Rect, letter: char, ink: Color32) -> bool {
    let Rect { min, max } = rect;
    let part = |x0: f32, y0: f32, x1: f32, y1: f32| {
        let at = |x: f32, y: f32| min + vec2((max.x - min.x) * x, (max.y - min.y) * y);
        painter.rect_filled(Rect::from_min_max(at(x0, y0), at(x1, y1)), 0.0, ink);
    };
    let eighths = |from: char| (u32::from(letter) - u32::from(from)) as f32 / 8.0;
    match letter {
        '▀' => part(0.0, 0.0, 1.0, 0.5),
        '▁'..='█' => part(0.0, 1.0 - eighths('▀'), 1.0, 1.0),
        '▉'..='▏' => part(0.0, 0.0, 1.0 - eighths('█'), 1.0),
        '▐' => part(0.5, 0.0, 1.0, 1.0),
        '░' | '▒' | '▓' => {
            let share = (u32::from(letter) - u32::from('░') + 1) as f32 / 4.0;
            painter.rect_filled(rect, 0.0, ink.gamma_multiply(share));
        }
        _ => return false,
    }
    true
}

fn cursor_ui(
    painter: &Painter,
    metrics: &Metrics,
    inks: &Inks,
    corner: Pos2,
    picture: &Picture,
    cursor: Cursor,
    awake: bool,
) {
    let cell = &picture.row(cursor.row)[cursor.column];
    let columns = if cell.wide { 2 } else { 1 };
    let rect = metrics.rect(corner, cursor.column, cursor.row, columns);
    let thick = 2.0;
    match cursor.shape {
        _ if !awake => hollow(painter, rect, inks),
        CursorShape::Hollow => hollow(painter, rect, inks),
        CursorShape::Block => {
            painter.rect_filled(rect, 0.0, inks.cursor);
            if let Letter::One(letter) = cell.text {
                let center = rect.center();
                let align = egui::Align2::CENTER_CENTER;
                painter.text(center, align, letter, metrics.font.clone(), inks.ground);
            }
        }
        CursorShape::Underline => {
            let line = Rect::from_min_max(pos2(rect.left(), rect.bottom() - thick), rect.max);
            painter.rect_filled(line, 0.0, inks.cursor);
        }
        CursorShape::Beam => {
            let line = Rect::from_min_max(rect.min, pos2(rect.left() + thick, rect.bottom()));
            painter.rect_filled(line, 0.0, inks.cursor);
        }
    }
}

fn hollow(painter: &Painter, rect: Rect, inks: &Inks) {
    let line = Stroke::new(1.0, inks.cursor);
    painter.rect_stroke(rect, 0.0, line, StrokeKind::Inside);
}

/// The colours of a cell; no ground where it is the terminal's own.
fn colors(style: Style, inks: &Inks) -> (Color32, Option<Color32>) {
    match style.found {
        Found::Here => return (inks.on_found, Some(inks.found_here)),
        Found::Yes => return (inks.on_found, Some(inks.found)),
        Found::No => {}
    }
    // Bold is bright, as on the consoles that programs were written for.
    let ink = match style.ink {
        Ink::Index(index) if style.bold && index < 8 => Ink::Index(index + 8),
        other => other,
    };
    let mut ink = inks.color(ink);
    let ground = (style.ground != Ink::Ground).then(|| inks.color(style.ground));
    // What has the colour of its ground is meant not to be seen.
    if style.ink != style.ground {
        ink = inks.readable(ink, ground.unwrap_or(inks.ground));
    }
    if style.dim {
        ink = ink.lerp_to_gamma(ground.unwrap_or(inks.ground), 0.4);
    }
    if style.selected {
        return (inks.text, Some(inks.selection));
    }
    (ink, ground)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_where_the_style_does_and_where_letters_may_have_another_width() {
        let mut emulator = crate::terminal::Emulator::new(20, 1);
        emulator.hear("ab\x1b[31mcd\x1b[0m日x🙂e\u{301}y".as_bytes(), false);
        let picture = emulator.picture();
        let mut lengths = Vec::new();
        let mut column = 0;
        while column < picture.columns {
            let length = run(&picture.row(0)[column..]);
            lengths.push(length);
            column += length;
        }
        assert_eq!(lengths, [2, 2, 2, 1, 2, 1, 10]);
    }
}
