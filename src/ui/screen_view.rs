//! The guest's screen as a widget: paints its texture and has the pointer followed.

use egui::{Color32, Pos2, Rect, Sense, Ui, Vec2, pos2, vec2};

use super::Ask;
use super::pointer::Hand;
use super::theme::{self, palette};
use super::view::LiveScreen;
use crate::display::frame::Reading;
use crate::language::tr;
use crate::model::{MachineId, ScreenSettings, Zoom};

/// Where the guest's screen was painted in the last frame, if it was.
pub fn room_of_screen(ctx: &egui::Context) -> Option<Rect> {
    let (frame, room) = ctx.data(|data| data.get_temp::<(u64, Rect)>(seen_id()))?;
    (frame + 1 >= ctx.cumulative_frame_nr()).then_some(room)
}

fn seen_id() -> egui::Id {
    egui::Id::unique("guest screen")
}

/// Where a guest of `guest` pixels is painted inside `room`.
///
/// Where a guest pixel is a whole number of pixels the corner is snapped to whole pixels, so that nothing is blurred.
/// Of a picture larger than the room, `pan` says which part is seen: 0 is the left or upper end, 1 the other.
pub fn place(room: Rect, guest: (u32, u32), zoom: Zoom, pixels_per_point: f32, pan: Vec2) -> Rect {
    let size = vec2(guest.0.max(1) as f32, guest.1.max(1) as f32);
    let fit = (room.width() / size.x).min(room.height() / size.y).max(0.0);
    let times = fit * pixels_per_point;
    match zoom {
        Zoom::Fit if is_nearly_whole(times, size) => {
            whole(room, size, times.round(), pixels_per_point, pan)
        }
        Zoom::Fit => Rect::from_center_size(room.center(), size * fit),
        Zoom::Stretch => room,
        Zoom::Whole => whole(
            room,
            size,
            (times + 0.001).floor().max(1.0),
            pixels_per_point,
            pan,
        ),
        Zoom::Times(_) => whole(room, size, zoom.pixel_side() as f32, pixels_per_point, pan),
    }
}

/// Less than a pixel is missing over the whole width or height.
fn is_nearly_whole(times: f32, size: Vec2) -> bool {
    let off = (times - times.round()).abs();
    times.round() >= 1.0 && off * size.max_elem() <= 1.0
}

fn whole(room: Rect, size: Vec2, times: f32, pixels_per_point: f32, pan: Vec2) -> Rect {
    let size = size * times / pixels_per_point;
    let free = room.size() - size;
    let start = |free: f32, pan: f32| free * if free < 0.0 { pan } else { 0.5 };
    let snap = |at: f32| (at * pixels_per_point).round() / pixels_per_point;
    let corner = pos2(
        snap(room.left() + start(free.x, pan.x)),
        snap(room.top() + start(free.y, pan.y)),
    );
    Rect::from_min_size(corner, size)
}

/// Whole pixels of this computer in `room`, each `side` pixels of it one of the guest's.
fn pixels(room: Rect, side: u32, pixels_per_point: f32) -> (u32, u32) {
    let whole = |from: f32, to: f32| {
        let (from, to) = (from * pixels_per_point, to * pixels_per_point);
        ((to + 0.01).floor() - (from - 0.01).ceil()).max(0.0) as u32 / side.max(1)
    };
    (
        whole(room.left(), room.right()),
        whole(room.top(), room.bottom()),
    )
}

/// Where a large picture is panned to while the pointer is at `at`: its ends come into sight a
/// little before the pointer reaches the edge.
fn pan_towards(room: Rect, at: Pos2) -> Vec2 {
    const MARGIN: f32 = 0.1;
    let share = (at - room.min) / room.size().max(Vec2::splat(1.0));
    let inner = (share - Vec2::splat(MARGIN)) / (1.0 - 2.0 * MARGIN);
    inner.clamp(Vec2::ZERO, Vec2::splat(1.0))
}

/// The guest pixel under `at`; points outside the picture count as its edge.
pub fn to_guest(picture: Rect, guest: (u32, u32), at: Pos2) -> (u32, u32) {
    let axis = |at: f32, from: f32, length: f32, pixels: u32| {
        let share = ((at - from) / length.max(1.0)).clamp(0.0, 1.0);
        ((share * pixels as f32) as u32).min(pixels.saturating_sub(1))
    };
    (
        axis(at.x, picture.left(), picture.width(), guest.0),
        axis(at.y, picture.top(), picture.height(), guest.1),
    )
}

