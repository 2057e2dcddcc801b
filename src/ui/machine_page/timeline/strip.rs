//! The strip of pictures along time, oldest at the left: dragging along it, or its arrow keys, look at one after the other.

use egui::{
    EventFilter, Key, Modifiers, Rect, Response, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2,
    vec2,
};

use super::arrange::Point;
use super::keys::took;
use super::{Scene, TimelineTab, rails, row, words};
use crate::language::tr;
use crate::ui::album::PictureSize;
use crate::ui::icon::Icon;
use crate::ui::kit;
use crate::ui::theme::{self, palette};

/// With fewer snapshots there is nothing to look through.
const FEWEST: usize = 3;
const PICTURES: f32 = 40.0;
const HEIGHT: f32 = PICTURES + 16.0;
/// The widest that a picture gets, and the least room for one.
const WIDEST: f32 = 64.0;
const SLOT: f32 = 54.0;

/// How far along the points of time stand, evenly: what lies close together in time is still told apart.
struct Track {
    rail: Rect,
    /// All snapshots that are shown, and the present.
    count: usize,
}

impl Track {
    fn x(&self, place: usize) -> f32 {
        self.rail.left() + (place as f32 + 0.5) / self.count as f32 * self.rail.width()
    }

    fn nearest(&self, x: f32) -> usize {
        let share = ((x - self.rail.left()) / self.rail.width()).clamp(0.0, 1.0);
        ((share * self.count as f32) as usize).min(self.count - 1)
    }
}

