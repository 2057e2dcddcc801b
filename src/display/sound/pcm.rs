//! Samples as QEMU sends them, to and from pairs of numbers between -1 and 1.

/// One moment of sound, left and right.
pub type Frame = [f32; 2];

/// More channels than any card of QEMU's has.
const MAX_CHANNELS: u8 = 16;
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;

/// What `Init` says of a stream (`org.qemu.Display1.AudioOutListener` in QEMU's ui/dbus-display1.xml).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    pub bits: u8,
    pub signed: bool,
    pub float: bool,
    /// Frames a second.
    pub rate: u32,
    pub channels: u8,
    pub big_endian: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
}

/// A format that can be converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pcm {
    kind: Kind,
    big_endian: bool,
    channels: u8,
    rate: u32,
}

impl Pcm {
    /// Checks what QEMU announced; the error is for its log.
    pub fn new(said: Announced) -> Result<Self, String> {
        let kind = match (said.bits, said.float, said.signed) {
            (32, true, _) => Kind::F32,
            (8, false, false) => Kind::U8,
            (8, false, true) => Kind::I8,
            (16, false, false) => Kind::U16,
            (16, false, true) => Kind::I16,
            (32, false, false) => Kind::U32,
            (32, false, true) => Kind::I32,
            _ => return Err(format!("samples of {} bits are unknown", said.bits)),
        };
        if said.channels == 0 || said.channels > MAX_CHANNELS {
            return Err(format!("{} channels can't be had", said.channels));
        }
        if !RATES.contains(&said.rate) {
            return Err(format!("{} samples a second can't be had", said.rate));
        }
        Ok(Self {
            kind,
            big_endian: said.big_endian,
            channels: said.channels,
            rate: said.rate,
        })
    }

    /// Frames a second.
    pub fn rate(self) -> u32 {
        self.rate
    }

    pub fn frame_bytes(self) -> usize {
        self.sample_bytes() * usize::from(self.channels)
    }

    fn sample_bytes(self) -> usize {
        match self.kind {
            Kind::U8 | Kind::I8 => 1,
            Kind::U16 | Kind::I16 => 2,
            Kind::U32 | Kind::I32 | Kind::F32 => 4,
        }
    }

