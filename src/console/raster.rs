//! Paints egui's meshes in software: textured triangles, blended, within their clip rectangles.
//!
//! Colours are premultiplied and blended as they are, as egui's own painters do. An edge that two triangles share is
//! painted by exactly one of them (the top-left rule), so translucent shapes have no seams.

use std::collections::HashMap;

use egui::epaint::{ImageData, Primitive, Vertex};
use egui::{ClippedPrimitive, Color32, ColorImage, TextureId, TexturesDelta};

use crate::display::frame::{Rect, Size};

/// A picture of 0RGB pixels that is painted on.
#[derive(Clone, Debug, Default)]
pub struct Canvas {
    pub size: Size,
    pub pixels: Vec<u32>,
}

impl Canvas {
    /// A canvas of `size`; the old content is lost if the size changes.
    pub fn resize(&mut self, size: Size) {
        if self.size != size {
            self.size = size;
            self.pixels = vec![0; usize::try_from(size.area()).unwrap_or(0)];
        }
    }

    pub fn fill(&mut self, rect: Rect, color: u32) {
        for y in rect.y..rect.bottom() {
            if let Some(row) = self.row_mut(y, rect.x, rect.w) {
                row.fill(color);
            }
        }
    }

    /// `w` pixels of row `y` from `x` on, or `None` if they do not all exist.
    pub fn row(&self, y: u32, x: u32, w: u32) -> Option<&[u32]> {
        let range = self.range(y, x, w)?;
        self.pixels.get(range)
    }

    fn row_mut(&mut self, y: u32, x: u32, w: u32) -> Option<&mut [u32]> {
        let range = self.range(y, x, w)?;
        self.pixels.get_mut(range)
    }

    fn range(&self, y: u32, x: u32, w: u32) -> Option<std::ops::Range<usize>> {
        let inside = Rect::new(x, y, w, 1).fits(self.size);
        let start = y as usize * self.size.width as usize + x as usize;
        inside.then_some(start..start + w as usize)
    }
}

/// egui's textures, and the painting with them.
#[derive(Default)]
pub struct Raster {
    textures: HashMap<TextureId, ColorImage>,
}

impl Raster {
    /// Takes new textures over. Call before painting.
    pub fn update(&mut self, delta: TexturesDelta) {
        let mut delta = delta;
        let (set, free) = (
            std::mem::take(&mut delta.set),
            std::mem::take(&mut delta.free),
        );
        #[expect(
            clippy::iter_over_hash_type,
            reason = "textures do not depend on each other"
        )]
        for (id, deltas) in set {
            for delta in deltas {
                let ImageData::Color(image) = &delta.image;
                match (delta.pos, self.textures.get_mut(&id)) {
                    (Some(at), Some(texture)) => patch(texture, image, at),
                    (_, _) => {
                        self.textures.insert(id, ColorImage::clone(image));
                    }
                }
            }
        }
        self.textures.retain(|id, _| !free.contains(id));
    }

    /// Paints `primitives`, as `egui::Context::tessellate` gives them, cut to `within`.
    pub fn paint(
        &self,
        canvas: &mut Canvas,
        primitives: &[ClippedPrimitive],
        pixels_per_point: f32,
        within: &[Rect],
    ) {
        for primitive in primitives {
            let Primitive::Mesh(mesh) = &primitive.primitive else {
                continue; // We register no callbacks.
            };
            let Some(texture) = self.textures.get(&mesh.texture_id) else {
                continue;
            };
            let clip = pixel_rect(primitive.clip_rect, pixels_per_point, canvas.size);
            for clip in within
                .iter()
                .filter_map(|part| super::view::intersect(*part, clip))
            {
                for corner in mesh.indices.as_chunks::<3>().0 {
                    let vertex = |index: u32| mesh.vertices.get(index as usize).copied();
                    if let [Some(a), Some(b), Some(c)] = corner.map(vertex) {
                        let corners = [a, b, c].map(|vertex| Corner::new(vertex, pixels_per_point));
                        triangle(canvas, clip, corners, texture);
                    }
                }
            }
        }
    }
}

/// The pixels that a rectangle in points touches, cut to a picture of `size`.
pub fn pixel_rect(rect: egui::Rect, pixels_per_point: f32, size: Size) -> Rect {
    // egui clips nothing with an infinite rectangle.
    let pixel = |points: f32| (points * pixels_per_point).clamp(-FAR, FAR).round() as i64;
    let (left, top) = (pixel(rect.min.x), pixel(rect.min.y));
    let (w, h) = (pixel(rect.max.x) - left, pixel(rect.max.y) - top);
    Rect::clipped(left, top, w, h, size).unwrap_or_default()
}

fn patch(texture: &mut ColorImage, image: &ColorImage, [x, y]: [usize; 2]) {
    let (width, into) = (texture.size[0], image.size[0]);
    for (line, row) in image.pixels.chunks_exact(into.max(1)).enumerate() {
        let start = (y + line) * width + x;
        if let Some(target) = texture.pixels.get_mut(start..start + row.len()) {
            target.copy_from_slice(row);
        }
    }
}

/// Fractions of a pixel that corners are rounded to.
const SUBPIXELS: f32 = 256.0;
/// Half a pixel: colours are those of pixel centres.
const HALF: i64 = 128;
/// Corners further out than this are not painted; it keeps the arithmetic within 64 bits.
const FAR: f32 = 100_000.0;

