//! Keeps a picture of the guest in the person's pictures folder.

use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::desktop::{self, KeepError, Place};
use crate::display::picture::{Picture, PictureError};

/// Why there is no screenshot.
#[derive(Debug, thiserror::Error)]
pub enum ScreenshotError {
    #[error("The screenshot was not kept: {0}")]
    Png(#[from] PictureError),
    #[error("The screenshot was not kept: {0}")]
    Create(KeepError),
    #[error("The screenshot was not kept: {0}. Make room and try again")]
    Write(io::Error),
}

impl From<KeepError> for ScreenshotError {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Write(error) => Self::Write(error),
            KeepError::NoHome | KeepError::Create { .. } => Self::Create(error),
        }
    }
}

/// Writes `picture` into a new file; returns where.
pub fn keep(picture: &Picture, name: &str) -> Result<PathBuf, ScreenshotError> {
    let png = picture.to_png()?;
    let path = desktop::keep(Place::Pictures, name, "png", |file| {
        file.write_all(&png)?;
        file.sync_all()
    })?;
    Ok(path)
}
