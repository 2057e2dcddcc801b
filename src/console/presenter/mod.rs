//! Brings the guest's picture and the bar onto the window.

mod compose;
mod direct;
mod shm;
mod soft;
mod wayland;
mod x11;

use std::borrow::Cow;

use crate::display::frame::{BadPicture, Damage, Rect, Size};
use crate::language::tr;

use super::guest_picture::GuestPicture;
use super::raster::Canvas;
use super::view::Placement;

pub use self::shm::ShmPresenter;
pub use self::soft::SoftPresenter;
pub use self::wayland::WaylandPresenter;

/// Everything that is seen in the window.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The window in physical pixels.
    pub size: Size,
    pub placement: Placement,
    /// The machine is off: its last picture is darkened.
    pub dim: bool,
    /// The window system may read the guest's memory, if it can.
    pub direct: bool,
    /// What lies over the picture: the bar and its menus. The guest is never painted there.
    pub overlays: &'a [Rect],
    /// Holds the pixels of the overlays, at their places in the window.
    pub canvas: &'a Canvas,
}

/// What has to be painted.
#[derive(Clone, Debug, Default)]
pub struct Repaint {
    pub whole: bool,
    /// Changed guest pixels.
    pub guest: Damage,
    /// Changed window pixels: overlays, and what they uncover.
    pub window: Damage,
}

impl Repaint {
    pub fn is_empty(&self) -> bool {
        !self.whole && self.guest.is_empty() && self.window.is_empty()
    }

    pub fn everything() -> Self {
        Self {
            whole: true,
            ..Self::default()
        }
    }

    /// Everything if the way of painting has `turned`, as the other way's pixels are not to be built upon.
    fn or_everything(&self, turned: bool) -> Cow<'_, Self> {
        if turned {
            Cow::Owned(Self::everything())
        } else {
            Cow::Borrowed(self)
        }
    }

    /// The guest's pixels that have to be painted, of a picture of this size.
    fn guest_pixels(&self, size: Size) -> Damage {
        if !self.whole {
            return self.guest.clone();
        }
        let mut all = Damage::default();
        all.add(size.rect());
        all
    }
}

/// How the guest's pixels get to the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The window system reads the guest's memory itself.
    Direct,
    /// We copy what changed.
    Copied,
}

impl Way {
    pub fn word(self) -> &'static str {
        match self {
            Self::Direct => tr("direct"),
            Self::Copied => tr("copied"),
        }
    }

    pub fn explain(self) -> &'static str {
        match self {
            Self::Direct => tr("The window system reads the machine's memory itself"),
            Self::Copied => tr("Changed pixels are copied into the window"),
        }
    }
}

/// Whether the window shows the scene now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Now,
    /// There was nothing to paint.
    Nothing,
    /// The window system still reads the last picture: ask again in a few milliseconds, with the damage joined.
    Later,
}

/// Why nothing could be painted.
#[derive(Debug, thiserror::Error)]
pub enum PresentError {
    #[error("the window system refused the picture: {0}")]
    Window(#[from] softbuffer::SoftBufferError),
    #[error(transparent)]
    Guest(#[from] BadPicture),
}

/// Paints a window.
pub trait Presenter {
    /// Paints what `repaint` names. `guest` is `None` before the first picture.
    fn present(
        &mut self,
        scene: &Scene<'_>,
        guest: Option<&mut GuestPicture>,
        repaint: &Repaint,
    ) -> Result<Shown, PresentError>;

    /// How the last picture came.
    fn way(&self) -> Way;

    /// True once the last picture was seen, where the window system tells the presenter itself.
    fn was_seen(&mut self) -> bool {
        false
    }
}
