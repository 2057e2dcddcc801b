//! Shows the guest's memory directly on X11: the server reads it, we touch no pixel of it. Bar and letterbox are
//! painted as ever, and so is everything where this way is closed.

use std::rc::Rc;

use winit::raw_window_handle::{HasWindowHandle, RawWindowHandle};
use winit::window::Window;

use crate::display::frame::{Damage, Rect};

use super::super::guest_picture::GuestPicture;
use super::super::view::{intersect, subtract};
use super::soft::{SoftPresenter, window_damage};
use super::x11::{DirectError, Server, can_show};
use super::{PresentError, Presenter, Repaint, Scene, Shown, Way};

pub struct ShmPresenter {
    soft: SoftPresenter,
    /// `None` once the server refused.
    server: Option<Server>,
    way: Way,
}

impl ShmPresenter {
    /// Gives `soft` back where X11 can't do it.
    pub fn new(window: &Rc<Window>, soft: SoftPresenter) -> Result<Self, SoftPresenter> {
        let handle = window.window_handle().ok().map(|handle| handle.as_raw());
        let id = match handle {
            Some(RawWindowHandle::Xlib(handle)) => u32::try_from(handle.window).ok(),
            Some(RawWindowHandle::Xcb(handle)) => Some(handle.window.get()),
            _ => None,
        };
        match id.and_then(|id| Server::new(id).ok()) {
            Some(server) => Ok(Self {
                soft,
                server: Some(server),
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
        let everything = Repaint::everything();
        let turned = std::mem::replace(&mut self.way, Way::Copied) == Way::Direct;
        if turned && let Some(server) = &mut self.server {
            // What it still paints has to be on the screen before ours.
            let quiet = server.set_clip(&[]).and_then(|()| server.detach());
            if quiet.is_err() {
                self.server = None;
            }
        }
        let repaint = if turned { &everything } else { repaint };
        self.soft.present(scene, guest, repaint)
    }

    fn show(
        &mut self,
        scene: &Scene<'_>,
        guest: &mut GuestPicture,
        repaint: &Repaint,
    ) -> Result<Result<Shown, PresentError>, DirectError> {
        let (Some(server), Some(map)) = (&mut self.server, guest.map()) else {
            return Ok(Ok(Shown::Now));
        };
        server.attach(map)?;
        let visible = scene.placement.visible();
        let open = visible.map(|visible| subtract(visible, scene.overlays));
        let open = open.unwrap_or_default();
        server.set_clip(&open)?;
        if server.is_busy()? {
            return Ok(Ok(Shown::Later));
        }
        let turned = std::mem::replace(&mut self.way, Way::Direct) == Way::Copied;
        let everything = Repaint::everything();
        let repaint = if turned { &everything } else { repaint };
        let window = window_damage(scene, repaint);
        if let Err(error) = self.soft.paint(scene, None, window.rects(), &open) {
            return Ok(Err(error));
        }
        let mut painted = uncovered(&window, visible);
        let mut changed = repaint.guest.clone();
        if repaint.whole {
            changed.clear();
            changed.add(scene.placement.guest.rect());
        }
        let in_window = |rect: &Rect| scene.placement.window_rect(*rect);
        for rect in changed.rects().iter().filter_map(in_window) {
            painted.add(rect);
        }
        server.show(&scene.placement, changed.rects(), painted.rects())?;
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
            let server = self.server.as_ref().filter(|_| scene.direct && !scene.dim);
            guest.map().zip(server).is_some_and(|(map, server)| {
                can_show(map, &scene.placement) && !server.refuses(map)
            })
        };
        match guest {
            Some(guest) if fits(guest) => match self.show(scene, guest, repaint) {
                Ok(result) => result,
                Err(_) => {
                    self.server = None; // Remote, or gone; copying goes on.
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