    /// The whole frames of `bytes`. One channel sounds on both sides; of more than two the first two count.
    pub fn decode(self, bytes: &[u8]) -> impl Iterator<Item = Frame> + '_ {
        let width = self.sample_bytes();
        bytes.chunks_exact(self.frame_bytes()).map(move |frame| {
            let left = self.sample(&frame[..width]);
            let right = frame.get(width..2 * width);
            [left, right.map_or(left, |bytes| self.sample(bytes))]
        })
    }

    fn sample(self, bytes: &[u8]) -> f32 {
        // As the most significant bytes of a big-endian word.
        let mut word = [0; 4];
        for (place, byte) in word.iter_mut().zip(bytes) {
            *place = *byte;
        }
        if !self.big_endian {
            word[..bytes.len().min(4)].reverse();
        }
        let signed = |word: [u8; 4]| i32::from_be_bytes(word) as f32 / 2_147_483_648.0;
        match self.kind {
            Kind::F32 => {
                let value = f32::from_be_bytes(word);
                if value.is_finite() {
                    value.clamp(-1.0, 1.0)
                } else {
                    0.0
                }
            }
            Kind::I8 | Kind::I16 | Kind::I32 => signed(word),
            Kind::U8 | Kind::U16 | Kind::U32 => {
                word[0] ^= 0x80;
                signed(word)
            }
        }
    }

    /// Appends `frame`; every channel beyond the second is silent.
    pub fn encode(self, frame: Frame, out: &mut Vec<u8>) {
        for channel in 0..usize::from(self.channels) {
            let value = match self.channels {
                1 => (frame[0] + frame[1]) / 2.0,
                _ => frame.get(channel).copied().unwrap_or_default(),
            };
            let mut word = match self.kind {
                Kind::F32 => value.to_be_bytes(),
                // A float beyond the range becomes the nearest number that there is.
                _ => ((value * 2_147_483_648.0) as i32).to_be_bytes(),
            };
            if matches!(self.kind, Kind::U8 | Kind::U16 | Kind::U32) {
                word[0] ^= 0x80;
            }
            let bytes = &mut word[..self.sample_bytes()];
            if !self.big_endian {
                bytes.reverse();
            }
            out.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn announced(bits: u8, rate: u32) -> Announced {
        Announced {
            bits,
            signed: true,
            float: false,
            rate,
            channels: 2,
            big_endian: false,
        }
    }

    #[track_caller]
    fn check(said: Announced, bytes: &[u8], frame: Frame) {
        let pcm = Pcm::new(said).unwrap();
        let decoded: Vec<Frame> = pcm.decode(bytes).collect();
        assert_eq!(decoded.len(), 1);
        for (one, other) in decoded[0].iter().zip(frame) {
            assert!((one - other).abs() < 0.01, "{decoded:?} for {said:?}");
        }
        let mut back = Vec::new();
        pcm.encode(decoded[0], &mut back);
        assert_eq!(back, bytes, "{said:?}");
    }

    #[test]
    fn every_format_is_read_and_written() {
        let said = announced(16, 48_000);
        check(said, &[0x00, 0x40, 0x00, 0xc0], [0.5, -0.5]);
        let big_endian = true;
        check(
            Announced { big_endian, ..said },
            &[0x40, 0x00, 0xc0, 0x00],
            [0.5, -0.5],
        );
        let unsigned = |bits| Announced {
            signed: false,
            ..announced(bits, 48_000)
        };
        check(unsigned(8), &[0xc0, 0x40], [0.5, -0.5]);
        check(unsigned(16), &[0x00, 0xc0, 0x00, 0x40], [0.5, -0.5]);
        check(unsigned(32), &[0, 0, 0, 0xc0, 0, 0, 0, 0x40], [0.5, -0.5]);
        check(announced(8, 48_000), &[0x40, 0xc0], [0.5, -0.5]);
        check(
            announced(32, 48_000),
            &[0, 0, 0, 0x40, 0, 0, 0, 0xc0],
            [0.5, -0.5],
        );
        let float = Announced {
            float: true,
            ..announced(32, 48_000)
        };
        let bytes = [0.5_f32.to_le_bytes(), (-0.5_f32).to_le_bytes()].concat();
        check(float, &bytes, [0.5, -0.5]);
        let mono = Announced {
            channels: 1,
            ..said
        };
        check(mono, &[0x00, 0x40], [0.5, 0.5]);
        let many = Announced {
            channels: 6,
            ..said
        };
        check(
            many,
            &[0, 0x40, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0],
            [0.5, -0.5],
        );
    }

    #[test]
    fn nonsense_is_refused_and_half_frames_are_left_out() {
        let refused = |said| Pcm::new(said).unwrap_err();
        let said = announced(16, 48_000);
        assert!(
            refused(Announced {
                channels: 0,
                ..said
            })
            .contains("0 channels")
        );
        assert!(
            refused(Announced {
                channels: 255,
                ..said
            })
            .contains("255 channels")
        );
        assert!(refused(announced(16, 1_000_000_000)).contains("1000000000 samples"));
        assert!(refused(announced(16, 0)).contains("0 samples"));
        assert!(refused(announced(24, 48_000)).contains("24 bits"));
        let float = Announced {
            float: true,
            ..said
        };
        assert!(refused(float).contains("16 bits"));
        let pcm = Pcm::new(said).unwrap();
        assert_eq!(pcm.decode(&[1, 2, 3]).count(), 0);
        assert_eq!(pcm.decode(&[0; 7]).count(), 1);
        let float = Pcm::new(Announced {
            float: true,
            ..announced(32, 48_000)
        })
        .unwrap();
        let wild = [f32::NAN.to_le_bytes(), f32::MAX.to_le_bytes()].concat();
        assert_eq!(float.decode(&wild).next(), Some([0.0, 1.0]));
    }
}
