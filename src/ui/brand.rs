//! Orangery's own icon, as it stands in the corner of the window.

use egui::{ColorImage, Image, TextureHandle, TextureOptions, Ui, Vec2};

/// The icon, made into a texture when it is first shown.
#[derive(Default)]
pub struct Brand {
    texture: Option<TextureHandle>,
}

impl Brand {
    /// Shows the icon `side` points wide. Decoration only: the name stands beside it.
    pub fn ui(&mut self, ui: &mut Ui, side: f32) {
        let Some(texture) = self.texture(ui) else {
            return;
        };
        let image = Image::new((texture.id(), Vec2::splat(side))).alt_text("Orangery's icon");
        ui.add(image);
    }

    fn texture(&mut self, ui: &Ui) -> Option<&TextureHandle> {
        if self.texture.is_none() {
            // Large enough to be sharp at twice the size.
            let png = include_bytes!("../../icons/128.png");
            let image = image::load_from_memory(png).ok()?.into_rgba8();
            let size = [image.width() as usize, image.height() as usize];
            let image = ColorImage::from_rgba_unmultiplied(size, image.as_raw());
            let options =
                TextureOptions::LINEAR.with_mipmap_mode(Some(egui::TextureFilter::Linear));
            self.texture = Some(ui.ctx().load_texture("icon", image, options));
        }
        self.texture.as_ref()
    }
}
