//! RFB's greeting: version, security, size, and what we want.

use std::io::{Read, Write};

use super::{ENCODINGS, protocol};
use crate::display::DisplayError;
use crate::display::frame::Size;
use crate::display::map::check_size;

/// Longest text of a server (a name, a reason) we read. QEMU's name is the machine's.
const MAX_TEXT: u32 = 64 << 10;
const SECURITY_NONE: u8 = 1;
/// 32 bits, depth 24, little-endian, true colour, 8 bits each, red at 16, green at 8, blue at 0: QEMU's own format.
const PIXEL_FORMAT: [u8; 16] = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];

/// Greets the server; returns the size of its picture. The caller has a deadline on the socket.
pub(super) fn greet(from: &mut impl Read, into: &mut impl Write) -> Result<Size, DisplayError> {
    agree_on_version(from, into)?;
    agree_on_security(from, into)?;
    send(into, &[1])?; // ClientInit: others may watch too.
    let init: [u8; 24] = array(from)?;
    let [w0, w1, h0, h1, ..] = init;
    let size = Size::new(
        u16::from_be_bytes([w0, w1]).into(),
        u16::from_be_bytes([h0, h1]).into(),
    );
    check_size(size).map_err(|bad| protocol(bad.to_string()))?;
    text_of(
        from,
        u32::from_be_bytes([init[20], init[21], init[22], init[23]]),
    )?;
    send(into, &wishes())?;
    Ok(size)
}

fn agree_on_version(from: &mut impl Read, into: &mut impl Write) -> Result<(), DisplayError> {
    let greeting: [u8; 12] = array(from)?;
    let number = |part: &[u8]| std::str::from_utf8(part).ok()?.parse::<u16>().ok();
    let version = match (&greeting[..4], greeting[7], greeting[11]) {
        (b"RFB ", b'.', b'\n') => number(&greeting[4..7]).zip(number(&greeting[8..11])),
        _ => None,
    };
    match version {
        Some(version) if version >= (3, 8) => send(into, b"RFB 003.008\n"),
        Some((major, minor)) => Err(protocol(format!(
            "it speaks version {major}.{minor}, 3.8 is needed"
        ))),
        None => Err(protocol("it does not greet as RFB does")),
    }
}

fn agree_on_security(from: &mut impl Read, into: &mut impl Write) -> Result<(), DisplayError> {
    let [count] = array(from)?;
    if count == 0 {
        return Err(refusal(from)?);
    }
    let mut kinds = vec![0; usize::from(count)];
    fill(from, &mut kinds)?;
    if !kinds.contains(&SECURITY_NONE) {
        let names: Vec<&str> = kinds.iter().map(|kind| security_name(*kind)).collect();
        let offered = names.join(", ");
        return Err(DisplayError::Security { offered });
    }
    send(into, &[SECURITY_NONE])?;
    match u32::from_be_bytes(array(from)?) {
        0 => Ok(()),
        _ => Err(refusal(from)?),
    }
}

fn refusal(from: &mut impl Read) -> Result<DisplayError, DisplayError> {
    let length = u32::from_be_bytes(array(from)?);
    let reason = text_of(from, length)?;
    Ok(protocol(format!("it refused us: {reason}")))
}

fn security_name(kind: u8) -> &'static str {
    match kind {
        2 => "VNC password",
        5 | 6 | 13 | 129..=133 => "RA2",
        16 => "Tight",
        18 => "TLS",
        19 => "VeNCrypt",
        20 => "SASL",
        30 | 33 | 35 | 36 => "Apple",
        _ => "unknown",
    }
}

/// SetPixelFormat and SetEncodings.
fn wishes() -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 0];
    bytes.extend(PIXEL_FORMAT);
    bytes.extend([2, 0, 0, ENCODINGS.len() as u8]);
    bytes.extend(ENCODINGS.iter().flat_map(|encoding| encoding.to_be_bytes()));
    bytes
}

fn text_of(from: &mut impl Read, length: u32) -> Result<String, DisplayError> {
    if length > MAX_TEXT {
        return Err(protocol(format!("it sent a text of {length} bytes")));
    }
    let mut bytes = vec![0; length as usize];
    fill(from, &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The next `N` bytes.
pub(super) fn array<const N: usize>(from: &mut impl Read) -> Result<[u8; N], DisplayError> {
    let mut bytes = [0; N];
    fill(from, &mut bytes)?;
    Ok(bytes)
}

pub(super) fn fill(from: &mut impl Read, bytes: &mut [u8]) -> Result<(), DisplayError> {
    // Every error means the same to a person: the connection is over.
    from.read_exact(bytes).map_err(|_gone| DisplayError::Closed)
}

fn send(into: &mut impl Write, bytes: &[u8]) -> Result<(), DisplayError> {
    into.write_all(bytes).map_err(|_gone| DisplayError::Closed)
}
