//! Paints by copying into a buffer that X11 or Wayland shows; only what changed is touched.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::rc::Rc;

use softbuffer::{Context, SoftBufferError, Surface};
use winit::window::Window;

use crate::display::frame::{Damage, Rect, Size};

use super::super::guest_picture::{GuestPicture, Target};
use super::super::view::subtract;
use super::compose::Composer;
use super::{PresentError, Presenter, Repaint, Scene, Shown, Way};

/// Buffers a window system may take turns with; each lacks what was painted into the others.
const MAX_AGE: usize = 3;

pub struct SoftPresenter {
    surface: Surface<Rc<Window>, Rc<Window>>,
    composer: Composer,
    /// What the last pictures changed, the newest first.
    history: VecDeque<Vec<Rect>>,
    size: Size,
}

impl SoftPresenter {
    pub fn new(window: Rc<Window>) -> Result<Self, SoftBufferError> {
        let context = Context::new(Rc::clone(&window))?;
        Ok(Self {
            surface: Surface::new(&context, window)?,
            composer: Composer::default(),
            history: VecDeque::new(),
            size: Size::default(),
        })
    }

    /// Paints `damage` in window pixels, but nothing within `kept`, which others paint.
    pub fn paint(
        &mut self,
        scene: &Scene<'_>,
        mut guest: Option<&mut GuestPicture>,
        damage: &[Rect],
        kept: &[Rect],
    ) -> Result<Shown, PresentError> {
        let size = scene.size;
        let sides = (NonZeroU32::new(size.width), NonZeroU32::new(size.height));
        let (Some(width), Some(height)) = sides else {
            return Ok(Shown::Nothing); // A window without pixels.
        };
        let apart = |rects: &[Rect]| -> Vec<Rect> {
            rects
                .iter()
                .flat_map(|rect| subtract(*rect, kept))
                .collect()
        };
        let new = apart(damage);
        if new.is_empty() {
            return Ok(Shown::Nothing);
        }
        if self.size != size {
            self.surface.resize(width, height)?;
            self.history.clear();
            self.size = size;
        }
        let mut buffer = self.surface.buffer_mut()?;
        let (new, missing) = match missed(&self.history, buffer.age().into()) {
            Some(missed) => (new.clone(), [new, apart(&missed)].concat()),
            None => (apart(&[size.rect()]), apart(&[size.rect()])),
        };
        let mut target = Target {
            pixels: &mut buffer,
            stride: size.width as usize,
        };
        for &rect in &missing {
            let guest = guest.as_deref_mut();
            self.composer.paint(&mut target, scene, guest, rect)?;
        }
        let rects: Vec<softbuffer::Rect> = new.iter().filter_map(to_softbuffer).collect();
        buffer.present_with_damage(&rects)?;
        self.history.push_front(new);
        self.history.truncate(MAX_AGE);
        Ok(Shown::Now)
    }
}

impl Presenter for SoftPresenter {
    fn present(
        &mut self,
        scene: &Scene<'_>,
        guest: Option<&mut GuestPicture>,
        repaint: &Repaint,
    ) -> Result<Shown, PresentError> {
        let mut damage = window_damage(scene, repaint);
        if !repaint.whole {
            scene.placement.add_changed(&repaint.guest, &mut damage);
        }
        self.paint(scene, guest, damage.rects(), &[])
    }

    fn way(&self) -> Way {
        Way::Copied
    }
}

/// What changed in the window apart from the guest's own damage.
pub fn window_damage(scene: &Scene<'_>, repaint: &Repaint) -> Damage {
    if !repaint.whole {
        return repaint.window.clone();
    }
    let mut all = Damage::default();
    all.add(scene.size.rect());
    all
}

/// What was painted since a buffer of this age was shown; `None` if that is not known, or it never was (age 0).
fn missed(history: &VecDeque<Vec<Rect>>, age: usize) -> Option<Vec<Rect>> {
    let pictures = age
        .checked_sub(1)
        .filter(|missed| *missed <= history.len())?;
    Some(history.iter().take(pictures).flatten().copied().collect())
}

fn to_softbuffer(rect: &Rect) -> Option<softbuffer::Rect> {
    Some(softbuffer::Rect {
        x: rect.x,
        y: rect.y,
        width: NonZeroU32::new(rect.w)?,
        height: NonZeroU32::new(rect.h)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_buffer_is_given_what_it_missed() {
        let (a, b) = (Rect::new(50, 0, 5, 5), Rect::new(0, 50, 5, 5));
        let history = VecDeque::from([vec![a], vec![b]]);
        assert_eq!(missed(&history, 0), None);
        assert_eq!(missed(&history, 1), Some(vec![]));
        assert_eq!(missed(&history, 2), Some(vec![a]));
        assert_eq!(missed(&history, 3), Some(vec![a, b]));
        assert_eq!(missed(&history, 4), None);
    }
}
