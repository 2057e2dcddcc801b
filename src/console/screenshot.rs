//! Keeps a picture of the guest in the person's pictures folder.

use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::desktop::{KeepError, Place, create_keepsake};
use crate::display::picture::{Picture, PictureError};

/// Why there is no screenshot.
#[derive(Debug, thiserror::Error)]
pub enum ScreenshotError {
    #[error("The screenshot was not kept: {0}")]
    Png(#[from] PictureError),
    #[error("The screenshot was not kept: {0}")]
    Create(#[from] KeepError),
    #[error("The screenshot was not kept: {0}. Make room and try again")]
    Write(#[from] io::Error),
}

/// Writes `picture` into a new file; returns where. What was begun and failed is removed.
pub fn keep(picture: &Picture, name: &str) -> Result<PathBuf, ScreenshotError> {
    let png = picture.to_png()?;
    let (path, mut file) = create_keepsake(Place::Pictures, name, "png")?;
    let written = file.write_all(&png).and_then(|()| file.sync_all());
    written.inspect_err(|_| {
        std::fs::remove_file(&path).ok(); // Less than a picture is worth nothing.
    })?;
    Ok(path)
}
