//! How one line of the tree looks: rails, picture, what it is and what it takes.

use egui::text::{LayoutJob, TextWrapping};
use egui::{
    Align2, Color32, CornerRadius, Painter, Pos2, Rect, Response, Sense, Stroke, StrokeKind,
    TextureHandle, Ui, WidgetInfo, accesskit::Role, pos2, vec2,
};

use super::arrange::{Line, Point};
use super::rails::{Gutter, lane_color, node_ui, rails_ui};
use super::words::{self, Group};
use super::{Scene, lines};
use crate::language::{fill, told, tr};
use crate::model::{SnapshotId, SnapshotReport};
use crate::ui::album::{PictureSize, Wish};
use crate::ui::icon::{self, Icon};
use crate::ui::kit;
use crate::ui::library::LAB_ICON;
use crate::ui::theme::{self, Palette, palette};

const TEXT: f32 = 13.0;
const PICTURE: egui::Vec2 = vec2(76.0, 48.0);
pub(super) fn line_ui(
    ui: &Ui,
    scene: &Scene<'_>,
    line: &Line,
    response: &Response,
    chosen: bool,
    marked: bool,
) {
    ground_ui(ui, response, chosen, marked);
    let gutter = Gutter::of(scene.list, response.rect);
    rails_ui(ui, &line.rails, &gutter, response.rect);
    let left = response.rect.left() + gutter.width;
    let room = response.rect.with_min_x(left);
    let node = pos2(gutter.x(line.rails.lane), response.rect.center().y);
    match line.point {
        Point::Now => now_ui(ui, scene, room, node),
        Point::Snapshot(id) => {
            if let Some(snapshot) = scene.timeline.snapshot(id) {
                node_ui(ui, snapshot, line.rails.lane, node);
                snapshot_ui(ui, scene, snapshot, room, marked);
            }
        }
        Point::Run(id) => {
            let unfolded = scene.list.run(id).is_some_and(|run| run.unfolded);
            if unfolded {
                heading_ui(ui, scene, line.point, room);
            } else {
                run_ui(ui, scene, line, room, node, marked);
            }
        }
    }
}

fn ground_ui(ui: &Ui, response: &Response, chosen: bool, marked: bool) {
    let p = palette(ui);
    let rect = response.rect.shrink2(vec2(6.0, 2.0));
    if chosen || marked {
        let line = if chosen {
            p.edge(p.accent)
        } else {
            Color32::TRANSPARENT
        };
        let stroke = Stroke::new(1.0, line);
        let fill = p.tint(p.accent);
        ui.painter()
            .rect(rect, 9.0, fill, stroke, StrokeKind::Inside);
    } else if response.hovered() {
        ui.painter().rect_filled(rect, 9.0, p.hover);
    }
    if response.has_focus() {
        let ring = Stroke::new(2.0, p.accent_text);
        ui.painter()
            .rect_stroke(rect, 9.0, ring, StrokeKind::Inside);
    }
}

fn now_ui(ui: &Ui, scene: &Scene<'_>, room: Rect, node: Pos2) {
    let p = palette(ui);
    let painter = ui.painter();
    painter.circle_filled(node, 9.5, p.card);
    painter.circle_filled(node, 8.5, p.tint(p.leaf));
    painter.circle_stroke(node, 8.0, Stroke::new(1.5, p.leaf));
    painter.circle_filled(node, 4.0, p.leaf);
    let place = picture_rect(room);
    let texture = scene.view.thumbnail(scene.report.id);
    picture_ui(painter, p, place, texture, Icon::Monitor);
    let text = text_rect(room);
    let state = scene.report.state;
    let word = tr(state.label());
    let right = painter.text(
        pos2(text.right(), text.top() + 8.0),
        Align2::RIGHT_CENTER,
        word,
        theme::regular(TEXT),
        p.dim,
    );
    let dot = pos2(right.left() - 9.0, right.center().y + 0.5);
    painter.circle_filled(dot, 4.0, p.state(state));
    let font = theme::semibold(theme::BODY);
    line(
        ui,
        text.left_top(),
        tr("Now"),
        font,
        p.leaf,
        dot.x - text.left() - 12.0,
    );
    let below = text.left_top() + vec2(0.0, 24.0);
    line(
        ui,
        below,
        &since(scene),
        theme::regular(TEXT),
        p.dim,
        text.width(),
    );
}

