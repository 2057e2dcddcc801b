//! Rectangles of a guest's picture and the bounded list that joins damage.

/// Width and height of a picture in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

impl Size {
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Number of pixels.
    pub fn area(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    pub fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// The rectangle that covers all of it.
    pub const fn rect(self) -> Rect {
        Rect::new(0, 0, self.width, self.height)
    }
}

/// A rectangle in pixels, its origin at the top left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rect {
    pub x: u32,
    pub y: u32,
    pub w: u32,
    pub h: u32,
}

impl Rect {
    pub const fn new(x: u32, y: u32, w: u32, h: u32) -> Self {
        Self { x, y, w, h }
    }

    /// The part of a peer's rectangle that lies within `size`, if any. Negative and overflowing values are cut off.
    pub fn clipped(x: i64, y: i64, w: i64, h: i64, size: Size) -> Option<Self> {
        let (left, right) = clip_span(x, w, size.width)?;
        let (top, bottom) = clip_span(y, h, size.height)?;
        Some(Self::new(left, top, right - left, bottom - top))
    }

    pub fn is_empty(self) -> bool {
        self.w == 0 || self.h == 0
    }

    pub fn area(self) -> u64 {
        u64::from(self.w) * u64::from(self.h)
    }

    pub fn right(self) -> u32 {
        self.x.saturating_add(self.w)
    }

    pub fn bottom(self) -> u32 {
        self.y.saturating_add(self.h)
    }

    /// True if all of it lies within a picture of `size`.
    pub fn fits(self, size: Size) -> bool {
        let right = u64::from(self.x) + u64::from(self.w);
        let bottom = u64::from(self.y) + u64::from(self.h);
        right <= u64::from(size.width) && bottom <= u64::from(size.height)
    }

    /// The smallest rectangle around both.
    pub fn union(self, other: Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let right = self.right().max(other.right());
        let bottom = self.bottom().max(other.bottom());
        Self::new(x, y, right - x, bottom - y)
    }
}

fn clip_span(start: i64, length: i64, limit: u32) -> Option<(u32, u32)> {
    let end = start.saturating_add(length).clamp(0, i64::from(limit));
    let start = start.clamp(0, i64::from(limit));
    if end <= start {
        return None;
    }
    Some((u32::try_from(start).ok()?, u32::try_from(end).ok()?))
}

/// Most rectangles kept apart; more become their union, so a flood of updates costs no memory.
pub const MAX_DAMAGE_RECTS: usize = 16;

/// What changed since somebody last looked: a short list of rectangles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    rects: Vec<Rect>,
}

impl Damage {
    /// Adds a rectangle, joining it with others where that paints hardly more.
    pub fn add(&mut self, rect: Rect) {
        if rect.is_empty() {
            return;
        }
        let mut rect = rect;
        while let Some(near) = self.rects.iter().position(|old| joins_well(*old, rect)) {
            rect = rect.union(self.rects.swap_remove(near));
        }
        if self.rects.len() == MAX_DAMAGE_RECTS {
            rect = self.rects.drain(..).fold(rect, Rect::union);
        }
        self.rects.push(rect);
    }

    pub fn is_empty(&self) -> bool {
        self.rects.is_empty()
    }

    pub fn rects(&self) -> &[Rect] {
        &self.rects
    }

    pub fn clear(&mut self) {
        self.rects.clear();
    }

    /// The list so far; what is left is empty.
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Pixels to repaint, at most (rectangles may overlap).
    pub fn area(&self) -> u64 {
        self.rects.iter().map(|rect| rect.area()).sum()
    }
}

/// True if the union is no larger than the two painted one after the other.
fn joins_well(a: Rect, b: Rect) -> bool {
    a.union(b).area() <= a.area() + b.area()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_rectangles_are_cut_to_the_picture() {
        let size = Size::new(100, 50);
        assert_eq!(
            Rect::clipped(-5, 10, 20, 1000, size),
            Some(Rect::new(0, 10, 15, 40))
        );
        assert_eq!(Rect::clipped(100, 0, 1, 1, size), None);
        assert_eq!(Rect::clipped(0, 0, -1, 5, size), None);
        assert_eq!(
            Rect::clipped(i64::MIN, i64::MIN, i64::MAX, i64::MAX, size),
            None
        );
        assert_eq!(
            Rect::clipped(-1, -1, i64::MAX, i64::MAX, size),
            Some(size.rect())
        );
        assert!(!Rect::new(u32::MAX, 0, 2, 1).fits(size));
    }

    #[test]
    fn damage_joins_neighbours_and_keeps_distant_ones_apart() {
        let mut damage = Damage::default();
        damage.add(Rect::new(0, 0, 10, 10));
        damage.add(Rect::new(0, 10, 10, 10));
        assert_eq!(damage.rects(), [Rect::new(0, 0, 10, 20)]);
        damage.add(Rect::new(500, 500, 1, 1));
        assert_eq!(damage.rects().len(), 2);
        damage.add(Rect::new(0, 0, 600, 600));
        assert_eq!(damage.rects(), [Rect::new(0, 0, 600, 600)]);
    }

    #[test]
    fn a_flood_of_damage_stays_a_short_list_that_covers_everything() {
        let mut damage = Damage::default();
        for i in 0..5_000_u32 {
            damage.add(Rect::new((i * 37) % 1000, (i * 91) % 1000, 1, 1));
            assert!(damage.rects().len() <= MAX_DAMAGE_RECTS);
        }
        let all = damage
            .rects()
            .iter()
            .copied()
            .reduce(Rect::union)
            .expect("some");
        assert_eq!(all, Rect::new(0, 0, 1000, 1000));
    }
}