/// Paints the screen over all available room and passes the pointer on.
///
/// A click takes the keyboard for the guest, and the pointer too where the guest has no tablet.
pub fn screen_ui(
    ui: &mut Ui,
    screen: &LiveScreen,
    look: &ScreenSettings,
    captured: bool,
    hand: &mut Hand,
    asks: &mut Vec<Ask>,
) {
    let room = ui.available_rect_before_wrap();
    let frame = ui.ctx().cumulative_frame_nr();
    ui.data_mut(|data| data.insert_temp(seen_id(), (frame, room)));
    let response = ui.allocate_rect(room, Sense::click_and_drag());
    let name = tr("The guest's screen");
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, name));
    let guest = (screen.width, screen.height);
    let pan = pan(ui, room, screen.machine, &response);
    let picture = place(room, guest, look.zoom, ui.ctx().pixels_per_point(), pan);
    letterbox(ui, room, picture);
    let whole = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
    let painter = ui.painter_at(room);
    painter.image(screen.texture.id(), picture, whole, Color32::WHITE);
    cursor_ui(ui, &painter, screen, picture, &response);
    if let Some(figures) = &screen.figures {
        figures_ui(ui, &painter, room, figures);
    }
    let pixels = pixels(room, look.zoom.pixel_side(), ui.ctx().pixels_per_point());
    if look.follow && screen.told_room != Some(pixels) {
        asks.push(Ask::GuestSize(screen.machine, pixels));
    }
    let pressed = response.clicked() || response.drag_started();
    if pressed && !captured {
        asks.push(Ask::Capture(Some(screen.machine)));
    } else if captured && screen.absolute && response.clicked_elsewhere() {
        asks.push(Ask::Capture(None));
    }
    hand.follow(ui, screen, picture, captured, &response, asks);
}

/// The pan by the pointer, or where it was when the pointer left.
fn pan(ui: &Ui, room: Rect, machine: MachineId, response: &egui::Response) -> Vec2 {
    let key = response.id.with(machine);
    let pointer = response.hover_pos(); // Asked first: inside `data_mut` it would wait for itself.
    ui.data_mut(|data| {
        let pan: &mut Vec2 = data.get_temp_mut_or_default(key);
        if let Some(at) = pointer {
            *pan = pan_towards(room, at);
        }
        *pan
    })
}

/// Four bars around the picture; nothing is painted under it.
fn letterbox(ui: &Ui, room: Rect, picture: Rect) {
    let inner = picture.intersect(room);
    let bars = [
        Rect::from_min_max(room.min, pos2(room.right(), inner.top())),
        Rect::from_min_max(pos2(room.left(), inner.bottom()), room.max),
        Rect::from_min_max(pos2(room.left(), inner.top()), inner.left_bottom()),
        Rect::from_min_max(inner.right_top(), pos2(room.right(), inner.bottom())),
    ];
    let color = palette(ui).letterbox;
    for bar in bars.into_iter().filter(Rect::is_positive) {
        ui.painter().rect_filled(bar, 0.0, color);
    }
}

/// Draws the guest's own pointer in place of this computer's, where the guest has one.
fn cursor_ui(
    ui: &Ui,
    painter: &egui::Painter,
    screen: &LiveScreen,
    picture: Rect,
    response: &egui::Response,
) {
    let at = response.hover_pos().filter(|at| picture.contains(*at));
    let Some(at) = at.filter(|_| screen.absolute) else {
        return;
    };
    ui.ctx().set_cursor_icon(egui::CursorIcon::None);
    let Some(cursor) = &screen.cursor else {
        // The guest draws its pointer into the picture, or none: this only says where ours is.
        painter.circle_filled(at, 2.0, Color32::WHITE);
        painter.circle_stroke(at, 2.5, egui::Stroke::new(1.0, Color32::BLACK));
        return;
    };
    let scale = picture.width() / screen.width.max(1) as f32;
    let hot = vec2(cursor.hot.0 as f32, cursor.hot.1 as f32) * scale;
    let rect = Rect::from_min_size(at - hot, cursor.texture.size_vec2() * scale);
    let whole = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
    painter.image(cursor.texture.id(), rect, whole, Color32::WHITE);
}

