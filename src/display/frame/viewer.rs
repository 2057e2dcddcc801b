//! A view of the slot: what one viewer has not yet seen, as pixels or as damage.

use std::fmt::Debug;
use std::sync::Arc;

use super::{Damage, FrameSlot, Rect, SharedMap, Size};

/// What a viewer reads, which decides whether shared pixels are copied at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Packed RGBA of what changed, ready for a texture.
    Pixels,
    /// Rectangles and the [`SharedMap`]; the presenter fetches the pixels itself.
    Damage,
}

/// One rectangle of new pixels.
#[derive(Debug)]
pub struct Patch<'a> {
    /// The whole picture's size.
    pub size: Size,
    pub rect: Rect,
    /// True if this is the whole picture: make a new texture if the size differs from the last.
    pub whole: bool,
    /// `rect.w * rect.h` pixels, packed RGBA, alpha 255.
    pub rgba: &'a [u8],
}

/// What changed for a viewer since its last look.
#[derive(Clone, Debug)]
pub struct Change {
    pub size: Size,
    pub generation: u64,
    /// True if size or map are new: everything has to be painted.
    pub whole: bool,
    pub damage: Damage,
    pub map: SharedMap,
}

/// Shows changed pixels by itself, on the pacing thread, so that no other thread has to wake for them.
pub trait Painter: Debug + Send + Sync {
    /// Shows `damage` of the picture in `map`. It may wait a little for the window system, for nothing else.
    fn paint(&self, map: &SharedMap, damage: &Damage) -> Painted;
}

/// What became of a painter's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Painted {
    Now,
    /// The window system is busy: ask again in a moment.
    Later,
    /// The viewer has to look itself.
    Refused,
}

/// One view of the slot, with its own memory of what it has seen. Dropping it ends the view.
#[derive(Debug)]
pub struct Viewer {
    slot: Arc<FrameSlot>,
    id: u64,
    /// Rectangles narrower than the picture are packed here.
    scratch: Vec<u8>,
}

impl Viewer {
    pub(super) fn new(slot: Arc<FrameSlot>, id: u64) -> Self {
        let scratch = Vec::new();
        Self { slot, id, scratch }
    }

    /// Lets `painter` show the damage of this view from now on, unless the viewer is quicker.
    pub fn paint_by(&self, painter: Arc<dyn Painter>) {
        let mut state = self.slot.lock();
        if let Some(seen) = state.viewers.iter_mut().find(|seen| seen.id == self.id) {
            seen.painter = Some(painter);
        }
    }

    pub fn slot(&self) -> &Arc<FrameSlot> {
        &self.slot
    }

    /// Hands all new pixels to `each` and forgets them; returns the generation, or `None` if nothing is new.
    ///
    /// The slot is locked meanwhile, so `each` should only copy. A new size comes as one patch with `whole` set.
    pub fn take(&mut self, mut each: impl FnMut(Patch<'_>)) -> Option<u64> {
        let mut state = self.slot.lock();
        if !state.painted {
            return None;
        }
        let (whole, damage) = state.unseen(self.id)?;
        let size = state.info.size;
        let all = [size.rect()];
        let rects = if whole { &all[..] } else { damage.rects() };
        for &rect in rects {
            let rgba = pack(&state.pixels, size, rect, &mut self.scratch);
            each(Patch {
                size,
                rect,
                whole,
                rgba,
            });
        }
        Some(state.info.generation)
    }

    /// What changed, without pixels; `None` if nothing did.
    pub fn take_damage(&mut self) -> Option<Change> {
        let mut state = self.slot.lock();
        let map = state.map.clone().filter(|_| state.ready)?;
        let (whole, mut damage) = state.unseen(self.id)?;
        if whole {
            damage.clear();
            damage.add(state.info.size.rect());
        }
        Some(Change {
            size: state.info.size,
            generation: state.info.generation,
            whole,
            damage,
            map,
        })
    }

    /// Reads the copied pixels of `rect` as packed RGBA. `None` if there are none, or the picture has become smaller
    /// meanwhile.
    pub fn read<T>(&mut self, rect: Rect, read: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let state = self.slot.lock();
        let size = state.info.size;
        if !state.painted || !rect.fits(size) {
            return None;
        }
        Some(read(pack(&state.pixels, size, rect, &mut self.scratch)))
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let mut state = self.slot.lock();
        state.viewers.retain(|seen| seen.id != self.id);
        let wanted = state.viewers.iter().any(|seen| seen.want == Want::Pixels);
        if !wanted {
            state.pixels = Vec::new();
            state.painted = false;
            let all = state.info.size.rect();
            state.stale.add(all);
        }
    }
}

/// `rect` of a picture as one run of bytes, copied only if it is narrower than the picture.
fn pack<'a>(pixels: &'a [u8], size: Size, rect: Rect, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    let row = size.width as usize * 4;
    let (top, bottom) = (rect.y as usize, rect.bottom() as usize);
    if rect.w == size.width {
        return &pixels[top * row..bottom * row];
    }
    scratch.clear();
    let (left, right) = (rect.x as usize * 4, rect.right() as usize * 4);
    for line in pixels[top * row..bottom * row].chunks_exact(row) {
        scratch.extend_from_slice(&line[left..right]);
    }
    scratch
}
