//! Asks the guest for the window's size, and tells what became of it.

use std::time::{Duration, Instant};

use super::Size;

/// A guest that has not changed its size this long after it was asked does not follow.
const PATIENCE: Duration = Duration::from_secs(4);
/// Smaller sizes are no use to any guest, larger ones are none of a screen.
const SIDES: std::ops::RangeInclusive<u32> = 320..=16_384;

/// What became of the wish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Following {
    /// Nothing was asked for: the window has the size of the guest.
    #[default]
    Idle,
    Asked,
    Follows,
    /// The graphics card has no way to tell the guest.
    Unable,
    /// The guest was told and keeps its size.
    Keeps,
}

impl Following {
    /// For a menu; `{size}` stands for the guest's size.
    pub fn label(self) -> &'static str {
        match self {
            Self::Idle | Self::Follows => "The guest has {size}",
            Self::Asked => "The guest was asked for another size",
            Self::Unable => "This graphics card can't tell the guest; choose virtio under Hardware",
            Self::Keeps => "The guest's driver does not resize: it keeps {size}",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wish {
    size: Size,
    at: Instant,
    /// The guest's size when it was asked.
    before: Size,
}

/// One guest's following.
#[derive(Debug, Default)]
pub struct Follow {
    wish: Option<Wish>,
}

impl Follow {
    /// The size to ask `guest` for, if that is news.
    pub fn wish(&mut self, size: Size, guest: Size, now: Instant) -> Option<Size> {
        let side = |length: u32| length.clamp(*SIDES.start(), *SIDES.end());
        let size = Size::new(side(size.width), side(size.height));
        let known = self.wish.map_or(guest, |wish| wish.size);
        if guest.is_empty() || known == size {
            return None;
        }
        self.wish = Some(Wish {
            size,
            at: now,
            before: guest,
        });
        Some(size)
    }

    /// `resizable` is what the graphics card said.
    pub fn state(&self, guest: Size, resizable: Option<bool>, now: Instant) -> Following {
        match self.wish {
            None => Following::Idle,
            Some(wish) if guest == wish.size || guest != wish.before => Following::Follows,
            Some(_) if resizable == Some(false) => Following::Unable,
            Some(wish) if now < wish.at + PATIENCE => Following::Asked,
            Some(_) => Following::Keeps,
        }
    }

    /// When [`Self::state`] may have changed by the clock alone.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let due = self.wish.map(|wish| wish.at + PATIENCE);
        due.filter(|due| *due > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_asked_for_once_and_what_became_of_it_is_told() {
        let now = Instant::now();
        let late = now + PATIENCE;
        let (old, new) = (Size::new(1024, 768), Size::new(1600, 900));
        let mut follow = Follow::default();
        assert_eq!(follow.wish(old, old, now), None);
        assert_eq!(follow.state(old, None, now), Following::Idle);
        assert_eq!(follow.wish(new, old, now), Some(new));
        assert_eq!(follow.wish(new, old, now), None);
        assert_eq!(follow.state(old, Some(true), now), Following::Asked);
        assert_eq!(follow.state(new, Some(true), now), Following::Follows);
        assert_eq!(follow.state(old, Some(true), late), Following::Keeps);
        assert_eq!(follow.state(old, Some(false), now), Following::Unable);
        let tiny = follow.wish(Size::new(1, 20_000), old, now);
        assert_eq!(tiny, Some(Size::new(320, 16_384)));
    }
}