/// Frame and latency figures in the corner.
fn figures_ui(ui: &Ui, painter: &egui::Painter, room: Rect, reading: &Reading) {
    let p = palette(ui);
    let delay = reading.key_to_pixel.map_or_else(
        || "–".to_owned(),
        |delay| format!("{:.1}", delay.as_secs_f64() * 1000.0),
    );
    let lines = [
        (format!("{:.1}", reading.shown), tr("frames/s shown")),
        (format!("{:.1}", reading.updates), tr("guest updates/s")),
        (delay, tr("ms from key to pixel")),
        (String::new(), tr("drawn as a texture of this window")),
    ];
    let text: Vec<String> = lines
        .iter()
        .map(|(number, what)| format!("{number} {what}").trim().to_owned())
        .collect();
    let font = theme::regular(theme::SMALL);
    let galley = painter.layout_no_wrap(text.join("\n"), font, p.text);
    let corner = room.left_top() + vec2(8.0, 8.0);
    let ground = Rect::from_min_size(corner, galley.size()).expand(6.0);
    painter.rect_filled(ground, 4.0, p.side);
    painter.galley(corner, galley, p.text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(width: f32, height: f32) -> Rect {
        Rect::from_min_size(pos2(10.3, 20.0), vec2(width, height))
    }

    #[test]
    fn fitting_keeps_the_shape_and_fills_one_side() {
        let picture = place(room(800.0, 400.0), (1280, 800), Zoom::Fit, 1.0, Vec2::ZERO);
        assert_eq!(picture.size(), vec2(640.0, 400.0));
        assert_eq!(picture.center(), room(800.0, 400.0).center());
    }

    #[test]
    fn one_to_one_lies_on_whole_pixels_at_any_scale() {
        for scale in [1.0, 1.25, 1.5, 1.75, 2.0] {
            let picture = place(
                room(901.0, 603.0),
                (640, 480),
                Zoom::Times(1),
                scale,
                Vec2::ZERO,
            );
            let left = picture.left() * scale;
            assert!((left - left.round()).abs() < 0.001, "at scale {scale}");
            assert!((picture.width() * scale - 640.0).abs() < 0.01);
        }
    }

    #[test]
    fn a_guest_that_was_given_the_rooms_pixels_is_shown_one_to_one() {
        for scale in [1.0, 1.25, 1.5, 1.75, 2.0] {
            let room = room(901.0, 603.0);
            let guest = pixels(room, 1, scale);
            let picture = place(room, guest, Zoom::Fit, scale, Vec2::ZERO);
            let exact = place(room, guest, Zoom::Times(1), scale, Vec2::ZERO);
            assert_eq!(picture, exact, "at scale {scale}");
        }
        assert_eq!(pixels(room(801.0, 401.0), 2, 1.0), (400, 200));
    }

    #[test]
    fn whole_multiples_are_as_large_as_fits_and_stretching_leaves_nothing() {
        let place = |guest, zoom| place(room(800.0, 400.0), guest, zoom, 1.0, Vec2::ZERO);
        assert_eq!(place((300, 150), Zoom::Whole).size(), vec2(600.0, 300.0));
        assert_eq!(place((1280, 800), Zoom::Whole).size(), vec2(1280.0, 800.0));
        assert_eq!(place((300, 150), Zoom::Times(2)).size(), vec2(600.0, 300.0));
        assert_eq!(place((640, 480), Zoom::Stretch), room(800.0, 400.0));
    }

    #[test]
    fn every_part_of_a_large_picture_can_be_reached() {
        let room = room(800.0, 400.0);
        for (at, corner) in [(room.min, room.min), (room.max, room.max)] {
            let pan = pan_towards(room, at);
            let picture = place(room, (1280, 800), Zoom::Times(1), 1.0, pan);
            let seen = if corner == room.min {
                picture.min
            } else {
                picture.max
            };
            assert!((seen - corner).abs().max_elem() <= 1.0, "{at:?}");
        }
    }

    #[test]
    fn every_point_is_a_pixel_of_the_guest() {
        let picture = place(room(800.0, 400.0), (1280, 800), Zoom::Fit, 1.0, Vec2::ZERO);
        assert_eq!(to_guest(picture, (1280, 800), picture.min), (0, 0));
        assert_eq!(to_guest(picture, (1280, 800), picture.max), (1279, 799));
        assert_eq!(to_guest(picture, (1280, 800), picture.center()), (640, 400));
        assert_eq!(
            to_guest(picture, (1280, 800), pos2(-50.0, 9999.0)),
            (0, 799)
        );
        assert_eq!(to_guest(Rect::ZERO, (0, 0), Pos2::ZERO), (0, 0));
    }
}
