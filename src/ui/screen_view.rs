//! The guest's screen as a widget: paints its texture and turns the pointer into guest pixels.

use egui::{Color32, PointerButton, Pos2, Rect, Sense, Ui, Vec2, pos2, vec2};

use super::Ask;
use super::theme::palette;
use super::view::LiveScreen;
use crate::language::tr;
use crate::model::MachineId;

/// What the pointer did on the guest's screen, in guest pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pointer {
    Moved {
        x: u32,
        y: u32,
    },
    Button {
        button: PointerButton,
        pressed: bool,
    },
    /// Notches of the wheel; up and right are positive.
    Wheel {
        right: i32,
        up: i32,
    },
}

/// How the picture is sized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scaling {
    /// As large as fits, shape kept.
    #[default]
    Fit,
    /// One guest pixel on one pixel of this computer, sharp.
    Sharp,
}

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
/// At 1:1 the corner is snapped to whole pixels so that nothing is blurred. Of a picture larger
/// than the room, `pan` says which part is seen: 0 is the left or upper end, 1 the other.
pub fn place(
    room: Rect,
    guest: (u32, u32),
    scaling: Scaling,
    pixels_per_point: f32,
    pan: Vec2,
) -> Rect {
    let size = vec2(guest.0.max(1) as f32, guest.1.max(1) as f32);
    match scaling {
        Scaling::Fit => {
            let scale = (room.width() / size.x).min(room.height() / size.y);
            Rect::from_center_size(room.center(), size * scale.max(0.0))
        }
        Scaling::Sharp => {
            let size = size / pixels_per_point;
            let free = room.size() - size;
            let start = |free: f32, pan: f32| free * if free < 0.0 { pan } else { 0.5 };
            let snap = |at: f32| (at * pixels_per_point).round() / pixels_per_point;
            let corner = pos2(
                snap(room.left() + start(free.x, pan.x)),
                snap(room.top() + start(free.y, pan.y)),
            );
            Rect::from_min_size(corner, size)
        }
    }
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
/// A click takes the keyboard for the guest.
pub fn screen_ui(
    ui: &mut Ui,
    screen: &LiveScreen,
    scaling: Scaling,
    captured: bool,
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
    let picture = place(room, guest, scaling, ui.ctx().pixels_per_point(), pan);
    letterbox(ui, room, picture);
    let whole = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
    let painter = ui.painter_at(room);
    painter.image(screen.texture.id(), picture, whole, Color32::WHITE);
    cursor_ui(ui, &painter, screen, picture, &response);
    let pressed = response.clicked() || response.drag_started();
    if pressed && !captured {
        asks.push(Ask::Capture(Some(screen.machine)));
    } else if captured && response.clicked_elsewhere() {
        asks.push(Ask::Capture(None));
    }
    pointer(ui, screen.machine, guest, picture, &response, asks);
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
    let (Some(cursor), Some(at)) = (&screen.cursor, response.hover_pos()) else {
        return;
    };
    if !picture.contains(at) {
        return;
    }
    ui.ctx().set_cursor_icon(egui::CursorIcon::None);
    let scale = picture.width() / screen.width.max(1) as f32;
    let hot = vec2(cursor.hot.0 as f32, cursor.hot.1 as f32) * scale;
    let rect = Rect::from_min_size(at - hot, cursor.texture.size_vec2() * scale);
    let whole = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
    painter.image(cursor.texture.id(), rect, whole, Color32::WHITE);
}

fn pointer(
    ui: &Ui,
    machine: MachineId,
    guest: (u32, u32),
    picture: Rect,
    response: &egui::Response,
    asks: &mut Vec<Ask>,
) {
    let inside = response.contains_pointer() || response.dragged() || response.drag_stopped();
    if !inside {
        return;
    }
    ui.input(|input| {
        for event in &input.events {
            let pointer = match *event {
                egui::Event::PointerMoved(at) => moved(picture, guest, at),
                egui::Event::PointerButton {
                    pos,
                    button,
                    pressed,
                    ..
                } => {
                    asks.push(Ask::Pointer(machine, moved(picture, guest, pos)));
                    Pointer::Button { button, pressed }
                }
                egui::Event::MouseWheel { unit, delta, .. } => wheel(unit, delta),
                _ => continue,
            };
            asks.push(Ask::Pointer(machine, pointer));
        }
    });
}

fn moved(picture: Rect, guest: (u32, u32), at: Pos2) -> Pointer {
    let (x, y) = to_guest(picture, guest, at);
    Pointer::Moved { x, y }
}

fn wheel(unit: egui::MouseWheelUnit, delta: Vec2) -> Pointer {
    /// Points of a touchpad's scrolling that make one notch.
    const POINTS_PER_NOTCH: f32 = 20.0;
    let notches = match unit {
        egui::MouseWheelUnit::Line => delta,
        egui::MouseWheelUnit::Page => delta * 3.0,
        egui::MouseWheelUnit::Point => delta / POINTS_PER_NOTCH,
    };
    let whole = |notches: f32| {
        if notches == 0.0 {
            0
        } else {
            (notches.abs().clamp(1.0, 20.0) * notches.signum()) as i32
        }
    };
    Pointer::Wheel {
        right: whole(notches.x),
        up: whole(notches.y),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(width: f32, height: f32) -> Rect {
        Rect::from_min_size(pos2(10.3, 20.0), vec2(width, height))
    }

    #[test]
    fn fitting_keeps_the_shape_and_fills_one_side() {
        let picture = place(
            room(800.0, 400.0),
            (1280, 800),
            Scaling::Fit,
            1.0,
            Vec2::ZERO,
        );
        assert_eq!(picture.size(), vec2(640.0, 400.0));
        assert_eq!(picture.center(), room(800.0, 400.0).center());
    }

    #[test]
    fn one_to_one_lies_on_whole_pixels_at_any_scale() {
        for scale in [1.0, 1.25, 1.5, 2.0] {
            let picture = place(
                room(901.0, 603.0),
                (640, 480),
                Scaling::Sharp,
                scale,
                Vec2::ZERO,
            );
            let left = picture.left() * scale;
            assert!((left - left.round()).abs() < 0.001, "at scale {scale}");
            assert!((picture.width() * scale - 640.0).abs() < 0.01);
        }
    }

    #[test]
    fn every_part_of_a_large_picture_can_be_reached() {
        let room = room(800.0, 400.0);
        for (at, corner) in [(room.min, room.min), (room.max, room.max)] {
            let pan = pan_towards(room, at);
            let picture = place(room, (1280, 800), Scaling::Sharp, 1.0, pan);
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
        let picture = place(
            room(800.0, 400.0),
            (1280, 800),
            Scaling::Fit,
            1.0,
            Vec2::ZERO,
        );
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
