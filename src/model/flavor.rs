//! Named sizes of machines: processors and memory that go together.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ByteSize;

/// A named size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flavor {
    Small,
    Medium,
    Large,
}

/// Why a word is no flavor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a flavor is S, M or L")]
pub struct FlavorError;

impl Flavor {
    pub const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    /// Its letter.
    pub fn label(self) -> &'static str {
        match self {
            Self::Small => "S",
            Self::Medium => "M",
            Self::Large => "L",
        }
    }

    /// Processors and memory, no more than a computer with `host_cpus` processors and
    /// `host_memory` bytes can well give: half of its memory at most.
    pub fn size(self, host_cpus: u32, host_memory: ByteSize) -> (u32, ByteSize) {
        let (cpus, memory) = match self {
            Self::Small => (1, ByteSize::gib(1)),
            Self::Medium => (fitted_cpus(2, host_cpus), ByteSize::gib(4)),
            Self::Large => (4.min(host_cpus.max(1)), ByteSize::gib(8)),
        };
        (cpus, fitted(memory, host_memory))
    }

    /// The flavor of this size on such a computer, if it is one's.
    pub fn of(size: (u32, ByteSize), host_cpus: u32, host_memory: ByteSize) -> Option<Self> {
        // The larger one of two that look alike on a small computer would promise too much.
        let mut flavors = Self::ALL.into_iter();
        flavors.find(|flavor| flavor.size(host_cpus, host_memory) == size)
    }
}

/// `cpus`, or half of the computer's: a guest that gets all of a busy computer's processors stalls
/// where one of them waits for the other.
pub fn fitted_cpus(cpus: u32, host_cpus: u32) -> u32 {
    cpus.min((host_cpus / 2).max(1))
}

/// `memory`, or half of the computer's in whole 256 MiB.
pub fn fitted(memory: ByteSize, host_memory: ByteSize) -> ByteSize {
    const STEP: u64 = 256 << 20;
    let half = (host_memory.0 / 2 / STEP).max(1) * STEP;
    ByteSize(memory.0.min(half))
}

impl FromStr for Flavor {
    type Err = FlavorError;

    /// Reads "S", "medium".
    fn from_str(text: &str) -> Result<Self, FlavorError> {
        match text.to_ascii_lowercase().as_str() {
            "s" | "small" => Ok(Self::Small),
            "m" | "medium" => Ok(Self::Medium),
            "l" | "large" => Ok(Self::Large),
            _ => Err(FlavorError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flavors_are_fitted_to_the_computer() {
        let large = ByteSize::gib(64);
        assert_eq!(Flavor::Large.size(16, large), (4, ByteSize::gib(8)));
        assert_eq!(Flavor::Medium.size(16, large), (2, ByteSize::gib(4)));
        let small = ByteSize(5_900 << 20);
        assert_eq!(Flavor::Large.size(2, small), (2, ByteSize::mib(2816)));
        assert_eq!(Flavor::Medium.size(2, small), (1, ByteSize::mib(2816)));
        assert_eq!(Flavor::Small.size(1, ByteSize(0)), (1, ByteSize::mib(256)));
    }

    #[test]
    fn a_size_is_known_again() {
        for flavor in Flavor::ALL {
            let size = flavor.size(8, ByteSize::gib(32));
            assert_eq!(Flavor::of(size, 8, ByteSize::gib(32)), Some(flavor));
            assert_eq!(flavor.label().parse(), Ok(flavor));
        }
        let odd = (3, ByteSize::gib(4));
        assert_eq!(Flavor::of(odd, 8, ByteSize::gib(32)), None);
        assert_eq!("XL".parse::<Flavor>(), Err(FlavorError));
    }
}
