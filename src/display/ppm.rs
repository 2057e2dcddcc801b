//! Reads the portable pixmap that QEMU's `screendump` writes.

use super::frame::Size;
use super::picture::Picture;

/// Why a screenshot cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PpmError {
    #[error("the screenshot is not a binary PPM picture")]
    NotPpm,
    #[error("the screenshot's header is broken at byte {at}")]
    Header { at: usize },
    #[error("the screenshot says it has {width} x {height} pixels, more than {max} are not read")]
    TooLarge { width: u32, height: u32, max: u64 },
    #[error("the screenshot has {have} bytes of pixels where {need} are needed")]
    Short { have: usize, need: usize },
}

/// Digits of a number in a header; enough for any size we accept.
const MAX_DIGITS: usize = 9;

/// Parses a P6 picture with 8 bits a channel, refusing more than `max` pixels. Bytes after the picture are ignored.
///
/// QEMU fills each row up to a multiple of four bytes, which the format does not know (`ppm_save` in `ui/ui-qmp-cmds.c` writes
/// its buffer's stride, in 10.0 still): rows are as long as the file says that they are.
pub fn parse(bytes: &[u8], max: u64) -> Result<Picture, PpmError> {
    let Some(b"P6") = bytes.get(..2) else {
        return Err(PpmError::NotPpm);
    };
    let mut at = 2;
    let mut number = || next_number(bytes, &mut at).ok_or(PpmError::Header { at });
    let (width, height, depth) = (number()?, number()?, number()?);
    if depth != 255 || bytes.get(at).is_none_or(|byte| !byte.is_ascii_whitespace()) {
        return Err(PpmError::Header { at });
    }
    let size = Size::new(width, height);
    if size.is_empty() || size.area() > max {
        return Err(PpmError::TooLarge { width, height, max });
    }
    let pixels = &bytes[at + 1..];
    let need = usize::try_from(size.area() * 3).unwrap_or(usize::MAX);
    let have = pixels.len();
    let tight = need / height as usize;
    let filled = tight.next_multiple_of(4);
    let is_filled = have == filled * height as usize;
    let row = if is_filled { filled } else { tight };
    if have < need {
        return Err(PpmError::Short { have, need });
    }
    let rows = pixels.chunks_exact(row).take(height as usize);
    let rgb = rows.flat_map(|row| row[..tight].as_chunks::<3>().0);
    let rgba = rgb.flat_map(|&[r, g, b]| [r, g, b, 255]).collect();
    Ok(Picture {
        width,
        height,
        rgba,
    })
}

/// Skips white space and comments, then reads digits.
fn next_number(bytes: &[u8], at: &mut usize) -> Option<u32> {
    loop {
        match bytes.get(*at)? {
            b'#' => *at += bytes[*at..].iter().position(|byte| *byte == b'\n')?,
            byte if byte.is_ascii_whitespace() => *at += 1,
            _ => break,
        }
    }
    let digits = bytes[*at..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if digits > MAX_DIGITS {
        return None;
    }
    let number = std::str::from_utf8(&bytes[*at..*at + digits])
        .ok()?
        .parse()
        .ok()?;
    *at += digits;
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screendump_becomes_opaque_rgba() {
        let picture = parse(
            b"P6\n# made by QEMU\n2 1\n255\n\x01\x02\x03\x04\x05\x06rest",
            100,
        );
        let rgba = vec![1, 2, 3, 255, 4, 5, 6, 255];
        assert_eq!(
            picture,
            Ok(Picture {
                width: 2,
                height: 1,
                rgba
            })
        );
    }

    #[test]
    fn rows_that_qemu_filled_up_are_read_as_rows() {
        let rows = b"P6 1 2 255 abc\0def\0";
        let picture = parse(rows, 100).unwrap();
        assert_eq!(picture.rgba, b"abc\xffdef\xff");
        // One more byte is not two rows' worth.
        let tight = parse(b"P6 1 2 255 abcdefg", 100).unwrap();
        assert_eq!(tight.rgba, b"abc\xffdef\xff");
    }

    #[test]
    fn broken_and_hostile_headers_are_errors() {
        let check = |bytes: &[u8]| parse(bytes, 1_000).unwrap_err();
        assert_eq!(check(b""), PpmError::NotPpm);
        assert_eq!(check(b"P5 1 1 255 x"), PpmError::NotPpm);
        assert!(matches!(check(b"P6"), PpmError::Header { .. }));
        assert!(matches!(check(b"P6 # endless"), PpmError::Header { .. }));
        assert!(matches!(check(b"P6 -1 1 255 xxx"), PpmError::Header { .. }));
        assert!(matches!(
            check(b"P6 1 1 65535 xxxxxx"),
            PpmError::Header { .. }
        ));
        assert!(matches!(check(b"P6 1 1 255"), PpmError::Header { .. }));
        assert!(matches!(
            check(b"P6 99999999999999999999 1 255 "),
            PpmError::Header { .. }
        ));
        assert!(matches!(
            check(b"P6 999999999 999999999 255 x"),
            PpmError::TooLarge { .. }
        ));
        assert!(matches!(check(b"P6 0 5 255 x"), PpmError::TooLarge { .. }));
        assert_eq!(
            check(b"P6 2 1 255 xxxxx"),
            PpmError::Short { have: 5, need: 6 }
        );
    }

    #[test]
    fn any_prefix_of_a_picture_is_read_without_a_crash() {
        let whole = b"P6\n#c\n3 2\n255\nabcdefghijklmnopqr";
        for end in 0..whole.len() {
            assert!(parse(&whole[..end], 100).is_err());
        }
        assert!(parse(whole, 100).is_ok());
    }
}
