//! Fingers on a guest's touchscreen: each has a slot of the screen's from its touch to its lift, as in Linux's
//! multi-touch protocol, type B (Documentation/input/multi-touch-protocol.rst).

use std::collections::BTreeMap;

/// More fingers at a time than QEMU knows: INPUT_EVENT_SLOTS_MAX in its ui/input.h.
pub const MAX_SLOTS: u8 = 10;

/// What a finger does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Begin,
    Move,
    End,
}

/// One act of a finger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Below [`MAX_SLOTS`].
    pub slot: u8,
    pub phase: Phase,
    /// In guest pixels.
    pub x: u32,
    pub y: u32,
}

/// The fingers that are on the screen, by the window system's numbers.
#[derive(Debug, Default)]
pub struct Fingers {
    down: BTreeMap<u64, (u8, (u32, u32))>,
}

impl Fingers {
    /// A finger touches this guest pixel. `None` if it is down already, or if all of the screen's `slots` are taken.
    pub fn put(&mut self, finger: u64, at: (u32, u32), slots: u8) -> Option<Touch> {
        if self.has(finger) {
            return None;
        }
        let taken = |slot: &u8| self.down.values().any(|(other, _)| other == slot);
        let slot = (0..slots.min(MAX_SLOTS)).find(|slot| !taken(slot))?;
        self.down.insert(finger, (slot, at));
        Some(touch(slot, Phase::Begin, at))
    }

    /// It is at this guest pixel now; `None` if it was, or is not known.
    pub fn slide(&mut self, finger: u64, at: (u32, u32)) -> Option<Touch> {
        let (slot, before) = self.down.get_mut(&finger)?;
        let moved = std::mem::replace(before, at) != at;
        moved.then(|| touch(*slot, Phase::Move, at))
    }

    /// It is up, or its touch was taken away by the desktop.
    pub fn lift(&mut self, finger: u64) -> Option<Touch> {
        let (slot, at) = self.down.remove(&finger)?;
        Some(touch(slot, Phase::End, at))
    }

    /// All are up.
    pub fn lift_all(&mut self) -> Vec<Touch> {
        let down = std::mem::take(&mut self.down).into_values();
        down.map(|(slot, at)| touch(slot, Phase::End, at)).collect()
    }

    pub fn has(&self, finger: u64) -> bool {
        self.down.contains_key(&finger)
    }

    pub fn is_empty(&self) -> bool {
        self.down.is_empty()
    }
}

fn touch(slot: u8, phase: Phase, (x, y): (u32, u32)) -> Touch {
    Touch { slot, phase, x, y }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_a_fingers_until_it_lifts_and_then_the_next_ones() {
        let mut fingers = Fingers::default();
        let slot = |touch: Option<Touch>| touch.map(|touch| touch.slot);
        assert_eq!(slot(fingers.put(700, (1, 2), 10)), Some(0));
        assert_eq!(slot(fingers.put(3, (1, 2), 10)), Some(1));
        assert_eq!(fingers.put(3, (5, 5), 10), None, "it is down");
        let lifted = fingers.lift(700);
        assert_eq!(lifted, Some(touch(0, Phase::End, (1, 2))));
        assert_eq!(slot(fingers.put(9, (1, 2), 10)), Some(0));
        assert_eq!(slot(fingers.slide(3, (2, 2))), Some(1));
        assert_eq!(fingers.slide(3, (2, 2)), None, "it has not moved");
        assert_eq!(fingers.slide(700, (2, 2)), None);
        assert_eq!(fingers.lift(700), None);
    }

    #[test]
    fn no_more_fingers_are_down_than_the_screen_has_slots() {
        let mut fingers = Fingers::default();
        let put = |fingers: &mut Fingers, slots| {
            let all = (0..100).filter_map(|finger| fingers.put(finger, (0, 0), slots));
            all.count()
        };
        assert_eq!(put(&mut fingers, 0), 0);
        assert_eq!(put(&mut fingers, 2), 2);
        assert_eq!(put(&mut fingers, 255), 8);
        let lifted: Vec<u8> = fingers.lift_all().iter().map(|touch| touch.slot).collect();
        assert_eq!(lifted, (0..10).collect::<Vec<u8>>());
        assert!(fingers.is_empty());
    }
}
