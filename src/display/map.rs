//! The guest's picture in a file: memory that QEMU shares, or a file of ours for pixels that come inline. Read with
//! `pread`, never mapped.
//!
//! QEMU does not seal its file, so a broken or hostile one could truncate it: a mapping would then kill us with
//! SIGBUS, a `pread` comes back short.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;

use super::frame::{Rect, Size};
use super::pixel::{PixelFormat, swap_red_and_blue};

/// Largest picture side we accept, in pixels.
pub const MAX_SIDE: u32 = 16_384;
/// Most bytes a picture may take.
pub const MAX_BYTES: u64 = 256 << 20;
/// A read is split into bands of about this size, which stay in the processor's cache until they are converted.
const BAND_BYTES: u64 = 128 << 10;

/// Why a picture cannot be shown.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadPicture {
    #[error(
        "the machine offered a picture of {width} x {height} pixels, more than the screen can show"
    )]
    Size { width: u32, height: u32 },
    #[error("the machine offered rows of {stride} bytes for {width} pixels")]
    Stride { stride: u32, width: u32 },
    #[error("the machine offered pixels in the unknown format {code:#010x}")]
    Format { code: u32 },
    #[error("the machine's screen memory holds {have} bytes where {need} are needed")]
    Short { have: u64, need: u64 },
    #[error("the machine's screen memory could not be read: {reason}")]
    Read { reason: String },
    #[error("there is no memory for the machine's picture: {reason}")]
    Write { reason: String },
}

/// Checks a picture's size: not empty, no side above [`MAX_SIDE`], no more than [`MAX_BYTES`] as RGBA.
pub fn check_size(size: Size) -> Result<(), BadPicture> {
    let Size { width, height } = size;
    let fits = !size.is_empty() && width <= MAX_SIDE && height <= MAX_SIDE;
    if !fits || size.area() * 4 > MAX_BYTES {
        return Err(BadPicture::Size { width, height });
    }
    Ok(())
}

/// How a picture lies in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub size: Size,
    /// Bytes from one row to the next.
    pub stride: u32,
    pub format: PixelFormat,
}

impl Layout {
    /// Checks what a peer says. `code` is pixman's.
    pub fn checked(size: Size, stride: u32, code: u32) -> Result<Self, BadPicture> {
        check_size(size)?;
        let format = PixelFormat::from_pixman(code).ok_or(BadPicture::Format { code })?;
        let too_narrow = stride < size.width * format.bytes;
        if too_narrow || u64::from(stride) * u64::from(size.height) > MAX_BYTES {
            let width = size.width;
            return Err(BadPicture::Stride { stride, width });
        }
        Ok(Self {
            size,
            stride,
            format,
        })
    }

    /// Bytes from the first pixel to the last, padding after the last row left out.
    pub fn bytes(&self) -> u64 {
        let rows = u64::from(self.size.height.saturating_sub(1));
        rows * u64::from(self.stride) + u64::from(self.size.width * self.format.bytes)
    }
}

/// A picture in a file that goes on being written. Cloning shares the file.
#[derive(Clone, Debug)]
pub struct SharedMap {
    /// The picture's memory. A presenter may lend it to an X server or compositor; do not map it here.
    pub fd: Arc<OwnedFd>,
    /// Byte of the first pixel in the file.
    pub offset: u32,
    pub layout: Layout,
}

impl SharedMap {
    /// Checks size, format and that the file is long enough now.
    pub fn new(
        fd: OwnedFd,
        offset: u32,
        size: Size,
        stride: u32,
        code: u32,
    ) -> Result<Self, BadPicture> {
        let layout = Layout::checked(size, stride, code)?;
        let stat = rustix::fs::fstat(&fd).map_err(read_error)?;
        let have = u64::try_from(stat.st_size).unwrap_or(0);
        let need = u64::from(offset) + layout.bytes();
        if have < need {
            return Err(BadPicture::Short { have, need });
        }
        Ok(Self {
            fd: Arc::new(fd),
            offset,
            layout,
        })
    }

    /// A black picture in a file of ours that nobody can make shorter: [`PixelFormat::BGRX`] without padding.
    pub fn blank(size: Size) -> Result<Self, BadPicture> {
        check_size(size)?;
        let layout = Layout {
            size,
            stride: size.width * 4,
            format: PixelFormat::BGRX,
        };
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = rustix::fs::memfd_create("orangery-screen", flags).map_err(write_error)?;
        rustix::fs::ftruncate(&fd, layout.bytes()).map_err(write_error)?;
        rustix::fs::fcntl_add_seals(&fd, SealFlags::SHRINK).map_err(write_error)?;
        Ok(Self {
            fd: Arc::new(fd),
            offset: 0,
            layout,
        })
    }

