//! Shows the guest's memory directly on Wayland: the compositor reads it, we touch no pixel of it. Bar and letterbox
//! are painted as ever, and so is everything where this way is closed.

use std::rc::Rc;

use winit::window::Window;

use crate::display::frame::{Damage, Rect};

use super::super::guest_picture::GuestPicture;
use super::super::view::intersect;
use super::soft::{SoftPresenter, window_damage};
use super::{PresentError, Presenter, Repaint, Scene, Shown, Way};

mod compositor;
mod grid;
mod memory;
mod sheet;

use compositor::Compositor;
use grid::Lie;
use memory::{DirectError, can_show};

pub struct WaylandPresenter {
    compositor: Compositor,
    soft: SoftPresenter,
    way: Way,
}

impl WaylandPresenter {
    /// Gives `soft` back where there is no Wayland, or a compositor can't do it.
    pub fn new(window: &Rc<Window>, soft: SoftPresenter) -> Result<Self, SoftPresenter> {
        match Compositor::new(Rc::clone(window)) {
            Ok(compositor) => Ok(Self {
                compositor,
                soft,
                way: Way::Copied,
            }),
            Err(_) => Err(soft),
        }
    }

    /// How the guest's surface can lie, if it can be shown directly now.
    fn lie(&mut self, scene: &Scene<'_>, guest: &GuestPicture) -> Option<Lie> {
        let map = guest.map().filter(|_| scene.direct && !scene.dim)?;
        let fits = map.layout.size == scene.placement.guest;
        if !fits || self.compositor.refuses(map) {
            return None;
        }
        if !can_show(map) {
            self.compositor.refuse(map);
            return None;
        }
        Lie::new(&scene.placement, self.compositor.grid())
    }

    /// Copies, after the guest's memory was shown directly or not at all.
    fn copy(
        &mut self,
        scene: &Scene<'_>,
        guest: Option<&mut GuestPicture>,
        repaint: &Repaint,
    ) -> Result<Shown, PresentError> {
        let turned = std::mem::replace(&mut self.way, Way::Copied) == Way::Direct;
        if turned {
            self.compositor.hide(); // Seen together with what is painted now.
        }
        self.soft
            .present(scene, guest, &repaint.or_everything(turned))
    }

    fn show(
        &mut self,
        scene: &Scene<'_>,
        guest: &mut GuestPicture,
        lie: &Lie,
        repaint: &Repaint,
    ) -> Result<Result<Shown, PresentError>, DirectError> {
        let Some(map) = guest.map() else {
            return Ok(Ok(Shown::Nothing));
        };
        let turned = std::mem::replace(&mut self.way, Way::Direct) == Way::Copied;
        let repaint = repaint.or_everything(turned);
        let changed = repaint.guest_pixels(scene.placement.guest);
        self.compositor.show_guest(map, lie, changed.rects())?;
        let covering = |overlay: &Rect| intersect(*overlay, lie.core);
        let sheets: Vec<Rect> = scene.overlays.iter().filter_map(covering).collect();
        let window = window_damage(scene, &repaint);
        self.compositor
            .show_sheets(&sheets, &window, scene.canvas)?;
        guest.forget_whole();
        let around = self.paint_around(scene, guest, lie, window, &changed, repaint.whole);
        if matches!(around, Ok(Shown::Nothing)) {
            self.compositor.commit();
        }
        Ok(around.map(|_| Shown::Now))
    }

    /// Paints what the guest's surface does not cover.
    fn paint_around(
        &mut self,
        scene: &Scene<'_>,
        guest: &mut GuestPicture,
        lie: &Lie,
        window: Damage,
        changed: &Damage,
        whole: bool,
    ) -> Result<Shown, PresentError> {
        let scene = Scene {
            placement: lie.placement,
            ..*scene
        };
        let mut damage = window;
        let mut kept = lie.core;
        if whole && kept == scene.size.rect() {
            kept = Rect::new(0, 1, kept.w, kept.h - 1); // A window of a new size needs a new buffer.
        }
        let guest = lie.source.map(|_| guest);
        if guest.is_some() {
            scene.placement.add_changed(changed, &mut damage);
        }
        self.soft.paint(&scene, guest, damage.rects(), &[kept])
    }
}

impl Presenter for WaylandPresenter {
    fn present(
        &mut self,
        scene: &Scene<'_>,
        guest: Option<&mut GuestPicture>,
        repaint: &Repaint,
    ) -> Result<Shown, PresentError> {
        let lie = guest.as_deref().and_then(|guest| self.lie(scene, guest));
        let (guest, lie) = match (guest, lie) {
            (Some(guest), Some(lie)) => (guest, lie),
            (guest, _) => return self.copy(scene, guest, repaint),
        };
        match self.show(scene, guest, &lie, repaint) {
            Ok(result) => result,
            Err(_) => {
                if let Some(map) = guest.map() {
                    self.compositor.refuse(map);
                }
                self.copy(scene, Some(guest), &Repaint::everything())
            }
        }
    }

    fn way(&self) -> Way {
        self.way
    }

    fn was_seen(&mut self) -> bool {
        self.way == Way::Direct && self.compositor.was_seen()
    }
}
