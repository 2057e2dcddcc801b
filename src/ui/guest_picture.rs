//! A guest's screen and pointer as textures, kept up to date by damage alone.

use egui::{ColorImage, Context, TextureHandle, TextureOptions};

use super::view::{GuestCursor, LiveScreen};
pub use crate::display::frame::ScreenStatus;
use crate::display::frame::{Cursor, Following, Patch, ScreenInfo, Viewer, Want};
use crate::model::MachineId;

/// What a viewer for a [`GuestPicture`] has to want.
pub const PIXELS: Want = Want::Pixels;

/// Sharp at 1:1, smooth when scaled.
const SAMPLING: TextureOptions = TextureOptions {
    magnification: egui::TextureFilter::Linear,
    minification: egui::TextureFilter::Linear,
    ..TextureOptions::LINEAR
};

/// The textures of one guest's screen.
pub struct GuestPicture {
    machine: MachineId,
    viewer: Viewer,
    texture: Option<TextureHandle>,
    cursor: Option<(u64, TextureHandle)>,
    /// Pixels are sampled without smoothing.
    sharp: bool,
}

impl GuestPicture {
    pub fn new(machine: MachineId, viewer: Viewer) -> Self {
        Self {
            machine,
            viewer,
            texture: None,
            cursor: None,
            sharp: false,
        }
    }

    pub fn machine(&self) -> MachineId {
        self.machine
    }

    pub fn status(&self) -> ScreenStatus {
        self.viewer.slot().info().status
    }

    /// Takes what is new; returns the screen once there is a picture. `seen` is called if something is new.
    pub fn update(
        &mut self,
        ctx: &Context,
        sharp: bool,
        seen: impl FnOnce(),
    ) -> Option<LiveScreen> {
        let options = if sharp {
            TextureOptions::NEAREST
        } else {
            SAMPLING
        };
        let Self {
            viewer, texture, ..
        } = self;
        if viewer
            .take(|patch| upload(ctx, texture, &patch, options))
            .is_some()
        {
            seen();
        }
        if self.sharp != sharp {
            self.sharp = sharp;
            self.upload_again(options);
        }
        let texture = self.texture.clone()?;
        let [width, height] = texture.size();
        let cursor = self.update_cursor(ctx);
        let info = self.viewer.slot().info();
        Some(LiveScreen {
            machine: self.machine,
            texture,
            width: width as u32,
            height: height as u32,
            cursor,
            told_room: None,
            following: Following::default(),
            figures: None,
            recording: None,
            absolute: info.absolute_pointer,
            touch_slots: info.touch_slots,
            caps_lock: info.leds.map(|leds| leds.caps_lock),
        })
    }

    pub fn info(&self) -> ScreenInfo {
        self.viewer.slot().info()
    }

    /// How many changes of its picture the machine has told of.
    pub fn updates(&self) -> u64 {
        self.viewer.slot().updates()
    }

    /// Sampling belongs to a texture's upload, so another one needs all pixels again.
    fn upload_again(&mut self, options: TextureOptions) {
        let size = self.viewer.slot().info().size;
        let image = self.viewer.read(size.rect(), |rgba| {
            ColorImage::from_rgba_premultiplied([size.width as usize, size.height as usize], rgba)
        });
        if let (Some(image), Some(texture)) = (image, &mut self.texture) {
            texture.set(image, options);
        }
    }

    fn update_cursor(&mut self, ctx: &Context) -> Option<GuestCursor> {
        let info = self.viewer.slot().info();
        let shape = info.cursor;
        if !shape.visible || shape.width == 0 || shape.height == 0 {
            return None;
        }
        if self.cursor.as_ref().map(|(known, _)| *known) != Some(shape.shape) {
            let texture = cursor_texture(ctx, &shape)?;
            self.cursor = Some((shape.shape, texture));
        }
        let (_, texture) = self.cursor.as_ref()?;
        Some(GuestCursor {
            texture: texture.clone(),
            hot: (shape.hot_x as i32, shape.hot_y as i32),
        })
    }
}

fn cursor_texture(ctx: &Context, shape: &Cursor) -> Option<TextureHandle> {
    let size = [shape.width as usize, shape.height as usize];
    (shape.rgba.len() == size[0] * size[1] * 4).then(|| {
        let image = ColorImage::from_rgba_unmultiplied(size, &shape.rgba);
        ctx.load_texture("guest pointer", image, TextureOptions::LINEAR)
    })
}

fn upload(
    ctx: &Context,
    texture: &mut Option<TextureHandle>,
    patch: &Patch<'_>,
    options: TextureOptions,
) {
    let rect = patch.rect;
    let size = [rect.w as usize, rect.h as usize];
    // Alpha is 255 throughout, so there is nothing to multiply.
    let image = ColorImage::from_rgba_premultiplied(size, patch.rgba);
    let whole = [patch.size.width as usize, patch.size.height as usize];
    match texture {
        Some(texture) if texture.size() == whole && !patch.whole => {
            texture.set_partial([rect.x as usize, rect.y as usize], image, options);
        }
        Some(texture) if size == whole => texture.set(image, options),
        other if size == whole => *other = Some(ctx.load_texture("guest screen", image, options)),
        _ => {} // A part of a picture that was never seen whole.
    }
}