/// A vertex in 256ths of a pixel.
#[derive(Clone, Copy)]
struct Corner {
    x: i64,
    y: i64,
    u: f32,
    v: f32,
    color: [f32; 4],
}

impl Corner {
    fn new(vertex: Vertex, pixels_per_point: f32) -> Self {
        let fixed = |points: f32| {
            let pixels = (points * pixels_per_point).clamp(-FAR, FAR);
            (pixels * SUBPIXELS).round() as i64
        };
        Self {
            x: fixed(vertex.pos.x),
            y: fixed(vertex.pos.y),
            u: vertex.uv.x,
            v: vertex.uv.y,
            color: vertex.color.to_array().map(f32::from),
        }
    }
}

/// One side of a triangle: positive inside, growing by `step` from pixel to pixel.
struct Edge {
    value: i64,
    step: i64,
}

impl Edge {
    /// At the pixel centre `x`, `y` (256ths). Points on a right or bottom edge are moved outside.
    fn new(from: Corner, to: Corner, x: i64, y: i64) -> Self {
        let (dx, dy) = (to.x - from.x, to.y - from.y);
        let top_left = dy < 0 || (dy == 0 && dx > 0);
        let value = dx * (y - from.y) - dy * (x - from.x);
        Self {
            value: value - i64::from(!top_left),
            step: -dy * (2 * HALF),
        }
    }
}

fn triangle(canvas: &mut Canvas, clip: Rect, corners: [Corner; 3], texture: &ColorImage) {
    let [a, mut b, mut c] = corners;
    let mut area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
    if area < 0 {
        std::mem::swap(&mut b, &mut c);
        area = -area;
    }
    let Some(bounds) = bounds([a, b, c], clip) else {
        return;
    };
    if area == 0 {
        return;
    }
    let scale = 1.0 / area as f32;
    let plain = plain_texel([a, b, c], texture);
    for y in bounds.y..bounds.bottom() {
        let centre = (i64::from(bounds.x) * 256 + HALF, i64::from(y) * 256 + HALF);
        let mut edges =
            [(b, c), (c, a), (a, b)].map(|(from, to)| Edge::new(from, to, centre.0, centre.1));
        let Some(row) = canvas.row_mut(y, bounds.x, bounds.w) else {
            return;
        };
        for pixel in row {
            if edges.iter().all(|edge| edge.value >= 0) {
                let shares = [0, 1].map(|i: usize| edges[i].value as f32 * scale);
                let shares = [shares[0], shares[1], 1.0 - shares[0] - shares[1]];
                let texel = plain.unwrap_or_else(|| sample(texture, [a, b, c], shares));
                *pixel = blend(*pixel, [a, b, c], shares, texel);
            }
            for edge in &mut edges {
                edge.value += edge.step;
            }
        }
    }
}

fn bounds(corners: [Corner; 3], clip: Rect) -> Option<Rect> {
    let xs = corners.map(|corner| corner.x);
    let ys = corners.map(|corner| corner.y);
    let low = |values: [i64; 3]| values.into_iter().min().unwrap_or(0).div_euclid(256);
    let high = |values: [i64; 3]| values.into_iter().max().unwrap_or(0).div_euclid(256) + 1;
    let (left, top) = (low(xs), low(ys));
    let size = Size::new(clip.right(), clip.bottom());
    let rect = Rect::clipped(left, top, high(xs) - left, high(ys) - top, size)?;
    super::view::intersect(rect, clip)
}

/// Untextured shapes name one texel of the font texture for all corners.
fn plain_texel(corners: [Corner; 3], texture: &ColorImage) -> Option<Color32> {
    let [a, b, c] = corners;
    let same = (a.u, a.v) == (b.u, b.v) && (b.u, b.v) == (c.u, c.v);
    same.then(|| sample(texture, corners, [1.0, 0.0, 0.0]))
}

/// The nearest texel: egui puts glyphs on whole pixels.
fn sample(texture: &ColorImage, corners: [Corner; 3], shares: [f32; 3]) -> Color32 {
    let [width, height] = texture.size;
    let at = |of: fn(&Corner) -> f32, length: usize| {
        let position: f32 = corners
            .iter()
            .zip(shares)
            .map(|(corner, share)| of(corner) * share)
            .sum();
        ((position * length as f32).max(0.0) as usize).min(length.saturating_sub(1))
    };
    let (x, y) = (at(|corner| corner.u, width), at(|corner| corner.v, height));
    texture
        .pixels
        .get(y * width + x)
        .copied()
        .unwrap_or_default()
}

/// Puts the corner colours' mixture, times the texel, over `under`.
fn blend(under: u32, corners: [Corner; 3], shares: [f32; 3], texel: Color32) -> u32 {
    let texel = texel.to_array();
    let mut over = [0.0; 4];
    for (i, over) in over.iter_mut().enumerate() {
        let mixed: f32 = corners
            .iter()
            .zip(shares)
            .map(|(corner, share)| corner.color[i] * share)
            .sum();
        *over = mixed * f32::from(texel[i]) / 255.0;
    }
    let left = 1.0 - over[3] / 255.0;
    let channel = |over: f32, under: u32| (over + under as f32 * left).round().min(255.0) as u32;
    channel(over[0], under >> 16 & 0xff) << 16
        | channel(over[1], under >> 8 & 0xff) << 8
        | channel(over[2], under & 0xff)
}

#[cfg(test)]
mod tests;