/// What the present has come to since its point.
pub(super) fn since(scene: &Scene<'_>) -> String {
    let timeline = scene.timeline;
    let point = timeline.present.and_then(|id| timeline.snapshot(id));
    match point {
        Some(point) => {
            let title = words::title(scene.view, point);
            let values: [(&str, &dyn std::fmt::Display); 2] =
                [("size", &timeline.bytes), ("title", &title)];
            fill("{size} since “{title}”", &values)
        }
        None => timeline.bytes.to_string(),
    }
}

fn snapshot_ui(ui: &Ui, scene: &Scene<'_>, snapshot: &SnapshotReport, room: Rect, marked: bool) {
    let p = palette(ui);
    let place = picture_rect(room);
    let texture = texture(scene, snapshot.id);
    let (glyph, word) = words::kind(snapshot);
    let instead = match snapshot.disk {
        Some(_) => Icon::HardDrive,
        None if snapshot.with_memory => Icon::Monitor,
        None => Icon::Power,
    };
    picture_ui(ui.painter(), p, place, texture, instead);
    if marked {
        mark_ui(ui.painter(), p, place);
    }
    let text = text_rect(room);
    let right = age_ui(ui, scene, snapshot, text);
    let title = words::title(scene.view, snapshot);
    let font = theme::semibold(theme::BODY);
    line(
        ui,
        text.left_top(),
        &title,
        font,
        p.text,
        right - text.left() - 10.0,
    );
    let y = text.top() + 33.0;
    let right = sizes_ui(ui, snapshot, pos2(text.right(), y), text.width());
    let mut left = text.left();
    let mut part = |glyph: Icon, word: &str, color: Color32| {
        let font = theme::regular(TEXT);
        let word = ui.painter().layout_no_wrap(word.to_owned(), font, color);
        if left + 14.0 > right {
            return;
        }
        icon::paint(ui.painter(), pos2(left + 7.0, y), glyph, 13.0, color);
        left += 18.0;
        let end = left + word.size().x + 10.0;
        // The icon says it too, and a screen reader has the words.
        if end <= right {
            ui.painter()
                .galley(pos2(left, y - word.size().y / 2.0), word, color);
            left = end;
        }
    };
    if words::lab(scene.view, snapshot.id).is_some() {
        part(LAB_ICON, tr("of a lab"), p.accent_text);
    }
    if words::is_template(scene.report, snapshot.id) {
        part(Icon::Zap, tr("template"), p.leaf);
    }
    if snapshot.trouble.is_some() {
        part(Icon::TriangleAlert, tr("Damaged"), p.error);
    }
    part(glyph, word, p.dim);
    if let Some(disk) = &snapshot.disk {
        part(Icon::HardDrive, &words::alone(disk), p.dim);
    }
    if snapshot.writing {
        part(Icon::Ellipsis, tr("being written"), p.accent_text);
    } else if snapshot.with_memory {
        part(Icon::MemoryStick, tr("with memory"), p.dim);
    }
}

/// When it was, at the right; returns where it begins.
fn age_ui(ui: &Ui, scene: &Scene<'_>, snapshot: &SnapshotReport, text: Rect) -> f32 {
    let ago = snapshot.time.ago(scene.view.now);
    let right = ui.painter().text(
        pos2(text.right(), text.top() + 8.5),
        Align2::RIGHT_CENTER,
        told(&ago),
        theme::regular(TEXT),
        palette(ui).dim,
    );
    right.left()
}

/// What it takes of its own, and where there is room what it shares; returns where that begins.
fn sizes_ui(ui: &Ui, snapshot: &SnapshotReport, at: Pos2, room: f32) -> f32 {
    let p = palette(ui);
    let own = snapshot.bytes.to_string();
    let text = if room > 330.0 && snapshot.shared.0 > 0 {
        let values: [(&str, &dyn std::fmt::Display); 2] =
            [("own", &own), ("shared", &snapshot.shared)];
        fill("{own}, {shared} shared", &values)
    } else {
        own
    };
    let font = theme::regular(TEXT);
    let rect = ui
        .painter()
        .text(at, Align2::RIGHT_CENTER, text, font, p.dim);
    rect.left()
}

