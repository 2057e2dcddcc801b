//! Surfaces, and the picture that they make.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::sync::Arc;

use wayland_server::Resource as _;
use wayland_server::backend::ObjectId;
use wayland_server::protocol::wl_buffer::WlBuffer;
use wayland_server::protocol::wl_callback::WlCallback;

use super::Kind;
use crate::console_desktop::Shot;

/// All there is.
pub struct Scene {
    pub kind: Kind,
    pub surfaces: HashMap<ObjectId, Surface>,
    /// The window's.
    pub window: Option<ObjectId>,
    /// Asked for, and due at the next picture.
    pub callbacks: Vec<WlCallback>,
}

#[derive(Default)]
pub struct Surface {
    pub pending: State,
    /// Committed, but waits for the parent.
    cached: Option<State>,
    shown: State,
    /// On top of this one, the last uppermost.
    pub children: Vec<ObjectId>,
    pub parent: Option<ObjectId>,
    pub place: (i32, i32),
    pub pending_place: (i32, i32),
    pub alone: bool,
}

/// What is committed together.
#[derive(Clone, Default)]
pub struct State {
    /// `Some(None)`: nothing is to be seen any more.
    pub buffer: Option<Option<(WlBuffer, Pixels)>>,
    pub scale: Option<i32>,
    pub source: Option<Option<[f64; 4]>>,
    pub destination: Option<(i32, i32)>,
    pub callbacks: Vec<WlCallback>,
}

/// Where the pixels of a buffer are.
#[derive(Clone)]
pub struct Pixels {
    pub file: Arc<File>,
    pub offset: u64,
    pub size: (i32, i32),
    pub stride: i32,
    pub opaque: bool,
}

impl State {
    fn join(&mut self, newer: Self) {
        self.callbacks.extend(newer.callbacks);
        self.buffer = newer.buffer.or(self.buffer.take());
        self.scale = newer.scale.or(self.scale);
        self.source = newer.source.or(self.source);
        self.destination = newer.destination.or(self.destination);
    }

    fn pixels(&self) -> Option<&Pixels> {
        let buffer = self.buffer.as_ref()?.as_ref();
        buffer.map(|(_, pixels)| pixels)
    }

    /// In logical pixels.
    fn size(&self) -> (i32, i32) {
        let scale = self.scale.unwrap_or(1);
        let whole = self.pixels().map_or((0, 0), |pixels| pixels.size);
        self.destination
            .unwrap_or((whole.0 / scale, whole.1 / scale))
    }
}

