//! Puts letterbox, guest picture and overlays together in a buffer of 0RGB words.

use crate::display::frame::{BadPicture, Rect};

use super::super::guest_picture::{GuestPicture, Target};
use super::super::scale::Scaler;
use super::super::theme::LETTERBOX;
use super::super::view::{intersect, subtract};
use super::Scene;

/// Keeps the scaling tables between pictures.
#[derive(Debug, Default)]
pub struct Composer {
    scaler: Scaler,
}

impl Composer {
    /// Paints the part `rect` of the window. Without `guest` its place is left as it is.
    pub fn paint(
        &mut self,
        target: &mut Target<'_>,
        scene: &Scene<'_>,
        guest: Option<&mut GuestPicture>,
        rect: Rect,
    ) -> Result<(), BadPicture> {
        let visible = scene.placement.visible();
        let mut covered = scene.overlays.to_vec();
        covered.extend(visible);
        for part in subtract(rect, &covered) {
            rows(target, part).for_each(|row| row.fill(LETTERBOX));
        }
        for part in scene
            .overlays
            .iter()
            .filter_map(|overlay| intersect(*overlay, rect))
        {
            for (y, row) in (part.y..).zip(rows(target, part)) {
                if let Some(from) = scene.canvas.row(y, part.x, part.w) {
                    row.copy_from_slice(from);
                }
            }
        }
        let seen = visible.and_then(|visible| intersect(visible, rect));
        let (Some(guest), Some(seen)) = (guest, seen) else {
            return Ok(());
        };
        for part in subtract(seen, scene.overlays) {
            self.paint_guest(target, scene, guest, part)?;
        }
        Ok(())
    }

    fn paint_guest(
        &mut self,
        target: &mut Target<'_>,
        scene: &Scene<'_>,
        guest: &mut GuestPicture,
        part: Rect,
    ) -> Result<(), BadPicture> {
        let placement = &scene.placement;
        let from = |at: u32, origin: i32| (i64::from(at) - i64::from(origin)).max(0) as u32;
        let shown = Rect::new(
            from(part.x, placement.x),
            from(part.y, placement.y),
            part.w,
            part.h,
        );
        let (x, y) = (part.x as usize, part.y as usize);
        if placement.is_exact() {
            guest.copy(shown, target, (x, y))?;
        } else {
            let sharp = placement.is_sharp();
            self.scaler.prepare(placement.guest, placement.shown, sharp);
            let (at, stride) = (y * target.stride + x, target.stride);
            self.scaler
                .paint(guest.whole()?, shown, target.pixels, at, stride);
        }
        if scene.dim {
            let darken = |pixel: &mut u32| *pixel = *pixel >> 2 & 0x3f_3f3f;
            rows(target, part).for_each(|row| row.iter_mut().for_each(darken));
        }
        Ok(())
    }
}

/// The rows of a part of the target that exist.
fn rows<'a>(target: &'a mut Target<'_>, part: Rect) -> impl Iterator<Item = &'a mut [u32]> {
    let (left, right) = (part.x as usize, part.right() as usize);
    target
        .pixels
        .chunks_exact_mut(target.stride.max(1))
        .skip(part.y as usize)
        .take(part.h as usize)
        .filter_map(move |row| row.get_mut(left..right))
}
