//! Turns what QEMU dumped into a picture file.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::fd::OwnedFd;

use crate::display::picture::Picture;
use crate::display::ppm;
use crate::model::Failure;

/// The largest dump, bytes: 16384x8192 pixels.
pub const MAX_DUMP: u64 = 16_384 * 8_192 * 3 + 64;

/// Reads the PPM in `file` from its start.
pub fn read_ppm(mut file: File) -> Result<Picture, Failure> {
    let refuse = |why: String| Failure::new("No picture of the screen", why);
    let mut bytes = Vec::new();
    file.rewind()
        .and_then(|()| file.take(MAX_DUMP).read_to_end(&mut bytes))
        .map_err(|error| refuse(error.to_string()))?;
    ppm::parse(&bytes, MAX_DUMP).map_err(|error| refuse(error.to_string()))
}

/// The PPM in `file` as a PNG, if there is one that can be read: what is kept without a picture is kept, too.
pub fn kept_png(file: Option<File>) -> Option<Vec<u8>> {
    read_ppm(file?).ok()?.to_png().ok()
}

/// The PPM in `fd` as a PNG.
pub fn ppm_to_png(fd: OwnedFd) -> Result<Vec<u8>, Failure> {
    read_ppm(File::from(fd))?
        .to_png()
        .map_err(|error| Failure::new("No picture of the screen", error.to_string()))
}
