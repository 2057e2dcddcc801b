//! Reads the test card's strip of cells out of a screenshot.
//!
//! The layout is in `assets/test-card/README.md`.

use std::fmt;

/// Bytes in the strip, the two of the CRC included.
pub const STRIP_BYTES: usize = 45;
const CELL: usize = 16;
const COLUMNS: usize = 40;
const ROWS: usize = 9;
const MAGIC: u16 = 0x4f47;
const VERSION: u8 = 1;

/// What the guest saw, as of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardReport {
    /// The screen is virtio-gpu; otherwise a VBE framebuffer.
    pub virtio_screen: bool,
    /// A virtio keyboard; otherwise PS/2.
    pub virtio_keyboard: bool,
    /// A virtio tablet; otherwise a relative PS/2 or virtio mouse.
    pub tablet: bool,
    /// The power button was pressed and the guest is switching off.
    pub leaving: bool,
    /// Who runs the guest's processor.
    pub accelerator: Accelerator,
    /// The pointer moved, or a button was pressed.
    pub pointer_seen: bool,
    /// The guest's processor raised an exception; the guest stands still.
    pub exception: bool,
    /// Drawn anew at each boot.
    pub boot_nonce: u32,
    /// Key presses, releases not counted; wraps at 65536.
    pub keys: u16,
    /// See [`text_hash`].
    pub text_hash: u32,
    /// Pixels from the left.
    pub pointer_x: u16,
    /// Pixels from the top.
    pub pointer_y: u16,
    /// Bits held down: 0 left, 1 right, 2 middle, 3 side.
    pub buttons: u8,
    /// Button presses; wraps at 16.
    pub clicks: u8,
    /// Notches turned, up positive; wraps.
    pub wheel: i8,
    /// Boots counted on the disk, this one included; 0 unless `disk` is `Works`.
    pub disk_boots: u32,
    /// Writes that the disk has acknowledged and flushed, kept over boots.
    pub disk_writes: u32,
    /// What came of the disk.
    pub disk: Disk,
    /// What came of the network.
    pub network: Network,
    /// What came of the memory ballast.
    pub ballast: Ballast,
    /// How often the whole ballast was checked and found right; stops at 65535.
    pub ballast_checks: u16,
    /// MiB of ballast filled; stops at 65535.
    pub ballast_mib: u16,
    /// Milliseconds from the boot sector to the first frame shown; 0 in that frame.
    pub boot_ms: u16,
    /// Counts up by one a frame, 60 a second.
    pub frame: u32,
    /// Milliseconds since the boot sector ran, without those spent paused.
    pub uptime_ms: u32,
}

/// Who runs the guest's processor, by its CPUID signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    None,
    Kvm,
    Tcg,
    Other,
}

/// What came of the disk the card booted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    NotLookedAt,
    Works,
    BiosOnly,
    ReadOnly,
    Failed,
}

/// What came of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    NoCard,
    Asking,
    HasAddress,
    NoAnswer,
    UnknownCard,
}

/// What came of the memory ballast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ballast {
    None,
    Filling,
    Right,
    Damaged,
}

/// Why a picture gave no report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardError {
    /// The picture is smaller than the strip, or its buffer than the picture.
    TooSmall,
    /// A cell is neither black nor white: no test card, or it has not started.
    NotACell { column: usize, row: usize },
    /// The strip does not start with the magic number.
    NoMagic { found: u16 },
    /// The cells do not add up: a torn or damaged picture.
    BadCrc { stored: u16, computed: u16 },
    /// A strip of another version than this decoder.
    OtherVersion { found: u8 },
    /// A state number that this version does not have.
    UnknownState { byte: u8 },
}

impl fmt::Display for CardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooSmall => write!(f, "the picture is too small for the test card's strip"),
            Self::NotACell { column, row } => {
                write!(f, "cell {column} of row {row} is neither black nor white")
            }
            Self::NoMagic { found } => write!(f, "no test card: magic number {found:#06x}"),
            Self::BadCrc { stored, computed } => {
                write!(
                    f,
                    "torn picture: CRC {stored:#06x}, computed {computed:#06x}"
                )
            }
            Self::OtherVersion { found } => write!(f, "test card strip of version {found}"),
            Self::UnknownState { byte } => write!(f, "unknown state {byte:#04x}"),
        }
    }
}

impl std::error::Error for CardError {}

