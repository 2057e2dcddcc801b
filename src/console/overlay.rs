//! Runs egui by hand for the bar, its menus and the card, and paints them in software.

use std::time::{Duration, Instant};

use egui::Ui;
use egui::epaint::ClippedShape;
use winit::event::WindowEvent;
use winit::event_loop::ActiveEventLoop;
use winit::window::Window;

use crate::display::frame::{Damage, Rect, Size};
use crate::model::ThemeChoice;

use super::raster::{Canvas, Raster, pixel_rect};
use super::view::intersect;

/// Between two paintings, however much egui wants to move.
const FRAME: Duration = Duration::from_millis(16);
/// Menus, tooltips and a card; more become one rectangle.
const MAX_RECTS: usize = 16;

pub struct Overlay {
    ctx: egui::Context,
    state: egui_winit::State,
    raster: Raster,
    pub canvas: Canvas,
    /// What is covered, in window pixels.
    pub rects: Vec<Rect>,
    bar: Rect,
    due: Option<Instant>,
}

impl Overlay {
    pub fn new(event_loop: &ActiveEventLoop, window: &Window) -> Self {
        let ctx = egui::Context::default();
        super::theme::install(&ctx);
        let scale = window.scale_factor() as f32;
        let id = egui::ViewportId::ROOT;
        let theme = window.theme();
        let state = egui_winit::State::new(ctx.clone(), id, event_loop, Some(scale), theme, None);
        Self {
            ctx,
            state,
            raster: Raster::default(),
            canvas: Canvas::default(),
            rects: Vec::new(),
            bar: Rect::default(),
            due: Some(Instant::now()),
        }
    }

    /// Follows the user's choice; `System` is what the window system says.
    pub fn choose(&self, choice: ThemeChoice) {
        super::theme::choose(&self.ctx, choice);
    }

    /// Asks for another drawing, as what is shown has changed.
    pub fn ask(&mut self) {
        self.due = Some(Instant::now());
    }

    /// When [`Self::draw`] wants to be called.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// True if a pointer at this window position is the overlay's. An open menu wants every click, to close; a sign
    /// lets it through to the guest.
    pub fn wants_pointer(&self, (x, y): (f64, f64)) -> bool {
        let on_bar = y < f64::from(self.bar.bottom()) && !self.bar.is_empty();
        let scale = self.ctx.pixels_per_point();
        let at = egui::pos2(x as f32 / scale, y as f32 / scale);
        let above = |layer: egui::LayerId| layer.order > egui::Order::Background;
        self.menu_open() || on_bar || self.ctx.layer_id_at(at).is_some_and(above)
    }

    pub fn menu_open(&self) -> bool {
        egui::Popup::is_any_open(&self.ctx)
    }

    /// Hands a window event to egui.
    pub fn event(&mut self, window: &Window, event: &WindowEvent) {
        if self.state.on_window_event(window, event).repaint {
            self.ask();
        }
    }

    /// Draws what `ui` makes for a window of `size` pixels. `bar` is what the bar covers, painted whole. Returns what changed in the window.
    pub fn draw(
        &mut self,
        window: &Window,
        size: Size,
        bar: Rect,
        ui: impl FnMut(&mut Ui),
    ) -> Damage {
        let input = self.state.take_egui_input(window);
        let output = self.ctx.run_ui(input, ui);
        let delays = output.viewport_output.values();
        let delay = delays.map(|viewport| viewport.repaint_delay).min();
        let delay = delay.unwrap_or(Duration::MAX).max(FRAME);
        self.due = Instant::now().checked_add(delay);
        self.raster.update(output.textures_delta);
        let scale = output.pixels_per_point;
        let rects = covered(&output.shapes, scale, size, bar);
        let primitives = self.ctx.tessellate(output.shapes, scale);
        self.canvas.resize(size);
        self.bar = bar;
        for rect in &rects {
            self.canvas.fill(*rect, 0);
            self.raster
                .paint(&mut self.canvas, &primitives, scale, &[*rect]);
        }
        let mut changed = Damage::default();
        let old = std::mem::replace(&mut self.rects, rects);
        for rect in old.into_iter().chain(self.rects.iter().copied()) {
            if let Some(rect) = intersect(rect, size.rect()) {
                changed.add(rect);
            }
        }
        changed
    }
}

/// The bar, and rectangles around all that is painted outside it. They do not overlap, so nothing is painted twice.
fn covered(shapes: &[ClippedShape], scale: f32, size: Size, bar: Rect) -> Vec<Rect> {
    let mut others: Vec<Rect> = Vec::new();
    for shape in shapes {
        let bounds = shape.shape.visual_bounding_rect();
        let rect = pixel_rect(bounds.intersect(shape.clip_rect), scale, size);
        let inside = intersect(rect, bar) == Some(rect);
        if bounds.is_finite() && !rect.is_empty() && !inside {
            join(&mut others, rect);
        }
    }
    if others.len() > MAX_RECTS {
        others = others.into_iter().reduce(Rect::union).into_iter().collect();
    }
    let mut rects: Vec<Rect> = (!bar.is_empty()).then_some(bar).into_iter().collect();
    for rect in others {
        rects.extend(super::view::subtract(rect, &[bar]));
    }
    rects
}

/// Adds a rectangle; those that overlap become one.
fn join(rects: &mut Vec<Rect>, rect: Rect) {
    let mut rect = rect;
    while let Some(at) = rects.iter().position(|old| intersect(*old, rect).is_some()) {
        rect = rect.union(rects.swap_remove(at));
    }
    rects.push(rect);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rectangles_that_touch_nothing_stay_apart_and_others_join() {
        let mut rects = Vec::new();
        join(&mut rects, Rect::new(0, 0, 10, 10));
        join(&mut rects, Rect::new(50, 50, 10, 10));
        join(&mut rects, Rect::new(10, 0, 10, 10));
        assert_eq!(rects.len(), 3);
        join(&mut rects, Rect::new(5, 5, 50, 50));
        assert_eq!(rects, [Rect::new(0, 0, 60, 60)]);
    }
}