impl Scene {
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            surfaces: HashMap::new(),
            window: None,
            callbacks: Vec::new(),
        }
    }

    /// A commit: at once, or with the parent's.
    pub fn commit(&mut self, id: &ObjectId) {
        let Some(surface) = self.surfaces.get_mut(id) else {
            return;
        };
        let pending = std::mem::take(&mut surface.pending);
        if surface.parent.is_some() && !surface.alone {
            surface.cached.get_or_insert_default().join(pending);
        } else {
            self.apply(id, pending);
        }
    }

    fn apply(&mut self, id: &ObjectId, mut state: State) {
        let Some(surface) = self.surfaces.get_mut(id) else {
            return;
        };
        self.callbacks.append(&mut state.callbacks);
        let replaced = state.buffer.is_some();
        if let (true, Some(Some((old, _)))) = (replaced, &surface.shown.buffer) {
            old.release();
        }
        surface.shown.join(state);
        for child in surface.children.clone() {
            let Some(child_surface) = self.surfaces.get_mut(&child) else {
                continue;
            };
            child_surface.place = child_surface.pending_place;
            if let Some(cached) = child_surface.cached.take() {
                self.apply(&child, cached);
            }
        }
    }

    /// A picture was shown.
    pub fn ask_for_pictures(&mut self) {
        for callback in self.callbacks.drain(..) {
            callback.done(0);
        }
    }

    fn physical(&self, logical: i32) -> i64 {
        let parts = i64::from(logical) * i64::from(self.kind.scale);
        (parts + 60).div_euclid(120)
    }

    pub fn shot(&self) -> Shot {
        let side = |logical: u32| self.physical(logical as i32) as usize;
        let (width, height) = (side(self.kind.size.0), side(self.kind.size.1));
        let mut words = vec![0_u32; width * height];
        self.for_each(&mut |state, at| self.paint(state, at, &mut words, (width, height)));
        let rgb = |word: &u32| [(*word >> 16) as u8, (*word >> 8) as u8, *word as u8];
        Shot {
            width,
            height,
            rgb: words.iter().flat_map(rgb).collect(),
        }
    }

    pub fn files(&self) -> Vec<u64> {
        let mut files = Vec::new();
        self.for_each(&mut |state, _| {
            let file = state
                .pixels()
                .and_then(|pixels| pixels.file.metadata().ok());
            files.extend(file.map(|file| file.ino()));
        });
        files
    }

    /// All surfaces with something to be seen, the lowest first.
    fn for_each(&self, see: &mut dyn FnMut(&State, (i32, i32))) {
        if let Some(window) = &self.window {
            self.for_each_below(window, (0, 0), see);
        }
    }

    fn for_each_below(
        &self,
        id: &ObjectId,
        (x, y): (i32, i32),
        see: &mut dyn FnMut(&State, (i32, i32)),
    ) {
        let Some(surface) = self.surfaces.get(id) else {
            return;
        };
        let at = (x + surface.place.0, y + surface.place.1);
        if surface.shown.pixels().is_none() {
            return; // Nor are its children.
        }
        see(&surface.shown, at);
        for child in &surface.children {
            self.for_each_below(child, at, see);
        }
    }

    fn paint(&self, state: &State, (x, y): (i32, i32), onto: &mut [u32], size: (usize, usize)) {
        let Some(pixels) = state.pixels() else {
            return;
        };
        let (w, h) = state.size();
        let (left, right) = (self.physical(x), self.physical(x + w));
        let (top, bottom) = (self.physical(y), self.physical(y + h));
        let whole = [0.0, 0.0, f64::from(pixels.size.0), f64::from(pixels.size.1)];
        let [sx, sy, sw, sh] = state.source.flatten().unwrap_or(whole);
        let from = |at: i64, start: i64, end: i64, source: f64, length: f64| {
            let share = (at - start) as f64 + 0.5;
            (source + share * length / (end - start) as f64) as usize
        };
        let columns = left.max(0)..right.min(size.0 as i64);
        let columns: Vec<usize> = columns
            .map(|at| from(at, left, right, sx, sw) * 4)
            .collect();
        let mut row = vec![0; pixels.size.0 as usize * 4];
        for to_y in top.max(0)..bottom.min(size.1 as i64) {
            let line = from(to_y, top, bottom, sy, sh) as u64;
            let at = pixels.offset + line * pixels.stride as u64;
            if pixels.file.read_exact_at(&mut row, at).is_err() {
                continue;
            }
            let start = to_y as usize * size.0 + left.max(0) as usize;
            for (onto, &at) in onto[start..].iter_mut().zip(&columns) {
                let [b, g, r, a] = [row[at], row[at + 1], row[at + 2], row[at + 3]];
                if pixels.opaque || a == 255 {
                    *onto = u32::from_be_bytes([0, r, g, b]);
                } else {
                    assert_eq!([r, g, b, a], [0; 4], "nothing of ours is half transparent");
                }
            }
        }
    }
}

/// Puts a surface on top of another.
pub fn adopt(scene: &mut Scene, child: ObjectId, parent: ObjectId) {
    scene.surfaces.entry(child.clone()).or_default().parent = Some(parent.clone());
    let parent = scene.surfaces.entry(parent).or_default();
    parent.children.push(child);
}

/// Forgets a surface, or that it lies on top of another.
pub fn orphan(scene: &mut Scene, child: &ObjectId) {
    let parent = scene
        .surfaces
        .get_mut(child)
        .and_then(|surface| surface.parent.take());
    if let Some(parent) = parent.and_then(|parent| scene.surfaces.get_mut(&parent)) {
        parent.children.retain(|known| known != child);
    }
}

/// Of a buffer that was attached.
pub fn attached(buffer: Option<WlBuffer>) -> Option<(WlBuffer, Pixels)> {
    let buffer = buffer?;
    let pixels = buffer.data::<Pixels>()?.clone();
    Some((buffer, pixels))
}
