//! Golden pixels of a few triangles.

use egui::epaint::{ImageDelta, Mesh};
use egui::{Pos2, Shape, TextureOptions, pos2};

use super::*;

const ALL: Rect = Rect::new(0, 0, 8, 6);

#[expect(clippy::disallowed_methods, reason = "test colours")]
fn color(r: u8, g: u8, b: u8, a: u8) -> Color32 {
    Color32::from_rgba_unmultiplied(r, g, b, a)
}

/// A raster whose texture is white at the left and half transparent at the right.
fn raster() -> Raster {
    let image = ColorImage::new([2, 1], vec![Color32::WHITE, color(255, 255, 255, 128)]);
    let mut delta = TexturesDelta::default();
    delta.push(
        TextureId::default(),
        ImageDelta::full(image, TextureOptions::NEAREST),
    );
    let mut raster = Raster::default();
    raster.update(delta);
    raster
}

fn vertex(pos: Pos2, u: f32, color: Color32) -> Vertex {
    Vertex {
        pos,
        uv: pos2(u, 0.5),
        color,
    }
}

fn painted(vertices: Vec<Vertex>, clip: egui::Rect, scale: f32) -> Vec<String> {
    let indices = (0..vertices.len() as u32).collect();
    let mesh = Mesh {
        indices,
        vertices,
        texture_id: TextureId::default(),
    };
    let primitive = ClippedPrimitive {
        clip_rect: clip,
        primitive: Primitive::Mesh(mesh),
    };
    let mut canvas = Canvas::default();
    canvas.resize(Size::new(8, 6));
    raster().paint(&mut canvas, &[primitive], scale, &[ALL]);
    let hex = |row: &[u32]| row.iter().map(|pixel| digit(*pixel)).collect();
    canvas.pixels.chunks(8).map(hex).collect()
}

/// The blue channel's upper half as a hex digit.
fn digit(pixel: u32) -> char {
    char::from_digit(pixel >> 4 & 0xf, 16).unwrap()
}

fn quad(left: f32, top: f32, right: f32, bottom: f32, color: Color32) -> Vec<Vertex> {
    let corner = |x, y| vertex(pos2(x, y), 0.0, color);
    let (a, b) = (corner(left, top), corner(right, top));
    let (c, d) = (corner(left, bottom), corner(right, bottom));
    vec![a, b, c, c, b, d]
}

#[test]
fn a_translucent_quad_has_no_seam_and_covers_whole_pixels() {
    let half = color(255, 255, 255, 128);
    let rows = painted(quad(1.0, 1.0, 7.0, 5.0, half), egui::Rect::EVERYTHING, 1.0);
    let golden = [
        "00000000", "08888880", "08888880", "08888880", "08888880", "00000000",
    ];
    assert_eq!(rows, golden);
}

#[test]
fn clip_rectangles_and_points_are_scaled_to_pixels() {
    let clip = egui::Rect::from_min_max(pos2(1.0, 0.5), pos2(2.5, 10.0));
    let rows = painted(quad(-50.0, -50.0, 50.0, 50.0, Color32::WHITE), clip, 2.0);
    let golden = [
        "00000000", "00fff000", "00fff000", "00fff000", "00fff000", "00fff000",
    ];
    assert_eq!(rows, golden);
}

#[test]
fn a_slanted_triangle_takes_the_pixels_whose_centres_it_holds() {
    let corner = |x, y| vertex(pos2(x, y), 0.0, Color32::WHITE);
    let one = vec![corner(0.0, 0.0), corner(6.0, 0.0), corner(0.0, 6.0)];
    let golden = [
        "ffffff00", "fffff000", "ffff0000", "fff00000", "ff000000", "f0000000",
    ];
    // The centres on the slanted edge belong to this triangle or to its neighbour, not to both.
    let rows = painted(one.clone(), egui::Rect::EVERYTHING, 1.0);
    let neighbour = vec![corner(6.0, 0.0), corner(6.0, 6.0), corner(0.0, 6.0)];
    let other = painted(neighbour, egui::Rect::EVERYTHING, 1.0);
    for (y, (row, other)) in rows.iter().zip(&other).enumerate() {
        for (x, (a, b)) in row.chars().zip(other.chars()).take(6).enumerate() {
            assert!((a == 'f') != (b == 'f'), "{x}, {y}");
        }
    }
    let reversed = one.into_iter().rev().collect();
    assert_eq!(painted(reversed, egui::Rect::EVERYTHING, 1.0), rows);
    assert!(rows == golden || rows[0] == "fffff000", "{rows:?}");
}

#[test]
fn colours_run_between_corners_and_texels_multiply() {
    let corner = |x, y, blue| vertex(pos2(x, y), 0.0, color(0, 0, blue, 255));
    let ramp = vec![
        corner(0.0, 0.0, 0),
        corner(8.0, 0.0, 255),
        corner(0.0, 100.0, 0),
    ];
    let rows = painted(ramp, egui::Rect::EVERYTHING, 1.0);
    assert_eq!(rows[0], "13578ace");
    let textured = [(0.0, 0.0, 0.0), (8.0, 0.0, 1.0), (0.0, 100.0, 0.0)]
        .map(|(x, y, u)| vertex(pos2(x, y), u, Color32::WHITE));
    let rows = painted(textured.to_vec(), egui::Rect::EVERYTHING, 1.0);
    assert_eq!(rows[0], "ffff8888");
}

#[test]
fn patches_land_in_their_texture_and_freed_textures_go() {
    let mut raster = raster();
    let mut delta = TexturesDelta::default();
    let dot = ColorImage::filled([1, 1], Color32::BLACK);
    delta.push(
        TextureId::default(),
        ImageDelta::partial([1, 0], dot, TextureOptions::NEAREST),
    );
    raster.update(delta);
    assert_eq!(
        raster.textures[&TextureId::default()].pixels,
        [Color32::WHITE, Color32::BLACK]
    );
    let mut delta = TexturesDelta::default();
    delta.free.insert(TextureId::default());
    raster.update(delta);
    assert!(raster.textures.is_empty());
}

#[test]
fn a_round_button_and_text_come_out_like_egui_means_them() {
    let ctx = egui::Context::default();
    let output = ctx.run_ui(egui::RawInput::default(), |ui| {
        let disc = Shape::circle_filled(pos2(20.0, 20.0), 10.0, Color32::WHITE);
        ui.painter().add(disc);
        let font = egui::FontId::proportional(20.0);
        ui.painter().text(
            pos2(40.0, 10.0),
            egui::Align2::LEFT_TOP,
            "H",
            font,
            Color32::WHITE,
        );
    });
    let primitives = ctx.tessellate(output.shapes, 1.0);
    let mut raster = Raster::default();
    raster.update(output.textures_delta);
    let mut canvas = Canvas::default();
    canvas.resize(Size::new(80, 40));
    raster.paint(&mut canvas, &primitives, 1.0, &[Rect::new(0, 0, 80, 40)]);
    let disc = |x: u32, y: u32| canvas.row(y, x, 1).unwrap()[0];
    assert_eq!(
        (disc(20, 20), disc(12, 12), disc(20, 31)),
        (0xff_ffff, 0, 0)
    );
    let lit: u32 = canvas.pixels.iter().map(|pixel| pixel & 0xff).sum();
    let area = 314 * 255;
    assert!((area..area + 200 * 255).contains(&lit), "{lit}");
    let letter = (10..32).flat_map(|y| canvas.row(y, 40, 20).unwrap().to_vec());
    assert!(letter.filter(|pixel| *pixel > 0x80_8080).count() > 30);
}