/// Returns the room that it took; `None` where there is nothing to look through.
pub(super) fn strip_ui(ui: &mut Ui, tab: &mut TimelineTab, scene: &Scene<'_>) -> Option<Rect> {
    if scene.list.by_time.len() < FEWEST {
        return None;
    }
    let size = vec2(ui.available_width(), HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    let track = Track {
        rail: rect,
        count: scene.list.by_time.len() + 1,
    };
    let place = place_of(tab, scene);
    say(&response, scene, place);
    pictures_ui(ui, tab, scene, &track);
    rail_ui(ui, scene, &track, place);
    if let Some(next) = wanted(ui, &response, &track, place) {
        response.request_focus();
        tab.selection.look_at(point_at(scene, next));
        tab.reveal_point = true;
    }
    if response.has_focus() {
        tab.has_keyboard = true;
        let filter = EventFilter {
            horizontal_arrows: true,
            ..EventFilter::default()
        };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
    }
    kit::focus_ring(ui, &response);
    Some(rect)
}

fn point_at(scene: &Scene<'_>, place: usize) -> Point {
    let snapshot = scene.list.by_time.get(place);
    snapshot.map_or(Point::Now, |(place, _)| {
        Point::Snapshot(scene.timeline.snapshots[*place].id)
    })
}

/// Where along the strip what is looked at stands; a run by its newest.
fn place_of(tab: &TimelineTab, scene: &Scene<'_>) -> usize {
    let point = tab.selection.point.unwrap_or(Point::Now);
    let snapshots = scene.list.snapshots_of(scene.timeline, point);
    let newest = snapshots.first();
    let by_time = &mut scene.list.by_time.iter();
    by_time
        .position(|(place, _)| Some(&scene.timeline.snapshots[*place].id) == newest)
        .unwrap_or(scene.list.by_time.len())
}

/// The place that the pointer or a key asks for.
fn wanted(ui: &Ui, response: &Response, track: &Track, place: usize) -> Option<usize> {
    if response.is_pointer_button_down_on() {
        let at = response.interact_pointer_pos()?;
        let next = track.nearest(at.x);
        return (next != place || !response.has_focus()).then_some(next);
    }
    if !response.has_focus() {
        return None;
    }
    let last = track.count - 1;
    let keys = [
        (Key::ArrowLeft, place.saturating_sub(1)),
        (Key::ArrowRight, (place + 1).min(last)),
        (Key::Home, 0),
        (Key::End, last),
    ];
    let pressed = keys
        .into_iter()
        .find(|(key, _)| took(ui, Modifiers::NONE, *key));
    pressed.map(|(_, to)| to)
}

fn say(response: &Response, scene: &Scene<'_>, place: usize) {
    response.widget_info(|| {
        let mut info = WidgetInfo::slider(true, place as f64, tr("Look through time"));
        let title = match point_at(scene, place) {
            Point::Snapshot(id) => scene.timeline.snapshot(id),
            Point::Now | Point::Run(_) => None,
        };
        let title = title.map(|snapshot| words::title(scene.view, snapshot));
        info.hint_text = Some(title.unwrap_or_else(|| tr("Now").to_owned()));
        info
    });
}

/// As many pictures as there is room for, each where its snapshot stands.
fn pictures_ui(ui: &Ui, tab: &mut TimelineTab, scene: &Scene<'_>, track: &Track) {
    let p = palette(ui);
    let rail = track.rail;
    let slots = ((rail.width() / SLOT) as usize).clamp(1, track.count);
    let slot = rail.width() / slots as f32;
    let size = vec2((slot - 4.0).min(WIDEST), PICTURES);
    for number in 0..slots {
        let place = (2 * number + 1) * track.count / (2 * slots);
        let center = pos2(
            rail.left() + (number as f32 + 0.5) * slot,
            rail.top() + PICTURES / 2.0,
        );
        let rect = Rect::from_center_size(center, size);
        let (texture, instead) = match point_at(scene, place) {
            Point::Snapshot(id) => {
                tab.wish(scene.report, scene.timeline, id, PictureSize::Small);
                let memory = scene.timeline.snapshot(id).is_some_and(|it| it.with_memory);
                let instead = if memory { Icon::Monitor } else { Icon::Power };
                (row::texture(scene, id), instead)
            }
            Point::Now | Point::Run(_) => (scene.view.thumbnail(scene.report.id), Icon::Monitor),
        };
        row::picture_ui(ui.painter(), p, rect, texture, instead);
    }
}

/// A dot for each snapshot, in the colour of its branch, and the mark of what is looked at.
fn rail_ui(ui: &Ui, scene: &Scene<'_>, track: &Track, place: usize) {
    let p = palette(ui);
    let painter = ui.painter();
    let y = track.rail.bottom() - 6.0;
    painter.hline(track.rail.x_range(), y, Stroke::new(2.0, p.line));
    let radius = if track.count > 90 { 1.5 } else { 3.0 };
    for (number, (_, lane)) in scene.list.by_time.iter().enumerate() {
        let color = rails::lane_color(p, *lane);
        painter.circle_filled(pos2(track.x(number), y), radius, color);
    }
    let now = pos2(track.x(track.count - 1), y);
    painter.circle_stroke(now, 4.0, Stroke::new(1.5, p.leaf));
    let x = track.x(place);
    let top = track.rail.top() - 1.0;
    painter.vline(x, top..=y, Stroke::new(2.0, p.accent));
    let knob = Rect::from_center_size(pos2(x, y), vec2(11.0, 11.0));
    let ring = Stroke::new(2.0, p.background);
    painter.rect(knob, 5.5, p.accent, ring, StrokeKind::Outside);
    let word = match scene.list.by_time.get(place) {
        Some((snapshot, _)) => {
            let snapshot = &scene.timeline.snapshots[*snapshot];
            scene.view.zone.moment(snapshot.time, scene.view.now)
        }
        None => tr("Now").to_owned(),
    };
    let font = theme::semibold(theme::SMALL);
    let galley = painter.layout_no_wrap(word, font, p.on_accent);
    let half = galley.size().x / 2.0 + 7.0;
    let middle = x.clamp(track.rail.left() + half, track.rail.right() - half);
    let label = Rect::from_center_size(
        pos2(middle, track.rail.top() + PICTURES - 9.0),
        vec2(half * 2.0, 18.0),
    );
    painter.rect_filled(label, 9.0, p.accent);
    let at = label.center() - galley.size() / 2.0;
    painter.galley(at, galley, p.on_accent);
}
