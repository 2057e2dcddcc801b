//! Scales a picture into a rectangle of a window, so that any part of it can be painted alone.
//!
//! Each pixel of the result depends only on its own place, so parts painted at different times fit together.

use crate::display::frame::{Rect, Size};

/// For one axis: the source pixel, and the share of the next one in 256ths.
type Table = Vec<(u32, u32)>;

/// Scales pictures of one size to another.
#[derive(Debug, Default)]
pub struct Scaler {
    from: Size,
    to: Size,
    columns: Table,
    rows: Table,
    /// Whole factors stay sharp: colours are not mixed.
    sharp: bool,
}

impl Scaler {
    /// Prepares the tables, unless they are those of the last call.
    pub fn prepare(&mut self, from: Size, to: Size, sharp: bool) {
        if (self.from, self.to, self.sharp) == (from, to, sharp) {
            return;
        }
        *self = Self {
            from,
            to,
            columns: table(from.width, to.width, sharp),
            rows: table(from.height, to.height, sharp),
            sharp,
        };
    }

    /// Paints the part `rect` of the result into `target`, whose pixel `at` is the part's first, `stride` pixels a row.
    ///
    /// `source` holds the picture's 0RGB pixels. Does nothing if a buffer is too small.
    pub fn paint(&self, source: &[u32], rect: Rect, target: &mut [u32], at: usize, stride: usize) {
        let (width, height) = (self.from.width as usize, self.from.height as usize);
        if source.len() < width * height || !rect.fits(self.to) || source.is_empty() {
            return;
        }
        let columns = &self.columns[rect.x as usize..rect.right() as usize];
        let rows = &self.rows[rect.y as usize..rect.bottom() as usize];
        for (line, &(y, share)) in rows.iter().enumerate() {
            let start = at + line * stride;
            let Some(into) = target.get_mut(start..start + columns.len()) else {
                return;
            };
            let upper = &source[y as usize * width..][..width];
            if self.sharp {
                for (pixel, &(x, _)) in into.iter_mut().zip(columns) {
                    *pixel = upper[x as usize];
                }
            } else {
                let next = (y as usize + 1).min(height - 1);
                mix_row(
                    upper,
                    &source[next * width..][..width],
                    share,
                    columns,
                    into,
                );
            }
        }
    }
}

fn mix_row(upper: &[u32], lower: &[u32], share: u32, columns: &[(u32, u32)], into: &mut [u32]) {
    let last = upper.len() - 1;
    for (pixel, &(x, right)) in into.iter_mut().zip(columns) {
        let x = x as usize;
        let next = (x + 1).min(last);
        let above = mix(upper[x], upper[next], right);
        let below = mix(lower[x], lower[next], right);
        *pixel = mix(above, below, share);
    }
}

/// `share` 256ths of `b`, the rest `a`; the top byte comes out 0.
fn mix(a: u32, b: u32, share: u32) -> u32 {
    let keep = 256 - share;
    let red_blue = ((a & 0xff_00ff) * keep + (b & 0xff_00ff) * share) >> 8 & 0xff_00ff;
    let green = ((a >> 8 & 0xff) * keep + (b >> 8 & 0xff) * share) & 0xff00;
    red_blue | green
}

fn table(from: u32, to: u32, sharp: bool) -> Table {
    let entry = |at: u32| {
        let centre = (f64::from(at) + 0.5) * f64::from(from) / f64::from(to);
        let position = if sharp {
            centre
        } else {
            (centre - 0.5).max(0.0)
        };
        let whole = (position as u32).min(from.saturating_sub(1));
        (
            whole,
            ((position - f64::from(whole)) * 256.0).clamp(0.0, 255.0) as u32,
        )
    };
    (0..to).map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(size: Size) -> Vec<u32> {
        let pixel = |i: u32| i.wrapping_mul(2_654_435_761) & 0xff_ffff;
        (0..size.width * size.height).map(pixel).collect()
    }

    fn scaled(from: Size, to: Size, sharp: bool, parts: &[Rect]) -> Vec<u32> {
        let source = noise(from);
        let mut scaler = Scaler::default();
        scaler.prepare(from, to, sharp);
        let mut target = vec![0; to.area() as usize];
        for &part in parts {
            let at = (part.y * to.width + part.x) as usize;
            scaler.paint(&source, part, &mut target, at, to.width as usize);
        }
        target
    }

    #[test]
    fn parts_painted_alone_fit_together_at_odd_ratios() {
        let (from, to) = (Size::new(97, 61), Size::new(71, 83));
        let whole = scaled(from, to, false, &[to.rect()]);
        let mut parts = Vec::new();
        for (x, w) in [(0, 13), (13, 30), (43, 28)] {
            parts.extend([Rect::new(x, 0, w, 40), Rect::new(x, 40, w, 43)]);
        }
        assert_eq!(scaled(from, to, false, &parts), whole);
        assert_eq!(
            scaled(from, to, true, &parts),
            scaled(from, to, true, &[to.rect()])
        );
    }

    #[test]
    fn whole_factors_repeat_each_pixel() {
        let (from, to) = (Size::new(5, 4), Size::new(15, 12));
        let source = noise(from);
        let result = scaled(from, to, true, &[to.rect()]);
        for (i, pixel) in result.iter().enumerate() {
            let (x, y) = (i % 15 / 3, i / 15 / 3);
            assert_eq!(*pixel, source[y * 5 + x]);
        }
    }

    #[test]
    fn mixing_a_plain_colour_gives_that_colour() {
        let mut scaler = Scaler::default();
        let (from, to) = (Size::new(3, 3), Size::new(7, 2));
        scaler.prepare(from, to, false);
        let mut target = vec![0; 14];
        scaler.paint(&[0x5a12_80fe; 9], to.rect(), &mut target, 0, 7);
        assert!(
            target.iter().all(|pixel| *pixel == 0x12_80fe),
            "{target:x?}"
        );
        scaler.paint(&[0; 3], to.rect(), &mut target, 0, 7); // Too small: nothing happens.
        assert_eq!(target[0], 0x12_80fe);
    }
}
