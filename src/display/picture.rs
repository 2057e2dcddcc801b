//! A still picture of a guest's screen: to PNG and back, and scaled down for thumbnails.

use std::io::Cursor;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageReader, Limits, RgbaImage, imageops};

use super::frame::{FrameSlot, Rect, Size, Viewer};
use super::map::{MAX_BYTES, MAX_SIDE};

/// Packed RGBA, top row first. `rgba` holds `width * height * 4` bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub rgba: Vec<u8>,
}

/// Why a picture could not be converted.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("the picture could not be written as PNG: {0}")]
    Encode(#[source] image::ImageError),
    #[error("the PNG picture could not be read: {0}")]
    Decode(#[source] image::ImageError),
    #[error(
        "a picture of {width} x {height} pixels with {bytes} bytes cannot be scaled to {to_width} x {to_height}"
    )]
    Scale {
        width: u32,
        height: u32,
        bytes: usize,
        to_width: u32,
        to_height: u32,
    },
}

impl Picture {
    /// What a viewer of pixels would see now, seen or not; `None` before the first picture.
    pub fn of(viewer: &mut Viewer) -> Option<Self> {
        let Size { width, height } = viewer.slot().info().size;
        let rgba = viewer.read(Rect::new(0, 0, width, height), <[u8]>::to_vec)?;
        Some(Self {
            width,
            height,
            rgba,
        })
    }

    /// What viewers of pixels see now; `None` if nobody wants pixels, or there are none yet.
    pub fn seen(slot: &FrameSlot) -> Option<Self> {
        slot.read(|Size { width, height }, rgba| Self {
            width,
            height,
            rgba: rgba.to_vec(),
        })
    }

    /// The picture as a PNG file.
    pub fn to_png(&self) -> Result<Vec<u8>, PictureError> {
        let mut bytes = Vec::new();
        PngEncoder::new(&mut bytes)
            .write_image(
                &self.rgba,
                self.width,
                self.height,
                ExtendedColorType::Rgba8,
            )
            .map_err(PictureError::Encode)?;
        Ok(bytes)
    }

    /// Reads a PNG file, bounded like a guest's screen.
    pub fn from_png(bytes: &[u8]) -> Result<Self, PictureError> {
        let mut limits = Limits::default();
        limits.max_image_width = Some(MAX_SIDE);
        limits.max_image_height = Some(MAX_SIDE);
        limits.max_alloc = Some(MAX_BYTES);
        let mut reader = ImageReader::with_format(Cursor::new(bytes), image::ImageFormat::Png);
        reader.limits(limits);
        let image = reader.decode().map_err(PictureError::Decode)?.into_rgba8();
        let (width, height) = image.dimensions();
        Ok(Self {
            width,
            height,
            rgba: image.into_raw(),
        })
    }

    /// Scales to exactly `w` by `h`; each new pixel is the average of the area it covers.
    pub fn scale_to(&self, w: u32, h: u32) -> Result<Self, PictureError> {
        let fails = || PictureError::Scale {
            width: self.width,
            height: self.height,
            bytes: self.rgba.len(),
            to_width: w,
            to_height: h,
        };
        if w == 0 || h == 0 || w > MAX_SIDE || h > MAX_SIDE || self.width == 0 || self.height == 0 {
            return Err(fails());
        }
        let whole =
            RgbaImage::from_raw(self.width, self.height, self.rgba.clone()).ok_or_else(fails)?;
        Ok(Self {
            width: w,
            height: h,
            rgba: imageops::thumbnail(&whole, w, h).into_raw(),
        })
    }

    /// The size that fits into `w` by `h` with the same proportions, at least one pixel and never enlarged.
    pub fn fit(&self, w: u32, h: u32) -> (u32, u32) {
        let (width, height) = (u64::from(self.width.max(1)), u64::from(self.height.max(1)));
        let (w, h) = (
            u64::from(w).min(width).max(1),
            u64::from(h).min(height).max(1),
        );
        let fitted = if w * height <= h * width {
            (w, (w * height / width).max(1))
        } else {
            ((h * width / height).max(1), h)
        };
        let narrow = |side: u64| u32::try_from(side).unwrap_or(1);
        (narrow(fitted.0), narrow(fitted.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkers(width: u32, height: u32) -> Picture {
        let pixel = |i: u32| [((i % width + i / width) % 2 * 255) as u8, 10, 20, 255];
        Picture {
            width,
            height,
            rgba: (0..width * height).flat_map(pixel).collect(),
        }
    }

    #[test]
    fn a_picture_survives_png() {
        let picture = checkers(7, 5);
        let png = picture.to_png().unwrap();
        assert_eq!(Picture::from_png(&png).unwrap(), picture);
        assert!(Picture::from_png(&png[..png.len() / 2]).is_err());
        assert!(Picture::from_png(b"no").is_err());
    }

    #[test]
    fn scaling_averages_areas_so_fine_patterns_turn_grey() {
        let small = checkers(64, 64).scale_to(8, 8).unwrap();
        assert!(
            small
                .rgba
                .chunks(4)
                .all(|pixel| (120..=135).contains(&pixel[0]) && pixel[3] == 255)
        );
        assert!(checkers(4, 4).scale_to(0, 1).is_err());
        let broken = Picture {
            width: 9,
            height: 9,
            rgba: vec![0; 3],
        };
        assert!(broken.scale_to(3, 3).is_err());
    }

    #[test]
    fn thumbnails_keep_their_proportions() {
        let picture = Picture {
            width: 1920,
            height: 1080,
            rgba: Vec::new(),
        };
        assert_eq!(picture.fit(160, 160), (160, 90));
        assert_eq!(picture.fit(10_000, 54), (96, 54));
        assert_eq!(picture.fit(10_000, 10_000), (1920, 1080));
        let sliver = Picture {
            width: 10_000,
            height: 1,
            rgba: Vec::new(),
        };
        assert_eq!(sliver.fit(100, 100), (100, 1));
    }
}
