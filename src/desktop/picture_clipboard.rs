//! Puts pictures on the desktop's clipboard.

use std::borrow::Cow;

/// Why a picture was not copied.
#[derive(Debug, thiserror::Error)]
#[error("The picture was not copied: {0}")]
pub struct CopyError(#[from] arboard::Error);

/// The clipboard, once something was copied. What was copied lasts as long as this does; then a clipboard manager
/// may still have it.
#[derive(Default)]
pub struct PictureClipboard {
    clipboard: Option<arboard::Clipboard>,
}

impl PictureClipboard {
    /// Copies a picture of packed RGBA. May wait for the desktop.
    pub fn copy(&mut self, width: u32, height: u32, rgba: &[u8]) -> Result<(), CopyError> {
        let clipboard = match &mut self.clipboard {
            Some(clipboard) => clipboard,
            none => none.insert(arboard::Clipboard::new()?),
        };
        clipboard.set_image(arboard::ImageData {
            width: width as usize,
            height: height as usize,
            bytes: Cow::Borrowed(rgba),
        })?;
        Ok(())
    }
}
