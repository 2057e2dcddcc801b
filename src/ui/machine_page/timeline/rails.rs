//! The rails beside the tree: which point came from which, as lanes with a dot for each point.

use egui::{Color32, Pos2, Rect, Shape, Stroke, Ui, pos2};

use super::arrange::{Arranged, Rails};
use super::words::Group;
use crate::model::SnapshotReport;
use crate::ui::theme::{Palette, palette};

/// Rails stand this far apart, closer where there are many.
const LANE: f32 = 16.0;
const GUTTER: f32 = 112.0;

/// Where the rails stand.
pub(super) struct Gutter {
    left: f32,
    step: f32,
    pub width: f32,
}

impl Gutter {
    pub fn of(list: &Arranged, row: Rect) -> Self {
        let lanes = list.lanes.max(1) as f32;
        let step = LANE.min(GUTTER / lanes);
        Self {
            left: row.left() + 20.0,
            step,
            width: 22.0 + step * (lanes - 1.0) + 16.0,
        }
    }

    pub fn x(&self, lane: usize) -> f32 {
        self.left + self.step * lane as f32
    }
}

/// The colour of a lane; the present's is that of what lives.
pub(super) fn lane_color(p: &Palette, lane: usize) -> Color32 {
    let others = [p.saved, p.accent_text, p.warn, p.dim];
    match lane {
        0 => p.leaf,
        lane => others[(lane - 1) % others.len()],
    }
}

/// Rails of a line: those that pass, the own one above and below, and the bends of branches that began here.
pub(super) fn rails_ui(ui: &Ui, rails: &Rails, gutter: &Gutter, rect: Rect) {
    let p = palette(ui);
    let painter = ui.painter();
    let stroke = |lane| Stroke::new(2.0, lane_color(p, lane).gamma_multiply(0.75));
    let middle = rect.center().y;
    for lane in &rails.through {
        painter.vline(gutter.x(*lane), rect.y_range(), stroke(*lane));
    }
    let x = gutter.x(rails.lane);
    if rails.up {
        painter.vline(x, rect.top()..=middle, stroke(rails.lane));
    }
    if rails.down {
        painter.vline(x, middle..=rect.bottom(), stroke(rails.lane));
    }
    for lane in &rails.joins {
        let from = pos2(gutter.x(*lane), rect.top());
        let to = pos2(x, middle);
        let bend = egui::epaint::CubicBezierShape::from_points_stroke(
            [from, pos2(from.x, middle - 2.0), pos2(from.x, middle), to],
            false,
            Color32::TRANSPARENT,
            stroke(*lane),
        );
        painter.add(Shape::CubicBezier(bend));
    }
}

/// The dot: full for what a person took, a ring for what was kept, small for what came by itself.
pub(super) fn node_ui(ui: &Ui, snapshot: &SnapshotReport, lane: usize, at: Pos2) {
    let p = palette(ui);
    let color = match snapshot.trouble {
        Some(_) => p.error,
        None => lane_color(p, lane),
    };
    let painter = ui.painter();
    match Group::of(snapshot.kind) {
        Some(Group::ByHand) | None => {
            painter.circle_filled(at, 6.0, color);
        }
        Some(Group::Kept) => {
            painter.circle(at, 5.0, p.card, Stroke::new(2.5, color));
        }
        Some(Group::Automatic) => {
            painter.circle_filled(at, 4.0, color);
        }
    }
}
