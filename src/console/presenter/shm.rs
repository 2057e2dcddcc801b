//! Shows the guest's memory directly on X11: the server reads it, we touch no pixel of it. Bar and letterbox are
//! painted as ever, and so is everything where this way is closed.

use std::rc::Rc;
use std::sync::Arc;

use winit::window::Window;

use crate::desktop::x11_window;
use crate::display::frame::{Damage, Figures, Rect};

use super::super::guest_picture::GuestPicture;
use super::super::view::{intersect, subtract};
use super::direct::Direct;
use super::soft::{SoftPresenter, window_damage};
use super::x11::{DirectError, Server, can_show};
use super::{PresentError, Presenter, Repaint, Scene, Shown, Way};

pub struct ShmPresenter {
    soft: SoftPresenter,
    /// `None` once the server refused.
    direct: Option<Arc<Direct>>,
    way: Way,
}

impl ShmPresenter {
    /// Gives `soft` back where X11 can't do it. `figures` counts what is shown between two calls of ours.
    pub fn new(
        window: &Rc<Window>,
        soft: SoftPresenter,
        figures: &Figures,
    ) -> Result<Self, SoftPresenter> {
        match x11_window(window).and_then(|id| Server::new(id).ok()) {
            Some(server) => Ok(Self {
                soft,
                direct: Some(Arc::new(Direct::new(server, figures.clone()))),
                way: Way::Copied,
            }),
            None => Err(soft),
        }
    }

    /// Copies, after the guest's memory was shown directly or not at all.
    fn copy(
        &mut self,
        scene: &Scene<'_>,
        guest: Option<&mut GuestPicture>,
        repaint: &Repaint,
    ) -> Result<Shown, PresentError> {
        self.way = Way::Copied;
        // What it still paints has to be on the screen before ours.
        let turned = match self.direct.as_ref().map(|direct| direct.lay_down()) {
            Some(Ok(turned)) => turned,
            Some(Err(_)) => {
                self.direct = None;
                true
            }
            None => false,
        };
        self.soft
            .present(scene, guest, &repaint.or_everything(turned))
    }

    fn show(
        &mut self,
        scene: &Scene<'_>,
        guest: &mut GuestPicture,
        repaint: &Repaint,
    ) -> Result<Result<Shown, PresentError>, DirectError> {
        let (Some(direct), Some(map)) = (&self.direct, guest.map()) else {
            return Ok(Ok(Shown::Now));
        };
        let visible = scene.placement.visible();
        let open = visible.map(|visible| subtract(visible, scene.overlays));
        let open = open.unwrap_or_default();
        // Until all is painted, nobody else may paint.
        let mut easel = direct.set_up(map, scene.placement, &open)?;
        if easel.server.is_busy()? {
            return Ok(Ok(Shown::Later));
        }
        let turned = std::mem::replace(&mut self.way, Way::Direct) == Way::Copied;
        let repaint = repaint.or_everything(turned);
        let window = window_damage(scene, &repaint);
        if let Err(error) = self.soft.paint(scene, None, window.rects(), &open) {
            return Ok(Err(error));
        }
        let changed = repaint.guest_pixels(scene.placement.guest);
        easel.show(&changed, uncovered(&window, visible))?;
        drop(easel);
        guest.paint_by(direct);
        guest.forget_whole();
        Ok(Ok(Shown::Now))
    }
}

impl Presenter for ShmPresenter {
    fn present(
        &mut self,
        scene: &Scene<'_>,
        guest: Option<&mut GuestPicture>,
        repaint: &Repaint,
    ) -> Result<Shown, PresentError> {
        let fits = |guest: &GuestPicture| {
            let direct = self.direct.as_ref().filter(|_| scene.direct && !scene.dim);
            guest.map().zip(direct).is_some_and(|(map, direct)| {
                can_show(map, &scene.placement) && !direct.refuses(map)
            })
        };
        match guest {
            Some(guest) if fits(guest) => match self.show(scene, guest, repaint) {
                Ok(result) => result,
                Err(_) => {
                    // Remote, or gone; copying goes on.
                    if let Some(direct) = self.direct.take() {
                        direct.lay_down().ok(); // It is not asked again, so however that ends.
                    }
                    self.copy(scene, Some(guest), &Repaint::everything())
                }
            },
            guest => self.copy(scene, guest, repaint),
        }
    }

    fn way(&self) -> Way {
        self.way
    }
}

/// The parts of the window's damage that lie on the picture.
fn uncovered(damage: &Damage, visible: Option<Rect>) -> Damage {
    let mut uncovered = Damage::default();
    for rect in damage.rects() {
        if let Some(part) = visible.and_then(|visible| intersect(visible, *rect)) {
            uncovered.add(part);
        }
    }
    uncovered
}
