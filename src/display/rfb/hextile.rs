//! The Hextile encoding (RFC 6143, 7.7.4): tiles of 16 by 16 pixels, each raw or a background with rectangles on it.

use std::io::Read;

use super::handshake::{array, fill};
use super::protocol;
use crate::display::DisplayError;

/// Side of a tile in pixels.
pub(super) const TILE: u32 = 16;

const IS_RAW: u8 = 1;
const HAS_BACKGROUND: u8 = 2;
const HAS_FOREGROUND: u8 = 4;
const HAS_RECTS: u8 = 8;
const RECTS_COLOURED: u8 = 16;

type Pixel = [u8; 4];

/// Colours carry over from tile to tile within a rectangle.
#[derive(Debug, Default)]
pub(super) struct Hextile {
    background: Pixel,
    foreground: Pixel,
}

impl Hextile {
    /// Decodes one row of tiles, `width` by `height` (at most 16) pixels, into `pixels` (`width * height * 4` bytes).
    pub fn row(
        &mut self,
        from: &mut impl Read,
        (width, height): (u32, u32),
        pixels: &mut [u8],
    ) -> Result<(), DisplayError> {
        for left in (0..width).step_by(TILE as usize) {
            let mut tile = Tile {
                pixels: &mut *pixels,
                row: width as usize,
                left: left as usize,
                w: TILE.min(width - left) as usize,
                h: height as usize,
            };
            self.tile(from, &mut tile)?;
        }
        Ok(())
    }

    fn tile(&mut self, from: &mut impl Read, tile: &mut Tile<'_>) -> Result<(), DisplayError> {
        let [kind] = array(from)?;
        if kind & IS_RAW != 0 {
            return tile.read_raw(from);
        }
        if kind & HAS_BACKGROUND != 0 {
            self.background = array(from)?;
        }
        tile.fill((0, 0, tile.w, tile.h), self.background);
        if kind & HAS_FOREGROUND != 0 {
            self.foreground = array(from)?;
        }
        if kind & HAS_RECTS == 0 {
            return Ok(());
        }
        let [count] = array(from)?;
        for _ in 0..count {
            let colour = if kind & RECTS_COLOURED != 0 {
                array(from)?
            } else {
                self.foreground
            };
            let [at, size] = array(from)?;
            let (x, y) = (usize::from(at >> 4), usize::from(at & 15));
            let (w, h) = (usize::from(size >> 4) + 1, usize::from(size & 15) + 1);
            if x + w > tile.w || y + h > tile.h {
                return Err(protocol("a Hextile rectangle lies outside its tile"));
            }
            tile.fill((x, y, w, h), colour);
        }
        Ok(())
    }
}

struct Tile<'a> {
    pixels: &'a mut [u8],
    /// Pixels in a row of `pixels`.
    row: usize,
    left: usize,
    w: usize,
    h: usize,
}

impl Tile<'_> {
    fn line(&mut self, x: usize, y: usize, w: usize) -> &mut [u8] {
        let start = (y * self.row + self.left + x) * 4;
        &mut self.pixels[start..start + w * 4]
    }

    fn read_raw(&mut self, from: &mut impl Read) -> Result<(), DisplayError> {
        for y in 0..self.h {
            let w = self.w;
            fill(from, self.line(0, y, w))?;
        }
        Ok(())
    }

    fn fill(&mut self, (x, y, w, h): (usize, usize, usize, usize), colour: Pixel) {
        for y in y..y + h {
            for pixel in self.line(x, y, w).chunks_exact_mut(4) {
                pixel.copy_from_slice(&colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: Pixel = [0, 0, 255, 0];
    const BLUE: Pixel = [255, 0, 0, 0];

    fn decode(bytes: &[u8], width: u32, height: u32) -> Result<Vec<u8>, DisplayError> {
        let mut pixels = vec![0; (width * height * 4) as usize];
        Hextile::default().row(&mut &bytes[..], (width, height), &mut pixels)?;
        Ok(pixels)
    }

    #[test]
    fn tiles_carry_background_and_rectangles() {
        let mut bytes = vec![HAS_BACKGROUND | HAS_FOREGROUND | HAS_RECTS];
        bytes.extend(RED);
        bytes.extend(BLUE);
        bytes.extend([1, 0x10, 0x00]); // One rectangle at x 1, y 0, one by one.
        bytes.push(0); // The second tile, one pixel wide: background as before.
        let pixels = decode(&bytes, 17, 1).unwrap();
        assert_eq!(pixels[..4], RED);
        assert_eq!(pixels[4..8], BLUE);
        assert_eq!(pixels[64..68], RED);
    }

    #[test]
    fn raw_tiles_fill_their_place() {
        let bytes = [IS_RAW, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(decode(&bytes, 1, 2).unwrap(), bytes[1..]);
    }

    #[test]
    fn rectangles_outside_their_tile_and_truncated_tiles_are_errors() {
        let outside = [HAS_RECTS, 1, 0x00, 0x10];
        assert!(matches!(
            decode(&outside, 1, 1),
            Err(DisplayError::Protocol { .. })
        ));
        let coloured = [HAS_RECTS | RECTS_COLOURED, 255, 1, 2];
        assert!(matches!(
            decode(&coloured, 16, 16),
            Err(DisplayError::Closed)
        ));
    }
}
