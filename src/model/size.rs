//! Amounts of bytes: how people write them and how they read them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An amount of bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ByteSize(pub u64);

/// Why a text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("“{text}” is not a size; write a number and a unit, for example 512M, 4G or 1.5T")]
pub struct SizeError {
    /// What was given.
    pub text: String,
}

impl ByteSize {
    /// `count` mebibytes.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// `count` gibibytes.
    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    /// Whole mebibytes, rounded down.
    pub const fn as_mib(self) -> u64 {
        self.0 >> 20
    }
}

impl fmt::Display for ByteSize {
    /// Binary units with at most one decimal: "512 MiB", "18.2 GiB".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        if self.0 < 1024 {
            return write!(f, "{} bytes", self.0);
        }
        let mut value = self.0 as f64 / 1024.0;
        let mut unit = 0;
        while value >= 1023.95 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        let text = format!("{value:.1}");
        let text = text.strip_suffix(".0").unwrap_or(&text);
        write!(f, "{text} {}", UNITS[unit])
    }
}

impl FromStr for ByteSize {
    type Err = SizeError;

    /// Reads "512M", "4 GiB", "1.5T" or plain bytes; all units are binary.
    fn from_str(text: &str) -> Result<Self, SizeError> {
        let refuse = || SizeError {
            text: text.chars().take(40).collect(),
        };
        let trimmed = text.trim();
        let split = trimmed
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(split);
        let number: f64 = number.parse().ok().ok_or_else(refuse)?;
        let shift: i32 = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" | "byte" | "bytes" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            "t" | "tb" | "tib" => 40,
            _ => return Err(refuse()),
        };
        let bytes = number * 2.0_f64.powi(shift);
        if !bytes.is_finite() || bytes > 9.0e18 {
            return Err(refuse());
        }
        Ok(Self(bytes.round() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, bytes: u64) {
        assert_eq!(text.parse::<ByteSize>().map(|size| size.0), Ok(bytes));
    }

    #[test]
    fn sizes_are_read_with_binary_units() {
        check("512M", 512 << 20);
        check("4 GiB", 4 << 30);
        check("1.5T", 3 << 39);
        check("1024", 1024);
        for bad in ["", "G", "4X", "1e400G", "-1G", "..", "99999999T"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_shown_as_people_read_them() {
        assert_eq!(ByteSize::mib(512).to_string(), "512 MiB");
        assert_eq!(ByteSize(19_541_262_336).to_string(), "18.2 GiB");
        assert_eq!(ByteSize(1024 * 1024 - 1).to_string(), "1 MiB");
        assert_eq!(ByteSize(12).to_string(), "12 bytes");
    }
}
