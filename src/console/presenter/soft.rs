//! Paints by copying into a buffer that X11 or Wayland shows; only what changed is touched.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::rc::Rc;

use softbuffer::{Context, SoftBufferError, Surface};
use winit::window::Window;

use crate::display::frame::{Damage, Rect, Size};

use super::super::guest_picture::{GuestPicture, Target};
use super::compose::Composer;
use super::{PresentError, Presenter, Repaint, Scene, Shown, Way};

/// Buffers a window system may take turns with; each lacks what was painted into the others.
const MAX_AGE: usize = 3;

pub struct SoftPresenter {
    surface: Surface<Rc<Window>, Rc<Window>>,
    composer: Composer,
    /// What the last pictures changed, the newest first.
    history: VecDeque<Damage>,
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

    /// Paints `damage` in window pixels; without `guest` the picture's place is left alone.
    pub fn paint(
        &mut self,
        scene: &Scene<'_>,
        mut guest: Option<&mut GuestPicture>,
        damage: Damage,
    ) -> Result<(), PresentError> {
        let size = scene.size;
        let sides = (NonZeroU32::new(size.width), NonZeroU32::new(size.height));
        let (Some(width), Some(height)) = sides else {
            return Ok(()); // A window without pixels.
        };
        if damage.is_empty() {
            return Ok(());
        }
        if self.size != size {
            self.surface.resize(width, height)?;
            self.history.clear();
            self.size = size;
        }
        let mut buffer = self.surface.buffer_mut()?;
        let (new, missing) = catch_up(&self.history, buffer.age().into(), damage, size);
        let mut target = Target {
            pixels: &mut buffer,
            stride: size.width as usize,
        };
        for &rect in missing.rects() {
            let guest = guest.as_deref_mut();
            self.composer.paint(&mut target, scene, guest, rect)?;
        }
        let rects: Vec<softbuffer::Rect> = new.rects().iter().filter_map(to_softbuffer).collect();
        buffer.present_with_damage(&rects)?;
        self.history.push_front(new);
        self.history.truncate(MAX_AGE);
        Ok(())
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
        for &rect in repaint.guest.rects().iter().filter(|_| !repaint.whole) {
            if let Some(rect) = scene.placement.to_window(rect) {
                damage.add(rect);
            }
        }
        self.paint(scene, guest, damage)?;
        Ok(Shown::Now)
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

/// What is new for the person, and what the buffer lacks. `age` counts pictures since the buffer was last shown; 0 is
/// an empty buffer.
fn catch_up(history: &VecDeque<Damage>, age: usize, new: Damage, size: Size) -> (Damage, Damage) {
    if age == 0 || age > history.len() + 1 {
        let mut all = Damage::default();
        all.add(size.rect());
        return (all.clone(), all);
    }
    let mut missing = new.clone();
    for rect in history
        .iter()
        .take(age - 1)
        .flat_map(|damage| damage.rects())
    {
        missing.add(*rect);
    }
    (new, missing)
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

    fn damage(rect: Rect) -> Damage {
        let mut damage = Damage::default();
        damage.add(rect);
        damage
    }

    #[test]
    fn an_older_buffer_is_given_what_it_missed() {
        let size = Size::new(100, 100);
        let (a, b, c) = (
            Rect::new(0, 0, 5, 5),
            Rect::new(50, 0, 5, 5),
            Rect::new(0, 50, 5, 5),
        );
        let history = VecDeque::from([damage(b), damage(c)]);
        let (new, missing) = catch_up(&history, 1, damage(a), size);
        assert_eq!((new.rects(), missing.rects()), (&[a][..], &[a][..]));
        let (new, missing) = catch_up(&history, 2, damage(a), size);
        assert_eq!((new.rects(), missing.rects()), (&[a][..], &[a, b][..]));
        let (new, missing) = catch_up(&history, 9, damage(a), size);
        assert_eq!((new, missing), (damage(size.rect()), damage(size.rect())));
        let (_, missing) = catch_up(&history, 0, damage(a), size);
        assert_eq!(missing, damage(size.rect()));
    }
}