/// Decodes the strip from a picture of `width` by `height` pixels of
/// `channels` bytes (3 or 4, alpha ignored, colour order irrelevant), rows
/// `stride` bytes apart.
pub fn decode(
    pixels: &[u8],
    width: usize,
    height: usize,
    stride: usize,
    channels: usize,
) -> Result<CardReport, CardError> {
    let fits = width >= COLUMNS * CELL
        && height >= ROWS * CELL
        && channels >= 3
        && stride >= width * channels
        && pixels.len() >= (height - 1) * stride + width * channels;
    if !fits {
        return Err(CardError::TooSmall);
    }
    let mut strip = [0_u8; STRIP_BYTES];
    for bit in 0..STRIP_BYTES * 8 {
        let (column, row) = (bit % COLUMNS, bit / COLUMNS);
        let at = (row * CELL + CELL / 2) * stride + (column * CELL + CELL / 2) * channels;
        let pixel = &pixels[at..at + 3];
        if pixel.iter().all(|&part| part >= 0xc0) {
            strip[bit / 8] |= 0x80 >> (bit % 8);
        } else if pixel.iter().any(|&part| part >= 0x40) {
            return Err(CardError::NotACell { column, row });
        }
    }
    parse(&strip)
}

/// Decodes a tightly packed RGBA (or BGRA, BGRX) picture.
pub fn decode_rgba(pixels: &[u8], width: usize, height: usize) -> Result<CardReport, CardError> {
    decode(pixels, width, height, width * 4, 4)
}

/// Decodes a tightly packed RGB picture.
pub fn decode_rgb(pixels: &[u8], width: usize, height: usize) -> Result<CardReport, CardError> {
    decode(pixels, width, height, width * 3, 3)
}

/// The hash the strip shows after exactly these characters were typed since
/// boot: FNV-1a over ASCII, `\n` for Enter and `\x08` for Backspace.
pub fn text_hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

fn parse(strip: &[u8; STRIP_BYTES]) -> Result<CardReport, CardError> {
    let magic = u16_at(strip, 0);
    if magic != MAGIC {
        return Err(CardError::NoMagic { found: magic });
    }
    let (stored, computed) = (u16_at(strip, 43), crc16(&strip[..43]));
    if stored != computed {
        return Err(CardError::BadCrc { stored, computed });
    }
    if strip[2] != VERSION {
        return Err(CardError::OtherVersion { found: strip[2] });
    }
    let flags = strip[3];
    let (disk, network, ballast) = states(strip[28])?;
    Ok(CardReport {
        virtio_screen: flags & 1 != 0,
        virtio_keyboard: flags & 2 != 0,
        tablet: flags & 4 != 0,
        leaving: flags & 8 != 0,
        accelerator: accelerator(flags >> 4),
        pointer_seen: flags & 0x40 != 0,
        exception: flags & 0x80 != 0,
        boot_nonce: u32_at(strip, 4),
        keys: u16_at(strip, 8),
        text_hash: u32_at(strip, 10),
        pointer_x: u16_at(strip, 14),
        pointer_y: u16_at(strip, 16),
        buttons: strip[18] & 0x0f,
        clicks: strip[18] >> 4,
        wheel: i8::from_be_bytes([strip[19]]),
        disk_boots: u32_at(strip, 20),
        disk_writes: u32_at(strip, 24),
        disk,
        network,
        ballast,
        ballast_checks: u16_at(strip, 29),
        ballast_mib: u16_at(strip, 31),
        boot_ms: u16_at(strip, 33),
        frame: u32_at(strip, 35),
        uptime_ms: u32_at(strip, 39),
    })
}

fn accelerator(bits: u8) -> Accelerator {
    match bits & 3 {
        0 => Accelerator::None,
        1 => Accelerator::Kvm,
        2 => Accelerator::Tcg,
        _ => Accelerator::Other,
    }
}

fn states(byte: u8) -> Result<(Disk, Network, Ballast), CardError> {
    let unknown = CardError::UnknownState { byte };
    let disk = match byte >> 5 {
        0 => Disk::NotLookedAt,
        1 => Disk::Works,
        2 => Disk::BiosOnly,
        3 => Disk::ReadOnly,
        4 => Disk::Failed,
        _ => return Err(unknown),
    };
    let network = match byte >> 2 & 7 {
        0 => Network::NoCard,
        1 => Network::Asking,
        2 => Network::HasAddress,
        3 => Network::NoAnswer,
        4 => Network::UnknownCard,
        _ => return Err(unknown),
    };
    let ballast = match byte & 3 {
        0 => Ballast::None,
        1 => Ballast::Filling,
        2 => Ballast::Right,
        _ => Ballast::Damaged,
    };
    Ok((disk, network, ballast))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) << 16 | u32::from(u16_at(bytes, at + 2))
}

/// CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xffff.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc: u16, &byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| {
            if crc & 0x8000 == 0 {
                crc << 1
            } else {
                crc << 1 ^ 0x1021
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 640;
    const HEIGHT: usize = 480;

    fn sample() -> [u8; STRIP_BYTES] {
        let mut strip = [0_u8; STRIP_BYTES];
        strip[..4].copy_from_slice(&[0x4f, 0x47, 1, 0x27]);
        strip[4..8].copy_from_slice(&0xdead_beef_u32.to_be_bytes());
        strip[8..10].copy_from_slice(&5_u16.to_be_bytes());
        strip[10..14].copy_from_slice(&text_hash("Abc\n").to_be_bytes());
        strip[14..16].copy_from_slice(&1000_u16.to_be_bytes());
        strip[18] = 0x51;
        strip[19] = 0xfe;
        strip[28] = 1 << 5 | 2 << 2 | 2;
        strip[35..39].copy_from_slice(&77_u32.to_be_bytes());
        seal(&mut strip);
        strip
    }

    fn seal(strip: &mut [u8; STRIP_BYTES]) {
        let crc = crc16(&strip[..43]);
        strip[43..].copy_from_slice(&crc.to_be_bytes());
    }

    /// Paints a strip as the guest does, on a grey picture.
    fn paint(strip: &[u8; STRIP_BYTES]) -> Vec<u8> {
        let mut pixels = vec![0x80_u8; WIDTH * HEIGHT * 4];
        for y in 0..ROWS * CELL {
            for x in 0..COLUMNS * CELL {
                let bit = y / CELL * COLUMNS + x / CELL;
                let on = strip[bit / 8] & 0x80 >> (bit % 8) != 0;
                pixels[(y * WIDTH + x) * 4..][..3].fill(if on { 0xff } else { 0 });
            }
        }
        pixels
    }

    fn check(strip: &[u8; STRIP_BYTES]) -> Result<CardReport, CardError> {
        decode_rgba(&paint(strip), WIDTH, HEIGHT)
    }

    #[test]
    fn a_painted_strip_is_read_back() {
        let report = check(&sample()).unwrap();
        assert!(report.virtio_screen && report.virtio_keyboard && report.tablet);
        assert!(!report.leaving && !report.exception);
        assert_eq!(report.accelerator, Accelerator::Tcg);
        assert_eq!(report.boot_nonce, 0xdead_beef);
        assert_eq!((report.keys, report.text_hash), (5, text_hash("Abc\n")));
        assert_eq!(
            (report.pointer_x, report.wheel, report.frame),
            (1000, -2, 77)
        );
        assert_eq!((report.buttons, report.clicks), (1, 5));
        assert_eq!(report.disk, Disk::Works);
        assert_eq!(report.network, Network::HasAddress);
        assert_eq!(report.ballast, Ballast::Right);
    }

    #[test]
    fn each_flipped_cell_after_the_magic_is_noticed() {
        for bit in 16..STRIP_BYTES * 8 {
            let mut strip = sample();
            strip[bit / 8] ^= 0x80 >> (bit % 8);
            assert!(
                matches!(check(&strip), Err(CardError::BadCrc { .. })),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn a_picture_without_a_card_says_why() {
        let grey = vec![0x80; WIDTH * HEIGHT * 4];
        let black = vec![0; WIDTH * HEIGHT * 4];
        assert_eq!(
            decode_rgba(&grey, WIDTH, HEIGHT),
            Err(CardError::NotACell { column: 0, row: 0 })
        );
        assert_eq!(
            decode_rgba(&black, WIDTH, HEIGHT),
            Err(CardError::NoMagic { found: 0 })
        );
        assert_eq!(decode_rgba(&black, 639, HEIGHT), Err(CardError::TooSmall));
        assert_eq!(
            decode_rgb(&black[..100], WIDTH, HEIGHT),
            Err(CardError::TooSmall)
        );
    }

    #[test]
    fn unknown_versions_and_states_are_refused() {
        let mut strip = sample();
        strip[2] = 9;
        seal(&mut strip);
        assert_eq!(check(&strip), Err(CardError::OtherVersion { found: 9 }));
        let mut strip = sample();
        strip[28] = 0xff;
        seal(&mut strip);
        assert_eq!(check(&strip), Err(CardError::UnknownState { byte: 0xff }));
    }

    #[test]
    fn the_crc_is_ccitt_false() {
        assert_eq!(crc16(b"123456789"), 0x29b1);
    }
}