    /// Writes `rect` of a picture of ours: rows of `from`, of which `bytes` begins with the rectangle's first pixel.
    /// Rows that `bytes` lacks stay as they are.
    pub fn write(&self, rect: Rect, from: Layout, bytes: &[u8]) -> Result<(), BadPicture> {
        if from.format == self.layout.format {
            return self.write_from(rect, from, 0, bytes);
        }
        let mut converted = vec![0; usize_of(u64::from(rect.w) * 4)];
        let rows = bytes.chunks(from.stride.max(1) as usize);
        for (y, bytes) in (rect.y..rect.bottom()).zip(rows) {
            from.format.convert_row(bytes, &mut converted);
            swap_red_and_blue(&mut converted);
            self.write_bytes(self.position(rect.x, y), &converted)?;
        }
        Ok(())
    }

    /// Writes some of the bytes that [`Self::write`] takes, those from `at` on, of the same format as ours.
    pub fn write_from(
        &self,
        rect: Rect,
        from: Layout,
        at: usize,
        mut bytes: &[u8],
    ) -> Result<(), BadPicture> {
        let row = usize_of(u64::from(rect.w) * u64::from(self.layout.format.bytes));
        let stride = from.stride.max(1) as usize;
        let whole = from.stride == self.layout.stride && rect.w == self.layout.size.width;
        let mut at = at;
        while !bytes.is_empty() {
            let (line, column) = (at / stride, at % stride);
            if line >= rect.h as usize {
                break;
            }
            let left = if whole {
                stride * rect.h as usize - at
            } else {
                stride - column
            };
            let (now, later) = bytes.split_at(left.min(bytes.len()));
            let visible = if whole {
                now.len()
            } else {
                row.saturating_sub(column)
            };
            let start = self.position(rect.x, rect.y + line as u32) + column as u64;
            self.write_bytes(start, &now[..visible.min(now.len())])?;
            (at, bytes) = (at + now.len(), later);
        }
        Ok(())
    }

