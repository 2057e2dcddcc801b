//! Shows what changed in the guest's memory without the window's thread: from news to the X server in one step.
//!
//! The window's thread sets up what is shown where, and paints whenever more than the guest's pixels changed. Between
//! that the screen's pacing thread paints through the same connection. Whoever holds the easel paints.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::display::frame::{Damage, Figures, Painted, Painter, Rect, SharedMap};

use super::super::view::Placement;
use super::x11::{DirectError, Server};

/// The way to the X server, shared by two threads.
#[derive(Debug)]
pub struct Direct {
    easel: Mutex<Easel>,
    figures: Figures,
}

/// Where the picture is painted.
#[derive(Debug)]
pub struct Easel {
    pub server: Server,
    /// `None` while the picture is not shown this way.
    placement: Option<Placement>,
}

impl Direct {
    pub fn new(server: Server, figures: Figures) -> Self {
        let placement = None;
        Self {
            easel: Mutex::new(Easel { server, placement }),
            figures,
        }
    }

    fn easel(&self) -> MutexGuard<'_, Easel> {
        self.easel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows this memory from now on, at its place in the window, but only within `open`.
    pub fn set_up(
        &self,
        map: &SharedMap,
        placement: Placement,
        open: &[Rect],
    ) -> Result<MutexGuard<'_, Easel>, DirectError> {
        let mut easel = self.easel();
        easel.server.attach(map)?;
        easel.server.set_clip(open)?;
        easel.placement = Some(placement);
        Ok(easel)
    }

    /// Shows nothing more. What was painted is on the screen when this returns. False if nothing was shown anyway.
    pub fn lay_down(&self) -> Result<bool, DirectError> {
        let mut easel = self.easel();
        if easel.placement.take().is_none() {
            return Ok(false);
        }
        easel.server.set_clip(&[])?;
        easel.server.detach()?;
        Ok(true)
    }

    /// True if the server could not read this memory.
    pub fn refuses(&self, map: &SharedMap) -> bool {
        self.easel().server.refuses(map)
    }
}

impl Easel {
    /// Paints `changed` of the guest's pixels, and `uncovered` of the window's.
    pub fn show(&mut self, changed: &Damage, uncovered: Damage) -> Result<(), DirectError> {
        let Some(placement) = &self.placement else {
            return Ok(());
        };
        let mut window = uncovered;
        placement.add_changed(changed, &mut window);
        self.server.show(placement, changed.rects(), window.rects())
    }
}

impl Painter for Direct {
    fn paint(&self, map: &SharedMap, damage: &Damage) -> Painted {
        let mut easel = self.easel();
        if easel.placement.is_none() || !easel.server.has(map) {
            return Painted::Refused;
        }
        match easel.server.is_busy() {
            Ok(false) if !easel.server.refuses(map) => {}
            Ok(true) => return Painted::Later,
            Ok(false) | Err(_) => return Painted::Refused, // The window's thread finds it out, too.
        }
        if easel.show(damage, Damage::default()).is_err() {
            return Painted::Refused;
        }
        drop(easel);
        self.figures.shown(Instant::now());
        Painted::Now
    }
}
