//! The newest bytes of an endless stream, each with its place in it.

use std::collections::VecDeque;
use std::io::IoSlice;

/// Keeps the newest bytes; older ones are forgotten.
#[derive(Debug)]
pub struct Ring {
    bytes: VecDeque<u8>,
    most: usize,
    /// How many bytes came in all: the place of the next one.
    end: u64,
}

impl Ring {
    pub fn new(most: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            most,
            end: 0,
        }
    }

    pub fn add(&mut self, bytes: &[u8]) {
        let kept = &bytes[bytes.len().saturating_sub(self.most)..];
        let over = (self.bytes.len() + kept.len()).saturating_sub(self.most);
        self.bytes.drain(..over);
        self.bytes.extend(kept);
        self.end += bytes.len() as u64;
    }

    /// The place of the oldest byte that is still there.
    pub fn start(&self) -> u64 {
        self.end - self.bytes.len() as u64
    }

    pub fn end(&self) -> u64 {
        self.end
    }

    /// Everything from `place` on, which must not lie before the start.
    pub fn from(&self, place: u64) -> [IoSlice<'_>; 2] {
        let skip = usize::try_from(place.saturating_sub(self.start())).unwrap_or(usize::MAX);
        let (old, new) = self.bytes.as_slices();
        [
            IoSlice::new(&old[skip.min(old.len())..]),
            IoSlice::new(&new[skip.saturating_sub(old.len()).min(new.len())..]),
        ]
    }

    /// Where to begin showing what was said: at the start of a line, if older ones were forgotten.
    pub fn first_line(&self) -> u64 {
        let start = self.start();
        if start == 0 {
            return 0;
        }
        match self.bytes.iter().position(|byte| *byte == b'\n') {
            Some(at) => start + at as u64 + 1,
            None => start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(ring: &Ring, place: u64) -> String {
        let slices = ring.from(place);
        let bytes = slices.iter().flat_map(|slice| slice.iter().copied());
        String::from_utf8(bytes.collect()).unwrap()
    }

    #[test]
    fn a_ring_keeps_the_newest_bytes_and_their_places() {
        let mut ring = Ring::new(8);
        ring.add(b"one\n");
        assert_eq!((ring.start(), ring.first_line(), ring.end()), (0, 0, 4));
        ring.add(b"two\nthree");
        assert_eq!((ring.start(), ring.end()), (5, 13));
        assert_eq!(rest(&ring, ring.start()), "wo\nthree");
        assert_eq!(rest(&ring, ring.first_line()), "three");
        assert_eq!(rest(&ring, 11), "ee");
        assert_eq!(rest(&ring, ring.end()), "");
    }

    #[test]
    fn a_flood_leaves_no_more_than_the_ring_holds() {
        let mut ring = Ring::new(1000);
        ring.add(&[b'y'; 5000]);
        for _ in 0..100 {
            ring.add(&[b'z'; 777]);
        }
        assert_eq!(ring.end() - ring.start(), 1000);
        assert_eq!(rest(&ring, ring.start()), "z".repeat(1000));
    }
}