    fn write_bytes(&self, mut at: u64, mut bytes: &[u8]) -> Result<(), BadPicture> {
        while !bytes.is_empty() {
            let written = match rustix::io::pwrite(&*self.fd, bytes, at) {
                Err(Errno::INTR) => continue,
                other => other.map_err(write_error)?,
            };
            at += written as u64;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    /// Byte of a pixel in the file.
    fn position(&self, x: u32, y: u32) -> u64 {
        let rows = u64::from(y) * u64::from(self.layout.stride);
        u64::from(self.offset) + rows + u64::from(x) * u64::from(self.layout.format.bytes)
    }

    /// Reads `rect` in bands. For each band `each` gets its rectangle, the bytes and their stride; the first byte is
    /// the band's first pixel. `buffer` is scratch space that is worth keeping between calls.
    pub fn read(
        &self,
        rect: Rect,
        buffer: &mut Vec<u8>,
        mut each: impl FnMut(Rect, &[u8], usize),
    ) -> Result<(), BadPicture> {
        let Layout {
            size,
            stride,
            format,
        } = self.layout;
        let (x, y, w, h) = (rect.x.into(), rect.y.into(), rect.w.into(), rect.h.into());
        let Some(rect) = Rect::clipped(x, y, w, h, size) else {
            return Ok(());
        };
        let row_bytes = u64::from(rect.w * format.bytes);
        let whole_rows = row_bytes * 2 >= u64::from(stride);
        let step = if whole_rows {
            u64::from(stride)
        } else {
            row_bytes
        };
        let band_rows = u32::try_from((BAND_BYTES / step).max(1)).unwrap_or(1);
        let mut top = rect.y;
        while top < rect.bottom() {
            let band = Rect::new(rect.x, top, rect.w, band_rows.min(rect.bottom() - top));
            let bytes = step * u64::from(band.h - 1) + row_bytes;
            buffer.resize(usize_of(bytes), 0);
            if whole_rows {
                self.read_at(band.x, band.y, buffer)?;
            } else {
                let rows = buffer.chunks_exact_mut(usize_of(row_bytes));
                for (y, row) in (band.y..).zip(rows) {
                    self.read_at(band.x, y, row)?;
                }
            }
            each(band, buffer, usize_of(step));
            top += band.h;
        }
        Ok(())
    }

    fn read_at(&self, x: u32, y: u32, mut into: &mut [u8]) -> Result<(), BadPicture> {
        let mut at = self.position(x, y);
        while !into.is_empty() {
            let read = match rustix::io::pread(&*self.fd, &mut *into, at) {
                Err(Errno::INTR) => continue,
                other => other.map_err(read_error)?,
            };
            if read == 0 {
                let need = at + into.len() as u64;
                return Err(BadPicture::Short { have: at, need });
            }
            at += read as u64;
            into = &mut into[read..];
        }
        Ok(())
    }
}

fn read_error(error: Errno) -> BadPicture {
    BadPicture::Read {
        reason: std::io::Error::from(error).to_string(),
    }
}

fn write_error(error: Errno) -> BadPicture {
    BadPicture::Write {
        reason: std::io::Error::from(error).to_string(),
    }
}

/// Byte counts here are below [`MAX_BYTES`].
fn usize_of(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;

    const XRGB: u32 = 0x2002_0888;

    fn file(bytes: &[u8]) -> OwnedFd {
        let mut file: File = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.into()
    }

    #[test]
    fn hostile_sizes_strides_and_files_are_refused() {
        let check = |w, h, stride, len: usize| {
            SharedMap::new(file(&vec![0; len]), 8, Size::new(w, h), stride, XRGB).map(|_| ())
        };
        assert!(check(4, 4, 16, 72).is_ok());
        assert!(matches!(check(4, 4, 16, 71), Err(BadPicture::Short { .. })));
        assert!(matches!(check(0, 4, 16, 72), Err(BadPicture::Size { .. })));
        assert!(matches!(
            check(4, 16_385, 16, 72),
            Err(BadPicture::Size { .. })
        ));
        assert!(matches!(
            check(16_384, 16_384, 65_536, 72),
            Err(BadPicture::Size { .. })
        ));
        assert!(matches!(
            check(4, 4, 15, 72),
            Err(BadPicture::Stride { .. })
        ));
        assert!(matches!(
            check(4, 4, u32::MAX, 72),
            Err(BadPicture::Stride { .. })
        ));
        assert!(matches!(
            SharedMap::new(file(&[0; 64]), 0, Size::new(4, 4), 16, 1).map(|_| ()),
            Err(BadPicture::Format { code: 1 })
        ));
    }

    #[test]
    fn narrow_and_wide_rectangles_read_the_same_bytes() {
        let (width, height, stride) = (300_u32, 2_000_u32, 1_216_u32);
        let bytes: Vec<u8> = (0..stride * height).map(|i| (i % 251) as u8).collect();
        let map = SharedMap::new(file(&bytes), 0, Size::new(width, height), stride, XRGB).unwrap();
        for rect in [Rect::new(10, 3, 5, 1_990), Rect::new(1, 0, 299, 2_000)] {
            let mut rows = 0;
            map.read(rect, &mut Vec::new(), |band, data, step| {
                for row in 0..band.h {
                    let from = ((band.y + row) * stride + band.x * 4) as usize;
                    let want = &bytes[from..from + band.w as usize * 4];
                    let at = row as usize * step;
                    assert_eq!(&data[at..at + want.len()], want);
                }
                rows += band.h;
            })
            .unwrap();
            assert_eq!(rows, rect.h);
        }
    }

    #[test]
    fn inline_pixels_of_any_format_and_place_lie_in_our_file_as_bgrx() {
        let map = SharedMap::blank(Size::new(3, 3)).unwrap();
        let bgrx = Layout::checked(Size::new(2, 2), 12, XRGB).unwrap();
        let bytes: Vec<u8> = (1..=24).collect();
        map.write(Rect::new(1, 1, 2, 2), bgrx, &bytes).unwrap();
        let rgb565 = Layout::checked(Size::new(3, 1), 6, 0x1002_0565).unwrap();
        let red_and_blue = [0x00, 0xf8, 0x1f, 0x00, 0x00, 0x00];
        map.write(Rect::new(0, 0, 3, 1), rgb565, &red_and_blue)
            .unwrap();
        map.write(Rect::new(0, 2, 2, 1), bgrx, &[9; 3]).unwrap(); // Too few bytes.
        let mut seen = Vec::new();
        map.read(map.layout.size.rect(), &mut Vec::new(), |_, bytes, _| {
            seen.extend_from_slice(bytes);
        })
        .unwrap();
        let row = |pixels: [[u8; 4]; 3]| pixels.concat();
        assert_eq!(
            seen[..12],
            row([[0, 0, 255, 255], [255, 0, 0, 255], [0, 0, 0, 255]])
        );
        assert_eq!(seen[12..24], row([[0; 4], [1, 2, 3, 4], [5, 6, 7, 8]]));
        assert_eq!(
            seen[24..],
            row([[9, 9, 9, 0], [13, 14, 15, 16], [17, 18, 19, 20]])
        );
        assert!(rustix::fs::ftruncate(&*map.fd, 1).is_err(), "not sealed");
    }

    #[test]
    fn a_file_that_shrinks_later_is_an_error_not_a_crash() {
        let fd = file(&[0; 64]);
        let map = SharedMap::new(fd, 0, Size::new(4, 4), 16, XRGB).unwrap();
        rustix::fs::ftruncate(&*map.fd, 20).unwrap();
        let result = map.read(Rect::new(0, 0, 4, 4), &mut Vec::new(), |_, _, _| {});
        assert!(matches!(result, Err(BadPicture::Short { .. })));
    }
}
