//! Graphs over the last minutes: a large one with axes that reads values under the pointer, and a
//! sparkline for rows.

use egui::{
    Align2, Color32, CornerRadius, Id, LayerId, Mesh, Order, Painter, Pos2, Rect, Response, Sense,
    Shape, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

use crate::language::{fill, tr};
use crate::ui::history::{GAP_MS, History, SPAN_MS};
use crate::ui::theme::{self, Palette, palette};

const LINE: f32 = 1.8;
/// How strongly the ground below a line is filled.
const FILL: f32 = 0.14;
/// The height of the drawing, and of the words below it.
const HEIGHT: f32 = 84.0;
const WORDS: f32 = 20.0;
const TEXT: f32 = 13.0;
/// Room for the words at the left, so that the times of all graphs lie below each other.
const AXIS: f32 = 62.0;
/// Lines of a reading; a machine may have more processors than fit a screen.
const MAX_READINGS: usize = 8;

/// One line of a graph.
pub struct Series {
    /// Already translated; empty where the graph's name says it.
    pub name: String,
    pub color: Color32,
    /// Time in milliseconds and value, oldest first; a value that is not known is no number.
    pub points: Vec<(u64, f64)>,
}

impl Series {
    /// The newest value.
    pub fn now(&self) -> Option<f64> {
        self.points.last().map(|(_, value)| *value).filter(known)
    }

    /// "Read 1.2 MiB/s", or a dash where nothing is known.
    fn reading(&self, value: Option<f64>, unit: fn(f64) -> String) -> String {
        let value = value.map_or_else(|| "–".to_owned(), unit);
        if self.name.is_empty() {
            value
        } else {
            format!("{} {value}", self.name)
        }
    }
}

fn known(value: &f64) -> bool {
    value.is_finite()
}

/// A graph of five minutes.
pub struct Graph<'a> {
    /// What it shows, already translated.
    pub name: &'a str,
    pub series: &'a [Series],
    /// Whose values stand above it, where those of all lines would not fit.
    pub shown: Option<&'a [Series]>,
    /// The value at the upper edge.
    pub top: f64,
    /// Writes a value as people read it.
    pub unit: fn(f64) -> String,
}

/// Between the values of now, points.
const VALUES_APART: f32 = 12.0;

