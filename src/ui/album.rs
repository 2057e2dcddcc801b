//! The pictures of snapshots that are in memory: as many as are looked at, and not many more.

use std::collections::BTreeMap;

use egui::{
    Color32, ColorImage, Context, CornerRadius, Painter, Rect, TextureHandle, TextureOptions,
};

use super::icon::{self, Icon};
use crate::model::{MachineId, MachineReport, SnapshotId, State};

/// How large a picture is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PictureSize {
    /// Beside a line of text.
    Small,
    /// To look at.
    Large,
}

impl PictureSize {
    /// The pixels that a picture is fitted into.
    pub fn room(self) -> (u32, u32) {
        match self {
            Self::Small => (192, 120),
            Self::Large => (1024, 640),
        }
    }

    /// Pictures of a size that stay: 23 MiB of small ones, 26 of large ones.
    fn bound(self) -> usize {
        match self {
            Self::Small => 256,
            Self::Large => 10,
        }
    }
}

/// A picture that a screen would show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wish {
    pub size: PictureSize,
    pub machine: MachineId,
    pub snapshot: SnapshotId,
}

impl Wish {
    /// What a machine that is saved showed last.
    pub fn last_of(report: &MachineReport, size: PictureSize) -> Option<Self> {
        let saved = report.machine.as_ref()?.saved?;
        (report.state == State::Saved).then_some(Self {
            size,
            machine: report.id,
            snapshot: saved.snapshot,
        })
    }
}

/// Darkens the last picture of a machine that is saved.
pub fn veil(painter: &Painter, picture: Rect, corner: CornerRadius) {
    painter.rect_filled(picture, corner, Color32::from_black_alpha(170));
}

/// The same, with a moon of `size` points.
pub fn asleep(painter: &Painter, picture: Rect, corner: CornerRadius, size: f32) {
    veil(painter, picture, corner);
    icon::paint(painter, picture.center(), Icon::Moon, size, Color32::WHITE);
}

struct Entry {
    /// `None` if it can't be read.
    texture: Option<TextureHandle>,
    used: u64,
}

/// The pictures.
#[derive(Default)]
pub struct Album {
    entries: BTreeMap<Wish, Entry>,
    turn: u64,
}

impl Album {
    pub fn get(&self, wish: Wish) -> Option<&TextureHandle> {
        self.entries.get(&wish)?.texture.as_ref()
    }

    /// The large picture, or until it is there the small one.
    pub fn best(&self, machine: MachineId, snapshot: SnapshotId) -> Option<&TextureHandle> {
        let of = |size| {
            self.get(Wish {
                size,
                machine,
                snapshot,
            })
        };
        of(PictureSize::Large).or_else(|| of(PictureSize::Small))
    }

    /// Takes note of what is wished for now; returns what is missing, in the same order.
    pub fn follow(&mut self, wishes: &[Wish]) -> Vec<Wish> {
        self.turn += 1;
        let mut missing = Vec::new();
        for wish in wishes {
            match self.entries.get_mut(wish) {
                Some(entry) => entry.used = self.turn,
                None => missing.push(*wish),
            }
        }
        missing
    }

    /// Takes a picture in, and lets go the one of its size that was not looked at for longest.
    pub fn put(&mut self, ctx: &Context, wish: Wish, image: Option<ColorImage>) {
        let texture =
            image.map(|image| ctx.load_texture("snapshot", image, TextureOptions::LINEAR));
        let used = self.turn;
        self.entries.insert(wish, Entry { texture, used });
        let same = |known: &Wish| known.size == wish.size;
        if self.entries.keys().filter(|known| same(known)).count() > wish.size.bound() {
            let of_size = self.entries.iter().filter(|(known, _)| same(known));
            let oldest = of_size.min_by_key(|(_, entry)| entry.used);
            if let Some(oldest) = oldest.map(|(known, _)| *known) {
                self.entries.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn wish(number: u128, size: PictureSize) -> Wish {
        Wish {
            size,
            machine: MachineId(Uuid::nil()),
            snapshot: SnapshotId(Uuid::from_u128(number)),
        }
    }

    #[test]
    fn pictures_that_nobody_looks_at_go_and_those_in_sight_stay() {
        let ctx = Context::default();
        let mut album = Album::default();
        let seen = wish(0, PictureSize::Large);
        let small = wish(0, PictureSize::Small);
        let image = || Some(ColorImage::default());
        album.put(&ctx, small, image());
        for number in 0..40 {
            album.follow(&[seen]);
            album.put(&ctx, wish(number, PictureSize::Large), image());
        }
        assert!(album.get(seen).is_some() && album.get(small).is_some());
        let large = |album: &Album| {
            let all = (0..40).map(|number| wish(number, PictureSize::Large));
            all.filter(|wish| album.get(*wish).is_some()).count()
        };
        assert_eq!(large(&album), PictureSize::Large.bound());
        let missing = [wish(99, PictureSize::Small), wish(1, PictureSize::Large)];
        assert_eq!(album.follow(&[missing[0], seen, missing[1]]), missing);
        album.put(&ctx, missing[0], None);
        assert_eq!(album.follow(&[missing[0]]), [], "it is not asked for again");
        assert!(album.get(missing[0]).is_none());
    }
}
