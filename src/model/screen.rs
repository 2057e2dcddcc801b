//! How a guest's screen is shown, as the person chose it last.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ByteSize;

/// How large the picture is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Zoom {
    /// As large as the window allows, with the guest's proportions.
    #[default]
    Fit,
    /// The whole window, whatever becomes of the proportions.
    Stretch,
    /// The largest whole multiple that fits, at least one.
    Whole,
    /// Each guest pixel is a square of this many physical pixels.
    Times(u8),
}

impl Zoom {
    /// What menus offer.
    pub const ALL: [Self; 6] = [
        Self::Fit,
        Self::Whole,
        Self::Times(1),
        Self::Times(2),
        Self::Times(3),
        Self::Stretch,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Fit => "Fit",
            Self::Stretch => "Stretch",
            Self::Whole => "Whole multiple",
            Self::Times(0 | 1) => "1:1",
            Self::Times(2) => "2:1",
            Self::Times(3) => "3:1",
            Self::Times(_) => "4:1",
        }
    }

    pub fn explain(self) -> &'static str {
        match self {
            Self::Fit => "As large as the window allows, proportions kept",
            Self::Stretch => "Fills the window, whatever becomes of the proportions",
            Self::Whole => "The largest whole multiple that fits: always sharp",
            Self::Times(0 | 1) => "Each guest pixel is one pixel, sharp",
            Self::Times(_) => "Each guest pixel is a square of pixels, sharp",
        }
    }

    /// Physical pixels that a guest's pixel takes a side, where it is asked to fill the window.
    pub fn pixel_side(self) -> u32 {
        match self {
            Self::Fit | Self::Stretch | Self::Whole => 1,
            Self::Times(n) => u32::from(n.clamp(1, 4)),
        }
    }
}

/// How the picture of a console's own window gets onto the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drawing {
    /// The guest's own memory where the window system takes it, copies otherwise.
    #[default]
    Auto,
    /// Always copies.
    Copied,
}

impl Drawing {
    pub const ALL: [Self; 2] = [Self::Auto, Self::Copied];

    pub fn label(self) -> &'static str {
        match self {
            Self::Auto => "Straight from the guest's memory where possible",
            Self::Copied => "Always by copying what changed",
        }
    }
}

/// Choices for guests' screens. The last one made is the next window's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScreenSettings {
    pub zoom: Zoom,
    /// Colours are mixed where a guest pixel is no whole number of pixels.
    pub smooth: bool,
    /// The guest is asked for the window's size.
    pub follow: bool,
    /// Frame and latency figures lie over the picture.
    pub figures: bool,
    pub drawing: Drawing,
}

impl Default for ScreenSettings {
    fn default() -> Self {
        Self {
            zoom: Zoom::default(),
            smooth: true,
            follow: true,
            figures: false,
            drawing: Drawing::default(),
        }
    }
}

/// How far a recording of the screen has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub length: Duration,
    /// Size of the file so far.
    pub size: ByteSize,
}

impl fmt::Display for Recorded {
    /// Minutes and seconds, and the size: "1:05, 2.3 MiB".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.length.as_secs();
        write!(f, "{}:{:02}, {}", seconds / 60, seconds % 60, self.size)
    }
}
