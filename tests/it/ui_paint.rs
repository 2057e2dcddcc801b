//! Paints what egui asks for without a GPU, so that a person can look at every page.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use egui::epaint::{ClippedPrimitive, ImageData, Mesh, Primitive, Vertex};
use egui::{Color32, Context, FullOutput, Rect, TextureId, TexturesDelta};

struct Texture {
    size: [usize; 2],
    pixels: Vec<Color32>,
}

/// The textures egui has made so far; give a clone to the harness as its renderer.
#[derive(Clone, Default)]
pub struct Painter(Arc<Mutex<BTreeMap<TextureId, Texture>>>);

impl egui_kittest::TestRenderer for Painter {
    fn handle_delta(&mut self, delta: &mut TexturesDelta) {
        let mut textures = self.0.lock().unwrap();
        let changes = delta
            .set
            .drain()
            .flat_map(|(id, deltas)| deltas.into_iter().map(move |delta| (id, delta)));
        for (id, delta) in changes {
            let ImageData::Color(image) = &delta.image;
            match delta.pos {
                None => {
                    let texture = Texture {
                        size: image.size,
                        pixels: image.pixels.clone(),
                    };
                    textures.insert(id, texture);
                }
                Some([left, top]) => {
                    let texture = textures.get_mut(&id).unwrap();
                    for (row, line) in image.pixels.chunks(image.size[0]).enumerate() {
                        let start = (top + row) * texture.size[0] + left;
                        texture.pixels[start..start + line.len()].copy_from_slice(line);
                    }
                }
            }
        }
    }
}

impl Painter {
    /// Paints one frame over `ground`.
    pub fn paint(&self, ctx: &Context, output: &FullOutput, ground: Color32) -> image::RgbaImage {
        let scale = output.pixels_per_point;
        let size = ctx.content_rect().size() * scale;
        let (width, height) = (size.x.round() as usize, size.y.round() as usize);
        let mut canvas = Canvas {
            width,
            height,
            scale,
            pixels: vec![ground; width * height],
        };
        let textures = self.0.lock().unwrap();
        for ClippedPrimitive {
            clip_rect,
            primitive,
        } in ctx.tessellate(output.shapes.clone(), scale)
        {
            if let Primitive::Mesh(mesh) = primitive {
                canvas.mesh(&mesh, clip_rect, &textures[&mesh.texture_id]);
            }
        }
        let bytes = canvas
            .pixels
            .iter()
            .flat_map(|c| [c.r(), c.g(), c.b(), 255]);
        image::RgbaImage::from_raw(width as u32, height as u32, bytes.collect()).unwrap()
    }
}

struct Canvas {
    width: usize,
    height: usize,
    scale: f32,
    pixels: Vec<Color32>,
}

impl Canvas {
    fn mesh(&mut self, mesh: &Mesh, clip: Rect, texture: &Texture) {
        for triangle in mesh.indices.chunks(3) {
            let corner = |n: usize| mesh.vertices[triangle[n] as usize];
            self.triangle([corner(0), corner(1), corner(2)], clip, texture);
        }
    }

    fn triangle(&mut self, corners: [Vertex; 3], clip: Rect, texture: &Texture) {
        let at = corners.map(|corner| corner.pos.to_vec2() * self.scale);
        let edge = |a: egui::Vec2, b: egui::Vec2, p: egui::Vec2| {
            (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x)
        };
        let area = edge(at[0], at[1], at[2]);
        if area == 0.0 {
            return;
        }
        let span = |low: f32, high: f32, clip: (f32, f32), limit: usize| {
            let from = low.max((clip.0 * self.scale).round()).floor().max(0.0) as usize;
            let to = high.min((clip.1 * self.scale).round()).ceil().max(0.0) as usize;
            from..to.min(limit)
        };
        let (xs, ys) = (at.map(|p| p.x), at.map(|p| p.y));
        let least = |v: [f32; 3]| v[0].min(v[1]).min(v[2]);
        let most = |v: [f32; 3]| v[0].max(v[1]).max(v[2]);
        let columns = span(least(xs), most(xs), (clip.left(), clip.right()), self.width);
        let rows = span(
            least(ys),
            most(ys),
            (clip.top(), clip.bottom()),
            self.height,
        );
        for y in rows {
            for x in columns.clone() {
                let p = egui::vec2(x as f32 + 0.5, y as f32 + 0.5);
                let weights = [
                    edge(at[1], at[2], p) / area,
                    edge(at[2], at[0], p) / area,
                    edge(at[0], at[1], p) / area,
                ];
                if weights.iter().any(|weight| *weight < 0.0) {
                    continue;
                }
                let color = shade(&corners, weights, texture);
                let below = &mut self.pixels[y * self.width + x];
                *below = below.blend(color);
            }
        }
    }
}

/// The colour of one point: the corners' colours mixed, times the texture, as the GPU does it.
fn shade(corners: &[Vertex; 3], weights: [f32; 3], texture: &Texture) -> Color32 {
    let mix = |value: fn(&Vertex) -> f32| -> f32 {
        corners
            .iter()
            .zip(weights)
            .map(|(corner, weight)| value(corner) * weight)
            .sum()
    };
    let u = mix(|corner| corner.uv.x);
    let v = mix(|corner| corner.uv.y);
    let texel = sample(texture, u, v);
    let tint = [
        mix(|corner| f32::from(corner.color.r())),
        mix(|corner| f32::from(corner.color.g())),
        mix(|corner| f32::from(corner.color.b())),
        mix(|corner| f32::from(corner.color.a())),
    ];
    let channel = |n: usize| (tint[n] * texel[n] / 255.0).round().clamp(0.0, 255.0) as u8;
    Color32::from_rgba_premultiplied(channel(0), channel(1), channel(2), channel(3))
}

/// Bilinear, clamped to the edge.
fn sample(texture: &Texture, u: f32, v: f32) -> [f32; 4] {
    let [width, height] = texture.size;
    let x = (u * width as f32 - 0.5).clamp(0.0, width as f32 - 1.0);
    let y = (v * height as f32 - 0.5).clamp(0.0, height as f32 - 1.0);
    let (left, top) = (x as usize, y as usize);
    let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
    let (fx, fy) = (x - left as f32, y - top as f32);
    let mut out = [0.0; 4];
    for (column, row, weight) in [
        (left, top, (1.0 - fx) * (1.0 - fy)),
        (right, top, fx * (1.0 - fy)),
        (left, bottom, (1.0 - fx) * fy),
        (right, bottom, fx * fy),
    ] {
        if weight > 0.0 {
            let texel = texture.pixels[row * width + column].to_array();
            for (out, texel) in out.iter_mut().zip(texel) {
                *out += f32::from(texel) * weight;
            }
        }
    }
    out
}