/// Checkpoints that follow each other, as a pile of pictures.
fn run_ui(ui: &Ui, scene: &Scene<'_>, line_of: &Line, room: Rect, node: Pos2, marked: bool) {
    let p = palette(ui);
    let color = lane_color(p, line_of.rails.lane);
    let painter = ui.painter();
    painter.rect_filled(Rect::from_center_size(node, vec2(12.0, 30.0)), 6.0, p.card);
    for step in [-9.0, 0.0, 9.0] {
        painter.circle_filled(node + vec2(0.0, step), 3.0, color);
    }
    let members = scene.list.snapshots_of(scene.timeline, line_of.point);
    let place = picture_rect(room);
    for step in [6.0, 3.0] {
        let behind = place.translate(vec2(step, -step)).shrink(1.0);
        painter.rect(
            behind,
            5.0,
            p.well,
            Stroke::new(1.0, p.line),
            StrokeKind::Inside,
        );
    }
    let newest = members.first().and_then(|id| texture(scene, *id));
    picture_ui(painter, p, place, newest, Icon::Timer);
    if marked {
        mark_ui(painter, p, place);
    }
    let mut text = text_rect(room);
    text.min.x += 4.0;
    icon::paint(
        painter,
        pos2(text.right() - 7.0, text.top() + 9.0),
        Icon::ChevronRight,
        15.0,
        p.dim,
    );
    let title = lines::run_count(&members);
    let font = theme::semibold(theme::BODY);
    line(
        ui,
        text.left_top(),
        &title,
        font,
        p.text,
        text.width() - 24.0,
    );
    let y = text.top() + 33.0;
    icon::paint(
        painter,
        pos2(text.left() + 7.0, y),
        Icon::Timer,
        13.0,
        p.dim,
    );
    let ends = lines::run_ends(scene, &members);
    let word = ends.map(|(from, to)| fill("{from} to {to}", &[("from", &from), ("to", &to)]));
    let word = word.unwrap_or_default();
    let at = pos2(text.left() + 18.0, y - 8.5);
    line(
        ui,
        at,
        &word,
        theme::regular(TEXT),
        p.dim,
        text.width() - 100.0,
    );
    let size = size_of(scene, &members).to_string();
    let at = pos2(text.right(), y);
    painter.text(at, Align2::RIGHT_CENTER, size, theme::regular(TEXT), p.dim);
}

/// The line above an unfolded run.
fn heading_ui(ui: &Ui, scene: &Scene<'_>, point: Point, room: Rect) {
    let p = palette(ui);
    let center = pos2(room.left() + 8.0, room.center().y);
    icon::paint(ui.painter(), center, Icon::ChevronDown, 15.0, p.dim);
    let at = pos2(room.left() + 22.0, room.center().y - 8.5);
    let members = scene.list.snapshots_of(scene.timeline, point);
    let title = lines::run_title(scene, &members);
    line(
        ui,
        at,
        &title,
        theme::semibold(TEXT),
        p.dim,
        room.width() - 40.0,
    );
}

/// What comes back if all of them go.
pub(super) fn size_of(scene: &Scene<'_>, snapshots: &[SnapshotId]) -> crate::model::ByteSize {
    let of = |id: &SnapshotId| {
        scene
            .timeline
            .snapshot(*id)
            .map(|snapshot| snapshot.bytes.0)
    };
    crate::model::ByteSize(snapshots.iter().filter_map(of).sum())
}

pub(super) fn texture<'a>(scene: &Scene<'a>, snapshot: SnapshotId) -> Option<&'a TextureHandle> {
    scene.view.pictures.get(Wish {
        size: PictureSize::Small,
        machine: scene.report.id,
        snapshot,
    })
}

fn picture_rect(room: Rect) -> Rect {
    Rect::from_min_size(
        pos2(room.left(), room.center().y - PICTURE.y / 2.0),
        PICTURE,
    )
}

fn text_rect(room: Rect) -> Rect {
    let left = room.left() + PICTURE.x + 12.0;
    Rect::from_min_max(
        pos2(left, room.top() + 12.0),
        pos2(room.right() - 16.0, room.bottom()),
    )
}