impl Graph<'_> {
    /// The values of now in the colours of their lines, for the line above the graph. The last comes
    /// first: the line is filled from the right.
    pub fn values_ui(&self, ui: &mut Ui) {
        ui.spacing_mut().item_spacing.x = VALUES_APART;
        for series in self.shown.unwrap_or(self.series).iter().rev() {
            let text = egui::RichText::new(series.reading(series.now(), self.unit));
            ui.label(text.font(theme::semibold(TEXT)).color(series.color));
        }
    }

    /// How wide the values of now are, with the room before them.
    pub fn values_width(&self, ui: &Ui) -> f32 {
        let all = self.shown.unwrap_or(self.series).iter();
        all.map(|series| {
            let text = series.reading(series.now(), self.unit);
            let font = theme::semibold(TEXT);
            let galley = ui.painter().layout_no_wrap(text, font, series.color);
            galley.size().x + VALUES_APART
        })
        .sum()
    }

    /// The graph as wide as there is room. A screen reader is told the values of now.
    pub fn show(&self, ui: &mut Ui) -> Response {
        let size = vec2(ui.available_width(), HEIGHT + WORDS);
        let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, self.spoken()));
        if !ui.is_rect_visible(rect) {
            return response;
        }
        let p = palette(ui);
        let label = |value| (self.unit)(value);
        let top = ui
            .painter()
            .layout_no_wrap(label(self.top), theme::regular(TEXT), p.dim);
        let left = rect.left() + top.size().x.max(AXIS) + 8.0;
        let plot = Rect::from_min_max(
            pos2(left, rect.top() + 1.0),
            pos2(rect.right(), rect.top() + HEIGHT),
        );
        self.axes(ui.painter(), p, plot);
        let newest = self.newest();
        let painter = ui
            .painter()
            .with_clip_rect(plot.expand(1.0).intersect(ui.clip_rect()));
        for series in self.series {
            let place = Place {
                plot,
                newest,
                top: self.top,
            };
            draw(
                &painter,
                &place,
                series.points.iter().copied(),
                series.color,
            );
        }
        if let Some(pointer) = response
            .hover_pos()
            .filter(|pos| plot.x_range().contains(pos.x))
        {
            self.read(ui, p, plot, pointer);
        }
        response
    }

    /// The graph in words.
    fn spoken(&self) -> String {
        let values: Vec<String> = self
            .series
            .iter()
            .map(|series| series.reading(series.now(), self.unit))
            .collect();
        format!("{}, {}", self.name, values.join(", "))
    }

    fn newest(&self) -> u64 {
        let last = |series: &Series| series.points.last().map(|(at, _)| *at);
        self.series.iter().filter_map(last).max().unwrap_or(0)
    }

    fn axes(&self, painter: &Painter, p: &Palette, plot: Rect) {
        let font = theme::regular(TEXT);
        for (share, align) in [(0.0, Align2::RIGHT_TOP), (1.0, Align2::RIGHT_BOTTOM)] {
            let at = pos2(plot.left() - 8.0, plot.top() + plot.height() * share);
            let text = (self.unit)(self.top * (1.0 - f64::from(share)));
            painter.text(at, align, text, font.clone(), p.dim);
        }
        for share in [0.0, 0.5, 1.0] {
            let y = (plot.top() + plot.height() * share).round();
            painter.hline(plot.x_range(), y, Stroke::new(1.0, p.line));
        }
        let below = plot.bottom() + 3.0;
        for (x, align, text) in [
            (plot.left(), Align2::LEFT_TOP, tr("5 min")),
            (plot.right(), Align2::RIGHT_TOP, tr("now")),
        ] {
            painter.text(pos2(x, below), align, text, font.clone(), p.dim);
        }
    }

    /// A hair line at the moment under the pointer, with what was then.
    fn read(&self, ui: &Ui, p: &Palette, plot: Rect, pointer: Pos2) {
        let newest = self.newest();
        let share = f64::from((plot.right() - pointer.x) / plot.width().max(1.0));
        let wanted = newest.saturating_sub((share * SPAN_MS as f64) as u64);
        let times = self.series.iter().flat_map(|series| &series.points);
        let Some(at) = times
            .map(|(at, _)| *at)
            .min_by_key(|at| at.abs_diff(wanted))
            .filter(|at| at.abs_diff(wanted) < GAP_MS)
        else {
            return;
        };
        let place = Place {
            plot,
            newest,
            top: self.top,
        };
        let x = place.x(at);
        ui.painter()
            .vline(x, plot.y_range(), Stroke::new(1.0, p.edge(p.text)));
        let mut lines = vec![(ago((newest - at) / 1000), p.dim)];
        for series in self.series.iter().take(MAX_READINGS) {
            let found = series.points.binary_search_by_key(&at, |(at, _)| *at).ok();
            let value = found.map(|index| series.points[index].1).filter(known);
            if let Some(value) = value {
                let dot = pos2(x, place.y(value));
                ui.painter()
                    .circle(dot, 3.5, series.color, Stroke::new(1.5, p.card));
            }
            lines.push((series.reading(value, self.unit), series.color));
        }
        reading_box(ui, p, plot, x, &lines);
    }
}

/// The words of a reading, above everything else, beside the hair line.
fn reading_box(ui: &Ui, p: &Palette, plot: Rect, x: f32, lines: &[(String, Color32)]) {
    let layer = LayerId::new(Order::Tooltip, Id::unique("graph reading"));
    let painter = ui.ctx().layer_painter(layer);
    let galleys: Vec<_> = lines
        .iter()
        .map(|(text, color)| painter.layout_no_wrap(text.clone(), theme::regular(TEXT), *color))
        .collect();
    let widest = galleys.iter().map(|line| line.size().x).fold(0.0, f32::max);
    let height: f32 = galleys.iter().map(|line| line.size().y).sum();
    let size = vec2(widest + 16.0, height + 12.0);
    let left = if x + 10.0 + size.x <= plot.right() {
        x + 10.0
    } else {
        (x - 10.0 - size.x).max(ui.ctx().content_rect().left())
    };
    let rect = Rect::from_min_size(pos2(left, plot.top() + 4.0), size);
    let line = Stroke::new(1.0, p.line);
    painter.rect(
        rect,
        CornerRadius::same(6),
        p.card,
        line,
        StrokeKind::Inside,
    );
    let mut at = rect.min + vec2(8.0, 6.0);
    for (galley, (_, color)) in galleys.into_iter().zip(lines) {
        let below = galley.size().y;
        painter.galley(at, galley, *color);
        at.y += below;
    }
}

/// How long ago a moment was.
fn ago(seconds: u64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, 0) => tr("now").to_owned(),
        (0, seconds) => fill("{seconds} s ago", &[("seconds", &seconds)]),
        (minutes, seconds) => fill(
            "{minutes} min {seconds} s ago",
            &[("minutes", &minutes), ("seconds", &seconds)],
        ),
    }
}

/// Where values lie on the screen.
struct Place {
    plot: Rect,
    /// The time at the right edge.
    newest: u64,
    /// The value at the upper edge.
    top: f64,
}

impl Place {
    fn x(&self, at: u64) -> f32 {
        let back = self.newest.saturating_sub(at) as f32 / SPAN_MS as f32;
        self.plot.right() - back * self.plot.width()
    }

    fn y(&self, value: f64) -> f32 {
        let share = (value / self.top.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0) as f32;
        self.plot.bottom() - share * self.plot.height()
    }
}

/// Draws a line with its ground; it breaks where nothing is known.
fn draw(
    painter: &Painter,
    place: &Place,
    points: impl Iterator<Item = (u64, f64)>,
    color: Color32,
) {
    let mut run: Vec<Pos2> = Vec::new();
    let mut last = None;
    for (at, value) in points {
        let torn = last.is_some_and(|last| at.saturating_sub(last) > GAP_MS);
        if torn || !value.is_finite() {
            draw_run(painter, place.plot.bottom(), &mut run, color);
        }
        if value.is_finite() {
            run.push(pos2(place.x(at), place.y(value)));
        }
        last = Some(at);
    }
    draw_run(painter, place.plot.bottom(), &mut run, color);
}

fn draw_run(painter: &Painter, bottom: f32, run: &mut Vec<Pos2>, color: Color32) {
    if let [only] = run.as_slice() {
        painter.circle_filled(*only, LINE * 0.8, color);
    }
    if run.len() > 1 {
        painter.add(ground(run, bottom, color.gamma_multiply(FILL)));
        painter.add(Shape::line(std::mem::take(run), Stroke::new(LINE, color)));
    }
    run.clear();
}

/// The ground between a line and the lower edge.
fn ground(line: &[Pos2], bottom: f32, color: Color32) -> Mesh {
    let mut mesh = Mesh::default();
    mesh.reserve_vertices(line.len() * 2);
    mesh.reserve_triangles(line.len() * 2);
    for (index, at) in (0_u32..).zip(line) {
        mesh.colored_vertex(*at, color);
        mesh.colored_vertex(pos2(at.x, bottom), color);
        if index > 0 {
            let right = index * 2;
            mesh.add_triangle(right - 2, right - 1, right);
            mesh.add_triangle(right - 1, right, right + 1);
        }
    }
    mesh
}

/// The processors' load of the last minutes in a small place of a row; `cpus` is how many they are.
pub fn sparkline(ui: &Ui, rect: Rect, history: &History, cpus: u32) {
    let Some(newest) = history.newest() else {
        return;
    };
    let p = palette(ui);
    let place = Place {
        plot: rect,
        newest: newest.at_ms,
        top: f64::from(cpus.max(1)),
    };
    let painter = ui
        .painter()
        .with_clip_rect(rect.expand(1.0).intersect(ui.clip_rect()));
    painter.hline(rect.x_range(), rect.bottom(), Stroke::new(1.0, p.line));
    let points = history
        .points()
        .map(|point| (point.at_ms, f64::from(point.cpu)));
    draw(&painter, &place, points, p.leaf);
}

/// An upper edge that people read easily and that holds `most` bytes a second: 1, 2 or 5 times a power
/// of ten of a binary unit.
pub fn readable_top(most: f64) -> f64 {
    let mut unit = 1024.0;
    loop {
        for step in [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0] {
            let top: f64 = step * unit;
            if top >= most || top >= 1e18 {
                return top.max(8.0 * 1024.0);
            }
        }
        unit *= 1024.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_edges_are_round_in_binary_units() {
        assert_eq!(readable_top(0.0), 8192.0);
        assert_eq!(readable_top(15_000.0), 20.0 * 1024.0);
        assert_eq!(readable_top(501.0 * 1024.0), 1024.0 * 1024.0);
        assert_eq!(readable_top(1.5 * 1024.0 * 1024.0), 2.0 * 1024.0 * 1024.0);
        assert!(readable_top(f64::INFINITY).is_finite());
        assert!(readable_top(f64::NAN).is_finite());
    }

    #[test]
    fn values_lie_within_the_plot() {
        let plot = Rect::from_min_size(pos2(10.0, 10.0), vec2(300.0, 100.0));
        let place = Place {
            plot,
            newest: SPAN_MS * 2,
            top: 2.0,
        };
        assert_eq!(place.x(SPAN_MS * 2), plot.right());
        assert_eq!(place.x(SPAN_MS), plot.left());
        assert_eq!(place.y(1.0), plot.center().y);
        assert_eq!(place.y(9.0), plot.top());
    }

    #[test]
    fn times_are_told_as_people_say_them() {
        assert_eq!(ago(0), "now");
        assert_eq!(ago(12), "12 s ago");
        assert_eq!(ago(125), "2 min 5 s ago");
    }
}