/// A picture that fills `rect`, cut where its shape is another; or an icon where there is none.
pub(super) fn picture_ui(
    painter: &Painter,
    p: &Palette,
    rect: Rect,
    texture: Option<&TextureHandle>,
    instead: Icon,
) {
    let radius = CornerRadius::same(5);
    match texture {
        Some(texture) => {
            let uv = cut(texture.size_vec2(), rect.size());
            let shape = egui::epaint::RectShape::filled(rect, radius, Color32::WHITE);
            painter.add(shape.with_texture(texture.id(), uv));
        }
        None => {
            painter.rect_filled(rect, radius, p.well);
            let size = (rect.height() * 0.4).clamp(12.0, 40.0);
            icon::paint(painter, rect.center(), instead, size, p.edge(p.dim));
        }
    }
    let line = Stroke::new(1.0, p.line);
    painter.rect_stroke(rect, radius, line, StrokeKind::Inside);
}

/// The part of a picture of `size` that fills `room`.
fn cut(size: egui::Vec2, room: egui::Vec2) -> Rect {
    let (shape, wanted) = (size.x / size.y.max(1.0), room.x / room.y.max(1.0));
    let keep = if shape > wanted {
        vec2(wanted / shape, 1.0)
    } else {
        vec2(1.0, shape / wanted)
    };
    Rect::from_center_size(pos2(0.5, 0.5), keep)
}

fn mark_ui(painter: &Painter, p: &Palette, picture: Rect) {
    let corner = picture.left_top() + vec2(3.0, 3.0);
    painter.circle_filled(corner, 8.5, p.accent);
    icon::paint(painter, corner, Icon::Check, 12.0, p.on_accent);
}

/// One line of text that ends with an ellipsis where it does not fit; returns its right end.
pub(in crate::ui::machine_page) fn line(
    ui: &Ui,
    at: Pos2,
    text: &str,
    font: egui::FontId,
    color: Color32,
    width: f32,
) -> f32 {
    let mut job = LayoutJob::simple_singleline(text.to_owned(), font, color);
    job.wrap = TextWrapping::truncate_at_width(width.max(8.0));
    let galley = ui.ctx().fonts_mut(|fonts| fonts.layout_job(job));
    let right = at.x + galley.size().x;
    ui.painter().galley(at, galley, color);
    right
}

/// A kind that can be left out, with how many there are of it.
pub(super) fn chip_ui(ui: &mut Ui, group: Group, word: &str, number: usize, on: bool) -> Response {
    let p = palette(ui);
    let color = if on { p.text } else { p.dim };
    let font = theme::regular(TEXT);
    let text = format!("{word} {number}");
    let galley = ui.painter().layout_no_wrap(text, font, color);
    let size = vec2(galley.size().x + 38.0, 26.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, on, word));
    let (fill, line) = match (on, response.hovered()) {
        (true, _) => (p.card.blend(p.tint(p.accent_text)), p.edge(p.accent_text)),
        (false, true) => (p.hover, p.line),
        (false, false) => (Color32::TRANSPARENT, p.line),
    };
    let painter = ui.painter();
    let stroke = Stroke::new(1.0, line);
    painter.rect(rect, 13.0, fill, stroke, StrokeKind::Inside);
    let glyph = if on { group.icon() } else { Icon::EyeOff };
    icon::paint(
        painter,
        rect.left_center() + vec2(17.0, 0.0),
        glyph,
        13.0,
        color,
    );
    let at = rect.left_center() + vec2(28.0, -galley.size().y / 2.0);
    painter.galley(at, galley, color);
    kit::focus_ring(ui, &response);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_of_another_shape_is_cut_in_the_middle() {
        let wide = cut(vec2(200.0, 100.0), vec2(50.0, 50.0));
        assert_eq!(wide, Rect::from_min_max(pos2(0.25, 0.0), pos2(0.75, 1.0)));
        let high = cut(vec2(100.0, 200.0), vec2(50.0, 50.0));
        assert_eq!(high, Rect::from_min_max(pos2(0.0, 0.25), pos2(1.0, 0.75)));
        assert_eq!(
            cut(vec2(160.0, 100.0), vec2(80.0, 50.0)).size(),
            vec2(1.0, 1.0)
        );
    }
}
